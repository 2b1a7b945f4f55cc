/* Values: the contents of ${...}, and the numbers of `fields`, `set`, `if` and `verify`.
 *
 * Plain data made by the parser, evaluated by the vm; pure, no allocation. A number is 64 bits
 * whose type is known when the file is read: whole (without or with a sign) or a double's bits. The
 * same key gives the same value, so that a body can be made again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_table; /* data.h */

enum {
    VALUE_DIGITS_MAX = 32,         /* bytes of a number as text, at most */
    VALUE_TEXT_BYTES_MAX = 128,    /* a variable that holds a text, unless a capture wants more */
    VALUE_TEXT_BYTES_LIMIT = 4096, /* which can be this much */
    VALUE_SET_BYTES_MAX = 8192,    /* a text before it is cut to the variable's room */
    VALUE_TERMS_MAX = 32,          /* names, numbers and operations of one expression */
    VALUE_NESTING_MAX = 8          /* brackets inside each other */
};

/* F32: the bits of the double that has its value; compared as what it is. U64 is what may be above
 * INT64_MAX; whatever cannot be is I64. */
enum value_type { VALUE_U64, VALUE_I64, VALUE_F64, VALUE_F32, VALUE_TEXT };

static inline bool value_is_float(enum value_type type)
{
    return type == VALUE_F64 || type == VALUE_F32;
}

enum operand_source {
    OPERAND_NUMBER,     /* low: its bits */
    OPERAND_TEXT,       /* bytes, as they are */
    OPERAND_CONNECTION, /* ${conn} */
    OPERAND_ITERATION,
    OPERAND_LANE,
    OPERAND_SEED,
    OPERAND_NOW_MS,   /* ${now_ms}: Unix time when the message was written */
    OPERAND_STAMP_NS, /* ${stamp_ns}: the same moment on the clock that fan-out is measured by */
    OPERAND_SEQUENCE, /* ${sequence}: the number of the message on its connection */
    OPERAND_RANDOM,   /* ${random(low,high)} */
    OPERAND_VARIABLE, /* captured or set */
    OPERAND_DATA,     /* ${table.column} */
    OPERAND_UTC       /* ${utc(...)}: bytes is its picture, low how long it is as text */
};

struct operand {
    enum operand_source source;
    enum value_type type; /* of the number, where a text is read as one */
    bool reads_text;      /* VARIABLE, DATA: number(...) of a text */
    uint32_t index;       /* VARIABLE: its first word; DATA: the table */
    uint32_t column;      /* DATA */
    uint32_t bytes_count; /* TEXT, UTC; VARIABLE of a text: its room */
    const uint8_t *bytes;
    uint64_t low; /* RANDOM, UTC */
    uint64_t high;
};

enum value_operation {
    VALUE_OPERAND, /* none: the term is an operand */
    VALUE_ADD,
    VALUE_SUBTRACT,
    VALUE_MULTIPLY,
    VALUE_DIVIDE, /* by 0: 0 */
    VALUE_REMAINDER,
    VALUE_AND, /* these of whole numbers */
    VALUE_OR,
    VALUE_XOR,
    VALUE_SHIFT_LEFT, /* by less than 0, or by 64 or more: 0 */
    VALUE_SHIFT_RIGHT /* the same; the sign stays */
};

/* A term of an expression in postfix order: an operand, or what is done with the last two results.
 */
struct term {
    enum value_operation operation;
    enum value_type type;      /* of the result */
    enum value_type left_type; /* of what an operation is done with */
    enum value_type right_type;
    struct operand operand;
};

struct value {
    struct operand operand;   /* the whole value, unless there are terms */
    const struct term *terms; /* at least three of them */
    uint32_t terms_count;     /* 0: the operand alone */
    enum value_type type;     /* TEXT of a number: its digits */
};

/* What does not change during the run. */
struct value_world {
    const struct data_table *tables;
    uint32_t tables_count;
    uint32_t connections_count;
    uint32_t lanes_count;
};

/* What ${...} and random bytes are made of. key is the send's own: two sends with the same key,
 * pass and variables have the same body. */
struct message_scope {
    uint64_t key;
    uint64_t seed;
    uint64_t iteration;
    const uint64_t *variables; /* words of the lane */
    const struct value_world *world;
    int64_t stamp_ns;
    int64_t wall_offset_ns;      /* Unix time less the clock */
    int64_t run_clock_offset_ns; /* the run's one clock less this one */
    uint32_t connection;
    uint32_t lane;
    uint64_t sequence; /* of the message among those that its connection sends, from 1 */
};

enum comparison {
    COMPARE_EQUALS,
    COMPARE_NOT_EQUALS,
    COMPARE_LESS_THAN,
    COMPARE_AT_MOST,
    COMPARE_GREATER_THAN,
    COMPARE_AT_LEAST,
    COMPARE_STARTS_WITH /* of texts */
};

/* The number; draw distinguishes several random ones of one key. Not for texts. */
uint64_t value_bits(const struct value *value, const struct message_scope *scope, uint32_t draw);
/* As text, is it the digits of a number? Else it is bytes that are stored elsewhere. */
bool value_is_digits(const struct value *value);
/* The value as text: written to `digits`, or bytes that are stored elsewhere. */
const uint8_t *value_text(const struct value *value, const struct message_scope *scope,
                          uint32_t draw, uint8_t digits[VALUE_DIGITS_MAX], uint32_t *bytes);
/* A number as JSON has it: a double with all its digits, or null where it is none. */
const uint8_t *value_json_number(const struct value *value, const struct message_scope *scope,
                                 uint32_t draw, uint8_t digits[VALUE_DIGITS_MAX], uint32_t *bytes);
/* Least and most bytes of it as text. */
void value_text_bounds(const struct value *value, const struct value_world *world, uint32_t *low,
                       uint32_t *high);
/* The type that an operation on two numbers has. */
enum value_type value_type_of(enum value_type left, enum value_operation operation,
                              enum value_type right);
/* The next operand from *i on, which is then behind it; NULL: there is none. */
const struct operand *value_next_operand(const struct value *value, uint32_t *i);
bool value_has_source(const struct value *value, enum operand_source source);
/* Numbers of any two types. */
bool value_compare(uint64_t left, enum value_type left_type, enum comparison comparison,
                   uint64_t right, enum value_type right_type);
/* Texts: equal or not. */
bool value_text_equals(const struct value *left, const struct value *right,
                       const struct message_scope *scope);
/* Is nothing in it known only when it is played? */
bool value_is_constant(const struct value *value);

/* A whole number at the beginning of bytes, decimal or with 0x hexadecimal; false when there is
 * none or it has more than 64 bits. */
bool value_read_number(const uint8_t *bytes, size_t bytes_count, uint64_t *bits, size_t *used);
/* A whole decimal number at the beginning of bytes, perhaps with a sign; false when there is none
 * or it does not fit. */
bool value_read_digits(const uint8_t *bytes, size_t bytes_count, uint64_t *bits, size_t *used);

static inline double value_double(uint64_t bits)
{
    union {
        uint64_t bits;
        double number;
    } both = {.bits = bits};
    return both.number;
}

/* The number as a double, whatever its type. */
static inline double value_as_double(uint64_t bits, enum value_type type)
{
    if (value_is_float(type)) {
        return value_double(bits);
    }
    return type == VALUE_I64 ? (double)(int64_t)bits : (double)bits;
}

static inline uint64_t value_double_bits(double number)
{
    union {
        double number;
        uint64_t bits;
    } both = {.number = number};
    return both.bits;
}
