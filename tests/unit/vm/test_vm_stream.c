/* The vm under every framing; raw streams, whose replies are so many bytes. */
#include "vm_harness.h"

#define RAW "'framing': { 'type': 'raw' },"

/* Bytes of the stream, in one run. */
static void receive_run(int64_t now_ns, const void *bytes, uint32_t bytes_count)
{
    struct frame frame = {
        .bytes = bytes, .bytes_count = bytes_count, .body = bytes, .body_bytes = bytes_count};
    vm_on_message(bench.vm, &frame, now_ns - 1, now_ns);
}

static void begin(const char *request)
{
    char behavior[512];
    snprintf(behavior, sizeof behavior, "'loop': [ { 'request': { 'name': 'r', %s } } ]", request);
    bench_open_with(RAW, "'rate': '1/s'", behavior, false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
}

static void test_echo_of_a_stream_is_compared_piece_by_piece(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        uint8_t body[600];
        begin("'send': { 'body': { 'random': { 'bytes': 600 } } }, 'verify': 'same_body'");
        memcpy(body, bench.sent.body, 600);
        body[417] ^= (uint8_t)wrong;
        receive_run(11 * MS, body, 1);
        receive_run(12 * MS, body + 1, 300);
        assert_int_equal(bench.requests_count, 0);
        receive_run(13 * MS, body + 301, 299);
        assert_int_equal(bench_last()->outcome, wrong ? VM_OUTCOME_MISMATCH : VM_OUTCOME_OK);
        assert_int_equal(bench_last()->first_ns, 11 * MS - 1);
        assert_int_equal(bench_last()->last_ns, 13 * MS);
        assert_int_equal(bench.unsolicited_count, 0);
        bench_close(NULL);
    }
}

static void test_reply_of_so_many_bytes(void **state)
{
    (void)state;
    begin("'send': { 'body': { 'text': 'GET /' } }, 'bytes': 12, 'count': 2, 'verify': { "
          "'starts_with': { 'text': 'HTTP/1.1' } }");
    receive_run(11 * MS, "HTTP/1.1 200HTT", 15); /* the end of one and the beginning of the next */
    assert_int_equal(bench.requests_count, 0);
    receive_run(12 * MS, "P/1.1 404more", 13);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.unsolicited_count, 1); /* "more" */
    bench_close(NULL);
    begin("'send': { 'body': { 'text': 'GET /' } }, 'bytes': 12, 'verify': { 'starts_with': { "
          "'text': 'HTTP/1.1' } }");
    receive_run(11 * MS, "HTTP/1.0 200", 12);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
}

static void test_reply_that_equals(void **state)
{
    (void)state;
    begin("'send': { 'body': { 'text': 'PING' } }, 'verify': { 'equals': { 'text': '+PONG' } }");
    receive_run(11 * MS, "+PO", 3);
    receive_run(12 * MS, "NG", 2);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_late_bytes_are_absorbed(void **state)
{
    (void)state;
    bench_open_with(RAW, "'rate': '1/s'",
                    "'loop': [ { 'request': { 'send': { 'body': { 'text': 'abcdef' } }, 'verify': "
                    "'same_body', 'within': '20ms' } } ]",
                    false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    receive_run(11 * MS, "ab", 2);
    bench_nothing(30 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    vm_on_arrival(bench.vm, 40 * MS, 40 * MS, 40 * MS);
    bench_send(40 * MS);
    receive_run(41 * MS, "cdefabc", 7); /* four late bytes, then the new reply */
    assert_int_equal(bench.late_count, 1);
    receive_run(42 * MS, "def", 3);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_late_bytes_beyond_counting_are_absorbed(void **state)
{
    (void)state;
    bench_open_with(RAW, "'rate': '1/s'",
                    "'loop': [ { 'request': { 'send': { 'body': { 'text': 'a' } }, "
                    "'bytes': 16777216, 'count': 300, 'within': '20ms' } }, "
                    "{ 'request': { 'send': { 'body': { 'text': 'b' } }, 'bytes': 1, "
                    "'within': '20ms' } }, "
                    "{ 'request': { 'send': { 'body': { 'text': 'c' } }, 'bytes': 1 } } ]",
                    false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_send(30 * MS); /* the first one has timed out, and now the second does */
    bench_send(50 * MS);
    assert_int_equal(bench.requests_count, 2);
    receive_run(51 * MS, "x", 1);
    assert_int_equal(bench.late_count, 1);
    assert_int_equal(bench.requests_count, 2);
}

static void echo_under(const char *framing)
{
    char root[256];
    snprintf(root, sizeof root, "'framing': %s,", framing);
    bool has_id = strstr(framing, "'id_bytes'") != NULL && strstr(framing, "'id_bytes': 0") == NULL;
    char behavior[256];
    snprintf(behavior, sizeof behavior,
             "'loop': [ { 'request': { 'send': { %s 'body': { 'random': { 'bytes': 16 } } }, "
             "'verify': 'same_body' } } ]",
             has_id ? "'id': 7," : "");
    bench_open_with(root, "'rate': '1/s'", behavior, false);
    bench_ready();
    for (int64_t i = 1; i <= 3; i++) {
        vm_on_arrival(bench.vm, 10 * i * MS, 10 * i * MS, 10 * i * MS);
        bench_send(10 * i * MS);
        assert_int_equal(bench.sent.body_bytes, 16);
        assert_int_equal(bench.sent.id, has_id ? 7 : 0);
        bench_echo((10 * i + 1) * MS);
        assert_int_equal(bench.requests_count, i);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    }
    bench_close(NULL);
}

static void test_every_framing(void **state)
{
    (void)state;
    static const char *const orders[] = {"little", "big"};
    int count = 0;
    for (int size = 1; size <= 4; size *= 2) {
        for (int id = 0; id <= 4; id++) {
            for (int offset = 0; offset <= 3; offset += 3) {
                for (int form = 0; form < 8; form++) {
                    char framing[256];
                    /* The id behind the size, or before it where there is room. */
                    int id_offset = form >= 4 && offset >= id ? offset - id : offset + size;
                    snprintf(
                        framing, sizeof framing,
                        "{ 'type': 'length', 'size_bytes': %d, 'size_offset': %d, 'id_bytes': "
                        "%d, 'id_offset': %d, 'byte_order': '%s', 'size_includes_header': %s }",
                        size, offset, id, id_offset, orders[form & 1],
                        (form & 2) != 0 ? "true" : "false");
                    echo_under(framing);
                    count++;
                }
            }
        }
    }
    assert_int_equal(count, 240);
    echo_under("{ 'type': 'delimiter', 'delimiter': '\\r\\n' }");
    echo_under("{ 'type': 'delimiter', 'delimiter': { 'hex': '00' } }");
    echo_under("{ 'type': 'fixed', 'bytes': 16 }");
    echo_under("{ 'type': 'raw' }");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_echo_of_a_stream_is_compared_piece_by_piece),
        TEST(test_reply_of_so_many_bytes),
        TEST(test_reply_that_equals),
        TEST(test_late_bytes_are_absorbed),
        TEST(test_late_bytes_beyond_counting_are_absorbed),
        TEST(test_every_framing),
    };
    return cmocka_run_group_tests_name("vm stream", tests, NULL, NULL);
}
