/* The receive buffers of a completion port on Windows. */
#include "cport/iocp/buffers.h"

#include "core/must.h"

#include <windows.h>

/* VirtualAlloc() gives addresses in steps of 64 KiB: a slab is one step, and begins at a multiple
 * of it. So does a large buffer, which has it to itself and begins where a slab has its head. */
enum { SLAB_BYTES = 65536, SLAB_HEAD_BYTES = 64, SLABS_EMPTY_MAX = 1 };

struct iocp_slab {
    struct iocp_slab *next; /* among the open ones */
    struct iocp_slab *previous;
    void *free_first;
    uint32_t used_count;
    uint32_t free_count;
};

_Static_assert(sizeof(struct iocp_slab) <= SLAB_HEAD_BYTES, "the head of a slab");

static void *pages__map(size_t bytes)
{
    return VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static void pages__unmap(void *pages)
{
    must(VirtualFree(pages, 0, MEM_RELEASE));
}

void iocp_buffers_open(struct iocp_buffers *buffers, uint32_t recv_bytes_max)
{
    bool large = recv_bytes_max > IOCP_SMALL_BYTES;
    *buffers = (struct iocp_buffers){0};
    buffers->small_bytes = large ? IOCP_SMALL_BYTES : recv_bytes_max;
    buffers->large_bytes = large ? recv_bytes_max : 0;
}

static void slab__list(struct iocp_buffers *buffers, struct iocp_slab *slab)
{
    slab->previous = NULL;
    slab->next = buffers->open_slabs;
    if (slab->next != NULL) {
        slab->next->previous = slab;
    }
    buffers->open_slabs = slab;
}

static void slab__unlist(struct iocp_buffers *buffers, struct iocp_slab *slab)
{
    if (slab->previous != NULL) {
        slab->previous->next = slab->next;
    } else {
        buffers->open_slabs = slab->next;
    }
    if (slab->next != NULL) {
        slab->next->previous = slab->previous;
    }
}

void iocp_buffers_close(struct iocp_buffers *buffers)
{
    while (buffers->open_slabs != NULL) {
        struct iocp_slab *slab = buffers->open_slabs;
        must(slab->used_count == 0);
        slab__unlist(buffers, slab);
        pages__unmap(slab);
    }
    while (buffers->large_free != NULL) {
        void *buffer = buffers->large_free;
        buffers->large_free = *(void **)buffer;
        buffers->large_count--;
        pages__unmap(buffer);
    }
    must(buffers->large_count == 0);
}

static void slab__put(struct iocp_slab *slab, void *buffer)
{
    *(void **)buffer = slab->free_first;
    slab->free_first = buffer;
    slab->free_count++;
}

static bool buffers__add_slab(struct iocp_buffers *buffers)
{
    struct iocp_slab *slab = pages__map(SLAB_BYTES);
    if (slab == NULL) {
        return false;
    }
    for (size_t at = SLAB_BYTES - IOCP_SMALL_BYTES; at >= SLAB_HEAD_BYTES; at -= IOCP_SMALL_BYTES) {
        slab__put(slab, (uint8_t *)slab + at); /* so that they are taken in ascending order */
    }
    slab__list(buffers, slab);
    buffers->empty_slabs_count++;
    return true;
}

void *iocp_buffers_take_small(struct iocp_buffers *buffers)
{
    if (buffers->open_slabs == NULL && !buffers__add_slab(buffers)) {
        return NULL;
    }
    struct iocp_slab *slab = buffers->open_slabs;
    void *buffer = slab->free_first;
    slab->free_first = *(void **)buffer;
    slab->free_count--;
    if (slab->used_count++ == 0) {
        buffers->empty_slabs_count--;
    }
    if (slab->free_count == 0) {
        slab__unlist(buffers, slab);
    }
    return buffer;
}

void *iocp_buffers_take_large(struct iocp_buffers *buffers)
{
    void *buffer = buffers->large_free;
    if (buffer != NULL) {
        buffers->large_free = *(void **)buffer;
        return buffer;
    }
    if (buffers->large_bytes == 0 || buffers->large_count == IOCP_LARGE_COUNT_MAX) {
        return NULL;
    }
    buffer = pages__map(buffers->large_bytes);
    buffers->large_count += buffer != NULL ? 1 : 0;
    return buffer;
}

static void buffers__give_small(struct iocp_buffers *buffers, struct iocp_slab *slab, void *buffer)
{
    if (slab->free_count == 0) {
        slab__list(buffers, slab);
    }
    slab__put(slab, buffer);
    if (--slab->used_count > 0) {
        return;
    }
    if (buffers->empty_slabs_count == SLABS_EMPTY_MAX) {
        slab__unlist(buffers, slab);
        pages__unmap(slab);
    } else {
        buffers->empty_slabs_count++;
    }
}

void iocp_buffers_give(struct iocp_buffers *buffers, void *buffer)
{
    uintptr_t past = (uintptr_t)buffer % SLAB_BYTES;
    if (past != 0) {
        buffers__give_small(buffers, (struct iocp_slab *)(void *)((uint8_t *)buffer - past),
                            buffer);
    } else {
        *(void **)buffer = buffers->large_free;
        buffers->large_free = buffer;
    }
}
