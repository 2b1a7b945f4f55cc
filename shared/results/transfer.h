/* Results on their way between programs: packed without loss, and added to others where they
 * arrive. What was packed by one build is read by the same build.
 *
 * What arrives is not trusted: a function that reads returns false on bytes that cannot be, and
 * what it adds to is then to be thrown away. Control plane. */
#ifndef DUMMYLOAD_RESULTS_TRANSFER_H
#define DUMMYLOAD_RESULTS_TRANSFER_H

#include "core/pack.h"
#include "results/clean.h"
#include "results/counters.h"
#include "results/histogram.h"
#include "results/result.h"
#include "results/series.h"

#include <stdbool.h>
#include <stdint.h>

void counters_pack(const struct counters *counters, struct pack *pack);
bool counters_unpack_add(struct counters *into, struct unpack *from);
/* Only buckets that are not empty; added as histogram_add() adds. */
void histogram_pack(const struct histogram *histogram, struct pack *pack);
bool histogram_unpack_add(struct histogram *into, struct unpack *from);
/* Not const: it uses the series' scratch memory. */
void series_pack(struct series *series, struct pack *pack);
/* Merges it as series_merge() does: its times count from the origin of `into`. Also false when
 * memory ran out. */
bool series_unpack_merge(struct series *into, struct unpack *from);
void clean_pack(const struct clean *clean, struct pack *pack);
bool clean_unpack_add(struct clean *into, struct unpack *from);
void abnormal_pack(const struct result_abnormal *abnormal, struct pack *pack);
bool abnormal_unpack(struct result_abnormal *abnormal, struct unpack *from);
void port_stats_pack(const struct cport_stats *stats, struct pack *pack);
bool port_stats_unpack_add(struct cport_stats *into, struct unpack *from);
/* What programs have used of their machines. */
void resources_pack(const struct host_resources *resources, struct pack *pack);
void resources_unpack_add(struct host_resources *into, struct unpack *from);
void resources_add(struct host_resources *into, const struct host_resources *from);

#endif
