#include "proto/number.h"

#include "text/encoding.h"

#include <stdio.h>

enum { NUMBER_VARINT_BYTES_MAX = 5, NUMBER_BER_BYTES_MAX = 5, NUMBER_DIGITS_MAX = 10 };

static enum number_status number__read_varint(const uint8_t *data, size_t bytes, uint64_t *value,
                                              uint32_t *used_bytes)
{
    for (uint32_t i = 0; i < NUMBER_VARINT_BYTES_MAX; i++) {
        if (i == bytes) {
            *used_bytes = i + 1;
            return NUMBER_PARTIAL;
        }
        *value |= (uint64_t)(data[i] & 0x7f) << (7 * i);
        if (data[i] < 0x80) {
            *used_bytes = i + 1;
            return NUMBER_COMPLETE;
        }
    }
    return NUMBER_INVALID;
}

static enum number_status number__read_ber(const uint8_t *data, size_t bytes, uint64_t *value,
                                           uint32_t *used_bytes)
{
    uint32_t more = bytes > 0 && data[0] >= 0x80 ? data[0] & 0x7fu : 0;
    *used_bytes = 1 + more;
    if (more >= NUMBER_BER_BYTES_MAX || (bytes > 0 && data[0] == 0x80)) {
        return NUMBER_INVALID;
    }
    if (bytes < *used_bytes) {
        return NUMBER_PARTIAL;
    }
    *value = more == 0 ? data[0] : 0;
    for (uint32_t i = 0; i < more; i++) {
        *value = *value << 8 | data[1 + i];
    }
    return NUMBER_COMPLETE;
}

static enum number_status number__read_digits(const struct number_format *format,
                                              const uint8_t *data, size_t bytes, uint64_t *value,
                                              uint32_t *used_bytes)
{
    uint32_t most = format->bytes > 0 ? format->bytes : NUMBER_DIGITS_MAX;
    uint32_t i = 0;
    for (; i < most && i < bytes && data[i] >= '0' && data[i] <= '9'; i++) {
        *value = *value * 10 + (uint64_t)(data[i] - '0');
    }
    if (format->bytes > 0 && i == format->bytes) {
        *used_bytes = i;
        return NUMBER_COMPLETE;
    }
    *used_bytes = i + 1;
    if (i == bytes) {
        return NUMBER_PARTIAL;
    }
    return format->bytes == 0 && i > 0 && data[i] == format->until ? NUMBER_COMPLETE
                                                                   : NUMBER_INVALID;
}

enum number_status number_read(const struct number_format *format, const uint8_t *data,
                               size_t bytes, uint32_t *number, uint32_t *used_bytes)
{
    uint64_t value = 0;
    enum number_status status = NUMBER_COMPLETE;
    switch ((enum number_form)format->form) {
    case NUMBER_FIXED:
        *used_bytes = format->bytes;
        if (bytes < format->bytes) {
            return NUMBER_PARTIAL;
        }
        value = number_read_fixed(data, format->bytes, format->big_endian);
        break;
    case NUMBER_VARINT:
        status = number__read_varint(data, bytes, &value, used_bytes);
        break;
    case NUMBER_ZIGZAG:
        status = number__read_varint(data, bytes, &value, used_bytes);
        if (status == NUMBER_COMPLETE && value % 2 != 0) {
            return NUMBER_INVALID; /* below 0 */
        }
        value /= 2;
        break;
    case NUMBER_BER:
        status = number__read_ber(data, bytes, &value, used_bytes);
        break;
    case NUMBER_DIGITS:
        status = number__read_digits(format, data, bytes, &value, used_bytes);
        break;
    }
    *number = (uint32_t)value;
    return status == NUMBER_COMPLETE && value > UINT32_MAX ? NUMBER_INVALID : status;
}

/* Digits of the number in this base. */
static uint32_t number__length(uint64_t number, uint32_t base)
{
    uint32_t length = 1;
    for (; number >= base; number /= base) {
        length++;
    }
    return length;
}

uint32_t number_bytes(const struct number_format *format, uint32_t number)
{
    uint32_t length = 0;
    switch ((enum number_form)format->form) {
    case NUMBER_FIXED:
        return format->bytes == 4 || number >> (8 * format->bytes) == 0 ? format->bytes : 0;
    case NUMBER_VARINT:
        return number__length(number, 128);
    case NUMBER_ZIGZAG:
        return number__length((uint64_t)number * 2, 128);
    case NUMBER_BER:
        return number < 0x80 ? 1 : 1 + number__length(number, 256);
    case NUMBER_DIGITS:
        length = number__length(number, 10);
        return format->bytes == 0 ? length + 1 : length <= format->bytes ? format->bytes : 0;
    }
    return 0;
}

static void number__write_varint(uint64_t number, uint32_t bytes, uint8_t *out)
{
    for (uint32_t i = 0; i < bytes; i++, number >>= 7) {
        out[i] = (uint8_t)((number & 0x7f) | (i + 1 < bytes ? 0x80 : 0));
    }
}

uint32_t number_write(const struct number_format *format, uint32_t number, uint8_t *out)
{
    uint32_t bytes = number_bytes(format, number);
    uint32_t last = bytes;
    switch ((enum number_form)format->form) {
    case NUMBER_FIXED:
        number_write_fixed(out, bytes, format->big_endian, number);
        break;
    case NUMBER_VARINT:
        number__write_varint(number, bytes, out);
        break;
    case NUMBER_ZIGZAG:
        number__write_varint((uint64_t)number * 2, bytes, out);
        break;
    case NUMBER_BER:
        out[0] = (uint8_t)(bytes == 1 ? number : 0x80 + bytes - 1);
        for (uint32_t i = bytes - 1; i > 0; i--, number >>= 8) {
            out[i] = (uint8_t)number;
        }
        break;
    case NUMBER_DIGITS:
        if (format->bytes == 0) {
            out[--last] = format->until;
        }
        for (; last > 0; number /= 10) {
            out[--last] = (uint8_t)('0' + number % 10);
        }
        break;
    }
    return bytes;
}

const char *number_describe(const struct number_format *format, char out[NUMBER_WORDS_BYTES_MAX])
{
    char until[ENCODING_QUOTE_BYTES_MAX];
    switch ((enum number_form)format->form) {
    case NUMBER_FIXED:
        snprintf(out, NUMBER_WORDS_BYTES_MAX, "a number of %u bytes", (unsigned)format->bytes);
        break;
    case NUMBER_VARINT:
    case NUMBER_ZIGZAG:
        snprintf(out, NUMBER_WORDS_BYTES_MAX, "a varint of at most %d bytes and 32 bits",
                 NUMBER_VARINT_BYTES_MAX);
        break;
    case NUMBER_BER:
        snprintf(out, NUMBER_WORDS_BYTES_MAX,
                 "a BER length: below 0x80, or 0x81 to 0x84 and as many bytes");
        break;
    case NUMBER_DIGITS:
        if (format->bytes > 0) {
            snprintf(out, NUMBER_WORDS_BYTES_MAX, "%u decimal digits, at most 4294967295",
                     (unsigned)format->bytes);
        } else {
            snprintf(out, NUMBER_WORDS_BYTES_MAX,
                     "1 to %d decimal digits, at most 4294967295, and %s behind them",
                     NUMBER_DIGITS_MAX, encoding_quote(&format->until, 1, until));
        }
        break;
    }
    return out;
}
