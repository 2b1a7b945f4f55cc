/* Bodies: what a message carries. */
#include "files/file.h"
#include "scenario/parse/parse.h"
#include "text/encoding.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const parse__body_keys[] = {"text", "hex",  "base64", "random", "pattern",
                                               "zero", "file", "fields", NULL};

uint8_t *parse_constant(struct parse *parse, size_t bytes, struct body *body)
{
    parse->constant_bytes += bytes;
    if (bytes > FRAMING_FRAME_BYTES_MAX || parse->constant_bytes > TREE_CONSTANT_BYTES_MAX) {
        reader_mistake(&parse->reader,
                       "expected at most %" PRIu32 " bytes in a body and %u in all, found more",
                       FRAMING_FRAME_BYTES_MAX, TREE_CONSTANT_BYTES_MAX);
        return NULL;
    }
    uint8_t *out = arena_take(parse->arena, bytes + 1);
    if (out != NULL) {
        *body = (struct body){.type = BODY_CONSTANT,
                              .bytes = out,
                              .bytes_min = (uint32_t)bytes,
                              .bytes_max = (uint32_t)bytes};
    }
    return out;
}

/* hex and base64; the reader stands at the key. */
static void parse__encoded(struct parse *parse, const cJSON *json, bool hex, struct body *body)
{
    if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "a text");
        return;
    }
    uint8_t *out = parse_constant(parse, strlen(json->valuestring), body);
    if (out == NULL) {
        return;
    }
    size_t bytes = 0;
    size_t wrong = 0;
    bool valid = hex ? encoding_decode_hex(json->valuestring, out, &bytes, &wrong)
                     : encoding_decode_base64(json->valuestring, out, &bytes, &wrong);
    if (!valid) {
        char expected[96];
        snprintf(expected, sizeof expected, "%s (wrong from character %zu)",
                 hex ? "pairs of hexadecimal digits" : "base64 with its padding", wrong + 1);
        reader_expected(&parse->reader, json, expected);
        bytes = 0;
    }
    body->bytes_min = (uint32_t)bytes;
    body->bytes_max = (uint32_t)bytes;
}

/* "bytes": N or [low, high]. */
static bool parse__size_range(struct parse *parse, const cJSON *object, uint32_t *low,
                              uint32_t *high)
{
    struct reader *reader = &parse->reader;
    const cJSON *json =
        reader_require(reader, object, "bytes", "a number of bytes, or [least, most]");
    if (json == NULL) {
        return false;
    }
    if (!cJSON_IsArray(json)) {
        bool valid = reader_u32(reader, object, "bytes", 0, FRAMING_FRAME_BYTES_MAX, low);
        *high = *low;
        return valid;
    }
    size_t place = reader_enter(reader, "bytes");
    int64_t bounds[2] = {0, 0};
    bool valid = cJSON_GetArraySize(json) == 2;
    if (!valid) {
        reader_expected(reader, json, "[least, most]");
    }
    for (int i = 0; valid && i < 2; i++) {
        size_t index_place = reader_enter_index(reader, (uint32_t)i);
        valid = reader_integer_here(reader, cJSON_GetArrayItem(json, i), 0, FRAMING_FRAME_BYTES_MAX,
                                    &bounds[i]);
        reader_leave(reader, index_place);
    }
    if (valid && bounds[0] > bounds[1]) {
        reader_mistake(reader, "expected [least, most], found [%" PRId64 ", %" PRId64 "]",
                       bounds[0], bounds[1]);
        valid = false;
    }
    reader_leave(reader, place);
    *low = (uint32_t)bounds[0];
    *high = (uint32_t)bounds[1];
    return valid;
}

static void parse__random_body(struct parse *parse, const cJSON *json, struct body *body)
{
    static const char *const keys[] = {"bytes", NULL};
    uint32_t low = 0;
    uint32_t high = 0;
    if (!reader_object(&parse->reader, json, keys) ||
        !parse__size_range(parse, json, &low, &high)) {
        return;
    }
    *body = (struct body){.type = BODY_RANDOM,
                          .bytes_min = low,
                          .bytes_max = high,
                          .letters = parse->framing->type == FRAMING_DELIMITER};
    uint8_t first = parse->framing->delimiter[0];
    if (body->letters && first >= 'a' && first <= 'z') {
        reader_mistake(&parse->reader,
                       "random bodies are letters a-z under this framing, and its delimiter "
                       "begins with one: use another kind of body");
    }
}

/* pattern (a text or hex again and again; 00 01 .. ff when neither is given) and zero. */
static void parse__pattern(struct parse *parse, const cJSON *json, bool zero, struct body *body)
{
    static const char *const zero_keys[] = {"bytes", NULL};
    static const char *const pattern_keys[] = {"bytes", "text", "hex", NULL};
    struct reader *reader = &parse->reader;
    uint32_t bytes = 0;
    if (!reader_object(reader, json, zero ? zero_keys : pattern_keys) ||
        reader_require(reader, json, "bytes", "a number of bytes") == NULL ||
        !reader_u32(reader, json, "bytes", 0, FRAMING_FRAME_BYTES_MAX, &bytes)) {
        return;
    }
    uint8_t *out = parse_constant(parse, bytes, body);
    if (out == NULL || zero) {
        return;
    }
    struct body unit = {.type = BODY_CONSTANT};
    const char *text = NULL;
    const cJSON *hex = reader_get(json, "hex");
    if (reader_text(reader, json, "text", &text)) {
        unit.bytes = (const uint8_t *)text;
        unit.bytes_min = (uint32_t)strlen(text);
    }
    if (hex != NULL) {
        size_t place = reader_enter(reader, "hex");
        parse__encoded(parse, hex, true, &unit);
        if (text != NULL) {
            reader_mistake(reader, "expected either this or `text`, found both");
        }
        reader_leave(reader, place);
    }
    for (uint32_t i = 0; i < bytes; i++) {
        out[i] = unit.bytes_min > 0 ? unit.bytes[i % unit.bytes_min] : (uint8_t)i;
    }
}

/* The bytes of a file, as they are. */
static void parse__file(struct parse *parse, const cJSON *json, struct body *body)
{
    if (!cJSON_IsString(json) || json->valuestring[0] == '\0') {
        reader_expected(&parse->reader, json, "the path of a file");
        return;
    }
    struct error error = {""};
    char *data = NULL;
    size_t bytes = 0;
    const char *path = parse_path(parse, json->valuestring);
    if (path == NULL) {
        return;
    }
    if (!file_read(path, FRAMING_FRAME_BYTES_MAX, &data, &bytes, &error)) {
        reader_mistake(&parse->reader, "%s", error.text);
        return;
    }
    uint8_t *out = parse_constant(parse, bytes, body);
    if (out != NULL) {
        memcpy(out, data, bytes);
    }
    free(data);
}

static void parse__body_form(struct parse *parse, const cJSON *form, struct body *body)
{
    if (strcmp(form->string, "text") == 0) {
        if (cJSON_IsString(form)) {
            parse_text(parse, form->valuestring, body);
        } else {
            reader_expected(&parse->reader, form, "a text");
        }
    } else if (strcmp(form->string, "hex") == 0 || strcmp(form->string, "base64") == 0) {
        parse__encoded(parse, form, form->string[0] == 'h', body);
    } else if (strcmp(form->string, "random") == 0) {
        parse__random_body(parse, form, body);
    } else if (strcmp(form->string, "pattern") == 0) {
        parse__pattern(parse, form, false, body);
    } else if (strcmp(form->string, "zero") == 0) {
        parse__pattern(parse, form, true, body);
    } else if (strcmp(form->string, "file") == 0) {
        parse__file(parse, form, body);
    } else if (strcmp(form->string, "fields") == 0) {
        parse_fields(parse, form, body);
    }
}

void parse_body(struct parse *parse, const cJSON *json, struct body *body)
{
    *body = (struct body){.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
    if (json == NULL) {
        return;
    }
    if (cJSON_IsString(json) && strcmp(json->valuestring, "none") == 0) {
        return;
    }
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(&parse->reader, json,
                        "\"none\" or an object with one of `text`, `hex`, `base64`, `random`, "
                        "`pattern`, `zero`, `file`, `fields`");
        return;
    }
    if (!reader_object(&parse->reader, json, parse__body_keys)) {
        return;
    }
    size_t place = reader_enter(&parse->reader, json->child->string);
    parse__body_form(parse, json->child, body);
    reader_leave(&parse->reader, place);
}
