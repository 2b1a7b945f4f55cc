/* Scenarios that are wrong: gives one to the reader and compares what it says. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/scenario.h"

enum { LINES_MAX = 32, LINE_BYTES_MAX = 1024 };

struct told {
    char lines[LINES_MAX][LINE_BYTES_MAX];
    uint32_t count;
};
extern struct told told;

/* What the reader is told that the file is called. */
#define MISTAKE_PATH "mistakes.json"

void report(void *context, const char *line);
void load(const char *text, size_t bytes);
/* ' stands for ", in text and in expected. */
void check(const char *text, const char *expected);

struct mistake {
    const char *text;
    const char *expected;
};

#define COUNT(array) (sizeof array / sizeof((array)[0]))
void check_steps(const char *framing, const char *steps, const char *expected);
