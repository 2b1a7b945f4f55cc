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

void zeroed_free(void *memory)
{
    if (memory != NULL) {
        VirtualFree(memory, 0, MEM_RELEASE);
    }
}
