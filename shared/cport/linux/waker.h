/* Ending another thread's wait: an eventfd, written only when somebody sleeps.
 *
 * Private to shared/cport. cport_waker_signal() from any thread, the rest by the port's own. The
 * two flags are the classic pair: the sleeper sets `sleeping` and then looks at `woken`, the waker
 * sets `woken` and then looks at `sleeping`, so at least one of them sees the other (sequentially
 * consistent, hence the plain atomic operations). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct cport_waker {
    int fd;
    atomic_bool woken;
    atomic_bool sleeping;
};

/* False with errno set. */
static inline bool cport_waker_open(struct cport_waker *waker)
{
    atomic_init(&waker->woken, false);
    atomic_init(&waker->sleeping, false);
    waker->fd = eventfd(0, EFD_CLOEXEC);
    return waker->fd >= 0;
}

static inline void cport_waker_close(struct cport_waker *waker)
{
    close(waker->fd);
}

/* Before a wait. False: it has been signalled already, do not wait. */
static inline bool cport_waker_may_sleep(struct cport_waker *waker)
{
    atomic_store(&waker->sleeping, true);
    return !atomic_load(&waker->woken);
}

/* At the end of every poll: a call from here on is for the next one. */
static inline void cport_waker_awake(struct cport_waker *waker)
{
    atomic_store_explicit(&waker->sleeping, false, memory_order_relaxed);
    if (atomic_load_explicit(&waker->woken, memory_order_relaxed)) {
        /* An exchange, to read what the waker has written before it set the flag. */
        atomic_exchange(&waker->woken, false);
    }
}

static inline void cport_waker_signal(struct cport_waker *waker)
{
    if (!atomic_exchange(&waker->woken, true) && atomic_load(&waker->sleeping)) {
        uint64_t one = 1;
        /* Cannot fail: the descriptor is open and the counter far from its end. */
        ssize_t written = write(waker->fd, &one, sizeof one);
        (void)written;
    }
}
