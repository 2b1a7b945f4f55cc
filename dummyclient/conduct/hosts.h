/* Hosts: the part of each rank in a run, and how their figures become those of the whole.
 * Histograms, counters and series are added; no percentile is ever averaged.
 *
 * Control plane, after the run. */
#pragma once

#include "core/error.h"
#include "core/pack.h"
#include "fleet/fleet.h"
#include "plan/plan.h"
#include "results/counters.h"
#include "system/host.h"

struct cJSON;
struct run;

enum { HOSTS_REASONS_MAX = 8, HOSTS_REASON_BYTES_MAX = 256, HOSTS_ERROR_BYTES_MAX = 512 };

/* How a rank has judged its own share; judge/verdict.h reaches it. */
struct host_judgement {
    bool valid;
    bool limited_by_client;
    char reasons[HOSTS_REASONS_MAX][HOSTS_REASON_BYTES_MAX];
    uint32_t reasons_count;
};

/* A rank, as the result shows it. */
struct run_host {
    char name[FLEET_HOST_BYTES_MAX];
    uint32_t workers;
    uint32_t connections; /* its share */
    int64_t clock_offset_ns;
    int64_t clock_bound_ns;
    int64_t clock_drift_ns;
    bool reported; /* what follows is known, and is in the figures of the whole */
    struct counters counters;
    uint64_t arrivals_intended; /* of the window */
    uint64_t iterations_started;
    uint64_t response_p50_ns; /* of the share of that host; 0: no samples */
    uint64_t response_p99_ns;
    uint64_t send_lag_p99_ns;
    uint64_t poll_gap_p99_ns;
    uint64_t stalled_ns;
    struct host_resources resources;
    struct host_judgement judgement;
    char error[HOSTS_ERROR_BYTES_MAX]; /* a worker that failed; empty: none */
    bool lost;
    int64_t lost_ns; /* when it was last heard of, since the origin */
};

/* Packs what a member reports: its run, with its own judgement and its figures. */
void hosts_pack_run(struct run *run, const struct host_judgement *own, int64_t offset_ns,
                    struct pack *pack);
/* The same of a member that could not play. */
void hosts_pack_failure(const char *text, struct pack *pack);
/* Leader: run becomes that of the whole, with run->hosts. own: of the leader's share.
 * Returns false when memory ran out. */
bool hosts_gather(const struct plan *plan, struct run *run, const struct host_judgement *own,
                  const struct fleet *fleet, struct error *error);
/* Adds `hosts` and the sums of their resources to the result. */
void hosts_add_json(struct cJSON *result, const struct run *run);
/* "rank 3 on b" */
enum { HOSTS_NAME_BYTES_MAX = FLEET_HOST_BYTES_MAX + 32 };
const char *hosts_name(const struct run *run, uint32_t rank, char text[HOSTS_NAME_BYTES_MAX]);
