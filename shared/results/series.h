/* The per-second series of one thread: at most 3,600 entries; when a run is longer, neighbours
 * fold into one and every entry covers twice the time, so memory does not grow.
 *
 * One thread writes; the supervisor merges when the writers have stopped. All memory is allocated
 * at creation. The latencies of the running second are counted densely; when it ends, the buckets
 * that are not empty go into a store of SERIES_CELLS_MAX cells. When the store is full before
 * 3,600 entries are, neighbours fold too: entries get longer, nothing is lost. A series takes at
 * most 9.1 MiB of address space (pages are used as the run fills them) and about 20 MB in a
 * result, whether a run lasts a second, 24 hours or a month. */
#pragma once

#include "core/error.h"
#include "results/counters.h"
#include "results/histogram.h"
#include "results/spread.h"

struct cJSON;
struct pack;
struct series; /* opaque */
struct unpack;

enum { SERIES_ENTRIES_MAX = 3600, SERIES_CELLS_MAX = 1024 * 1024 };
/* HdrHistogram's layout with 2 significant digits, over 1 ns..120 s. */
enum { SERIES_BUCKET_BITS = 7, SERIES_BUCKETS = 3936 };
/* A store must hold some entries of the worst latencies. */
enum { SERIES_CELLS_LEAST = 16 * SERIES_BUCKETS };

/* X(name, key): of enum series_value, and in a result. */
#define SERIES_LIST(X)                                                                             \
    X(CONNECTIONS, "connections") /* a gauge, not a sum: open at the end of the entry */           \
    X(CONNECTING, "connecting")   /* a gauge */                                                    \
    X(CONNECTS_FAILED, "connects_failed")                                                          \
    X(ITERATIONS, "iterations")                                                                    \
    X(TARGET, "target") /* client: what the plan asks for */                                       \
    /* Arrivals by when they were due, whenever their fate was known. */                           \
    X(BEGUN, "begun")                                                                              \
    X(DROPPED, "dropped")                                                                          \
    X(NEVER_STARTED, "never_started")                                                              \
    X(REQUESTS, "requests")                                                                        \
    X(RESPONSES, "responses")                                                                      \
    X(MESSAGES_SENT, "messages_sent")                                                              \
    X(MESSAGES_RECEIVED, "messages_received")                                                      \
    X(BYTES_SENT, "bytes_sent")                                                                    \
    X(BYTES_RECEIVED, "bytes_received")                                                            \
    X(ERRORS, "errors") /* of all kinds that are events (counters.h) */

#define SERIES_VALUE(name, key) SERIES_##name,
enum series_value {
    SERIES_LIST(SERIES_VALUE) SERIES_ERRORS_FIRST, /* then those of each enum error_kind */
    SERIES_VALUE_COUNT = SERIES_ERRORS_FIRST + ERROR_KINDS
};
/* Sets of values: a bit for each. */
enum {
    SERIES_ARRIVALS = 1 << SERIES_BEGUN | 1 << SERIES_DROPPED | 1 << SERIES_NEVER_STARTED,
    /* What is known of a part of the run second by second. */
    SERIES_OF_SHARE = 1 << SERIES_CONNECTIONS | 1 << SERIES_CONNECTS_FAILED |
                      1 << SERIES_ITERATIONS | 1 << SERIES_REQUESTS | 1 << SERIES_RESPONSES |
                      1 << SERIES_ERRORS
};

/* origin_ns is the run's t = 0 on the monotonic clock: the moment the process begins its run.
 * cells_max: SERIES_CELLS_LEAST to SERIES_CELLS_MAX. */
struct series *series_create(int64_t origin_ns, uint32_t cells_max, struct error *error);
void series_destroy(struct series *series);
/* The most that one takes in a run as long as this. */
uint64_t series_memory_bytes(uint32_t cells_max, int64_t length_ns);
/* Adds to a sum in the second of now_ns, however long past that is. */
void series_add(struct series *series, int64_t now_ns, enum series_value value, uint64_t amount);
/* Adds 1 to a sum for every moment of the spread, in the moment's second. Costs an addition per
 * entry, not per moment. */
void series_add_spread(struct series *series, enum series_value value, const struct spread *spread);
/* Arrivals that were due in the entry of now_ns, as far as their fate is known. */
uint64_t series_due(const struct series *series, int64_t now_ns);
/* Adds the errors that now has and before has not, by kind and in all. Once a second, not per
 * error: a comparison for every kind. */
void series_add_errors(struct series *series, int64_t now_ns, const struct counters *now,
                       const struct counters *before);
/* Sets a gauge. */
void series_set(struct series *series, int64_t now_ns, enum series_value value, uint64_t gauge);
/* Records a latency (2 digits) in the second of now_ns, which does not go back by more than one.
 * Returns its bucket. */
uint32_t series_record(struct series *series, int64_t now_ns, int64_t latency_ns);
/* The same of as many latencies of a bucket. */
void series_add_latencies(struct series *series, int64_t now_ns, uint32_t bucket, uint64_t count);
/* Sums are added, gauges are added (each thread has its own connections), buckets are added. Both
 * must have the same origin. Allocates; false when memory ran out, into is then as before. */
bool series_merge(struct series *into, const struct series *from);
/* The entries of both have one length afterwards. */
void series_align(struct series *a, struct series *b);
/* Length of the series' entries now: 1 s, 2 s, 4 s, ... */
int64_t series_period_ns(const struct series *series);
/* The array `series` of a result: an entry for every period from the origin to end_ns (or to the
 * last event, if that came later), also for those in which nothing happened. One item of raw JSON
 * per entry. NULL when memory ran out. */
struct cJSON *series_to_json(struct series *series, int64_t end_ns);
/* The same of some values only, a set of them. */
struct cJSON *series_values_to_json(struct series *series, int64_t end_ns, uint32_t written);
/* Not const: it uses the series' scratch memory. */
void series_pack(struct series *series, struct pack *pack);
/* Merges it as series_merge() does: its times count from the origin of `into`. Also false when
 * memory ran out. */
bool series_unpack_merge(struct series *into, struct unpack *from);
