#include "scenario/value.h"

#include "core/clock.h"
#include "core/prng.h"
#include "scenario/data.h"
#include "scenario/utc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_STREAM = 2 }; /* of the first operand; the others have the next ones */

bool value_read_digits(const uint8_t *bytes, size_t bytes_count, uint64_t *bits, size_t *used)
{
    size_t at = 0;
    bool negative = bytes_count > 0 && bytes[0] == '-';
    uint64_t number = 0;
    at += negative;
    size_t first = at;
    for (; at < bytes_count && bytes[at] >= '0' && bytes[at] <= '9'; at++) {
        uint64_t digit = (uint64_t)(bytes[at] - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (at == first || (negative && number > (uint64_t)INT64_MAX + 1)) {
        return false;
    }
    *bits = negative ? 0 - number : number;
    *used = at;
    return true;
}

static bool value__read_hex(const uint8_t *bytes, size_t bytes_count, uint64_t *bits, size_t *used)
{
    uint64_t number = 0;
    size_t at = 2;
    for (; at < bytes_count; at++) {
        uint8_t c = bytes[at];
        uint8_t letter = c | 0x20;
        bool is_letter = letter >= 'a' && letter <= 'f';
        if (!is_letter && (c < '0' || c > '9')) {
            break;
        }
        if (number >> 60 != 0) {
            return false;
        }
        number = number << 4 | (is_letter ? letter - 'a' + 10u : c - '0' + 0u);
    }
    *bits = number;
    *used = at;
    return at > 2;
}

bool value_read_number(const uint8_t *bytes, size_t bytes_count, uint64_t *bits, size_t *used)
{
    bool hex = bytes_count > 2 && bytes[0] == '0' && (bytes[1] | 0x20) == 'x';
    return hex ? value__read_hex(bytes, bytes_count, bits, used)
               : value_read_digits(bytes, bytes_count, bits, used);
}

/* number(...) of a text: behind blanks, up to what is no digit. 0 where there is none. */
static uint64_t value__number_in(const uint8_t *text, uint32_t bytes)
{
    uint64_t bits = 0;
    size_t used = 0;
    while (bytes > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        bytes--;
    }
    return value_read_number(text, bytes, &bits, &used) ? bits : 0;
}

static const uint8_t *value__stored_text(const uint64_t *words, uint32_t *bytes)
{
    *bytes = (uint32_t)words[0];
    return (const uint8_t *)(words + 1);
}

static uint64_t value__cell_bits(const struct operand *operand, const struct message_scope *scope)
{
    const struct data_table *table = &scope->world->tables[operand->index];
    uint32_t bytes = 0;
    const uint8_t *cell = data_cell(table, data_row(table, scope), operand->column, &bytes);
    if (operand->reads_text) {
        return value__number_in(cell, bytes);
    }
    if (value_is_float(operand->type)) {
        return value_double_bits(data_cell_double(cell, bytes));
    }
    uint64_t bits = 0;
    size_t used = 0;
    value_read_digits(cell, bytes, &bits, &used); /* the table was checked: all cells are numbers */
    return bits;
}

static uint64_t value__operand_bits(const struct operand *operand,
                                    const struct message_scope *scope, uint32_t stream,
                                    uint32_t draw)
{
    switch (operand->source) {
    case OPERAND_NUMBER:
        return operand->low;
    case OPERAND_CONNECTION:
        return scope->connection;
    case OPERAND_ITERATION:
        return scope->iteration;
    case OPERAND_LANE:
        return scope->lane;
    case OPERAND_SEED:
        return scope->seed;
    case OPERAND_NOW_MS:
        return (uint64_t)((scope->stamp_ns + scope->wall_offset_ns) / NS_PER_MS);
    case OPERAND_STAMP_NS:
        return (uint64_t)(scope->stamp_ns + scope->run_clock_offset_ns);
    case OPERAND_SEQUENCE:
        return scope->sequence;
    case OPERAND_RANDOM:
        /* From 0 up, then moved: bounds with a sign are in the wrong order without it. */
        return operand->low + prng_range(scope->key, stream, draw, 0, operand->high - operand->low);
    case OPERAND_VARIABLE:
        if (operand->reads_text) {
            uint32_t bytes = 0;
            const uint8_t *text = value__stored_text(scope->variables + operand->index, &bytes);
            return value__number_in(text, bytes);
        }
        return scope->variables[operand->index];
    case OPERAND_DATA:
        return value__cell_bits(operand, scope);
    case OPERAND_TEXT:
    case OPERAND_UTC:
        break;
    }
    return 0;
}

static uint64_t value__operate_double(double left, enum value_operation operation, double right)
{
    double result = 0;
    switch (operation) {
    case VALUE_ADD:
        result = left + right;
        break;
    case VALUE_SUBTRACT:
        result = left - right;
        break;
    case VALUE_MULTIPLY:
        result = left * right;
        break;
    case VALUE_DIVIDE:
        result = right == 0 ? 0 : left / right;
        break;
    case VALUE_REMAINDER:
        result = right == 0 ? 0 : fmod(left, right);
        break;
    case VALUE_OPERAND:
    case VALUE_AND:
    case VALUE_OR:
    case VALUE_XOR:
    case VALUE_SHIFT_LEFT:
    case VALUE_SHIFT_RIGHT:
        break; /* of whole numbers alone */
    }
    return value_double_bits(result);
}

static uint64_t value__shift_right(uint64_t left, uint64_t right, bool with_sign)
{
    uint64_t signs = with_sign && (int64_t)left < 0 && right > 0 ? ~(UINT64_MAX >> right) : 0;
    return left >> right | signs;
}

/* Whole numbers; they wrap. */
static uint64_t value__operate_whole(uint64_t left, enum value_operation operation, uint64_t right,
                                     bool with_sign)
{
    switch (operation) {
    case VALUE_ADD:
        return left + right;
    case VALUE_SUBTRACT:
        return left - right;
    case VALUE_MULTIPLY:
        return left * right;
    case VALUE_AND:
        return left & right;
    case VALUE_OR:
        return left | right;
    case VALUE_XOR:
        return left ^ right;
    case VALUE_SHIFT_LEFT:
        return right < 64 ? left << right : 0;
    case VALUE_SHIFT_RIGHT:
        return right < 64 ? value__shift_right(left, right, with_sign) : 0;
    case VALUE_DIVIDE:
    case VALUE_REMAINDER:
        break;
    case VALUE_OPERAND:
        return left;
    }
    bool divides = operation == VALUE_DIVIDE;
    if (right == 0) {
        return 0;
    }
    if (!with_sign) {
        return divides ? left / right : left % right;
    }
    if (right == UINT64_MAX) {
        return divides ? 0 - left : 0; /* by -1: the least number has no opposite */
    }
    return divides ? (uint64_t)((int64_t)left / (int64_t)right)
                   : (uint64_t)((int64_t)left % (int64_t)right);
}

static uint64_t value__operate(const struct term *term, uint64_t left, uint64_t right)
{
    if (value_is_float(term->type)) {
        return value__operate_double(value_as_double(left, term->left_type), term->operation,
                                     value_as_double(right, term->right_type));
    }
    return value__operate_whole(left, term->operation, right, term->type == VALUE_I64);
}

static uint64_t value__terms_bits(const struct value *value, const struct message_scope *scope,
                                  uint32_t draw)
{
    uint64_t results[VALUE_TERMS_MAX];
    uint32_t results_count = 0;
    uint32_t stream = VALUE_STREAM;
    for (uint32_t i = 0; i < value->terms_count; i++) {
        const struct term *term = &value->terms[i];
        if (term->operation == VALUE_OPERAND) {
            results[results_count++] = value__operand_bits(&term->operand, scope, stream++, draw);
        } else {
            results_count--;
            results[results_count - 1] =
                value__operate(term, results[results_count - 1], results[results_count]);
        }
    }
    return results[0];
}

uint64_t value_bits(const struct value *value, const struct message_scope *scope, uint32_t draw)
{
    return value->terms_count == 0 ? value__operand_bits(&value->operand, scope, VALUE_STREAM, draw)
                                   : value__terms_bits(value, scope, draw);
}

/* Of a value that is no text, or is the digits of a number. */
static enum value_type value__number_type(const struct value *value)
{
    return value->terms_count == 0 ? value->operand.type
                                   : value->terms[value->terms_count - 1].type;
}

/* An f32 gets the fewest digits that distinguish it from its neighbors. */
static int value__write_double(double number, bool narrow, char text[VALUE_DIGITS_MAX])
{
    int digits = narrow ? 6 : 9;
    int written = snprintf(text, VALUE_DIGITS_MAX, "%.*g", digits, number);
    while (narrow && digits < 9 && strtof(text, NULL) != (float)number) {
        digits++;
        written = snprintf(text, VALUE_DIGITS_MAX, "%.*g", digits, number);
    }
    return written;
}

static const uint8_t *value__digits(uint64_t bits, enum value_type type,
                                    uint8_t digits[VALUE_DIGITS_MAX], uint32_t *bytes)
{
    if (value_is_float(type)) {
        char text[VALUE_DIGITS_MAX];
        int written = value__write_double(value_double(bits), type == VALUE_F32, text);
        *bytes = written > 0 ? (uint32_t)written : 0;
        memcpy(digits, text, *bytes);
        return digits;
    }
    bool negative = type == VALUE_I64 && (int64_t)bits < 0;
    uint64_t number = negative ? 0 - bits : bits;
    uint32_t at = VALUE_DIGITS_MAX;
    do {
        digits[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (negative) {
        digits[--at] = '-';
    }
    *bytes = VALUE_DIGITS_MAX - at;
    return digits + at;
}

bool value_is_digits(const struct value *value)
{
    const struct operand *operand = &value->operand;
    return value->terms_count > 0 || operand->reads_text ||
           (operand->type != VALUE_TEXT && operand->source != OPERAND_DATA);
}

const uint8_t *value_text(const struct value *value, const struct message_scope *scope,
                          uint32_t draw, uint8_t digits[VALUE_DIGITS_MAX], uint32_t *bytes)
{
    const struct operand *operand = &value->operand;
    if (value_is_digits(value)) {
        return value__digits(value_bits(value, scope, draw), value__number_type(value), digits,
                             bytes);
    }
    if (operand->source == OPERAND_TEXT) {
        *bytes = operand->bytes_count;
        return operand->bytes;
    }
    if (operand->source == OPERAND_VARIABLE) {
        return value__stored_text(scope->variables + operand->index, bytes);
    }
    if (operand->source == OPERAND_UTC) {
        *bytes = utc_write(operand->bytes, operand->bytes_count,
                           scope->stamp_ns + scope->wall_offset_ns, digits);
        return digits;
    }
    const struct data_table *table = &scope->world->tables[operand->index];
    return data_cell(table, data_row(table, scope), operand->column, bytes);
}

const uint8_t *value_json_number(const struct value *value, const struct message_scope *scope,
                                 uint32_t draw, uint8_t digits[VALUE_DIGITS_MAX], uint32_t *bytes)
{
    uint64_t bits = value_bits(value, scope, draw);
    enum value_type type = value__number_type(value);
    double number = value_is_float(type) ? value_double(bits) : 0;
    if (!isfinite(number)) {
        *bytes = 4;
        memcpy(digits, "null", 4);
        return digits;
    }
    if (type != VALUE_F64) {
        return value__digits(bits, type, digits, bytes);
    }
    char text[VALUE_DIGITS_MAX];
    int written = 0;
    for (int precision = 15; precision <= 17; precision++) {
        written = snprintf(text, sizeof text, "%.*g", precision, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    *bytes = (uint32_t)written;
    memcpy(digits, text, *bytes);
    return digits;
}

void value_text_bounds(const struct value *value, const struct value_world *world, uint32_t *low,
                       uint32_t *high)
{
    const struct operand *operand = &value->operand;
    uint8_t digits[VALUE_DIGITS_MAX];
    *low = 1;
    *high = value_is_float(value__number_type(value)) ? 24 : 20;
    if (value->terms_count > 0 || operand->reads_text) {
        return;
    }
    switch (operand->source) {
    case OPERAND_TEXT:
        *low = *high = operand->bytes_count;
        break;
    case OPERAND_NUMBER:
        value__digits(operand->low, operand->type, digits, low);
        *high = *low;
        break;
    case OPERAND_RANDOM:
        if ((int64_t)operand->low >= 0) {
            value__digits(operand->low, VALUE_U64, digits, low);
            value__digits(operand->high, VALUE_U64, digits, high);
        }
        break;
    case OPERAND_CONNECTION:
    case OPERAND_LANE:
    case OPERAND_SEQUENCE:
        *high = 10;
        break;
    case OPERAND_UTC:
        *low = *high = (uint32_t)operand->low;
        break;
    case OPERAND_DATA:
        *low = world->tables[operand->index].columns[operand->column].bytes_min;
        *high = world->tables[operand->index].columns[operand->column].bytes_max;
        break;
    case OPERAND_VARIABLE:
        if (operand->type == VALUE_TEXT) {
            *low = 0;
            *high = operand->bytes_count;
        }
        break;
    case OPERAND_ITERATION:
    case OPERAND_SEED:
    case OPERAND_NOW_MS:
    case OPERAND_STAMP_NS:
        break;
    }
}

enum value_type value_type_of(enum value_type left, enum value_operation operation,
                              enum value_type right)
{
    if (operation == VALUE_SHIFT_LEFT || operation == VALUE_SHIFT_RIGHT) {
        return left;
    }
    if (value_is_float(left) || value_is_float(right)) {
        return VALUE_F64;
    }
    bool with_sign = left == VALUE_I64 || right == VALUE_I64 || operation == VALUE_SUBTRACT;
    return with_sign ? VALUE_I64 : VALUE_U64;
}

/* -1, 0, 1. */
static int value__order(uint64_t left, enum value_type left_type, uint64_t right,
                        enum value_type right_type)
{
    if (value_is_float(left_type) || value_is_float(right_type)) {
        double a = value_as_double(left, left_type);
        double b = value_as_double(right, right_type);
        if (left_type == VALUE_F32 || right_type == VALUE_F32) {
            a = (double)(float)a;
            b = (double)(float)b;
        }
        return (a > b) - (a < b);
    }
    bool left_negative = left_type == VALUE_I64 && (int64_t)left < 0;
    bool right_negative = right_type == VALUE_I64 && (int64_t)right < 0;
    if (left_negative != right_negative) {
        return left_negative ? -1 : 1;
    }
    return (left > right) - (left < right); /* the same sign: the bits are in the same order */
}

bool value_compare(uint64_t left, enum value_type left_type, enum comparison comparison,
                   uint64_t right, enum value_type right_type)
{
    int order = value__order(left, left_type, right, right_type);
    switch (comparison) {
    case COMPARE_EQUALS:
        return order == 0;
    case COMPARE_NOT_EQUALS:
        return order != 0;
    case COMPARE_LESS_THAN:
        return order < 0;
    case COMPARE_AT_MOST:
        return order <= 0;
    case COMPARE_GREATER_THAN:
        return order > 0;
    case COMPARE_AT_LEAST:
        return order >= 0;
    case COMPARE_STARTS_WITH:
        break;
    }
    return false;
}

bool value_text_equals(const struct value *left, const struct value *right,
                       const struct message_scope *scope)
{
    uint8_t left_digits[VALUE_DIGITS_MAX];
    uint8_t right_digits[VALUE_DIGITS_MAX];
    uint32_t left_bytes = 0;
    uint32_t right_bytes = 0;
    const uint8_t *a = value_text(left, scope, 0, left_digits, &left_bytes);
    const uint8_t *b = value_text(right, scope, 0, right_digits, &right_bytes);
    return left_bytes == right_bytes && memcmp(a, b, left_bytes) == 0;
}

const struct operand *value_next_operand(const struct value *value, uint32_t *i)
{
    if (value->terms_count == 0) {
        return (*i)++ == 0 ? &value->operand : NULL;
    }
    while (*i < value->terms_count) {
        const struct term *term = &value->terms[(*i)++];
        if (term->operation == VALUE_OPERAND) {
            return &term->operand;
        }
    }
    return NULL;
}

bool value_has_source(const struct value *value, enum operand_source source)
{
    const struct operand *operand = NULL;
    for (uint32_t i = 0; (operand = value_next_operand(value, &i)) != NULL;) {
        if (operand->source == source) {
            return true;
        }
    }
    return false;
}

bool value_is_constant(const struct value *value)
{
    const struct operand *operand = NULL;
    for (uint32_t i = 0; (operand = value_next_operand(value, &i)) != NULL;) {
        if (operand->source != OPERAND_NUMBER && operand->source != OPERAND_TEXT) {
            return false;
        }
    }
    return true;
}
