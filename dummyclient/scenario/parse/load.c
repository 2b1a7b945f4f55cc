/* `load`: how many connections, how fast, how long. */
#include "scenario/parse/parse.h"

#include <inttypes.h>

static const struct key parse__rate_keys[] = {
    {"from", KEY_RATE(struct scenario_stage, rate_from_per_s),
     .required = "a rate such as \"0/s\""},
    {"to", KEY_RATE(struct scenario_stage, rate_to_per_s), .required = "a rate such as \"20/s\""},
    {0}};
static const struct key parse__connections_keys[] = {
    {"from", KEY_WHOLE(struct scenario_stage, connections_from, 0, SCENARIO_CONNECTIONS_MAX),
     .required = "a number of connections"},
    {"to", KEY_WHOLE(struct scenario_stage, connections_to, 0, SCENARIO_CONNECTIONS_MAX),
     .required = "a number of connections"},
    {0}};
static const struct key parse__stage_keys[] = {
    {"duration", KEY_DURATION(struct scenario_stage, duration_ns, 1, SCENARIO_DURATION_NS_MAX),
     .required = "how long the stage takes, such as \"30s\""},
    {"rate", KEY_INNER(parse__rate_keys), .shorthand = true},
    {"rate_per_connection", KEY_INNER(parse__rate_keys), .shorthand = true, .excludes = "rate"},
    {"connections", KEY_INNER(parse__connections_keys), .shorthand = true},
    {0}};
static void parse__check_stage(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_stage *stage = place;
    struct reader *reader = &parse->reader;
    const cJSON *each = reader_get(json, "rate_per_connection");
    const cJSON *rate = each != NULL ? each : reader_get(json, "rate");
    const cJSON *connections = reader_get(json, "connections");
    stage->has_rate = rate != NULL;
    stage->per_connection = each != NULL;
    stage->has_connections = connections != NULL;
    if (!cJSON_IsObject(rate)) {
        stage->rate_to_per_s = stage->rate_from_per_s; /* it holds: only `from` has been read */
    }
    if (!cJSON_IsObject(connections)) {
        stage->connections_to = stage->connections_from;
    }
    if (rate == NULL && connections == NULL) {
        reader_mistake(reader, "expected `rate`, `rate_per_connection` or `connections`, found "
                               "none of them");
    }
    if (stage->per_connection && stage->rate_from_per_s != stage->rate_to_per_s &&
        stage->connections_from != stage->connections_to) {
        reader_mistake(reader, "both the connections and the rate of each of them change here: "
                               "let one of them hold");
    }
}

static const struct key parse__stage = {"stages", KEY_INNER(parse__stage_keys),
                                        .then = parse__check_stage};

/* All stages with a rate, or none; and the number of connections that the run begins with. */
static void parse__check_stages(struct parse *parse, struct scenario_load *load)
{
    struct reader *reader = &parse->reader;
    uint32_t with_rate = 0;
    double rates_per_s = 0;
    bool counted = false;
    load->duration_ns = 0;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        const struct scenario_stage *stage = &load->stages[i];
        with_rate += stage->has_rate;
        counted = counted || stage->has_connections;
        rates_per_s += stage->rate_from_per_s + stage->rate_to_per_s;
        load->duration_ns += stage->duration_ns;
        if (load->duration_ns > SCENARIO_DURATION_NS_MAX) {
            reader_mistake(reader, "expected stages of at most 30 days together, found more");
            load->duration_ns = 0;
        }
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
    if (with_rate != 0 && rates_per_s <= 0 && reader->mistakes_count == 0) {
        reader_mistake(reader, "expected a rate above 0 in one of the stages, found none");
    }
    if (counted && !load->has_connections) {
        load->connections = load->stages[0].has_connections ? load->stages[0].connections_from : 0;
    }
    if (counted && scenario_connections_max(load) == 0 && reader->mistakes_count == 0) {
        reader_mistake(reader, "expected a connection in one of the stages, found none");
    }
}

void parse_check_load(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_load *load = place;
    struct reader *reader = &parse->reader;
    load->has_connections = reader_get(json, "connections") != NULL;
    load->per_connection = reader_get(json, "rate_per_connection") != NULL;
    load->has_rate = load->rate_per_s > 0;
    if (load->stages_count > 0) {
        size_t mark = reader_enter(reader, "stages");
        parse__check_stages(parse, load);
        reader_leave(reader, mark);
    }
    static const char *const of_open[] = {"late", "max_catch_up_rate"};
    bool open = load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
    for (size_t i = 0; i < sizeof of_open / sizeof of_open[0] && !open; i++) {
        if (reader_get(json, of_open[i]) != NULL) {
            reader_mistake_at(reader, of_open[i],
                              "only a load with a rate has late arrivals: add `rate`");
        }
    }
    if (load->duration_ns > 0 && load->warmup_ns >= load->duration_ns) {
        reader_expected_at(reader, json, "warmup", "less than the duration of the run");
    }
}

const struct key parse_load_keys[] = {
    {"connections", KEY_WHOLE(struct scenario_load, connections, 1, SCENARIO_CONNECTIONS_MAX),
     .preset = 1},
    {"connect_rate", KEY_RATE(struct scenario_load, connect_rate_per_s), .above_low = true},
    {"connect_timeout",
     KEY_DURATION(struct scenario_load, connect_timeout_ns, NS_PER_MS,
                  SCENARIO_CONNECT_TIMEOUT_NS_MAX),
     .preset = 5 * NS_PER_S},
    {"rate", KEY_RATE(struct scenario_load, rate_per_s), .above_low = true},
    {"rate_per_connection", KEY_RATE(struct scenario_load, rate_per_s), .above_low = true,
     .excludes = "rate"},
    {"stages",
     KEY_ARRAY(struct scenario_load, stages, stages_count, 1, SCENARIO_STAGES_MAX, &parse__stage),
     .excludes = "duration"},
    {"duration",
     KEY_DURATION(struct scenario_load, duration_ns, NS_PER_MS, SCENARIO_DURATION_NS_MAX),
     .preset = 10 * NS_PER_S},
    {"warmup", KEY_DURATION(struct scenario_load, warmup_ns, 0, SCENARIO_DURATION_NS_MAX)},
    {"drain", KEY_DURATION(struct scenario_load, drain_ns, 0, PARSE_DAY_NS),
     .preset = 5 * NS_PER_S},
    {"late", KEY_WORD(struct scenario_load, late, "queue", "drop")},
    {"max_catch_up_rate", KEY_RATE(struct scenario_load, catch_up_max_per_s), .above_low = true},
    {"arrival", KEY_WORD(struct scenario_load, arrival, "constant", "poisson")},
    {"in_flight", KEY_WHOLE(struct scenario_load, in_flight, 1, 1024), .preset = 1},
    {"seed", KEY_WHOLE(struct scenario_load, seed, 0, INT64_C(9007199254740992)), .preset = 1},
    {0}};
