/* Buckets of a logarithmic histogram, as pure arithmetic: so that a second's counts can be kept
 * sparse, and a worker's live ones coarse.
 *
 * Values below 2 << bits have a bucket each; above, every doubling has 1 << bits. With 7 bits the
 * layout is HdrHistogram's with 2 significant digits. */
#pragma once

#include <stdint.h>

/* value_ns of 0 or more; exact below 2^53. */
uint32_t bucket_of(int64_t value_ns, uint32_t bits);
/* The lowest value of the bucket. */
int64_t bucket_lowest_ns(uint32_t bucket, uint32_t bits);
