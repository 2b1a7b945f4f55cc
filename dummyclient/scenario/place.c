#include "scenario/place.h"

#include "scenario/data.h"

#include <string.h>

uint64_t place_read_number(const struct field *field, const uint8_t *bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < field->bytes_count; i++) {
        uint32_t at = field->big_endian ? i : field->bytes_count - 1u - i;
        value = value << 8 | bytes[at];
    }
    if (field->type == VALUE_F32) {
        union {
            uint32_t bits;
            float number;
        } narrow = {.bits = (uint32_t)value};
        return value_double_bits((double)narrow.number);
    }
    if (field->type == VALUE_I64) {
        uint32_t unused_bits = 64 - 8u * field->bytes_count;
        uint64_t sign = UINT64_C(1) << (63 - unused_bits);
        return (value ^ sign) - sign;
    }
    return value;
}

bool place_read_digits(const uint8_t *bytes, size_t bytes_count, uint64_t *value, size_t *used)
{
    return value_read_digits(bytes, bytes_count, value, used) &&
           (bytes[0] == '-' || *value <= (uint64_t)INT64_MAX);
}

const uint8_t *place_find_bytes(const uint8_t *wanted, uint32_t wanted_bytes, const uint8_t *data,
                                size_t bytes)
{
    while (wanted_bytes > 0 && bytes >= wanted_bytes) {
        const uint8_t *at = memchr(data, wanted[0], bytes - wanted_bytes + 1);
        if (at == NULL || memcmp(at, wanted, wanted_bytes) == 0) {
            return at;
        }
        bytes -= (size_t)(at - data) + 1;
        data = at + 1;
    }
    return wanted_bytes == 0 ? data : NULL;
}

/* --- Texts that were found. */

/* The next bytes of the text; 0: it has ended. */
static uint32_t place__next(const struct place_value *value, const uint8_t **at, uint8_t out[4])
{
    return json_pull_character(at, value->text + value->text_bytes, out);
}

bool place_text_equals(const struct place_value *value, const uint8_t *bytes, uint32_t bytes_count,
                       bool prefix)
{
    if (!value->has_escapes) {
        return (prefix ? value->text_bytes >= bytes_count : value->text_bytes == bytes_count) &&
               (bytes_count == 0 || memcmp(value->text, bytes, bytes_count) == 0);
    }
    const uint8_t *at = value->text;
    uint8_t next[4];
    uint32_t count = 0;
    for (uint32_t done = 0; (count = place__next(value, &at, next)) > 0; done += count) {
        uint32_t left = bytes_count - done;
        if (prefix && left <= count) {
            return memcmp(next, bytes + done, left) == 0;
        }
        if (left < count || memcmp(next, bytes + done, count) != 0) {
            return false;
        }
        if (left == count) {
            return place__next(value, &at, next) == 0;
        }
    }
    return bytes_count == 0;
}

uint32_t place_text_write(const struct place_value *value, uint8_t *out, uint32_t room)
{
    if (!value->has_escapes) {
        uint32_t bytes = value->text_bytes < room ? value->text_bytes : room;
        if (bytes > 0) {
            memcpy(out, value->text, bytes);
        }
        return value->text_bytes;
    }
    const uint8_t *at = value->text;
    uint8_t next[4];
    uint32_t written = 0;
    for (uint32_t count; (count = place__next(value, &at, next)) > 0; written += count) {
        if (written < room) {
            memcpy(out + written, next, count <= room - written ? count : room - written);
        }
    }
    return written;
}

uint64_t place_text_hash(const struct place_value *value)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, and a last mix */
    const uint8_t *at = value->text;
    const uint8_t *end = at + value->text_bytes;
    uint8_t next[4];
    while (at < end) {
        uint32_t count = 1;
        next[0] = *at;
        if (value->has_escapes) {
            count = place__next(value, &at, next);
        } else {
            at++;
        }
        for (uint32_t i = 0; i < count; i++) {
            hash = (hash ^ next[i]) * UINT64_C(0x100000001b3);
        }
    }
    hash ^= hash >> 32;
    return hash * UINT64_C(0x9e3779b97f4a7c15);
}

/* --- Texts that are numbers. */

static bool place__hex(const uint8_t *digits, uint32_t count, uint64_t *bits)
{
    uint32_t at = count > 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x' ? 2 : 0;
    *bits = 0;
    if (count == at || count - at > 16) {
        return false;
    }
    for (; at < count; at++) {
        uint8_t letter = digits[at] | 0x20;
        bool digit = digits[at] >= '0' && digits[at] <= '9';
        if (!digit && (letter < 'a' || letter > 'f')) {
            return false;
        }
        *bits = *bits << 4 | (digit ? (uint64_t)(digits[at] - '0') : (uint64_t)(letter - 'a' + 10));
    }
    return true;
}

/* A number of JSON, and nothing else. */
static bool place__real(const uint8_t *digits, uint32_t count, uint64_t *bits)
{
    struct json_pull_value number;
    if (json_pull_find(digits, count, NULL, 0, &number) != JSON_PULL_FOUND ||
        number.type != JSON_PULL_NUMBER || number.bytes_count != count) {
        return false;
    }
    *bits = value_double_bits(data_cell_double(digits, count));
    return true;
}

static enum place_status place__convert(const struct place *place, struct place_value *value)
{
    uint8_t digits[64];
    size_t used = 0;
    uint32_t count = place_text_write(value, digits, sizeof digits);
    bool valid = count > 0 && count < sizeof digits;
    value->type = place->field.type;
    switch ((enum place_reading)place->reading) {
    case PLACE_READ_PLAIN:
        break;
    case PLACE_READ_DECIMAL:
        valid = valid && place_read_digits(digits, count, &value->bits, &used) && used == count;
        break;
    case PLACE_READ_HEX:
        valid = valid && place__hex(digits, count, &value->bits);
        break;
    case PLACE_READ_REAL:
        valid = valid && place__real(digits, count, &value->bits);
        break;
    case PLACE_READ_JSON:
        valid = valid && place__real(digits, count, &value->bits);
        value->type = VALUE_F64;
        if (valid && value_read_digits(digits, count, &value->bits, &used) && used == count) {
            value->type =
                digits[0] != '-' && value->bits > (uint64_t)INT64_MAX ? VALUE_U64 : VALUE_I64;
        } else if (valid) {
            value->bits = value_double_bits(data_cell_double(digits, count));
        }
        break;
    }
    return valid ? PLACE_FOUND : PLACE_WRONG;
}

/* --- The forms. */

static enum place_status place__varint(const uint8_t *at, uint32_t bytes, uint64_t *number,
                                       uint32_t *used)
{
    *used = protobuf_varint(at, bytes, number);
    if (*used == 0) {
        return bytes < 10 ? PLACE_ABSENT : PLACE_WRONG;
    }
    return PLACE_FOUND;
}

static enum place_status place__ber(const uint8_t *at, uint32_t bytes, uint64_t *number,
                                    uint32_t *used)
{
    static const struct number_format BER = {.form = NUMBER_BER};
    uint32_t narrow = 0;
    enum number_status status = number_read(&BER, at, bytes, &narrow, used);
    *number = narrow;
    return status == NUMBER_COMPLETE  ? PLACE_FOUND
           : status == NUMBER_PARTIAL ? PLACE_ABSENT
                                      : PLACE_WRONG;
}

/* The length in front of a text: goes past it, and says where the text ends. */
static enum place_status place__sized(const struct place *place, const uint8_t **at,
                                      const uint8_t **end)
{
    uint64_t size = 0;
    uint32_t used = place->size.bytes_count;
    uint32_t bytes = (uint32_t)(*end - *at);
    enum place_status status = PLACE_FOUND;
    if (place->size_form == PLACE_VARINT) {
        status = place__varint(*at, bytes, &size, &used);
    } else if (place->size_form == PLACE_BER) {
        status = place__ber(*at, bytes, &size, &used);
    } else if (bytes < used) {
        status = PLACE_ABSENT;
    } else {
        size = place_read_number(&place->size, *at);
    }
    if (status != PLACE_FOUND) {
        return status;
    }
    *at += used;
    *end = size <= bytes - used ? *at + size : NULL;
    return *end == NULL ? PLACE_WRONG : PLACE_FOUND;
}

static enum place_status place__text(const struct place *place, const uint8_t *at, uint32_t bytes,
                                     struct place_value *value)
{
    const uint8_t *end = at + bytes;
    if (place->size_form != PLACE_NONE) {
        enum place_status status = place__sized(place, &at, &end);
        if (status != PLACE_FOUND) {
            return status;
        }
    } else if (place->bytes > 0) {
        end = place->bytes <= bytes ? at + place->bytes : NULL;
    }
    if (end != NULL && place->after.bytes_count > 0) {
        at = place_find_bytes(place->after.bytes, place->after.bytes_count, at, bytes);
        if (at == NULL) {
            return PLACE_ABSENT;
        }
        at += place->after.bytes_count;
    }
    if (end != NULL && place->until.bytes_count > 0) {
        end =
            place_find_bytes(place->until.bytes, place->until.bytes_count, at, (size_t)(end - at));
    }
    if (end == NULL) {
        return PLACE_ABSENT;
    }
    value->text = at;
    value->text_bytes = (uint32_t)(end - at);
    value->end = end + place->until.bytes_count;
    return PLACE_FOUND;
}

static enum place_status place__json(const struct place *place, const uint8_t *at, uint32_t bytes,
                                     struct place_value *value)
{
    struct json_pull_value found;
    enum json_pull_status status =
        json_pull_find(at, bytes, place->json, place->steps_count, &found);
    if (status != JSON_PULL_FOUND) {
        return status == JSON_PULL_ABSENT ? PLACE_ABSENT : PLACE_WRONG;
    }
    value->text = found.bytes;
    value->text_bytes = found.bytes_count;
    value->has_escapes = found.has_escapes;
    return place->reading == PLACE_READ_JSON && found.type != JSON_PULL_NUMBER ? PLACE_WRONG
                                                                               : PLACE_FOUND;
}

static enum place_status place__protobuf(const struct place *place, const uint8_t *at,
                                         uint32_t bytes, struct place_value *value)
{
    struct protobuf_value found;
    enum protobuf_status status =
        protobuf_find(at, bytes, place->protobuf, place->steps_count, place->wire, &found);
    if (status == PROTOBUF_WRONG || (status == PROTOBUF_ABSENT && !place->has_default)) {
        return status == PROTOBUF_WRONG ? PLACE_WRONG : PLACE_ABSENT;
    }
    if (status == PROTOBUF_ABSENT) {
        found = (struct protobuf_value){.bytes = at};
    }
    if (place->wire == PROTOBUF_BYTES) {
        value->text = found.bytes;
        value->text_bytes = found.bytes_count;
        return PLACE_FOUND;
    }
    uint8_t little[8];
    for (int i = 0; i < 8; i++) {
        little[i] = (uint8_t)(found.bits >> 8 * i);
    }
    value->bits = place_read_number(&place->field, little);
    if (place->is_zigzag) {
        value->bits = found.bits >> 1 ^ (0 - (found.bits & 1));
    }
    return PLACE_FOUND;
}

/* An attribute of the message, which the framing knows. */
static enum place_status place__attribute(const struct place *place, const struct framing *framing,
                                          const struct frame *frame, struct place_value *value)
{
    struct frame_attribute_value found = {.text = frame->body};
    if (!frame_read_attribute(framing, frame, &place->attribute, &found)) {
        return PLACE_ABSENT;
    }
    value->bits = found.number;
    value->text = found.text;
    value->text_bytes = found.text_bytes;
    return PLACE_FOUND;
}

/* What begins at a position: bytes of them are left. */
static enum place_status place__read_at(const struct place *place, const uint8_t *at,
                                        uint32_t bytes, struct place_value *value)
{
    uint32_t used = place->field.bytes_count;
    size_t digits = 0;
    enum place_status status = PLACE_FOUND;
    switch ((enum place_form)place->form) {
    case PLACE_NUMBER:
        if (bytes < used) {
            return PLACE_ABSENT;
        }
        value->bits = place_read_number(&place->field, at);
        break;
    case PLACE_DIGITS:
        if (bytes == 0) {
            return PLACE_ABSENT;
        }
        status = place_read_digits(at, bytes, &value->bits, &digits) ? PLACE_FOUND : PLACE_WRONG;
        used = (uint32_t)digits;
        break;
    case PLACE_VARINT:
        status = place__varint(at, bytes, &value->bits, &used);
        break;
    case PLACE_BER:
        status = place__ber(at, bytes, &value->bits, &used);
        break;
    case PLACE_TEXT:
        return place__text(place, at, bytes, value);
    case PLACE_JSON:
        return place__json(place, at, bytes, value);
    case PLACE_PROTOBUF:
        return place__protobuf(place, at, bytes, value);
    case PLACE_ID:
    case PLACE_SIZE:
    case PLACE_ATTRIBUTE:
    case PLACE_NONE:
        return PLACE_ABSENT;
    }
    value->end = status == PLACE_FOUND ? at + used : NULL;
    return status;
}

/* Narrows the bytes down to those inside, or behind, another place. */
static enum place_status place__narrow(const struct place *place, const struct framing *framing,
                                       const struct frame *frame, const uint8_t **data,
                                       uint32_t *bytes)
{
    struct place_value base;
    enum place_status status = place_read(place->base, framing, frame, &base);
    if (status != PLACE_FOUND) {
        return status;
    }
    if (place->inside) {
        *data = base.text;
        *bytes = base.text_bytes;
        return base.has_escapes ? PLACE_WRONG : PLACE_FOUND;
    }
    const uint8_t *end = base.limit;
    *data = base.end;
    *bytes = (uint32_t)(end - base.end);
    return PLACE_FOUND;
}

enum place_status place_read(const struct place *place, const struct framing *framing,
                             const struct frame *frame, struct place_value *value)
{
    const uint8_t *data = frame->body;
    uint32_t bytes = frame->body_bytes;
    uint32_t offset = place->offset;
    enum place_status status = PLACE_FOUND;
    *value = (struct place_value){.type = place->field.type};
    if (place->form >= PLACE_ID) {
        value->bits = place->form == PLACE_ID ? frame->id : frame->whole_body_bytes;
        status = place->form == PLACE_ATTRIBUTE ? place__attribute(place, framing, frame, value)
                                                : PLACE_FOUND;
    } else {
        if (place->base != NULL) {
            status = place__narrow(place, framing, frame, &data, &bytes);
            if (status != PLACE_FOUND) {
                return status;
            }
        }
        if (offset > bytes) {
            return PLACE_ABSENT;
        }
        offset = place->from_end ? bytes - offset : offset;
        value->limit = data + bytes;
        status = place__read_at(place, data + offset, bytes - offset, value);
    }
    if (status == PLACE_FOUND && place->reading != PLACE_READ_PLAIN) {
        status = place__convert(place, value);
    }
    if (status == PLACE_FOUND && place->mask != 0) {
        value->bits &= place->mask;
    }
    return status;
}

static bool place__mark_equal(const struct place_mark *a, const struct place_mark *b)
{
    return a->bytes_count == b->bytes_count &&
           (a->bytes_count == 0 || memcmp(a->bytes, b->bytes, a->bytes_count) == 0);
}

static bool place__field_equal(const struct field *a, const struct field *b)
{
    return a->type == b->type && a->bytes_count == b->bytes_count && a->big_endian == b->big_endian;
}

static bool place__steps_equal(const struct place *a, const struct place *b)
{
    for (uint32_t i = 0; i < a->steps_count; i++) {
        if (a->form == PLACE_JSON
                ? a->json[i].key_bytes != b->json[i].key_bytes ||
                      memcmp(a->json[i].key, b->json[i].key, a->json[i].key_bytes) != 0
                : a->protobuf[i].number != b->protobuf[i].number ||
                      a->protobuf[i].index != b->protobuf[i].index) {
            return false;
        }
    }
    return true;
}

static bool place__attribute_equal(const struct frame_attribute *a, const struct frame_attribute *b)
{
    const struct place_mark x = {a->argument, a->argument_bytes};
    const struct place_mark y = {b->argument, b->argument_bytes};
    return a->index == b->index && place__mark_equal(&x, &y);
}

bool place_equal(const struct place *a, const struct place *b)
{
    return a == b ||
           (a->form == b->form && a->reading == b->reading && a->from_end == b->from_end &&
            place__field_equal(&a->field, &b->field) && a->offset == b->offset &&
            a->bytes == b->bytes && a->mask == b->mask && a->inside == b->inside &&
            a->size_form == b->size_form && place__field_equal(&a->size, &b->size) &&
            place__mark_equal(&a->after, &b->after) && place__mark_equal(&a->until, &b->until) &&
            a->has_default == b->has_default && a->is_zigzag == b->is_zigzag &&
            a->wire == b->wire && a->steps_count == b->steps_count && place__steps_equal(a, b) &&
            place__attribute_equal(&a->attribute, &b->attribute) &&
            (a->base == NULL || b->base == NULL ? a->base == b->base
                                                : place_equal(a->base, b->base)));
}

bool place_looks_at_head(const struct place *place)
{
    return place->form == PLACE_ATTRIBUTE ||
           (place->base != NULL && place_looks_at_head(place->base));
}

uint32_t place_reach(const struct place *place)
{
    uint64_t reach = place->offset;
    bool known = place->base == NULL && !place->from_end;
    switch ((enum place_form)place->form) {
    case PLACE_NONE:
    case PLACE_ID:
    case PLACE_SIZE:
        return 0;
    case PLACE_ATTRIBUTE: /* the head is there in any case */
        return place->attribute.is_content ? PLACE_REACH_ALL : 0;
    case PLACE_NUMBER:
        reach += place->field.bytes_count;
        break;
    case PLACE_DIGITS:
    case PLACE_VARINT:
    case PLACE_BER:
        reach += VALUE_DIGITS_MAX;
        break;
    case PLACE_TEXT:
        reach += place->bytes;
        known = known && place->bytes > 0;
        break;
    case PLACE_JSON:
    case PLACE_PROTOBUF:
        known = false;
        break;
    }
    return known && reach < PLACE_REACH_ALL ? (uint32_t)reach : PLACE_REACH_ALL;
}
