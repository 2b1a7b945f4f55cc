/* must(): a check for errors of the programmer that stays on in release builds.
 *
 * Use it for what can only be false when our own code is wrong. What a user, a peer or the
 * system can cause is an error value, never a must(). Any thread. */
#pragma once

#if defined(__GNUC__) || defined(__clang__)
__attribute__((noreturn, cold))
#else
_Noreturn
#endif
void must_failed(const char *expression, const char *file, int line);

#define must(expression) ((expression) ? (void)0 : must_failed(#expression, __FILE__, __LINE__))
