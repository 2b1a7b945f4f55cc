/* WebSocket (RFC 6455) around a framing, for both roles: the handshake, frames and their masks,
 * fragments, ping and pong, the closing handshake. No extensions.
 *
 * What it carries is a stream of bytes to the framing inside: a message of that may begin and end
 * anywhere in WebSocket messages, and each that is sent is one of them. With FRAMING_WEBSOCKET one
 * WebSocket message is one message.
 *
 * Users go through frame.h and reassembly.h with a framing whose `websocket` is set, and a state of
 * frame_state_bytes():
 *
 *     frame_open_state()       once the connection is there
 *     frame_greet()            a client: makes its request, with lines of the connection's own
 *     frame_greets()           until the handshake is over; frame_reply() says what to send for it
 *     reassembly_next()        frame->is_own: the codec's own, frame_reply() is to be sent.
 *                              frame->closes too: the peer has closed, frame_explain_finish() says
 *                              why. FRAME_INVALID and the like: frame_reply() is the close frame,
 *                              or the HTTP response, that tells the peer; send it and end
 *     frame_encoded_bytes(), frame_write_head(), _tail(), frame_seal() where framing_seals(), then
 *     frame_mask()             a message; a server's is not masked, and the same for every session
 *     frame_finish()           before this side ends its stream; a peer that closed is answered
 *                              by frame_reply()
 *
 * A client masks what it sends; a server unmasks what has come IN PLACE: its runs must be writable.
 * Sans-I/O, no allocation, no clock; masks and the key are of the seed, so a run repeats. */
#pragma once

#include "proto/frame.h"

/* The longest head of a frame: two bytes, a size of eight, a mask. */
enum { WEBSOCKET_HEAD_BYTES_MAX = 14 };

/* What a client asks for unless its settings, or frame_greet(), say otherwise. */
#define WEBSOCKET_REQUEST "GET / HTTP/1.1\r\n"
/* Bytes of such lines, at most. */
enum { WEBSOCKET_REQUEST_BYTES_MAX = 3200 };

struct framing_websocket {
    bool is_server;
    bool is_text;            /* what is sent is text; else binary. Either may come */
    bool has_host;           /* the request says its Host itself */
    uint32_t fragment_bytes; /* client: of a message in one frame at most; 0: each is one frame */
    const char *request;     /* client: the first lines of its request, each with its end: what it
                                asks for, and fields; NULL: WEBSOCKET_REQUEST */
    const char *protocol; /* client: those it asks for, with ", " between; server: the one that it
                             chooses when it is asked for. NULL: a server chooses the first that
                             it is asked for, a client asks for none */
};

/* This side is about to end the stream: what the codec sends before that, as frame_reply() does.
 * Nothing: it has no such thing, or has sent it. */
struct span frame_finish(const struct framing *framing, void *state);
/* The codec has sent that, and the peer's own has not come yet (frame->is_own and ->closes). */
bool frame_awaits_finish(const struct framing *framing, void *state);
/* Why the peer has ended the stream, in words. */
enum frame_ending {
    FRAME_ENDING_UNSAID, /* it has said nothing about it */
    FRAME_ENDING_USUAL,  /* or something that only the application knows */
    FRAME_ENDING_WRONG   /* it says that something was wrong */
};
enum frame_ending frame_explain_finish(const struct framing *framing, void *state,
                                       struct error *words);

/* --- Of a state: for servers. */

/* Is the message that has come last a text? */
bool websocket_is_text(const void *state);
/* What a server has put into its output begins here: the bytes of the next frame, or of the answer
 * to the handshake, and whether it is a message. 0: it is not whole. */
uint64_t websocket_sent_bytes(const uint8_t *data, size_t bytes, bool *is_message);
