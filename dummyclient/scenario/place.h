/* Places: where something is in a message, and how it is read. A place is plain data that
 * parse/place.c makes from a text ("u32@4"); match, verify, capture and fanout all use it.
 *
 * Pure: a message in, a number or a text out; no allocation; any thread. A text is a span of the
 * message, which lives as long as the message does. */
#pragma once

#include "proto/frame.h"
#include "scenario/body.h"
#include "scenario/json_pull.h"
#include "scenario/protobuf_pull.h"

enum { PLACE_STEPS_MAX = 16, PLACE_LINKS_MAX = 8 };

enum place_form {
    PLACE_NONE, /* there is no place */
    PLACE_NUMBER,
    PLACE_DIGITS, /* decimal digits, up to the first byte that is none */
    PLACE_VARINT, /* LEB128, up to 64 bits */
    PLACE_BER,    /* a length of ASN.1 */
    PLACE_TEXT,
    PLACE_JSON,     /* a value in a JSON text that begins at the offset */
    PLACE_PROTOBUF, /* a field of a message that begins at the offset */
    PLACE_ID,       /* of the message */
    PLACE_SIZE,     /* of the body, in bytes */
    PLACE_ATTRIBUTE /* what the framing has beside the body */
};

/* What a text is made into. */
enum place_reading {
    PLACE_READ_PLAIN,
    PLACE_READ_DECIMAL, /* the whole text is a number in decimal digits, below 2^63 */
    PLACE_READ_HEX,     /* in hexadecimal digits, perhaps behind 0x */
    PLACE_READ_REAL,    /* a number as JSON has it */
    PLACE_READ_JSON     /* a number of JSON: whole, or else a double */
};

/* Bytes that a text begins behind, or ends before. */
struct place_mark {
    const uint8_t *bytes;
    uint32_t bytes_count; /* 0: there is no such mark */
};

struct place {
    uint8_t form;    /* enum place_form */
    uint8_t reading; /* enum place_reading */
    bool from_end;   /* the offset counts back from the end: 1 is the last byte */
    /* NUMBER: its width and order. All: the type of what is read, VALUE_TEXT of what is a text. */
    struct field field;
    uint32_t offset;
    uint32_t bytes; /* TEXT: how many; 0: up to `until`, or to the end */
    uint64_t mask;  /* of a whole number; 0: all of it */
    /* Where the offset counts from: NULL: the body; else inside the text that is at base, or behind
     * what is there. */
    const struct place *base;
    bool inside;
    bool is_untyped;   /* JSON, PROTOBUF: what it is compared with makes it a number or a text */
    uint8_t size_form; /* TEXT: enum place_form of a length in front of it; NONE: there is none */
    uint8_t steps_count;
    bool has_default; /* PROTOBUF: what is not there is 0, or empty */
    bool is_zigzag;   /* PROTOBUF */
    enum protobuf_pull_wire wire;
    struct field size; /* TEXT */
    struct place_mark after;
    struct place_mark until;
    const struct json_step *json;
    const struct protobuf_step *protobuf;
    struct frame_attribute attribute;
    const char *text; /* as a person would write it */
};

enum place_status {
    PLACE_FOUND,
    PLACE_ABSENT, /* the message does not reach so far, or does not have it */
    PLACE_WRONG   /* what is there is not what the place says: no digits, no JSON */
};

/* What is at a place: by its type a number or a text. */
struct place_value {
    uint64_t bits;
    enum value_type type;
    uint32_t text_bytes;
    const uint8_t *text;
    bool has_escapes;     /* of JSON, which the functions below decode */
    const uint8_t *end;   /* behind what was read: of forms that have an end */
    const uint8_t *limit; /* of the bytes that it is in */
};

/* Fills *value where it is found. */
enum place_status place_read(const struct place *place, const struct framing *framing,
                             const struct frame *frame, struct place_value *value);
/* Would both read the same from every message? */
bool place_equal(const struct place *a, const struct place *b);
/* How many bytes of a body, from its beginning, the place can depend on. */
#define PLACE_REACH_ALL UINT32_MAX
uint32_t place_reach(const struct place *place);
/* Does it depend on what is in front of the body? */
bool place_looks_at_head(const struct place *place);
static inline bool place_is_text(const struct place *place)
{
    return place->field.type == VALUE_TEXT;
}

/* --- The text that was found. */

/* Is it these bytes; does it begin with them? */
bool place_text_equals(const struct place_value *value, const uint8_t *bytes, uint32_t bytes_count,
                       bool prefix);
/* Writes at most room bytes; returns how many the text has. */
uint32_t place_text_write(const struct place_value *value, uint8_t *out, uint32_t room);
/* Texts that differ have different ones but for one pair in 2^64. */
uint64_t place_text_hash(const struct place_value *value);
static inline uint64_t place_hash_bytes(const uint8_t *bytes, uint32_t bytes_count)
{
    const struct place_value plain = {.text = bytes, .text_bytes = bytes_count};
    return place_text_hash(&plain);
}

/* --- What other readers of messages use. */

/* A number of field->bytes_count bytes. */
uint64_t place_read_number(const struct field *field, const uint8_t *bytes);
/* A whole number in digits, below 2^63, at the beginning of bytes; *used: how many it has. */
bool place_read_digits(const uint8_t *bytes, size_t bytes_count, uint64_t *value, size_t *used);
/* Where `wanted` begins in the bytes; NULL: nowhere. */
const uint8_t *place_find_bytes(const uint8_t *wanted, uint32_t wanted_bytes, const uint8_t *data,
                                size_t bytes);
