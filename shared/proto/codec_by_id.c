/* An id whose row says how long the message is: a fixed number of bytes, or a size that follows the
 * id. */
#include "proto/codec.h"

#include <inttypes.h>
#include <stdlib.h>

static int by_id__compare(const void *id, const void *row)
{
    uint32_t left = *(const uint32_t *)id;
    uint32_t right = ((const struct framing_row *)row)->id;
    return (left > right) - (left < right);
}

static const struct framing_row *by_id__find(const struct framing *framing, uint32_t id)
{
    return bsearch(&id, framing->rows, framing->rows_count, sizeof *framing->rows, by_id__compare);
}

static bool by_id__varies(const struct framing_row *row)
{
    return row->bytes == 0;
}

/* Of the id, or of the size behind it. */
static enum frame_status by_id__read(const struct framing_field *field, const uint8_t *data,
                                     size_t bytes, uint32_t *number, uint32_t *head_bytes,
                                     size_t *needed_bytes)
{
    uint32_t used_bytes = 0;
    enum number_status status =
        number_read(&field->format, data + *head_bytes, bytes - *head_bytes, number, &used_bytes);
    if (status == NUMBER_PARTIAL) {
        *needed_bytes = (size_t)*head_bytes + used_bytes;
        return FRAME_PARTIAL;
    }
    *head_bytes += used_bytes;
    return status == NUMBER_COMPLETE ? FRAME_COMPLETE : FRAME_INVALID;
}

static enum frame_status by_id__decode(const struct framing *framing, void *state,
                                       const uint8_t *data, size_t bytes, struct frame *frame,
                                       struct frame_progress *progress)
{
    (void)state;
    uint32_t id = 0;
    uint32_t head_bytes = 0;
    size_t *needed_bytes = &progress->needed_bytes;
    progress->in_head = true;
    enum frame_status status =
        by_id__read(&framing->fields[0], data, bytes, &id, &head_bytes, needed_bytes);
    if (status != FRAME_COMPLETE) {
        return status;
    }
    const struct framing_row *row = by_id__find(framing, id);
    if (row == NULL) {
        return FRAME_INVALID;
    }
    uint64_t whole = row->bytes;
    if (by_id__varies(row)) {
        uint32_t size = 0;
        const struct framing_field *field = &framing->fields[1];
        status = by_id__read(field, data, bytes, &size, &head_bytes, needed_bytes);
        if (status != FRAME_COMPLETE) {
            return status;
        }
        int64_t body_bytes = (int64_t)size - field->plus;
        if (body_bytes < 0) {
            return FRAME_BAD_SIZE;
        }
        whole = (uint64_t)body_bytes + head_bytes;
    }
    if (whole > framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    if (whole < head_bytes) { /* an id can be written longer than it need be: 0x81 0x80 0x00 */
        return FRAME_INVALID;
    }
    if (bytes < whole) {
        progress->in_head = false;
        *needed_bytes = (size_t)whole;
        return FRAME_PARTIAL;
    }
    frame_fill(frame, data, (uint32_t)whole, head_bytes, 0);
    frame->id = id;
    return FRAME_COMPLETE;
}

static uint64_t by_id__encoded_bytes(const struct framing *framing, uint32_t id,
                                     uint32_t body_bytes)
{
    const struct framing_row *row = by_id__find(framing, id);
    if (row == NULL) {
        return 0;
    }
    uint64_t whole = (uint64_t)number_bytes(&framing->fields[0].format, id) + body_bytes;
    if (!by_id__varies(row)) {
        return whole == row->bytes ? whole : 0;
    }
    int64_t size = (int64_t)body_bytes + framing->fields[1].plus;
    uint32_t size_bytes = size < 0 || size > UINT32_MAX
                              ? 0
                              : number_bytes(&framing->fields[1].format, (uint32_t)size);
    return size_bytes > 0 ? whole + size_bytes : 0;
}

static uint32_t by_id__write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                                  uint8_t *out)
{
    const struct framing_row *row = by_id__find(framing, id);
    uint32_t head_bytes = number_write(&framing->fields[0].format, id, out);
    if (row != NULL && by_id__varies(row)) {
        head_bytes += number_write(&framing->fields[1].format,
                                   (uint32_t)((int64_t)body_bytes + framing->fields[1].plus),
                                   out + head_bytes);
    }
    return head_bytes;
}

static void by_id__explain(const struct framing *framing, void *state, const uint8_t *data,
                           size_t bytes, struct error *error)
{
    (void)state;
    uint32_t id = 0;
    uint32_t head_bytes = 0;
    size_t needed_bytes = 0;
    char number[NUMBER_WORDS_BYTES_MAX];
    if (by_id__read(&framing->fields[0], data, bytes, &id, &head_bytes, &needed_bytes) !=
        FRAME_COMPLETE) {
        error_set(error, "an id, %s", number_describe(&framing->fields[0].format, number));
        return;
    }
    const struct framing_row *row = by_id__find(framing, id);
    if (row != NULL && by_id__varies(row)) {
        error_set(error, "a size at byte %" PRIu32 ", %s", head_bytes,
                  number_describe(&framing->fields[1].format, number));
    } else if (row == NULL) {
        error_set(error, "an id that `sizes` lists, not %" PRIu32 " (0x%04" PRIx32 ")", id, id);
    } else if (row->bytes < head_bytes) {
        error_set(error,
                  "the id %" PRIu32 " in at most the %" PRIu32
                  " bytes that `sizes` lists for its message",
                  id, row->bytes);
    }
}

const struct codec codec_by_id = {.decode = by_id__decode,
                                  .encoded_bytes = by_id__encoded_bytes,
                                  .write_head = by_id__write_head,
                                  .explain = by_id__explain};
