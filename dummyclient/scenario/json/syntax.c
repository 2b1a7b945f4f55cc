#include "scenario/json/syntax.h"

#include <stdio.h>
#include <string.h>

struct syntax {
    const char *begin;
    const char *at;
    const char *end;
    uint32_t depth;
    uint32_t values_count;
    struct error *error;
};

static bool syntax__value(struct syntax *syntax);

/* What is at the cursor, for "found". */
static void syntax__describe(const struct syntax *syntax, char *text, size_t text_bytes)
{
    if (syntax->at >= syntax->end) {
        snprintf(text, text_bytes, "the end of the file");
        return;
    }
    unsigned char c = (unsigned char)*syntax->at;
    if (c == '\n' || c == '\r') {
        snprintf(text, text_bytes, "the end of the line");
    } else if (c < 0x20 || c >= 0x7f) {
        snprintf(text, text_bytes, "byte 0x%02x", c);
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        int length = 0;
        while (length < 16 && syntax->at + length < syntax->end && syntax->at[length] > ' ' &&
               strchr(",:]}\"", syntax->at[length]) == NULL) {
            length++;
        }
        snprintf(text, text_bytes, "`%.*s`", length, syntax->at);
    } else {
        snprintf(text, text_bytes, "`%c`", c);
    }
}

static bool syntax__fail(struct syntax *syntax, const char *expected)
{
    char found[64];
    syntax__describe(syntax, found, sizeof found);
    bool comment = syntax->at < syntax->end && (*syntax->at == '/' || *syntax->at == '#');
    error_set(syntax->error, "expected %s, found %s%s", expected, found,
              comment ? " (JSON has no comments)" : "");
    return false;
}

static void syntax__skip_space(struct syntax *syntax)
{
    while (syntax->at < syntax->end && (*syntax->at == ' ' || *syntax->at == '\t' ||
                                        *syntax->at == '\n' || *syntax->at == '\r')) {
        syntax->at++;
    }
}

static bool syntax__is(const struct syntax *syntax, char c)
{
    return syntax->at < syntax->end && *syntax->at == c;
}

static bool syntax__take(struct syntax *syntax, char c)
{
    bool is = syntax__is(syntax, c);
    syntax->at += is;
    return is;
}

static bool syntax__digits(struct syntax *syntax, const char *expected)
{
    const char *begin = syntax->at;
    while (syntax->at < syntax->end && *syntax->at >= '0' && *syntax->at <= '9') {
        syntax->at++;
    }
    return syntax->at > begin || syntax__fail(syntax, expected);
}

/* A JSON reader makes doubles of numbers: above 2^53 it rounds some of the whole ones. */
static bool syntax__is_exact(const char *digits, const char *end)
{
    uint64_t number = 0;
    for (; digits < end; digits++) {
        uint64_t digit = (uint64_t)(*digits - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    double nearest = (double)number;
    return nearest < 0x1p64 ? (uint64_t)nearest == number : number < UINT64_C(1) << 53;
}

static bool syntax__number(struct syntax *syntax)
{
    const char *begin = syntax->at;
    syntax__take(syntax, '-');
    const char *digits = syntax->at;
    if (syntax__take(syntax, '0')) {
        if (syntax->at < syntax->end && *syntax->at >= '0' && *syntax->at <= '9') {
            return syntax__fail(syntax, "no digit after a leading 0");
        }
    } else if (!syntax__digits(syntax, "a digit")) {
        return false;
    }
    if (syntax__take(syntax, '.') && !syntax__digits(syntax, "a digit after the decimal point")) {
        return false;
    }
    if (syntax__take(syntax, 'e') || syntax__take(syntax, 'E')) {
        if (!syntax__take(syntax, '+')) {
            syntax__take(syntax, '-');
        }
        return syntax__digits(syntax, "a digit in the exponent");
    }
    if (memchr(digits, '.', (size_t)(syntax->at - digits)) == NULL &&
        !syntax__is_exact(digits, syntax->at)) {
        error_set(syntax->error,
                  "expected a whole number that JSON holds exactly (up to 2^53), found one that "
                  "would be rounded; of fields and comparisons it may be a text: \"%.*s\" (in "
                  "`set`: \"${%.*s}\")",
                  (int)(syntax->at - begin), begin, (int)(syntax->at - begin), begin);
        syntax->at = digits;
        return false;
    }
    return true;
}

/* \uXXXX, the cursor on the u. */
static bool syntax__hex4(struct syntax *syntax, uint32_t *unit)
{
    uint32_t code = 0;
    syntax->at++;
    for (int i = 0; i < 4; i++, syntax->at++) {
        char c = syntax->at < syntax->end ? *syntax->at : '\0';
        if (c >= '0' && c <= '9') {
            code = code * 16 + (uint32_t)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            code = code * 16 + (uint32_t)((c | 0x20) - 'a') + 10;
        } else {
            return syntax__fail(syntax, "four hexadecimal digits after \\u");
        }
    }
    *unit = code;
    return true;
}

/* One letter: \uXXXX, or two of them for one past U+FFFF (RFC 8259, section 7). The cursor on the
 * u. */
static bool syntax__unicode_escape(struct syntax *syntax)
{
    const char *begin = syntax->at;
    uint32_t code = 0;
    uint32_t low = 0;
    if (!syntax__hex4(syntax, &code)) {
        return false;
    }
    if (code >= 0xd800 && code <= 0xdbff && syntax->end - syntax->at > 1 && syntax->at[0] == '\\' &&
        syntax->at[1] == 'u') {
        syntax->at++;
        if (!syntax__hex4(syntax, &low)) {
            return false;
        }
    }
    if (code >= 0xd800 && code <= 0xdfff && !(code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff)) {
        syntax->at = begin - 1;
        error_set(syntax->error,
                  "\\u%04x is half of a letter: expected a pair such as \\ud83d\\ude00",
                  (unsigned)code);
        return false;
    }
    if (code == 0) {
        syntax->at = begin - 1;
        error_set(syntax->error,
                  "\\u0000 is not allowed in a text: write bytes as `hex` or `base64`, and a text "
                  "that ends with a zero as { \"string\": ..., \"length\": \"zero\" } of `fields`");
        return false;
    }
    return true;
}

/* The cursor on the backslash. */
static bool syntax__escape(struct syntax *syntax)
{
    syntax->at++;
    if (syntax__is(syntax, 'u')) {
        return syntax__unicode_escape(syntax);
    }
    if (syntax->at >= syntax->end || *syntax->at == '\0' ||
        strchr("\"\\/bfnrt", *syntax->at) == NULL) {
        return syntax__fail(syntax, "one of \" \\ / b f n r t u after \\");
    }
    syntax->at++;
    return true;
}

/* One character of UTF-8 past ASCII (RFC 3629: shortest form, no surrogates). */
static bool syntax__utf8(struct syntax *syntax)
{
    const unsigned char *at = (const unsigned char *)syntax->at;
    size_t left = (size_t)(syntax->end - syntax->at);
    size_t bytes = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    bool valid = at[0] >= 0xc2 && at[0] <= 0xf4 && left >= bytes;
    for (size_t i = 1; valid && i < bytes; i++) {
        valid = (at[i] & 0xc0) == 0x80;
    }
    if (valid && bytes == 3) {
        valid = !(at[0] == 0xe0 && at[1] < 0xa0) && !(at[0] == 0xed && at[1] >= 0xa0);
    } else if (valid && bytes == 4) {
        valid = !(at[0] == 0xf0 && at[1] < 0x90) && !(at[0] == 0xf4 && at[1] >= 0x90);
    }
    if (!valid) {
        return syntax__fail(syntax, "text in UTF-8");
    }
    syntax->at += bytes;
    return true;
}

static bool syntax__string(struct syntax *syntax)
{
    const char *begin = syntax->at;
    syntax->at++;
    while (syntax->at < syntax->end && *syntax->at != '"') {
        unsigned char c = (unsigned char)*syntax->at;
        if (c < 0x20) {
            return syntax__fail(syntax, c == '\n' || c == '\r'
                                            ? "`\"` at the end of the text"
                                            : "an escape such as \\t for a control character");
        }
        if (c < 0x80 && c != '\\') {
            syntax->at++;
        } else if (c == '\\' ? !syntax__escape(syntax) : !syntax__utf8(syntax)) {
            return false;
        }
    }
    if (!syntax__take(syntax, '"')) {
        syntax->at = begin;
        error_set(syntax->error, "the text that begins here has no closing `\"`");
        return false;
    }
    return true;
}

static bool syntax__word(struct syntax *syntax)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t bytes = strlen(words[i]);
        if ((size_t)(syntax->end - syntax->at) >= bytes &&
            memcmp(syntax->at, words[i], bytes) == 0) {
            syntax->at += bytes;
            return true;
        }
    }
    return syntax__fail(syntax, "a value");
}

static bool syntax__member(struct syntax *syntax)
{
    if (!syntax__is(syntax, '"')) {
        return syntax__fail(syntax, "a key in double quotes");
    }
    if (!syntax__string(syntax)) {
        return false;
    }
    syntax__skip_space(syntax);
    return syntax__take(syntax, ':') ? syntax__value(syntax)
                                     : syntax__fail(syntax, "`:` after the key");
}

/* An object or an array, the cursor on its bracket. */
static bool syntax__container(struct syntax *syntax, char close)
{
    bool object = close == '}';
    if (++syntax->depth > SYNTAX_DEPTH_MAX) {
        error_set(syntax->error, "expected at most %d levels of nesting, found more",
                  SYNTAX_DEPTH_MAX);
        return false;
    }
    syntax->at++;
    syntax__skip_space(syntax);
    bool empty = syntax__is(syntax, close);
    while (!empty) {
        if (object ? !syntax__member(syntax) : !syntax__value(syntax)) {
            return false;
        }
        syntax__skip_space(syntax);
        if (syntax__is(syntax, close)) {
            break;
        }
        if (!syntax__is(syntax, ',')) {
            return syntax__fail(syntax, object ? "`,` or `}`" : "`,` or `]`");
        }
        const char *comma = syntax->at++;
        syntax__skip_space(syntax);
        if (syntax__is(syntax, close)) {
            syntax->at = comma;
            error_set(syntax->error, "expected no `,` before the closing `%c`", close);
            return false;
        }
    }
    syntax->at++;
    syntax->depth--;
    return true;
}

static bool syntax__value(struct syntax *syntax)
{
    syntax__skip_space(syntax);
    if (++syntax->values_count > SYNTAX_VALUES_MAX) {
        error_set(syntax->error, "expected at most %d values in a document, found more",
                  SYNTAX_VALUES_MAX);
        return false;
    }
    char c = syntax->at < syntax->end ? *syntax->at : '\0';
    if (c == '{' || c == '[') {
        return syntax__container(syntax, c == '{' ? '}' : ']');
    }
    if (c == '"') {
        return syntax__string(syntax);
    }
    return c == '-' || (c >= '0' && c <= '9') ? syntax__number(syntax) : syntax__word(syntax);
}

static void syntax__locate(const struct syntax *syntax, struct syntax_place *place)
{
    *place = (struct syntax_place){.line = 1, .column = 1};
    for (const char *at = syntax->begin; at < syntax->at; at++) {
        if (*at == '\n') {
            place->line++;
            place->column = 1;
        } else if (((unsigned char)*at & 0xc0) != 0x80) {
            place->column++;
        }
    }
}

bool syntax_check(const char *text, size_t bytes, struct syntax_place *place, struct error *error)
{
    struct syntax syntax = {.begin = text, .at = text, .end = text + bytes, .error = error};
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        syntax.begin += 3;
        syntax.at += 3;
    }
    bool valid = false;
    if (bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        error_set(error, "expected text in UTF-8, found UTF-16: save the file as UTF-8");
    } else if (syntax__value(&syntax)) {
        syntax__skip_space(&syntax);
        valid = syntax.at == syntax.end || syntax__fail(&syntax, "the end of the file");
    }
    if (!valid) {
        syntax__locate(&syntax, place);
    }
    return valid;
}
