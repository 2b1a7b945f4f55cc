/* A header with a size, perhaps an id; then the body. */
#include "proto/codec.h"

#include <string.h>

static bool length__check(const struct framing *framing, struct error *error)
{
    unsigned header = framing->header_bytes;
    unsigned size_end = framing->size_offset + framing->size_bytes;
    unsigned id_end = framing->id_offset + framing->id_bytes;
    bool has_id = framing->id_bytes > 0;
    if (header < 1 || header > FRAMING_HEADER_BYTES_MAX) {
        error_set(error, "expected a header of 1 to %d bytes, found %u", FRAMING_HEADER_BYTES_MAX,
                  header);
    } else if (framing->size_bytes < 1 || framing->size_bytes > 4) {
        error_set(error, "expected a size field of 1 to 4 bytes, found %u",
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

static enum frame_status length__decode(const struct framing *framing, void *state,
                                        const uint8_t *data, size_t bytes, struct frame *frame,
                                        struct frame_progress *progress)
{
    (void)state;
    uint32_t header = framing->header_bytes;
    if (bytes < header) {
        progress->needed_bytes = header;
        progress->in_head = true;
        return FRAME_PARTIAL;
    }
    uint64_t size =
        number_read_fixed(data + framing->size_offset, framing->size_bytes, framing->big_endian);
    if (framing->size_includes_header && size < header) {
        return FRAME_BAD_SIZE;
    }
    uint64_t whole = framing->size_includes_header ? size : size + header;
    if (whole > framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    if (bytes < whole) {
        progress->needed_bytes = (size_t)whole;
        return FRAME_PARTIAL;
    }
    frame_fill(frame, data, (uint32_t)whole, header, 0);
    frame->id =
        number_read_fixed(data + framing->id_offset, framing->id_bytes, framing->big_endian);
    return FRAME_COMPLETE;
}

static uint64_t length__encoded_bytes(const struct framing *framing, uint32_t id,
                                      uint32_t body_bytes)
{
    (void)id;
    uint64_t whole = (uint64_t)body_bytes + framing->header_bytes;
    uint64_t size = framing->size_includes_header ? whole : body_bytes;
    return size >> (8 * framing->size_bytes) == 0 ? whole : 0;
}

static uint32_t length__write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                                   uint8_t *out)
{
    uint32_t header = framing->header_bytes;
    memset(out, 0, header);
    number_write_fixed(out + framing->size_offset, framing->size_bytes, framing->big_endian,
                       framing->size_includes_header ? body_bytes + header : body_bytes);
    number_write_fixed(out + framing->id_offset, framing->id_bytes, framing->big_endian, id);
    return header;
}

const struct codec codec_length = {.check = length__check,
                                   .decode = length__decode,
                                   .encoded_bytes = length__encoded_bytes,
                                   .write_head = length__write_head};
