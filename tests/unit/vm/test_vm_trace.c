/* The vm: what a traced connection says. */
#include "vm_harness.h"

#include "trace/trace_text.h"

static struct trace trace;
static char said[64 * 1024];

static void begin(const char *root, const char *load, const char *behavior)
{
    struct error error;
    assert_true(trace_open(&trace, 3, 1, &error));
    said[0] = '\0';
    bench_open_with(root, load, behavior, false);
    bench.observer.trace = &trace.rings[0];
    bench.identity.traced = true;
    vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
}

/* All lines since the beginning. */
static const char *read_all(void)
{
    static struct trace_clock from;
    struct trace_record record;
    char text[TRACE_TEXT_BYTES_MAX + 1];
    uint8_t data[TRACE_KEPT_BYTES];
    while (trace_take(&trace.rings[0], &record, text, data)) {
        char lines[TRACE_LINES_BYTES_MAX];
        size_t used = strlen(said);
        from = (struct trace_clock){0};
        trace_text(&from, &record, text, data, lines);
        snprintf(said + used, sizeof said - used, "%s", lines);
    }
    return said;
}

#define assert_said(line)                                                                          \
    do {                                                                                           \
        if (strstr(read_all(), line) == NULL) {                                                    \
            print_error("not said: %s\n%s", line, said);                                           \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static int end(void **state)
{
    trace_close(&trace);
    return bench_close(state);
}

static void test_a_request_and_its_reply(void **state)
{
    (void)state;
    begin("", "'rate': '1/s'", "'loop': [ " BENCH_ECHO("") ", { 'think': '200ms' } ]");
    bench_send(10 * MS);
    bench_echo(12 * MS);
    assert_said("   0.010000  pass 0 begins\n"
                "   0.010000  -> 12 bytes, id 1, body 8, by `echo`\n"
                "             0000  0c 00 01 00 ");
    assert_said("   0.012000  <- 12 bytes, id 1, body 8\n");
    assert_said("                `echo` takes it\n"
                "   0.012000  `echo` is done, 2.00 ms after it was sent\n"
                "   0.012000  thinks for 200 ms\n");
}

static void test_why_a_step_does_not_take_a_message(void **state)
{
    (void)state;
    begin("", "'rate': '1/s'",
          "'loop': [ { 'request': { 'name': 'a', 'send': { 'id': 1 }, 'match': { 'id': 9, 'field': "
          "{ 'at': 'u32@8', 'equals': 7 } }, 'within': '100ms' } } ]");
    bench_send(10 * MS);
    bench_receive(12 * MS, 8, "", 0);
    assert_said("                `a` does not take it: `match`: expected id 9, found 8\n"
                "                no step waits for it: it counts as a push\n");
    bench_receive(13 * MS, 9, "12345678\x09\x00\x00\x00", 12);
    assert_said(
        "                `a` does not take it: `match`: expected u32@8 = 7, found u32@8 = 9\n");
    bench_receive(14 * MS, 9, "1", 1);
    assert_said("`match`: expected u32@8 = 7, found a message without u32@8\n");
    bench_nothing(110 * MS);
    assert_said("   0.110000  `a` has timed out, 100 ms after it was sent: it waited for a message "
                "of id 9");
    bench_receive(120 * MS, 9, "12345678\x07\x00\x00\x00", 12);
    assert_said("                the late reply to a request that has timed out\n");
}

static void test_what_is_wrong_with_a_reply(void **state)
{
    (void)state;
    begin("", "'rate': '1/s'",
          "'loop': [ { 'request': { 'name': 'a', 'send': { 'id': 1 }, 'verify': { 'field': { 'at': "
          "'i16@0', 'at_least': 0 } } } }, { 'request': { 'name': 'b', 'send': { 'id': 2 }, "
          "'capture': { 'x': 'u32@0' } } } ]");
    bench_send(10 * MS);
    bench_receive(12 * MS, 1, "\xff\xff", 2);
    assert_said(
        "                `a` takes it: expected a message of id 1, i16@0 >= 0; found a message of "
        "id 1 with 2\n                bytes, i16@0 = -1\n"
        "   0.012000  `a` has the wrong reply, 2.00 ms after it was sent\n");
    bench_send(12 * MS);
    bench_receive(13 * MS, 2, "\xff\xff", 2);
    assert_said("`b` takes it: expected a message of id 2, with u32@0; found a message of id 2 "
                "with 2");
}

static void test_what_expects_and_rules_take(void **state)
{
    (void)state;
    begin("", "'rate': '1/s'",
          "'loop': [ { 'send': { 'id': 1 } }, { 'expect': { 'match': { 'id': 5 } } }, { 'barrier': "
          "'all' } ], 'on_push': [ { 'match': { 'id': 6 }, 'verify': { 'field': { 'at': 'u8@0', "
          "'equals': 1 } } } ]");
    bench_send(10 * MS);
    bench_nothing(10 * MS);
    bench_receive(12 * MS, 6, "\x02", 1);
    assert_said("by `send` (behaviors[0].loop[0])\n");
    assert_said("   0.010000  `expect` (behaviors[0].loop[1]) waits for a message of id 5\n");
    assert_said("rule 1 of `on_push` takes it: it is not what the rule says\n");
    bench_receive(13 * MS, 5, "", 0);
    assert_said("`expect` (behaviors[0].loop[1]) takes it\n");
    assert_said("   0.013000  waits at the barrier `all`\n");
}

static void test_lanes_have_numbers(void **state)
{
    (void)state;
    begin("", "'rate': '1/s', 'in_flight': 2", "'loop': [ " BENCH_ECHO("") " ]");
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    assert_said("lane 0 begins pass 0\n");
    assert_said("by `echo` of lane 0\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_and_its_reply),    TEST(test_why_a_step_does_not_take_a_message),
        TEST(test_what_is_wrong_with_a_reply), TEST(test_what_expects_and_rules_take),
        TEST(test_lanes_have_numbers),
    };
    return cmocka_run_group_tests_name("vm_trace", tests, NULL, NULL);
}
