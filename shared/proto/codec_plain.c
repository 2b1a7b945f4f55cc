/* Messages without anything around them: all of one size, or as they were received. */
#include "proto/codec.h"

static bool fixed__check(const struct framing *framing, struct error *error)
{
    if (framing->fixed_bytes < 1 || framing->fixed_bytes > framing->frame_bytes_max) {
        error_set(error, "expected a fixed frame of 1 to %u bytes, found %u",
                  (unsigned)framing->frame_bytes_max, (unsigned)framing->fixed_bytes);
        return false;
    }
    return true;
}

static enum frame_status fixed__decode(const struct framing *framing, void *state,
                                       const uint8_t *data, size_t bytes, struct frame *frame,
                                       struct frame_progress *progress)
{
    (void)state;
    if (bytes < framing->fixed_bytes) {
        progress->needed_bytes = framing->fixed_bytes;
        return FRAME_PARTIAL;
    }
    return frame_fill(frame, data, framing->fixed_bytes, 0, 0);
}

static uint64_t fixed__encoded_bytes(const struct framing *framing, uint32_t id,
                                     uint32_t body_bytes)
{
    (void)id;
    return body_bytes == framing->fixed_bytes ? body_bytes : 0;
}

const struct codec codec_fixed = {
    .check = fixed__check, .decode = fixed__decode, .encoded_bytes = fixed__encoded_bytes};

static enum frame_status raw__decode(const struct framing *framing, void *state,
                                     const uint8_t *data, size_t bytes, struct frame *frame,
                                     struct frame_progress *progress)
{
    (void)state;
    if (bytes == 0) {
        progress->needed_bytes = 1;
        return FRAME_PARTIAL;
    }
    return frame_fill(frame, data,
                      bytes < framing->frame_bytes_max ? (uint32_t)bytes : framing->frame_bytes_max,
                      0, 0);
}

uint64_t codec_body_bytes(const struct framing *framing, uint32_t id, uint32_t body_bytes)
{
    (void)framing, (void)id;
    return body_bytes;
}

const struct codec codec_raw = {.decode = raw__decode, .encoded_bytes = codec_body_bytes};
