/* Steps about the connection and the run: disconnect, reconnect, expect_close, barrier, at, mark,
 * log. */
#include "scenario/parse/parse.h"

#include "core/clock.h"

#include <string.h>

#define PARSE_DAY_NS (INT64_C(86400) * NS_PER_S)

static const char *const parse__timeouts[] = {"continue", "reconnect", "fail", NULL};

void parse_disconnect(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const types[] = {"fin", "rst", "half", NULL};
    uint32_t type = 0;
    if (!reader_choice_here(&parse->reader, json, types, &type)) {
        return;
    }
    step->disconnect = (enum disconnect_type)type;
    parse_needs_link(parse, type == 2);
    parse->flow.link = type == 2 ? PARSE_LINK_HALF : PARSE_LINK_CLOSED;
    parse->flow.takes_time = parse->flow.takes_time || type != 2;
}

void parse_back_off(struct parse *parse, const cJSON *json, struct back_off *back_off)
{
    static const char *const keys[] = {"first", "factor", "most", "tries", NULL};
    struct reader *reader = &parse->reader;
    *back_off = BACK_OFF_DEFAULT;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    reader_duration(reader, json, "first", NS_PER_MS, PARSE_DAY_NS, &back_off->first_ns);
    reader_duration(reader, json, "most", NS_PER_MS, PARSE_DAY_NS, &back_off->most_ns);
    reader_u32(reader, json, "tries", 1, 1000000, &back_off->tries);
    const cJSON *factor = reader_get(json, "factor");
    if (cJSON_IsNumber(factor) && factor->valuedouble >= 1 && factor->valuedouble <= 100) {
        back_off->factor = factor->valuedouble;
    } else if (factor != NULL) {
        size_t place = reader_enter(reader, "factor");
        reader_expected(reader, factor, "a number from 1 to 100");
        reader_leave(reader, place);
    }
    if (back_off->most_ns < back_off->first_ns) {
        reader_mistake(reader, "expected `most` of at least `first`, found less");
    }
}

void parse_reconnect(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"after", "back_off", NULL};
    struct reader *reader = &parse->reader;
    parse_first_link_step(parse, true);
    parse->flow.link = PARSE_LINK_OPEN;
    parse->flow.takes_time = true;
    if (cJSON_IsString(json) && strcmp(json->valuestring, "now") == 0) {
        return;
    }
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) < 1) {
        reader_expected(reader, json,
                        "\"now\", { \"after\": \"1s\" } or { \"back_off\": { \"first\": \"100ms\" "
                        "} }");
        return;
    }
    if (!reader_object(reader, json, keys)) {
        return;
    }
    reader_duration(reader, json, "after", 0, PARSE_DAY_NS, &step->after_ns);
    const cJSON *back_off = reader_get(json, "back_off");
    if (back_off != NULL) {
        size_t place = reader_enter(reader, "back_off");
        parse_back_off(parse, back_off, &step->back_off);
        reader_leave(reader, place);
    }
}

/* "5s", or { "within", "on_timeout" } (and what the caller has read already). */
static void parse__deadline(struct parse *parse, const cJSON *json, struct wait *wait)
{
    struct reader *reader = &parse->reader;
    uint32_t on_timeout = 0;
    reader_duration(reader, json, "within", NS_PER_MS, PARSE_DAY_NS, &wait->within_ns);
    if (reader_choice(reader, json, "on_timeout", parse__timeouts, &on_timeout)) {
        wait->on_timeout = (enum on_timeout)on_timeout;
    }
}

void parse_expect_close(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"within", "on_timeout", NULL};
    struct reader *reader = &parse->reader;
    parse_needs_link(parse, false);
    parse->flow.link = PARSE_LINK_CLOSED;
    parse->flow.takes_time = true;
    step->wait.within_ns = 5 * NS_PER_S;
    if (cJSON_IsString(json)) {
        reader_duration_here(reader, json, NS_PER_MS, PARSE_DAY_NS, &step->wait.within_ns);
    } else if (reader_object(reader, json, keys)) {
        parse__deadline(parse, json, &step->wait);
    }
}

/* The place of a name among those of the same kind; count_max when there are too many, which is
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

/* A short text; NULL when it is none. */
static const char *parse__short_text(struct parse *parse, const cJSON *json)
{
    if (!cJSON_IsString(json) || json->valuestring[0] == '\0' ||
        strlen(json->valuestring) > TREE_NAME_BYTES_MAX) {
        reader_expected(&parse->reader, json, "a text of 1 to 64 bytes");
        return NULL;
    }
    return arena_copy(parse->arena, json->valuestring, strlen(json->valuestring));
}

void parse_barrier(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"name", "within", "on_timeout", NULL};
    struct reader *reader = &parse->reader;
    const cJSON *name = json;
    parse->flow.takes_time = true;
    step->wait.within_ns = 30 * NS_PER_S;
    if (cJSON_IsObject(json)) {
        reader_object(reader, json, keys);
        parse__deadline(parse, json, &step->wait);
        name = reader_require(reader, json, "name", "the barrier's name");
    }
    size_t place = cJSON_IsObject(json) ? reader_enter(reader, "name") : reader->path_bytes;
    if (name != NULL) {
        step->name = parse__short_text(parse, name);
    }
    if (step->name != NULL) {
        uint32_t index = parse__add_name(parse, step->name, parse->barriers, &parse->barriers_count,
                                         TREE_BARRIERS_MAX);
        uint32_t *barriers = parse->in_setup ? &parse->barriers_of_setup : &parse->barriers_of_loop;
        *barriers |= index < TREE_BARRIERS_MAX ? UINT32_C(1) << index : 0;
    }
    reader_leave(reader, place);
}

void parse_check_barriers(struct parse *parse)
{
    parse->barriers_before_loops |= parse->barriers_of_setup;
    parse->barriers_within_loops |= parse->barriers_of_loop & ~parse->barriers_of_setup;
    uint32_t apart = parse->barriers_before_loops & parse->barriers_within_loops &
                     (parse->barriers_of_setup | parse->barriers_of_loop);
    for (uint32_t i = 0; i < parse->barriers_count; i++) {
        if ((apart >> i & 1) != 0) {
            reader_mistake(&parse->reader,
                           "the barrier \"%s\" stands in the `setup` of one behavior and in the "
                           "`loop` or `teardown` of another, which begin when every setup is done: "
                           "give them barriers of their own",
                           parse->barriers[i]);
        }
    }
    parse->barriers_of_setup = 0;
    parse->barriers_of_loop = 0;
}

void parse_at(struct parse *parse, const cJSON *json, struct step *step)
{
    parse->flow.takes_time = true; /* the first time, at least */
    reader_duration_here(&parse->reader, json, 0, 30 * PARSE_DAY_NS, &step->after_ns);
}

void parse_receive(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const words[] = {"off", "on", NULL};
    uint32_t choice = 0;
    parse_needs_link(parse, false);
    if (reader_choice_here(&parse->reader, json, words, &choice)) {
        step->receives = choice == 1;
    }
}

void parse_mark(struct parse *parse, const cJSON *json, struct step *step)
{
    step->name = parse__short_text(parse, json);
    if (step->name != NULL) {
        parse__add_name(parse, step->name, parse->marks, &parse->marks_count, TREE_MARKS_MAX);
    }
}

void parse_log(struct parse *parse, const cJSON *json, struct step *step)
{
    if (!cJSON_IsString(json) || json->valuestring[0] == '\0') {
        reader_expected(&parse->reader, json, "a text");
        return;
    }
    parse_text(parse, json->valuestring, &step->text);
    if (step->text.bytes_max > 512) {
        reader_mistake(&parse->reader, "expected a line of at most 512 bytes, found a longer one");
    }
}
