/* The clocks. Time is int64_t nanoseconds everywhere.
 *
 * clock_now_ns() is monotonic (CLOCK_MONOTONIC; QueryPerformanceCounter), the same for all
 * threads of a process, and has no meaning between processes. Any thread. */
#pragma once

#include <stdint.h>

#define NS_PER_US     INT64_C(1000)
#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_S      INT64_C(1000000000)
#define TIME_NEVER_NS INT64_MAX

static inline int64_t time_earlier_ns(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

static inline int64_t time_later_ns(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* Once per process before threads start. Windows: timeBeginPeriod(1) and the QPC frequency. */
void clock_setup(void);
int64_t clock_now_ns(void);
/* What clock_now_ns() costs, and the smallest step it was seen to make, in nanoseconds. Takes about
 * a millisecond. */
void clock_measure(int64_t *cost_ns, int64_t *tick_ns);
/* UTC nanoseconds since 1970-01-01. May step; for labels and for noticing steps only. */
int64_t clock_wall_ns(void);
/* clock_wall_ns() less clock_now_ns(), both of one moment: whatever holds the caller up between two
 * readings does not look like a step of a clock. */
int64_t clock_wall_offset_ns(void);
/* Sleeps until the monotonic time has come; returns immediately if it has passed. */
void clock_sleep_until_ns(int64_t until_ns);
/* ISO 8601 with milliseconds, as in 2026-11-20T23:51:00.123Z. */
enum { CLOCK_TEXT_BYTES_MAX = 32 };
void clock_format_utc(int64_t wall_ns, char text[CLOCK_TEXT_BYTES_MAX]);
