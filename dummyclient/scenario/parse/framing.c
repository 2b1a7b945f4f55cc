/* `framing`: where one message of the target's protocol ends. */
#include "scenario/parse/parse.h"
#include "text/encoding.h"

#include <string.h>

static const char *const parse__byte_orders[] = {"little", "big", NULL};

static void parse__framing_length(struct reader *reader, const cJSON *json, struct framing *framing)
{
    static const char *const keys[] = {
        "type",         "size_bytes", "size_offset",          "id_bytes",        "id_offset",
        "header_bytes", "byte_order", "size_includes_header", "frame_bytes_max", NULL};
    reader_object(reader, json, keys);
    uint32_t size_bytes = 0;
    uint32_t size_offset = 0;
    uint32_t id_bytes = 0;
    uint32_t byte_order = 0;
    bool valid = reader_require(reader, json, "size_bytes", "1, 2 or 4") != NULL &&
                 reader_u32(reader, json, "size_bytes", 1, 4, &size_bytes);
    if (size_bytes == 3) {
        size_t place = reader_enter(reader, "size_bytes");
        reader_mistake(reader, "expected 1, 2 or 4, found 3");
        reader_leave(reader, place);
        valid = false;
    }
    reader_u32(reader, json, "size_offset", 0, FRAMING_HEADER_BYTES_MAX - 1, &size_offset);
    reader_u32(reader, json, "id_bytes", 0, 4, &id_bytes);
    uint32_t id_offset = size_offset + size_bytes;
    reader_u32(reader, json, "id_offset", 0, FRAMING_HEADER_BYTES_MAX - 1, &id_offset);
    uint32_t header_bytes = size_offset + size_bytes;
    if (id_bytes > 0 && id_offset + id_bytes > header_bytes) {
        header_bytes = id_offset + id_bytes;
    }
    reader_u32(reader, json, "header_bytes", 1, FRAMING_HEADER_BYTES_MAX, &header_bytes);
    reader_choice(reader, json, "byte_order", parse__byte_orders, &byte_order);
    if (reader_require(reader, json, "size_includes_header", "true or false") != NULL) {
        reader_bool(reader, json, "size_includes_header", &framing->size_includes_header);
    }
    framing->size_bytes = (uint8_t)size_bytes;
    framing->size_offset = (uint8_t)size_offset;
    framing->id_bytes = (uint8_t)id_bytes;
    framing->id_offset = (uint8_t)(id_bytes > 0 ? id_offset : 0);
    framing->header_bytes = (uint8_t)header_bytes;
    framing->big_endian = byte_order == 1;
    struct error error;
    if (valid && !framing_check(framing, &error)) {
        reader_mistake(reader, "%s", error.text);
    }
}

static void parse__delimiter(struct reader *reader, const cJSON *json, struct framing *framing)
{
    static const char *const keys[] = {"hex", NULL};
    uint8_t bytes[FRAMING_DELIMITER_BYTES_MAX];
    size_t bytes_count = 0;
    const char *hex = NULL;
    if (cJSON_IsString(json)) {
        bytes_count = strlen(json->valuestring);
        if (bytes_count <= sizeof bytes) {
            memcpy(bytes, json->valuestring, bytes_count);
        }
    } else if (cJSON_IsObject(json)) {
        size_t wrong = 0;
        if (!reader_object(reader, json, keys) ||
            reader_require(reader, json, "hex", "pairs of hexadecimal digits") == NULL ||
            !reader_text(reader, json, "hex", &hex)) {
            return;
        }
        if (strlen(hex) > 4 * sizeof bytes) {
            bytes_count = sizeof bytes + 1;
        } else {
            uint8_t decoded[2 * FRAMING_DELIMITER_BYTES_MAX];
            bytes_count = encoding_decode_hex(hex, decoded, &bytes_count, &wrong) ? bytes_count : 0;
            if (bytes_count <= sizeof bytes) {
                memcpy(bytes, decoded, bytes_count);
            }
        }
    }
    if (bytes_count == 0 || bytes_count > sizeof bytes) {
        reader_expected(reader, json,
                        "1 to 16 bytes as a text such as \"\\r\\n\", or { \"hex\": \"0d0a\" }");
        return;
    }
    memcpy(framing->delimiter, bytes, bytes_count);
    framing->delimiter_bytes = (uint8_t)bytes_count;
}

static void parse__framing_delimiter(struct reader *reader, const cJSON *json,
                                     struct framing *framing)
{
    static const char *const keys[] = {"type", "delimiter", "frame_bytes_max", NULL};
    reader_object(reader, json, keys);
    const cJSON *delimiter =
        reader_require(reader, json, "delimiter", "what ends a message, such as \"\\r\\n\"");
    if (delimiter != NULL) {
        size_t place = reader_enter(reader, "delimiter");
        parse__delimiter(reader, delimiter, framing);
        reader_leave(reader, place);
    }
}

void parse_framing(struct reader *reader, const cJSON *json, struct framing *framing)
{
    static const char *const types[] = {"length", "delimiter", "fixed", "raw", NULL};
    static const char *const all_keys[] = {
        "type",         "size_bytes", "size_offset",          "id_bytes",        "id_offset",
        "header_bytes", "byte_order", "size_includes_header", "frame_bytes_max", "delimiter",
        "bytes",        NULL};
    static const char *const fixed_keys[] = {"type", "bytes", NULL};
    static const char *const raw_keys[] = {"type", NULL};
    uint32_t type = 0;
    if (!cJSON_IsObject(json)) {
        reader_expected(reader, json, "an object");
        return;
    }
    if (reader_get(json, "type") == NULL) {
        reader_object(reader, json, all_keys); /* misspelled, perhaps */
    }
    if (reader_require(reader, json, "type", "\"length\", \"delimiter\", \"fixed\" or \"raw\"") ==
            NULL ||
        !reader_choice(reader, json, "type", types, &type)) {
        return;
    }
    uint32_t frame_bytes_max = framing->frame_bytes_max;
    *framing = (struct framing){.frame_bytes_max = frame_bytes_max};
    if (type == 0) {
        framing->type = FRAMING_LENGTH;
        reader_u32(reader, json, "frame_bytes_max", 1, FRAMING_FRAME_BYTES_MAX,
                   &framing->frame_bytes_max);
        parse__framing_length(reader, json, framing);
    } else if (type == 1) {
        framing->type = FRAMING_DELIMITER;
        reader_u32(reader, json, "frame_bytes_max", 1, FRAMING_FRAME_BYTES_MAX,
                   &framing->frame_bytes_max);
        parse__framing_delimiter(reader, json, framing);
    } else if (type == 2) {
        framing->type = FRAMING_FIXED;
        reader_object(reader, json, fixed_keys);
        if (reader_require(reader, json, "bytes", "the size of every message") != NULL) {
            framing->fixed_bytes = 1;
            reader_u32(reader, json, "bytes", 1, FRAMING_FRAME_BYTES_MAX, &framing->fixed_bytes);
        }
        framing->frame_bytes_max = framing->fixed_bytes;
    } else {
        framing->type = FRAMING_RAW;
        reader_object(reader, json, raw_keys);
    }
}
