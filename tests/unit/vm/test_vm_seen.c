/* The vm: a time-out is judged by when the reply could have been seen, and clocks of several
 * programs. */
#include "vm_harness.h"

static int64_t seen_ns;

/* What has come in is known until seen_ns alone. */
static void look_until(int64_t until_ns)
{
    seen_ns = until_ns;
    bench.observer.seen_ns = &seen_ns;
}

static void test_reply_that_may_have_been_in_time_is_none_too_late(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO(", 'within': '300ms'") " ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    look_until(12 * MS);
    /* The program stood still for 400 ms; it looks again, and timers come before what came in. */
    bench_nothing(412 * MS);
    assert_int_equal(bench.requests_count, 0);
    assert_true(vm_next_time_ns(bench.vm) > 412 * MS); /* not again before the next look */
    bench_echo(412 * MS);
    assert_int_equal(bench.requests_count, 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench_last()->last_ns, 412 * MS);
    assert_int_equal(bench.late_count, 0);
}

static void test_missing_reply_times_out_at_the_next_look(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'loop': [ " BENCH_ECHO(", 'within': '300ms'") ", { 'expect': { 'optional': true, "
                                                       "'within': '50ms' } }, " BENCH_ECHO("") " ]",
        false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    look_until(309 * MS);
    bench_nothing(500 * MS);
    look_until(500 * MS);
    bench_nothing(501 * MS);
    assert_int_equal(bench.requests_count, 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    assert_int_equal(bench_last()->last_ns, 310 * MS);
    /* The optional one begins now, and is as patient. */
    look_until(520 * MS);
    bench_nothing(600 * MS);
    bench_receive(600 * MS, 9, "x", 1);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_close_that_may_have_been_in_time_counts(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'on_disconnect': 'reconnect', 'loop': [ { 'reconnect': 'now' }, { 'expect_close': "
               "'100ms' } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_take(10 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 10 * MS);
    look_until(20 * MS);
    bench_nothing(200 * MS);
    assert_true(vm_next_time_ns(bench.vm) > 200 * MS);
    assert_true(vm_on_closed(bench.vm, 200 * MS));
    assert_int_equal(bench.requests_count, 0);
    assert_int_equal(bench.ended_count, 1);
}

static void test_thinks_and_barriers_end_by_the_clock(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '20ms' }, { 'barrier': { 'name': 'b', 'within': '30ms' } }, "
               "{ 'mark': 'on' } ]",
               false);
    bench_ready();
    look_until(2 * MS);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_take(30 * MS, VM_ACTION_BARRIER);
    bench_nothing(60 * MS);
    assert_int_equal(bench.marks_count, 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_BARRIER);
}

static void test_lane_is_not_free_before_the_run_allows_it(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 40 * MS, 41 * MS);
    bench_send(42 * MS);
    bench_echo(43 * MS);
    assert_int_equal(bench_last()->intended_ns, 10 * MS);
    assert_int_equal(bench_last()->free_ns, 40 * MS);
}

static void test_fanout_is_on_the_clock_of_the_run(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'send': { 'id': 1, 'body': { 'text': '${stamp_ns}' } } } ], 'on_push': "
               "[ { 'match': { 'id': 2 }, 'fanout': 'dec@0' } ]",
               false);
    bench.identity.run_clock_offset_ns = 3000 * NS_PER_S;
    bench.vm =
        vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_assert_sent(13, "3000010000000"); /* ns */
    bench_receive(15 * MS, 2, bench.sent.body, 13);
    assert_int_equal(bench.fanout_ns, 5 * MS);
    assert_int_equal(bench.pushes_wrong_count, 0);
    bench_receive(15 * MS, 2, "3000015100000", 13); /* a clock known to 0.1 ms */
    assert_int_equal(bench.fanout_ns, 0);
    assert_int_equal(bench.pushes_wrong_count, 0);
    bench_receive(15 * MS, 2, "3000515000000", 13);
    assert_int_equal(bench.pushes_wrong_count, 1);
}

static int64_t ready_within_ms(const char *setup)
{
    char behavior[512];
    snprintf(behavior, sizeof behavior, "'setup': [ %s ]", setup);
    bench_open("'connect_timeout': '2s'", behavior, true);
    int64_t within_ns = program_ready_within_ns(bench.scenario);
    bench_close(NULL);
    return within_ns / MS;
}

static void test_setup_may_take_as_long_as_its_steps(void **state)
{
    (void)state;
    assert_int_equal(ready_within_ms("{ 'set': { 'x': 1 } }"), 0);
    assert_int_equal(ready_within_ms("{ 'think': '13s' }, " BENCH_ECHO(", 'within': '14s'")),
                     27000);
    assert_int_equal(ready_within_ms("{ 'repeat': { 'times': 4, 'steps': [ { 'think': { "
                                     "'uniform': [ '1s', '2s' ] } } ] } }"),
                     8000);
    assert_int_equal(ready_within_ms("{ 'if': { 'value': 1, 'equals': 1, 'then': [ { 'barrier': "
                                     "'b' } ], 'else': [ { 'think': '1s' } ] } }"),
                     30000);
    assert_int_equal(ready_within_ms("{ 'think': '1s' }, { 'at': '3s' }"), 3000);
    assert_int_equal(ready_within_ms("{ 'reconnect': { 'after': '1s', 'back_off': { 'first': "
                                     "'1s', 'most': '4s', 'tries': 3 } } }, { 'at': '1s' }"),
                     3000 + 12000 + 1000);
    assert_int_equal(
        ready_within_ms("{ 'think': { 'pareto': { 'least': '1s', 'alpha': 1, 'most': '3s' } } }"),
        3000);
    assert_int_equal(ready_within_ms("{ 'choose': [ { 'steps': [ { 'think': '1s' } ] }, { "
                                     "'steps': [ { 'think': '2s' } ] } ] }"),
                     2000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_reply_that_may_have_been_in_time_is_none_too_late),
        TEST(test_missing_reply_times_out_at_the_next_look),
        TEST(test_close_that_may_have_been_in_time_counts),
        TEST(test_thinks_and_barriers_end_by_the_clock),
        TEST(test_lane_is_not_free_before_the_run_allows_it),
        TEST(test_fanout_is_on_the_clock_of_the_run),
        TEST(test_setup_may_take_as_long_as_its_steps),
    };
    return cmocka_run_group_tests_name("vm_seen", tests, NULL, NULL);
}
