/* `framing`: where one message of the target's protocol ends. A key is a line: of which framings,
 * and what it holds. */
#include "scenario/parse/header.h"
#include "scenario/parse/websocket.h"
#include "text/encoding.h"

#include <string.h>

static void parse__set_delimiter(struct parse *parse, const cJSON *json, const uint8_t *bytes,
                                 size_t bytes_count, uint8_t *into, uint8_t *into_bytes)
{
    if (bytes_count == 0 || bytes_count > FRAMING_DELIMITER_BYTES_MAX) {
        reader_expected(&parse->reader, json,
                        "1 to 16 bytes as a text such as \"\\r\\n\", or { \"hex\": \"0d0a\" }");
        return;
    }
    memcpy(into, bytes, bytes_count);
    *into_bytes = (uint8_t)bytes_count;
}

void parse_delimiter(struct parse *parse, const cJSON *json, uint8_t *into, uint8_t *into_bytes)
{
    static const struct key keys[] = {{"hex", .kind = KEY_KIND_TEXT, .bytes = sizeof(char *),
                                       .required = "pairs of hexadecimal digits"},
                                      {0}};
    uint8_t bytes[2 * FRAMING_DELIMITER_BYTES_MAX];
    size_t bytes_count = 0;
    if (!cJSON_IsObject(json)) {
        const char *text = cJSON_IsString(json) ? json->valuestring : "";
        parse__set_delimiter(parse, json, (const uint8_t *)text, strlen(text), into, into_bytes);
        return;
    }
    const char *hex = NULL;
    size_t wrong = 0;
    reader_read(&parse->reader, json, keys, &hex);
    if (hex != NULL) {
        bool valid = strlen(hex) <= 2 * sizeof bytes &&
                     encoding_decode_hex(hex, bytes, &bytes_count, &wrong);
        parse__set_delimiter(parse, json, bytes, valid ? bytes_count : 0, into, into_bytes);
    }
}

/* What a user's codec is to know: its own affair, apart from being an object. */
static void parse__options(struct parse *parse, const cJSON *json, void *place)
{
    const char **options = place;
    if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json, "an object of what your codec reads");
        return;
    }
    char *text = cJSON_PrintUnformatted(json);
    size_t bytes = text == NULL ? 0 : strlen(text) + 1;
    char *kept = text == NULL ? NULL : arena_take(parse->reader.arena, bytes);
    if (kept != NULL) {
        memcpy(kept, text, bytes);
        *options = kept;
    }
    cJSON_free(text);
}

static void parse__delimiter(struct parse *parse, const cJSON *json, void *place)
{
    struct framing *framing = place;
    parse_delimiter(parse, json, framing->delimiter, &framing->delimiter_bytes);
}

#define PARSE_OF(type)       (1u << FRAMING_##type)
#define PARSE_OF_ALL         UINT32_MAX
#define PARSE_OFFSET(member) KEY_WHOLE(struct framing, member, 0, FRAMING_HEADER_BYTES_MAX - 1)

static const struct {
    uint32_t of; /* bit n: framings of type n have it */
    struct key key;
} parse__keys[] = {
    {PARSE_OF_ALL,
     {"type",
      KEY_WORD(struct framing, type, "length", "delimiter", "fixed", "raw", "by_id", "http", "resp",
               "lines", "codec", "websocket"),
      .required = "\"length\", \"delimiter\", \"fixed\", \"raw\", \"by_id\", \"http\", \"resp\", "
                  "\"lines\", \"codec\" or \"websocket\""}},
    {PARSE_OF(LENGTH),
     {"size_bytes", KEY_WHOLE(struct framing, size_bytes, 1, 4), .required = "1 to 4"}},
    {PARSE_OF(LENGTH), {"size_offset", PARSE_OFFSET(size_offset)}},
    {PARSE_OF(LENGTH), {"id_bytes", KEY_WHOLE(struct framing, id_bytes, 0, 4)}},
    {PARSE_OF(LENGTH), {"id_offset", PARSE_OFFSET(id_offset)}},
    {PARSE_OF(LENGTH),
     {"header_bytes", KEY_WHOLE(struct framing, header_bytes, 1, FRAMING_HEADER_BYTES_MAX)}},
    {PARSE_OF(LENGTH) | PARSE_OF(HEADER) | PARSE_OF(BY_ID) | PARSE_OF(CODEC),
     {"byte_order", KEY_WORD(struct framing, big_endian, "little", "big")}},
    {PARSE_OF(LENGTH),
     {"size_includes_header", KEY_BOOL(struct framing, size_includes_header),
      .required = "true or false"}},
    {PARSE_OF(LENGTH) | PARSE_OF(DELIMITER) | PARSE_OF(HEADER) | PARSE_OF(BY_ID) | PARSE_OF(HTTP) |
         PARSE_OF(RESP) | PARSE_OF(LINES),
     {"frame_bytes_max", KEY_WHOLE(struct framing, frame_bytes_max, 1, FRAMING_FRAME_BYTES_MAX)}},
    {PARSE_OF(BY_ID),
     {"id", .then = parse_by_id_format,
      .required = "the format of the id that each message begins with, such as \"u16\""}},
    {PARSE_OF(BY_ID), {"size", .then = parse_by_id_format}},
    {PARSE_OF(BY_ID), {.name = "plus"}},
    {PARSE_OF(BY_ID), {"sizes", .then = parse_sizes, .excludes = "sizes_file"}},
    {PARSE_OF(BY_ID), {"sizes_file", .then = parse_sizes_file}},
    {PARSE_OF(HEADER), {"header", .then = parse_header}},
    {PARSE_OF(HEADER), {"tail", .then = parse_tail}},
    {PARSE_OF(CODEC),
     {"options", KEY_OTHER(struct framing, options, parse__options),
      .expected = "an object of what your codec reads"}},
    {PARSE_OF(DELIMITER) | PARSE_OF(LINES),
     {"delimiter", .then = parse__delimiter,
      .required = "what ends a message or a line, such as \"\\r\\n\""}},
    {PARSE_OF(LINES),
     {"rules",
      KEY_ARRAY(struct framing, rules, rules_count, 0, FRAMING_RULES_MAX, &parse_rule_item)}},
    {PARSE_OF(LINES), {"skip_empty", KEY_BOOL(struct framing, skips_empty)}},
    {PARSE_OF(FIXED),
     {"bytes", KEY_WHOLE(struct framing, fixed_bytes, 1, FRAMING_FRAME_BYTES_MAX), .preset = 1,
      .required = "the size of every message"}},
};
enum { PARSE_NOT_GIVEN = UINT8_MAX }; /* an offset that no header has */
enum { PARSE_KEYS_COUNT = sizeof parse__keys / sizeof parse__keys[0] };

static void parse__select(uint32_t of, struct key keys[PARSE_KEYS_COUNT + 1])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PARSE_KEYS_COUNT; i++) {
        if ((parse__keys[i].of & of) != 0) {
            keys[count++] = parse__keys[i].key;
        }
    }
    keys[count] = (struct key){0};
}

/* What the header leaves to be worked out, and whether it fits together. */
static void parse__check_header(struct parse *parse, struct framing *framing)
{
    uint32_t size_end = (uint32_t)framing->size_offset + framing->size_bytes;
    if (framing->id_bytes == 0) {
        framing->id_offset = 0;
    } else if (framing->id_offset == PARSE_NOT_GIVEN) {
        framing->id_offset = (uint8_t)size_end;
    }
    uint32_t id_end = (uint32_t)framing->id_offset + framing->id_bytes;
    if (framing->header_bytes == 0) {
        framing->header_bytes = (uint8_t)(id_end > size_end ? id_end : size_end);
    }
    struct error error;
    if (framing->size_bytes > 0 && !framing_check(framing, &error)) {
        reader_mistake(&parse->reader, "%s", error.text);
    }
}

static void parse__check(struct parse *parse, const cJSON *json, struct framing *framing)
{
    switch (framing->type) {
    case FRAMING_BY_ID:
        parse_check_by_id(parse, json, framing);
        return;
    case FRAMING_HEADER:
        parse_check_header(parse, framing);
        return;
    case FRAMING_LENGTH:
        parse__check_header(parse, framing);
        return;
    case FRAMING_FIXED:
        framing->frame_bytes_max = framing->fixed_bytes;
        return;
    case FRAMING_DELIMITER:
    case FRAMING_RAW:
    case FRAMING_WEBSOCKET:
        return;
    case FRAMING_CODEC:
        framing->codec = parse->codec;
        framing->frame_bytes_max = FRAMING_FRAME_BYTES_MAX; /* the codec says less */
        return;
    case FRAMING_LINES:
        parse_check_rules(parse, framing);
        /* fall through */
    case FRAMING_HTTP:
    case FRAMING_RESP:
        if (reader_get(json, "frame_bytes_max") == NULL) {
            framing->frame_bytes_max = FRAMING_FRAME_BYTES_MAX; /* no field says less */
        }
        return;
    }
}

void parse_framing_inside(struct parse *parse, const cJSON *json, struct framing *framing)
{
    struct reader *reader = &parse->reader;
    struct key keys[PARSE_KEYS_COUNT + 1];
    uint32_t mistakes_count = reader->mistakes_count;
    parse__select(PARSE_OF_ALL, keys);
    if (!cJSON_IsObject(json) || reader_get(json, "type") == NULL) {
        if (!reader_object(reader, json, keys)) { /* misspelled, perhaps */
            return;
        }
    }
    struct framing fresh = {.frame_bytes_max = framing->frame_bytes_max,
                            .id_offset = PARSE_NOT_GIVEN};
    reader_read_key(reader, json, &keys[0], &fresh);
    if (reader_get(json, "type") == NULL || reader->mistakes_count > mistakes_count) {
        return;
    }
    *framing = fresh;
    enum framing_type type = framing->type == FRAMING_LENGTH && reader_get(json, "header") != NULL
                                 ? FRAMING_HEADER
                                 : framing->type;
    if (type == FRAMING_WEBSOCKET) {
        parse_websocket(parse, json, framing);
        return;
    }
    parse__select(1u << type, keys);
    reader_read(reader, json, keys, framing);
    framing->type = type;
    if (reader->mistakes_count == mistakes_count) {
        parse__check(parse, json, framing);
    }
}

void parse_framing(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_protocol *protocol = place;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    parse->protocol = protocol;
    parse->tables_used = 0;
    parse_framing_inside(parse, json, &protocol->framing);
    protocol->tables = parse->tables_used;
    protocol->is_wrong = parse->reader.mistakes_count > mistakes_count;
    if (protocol->is_wrong) {
        /* One that can be used, whatever else is read by it. */
        framing_default(&protocol->framing);
    }
}
