/* Setting up an io_uring. */
#include "cport/uring/ring.h"

#include "core/must.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In newer linux/io_uring.h than some systems with an older liburing have. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

enum {
    /* Operations between two polls; more cost one early submission. */
    URING_SUBMISSIONS = 1024,
    /* Completions may wait here without a detour through the kernel's overflow list. */
    URING_COMPLETIONS_MIN = 4 * URING_SUBMISSIONS,
    URING_COMPLETIONS_MAX = 32768
};

static const unsigned uring_ring__flags[] = {
    /* 6.1: completions are processed only inside our own io_uring_enter(), together: the loop is
     * not interrupted, and batches are larger. Requires that always the same thread submits. */
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_SUBMIT_ALL,
    /* 5.19: at our next system call, not immediately by an interrupt. SUBMIT_ALL (5.18): one bad
     * operation does not hold up those behind it. */
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    0,
};

/* The value of kernel.io_uring_disabled (6.6), or 0. */
static int uring_ring__disabled(void)
{
    int value = 0;
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (file != NULL) {
        if (fscanf(file, "%d", &value) != 1) {
            value = 0;
        }
        fclose(file);
    }
    return value;
}

void uring_ring_check(int result)
{
    must(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
         result == -EBUSY || result == -ENOMEM);
}

void uring_ring_explain(int result, bool *forbidden, struct error *error)
{
    *forbidden = true;
    switch (result) {
    case -EPERM:
    case -EACCES: {
        int disabled = uring_ring__disabled();
        if (disabled != 0) {
            error_set(error, "io_uring is not permitted here (kernel.io_uring_disabled = %d)",
                      disabled);
        } else {
            error_set(error, "io_uring is not permitted here (%s; most containers forbid it)",
                      error_system_text(-result));
        }
        return;
    }
    case -ENOSYS:
        error_set(error, "io_uring does not exist on this kernel");
        return;
    case -EINVAL:
        error_set(error, "this kernel's io_uring is too old (buffer rings need Linux 5.19)");
        return;
    case -EMFILE:
    case -ENFILE: /* as the one for the wake-up: which comes last is chance */
        *forbidden = false;
        error_set(error, "no descriptor for a completion port: %s", error_system_text(-result));
        return;
    case -ENOMEM:
        /* Before 5.12 the rings counted as locked memory. */
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "io_uring got no memory (see ulimit -l)");
        return;
    default:
        *forbidden = false;
        error_set(error, "io_uring cannot be set up: %s", error_system_text(-result));
        return;
    }
}

static unsigned uring_ring__completions(uint32_t sockets_max)
{
    unsigned count = URING_COMPLETIONS_MIN;
    while (count < sockets_max && count < URING_COMPLETIONS_MAX) {
        count *= 2;
    }
    return count;
}

bool uring_ring_open(struct io_uring *ring, uint32_t sockets_max, bool *forbidden,
                     struct error *error)
{
    int result = -EINVAL;
    size_t flags_count = sizeof uring_ring__flags / sizeof uring_ring__flags[0];
    for (size_t i = 0; i < flags_count && result == -EINVAL; i++) {
        struct io_uring_params params;
        memset(&params, 0, sizeof params);
        params.flags = uring_ring__flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        params.cq_entries = uring_ring__completions(sockets_max);
        result = io_uring_queue_init_params(URING_SUBMISSIONS, ring, &params);
    }
    if (result != 0) {
        uring_ring_explain(result, forbidden, error);
        return false;
    }
    if ((ring->features & IORING_FEAT_EXT_ARG) == 0) {
        io_uring_queue_exit(ring);
        uring_ring_explain(-EINVAL, forbidden, error);
        return false;
    }
    /* 5.18: saves looking the descriptor up at every enter. Failing costs nothing but that. */
    io_uring_register_ring_fd(ring);
    return true;
}
