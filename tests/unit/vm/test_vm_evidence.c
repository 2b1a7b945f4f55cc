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
    assert_failed(0, ERROR_KIND_MISMATCH, 12 * MS,
                  "a message of id 1, the same as was sent: 7 bytes \"hello 3\"",
                  "a message of id 1 with 7 bytes, another from byte 4 on");
    assert_int_equal(failed[0].bytes_count, 7);
    assert_memory_equal(failed[0].bytes, "hellO 3", 7);
    bench_send(13 * MS);
    bench_receive(14 * MS, 2, "\xff\xff", 2);
    assert_failed(1, ERROR_KIND_MISMATCH, 14 * MS, "a message of id 2, i16@0 >= 0",
                  "a message of id 2 with 2 bytes, i16@0 = -1");
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
    assert_failed(0, ERROR_KIND_RESPONSE_TIMEOUT, 110 * MS,
                  "a message of id 9 with u16@0 = 7, within 100 ms",
                  "a message of id 8 with 3 bytes");
    assert_int_equal(failed[0].bytes_count, 3);
    bench_close(NULL);
    begin("", loop);
    bench_receive(9 * MS, 8, "x", 1); /* before it was sent */
    bench_send(10 * MS);
    bench_nothing(110 * MS);
    assert_failed(0, ERROR_KIND_RESPONSE_TIMEOUT, 110 * MS,
                  "a message of id 9 with u16@0 = 7, within 100 ms", "nothing");
    assert_int_equal(failed[0].bytes_count, 0);
}

static bool half_a_reply(void *context, struct error *words, struct span *bytes)
{
    (void)context;
    error_set(words, "5 bytes of a message of 64 bytes");
    *bytes = (struct span){.data = (const uint8_t *)"@\0\t\0a", .bytes = 5};
    return true;
}

static void test_time_out_shows_half_a_reply(void **state)
{
    (void)state;
    static const char loop[] =
        "{ 'request': { 'name': 'a', 'send': { 'id': 1 }, 'within': '100ms' } }";
    begin("", loop);
    bench.observer.waiting = half_a_reply;
    bench_send(10 * MS);
    bench_nothing(110 * MS);
    assert_failed(0, ERROR_KIND_RESPONSE_TIMEOUT, 110 * MS, "a message of id 1, within 100 ms",
                  "5 bytes of a message of 64 bytes");
    assert_int_equal(failed[0].bytes_count, 5);
    assert_memory_equal(failed[0].bytes, "@\0\t\0a", 5);
    bench_close(NULL);
    begin("", loop);
    bench.observer.waiting = half_a_reply;
    bench_send(10 * MS);
    bench_receive(12 * MS, 8, "x", 1);
    bench_nothing(110 * MS);
    assert_failed(0, ERROR_KIND_RESPONSE_TIMEOUT, 110 * MS, "a message of id 1, within 100 ms",
                  "a message of id 8 with 1 byte, then 5 bytes of a message of 64 bytes");
}

/* Whatever the place: what was expected there and what was found. */
static void test_places_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *rest; /* of the request */
        const char *reply;
        const char *expected; /* behind "a message of id 1" */
        const char *found;
    } cases[] = {
        {"'verify': { 'field': { 'at': 'u32@4', 'equals': 7 } }", "abc", ", u32@4 = 7",
         ", without u32@4"},
        {"'verify': { 'field': { 'at': 'dec@1', 'at_most': 7 } }", "x8y", ", dec@1 <= 7",
         ", dec@1 = 8"},
        {"'verify': { 'field': { 'at': 'dec@1', 'at_most': 7 } }", "xy", ", dec@1 <= 7",
         ", with no such number at dec@1"},
        {"'verify': { 'field': { 'at': 'text@1:2', 'equals': 'ab' } }", "xac",
         ", text@1:2 = \"ab\"", ", text@1:2 = \"ac\""},
        {"'verify': { 'field': { 'at': 'text@-2', 'not_equals': 'ac' } }", "xac",
         ", text@-2 != \"ac\"", ", text@-2 = \"ac\""},
        {"'verify': { 'field': { 'at': 'text@0', 'starts_with': '250' } }", "550 no",
         ", text@0 beginning with \"250\"", ", text@0 = \"550 no\""},
        {"'verify': { 'field': { 'at': 'json(/hp)', 'greater_than': 0 } }", "{\"hp\":-1.5}",
         ", json(/hp) > 0", ", json(/hp) = -1.5"},
        {"'verify': { 'field': { 'at': 'json(/hp)', 'equals': 1 } }", "{\"hp\":\"1\"}",
         ", json(/hp) = 1", ", with no such number at json(/hp)"},
        {"'verify': { 'field': { 'at': 'json(/s)', 'equals': 'ok' } }", "{\"s\":\"n\\u006f\"}",
         ", json(/s) = \"ok\"", ", json(/s) = \"no\""},
        {"'verify': { 'field': { 'at': 'json(/s)', 'equals': 'ok' } }", "HTTP",
         ", json(/s) = \"ok\"", ", with no JSON at json(/s)"},
        {"'verify': { 'field': { 'at': 'pb(1)', 'equals': 2 } }", "\x08\x03", ", pb(1) = 2",
         ", pb(1) = 3"},
        {"'verify': { 'field': { 'at': 'size', 'equals': 2 } }", "abc", ", size = 2", ", size = 3"},
        {"'capture': { 'x': 'u8@0', 'y': { 'after': 'id=', 'until': ';' } }", "id=7",
         ", with u8@0, after('id=')..until(';')", ", without after('id=')..until(';')"},
        {"'capture': { 'x': 'dec(text@0)' }", "4x", ", with dec(text@0)",
         ", with no such number at dec(text@0)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char steps[512];
        char expected[256];
        char found[256];
        size_t bytes = strlen(cases[i].reply);
        snprintf(steps, sizeof steps, "{ 'request': { 'name': 'a', 'send': { 'id': 1 }, %s } }",
                 cases[i].rest);
        snprintf(expected, sizeof expected, "a message of id 1%s", cases[i].expected);
        snprintf(found, sizeof found, "a message of id 1 with %zu bytes%s", bytes, cases[i].found);
        begin("", steps);
        bench_send(10 * MS);
        bench_receive(12 * MS, 1, cases[i].reply, (uint32_t)bytes);
        assert_failed(0, ERROR_KIND_MISMATCH, 12 * MS, expected, found);
        bench_close(NULL);
    }
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
    assert_failed(0, ERROR_KIND_RESPONSE_TIMEOUT, 110 * MS, "256 bytes, within 100 ms",
                  "153 bytes");
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
    assert_failed(0, ERROR_KIND_RESPONSE_TIMEOUT, 60 * MS,
                  "a message of id 5 (2 of them), within 50.0 ms", "1 of them");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_mismatch_says_where_it_differs),   TEST(test_time_out_says_what_came_instead),
        TEST(test_time_out_shows_half_a_reply),      TEST(test_places_are_named),
        TEST(test_short_reply_of_a_stream_is_shown), TEST(test_expects_share_one_place),
    };
    return cmocka_run_group_tests_name("vm_evidence", tests, NULL, NULL);
}
