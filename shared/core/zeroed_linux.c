#include "core/zeroed.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ZEROED_PAGE_BYTES  ((size_t)2 * 1024 * 1024)
#define ZEROED_DENSE_BYTES ((size_t)512 * 1024) /* less is not worth a huge page */

void *zeroed_alloc(size_t count, size_t bytes)
{
    return calloc(count, bytes);
}

void *zeroed_alloc_dense(size_t count, size_t bytes)
{
    if (bytes == 0 || count < ZEROED_DENSE_BYTES / bytes || count > SIZE_MAX / 2 / bytes) {
        return calloc(count, bytes); /* which fails if it is too much */
    }
    size_t pages = (count * bytes + ZEROED_PAGE_BYTES - 1) / ZEROED_PAGE_BYTES;
    void *memory = aligned_alloc(ZEROED_PAGE_BYTES, pages * ZEROED_PAGE_BYTES);
    if (memory != NULL) {
        madvise(memory, pages * ZEROED_PAGE_BYTES, MADV_HUGEPAGE); /* a wish */
        memset(memory, 0, count * bytes);
    }
    return memory;
}

void zeroed_free(void *memory)
{
    free(memory);
}
