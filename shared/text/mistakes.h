/* Mistakes of a person, reported one line each as they are found; checking continues after each.
 *
 * Control plane; one thread. The caller owns the struct: report set, count 0. */
#pragma once

#include "core/error.h"

#include <stdint.h>

struct mistakes {
    void (*report)(void *context, const char *line); /* without the end of the line */
    void *context;
    uint32_t count;
};

/* Reports "ABOUT: the text" as one line. about: a file, or the program. */
void mistakes_report(struct mistakes *mistakes, const char *about, const char *format, ...)
    ERROR_PRINTF(3, 4);
