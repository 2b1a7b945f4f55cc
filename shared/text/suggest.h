/* "did you mean ...?": the candidate nearest to a misspelled word.
 *
 * Pure; any thread. Control plane. */
#pragma once

#include <stddef.h>

enum { SUGGEST_WORD_BYTES_MAX = 64 };

/* Returns one of the candidates, or NULL when none is near: more than a third of the word's
 * letters (at least one) would have to be inserted, dropped, replaced or swapped with their
 * neighbour. Case does not count. Words over SUGGEST_WORD_BYTES_MAX are near nothing. NULL
 * candidates are passed over. */
const char *suggest_nearest(const char *word, const char *const *candidates, size_t count);
