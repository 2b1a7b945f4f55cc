#include "mistake_harness.h"

struct told told;

void report(void *context, const char *line)
{
    (void)context;
    assert_true(told.count < LINES_MAX);
    snprintf(told.lines[told.count++], LINE_BYTES_MAX, "%s", line);
}

void load(const char *text, size_t bytes)
{
    told.count = 0;
    char *copy = malloc(bytes + 1);
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    static const struct scenario_variable variables[] = {{"room", "1"}};
    bool uses = strstr(text, "room") != NULL || strstr(text, "rom}") != NULL;
    struct scenario *scenario =
        scenario_read(MISTAKE_PATH, copy, bytes, NULL, variables, uses ? 1 : 0, report, NULL);
    free(copy);
    if (scenario != NULL) {
        scenario_destroy(scenario);
        fail_msg("taken for right: %.*s", (int)bytes, text);
    }
}

void check(const char *text, const char *expected)
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

void check_steps(const char *framing, const char *steps, const char *expected)
{
    char text[2048];
    char line[LINE_BYTES_MAX];
    snprintf(text, sizeof text, "{ %s 'behaviors': [ { 'loop': [ %s ] } ] }", framing, steps);
    snprintf(line, sizeof line, ": `behaviors[0].loop%s", expected);
    check(text, line);
}
