/* The receive buffers of a completion port on Windows.
 *
 * The system holds on to the buffer of a receive from its start, and locks the pages that it lies
 * in. So a socket that waits for bytes holds a small one; a large one is taken when bytes are known
 * to be there, and given back as soon as the caller of cport_poll() has seen them. Small ones are
 * cut from slabs, which go back to the system when they are empty: the memory follows the number
 * of idle sockets. Of large ones there is a fixed number at most.
 *
 * One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IOCP_SMALL_BYTES = 512, IOCP_LARGE_COUNT_MAX = 64 };

struct iocp_slab;

struct iocp_buffers {
    struct iocp_slab *open_slabs; /* with a free buffer */
    uint32_t empty_slabs_count;
    void *large_free; /* the link to the next is in the free buffer itself */
    uint32_t large_count;
    uint32_t small_bytes;
    uint32_t large_bytes; /* 0: there are none */
};

void iocp_buffers_open(struct iocp_buffers *buffers, uint32_t recv_bytes_max);
/* All must have been given back. */
void iocp_buffers_close(struct iocp_buffers *buffers);
/* NULL: there is no memory. */
void *iocp_buffers_take_small(struct iocp_buffers *buffers);
/* NULL: none is free, or there are none. */
void *iocp_buffers_take_large(struct iocp_buffers *buffers);
void iocp_buffers_give(struct iocp_buffers *buffers, void *buffer);
