/* The body, then the delimiter. */
#include "proto/codec.h"

#include "text/encoding.h"

#include <string.h>

static bool delimiter__check(const struct framing *framing, struct error *error)
{
    uint32_t delimiter = framing->delimiter_bytes;
    if (delimiter < 1 || delimiter > FRAMING_DELIMITER_BYTES_MAX ||
        delimiter > framing->frame_bytes_max) {
        error_set(error,
                  "expected a delimiter of 1 to %d bytes that fits the largest frame, found %u "
                  "bytes",
                  FRAMING_DELIMITER_BYTES_MAX, (unsigned)delimiter);
        return false;
    }
    return true;
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

static enum frame_status delimiter__decode(const struct framing *framing, void *state,
                                           const uint8_t *data, size_t bytes, struct frame *frame,
                                           struct frame_progress *progress)
{
    (void)state;
    /* The search ends behind the largest frame. Bytes that were searched before are not searched
     * again, except for a delimiter that may have begun at their end. */
    size_t limit = bytes < framing->frame_bytes_max ? bytes : framing->frame_bytes_max;
    size_t overlap = framing->delimiter_bytes - 1u;
    size_t from = progress->scanned_bytes > overlap ? progress->scanned_bytes - overlap : 0;
    size_t body = from;
    if (from < limit) {
        body += frame_find_delimiter(framing, data + from, limit - from);
    }
    if (body < limit) {
        return frame_fill(frame, data, (uint32_t)body + framing->delimiter_bytes, 0,
                          framing->delimiter_bytes);
    }
    if (bytes >= framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    progress->scanned_bytes = (uint32_t)bytes;
    progress->searches = true;
    progress->needed_bytes =
        bytes < framing->delimiter_bytes ? framing->delimiter_bytes : bytes + 1;
    return FRAME_PARTIAL;
}

static uint64_t delimiter__encoded_bytes(const struct framing *framing, uint32_t id,
                                         uint32_t body_bytes)
{
    (void)id;
    return (uint64_t)body_bytes + framing->delimiter_bytes;
}

static uint32_t delimiter__write_tail(const struct framing *framing, uint8_t *out)
{
    memcpy(out, framing->delimiter, framing->delimiter_bytes);
    return framing->delimiter_bytes;
}

static void delimiter__explain_waiting(const struct framing *framing,
                                       const struct codec_waiting *waiting, struct error *error)
{
    char delimiter[ENCODING_QUOTE_BYTES_MAX];
    (void)waiting;
    error_set(error, "a message whose delimiter %s has not come",
              encoding_quote(framing->delimiter, framing->delimiter_bytes, delimiter));
}

const struct codec codec_delimiter = {.check = delimiter__check,
                                      .decode = delimiter__decode,
                                      .encoded_bytes = delimiter__encoded_bytes,
                                      .write_tail = delimiter__write_tail,
                                      .explain_waiting = delimiter__explain_waiting};
