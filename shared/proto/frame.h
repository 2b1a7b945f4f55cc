/* Framing: where one message ends in a stream of bytes. Encode and decode over byte spans; no
 * sockets, no allocation. What a framing remembers of a stream (`state`) is the caller's: one block
 * of frame_state_bytes() per stream, NULL when that is 0. Any thread, one at a time per stream.
 * Decoding is by what the framing says, never by trust: sizes are checked against frame_bytes_max
 * before they are used, in 64 bits. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "proto/checksum.h"
#include "proto/lines.h"
#include "proto/number.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing_type {
    FRAMING_LENGTH,    /* a header with a size, perhaps an id; then the body */
    FRAMING_DELIMITER, /* the body, then the delimiter */
    FRAMING_FIXED,     /* every frame has the same size */
    FRAMING_RAW,       /* no frames: every run of received bytes is one message (a run of more than
                          frame_bytes_max is several) */
    FRAMING_BY_ID,     /* an id, which says how long the message is */
    FRAMING_HTTP,      /* HTTP/1.1: responses are received, requests are sent as they are */
    FRAMING_RESP,      /* Redis: values are received, commands are sent as they are */
    FRAMING_LINES,     /* lines, some of which announce a payload, or more lines */
    FRAMING_CODEC,     /* the user's own (proto/plugin.h) */
    FRAMING_WEBSOCKET, /* one message of the WebSocket that carries it is one message */
    FRAMING_HEADER     /* fields before the body, and perhaps behind it */
};

enum {
    FRAMING_DELIMITER_BYTES_MAX = 16,
    FRAMING_HEADER_BYTES_MAX = 64,
    FRAMING_HEAD_BYTES_MAX = FRAMING_HEADER_BYTES_MAX + 14, /* with the head of a WebSocket frame */
    FRAMING_FIELDS_MAX = 24,
    FRAMING_VALUES_MAX = 8
};
#define FRAMING_FRAME_BYTES_MAX UINT32_C(16777216)

enum framing_role {
    FRAMING_ROLE_CONSTANT, /* bytes that are always the same */
    FRAMING_ROLE_SIZE,     /* of the body, and `plus` */
    FRAMING_ROLE_ID,
    FRAMING_ROLE_SEQUENCE, /* counts the messages that one stream sends */
    FRAMING_ROLE_VALUE,    /* a number that each message may set; whatever comes is accepted */
    FRAMING_ROLE_CHECK     /* a checksum */
};

/* What a checksum is over. The bytes of the checksum itself count as zeros. */
enum framing_range {
    FRAMING_RANGE_BODY,
    FRAMING_RANGE_HEADER,
    FRAMING_RANGE_HEADER_AND_BODY,
    FRAMING_RANGE_BEFORE, /* all that is before the checksum */
    FRAMING_RANGE_AFTER,  /* all that is behind it */
    FRAMING_RANGE_MESSAGE
};

struct framing_field {
    enum framing_role role;
    const char *name;            /* of the attribute that it is, "head.key"; NULL: it is none */
    struct number_format format; /* all but CONSTANT; CHECK: FIXED or DIGITS */
    const uint8_t *constant;
    uint32_t constant_bytes;
    int64_t plus;            /* SIZE: what it counts beyond the body; may be negative */
    uint32_t value_index;    /* VALUE */
    uint32_t sequence_first; /* SEQUENCE: of the first message; behind `last` comes `first` again */
    uint32_t sequence_last;
    enum checksum checksum; /* CHECK */
    enum framing_range range;
};

/* FRAMING_BY_ID: how long the messages of one id are, the id included. */
struct framing_row {
    uint32_t id;
    uint32_t bytes; /* 0: it varies, and the field says it */
};

struct framing {
    enum framing_type type;
    /* FRAMING_LENGTH: a header of header_bytes holds the size field and, with id_bytes > 0, the
     * id field; bytes of the header that belong to neither are sent as 0 and ignored. */
    uint8_t header_bytes;
    uint8_t size_offset;
    uint8_t size_bytes; /* 1..4 */
    uint8_t id_offset;
    uint8_t id_bytes; /* 0..4 */
    bool big_endian;
    bool size_includes_header;
    uint8_t delimiter[FRAMING_DELIMITER_BYTES_MAX];
    uint8_t delimiter_bytes;
    uint32_t fixed_bytes;
    uint32_t frame_bytes_max; /* larger frames are errors; 1..FRAMING_FRAME_BYTES_MAX */
    /* FRAMING_HEADER: the fields before the body, then those behind it, whose widths are fixed.
     * FRAMING_BY_ID: the id, then the size of messages that vary. */
    const struct framing_field *fields;
    uint32_t head_fields_count;
    uint32_t fields_count;
    bool verifies;                  /* some field is not read to find the end: a tail, checksums */
    const struct framing_row *rows; /* FRAMING_BY_ID: by ascending id */
    uint32_t rows_count;
    /* FRAMING_CODEC: its options as JSON, and the codec once it is loaded: until then NULL, and
     * nothing but frame_encoded_bytes() may be asked. */
    const char *options;
    const struct dummyload_codec *codec; /* names its attributes; NULL: it is not loaded */
    const struct plugin *plugin;
    struct framing_rule *rules; /* FRAMING_LINES: of those that a line is of, the first holds */
    uint32_t rules_count;
    bool skips_empty; /* FRAMING_LINES: an empty line between messages is nothing */
    bool reads_sent;  /* FRAMING_HTTP: requests are read as they are sent (http.h) */
    /* The stream is what a WebSocket carries (websocket.h); NULL: it is the connection's own.
     * FRAMING_WEBSOCKET is never without; any other type but FRAMING_CODEC may have it. */
    const struct framing_websocket *websocket;
    const struct framing *then; /* of one message without a frame; this is of those behind it */
};

/* A message. Where its end is in its text (http, resp, lines), the body is that text without what
 * only says where it ends, and without what is behind its beginning and looked at by nobody. */
struct frame {
    const uint8_t *bytes; /* header or delimiter included; where the end is in the text: the body */
    uint32_t bytes_count;
    bool is_own; /* the codec's own: no message of the scenario (frame_greets(), frame_reply()) */
    const uint8_t *body;
    uint32_t body_bytes;
    uint32_t id;               /* 0 without an id field */
    uint32_t head_bytes;       /* of the body: a head that is text, such as that of HTTP */
    bool is_push;              /* by its text it is no answer to a request */
    bool closes, is_bare;      /* by its text, the peer ends the stream behind it; `then` */
    uint64_t whole_bytes;      /* of the message as it came */
    uint64_t whole_body_bytes; /* of its body, what nobody looks at included */
    void *state;               /* FRAMING_CODEC: of the stream that it came by */
};

/* Something of a message that has a name of the framing's: "head.key", "status". */
struct frame_attribute {
    const char *name;
    bool is_text;      /* else it is a whole number of at most 32 bits */
    bool has_argument; /* a text belongs to the name: header('x') */
    bool is_content;   /* where JSON and the like begin, behind a head that is text */
    uint32_t index;    /* the codec's own number of it */
    const uint8_t *argument;
    uint32_t argument_bytes;
};

struct frame_attribute_value {
    uint32_t number;
    const uint8_t *text; /* within the message */
    uint32_t text_bytes;
};

enum frame_status {
    FRAME_COMPLETE,  /* *frame is filled and points into data */
    FRAME_PARTIAL,   /* more bytes are needed */
    FRAME_BAD_SIZE,  /* the size field is smaller than the header it includes */
    FRAME_TOO_LARGE, /* over frame_bytes_max */
    FRAME_INVALID,   /* not what the framing says: another constant, a wrong checksum */
    FRAME_NO_MEMORY  /* reassembly only: no room for the beginning of a frame */
};

/* The default of the pair: u16 size (header included), u16 id, little-endian. */
void framing_default(struct framing *framing);
/* Says what is wrong with a framing made from user input. */
bool framing_check(const struct framing *framing, struct error *error);

/* Of a stream, from its beginning to its end; 16 bytes aligned. */
uint32_t frame_state_bytes(const struct framing *framing);
/* The stream of a connection. */
struct frame_stream {
    struct codec_worker *worker; /* of this thread (codec_worker.h); FRAMING_CODEC alone */
    uint32_t number;             /* of the connection in the run */
    uint64_t seed;               /* of the run */
    const char *target;
};
/* The stream begins. A state is zeros before its first stream. */
void frame_open_state(const struct framing *framing, void *state,
                      const struct frame_stream *stream);
/* It has ended. False: the codec has written outside of its state (frame_explain_own()). */
bool frame_close_state(const struct framing *framing, void *state);
/* Does the codec still talk for itself? Then messages are neither sent nor received. */
bool frame_greets(const struct framing *framing, void *state);
/* Then it speaks first: FRAME_COMPLETE, PARTIAL, or an error. request: the first lines of a
 * WebSocket's on this connection; nothing: those of the framing. */
enum frame_status frame_greet(const struct framing *framing, void *state, struct span request);
/* After that, and after each frame that is_own: what the codec sends by itself. Valid until the
 * next call of this thread's codecs. */
struct span frame_reply(const struct framing *framing, void *state);
/* Is it a pong, which need not be sent? Of at least one byte. */
bool frame_may_leave_out(const struct framing *framing, struct span own);

/* Is the end of a message in its text, which is read once, as it comes? Then reassembly.h finds it,
 * and frame_decode() does not. */
bool framing_is_scanned(const struct framing *framing);
/* data begins with a message, of a stream whose messages do not depend on those before.
 * *needed_bytes, the least total, is set with FRAME_PARTIAL alone. */
enum frame_status frame_decode(const struct framing *framing, const uint8_t *data, size_t bytes,
                               struct frame *frame, size_t *needed_bytes);
/* Where the delimiter begins in data, or bytes when it is not there. */
size_t frame_find_delimiter(const struct framing *framing, const uint8_t *data, size_t bytes);
/* Fills frame with one that begins at data: for codecs. FRAME_COMPLETE. */
enum frame_status frame_fill(struct frame *frame, const uint8_t *data, uint32_t bytes,
                             uint32_t head_bytes, uint32_t tail_bytes);
/* Bytes of the whole frame around a body of body_bytes; 0 when the framing cannot carry it
 * (field too narrow, over frame_bytes_max, not the fixed size). */
uint32_t frame_encoded_bytes(const struct framing *framing, uint32_t id, uint32_t body_bytes);
/* Writes what is before the body (returns its bytes) and behind it. */
uint32_t frame_write_head(const struct framing *framing, uint32_t id, uint32_t body_bytes,
                          uint8_t *out);
uint32_t frame_write_tail(const struct framing *framing, uint8_t *out);
/* Attribute number `index` of the framing's messages; false: it has fewer. */
bool framing_attribute(const struct framing *framing, uint32_t index,
                       struct frame_attribute *attribute);
/* False: this message does not have it. */
bool frame_read_attribute(const struct framing *framing, const struct frame *frame,
                          const struct frame_attribute *attribute,
                          struct frame_attribute_value *value);
/* Do its messages have an id; does frame_seal() change or remember them; does it use values? */
bool framing_has_ids(const struct framing *framing);
bool framing_seals(const struct framing *framing);
bool framing_has_values(const struct framing *framing);
/* Works out what differs from message to message: values (by their index), the number of the
 * message on its stream, checksums. Once for each message, in the order in which they are sent. */
struct frame_sealing {
    uint32_t id;
    uint32_t body_bytes;
    const uint64_t *values; /* NULL: the framing has none */
    uint8_t *message;
    uint32_t bytes; /* frame_encoded_bytes() */
};
/* Returns the bytes of the message, which FRAMING_CODEC may make fewer; 0: it has failed
 * (frame_explain_own()). */
uint32_t frame_seal(const struct framing *framing, void *state,
                    const struct frame_sealing *sealing);
/* What was made ready by frame_write_head() and frame_seal() becomes what is sent: the last step,
 * because a client's WebSocket masks it, and may cut it into fragments. Without a WebSocket it does
 * nothing. */
void frame_mask(const struct framing *framing, void *state, uint8_t *message, uint32_t bytes);
/* Of a message that is ready: the bytes before those of the framing itself, which are for the heads
 * of the WebSocket's frames. 0 without a WebSocket. */
uint32_t frame_carrier_bytes(const struct framing *framing, const uint8_t *message);
/* Why these bytes were refused with this status, in words that follow "expected". */
void frame_explain(const struct framing *framing, void *state, enum frame_status status,
                   const uint8_t *data, size_t bytes, struct error *error);
/* Why frame_seal() has failed, or what was the codec's own mistake; was the last refusal one? */
void frame_explain_own(const struct framing *framing, void *state, struct error *error);
bool frame_is_mistaken(const struct framing *framing, void *state);
