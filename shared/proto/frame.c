#include "proto/frame.h"

#include <string.h>

/* The pair's size field is 16 bits wide and counts the header too. */
enum { FRAMING_PAIR_FRAME_BYTES_MAX = 65535 };

void framing_default(struct framing *framing)
{
    memset(framing, 0, sizeof *framing);
    framing->type = FRAMING_LENGTH;
    framing->header_bytes = 4;
    framing->size_offset = 0;
    framing->size_bytes = 2;
    framing->id_offset = 2;
    framing->id_bytes = 2;
    framing->size_includes_header = true;
    framing->frame_bytes_max = FRAMING_PAIR_FRAME_BYTES_MAX;
}

static bool framing__check_length(const struct framing *framing, struct error *error)
{
    unsigned header = framing->header_bytes;
    unsigned size_end = framing->size_offset + framing->size_bytes;
    unsigned id_end = framing->id_offset + framing->id_bytes;
    bool has_id = framing->id_bytes > 0;
    if (header < 1 || header > FRAMING_HEADER_BYTES_MAX) {
        error_set(error, "expected a header of 1 to %d bytes, found %u", FRAMING_HEADER_BYTES_MAX,
                  header);
    } else if (framing->size_bytes != 1 && framing->size_bytes != 2 && framing->size_bytes != 4) {
        error_set(error, "expected a size field of 1, 2 or 4 bytes, found %u",
                  (unsigned)framing->size_bytes);
    } else if (framing->id_bytes > 4) {
        error_set(error, "expected an id field of 0 to 4 bytes, found %u",
                  (unsigned)framing->id_bytes);
    } else if (size_end > header || (has_id && id_end > header)) {
        error_set(error, "expected the size and id fields inside the header of %u bytes", header);
    } else if (has_id && framing->size_offset < id_end && framing->id_offset < size_end) {
        error_set(error, "expected the size and id fields apart, found them overlapping");
    } else if (framing->frame_bytes_max < header) {
        error_set(error, "expected a largest frame of at least the header's %u bytes, found %u",
                  header, (unsigned)framing->frame_bytes_max);
    } else {
        return true;
    }
    return false;
}

bool framing_check(const struct framing *framing, struct error *error)
{
    uint32_t max = framing->frame_bytes_max;
    uint32_t delimiter = framing->delimiter_bytes;
    if (max < 1 || max > FRAMING_FRAME_BYTES_MAX) {
        error_set(error, "expected a largest frame of 1 to %u bytes, found %u",
                  (unsigned)FRAMING_FRAME_BYTES_MAX, (unsigned)max);
        return false;
    }
    if (framing->type == FRAMING_LENGTH) {
        return framing__check_length(framing, error);
    }
    if (framing->type == FRAMING_DELIMITER &&
        (delimiter < 1 || delimiter > FRAMING_DELIMITER_BYTES_MAX || delimiter > max)) {
        error_set(error,
                  "expected a delimiter of 1 to %d bytes that fits the largest frame, found %u "
                  "bytes",
                  FRAMING_DELIMITER_BYTES_MAX, (unsigned)delimiter);
        return false;
    }
    if (framing->type == FRAMING_FIXED &&
        (framing->fixed_bytes < 1 || framing->fixed_bytes > max)) {
        error_set(error, "expected a fixed frame of 1 to %u bytes, found %u", (unsigned)max,
                  (unsigned)framing->fixed_bytes);
        return false;
    }
    return true;
}

static uint32_t frame__read_field(const struct framing *framing, const uint8_t *field,
                                  unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | field[framing->big_endian ? i : bytes - 1 - i];
    }
    return value;
}

static void frame__write_field(const struct framing *framing, uint8_t *field, unsigned bytes,
                               uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8) {
        field[framing->big_endian ? bytes - 1 - i : i] = (uint8_t)value;
    }
}

static enum frame_status frame__fill(struct frame *frame, const uint8_t *data, uint32_t bytes,
                                     uint32_t head_bytes, uint32_t tail_bytes)
{
    frame->bytes = data;
    frame->bytes_count = bytes;
    frame->body = data + head_bytes;
    frame->body_bytes = bytes - head_bytes - tail_bytes;
    frame->id = 0;
    return FRAME_COMPLETE;
}

static enum frame_status frame__decode_length(const struct framing *framing, const uint8_t *data,
                                              size_t bytes, struct frame *frame,
                                              size_t *needed_bytes)
{
    uint32_t header = framing->header_bytes;
    if (bytes < header) {
        *needed_bytes = header;
        return FRAME_PARTIAL;
    }
    uint64_t size = frame__read_field(framing, data + framing->size_offset, framing->size_bytes);
    if (framing->size_includes_header && size < header) {
        return FRAME_BAD_SIZE;
    }
    uint64_t whole = framing->size_includes_header ? size : size + header;
    if (whole > framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    if (bytes < whole) {
        *needed_bytes = (size_t)whole;
        return FRAME_PARTIAL;
    }
    frame__fill(frame, data, (uint32_t)whole, header, 0);
    frame->id = frame__read_field(framing, data + framing->id_offset, framing->id_bytes);
    return FRAME_COMPLETE;
}

size_t frame_find_delimiter(const struct framing *framing, const uint8_t *data, size_t bytes)
{
    size_t delimiter_bytes = framing->delimiter_bytes;
    size_t at = 0;
    while (bytes - at >= delimiter_bytes) {
        const uint8_t *first =
            memchr(data + at, framing->delimiter[0], bytes - at - delimiter_bytes + 1);
        if (first == NULL) {
            break;
        }
        if (memcmp(first, framing->delimiter, delimiter_bytes) == 0) {
            return (size_t)(first - data);
        }
        at = (size_t)(first - data) + 1;
    }
    return bytes;
}

static enum frame_status frame__decode_delimiter(const struct framing *framing, const uint8_t *data,
                                                 size_t bytes, struct frame *frame,
                                                 size_t *needed_bytes)
{
    /* Nothing behind the largest frame matters, so nothing behind it is searched. */
    size_t limit = bytes < framing->frame_bytes_max ? bytes : framing->frame_bytes_max;
    size_t body = limit > 0 ? frame_find_delimiter(framing, data, limit) : limit;
    if (body < limit) {
        return frame__fill(frame, data, (uint32_t)body + framing->delimiter_bytes, 0,
                           framing->delimiter_bytes);
    }
    if (bytes >= framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    *needed_bytes = bytes < framing->delimiter_bytes ? framing->delimiter_bytes : bytes + 1;
    return FRAME_PARTIAL;
}

enum frame_status frame_decode(const struct framing *framing, const uint8_t *data, size_t bytes,
                               struct frame *frame, size_t *needed_bytes)
{
    switch (framing->type) {
    case FRAMING_LENGTH:
        return frame__decode_length(framing, data, bytes, frame, needed_bytes);
    case FRAMING_DELIMITER:
        return frame__decode_delimiter(framing, data, bytes, frame, needed_bytes);
    case FRAMING_FIXED:
        if (bytes < framing->fixed_bytes) {
            *needed_bytes = framing->fixed_bytes;
            return FRAME_PARTIAL;
        }
        return frame__fill(frame, data, framing->fixed_bytes, 0, 0);
    case FRAMING_RAW:
        break;
    }
    if (bytes == 0) {
        *needed_bytes = 1;
        return FRAME_PARTIAL;
    }
    return frame__fill(
        frame, data, bytes < framing->frame_bytes_max ? (uint32_t)bytes : framing->frame_bytes_max,
        0, 0);
}

uint32_t frame_encoded_bytes(const struct framing *framing, uint32_t body_bytes)
{
    uint64_t whole = body_bytes;
    if (framing->type == FRAMING_LENGTH) {
        whole += framing->header_bytes;
        uint64_t size = framing->size_includes_header ? whole : body_bytes;
        if (framing->size_bytes < 4 && size >> (8 * framing->size_bytes) != 0) {
            return 0;
        }
    } else if (framing->type == FRAMING_DELIMITER) {
        whole += framing->delimiter_bytes;
    } else if (framing->type == FRAMING_FIXED && body_bytes != framing->fixed_bytes) {
        return 0;
    }
    return whole <= framing->frame_bytes_max ? (uint32_t)whole : 0;
}

uint32_t frame_write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                          uint8_t *out)
{
    if (framing->type != FRAMING_LENGTH) {
        return 0;
    }
    uint32_t header = framing->header_bytes;
    memset(out, 0, header);
    frame__write_field(framing, out + framing->size_offset, framing->size_bytes,
                       framing->size_includes_header ? body_bytes + header : body_bytes);
    frame__write_field(framing, out + framing->id_offset, framing->id_bytes, id);
    return header;
}

uint32_t frame_write_tail(const struct framing *framing, uint8_t *out)
{
    if (framing->type != FRAMING_DELIMITER) {
        return 0;
    }
    memcpy(out, framing->delimiter, framing->delimiter_bytes);
    return framing->delimiter_bytes;
}
