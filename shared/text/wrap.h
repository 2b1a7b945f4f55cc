/* Lines for a person, which break at words where a terminal is narrower than they are.
 *
 * A word that is longer than a line (a path, a URL) is left whole, to be copied. One thread. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdio.h>

enum { WRAP_LINE_BYTES_MAX = 4096 };

struct wrap {
    FILE *file;
    int columns; /* of its terminal; 0: it is none, and nothing is broken */
    size_t bytes;
    char line[WRAP_LINE_BYTES_MAX]; /* until its end comes; what is too long for it is left out */
};

/* Prints what makes whole lines; the rest waits for its end of line. What continues a line stands
 * below its text, behind the label and the spaces that it may begin with. */
void wrap_print(struct wrap *wrap, const char *format, ...) ERROR_PRINTF(2, 3);
