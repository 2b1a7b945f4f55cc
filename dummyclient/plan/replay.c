/* A load as a scenario says it: what was played by hand can be played again. */
#include "plan/plan.h"
#include "text/json.h"
#include "text/units.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_DIGITS_MAX = 15 }; /* that a scenario takes */

/* The highest seed that a scenario takes; --seed takes more. */
static const uint64_t REPLAY_SEED_MAX = UINT64_C(9007199254740992);

/* Exactly, where 15 digits do. */
static void replay__add_rate(struct cJSON *json, const char *key, double rate_per_s)
{
    char text[64];
    int before = rate_per_s >= 10 ? (int)floor(log10(rate_per_s)) + 1 : 1;
    int after = REPLAY_DIGITS_MAX - before;
    snprintf(text, sizeof text - 2, "%.*f", after < 0 ? 0 : after, rate_per_s);
    if (strchr(text, '.') != NULL) {
        size_t bytes = strlen(text);
        while (text[bytes - 1] == '0') {
            bytes--;
        }
        bytes -= text[bytes - 1] == '.';
        text[bytes] = '\0';
    }
    strcat(text, "/s");
    json_add_text(json, key, text);
}

static void replay__add_duration(struct cJSON *json, const char *key, int64_t duration_ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } UNITS[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    char text[UNITS_TEXT_BYTES_MAX];
    size_t i = 0;
    while (duration_ns % UNITS[i].ns != 0) {
        i++;
    }
    /* Beyond eleven days not to the nanosecond: in 15 digits. */
    while (i > 0 && duration_ns / UNITS[i].ns >= INT64_C(1000000000000000)) {
        i--;
    }
    snprintf(text, sizeof text, "%" PRId64 "%s", duration_ns / UNITS[i].ns, UNITS[i].name);
    json_add_text(json, key, text);
}

static void replay__add_stage(struct cJSON *stages, const struct scenario_stage *stage)
{
    struct cJSON *item = cJSON_CreateObject();
    replay__add_duration(item, "duration", stage->duration_ns);
    const char *rate = stage->per_connection ? "rate_per_connection" : "rate";
    if (stage->has_rate && stage->rate_from_per_s == stage->rate_to_per_s) {
        replay__add_rate(item, rate, stage->rate_from_per_s);
    } else if (stage->has_rate) {
        struct cJSON *ramp = json_add_item(item, rate, cJSON_CreateObject());
        replay__add_rate(ramp, "from", stage->rate_from_per_s);
        replay__add_rate(ramp, "to", stage->rate_to_per_s);
    }
    if (stage->has_connections && stage->connections_from == stage->connections_to) {
        json_add_u64(item, "connections", stage->connections_from);
    } else if (stage->has_connections) {
        struct cJSON *ramp = json_add_item(item, "connections", cJSON_CreateObject());
        json_add_u64(ramp, "from", stage->connections_from);
        json_add_u64(ramp, "to", stage->connections_to);
    }
    json_append_item(stages, item);
}

/* Where no stage says more than how long it takes, it is the duration of the run. */
static bool replay__has_stages(const struct scenario_load *load)
{
    for (uint32_t i = 0; i < load->stages_count; i++) {
        if (load->stages[i].has_rate || load->stages[i].has_connections) {
            return true;
        }
    }
    return false;
}

struct cJSON *plan_load_document(const struct course *course)
{
    const struct scenario_load *load = &course->load;
    struct cJSON *json = cJSON_CreateObject();
    if (load->connections > 0) {
        json_add_u64(json, "connections", load->connections);
    }
    if (load->connect_rate_per_s > 0) {
        replay__add_rate(json, "connect_rate", load->connect_rate_per_s);
    }
    replay__add_duration(json, "connect_timeout", load->connect_timeout_ns);
    if (load->has_rate) {
        replay__add_rate(json, load->per_connection ? "rate_per_connection" : "rate",
                         load->rate_per_s);
    }
    if (replay__has_stages(load)) {
        struct cJSON *stages = json_add_item(json, "stages", cJSON_CreateArray());
        for (uint32_t i = 0; i < load->stages_count; i++) {
            struct scenario_stage stage = course_stage(course, i);
            replay__add_stage(stages, &stage);
        }
    } else {
        replay__add_duration(json, "duration", course->end_ns);
    }
    if (load->warmup_ns < course->end_ns) {
        replay__add_duration(json, "warmup", load->warmup_ns);
    }
    replay__add_duration(json, "drain", load->drain_ns);
    if (course->pacing.arrivals_total > 0) {
        json_add_text(json, "late", load->late == LATE_DROP ? "drop" : "queue");
        json_add_text(json, "arrival", load->arrival == ARRIVAL_POISSON ? "poisson" : "constant");
        if (load->catch_up_max_per_s > 0) {
            replay__add_rate(json, "max_catch_up_rate", load->catch_up_max_per_s);
        }
    }
    json_add_u64(json, "in_flight", load->in_flight);
    if (load->seed <= REPLAY_SEED_MAX) {
        json_add_u64(json, "seed", load->seed);
    }
    return json;
}

/* The scenario's own words for a target, with the address that was played. */
static struct cJSON *replay__target(const struct cJSON *own, const struct plan_target *played)
{
    struct cJSON *json = cJSON_IsObject(own) ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    char host[sizeof played->name];
    const char *colon = strrchr(played->name, ':');
    bool bracketed = played->name[0] == '[';
    snprintf(host, sizeof host, "%.*s", (int)(colon - played->name) - 2 * bracketed,
             played->name + bracketed);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "host");
    cJSON_DeleteItemFromObjectCaseSensitive(json, "port");
    json_add_text(json, "host", host);
    json_add_u64(json, "port", strtoul(colon + 1, NULL, 10));
    return json;
}

static struct cJSON *replay__named(const struct plan *plan, const struct cJSON *own)
{
    struct cJSON *targets = cJSON_Duplicate(own, true);
    for (uint32_t i = 0; i < plan->destinations_count; i++) {
        const struct plan_destination *destination = &plan->destinations[i];
        const struct cJSON *target = cJSON_GetObjectItemCaseSensitive(own, destination->name);
        if (destination->count > 0) {
            /* A name has one address in a file: several are told by plan_add_replay(). */
            cJSON_ReplaceItemInObjectCaseSensitive(
                targets, destination->name,
                replay__target(target, &plan->targets[destination->first]));
        }
    }
    return targets;
}

/* In the order of the file, or of --target; each may have several addresses. */
static struct cJSON *replay__unnamed(const struct plan *plan, const struct cJSON *own)
{
    bool given = plan->options->targets_count > 0; /* each is like the first of the file */
    struct cJSON *targets = cJSON_CreateArray();
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        const struct plan_target *played = &plan->targets[i];
        int of = given ? 0 : (int)played->of;
        const struct cJSON *item = cJSON_IsArray(own) ? cJSON_GetArrayItem(own, of) : own;
        if (i == 0 || played->of != plan->targets[i - 1].of) {
            struct cJSON *target = replay__target(item, played);
            if (given) {
                cJSON_DeleteItemFromObjectCaseSensitive(target, "all_addresses");
            }
            json_append_item(targets, target);
        }
    }
    if (cJSON_IsArray(own) || cJSON_GetArraySize(targets) != 1) {
        return targets;
    }
    struct cJSON *only = cJSON_DetachItemFromArray(targets, 0);
    cJSON_Delete(targets);
    return only;
}

/* `target` or `targets` (*key) of the scenario, with the addresses that options gave instead. NULL:
 * they gave none. */
static struct cJSON *replay__targets(const struct plan *plan, const char **key)
{
    const struct options *options = plan->options;
    bool given = options->host != NULL || options->port >= 0 || options->targets_count > 0;
    const struct cJSON *document = plan->scenario->document;
    if (!given || plan->sides > 1 || document == NULL) {
        return NULL;
    }
    bool named = plan->destinations[0].name != NULL;
    const struct cJSON *own = cJSON_GetObjectItemCaseSensitive(document, "targets");
    own = own != NULL ? own : cJSON_GetObjectItemCaseSensitive(document, "target");
    struct cJSON *targets = named ? replay__named(plan, own) : replay__unnamed(plan, own);
    *key = named || cJSON_IsArray(targets) ? "targets" : "target";
    return targets;
}

/* In place of what the document has of that key. */
static void replay__set(struct cJSON *json, const char *key, struct cJSON *item)
{
    cJSON_DeleteItemFromObjectCaseSensitive(json, key);
    json_add_item(json, key, item);
}

struct cJSON *plan_replay(const struct plan *plan, const struct course *course)
{
    const char *key = "";
    struct cJSON *json = cJSON_Duplicate(plan->scenario->document, true);
    if (json == NULL) {
        return NULL;
    }
    struct cJSON *targets = replay__targets(plan, &key);
    if (targets != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(json, "target");
        replay__set(json, key, targets);
    }
    replay__set(json, "load", plan_load_document(course));
    return json;
}

static bool replay__load_is_given(const struct options *options)
{
    return options->connections >= 0 || options->connect_rate_per_s >= 0 ||
           options->connect_timeout_ns >= 0 || options->rate_max || options->rate_per_s >= 0 ||
           options->rate_per_connection_per_s >= 0 || options->duration_ns >= 0 ||
           options->warmup_ns >= 0 || options->has_seed;
}

/* Nothing where the value is NULL. */
static void replay__say(struct cJSON *words, const char *option, const char *value)
{
    if (value != NULL) {
        json_append_item(words, cJSON_CreateString(option));
        json_append_item(words, cJSON_CreateString(value));
    }
}

static bool replay__has_several(const struct plan *plan)
{
    bool several = false;
    for (uint32_t i = 0; i < plan->destinations_count; i++) {
        const struct plan_destination *destination = &plan->destinations[i];
        several = several || (destination->name != NULL && destination->count > 1);
    }
    return several;
}

/* The options that a scenario cannot say, or that would mean another file elsewhere. */
static struct cJSON *replay__options(const struct plan *plan)
{
    const struct options *options = plan->options;
    struct cJSON *words = cJSON_CreateArray();
    for (uint32_t i = 0; i < options->targets_count && replay__has_several(plan); i++) {
        replay__say(words, "--target", options->targets[i]);
    }
    replay__say(words, "--duet", options->duet);
    for (uint32_t i = 0; i < options->sources_count; i++) {
        replay__say(words, "--source", options->sources[i]);
    }
    if (options->has_seed && options->seed > REPLAY_SEED_MAX) {
        char seed[UNITS_TEXT_BYTES_MAX];
        snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
        replay__say(words, "--seed", seed);
    }
    for (uint32_t i = 0; i < options->variables_count; i++) {
        const struct scenario_variable *variable = &options->variables[i];
        struct json_text text = {0};
        json_text_print(&text, "%s=%s", variable->name, variable->value);
        replay__say(words, "--set", text.text);
        free(text.text);
    }
    if (options->tls) {
        json_append_item(words, cJSON_CreateString("--tls"));
    }
    replay__say(words, "--tls-ca", options->tls_ca_path);
    if (options->insecure) {
        json_append_item(words, cJSON_CreateString("--insecure"));
    }
    replay__say(words, "--codec", options->codec_path);
    return words;
}

void plan_add_replay(const struct plan *plan, struct cJSON *json)
{
    const char *key = "";
    struct cJSON *replay = cJSON_CreateObject();
    struct cJSON *targets = replay__targets(plan, &key);
    if (targets != NULL) {
        json_add_item(replay, key, targets);
    }
    if (replay__load_is_given(plan->options)) {
        json_add_item(replay, "load", plan_load_document(&plan->course));
    }
    struct cJSON *options = json_add_item(replay, "options", replay__options(plan));
    if (cJSON_GetArraySize(options) == 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(replay, "options");
    }
    if (cJSON_GetArraySize(replay) > 0) {
        json_add_item(json, "replay", replay);
    } else {
        cJSON_Delete(replay);
    }
}
