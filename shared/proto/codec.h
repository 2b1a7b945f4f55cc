/* One kind of framing: bytes <-> messages. Sans-I/O, no allocation, no clock, no state but what the
 * caller keeps: per message that comes (struct frame_progress, struct codec_scan), and per stream
 * (state). Any thread.
 *
 * A kind is a file of this folder and a line in FRAME_CODECS (frame.c), at its enum
 * framing_type. It has decode(), for messages whose beginning says how long they are, or scan(),
 * for those whose end is in their text. */
#pragma once

#include "proto/frame.h"

#include <string.h>

/* The state of decode() for one message: all zero at its beginning. */
struct frame_progress {
    size_t needed_bytes;    /* FRAME_PARTIAL: the least total */
    uint32_t scanned_bytes; /* no message ends in them */
    bool searches;          /* the end is searched for: needed_bytes says nothing about the size */
    bool in_head;           /* needed_bytes is of the header alone: the size is not known yet */
};

/* A stretch of a message. */
enum codec_piece_kind {
    CODEC_TEXT,    /* belongs to the body */
    CODEC_HEAD,    /* the same, and is kept whoever looks at it */
    CODEC_DROPPED, /* counts, but is no part of the body */
    CODEC_SKIPPED  /* before the message, and no part of it */
};
struct codec_piece {
    uint64_t bytes; /* may be more than have come */
    enum codec_piece_kind kind;
};

/* The state of scan() for one message: all zero at its beginning. */
struct codec_scan {
    uint32_t searched_bytes; /* of what is given again: there is no end of line in them */
    bool is_push;
    bool closes;          /* the peer is going to end the stream behind the message */
    const char *expected; /* after FRAME_INVALID or FRAME_TOO_LARGE, unless it is the usual text */
    union {
        struct {
            uint64_t length; /* of the body, or of the chunk */
            uint32_t lines_bytes;
            uint16_t status;
            uint8_t state;
            bool has_length : 1; /* Content-Length, Transfer-Encoding: the last of it "chunked" */
            bool is_coded : 1;
            bool is_chunked : 1;
            bool says_close : 1; /* one of its fields, whatever the others say */
        } http;
        struct {
            uint64_t values; /* that are still to come */
            uint64_t bulk_bytes;
            bool begun;
            bool answered; /* the value has begun, behind its attributes */
            bool in_bulk;  /* the end of a string is still to come */
        } resp;
        struct {
            uint64_t size; /* of the payload */
            uint8_t state;
            uint8_t rule;  /* of the payload */
            uint8_t until; /* more than 0: lines follow, by rule until - 1 */
            bool in_payload;
            bool has_size; /* one of the lines has said it */
        } lines;
    };
};

/* How far the message has come that a stream has stopped in. */
struct codec_waiting {
    const struct frame_progress *progress; /* of decode() */
    const struct codec_scan *scan;         /* of scan(); and: */
    uint64_t lacking_bytes;                /* of the piece that has begun */
};

struct codec {
    /* Says what is wrong with a framing made from user input. NULL: nothing can be. */
    bool (*check)(const struct framing *framing, struct error *error);
    /* Of a stream, one connection from its beginning to its end. NULL: none, and `state` is NULL
     * below. */
    uint32_t (*state_bytes)(const struct framing *framing);
    /* NULL: zeros are its beginning. */
    void (*open)(const struct framing *framing, void *state, const struct frame_stream *stream);
    /* These are NULL where there is nothing to do, or to say. */
    bool (*close)(const struct framing *framing, void *state);
    bool (*greets)(void *state);
    struct span (*reply)(void *state);
    /* data begins with the message, and holds what has come of it so far (and perhaps more). */
    enum frame_status (*decode)(const struct framing *framing, void *state, const uint8_t *data,
                                size_t bytes, struct frame *frame, struct frame_progress *progress);
    /* data begins behind all pieces so far; bytes > 0. FRAME_COMPLETE: the message ends behind this
     * piece. FRAME_PARTIAL: it goes on there; a piece of no bytes means that these bytes are wanted
     * again, with more behind them. So each byte is looked at once. */
    enum frame_status (*scan)(const struct framing *framing, void *state, struct codec_scan *scan,
                              const uint8_t *data, size_t bytes, struct codec_piece *piece);
    /* The stream ends behind all pieces so far: does the message? NULL: never. */
    bool (*ends)(const struct codec_scan *scan);
    /* See frame.h; 64 bits: what does not fit the largest frame is refused for all. */
    uint64_t (*encoded_bytes)(const struct framing *framing, uint32_t id, uint32_t body_bytes);
    /* NULL: nothing is before the body, or behind it. */
    uint32_t (*write_head)(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                           uint8_t *out);
    uint32_t (*write_tail)(const struct framing *framing, uint8_t *out);
    /* Once for each message of a stream, in the order in which they are sent. */
    uint32_t (*seal)(const struct framing *framing, void *state,
                     const struct frame_sealing *sealing);
    /* See frame.h. Both NULL: its messages have no attributes. */
    bool (*attribute)(const struct framing *framing, uint32_t index,
                      struct frame_attribute *attribute);
    bool (*read_attribute)(const struct framing *framing, const struct frame *frame,
                           const struct frame_attribute *attribute,
                           struct frame_attribute_value *value);
    /* Says why decode() refused these bytes, in words that follow "expected". NULL: it has no
     * reasons but those of frame.c. */
    void (*explain)(const struct framing *framing, void *state, const uint8_t *data, size_t bytes,
                    struct error *error);
    /* Says what seal() has refused, or which mistake it has made, in words that follow "found". */
    void (*explain_own)(const struct framing *framing, void *state, struct error *error);
    /* Was it the codec's own mistake that decode() has just refused something? NULL: never. */
    bool (*is_mistaken)(void *state);
    /* Says what such a message waits for, in words that follow "33 bytes of". NULL: the size that
     * decode() needs is all that there is to say. */
    void (*explain_waiting)(const struct framing *framing, const struct codec_waiting *waiting,
                            struct error *error);
};

extern const struct codec codec_length;
extern const struct codec codec_delimiter;
extern const struct codec codec_fixed;
extern const struct codec codec_raw;
extern const struct codec codec_header;
extern const struct codec codec_by_id;
extern const struct codec codec_http;
extern const struct codec codec_resp;
extern const struct codec codec_plugin;
extern const struct codec codec_lines;
extern const struct codec codec_websocket;

const struct codec *codec_of(const struct framing *framing);
/* Lines for scan(), which end with LF or CRLF: the one that begins at data[at]. False: its end has
 * not come; scan->searched_bytes, of the bytes from `at` on, are not searched again. */
static inline bool codec_find_line(struct codec_scan *scan, const uint8_t *data, size_t bytes,
                                   size_t at, size_t *end, size_t *next)
{
    size_t from = at + scan->searched_bytes;
    const uint8_t *found = from < bytes ? memchr(data + from, '\n', bytes - from) : NULL;
    if (found == NULL) {
        scan->searched_bytes = (uint32_t)(bytes - at);
        return false;
    }
    scan->searched_bytes = 0;
    *next = (size_t)(found - data) + 1;
    *end = *next - 1;
    *end -= *end > at && data[*end - 1] == '\r';
    return true;
}
/* encoded_bytes of messages that are nothing but their body. */
uint64_t codec_body_bytes(const struct framing *framing, uint32_t id, uint32_t body_bytes);
