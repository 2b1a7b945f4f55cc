/* The result document: one JSON file per run and side, of the shape of results/result.schema.json.
 *
 * Built by one thread after the run. Members that both sides have are added here, so that both
 * sides read the same; what only one side has, it adds itself to the tree. Integers beyond 2^53
 * survive because every counter is written with json_add_u64(). */
#pragma once

#include "core/error.h"
#include "cport/cport.h"
#include "results/counters.h"
#include "results/histogram.h"
#include "results/series.h"
#include "system/host.h"
#include "text/json.h"

struct cJSON;
struct pack;
struct unpack;

enum {
    RESULT_SCHEMA_VERSION = 1,
    RESULT_RUN_ID_BYTES_MAX = 64,
    RESULT_ABNORMAL_MAX = 1000,
    RESULT_LAST_BYTES_MAX = 64,
    RESULT_EXPLANATION_BYTES_MAX = 160
};

struct result_run {
    char id[RESULT_RUN_ID_BYTES_MAX];
    const char *name;
    int64_t started_wall_ns;
    int64_t duration_ns;
    uint64_t seed;
    bool interrupted;
};

/* The last bytes of one direction, as far as they are known. */
struct result_last {
    uint32_t count; /* 0: they are not known */
    uint8_t bytes[RESULT_LAST_BYTES_MAX];
};

/* Keeps the end of data. */
void result_last_set(struct result_last *last, const void *data, size_t bytes);

/* One connection that did not end cleanly. Fixed size: a thread keeps the first RESULT_ABNORMAL_MAX
 * that ended and counts the rest, a run those that ended first of all its threads and ranks. */
struct result_abnormal {
    struct net_address local;
    struct net_address remote;
    int64_t opened_ns; /* since the run's origin */
    int64_t ended_ns;  /* the same; the order of a list */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t messages_sent;
    uint64_t messages_received;
    enum error_kind reason;
    struct result_last received;
    struct result_last sent;
    char explanation[RESULT_EXPLANATION_BYTES_MAX]; /* the reason in words, or empty */
};

/* Puts the entry into a list in the order of ended_ns; where all `max` places are taken, the one
 * that ended last is dropped. False: that is the entry itself. */
bool abnormal_insert(struct result_abnormal *list, uint32_t *count, uint32_t max,
                     const struct result_abnormal *entry);
void abnormal_pack(const struct result_abnormal *abnormal, struct pack *pack);
bool abnormal_unpack(struct result_abnormal *abnormal, struct unpack *from);

/* What programs have used of their machines. */
void resources_pack(const struct host_resources *resources, struct pack *pack);
void resources_unpack_add(struct host_resources *into, struct unpack *from);
void resources_add(struct host_resources *into, const struct host_resources *from);

/* "20261120-235100-7f3a": UTC time and four random hex digits. */
void result_make_run_id(char id[RESULT_RUN_ID_BYTES_MAX]);

/* "0.1.0 (4f2a9c01b3d7)": version and commit of this build. */
void result_describe_build(char *text, size_t bytes);

/* {schema_version, side, run, build, host}. side: "client" or "server". NULL: out of memory. */
struct cJSON *result_create(const char *side, const struct result_run *run);
/* totals and errors. */
void result_add_counters(struct cJSON *result, const struct counters *counters);
/* object[key] = histogram. */
void result_add_histogram(struct cJSON *object, const char *key, const struct histogram *histogram);
void result_add_port_stats(struct cJSON *result, const char *backend,
                           const struct cport_stats *stats);
/* CPU and memory of this process until now. */
void result_add_resources(struct cJSON *result);
void result_add_resources_of(struct cJSON *object, const struct host_resources *resources);
/* abnormal_connections: kept of total_count, which may be larger; also abnormal_connections_total
 * and abnormal_connections_max, the bound. At most RESULT_ABNORMAL_MAX are listed. */
void result_add_abnormal(struct cJSON *result, const struct result_abnormal *kept,
                         uint32_t kept_count, uint64_t total_count);
/* Writes it whole or not at all (output_write()), as UTF-8 without control characters: those of
 * names and texts of others are escaped (printable_json()). Fails also when
 * memory had run out while the document was built, so that nothing is missing from a written one.
 */
bool result_write(const struct cJSON *result, const char *path, struct error *error);
