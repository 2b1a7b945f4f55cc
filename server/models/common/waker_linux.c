/* Wakers on Linux. */
#include "models/common/waker.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool waker_open(cport_handle *waker, struct error *error)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *waker = fd < 0 ? CPORT_HANDLE_NONE : fd;
    if (fd < 0) {
        error_set(error, "cannot make an eventfd: %s", error_system_text(errno));
    }
    return fd >= 0;
}

void waker_close(cport_handle waker)
{
    if (waker != CPORT_HANDLE_NONE) {
        close((int)waker);
    }
}

void waker_wake(cport_handle waker)
{
    const uint64_t one = 1;
    /* Fails only when the counter would overflow: then it is readable already. */
    (void)!write((int)waker, &one, sizeof one);
}

void waker_clear(cport_handle waker)
{
    uint64_t count;
    (void)!read((int)waker, &count, sizeof count);
}
