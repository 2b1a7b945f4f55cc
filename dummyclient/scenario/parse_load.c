/* `load`: how many connections, how fast, how long. */
#include "scenario/parse.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdlib.h>

#define PARSE_DAY_NS          (INT64_C(86400) * NS_PER_S)
#define PARSE_DURATION_NS_MAX (30 * PARSE_DAY_NS)

static void parse__stage(struct reader *reader, const cJSON *json, struct scenario_stage *stage)
{
    static const char *const keys[] = {"duration", "rate", NULL};
    static const char *const ramp_keys[] = {"from", "to", NULL};
    if (!reader_object(reader, json, keys)) {
        return;
    }
    if (reader_require(reader, json, "duration", "how long the stage takes, such as \"30s\"")) {
        reader_duration(reader, json, "duration", 1, PARSE_DURATION_NS_MAX, &stage->duration_ns);
    }
    const cJSON *rate = reader_require(
        reader, json, "rate", "a rate such as \"20/s\", or { \"from\": ..., \"to\": ... }");
    if (rate == NULL) {
        return;
    }
    stage->has_rate = true;
    stage->connections_to = -1;
    if (!cJSON_IsObject(rate)) {
        reader_rate(reader, json, "rate", &stage->rate_from_per_s);
        stage->rate_to_per_s = stage->rate_from_per_s;
        return;
    }
    size_t place = reader_enter(reader, "rate");
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

static void parse__stages(struct reader *reader, const cJSON *json, struct scenario_load *load)
{
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
    if (count < 1 || count > SCENARIO_STAGES_MAX) {
        reader_expected(reader, json, "an array of 1 to 1000 stages");
        return;
    }
    load->stages = calloc((size_t)count, sizeof(*load->stages));
    if (load->stages == NULL) {
        reader_mistake(reader, "there is no memory for it");
        return;
    }
    load->stages_count = (uint32_t)count;
    load->duration_ns = 0;
    uint32_t index = 0;
    const cJSON *stage = NULL;
    cJSON_ArrayForEach(stage, json)
    {
        size_t place = reader_enter_index(reader, index);
        parse__stage(reader, stage, &load->stages[index]);
        load->duration_ns += load->stages[index].duration_ns;
        if (load->duration_ns > PARSE_DURATION_NS_MAX) {
            reader_mistake(reader, "expected stages of at most 30 days together, found more");
            load->duration_ns = 0;
        }
        reader_leave(reader, place);
        index++;
    }
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

void parse_load(struct reader *reader, const cJSON *json, struct scenario_load *load)
{
    static const char *const keys[] = {
        "connections", "connect_rate", "connect_timeout", "rate",      "stages", "duration",
        "warmup",      "drain",        "arrival",         "in_flight", "seed",   NULL};
    static const char *const arrivals[] = {"constant", "poisson", NULL};
    if (!reader_object(reader, json, keys)) {
        return;
    }
    reader_u32(reader, json, "connections", 1, 1000000, &load->connections);
    reader_rate(reader, json, "connect_rate", &load->connect_rate_per_s);
    reader_duration(reader, json, "connect_timeout", NS_PER_MS, PARSE_DAY_NS,
                    &load->connect_timeout_ns);
    load->has_rate = reader_rate(reader, json, "rate", &load->rate_per_s);
    reader_duration(reader, json, "duration", NS_PER_MS, PARSE_DURATION_NS_MAX, &load->duration_ns);
    const cJSON *stages = reader_get(json, "stages");
    if (stages != NULL) {
        parse__exclude(reader, json, "stages", "rate");
        parse__exclude(reader, json, "stages", "duration");
        size_t place = reader_enter(reader, "stages");
        parse__stages(reader, stages, load);
        reader_leave(reader, place);
        load->has_rate = true;
    }
    if (reader_duration(reader, json, "warmup", 0, PARSE_DURATION_NS_MAX, &load->warmup_ns) &&
        load->duration_ns > 0 && load->warmup_ns >= load->duration_ns) {
        size_t place = reader_enter(reader, "warmup");
        reader_expected(reader, reader_get(json, "warmup"), "less than the duration of the run");
        reader_leave(reader, place);
    }
    reader_duration(reader, json, "drain", 0, PARSE_DAY_NS, &load->drain_ns);
    uint32_t arrival = ARRIVAL_CONSTANT;
    if (reader_choice(reader, json, "arrival", arrivals, &arrival)) {
        load->arrival = arrival == 1 ? ARRIVAL_POISSON : ARRIVAL_CONSTANT;
    }
    reader_u32(reader, json, "in_flight", 1, 1024, &load->in_flight);
    int64_t seed = 0;
    if (reader_integer(reader, json, "seed", 0, INT64_C(9007199254740992), &seed)) {
        load->seed = (uint64_t)seed;
    }
}
