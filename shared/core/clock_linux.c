#include "core/clock.h"

#include <errno.h>
#include <time.h>

void clock_setup(void)
{
}

static int64_t clock__read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for the clocks used here */
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return clock__read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
    return clock__read_ns(CLOCK_REALTIME);
}

void clock_sleep_until_ns(int64_t until_ns)
{
    if (until_ns <= clock_now_ns()) {
        return;
    }
    struct timespec until = {(time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
        ;
    }
}
