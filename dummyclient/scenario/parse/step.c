/* Steps, and what they do to the connection. */
#include "scenario/parse/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void parse_first_link_step(struct parse *parse, bool opens)
{
    if (!parse->flow.has_link_step) {
        parse->flow.has_link_step = true;
        parse->flow.opens = opens;
    }
}

/* A step that needs the connection. */
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

/* Can the framing carry whatever the body becomes? */
static void parse__check_body(struct parse *parse, const struct body *body)
{
    const struct framing *framing = parse->framing;
    if (frame_encoded_bytes(framing, body->bytes_min) == 0 ||
        frame_encoded_bytes(framing, body->bytes_max) == 0) {
        char found[64];
        snprintf(found, sizeof found,
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
    parse_check_delimiter(parse, body);
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
    parse_needs_link(parse, true);
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
    parse->flow.takes_time = true;
}

static void parse__send_step(struct parse *parse, const cJSON *json, struct step *step)
{
    parse__send(parse, json, &step->send);
}

static void parse__think_step(struct parse *parse, const cJSON *json, struct step *step)
{
    parse_think(parse, json, &step->think);
}

static void parse__expect(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"match",    "verify", "count",   "within", "on_timeout",
                                       "optional", "bytes",  "capture", "since",  NULL};
    if (reader_object(&parse->reader, json, keys)) {
        parse_needs_link(parse, false);
        parse_wait(parse, json, NULL, &step->wait);
    }
}

static void parse__request(struct parse *parse, const cJSON *json, struct step *step)
{
    static const char *const keys[] = {"name",       "send",     "match", "verify",
                                       "count",      "within",   "bytes", "capture",
                                       "on_timeout", "optional", NULL};
    struct reader *reader = &parse->reader;
    char name[32];
    snprintf(name, sizeof name, "request-%" PRIu32, ++parse->requests_count);
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

/* In the order of enum step_type: the key, and what reads it; the reader stands at the key. */
static const struct {
    const char *key;
    void (*parse)(struct parse *parse, const cJSON *json, struct step *step);
} parse__kinds[] = {{"send", parse__send_step},
                    {"expect", parse__expect},
                    {"request", parse__request},
                    {"think", parse__think_step},
                    {"repeat", parse_repeat},
                    {"choose", parse_choose},
                    {"if", parse_if},
                    {"set", parse_set},
                    {"barrier", parse_barrier},
                    {"disconnect", parse_disconnect},
                    {"reconnect", parse_reconnect},
                    {"expect_close", parse_expect_close},
                    {"at", parse_at},
                    {"receive", parse_receive},
                    {"mark", parse_mark},
                    {"log", parse_log}};
enum { PARSE_KINDS_COUNT = sizeof parse__kinds / sizeof parse__kinds[0] };

static struct step *parse__step(struct parse *parse, const cJSON *json)
{
    struct reader *reader = &parse->reader;
    const char *keys[PARSE_KINDS_COUNT + 1] = {NULL};
    int count = cJSON_IsObject(json) ? cJSON_GetArraySize(json) : 0;
    if (count > 1) {
        reader_mistake(reader,
                       "expected an object with one step, found `%.32s` and `%.32s` in one: "
                       "give each step an object of its own",
                       json->child->string, json->child->next->string);
        return NULL;
    }
    if (count != 1) {
        reader_expected(reader, json,
                        "an object with one step, such as { \"think\": \"1s\" } or { "
                        "\"request\": ... }");
        return NULL;
    }
    for (uint32_t type = 0; type < PARSE_KINDS_COUNT; type++) {
        keys[type] = parse__kinds[type].key;
    }
    reader_object(reader, json, keys);
    for (uint32_t type = 0; type < PARSE_KINDS_COUNT; type++) {
        if (strcmp(json->child->string, parse__kinds[type].key) != 0) {
            continue;
        }
        struct step *step = arena_take(parse->arena, sizeof *step);
        if (step != NULL) {
            step->type = (enum step_type)type;
            size_t place = reader_enter(reader, json->child->string);
            parse__kinds[type].parse(parse, json->child, step);
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
