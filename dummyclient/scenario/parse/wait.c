/* Waiting for replies: request and expect, and their match. */
#include "scenario/parse/parse.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool parse_has_ids(const struct parse *parse)
{
    return parse_id_max(&parse->protocol->framing) > 0 && !parse->protocol->is_wrong;
}

/* The id of a message, where the framing has one. */
void parse_id(struct parse *parse, const cJSON *json, void *place)
{
    if (parse->protocol->is_wrong) {
        return;
    }
    if (!parse_has_ids(parse)) {
        reader_mistake(&parse->reader, "the framing has no id (`id_bytes`, or `id` of a header)");
        return;
    }
    uint32_t *number = place;
    uint32_t id_max = parse_id_max(&parse->protocol->framing);
    if (cJSON_IsString(json)) {
        if (!parse_id_text(json->valuestring, number) || *number > id_max) {
            reader_expected(&parse->reader, json, "an id such as 101 or \"0x0065\"");
        }
        return;
    }
    const struct key id = {.kind = KEY_KIND_WHOLE, .bytes = sizeof(uint32_t), .high = id_max};
    reader_read_value(&parse->reader, json, &id, place);
}

/* "equals": a number, or "${captured}". */
static void parse__match_equals(struct parse *parse, const cJSON *json, void *place)
{
    struct match *match = place;
    struct value value;
    if (match->field.bytes_count == 0 || !parse_number(parse, json, &value)) {
        return; /* also where `at` is wrong, which has been reported */
    }
    if (value.terms_count > 0 || value.operand.reads_text ||
        (value.operand.source != OPERAND_NUMBER && value.operand.source != OPERAND_VARIABLE)) {
        reader_expected(&parse->reader, json, "a whole number or a captured \"${name}\"");
        return;
    }
    bool of_double = value_is_float(match->field.type);
    if (of_double != value_is_float(value.type)) {
        reader_expected(&parse->reader, json,
                        of_double ? "a number that is not whole, such as 0.5" : "a whole number");
        return;
    }
    if (!match->field.is_digits) {
        parse_check_range(parse, json, &match->field, &value);
    }
    bool captured = value.operand.source == OPERAND_VARIABLE;
    match->source = captured ? MATCH_FIELD_CAPTURE : MATCH_FIELD_VALUE;
    match->variable = value.operand.index;
    match->value = value.operand.low;
    match->value_type = value.type;
}

static bool parse__field_in_body(const struct field *field, const struct body *body)
{
    return (uint64_t)field->offset + field->bytes_count <= body->bytes_min &&
           (!field->is_digits || body->type != BODY_RANDOM);
}

/* "field": "u64@0" (the same as in what was sent), or { "at", "sent" | "equals" }. */
static void parse__match_field(struct parse *parse, const cJSON *json, void *place)
{
    struct match *match = place;
    struct reader *reader = &parse->reader;
    const cJSON *equals = reader_get(json, "equals");
    if (match->field.bytes_count == 0) {
        return; /* the place of it is wrong, which has been reported */
    }
    if (!cJSON_IsObject(json)) {
        match->sent = match->field;
    } else if ((equals != NULL) == (reader_get(json, "sent") != NULL)) {
        reader_mistake(reader, "expected one of `sent` and `equals`, found %s",
                       equals != NULL ? "both" : "neither");
        return;
    }
    if (equals != NULL || match->sent.bytes_count == 0) {
        return;
    }
    match->source = MATCH_FIELD_SENT;
    match->value_type = match->sent.type;
    if (parse->sent == NULL) {
        reader_mistake(reader, "an expect sends nothing to compare with: use `equals`");
    } else if (!parse__field_in_body(&match->sent, &parse->sent->body)) {
        reader_mistake(reader,
                       "expected a place within the body that is sent (%" PRIu32
                       " bytes at least), found %u bytes at %" PRIu32,
                       parse->sent->body.bytes_min, match->sent.bytes_count, match->sent.offset);
    }
}

static const struct key parse__match_field_keys[] = {
    {"at", KEY_OTHER(struct match, field, parse_field), .required = PARSE_FIELD_EXPECTED},
    {"sent", KEY_OTHER(struct match, sent, parse_field)},
    {"equals", .then = parse__match_equals},
    {0}};
static const struct key parse__match_keys[] = {
    {"id", KEY_OTHER(struct match, id, parse_id)},
    {"field", KEY_INNER(parse__match_field_keys), .shorthand = true, .then = parse__match_field},
    {0}};

void parse_match(struct parse *parse, const cJSON *json, void *place)
{
    struct match *match = place;
    if (cJSON_IsString(json) && strcmp(json->valuestring, "any") == 0) {
        match->any_id = true;
    } else if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json, "\"any\" or an object with `id` and `field`");
    } else {
        match->any_id = match->any_id && (!parse_has_ids(parse) || reader_get(json, "id") == NULL);
        match->is_explicit = json->child != NULL;
        reader_read(&parse->reader, json, parse__match_keys, match);
    }
}

/* What a reply is compared with, where the framing does not say where it ends. */
static void parse__check_raw(struct parse *parse, const cJSON *json, struct wait *wait)
{
    struct reader *reader = &parse->reader;
    const struct verify *verify = &wait->verify;
    bool compares = verify->type == VERIFY_SAME_BODY || verify->type == VERIFY_EQUALS ||
                    verify->type == VERIFY_STARTS_WITH;
    bool counted = reader_get(json, "bytes") != NULL;
    if (!counted && verify->type == VERIFY_SAME_BODY) {
        wait->bytes_as_sent = true;
    } else if (!counted && verify->type == VERIFY_EQUALS) {
        wait->bytes_count = verify->body.bytes_max;
        if (verify->body.bytes_min != verify->body.bytes_max) {
            reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is: the body "
                                   "to compare with has no fixed size");
        }
    }
    if ((verify->type != VERIFY_NONE && !compares) || verify->next != NULL ||
        verify->skip_bytes > 0 || wait->captures_count > 0 ||
        wait->match.source != MATCH_FIELD_NONE) {
        reader_mistake(reader, "raw framing has no messages to look into: only `same_body`, "
                               "`equals` and `starts_with` work, byte after byte");
    } else if (verify->type == VERIFY_STARTS_WITH && !counted) {
        reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is, beside "
                               "`starts_with`");
    } else if (!counted && verify->type != VERIFY_SAME_BODY &&
               (verify->type != VERIFY_EQUALS || verify->body.bytes_max == 0)) {
        reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is (or a body "
                               "to compare it with: `same_body`, `equals`): a stream does not say "
                               "where it ends; a framing with a delimiter or a length does");
    }
}

/* Reads what waits; `sent` is NULL for an expect: what it waits for then is any message. */
static void parse__wait(struct parse *parse, const cJSON *json, const struct key *keys,
                        const struct send *sent, struct step *step)
{
    struct reader *reader = &parse->reader;
    struct wait *wait = &step->wait;
    parse->sent = sent;
    wait->match.any_id = !parse_has_ids(parse) || sent == NULL;
    parse->flow.takes_time = true;
    if (!reader_read(reader, json, keys, step)) {
        return;
    }
    if (sent != NULL && reader_get(reader_get(json, "match"), "id") == NULL) {
        wait->match.id = sent->id;
    }
    if (wait->optional && wait->on_timeout != ON_TIMEOUT_CONTINUE) {
        reader_mistake_at(reader, "optional",
                          "what may be missing cannot end in `on_timeout`: leave one out");
    }
    if (parse->protocol->is_wrong) {
        return;
    }
    wait->raw = parse->protocol->framing.type == FRAMING_RAW;
    if (wait->raw) {
        parse__check_raw(parse, json, wait);
    } else if (reader_get(json, "bytes") != NULL) {
        reader_mistake_at(reader, "bytes",
                          "only raw framing needs it: this framing says where a reply ends");
    }
}

static const struct key parse__expect_keys[] = {
    PARSE_WAIT_KEYS,
    {"since", KEY_WORD(struct step, wait.since, "pass", "step", "connected")},
    {0}};
static const struct key parse__request_keys[] = {
    {"name", KEY_TEXT(struct step, name), .high = TREE_NAME_BYTES_MAX},
    {"send", PARSE_SEND, .required = "an object with `id` and `body`"},
    PARSE_WAIT_KEYS,
    {0}};

void parse_expect(struct parse *parse, const cJSON *json, void *place)
{
    parse_needs_link(parse, false);
    parse__wait(parse, json, parse__expect_keys, NULL, place);
}

void parse_request(struct parse *parse, const cJSON *json, void *place)
{
    struct step *step = place;
    char name[32];
    int bytes = snprintf(name, sizeof name, "request-%" PRIu32, ++parse->requests_count);
    step->name = arena_copy(parse->arena, name, (size_t)bytes);
    parse__wait(parse, json, parse__request_keys, &step->send, step);
}
