/* Bodies: what a message carries. */
#include "files/file.h"
#include "proto/websocket.h"
#include "scenario/parse/parts.h"
#include "text/encoding.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* hex and base64. */
static void parse__encoded(struct parse *parse, const cJSON *json, void *place)
{
    struct body *body = place;
    bool hex = strcmp(json->string, "hex") == 0;
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

static void parse__random(struct parse *parse, const cJSON *json, void *place)
{
    struct body *body = place;
    uint8_t first = parse->protocol->framing.delimiter[0];
    (void)json;
    body->type = BODY_RANDOM;
    const struct framing_websocket *websocket = parse->protocol->framing.websocket;
    body->letters = parse->protocol->framing.type == FRAMING_DELIMITER ||
                    (websocket != NULL && websocket->is_text);
    if (body->letters && first >= 'a' && first <= 'z' && !parse->protocol->is_wrong) {
        reader_mistake(&parse->reader,
                       "random bodies are letters a-z under this framing, and its delimiter "
                       "begins with one: use another kind of body");
    }
}

#define PARSE_BYTES(member) "bytes", KEY_WHOLE(struct body, member, 0, FRAMING_FRAME_BYTES_MAX)
static const struct key parse__range[] = {{PARSE_BYTES(bytes_min)}, {PARSE_BYTES(bytes_max)}, {0}};
static const struct key parse__random_keys[] = {{"bytes", KEY_PAIR(parse__range), .shorthand = true,
                                                 .required = "a number of bytes, or [min, max]"},
                                                {0}};
static const struct key parse__zero_keys[] = {
    {PARSE_BYTES(bytes_max), .required = "a number of bytes"}, {0}};

static void parse__zero(struct parse *parse, const cJSON *json, void *place)
{
    struct body *body = place;
    (void)json;
    parse_constant(parse, body->bytes_max, body);
}

struct parse__pattern {
    struct body body;
    struct body unit; /* again and again; 00 01 .. ff where it is empty */
    const char *text;
};

static const struct key parse__pattern_keys[] = {
    {"bytes", KEY_WHOLE(struct parse__pattern, body.bytes_max, 0, FRAMING_FRAME_BYTES_MAX),
     .required = "a number of bytes"},
    {"text", KEY_TEXT(struct parse__pattern, text)},
    {"hex", KEY_OTHER(struct parse__pattern, unit, parse__encoded), .excludes = "text"},
    {0}};

static void parse__pattern(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__pattern pattern = {.text = ""};
    uint32_t mistakes_count = parse->reader.mistakes_count;
    reader_read(&parse->reader, json, parse__pattern_keys, &pattern);
    uint32_t bytes = pattern.body.bytes_max;
    uint8_t *out =
        parse->reader.mistakes_count > mistakes_count ? NULL : parse_constant(parse, bytes, place);
    if (pattern.unit.bytes_min == 0) {
        pattern.unit.bytes = (const uint8_t *)pattern.text;
        pattern.unit.bytes_min = (uint32_t)strlen(pattern.text);
    }
    for (uint32_t i = 0; i < bytes && out != NULL; i++) {
        out[i] = pattern.unit.bytes_min > 0 ? pattern.unit.bytes[i % pattern.unit.bytes_min]
                                            : (uint8_t)i;
    }
}

static void parse__file(struct parse *parse, const cJSON *json, void *place)
{
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
    uint8_t *out = parse_constant(parse, bytes, place);
    if (out != NULL) {
        memcpy(out, data, bytes);
    }
    free(data);
}

static const struct key parse__body_keys[] = {
    {"text", .then = parse_text},
    {"hex", .then = parse__encoded},
    {"base64", .then = parse__encoded},
    {"random", KEY_INNER(parse__random_keys), .then = parse__random},
    {"pattern", .then = parse__pattern},
    {"zero", KEY_INNER(parse__zero_keys), .then = parse__zero},
    {"file", .kind = KEY_KIND_TEXT, .expected = "the path of a file", .then = parse__file},
    {"fields", .then = parse_fields},
    {"json", .then = parse_json},
    {"pb", .then = parse_pb},
    {0}};

bool parse_is_body(const char *name)
{
    const struct key *key = parse__body_keys;
    while (key->name != NULL && strcmp(key->name, name) != 0) {
        key++;
    }
    return key->name != NULL;
}

void parse_body(struct parse *parse, const cJSON *json, void *place)
{
    struct body *body = place;
    *body = (struct body){.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
    if (json != NULL && !(cJSON_IsString(json) && strcmp(json->valuestring, "none") == 0)) {
        reader_read_one(&parse->reader, json, parse__body_keys, "kind of body", "\"none\" or ",
                        body);
    }
}
