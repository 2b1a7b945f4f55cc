/* Receive buffers: cut from slabs of whole pages, because the system locks the pages that a
 * pending receive points at. A 4 KiB buffer across a page's end would lock two. */
#include "cport/iocp/iocp.h"

#include <stdlib.h>

/* VirtualAlloc() gives addresses in steps of 64 KiB: less wastes address space. */
enum { IOCP_SLAB_BYTES = 65536, IOCP_BUFFER_ALIGN_BYTES = 64 };

struct iocp_slab {
    struct iocp_slab *next;
    void *memory;
};

static size_t iocp__round_up(size_t bytes, size_t step_bytes)
{
    return (bytes + step_bytes - 1) / step_bytes * step_bytes;
}

void iocp_buffers_open(struct iocp_buffers *buffers, uint32_t buffer_bytes)
{
    buffers->free_first = NULL;
    buffers->slabs = NULL;
    buffers->buffer_bytes = iocp__round_up(buffer_bytes, IOCP_BUFFER_ALIGN_BYTES);
    buffers->slab_bytes = iocp__round_up(buffers->buffer_bytes, IOCP_SLAB_BYTES);
}

void iocp_buffers_close(struct iocp_buffers *buffers)
{
    while (buffers->slabs) {
        struct iocp_slab *slab = buffers->slabs;
        buffers->slabs = slab->next;
        VirtualFree(slab->memory, 0, MEM_RELEASE);
        free(slab);
    }
    buffers->free_first = NULL;
}

void iocp_buffers_give(struct iocp_buffers *buffers, void *buffer)
{
    *(void **)buffer = buffers->free_first;
    buffers->free_first = buffer;
}

static bool iocp__grow(struct iocp_buffers *buffers)
{
    struct iocp_slab *slab = malloc(sizeof *slab);
    if (!slab) {
        return false;
    }
    slab->memory =
        VirtualAlloc(NULL, buffers->slab_bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!slab->memory) {
        free(slab);
        return false;
    }
    slab->next = buffers->slabs;
    buffers->slabs = slab;
    size_t count = buffers->slab_bytes / buffers->buffer_bytes;
    for (size_t i = count; i-- > 0;) { /* so that they are taken in ascending order */
        iocp_buffers_give(buffers, (char *)slab->memory + i * buffers->buffer_bytes);
    }
    return true;
}

void *iocp_buffers_take(struct iocp_buffers *buffers)
{
    if (!buffers->free_first && !iocp__grow(buffers)) {
        return NULL;
    }
    void *buffer = buffers->free_first;
    buffers->free_first = *(void **)buffer;
    return buffer;
}
