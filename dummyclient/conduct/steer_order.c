/* Orders and marks as text: JSON from /control, and in the result. */
#include "conduct/run.h"
#include "conduct/steer.h"
#include "core/clock.h"
#include "text/json.h"
#include "text/units.h"

#include <cjson/cJSON.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "+10%" is 1.1 times as much. */
static bool steer__read_percent(const char *text, double *factor)
{
    char *end = NULL;
    if (text[0] != '+' && text[0] != '-') {
        return false;
    }
    double percent = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !isfinite(percent) || percent < -100) {
        return false;
    }
    *factor = 1 + percent / 100;
    return true;
}

static bool steer__read_rate(const cJSON *json, struct steer_order *order, struct error *error)
{
    bool each = strcmp(json->string, "rate_per_connection") == 0;
    struct touch *touch = &order->touch;
    touch->kind = each ? TOUCH_RATE_EACH : TOUCH_RATE;
    if (cJSON_IsNumber(json) && json->valuedouble >= 0 && json->valuedouble <= 1e9) {
        touch->value = json->valuedouble;
    } else if (cJSON_IsString(json) && !each &&
               steer__read_percent(json->valuestring, &touch->value)) {
        touch->kind = TOUCH_SCALE;
        snprintf(order->text, sizeof order->text, "rate %.40s", json->valuestring);
        return true;
    } else if (!cJSON_IsString(json) || !units_rate_per_s(json->valuestring, &touch->value, NULL)) {
        error_set(error,
                  "`%s`: expected iterations per second from 0 to 1000000000, such as 500 or "
                  "\"500/s\"%s",
                  json->string, each ? "" : ", or a change such as \"+10%\"");
        return false;
    }
    char rate[UNITS_TEXT_BYTES_MAX];
    snprintf(order->text, sizeof order->text, "rate %s/s%s",
             units_format_exact_rate(touch->value, rate), each ? " per connection" : "");
    return true;
}

static bool steer__read_connections(const cJSON *json, struct steer_order *order,
                                    struct error *error)
{
    double value = cJSON_IsNumber(json) ? json->valuedouble : -1;
    if (value < 0 || value > SCENARIO_CONNECTIONS_MAX || value != floor(value)) {
        error_set(error, "`connections`: expected a whole number of connections");
        return false;
    }
    order->touch = (struct touch){.kind = TOUCH_CONNECTIONS, .value = value};
    snprintf(order->text, sizeof order->text, "connections %.0f", value);
    return true;
}

static bool steer__read_pause(const cJSON *json, struct steer_order *order, struct error *error)
{
    if (!cJSON_IsBool(json)) {
        error_set(error, "`pause`: expected true or false");
        return false;
    }
    order->touch.kind = cJSON_IsTrue(json) ? TOUCH_PAUSE : TOUCH_RESUME;
    snprintf(order->text, sizeof order->text, "%s", cJSON_IsTrue(json) ? "pause" : "resume");
    return true;
}

static bool steer__read_end(const cJSON *json, struct steer_order *order, struct error *error)
{
    bool stage = cJSON_IsString(json) && strcmp(json->valuestring, "stage") == 0;
    if (!stage && (!cJSON_IsString(json) || strcmp(json->valuestring, "run") != 0)) {
        error_set(error, "`end`: expected \"stage\" or \"run\"");
        return false;
    }
    order->touch.kind = stage ? TOUCH_END_STAGE : TOUCH_END_RUN;
    snprintf(order->text, sizeof order->text, "end of the %s", json->valuestring);
    return true;
}

static bool steer__read_mark(const cJSON *json, struct steer_order *order, struct error *error)
{
    order->kind = STEER_MARK;
    size_t bytes = cJSON_IsString(json) ? strlen(json->valuestring) : 0;
    if (bytes == 0 || bytes >= sizeof order->text) {
        error_set(error, "`mark`: expected a text of 1 to %zu bytes", sizeof order->text - 1);
        return false;
    }
    snprintf(order->text, sizeof order->text, "%s", json->valuestring);
    error_make_line(order->text);
    return true;
}

/* An order is an object without others in it. What reads JSON calls itself for each level, and the
 * threads of the page have small stacks. */
static bool steer__is_flat(const char *text)
{
    bool quoted = false;
    uint32_t opened = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (quoted && at[0] == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            opened += *at == '{' || *at == '[';
        }
    }
    return opened <= 1;
}

bool steer_read(const char *text, struct steer_order *order, struct error *error)
{
    static const struct {
        const char *key;
        bool (*read)(const cJSON *json, struct steer_order *order, struct error *error);
    } KEYS[] = {{"rate", steer__read_rate},
                {"rate_per_connection", steer__read_rate},
                {"connections", steer__read_connections},
                {"pause", steer__read_pause},
                {"end", steer__read_end},
                {"mark", steer__read_mark}};
    cJSON *json = steer__is_flat(text) ? cJSON_ParseWithOpts(text, NULL, true) : NULL;
    const cJSON *only = cJSON_IsObject(json) ? json->child : NULL;
    bool read = false;
    *order = (struct steer_order){.kind = STEER_TOUCH};
    error_set(error, "expected an object with one of the keys rate, rate_per_connection, "
                     "connections, pause, end and mark, such as {\"rate\": \"+10%%\"}");
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS && only != NULL; i++) {
        if (only->next == NULL && strcmp(only->string, KEYS[i].key) == 0) {
            read = KEYS[i].read(only, order, error);
        }
    }
    cJSON_Delete(json);
    return read;
}

const char *steer_mark_kind(const struct steer_mark *mark)
{
    static const char *const KINDS[] = {
        [TOUCH_RATE] = "rate",     [TOUCH_RATE_EACH] = "rate",
        [TOUCH_SCALE] = "rate",    [TOUCH_CONNECTIONS] = "connections",
        [TOUCH_PAUSE] = "pause",   [TOUCH_RESUME] = "resume",
        [TOUCH_END_STAGE] = "end", [TOUCH_END_RUN] = "end"};
    return mark->kind == STEER_MARK ? "mark" : KINDS[mark->touch];
}

void steer_add_json(const struct run *run, struct cJSON *result)
{
    const struct steer *steer = run->steer;
    if (steer == NULL || steer->marks_count == 0) {
        return;
    }
    struct cJSON *json = json_add_item(result, "steering", cJSON_CreateObject());
    struct cJSON *marks = json_add_item(json, "marks", cJSON_CreateArray());
    for (uint32_t i = 0; i < steer->marks_count; i++) {
        const struct steer_mark *mark = &steer->marks[i];
        struct cJSON *item = cJSON_CreateObject();
        char utc[CLOCK_TEXT_BYTES_MAX];
        clock_format_utc(mark->wall_ns, utc);
        json_add_i64(item, "t_ns", mark->at_ns - run->origin_ns);
        if (run->t0_ns != TIME_NEVER_NS) {
            json_add_i64(item, "since_t0_ns", mark->at_ns - run->t0_ns);
        }
        json_add_text(item, "utc", utc);
        json_add_text(item, "who", mark->who);
        json_add_text(item, "kind", steer_mark_kind(mark));
        json_add_text(item, "text", mark->text);
        json_append_item(marks, item);
    }
    if (steer_is_steered(steer)) {
        json_add_item(json, "load", plan_load_document(run->course));
    }
}

/* With its quotes. */
static void steer__print_text(struct json_text *answer, const char *text)
{
    cJSON *json = cJSON_CreateString(text);
    char *quoted = cJSON_PrintUnformatted(json);
    json_text_print(answer, "%s", quoted != NULL ? quoted : "\"no memory\"");
    cJSON_free(quoted);
    cJSON_Delete(json);
}

bool steer_control(void *context, const char *text, const char *who, struct json_text *answer)
{
    struct steer_order order;
    struct error error = {""};
    int64_t at_ns = 0;
    bool accepted =
        steer_read(text, &order, &error) && steer_submit(context, &order, who, &at_ns, &error);
    if (accepted) {
        json_text_print(answer, "{\"at_s\":%.9f,\"done\":", (double)at_ns / (double)NS_PER_S);
        steer__print_text(answer, order.text);
    } else {
        json_text_print(answer, "{\"error\":");
        steer__print_text(answer, error.text);
    }
    json_text_print(answer, "}");
    return accepted;
}
