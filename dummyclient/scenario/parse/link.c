/* Steps about the connection and the run: disconnect, reconnect, expect_close, barrier,
 * wait_until_age, receive, mark, log. */
#include "scenario/parse/websocket.h"

#include <string.h>

void parse_disconnect(struct parse *parse, const cJSON *json, void *place)
{
    enum disconnect_type type = *(const enum disconnect_type *)place;
    bool half = type == DISCONNECT_HALF;
    (void)json;
    parse_needs_link(parse, half);
    parse->flow.link = half ? PARSE_LINK_HALF : PARSE_LINK_CLOSED;
    parse->flow.takes_time = parse->flow.takes_time || !half;
}

static void parse__check_back_off(struct parse *parse, const cJSON *json, void *place)
{
    const struct back_off *back_off = place;
    (void)json;
    if (back_off->most_ns < back_off->first_ns) {
        reader_mistake(&parse->reader, "expected `max` of at least `first`, found less");
    }
}

static const struct key parse__back_off_keys[] = {
    {"first", KEY_DURATION(struct back_off, first_ns, NS_PER_MS, PARSE_DAY_NS),
     .preset = BACK_OFF_FIRST_NS},
    {"factor", KEY_NUMBER(struct back_off, factor, 1, 100), .preset = BACK_OFF_FACTOR},
    {"max", .alias = "most", KEY_DURATION(struct back_off, most_ns, NS_PER_MS, PARSE_DAY_NS),
     .preset = BACK_OFF_MOST_NS},
    {"max_attempts", .alias = "tries", KEY_WHOLE(struct back_off, tries, 1, 1000000)},
    {0}};

static const struct key parse__reconnect_keys[] = {
    {"to", KEY_OTHER(struct step, reconnect, parse_to)},
    {"after", KEY_DURATION(struct step, after_ns, 0, PARSE_DAY_NS)},
    {"back_off", KEY_OBJECT(struct step, reconnect.back_off, parse__back_off_keys),
     .then = parse__check_back_off},
    {0}};

static void parse__reconnect(struct parse *parse, const cJSON *json, void *place)
{
    struct reader *reader = &parse->reader;
    const struct step *step = place;
    bool first = !parse->flow.has_link_step;
    parse_first_link_step(parse, true);
    parse->flow.link = PARSE_LINK_OPEN;
    parse->flow.secured = false;
    parse->flow.takes_time = true;
    if (cJSON_IsString(json) && strcmp(json->valuestring, "now") == 0) {
        return;
    }
    if (!cJSON_IsObject(json) || json->child == NULL) {
        reader_expected(reader, json,
                        "\"now\", { \"after\": \"1s\" }, { \"to\": \"game\" } or { \"back_off\": { "
                        "\"first\": \"100ms\" } }");
        return;
    }
    reader_read(reader, json, parse__reconnect_keys, place);
    if (step->reconnect.moves) {
        parse->flow.aims = parse->flow.aims || first;
        parse_move(parse, step->reconnect.target);
    }
}

void parse_reconnect(struct parse *parse, const cJSON *json, void *place)
{
    parse__reconnect(parse, json, place);
    parse_request_of(parse, parse->flow.target);
}

static const struct key parse__on_disconnect = {
    .name = "on_disconnect",
    KEY_WORD(struct scenario_behavior, on_disconnect, "stop", "reconnect")};
static const struct key parse__on_disconnect_keys[] = {
    {"reconnect", KEY_OBJECT(struct scenario_behavior, back_off, parse__back_off_keys),
     .then = parse__check_back_off, .required = "an object with `first`, `max`"},
    {0}};

void parse_on_disconnect(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_behavior *behavior = place;
    if (cJSON_IsString(json)) {
        reader_read_value(&parse->reader, json, &parse__on_disconnect, &behavior->on_disconnect);
        return;
    }
    if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json,
                        "\"stop\", \"reconnect\" or { \"reconnect\": { \"first\": \"100ms\" } }");
        return;
    }
    behavior->on_disconnect = ON_DISCONNECT_RECONNECT;
    reader_read(&parse->reader, json, parse__on_disconnect_keys, behavior);
}

void parse_closes(struct parse *parse, const cJSON *json, void *place)
{
    (void)json, (void)place;
    parse_needs_link(parse, false);
    parse->flow.link = PARSE_LINK_CLOSED;
    parse->flow.takes_time = true;
}

const struct key parse_expect_close_keys[] = {
    {PARSE_WITHIN = 5 * NS_PER_S}, {PARSE_ON_TIMEOUT}, {0}};

/* The number of a name among those of the same kind; count_max when there are too many, which is
 * reported. */
static uint32_t parse__add_name(struct parse *parse, const char *name, const char **names,
                                uint32_t *count, uint32_t count_max)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    if (*count == count_max) {
        reader_mistake(&parse->reader, "expected at most %u names, found more", count_max);
        return count_max;
    }
    names[*count] = name;
    return (*count)++;
}

static void parse__barrier_name(struct parse *parse, const cJSON *json, void *place)
{
    uint32_t index = parse__add_name(parse, json->valuestring, parse->barriers,
                                     &parse->barriers_count, TREE_BARRIERS_MAX);
    uint32_t *barriers = parse->in_setup ? &parse->barriers_of_setup : &parse->barriers_of_loop;
    (void)place;
    *barriers |= index < TREE_BARRIERS_MAX ? UINT32_C(1) << index : 0;
}

const struct key parse_barrier_keys[] = {
    {"name", KEY_TEXT(struct step, name), .high = TREE_NAME_BYTES_MAX,
     .required = "the barrier's name", .then = parse__barrier_name},
    {PARSE_WITHIN = 30 * NS_PER_S},
    {PARSE_ON_TIMEOUT},
    {0}};

void parse_check_barriers(struct parse *parse)
{
    parse->barriers_before_loops |= parse->barriers_of_setup;
    parse->barriers_within_loops |= parse->barriers_of_loop;
    uint32_t apart = parse->barriers_before_loops & parse->barriers_within_loops &
                     (parse->barriers_of_setup | parse->barriers_of_loop);
    for (uint32_t i = 0; i < parse->barriers_count; i++) {
        if ((apart >> i & 1) != 0) {
            reader_mistake(&parse->reader,
                           "the barrier \"%s\" is in a `setup` and in a `loop` or `teardown`, "
                           "which begin when every setup is done: use two barriers",
                           parse->barriers[i]);
        }
    }
    parse->barriers_of_setup = 0;
    parse->barriers_of_loop = 0;
}

void parse_receive(struct parse *parse, const cJSON *json, void *place)
{
    (void)json, (void)place;
    parse_needs_link(parse, false);
}

void parse_mark(struct parse *parse, const cJSON *json, void *place)
{
    (void)place;
    parse__add_name(parse, json->valuestring, parse->marks, &parse->marks_count, TREE_MARKS_MAX);
}

void parse_log(struct parse *parse, const cJSON *json, void *place)
{
    struct body *text = place;
    if (!cJSON_IsString(json) || json->valuestring[0] == '\0') {
        reader_expected(&parse->reader, json, "a text");
        return;
    }
    parse_text(parse, json, text);
    if (text->bytes_max > 512) {
        reader_mistake(&parse->reader, "expected a line of at most 512 bytes, found a longer one");
    }
}
