#include "proto/reassembly.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

enum { REASSEMBLY_CAPACITY_BYTES_MIN = 64, REASSEMBLY_SEARCH_BYTES = 256 };

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
    reassembly->partial_done = 0;
    reassembly->partial_scanned_bytes = 0;
}

void reassembly_close(struct reassembly *reassembly)
{
    reassembly__free_partial(reassembly);
    free(reassembly->kept);
    reassembly->kept = NULL;
    reassembly->run = NULL;
    reassembly->run_bytes = 0;
}

void reassembly_feed(struct reassembly *reassembly, const uint8_t *data, size_t bytes)
{
    must(reassembly->run_bytes == 0); /* the run before has been read to its end */
    must(bytes <= UINT32_MAX);
    free(reassembly->kept);
    reassembly->kept = NULL;
    reassembly->run = data;
    reassembly->run_bytes = (uint32_t)bytes;
}

bool reassembly_keep(struct reassembly *reassembly)
{
    if (reassembly->kept != NULL) {
        if (reassembly->run_bytes == 0) {
            free(reassembly->kept);
            reassembly->kept = NULL;
        }
        return true;
    }
    if (reassembly->run_bytes == 0) {
        return true;
    }
    reassembly->kept = malloc(reassembly->run_bytes);
    if (reassembly->kept == NULL) {
        return false;
    }
    memcpy(reassembly->kept, reassembly->run, reassembly->run_bytes);
    reassembly->run = reassembly->kept;
    return true;
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
    reassembly->run_bytes -= (uint32_t)bytes;
    return true;
}

/* Tops the partial frame up with what it still needs. Where that is not known, a little is tried,
 * or as much again as there is: some framings read a message again from its beginning. What belongs
 * to the frame behind goes back to the run. */
static enum frame_status reassembly__finish_partial(struct reassembly *reassembly, void *state,
                                                    struct frame *frame)
{
    enum frame_status status = FRAME_PARTIAL;
    for (;;) {
        struct frame_progress progress = {.scanned_bytes = reassembly->partial_scanned_bytes};
        status = frame_decode_on(reassembly->framing, state, reassembly->partial,
                                 reassembly->partial_bytes, frame, &progress);
        reassembly->partial_scanned_bytes = progress.scanned_bytes & INT32_MAX;
        if (status != FRAME_PARTIAL || reassembly->run_bytes == 0) {
            break;
        }
        size_t wanted = progress.needed_bytes;
        size_t taken = wanted - reassembly->partial_bytes;
        if (progress.searches) {
            wanted = reassembly->framing->frame_bytes_max;
            taken = taken > REASSEMBLY_SEARCH_BYTES ? taken : REASSEMBLY_SEARCH_BYTES;
            taken = taken > reassembly->partial_bytes ? taken : reassembly->partial_bytes;
        }
        taken = taken < reassembly->run_bytes ? taken : reassembly->run_bytes;
        if (!reassembly__take(reassembly, taken, wanted)) {
            return FRAME_NO_MEMORY;
        }
    }
    if (status == FRAME_COMPLETE) {
        uint32_t behind = reassembly->partial_bytes - frame->bytes_count;
        reassembly->run -= behind;
        reassembly->run_bytes += behind;
        reassembly->partial_bytes = frame->bytes_count;
        reassembly->partial_done = 1;
    }
    return status;
}

enum frame_status reassembly_next(struct reassembly *reassembly, void *state, struct frame *frame)
{
    if (reassembly->partial_done) {
        reassembly__free_partial(reassembly);
    }
    if (reassembly->partial_bytes > 0) {
        return reassembly__finish_partial(reassembly, state, frame);
    }
    if (reassembly->run_bytes == 0) {
        return FRAME_PARTIAL;
    }
    struct frame_progress progress = {0};
    enum frame_status status = frame_decode_on(reassembly->framing, state, reassembly->run,
                                               reassembly->run_bytes, frame, &progress);
    if (status == FRAME_COMPLETE) {
        reassembly->run += frame->bytes_count;
        reassembly->run_bytes -= (uint32_t)frame->bytes_count;
    } else if (status == FRAME_PARTIAL) {
        size_t wanted =
            progress.searches ? reassembly->framing->frame_bytes_max : progress.needed_bytes;
        reassembly->partial_scanned_bytes = progress.scanned_bytes & INT32_MAX;
        if (!reassembly__take(reassembly, reassembly->run_bytes, wanted)) {
            status = FRAME_NO_MEMORY;
        }
    }
    return status;
}

size_t reassembly_waiting_bytes(const struct reassembly *reassembly)
{
    size_t partial_bytes = reassembly->partial_done ? 0 : reassembly->partial_bytes;
    return partial_bytes + reassembly->run_bytes;
}

struct span reassembly_refused(const struct reassembly *reassembly)
{
    return reassembly->partial_bytes > 0
               ? (struct span){.data = reassembly->partial, .bytes = reassembly->partial_bytes}
               : (struct span){.data = reassembly->run, .bytes = reassembly->run_bytes};
}
