/* Receive buffers of an io_uring port. */
#include "cport/uring/buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    URING_BUFFERS_FIRST = 64, /* 64 small messages touch 64 lines: they stay in the first cache */
    URING_BUFFERS_STEP = 16,
    CACHE_LINE_BYTES = 64
};

static void *uring_buffers__map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void uring_buffers__add(struct uring_buffers *buffers, uint32_t id, int offset)
{
    io_uring_buf_ring_add(buffers->ring, buffers->memory + id * buffers->stride_bytes,
                          buffers->buffer_bytes, (unsigned short)id, (int)(buffers->count_max - 1),
                          offset);
}

int uring_buffers_open(struct uring_buffers *buffers, struct io_uring *ring, uint16_t group,
                       uint32_t buffer_bytes, uint32_t count_max)
{
    memset(buffers, 0, sizeof *buffers);
    int result = -ENOMEM;
    buffers->buffer_bytes = buffer_bytes;
    /* An odd number of cache lines apart: otherwise the first lines of page-sized buffers, all
     * that small messages touch, compete for one set of the first cache. */
    size_t lines = (buffer_bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES;
    buffers->stride_bytes = (lines | 1) * CACHE_LINE_BYTES;
    buffers->group = group;
    buffers->count_max = count_max;
    buffers->ring_bytes = buffers->count_max * sizeof(struct io_uring_buf);
    buffers->memory_bytes = buffers->count_max * buffers->stride_bytes;
    buffers->taken = calloc(buffers->count_max, sizeof *buffers->taken);
    buffers->ring = uring_buffers__map(buffers->ring_bytes);
    buffers->memory = uring_buffers__map(buffers->memory_bytes);
    if (buffers->taken == NULL || buffers->ring == NULL || buffers->memory == NULL) {
        goto unmap;
    }
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)buffers->ring, .ring_entries = buffers->count_max, .bgid = group};
    result = io_uring_register_buf_ring(ring, &registration, 0);
    if (result != 0) {
        goto unmap;
    }
    io_uring_buf_ring_init(buffers->ring);
    while (buffers->count < URING_BUFFERS_FIRST && uring_buffers_grow(buffers) != 0) {
    }
    return 0;
unmap:
    if (buffers->memory != NULL) {
        munmap(buffers->memory, buffers->memory_bytes);
    }
    if (buffers->ring != NULL) {
        munmap(buffers->ring, buffers->ring_bytes);
    }
    free(buffers->taken);
    return result;
}

void uring_buffers_close(struct uring_buffers *buffers, struct io_uring *ring)
{
    io_uring_unregister_buf_ring(ring, buffers->group);
    munmap(buffers->memory, buffers->memory_bytes);
    munmap(buffers->ring, buffers->ring_bytes);
    free(buffers->taken);
}

uint32_t uring_buffers_give_back(struct uring_buffers *buffers)
{
    uint32_t count = buffers->taken_count;
    for (uint32_t i = 0; i < count; i++) {
        uring_buffers__add(buffers, buffers->taken[i], (int)i);
    }
    io_uring_buf_ring_advance(buffers->ring, (int)count);
    buffers->taken_count = 0;
    return count;
}

uint32_t uring_buffers_grow(struct uring_buffers *buffers)
{
    uint32_t count = buffers->count == 0 ? URING_BUFFERS_STEP : buffers->count;
    if (count > buffers->count_max - buffers->count) {
        count = buffers->count_max - buffers->count;
    }
    for (uint32_t i = 0; i < count; i++) {
        uring_buffers__add(buffers, buffers->count + i, (int)i);
    }
    io_uring_buf_ring_advance(buffers->ring, (int)count);
    buffers->count += count;
    return count;
}
