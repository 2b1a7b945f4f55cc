/* An outlet: a thread that writes what others hand it, so that a terminal that stands still, a
 * reader that does not read or a slow disk holds up nobody but that thread.
 *
 * Texts are kept until they are written, up to a bound, and refused beyond it; of frames only the
 * last one counts. Control plane: handing over takes a lock that is never held during a write.
 * outlet_open() and outlet_close() by the same thread; the rest by any. */
#ifndef DUMMYLOAD_CORE_OUTLET_H
#define DUMMYLOAD_CORE_OUTLET_H

#include "core/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlet;

struct outlet_writer {
    /* In the outlet's thread. Writes text (whole as it was put, maybe of several puts), then shows
     * the frame, if there is one. At the end once more with neither. It should heed given_up. */
    void (*write)(void *context, const char *text, size_t bytes, const void *frame);
    void
        *context; /* must live as long as the process: a write that never ends may be left behind */
    size_t text_bytes_max;
    size_t frame_bytes; /* of every frame; 0: there are none */
};

/* NULL: no thread or no memory. */
struct outlet *outlet_open(const struct outlet_writer *writer, struct error *error);
/* False: there was no room for it; nothing of it is written. */
bool outlet_put(struct outlet *outlet, const char *text, size_t bytes);
/* Shows *frame once what was put before is written, unless a later one comes first. */
void outlet_show(struct outlet *outlet, const void *frame);
/* Becomes true when nobody waits any longer for what is being written. */
const atomic_bool *outlet_given_up(const struct outlet *outlet);
/* Waits at most so long until all is written, and ends the thread. False: it was given up, and
 * *left_bytes of text were not handed on; a thread that is still stuck then is left behind. */
bool outlet_close(struct outlet *outlet, int64_t within_ns, size_t *left_bytes);

#endif
