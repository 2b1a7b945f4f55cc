#include "proto/websocket_stream.h"

#include "core/must.h"

#include <string.h>

/* The pair's size field is 16 bits wide and counts the header too. */
enum { FRAMING_PAIR_FRAME_BYTES_MAX = 65535 };

static const struct codec *const FRAME_CODECS[] = {
    [FRAMING_LENGTH] = &codec_length,      [FRAMING_DELIMITER] = &codec_delimiter,
    [FRAMING_FIXED] = &codec_fixed,        [FRAMING_RAW] = &codec_raw,
    [FRAMING_HEADER] = &codec_header,      [FRAMING_BY_ID] = &codec_by_id,
    [FRAMING_HTTP] = &codec_http,          [FRAMING_RESP] = &codec_resp,
    [FRAMING_LINES] = &codec_lines,        [FRAMING_CODEC] = &codec_plugin,
    [FRAMING_WEBSOCKET] = &codec_websocket};

const struct codec *codec_of(const struct framing *framing)
{
    return FRAME_CODECS[framing->type];
}

void framing_default(struct framing *framing)
{
    memset(framing, 0, sizeof *framing);
    framing->type = FRAMING_LENGTH;
    framing->header_bytes = 4;
    framing->size_offset = 0;
    framing->size_bytes = 2;
    framing->id_offset = 2;
    framing->id_bytes = 2;
    framing->size_includes_header = true;
    framing->frame_bytes_max = FRAMING_PAIR_FRAME_BYTES_MAX;
}

bool framing_check(const struct framing *framing, struct error *error)
{
    const struct codec *codec = codec_of(framing);
    uint32_t max = framing->frame_bytes_max;
    if (max < 1 || max > FRAMING_FRAME_BYTES_MAX) {
        error_set(error, "expected a largest frame of 1 to %u bytes, found %u",
                  (unsigned)FRAMING_FRAME_BYTES_MAX, (unsigned)max);
        return false;
    }
    return codec->check == NULL || codec->check(framing, error);
}

bool framing_has_ids(const struct framing *framing)
{
    bool has_field = false;
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        has_field = has_field || framing->fields[i].role == FRAMING_ROLE_ID;
    }
    return has_field || framing->type == FRAMING_BY_ID ||
           (framing->type == FRAMING_LENGTH && framing->id_bytes > 0);
}

enum frame_status frame_fill(struct frame *frame, const uint8_t *data, uint32_t bytes,
                             uint32_t head_bytes, uint32_t tail_bytes)
{
    *frame = (struct frame){.bytes = data,
                            .bytes_count = bytes,
                            .body = data + head_bytes,
                            .body_bytes = bytes - head_bytes - tail_bytes,
                            .whole_bytes = bytes,
                            .whole_body_bytes = bytes - head_bytes - tail_bytes};
    return FRAME_COMPLETE;
}

uint32_t frame_state_bytes(const struct framing *framing)
{
    const struct codec *codec = codec_of(framing);
    uint32_t bytes = codec->state_bytes != NULL ? codec->state_bytes(framing) : 0;
    return framing->websocket != NULL ? WEBSOCKET_STATE_BYTES + bytes : bytes;
}

/* The framing's, behind that of the WebSocket that carries it. */
static void *frame__own_state(const struct framing *framing, void *state)
{
    return framing->websocket != NULL ? websocket_inner(framing, state) : state;
}

void frame_open_state(const struct framing *framing, void *state, const struct frame_stream *stream)
{
    const struct codec *codec = FRAME_CODECS[framing->type];
    if (framing->websocket != NULL) {
        websocket_open(state, stream);
        state = frame__own_state(framing, state);
    }
    if (codec->open != NULL) {
        codec->open(framing, state, stream);
    } else if (codec->state_bytes != NULL && state != NULL) {
        memset(state, 0, codec->state_bytes(framing));
    }
}

bool frame_close_state(const struct framing *framing, void *state)
{
    const struct codec *codec = codec_of(framing);
    return codec->close == NULL || codec->close(framing, frame__own_state(framing, state));
}

bool frame_greets(const struct framing *framing, void *state)
{
    const struct codec *codec = codec_of(framing);
    if (framing->websocket != NULL) {
        return ((const struct websocket *)state)->phase == WEBSOCKET_GREETING;
    }
    return codec->greets != NULL && codec->greets(state);
}

struct span frame_reply(const struct framing *framing, void *state)
{
    const struct codec *codec = codec_of(framing);
    if (framing->websocket != NULL) {
        return websocket_take_reply(state);
    }
    return codec->reply != NULL ? codec->reply(state) : (struct span){0};
}

bool frame_may_leave_out(const struct framing *framing, struct span own)
{
    return framing->websocket != NULL && websocket_is_pong(own);
}

struct span frame_finish(const struct framing *framing, void *state)
{
    return framing->websocket != NULL ? websocket_finish(framing, state) : (struct span){0};
}

bool frame_awaits_finish(const struct framing *framing, void *state)
{
    const struct websocket *ws = state;
    return framing->websocket != NULL && ws->phase == WEBSOCKET_OPEN && ws->finishes;
}

enum frame_ending frame_explain_finish(const struct framing *framing, void *state,
                                       struct error *words)
{
    return framing->websocket != NULL ? websocket_explain_finish(state, words)
                                      : FRAME_ENDING_UNSAID;
}

enum frame_status frame_greet(const struct framing *framing, void *state, struct span request)
{
    struct frame frame;
    struct frame_progress progress = {0};
    if (framing->websocket != NULL) {
        websocket_greet(framing, state, request);
        return FRAME_PARTIAL;
    }
    return codec_of(framing)->decode(framing, state, (const uint8_t *)"", 0, &frame, &progress);
}

bool framing_is_scanned(const struct framing *framing)
{
    return codec_of(framing)->scan != NULL;
}

enum frame_status frame_decode(const struct framing *framing, const uint8_t *data, size_t bytes,
                               struct frame *frame, size_t *needed_bytes)
{
    struct frame_progress progress = {0};
    must(!framing_is_scanned(framing) && framing->websocket == NULL);
    enum frame_status status =
        codec_of(framing)->decode(framing, NULL, data, bytes, frame, &progress);
    *needed_bytes = status == FRAME_PARTIAL ? progress.needed_bytes : *needed_bytes;
    return status;
}

/* Of a message of the framing itself, and whether it can be one. */
static bool frame__is_possible(const struct framing *framing, uint64_t bytes)
{
    return bytes <= framing->frame_bytes_max && (bytes > 0 || framing->type == FRAMING_WEBSOCKET);
}

uint32_t frame_encoded_bytes(const struct framing *framing, uint32_t id, uint32_t body_bytes)
{
    uint64_t whole = codec_of(framing)->encoded_bytes(framing, id, body_bytes);
    if (!frame__is_possible(framing, whole)) {
        return 0;
    }
    return (uint32_t)whole +
           (framing->websocket != NULL ? websocket_heads_bytes(framing->websocket, whole) : 0);
}

uint32_t frame_write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                          uint8_t *out)
{
    const struct codec *codec = codec_of(framing);
    uint32_t carrier_bytes = 0;
    if (framing->websocket != NULL) {
        uint64_t whole = codec->encoded_bytes(framing, id, body_bytes);
        carrier_bytes = websocket_write_head(framing->websocket, whole, out);
        out += carrier_bytes;
    }
    uint32_t head_bytes =
        codec->write_head != NULL ? codec->write_head(framing, id, body_bytes, out) : 0;
    return carrier_bytes + head_bytes;
}

uint32_t frame_write_tail(const struct framing *framing, uint8_t *out)
{
    const struct codec *codec = codec_of(framing);
    return codec->write_tail != NULL ? codec->write_tail(framing, out) : 0;
}

bool framing_has_values(const struct framing *framing)
{
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        if (framing->fields[i].role == FRAMING_ROLE_VALUE) {
            return true;
        }
    }
    return false;
}

bool framing_seals(const struct framing *framing)
{
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        enum framing_role role = framing->fields[i].role;
        if (role == FRAMING_ROLE_SEQUENCE || role == FRAMING_ROLE_VALUE ||
            role == FRAMING_ROLE_CHECK) {
            return true;
        }
    }
    return framing->type == FRAMING_CODEC || framing->reads_sent;
}

uint32_t frame_seal(const struct framing *framing, void *state, const struct frame_sealing *sealing)
{
    if (framing->websocket == NULL) {
        return codec_of(framing)->seal(framing, state, sealing);
    }
    uint32_t carrier_bytes = frame_carrier_bytes(framing, sealing->message);
    struct frame_sealing inner = *sealing;
    inner.message += carrier_bytes;
    inner.bytes -= carrier_bytes;
    uint32_t bytes = codec_of(framing)->seal(framing, frame__own_state(framing, state), &inner);
    return bytes > 0 ? carrier_bytes + bytes : 0;
}

void frame_mask(const struct framing *framing, void *state, uint8_t *message, uint32_t bytes)
{
    if (framing->websocket != NULL) {
        websocket_mask(framing->websocket, state, message, bytes);
    }
}

uint32_t frame_carrier_bytes(const struct framing *framing, const uint8_t *message)
{
    return framing->websocket != NULL ? websocket_carrier_bytes(framing->websocket, message) : 0;
}

bool framing_attribute(const struct framing *framing, uint32_t index,
                       struct frame_attribute *attribute)
{
    const struct codec *codec = FRAME_CODECS[framing->type];
    return codec->attribute != NULL && codec->attribute(framing, index, attribute);
}

bool frame_read_attribute(const struct framing *framing, const struct frame *frame,
                          const struct frame_attribute *attribute,
                          struct frame_attribute_value *value)
{
    return FRAME_CODECS[framing->type]->read_attribute(framing, frame, attribute, value);
}

void frame_explain(const struct framing *framing, void *state, enum frame_status status,
                   const uint8_t *data, size_t bytes, struct error *error)
{
    const struct codec *codec = codec_of(framing);
    error_set(error, "a message of the scenario's framing");
    switch (status) {
    case FRAME_BAD_SIZE:
        error_set(error, "a size that counts its own header");
        break;
    case FRAME_TOO_LARGE:
        error_set(error, "a message of at most %u bytes (frame_bytes_max)",
                  (unsigned)framing->frame_bytes_max);
        if (framing->plugin != NULL) { /* it has a limit of its own */
            codec->explain(framing, state, data, bytes, error);
        }
        break;
    case FRAME_INVALID:
        if (framing->websocket != NULL && websocket_explain(framing, state, data, bytes, error)) {
            break;
        }
        if (codec->explain != NULL) {
            codec->explain(framing, frame__own_state(framing, state), data, bytes, error);
        }
        break;
    case FRAME_COMPLETE:
    case FRAME_PARTIAL:
    case FRAME_NO_MEMORY:
        break;
    }
}

void frame_explain_own(const struct framing *framing, void *state, struct error *error)
{
    const struct codec *codec = codec_of(framing);
    error_set(error, "one that the framing refuses");
    if (codec->explain_own != NULL) {
        codec->explain_own(framing, frame__own_state(framing, state), error);
    }
}

bool frame_is_mistaken(const struct framing *framing, void *state)
{
    const struct codec *codec = codec_of(framing);
    return codec->is_mistaken != NULL && codec->is_mistaken(frame__own_state(framing, state));
}
