/* Buckets of a logarithmic histogram, as pure arithmetic: so that a second's counts can be kept
 * sparse, and a worker's live ones coarse.
 *
 * Values below 2 << bits have a bucket each; above, every doubling has 1 << bits. With 7 bits the
 * layout is HdrHistogram's with 2 significant digits. */
#pragma once

#include "core/must.h"

#include <stdint.h>
#include <string.h>

/* value_ns of 0 or more; exact below 2^53. */
static inline uint32_t bucket_of(int64_t value_ns, uint32_t bits)
{
    must(value_ns >= 0);
    if (value_ns < INT64_C(2) << bits) {
        return (uint32_t)value_ns;
    }
    /* The exponent of a double is the place of the highest bit, with every compiler. */
    double exact = (double)value_ns;
    uint64_t word;
    memcpy(&word, &exact, sizeof word);
    uint32_t shift = (uint32_t)(word >> 52) - 1023 - bits;
    return (shift << bits) + (uint32_t)(value_ns >> shift);
}

/* The lowest value of the bucket. */
int64_t bucket_lowest_ns(uint32_t bucket, uint32_t bits);
