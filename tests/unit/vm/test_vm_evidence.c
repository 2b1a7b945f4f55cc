/* The vm: the first failure of each step says what was awaited and what came. */
#include "vm_harness.h"

static struct vm_failed failed[3];
static struct vm_evidence evidence;

static void begin(const char *root, const char *loop)
{
    char behavior[1024];
    snprintf(behavior, sizeof behavior, "'loop': [ %s ]", loop);
    bench_open_with(root, "'rate': '1/s'", behavior, false);
    memset(failed, 0, sizeof failed);
    memset(&evidence, 0, sizeof evidence);
    evidence.failed = failed;
    evidence.steps_count = bench.program->steps_count;
    bench.observer.evidence = &evidence;
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
}

#define assert_failed(step, kind_expected, at, expected_text, found_text)                          \
    do {                                                                                           \
        assert_int_equal(failed[step].kind, kind_expected);                                        \
        assert_int_equal(failed[step].at_ns, at);                                                  \
        assert_int_equal(failed[step].connection, 3);                                              \
        assert_string_equal(failed[step].expected, expected_text);                                 \
        assert_string_equal(failed[step].found, found_text);                                       \
    } while (0)

static void test_mismatch_says_where_it_differs(void **state)
{
    (void)state;
    begin("", "{ 'request': { 'name': 'a', 'send': { 'id': 1, 'body': { 'text': 'hello ${conn}' } "
              "}, 'verify': 'same_body' } }, { 'request': { 'name': 'b', 'send': { 'id': 2 }, "
              "'verify': { 'field': { 'at': 'i16@0', 'at_least': 0 } } } }");
    bench_send(10 * MS);
    bench_receive(12 * MS, 1, "hellO 3", 7);
    assert_failed(0, VM_FAILURE_MISMATCH, 12 * MS,
                  "a message of id 1, the same as was sent: 7 bytes \"hello 3\"",
                  "a message of id 1 with 7 bytes, another from byte 4 on");
    assert_int_equal(failed[0].bytes_count, 7);
    assert_memory_equal(failed[0].bytes, "hellO 3", 7);
    bench_send(13 * MS);
    bench_receive(14 * MS, 2, "\xff\xff", 2);
    assert_failed(1, VM_FAILURE_MISMATCH, 14 * MS, "a message of id 2, i16@0 >= 0",
                  "a message of id 2 with 2 bytes");
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS); /* a second one changes nothing */
    bench_send(20 * MS);
    bench_receive(21 * MS, 1, "other", 5);
    assert_int_equal(failed[0].at_ns, 12 * MS);
}

static void test_time_out_says_what_came_instead(void **state)
{
    (void)state;
    static const char loop[] =
        "{ 'request': { 'name': 'a', 'send': { 'id': 1 }, 'match': { 'id': "
        "9, 'field': { 'at': 'u16@0', 'equals': 7 } }, 'within': '100ms' } }";
    begin("", loop);
    bench_send(10 * MS);
    bench_receive(12 * MS, 9, "\x08\x00", 2);
    bench_receive(13 * MS, 8, "\x01\x02\x03", 3);
    bench_nothing(110 * MS);
    assert_failed(0, VM_FAILURE_TIMED_OUT, 110 * MS,
                  "a message of id 9 with u16@0 = 7, within 100 ms",
                  "a message of id 8 with 3 bytes");
    assert_int_equal(failed[0].bytes_count, 3);
    bench_close(NULL);
    begin("", loop);
    bench_receive(9 * MS, 8, "x", 1); /* before it was sent */
    bench_send(10 * MS);
    bench_nothing(110 * MS);
    assert_failed(0, VM_FAILURE_TIMED_OUT, 110 * MS,
                  "a message of id 9 with u16@0 = 7, within 100 ms", "nothing");
    assert_int_equal(failed[0].bytes_count, 0);
}

static void test_short_reply_of_a_stream_is_shown(void **state)
{
    (void)state;
    begin(
        "'framing': { 'type': 'raw' },",
        "{ 'request': { 'name': 'a', 'send': { 'body': { 'text': 'x' } }, 'bytes': 256, 'within': "
        "'100ms' } }");
    bench_send(10 * MS);
    uint8_t reply[153];
    memset(reply, 'y', sizeof reply);
    bench_receive(12 * MS, 0, reply, 100);
    bench_receive(13 * MS, 0, reply, 53);
    bench_nothing(110 * MS);
    assert_failed(0, VM_FAILURE_TIMED_OUT, 110 * MS, "256 bytes, within 100 ms", "153 bytes");
    assert_int_equal(failed[0].bytes_count, 64);
    assert_memory_equal(failed[0].bytes, reply, 64);
}

static void test_expects_share_one_place(void **state)
{
    (void)state;
    begin("", "{ 'expect': { 'match': { 'id': 5 }, 'count': 2, 'within': '50ms' } }");
    bench_nothing(10 * MS);
    bench_receive(12 * MS, 5, "", 0);
    bench_nothing(60 * MS);
    assert_failed(0, VM_FAILURE_TIMED_OUT, 60 * MS, "a message of id 5 (2 of them), within 50.0 ms",
                  "1 of them");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_mismatch_says_where_it_differs),
        TEST(test_time_out_says_what_came_instead),
        TEST(test_short_reply_of_a_stream_is_shown),
        TEST(test_expects_share_one_place),
    };
    return cmocka_run_group_tests_name("vm_evidence", tests, NULL, NULL);
}
