/* A WebSocket of either role, in its handshake or behind it: what comes in pieces is what comes
 * whole, memory is bounded by what has come, and every end has words. */
#include "fuzz.h"

#include "core/must.h"
#include "proto/codec_worker.h"
#include "proto/reassembly.h"
#include "proto/websocket_stream.h"

#include <stdlib.h>

enum { STATE_BYTES = 2048, FRAME_BYTES_MAX = 5000 };

static struct codec_worker worker;

struct seen {
    uint64_t frames;
    uint64_t owns;
    uint64_t hash;
    uint64_t sent_bytes;
    enum frame_status end;
};

static void seen__add(struct seen *seen, const struct framing *framing, const struct frame *frame)
{
    must(frame->body_bytes <= framing->frame_bytes_max);
    seen->frames++;
    seen->hash = (seen->hash ^ frame->id ^ frame->body_bytes) * UINT64_C(0x100000001b3);
    for (uint32_t i = 0; i < frame->body_bytes; i++) {
        seen->hash = (seen->hash ^ frame->body[i]) * UINT64_C(0x100000001b3);
    }
}

/* What the codec says by itself is a frame or a head of its own. */
static void seen__reply(struct seen *seen, const struct framing *framing, void *state)
{
    struct span reply = frame_reply(framing, state);
    must(reply.bytes <= DUMMYLOAD_REPLY_BYTES && (reply.bytes == 0 || reply.data != NULL));
    must(frame_reply(framing, state).bytes == 0); /* once */
    seen->sent_bytes += reply.bytes;
}

static void seen__refused(struct seen *seen, const struct framing *framing, void *state,
                          const struct reassembly *reassembly)
{
    struct error words = {""};
    struct span refused = reassembly_refused(reassembly);
    must(refused.bytes == 0 || refused.data != NULL);
    reassembly_explain(reassembly, state, seen->end, &words);
    must(words.text[0] != '\0');
    seen__reply(seen, framing, state);
}

static void check_end(const struct framing *framing, void *state)
{
    struct error words = {""};
    struct span finish = frame_finish(framing, state);
    must(finish.bytes <= 8 && frame_finish(framing, state).bytes == 0);
    if (frame_explain_finish(framing, state, &words) != FRAME_ENDING_UNSAID) {
        must(words.text[0] != '\0');
    }
}

/* cuts 0: all in one. */
static void play(struct seen *seen, const struct framing *framing, bool is_open,
                 const uint8_t *data, size_t bytes, uint64_t cuts)
{
    static _Alignas(16) uint8_t state[STATE_BYTES];
    const struct frame_stream stream = {
        .worker = &worker, .number = 1, .seed = 2, .target = "127.0.0.1:1"};
    struct reassembly reassembly;
    struct frame frame;
    size_t fed = 0;
    memset(state, 0, sizeof state);
    must(frame_state_bytes(framing) <= sizeof state);
    frame_open_state(framing, state, &stream);
    if (is_open) {
        ((struct websocket *)(void *)state)->phase = WEBSOCKET_OPEN;
    } else {
        must(frame_greet(framing, state, (struct span){0}) == FRAME_PARTIAL);
        seen__reply(seen, framing, state);
    }
    reassembly_open(&reassembly, framing, REASSEMBLY_ALL_BYTES);
    seen->end = FRAME_PARTIAL;
    while (fed < bytes && seen->end == FRAME_PARTIAL) {
        size_t piece = fuzz_piece(&cuts, bytes - fed);
        uint8_t *run = malloc(piece); /* gone after the loop, as a port's buffer is */
        must(run != NULL);
        memcpy(run, data + fed, piece);
        fed += piece;
        reassembly_feed(&reassembly, run, piece);
        while ((seen->end = reassembly_next(&reassembly, state, &frame)) == FRAME_COMPLETE) {
            if (frame.is_own) {
                seen->owns++;
                seen__reply(seen, framing, state);
            } else {
                seen__add(seen, framing, &frame);
            }
        }
        if (seen->end != FRAME_PARTIAL) {
            seen__refused(seen, framing, state, &reassembly);
        }
        free(run);
        must(reassembly_capacity_bytes(&reassembly) <= 2 * fed + 64);
        must(reassembly_waiting_bytes(&reassembly) <= fed || seen->end != FRAME_PARTIAL);
    }
    check_end(framing, state);
    frame_close_state(framing, state);
    reassembly_close(&reassembly);
}

/* What a client sends in fragments is the message that a server takes. */
static void check_fragments(struct span body, uint32_t fragment_bytes)
{
    static _Alignas(16) uint8_t sender[STATE_BYTES];
    static _Alignas(16) uint8_t taker[STATE_BYTES];
    const struct framing_websocket client = {.request = "GET / HTTP/1.1\r\n",
                                             .fragment_bytes = fragment_bytes};
    const struct framing_websocket server = {.is_server = true};
    const struct framing sends = {
        .type = FRAMING_WEBSOCKET, .frame_bytes_max = FRAME_BYTES_MAX, .websocket = &client};
    const struct framing takes = {
        .type = FRAMING_WEBSOCKET, .frame_bytes_max = FRAME_BYTES_MAX, .websocket = &server};
    struct reassembly reassembly;
    struct frame frame;
    uint32_t body_bytes = body.bytes < FRAME_BYTES_MAX ? (uint32_t)body.bytes : FRAME_BYTES_MAX;
    uint32_t bytes = frame_encoded_bytes(&sends, 0, body_bytes);
    uint8_t *message = malloc(bytes); /* of the exact size: nothing is written behind it */
    must(message != NULL);
    uint32_t head_bytes = frame_write_head(&sends, 0, body_bytes, message);
    must(head_bytes + body_bytes == bytes && frame_carrier_bytes(&sends, message) == head_bytes);
    if (body_bytes > 0) {
        memcpy(message + head_bytes, body.data, body_bytes);
    }
    frame_mask(&sends, sender, message, bytes);
    memset(taker, 0, sizeof taker);
    ((struct websocket *)(void *)taker)->phase = WEBSOCKET_OPEN;
    reassembly_open(&reassembly, &takes, REASSEMBLY_ALL_BYTES);
    reassembly_feed(&reassembly, message, bytes);
    must(reassembly_next(&reassembly, taker, &frame) == FRAME_COMPLETE);
    must(frame.body_bytes == body_bytes);
    must(body_bytes == 0 || memcmp(frame.body, body.data, body_bytes) == 0);
    must(reassembly_next(&reassembly, taker, &frame) == FRAME_PARTIAL);
    reassembly_close(&reassembly);
    free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint64_t cuts = fuzz_take(&input);
    uint8_t flags = fuzz_take(&input);
    const struct framing_websocket settings = {.is_server = (flags & 1) != 0,
                                               .is_text = (flags & 2) != 0,
                                               .request = "GET / HTTP/1.1\r\n",
                                               .protocol = (flags & 4) != 0 ? "a, b" : NULL};
    struct framing framing = {.type = FRAMING_WEBSOCKET};
    if ((flags & 8) != 0) {
        framing_default(&framing);
    }
    framing.frame_bytes_max = FRAME_BYTES_MAX;
    framing.websocket = &settings;
    bool is_open = (flags & 16) != 0;
    struct seen whole = {0};
    struct seen pieces = {0};
    play(&whole, &framing, is_open, input.data, input.bytes, 0);
    play(&pieces, &framing, is_open, input.data, input.bytes, cuts | 1);
    must(whole.frames == pieces.frames && whole.hash == pieces.hash);
    must(whole.owns == pieces.owns && whole.sent_bytes == pieces.sent_bytes);
    /* Of two mistakes, one of the WebSocket and one within, either may be seen first. */
    must((whole.end == FRAME_PARTIAL) == (pieces.end == FRAME_PARTIAL));
    check_fragments((struct span){input.data, input.bytes}, 1 + flags * flags);
    return 0;
}
