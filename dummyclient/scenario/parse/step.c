/* Steps, and what they do to the connection. */
#include "proto/http.h"
#include "scenario/parse/header.h"
#include "scenario/parse/tls.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void parse_first_link_step(struct parse *parse, bool opens)
{
    if (!parse->flow.has_link_step) {
        parse->flow.has_link_step = true;
        parse->flow.opens = opens;
        parse->flow.aims = false;
    }
}

void parse_needs_link(struct parse *parse, bool sends)
{
    parse_first_link_step(parse, false);
    if (parse->flow.link == PARSE_LINK_CLOSED) {
        reader_mistake(&parse->reader, "the connection is closed here: put { \"reconnect\": "
                                       "\"now\" } before it");
    } else if (sends && parse->flow.link == PARSE_LINK_HALF) {
        reader_mistake(&parse->reader, "the sending half is closed here: put { \"reconnect\": "
                                       "\"now\" } before it");
    }
}

static bool parse__carries(const struct framing *framing, uint32_t id, uint32_t bytes)
{
    return frame_encoded_bytes(framing, id, bytes) > 0;
}

/* The bodies that the framing can carry under this id, from..to; none: 1..0. A `plus` below 0 makes
 * the least. */
static void parse__carried(const struct framing *framing, uint32_t id, uint32_t *from, uint32_t *to)
{
    uint32_t most = FRAMING_FRAME_BYTES_MAX;
    *from = 0;
    while (*from < most && !parse__carries(framing, id, *from)) {
        ++*from;
    }
    *to = *from;
    while (*to < most) {
        uint32_t middle = *to + (most - *to + 1) / 2;
        if (parse__carries(framing, id, middle)) {
            *to = middle;
        } else {
            most = middle - 1;
        }
    }
}

/* What keeps the framing from carrying a body of more than `to` bytes. */
static const char *parse__bound(const struct framing *framing, uint32_t id, uint32_t to,
                                bool exactly)
{
    struct framing wide = *framing;
    wide.frame_bytes_max = FRAMING_FRAME_BYTES_MAX;
    if (framing->type == FRAMING_FIXED) {
        return "";
    }
    if (framing->type == FRAMING_BY_ID && exactly) {
        return " (`sizes`, less the id)";
    }
    return to < FRAMING_FRAME_BYTES_MAX && parse__carries(&wide, id, to + 1)
               ? ", which the framing can carry (frame_bytes_max)"
               : ", which the framing can carry";
}

static void parse__refuse_body(struct parse *parse, const struct send *send)
{
    const struct body *body = &send->body;
    const struct framing *framing = &parse->protocol->framing;
    char least[UNITS_COUNTED_BYTES_MAX];
    char most[UNITS_COUNTED_BYTES_MAX];
    char found[UNITS_COUNTED_BYTES_MAX];
    uint32_t from = 0;
    uint32_t to = 0;
    parse__carried(framing, send->id, &from, &to);
    if (!parse__carries(framing, send->id, from)) {
        reader_mistake(&parse->reader,
                       "the framing can carry no body at all here: its `size` has no "
                       "room for `plus`, or frame_bytes_max for the header");
        return;
    }
    snprintf(least, sizeof least, "%" PRIu32 " to ", from);
    snprintf(found, sizeof found, "%" PRIu32 " to ", body->bytes_min);
    units_format_counted(to, "byte", most);
    bool one = from == to;
    bool bounded = from > 0 && !one;
    char bytes[UNITS_COUNTED_BYTES_MAX];
    units_format_counted(body->bytes_max, "byte", bytes);
    reader_mistake(&parse->reader, "expected a body of %s%s%s%s, found %s%s",
                   one       ? "exactly "
                   : bounded ? ""
                             : "at most ",
                   bounded ? least : "", most, parse__bound(framing, send->id, to, one),
                   body->bytes_min == body->bytes_max ? "" : found, bytes);
}

/* Can the framing carry the body in all sizes that it can have? */
static void parse__check_body(struct parse *parse, const struct send *send)
{
    if (parse->protocol->is_wrong) {
        return;
    }
    const struct body *body = &send->body;
    const struct framing *framing = &parse->protocol->framing;
    bool known = framing->type != FRAMING_BY_ID || parse_lists_id(framing, send->id);
    if (known && (!parse__carries(framing, send->id, body->bytes_min) ||
                  !parse__carries(framing, send->id, body->bytes_max))) {
        parse__refuse_body(parse, send);
    }
    parse_check_delimiter(parse, body);
}

/* Could it ask for something that the framing has to know of when the response comes? */
static bool parse__must_read(const struct body *body)
{
    bool is_text = false;
    if (body->type == BODY_CONSTANT) {
        return http_must_read(body->bytes, body->bytes_min, true);
    }
    for (uint32_t i = 0; i < body->parts_count; i++) {
        const struct part *part = &body->parts[i];
        const struct operand *operand = &part->value.operand;
        bool is_number = part->form == PART_LENGTH
                             ? part->format.form == NUMBER_DIGITS
                             : part->form == PART_TEXT && value_is_digits(&part->value);
        bool joins = is_text; /* to the text before it */
        is_text = !is_number && part->form == PART_TEXT && operand->source == OPERAND_TEXT;
        if (is_text ? joins || http_must_read(operand->bytes, operand->bytes_count, i == 0)
                    : i == 0 || !is_number) {
            return true;
        }
    }
    return body->type == BODY_RANDOM;
}

void parse_send(struct parse *parse, const cJSON *json, void *place)
{
    struct send *send = place;
    struct reader *reader = &parse->reader;
    const cJSON *unframed = reader_get(json, "unframed");
    send->unframed = unframed != NULL;
    parse_needs_link(parse, true);
    if (send->unframed && (reader_get(json, "id") != NULL || reader_get(json, "head") != NULL)) {
        reader_mistake(reader,
                       "`id` and `head` belong to the framing, which `unframed` leaves out");
    } else if (parse_has_ids(parse) && reader_get(json, "id") == NULL && !send->unframed &&
               parse->protocol->framing.type != FRAMING_CODEC) {
        reader_expected_at(reader, json, "id", "the id of the message");
    }
    size_t mark = reader_enter(reader, send->unframed ? "unframed" : "body");
    uint32_t mistakes_count = reader->mistakes_count;
    parse_body(parse, send->unframed ? unframed : reader_get(json, "body"), &send->body);
    parse->sent_is_wrong = reader->mistakes_count > mistakes_count;
    if (!send->unframed && !parse->sent_is_wrong) {
        parse__check_body(parse, send);
        struct framing *framing = &parse->protocol->framing;
        framing->reads_sent =
            framing->reads_sent || (framing->type == FRAMING_HTTP && parse__must_read(&send->body));
    }
    reader_leave(reader, mark);
    parse->flow.has_sent = true;
    parse->flow.takes_time = true;
}

const struct key parse_send_keys[] = {{"id", KEY_OTHER(struct send, id, parse_id)},
                                      {"head", KEY_OTHER(struct send, head_values, parse_head)},
                                      {.name = "body"},
                                      {.name = "unframed", .excludes = "body"},
                                      {0}};

static void parse__takes_time(struct parse *parse, const cJSON *json, void *place)
{
    (void)json, (void)place;
    parse->flow.takes_time = true;
}

/* A maximum below the minimum, or below the middle, would make it a constant. */
static void parse__check_think(struct parse *parse, const cJSON *json, const struct think *think)
{
    static const char *const lows[] = {
        [THINK_NORMAL] = "mean", [THINK_LOGNORMAL] = "median", [THINK_PARETO] = "min"};
    if (think->type < THINK_NORMAL || think->most_ns >= think->low_ns) {
        return;
    }
    char expected[32];
    snprintf(expected, sizeof expected, "at least `%s`", lows[think->type]);
    size_t mark = reader_enter(&parse->reader, json->string);
    reader_expected_at(&parse->reader, json, reader_get(json, "max") != NULL ? "max" : "most",
                       expected);
    reader_leave(&parse->reader, mark);
}

static void parse__think(struct parse *parse, const cJSON *json, void *place)
{
    struct think *think = place;
    const struct key *keys = think_keys();
    think->most_ns = THINK_NS_MAX;
    parse->flow.takes_time = true;
    if (cJSON_IsString(json)) {
        reader_read_value(&parse->reader, json, &keys[THINK_CONSTANT], &think->low_ns);
        return;
    }
    uint32_t mistakes_count = parse->reader.mistakes_count;
    const struct key *form = reader_read_one(&parse->reader, json, keys, "distribution",
                                             "a duration such as \"200ms\", or ", think);
    think->type = form == NULL ? THINK_CONSTANT : (enum think_type)(form - keys);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse__check_think(parse, json->child, think);
    }
}

/* In the order of enum step_type. */
static const struct key parse__steps[] = {
    {"send", PARSE_SEND},
    {"expect", .then = parse_expect},
    {"request", .then = parse_request},
    {"think", KEY_OTHER(struct step, think, parse__think)},
    {"repeat", .then = parse_repeat},
    {"choose", .then = parse_choose},
    {"if", .then = parse_if},
    {"set", KEY_OTHER(struct step, sets, parse_set)},
    {"barrier", KEY_INNER(parse_barrier_keys), .shorthand = true, .then = parse__takes_time},
    {"disconnect", KEY_WORD(struct step, disconnect, "fin", "rst", "half"),
     .then = parse_disconnect},
    {"reconnect", .then = parse_reconnect},
    {"expect_close", KEY_INNER(parse_expect_close_keys), .shorthand = true, .then = parse_closes},
    {"wait_until_age", .alias = "at", KEY_DURATION(struct step, after_ns, 0, 30 * PARSE_DAY_NS),
     .then = parse__takes_time},
    {"receive", KEY_WORD(struct step, receives, "off", "on"), .then = parse_receive},
    {"mark", KEY_TEXT(struct step, name), .high = TREE_NAME_BYTES_MAX, .then = parse_mark},
    {"log", KEY_OTHER(struct step, text, parse_log)},
    {"tls", .kind = KEY_KIND_WORD, .words = (const char *const[]){"start", NULL},
     .then = parse_secure},
    {0}};

static bool parse__is_step(const char *name)
{
    const struct key *key = parse__steps;
    while (key->name != NULL && strcmp(key->name, name) != 0) {
        key++;
    }
    return key->name != NULL;
}

/* Two keys in the object of a step: two steps, or one and what belongs inside of it. */
static void parse__one_step_each(struct parse *parse, const cJSON *json)
{
    const cJSON *step = json->child;
    const cJSON *other = step->next;
    if (!parse__is_step(step->string)) {
        other = step;
        step = step->next;
    }
    if (parse__is_step(step->string) && !parse__is_step(other->string)) {
        reader_mistake(&parse->reader,
                       "expected an object with one step, found `%.32s` beside `%.32s`: if it "
                       "belongs to the step, put it inside of its braces",
                       other->string, step->string);
        return;
    }
    reader_mistake(&parse->reader,
                   "expected an object with one step, found `%.32s` and `%.32s` in one: give each "
                   "step its own object",
                   json->child->string, json->child->next->string);
}

/* place: the link to the next one. */
static void parse__step(struct parse *parse, const cJSON *json, void *place)
{
    struct step ***link = place;
    struct reader *reader = &parse->reader;
    if (++parse->steps_count > TREE_STEPS_MAX) {
        if (parse->steps_count == TREE_STEPS_MAX + 1) {
            reader_mistake(reader, "expected at most %d steps in all, found more", TREE_STEPS_MAX);
        }
        return;
    }
    if (cJSON_IsObject(json) && cJSON_GetArraySize(json) > 1) {
        parse__one_step_each(parse, json);
        return;
    }
    if (!cJSON_IsObject(json) || json->child == NULL) {
        reader_expected(reader, json,
                        "an object with one step, such as { \"think\": \"1s\" } or { "
                        "\"request\": ... }");
        return;
    }
    struct step *step = arena_take(parse->arena, sizeof *step);
    uint32_t target = parse->flow.target;
    const struct key *key =
        step == NULL ? NULL : reader_read_one(reader, json, parse__steps, "step", "", step);
    if (key != NULL) {
        step->path = arena_copy(parse->arena, reader->path, reader->path_bytes + 1);
        step->target = target;
        step->type = (enum step_type)(key - parse__steps);
        **link = step;
        *link = &step->next;
    }
}

void parse_steps(struct parse *parse, const cJSON *json, void *place)
{
    struct step **link = place;
    if (cJSON_IsArray(json)) {
        reader_each(&parse->reader, json, parse__step, &link);
    } else {
        reader_expected(&parse->reader, json, "an array of steps");
    }
}
