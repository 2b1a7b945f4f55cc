#include "reporting/report.h"

#include "reporting/cpu_log.h"
#include "run/servers.h"
#include "text/units.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool report__merge(struct report *report, const struct server *server)
{
    int64_t duration_ns = server->ended_ns - server->origin_ns;
    report->duration_ns = duration_ns > report->duration_ns ? duration_ns : report->duration_ns;
    for (uint32_t i = 0; i < server->recorders_count; i++) {
        if (!recorder_merge(report->total, &server->recorders[i])) {
            return false;
        }
    }
    return true;
}

bool report_open(struct report *report, struct servers *servers, bool interrupted,
                 struct error *error)
{
    memset(report, 0, sizeof *report);
    report->servers = servers;
    report->server = servers->all[0];
    report->interrupted = interrupted;
    report->total = malloc(sizeof *report->total);
    if (report->total == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    if (!recorder_open(report->total, report->server->origin_ns, RESULT_ABNORMAL_MAX, error)) {
        free(report->total);
        report->total = NULL;
        return false;
    }
    for (uint32_t i = 0; i < servers->count; i++) {
        if (!report__merge(report, servers->all[i])) {
            error_set_short(error, ERROR_SHORT_OF_MEMORY,
                            "out of memory while adding up what the threads have measured");
            report_close(report);
            return false;
        }
    }
    return true;
}

void report_close(struct report *report)
{
    if (report->total != NULL) {
        recorder_close(report->total);
        free(report->total);
        report->total = NULL;
    }
}

/* Every address once, also where several listeners share it. */
static void report__add_listening(const struct report *report, cJSON *object)
{
    const struct servers *servers = report->servers;
    char address[NET_ADDRESS_TEXT_BYTES_MAX] = "none";
    char before[NET_ADDRESS_TEXT_BYTES_MAX] = "";
    if (report->server->options.model->kind != MODEL_NONE) {
        net_address_format(&report->server->rules.listening, address);
    }
    cJSON_AddStringToObject(object, "listening", address);
    json_add_u64(object, "listeners", servers->count);
    cJSON *list = json_add_item(object, "addresses", cJSON_CreateArray());
    for (uint32_t i = 0; i < servers->count; i++) {
        net_address_format(&servers->all[i]->rules.listening, address);
        if (strcmp(address, before) != 0) {
            json_append_item(list, cJSON_CreateString(address));
        }
        memcpy(before, address, sizeof before);
    }
}

/* What all servers of the process have together. */
struct report__sums {
    uint64_t workers;
    uint64_t threads_peak;
    uint64_t shards;
    uint64_t connections_max;
};

static struct report__sums report__add_up(const struct servers *servers)
{
    struct report__sums sums = {0};
    for (uint32_t i = 0; i < servers->count; i++) {
        const struct server *server = servers->all[i];
        sums.workers += server->recorders_count;
        sums.threads_peak += server->recorders_count + atomic_load(&server->conn_threads_peak);
        sums.shards += server->shards_count;
        sums.connections_max += server->options.connections_max;
    }
    return sums;
}

static void report__add_server(const struct report *report, cJSON *result)
{
    const struct server *server = report->server;
    const struct server_options *options = &server->options;
    const struct report__sums sums = report__add_up(report->servers);
    cJSON *object = cJSON_AddObjectToObject(result, "server");
    cJSON_AddStringToObject(object, "model", options->model->name);
    cJSON_AddStringToObject(object, "model_kind", model_kind_text(options->model->kind));
    cJSON_AddStringToObject(object, "io", server->io_name);
    json_add_u64(object, "workers", sums.workers);
    json_add_u64(object, "threads_peak", sums.threads_peak);
    json_add_u64(object, "shards", sums.shards);
    cJSON_AddStringToObject(object, "handler", options->handler->name);
    cJSON_AddStringToObject(object, "framing", SESSION_FRAMING_NAMES[options->framing]);
    report__add_listening(report, object);
    json_add_u64(object, "connections_max", sums.connections_max);
    json_add_u64(object, "sessions_per_thread_max", options->model->sessions_per_thread_max);
    uint32_t sessions_max = model_sessions_max(options->model, NULL);
    json_add_u64(object, "sessions_max", sessions_max == UINT32_MAX ? 0 : sessions_max);
    json_add_u64(object, "frame_bytes_max", options->frame_bytes_max);
    json_add_i64(object, "idle_timeout_ns", options->idle_timeout_ns);
    json_add_u64(object, "send_queue_bytes_max", options->send_queue_bytes_max);
    json_add_bool(object, "busy_poll", options->busy_poll);
    json_add_bool(object, "stomp", options->stomp);
    json_add_bool(object, "tls", options->tls != NULL);
    cJSON_AddBoolToObject(object, "tcp_nodelay", options->model->kind != MODEL_NONE);
}

static cJSON *report__make(const struct report *report)
{
    struct server *server = report->server;
    const struct recorder *total = report->total;
    struct result_run run = {
        .name = "dummyserver",
        .started_wall_ns = server->started_wall_ns,
        .duration_ns = report->duration_ns,
        .interrupted = report->interrupted,
    };
    memcpy(run.id, server->options.run_id, sizeof run.id);
    cJSON *result = result_create("server", &run);
    if (result == NULL) {
        return NULL;
    }
    report__add_server(report, result);
    result_add_counters(result, &total->counters);
    cJSON *totals = cJSON_GetObjectItemCaseSensitive(result, "totals");
    if (totals != NULL) {
        json_add_u64(totals, "connections_peak", report->servers->connections_peak);
    }
    cJSON *latency = cJSON_AddObjectToObject(result, "latency_ns");
    result_add_histogram(latency, "receive_to_reply", &total->receive_to_reply);
    result_add_histogram(latency, "queue_wait", &total->queue_wait);
    cJSON *series = series_to_json(total->series, server->origin_ns + report->duration_ns);
    if (series == NULL || !cJSON_AddItemToObject(result, "series", series)) {
        cJSON_Delete(result);
        return NULL;
    }
    result_add_abnormal(result, total->abnormal, total->abnormal_count, total->abnormal_total);
    clean_add_json(result, total->clean);
    if (server->options.tls != NULL) {
        tls_stats_add_json(&total->tls, result);
    }
    result_add_port_stats(result, server->io_name, &total->port);
    result_add_resources(result);
    cJSON *resources = cJSON_GetObjectItemCaseSensitive(result, "resources");
    if (report->cpu_log != NULL && resources != NULL) {
        cpu_log_add_json(report->cpu_log, resources);
    }
    return result;
}

bool report_write(const struct report *report, const char *path, struct error *error)
{
    cJSON *result = report__make(report);
    if (result == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory while making the result");
        return false;
    }
    bool written = result_write(result, path, error);
    cJSON_Delete(result);
    return written;
}

static void report__print_latency(const struct histogram *histogram, const char *name, FILE *out)
{
    if (histogram_count(histogram) == 0) {
        return;
    }
    char p50[UNITS_TEXT_BYTES_MAX];
    char p99[UNITS_TEXT_BYTES_MAX];
    char most[UNITS_TEXT_BYTES_MAX];
    fprintf(out, "  %-17s p50 %s, p99 %s, max %s\n", name,
            units_format_duration(histogram_percentile(histogram, 50).low_ns, p50),
            units_format_duration(histogram_percentile(histogram, 99).low_ns, p99),
            units_format_duration(histogram_percentile(histogram, 100).low_ns, most));
}

static void report__print_tls(const struct tls_stats *tls, const uint64_t *totals, FILE *out)
{
    fprintf(out, "  TLS               ");
    for (int i = TLS_VERSION_NONE + 1; i <= TLS_VERSION_1_3; i++) {
        if (tls->versions[i] > 0) {
            fprintf(out, "%" PRIu64 " of %s, ", tls->versions[i],
                    tls_version_name((enum tls_version)i));
        }
    }
    char received[UNITS_TEXT_BYTES_MAX];
    char sent[UNITS_TEXT_BYTES_MAX];
    fprintf(out, "%" PRIu64 " resumed; on the wire %s received, %s sent\n",
            totals[TOTAL_TLS_RESUMED],
            units_format_bytes(totals[TOTAL_WIRE_BYTES_RECEIVED], received),
            units_format_bytes(totals[TOTAL_WIRE_BYTES_SENT], sent));
}

static void report__print_errors(const struct counters *counters, FILE *out)
{
    bool any = false;
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (counters->errors[kind] > 0) {
            fprintf(out, "%s %s %" PRIu64, any ? "," : "  errors           ",
                    error_key((enum error_kind)kind), counters->errors[kind]);
            any = true;
        }
    }
    fprintf(out, "%s", any ? "\n" : "  errors            none\n");
}

void report_print(const struct report *report, FILE *out)
{
    const struct recorder *total = report->total;
    const uint64_t *totals = total->counters.totals;
    char received[2][UNITS_TEXT_BYTES_MAX];
    char sent[2][UNITS_TEXT_BYTES_MAX];
    char duration[UNITS_TEXT_BYTES_MAX];
    fprintf(out, "dummyserver: served for %s\n",
            units_format_duration(report->duration_ns, duration));
    fprintf(out,
            "  connections       %" PRIu64 " accepted, %u at a time at most, %" PRIu64
            " ended cleanly, %" PRIu64 " abnormally\n",
            totals[TOTAL_CONNECTS_OK], (unsigned)report->servers->connections_peak,
            totals[TOTAL_CONNECTIONS_CLEAN], totals[TOTAL_CONNECTIONS_ABNORMAL]);
    fprintf(out, "  received          %s messages, %s\n",
            units_format_count(totals[TOTAL_MESSAGES_RECEIVED], received[0]),
            units_format_bytes(totals[TOTAL_BYTES_RECEIVED], received[1]));
    fprintf(out, "  sent              %s messages, %s\n",
            units_format_count(totals[TOTAL_MESSAGES_SENT], sent[0]),
            units_format_bytes(totals[TOTAL_BYTES_SENT], sent[1]));
    if (report->server->options.tls != NULL) {
        report__print_tls(&total->tls, totals, out);
    }
    report__print_latency(&total->receive_to_reply, "receive to reply", out);
    report__print_latency(&total->queue_wait, "queue wait", out);
    report__print_errors(&total->counters, out);
    if (report->server->options.model->kind == MODEL_NONE && totals[TOTAL_MESSAGES_RECEIVED] > 0) {
        double thread_ns = (double)report->duration_ns * (double)report->server->options.threads;
        fprintf(out, "  cost              %.0f ns of a thread per message received\n",
                thread_ns / (double)totals[TOTAL_MESSAGES_RECEIVED]);
    }
}
