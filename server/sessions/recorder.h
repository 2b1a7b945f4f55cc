/* A recorder: what one thread of the server measures: counters, histograms, the series, and the
 * connections that ended abnormally.
 *
 * One thread writes it; the server merges all when the threads have ended. A model with shards
 * that several threads share lends the working thread's recorder to the shard (shard_enter). */
#pragma once

#include "cport/cport.h"
#include "results/clean.h"
#include "results/counters.h"
#include "results/histogram.h"
#include "results/result.h"
#include "results/series.h"
#include "results/tls_stats.h"

#include <stdatomic.h>

struct recorder {
    int64_t origin_ns;
    struct counters counters;
    struct histogram receive_to_reply;
    struct histogram queue_wait;
    struct series *series;
    struct counters flushed; /* what the series has seen */
    struct result_abnormal *abnormal;
    uint32_t abnormal_count;
    uint32_t abnormal_max;
    uint64_t abnormal_total;
    struct clean *clean;
    struct tls_stats tls;
    _Atomic uint64_t
        *live; /* counters as of the last batch, for another thread; NULL: nobody looks */
    struct cport_stats port; /* written by the model before its thread ends */
};

bool recorder_open(struct recorder *recorder, int64_t origin_ns, uint32_t abnormal_max,
                   struct error *error);
void recorder_close(struct recorder *recorder);
/* From here on its counters can be read while it records, by any thread: recorder_flush() publishes
 * them. Before its thread begins. */
bool recorder_watch(struct recorder *recorder, struct error *error);
/* Adds the counters as of the last batch; those of one moment may be a few microseconds apart. */
void recorder_read_live(const struct recorder *recorder, struct counters *sum);
/* Once per batch: hands the sums of the counters to the series. */
void recorder_flush(struct recorder *recorder, int64_t now_ns);
/* The level of open connections; one recorder of the server keeps it for all. */
void recorder_set_connections(struct recorder *recorder, int64_t now_ns, uint64_t connections);
/* Keeps the entry while there is room, and counts it; sets its opened_ns relative to the origin,
 * and ended_ns to now. */
void recorder_add_abnormal(struct recorder *recorder, const struct result_abnormal *entry);
/* Adds everything of from, of the abnormal connections those that ended first; into must have been
 * opened with the same origin. */
bool recorder_merge(struct recorder *into, const struct recorder *from);
