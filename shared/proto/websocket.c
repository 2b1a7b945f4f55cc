/* Frames of RFC 6455: what comes is taken apart, what is sent is put together. */
#include "proto/websocket_stream.h"

#include "core/must.h"
#include "core/prng.h"

#include <string.h>

enum {
    WEBSOCKET_LAST = 0x80,       /* the first byte: the last frame of its message */
    WEBSOCKET_COMPRESSES = 0x40, /* reserved bit 1, that permessage-deflate uses */
    WEBSOCKET_RESERVED = 0x70,
    WEBSOCKET_IS_CONTROL = 0x08,
    WEBSOCKET_OPCODE = 0x0f,
    WEBSOCKET_MASKED = 0x80, /* the second byte */
    WEBSOCKET_SIZE = 0x7f,
    WEBSOCKET_SIZE_16 = 126, /* the size is in the next 2 bytes, or 8 */
    WEBSOCKET_SIZE_64 = 127,
    WEBSOCKET_MASK_BYTES = 4,
    WEBSOCKET_NORMAL_CLOSURE = 1000,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_TOO_BIG = 1009
};

/* --- Masks. */

/* XORs with the mask, whose byte `at` is the first one's. */
static void websocket__xor(const uint8_t mask[4], uint32_t at, uint8_t *data, size_t bytes)
{
    uint8_t turned[8];
    uint64_t wide;
    size_t i = 0;
    for (uint32_t j = 0; j < sizeof turned; j++) {
        turned[j] = mask[(at + j) & 3];
    }
    memcpy(&wide, turned, sizeof wide);
    for (; i + sizeof wide <= bytes; i += sizeof wide) {
        uint64_t word;
        memcpy(&word, data + i, sizeof word);
        word ^= wide;
        memcpy(data + i, &word, sizeof word);
    }
    for (; i < bytes; i++) {
        data[i] ^= turned[i & 3];
    }
}

static uint32_t websocket__head_bytes(const struct framing_websocket *settings,
                                      uint64_t payload_bytes)
{
    uint32_t size_bytes = payload_bytes < WEBSOCKET_SIZE_16 ? 0
                          : payload_bytes <= UINT16_MAX     ? 2
                                                            : 8;
    return 2 + size_bytes + (settings->is_server ? 0 : WEBSOCKET_MASK_BYTES);
}

static bool websocket__fragments(const struct framing_websocket *settings, uint64_t payload_bytes)
{
    return settings->fragment_bytes > 0 && payload_bytes > settings->fragment_bytes;
}

uint32_t websocket_heads_bytes(const struct framing_websocket *settings, uint64_t payload_bytes)
{
    if (!websocket__fragments(settings, payload_bytes)) {
        return websocket__head_bytes(settings, payload_bytes);
    }
    uint64_t whole_count = payload_bytes / settings->fragment_bytes;
    uint64_t rest_bytes = payload_bytes % settings->fragment_bytes;
    return (uint32_t)(whole_count * websocket__head_bytes(settings, settings->fragment_bytes)) +
           (rest_bytes > 0 ? websocket__head_bytes(settings, rest_bytes) : 0);
}

static uint32_t websocket__write_head(uint8_t opcode, bool is_server, uint64_t payload_bytes,
                                      uint8_t *out)
{
    uint32_t at = 2;
    out[0] = (uint8_t)(WEBSOCKET_LAST | opcode);
    if (payload_bytes < WEBSOCKET_SIZE_16) {
        out[1] = (uint8_t)payload_bytes;
    } else if (payload_bytes <= UINT16_MAX) {
        out[1] = WEBSOCKET_SIZE_16;
        at += 2;
    } else {
        out[1] = WEBSOCKET_SIZE_64;
        at += 8;
    }
    for (uint32_t i = at; i > 2; i--, payload_bytes >>= 8) {
        out[i - 1] = (uint8_t)payload_bytes;
    }
    if (!is_server) {
        out[1] |= WEBSOCKET_MASKED;
        memset(out + at, 0, WEBSOCKET_MASK_BYTES);
        at += WEBSOCKET_MASK_BYTES;
    }
    return at;
}

uint32_t websocket_write_head(const struct framing_websocket *settings, uint64_t payload_bytes,
                              uint8_t *out)
{
    uint8_t opcode = settings->is_text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
    uint32_t head_bytes = websocket__write_head(opcode, settings->is_server, payload_bytes, out);
    uint32_t heads_bytes = websocket_heads_bytes(settings, payload_bytes);
    must(head_bytes <= heads_bytes);
    return heads_bytes;
}

/* Where the mask is, by the size in the second byte. */
static uint32_t websocket__mask_offset(const uint8_t *head)
{
    uint8_t size = head[1] & WEBSOCKET_SIZE;
    return size < WEBSOCKET_SIZE_16 ? 2 : size == WEBSOCKET_SIZE_16 ? 4 : 10;
}

static uint32_t websocket__read_head_bytes(const uint8_t *message)
{
    bool is_masked = (message[1] & WEBSOCKET_MASKED) != 0;
    return websocket__mask_offset(message) + (is_masked ? WEBSOCKET_MASK_BYTES : 0);
}

/* One frame: the mask goes into its head, and over the payload. */
static void websocket__mask(struct websocket *ws, uint8_t *frame, uint32_t bytes)
{
    if ((frame[1] & WEBSOCKET_MASKED) == 0) {
        return; /* a server's */
    }
    uint32_t at = websocket__mask_offset(frame);
    uint64_t drawn = prng_mix(ws->key, ws->masks_count++);
    memcpy(frame + at, &drawn, WEBSOCKET_MASK_BYTES);
    at += WEBSOCKET_MASK_BYTES;
    websocket__xor(frame + at - WEBSOCKET_MASK_BYTES, 0, frame + at, bytes - at);
}

bool websocket_is_pong(struct span sent)
{
    return sent.data[0] == (WEBSOCKET_LAST | WEBSOCKET_PONG);
}

uint8_t websocket_read_control(struct span frame, uint8_t room[WEBSOCKET_CONTROL_BYTES_MAX],
                               struct span *payload)
{
    const uint8_t *head = frame.data;
    if ((head[0] & WEBSOCKET_LAST) == 0) {
        return 0;
    }
    uint32_t head_bytes = websocket__read_head_bytes(head);
    *payload = (struct span){head + head_bytes, frame.bytes - head_bytes};
    must(payload->bytes <= WEBSOCKET_CONTROL_BYTES_MAX);
    if ((head[1] & WEBSOCKET_MASKED) != 0) {
        memcpy(room, payload->data, payload->bytes);
        websocket__xor(head + head_bytes - WEBSOCKET_MASK_BYTES, 0, room, payload->bytes);
        payload->data = room;
    }
    return head[0] & WEBSOCKET_OPCODE;
}

/* The payload is behind the room for all heads, so it moves to the front, a fragment at a time. */
static void websocket__fragment(const struct framing_websocket *settings, struct websocket *ws,
                                uint8_t *out, const uint8_t *payload, uint64_t payload_bytes)
{
    uint8_t opcode = out[0] & WEBSOCKET_OPCODE;
    while (payload_bytes > 0) {
        bool is_last = !websocket__fragments(settings, payload_bytes);
        uint32_t bytes = is_last ? (uint32_t)payload_bytes : settings->fragment_bytes;
        uint32_t head_bytes = websocket__write_head(opcode, settings->is_server, bytes, out);
        out[0] = is_last ? out[0] : opcode;
        memmove(out + head_bytes, payload, bytes);
        websocket__mask(ws, out, head_bytes + bytes);
        opcode = WEBSOCKET_CONTINUATION;
        out += head_bytes + bytes;
        payload += bytes;
        payload_bytes -= bytes;
    }
}

/* The size, in the shortest form (RFC 6455, 5.2). */
static enum websocket_refusal websocket__read_size(const uint8_t *head, uint64_t *size)
{
    uint32_t end = websocket__mask_offset(head);
    *size = head[1] & WEBSOCKET_SIZE;
    if (end == 2) {
        return WEBSOCKET_TAKEN;
    }
    *size = 0;
    for (uint32_t i = 2; i < end; i++) {
        *size = *size << 8 | head[i];
    }
    if (*size > INT64_MAX) {
        return WEBSOCKET_SIZE_TOO_WIDE;
    }
    return *size < WEBSOCKET_SIZE_16 || (end == 10 && *size <= UINT16_MAX)
               ? WEBSOCKET_SIZE_NOT_SHORTEST
               : WEBSOCKET_TAKEN;
}

uint32_t websocket_carrier_bytes(const struct framing_websocket *settings, const uint8_t *message)
{
    uint64_t size;
    if (settings->fragment_bytes == 0) {
        return websocket__read_head_bytes(message);
    }
    must(websocket__read_size(message, &size) == WEBSOCKET_TAKEN);
    return websocket_heads_bytes(settings, size);
}

void websocket_mask(const struct framing_websocket *settings, struct websocket *ws,
                    uint8_t *message, uint32_t bytes)
{
    uint32_t carrier_bytes = websocket_carrier_bytes(settings, message);
    uint32_t payload_bytes = bytes - carrier_bytes;
    if (websocket__fragments(settings, payload_bytes)) {
        websocket__fragment(settings, ws, message, message + carrier_bytes, payload_bytes);
    } else {
        websocket__mask(ws, message, bytes);
    }
}

/* --- Text. */

/* The first byte of a letter says how many follow, and what the next may be (RFC 3629). */
static bool websocket__begin_letter(struct websocket_utf8 *utf8, uint8_t c)
{
    *utf8 = (struct websocket_utf8){.low = 0x80, .high = 0xbf};
    if (c >= 0xc2 && c <= 0xdf) {
        utf8->left = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        utf8->left = 2;
        utf8->low = c == 0xe0 ? 0xa0 : 0x80;
        utf8->high = c == 0xed ? 0x9f : 0xbf; /* no surrogates */
    } else if (c >= 0xf0 && c <= 0xf4) {
        utf8->left = 3;
        utf8->low = c == 0xf0 ? 0x90 : 0x80;
        utf8->high = c == 0xf4 ? 0x8f : 0xbf; /* up to U+10FFFF */
    }
    return utf8->left > 0;
}

bool websocket_utf8(struct websocket_utf8 *utf8, const uint8_t *data, size_t bytes, size_t *wrong)
{
    for (size_t i = 0; i < bytes;) {
        uint64_t word = 0;
        if (utf8->left == 0 && bytes - i >= sizeof word) {
            memcpy(&word, data + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        uint8_t c = data[i];
        bool fits = true;
        if (utf8->left > 0) {
            fits = c >= utf8->low && c <= utf8->high;
            *utf8 = (struct websocket_utf8){(uint8_t)(utf8->left - 1), 0x80, 0xbf};
        } else if (c >= 0x80) {
            fits = websocket__begin_letter(utf8, c);
        }
        if (!fits) {
            *wrong = i;
            return false;
        }
        i++;
    }
    return true;
}

/* --- The stream. */

void websocket_open(struct websocket *ws, const struct frame_stream *stream)
{
    /* What is there is of the stream before, or zeros: the next has other masks. */
    uint64_t key = prng_mix(prng_mix(stream->seed, stream->number), ws->key);
    *ws = (struct websocket){.key = key, .worker = stream->worker, .target = stream->target};
}

struct span websocket_take_reply(struct websocket *ws)
{
    struct span reply = ws->reply;
    ws->reply = (struct span){0};
    if (reply.bytes > 0) { /* a head has no mask */
        websocket__mask(ws, (uint8_t *)(uintptr_t)reply.data, (uint32_t)reply.bytes);
    }
    return reply;
}

uint32_t websocket_waiting_bytes(const struct websocket *ws)
{
    bool within = ws->left_bytes > 0 || ws->control != 0 || (ws->opcode != 0 && !ws->ends);
    return ws->phase != WEBSOCKET_OPEN ? 0 : ws->head_bytes > 0 ? ws->head_bytes : within ? 2 : 0;
}

/* A close frame with a code alone, not masked yet. */
static struct span websocket__close(const struct framing *framing, struct websocket *ws,
                                    uint16_t code)
{
    uint8_t *out = ws->finish;
    uint32_t payload_bytes = code == 0 ? 0 : 2;
    uint32_t at =
        websocket__write_head(WEBSOCKET_CLOSE, framing->websocket->is_server, payload_bytes, out);
    if (code != 0) {
        out[at] = (uint8_t)(code >> 8);
        out[at + 1] = (uint8_t)code;
    }
    ws->finishes = true;
    return (struct span){.data = out, .bytes = at + payload_bytes};
}

struct span websocket_finish(const struct framing *framing, struct websocket *ws)
{
    if (ws->phase == WEBSOCKET_OPEN && !ws->finishes) {
        ws->reply = websocket__close(framing, ws, WEBSOCKET_NORMAL_CLOSURE);
    }
    return websocket_take_reply(ws);
}

/* What was refused is kept for the words about it; the peer is told by the reply. */
static enum frame_status websocket__refuse_as(const struct framing *framing, struct websocket *ws,
                                              enum websocket_refusal refusal, const uint8_t *bytes,
                                              size_t bytes_count)
{
    size_t kept_bytes = bytes_count < sizeof ws->head ? bytes_count : sizeof ws->head;
    memmove(ws->head, bytes, kept_bytes);
    ws->head_bytes = (uint8_t)kept_bytes;
    ws->refusal = (uint8_t)refusal;
    ws->phase = WEBSOCKET_REFUSED;
    if (!ws->finishes) {
        ws->reply = websocket__close(framing, ws, websocket_refusal_code(refusal));
    }
    return refusal == WEBSOCKET_TAKEN ? FRAME_TOO_LARGE : FRAME_INVALID;
}

void websocket_refuse_inside(const struct framing *framing, struct websocket *ws, bool too_large)
{
    ws->phase = WEBSOCKET_REFUSED;
    ws->refusal = WEBSOCKET_NOT_OF_THE_FRAMING;
    if (!ws->finishes) {
        ws->reply =
            websocket__close(framing, ws, too_large ? WEBSOCKET_TOO_BIG : WEBSOCKET_PROTOCOL_ERROR);
    }
}

/* --- Heads. */

/* By its first two bytes. */
static enum websocket_refusal websocket__judge(const struct framing_websocket *settings,
                                               const struct websocket *ws, const uint8_t *head)
{
    uint8_t opcode = head[0] & WEBSOCKET_OPCODE;
    bool is_control = (opcode & WEBSOCKET_IS_CONTROL) != 0;
    bool is_masked = (head[1] & WEBSOCKET_MASKED) != 0;
    if ((head[0] & WEBSOCKET_RESERVED) == WEBSOCKET_COMPRESSES) {
        return WEBSOCKET_COMPRESSED;
    }
    if ((head[0] & WEBSOCKET_RESERVED) != 0) {
        return WEBSOCKET_RESERVED_BITS;
    }
    if (opcode > WEBSOCKET_PONG || (opcode > WEBSOCKET_BINARY && !is_control)) {
        return WEBSOCKET_UNKNOWN_OPCODE;
    }
    if (is_masked != settings->is_server) {
        return is_masked ? WEBSOCKET_IS_MASKED : WEBSOCKET_NOT_MASKED;
    }
    if (is_control) {
        return (head[0] & WEBSOCKET_LAST) == 0 ? WEBSOCKET_CONTROL_FRAGMENT
               : (head[1] & WEBSOCKET_SIZE) > WEBSOCKET_CONTROL_BYTES_MAX ? WEBSOCKET_CONTROL_LONG
                                                                          : WEBSOCKET_TAKEN;
    }
    bool within = ws->opcode != 0 && !ws->ends;
    if (opcode == WEBSOCKET_CONTINUATION) {
        return within ? WEBSOCKET_TAKEN : WEBSOCKET_NOTHING_TO_CONTINUE;
    }
    return within ? WEBSOCKET_MESSAGE_WITHIN : WEBSOCKET_TAKEN;
}

/* A head that is whole: the frame begins. */
static enum frame_status websocket__begin(const struct framing *framing, struct websocket *ws,
                                          const uint8_t *head, uint32_t head_bytes)
{
    uint64_t size;
    enum websocket_refusal refusal = websocket__read_size(head, &size);
    if (refusal != WEBSOCKET_TAKEN) {
        return websocket__refuse_as(framing, ws, refusal, head, head_bytes);
    }
    uint8_t opcode = head[0] & WEBSOCKET_OPCODE;
    bool is_control = (opcode & WEBSOCKET_IS_CONTROL) != 0;
    if (!is_control && (ws->opcode == 0 || ws->ends)) {
        ws->opcode = opcode;
        ws->message_bytes = 0;
        ws->ends = false;
        ws->utf8 = (struct websocket_utf8){0};
    }
    if (!is_control && framing->type == FRAMING_WEBSOCKET &&
        (size > framing->frame_bytes_max || ws->message_bytes + size > framing->frame_bytes_max)) {
        return websocket__refuse_as(framing, ws, WEBSOCKET_TAKEN, head, head_bytes);
    }
    ws->left_bytes = size;
    ws->mask_at = 0;
    if (framing->websocket->is_server) {
        memcpy(ws->mask, head + head_bytes - WEBSOCKET_MASK_BYTES, WEBSOCKET_MASK_BYTES);
    }
    if (is_control) {
        ws->control = opcode;
        ws->control_bytes = 0;
    } else {
        ws->is_last = (head[0] & WEBSOCKET_LAST) != 0;
    }
    ws->head_bytes = 0;
    return FRAME_COMPLETE;
}

/* COMPLETE: a frame has begun behind the skipped bytes. */
static enum frame_status websocket__read_head(const struct framing *framing, struct websocket *ws,
                                              const uint8_t *data, size_t bytes,
                                              struct websocket_piece *piece)
{
    const uint8_t *head = ws->head_bytes > 0 ? ws->head : data;
    size_t there = ws->head_bytes > 0 ? ws->head_bytes : bytes;
    uint32_t wanted = there >= 2 ? websocket__read_head_bytes(head) : 2;
    if (there < wanted || head == ws->head) {
        head = ws->head;
        while (piece->skipped_bytes < bytes && ws->head_bytes < wanted) {
            ws->head[ws->head_bytes++] = data[piece->skipped_bytes++];
            wanted = ws->head_bytes >= 2 ? websocket__read_head_bytes(ws->head) : 2;
        }
        if (ws->head_bytes < 2) {
            return FRAME_PARTIAL;
        }
    } else {
        piece->skipped_bytes = wanted;
    }
    uint32_t come = head == data ? wanted : ws->head_bytes;
    enum websocket_refusal refusal = websocket__judge(framing->websocket, ws, head);
    if (refusal != WEBSOCKET_TAKEN) {
        return websocket__refuse_as(framing, ws, refusal, head, come);
    }
    return come < wanted ? FRAME_PARTIAL : websocket__begin(framing, ws, head, wanted);
}

/* --- Control frames. */

/* Codes that may be sent (RFC 6455, 7.4; 1012 to 1014 are registered since). */
static bool websocket__may_close_with(uint32_t code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static enum frame_status websocket__on_close(const struct framing *framing, struct websocket *ws)
{
    const uint8_t *payload = ws->room + WEBSOCKET_CONTROL_OFFSET;
    struct websocket_utf8 utf8 = {0};
    size_t wrong;
    enum websocket_refusal refusal = WEBSOCKET_TAKEN;
    if (ws->control_bytes == 1) {
        refusal = WEBSOCKET_CLOSE_SHORT;
    } else if (ws->control_bytes > 1) {
        ws->close_code = (uint16_t)(payload[0] << 8 | payload[1]);
        ws->close_bytes = (uint8_t)(ws->control_bytes - 2);
        if (!websocket__may_close_with(ws->close_code)) {
            refusal = WEBSOCKET_CLOSE_CODE;
        } else if (!websocket_utf8(&utf8, payload + 2, ws->close_bytes, &wrong) || utf8.left > 0) {
            refusal = WEBSOCKET_CLOSE_NOT_UTF8;
        }
    }
    if (refusal != WEBSOCKET_TAKEN) {
        return websocket__refuse_as(framing, ws, refusal, payload, ws->control_bytes);
    }
    ws->peer_finished = true;
    ws->phase = WEBSOCKET_CLOSED;
    if (!ws->finishes) {
        ws->reply = websocket__close(framing, ws, ws->close_code);
    }
    return FRAME_COMPLETE;
}

/* The payload is whole, in the room. */
static enum frame_status websocket__on_control(const struct framing *framing, struct websocket *ws)
{
    uint8_t opcode = ws->control;
    ws->own = opcode;
    ws->control = 0;
    if (opcode == WEBSOCKET_CLOSE) {
        return websocket__on_close(framing, ws);
    }
    if (opcode == WEBSOCKET_PING && !ws->finishes) {
        bool is_server = framing->websocket->is_server;
        uint8_t *out =
            ws->room + WEBSOCKET_CONTROL_OFFSET - websocket__head_bytes(framing->websocket, 0);
        uint32_t at = websocket__write_head(WEBSOCKET_PONG, is_server, ws->control_bytes, out);
        ws->reply = (struct span){.data = out, .bytes = at + ws->control_bytes};
    }
    return FRAME_COMPLETE;
}

static enum frame_status websocket__read_control(const struct framing *framing,
                                                 struct websocket *ws, const uint8_t *data,
                                                 size_t bytes, struct websocket_piece *piece)
{
    size_t left = bytes - piece->skipped_bytes;
    uint32_t taken = ws->left_bytes < left ? (uint32_t)ws->left_bytes : (uint32_t)left;
    uint8_t *payload = ws->room + WEBSOCKET_CONTROL_OFFSET + ws->control_bytes;
    memcpy(payload, data + piece->skipped_bytes, taken);
    if (framing->websocket->is_server) {
        websocket__xor(ws->mask, ws->control_bytes, payload, taken);
    }
    ws->control_bytes = (uint8_t)(ws->control_bytes + taken);
    ws->left_bytes -= taken;
    piece->skipped_bytes += taken;
    if (ws->left_bytes > 0) {
        return FRAME_PARTIAL;
    }
    piece->is_own = true;
    return websocket__on_control(framing, ws);
}

/* --- Payload. */

/* How much of a text may be handed on: what is before a byte that cannot follow, or before the last
 * byte of a message that ends within a letter. So messages inside that came before it are seen
 * however the stream was cut, and the byte is refused when it comes first. */
static uint32_t websocket__text_bytes(struct websocket *ws, const uint8_t *payload, uint32_t taken,
                                      bool ends)
{
    struct websocket_utf8 before = ws->utf8;
    size_t good = taken;
    if (websocket_utf8(&ws->utf8, payload, taken, &good)) {
        good = taken - (ends && ws->utf8.left > 0 && taken > 0 ? 1 : 0);
    }
    if (good < taken) {
        size_t wrong = 0;
        ws->utf8 = before;
        must(websocket_utf8(&ws->utf8, payload, good, &wrong));
    }
    return (uint32_t)good;
}

static enum frame_status websocket__read_payload(const struct framing *framing,
                                                 struct websocket *ws, const uint8_t *data,
                                                 size_t bytes, struct websocket_piece *piece)
{
    const uint8_t *payload = data + piece->skipped_bytes;
    size_t left = bytes - piece->skipped_bytes;
    uint32_t taken = ws->left_bytes < left ? (uint32_t)ws->left_bytes : (uint32_t)left;
    bool masked = framing->websocket->is_server && taken > 0;
    /* The run is writable: see websocket.h. */
    uint8_t *writable = (uint8_t *)(uintptr_t)payload;
    if (masked) {
        websocket__xor(ws->mask, ws->mask_at, writable, taken);
    }
    if (ws->opcode == WEBSOCKET_TEXT) {
        bool ends = ws->left_bytes == taken && ws->is_last;
        uint32_t good = websocket__text_bytes(ws, payload, taken, ends);
        if (good == 0 && (taken > 0 || (ends && ws->utf8.left > 0))) {
            size_t wrong = 0;
            bool is_wrong = !websocket_utf8(&ws->utf8, payload, taken, &wrong);
            return websocket__refuse_as(framing, ws,
                                        is_wrong ? WEBSOCKET_NOT_UTF8 : WEBSOCKET_NOT_UTF8_END,
                                        taken > 0 ? payload : data, taken > 0 ? taken : bytes);
        }
        if (masked && good < taken) {
            websocket__xor(ws->mask, ws->mask_at + good, writable + good, taken - good);
        }
        taken = good;
    }
    ws->mask_at = (uint8_t)((ws->mask_at + taken) & 3);
    ws->left_bytes -= taken;
    ws->message_bytes += taken;
    ws->ends = ws->left_bytes == 0 && ws->is_last;
    piece->payload_bytes = taken;
    return FRAME_COMPLETE;
}

enum frame_status websocket_read(const struct framing *framing, struct websocket *ws,
                                 const uint8_t *data, size_t bytes, struct websocket_piece *piece)
{
    must(bytes > 0 && bytes <= UINT32_MAX && ws->phase != WEBSOCKET_GREETING);
    *piece = (struct websocket_piece){0};
    if (ws->phase != WEBSOCKET_OPEN) {
        piece->skipped_bytes = (uint32_t)bytes;
        return FRAME_PARTIAL;
    }
    if (ws->left_bytes == 0) {
        enum frame_status status = websocket__read_head(framing, ws, data, bytes, piece);
        if (status != FRAME_COMPLETE) {
            return status;
        }
    }
    return ws->control != 0 ? websocket__read_control(framing, ws, data, bytes, piece)
                            : websocket__read_payload(framing, ws, data, bytes, piece);
}

/* --- Of a server. */

bool websocket_is_text(const void *state)
{
    return ((const struct websocket *)state)->opcode == WEBSOCKET_TEXT;
}

uint64_t websocket_sent_bytes(const uint8_t *data, size_t bytes, bool *is_message)
{
    uint64_t size;
    *is_message = false;
    if (bytes < 2) {
        return 0;
    }
    if ((data[0] & WEBSOCKET_LAST) == 0) { /* no frame of ours: the answer to the handshake */
        for (size_t end = 4; end <= bytes; end++) {
            if (memcmp(data + end - 4, "\r\n\r\n", 4) == 0) {
                return end;
            }
        }
        return 0;
    }
    uint32_t head_bytes = websocket__read_head_bytes(data);
    if (bytes < head_bytes || websocket__read_size(data, &size) != WEBSOCKET_TAKEN ||
        bytes - head_bytes < size) {
        return 0;
    }
    *is_message = (data[0] & WEBSOCKET_IS_CONTROL) == 0;
    return head_bytes + size;
}
