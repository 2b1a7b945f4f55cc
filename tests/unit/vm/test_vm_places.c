/* The vm: messages selected, judged and captured by places. */
#include "vm_harness.h"

/* A whole frame as its bytes. */
static void receive(int64_t now_ns, const void *bytes, uint32_t count)
{
    struct frame frame;
    size_t needed = 0;
    const struct framing *framing = bench.program->targets[vm_target(bench.vm)].framing;
    assert_int_equal(frame_decode(framing, bytes, count, &frame, &needed), FRAME_COMPLETE);
    vm_on_message(bench.vm, &frame, now_ns - 1, now_ns);
}

static void begin(const char *root, const char *load, const char *loop)
{
    char behavior[1024];
    snprintf(behavior, sizeof behavior, "'loop': [ %s ]", loop);
    bench_open_with(root, load, behavior, true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
}

/* What a match does not mention is not looked at, in a request as in an expect. */
static void test_match_without_an_id_accepts_any(void **state)
{
    (void)state;
    begin("", "",
          "{ 'request': { 'send': { 'id': 1, 'body': { 'text': 'abcd' } }, 'match': { 'field': "
          "'u32@0' } } }");
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, "abcx", 4);
    assert_int_equal(bench.requests_count, 0);
    bench_receive(12 * MS, 9, "abcd", 4);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_close(NULL);
    begin("", "", "{ 'request': { 'send': { 'id': 1 } } }"); /* without a match: the id sent */
    bench_send(10 * MS);
    bench_receive(11 * MS, 9, NULL, 0);
    assert_int_equal(bench.requests_count, 0);
    bench_receive(12 * MS, 1, NULL, 0);
    assert_int_equal(bench.requests_count, 1);
}

/* With what was sent, or a text that is put together: a reply with something else is wrong, where a
 * match would wait for another. */
static void test_verify_compares_with_what_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *verify;
        const char *right;
        const char *wrong;
    } cases[] = {
        {"'u16@2'", "xxcd", "abce"},
        {"{ 'at': 'u16be@0', 'sent': 'u16be@2' }", "cd", "ab"},
        {"{ 'at': 'u32@0 & 0xff', 'sent': 'u8@0' }", "axyz", "bxyz"},
        {"'text@1:3'", "xbcd", "xbce"},
        {"{ 'at': 'after(0x6b3d)', 'sent': 'text@0:4' }", "k=abcd", "k=abcde"},
        {"{ 'at': 'json(/n)', 'sent': 'text@0:4' }", "{\"n\": \"abcd\"}", "{\"n\": \"abc\"}"},
        {"{ 'at': 'u16@4', 'sent': 'u16@0' }", "....ab", "..ab"}, /* nothing is there */
        {"{ 'at': 'text@0', 'equals': 'at ${iteration}' }", "at 0", "at 01"},
        {"{ 'at': 'text@0', 'not_equals': 'at ${iteration}' }", "at 1", "at 0"},
        {"{ 'at': 'text@1', 'starts_with': 'at ${conn}' }", ":at 3x", ":at 4x"},
        {"{ 'at': 'json(/a)', 'equals': 'c${conn}-${lane}' }", "{\"a\":\"c3-0\"}", "{\"a\":3}"},
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
        const char *reply = i % 2 == 0 ? cases[i / 2].right : cases[i / 2].wrong;
        char loop[512];
        snprintf(loop, sizeof loop,
                 "{ 'request': { 'send': { 'id': 1, 'body': { 'text': 'abcd' } }, 'verify': { "
                 "'field': %s } } }",
                 cases[i / 2].verify);
        begin("", "", loop);
        bench_send(10 * MS);
        bench_receive(11 * MS, 1, reply, (uint32_t)strlen(reply));
        assert_int_equal(bench_last()->outcome, i % 2 == 0 ? VM_OUTCOME_OK : VM_OUTCOME_MISMATCH);
        bench_close(NULL);
    }
}

/* Replies in another order, told apart by their last four bytes. */
static void test_session_at_the_end(void **state)
{
    (void)state;
    begin("'framing': { 'type': 'length', 'size_bytes': 2, 'size_includes_header': false, "
          "'byte_order': 'big' },",
          "'in_flight': 2",
          "{ 'request': { 'send': { 'body': { 'fields': [ { 'string': 'q', 'length': 'none' }, { "
          "'u32': '${lane + 7}' } ] } }, 'match': { 'field': 'u32@-4' } } }");
    bench_send(10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 0, "a long reply\0\0\0\x08", 16);
    assert_int_equal(bench_last()->lane, 1);
    bench_receive(12 * MS, 0, "\0\0\0", 3); /* nobody's */
    assert_int_equal(bench.requests_count, 1);
    bench_receive(12 * MS, 0, "\0\0\0\x07", 4);
    assert_int_equal(bench_last()->lane, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_header_field_that_was_sent(void **state)
{
    (void)state;
    begin("'framing': { 'type': 'length', 'byte_order': 'big', 'header': [ { 'u16': "
          "'${random(0,65535)}', 'name': 'tid' }, { 'size': 'u16', 'plus': 0 } ] },",
          "'in_flight': 2",
          "{ 'request': { 'send': { 'body': { 'text': 'q' } }, 'match': { 'field': 'head.tid' }, "
          "'verify': { 'field': { 'at': 'size', 'equals': 1 } } } }");
    uint8_t messages[2][5];
    for (int i = 0; i < 2; i++) {
        bench_send(10 * MS);
        memcpy(messages[i], bench.message, sizeof messages[i]);
    }
    assert_memory_not_equal(messages[0], messages[1], 2);
    receive(11 * MS, messages[1], 5);
    assert_int_equal(bench_last()->lane, 1);
    receive(12 * MS, messages[0], 5);
    assert_int_equal(bench_last()->lane, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

/* Modbus and its like: the number of the message on its connection comes back with the reply. */
static void test_sequence_that_was_sent(void **state)
{
    (void)state;
    begin("'framing': { 'type': 'length', 'byte_order': 'big', 'header': [ { 'sequence': 'u16', "
          "'first': 300, 'name': 'tid' }, { 'size': 'u16', 'plus': 0 } ] },",
          "'in_flight': 3",
          "{ 'request': { 'send': { 'body': { 'text': 'q' } }, 'match': { 'field': 'head.tid' } } "
          "}");
    static const char *const MESSAGES[] = {"\x01\x2c\0\x01q", "\x01\x2d\0\x01q", "\x01\x2e\0\x01q"};
    for (int i = 0; i < 3; i++) {
        bench_send(10 * MS);
        assert_memory_equal(bench.message, MESSAGES[i], 5);
    }
    for (int i = 2; i >= 0; i--) {
        receive(11 * MS, MESSAGES[i], 5);
        assert_int_equal(bench.requests_count, 3 - i);
        assert_int_equal(bench_last()->lane, i);
    }
}

/* A message that was kept for an expect still has its header. */
static void test_header_of_a_kept_message(void **state)
{
    (void)state;
    begin(
        "'framing': { 'type': 'length', 'header': [ { 'u8': 0, 'name': 'kind' }, { 'size': 'u8', "
        "'plus': 0 } ], 'tail': [ { 'u8': 206 } ] },",
        "",
        "{ 'think': '5ms' }, { 'expect': { 'match': { 'field': { 'at': 'head.kind', 'equals': 7 } "
        "}, 'verify': { 'equals': { 'text': 'ab' } }, 'capture': { 'k': 'head.kind' } } }, { "
        "'send': { 'body': { 'text': '${k}' } } }, { 'think': '1s' }");
    receive(11 * MS,
            "\x07\x02"
            "ab\xce",
            5);
    bench_send(15 * MS);
    bench_assert_sent(1, "7");
}

static void test_texts_select(void **state)
{
    (void)state;
    begin("'framing': { 'type': 'delimiter', 'delimiter': '\\n' },", "",
          "{ 'request': { 'send': { 'body': { 'text': 'GET key-1' } }, 'match': { 'field': { 'at': "
          "'text@6:5', 'sent': 'text@4:5' } }, 'capture': { 'token': { 'after': 't=' } } } }, { "
          "'request': { 'send': { 'body': { 'text': 'x' } }, 'match': { 'field': { 'at': "
          "'after(0x743d)', 'equals': '${token}' } } } }, { 'request': { 'send': { 'body': { "
          "'text': 'y' } }, 'match': { 'starts_with': { 'text': '250 ' } } } }");
    bench_send(10 * MS);
    receive(11 * MS, "VALUE key-2 t=a\n", 16);
    assert_int_equal(bench.requests_count, 0);
    receive(11 * MS, "VALUE key-1 t=abc\n", 18);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_send(12 * MS);
    receive(13 * MS, "t=ab\n", 5);
    receive(13 * MS, "t=abcd\n", 7);
    assert_int_equal(bench.requests_count, 1);
    receive(13 * MS, "t=abc\n", 6);
    assert_int_equal(bench.requests_count, 2);
    bench_send(14 * MS);
    receive(15 * MS, "250-first\n", 10);
    assert_int_equal(bench.requests_count, 2);
    receive(15 * MS, "250 last\n", 9);
    assert_int_equal(bench.requests_count, 3);
}

/* Late replies are absorbed by the place that they would have had. */
static void test_late_text_is_absorbed(void **state)
{
    (void)state;
    begin("'framing': { 'type': 'delimiter', 'delimiter': '\\n' },", "",
          "{ 'request': { 'send': { 'body': { 'text': 'k${iteration}' } }, 'match': { 'field': "
          "'text@0:2' }, 'within': '5ms' } }");
    bench_send(10 * MS);
    bench_send(15 * MS);
    receive(16 * MS, "k0\n", 3);
    assert_int_equal(bench.late_count, 1);
    receive(16 * MS, "k1\n", 3);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_captures_out_of_json_and_protobuf(void **state)
{
    (void)state;
    begin("", "",
          "{ 'request': { 'send': { 'id': 1 }, 'capture': { 'name': 'json(/p/0/name)', 'gold': "
          "'dec(json(/p/0/gold))' } } }, { 'request': { 'send': { 'id': 1, 'body': { 'text': "
          "'${name} ${gold + 1}' } }, 'capture': { 'n': 'pb(2.1)', 's': 'pb(3, string)' } } }, { "
          "'request': { 'send': { 'id': 1, 'body': { 'text': '${s}${n * 2}' } } } }");
    static const char json[] = "{\"p\":[{\"gold\":41,\"name\":\"a\\\"\\u00e9\"}]}";
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, json, sizeof json - 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_send(12 * MS);
    bench_assert_sent(7, "a\"\xc3\xa9 42");
    bench_receive(13 * MS, 1, "\x12\x02\x08\x15\x1a\x02hi", 8);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_send(14 * MS);
    bench_assert_sent(4, "hi42");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_verify_compares_with_what_is_known),
        TEST(test_match_without_an_id_accepts_any),
        TEST(test_session_at_the_end),
        TEST(test_header_field_that_was_sent),
        TEST(test_sequence_that_was_sent),
        TEST(test_header_of_a_kept_message),
        TEST(test_texts_select),
        TEST(test_late_text_is_absorbed),
        TEST(test_captures_out_of_json_and_protobuf),
    };
    return cmocka_run_group_tests_name("vm_places", tests, NULL, NULL);
}
