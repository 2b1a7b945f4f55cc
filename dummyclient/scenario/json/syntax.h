/* The syntax of JSON (RFC 8259), checked strictly and within limits before cJSON sees the text.
 *
 * cJSON says only where it stopped, takes 01 and raw line ends in strings, cuts strings at \u0000
 * and makes 64 bytes of memory out of every `0,`. This says what was expected and found, at which
 * line and column, and refuses deep or huge documents before they cost anything. Pure. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYNTAX_DEPTH_MAX = 64, SYNTAX_VALUES_MAX = 200000 };

struct syntax_place {
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in characters */
};

/* True when text is one JSON value with white space around it. A byte order mark before it is
 * passed over. On failure place and error say where and what. */
bool syntax_check(const char *text, size_t bytes, struct syntax_place *place, struct error *error);
