#include "text/encoding.h"

#include <stdio.h>
#include <string.h>

static int encoding__hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool encoding_decode_hex(const char *text, uint8_t *out, size_t *bytes_count, size_t *wrong)
{
    *bytes_count = 0;
    for (size_t i = 0; text[i] != '\0';) {
        if (text[i] == ' ') {
            i++;
            continue;
        }
        int high = encoding__hex_digit(text[i]);
        int low = high < 0 ? -1 : encoding__hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            *wrong = high < 0 ? i : i + 1;
            return false;
        }
        out[(*bytes_count)++] = (uint8_t)(high * 16 + low);
        i += 2;
    }
    return true;
}

static const char ENCODING_BASE64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int encoding__base64_digit(char c)
{
    const char *at = c == '\0' ? NULL : strchr(ENCODING_BASE64, c);
    return at == NULL ? -1 : (int)(at - ENCODING_BASE64);
}

bool encoding_decode_base64(const char *text, uint8_t *out, size_t *bytes_count, size_t *wrong)
{
    size_t length = strlen(text);
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    *bytes_count = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < length - padding; i++) {
        int digit = encoding__base64_digit(text[i]);
        if (digit < 0) {
            *wrong = i;
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 0) {
            bits &= 0x3f; /* a new group of four digits */
        } else {
            out[(*bytes_count)++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    /* Bits that belong to no byte must be 0, or two texts would mean the same bytes. */
    uint32_t spare = padding == 1 ? bits & 0x03 : padding == 2 ? bits & 0x0f : 0;
    *wrong = length;
    return length % 4 == 0 && spare == 0;
}

void encoding_write_base64(const uint8_t *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i += 3) {
        size_t taken = count - i < 3 ? count - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= taken > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= taken > 2 ? bytes[i + 2] : 0;
        for (size_t digit = 0; digit < 4; digit++) {
            *out++ = digit <= taken ? ENCODING_BASE64[bits >> (18 - 6 * digit) & 0x3f] : '=';
        }
    }
    *out = '\0';
}

char *encoding_write_hex(const uint8_t *bytes, size_t count, const char *between, char *out,
                         size_t out_bytes)
{
    static const char DIGITS[] = "0123456789abcdef";
    size_t between_bytes = strlen(between);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t gap = i == 0 ? 0 : between_bytes;
        if (used + gap + 2 >= out_bytes) {
            break;
        }
        memcpy(out + used, between, gap);
        used += gap;
        out[used++] = DIGITS[bytes[i] >> 4];
        out[used++] = DIGITS[bytes[i] & 15];
    }
    out[used] = '\0';
    return out;
}

char *encoding_quote(const uint8_t *bytes, size_t count, char out[ENCODING_QUOTE_BYTES_MAX])
{
    size_t shown = count < ENCODING_QUOTED_MAX ? count : ENCODING_QUOTED_MAX;
    const char *rest = shown < count ? "..." : "";
    char text[2 * ENCODING_QUOTED_MAX + 1] = "";
    size_t used = 0;
    for (size_t i = 0; i < shown; i++) {
        if (bytes[i] == '\r' || bytes[i] == '\n') {
            text[used++] = '\\';
            text[used++] = bytes[i] == '\r' ? 'r' : 'n';
        } else if (bytes[i] >= ' ' && bytes[i] <= '~') {
            text[used++] = (char)bytes[i];
        } else {
            encoding_write_hex(bytes, shown, "", text, sizeof text);
            snprintf(out, ENCODING_QUOTE_BYTES_MAX, "0x%s%s", text, rest);
            return out;
        }
    }
    snprintf(out, ENCODING_QUOTE_BYTES_MAX, "\"%.*s\"%s", (int)used, text, rest);
    return out;
}
