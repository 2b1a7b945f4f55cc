#include "results/bucket.h"

#include "core/must.h"

#include <string.h>

uint32_t bucket_of(int64_t value_ns, uint32_t bits)
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

int64_t bucket_lowest_ns(uint32_t bucket, uint32_t bits)
{
    uint32_t half = UINT32_C(1) << bits;
    if (bucket < 2 * half) {
        return bucket;
    }
    return (int64_t)(bucket % half + half) << (bucket / half - 1);
}
