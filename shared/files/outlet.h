/* An outlet: a thread that writes to a sink for others, so that a stopped terminal, a reader that
 * does not read or a slow disk blocks that thread only.
 *
 * Texts are kept until they are written, up to a bound, and refused beyond it; of frames only the
 * last one counts. Control plane: handing over takes a lock that is never held during a write.
 * outlet_open() and outlet_close() by the same thread; the rest by any. */
#pragma once

#include "files/sink.h"

struct outlet;

struct outlet_options {
    struct sink sink; /* the outlet's from here on, also to close */
    size_t text_bytes_max;
    size_t frame_bytes; /* of every frame; 0: there are none */
    /* NULL: texts go to the sink as they are. In the outlet's thread: writes text (whole as it was
     * put, maybe of several puts), then shows the frame, if there is one; at the end once more with
     * neither. */
    void (*write)(void *context, struct sink *sink, const char *text, size_t bytes,
                  const void *frame);
    void *context; /* must live as long as the process: a write that never ends is left behind */
};

/* NULL: no thread or no memory. */
struct outlet *outlet_open(const struct outlet_options *options, struct error *error);
/* False: there was no room for it; nothing of it is written. */
bool outlet_put(struct outlet *outlet, const char *text, size_t bytes);
/* Shows *frame once what was put before is written, unless a later one comes first. */
void outlet_show(struct outlet *outlet, const void *frame);
/* Waits at most so long until all is written, closes the sink and ends the thread. False: not all
 * was written; *error (may be NULL) says why, without saying where. A thread that is still stuck
 * then is left behind. */
bool outlet_close(struct outlet *outlet, int64_t within_ns, struct error *error);
