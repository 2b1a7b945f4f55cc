#include "conduct/hosts.h"

#include "conduct/run.h"
#include "core/clock.h"
#include "text/json.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rank's own figures, by their keys in the result. */
static const struct {
    const char *key;
    size_t at;
} NUMBERS[] = {
    {"intended", offsetof(struct run_host, arrivals_intended)},
    {"started", offsetof(struct run_host, iterations_started)},
    {"response_p50_ns", offsetof(struct run_host, response_p50_ns)},
    {"response_p99_ns", offsetof(struct run_host, response_p99_ns)},
    {"send_lag_p99_ns", offsetof(struct run_host, send_lag_p99_ns)},
    {"poll_gap_p99_ns", offsetof(struct run_host, poll_gap_p99_ns)},
    {"stalled_ns", offsetof(struct run_host, stalled_ns)},
};
enum { NUMBERS_COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };

static uint64_t *hosts__number(const struct run_host *host, int i)
{
    return (uint64_t *)((uintptr_t)host + NUMBERS[i].at);
}

static uint64_t hosts__percentile_ns(const struct figures *figures, enum latency_kind kind,
                                     double percentile)
{
    return (uint64_t)histogram_percentile(&figures->latency[kind], percentile).low_ns;
}

/* A rank's own figures; its judgement is there already. */
static void hosts__describe(const struct run *run, struct run_host *host)
{
    const struct figures *figures = &run->figures;
    host->reported = true;
    host->counters = figures->counters;
    host->arrivals_intended = figures->arrivals.intended;
    host->iterations_started = figures->iterations_started;
    host->response_p50_ns = hosts__percentile_ns(figures, LATENCY_RESPONSE, 50);
    host->response_p99_ns = hosts__percentile_ns(figures, LATENCY_RESPONSE, 99);
    host->send_lag_p99_ns = hosts__percentile_ns(figures, LATENCY_SEND_LAG, 99);
    host->poll_gap_p99_ns = hosts__percentile_ns(figures, LATENCY_POLL_GAP, 99);
    host->stalled_ns = (uint64_t)run_stalled_ns(run, RUN_STALL_LEAST_NS);
    host_read_resources(&host->resources);
    if (run->end == RUN_WORKER_FAILED) {
        snprintf(host->error, sizeof host->error, "%.*s", (int)sizeof host->error - 1,
                 run->error.text);
    }
}

static void hosts__pack(const struct run_host *host, struct pack *pack)
{
    counters_pack(&host->counters, pack);
    for (int i = 0; i < NUMBERS_COUNT; i++) {
        pack_u64(pack, *hosts__number(host, i));
    }
    resources_pack(&host->resources, pack);
    pack_u64(pack, host->judgement.valid);
    pack_u64(pack, host->judgement.limited_by_client);
    pack_u64(pack, host->judgement.reasons_count);
    for (uint32_t i = 0; i < host->judgement.reasons_count; i++) {
        pack_text(pack, host->judgement.reasons[i]);
    }
    pack_text(pack, host->error);
}

static bool hosts__unpack(struct run_host *host, struct unpack *from)
{
    struct host_judgement *judgement = &host->judgement;
    counters_unpack_add(&host->counters, from);
    for (int i = 0; i < NUMBERS_COUNT; i++) {
        *hosts__number(host, i) = unpack_u64(from);
    }
    resources_unpack_add(&host->resources, from);
    judgement->valid = unpack_bool(from);
    judgement->limited_by_client = unpack_bool(from);
    judgement->reasons_count = unpack_u32(from, HOSTS_REASONS_MAX);
    for (uint32_t i = 0; i < judgement->reasons_count; i++) {
        unpack_text(from, judgement->reasons[i], sizeof judgement->reasons[i]);
    }
    unpack_text(from, host->error, sizeof host->error);
    return !from->failed;
}

void hosts_pack_failure(const char *text, struct pack *pack)
{
    struct run_host host = {.reported = false};
    snprintf(host.error, sizeof host.error, "%s", text);
    hosts__pack(&host, pack);
    pack_u64(pack, 0);
}

void hosts_pack_run(struct run *run, const struct host_judgement *own, int64_t offset_ns,
                    struct pack *pack)
{
    struct run_host host = {.judgement = *own};
    hosts__describe(run, &host);
    hosts__pack(&host, pack);
    pack_u64(pack, 1);
    pack_i64(pack, run->end_ns + offset_ns);
    pack_u64(pack, run->ends_unfinished);
    pack_i64(pack, run->clock_step_ns);
    pack_i64(pack, run->clock_cost_ns);
    pack_i64(pack, run->clock_tick_ns);
    histogram_pack(&run->tick_lag, pack);
    figures_pack(&run->figures, pack);
}

/* Adds what a member reported. False: it cannot be read, or there is no memory for it. */
static bool hosts__add(struct run *run, struct run_host *host, struct unpack *from)
{
    if (!hosts__unpack(host, from)) {
        return false;
    }
    if (unpack_u64(from) == 0) {
        return !from->failed; /* it did not play */
    }
    run->end_ns = time_later_ns(run->end_ns, unpack_i64(from));
    run->ends_unfinished += unpack_u32(from, UINT32_MAX);
    run->clock_step_ns = time_later_ns(run->clock_step_ns, unpack_i64(from));
    run->clock_cost_ns = time_later_ns(run->clock_cost_ns, unpack_i64(from));
    run->clock_tick_ns = time_later_ns(run->clock_tick_ns, unpack_i64(from));
    histogram_unpack_add(&run->tick_lag, from);
    resources_add(&run->figures.resources_of_others, &host->resources);
    host->reported = figures_unpack_add(&run->figures, from) && unpack_is_done(from);
    return host->reported;
}

static void hosts__reason(struct run_host *host, const char *text)
{
    struct host_judgement *judgement = &host->judgement;
    judgement->valid = false;
    if (judgement->reasons_count < HOSTS_REASONS_MAX) {
        snprintf(judgement->reasons[judgement->reasons_count++], HOSTS_REASON_BYTES_MAX, "%s",
                 text);
    }
}

/* A rank that could open no connection where others could: only the leader can judge that. */
static void hosts__judge_connects(const struct run *run, struct run_host *host)
{
    const uint64_t *own = host->counters.totals;
    char text[HOSTS_REASON_BYTES_MAX];
    if (run->figures.counters.totals[TOTAL_CONNECTS_OK] > 0 && host->reported &&
        own[TOTAL_CONNECTS_ATTEMPTED] > 0 && own[TOTAL_CONNECTS_OK] == 0) {
        snprintf(text, sizeof text,
                 "none of its %" PRIu32 " connections could be opened, though others' could",
                 host->connections);
        hosts__reason(host, text);
    }
}

static void hosts__add_member(struct run *run, const struct fleet_rank *rank, struct run_host *host)
{
    char text[HOSTS_REASON_BYTES_MAX];
    host->judgement.valid = true;
    host->lost = rank->lost || !rank->reported;
    if (host->lost) {
        host->lost_ns = rank->heard_ns - run->origin_ns;
        snprintf(text, sizeof text, "was lost at %.1f s: the figures do not include its share",
                 (double)time_later_ns(0, host->lost_ns) / (double)NS_PER_S);
        hosts__reason(host, text);
        return;
    }
    struct unpack from;
    unpack_open(&from, rank->report.data, rank->report.bytes);
    if (!hosts__add(run, host, &from)) {
        hosts__reason(host, "what it reported could not be read, or there was no memory for it: "
                            "the figures are not whole");
    }
}

bool hosts_gather(const struct plan *plan, struct run *run, const struct host_judgement *own,
                  const struct fleet *fleet, struct error *error)
{
    run->hosts = calloc(fleet->ranks_count, sizeof *run->hosts);
    if (run->hosts == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY,
                        "no memory for the figures of %" PRIu32 " ranks", fleet->ranks_count);
        return false;
    }
    run->hosts_count = fleet->ranks_count;
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        const struct fleet_rank *rank = &fleet->ranks[i];
        struct run_host *host = &run->hosts[i];
        snprintf(host->name, sizeof host->name, "%s", rank->hello.host);
        host->workers = rank->hello.workers;
        host->connections = rank->hello.connections;
        host->clock_offset_ns = rank->clock_offset_ns;
        host->clock_bound_ns = rank->clock_bound_ns;
        host->clock_drift_ns = rank->clock_drift_ns;
        if (i == 0) {
            host->judgement = *own;
            hosts__describe(run, host);
        } else {
            hosts__add_member(run, rank, host);
        }
    }
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        struct run_host *host = &run->hosts[i];
        hosts__judge_connects(run, host);
        if (host->lost) {
            run->end = RUN_RANK_LOST;
        } else if (host->error[0] != '\0' && run->end != RUN_RANK_LOST) {
            char name[HOSTS_NAME_BYTES_MAX];
            run->end = RUN_WORKER_FAILED;
            error_set(&run->error, "%s: %s", hosts_name(run, i, name), host->error);
        }
    }
    run_measure(run, plan);
    return true;
}

const char *hosts_name(const struct run *run, uint32_t rank, char text[HOSTS_NAME_BYTES_MAX])
{
    snprintf(text, HOSTS_NAME_BYTES_MAX, "rank %" PRIu32 " on %s", rank, run->hosts[rank].name);
    return text;
}

static void hosts__add_figures(struct cJSON *item, const struct run_host *host)
{
    const uint64_t *totals = host->counters.totals;
    struct cJSON *sums = json_add_item(item, "totals", cJSON_CreateObject());
    for (int i = 0; i < TOTAL_KINDS; i++) {
        json_add_u64(sums, total_key((enum total_kind)i), totals[i]);
    }
    json_add_u64(item, "errors", counters_errors_sum(&host->counters));
    for (int i = 0; i < NUMBERS_COUNT; i++) {
        json_add_u64(item, NUMBERS[i].key, *hosts__number(host, i));
    }
    result_add_resources_of(item, &host->resources);
}

static void hosts__add_one(struct cJSON *hosts, const struct run_host *host, uint32_t rank)
{
    struct cJSON *item = cJSON_CreateObject();
    json_add_u64(item, "rank", rank);
    json_add_text(item, "name", host->name);
    json_add_u64(item, "threads", host->workers);
    json_add_u64(item, "connections", host->connections);
    struct cJSON *validity = json_add_item(item, "validity", cJSON_CreateObject());
    json_add_bool(validity, "valid", host->judgement.valid);
    struct cJSON *reasons = json_add_item(validity, "reasons", cJSON_CreateArray());
    for (uint32_t i = 0; i < host->judgement.reasons_count; i++) {
        json_append_item(reasons, cJSON_CreateString(host->judgement.reasons[i]));
    }
    json_add_i64(item, "clock_offset_ns", host->clock_offset_ns);
    json_add_i64(item, "clock_bound_ns", host->clock_bound_ns);
    json_add_i64(item, "clock_drift_ns", host->clock_drift_ns);
    if (host->lost) {
        json_add_i64(item, "lost_ns", time_later_ns(0, host->lost_ns));
    }
    if (host->reported) {
        hosts__add_figures(item, host);
    }
    json_append_item(hosts, item);
}

void hosts_add_json(struct cJSON *result, const struct run *run)
{
    struct host_resources all = {0};
    struct cJSON *hosts = json_add_item(result, "hosts", cJSON_CreateArray());
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        hosts__add_one(hosts, &run->hosts[i], i);
        resources_add(&all, &run->hosts[i].resources);
    }
    result_add_resources_of(result, &all);
}
