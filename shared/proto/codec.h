/* One kind of framing: bytes <-> messages. Sans-I/O, no allocation, no clock, no state but what the
 * caller keeps: per message that comes (struct frame_progress), and per stream (state). Any thread.
 *
 * A kind is a file of this folder and a line in FRAME_CODECS (frame.c), at its enum
 * framing_type. */
#pragma once

#include "proto/frame.h"

struct codec {
    /* Says what is wrong with a framing made from user input. NULL: nothing can be. */
    bool (*check)(const struct framing *framing, struct error *error);
    /* Of a stream, one connection from its beginning to its end; zeros at its beginning. NULL:
     * none, and `state` is NULL below. */
    uint32_t (*state_bytes)(const struct framing *framing);
    /* data begins with the message, and holds what has come of it so far (and perhaps more). */
    enum frame_status (*decode)(const struct framing *framing, void *state, const uint8_t *data,
                                size_t bytes, struct frame *frame, struct frame_progress *progress);
    /* See frame.h; 64 bits: what does not fit the largest frame is refused for all. */
    uint64_t (*encoded_bytes)(const struct framing *framing, uint32_t id, uint32_t body_bytes);
    /* NULL: nothing is before the body, or behind it. */
    uint32_t (*write_head)(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                           uint8_t *out);
    uint32_t (*write_tail)(const struct framing *framing, uint8_t *out);
    /* Once for each message of a stream, in the order in which they are sent. */
    void (*seal)(const struct framing *framing, void *state, const uint64_t *values,
                 uint8_t *message, uint32_t bytes);
    /* Says why decode() refused these bytes, in words that follow "expected". NULL: it has no
     * reasons but those of frame.c. */
    void (*explain)(const struct framing *framing, void *state, const uint8_t *data, size_t bytes,
                    struct error *error);
};

extern const struct codec codec_length;
extern const struct codec codec_delimiter;
extern const struct codec codec_fixed;
extern const struct codec codec_raw;
extern const struct codec codec_header;
extern const struct codec codec_by_id;
extern const struct codec codec_http;
extern const struct codec codec_resp;

/* encoded_bytes of messages that are nothing but their body. */
uint64_t codec_body_bytes(const struct framing *framing, uint32_t id, uint32_t body_bytes);
