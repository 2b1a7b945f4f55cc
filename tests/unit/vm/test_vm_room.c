/* Texts that are captured: what there is room for, and what is said when there is none. */
#include "vm_harness.h"

#include "scenario/value.h"

static struct vm_failed failed[2];
static struct vm_evidence evidence;
static uint8_t text[VALUE_TEXT_BYTES_LIMIT + 1];

/* Captures `t` from a reply, sends it between two others, and captures it again. */
static void begin(const char *place, bool keeps)
{
    char behavior[1024];
    snprintf(behavior, sizeof behavior,
             "'setup': [ { 'set': { 'a': 'before', 't': 'none' } } ], 'loop': [ { 'set': { 'z': "
             "'behind' } }, { 'request': { 'name': 'a', 'send': { 'id': 1 }, 'capture': { 't': %s "
             "} } }, { 'request': { 'name': 'b', 'send': { 'id': 2, 'body': { 'text': "
             "'${a}${t}${z}' } }, 'verify': 'same_body'%s } } ]",
             place, keeps ? ", 'capture': { 'z': 'text@0:6' }" : "");
    bench_open("'rate': '1/s'", behavior, false);
    memset(failed, 0, sizeof failed);
    memset(&evidence, 0, sizeof evidence);
    evidence.failed = failed;
    evidence.steps_count = bench.program->steps_count;
    bench.observer.evidence = &evidence;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)('a' + i % 26);
    }
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
}

static void check_captured(const char *place, uint32_t bytes, uint32_t kept_bytes)
{
    begin(place, true);
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, text, bytes);
    assert_int_equal(bench_last()->outcome,
                     kept_bytes == bytes ? VM_OUTCOME_OK : VM_OUTCOME_MISMATCH);
    bench_send(12 * MS);
    uint32_t sent_bytes = kept_bytes == bytes ? bytes : 4;
    assert_int_equal(bench.sent.body_bytes, 6 + sent_bytes + 6);
    assert_memory_equal(bench.sent.body, "before", 6);
    assert_memory_equal(bench.sent.body + 6, kept_bytes == bytes ? text : (const uint8_t *)"none",
                        sent_bytes);
    assert_memory_equal(bench.sent.body + 6 + sent_bytes, "behind", 6);
    bench_echo(13 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_close(NULL);
}

static void test_a_text_has_the_room_that_it_asks_for(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        uint32_t room;
    } places[] = {{"'text@0'", 128},
                  {"{ 'at': 'text@0' }", 128},
                  {"{ 'at': 'text@0', 'bytes_max': 1 }", 128}, /* the usual room costs nothing */
                  {"{ 'at': 'text@0', 'bytes_max': 129 }", 129},
                  {"{ 'at': 'text@0', 'bytes_max': 300 }", 300},
                  {"{ 'at': { 'after': 'a' }, 'bytes_max': 300 }", 301},
                  {"{ 'at': 'text@0', 'bytes_max': 4096 }", 4096}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint32_t room = places[i].room;
        if (strstr(places[i].place, "after") == NULL) {
            check_captured(places[i].place, 0, 0);
            check_captured(places[i].place, 1, 1);
            check_captured(places[i].place, room, room);
        }
        check_captured(places[i].place, room + 1, room);
    }
}

static void test_a_text_without_room_says_what_to_write(void **state)
{
    (void)state;
    begin("'text@0'", false);
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, text, 300);
    assert_int_equal(failed[0].kind, ERROR_KIND_MISMATCH);
    assert_non_null(strstr(failed[0].found, "(300 bytes): a capture has room for 128, more with { "
                                            "\"at\": ..., \"bytes_max\": 300 }"));
    bench_close(NULL);
    begin("{ 'at': 'text@0', 'bytes_max': 4096 }", false);
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, text, 4097);
    assert_non_null(strstr(failed[0].found, "(4097 bytes): a capture has room for 4096 at most"));
    bench_close(NULL);
}

static size_t memory_of(const char *place)
{
    begin(place, false);
    size_t bytes = vm_memory_bytes(bench.program);
    bench_close(NULL);
    return bytes;
}

/* The values of the lane, and those of its last message. */
static void test_the_room_is_bought_for_each_connection(void **state)
{
    (void)state;
    size_t usual = memory_of("'text@0'");
    assert_int_equal(memory_of("{ 'at': 'text@0', 'bytes_max': 128 }"), usual);
    assert_int_equal(memory_of("{ 'at': 'text@0', 'bytes_max': 2048 }"), usual + 2 * (2048 - 128));
}

/* All captures of a name have the largest room, and a `set` of it is cut to that. */
static void test_a_name_has_one_room(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'request': { 'send': { 'id': 1 }, 'capture': { 't': 'text@0' } } }, { "
               "'set': { 't': '${t}${t}${t}' } }, { 'send': { 'id': 2, 'body': { 'text': '${t}' } "
               "} }, { 'request': { 'send': { 'id': 1 }, 'capture': { 't': { 'at': 'text@0', "
               "'bytes_max': 500 } } } } ]",
               false);
    memset(text, 'x', sizeof text);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, text, 200);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_send(12 * MS);
    assert_int_equal(bench.sent.body_bytes, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_has_the_room_that_it_asks_for),
        cmocka_unit_test(test_a_text_without_room_says_what_to_write),
        cmocka_unit_test(test_the_room_is_bought_for_each_connection),
        cmocka_unit_test_teardown(test_a_name_has_one_room, bench_close),
    };
    return cmocka_run_group_tests_name("vm: room", tests, NULL, NULL);
}
