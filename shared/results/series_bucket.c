#include "results/series_bucket.h"

#include "core/must.h"
#include "results/histogram.h"

#include <string.h>

enum { SERIES_HALF = 128, SERIES_HALF_MAGNITUDE = 7 };

uint32_t series_bucket_of(int64_t value_ns)
{
    must(value_ns >= 0 && value_ns <= HISTOGRAM_VALUE_MAX_NS);
    if (value_ns < 2 * SERIES_HALF) {
        return (uint32_t)value_ns;
    }
    /* The exponent of a double is the place of the highest bit: exact below 2^53, and the same
     * with every compiler. */
    double exact = (double)value_ns;
    uint64_t bits;
    memcpy(&bits, &exact, sizeof bits);
    uint32_t shift = (uint32_t)(bits >> 52) - 1023 - SERIES_HALF_MAGNITUDE;
    return shift * SERIES_HALF + (uint32_t)(value_ns >> shift);
}

int64_t series_bucket_lowest_ns(uint32_t bucket)
{
    must(bucket < SERIES_BUCKETS);
    if (bucket < 2 * SERIES_HALF) {
        return bucket;
    }
    uint32_t shift = bucket / SERIES_HALF - 1;
    return (int64_t)(bucket % SERIES_HALF + SERIES_HALF) << shift;
}
