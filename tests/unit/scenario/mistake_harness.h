/* Scenarios that are wrong: gives one to the reader and compares what it says. Included by
 * test_scenario_mistakes*.c; MISTAKE_PATH is the file that each writes. */
#ifndef DUMMYLOAD_TESTS_MISTAKE_HARNESS_H
#define DUMMYLOAD_TESTS_MISTAKE_HARNESS_H

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

static struct {
    char lines[LINES_MAX][LINE_BYTES_MAX];
    uint32_t count;
} told;

static inline void report(void *context, const char *line)
{
    (void)context;
    assert_true(told.count < LINES_MAX);
    snprintf(told.lines[told.count++], LINE_BYTES_MAX, "%s", line);
}

static inline void load(const char *text, size_t bytes)
{
    FILE *file = fopen(MISTAKE_PATH, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    told.count = 0;
    static const struct scenario_variable variables[] = {{"room", "1"}};
    bool uses = strstr(text, "room") != NULL || strstr(text, "rom}") != NULL;
    struct scenario *scenario = scenario_load(MISTAKE_PATH, variables, uses ? 1 : 0, report, NULL);
    remove(MISTAKE_PATH);
    if (scenario != NULL) {
        scenario_destroy(scenario);
        fail_msg("taken for right: %.*s", (int)bytes, text);
    }
}

/* ' stands for ", in text and in expected. */
static inline void check(const char *text, const char *expected)
{
    char json[4096];
    char line[LINE_BYTES_MAX + 128];
    size_t bytes = strlen(text);
    assert_true(bytes < sizeof json);
    for (size_t i = 0; i <= bytes; i++) {
        json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    }
    load(json, bytes);
    snprintf(line, sizeof line, MISTAKE_PATH "%s", expected);
    for (char *at = line; *at != '\0'; at++) {
        *at = (char)(*at == '\'' ? '"' : *at);
    }
    assert_string_equal(told.lines[0], line);
    if (told.count > 1) {
        fail_msg("one mistake too many: %s", told.lines[1]);
    }
}

struct mistake {
    const char *text;
    const char *expected;
};

#define COUNT(array) (sizeof array / sizeof((array)[0]))

static inline void check_steps(const char *framing, const char *steps, const char *expected)
{
    char text[2048];
    char line[LINE_BYTES_MAX];
    snprintf(text, sizeof text, "{ %s 'behaviors': [ { 'loop': [ %s ] } ] }", framing, steps);
    snprintf(line, sizeof line, ": `behaviors[0].loop%s", expected);
    check(text, line);
}

#endif
