#include "judge/hosts.h"

#include "conduct/supervisor.h"
#include "core/clock.h"
#include "judge/verdict.h"
#include "results/transfer.h"
#include "text/json.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t hosts__p99_ns(const struct figures *figures, enum latency_kind kind,
                             double percentile)
{
    bool at_least;
    return histogram_percentile_ns(&figures->latency[kind], percentile, &at_least);
}

/* What a rank says of itself, from its own run. */
static void hosts__describe(const struct run *run, const struct verdict *verdict,
                            struct run_host *host)
{
    const struct figures *figures = &run->figures;
    host->reported = true;
    host->counters = figures->counters;
    host->arrivals_intended = figures->arrivals.intended;
    host->iterations_started = figures->iterations_started;
    host->response_p50_ns = hosts__p99_ns(figures, LATENCY_RESPONSE, 50);
    host->response_p99_ns = hosts__p99_ns(figures, LATENCY_RESPONSE, 99);
    host->send_lag_p99_ns = hosts__p99_ns(figures, LATENCY_SEND_LAG, 99);
    host->poll_gap_p99_ns = hosts__p99_ns(figures, LATENCY_POLL_GAP, 99);
    host->stalled_ns = run_stalled_ns(run, RUN_STALL_LEAST_NS);
    host_read_resources(&host->resources);
    host->valid = verdict->valid;
    host->limited_by_client =
        verdict->limited_by != NULL && strcmp(verdict->limited_by, "client") == 0;
    for (uint32_t i = 0; i < verdict->reasons_count && i < HOSTS_REASONS_MAX; i++) {
        snprintf(host->reasons[host->reasons_count++], HOSTS_REASON_BYTES_MAX, "%s",
                 verdict->reasons[i]);
    }
    if (run->end == RUN_WORKER_FAILED) {
        snprintf(host->error, sizeof host->error, "%.*s", (int)sizeof host->error - 1,
                 run->error.text);
    }
}

static void hosts__pack(const struct run_host *host, struct pack *pack)
{
    counters_pack(&host->counters, pack);
    pack_u64(pack, host->arrivals_intended);
    pack_u64(pack, host->iterations_started);
    pack_i64(pack, host->response_p50_ns);
    pack_i64(pack, host->response_p99_ns);
    pack_i64(pack, host->send_lag_p99_ns);
    pack_i64(pack, host->poll_gap_p99_ns);
    pack_i64(pack, host->stalled_ns);
    pack_double(pack, host->resources.cpu_user_s);
    pack_double(pack, host->resources.cpu_system_s);
    pack_u64(pack, host->resources.rss_max_bytes);
    pack_u64(pack, host->valid);
    pack_u64(pack, host->limited_by_client);
    pack_u64(pack, host->reasons_count);
    for (uint32_t i = 0; i < host->reasons_count; i++) {
        pack_text(pack, host->reasons[i]);
    }
    pack_text(pack, host->error);
}

static bool hosts__unpack(struct run_host *host, struct unpack *from)
{
    counters_unpack_add(&host->counters, from);
    host->arrivals_intended = unpack_u64(from);
    host->iterations_started = unpack_u64(from);
    host->response_p50_ns = unpack_i64(from);
    host->response_p99_ns = unpack_i64(from);
    host->send_lag_p99_ns = unpack_i64(from);
    host->poll_gap_p99_ns = unpack_i64(from);
    host->stalled_ns = unpack_i64(from);
    host->resources.cpu_user_s = unpack_double(from);
    host->resources.cpu_system_s = unpack_double(from);
    host->resources.rss_max_bytes = unpack_u64(from);
    host->valid = unpack_bool(from);
    host->limited_by_client = unpack_bool(from);
    host->reasons_count = unpack_u32(from, HOSTS_REASONS_MAX);
    for (uint32_t i = 0; i < host->reasons_count; i++) {
        unpack_text(from, host->reasons[i], sizeof host->reasons[i]);
    }
    unpack_text(from, host->error, sizeof host->error);
    return !from->failed;
}

void hosts_pack_failure(const char *text, struct pack *pack)
{
    struct run_host host = {.valid = false};
    snprintf(host.error, sizeof host.error, "%s", text);
    hosts__pack(&host, pack);
    pack_u64(pack, 0);
}

void hosts_pack_run(struct run *run, const struct verdict *verdict, int64_t offset_ns,
                    struct pack *pack)
{
    struct run_host host = {.valid = true};
    hosts__describe(run, verdict, &host);
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

static int64_t hosts__larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
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
    run->end_ns = hosts__larger(run->end_ns, unpack_i64(from));
    run->ends_unfinished += unpack_u32(from, UINT32_MAX);
    run->clock_step_ns = hosts__larger(run->clock_step_ns, unpack_i64(from));
    run->clock_cost_ns = hosts__larger(run->clock_cost_ns, unpack_i64(from));
    run->clock_tick_ns = hosts__larger(run->clock_tick_ns, unpack_i64(from));
    histogram_unpack_add(&run->tick_lag, from);
    struct host_resources *others = &run->figures.resources_of_others;
    others->cpu_user_s += host->resources.cpu_user_s;
    others->cpu_system_s += host->resources.cpu_system_s;
    others->rss_max_bytes += host->resources.rss_max_bytes;
    host->reported = figures_unpack_add(&run->figures, from) && unpack_is_done(from);
    return host->reported;
}

static void hosts__reason(struct run_host *host, const char *text)
{
    host->valid = false;
    if (host->reasons_count < HOSTS_REASONS_MAX) {
        snprintf(host->reasons[host->reasons_count++], HOSTS_REASON_BYTES_MAX, "%s", text);
    }
}

/* What only who sees all can tell: a rank that could connect to nothing where others could. */
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
    host->valid = true;
    host->lost = rank->lost || !rank->reported;
    if (host->lost) {
        host->lost_ns = rank->heard_ns - run->origin_ns;
        snprintf(text, sizeof text, "was lost at %.1f s: what it played is not in the figures",
                 (double)hosts__larger(0, host->lost_ns) / (double)NS_PER_S);
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

bool hosts_gather(const struct plan *plan, struct run *run, const struct verdict *own,
                  const struct fleet *fleet, struct error *error)
{
    run->hosts = calloc(fleet->ranks_count, sizeof *run->hosts);
    if (run->hosts == NULL) {
        error_set(error, "no memory for the figures of %" PRIu32 " ranks", fleet->ranks_count);
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
            hosts__describe(run, own, host);
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
    static const enum total_kind KINDS[] = {
        TOTAL_CONNECTS_ATTEMPTED, TOTAL_CONNECTS_OK,         TOTAL_ITERATIONS,
        TOTAL_REQUESTS,           TOTAL_RESPONSES,           TOTAL_MESSAGES_SENT,
        TOTAL_BYTES_SENT,         TOTAL_BYTES_RECEIVED,      TOTAL_MESSAGES_RECEIVED,
        TOTAL_CONNECTIONS_CLEAN,  TOTAL_CONNECTIONS_ABNORMAL};
    struct cJSON *sums = json_add_item(item, "totals", cJSON_CreateObject());
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        json_add_u64(sums, total_key(KINDS[i]), totals[KINDS[i]]);
    }
    json_add_u64(item, "errors", counters_errors_sum(&host->counters));
    json_add_u64(item, "intended", host->arrivals_intended);
    json_add_u64(item, "started", host->iterations_started);
    json_add_i64(item, "response_p50_ns", host->response_p50_ns);
    json_add_i64(item, "response_p99_ns", host->response_p99_ns);
    json_add_i64(item, "send_lag_p99_ns", host->send_lag_p99_ns);
    json_add_i64(item, "poll_gap_p99_ns", host->poll_gap_p99_ns);
    json_add_i64(item, "stalled_ns", host->stalled_ns);
    struct cJSON *resources = json_add_item(item, "resources", cJSON_CreateObject());
    json_add_double(resources, "cpu_user_s", host->resources.cpu_user_s);
    json_add_double(resources, "cpu_system_s", host->resources.cpu_system_s);
    json_add_u64(resources, "rss_max_bytes", host->resources.rss_max_bytes);
}

static void hosts__add_one(struct cJSON *hosts, const struct run_host *host, uint32_t rank)
{
    struct cJSON *item = cJSON_CreateObject();
    json_add_u64(item, "rank", rank);
    json_add_text(item, "name", host->name);
    json_add_u64(item, "threads", host->workers);
    json_add_u64(item, "connections", host->connections);
    struct cJSON *validity = json_add_item(item, "validity", cJSON_CreateObject());
    json_add_bool(validity, "valid", host->valid);
    struct cJSON *reasons = json_add_item(validity, "reasons", cJSON_CreateArray());
    for (uint32_t i = 0; i < host->reasons_count; i++) {
        json_append_item(reasons, cJSON_CreateString(host->reasons[i]));
    }
    json_add_i64(item, "clock_offset_ns", host->clock_offset_ns);
    json_add_i64(item, "clock_bound_ns", host->clock_bound_ns);
    json_add_i64(item, "clock_drift_ns", host->clock_drift_ns);
    if (host->lost) {
        json_add_i64(item, "lost_ns", hosts__larger(0, host->lost_ns));
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
        const struct host_resources *own = &run->hosts[i].resources;
        hosts__add_one(hosts, &run->hosts[i], i);
        all.cpu_user_s += own->cpu_user_s;
        all.cpu_system_s += own->cpu_system_s;
        all.rss_max_bytes += own->rss_max_bytes;
    }
    struct cJSON *resources = json_add_item(result, "resources", cJSON_CreateObject());
    json_add_double(resources, "cpu_user_s", all.cpu_user_s);
    json_add_double(resources, "cpu_system_s", all.cpu_system_s);
    json_add_u64(resources, "rss_max_bytes", all.rss_max_bytes);
}
