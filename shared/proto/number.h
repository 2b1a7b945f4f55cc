/* Numbers in the forms that headers have. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum number_form {
    NUMBER_FIXED,  /* format.bytes bytes in either order */
    NUMBER_VARINT, /* LEB128: 7 bits a byte, the lowest first, a high bit where more follow */
    NUMBER_ZIGZAG, /* the same of twice the number, as where numbers may have a sign: Avro, Kafka */
    NUMBER_BER,    /* one byte below 128; else 0x80 + n, then n bytes, the highest first */
    NUMBER_DIGITS  /* decimal digits: format.bytes of them, or, with 0, up to the byte `until` */
};

enum { NUMBER_BYTES_MAX = 11 };

struct number_format {
    uint8_t form;  /* enum number_form */
    uint8_t bytes; /* FIXED: 1..4; DIGITS: 0..10 */
    bool big_endian;
    uint8_t until;
};

static inline uint32_t number_read_fixed(const uint8_t *data, uint32_t bytes, bool big_endian)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        number = number << 8 | data[big_endian ? i : bytes - 1 - i];
    }
    return number;
}

static inline void number_write_fixed(uint8_t *out, uint32_t bytes, bool big_endian,
                                      uint32_t number)
{
    for (uint32_t i = 0; i < bytes; i++, number >>= 8) {
        out[big_endian ? bytes - 1 - i : i] = (uint8_t)number;
    }
}

enum number_status { NUMBER_COMPLETE, NUMBER_PARTIAL, NUMBER_INVALID };

/* Reads a number of at most 32 bits from the beginning of data. *used_bytes: how long it is;
 * NUMBER_PARTIAL: how many bytes are needed at least. */
enum number_status number_read(const struct number_format *format, const uint8_t *data,
                               size_t bytes, uint32_t *number, uint32_t *used_bytes);
/* How many bytes the number has; 0: the format has no room for it. */
uint32_t number_bytes(const struct number_format *format, uint32_t number);
/* Writes number_bytes() of them, and returns how many. */
uint32_t number_write(const struct number_format *format, uint32_t number, uint8_t *out);
/* Which numbers the format has, in words: "a varint of at most 5 bytes and 32 bits". Returns out.
 */
enum { NUMBER_WORDS_BYTES_MAX = 96 };
const char *number_describe(const struct number_format *format, char out[NUMBER_WORDS_BYTES_MAX]);
