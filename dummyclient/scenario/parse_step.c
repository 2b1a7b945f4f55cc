/* Steps, and what they do to the connection. */
#include "scenario/parse.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PARSE_THINK_NS_MAX (INT64_C(86400) * NS_PER_S)

/* In the order of enum step_type. */
static const char *const parse__step_keys[] = {"send",   "expect",     "request",   "think",
                                               "repeat", "disconnect", "reconnect", NULL};

static void parse__first_link_step(struct parse *parse, bool opens)
{
    if (!parse->flow.has_link_step) {
        parse->flow.has_link_step = true;
        parse->flow.opens = opens;
    }
}

/* A step that needs the connection. */
static void parse__needs_link(struct parse *parse, bool sends)
{
    parse__first_link_step(parse, false);
    if (parse->flow.link == PARSE_LINK_CLOSED) {
        reader_mistake(&parse->reader, "the connection is closed here: put { \"reconnect\": "
                                       "\"now\" } before it");
    } else if (sends && parse->flow.link == PARSE_LINK_HALF) {
        reader_mistake(&parse->reader, "the sending half is closed here: put { \"reconnect\": "
                                       "\"now\" } before it");
    }
}

/* Can the framing carry whatever the body becomes? */
static void parse__check_body(struct parse *parse, const struct body *body)
{
    const struct framing *framing = parse->framing;
    if (frame_encoded_bytes(framing, body->bytes_min) == 0 ||
        frame_encoded_bytes(framing, body->bytes_max) == 0) {
        char found[64];
        snprintf(found, sizeof(found),
                 body->bytes_min == body->bytes_max ? "%" PRIu32 " bytes"
                                                    : "%" PRIu32 " to %" PRIu32 " bytes",
                 body->bytes_min, body->bytes_max);
        if (framing->type == FRAMING_FIXED) {
            reader_mistake(&parse->reader, "expected a body of exactly %" PRIu32 " bytes, found %s",
                           framing->fixed_bytes, found);
        } else {
            reader_mistake(&parse->reader, "expected a body that the framing can carry, found %s",
                           found);
        }
    }
    if (framing->type != FRAMING_DELIMITER || body->type != BODY_CONSTANT) {
        return;
    }
    for (uint32_t i = 0; i + framing->delimiter_bytes <= body->bytes_min; i++) {
        if (memcmp(body->bytes + i, framing->delimiter, framing->delimiter_bytes) == 0) {
            reader_mistake(&parse->reader,
                           "expected a body without the delimiter, which the framing adds; found "
                           "it at byte %" PRIu32,
                           i);
            return;
        }
    }
}

static void parse__send(struct parse *parse, const cJSON *json, struct send *send)
{
    static const char *const keys[] = {"id", "body", NULL};
    struct reader *reader = &parse->reader;
    const struct framing *framing = parse->framing;
    *send = (struct send){.id = 0};
    send->body.bytes = (const uint8_t *)"";
    if (!reader_object(reader, json, keys)) {
        return;
    }
    parse__needs_link(parse, true);
    bool has_ids = framing->type == FRAMING_LENGTH && framing->id_bytes > 0;
    if (!has_ids && reader_get(json, "id") != NULL) {
        size_t place = reader_enter(reader, "id");
        reader_mistake(reader, "the framing has no id (`id_bytes`)");
        reader_leave(reader, place);
    } else if (has_ids && reader_require(reader, json, "id", "the id of the message") != NULL) {
        uint64_t id_max = (UINT64_C(1) << (8 * framing->id_bytes)) - 1;
        reader_u32(reader, json, "id", 0, (uint32_t)id_max, &send->id);
    }
    size_t place = reader_enter(reader, "body");
    uint32_t mistakes_count = reader->mistakes_count;
    parse_body(parse, reader_get(json, "body"), &send->body);
    if (reader->mistakes_count == mistakes_count) {
        parse__check_body(parse, &send->body);
    }
    reader_leave(reader, place);
    parse->flow.has_sent = true;
}

static void parse__expect(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"match",      "verify",  "count", "within",
                                       "on_timeout", "capture", NULL};
    if (reader_object(&parse->reader, json, keys)) {
        parse__needs_link(parse, false);
        parse_wait(parse, json, NULL, &step->wait);
    }
}

static void parse__request(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"name",   "send",       "match",   "verify", "count",
                                       "within", "on_timeout", "capture", NULL};
    struct reader *reader = &parse->reader;
    char name[32];
    snprintf(name, sizeof(name), "request-%" PRIu32, ++parse->requests_count);
    const char *given = name;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    if (reader_text(reader, json, "name", &given) && strlen(given) > TREE_NAME_BYTES_MAX) {
        size_t place = reader_enter(reader, "name");
        reader_expected(reader, reader_get(json, "name"), "a name of at most 64 bytes");
        reader_leave(reader, place);
    }
    step->name = arena_copy(parse->arena, given, strlen(given));
    const cJSON *send = reader_require(reader, json, "send", "an object with `id` and `body`");
    if (send != NULL) {
        size_t place = reader_enter(reader, "send");
        parse__send(parse, send, &step->send);
        reader_leave(reader, place);
    }
    parse_wait(parse, json, &step->send, &step->wait);
}

static void parse__think_bounds(struct parse *parse, const cJSON *json, struct think *think)
{
    struct reader *reader = &parse->reader;
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 2) {
        reader_expected(reader, json, "[\"least\", \"most\"], two durations");
        return;
    }
    int64_t *const bounds[2] = {&think->low_ns, &think->high_ns};
    bool valid = true;
    for (int i = 0; i < 2; i++) {
        size_t place = reader_enter_index(reader, (uint32_t)i);
        valid = reader_duration_here(reader, cJSON_GetArrayItem(json, i), i, PARSE_THINK_NS_MAX,
                                     bounds[i]) &&
                valid;
        reader_leave(reader, place);
    }
    if (valid && think->low_ns > think->high_ns) {
        reader_mistake(reader, "expected the least duration first, found the greater one");
    }
}

static void parse__think(struct parse *parse, const cJSON *json, struct think *think)
{
    static const char *const keys[] = {"constant", "uniform", "exponential", NULL};
    struct reader *reader = &parse->reader;
    if (cJSON_IsString(json)) {
        reader_duration_here(reader, json, 1, PARSE_THINK_NS_MAX, &think->low_ns);
        return;
    }
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(reader, json,
                        "a duration such as \"200ms\", or an object with one of `constant`, "
                        "`uniform`, `exponential`");
        return;
    }
    if (!reader_object(reader, json, keys)) {
        return;
    }
    const cJSON *form = json->child;
    size_t place = reader_enter(reader, form->string);
    if (strcmp(form->string, "uniform") == 0) {
        think->type = THINK_UNIFORM;
        parse__think_bounds(parse, form, think);
    } else if (strcmp(form->string, "constant") == 0 || strcmp(form->string, "exponential") == 0) {
        think->type = form->string[0] == 'e' ? THINK_EXPONENTIAL : THINK_CONSTANT;
        reader_duration_here(reader, form, 1, PARSE_THINK_NS_MAX, &think->low_ns);
    }
    reader_leave(reader, place);
}

static void parse__repeat(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"times", "steps", NULL};
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    step->times = 1;
    if (reader_require(reader, json, "times", "how often") != NULL) {
        reader_u32(reader, json, "times", 1, 1000000000, &step->times);
    }
    const cJSON *steps = reader_require(reader, json, "steps", "an array of steps");
    if (steps == NULL) {
        return;
    }
    if (++parse->repeats_depth > TREE_REPEATS_MAX) {
        reader_mistake(reader, "expected at most %d repeats inside each other, found more",
                       TREE_REPEATS_MAX);
    } else {
        if (parse->repeats_depth > parse->repeats_depth_max) {
            parse->repeats_depth_max = parse->repeats_depth;
        }
        struct parse_flow before = parse->flow;
        parse->flow.has_link_step = false;
        size_t place = reader_enter(reader, "steps");
        step->child = parse_steps(parse, steps);
        if (step->child == NULL && cJSON_IsArray(steps) && cJSON_GetArraySize(steps) == 0) {
            reader_expected(reader, steps, "at least one step");
        }
        if (parse->flow.link != before.link && !parse->flow.opens) {
            reader_mistake(reader, "the second round would begin without the connection that the "
                                   "first began with: begin it with { \"reconnect\": \"now\" }");
        }
        reader_leave(reader, place);
        if (before.has_link_step) {
            parse->flow.has_link_step = true;
            parse->flow.opens = before.opens;
        }
    }
    parse->repeats_depth--;
}

static void parse__disconnect(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const types[] = {"fin", "rst", "half", NULL};
    uint32_t type = 0;
    if (!reader_choice_here(&parse->reader, json, types, &type)) {
        return;
    }
    step->disconnect = (enum disconnect_type)type;
    parse__needs_link(parse, type == 2);
    parse->flow.link = type == 2 ? PARSE_LINK_HALF : PARSE_LINK_CLOSED;
}

static void parse__reconnect(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"after", NULL};
    struct reader *reader = &parse->reader;
    parse__first_link_step(parse, true);
    parse->flow.link = PARSE_LINK_OPEN;
    if (cJSON_IsString(json) && strcmp(json->valuestring, "now") == 0) {
        return;
    }
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(reader, json, "\"now\" or { \"after\": \"1s\" }");
        return;
    }
    if (reader_object(reader, json, keys)) {
        reader_duration(reader, json, "after", 0, PARSE_THINK_NS_MAX, &step->after_ns);
    }
}

/* The reader stands at the step's key. */
static void parse__step_of(struct parse *parse, const cJSON *json, struct step *step)
{
    switch (step->type) {
    case STEP_SEND:
        parse__send(parse, json, &step->send);
        break;
    case STEP_EXPECT:
        parse__expect(parse, json, step);
        break;
    case STEP_REQUEST:
        parse__request(parse, json, step);
        break;
    case STEP_THINK:
        parse__think(parse, json, &step->think);
        break;
    case STEP_REPEAT:
        parse__repeat(parse, json, step);
        break;
    case STEP_DISCONNECT:
        parse__disconnect(parse, json, step);
        break;
    case STEP_RECONNECT:
        parse__reconnect(parse, json, step);
        break;
    }
}

static struct step *parse__step(struct parse *parse, const cJSON *json)
{
    struct reader *reader = &parse->reader;
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(reader, json,
                        "an object with one step: `send`, `expect`, `request`, `think`, `repeat`, "
                        "`disconnect` or `reconnect`");
        return NULL;
    }
    reader_object(reader, json, parse__step_keys);
    for (uint32_t type = 0; parse__step_keys[type] != NULL; type++) {
        if (strcmp(json->child->string, parse__step_keys[type]) != 0) {
            continue;
        }
        struct step *step = arena_take(parse->arena, sizeof(*step));
        if (step != NULL) {
            step->type = (enum step_type)type;
            size_t place = reader_enter(reader, json->child->string);
            parse__step_of(parse, json->child, step);
            reader_leave(reader, place);
        }
        return step;
    }
    return NULL;
}

struct step *parse_steps(struct parse *parse, const cJSON *json)
{
    struct step *first = NULL;
    struct step **link = &first;
    if (!cJSON_IsArray(json)) {
        reader_expected(&parse->reader, json, "an array of steps");
        return NULL;
    }
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        if (++parse->steps_count > TREE_STEPS_MAX) {
            if (parse->steps_count == TREE_STEPS_MAX + 1) {
                reader_mistake(&parse->reader, "expected at most %d steps in all, found more",
                               TREE_STEPS_MAX);
            }
            break;
        }
        size_t place = reader_enter_index(&parse->reader, index++);
        struct step *step = parse__step(parse, item);
        reader_leave(&parse->reader, place);
        if (step != NULL) {
            *link = step;
            link = &step->next;
        }
    }
    return first;
}
