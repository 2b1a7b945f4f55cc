#include "proto/reassembly.h"

#include "core/must.h"
#include "proto/websocket_stream.h"
#include "text/units.h"

#include <stdlib.h>
#include <string.h>

enum { REASSEMBLY_CAPACITY_BYTES_MIN = 64, REASSEMBLY_SEARCH_BYTES = 256 };

/* How far a message whose end is in its text has been read. */
struct reassembly__text {
    struct codec_scan scan;
    struct codec_piece piece; /* what is left of it */
    bool is_last;             /* the message ends behind the piece */
    uint64_t whole_bytes;     /* of the pieces so far */
    uint64_t whole_body_bytes;
    const uint8_t *body; /* what is kept of it: in the run while that is all of it, or in data */
    uint32_t body_bytes;
    uint32_t head_bytes;
};

struct reassembly_partial {
    struct reassembly__text text;
    uint32_t pending_bytes; /* behind text.body_bytes in data: they belong to no piece yet */
    uint32_t capacity_bytes;
    struct frame_progress progress; /* of decode() */
    bool done;                      /* it was handed out as the frame before */
    uint8_t failure; /* enum frame_status; FRAME_COMPLETE: scan() has refused nothing */
    uint8_t data[];
};

void reassembly_open(struct reassembly *reassembly, const struct framing *framing,
                     uint32_t looked_bytes)
{
    memset(reassembly, 0, sizeof *reassembly);
    reassembly->framing = framing;
    reassembly->looked_bytes =
        looked_bytes > framing->frame_bytes_max ? REASSEMBLY_ALL_BYTES : looked_bytes;
}

static void reassembly__free_partial(struct reassembly *reassembly)
{
    free(reassembly->partial);
    reassembly->partial = NULL;
}

void reassembly_close(struct reassembly *reassembly)
{
    reassembly__free_partial(reassembly);
    free(reassembly->kept);
    reassembly->kept = NULL;
    reassembly->run = NULL;
    reassembly->run_bytes = 0;
    reassembly->behind_bytes = 0;
    reassembly->waiting_bytes = 0;
}

void reassembly_feed(struct reassembly *reassembly, const uint8_t *data, size_t bytes)
{
    must(!reassembly_has_run(reassembly)); /* the run before has been read to its end */
    must(bytes <= UINT32_MAX);
    free(reassembly->kept);
    reassembly->kept = NULL;
    reassembly->run = data;
    reassembly->run_bytes = reassembly->framing->websocket == NULL ? (uint32_t)bytes : 0;
    reassembly->behind_bytes = (uint32_t)bytes - reassembly->run_bytes;
}

bool reassembly_keep(struct reassembly *reassembly)
{
    size_t bytes = (size_t)reassembly->run_bytes + reassembly->behind_bytes;
    if (reassembly->kept != NULL) {
        if (bytes == 0) {
            free(reassembly->kept);
            reassembly->kept = NULL;
        }
        return true;
    }
    if (bytes == 0) {
        return true;
    }
    reassembly->kept = malloc(bytes);
    if (reassembly->kept == NULL) {
        return false;
    }
    memcpy(reassembly->kept, reassembly->run, bytes);
    reassembly->run = reassembly->kept;
    return true;
}

static void reassembly__pass(struct reassembly *reassembly, uint32_t bytes)
{
    reassembly->run += bytes;
    reassembly->run_bytes -= bytes;
}

/* Makes a partial frame of what has been read, with room for `filled` bytes. wanted_bytes is the
 * size that it will have as far as is known: a ceiling for the doubling, never a reason to allocate
 * more than the double of what has come. False: there is no memory, nothing has changed. */
static bool reassembly__hold(struct reassembly *reassembly, const struct reassembly__text *text,
                             size_t filled, size_t wanted_bytes)
{
    struct reassembly_partial *partial = reassembly->partial;
    size_t capacity = partial != NULL ? partial->capacity_bytes : 0;
    if (partial != NULL && filled <= capacity) {
        return true;
    }
    capacity *= 2;
    if (capacity < REASSEMBLY_CAPACITY_BYTES_MIN) {
        capacity = REASSEMBLY_CAPACITY_BYTES_MIN;
    }
    if (capacity > wanted_bytes) {
        capacity = wanted_bytes;
    }
    if (capacity < filled) {
        capacity = filled;
    }
    struct reassembly_partial *grown = realloc(partial, sizeof *grown + capacity);
    if (grown == NULL) {
        return false;
    }
    if (partial == NULL) {
        *grown = (struct reassembly_partial){.text = *text};
        if (text->body_bytes > 0) {
            memcpy(grown->data, text->body, text->body_bytes);
        }
    }
    grown->text.body = grown->data;
    grown->capacity_bytes = (uint32_t)capacity;
    reassembly->partial = grown;
    return true;
}

/* Moves bytes from the run to what is pending. */
static bool reassembly__append(struct reassembly *reassembly, const struct reassembly__text *text,
                               uint32_t bytes, size_t wanted_bytes)
{
    size_t filled = text->body_bytes + (size_t)bytes;
    filled += reassembly->partial != NULL ? reassembly->partial->pending_bytes : 0;
    if (!reassembly__hold(reassembly, text, filled, wanted_bytes)) {
        return false;
    }
    memcpy(reassembly->partial->data + filled - bytes, reassembly->run, bytes);
    reassembly->partial->pending_bytes += bytes;
    reassembly__pass(reassembly, bytes);
    return true;
}

/* --- Messages whose end is in their text. */

static bool reassembly__is_body(const struct reassembly__text *text)
{
    return text->piece.kind == CODEC_TEXT || text->piece.kind == CODEC_HEAD;
}

/* How many bytes of a piece go to the end of the body; all are counted. */
static uint32_t reassembly__count(const struct reassembly *reassembly,
                                  struct reassembly__text *text, uint32_t bytes)
{
    text->piece.bytes -= bytes;
    text->whole_bytes += text->piece.kind == CODEC_SKIPPED ? 0 : bytes;
    if (!reassembly__is_body(text)) {
        return 0;
    }
    text->whole_body_bytes += bytes;
    text->head_bytes += text->piece.kind == CODEC_HEAD ? bytes : 0;
    uint64_t room = (uint64_t)reassembly->looked_bytes + text->head_bytes - text->body_bytes;
    return bytes < room ? bytes : (uint32_t)room;
}

/* The piece takes the next bytes of the run. */
static bool reassembly__take(struct reassembly *reassembly, struct reassembly__text *text)
{
    uint32_t bytes = text->piece.bytes < reassembly->run_bytes ? (uint32_t)text->piece.bytes
                                                               : reassembly->run_bytes;
    uint32_t kept_bytes = reassembly__count(reassembly, text, bytes);
    if (kept_bytes > 0 && reassembly->partial == NULL &&
        (text->body_bytes == 0 || text->body + text->body_bytes == reassembly->run)) {
        text->body = text->body_bytes == 0 ? reassembly->run : text->body;
        text->body_bytes += kept_bytes;
    } else if (kept_bytes > 0) {
        uint64_t all = text->whole_body_bytes + text->piece.bytes;
        size_t wanted = all < reassembly->framing->frame_bytes_max
                            ? (size_t)all
                            : reassembly->framing->frame_bytes_max;
        if (!reassembly__append(reassembly, text, kept_bytes, wanted)) {
            return false;
        }
        reassembly->partial->pending_bytes = 0;
        reassembly->partial->text.body_bytes += kept_bytes;
        bytes -= kept_bytes;
    }
    reassembly__pass(reassembly, bytes);
    return true;
}

/* The piece takes what is pending; `taken` bytes of that were moved from the run just now, and
 * those behind the piece go back to it. */
static void reassembly__take_pending(struct reassembly *reassembly, uint32_t taken)
{
    struct reassembly_partial *partial = reassembly->partial;
    struct reassembly__text *text = &partial->text;
    uint32_t bytes = text->piece.bytes < partial->pending_bytes ? (uint32_t)text->piece.bytes
                                                                : partial->pending_bytes;
    uint32_t behind = partial->pending_bytes - bytes;
    uint32_t returned = behind < taken ? behind : taken;
    uint32_t kept_bytes = reassembly__count(reassembly, text, bytes);
    reassembly->run -= returned;
    reassembly->run_bytes += returned;
    memmove(partial->data + text->body_bytes + kept_bytes, partial->data + text->body_bytes + bytes,
            behind - returned);
    text->body_bytes += kept_bytes;
    partial->pending_bytes = behind - returned;
}

/* Gives the codec what follows the pieces so far. PARTIAL: with a piece, or all has been read. */
static enum frame_status reassembly__scan(struct reassembly *reassembly, void *state,
                                          struct reassembly__text *text)
{
    const struct framing *framing = reassembly->framing;
    const struct codec *codec = codec_of(framing);
    struct reassembly_partial *partial = reassembly->partial;
    struct codec_piece *piece = &text->piece;
    enum frame_status status;
    if (partial == NULL || partial->pending_bytes == 0) {
        if (reassembly->run_bytes == 0) {
            return FRAME_PARTIAL;
        }
        status =
            codec->scan(framing, state, &text->scan, reassembly->run, reassembly->run_bytes, piece);
        if (status == FRAME_PARTIAL && piece->bytes == 0 &&
            !reassembly__append(reassembly, text, reassembly->run_bytes, SIZE_MAX)) {
            return FRAME_NO_MEMORY;
        }
        return status;
    }
    for (;;) {
        /* A little is tried, or as much again as there is: what is pending is a line, mostly. */
        uint32_t taken = partial->pending_bytes;
        taken = taken > REASSEMBLY_SEARCH_BYTES ? taken : REASSEMBLY_SEARCH_BYTES;
        taken = taken < reassembly->run_bytes ? taken : reassembly->run_bytes;
        if (taken == 0) {
            return FRAME_PARTIAL;
        }
        if (!reassembly__append(reassembly, &partial->text, taken, SIZE_MAX)) {
            return FRAME_NO_MEMORY;
        }
        partial = reassembly->partial;
        text = &partial->text;
        status = codec->scan(framing, state, &text->scan, partial->data + text->body_bytes,
                             partial->pending_bytes, &text->piece);
        if (status == FRAME_COMPLETE || (status == FRAME_PARTIAL && text->piece.bytes > 0)) {
            text->is_last = status == FRAME_COMPLETE;
            reassembly__take_pending(reassembly, taken);
        }
        if (status != FRAME_PARTIAL || text->piece.bytes > 0 || partial->pending_bytes == 0) {
            return status;
        }
    }
}

static enum frame_status reassembly__fill(struct reassembly *reassembly,
                                          const struct reassembly__text *text, struct frame *frame)
{
    const uint8_t *body = text->body_bytes > 0 ? text->body : (const uint8_t *)"";
    *frame = (struct frame){.bytes = body,
                            .bytes_count = text->body_bytes,
                            .body = body,
                            .body_bytes = text->body_bytes,
                            .head_bytes = text->head_bytes,
                            .is_push = text->scan.is_push,
                            .closes = text->scan.closes,
                            .whole_bytes = text->whole_bytes,
                            .whole_body_bytes = text->whole_body_bytes};
    if (reassembly->partial != NULL) {
        reassembly->partial->done = true;
    }
    return FRAME_COMPLETE;
}

static bool reassembly__is_too_large(const struct reassembly *reassembly,
                                     const struct reassembly__text *text)
{
    uint64_t max = reassembly->framing->frame_bytes_max;
    uint64_t expected = reassembly__is_body(text) ? text->piece.bytes : 0;
    return reassembly->looked_bytes == REASSEMBLY_ALL_BYTES &&
           (expected > max || text->whole_body_bytes + expected > max);
}

static enum frame_status reassembly__fail(struct reassembly *reassembly,
                                          const struct reassembly__text *text,
                                          enum frame_status status)
{
    if (status == FRAME_NO_MEMORY ||
        !reassembly__hold(reassembly, text, text->body_bytes, SIZE_MAX)) {
        return FRAME_NO_MEMORY;
    }
    reassembly->partial->failure = (uint8_t)status;
    return status;
}

static enum frame_status reassembly__next_text(struct reassembly *reassembly, void *state,
                                               struct frame *frame)
{
    struct reassembly__text fresh = {0};
    if (reassembly->partial != NULL && reassembly->partial->failure != FRAME_COMPLETE) {
        return (enum frame_status)reassembly->partial->failure;
    }
    for (;;) {
        struct reassembly__text *text =
            reassembly->partial != NULL ? &reassembly->partial->text : &fresh;
        if (text->piece.bytes == 0 && text->is_last) {
            return reassembly__fill(reassembly, text, frame);
        }
        if (text->piece.bytes == 0) {
            enum frame_status status = reassembly__scan(reassembly, state, text);
            text = reassembly->partial != NULL ? &reassembly->partial->text : &fresh;
            text->is_last = status == FRAME_COMPLETE;
            if (status != FRAME_COMPLETE && status != FRAME_PARTIAL) {
                return reassembly__fail(reassembly, text, status);
            }
        }
        if (reassembly__is_too_large(reassembly, text)) {
            return reassembly__fail(reassembly, text, FRAME_TOO_LARGE);
        }
        if (reassembly->run_bytes == 0 && (text->piece.bytes > 0 || !text->is_last)) {
            break;
        }
        if (text->piece.bytes > 0 && !reassembly__take(reassembly, text)) {
            return FRAME_NO_MEMORY;
        }
    }
    bool begun = reassembly->partial == NULL && fresh.whole_bytes > 0;
    return begun && !reassembly__hold(reassembly, &fresh, fresh.body_bytes, SIZE_MAX)
               ? FRAME_NO_MEMORY
               : FRAME_PARTIAL;
}

bool reassembly_end(struct reassembly *reassembly, struct frame *frame)
{
    const struct codec *codec = codec_of(reassembly->framing);
    struct reassembly_partial *partial = reassembly->partial;
    if (codec->ends == NULL || partial == NULL || partial->done || partial->pending_bytes > 0 ||
        partial->text.piece.bytes > 0 || !codec->ends(&partial->text.scan)) {
        return false;
    }
    return reassembly__fill(reassembly, &partial->text, frame) == FRAME_COMPLETE;
}

/* --- Messages whose beginning says how long they are: all of one is pending until it is whole. */

/* Tops the partial frame up with what it still needs. Where that is not known, a little is tried,
 * or as much again as there is: some framings read a message again from its beginning. What belongs
 * to the frame behind goes back to the run. */
static enum frame_status reassembly__finish_partial(struct reassembly *reassembly,
                                                    const struct codec *codec, void *state,
                                                    struct frame *frame)
{
    const struct framing *framing = reassembly->framing;
    struct reassembly_partial *partial = reassembly->partial;
    enum frame_status status = FRAME_PARTIAL;
    for (;;) {
        struct frame_progress progress = {.scanned_bytes = partial->progress.scanned_bytes};
        status =
            codec->decode(framing, state, partial->data, partial->pending_bytes, frame, &progress);
        partial->progress = progress;
        if (status != FRAME_PARTIAL || reassembly->run_bytes == 0) {
            break;
        }
        size_t wanted = progress.needed_bytes;
        size_t taken = wanted - partial->pending_bytes;
        if (progress.searches) {
            wanted = framing->frame_bytes_max;
            taken = taken > REASSEMBLY_SEARCH_BYTES ? taken : REASSEMBLY_SEARCH_BYTES;
            taken = taken > partial->pending_bytes ? taken : partial->pending_bytes;
        }
        taken = taken < reassembly->run_bytes ? taken : reassembly->run_bytes;
        if (!reassembly__append(reassembly, &partial->text, (uint32_t)taken, wanted)) {
            return FRAME_NO_MEMORY;
        }
        partial = reassembly->partial;
    }
    if (status == FRAME_COMPLETE) {
        uint32_t behind = partial->pending_bytes - frame->bytes_count;
        reassembly->run -= behind;
        reassembly->run_bytes += behind;
        partial->pending_bytes = frame->bytes_count;
        partial->done = true;
    }
    return status;
}

static enum frame_status reassembly__begin_partial(struct reassembly *reassembly,
                                                   const struct frame_progress *progress)
{
    static const struct reassembly__text NONE;
    size_t wanted =
        progress->searches ? reassembly->framing->frame_bytes_max : progress->needed_bytes;
    if (!reassembly__append(reassembly, &NONE, reassembly->run_bytes, wanted)) {
        return FRAME_NO_MEMORY;
    }
    reassembly->partial->progress = *progress;
    return FRAME_PARTIAL;
}

static enum frame_status reassembly__next_run(struct reassembly *reassembly,
                                              const struct codec *codec, void *state,
                                              struct frame *frame)
{
    if (codec->scan != NULL) {
        return reassembly__next_text(reassembly, state, frame);
    }
    if (reassembly->partial != NULL) {
        return reassembly__finish_partial(reassembly, codec, state, frame);
    }
    if (reassembly->run_bytes == 0) {
        return FRAME_PARTIAL;
    }
    struct frame_progress progress = {0};
    enum frame_status status = codec->decode(reassembly->framing, state, reassembly->run,
                                             reassembly->run_bytes, frame, &progress);
    if (status == FRAME_COMPLETE) {
        reassembly__pass(reassembly, frame->bytes_count);
    } else if (status == FRAME_PARTIAL) {
        status = reassembly__begin_partial(reassembly, &progress);
    }
    return status;
}

/* --- What a WebSocket carries: the run is a stretch of payload, and the rest is behind it. */

/* The codec's own, which nobody takes for a message. */
static enum frame_status reassembly__own(const struct websocket *ws, struct frame *frame)
{
    const uint8_t *payload = ws->room + WEBSOCKET_CONTROL_OFFSET;
    *frame = (struct frame){.bytes = payload,
                            .bytes_count = ws->control_bytes,
                            .body = payload,
                            .body_bytes = ws->control_bytes,
                            .id = ws->own,
                            .is_own = true,
                            .closes = ws->phase == WEBSOCKET_CLOSED};
    return FRAME_COMPLETE;
}

static enum frame_status reassembly__greet(struct reassembly *reassembly, struct websocket *ws,
                                           struct frame *frame)
{
    reassembly->run_bytes = reassembly->behind_bytes;
    reassembly->behind_bytes = 0;
    enum frame_status status =
        reassembly__next_run(reassembly, &codec_websocket_handshake, ws, frame);
    if (status == FRAME_COMPLETE) {
        reassembly->behind_bytes = reassembly->run_bytes;
        reassembly->run_bytes = 0;
    }
    return status;
}

/* COMPLETE: the next stretch is the run, or a control frame has ended. */
static enum frame_status reassembly__advance(struct reassembly *reassembly, struct websocket *ws,
                                             bool *is_own)
{
    struct websocket_piece piece;
    enum frame_status status =
        websocket_read(reassembly->framing, ws, reassembly->run, reassembly->behind_bytes, &piece);
    *is_own = piece.is_own;
    reassembly->waiting_bytes = websocket_waiting_bytes(ws);
    if (status != FRAME_COMPLETE && status != FRAME_PARTIAL) {
        reassembly__free_partial(reassembly);
        reassembly->run = ws->head; /* what was refused */
        reassembly->run_bytes = ws->head_bytes;
        reassembly->behind_bytes = 0;
        return status;
    }
    reassembly->run += piece.skipped_bytes;
    reassembly->run_bytes = piece.payload_bytes;
    reassembly->behind_bytes -= piece.skipped_bytes + piece.payload_bytes;
    return status;
}

static enum frame_status reassembly__next_carried(struct reassembly *reassembly,
                                                  struct websocket *ws, struct frame *frame)
{
    const struct framing *framing = reassembly->framing;
    void *state = websocket_inner(framing, ws);
    if (ws->phase == WEBSOCKET_GREETING) {
        return reassembly__greet(reassembly, ws, frame);
    }
    for (;;) {
        if (reassembly->run_bytes > 0 || reassembly->partial != NULL) {
            enum frame_status status =
                reassembly__next_run(reassembly, codec_of(framing), state, frame);
            if (status != FRAME_PARTIAL) {
                if (status != FRAME_COMPLETE && status != FRAME_NO_MEMORY) {
                    websocket_refuse_inside(framing, ws, status == FRAME_TOO_LARGE);
                }
                return status;
            }
        }
        if (reassembly->behind_bytes == 0) {
            return FRAME_PARTIAL;
        }
        bool is_own;
        enum frame_status status = reassembly__advance(reassembly, ws, &is_own);
        if (status != FRAME_COMPLETE) {
            return status;
        }
        if (is_own) {
            return reassembly__own(ws, frame);
        }
        if (framing->type == FRAMING_WEBSOCKET && ws->ends && ws->message_bytes == 0) {
            return frame_fill(frame, (const uint8_t *)"", 0, 0, 0); /* an empty message */
        }
    }
}

static bool reassembly__waits(const struct reassembly_partial *partial)
{
    return partial != NULL && !partial->done;
}

void reassembly_expect(struct reassembly *reassembly, const struct framing *bare)
{
    const struct framing *framing = bare != NULL ? bare : reassembly->framing->then;
    if (framing == NULL ||
        (reassembly__waits(reassembly->partial) &&
         (framing_is_scanned(reassembly->framing) || framing_is_scanned(framing)))) {
        return;
    }
    reassembly->framing = framing;
    if (reassembly__waits(reassembly->partial)) {
        reassembly->partial->progress = (struct frame_progress){0};
    }
}

/* The one message without a frame: its bytes are its body. */
static enum frame_status reassembly__next_bare(struct reassembly *reassembly, struct frame *frame)
{
    const struct framing *bare = reassembly->framing;
    enum frame_status status = reassembly__next_run(reassembly, codec_of(bare), NULL, frame);
    if (status == FRAME_COMPLETE) {
        frame->is_bare = true;
        reassembly->framing = bare->then;
    }
    return status;
}

enum frame_status reassembly_next(struct reassembly *reassembly, void *state, struct frame *frame)
{
    if (reassembly->partial != NULL && reassembly->partial->done) {
        reassembly__free_partial(reassembly);
    }
    if (reassembly->partial == NULL && !reassembly_has_run(reassembly)) {
        return FRAME_PARTIAL; /* the end of most runs */
    }
    if (reassembly->framing->then != NULL) {
        return reassembly__next_bare(reassembly, frame);
    }
    return reassembly->framing->websocket != NULL
               ? reassembly__next_carried(reassembly, state, frame)
               : reassembly__next_run(reassembly, codec_of(reassembly->framing), state, frame);
}

/* --- What has come of a message. */

uint64_t reassembly_waiting_bytes(const struct reassembly *reassembly)
{
    const struct reassembly_partial *partial = reassembly->partial;
    return (reassembly__waits(partial) ? partial->text.whole_bytes + partial->pending_bytes : 0) +
           reassembly->waiting_bytes + reassembly->run_bytes + reassembly->behind_bytes;
}

size_t reassembly_capacity_bytes(const struct reassembly *reassembly)
{
    const struct reassembly_partial *partial = reassembly->partial;
    return partial != NULL ? partial->capacity_bytes : 0;
}

struct span reassembly_waiting(const struct reassembly *reassembly)
{
    const struct reassembly_partial *partial = reassembly->partial;
    return reassembly__waits(partial)
               ? (struct span){.data = partial->data,
                               .bytes = (size_t)partial->text.body_bytes + partial->pending_bytes}
               : (struct span){.bytes = 0};
}

static void reassembly__explain_size(const struct frame_progress *progress, struct error *error)
{
    char needed[UNITS_COUNTED_BYTES_MAX];
    units_format_counted(progress->needed_bytes, "byte", needed);
    error_set(error, progress->in_head ? "a header of at least %s" : "a message of %s", needed);
}

bool reassembly_explain_waiting(const struct reassembly *reassembly, struct error *error)
{
    const struct reassembly_partial *partial = reassembly->partial;
    if (!reassembly__waits(partial)) {
        return false;
    }
    const struct codec *codec = codec_of(reassembly->framing);
    const struct codec_waiting waiting = {.progress = &partial->progress,
                                          .scan = &partial->text.scan,
                                          .lacking_bytes = partial->text.piece.bytes};
    struct error what;
    char count[UNITS_COUNTED_BYTES_MAX];
    if (codec->explain_waiting != NULL) {
        codec->explain_waiting(reassembly->framing, &waiting, &what);
    } else {
        reassembly__explain_size(&partial->progress, &what);
    }
    /* Without the head of a WebSocket's frame around it. */
    units_format_counted(partial->text.whole_bytes + partial->pending_bytes, "byte", count);
    error_set(error, "%s of %s", count, what.text);
    return true;
}

struct span reassembly_refused(const struct reassembly *reassembly)
{
    const struct reassembly_partial *partial = reassembly->partial;
    if (partial != NULL && partial->failure == FRAME_TOO_LARGE) {
        return reassembly_waiting(reassembly); /* its beginning says what it is */
    }
    return partial != NULL && partial->pending_bytes > 0
               ? (struct span){.data = partial->data + partial->text.body_bytes,
                               .bytes = partial->pending_bytes}
               : (struct span){.data = reassembly->run, .bytes = reassembly->run_bytes};
}

void reassembly_explain(const struct reassembly *reassembly, void *state, enum frame_status status,
                        struct error *error)
{
    struct span refused = reassembly_refused(reassembly);
    const struct reassembly_partial *partial = reassembly->partial;
    if (partial != NULL && partial->text.scan.expected != NULL) {
        error_set(error, "%s", partial->text.scan.expected);
    } else {
        frame_explain(reassembly->framing, state, status, refused.data, refused.bytes, error);
    }
}
