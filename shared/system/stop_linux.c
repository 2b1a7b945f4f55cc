/* Stop requests from signals. */
#include "system/stop.h"

#include "system/keyboard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static atomic_int stop__count;

/* One Ctrl+C stops gracefully, a second one immediately; more than this kill a process that hangs.
 */
enum { STOP_REQUESTS_MAX = 3 };

int stop_requests(void)
{
    return atomic_load_explicit(&stop__count, memory_order_acquire);
}

static void stop__on_signal(int number)
{
    int saved = errno;
    /* Async-signal-safe: lock-free on every target. */
    atomic_fetch_add_explicit(&stop__count, 1, memory_order_acq_rel);
    if (stop_requests() > STOP_REQUESTS_MAX) {
        keyboard_restore();
        signal(number, SIG_DFL);
        raise(number); /* delivered when this handler returns */
    }
    errno = saved;
}

void stop_setup(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop__on_signal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction previous;
        /* nohup and background jobs of scripts ignore a signal on purpose. */
        if (numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &previous) == 0 &&
            previous.sa_handler == SIG_IGN) {
            continue;
        }
        sigaction(numbers[i], &action, NULL);
    }
}

void stop_finished(void)
{
}
