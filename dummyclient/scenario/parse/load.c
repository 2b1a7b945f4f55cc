/* `load`: how many connections, how fast, how long. */
#include "scenario/parse/parse.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdlib.h>

#define PARSE_DAY_NS (INT64_C(86400) * NS_PER_S)

/* "20/s", or { "from", "to" }. */
static void parse__stage_rate(struct reader *reader, const cJSON *json, const char *key,
                              struct scenario_stage *stage)
{
    static const char *const ramp_keys[] = {"from", "to", NULL};
    const cJSON *rate = reader_get(json, key);
    stage->has_rate = true;
    stage->per_connection = key[4] != '\0';
    if (!cJSON_IsObject(rate)) {
        reader_rate(reader, json, key, &stage->rate_from_per_s);
        stage->rate_to_per_s = stage->rate_from_per_s;
        return;
    }
    size_t place = reader_enter(reader, key);
    if (reader_object(reader, rate, ramp_keys)) {
        if (reader_require(reader, rate, "from", "a rate such as \"0/s\"")) {
            reader_rate(reader, rate, "from", &stage->rate_from_per_s);
        }
        if (reader_require(reader, rate, "to", "a rate such as \"20/s\"")) {
            reader_rate(reader, rate, "to", &stage->rate_to_per_s);
        }
    }
    reader_leave(reader, place);
}

/* 100, or { "from", "to" }. */
static void parse__stage_connections(struct reader *reader, const cJSON *json,
                                     struct scenario_stage *stage)
{
    static const char *const ramp_keys[] = {"from", "to", NULL};
    const cJSON *connections = reader_get(json, "connections");
    stage->has_connections = true;
    if (!cJSON_IsObject(connections)) {
        reader_u32(reader, json, "connections", 0, SCENARIO_CONNECTIONS_MAX,
                   &stage->connections_from);
        stage->connections_to = stage->connections_from;
        return;
    }
    size_t place = reader_enter(reader, "connections");
    if (reader_object(reader, connections, ramp_keys)) {
        if (reader_require(reader, connections, "from", "a number of connections")) {
            reader_u32(reader, connections, "from", 0, SCENARIO_CONNECTIONS_MAX,
                       &stage->connections_from);
        }
        if (reader_require(reader, connections, "to", "a number of connections")) {
            reader_u32(reader, connections, "to", 0, SCENARIO_CONNECTIONS_MAX,
                       &stage->connections_to);
        }
    }
    reader_leave(reader, place);
}

static void parse__stage(struct reader *reader, const cJSON *json, struct scenario_stage *stage)
{
    static const char *const keys[] = {"duration", "rate", "rate_per_connection", "connections",
                                       NULL};
    if (!reader_object(reader, json, keys)) {
        return;
    }
    if (reader_require(reader, json, "duration", "how long the stage takes, such as \"30s\"")) {
        reader_duration(reader, json, "duration", 1, SCENARIO_DURATION_NS_MAX, &stage->duration_ns);
    }
    bool total = reader_get(json, "rate") != NULL;
    bool each = reader_get(json, "rate_per_connection") != NULL;
    bool connections = reader_get(json, "connections") != NULL;
    if (total && each) {
        reader_mistake(reader, "expected `rate` or `rate_per_connection`, found both");
    } else if (!total && !each && !connections) {
        reader_mistake(reader, "expected `rate`, `rate_per_connection` or `connections`, found "
                               "none of them");
    }
    if (total) {
        parse__stage_rate(reader, json, "rate", stage);
    } else if (each) {
        parse__stage_rate(reader, json, "rate_per_connection", stage);
    }
    if (connections) {
        parse__stage_connections(reader, json, stage);
    }
    if (stage->per_connection && stage->rate_from_per_s != stage->rate_to_per_s &&
        stage->connections_from != stage->connections_to) {
        reader_mistake(reader, "both the connections and the rate of each of them change here: "
                               "let one of them hold");
    }
}

/* All stages with a rate, or none; and the number of connections that the run begins with. */
static void parse__check_stages(struct reader *reader, bool wrong, struct scenario_load *load)
{
    uint32_t with_rate = 0;
    uint32_t most = 0;
    double rates_per_s = 0;
    bool counted = false;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        const struct scenario_stage *stage = &load->stages[i];
        with_rate += stage->has_rate;
        counted = counted || stage->has_connections;
        most = stage->connections_from > most ? stage->connections_from : most;
        most = stage->connections_to > most ? stage->connections_to : most;
        rates_per_s += stage->rate_from_per_s + stage->rate_to_per_s;
    }
    if (with_rate != 0 && load->has_rate) {
        reader_mistake(reader, "the stages have rates, and `%s` says another",
                       load->per_connection ? "load.rate_per_connection" : "load.rate");
    } else if (with_rate != 0 && with_rate != load->stages_count) {
        reader_mistake(reader,
                       "%" PRIu32 " of %" PRIu32 " stages have a rate: give all of them "
                       "one, or none (`rate` then holds for all, or the loop is closed)",
                       with_rate, load->stages_count);
    }
    if (with_rate != 0 && rates_per_s <= 0 && !wrong) {
        reader_mistake(reader, "expected a rate above 0 in one of the stages, found none");
    }
    if (counted && !load->has_connections) {
        load->connections = load->stages[0].has_connections ? load->stages[0].connections_from : 0;
    }
    if (counted && most == 0 && load->connections == 0 && !wrong) {
        reader_mistake(reader, "expected a connection in one of the stages, found none");
    }
}

static void parse__stages(struct reader *reader, const cJSON *json, struct scenario_load *load)
{
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
    if (count < 1 || count > SCENARIO_STAGES_MAX) {
        reader_expected(reader, json, "an array of 1 to 1000 stages");
        return;
    }
    load->stages = calloc((size_t)count, sizeof *load->stages);
    if (load->stages == NULL) {
        reader_mistake(reader, "there is no memory for it");
        return;
    }
    load->stages_count = (uint32_t)count;
    load->duration_ns = 0;
    uint32_t mistakes_count = reader->mistakes_count;
    uint32_t index = 0;
    const cJSON *stage = NULL;
    cJSON_ArrayForEach(stage, json)
    {
        size_t place = reader_enter_index(reader, index);
        parse__stage(reader, stage, &load->stages[index]);
        load->duration_ns += load->stages[index].duration_ns;
        if (load->duration_ns > SCENARIO_DURATION_NS_MAX) {
            reader_mistake(reader, "expected stages of at most 30 days together, found more");
            load->duration_ns = 0;
        }
        reader_leave(reader, place);
        index++;
    }
    parse__check_stages(reader, reader->mistakes_count > mistakes_count, load);
}

/* Two keys of which only one makes sense. */
static void parse__exclude(struct reader *reader, const cJSON *json, const char *key,
                           const char *other)
{
    if (reader_get(json, key) != NULL && reader_get(json, other) != NULL) {
        size_t place = reader_enter(reader, key);
        reader_mistake(reader, "expected either this or `%s`, found both", other);
        reader_leave(reader, place);
    }
}

/* A rate that must not be 0, because nothing would ever happen, or (bounds) be bounded. */
static bool parse__rate(struct reader *reader, const cJSON *json, const char *key, double *per_s)
{
    double given_per_s = 0;
    if (!reader_rate(reader, json, key, &given_per_s)) {
        return false;
    }
    if (given_per_s <= 0) {
        size_t place = reader_enter(reader, key);
        reader_expected(reader, reader_get(json, key), "a rate above 0");
        reader_leave(reader, place);
        return false;
    }
    *per_s = given_per_s;
    return true;
}

static void parse__rates(struct reader *reader, const cJSON *json, struct scenario_load *load)
{
    load->has_rate = parse__rate(reader, json, "rate", &load->rate_per_s);
    if (reader_get(json, "rate_per_connection") != NULL) {
        parse__exclude(reader, json, "rate_per_connection", "rate");
        load->per_connection = true;
        load->has_rate = parse__rate(reader, json, "rate_per_connection", &load->rate_per_s);
    }
    parse__rate(reader, json, "max_catch_up_rate", &load->catch_up_max_per_s);
    const cJSON *stages = reader_get(json, "stages");
    if (stages == NULL) {
        return;
    }
    parse__exclude(reader, json, "stages", "duration");
    size_t place = reader_enter(reader, "stages");
    parse__stages(reader, stages, load);
    reader_leave(reader, place);
}

/* What only an open loop has. */
static void parse__check_open(struct reader *reader, const cJSON *json,
                              const struct scenario_load *load)
{
    static const char *const keys[] = {"late", "max_catch_up_rate"};
    bool open = load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !open; i++) {
        size_t place = reader_enter(reader, keys[i]);
        if (reader_get(json, keys[i]) != NULL) {
            reader_mistake(reader, "only a load with a rate has late arrivals: add `rate`");
        }
        reader_leave(reader, place);
    }
}

void parse_load(struct reader *reader, const cJSON *json, struct scenario_load *load)
{
    static const char *const keys[] = {"connections",
                                       "connect_rate",
                                       "connect_timeout",
                                       "rate",
                                       "rate_per_connection",
                                       "stages",
                                       "duration",
                                       "warmup",
                                       "drain",
                                       "late",
                                       "max_catch_up_rate",
                                       "arrival",
                                       "in_flight",
                                       "seed",
                                       NULL};
    static const char *const arrivals[] = {"constant", "poisson", NULL};
    static const char *const lates[] = {"queue", "drop", NULL};
    if (!reader_object(reader, json, keys)) {
        return;
    }
    load->has_connections =
        reader_u32(reader, json, "connections", 1, SCENARIO_CONNECTIONS_MAX, &load->connections);
    parse__rate(reader, json, "connect_rate", &load->connect_rate_per_s);
    reader_duration(reader, json, "connect_timeout", NS_PER_MS, PARSE_DAY_NS,
                    &load->connect_timeout_ns);
    reader_duration(reader, json, "duration", NS_PER_MS, SCENARIO_DURATION_NS_MAX,
                    &load->duration_ns);
    parse__rates(reader, json, load);
    parse__check_open(reader, json, load);
    if (reader_duration(reader, json, "warmup", 0, SCENARIO_DURATION_NS_MAX, &load->warmup_ns) &&
        load->duration_ns > 0 && load->warmup_ns >= load->duration_ns) {
        size_t place = reader_enter(reader, "warmup");
        reader_expected(reader, reader_get(json, "warmup"), "less than the duration of the run");
        reader_leave(reader, place);
    }
    reader_duration(reader, json, "drain", 0, PARSE_DAY_NS, &load->drain_ns);
    uint32_t choice = 0;
    if (reader_choice(reader, json, "arrival", arrivals, &choice)) {
        load->arrival = choice == 1 ? ARRIVAL_POISSON : ARRIVAL_CONSTANT;
    }
    if (reader_choice(reader, json, "late", lates, &choice)) {
        load->late = choice == 1 ? LATE_DROP : LATE_QUEUE;
    }
    reader_u32(reader, json, "in_flight", 1, 1024, &load->in_flight);
    int64_t seed = 0;
    if (reader_integer(reader, json, "seed", 0, INT64_C(9007199254740992), &seed)) {
        load->seed = (uint64_t)seed;
    }
}
