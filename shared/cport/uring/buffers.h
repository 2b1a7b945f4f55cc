/* Receive buffers of one size of an io_uring port: a provided-buffer ring (Linux 5.19), from which
 * the kernel takes a buffer only when bytes have arrived, so that idle sockets hold none. A port
 * has one of these for each of its sizes, a group to the kernel.
 *
 * One thread. A buffer taken by a receive stays with the caller of
 * cport_poll() until its next call, and is then given back. The kernel uses the buffers in turn:
 * the ring starts with few, for the sake of the cache, and grows when they run out, up to
 * count_max. The memory is mapped at the start and is resident when it has been touched. */
#pragma once

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uring_buffers {
    struct io_uring_buf_ring *ring;
    uint8_t *memory;
    size_t ring_bytes;
    size_t memory_bytes;
    size_t stride_bytes;
    uint32_t buffer_bytes;
    uint16_t group;
    uint32_t count;     /* in circulation */
    uint32_t count_max; /* a power of two */
    uint32_t taken_count;
    uint16_t *taken; /* ids to give back at the next poll */
};

/* At most count_max buffers, a power of two from 16 to 4,096. 0, or a negative errno; -EINVAL where
 * the kernel is too old. */
int uring_buffers_open(struct uring_buffers *buffers, struct io_uring *ring, uint16_t group,
                       uint32_t buffer_bytes, uint32_t count_max);
/* The ring must be alive still. */
void uring_buffers_close(struct uring_buffers *buffers, struct io_uring *ring);
/* Returns what was taken since the last call to the kernel; how many. */
uint32_t uring_buffers_give_back(struct uring_buffers *buffers);
/* After the kernel has run out: puts more into circulation; how many, 0 at the maximum. */
uint32_t uring_buffers_grow(struct uring_buffers *buffers);

/* The buffer that a completion names. */
static inline uint8_t *uring_buffers_take(struct uring_buffers *buffers, uint32_t id)
{
    buffers->taken[buffers->taken_count++] = (uint16_t)id;
    return buffers->memory + id * buffers->stride_bytes;
}
