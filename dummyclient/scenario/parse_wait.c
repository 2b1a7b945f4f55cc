/* Waiting for replies: match, verify, capture, count, within, on_timeout. */
#include "scenario/parse.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PARSE_FIELD_EXPECTED "a number and its place in the body, such as \"u32@4\" or \"u16be@0\""

bool parse_field(struct parse *parse, const cJSON *json, struct field *field)
{
    static const char *const types[] = {"u8", "u16", "u32", "u64"};
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    for (int i = 3; i >= 0; i--) {
        size_t bytes = strlen(types[i]);
        if (strncmp(text, types[i], bytes) != 0) {
            continue;
        }
        const char *rest = text + bytes;
        bool big_endian = parse->framing->big_endian;
        if (strncmp(rest, "be", 2) == 0 || strncmp(rest, "le", 2) == 0) {
            big_endian = rest[0] == 'b';
            rest += 2;
        }
        uint32_t offset = 0;
        bool valid = rest[0] == '@' && rest[1] != '\0' && strlen(rest) <= 9;
        for (rest++; valid && *rest != '\0'; rest++) {
            valid = *rest >= '0' && *rest <= '9';
            offset = offset * 10 + (uint32_t)(*rest - '0');
        }
        if (!valid || offset >= FRAMING_FRAME_BYTES_MAX) {
            break;
        }
        *field = (struct field){
            .offset = offset, .bytes_count = (uint8_t)(1 << i), .big_endian = big_endian};
        return true;
    }
    reader_expected(&parse->reader, json, PARSE_FIELD_EXPECTED);
    return false;
}

/* "equals": a number, or "${captured}". */
static void parse__field_value(struct parse *parse, const cJSON *json, struct match *match)
{
    struct reader *reader = &parse->reader;
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    size_t bytes = strlen(text);
    if (cJSON_IsNumber(json)) {
        int64_t value = 0;
        match->source = MATCH_FIELD_VALUE;
        if (reader_integer_here(reader, json, 0, INT64_C(9007199254740992), &value)) {
            match->value = (uint64_t)value;
        }
    } else if (bytes > 3 && text[0] == '$' && text[1] == '{' && text[bytes - 1] == '}') {
        match->source = MATCH_FIELD_CAPTURE;
        match->capture = parse_capture_index(parse, text + 2, bytes - 3);
        if (match->capture == UINT32_MAX) {
            match->capture = 0;
            reader_expected(reader, json, "the name of a captured variable");
        }
    } else {
        reader_expected(reader, json, "a whole number or a captured \"${name}\"");
    }
}

static bool parse__field_in_body(const struct field *field, const struct body *body)
{
    return (uint64_t)field->offset + field->bytes_count <= body->bytes_min;
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
        const cJSON *at = reader_require(reader, json, "at", PARSE_FIELD_EXPECTED);
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
    if (sent == NULL) {
        reader_mistake(reader, "an expect sends nothing to compare with: use `equals`");
    } else if (!parse__field_in_body(&match->sent, &sent->body)) {
        reader_mistake(reader,
                       "expected a place within the body that is sent (%" PRIu32
                       " bytes at least), found %u bytes at %" PRIu32,
                       sent->body.bytes_min, match->sent.bytes_count, match->sent.offset);
    }
}

static void parse__match(struct parse *parse, const cJSON *json, const struct send *sent,
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

static void parse__same_body(struct parse *parse, const cJSON *json, struct verify *verify)
{
    static const char *const keys[] = {"skip_bytes", NULL};
    verify->type = VERIFY_SAME_BODY;
    if (!parse->flow.has_sent) {
        reader_mistake(&parse->reader, "expected a send before it, found none");
    }
    if (json != NULL && reader_object(&parse->reader, json, keys)) {
        reader_u32(&parse->reader, json, "skip_bytes", 0, FRAMING_FRAME_BYTES_MAX,
                   &verify->skip_bytes);
    }
}

/* equals, starts_with, contains; the reader stands at the key. */
static void parse__verify_body(struct parse *parse, const cJSON *json, enum verify_type type,
                               struct verify *verify)
{
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    verify->type = type;
    parse_body(parse, json, &verify->body);
    if (reader->mistakes_count > mistakes_count) {
        return;
    }
    bool random = verify->body.type == BODY_RANDOM;
    for (uint32_t i = 0; i < verify->body.parts_count; i++) {
        random = random || verify->body.parts[i].type == PART_RANDOM;
    }
    if (random) {
        reader_mistake(reader, "nothing random can be expected: use \"same_body\"");
    } else if (type == VERIFY_CONTAINS && verify->body.type != BODY_CONSTANT) {
        reader_mistake(reader, "expected constant bytes, found a text with ${...}");
    } else if (type != VERIFY_EQUALS && verify->body.bytes_max == 0) {
        reader_mistake(reader, "expected at least one byte, found none");
    }
}

static void parse__verify(struct parse *parse, const cJSON *json, struct verify *verify)
{
    static const char *const keys[] = {"same_body", "equals", "starts_with", "contains", NULL};
    static const char *const words[] = {"none", "same_body", NULL};
    struct reader *reader = &parse->reader;
    *verify = (struct verify){.type = VERIFY_NONE};
    if (json == NULL) {
        return;
    }
    if (cJSON_IsString(json)) {
        uint32_t word = 0;
        if (reader_choice_here(reader, json, words, &word) && word == 1) {
            parse__same_body(parse, NULL, verify);
        }
    } else if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(reader, json,
                        "\"none\", \"same_body\" or an object with one of `same_body`, `equals`, "
                        "`starts_with`, `contains`");
    } else if (reader_object(reader, json, keys)) {
        const cJSON *form = json->child;
        size_t place = reader_enter(reader, form->string);
        if (strcmp(form->string, "same_body") == 0) {
            parse__same_body(parse, form, verify);
        } else if (strcmp(form->string, "equals") == 0) {
            parse__verify_body(parse, form, VERIFY_EQUALS, verify);
        } else if (strcmp(form->string, "starts_with") == 0) {
            parse__verify_body(parse, form, VERIFY_STARTS_WITH, verify);
        } else if (strcmp(form->string, "contains") == 0) {
            parse__verify_body(parse, form, VERIFY_CONTAINS, verify);
        }
        reader_leave(reader, place);
    }
    if (verify->type != VERIFY_NONE && parse->framing->type == FRAMING_RAW) {
        reader_mistake(reader, "raw framing has no messages to compare: give a framing that says "
                               "where they end");
    }
}

/* { "name": "u64@0", ... }. Names were collected before the steps were read. */
static void parse__captures(struct parse *parse, const cJSON *json, struct wait *wait)
{
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, NULL)) {
        return;
    }
    wait->captures =
        arena_take(parse->arena, (size_t)(cJSON_GetArraySize(json) + 1) * sizeof(*wait->captures));
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, json)
    {
        uint32_t index = 0;
        while (index < parse->captures_count &&
               strcmp(parse->captures[index], member->string) != 0) {
            index++;
        }
        char shown[TREE_NAME_BYTES_MAX + 1];
        snprintf(shown, sizeof(shown), "%s", member->string);
        size_t place = reader_enter(reader, shown);
        struct field field;
        bool valid = parse_field(parse, member, &field);
        reader_leave(reader, place);
        if (valid && index < parse->captures_count && wait->captures != NULL) {
            wait->captures[wait->captures_count++] =
                (struct capture){.index = index, .field = field};
            parse->flow.captured |= UINT64_C(1) << index;
        }
    }
}

void parse_wait(struct parse *parse, const cJSON *json, const struct send *sent, struct wait *wait)
{
    static const char *const timeouts[] = {"continue", "reconnect", "fail", NULL};
    struct reader *reader = &parse->reader;
    *wait = (struct wait){.replies_count = 1, .within_ns = 5 * NS_PER_S};
    size_t place = reader_enter(reader, "match");
    parse__match(parse, reader_get(json, "match"), sent, &wait->match);
    reader_leave(reader, place);
    place = reader_enter(reader, "verify");
    parse__verify(parse, reader_get(json, "verify"), &wait->verify);
    reader_leave(reader, place);
    reader_u32(reader, json, "count", 1, 1000000, &wait->replies_count);
    reader_duration(reader, json, "within", NS_PER_MS, 86400 * NS_PER_S, &wait->within_ns);
    uint32_t on_timeout = 0;
    if (reader_choice(reader, json, "on_timeout", timeouts, &on_timeout)) {
        wait->on_timeout = (enum on_timeout)on_timeout;
    }
    const cJSON *captures = reader_get(json, "capture");
    if (captures != NULL) {
        place = reader_enter(reader, "capture");
        parse__captures(parse, captures, wait);
        reader_leave(reader, place);
    }
}
