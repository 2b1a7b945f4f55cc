/* Why something was refused or closed, in words and codes; and WebSocket messages as messages. */
#include "proto/websocket_stream.h"

#include "core/printable.h"
#include "text/units.h"

#include <stdio.h>

static const struct {
    uint16_t code;
    const char *expected;
} WEBSOCKET_WORDS[WEBSOCKET_REFUSALS] = {
    [WEBSOCKET_TAKEN] = {1009, "a message of the scenario's framing"},
    [WEBSOCKET_COMPRESSED] = {1002, "a frame that is not compressed (reserved bit 1 is that of "
                                    "permessage-deflate, which was not asked for)"},
    [WEBSOCKET_RESERVED_BITS] = {1002, "a WebSocket frame whose reserved bits are 0"},
    [WEBSOCKET_UNKNOWN_OPCODE] = {1002, "a WebSocket frame with an opcode of RFC 6455: 0 to 2, or "
                                        "8 to 10"},
    [WEBSOCKET_IS_MASKED] = {1002, "a frame that is not masked, as a server sends it"},
    [WEBSOCKET_NOT_MASKED] = {1002, "a frame that is masked, as a client sends it"},
    [WEBSOCKET_SIZE_NOT_SHORTEST] = {1002, "the size of a frame in its shortest form"},
    [WEBSOCKET_SIZE_TOO_WIDE] = {1002, "a frame whose size has 63 bits"},
    [WEBSOCKET_CONTROL_LONG] = {1002, "a control frame of at most 125 bytes"},
    [WEBSOCKET_CONTROL_FRAGMENT] = {1002, "a control frame in one piece"},
    [WEBSOCKET_NOTHING_TO_CONTINUE] = {1002, "the beginning of a message, not a continuation of "
                                             "none"},
    [WEBSOCKET_MESSAGE_WITHIN] = {1002, "a continuation, because the message before has not "
                                        "ended"},
    [WEBSOCKET_NOT_UTF8] = {1007, "a text message in UTF-8"},
    [WEBSOCKET_NOT_UTF8_END] = {1007, "a text message in UTF-8 that ends behind a whole letter"},
    [WEBSOCKET_CLOSE_SHORT] = {1002, "a close frame with a code of two bytes, or without one"},
    [WEBSOCKET_CLOSE_CODE] = {1002, "a close frame with a code that may be sent (1000 to 1003, "
                                    "1007 to 1014, 3000 to 4999)"},
    [WEBSOCKET_NOT_OF_THE_FRAMING] = {1002, "a message of the scenario's framing"},
    [WEBSOCKET_CLOSE_NOT_UTF8] = {1007, "a close frame whose reason is UTF-8"},
};

uint16_t websocket_refusal_code(enum websocket_refusal refusal)
{
    return WEBSOCKET_WORDS[refusal].code;
}

bool websocket_explain(const struct framing *framing, struct websocket *ws, const uint8_t *data,
                       size_t bytes, struct error *error)
{
    if (ws->phase != WEBSOCKET_REFUSED || ws->refusal == WEBSOCKET_NOT_OF_THE_FRAMING) {
        return false;
    }
    if (ws->refusal == WEBSOCKET_TAKEN) {
        codec_websocket_handshake.explain(framing, ws, data, bytes, error);
    } else {
        error_set(error, "%s", WEBSOCKET_WORDS[ws->refusal].expected);
    }
    return true;
}

/* RFC 6455, 7.4.1, and the registry since. */
static const char *websocket__code_name(uint16_t code)
{
    static const char *const NAMES[] = {[0] = "normal closure",
                                        [1] = "going away",
                                        [2] = "protocol error",
                                        [3] = "unsupported data",
                                        [7] = "not of its type, such as text that is no UTF-8",
                                        [8] = "policy violation",
                                        [9] = "message too big",
                                        [10] = "mandatory extension",
                                        [11] = "internal error",
                                        [12] = "service restart",
                                        [13] = "try again later",
                                        [14] = "bad gateway"};
    bool named = code >= 1000 && (size_t)(code - 1000) < sizeof NAMES / sizeof NAMES[0] &&
                 NAMES[code - 1000] != NULL;
    return named          ? NAMES[code - 1000]
           : code >= 4000 ? "the application's own"
           : code >= 3000 ? "a registered code of a library"
                          : "unnamed";
}

/* "1008 (policy violation): TEXT", of the reason behind the code. */
static void websocket__name_close(uint16_t code, const uint8_t *reason, size_t reason_bytes,
                                  struct error *words)
{
    char text[2 * WEBSOCKET_CONTROL_BYTES_MAX];
    if (code == 0) {
        error_set(words, "no code");
        return;
    }
    printable_bytes(reason, reason_bytes, text, sizeof text);
    error_set(words, "%u (%s)%s%s", (unsigned)code, websocket__code_name(code),
              text[0] != '\0' ? ": " : "", text);
}

static void websocket__describe(uint8_t opcode, struct span payload, struct frame_own *own)
{
    char count[UNITS_COUNTED_BYTES_MAX];
    own->shown = payload;
    if (opcode == WEBSOCKET_CLOSE) {
        bool coded = payload.bytes >= 2;
        struct error words;
        websocket__name_close(coded ? (uint16_t)(payload.data[0] << 8 | payload.data[1]) : 0,
                              payload.data + 2, coded ? payload.bytes - 2 : 0, &words);
        error_set(&own->words, "a close frame: %s", words.text);
    } else {
        error_set(&own->words, "a %s of %s", opcode == WEBSOCKET_PING ? "ping" : "pong",
                  units_format_counted(payload.bytes, "byte", count));
    }
}

static void websocket__describe_head(const char *what, struct span head, struct frame_own *own)
{
    char count[UNITS_COUNTED_BYTES_MAX];
    error_set(&own->words, "%s, %s", what, units_format_counted(head.bytes, "byte", count));
    own->shown = head;
}

void websocket_describe_sent(struct span sent, struct frame_own *own)
{
    struct span payload;
    uint8_t opcode = websocket_read_control(sent, own->room, &payload);
    if (opcode == 0) {
        websocket__describe_head("the request for the WebSocket", sent, own);
    } else {
        websocket__describe(opcode, payload, own);
    }
}

void websocket_describe_received(const struct frame *frame, struct frame_own *own)
{
    struct span bytes = {frame->bytes, frame->bytes_count};
    if (frame->id == 0) {
        websocket__describe_head("the answer to it", bytes, own);
    } else {
        websocket__describe((uint8_t)frame->id, bytes, own);
    }
}

enum frame_ending websocket_explain_finish(const struct websocket *ws, struct error *words)
{
    if (!ws->peer_finished) {
        return FRAME_ENDING_UNSAID;
    }
    websocket__name_close(ws->close_code, ws->room + WEBSOCKET_CONTROL_OFFSET + 2, ws->close_bytes,
                          words);
    /* 1000 and 1001 are an end as any; from 3000 on codes are a library's or the application's. */
    return ws->close_code > 1001 && ws->close_code < 3000 ? FRAME_ENDING_WRONG : FRAME_ENDING_USUAL;
}

/* --- FRAMING_WEBSOCKET: a message is what one WebSocket message carries. websocket_read() has
 * counted it up to the end of what has come. */

static enum frame_status websocket__decode(const struct framing *framing, void *state,
                                           const uint8_t *data, size_t bytes, struct frame *frame,
                                           struct frame_progress *progress)
{
    const struct websocket *ws = state;
    (void)framing;
    if (bytes < ws->message_bytes) {
        progress->needed_bytes = (size_t)ws->message_bytes;
        return FRAME_PARTIAL;
    }
    if (!ws->ends) {
        uint64_t left = ws->left_bytes > 0 ? ws->left_bytes : 1;
        progress->needed_bytes = (size_t)(ws->message_bytes + left);
        progress->in_head = !ws->is_last;
        return FRAME_PARTIAL;
    }
    return frame_fill(frame, data, (uint32_t)ws->message_bytes, 0, 0);
}

static void websocket__explain_waiting(const struct framing *framing,
                                       const struct codec_waiting *waiting, struct error *error)
{
    char needed[UNITS_COUNTED_BYTES_MAX];
    (void)framing;
    if (waiting->progress->in_head) {
        error_set(error, "a message whose last fragment has not come");
    } else {
        units_format_counted(waiting->progress->needed_bytes, "byte", needed);
        error_set(error, "a message of %s", needed);
    }
}

const struct codec codec_websocket = {.decode = websocket__decode,
                                      .encoded_bytes = codec_body_bytes,
                                      .explain_waiting = websocket__explain_waiting};
