/* Fields before the body and behind it, as a protocol's document draws them: constants, the size,
 * the id, values, sequence numbers, checksums. */
#include "proto/codec.h"

#include "text/encoding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where the parts of a whole message are. */
struct header__layout {
    uint32_t at[FRAMING_FIELDS_MAX]; /* of each field */
    uint32_t body;
    uint32_t tail;
    uint32_t bytes;
};

/* What was read of a header, up to the field that stopped it. */
struct header__read {
    uint32_t size;
    uint32_t id;
    uint32_t bytes;
    const struct framing_field *stopped; /* NULL: it is whole */
};

static uint32_t header__field_bytes(const struct framing_field *field, uint32_t number)
{
    return field->role == FRAMING_ROLE_CONSTANT ? field->constant_bytes
                                                : number_bytes(&field->format, number);
}

static uint32_t header__tail_bytes(const struct framing *framing)
{
    uint32_t bytes = 0;
    for (uint32_t i = framing->head_fields_count; i < framing->fields_count; i++) {
        bytes += header__field_bytes(&framing->fields[i], 0);
    }
    return bytes;
}

static const struct framing_field *header__size_field(const struct framing *framing)
{
    const struct framing_field *field = framing->fields;
    while (field->role != FRAMING_ROLE_SIZE) { /* there is one: header__check() */
        field++;
    }
    return field;
}

/* A field at the beginning of data. A constant is refused with its first wrong byte. */
static enum frame_status header__read_field(const struct framing_field *field, const uint8_t *data,
                                            size_t bytes, uint32_t *number, uint32_t *used_bytes)
{
    static const enum frame_status STATUS[] = {[NUMBER_COMPLETE] = FRAME_COMPLETE,
                                               [NUMBER_PARTIAL] = FRAME_PARTIAL,
                                               [NUMBER_INVALID] = FRAME_INVALID};
    if (field->role != FRAMING_ROLE_CONSTANT) {
        return STATUS[number_read(&field->format, data, bytes, number, used_bytes)];
    }
    size_t compared = bytes < field->constant_bytes ? bytes : field->constant_bytes;
    *used_bytes = field->constant_bytes;
    if (compared > 0 && memcmp(data, field->constant, compared) != 0) {
        return FRAME_INVALID;
    }
    return compared == field->constant_bytes ? FRAME_COMPLETE : FRAME_PARTIAL;
}

/* Fills layout->at as well, when it is not NULL. */
static enum frame_status header__read(const struct framing *framing, const uint8_t *data,
                                      size_t bytes, struct header__read *read,
                                      struct header__layout *layout, size_t *needed_bytes)
{
    *read = (struct header__read){0};
    for (uint32_t i = 0; i < framing->head_fields_count; i++) {
        const struct framing_field *field = &framing->fields[i];
        uint32_t number = 0;
        uint32_t used_bytes = 0;
        enum frame_status status = header__read_field(field, data + read->bytes,
                                                      bytes - read->bytes, &number, &used_bytes);
        if (status != FRAME_COMPLETE) {
            *needed_bytes = (size_t)read->bytes + used_bytes;
            read->stopped = field;
            return status;
        }
        if (field->role == FRAMING_ROLE_SIZE) {
            read->size = number;
        } else if (field->role == FRAMING_ROLE_ID) {
            read->id = number;
        }
        if (layout != NULL) {
            layout->at[i] = read->bytes;
        }
        read->bytes += used_bytes;
    }
    return FRAME_COMPLETE;
}

static void header__lay_out(const struct framing *framing, const uint8_t *message, uint32_t bytes,
                            struct header__layout *layout)
{
    struct header__read read;
    size_t needed_bytes = 0;
    memset(layout->at, 0, sizeof layout->at);
    header__read(framing, message, bytes, &read, layout, &needed_bytes);
    layout->body = read.bytes;
    layout->tail = bytes - header__tail_bytes(framing);
    layout->bytes = bytes;
    uint32_t at = layout->tail;
    for (uint32_t i = framing->head_fields_count; i < framing->fields_count; i++) {
        layout->at[i] = at;
        at += header__field_bytes(&framing->fields[i], 0);
    }
}

/* The checksum that field number i of the message must have. */
static uint32_t header__checksum(const struct framing *framing, const struct header__layout *layout,
                                 const uint8_t *message, uint32_t i)
{
    static const uint8_t ZEROS[NUMBER_BYTES_MAX] = {0};
    const struct framing_field *field = &framing->fields[i];
    uint32_t at = layout->at[i];
    uint32_t end = at + header__field_bytes(field, 0);
    const struct {
        uint32_t from;
        uint32_t to;
    } spans[] = {[FRAMING_RANGE_BODY] = {layout->body, layout->tail},
                 [FRAMING_RANGE_HEADER] = {0, layout->body},
                 [FRAMING_RANGE_HEADER_AND_BODY] = {0, layout->tail},
                 [FRAMING_RANGE_BEFORE] = {0, at},
                 [FRAMING_RANGE_AFTER] = {end, layout->bytes},
                 [FRAMING_RANGE_MESSAGE] = {0, layout->bytes}};
    uint32_t from = spans[field->range].from;
    uint32_t to = spans[field->range].to;
    uint32_t state = checksum_begin(field->checksum);
    if (from <= at && at < to) {
        state = checksum_add(field->checksum, state, message + from, at - from);
        state = checksum_add(field->checksum, state, ZEROS, end - at);
        from = end;
    }
    state = checksum_add(field->checksum, state, message + from, to - from);
    return checksum_end(field->checksum, state);
}

/* The first field of a whole message that is not what it should be: of the tail, and checksums.
 * NULL: all are. */
static const struct framing_field *header__find_wrong(const struct framing *framing,
                                                      const uint8_t *message, uint32_t bytes,
                                                      struct header__layout *layout,
                                                      uint32_t *found, uint32_t *expected)
{
    header__lay_out(framing, message, bytes, layout);
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        const struct framing_field *field = &framing->fields[i];
        bool checks = field->role == FRAMING_ROLE_CHECK;
        if (i < framing->head_fields_count && !checks) {
            continue;
        }
        uint32_t used_bytes = 0;
        uint32_t at = layout->at[i];
        enum frame_status status =
            header__read_field(field, message + at, bytes - at, found, &used_bytes);
        *expected = checks ? header__checksum(framing, layout, message, i) : 0;
        if (status != FRAME_COMPLETE || (checks && *found != *expected)) {
            return field;
        }
    }
    return NULL;
}

static enum frame_status header__decode(const struct framing *framing, void *state,
                                        const uint8_t *data, size_t bytes, struct frame *frame,
                                        struct frame_progress *progress)
{
    (void)state;
    struct header__read read;
    enum frame_status status =
        header__read(framing, data, bytes, &read, NULL, &progress->needed_bytes);
    if (status != FRAME_COMPLETE) {
        progress->in_head = true;
        return status;
    }
    int64_t body_bytes = (int64_t)read.size - header__size_field(framing)->plus;
    uint32_t tail_bytes = header__tail_bytes(framing);
    if (body_bytes < 0) {
        return FRAME_BAD_SIZE;
    }
    uint64_t whole = (uint64_t)body_bytes + read.bytes + tail_bytes;
    if (whole > framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    if (bytes < whole) {
        progress->needed_bytes = (size_t)whole;
        return FRAME_PARTIAL;
    }
    struct header__layout layout;
    uint32_t found = 0;
    uint32_t expected = 0;
    if (framing->verifies &&
        header__find_wrong(framing, data, (uint32_t)whole, &layout, &found, &expected) != NULL) {
        return FRAME_INVALID;
    }
    frame_fill(frame, data, (uint32_t)whole, read.bytes, tail_bytes);
    frame->id = read.id;
    return FRAME_COMPLETE;
}

/* --- Encoding. */

static uint32_t header__number_of(const struct framing_field *field, uint32_t id,
                                  uint32_t body_bytes)
{
    if (field->role == FRAMING_ROLE_SIZE) {
        return (uint32_t)((int64_t)body_bytes + field->plus);
    }
    return field->role == FRAMING_ROLE_ID ? id : 0;
}

static uint64_t header__encoded_bytes(const struct framing *framing, uint32_t id,
                                      uint32_t body_bytes)
{
    uint64_t whole = (uint64_t)body_bytes + header__tail_bytes(framing);
    int64_t size = (int64_t)body_bytes + header__size_field(framing)->plus;
    if (size < 0 || size > UINT32_MAX) {
        return 0;
    }
    for (uint32_t i = 0; i < framing->head_fields_count; i++) {
        const struct framing_field *field = &framing->fields[i];
        uint32_t bytes = header__field_bytes(field, header__number_of(field, id, body_bytes));
        if (bytes == 0) {
            return 0;
        }
        whole += bytes;
    }
    return whole;
}

static uint32_t header__write(const struct framing_field *field, uint32_t count, uint32_t id,
                              uint32_t body_bytes, uint8_t *out)
{
    uint8_t *at = out;
    for (uint32_t i = 0; i < count; i++, field++) {
        if (field->role == FRAMING_ROLE_CONSTANT) {
            memcpy(at, field->constant, field->constant_bytes);
            at += field->constant_bytes;
        } else {
            at += number_write(&field->format, header__number_of(field, id, body_bytes), at);
        }
    }
    return (uint32_t)(at - out);
}

static uint32_t header__write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                                   uint8_t *out)
{
    return header__write(framing->fields, framing->head_fields_count, id, body_bytes, out);
}

static uint32_t header__write_tail(const struct framing *framing, uint8_t *out)
{
    return header__write(framing->fields + framing->head_fields_count,
                         framing->fields_count - framing->head_fields_count, 0, 0, out);
}

/* Is the checksum in field i over field j? */
static bool header__covers(const struct framing *framing, uint32_t i, uint32_t j)
{
    switch (framing->fields[i].range) {
    case FRAMING_RANGE_BODY:
        return false;
    case FRAMING_RANGE_HEADER:
    case FRAMING_RANGE_HEADER_AND_BODY:
        return j < framing->head_fields_count;
    case FRAMING_RANGE_BEFORE:
        return j < i;
    case FRAMING_RANGE_AFTER:
        return j > i;
    case FRAMING_RANGE_MESSAGE:
        break;
    }
    return true;
}

_Static_assert(FRAMING_FIELDS_MAX <= 32, "a bit for each field");

/* A checksum that is not done, and over none but done ones; fields_count: there is none. */
static uint32_t header__next_check(const struct framing *framing, uint32_t done)
{
    uint32_t i = 0;
    for (; i < framing->fields_count; i++) {
        bool ready = framing->fields[i].role == FRAMING_ROLE_CHECK && (done >> i & 1) == 0;
        for (uint32_t j = 0; ready && j < framing->fields_count; j++) {
            ready = j == i || framing->fields[j].role != FRAMING_ROLE_CHECK ||
                    (done >> j & 1) != 0 || !header__covers(framing, i, j);
        }
        if (ready) {
            break;
        }
    }
    return i;
}

/* What a stream has sent: the number of its next message. */
static uint32_t header__state_bytes(const struct framing *framing)
{
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        if (framing->fields[i].role == FRAMING_ROLE_SEQUENCE) {
            return sizeof(uint32_t);
        }
    }
    return 0;
}

static uint32_t header__seal(const struct framing *framing, void *state,
                             const struct frame_sealing *sealing)
{
    struct header__layout layout;
    uint32_t *sequence = state; /* of a framing that has one: the others have no state */
    bool counts = false;
    uint8_t *message = sealing->message;
    header__lay_out(framing, message, sealing->bytes, &layout);
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        const struct framing_field *field = &framing->fields[i];
        uint32_t number = 0;
        if (field->role == FRAMING_ROLE_SEQUENCE) {
            uint64_t count = (uint64_t)field->sequence_last - field->sequence_first + 1;
            number = field->sequence_first + (uint32_t)(*sequence % count);
            counts = true;
        } else if (field->role == FRAMING_ROLE_VALUE) {
            number = (uint32_t)sealing->values[field->value_index];
        } else {
            continue;
        }
        number_write(&field->format, number, message + layout.at[i]);
    }
    uint32_t done = 0;
    for (uint32_t i; (i = header__next_check(framing, done)) < framing->fields_count;) {
        number_write(&framing->fields[i].format, header__checksum(framing, &layout, message, i),
                     message + layout.at[i]);
        done |= UINT32_C(1) << i;
    }
    if (counts) {
        ++*sequence;
    }
    return sealing->bytes;
}

/* --- What is wrong. */

static bool header__checks_have_an_order(const struct framing *framing)
{
    uint32_t done = 0;
    uint32_t checks = 0;
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        checks |= (uint32_t)(framing->fields[i].role == FRAMING_ROLE_CHECK) << i;
    }
    for (uint32_t i; (i = header__next_check(framing, done)) < framing->fields_count;) {
        done |= UINT32_C(1) << i;
    }
    return done == checks;
}

static bool header__check(const struct framing *framing, struct error *error)
{
    uint32_t sizes = 0;
    uint32_t ids = 0;
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        enum framing_role role = framing->fields[i].role;
        bool in_head = i < framing->head_fields_count;
        sizes += role == FRAMING_ROLE_SIZE && in_head;
        ids += role == FRAMING_ROLE_ID && in_head;
        if (!in_head && (role == FRAMING_ROLE_SIZE || role == FRAMING_ROLE_ID)) {
            error_set(error, "expected `size` and `id` in the header, found one in the tail");
            return false;
        }
    }
    if (sizes != 1 || ids > 1) {
        error_set(error,
                  "expected a header with one `size` and at most one `id`, found %" PRIu32
                  " of `size` and %" PRIu32 " of `id`",
                  sizes, ids);
        return false;
    }
    if (!header__checks_have_an_order(framing)) {
        error_set(error, "expected checksums that can be worked out one after the other, found "
                         "some that are over each other");
        return false;
    }
    return true;
}

static void header__explain_field(const struct framing_field *field, uint32_t at, uint32_t found,
                                  uint32_t expected, struct error *error)
{
    static const char *const CHECKSUMS[] = {
#define HEADER_NAME(kind, name, bytes) name,
        CHECKSUM_LIST(HEADER_NAME)
#undef HEADER_NAME
    };
    if (field->role == FRAMING_ROLE_CHECK) {
        error_set(error, "the %s %" PRIu32 " at byte %" PRIu32 ", not %" PRIu32,
                  CHECKSUMS[field->checksum], expected, at, found);
    } else if (field->role == FRAMING_ROLE_CONSTANT) {
        char constant[ENCODING_QUOTE_BYTES_MAX];
        if (field->constant_bytes == 1) { /* a number, most often */
            snprintf(constant, sizeof constant, "0x%02x (%u)", (unsigned)field->constant[0],
                     (unsigned)field->constant[0]);
        } else {
            encoding_quote(field->constant, field->constant_bytes, constant);
        }
        error_set(error, "the constant %s at byte %" PRIu32, constant, at);
    } else {
        char number[NUMBER_WORDS_BYTES_MAX];
        error_set(error, "%s at byte %" PRIu32, number_describe(&field->format, number), at);
    }
}

static void header__explain(const struct framing *framing, void *state, const uint8_t *data,
                            size_t bytes, struct error *error)
{
    (void)state;
    struct header__read read;
    struct header__layout layout;
    size_t needed_bytes = 0;
    uint32_t found = 0;
    uint32_t expected = 0;
    const struct framing_field *field = NULL;
    uint32_t at = 0;
    if (header__read(framing, data, bytes, &read, NULL, &needed_bytes) != FRAME_COMPLETE) {
        field = read.stopped;
        at = read.bytes;
    } else {
        uint32_t whole = (uint32_t)((int64_t)read.size - header__size_field(framing)->plus) +
                         read.bytes + header__tail_bytes(framing);
        field = header__find_wrong(framing, data, whole, &layout, &found, &expected);
        at = field != NULL ? layout.at[field - framing->fields] : 0;
    }
    if (field != NULL) {
        header__explain_field(field, at, found, expected, error);
    }
}

static bool header__attribute(const struct framing *framing, uint32_t index,
                              struct frame_attribute *attribute)
{
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        if (framing->fields[i].name != NULL && index-- == 0) {
            *attribute = (struct frame_attribute){.name = framing->fields[i].name, .index = i};
            return true;
        }
    }
    return false;
}

static bool header__read_attribute(const struct framing *framing, const struct frame *frame,
                                   const struct frame_attribute *attribute,
                                   struct frame_attribute_value *value)
{
    struct header__layout layout;
    uint32_t used_bytes = 0;
    header__lay_out(framing, frame->bytes, frame->bytes_count, &layout);
    uint32_t at = layout.at[attribute->index];
    return number_read(&framing->fields[attribute->index].format, frame->bytes + at,
                       frame->bytes_count - at, &value->number, &used_bytes) == NUMBER_COMPLETE;
}

const struct codec codec_header = {.check = header__check,
                                   .state_bytes = header__state_bytes,
                                   .decode = header__decode,
                                   .encoded_bytes = header__encoded_bytes,
                                   .write_head = header__write_head,
                                   .write_tail = header__write_tail,
                                   .seal = header__seal,
                                   .attribute = header__attribute,
                                   .read_attribute = header__read_attribute,
                                   .explain = header__explain};
