/* Memory that runs out on demand. For test_*_memory.c, whose malloc(), calloc() and realloc() the
 * linker turns into these (-Wl,--wrap, see CMakeLists.txt). One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static uint64_t allocations_left; /* 0: none fails */
static bool allocations_did_fail;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

/* The nth allocation from now on fails, once; 0: none does. */
static inline void allocations_fail_at(uint64_t nth)
{
    allocations_left = nth;
    allocations_did_fail = false;
}

/* Has one failed since? */
static inline bool allocations_failed(void)
{
    return allocations_did_fail;
}

static bool allocations__fails(void)
{
    if (allocations_left == 0 || --allocations_left > 0) {
        return false;
    }
    allocations_did_fail = true;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return allocations__fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return allocations__fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return allocations__fails() ? NULL : __real_realloc(memory, bytes);
}
