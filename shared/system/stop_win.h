/* The inside of stop_win.c, for its test. */
#pragma once

#include <stdint.h>
#include <windows.h>

/* The system calls this on a thread of its own (HandlerRoutine in Microsoft's documentation of the
 * console). Of a close it returns when the result is written. */
BOOL WINAPI stop_on_event(DWORD event);
/* How often stopping has been asked for: by keys, and by a close that began at closing_ns (0: it
 * has not), which asks a second time by itself. */
int stop_requests_of(int pressed, int64_t closing_ns, int64_t now_ns);
