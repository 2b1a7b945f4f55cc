/* The buckets of a series' latencies: HdrHistogram's layout with 2 significant digits over
 * 1 ns..120 s, as pure arithmetic, so that a second's counts can be kept sparse. */
#ifndef DUMMYLOAD_RESULTS_SERIES_BUCKET_H
#define DUMMYLOAD_RESULTS_SERIES_BUCKET_H

#include <stdint.h>

/* Values below 256 have a bucket each; above, every doubling has 128. */
enum { SERIES_BUCKETS = 3936 };

/* value in 1..HISTOGRAM_VALUE_MAX_NS. */
uint32_t series_bucket_of(int64_t value_ns);
/* The lowest value of the bucket. */
int64_t series_bucket_lowest_ns(uint32_t bucket);

#endif
