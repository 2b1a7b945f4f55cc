/* Bodies, as the parser leaves them: plain data, read by the program and by the
 * vm's hot path. scenario/message.h puts them together and compares them. */
#pragma once

#include "proto/checksum.h"
#include "proto/number.h"
#include "scenario/value.h"

/* A piece of a body. Parts that cover others are followed by them, and those may cover others. */
enum part_form {
    PART_TEXT,    /* the value as text */
    PART_JSON,    /* the value as JSON: a number, or a text without its quotes */
    PART_BINARY,  /* the value as bytes_count bytes */
    PART_VARINT,  /* the lower bytes_count bytes of the value as LEB128, perhaps in zigzag order */
    PART_LENGTH,  /* how many bytes the next `covers` parts have, plus `plus`, in `format`. Where
                     bytes_max is not 0, they are one FIXED: how many of its bytes are no filling */
    PART_RANDOM,  /* random bytes */
    PART_FIXED,   /* the next `covers` parts, cut to bytes_min bytes, then zeros to bytes_max */
    PART_CHECKSUM /* of the next `covers` parts, in `format`, and these parts: behind it, or before
                   */
};

struct part {
    enum part_form form;
    uint8_t bytes_count;         /* BINARY, VARINT */
    bool big_endian;             /* BINARY */
    bool is_float;               /* BINARY of 4 or 8 bytes */
    bool zigzag;                 /* VARINT */
    bool is_behind;              /* CHECKSUM */
    enum checksum checksum;      /* CHECKSUM */
    struct number_format format; /* LENGTH, CHECKSUM */
    int32_t plus;                /* LENGTH */
    uint32_t covers;             /* LENGTH, FIXED, CHECKSUM */
    uint32_t bytes_min;          /* RANDOM, FIXED */
    uint32_t bytes_max;          /* RANDOM, FIXED, LENGTH */
    uint32_t draw;               /* distinguishes its random numbers from those of other parts */
    struct value value;          /* TEXT, BINARY, VARINT */
};

enum { PART_VARINT_BYTES_MAX = 10 };

enum body_type { BODY_CONSTANT, BODY_RANDOM, BODY_PARTS };

struct body {
    enum body_type type;
    bool letters;       /* RANDOM: a-z only, where a delimiter must not occur */
    bool is_random;     /* PARTS: something in it is drawn: it cannot be expected */
    uint32_t bytes_min; /* what the body can be, whatever is put in */
    uint32_t bytes_max;
    const uint8_t *bytes;     /* CONSTANT: bytes_min of them */
    const struct part *parts; /* PARTS */
    uint32_t parts_count;
};

/* How a number is written: "u32be". */
struct field {
    uint8_t bytes_count; /* 1, 2, 3, 4 or 8 */
    bool big_endian;
    enum value_type type;
};
