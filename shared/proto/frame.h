/* Framing: where one message ends in a stream of bytes. Encode and decode over byte spans; no
 * sockets, no allocation, no state. Any thread.
 *
 * Decoding is by what the framing says, never by trust: sizes are checked against frame_bytes_max
 * before they are used, in 64 bits. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing_type {
    FRAMING_LENGTH,    /* a header with a size, perhaps an id; then the body */
    FRAMING_DELIMITER, /* the body, then the delimiter */
    FRAMING_FIXED,     /* every frame has the same size */
    FRAMING_RAW        /* no frames: every run of received bytes is one message (a run of more than
                          frame_bytes_max is several) */
};

enum { FRAMING_DELIMITER_BYTES_MAX = 16, FRAMING_HEADER_BYTES_MAX = 64 };
#define FRAMING_FRAME_BYTES_MAX UINT32_C(16777216)

struct framing {
    enum framing_type type;
    /* FRAMING_LENGTH: a header of header_bytes holds the size field and, with id_bytes > 0, the
     * id field; bytes of the header that belong to neither are sent as 0 and ignored. */
    uint8_t header_bytes;
    uint8_t size_offset;
    uint8_t size_bytes; /* 1, 2 or 4 */
    uint8_t id_offset;
    uint8_t id_bytes; /* 0..4 */
    bool big_endian;
    bool size_includes_header;
    uint8_t delimiter[FRAMING_DELIMITER_BYTES_MAX];
    uint8_t delimiter_bytes;
    uint32_t fixed_bytes;
    uint32_t frame_bytes_max; /* larger frames are errors; 1..FRAMING_FRAME_BYTES_MAX */
};

struct frame {
    const uint8_t *bytes; /* the whole frame, header or delimiter included */
    uint32_t bytes_count;
    const uint8_t *body;
    uint32_t body_bytes;
    uint32_t id; /* 0 without an id field */
};

enum frame_status {
    FRAME_COMPLETE,  /* *frame is filled and points into data */
    FRAME_PARTIAL,   /* more bytes are needed */
    FRAME_BAD_SIZE,  /* the size field is smaller than the header it includes */
    FRAME_TOO_LARGE, /* over frame_bytes_max */
    FRAME_NO_MEMORY  /* reassembly only: no room for the beginning of a frame */
};

/* The default of the pair: u16 size (header included), u16 id, little-endian. */
void framing_default(struct framing *framing);
/* Says what is wrong with a framing made from user input. */
bool framing_check(const struct framing *framing, struct error *error);

/* How far the search for the end of one message has come: all zero at its beginning. */
struct frame_progress {
    size_t needed_bytes;    /* FRAME_PARTIAL: the least total */
    uint32_t scanned_bytes; /* no message ends in them */
    bool searches;          /* the end is searched for: needed_bytes says nothing about the size */
};

enum frame_status frame_decode_on(const struct framing *framing, const uint8_t *data, size_t bytes,
                                  struct frame *frame, struct frame_progress *progress);
/* The same from the beginning. *needed_bytes is set with FRAME_PARTIAL alone. */
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
