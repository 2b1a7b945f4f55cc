#include "core/printable.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

/* The letter at `at`: its bytes and its code point; 0 where RFC 3629 allows none (a wrong or cut
 * sequence, one that is longer than it need be, a surrogate, beyond U+10FFFF). */
static size_t printable__read(const uint8_t *at, size_t left, uint32_t *letter)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = at[0] < 0x80             ? 1
                   : (at[0] & 0xE0) == 0xC0 ? 2
                   : (at[0] & 0xF0) == 0xE0 ? 3
                   : (at[0] & 0xF8) == 0xF0 ? 4
                                            : 0;
    if (bytes == 0 || bytes > left) {
        return 0;
    }
    *letter = bytes == 1 ? at[0] : at[0] & (0x7FU >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
        *letter = *letter << 6 | (at[i] & 0x3F);
    }
    bool surrogate = *letter >= 0xD800 && *letter <= 0xDFFF;
    return *letter < LEAST[bytes] || surrogate || *letter > 0x10FFFF ? 0 : bytes;
}

size_t printable_letter_bytes(const uint8_t *at, size_t left)
{
    uint32_t letter = 0;
    return printable__read(at, left, &letter);
}

/* The columns of the letter that begins here: 0 for bytes that continue one. Most of those of four
 * bytes, and of three from U+1100 to U+115F and from U+2E80 to U+FFEF, take two (Unicode Standard
 * Annex 11); to take one of the others for wide does no harm. */
static int printable__letter_columns(const char *at)
{
    unsigned char first = (unsigned char)at[0];
    unsigned char second = first == '\0' ? 0 : (unsigned char)at[1];
    bool wide = first >= 0xF0 || (first == 0xE1 && (second == 0x84 || second == 0x85)) ||
                (first == 0xE2 && second >= 0xBA) || (first >= 0xE3 && first < 0xF0);
    return (first & 0xC0) == 0x80 ? 0 : wide ? 2 : 1;
}

int printable_columns(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes; i++) {
        columns += printable__letter_columns(text + i);
    }
    return columns;
}

/* Does it steer what shows it? Directions: Unicode Standard Annex 9. */
static bool printable__steers(uint32_t letter)
{
    return letter < 0x20 || (letter >= 0x7F && letter < 0xA0) || letter == 0x061C ||
           letter == 0x200E || letter == 0x200F || (letter >= 0x2028 && letter <= 0x202E) ||
           (letter >= 0x2066 && letter <= 0x2069) || letter == 0xFEFF;
}

char *printable_bytes(const void *in, size_t in_bytes, char *out, size_t bytes)
{
    const uint8_t *from = in;
    size_t used = 0;
    for (size_t at = 0; at < in_bytes;) {
        uint32_t letter = 0;
        size_t taken = printable__read(from + at, in_bytes - at, &letter);
        bool shown = taken > 0 && !printable__steers(letter);
        size_t put = shown ? taken : 1;
        if (used + put >= bytes) {
            break;
        }
        if (shown) {
            memmove(out + used, from + at, put);
        } else {
            out[used] = '?';
        }
        used += put;
        at += taken > 0 ? taken : 1;
    }
    out[used] = '\0';
    return out;
}

char *printable_text(const char *in, char *out, size_t bytes)
{
    return printable_bytes(in, strlen(in), out, bytes);
}

size_t printable_json(const char *in, char *out, size_t bytes)
{
    const uint8_t *from = (const uint8_t *)in;
    const size_t in_bytes = strlen(in);
    size_t used = 0;
    for (size_t at = 0; at < in_bytes;) {
        char escape[8];
        uint32_t letter = 0xFFFD;
        size_t taken = printable__read(from + at, in_bytes - at, &letter);
        /* C0 stands between the strings alone: inside of them JSON has escaped it already. */
        bool shown = taken > 0 && (letter < 0x20 || !printable__steers(letter));
        const char *put = in + at;
        size_t put_bytes = taken;
        if (!shown) {
            put_bytes = (size_t)snprintf(escape, sizeof escape, "\\u%04x",
                                         (unsigned)(taken > 0 ? letter : 0xFFFD));
            put = escape;
        }
        if (used + put_bytes < bytes) {
            memcpy(out + used, put, put_bytes);
            out[used + put_bytes] = '\0';
        }
        used += put_bytes;
        at += taken > 0 ? taken : 1;
    }
    return used;
}

void printable_print(FILE *file, const char *format, ...)
{
    char line[PRINTABLE_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(file, "%s\n", printable_text(line, line, sizeof line));
}
