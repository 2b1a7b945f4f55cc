#include "report.h"

#include "core/units.h"
#include "cpu_log.h"
#include "server.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool report_open(struct report *report, struct server *server, bool interrupted,
                 struct error *error)
{
    memset(report, 0, sizeof *report);
    report->server = server;
    report->interrupted = interrupted;
    report->duration_ns = server->ended_ns - server->origin_ns;
    report->total = malloc(sizeof *report->total);
    if (report->total == NULL) {
        error_set(error, "out of memory");
        return false;
    }
    if (!recorder_open(report->total, server->origin_ns, RESULT_ABNORMAL_MAX, error)) {
        free(report->total);
        report->total = NULL;
        return false;
    }
    for (uint32_t i = 0; i < server->recorders_count; i++) {
        if (!recorder_merge(report->total, &server->recorders[i])) {
            error_set(error, "out of memory while adding up what the threads have measured");
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

static void report__add_server(const struct report *report, cJSON *result)
{
    const struct server *server = report->server;
    const struct server_options *options = &server->options;
    char address[NET_ADDRESS_TEXT_BYTES_MAX];
    cJSON *object = cJSON_AddObjectToObject(result, "server");
    cJSON_AddStringToObject(object, "model", options->model->name);
    cJSON_AddStringToObject(object, "model_kind", model_kind_text(options->model->kind));
    cJSON_AddStringToObject(object, "io", server->io_name);
    json_add_u64(object, "workers", server->recorders_count);
    json_add_u64(object, "threads_peak",
                 server->recorders_count + atomic_load(&server->conn_threads_peak));
    json_add_u64(object, "shards", server->shards_count);
    cJSON_AddStringToObject(object, "handler", options->handler->name);
    cJSON_AddStringToObject(object, "framing", options->raw ? "raw" : "length");
    cJSON_AddStringToObject(object, "listening",
                            options->model->kind == MODEL_NONE
                                ? "none"
                                : net_address_format(&server->rules.listening, address));
    json_add_u64(object, "connections_max", options->connections_max);
    json_add_u64(object, "sessions_per_thread_max", options->model->sessions_per_thread_max);
    uint32_t sessions_max = model_sessions_max(options->model, NULL);
    json_add_u64(object, "sessions_max", sessions_max == UINT32_MAX ? 0 : sessions_max);
    json_add_u64(object, "frame_bytes_max", options->frame_bytes_max);
    json_add_u64(object, "send_queue_bytes_max", options->send_queue_bytes_max);
    json_add_i64(object, "idle_timeout_ns", options->idle_timeout_ns);
    cJSON_AddBoolToObject(object, "busy_poll", options->busy_poll);
    cJSON_AddBoolToObject(object, "stomp", options->stomp);
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
        json_add_u64(totals, "connections_peak", atomic_load(&server->connections_peak));
    }
    cJSON *latency = cJSON_AddObjectToObject(result, "latency_ns");
    result_add_histogram(latency, "receive_to_reply", &total->receive_to_reply);
    result_add_histogram(latency, "queue_wait", &total->queue_wait);
    cJSON *series = series_to_json(total->series, server->ended_ns);
    if (series == NULL || !cJSON_AddItemToObject(result, "series", series)) {
        cJSON_Delete(result);
        return NULL;
    }
    result_add_abnormal(result, total->abnormal, total->abnormal_count, total->abnormal_total);
    clean_add_json(result, total->clean);
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
        error_set(error, "out of memory while making the result");
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
    bool at_least;
    fprintf(out, "  %-17s p50 %s, p99 %s, max %s\n", name,
            units_format_duration(histogram_percentile_ns(histogram, 50, &at_least), p50),
            units_format_duration(histogram_percentile_ns(histogram, 99, &at_least), p99),
            units_format_duration(histogram_percentile_ns(histogram, 100, &at_least), most));
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
            "  connections       %" PRIu64 " accepted, %u at once at most, %" PRIu64
            " ended cleanly, %" PRIu64 " abnormally\n",
            totals[TOTAL_CONNECTS_OK], atomic_load(&report->server->connections_peak),
            totals[TOTAL_CONNECTIONS_CLEAN], totals[TOTAL_CONNECTIONS_ABNORMAL]);
    fprintf(out, "  received          %s messages, %s\n",
            units_format_count(totals[TOTAL_MESSAGES_RECEIVED], received[0]),
            units_format_bytes(totals[TOTAL_BYTES_RECEIVED], received[1]));
    fprintf(out, "  sent              %s messages, %s\n",
            units_format_count(totals[TOTAL_MESSAGES_SENT], sent[0]),
            units_format_bytes(totals[TOTAL_BYTES_SENT], sent[1]));
    report__print_latency(&total->receive_to_reply, "receive to reply", out);
    report__print_latency(&total->queue_wait, "queue wait", out);
    report__print_errors(&total->counters, out);
    if (report->server->options.model->kind == MODEL_NONE && totals[TOTAL_MESSAGES_RECEIVED] > 0) {
        double thread_ns = (double)report->duration_ns * (double)report->server->options.threads;
        fprintf(out, "  cost              %.0f ns of a thread per message received\n",
                thread_ns / (double)totals[TOTAL_MESSAGES_RECEIVED]);
    }
}
