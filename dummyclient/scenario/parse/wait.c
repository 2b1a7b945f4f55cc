/* Waiting for replies: match, verify, capture, count, within, on_timeout. */
#include "scenario/parse/parse.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PARSE_PLACE "a number and its place in the body, such as \"u32@4\" or \"dec@1\""

/* "equals": a number, or "${captured}". */
static void parse__field_value(struct parse *parse, const cJSON *json, struct match *match)
{
    struct value value;
    if (!parse_number(parse, json, &value)) {
        return;
    }
    if (value.operation != VALUE_ALONE ||
        (value.left.source != OPERAND_NUMBER && value.left.source != OPERAND_VARIABLE)) {
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
    bool captured = value.left.source == OPERAND_VARIABLE;
    match->source = captured ? MATCH_FIELD_CAPTURE : MATCH_FIELD_VALUE;
    match->variable = value.left.index;
    match->value = value.left.low;
    match->value_type = value.type;
}

static bool parse__field_in_body(const struct field *field, const struct body *body)
{
    return (uint64_t)field->offset + field->bytes_count <= body->bytes_min &&
           (!field->is_digits || body->type != BODY_RANDOM);
}

/* "field": "u64@0" (the same as in what was sent), or { "at", "sent" | "equals" }. */
static void parse__match_field(struct parse *parse, const cJSON *json, const struct send *sent,
                               struct match *match)
{
    static const char *const keys[] = {"at", "sent", "equals", NULL};
    struct reader *reader = &parse->reader;
    const cJSON *sent_field = NULL;
    if (cJSON_IsObject(json)) {
        if (!reader_object(reader, json, keys)) {
            return;
        }
        const cJSON *at = reader_require(reader, json, "at", PARSE_PLACE);
        size_t place = reader_enter(reader, "at");
        bool valid = at != NULL && parse_field(parse, at, &match->field);
        reader_leave(reader, place);
        const cJSON *equals = reader_get(json, "equals");
        sent_field = reader_get(json, "sent");
        if (!valid) {
            return;
        }
        if ((equals != NULL) == (sent_field != NULL)) {
            reader_mistake(reader, "expected one of `sent` and `equals`, found %s",
                           equals != NULL ? "both" : "neither");
            return;
        }
        if (equals != NULL) {
            place = reader_enter(reader, "equals");
            parse__field_value(parse, equals, match);
            reader_leave(reader, place);
            return;
        }
        place = reader_enter(reader, "sent");
        valid = parse_field(parse, sent_field, &match->sent);
        reader_leave(reader, place);
        if (!valid) {
            return;
        }
    } else {
        if (!parse_field(parse, json, &match->field)) {
            return;
        }
        match->sent = match->field;
    }
    match->source = MATCH_FIELD_SENT;
    match->value_type = match->sent.type;
    if (sent == NULL) {
        reader_mistake(reader, "an expect sends nothing to compare with: use `equals`");
    } else if (!parse__field_in_body(&match->sent, &sent->body)) {
        reader_mistake(reader,
                       "expected a place within the body that is sent (%" PRIu32
                       " bytes at least), found %u bytes at %" PRIu32,
                       sent->body.bytes_min, match->sent.bytes_count, match->sent.offset);
    }
}

void parse_match(struct parse *parse, const cJSON *json, const struct send *sent,
                 struct match *match)
{
    static const char *const keys[] = {"id", "field", NULL};
    struct reader *reader = &parse->reader;
    bool has_ids = parse->framing->type == FRAMING_LENGTH && parse->framing->id_bytes > 0;
    *match = (struct match){.any_id = !has_ids || sent == NULL, .id = sent == NULL ? 0 : sent->id};
    if (json == NULL) {
        return;
    }
    if (cJSON_IsString(json) && strcmp(json->valuestring, "any") == 0) {
        match->any_id = true;
        return;
    }
    if (!cJSON_IsObject(json)) {
        reader_expected(reader, json, "\"any\" or an object with `id` and `field`");
        return;
    }
    reader_object(reader, json, keys);
    if (reader_get(json, "id") != NULL && !has_ids) {
        size_t place = reader_enter(reader, "id");
        reader_mistake(reader, "the framing has no id (`id_bytes`)");
        reader_leave(reader, place);
    } else if (reader_get(json, "id") != NULL) {
        uint64_t id_max = (UINT64_C(1) << (8 * parse->framing->id_bytes)) - 1;
        match->any_id = false;
        reader_u32(reader, json, "id", 0, (uint32_t)id_max, &match->id);
    }
    const cJSON *field = reader_get(json, "field");
    if (field != NULL) {
        size_t place = reader_enter(reader, "field");
        parse__match_field(parse, field, sent, match);
        reader_leave(reader, place);
    }
}

/* raw framing: how many bytes a reply has. */
static void parse__reply_bytes(struct parse *parse, const cJSON *json, struct wait *wait)
{
    struct reader *reader = &parse->reader;
    const cJSON *bytes = reader_get(json, "bytes");
    const struct verify *verify = &wait->verify;
    bool raw = parse->framing->type == FRAMING_RAW;
    if (bytes != NULL && !raw) {
        size_t place = reader_enter(reader, "bytes");
        reader_mistake(reader, "only raw framing needs it: this framing says where a reply ends");
        reader_leave(reader, place);
        return;
    }
    if (!raw) {
        return;
    }
    if (bytes != NULL) {
        reader_u32(reader, json, "bytes", 1, FRAMING_FRAME_BYTES_MAX, &wait->bytes_count);
    } else if (verify->type == VERIFY_SAME_BODY) {
        wait->bytes_as_sent = true;
    } else if (verify->type == VERIFY_EQUALS) {
        wait->bytes_count = verify->body.bytes_max;
        if (verify->body.bytes_min != verify->body.bytes_max) {
            reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is: the body "
                                   "to compare with has no fixed size");
        }
    }
    bool compares = verify->type == VERIFY_SAME_BODY || verify->type == VERIFY_EQUALS ||
                    verify->type == VERIFY_STARTS_WITH;
    if ((verify->type != VERIFY_NONE && !compares) || verify->next != NULL ||
        verify->skip_bytes > 0 || wait->captures_count > 0 ||
        wait->match.source != MATCH_FIELD_NONE) {
        reader_mistake(reader, "raw framing has no messages to look into: only `same_body`, "
                               "`equals` and `starts_with` work, byte after byte");
    } else if (verify->type == VERIFY_STARTS_WITH && bytes == NULL) {
        reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is, beside "
                               "`starts_with`");
    } else if (bytes == NULL && verify->type != VERIFY_SAME_BODY &&
               (verify->type != VERIFY_EQUALS || verify->body.bytes_max == 0)) {
        reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is (or a body "
                               "to compare it with: `same_body`, `equals`): a stream does not say "
                               "where it ends; a framing with a delimiter or a length does");
    }
}

void parse_wait(struct parse *parse, const cJSON *json, const struct send *sent, struct wait *wait)
{
    static const char *const timeouts[] = {"continue", "reconnect", "fail", NULL};
    static const char *const beginnings[] = {"pass", "step", "connected", NULL};
    struct reader *reader = &parse->reader;
    *wait = (struct wait){.replies_count = 1, .within_ns = 5 * NS_PER_S};
    size_t place = reader_enter(reader, "match");
    parse_match(parse, reader_get(json, "match"), sent, &wait->match);
    reader_leave(reader, place);
    place = reader_enter(reader, "verify");
    parse_verify(parse, reader_get(json, "verify"), &wait->verify);
    reader_leave(reader, place);
    reader_u32(reader, json, "count", 1, 1000000, &wait->replies_count);
    reader_duration(reader, json, "within", NS_PER_MS, 86400 * NS_PER_S, &wait->within_ns);
    reader_bool(reader, json, "optional", &wait->optional);
    uint32_t on_timeout = 0;
    if (reader_choice(reader, json, "on_timeout", timeouts, &on_timeout)) {
        wait->on_timeout = (enum on_timeout)on_timeout;
    }
    uint32_t since = 0;
    if (sent == NULL && reader_choice(reader, json, "since", beginnings, &since)) {
        wait->since = (enum wait_since)since;
    }
    if (wait->optional && wait->on_timeout != ON_TIMEOUT_CONTINUE) {
        place = reader_enter(reader, "optional");
        reader_mistake(reader, "what may be missing cannot end in `on_timeout`: leave one out");
        reader_leave(reader, place);
    }
    const cJSON *captures = reader_get(json, "capture");
    if (captures != NULL) {
        place = reader_enter(reader, "capture");
        parse_captures(parse, captures, wait);
        reader_leave(reader, place);
    }
    parse__reply_bytes(parse, json, wait);
    parse->flow.takes_time = true;
}
