/* `json`: any JSON value as a body, on one line, with ${...} in its texts. */
#include "scenario/message.h"
#include "scenario/parse/parts.h"

#include <stdlib.h>
#include <string.h>

/* What has been written since the last ${...}. */
struct json_body {
    char *bytes;
    size_t count;
    size_t room;
};

static void json_body__put(struct parse *parse, struct json_body *body, const void *bytes,
                           size_t count)
{
    if (count == 0) {
        return;
    }
    if (body->room - body->count < count) {
        size_t room = 2 * (body->room + count);
        char *grown = realloc(body->bytes, room);
        if (grown == NULL) {
            parse->arena->failed = true; /* which says so at the end */
            return;
        }
        body->bytes = grown;
        body->room = room;
    }
    memcpy(body->bytes + body->count, bytes, count);
    body->count += count;
}

static void json_body__put_word(struct parse *parse, struct json_body *body, const char *word)
{
    json_body__put(parse, body, word, strlen(word));
}

static void json_body__flush(struct parse *parse, struct json_body *body)
{
    if (body->count > 0) {
        const void *copy = arena_copy(parse->arena, body->bytes, body->count);
        parse_add_bytes(parse, copy, copy == NULL ? 0 : (uint32_t)body->count);
        body->count = 0;
    }
}

static void json_body__put_escaped(struct parse *parse, void *context, const char *text,
                                   uint32_t bytes)
{
    const uint8_t *at = (const uint8_t *)text;
    for (uint32_t taken = 0; bytes > 0; at += taken, bytes -= taken) {
        uint8_t letter[MESSAGE_JSON_LETTER_BYTES_MAX];
        uint32_t count = message_json_letter(at, bytes, &taken, letter);
        json_body__put(parse, context, letter, count);
    }
}

static void json_body__put_value(struct parse *parse, void *context, const struct value *value)
{
    struct json_body *body = context;
    json_body__flush(parse, body);
    struct part *part = parse_add_value(parse, value);
    if (part != NULL) {
        part->form = PART_JSON;
    }
}

static void json_body__text(struct parse *parse, struct json_body *body, const char *text)
{
    static const struct parse_pieces pieces = {json_body__put_escaped, json_body__put_value};
    json_body__put_word(parse, body, "\"");
    parse_split(parse, text, &pieces, body);
    json_body__put_word(parse, body, "\"");
}

/* One ${...} of a number is a number. */
static void json_body__string(struct parse *parse, struct json_body *body, const cJSON *json)
{
    struct value value;
    if (!parse_is_expression(json)) {
        json_body__text(parse, body, json->valuestring);
        return;
    }
    if (!parse_operand(parse, json, &value)) {
        return;
    }
    bool quoted = value.type == VALUE_TEXT;
    json_body__put_word(parse, body, quoted ? "\"" : "");
    json_body__put_value(parse, body, &value);
    json_body__put_word(parse, body, quoted ? "\"" : "");
}

static void json_body__number(struct parse *parse, struct json_body *body, const cJSON *json)
{
    static const struct message_scope nothing = {.key = 0};
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = 0;
    struct value value;
    if (parse_operand(parse, json, &value)) {
        const uint8_t *text = value_json_number(&value, &nothing, 0, digits, &bytes);
        json_body__put(parse, body, text, bytes);
    }
}

static void json_body__value(struct parse *parse, struct json_body *body, const cJSON *json);

/* The members of an object, or the items of an array, each at its path. */
static void json_body__members(struct parse *parse, struct json_body *body, const cJSON *json)
{
    struct reader *reader = &parse->reader;
    bool is_object = cJSON_IsObject(json);
    uint32_t index = 0;
    const cJSON *member = NULL;
    json_body__put_word(parse, body, is_object ? "{" : "[");
    cJSON_ArrayForEach(member, json)
    {
        size_t mark =
            is_object ? reader_enter(reader, member->string) : reader_enter_index(reader, index);
        json_body__put_word(parse, body, index++ == 0 ? "" : ",");
        if (is_object) {
            json_body__text(parse, body, member->string);
            json_body__put_word(parse, body, ":");
        }
        json_body__value(parse, body, member);
        reader_leave(reader, mark);
    }
    json_body__put_word(parse, body, is_object ? "}" : "]");
}

static void json_body__value(struct parse *parse, struct json_body *body, const cJSON *json)
{
    if (cJSON_IsString(json)) {
        json_body__string(parse, body, json);
    } else if (cJSON_IsNumber(json)) {
        json_body__number(parse, body, json);
    } else if (cJSON_IsObject(json) || cJSON_IsArray(json)) {
        json_body__members(parse, body, json);
    } else {
        json_body__put_word(parse, body,
                            cJSON_IsTrue(json)    ? "true"
                            : cJSON_IsFalse(json) ? "false"
                                                  : "null");
    }
}

void parse_json(struct parse *parse, const cJSON *json, void *place)
{
    struct json_body body = {.bytes = NULL};
    uint32_t first = parse->parts_count;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    json_body__value(parse, &body, json);
    json_body__flush(parse, &body);
    free(body.bytes);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse_join(parse, first, place);
    }
    parse->parts_count = first;
}
