#include "results/bucket.h"

int64_t bucket_lowest_ns(uint32_t bucket, uint32_t bits)
{
    uint32_t half = UINT32_C(1) << bits;
    if (bucket < 2 * half) {
        return bucket;
    }
    return (int64_t)(bucket % half + half) << (bucket / half - 1);
}
