/* The vm: barriers, closes that are expected, coming back with pauses. */
#include "vm_harness.h"

static void test_barrier_waits_until_it_opens(void **state)
{
    (void)state;
    bench_open("", "'setup': [ { 'barrier': 'in' } ], 'loop': [ " BENCH_ECHO("") " ]", true);
    bench_take(MS, VM_ACTION_CONNECT);
    assert_true(vm_barrier(bench.vm) == VM_BARRIER_NONE);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_BARRIER);
    assert_int_equal(bench.action.barrier, 0);
    assert_int_equal(vm_barrier(bench.vm), 0);
    bench_nothing(1000 * MS);
    vm_on_barrier_open(bench.vm, 1, 1000 * MS); /* another one */
    bench_nothing(1000 * MS);
    vm_on_barrier_open(bench.vm, 0, 1001 * MS);
    assert_true(vm_barrier(bench.vm) == VM_BARRIER_NONE);
    bench_take(1001 * MS, VM_ACTION_READY);
    assert_int_equal(bench.requests_count, 0);
}

static void test_barrier_waits_for_all_lanes(void **state)
{
    (void)state;
    bench_open("'in_flight': 2", "'loop': [ " BENCH_ECHO("") ", { 'barrier': 'x' } ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    uint8_t first[8];
    memcpy(first, bench.sent.body, 8);
    bench_send(10 * MS);
    bench_echo(11 * MS); /* believed to be the second lane's, by its body */
    bench_nothing(11 * MS);
    assert_true(vm_barrier(bench.vm) == VM_BARRIER_NONE);
    bench_receive(12 * MS, 1, first, 8);
    bench_take(12 * MS, VM_ACTION_BARRIER);
    vm_on_barrier_open(bench.vm, 0, 13 * MS);
    bench_send(13 * MS);
    bench_send(13 * MS); /* both go on */
    assert_int_equal(bench.ended_count, 2);
}

static void test_barrier_gives_up_in_time(void **state)
{
    (void)state;
    bench_open("",
               "'loop': [ { 'barrier': { 'name': 'x', 'within': '100ms' } }, { 'think': '1s' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_BARRIER);
    assert_true(vm_next_time_ns(bench.vm) <= 110 * MS);
    bench_nothing(110 * MS - 1);
    assert_int_equal(bench.requests_count, 0);
    bench_nothing(110 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_BARRIER);
    assert_int_equal(bench_last()->step, PROGRAM_STEP_NONE);
    assert_true(vm_barrier(bench.vm) == VM_BARRIER_NONE);
    assert_true(vm_next_time_ns(bench.vm) == 1110 * MS); /* it thinks */
}

static void test_barrier_is_left_with_the_connection(void **state)
{
    (void)state;
    bench_open("", "'setup': [ { 'barrier': 'x' } ], 'loop': [ { 'think': '1s' } ]", true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_BARRIER);
    assert_false(vm_on_closed(bench.vm, 3 * MS));
    assert_true(vm_barrier(bench.vm) == VM_BARRIER_NONE);
    bench_take(3 * MS, VM_ACTION_FINISHED);
    assert_true(vm_next_time_ns(bench.vm) == TIME_NEVER_NS);
}

static void test_barrier_can_fail_the_run(void **state)
{
    (void)state;
    bench_open("",
               "'setup': [ { 'barrier': { 'name': 'x', 'within': '100ms', 'on_timeout': 'fail' } } "
               "], 'loop': [ { 'think': '1s' } ]",
               true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_BARRIER);
    bench_take(102 * MS, VM_ACTION_READY);
    bench_take(102 * MS, VM_ACTION_FAILED);
}

#define QUIT                                                                                       \
    "'loop': [ { 'reconnect': 'now' }, { 'send': { 'id': 9 } }, { 'expect_close': '50ms' } ]"

static void test_expected_close_is_no_error(void **state)
{
    (void)state;
    bench_open("", QUIT, true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    for (int64_t pass = 0; pass < 3; pass++) {
        int64_t now_ns = (10 + pass) * MS;
        if (pass == 0) {
            bench_take(now_ns, VM_ACTION_DISCONNECT); /* the one of setup */
            vm_on_closed(bench.vm, now_ns);
        }
        bench_take(now_ns, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, now_ns);
        bench_send(now_ns);
        bench_nothing(now_ns);
        bench_receive(now_ns, 200, "bye", 3); /* a push may still come */
        assert_true(vm_on_closed(bench.vm, now_ns));
        assert_int_equal(bench.ended_count, pass + 1);
        assert_true(bench.complete[pass]);
    }
    assert_int_equal(bench.requests_count, 0);
    assert_int_equal(bench.unsolicited_count, 3);
}

static void test_close_that_does_not_come_is_an_error(void **state)
{
    (void)state;
    bench_open("", QUIT, true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_nothing(59 * MS);
    bench_take(60 * MS, VM_ACTION_DISCONNECT); /* ours then, so that the steps behind it hold */
    assert_int_equal(bench.action.disconnect, DISCONNECT_RST);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_NOT_CLOSED);
    assert_true(vm_on_closed(bench.vm, 61 * MS));
    bench_take(61 * MS, VM_ACTION_CONNECT);
    assert_int_equal(bench.ended_count, 1);
}

static void test_close_without_expecting_it_is_lost(void **state)
{
    (void)state;
    bench_open("",
               "'loop': [ " BENCH_ECHO("") ", { 'expect_close': '50ms' }, { 'reconnect': "
                                           "'now' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    assert_false(vm_on_closed(bench.vm, 11 * MS));
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_LOST);
}

static void test_reconnect_tries_again_with_pauses(void **state)
{
    (void)state;
    bench_open("",
               "'loop': [ { 'reconnect': { 'back_off': { 'first': '100ms', 'factor': 3, 'most': "
               "'1s' } } }, " BENCH_ECHO("") ", { 'disconnect': 'fin' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_CONNECT);
    static const int64_t most_ms[] = {100, 300, 900, 1000, 1000};
    for (int i = 0; i < 5; i++) {
        vm_on_connect_failed(bench.vm, 20 * MS);
        bench_take(20 * MS, VM_ACTION_CONNECT);
        int64_t pause_ns = bench.action.not_before_ns - 20 * MS;
        assert_in_range(pause_ns, most_ms[i] * MS / 2, most_ms[i] * MS);
    }
    vm_on_connected(bench.vm, 30 * MS); /* the pass goes on where it was */
    bench_send(30 * MS);
    bench_echo(31 * MS);
    bench_take(31 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 31 * MS);
    assert_int_equal(bench.ended_count, 1);
    bench_take(31 * MS, VM_ACTION_CONNECT);
    vm_on_connect_failed(bench.vm, 32 * MS);
    bench_take(32 * MS, VM_ACTION_CONNECT);
    assert_in_range(bench.action.not_before_ns - 32 * MS, 50 * MS, 100 * MS); /* from the first */
}

static void test_tries_have_an_end(void **state)
{
    (void)state;
    bench_open("",
               "'loop': [ { 'reconnect': { 'back_off': { 'tries': 2 } } }, " BENCH_ECHO(
                   "") ", { 'disconnect': 'fin' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_CONNECT);
    vm_on_connect_failed(bench.vm, 20 * MS);
    bench_take(20 * MS, VM_ACTION_CONNECT);
    vm_on_connect_failed(bench.vm, 30 * MS);
    bench_take(30 * MS, VM_ACTION_FINISHED);
    assert_false(bench.complete[0]);
}

static void test_behavior_comes_back_with_its_own_pauses(void **state)
{
    (void)state;
    bench_open("",
               "'on_disconnect': { 'reconnect': { 'first': '400ms', 'most': '2s' } }, 'loop': [ "
               "{ 'think': '1s' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    assert_false(vm_on_closed(bench.vm, 20 * MS));
    bench_take(20 * MS, VM_ACTION_CONNECT);
    assert_in_range(bench.action.not_before_ns - 20 * MS, 200 * MS, 400 * MS);
    vm_on_connect_failed(bench.vm, 500 * MS);
    bench_take(500 * MS, VM_ACTION_CONNECT);
    assert_in_range(bench.action.not_before_ns - 500 * MS, 200 * MS, 400 * MS);
    vm_on_connect_failed(bench.vm, 1000 * MS);
    bench_take(1000 * MS, VM_ACTION_CONNECT);
    assert_in_range(bench.action.not_before_ns - 1000 * MS, 400 * MS, 800 * MS);
}

static void test_receiving_is_turned_off_and_on(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'receive': 'off' }, { 'think': '50ms' }, { 'receive': 'on' } ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_take(10 * MS, VM_ACTION_RECEIVE);
    assert_false(bench.action.receives);
    bench_nothing(59 * MS);
    bench_take(60 * MS, VM_ACTION_RECEIVE);
    assert_true(bench.action.receives);
    bench_nothing(60 * MS);
}

static void test_connecting_can_be_left_to_the_loop(void **state)
{
    (void)state;
    bench_open("",
               "'connect': 'in_loop', 'loop': [ { 'reconnect': { 'after': '20ms' } }, " BENCH_ECHO(
                   "") ", { 'disconnect': 'fin' } ]",
               true);
    bench_take(MS, VM_ACTION_READY);
    bench_nothing(MS);
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_CONNECT);
    assert_int_equal(bench.action.not_before_ns, 30 * MS);
    vm_on_connected(bench.vm, 30 * MS);
    bench_send(30 * MS);
    bench_echo(31 * MS);
    bench_take(31 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 31 * MS);
    assert_int_equal(bench.ended_count, 1);
    vm_on_stop(bench.vm, 32 * MS); /* it waits to connect again */
    vm_on_drain_end(bench.vm, 33 * MS);
    bench_take(33 * MS, VM_ACTION_FINISHED);
}

static void test_lives_differ(void **state)
{
    (void)state;
    uint8_t bodies[2][8];
    bench_open("", "'loop': [ " BENCH_ECHO("") " ]", true);
    for (uint32_t generation = 0; generation < 2; generation++) {
        bench.identity.generation = generation;
        vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
        bench_ready();
        vm_on_start(bench.vm, 10 * MS);
        bench_send(10 * MS);
        memcpy(bodies[generation], bench.sent.body, 8);
    }
    assert_memory_not_equal(bodies[0], bodies[1], 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_barrier_waits_until_it_opens),
        TEST(test_barrier_waits_for_all_lanes),
        TEST(test_barrier_gives_up_in_time),
        TEST(test_barrier_is_left_with_the_connection),
        TEST(test_barrier_can_fail_the_run),
        TEST(test_expected_close_is_no_error),
        TEST(test_close_that_does_not_come_is_an_error),
        TEST(test_close_without_expecting_it_is_lost),
        TEST(test_reconnect_tries_again_with_pauses),
        TEST(test_tries_have_an_end),
        TEST(test_behavior_comes_back_with_its_own_pauses),
        TEST(test_receiving_is_turned_off_and_on),
        TEST(test_connecting_can_be_left_to_the_loop),
        TEST(test_lives_differ),
    };
    return cmocka_run_group_tests_name("vm link", tests, NULL, NULL);
}
