/* The trace: records through a ring, and as lines for people. */
#include "unit.h"

#include "core/clock.h"
#include "trace/trace_text.h"

#include <stdlib.h>
#include <string.h>

static struct trace trace;
static struct trace_record record;
static char text[TRACE_TEXT_BYTES_MAX + 1];
static uint8_t data[TRACE_KEPT_BYTES];

static void begin(uint32_t connection)
{
    struct error error;
    assert_true(trace_open(&trace, connection, 2, &error));
}

static int end(void **state)
{
    (void)state;
    trace_close(&trace);
    return 0;
}

static bool take(uint32_t ring)
{
    return trace_take(&trace.rings[ring], &record, text, data);
}

static void test_only_the_connection_that_is_meant_is_kept(void **state)
{
    (void)state;
    begin(7);
    trace_event(&trace.rings[1], TRACE_EVENT, 6, 1, "another");
    trace_event(&trace.rings[1], TRACE_EVENT, 7, 2, "what %s", "happens");
    trace_note(&trace.rings[1], 6, "a note of another");
    trace_message(&trace.rings[1], TRACE_SENT, 7, 3,
                  (struct span){.data = (const uint8_t *)"abc", .bytes = 3}, 3, "three bytes");
    assert_false(take(0));
    assert_true(take(1));
    assert_string_equal(text, "what happens");
    assert_int_equal(record.time_ns, 2);
    assert_true(take(1));
    assert_int_equal(record.kind, TRACE_SENT);
    assert_int_equal(record.bytes, 3);
    assert_memory_equal(data, "abc", 3);
    assert_false(take(1));
}

static void test_a_ring_that_is_not_read_leaves_out_and_counts(void **state)
{
    (void)state;
    enum { MESSAGES = 30000 };
    uint8_t message[1000];
    uint32_t taken = 0;
    begin(7);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        memset(message, (int)(i % 251), sizeof message);
        trace_message(&trace.rings[0], TRACE_RECEIVED, 7, i,
                      (struct span){.data = message, .bytes = sizeof message}, sizeof message, "%u",
                      i);
    }
    while (take(0)) {
        assert_int_equal(record.time_ns, taken);
        assert_int_equal(record.bytes, sizeof message);
        assert_int_equal(record.kept_bytes, TRACE_KEPT_BYTES);
        assert_int_equal(data[TRACE_KEPT_BYTES - 1], taken % 251);
        assert_int_equal(strtoul(text, NULL, 10), taken);
        taken++;
    }
    assert_in_range(taken, 1000, MESSAGES - 1);
    assert_int_equal(trace_left_out(&trace.rings[0]), MESSAGES - taken);
    assert_int_equal(trace_left_out(&trace.rings[0]), 0);
    /* It goes on where there is room again, across the end of the memory. */
    for (uint32_t i = 0; i < MESSAGES; i++) {
        trace_message(&trace.rings[0], TRACE_RECEIVED, 7, i,
                      (struct span){.data = message, .bytes = 100 + i % 50}, 100 + i % 50, "%u", i);
        assert_true(take(0));
        assert_int_equal(record.bytes, 100 + i % 50);
    }
    assert_int_equal(trace_left_out(&trace.rings[0]), 0);
}

static void test_the_first_failure_has_its_history(void **state)
{
    (void)state;
    begin(TRACE_FIRST_FAILURE);
    for (uint32_t i = 0; i < 10; i++) {
        trace_event(&trace.rings[0], TRACE_EVENT, i % 2, i, "event %u", i);
        trace_event(&trace.rings[1], TRACE_EVENT, 2 + i % 2, i, "event %u", i);
    }
    assert_false(take(0));
    trace_event(&trace.rings[1], TRACE_EVENT, 3, 10, "is closed");
    trace_event(&trace.rings[1], TRACE_EVENT, 2, 10, "another");
    trace_fail(&trace.rings[1], 3, "unexpected_close");
    trace_fail(&trace.rings[0], 1, "mismatch"); /* too late */
    trace_event(&trace.rings[1], TRACE_EVENT, 2, 11, "another");
    trace_event(&trace.rings[1], TRACE_EVENT, 3, 11, "comes back");
    assert_false(take(0));
    for (uint32_t i = 1; i < 10; i += 2) {
        assert_true(take(1));
        assert_int_equal(record.connection, 3);
        assert_int_equal(record.time_ns, i);
    }
    assert_true(take(1));
    assert_string_equal(text, "is closed");
    assert_true(take(1));
    assert_string_equal(text, "the first failure of this run: unexpected_close");
    assert_true(take(1));
    assert_string_equal(text, "comes back");
    assert_false(take(1));
}

static void test_a_history_forgets_its_oldest_records(void **state)
{
    (void)state;
    enum { MESSAGES = 200000 };
    uint8_t message[200] = {0};
    uint32_t first = 0;
    uint32_t taken = 0;
    begin(TRACE_FIRST_FAILURE);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        trace_message(&trace.rings[0], TRACE_RECEIVED, i % 3, i,
                      (struct span){.data = message, .bytes = sizeof message}, sizeof message, "%u",
                      i);
    }
    trace_fail(&trace.rings[0], (MESSAGES - 1) % 3, "reset");
    while (take(0)) {
        first = taken == 0 ? (uint32_t)record.time_ns : first;
        assert_int_equal(record.connection, (MESSAGES - 1) % 3);
        assert_int_equal(record.time_ns,
                         record.kind == TRACE_NOTE ? MESSAGES - 1 : first + 3 * taken);
        taken++;
    }
    assert_in_range(first, 1, MESSAGES - 1000);
    assert_int_equal(trace_left_out(&trace.rings[0]), 0);
}

/* --- Lines. */

static struct trace_clock clock_of_text;
static char lines[TRACE_LINES_BYTES_MAX];

static const char *lines_of(enum trace_kind kind, int64_t time_ns, const char *words,
                            const void *bytes, uint32_t count)
{
    struct trace_record made = {
        .kind = kind,
        .time_ns = time_ns,
        .bytes = count,
        .kept_bytes = (uint16_t)(count < TRACE_KEPT_BYTES ? count : TRACE_KEPT_BYTES)};
    trace_text(&clock_of_text, &made, words, bytes, lines);
    return lines;
}

static void assert_columns(void)
{
    for (const char *line = lines; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 1, TRACE_COLUMNS);
    }
}

static void test_lines_count_from_the_connect(void **state)
{
    (void)state;
    clock_of_text = (struct trace_clock){.origin_ns = 5 * NS_PER_S, .from_ns = 5 * NS_PER_S};
    assert_string_equal(lines_of(TRACE_CONNECT, 7 * NS_PER_S, "connects", NULL, 0),
                        "   0.000000  connects (at 2.000000 s of the run)\n");
    assert_string_equal(
        lines_of(TRACE_SENT, 7 * NS_PER_S + 1500000, "3 bytes", "a\x01z", 3),
        "   0.001500  -> 3 bytes\n"
        "             0000  61 01 7a                                         a.z\n");
    assert_string_equal(lines_of(TRACE_NOTE, 8 * NS_PER_S, "`echo` takes it", NULL, 0),
                        "                `echo` takes it\n");
}

static void test_long_messages_and_words_stay_readable(void **state)
{
    (void)state;
    uint8_t message[2000];
    char words[TRACE_TEXT_BYTES_MAX + 1];
    memset(message, 'm', sizeof message);
    lines_of(TRACE_RECEIVED, 0, "2000 bytes", message, sizeof message);
    assert_columns();
    assert_non_null(strstr(lines, "00f0  6d 6d"));
    assert_non_null(strstr(lines, "\n             ... and 1744 more\n"));
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    lines_of(TRACE_NOTE, 0, words, NULL, 0);
    assert_columns();
    for (size_t i = 7; i < sizeof words - 2; i += 8) {
        words[i] = ' ';
    }
    lines_of(TRACE_EVENT, 0, words, NULL, 0);
    assert_columns();
    assert_null(strstr(lines, "www \n"));
}

static void test_a_terminal_is_not_steered(void **state)
{
    (void)state;
    lines_of(TRACE_EVENT, 0, "\x1b[2J\x9b\n", NULL, 0);
    assert_string_equal(lines + 13, "?[2J??\n");
    lines_of(TRACE_RECEIVED, 0, "4 bytes", "\x1b[2J", 4);
    assert_null(strchr(lines, '\x1b'));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        TEST(test_only_the_connection_that_is_meant_is_kept),
        TEST(test_a_ring_that_is_not_read_leaves_out_and_counts),
        TEST(test_the_first_failure_has_its_history),
        TEST(test_a_history_forgets_its_oldest_records),
        cmocka_unit_test(test_lines_count_from_the_connect),
        cmocka_unit_test(test_long_messages_and_words_stay_readable),
        cmocka_unit_test(test_a_terminal_is_not_steered),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
