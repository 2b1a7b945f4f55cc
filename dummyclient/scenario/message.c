#include "scenario/message.h"

#include "core/printable.h"
#include "core/prng.h"

#include <string.h>

/* Bodies are made again in pieces of this size, so that comparing needs no memory. */
enum { MESSAGE_PIECE_BYTES = 256 };

/* Streams of a key: the bytes themselves are prng_bytes(key), the rest is drawn apart. */
enum { MESSAGE_STREAM_SIZE = 1, MESSAGE_STREAM_PARTS = 2 };

static uint32_t message__draw_size(const struct message_scope *scope, uint64_t stream,
                                   uint32_t index, uint32_t bytes_min, uint32_t bytes_max)
{
    return bytes_min == bytes_max
               ? bytes_min
               : (uint32_t)prng_range(scope->key, stream, index, bytes_min, bytes_max);
}

static uint32_t message__random_bytes(const struct body *body, const struct message_scope *scope)
{
    return message__draw_size(scope, MESSAGE_STREAM_SIZE, 0, body->bytes_min, body->bytes_max);
}

static void message__random(const struct body *body, const struct message_scope *scope,
                            uint32_t offset, uint8_t *out, uint32_t bytes)
{
    prng_bytes(scope->key, offset, out, bytes);
    for (uint32_t i = 0; body->letters && i < bytes; i++) {
        out[i] = (uint8_t)('a' + out[i] % 26);
    }
}

/* Takes the bytes of a body, piece by piece. False: it needs no more. */
typedef bool (*message_sink)(void *context, const uint8_t *bytes, uint32_t bytes_count);

static uint32_t message__part_bytes(const struct body *body, const struct message_scope *scope,
                                    uint32_t index);

/* What the parts from first to before end become. */
static uint32_t message__span_bytes(const struct body *body, const struct message_scope *scope,
                                    uint32_t first, uint32_t end)
{
    uint32_t bytes = 0;
    for (uint32_t i = first; i < end; i += 1 + body->parts[i].covers) {
        bytes += message__part_bytes(body, scope, i);
    }
    return bytes;
}

/* What a length says, where the parts behind it have so many bytes. */
static uint32_t message__length(const struct body *body, const struct message_scope *scope,
                                uint32_t index, uint32_t covered_bytes)
{
    const struct part *part = &body->parts[index];
    if (part->bytes_max > 0) {
        covered_bytes = message__span_bytes(body, scope, index + 2, index + 1 + part->covers);
        covered_bytes = covered_bytes < part->bytes_max ? covered_bytes : part->bytes_max;
    }
    return covered_bytes + (uint32_t)part->plus;
}

static uint64_t message__varint_bits(const struct part *part, const struct message_scope *scope)
{
    uint64_t bits = value_bits(&part->value, scope, part->draw);
    if (part->zigzag) {
        bits = bits << 1 ^ (0 - (bits >> 63));
    }
    return part->bytes_count == 4 ? (uint32_t)bits : bits;
}

static uint32_t message__varint(uint64_t bits, uint8_t out[PART_VARINT_BYTES_MAX])
{
    uint32_t bytes = 0;
    for (; bits >= 0x80; bits >>= 7) {
        out[bytes++] = (uint8_t)(bits | 0x80);
    }
    out[bytes++] = (uint8_t)bits;
    return bytes;
}

uint32_t message_json_letter(const uint8_t *text, size_t bytes, uint32_t *taken,
                             uint8_t out[MESSAGE_JSON_LETTER_BYTES_MAX])
{
    static const char LETTERS[] = "\"\\\b\f\n\r\t";
    static const char NAMES[] = "\"\\bfnrt";
    static const char HEX[] = "0123456789abcdef";
    size_t letter_bytes = printable_letter_bytes(text, bytes);
    *taken = letter_bytes > 0 ? (uint32_t)letter_bytes : 1;
    if (letter_bytes == 0) {
        memcpy(out, "\\ufffd", 6);
        return 6;
    }
    const char *named = text[0] == 0 ? NULL : strchr(LETTERS, text[0]);
    if (named != NULL) {
        out[0] = '\\';
        out[1] = (uint8_t)NAMES[named - LETTERS];
        return 2;
    }
    if (text[0] < 0x20) {
        memcpy(out, "\\u00", 4);
        out[4] = (uint8_t)HEX[text[0] >> 4];
        out[5] = (uint8_t)HEX[text[0] & 15];
        return 6;
    }
    memcpy(out, text, letter_bytes);
    return *taken;
}

static bool message__json_text(const uint8_t *text, uint32_t bytes, message_sink sink,
                               void *context)
{
    while (bytes > 0) {
        uint8_t letter[MESSAGE_JSON_LETTER_BYTES_MAX];
        uint32_t taken = 0;
        while (taken < bytes && text[taken] >= 0x20 && text[taken] < 0x80 && text[taken] != '"' &&
               text[taken] != '\\') {
            taken++;
        }
        bool wanted = true;
        if (taken > 0) {
            wanted = sink(context, text, taken);
        } else {
            uint32_t letter_bytes = message_json_letter(text, bytes, &taken, letter);
            wanted = sink(context, letter, letter_bytes);
        }
        if (!wanted) {
            return false;
        }
        text += taken;
        bytes -= taken;
    }
    return true;
}

static bool message__json(const struct part *part, const struct message_scope *scope,
                          message_sink sink, void *context)
{
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = 0;
    if (part->value.type == VALUE_TEXT) {
        const uint8_t *text = value_text(&part->value, scope, part->draw, digits, &bytes);
        return message__json_text(text, bytes, sink, context);
    }
    const uint8_t *number = value_json_number(&part->value, scope, part->draw, digits, &bytes);
    return sink(context, number, bytes);
}

static bool message__count(void *context, const uint8_t *bytes, uint32_t bytes_count)
{
    uint32_t *count = context;
    (void)bytes;
    *count += bytes_count;
    return true;
}

/* With all that it covers. */
static uint32_t message__part_bytes(const struct body *body, const struct message_scope *scope,
                                    uint32_t index)
{
    const struct part *part = &body->parts[index];
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = part->bytes_count;
    switch (part->form) {
    case PART_TEXT:
        value_text(&part->value, scope, part->draw, digits, &bytes);
        break;
    case PART_JSON:
        message__json(part, scope, message__count, &bytes);
        break;
    case PART_BINARY:
        break;
    case PART_VARINT:
        bytes = message__varint(message__varint_bits(part, scope), digits);
        break;
    case PART_LENGTH:
        bytes = message__span_bytes(body, scope, index + 1, index + 1 + part->covers);
        bytes += number_bytes(&part->format, message__length(body, scope, index, bytes));
        break;
    case PART_RANDOM:
        bytes = message__draw_size(scope, MESSAGE_STREAM_PARTS, part->draw, part->bytes_min,
                                   part->bytes_max);
        break;
    case PART_FIXED:
        bytes = part->bytes_max;
        break;
    case PART_CHECKSUM:
        bytes = part->format.bytes;
        bytes += message__span_bytes(body, scope, index + 1, index + 1 + part->covers);
        break;
    }
    return bytes;
}

static void message__number(const struct part *part, uint64_t bits, uint8_t out[8])
{
    if (part->is_float && part->bytes_count == 4) {
        union {
            float number;
            uint32_t bits;
        } narrow = {.number = (float)value_double(bits)};
        bits = narrow.bits;
    }
    for (uint32_t i = 0; i < part->bytes_count; i++) {
        uint32_t at = part->big_endian ? part->bytes_count - 1u - i : i;
        out[at] = (uint8_t)(bits >> (8 * i));
    }
}

/* The number of a binary part, as a double where it is written as one. */
static uint64_t message__bits(const struct part *part, const struct message_scope *scope)
{
    uint64_t bits = value_bits(&part->value, scope, part->draw);
    return part->is_float ? value_double_bits(value_as_double(bits, part->value.type)) : bits;
}

/* Random bytes or zeros, in pieces. */
static bool message__fill(const struct message_scope *scope, uint32_t draw, bool random,
                          uint32_t bytes, message_sink sink, void *context)
{
    uint8_t piece[MESSAGE_PIECE_BYTES] = {0};
    uint64_t key = random ? prng_mix(scope->key, draw) : 0;
    for (uint32_t offset = 0; offset < bytes; offset += sizeof piece) {
        uint32_t left_bytes = bytes - offset;
        uint32_t piece_bytes = left_bytes < sizeof piece ? left_bytes : (uint32_t)sizeof piece;
        if (random) {
            prng_bytes(key, offset, piece, piece_bytes);
        }
        if (!sink(context, piece, piece_bytes)) {
            return false;
        }
    }
    return true;
}

static bool message__part(const struct body *body, const struct message_scope *scope,
                          uint32_t index, message_sink sink, void *context);

/* Lets left_bytes through to another sink. */
struct message__cut {
    message_sink sink;
    void *context;
    uint32_t left_bytes;
    bool wanted;
};

static bool message__pass_cut(void *context, const uint8_t *bytes, uint32_t bytes_count)
{
    struct message__cut *cut = context;
    bytes_count = bytes_count < cut->left_bytes ? bytes_count : cut->left_bytes;
    cut->left_bytes -= bytes_count;
    cut->wanted = cut->sink(cut->context, bytes, bytes_count);
    return cut->wanted && cut->left_bytes > 0;
}

static bool message__fixed(const struct body *body, const struct message_scope *scope,
                           uint32_t index, message_sink sink, void *context)
{
    const struct part *part = &body->parts[index];
    struct message__cut cut = {
        .sink = sink, .context = context, .left_bytes = part->bytes_min, .wanted = true};
    for (uint32_t i = index + 1; i <= index + part->covers && cut.left_bytes > 0; i++) {
        if (!message__part(body, scope, i, message__pass_cut, &cut) && !cut.wanted) {
            return false;
        }
    }
    uint32_t zeros = part->bytes_max - part->bytes_min + cut.left_bytes;
    return message__fill(scope, 0, false, zeros, sink, context);
}

/* Does message__part() write what it covers, too? */
static bool message__is_whole(const struct part *part)
{
    return part->form == PART_FIXED || part->form == PART_CHECKSUM;
}

/* The parts from first to before end. */
static bool message__span(const struct body *body, const struct message_scope *scope,
                          uint32_t first, uint32_t end, message_sink sink, void *context)
{
    for (uint32_t i = first; i < end; i++) {
        if (!message__part(body, scope, i, sink, context)) {
            return false;
        }
        i += message__is_whole(&body->parts[i]) ? body->parts[i].covers : 0;
    }
    return true;
}

struct message__sum {
    enum checksum kind;
    uint32_t state;
};

static bool message__add_to_sum(void *context, const uint8_t *bytes, uint32_t bytes_count)
{
    struct message__sum *sum = context;
    sum->state = checksum_add(sum->kind, sum->state, bytes, bytes_count);
    return true;
}

static bool message__checksum(const struct body *body, const struct message_scope *scope,
                              uint32_t index, message_sink sink, void *context)
{
    const struct part *part = &body->parts[index];
    uint32_t first = index + 1;
    uint32_t end = first + part->covers;
    uint8_t digits[NUMBER_BYTES_MAX];
    struct message__sum sum = {.kind = part->checksum, .state = checksum_begin(part->checksum)};
    if (part->is_behind && !message__span(body, scope, first, end, sink, context)) {
        return false;
    }
    message__span(body, scope, first, end, message__add_to_sum, &sum);
    number_write(&part->format, checksum_end(sum.kind, sum.state), digits);
    return sink(context, digits, part->format.bytes) &&
           (part->is_behind || message__span(body, scope, first, end, sink, context));
}

/* A LENGTH alone: what it covers are parts like others. */
static bool message__part(const struct body *body, const struct message_scope *scope,
                          uint32_t index, message_sink sink, void *context)
{
    const struct part *part = &body->parts[index];
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = 0;
    switch (part->form) {
    case PART_TEXT: {
        const uint8_t *text = value_text(&part->value, scope, part->draw, digits, &bytes);
        return sink(context, text, bytes);
    }
    case PART_JSON:
        return message__json(part, scope, sink, context);
    case PART_BINARY:
        message__number(part, message__bits(part, scope), digits);
        return sink(context, digits, part->bytes_count);
    case PART_VARINT:
        bytes = message__varint(message__varint_bits(part, scope), digits);
        return sink(context, digits, bytes);
    case PART_LENGTH:
        bytes = message__span_bytes(body, scope, index + 1, index + 1 + part->covers);
        bytes = number_write(&part->format, message__length(body, scope, index, bytes), digits);
        return sink(context, digits, bytes);
    case PART_RANDOM:
        bytes = message__part_bytes(body, scope, index);
        return message__fill(scope, part->draw, true, bytes, sink, context);
    case PART_FIXED:
        return message__fixed(body, scope, index, sink, context);
    case PART_CHECKSUM:
        return message__checksum(body, scope, index, sink, context);
    }
    return false;
}

static void message__parts(const struct body *body, const struct message_scope *scope,
                           message_sink sink, void *context)
{
    message__span(body, scope, 0, body->parts_count, sink, context);
}

uint32_t message_body_bytes(const struct body *body, const struct message_scope *scope)
{
    if (body->bytes_min == body->bytes_max) {
        return body->bytes_min;
    }
    if (body->type == BODY_RANDOM) {
        return message__random_bytes(body, scope);
    }
    return message__span_bytes(body, scope, 0, body->parts_count);
}

static bool message__append(void *context, const uint8_t *bytes, uint32_t bytes_count)
{
    uint8_t **out = context;
    memcpy(*out, bytes, bytes_count);
    *out += bytes_count;
    return true;
}

void message_write_body(const struct body *body, const struct message_scope *scope, uint8_t *out)
{
    if (body->type == BODY_CONSTANT) {
        memcpy(out, body->bytes, body->bytes_min);
    } else if (body->type == BODY_RANDOM) {
        message__random(body, scope, 0, out, message__random_bytes(body, scope));
    } else {
        message__parts(body, scope, message__append, &out);
    }
}

/* A stretch of a body that is compared, or taken out. */
struct message__window {
    const uint8_t *data; /* compared with, or NULL */
    uint8_t *out;        /* taken out into, or NULL */
    uint32_t offset;     /* of the stretch in the body */
    uint32_t bytes;
    uint32_t at; /* of the next piece */
    bool equal;
};

static bool message__pass_window(void *context, const uint8_t *bytes, uint32_t bytes_count)
{
    struct message__window *window = context;
    uint32_t begin = window->at > window->offset ? window->at : window->offset;
    uint32_t window_end = window->offset + window->bytes;
    uint32_t end = window->at + bytes_count;
    end = end < window_end ? end : window_end;
    if (begin < end) {
        const uint8_t *piece = bytes + (begin - window->at);
        uint32_t place = begin - window->offset;
        if (window->out != NULL) {
            memcpy(window->out + place, piece, end - begin);
        } else if (memcmp(window->data + place, piece, end - begin) != 0) {
            window->equal = false;
            return false;
        }
    }
    window->at += bytes_count;
    return window->at <= window_end; /* at its end, too: is there more? */
}

static bool message__random_holds(const struct body *body, const struct message_scope *scope,
                                  uint32_t offset, const uint8_t *data, uint32_t bytes)
{
    uint8_t piece[MESSAGE_PIECE_BYTES];
    for (uint32_t at = 0; at < bytes; at += sizeof piece) {
        uint32_t left_bytes = bytes - at;
        uint32_t piece_bytes = left_bytes < sizeof piece ? left_bytes : (uint32_t)sizeof piece;
        message__random(body, scope, offset + at, piece, piece_bytes);
        if (memcmp(data + at, piece, piece_bytes) != 0) {
            return false;
        }
    }
    return true;
}

bool message_body_holds(const struct body *body, const struct message_scope *scope, uint32_t offset,
                        const uint8_t *data, uint32_t bytes)
{
    if (bytes == 0) {
        return true;
    }
    if (body->type == BODY_CONSTANT) {
        return memcmp(data, body->bytes + offset, bytes) == 0;
    }
    if (body->type == BODY_RANDOM) {
        return message__random_holds(body, scope, offset, data, bytes);
    }
    struct message__window window = {.data = data, .offset = offset, .bytes = bytes, .equal = true};
    message__parts(body, scope, message__pass_window, &window);
    return window.equal;
}

bool message_body_equals(const struct body *body, const struct message_scope *scope,
                         const uint8_t *data, size_t bytes, bool prefix)
{
    if (body->type == BODY_PARTS) { /* one walk over the parts, without computing the size first */
        struct message__window all = {.data = data, .bytes = (uint32_t)bytes, .equal = true};
        message__parts(body, scope, message__pass_window, &all);
        return all.equal && (prefix ? all.at <= bytes : all.at == bytes);
    }
    uint32_t body_bytes = message_body_bytes(body, scope);
    if (prefix ? bytes < body_bytes : bytes != body_bytes) {
        return false;
    }
    return message_body_holds(body, scope, 0, data, body_bytes);
}

/* Takes bytes out of the body. */
static void message__take(const struct body *body, const struct message_scope *scope,
                          uint32_t offset, uint8_t *out, uint32_t bytes)
{
    struct message__window window = {.out = out, .offset = offset, .bytes = bytes};
    if (body->type == BODY_CONSTANT) {
        memcpy(out, body->bytes + offset, bytes);
    } else if (body->type == BODY_RANDOM) {
        message__random(body, scope, offset, out, bytes);
    } else {
        message__parts(body, scope, message__pass_window, &window);
    }
}

uint64_t message_body_place(const struct body *body, const struct message_scope *scope,
                            const struct place *place)
{
    uint8_t bytes[VALUE_TEXT_BYTES_MAX] = {0};
    uint32_t offset = place->offset;
    uint32_t wanted_bytes = place->field.bytes_count;
    if (place->from_end || place->form != PLACE_NUMBER) {
        uint32_t body_bytes = message_body_bytes(body, scope);
        offset = place->from_end ? body_bytes - offset : offset;
        if (place->form != PLACE_NUMBER) {
            uint32_t left_bytes = body_bytes - offset;
            uint32_t room = place->form == PLACE_TEXT ? place->bytes : VALUE_DIGITS_MAX;
            wanted_bytes = left_bytes < room ? left_bytes : room;
        }
    }
    message__take(body, scope, offset, bytes, wanted_bytes);
    if (place->form == PLACE_NUMBER) {
        uint64_t number = place_read_number(&place->field, bytes);
        return place->mask != 0 ? number & place->mask : number;
    }
    struct place first = *place;
    const struct frame frame = {.bytes = bytes, .body = bytes, .body_bytes = wanted_bytes};
    struct place_value value = {.bits = 0};
    first.offset = 0;
    first.from_end = false;
    if (place_read(&first, NULL, &frame, &value) != PLACE_FOUND) {
        return 0;
    }
    return value.type == VALUE_TEXT ? place_text_hash(&value) : value.bits;
}

bool message_contains(const struct body *body, const uint8_t *data, size_t bytes)
{
    return place_find_bytes(body->bytes, body->bytes_min, data, bytes) != NULL;
}
