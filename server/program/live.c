#include "live.h"

#include "core/clock.h"
#include "results/metrics_text.h"
#include "system/host.h"
#include "text/json.h"
#include "web/web.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(((struct server_live *)0)->before) / sizeof(struct counters) == WEB_TIERS,
               "a place for each tier");

static const int64_t LIVE_CLOSE_WITHIN_NS = 2 * NS_PER_S;

bool server_live_open(struct server_live *live, const char *listen, const char *token,
                      struct error *error)
{
    struct web_options options = {.listen = listen, .token = token, .figures_only = true};
    *live = (struct server_live){0};
    live->web = web_open(&options, error);
    return live->web != NULL;
}

void server_live_begin(struct server_live *live, struct servers *servers)
{
    char run[256];
    if (live->web == NULL) {
        return;
    }
    live->servers = servers;
    live->origin_ns = servers->all[0]->origin_ns;
    live->made_ns = live->origin_ns;
    for (int i = 0; i < WEB_TIERS; i++) {
        live->before_ns[i] = live->origin_ns;
    }
    snprintf(run, sizeof run, "{\"program\":\"dummyserver\",\"run_id\":\"%s\",\"control\":false}",
             servers->all[0]->options.run_id);
    web_put(live->web, WEB_RUN, run, strlen(run));
}

/* What belongs to a moment. */
struct live__moment {
    int64_t now_ns;
    const char *phase;
    uint32_t connections;
    struct counters counters;
    struct host_resources resources;
};

static void live__add_record(struct server_live *live, uint32_t tier,
                             const struct live__moment *moment, struct json_text *line)
{
    struct counters *before = &live->before[tier];
    const char *separator = "";
    char utc[CLOCK_TEXT_BYTES_MAX];
    clock_format_utc(moment->now_ns + clock_wall_offset_ns(), utc);
    json_text_print(line,
                    "{\"run_id\":\"%s\",\"t_ns\":%" PRId64 ",\"interval_ns\":%" PRId64
                    ",\"utc\":\"%s\",\"phase\":\"%s\",\"connections\":%" PRIu32
                    ",\"cpu_s\":%.6f,\"rss_bytes\":%" PRIu64,
                    live->servers->all[0]->options.run_id, moment->now_ns - live->origin_ns,
                    moment->now_ns - live->before_ns[tier], utc, moment->phase, moment->connections,
                    moment->resources.cpu_user_s + moment->resources.cpu_system_s,
                    moment->resources.rss_bytes);
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        json_text_print(line, ",\"%s\":%" PRIu64, total_key((enum total_kind)kind),
                        moment->counters.totals[kind] - before->totals[kind]);
    }
    json_text_print(line, ",\"errors\":{");
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        uint64_t errors = moment->counters.errors[kind] - before->errors[kind];
        if (errors > 0) {
            json_text_print(line, "%s\"%s\":%" PRIu64, separator, error_key((enum error_kind)kind),
                            errors);
            separator = ",";
        }
    }
    json_text_print(line, "}}");
    *before = moment->counters;
    live->before_ns[tier] = moment->now_ns;
}

static void live__put_metrics(struct server_live *live, const struct live__moment *moment)
{
    struct json_text text = {0};
    struct metrics_text metrics = {.text = &text,
                                   .prefix = "dummyserver",
                                   .format = METRICS_PROMETHEUS,
                                   .run_id = live->servers->all[0]->options.run_id};
    metrics_add_gauge(&metrics, "connections", moment->connections);
    metrics_add_type(&metrics, "cpu_seconds", "counter");
    json_text_print(&text, "dummyserver_cpu_seconds_total{run_id=\"%s\"} %.9g\n", metrics.run_id,
                    moment->resources.cpu_user_s + moment->resources.cpu_system_s);
    metrics_add_gauge(&metrics, "rss_bytes", (double)moment->resources.rss_bytes);
    metrics_add_counters(&metrics, &moment->counters);
    if (!text.failed) {
        web_put(live->web, WEB_METRICS, text.text, text.bytes);
    }
    free(text.text);
}

static void live__make(struct server_live *live, int64_t now_ns, const char *phase)
{
    struct live__moment moment = {.now_ns = now_ns, .phase = phase};
    servers_watch(live->servers, &moment.counters, &moment.connections);
    host_read_resources(&moment.resources);
    live->seconds++;
    live->made_ns = now_ns;
    for (uint32_t tier = 0; tier < WEB_TIERS; tier++) {
        if (live->seconds % web_tier_period_s(tier) == 0) {
            struct json_text line = {0};
            live__add_record(live, tier, &moment, &line);
            web_publish(live->web, tier, line.failed ? NULL : line.text, line.bytes);
            free(line.text);
        }
    }
    live__put_metrics(live, &moment);
}

void server_live_tick(struct server_live *live, int64_t now_ns)
{
    if (live->web != NULL && web_record_is_due(live->origin_ns, live->made_ns, now_ns)) {
        live__make(live, now_ns, "running");
    } else if (live->web != NULL) {
        web_flush(live->web);
    }
}

void server_live_close(struct server_live *live)
{
    if (live->web != NULL) {
        live__make(live, clock_now_ns(), "ended");
        web_close(live->web, NULL, LIVE_CLOSE_WITHIN_NS);
    }
}
