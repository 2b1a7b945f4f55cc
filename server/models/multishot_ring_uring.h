/* The ring of a thread in model uring-multishot, with its receive buffers: a provided-buffer ring
 * (Linux 5.19), from which the kernel takes a buffer for every run of bytes that arrives, on
 * whichever socket. One thread. */
#ifndef DUMMYLOAD_SERVER_MODELS_MULTISHOT_RING_URING_H
#define DUMMYLOAD_SERVER_MODELS_MULTISHOT_RING_URING_H

#include "core/error.h"
#include "cport/cport.h"

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    MULTISHOT_BUFFER_BYTES = 8192,
    MULTISHOT_BUFFERS_COUNT = 256, /* a power of two. They are given back within a turn */
    MULTISHOT_BUFFER_GROUP = 0
};

struct multishot_buffers {
    struct io_uring_buf_ring *ring;
    uint8_t *memory;
    int returned_count; /* since the last multishot_buffers_give_back() */
};

/* A ring for the calling thread, and its buffers. */
bool multishot_ring_open(struct io_uring *ring, struct multishot_buffers *buffers,
                         struct error *error);
void multishot_ring_close(struct io_uring *ring, struct multishot_buffers *buffers);
/* Before the server's threads start: does the kernel have all that is needed? There is no falling
 * back: the figures would be another model's. */
bool multishot_ring_try(struct error *error);
/* Who is connected. (All accepts of one submission would share one place for the address.) */
void multishot_ask_peer(cport_handle handle, struct net_address *peer);

static inline uint8_t *multishot_buffers_at(const struct multishot_buffers *buffers, unsigned id)
{
    return buffers->memory + (size_t)id * MULTISHOT_BUFFER_BYTES;
}

/* The bytes of a buffer have been handled. */
static inline void multishot_buffers_return(struct multishot_buffers *buffers, unsigned id)
{
    io_uring_buf_ring_add(buffers->ring, multishot_buffers_at(buffers, id), MULTISHOT_BUFFER_BYTES,
                          (unsigned short)id, MULTISHOT_BUFFERS_COUNT - 1,
                          buffers->returned_count++);
}

/* The kernel may have what was returned. */
static inline void multishot_buffers_give_back(struct multishot_buffers *buffers)
{
    io_uring_buf_ring_advance(buffers->ring, buffers->returned_count);
    buffers->returned_count = 0;
}

#endif
