#include "core/zeroed.h"

#include <stdint.h>
#include <windows.h>

void *zeroed_alloc(size_t count, size_t bytes)
{
    if (bytes > 0 && count > SIZE_MAX / bytes) {
        return NULL;
    }
    return VirtualAlloc(NULL, count * bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

/* Large pages are a privilege there. */
void *zeroed_alloc_dense(size_t count, size_t bytes)
{
    return zeroed_alloc(count, bytes);
}

void zeroed_free(void *memory)
{
    if (memory != NULL) {
        VirtualFree(memory, 0, MEM_RELEASE);
    }
}
