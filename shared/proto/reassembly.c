#include "proto/reassembly.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

enum { REASSEMBLY_CAPACITY_BYTES_MIN = 64 };

void reassembly_open(struct reassembly *reassembly, const struct framing *framing)
{
    memset(reassembly, 0, sizeof *reassembly);
    reassembly->framing = framing;
}

static void reassembly__free_partial(struct reassembly *reassembly)
{
    free(reassembly->partial);
    reassembly->partial = NULL;
    reassembly->partial_bytes = 0;
    reassembly->partial_capacity_bytes = 0;
    reassembly->partial_done_bytes = 0;
}

void reassembly_close(struct reassembly *reassembly)
{
    reassembly__free_partial(reassembly);
    reassembly->run = NULL;
    reassembly->run_bytes = 0;
}

void reassembly_feed(struct reassembly *reassembly, const uint8_t *data, size_t bytes)
{
    must(reassembly->run_bytes == 0); /* the run before has been read to its end */
    reassembly->run = data;
    reassembly->run_bytes = bytes;
}

/* Moves bytes from the run to the partial frame. wanted_bytes is the size the frame will have as
 * far as is known: a ceiling for the doubling, never a reason to allocate more than the double of
 * what has come. False: there is no memory, nothing has changed. */
static bool reassembly__take(struct reassembly *reassembly, size_t bytes, size_t wanted_bytes)
{
    size_t filled = reassembly->partial_bytes + bytes;
    if (filled > reassembly->partial_capacity_bytes) {
        size_t capacity = (size_t)reassembly->partial_capacity_bytes * 2;
        if (capacity < REASSEMBLY_CAPACITY_BYTES_MIN) {
            capacity = REASSEMBLY_CAPACITY_BYTES_MIN;
        }
        if (capacity > wanted_bytes) {
            capacity = wanted_bytes;
        }
        if (capacity < filled) {
            capacity = filled;
        }
        uint8_t *grown = realloc(reassembly->partial, capacity);
        if (grown == NULL) {
            return false;
        }
        reassembly->partial = grown;
        reassembly->partial_capacity_bytes = (uint32_t)capacity;
    }
    memcpy(reassembly->partial + reassembly->partial_bytes, reassembly->run, bytes);
    reassembly->partial_bytes = (uint32_t)filled;
    reassembly->run += bytes;
    reassembly->run_bytes -= bytes;
    return true;
}

/* How many bytes of the run belong to the delimited frame whose beginning is in partial: up to the
 * end of the delimiter (*found), or all. The delimiter may begin in partial. */
static size_t reassembly__delimited_bytes(const struct reassembly *reassembly, bool *found)
{
    const struct framing *framing = reassembly->framing;
    size_t overlap = (size_t)framing->delimiter_bytes - 1;
    size_t tail = reassembly->partial_bytes < overlap ? reassembly->partial_bytes : overlap;
    size_t head = reassembly->run_bytes < overlap ? reassembly->run_bytes : overlap;
    uint8_t seam[2 * FRAMING_DELIMITER_BYTES_MAX] = {0};
    if (tail > 0) {
        memcpy(seam, reassembly->partial + reassembly->partial_bytes - tail, tail);
    }
    if (head > 0) {
        memcpy(seam + tail, reassembly->run, head);
    }
    size_t index = frame_find_delimiter(framing, seam, tail + head);
    *found = true;
    if (index < tail + head) {
        return index + framing->delimiter_bytes - tail;
    }
    index = frame_find_delimiter(framing, reassembly->run, reassembly->run_bytes);
    if (index < reassembly->run_bytes) {
        return index + framing->delimiter_bytes;
    }
    *found = false;
    return reassembly->run_bytes;
}

static enum frame_status reassembly__finish_delimited(struct reassembly *reassembly,
                                                      struct frame *frame)
{
    const struct framing *framing = reassembly->framing;
    bool found = false;
    size_t bytes = reassembly__delimited_bytes(reassembly, &found);
    uint64_t whole = (uint64_t)reassembly->partial_bytes + bytes;
    if (whole > framing->frame_bytes_max || (!found && whole == framing->frame_bytes_max)) {
        return FRAME_TOO_LARGE;
    }
    if (!reassembly__take(reassembly, bytes, framing->frame_bytes_max)) {
        return FRAME_NO_MEMORY;
    }
    if (!found) {
        return FRAME_PARTIAL;
    }
    frame->bytes = reassembly->partial;
    frame->bytes_count = reassembly->partial_bytes;
    frame->body = reassembly->partial;
    frame->body_bytes = reassembly->partial_bytes - framing->delimiter_bytes;
    frame->id = 0;
    return FRAME_COMPLETE;
}

/* Tops the partial frame up with exactly what it still needs, so that it never holds bytes of the
 * frame behind it. */
static enum frame_status reassembly__finish_partial(struct reassembly *reassembly,
                                                    struct frame *frame)
{
    enum frame_status status = FRAME_PARTIAL;
    if (reassembly->framing->type == FRAMING_DELIMITER) {
        if (reassembly->run_bytes > 0) {
            status = reassembly__finish_delimited(reassembly, frame);
        }
    } else {
        for (;;) {
            size_t needed = 0;
            status = frame_decode(reassembly->framing, reassembly->partial,
                                  reassembly->partial_bytes, frame, &needed);
            if (status != FRAME_PARTIAL || reassembly->run_bytes == 0) {
                break;
            }
            size_t missing = needed - reassembly->partial_bytes;
            size_t taken = missing < reassembly->run_bytes ? missing : reassembly->run_bytes;
            if (!reassembly__take(reassembly, taken, needed)) {
                return FRAME_NO_MEMORY;
            }
        }
    }
    if (status == FRAME_COMPLETE) {
        reassembly->partial_done_bytes = reassembly->partial_bytes;
    }
    return status;
}

enum frame_status reassembly_next(struct reassembly *reassembly, struct frame *frame)
{
    if (reassembly->partial_done_bytes > 0) {
        reassembly__free_partial(reassembly);
    }
    if (reassembly->partial_bytes > 0) {
        return reassembly__finish_partial(reassembly, frame);
    }
    if (reassembly->run_bytes == 0) {
        return FRAME_PARTIAL;
    }
    size_t needed = 0;
    enum frame_status status =
        frame_decode(reassembly->framing, reassembly->run, reassembly->run_bytes, frame, &needed);
    if (status == FRAME_COMPLETE) {
        reassembly->run += frame->bytes_count;
        reassembly->run_bytes -= frame->bytes_count;
    } else if (status == FRAME_PARTIAL) {
        if (!reassembly__take(reassembly, reassembly->run_bytes, needed)) {
            status = FRAME_NO_MEMORY;
        }
    }
    return status;
}

size_t reassembly_waiting_bytes(const struct reassembly *reassembly)
{
    return reassembly->partial_bytes - reassembly->partial_done_bytes + reassembly->run_bytes;
}
