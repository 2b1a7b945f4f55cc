/* What a codec says by itself, and takes for itself, in words: its handshake, pings, a close. For
 * traces; pure functions. */
#pragma once

#include "proto/frame.h"

struct frame_own {
    struct error words; /* "a ping of 5 bytes" */
    struct span shown;  /* its bytes, or what it carries, without a mask */
    uint8_t room[128];
};
/* What frame_reply() or frame_finish() has given out: at least one byte. */
void frame_describe_sent(const struct framing *framing, struct span sent, struct frame_own *own);
/* What has come and is_own. */
void frame_describe_received(const struct framing *framing, const struct frame *frame,
                             struct frame_own *own);
