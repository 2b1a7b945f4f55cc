/* The vm: what was sent last, as it was sent, is what a reply is compared with. */
#include "vm_harness.h"

#define SEND_X "{ 'send': { 'id': 1, 'body': { 'text': 'x=${x}' } } }"
#define SET_X  "{ 'set': { 'x': '${x + 1}' } }"

static void test_variables_may_change_after_the_send(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'setup': [ { 'set': { 'x': 7, 'name': 'anna' } } ], 'loop': [ { 'send': { 'id': 1, "
               "'body': { 'text': '${name} ${x} ${iteration}' } } }, " SET_X ", { 'set': { 'name': "
               "'a longer name' } }, { 'expect': { 'verify': 'same_body' } }, { 'set': { 'name': "
               "'anna' } } ]",
               false);
    bench_ready();
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "anna %d %d", 7 + i, i);
        vm_on_arrival(bench.vm, (10 + i) * MS, (10 + i) * MS, (10 + i) * MS);
        bench_send((10 + i) * MS);
        bench_assert_sent(strlen(text), text);
        bench_echo((10 + i) * MS);
        assert_int_equal(bench.requests_count, i + 1);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    }
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS);
    bench_send(20 * MS);
    bench_receive(20 * MS, 1, "a longer name 11 3", 18); /* what it would be now */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
}

static void test_captures_of_the_first_reply_do_not_change_the_second(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'setup': [ { 'set': { 'x': 7 } } ], 'loop': [ { 'request': { 'send': { 'id': 1, "
               "'body': { 'fields': [ { 'u32': '${x}' }, { 'u32': 5 } ] } }, 'count': 2, "
               "'verify': 'same_body', 'capture': { 'x': 'u32@4' } } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_echo(11 * MS);
    bench_echo(11 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_every_lane_goes_on_from_what_setup_sent(void **state)
{
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        char setup[512];
        snprintf(setup, sizeof setup,
                 "'setup': [ { 'set': { 'x': 3 } }, { 'send': { %s 'body': { 'text': "
                 "'${x}-${lane}-${random(100,999)}' } } } ], 'loop': [ { 'expect': { 'verify': "
                 "'same_body', 'within': '1s' } } ]",
                 raw ? "" : "'id': 1,");
        bench_open_with(raw ? "'framing': { 'type': 'raw' }," : "", "'rate': '1/s', 'in_flight': 3",
                        setup, false);
        bench_take(MS, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, 2 * MS);
        bench_send(2 * MS);
        bench_take(2 * MS, VM_ACTION_READY);
        for (int i = 0; i < 3; i++) {
            vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        }
        for (int i = 0; i < 3; i++) {
            bench_echo(11 * MS);
            assert_int_equal(bench.requests_count, i + 1);
            assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        }
        bench_close(NULL);
    }
}

static void test_nothing_sent_is_like_nothing(void **state)
{
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        char behavior[512];
        snprintf(behavior, sizeof behavior,
                 "'loop': [ { 'send': { %s 'body': { 'text': 'abc' } } } ], 'teardown': [ { "
                 "'expect': { %s 'verify': 'same_body', 'within': '300ms' } } ]",
                 raw ? "" : "'id': 1,", raw ? "'bytes': 3," : "");
        bench_open_with(raw ? "'framing': { 'type': 'raw' }," : "", "'rate': '1/s'", behavior,
                        false);
        bench_ready();
        vm_on_stop(bench.vm, 10 * MS); /* no pass was ever played */
        bench_nothing(10 * MS);
        bench_receive(11 * MS, 1, "abc", 3);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
        bench_take(11 * MS, VM_ACTION_FINISHED);
        bench_close(NULL);
    }
}

/* ${...} of what is expected is what it is now. */
static void test_what_is_expected_is_of_this_pass(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'setup': [ { 'send': { 'id': 1 } } ], 'loop': [ { 'expect': { 'verify': { 'equals': "
        "{ 'text': 'pass ${iteration}' } } } } ]",
        false);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    bench_take(2 * MS, VM_ACTION_READY);
    for (int i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "pass %d", i);
        vm_on_arrival(bench.vm, (10 + i) * MS, (10 + i) * MS, (10 + i) * MS);
        bench_receive((10 + i) * MS, 9, text, (uint32_t)strlen(text));
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_variables_may_change_after_the_send),
        TEST(test_captures_of_the_first_reply_do_not_change_the_second),
        TEST(test_every_lane_goes_on_from_what_setup_sent),
        TEST(test_nothing_sent_is_like_nothing),
        TEST(test_what_is_expected_is_of_this_pass),
    };
    return cmocka_run_group_tests_name("vm_sent", tests, NULL, NULL);
}
