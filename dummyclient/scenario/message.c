#include "scenario/message.h"

#include "core/prng.h"

#include <string.h>

/* Bodies are made again in pieces of this size, so that comparing needs no memory. */
enum { MESSAGE_PIECE_BYTES = 256, MESSAGE_NUMBER_BYTES_MAX = 20 };

/* Streams of a key: the bytes themselves are prng_bytes(key), the rest is drawn apart. */
enum { MESSAGE_STREAM_SIZE = 1, MESSAGE_STREAM_PARTS = 2 };

static uint32_t message__random_bytes(const struct body *body, const struct message_scope *scope)
{
    if (body->bytes_min == body->bytes_max) {
        return body->bytes_min;
    }
    return (uint32_t)prng_range(scope->key, MESSAGE_STREAM_SIZE, 0, body->bytes_min,
                                body->bytes_max);
}

static void message__random(const struct body *body, const struct message_scope *scope,
                            uint32_t offset, uint8_t *out, uint32_t bytes)
{
    prng_bytes(scope->key, offset, out, bytes);
    for (uint32_t i = 0; body->letters && i < bytes; i++) {
        out[i] = (uint8_t)('a' + out[i] % 26);
    }
}

static uint64_t message__number(const struct body *body, const struct message_scope *scope,
                                uint32_t index)
{
    const struct part *part = &body->parts[index];
    switch (part->type) {
    case PART_CONNECTION:
        return scope->connection;
    case PART_ITERATION:
        return scope->iteration;
    case PART_LANE:
        return scope->lane;
    case PART_SEED:
        return scope->seed;
    case PART_RANDOM:
        return prng_range(scope->key, MESSAGE_STREAM_PARTS, index, part->low, part->high);
    case PART_CAPTURE:
        return scope->captures[part->capture];
    case PART_TEXT:
        break;
    }
    return 0;
}

/* The bytes of one part: its own, or digits written to text. */
static const uint8_t *message__part(const struct body *body, const struct message_scope *scope,
                                    uint32_t index, uint8_t text[MESSAGE_NUMBER_BYTES_MAX],
                                    uint32_t *bytes)
{
    const struct part *part = &body->parts[index];
    if (part->type == PART_TEXT) {
        *bytes = part->bytes_count;
        return part->bytes;
    }
    uint64_t number = message__number(body, scope, index);
    uint32_t at = MESSAGE_NUMBER_BYTES_MAX;
    do {
        text[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *bytes = MESSAGE_NUMBER_BYTES_MAX - at;
    return text + at;
}

uint32_t message_body_bytes(const struct body *body, const struct message_scope *scope)
{
    if (body->type == BODY_CONSTANT) {
        return body->bytes_min;
    }
    if (body->type == BODY_RANDOM) {
        return message__random_bytes(body, scope);
    }
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < body->parts_count; i++) {
        uint8_t text[MESSAGE_NUMBER_BYTES_MAX];
        uint32_t part_bytes = 0;
        message__part(body, scope, i, text, &part_bytes);
        bytes += part_bytes;
    }
    return bytes;
}

void message_write_body(const struct body *body, const struct message_scope *scope, uint8_t *out)
{
    if (body->type == BODY_CONSTANT) {
        memcpy(out, body->bytes, body->bytes_min);
        return;
    }
    if (body->type == BODY_RANDOM) {
        message__random(body, scope, 0, out, message__random_bytes(body, scope));
        return;
    }
    for (uint32_t i = 0; i < body->parts_count; i++) {
        uint8_t text[MESSAGE_NUMBER_BYTES_MAX];
        uint32_t part_bytes = 0;
        const uint8_t *part = message__part(body, scope, i, text, &part_bytes);
        memcpy(out, part, part_bytes);
        out += part_bytes;
    }
}

static bool message__random_equals(const struct body *body, const struct message_scope *scope,
                                   const uint8_t *data, uint32_t bytes)
{
    uint8_t piece[MESSAGE_PIECE_BYTES];
    for (uint32_t offset = 0; offset < bytes; offset += sizeof(piece)) {
        uint32_t left_bytes = bytes - offset;
        uint32_t piece_bytes = left_bytes < sizeof(piece) ? left_bytes : (uint32_t)sizeof(piece);
        message__random(body, scope, offset, piece, piece_bytes);
        if (memcmp(data + offset, piece, piece_bytes) != 0) {
            return false;
        }
    }
    return true;
}

static bool message__text_equals(const struct body *body, const struct message_scope *scope,
                                 const uint8_t *data)
{
    for (uint32_t i = 0; i < body->parts_count; i++) {
        uint8_t text[MESSAGE_NUMBER_BYTES_MAX];
        uint32_t part_bytes = 0;
        const uint8_t *part = message__part(body, scope, i, text, &part_bytes);
        if (memcmp(data, part, part_bytes) != 0) {
            return false;
        }
        data += part_bytes;
    }
    return true;
}

bool message_body_equals(const struct body *body, const struct message_scope *scope,
                         const uint8_t *data, size_t bytes, bool prefix)
{
    uint32_t body_bytes = message_body_bytes(body, scope);
    if (prefix ? bytes < body_bytes : bytes != body_bytes) {
        return false;
    }
    if (body_bytes == 0) {
        return true;
    }
    switch (body->type) {
    case BODY_CONSTANT:
        return memcmp(data, body->bytes, body_bytes) == 0;
    case BODY_RANDOM:
        return message__random_equals(body, scope, data, body_bytes);
    case BODY_TEXT:
        return message__text_equals(body, scope, data);
    }
    return false;
}

bool message_contains(const struct body *body, const uint8_t *data, size_t bytes)
{
    uint32_t wanted_bytes = body->bytes_min;
    while (bytes >= wanted_bytes && wanted_bytes > 0) {
        const uint8_t *at = memchr(data, body->bytes[0], bytes - wanted_bytes + 1);
        if (at == NULL) {
            return false;
        }
        if (memcmp(at, body->bytes, wanted_bytes) == 0) {
            return true;
        }
        bytes -= (size_t)(at - data) + 1;
        data = at + 1;
    }
    return wanted_bytes == 0;
}

static uint64_t message__read(const struct field *field, const uint8_t *bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < field->bytes_count; i++) {
        uint32_t at = field->big_endian ? i : field->bytes_count - 1u - i;
        value = value << 8 | bytes[at];
    }
    return value;
}

uint64_t message_body_field(const struct body *body, const struct message_scope *scope,
                            const struct field *field)
{
    uint8_t bytes[8] = {0};
    if (body->type == BODY_CONSTANT) {
        return message__read(field, body->bytes + field->offset);
    }
    if (body->type == BODY_RANDOM) {
        message__random(body, scope, field->offset, bytes, field->bytes_count);
        return message__read(field, bytes);
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < body->parts_count; i++) {
        uint8_t text[MESSAGE_NUMBER_BYTES_MAX];
        uint32_t part_bytes = 0;
        const uint8_t *part = message__part(body, scope, i, text, &part_bytes);
        for (uint32_t j = 0; j < field->bytes_count; j++) {
            uint32_t wanted = field->offset + j;
            if (wanted >= at && wanted < at + part_bytes) {
                bytes[j] = part[wanted - at];
            }
        }
        at += part_bytes;
    }
    return message__read(field, bytes);
}

bool message_field(const struct field *field, const uint8_t *data, size_t bytes, uint64_t *value)
{
    if (bytes < field->bytes_count || field->offset > bytes - field->bytes_count) {
        return false;
    }
    *value = message__read(field, data + field->offset);
    return true;
}
