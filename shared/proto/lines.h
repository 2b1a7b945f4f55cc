/* The rules of FRAMING_LINES: which lines say that more belongs to their message. Data, made once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAMING_RULES_MAX = 16, FRAMING_END_BYTES_MAX = 16 };

/* Text at an end of a line. */
struct framing_pattern {
    const uint8_t *text;
    uint32_t bytes; /* 0: every line has it */
    bool is_like;   /* "#" is any digit, "?" any character */
    bool is_whole;  /* the line is nothing else */
};

/* Where a line says how many bytes follow. */
enum framing_size {
    FRAMING_SIZE_NONE,
    FRAMING_SIZE_LAST_NUMBER,
    FRAMING_SIZE_WORD, /* word n, from 0 */
    FRAMING_SIZE_NAMED /* behind a name; with `until`, on any of its lines */
};

/* FRAMING_LINES: what follows a line. */
struct framing_rule {
    struct framing_pattern begins;
    struct framing_pattern ends;
    enum framing_size size;
    uint32_t word;
    struct framing_pattern name;
    bool has_until; /* more lines follow, to the one that `until` names */
    struct framing_pattern until;
    bool goes_on; /* behind the payload comes the rest of the line */
    bool has_end; /* behind the payload comes this and not the delimiter */
    uint8_t end[FRAMING_END_BYTES_MAX];
    uint8_t end_bytes;
};

struct framing;
/* Where a text that is put into a line of a message would end that line: the delimiter, or the end
 * of a line of HTTP and of Redis; bytes: nowhere, or its messages have no such lines. */
size_t lines_find_end(const struct framing *framing, const uint8_t *text, size_t bytes);
