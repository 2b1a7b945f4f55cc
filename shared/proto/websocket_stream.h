/* The state of a WebSocket and what it does, for frame.c, reassembly.c and websocket*.c only; a
 * framing's users go through frame.h (websocket.h).
 *
 * websocket.c            frames: heads, masks, control frames, the closing handshake
 * websocket_handshake.c  the request and its answer, of both roles
 * websocket_words.c      why something was refused; a message as one WebSocket message */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "proto/codec.h"
#include "proto/own.h"
#include "proto/websocket.h"

enum {
    WEBSOCKET_CONTROL_BYTES_MAX = 125,
    WEBSOCKET_KEY_BYTES = 24,
    WEBSOCKET_ACCEPT_BYTES = 28,
    WEBSOCKET_PROTOCOL_BYTES_MAX = 48, /* that a server answers with */
    WEBSOCKET_HANDSHAKE_BYTES_MAX = 16384,
    WEBSOCKET_CONTROL_OFFSET = 6, /* in the room: a head is written before the payload */
    WEBSOCKET_ROOM_BYTES = 208    /* a server's answer, or a control frame */
};

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0x0,
    WEBSOCKET_TEXT = 0x1,
    WEBSOCKET_BINARY = 0x2,
    WEBSOCKET_CLOSE = 0x8,
    WEBSOCKET_PING = 0x9,
    WEBSOCKET_PONG = 0xa
};

/* Of the stream that comes. */
enum websocket_phase {
    WEBSOCKET_GREETING, /* a client waits for the response, a server for the request */
    WEBSOCKET_OPEN,
    WEBSOCKET_CLOSED,  /* the peer's close frame has come: what is behind it is nothing */
    WEBSOCKET_REFUSED, /* what came is no WebSocket */
    WEBSOCKET_PHASES
};

/* What was refused. Each has its words and its close code in a table (websocket_words.c). */
enum websocket_refusal {
    WEBSOCKET_TAKEN,
    WEBSOCKET_COMPRESSED,
    WEBSOCKET_RESERVED_BITS,
    WEBSOCKET_UNKNOWN_OPCODE,
    WEBSOCKET_IS_MASKED,
    WEBSOCKET_NOT_MASKED,
    WEBSOCKET_SIZE_NOT_SHORTEST,
    WEBSOCKET_SIZE_TOO_WIDE,
    WEBSOCKET_CONTROL_LONG,
    WEBSOCKET_CONTROL_FRAGMENT,
    WEBSOCKET_NOTHING_TO_CONTINUE,
    WEBSOCKET_MESSAGE_WITHIN,
    WEBSOCKET_NOT_UTF8,
    WEBSOCKET_NOT_UTF8_END,
    WEBSOCKET_CLOSE_SHORT,
    WEBSOCKET_CLOSE_CODE,
    WEBSOCKET_CLOSE_NOT_UTF8,
    WEBSOCKET_NOT_OF_THE_FRAMING, /* inside: that framing says why */
    WEBSOCKET_REFUSALS
};

/* A text that comes in pieces: what may be next. All zero between two letters. */
struct websocket_utf8 {
    uint8_t left; /* bytes of the letter that are still to come */
    uint8_t low;  /* the next of them is within these */
    uint8_t high;
};

/* What every message uses comes first. */
struct websocket {
    uint64_t key;           /* of the masks and of Sec-WebSocket-Key */
    uint64_t masks_count;   /* masks so far */
    uint64_t left_bytes;    /* that are still to come of the payload of a frame */
    uint64_t message_bytes; /* of the message, up to the end of the stretch that is read now */
    uint8_t phase;          /* enum websocket_phase */
    uint8_t opcode;         /* of the message that has begun; 0: none has */
    bool is_last;           /* the frame is the last of its message */
    bool ends;              /* the message ends behind the stretch that is read now */
    uint8_t control;        /* opcode of the control frame that has begun; 0: none has */
    uint8_t control_bytes;  /* of its payload, so far, in the room */
    uint8_t own;            /* opcode of the control frame that has come last */
    uint8_t head_bytes;     /* in head: of a head that has come in part, or of what was refused */
    uint8_t mask_at;
    uint8_t mask[4]; /* of the frame that comes */
    uint8_t head[WEBSOCKET_HEAD_BYTES_MAX];
    struct websocket_utf8 utf8;
    uint8_t refusal;             /* enum websocket_refusal */
    bool finishes;               /* our close frame was given out */
    bool peer_finished;          /* the peer's has come */
    uint16_t close_code;         /* of the peer; 0: it gave none */
    uint8_t close_bytes;         /* of its reason, in the room */
    struct span reply;           /* to be given out once, and masked then */
    struct codec_worker *worker; /* client: the room of its request */
    const char *target;
    uint8_t finish[8]; /* a close frame with nothing but a code */
    uint8_t room[WEBSOCKET_ROOM_BYTES];
};

/* What comes next of the stream: bytes that are no payload, then a stretch of payload. */
struct websocket_piece {
    uint32_t skipped_bytes;
    uint32_t payload_bytes;
    bool is_own; /* a control frame has ended behind the skipped bytes */
};

extern const struct codec codec_websocket_handshake; /* decode() and explain() of the greeting */

/* The state of the framing inside, behind that of the WebSocket. */
enum { WEBSOCKET_STATE_BYTES = (sizeof(struct websocket) + 15) / 16 * 16 };
static inline void *websocket_inner(const struct framing *framing, void *state)
{
    return framing->type == FRAMING_WEBSOCKET ? state : (uint8_t *)state + WEBSOCKET_STATE_BYTES;
}

void websocket_open(struct websocket *ws, const struct frame_stream *stream);
/* A client's request becomes the reply. */
void websocket_greet(const struct framing *framing, struct websocket *ws, struct span request);
struct span websocket_take_reply(struct websocket *ws);
/* COMPLETE: with a piece. PARTIAL: all bytes were skipped, and more are needed. Else it is final,
 * and what was refused is in ws->head. bytes: at least 1. */
enum frame_status websocket_read(const struct framing *framing, struct websocket *ws,
                                 const uint8_t *data, size_t bytes, struct websocket_piece *piece);
/* The framing inside has refused what came: the peer is told by the reply. */
void websocket_refuse_inside(const struct framing *framing, struct websocket *ws, bool too_large);
/* Bytes of a frame or a message that has begun, and of which nothing more may be known. */
uint32_t websocket_waiting_bytes(const struct websocket *ws);
/* Our close frame with 1000, once. */
struct span websocket_finish(const struct framing *framing, struct websocket *ws);
/* Of the heads of all frames of a message: of one, or of its fragments. */
uint32_t websocket_heads_bytes(const struct framing_websocket *settings, uint64_t payload_bytes);
/* In front of a payload: the head of one frame. That of a message in fragments has the room for
 * their heads behind it. Returns the bytes of both. */
uint32_t websocket_write_head(const struct framing_websocket *settings, uint64_t payload_bytes,
                              uint8_t *out);
/* The same, of what it has written. */
uint32_t websocket_carrier_bytes(const struct framing_websocket *settings, const uint8_t *message);
/* A message becomes its frames: a client's are masked, and are the fragments that it is sent in;
 * a server's stay as they are. */
void websocket_mask(const struct framing_websocket *settings, struct websocket *ws,
                    uint8_t *message, uint32_t bytes);
/* A control frame of either side: its opcode, and its payload without a mask, in the room or where
 * it is. 0: it is none, but a head of HTTP. */
uint8_t websocket_read_control(struct span frame, uint8_t room[WEBSOCKET_CONTROL_BYTES_MAX],
                               struct span *payload);
/* Is what one side says by itself a pong? At least one byte. */
bool websocket_is_pong(struct span sent);
/* False: these bytes cannot follow; *wrong is where. */
bool websocket_utf8(struct websocket_utf8 *utf8, const uint8_t *data, size_t bytes, size_t *wrong);

/* The text of a Sec-WebSocket-Key, and what a server answers to one (RFC 6455, 4.2.2). */
void websocket_key(const struct websocket *ws, char out[WEBSOCKET_KEY_BYTES + 1]);
void websocket_accept(const char *key, char out[WEBSOCKET_ACCEPT_BYTES + 1]);

/* The close code that tells a peer why. */
uint16_t websocket_refusal_code(enum websocket_refusal refusal);
/* What was expected in place of these bytes, in words; false: the framing inside has refused them.
 */
bool websocket_explain(const struct framing *framing, struct websocket *ws, const uint8_t *data,
                       size_t bytes, struct error *error);
/* What one side says by itself: a frame as it was sent, or a head; what has come and is_own. */
void websocket_describe_sent(struct span sent, struct frame_own *own);
void websocket_describe_received(const struct frame *frame, struct frame_own *own);
/* "1008 (policy violation): TEXT". */
enum frame_ending websocket_explain_finish(const struct websocket *ws, struct error *words);
