/* Asks for memory that will be needed soon. With thousands of connections hardly anything of one is
 * still in the cache when its turn comes; what a batch needs next can be fetched while the one
 * before is worked on. Changes nothing but the time; any address will do. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#include <intrin.h>
#endif

enum { PREFETCH_LINE_BYTES = 64 };

static inline void prefetch(const void *start, size_t bytes)
{
    uintptr_t end = (uintptr_t)start + bytes; /* no pointers: it may be none, or point nowhere */
    for (uintptr_t at = (uintptr_t)start; at < end; at += PREFETCH_LINE_BYTES) {
#if defined(__GNUC__)
        __builtin_prefetch((const void *)at);
#elif defined(_M_ARM64)
        __prefetch((const void *)at);
#else
        _mm_prefetch((const char *)at, _MM_HINT_T0);
#endif
    }
}
