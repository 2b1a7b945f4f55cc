/* Loaded before the system's library (LD_PRELOAD): a wall clock that jumps ahead by an hour one
 * second after the program has first looked at it, as a daemon that sets the time does. The
 * monotonic clock goes on as it is. */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STEP_S = 3600 };

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static atomic_llong first_s;
    int code = (int)syscall(SYS_clock_gettime, clock, now);
    if (code == 0 && clock == CLOCK_REALTIME) {
        long long unset = 0;
        if (!atomic_compare_exchange_strong(&first_s, &unset, now->tv_sec) &&
            now->tv_sec > unset + 1) {
            now->tv_sec += STEP_S;
        }
    }
    return code;
}
