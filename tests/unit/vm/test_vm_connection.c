/* The vm: the connection's life. Disconnects, reconnects, closes nobody asked for, stop and cut. */
#include "vm_harness.h"

static void test_connect_echo_disconnect(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'setup': [ { 'disconnect': 'fin' } ], 'loop': [ { 'reconnect': 'now' }, " BENCH_ECHO(
            "") ", { 'disconnect': 'rst' } ]",
        false);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_DISCONNECT);
    assert_int_equal(bench.action.disconnect, DISCONNECT_FIN);
    bench_nothing(2 * MS);
    assert_true(vm_on_closed(bench.vm, 3 * MS));
    bench_take(3 * MS, VM_ACTION_READY);
    assert_true(vm_has_free_lane(bench.vm)); /* its loop connects by itself */
    for (int i = 0; i < 2; i++) {
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        assert_false(vm_has_free_lane(bench.vm));
        bench_take(10 * MS, VM_ACTION_CONNECT);
        assert_int_equal(bench.action.not_before_ns, 10 * MS);
        bench_nothing(10 * MS);
        vm_on_connected(bench.vm, 12 * MS);
        bench_send(12 * MS);
        bench_echo(13 * MS);
        assert_int_equal(bench_last()->intended_ns, 10 * MS); /* when the pass was due */
        assert_int_equal(bench_last()->free_ns, 12 * MS);
        bench_take(13 * MS, VM_ACTION_DISCONNECT);
        assert_int_equal(bench.action.disconnect, DISCONNECT_RST);
        assert_int_equal(bench.ended_count, i);
        assert_true(vm_on_closed(bench.vm, 14 * MS));
        assert_int_equal(bench.ended_count, i + 1);
        assert_int_equal(bench.busy_ns[i], 4 * MS);
        bench_nothing(14 * MS);
    }
    vm_on_stop(bench.vm, 20 * MS);
    bench_take(20 * MS, VM_ACTION_FINISHED); /* there is no connection to tear down */
    bench_nothing(20 * MS);
}

static void test_reconnect_closes_first_and_waits_after(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") ", { 'reconnect': { 'after': '1s' } } ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_echo(11 * MS);
    bench_take(11 * MS, VM_ACTION_DISCONNECT);
    bench_nothing(11 * MS);
    assert_true(vm_on_closed(bench.vm, 12 * MS));
    bench_take(12 * MS, VM_ACTION_CONNECT);
    assert_int_equal(bench.action.not_before_ns, 1012 * MS);
    vm_on_connected(bench.vm, 1013 * MS);
    assert_int_equal(bench.ended_count, 1);
    bench_send(1013 * MS); /* the next pass; no second READY, no setup */
    assert_int_equal(bench.started_ns[1], 1013 * MS);
}

static void test_disconnect_waits_for_all_lanes(void **state)
{
    (void)state;
    bench_open("'in_flight': 3",
               "'loop': [ " BENCH_ECHO("") ", { 'disconnect': 'fin' }, { 'reconnect': 'now' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    uint8_t bodies[3][8];
    for (int i = 0; i < 3; i++) {
        bench_send(10 * MS);
        memcpy(bodies[i], bench.sent.body, 8);
    }
    bench_receive(11 * MS, 1, bodies[0], 8);
    bench_nothing(11 * MS);
    bench_receive(12 * MS, 1, bodies[1], 8);
    bench_nothing(12 * MS);
    bench_receive(13 * MS, 1, bodies[2], 8);
    bench_take(13 * MS, VM_ACTION_DISCONNECT);
    bench_nothing(13 * MS);
    assert_true(vm_on_closed(bench.vm, 14 * MS));
    bench_take(14 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 15 * MS);
    assert_int_equal(bench.ended_count, 3);
    for (int i = 0; i < 3; i++) {
        bench_send(15 * MS);
    }
    bench_nothing(15 * MS);
}

static void test_no_arrival_while_lanes_wait_for_each_other(void **state)
{
    (void)state;
    bench_open("'in_flight': 3, 'rate': '1/s'",
               "'loop': [ " BENCH_ECHO("") ", { 'reconnect': 'now' } ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    uint8_t first[8];
    memcpy(first, bench.sent.body, 8);
    vm_on_arrival(bench.vm, 11 * MS, 11 * MS, 11 * MS);
    bench_send(11 * MS);
    assert_true(vm_has_free_lane(bench.vm));
    bench_receive(12 * MS, 1, first, 8);
    assert_false(vm_has_free_lane(bench.vm));
    bench_echo(13 * MS);
    bench_take(13 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 14 * MS);
    bench_take(14 * MS, VM_ACTION_CONNECT);
    assert_false(vm_has_free_lane(bench.vm));
    vm_on_connected(bench.vm, 15 * MS);
    assert_int_equal(bench.ended_count, 2);
    assert_true(vm_has_free_lane(bench.vm));
}

static void test_half_close_then_reconnect(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'loop': [ { 'reconnect': 'now' }, { 'send': { 'id': 1 } }, { 'disconnect': 'half' },"
        " { 'expect': { 'match': { 'id': 2 } } }, { 'think': '10ms' } ]",
        false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_take(10 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 11 * MS);
    bench_take(11 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 12 * MS);
    bench_send(12 * MS);
    bench_take(12 * MS, VM_ACTION_DISCONNECT);
    assert_int_equal(bench.action.disconnect, DISCONNECT_HALF);
    bench_nothing(12 * MS);
    bench_receive(13 * MS, 2, NULL, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_true(vm_on_closed(bench.vm, 14 * MS)); /* the server ends its half: as it should */
    bench_nothing(23 * MS);
    assert_int_equal(bench.ended_count, 1);
    /* The next time the server closes without the answer. */
    vm_on_arrival(bench.vm, 30 * MS, 30 * MS, 30 * MS);
    bench_take(30 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 31 * MS);
    bench_send(31 * MS);
    bench_take(31 * MS, VM_ACTION_DISCONNECT);
    assert_false(vm_on_closed(bench.vm, 33 * MS));
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_LOST);
    bench_take(33 * MS, VM_ACTION_FINISHED);
}

static void test_unexpected_close_loses_and_stops(void **state)
{
    (void)state;
    bench_open("'in_flight': 2",
               "'loop': [ " BENCH_ECHO("") " ], 'teardown': [ " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND); /* the second one was not yet sent */
    assert_false(vm_on_closed(bench.vm, 15 * MS));
    assert_int_equal(bench.requests_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bench.requests[i].outcome, VM_OUTCOME_LOST);
        assert_int_equal(bench.requests[i].intended_ns, 10 * MS);
        assert_int_equal(bench.requests[i].last_ns, 15 * MS);
        assert_false(bench.complete[i]);
    }
    assert_int_equal(bench.requests[0].sent_ns, 10 * MS);
    assert_int_equal(bench.requests[1].sent_ns, 0);
    assert_int_equal(bench.ended_count, 2);
    bench_take(15 * MS, VM_ACTION_FINISHED);
    bench_nothing(15 * MS);
    assert_true(vm_next_time_ns(bench.vm) == TIME_NEVER_NS);
}

static void test_unexpected_close_reconnects_and_plays_setup(void **state)
{
    (void)state;
    bench_open("",
               "'on_disconnect': 'reconnect', 'setup': [ { 'request': { 'name': 'login', "
               "'send': { 'id': 9 } } } ], 'loop': [ " BENCH_ECHO("") " ]",
               true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    assert_false(vm_on_closed(bench.vm, 3 * MS)); /* in setup already */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_LOST);
    bench_take(3 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 4 * MS);
    bench_send(4 * MS);
    bench_echo(5 * MS);
    bench_take(5 * MS, VM_ACTION_READY);
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    assert_int_equal(bench.sent.id, 1);
    uint8_t before[8];
    memcpy(before, bench.sent.body, 8);
    assert_false(vm_on_closed(bench.vm, 20 * MS));
    assert_int_equal(bench.ended_count, 1);
    bench_take(20 * MS, VM_ACTION_CONNECT);
    bench_nothing(20 * MS);
    vm_on_connected(bench.vm, 21 * MS);
    bench_send(21 * MS);
    assert_int_equal(bench.sent.id, 9);
    bench_echo(22 * MS);
    bench_send(22 * MS); /* the loop goes on, without a second READY */
    assert_int_equal(bench.sent.id, 1);
    assert_int_equal(bench.started_ns[1], 22 * MS);
    bench_receive(23 * MS, 1, before, 8); /* old replies mean nothing on a new connection */
    assert_int_equal(bench.late_count, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
}

static void test_timeout_can_reconnect(void **state)
{
    (void)state;
    bench_open("'in_flight': 2",
               "'loop': [ " BENCH_ECHO(", 'within': '100ms', 'on_timeout': 'reconnect'") " ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND);
    vm_on_sent(bench.vm, 1, 30 * MS);
    bench_take(110 * MS, VM_ACTION_DISCONNECT);
    assert_int_equal(bench.action.disconnect, DISCONNECT_RST);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench.requests[0].outcome, VM_OUTCOME_TIMED_OUT);
    assert_int_equal(bench.requests[1].outcome, VM_OUTCOME_LOST);
    assert_int_equal(bench.ended_count, 2);
    bench_nothing(110 * MS);
    assert_true(vm_on_closed(bench.vm, 111 * MS));
    bench_take(111 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 112 * MS);
    bench_send(112 * MS);
    bench_send(112 * MS);
    bench_nothing(112 * MS);
}

static void test_failed_connect_stops_or_backs_off(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") " ]", true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connect_failed(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_FINISHED);
    bench_nothing(2 * MS);
    bench_close(NULL);

    bench_open("", "'on_disconnect': 'reconnect', 'loop': [ " BENCH_ECHO("") " ]", true);
    int64_t now_ns = MS;
    int64_t most_ns = 100 * MS;
    for (int i = 0; i < 12; i++) {
        bench_take(now_ns, VM_ACTION_CONNECT);
        vm_on_connect_failed(bench.vm, now_ns);
        bench_take(now_ns, VM_ACTION_CONNECT);
        int64_t wait_ns = bench.action.not_before_ns - now_ns;
        assert_in_range(wait_ns, most_ns / 2, most_ns);
        now_ns += wait_ns;
        vm_on_connect_failed(bench.vm, now_ns);
        most_ns = most_ns * 4 < 5000 * MS ? most_ns * 4 : 5000 * MS;
    }
    bench_take(now_ns, VM_ACTION_CONNECT);
    vm_on_stop(bench.vm, now_ns);
    bench_take(now_ns, VM_ACTION_FINISHED);
}

static void test_stop_ends_the_pass_then_tears_down(void **state)
{
    (void)state;
    bench_open("",
               "'loop': [ " BENCH_ECHO("") ", { 'think': '1s' }, " BENCH_ECHO(
                   "") ", { 'think': '1s' } ], "
                       "'teardown': [ { 'request': { 'name': 'bye', 'send': { 'id': 5 } } } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    vm_on_stop(bench.vm, 11 * MS);
    bench_nothing(11 * MS);
    bench_echo(12 * MS);
    bench_send(1012 * MS); /* the pass is played to its end */
    bench_echo(1013 * MS);
    bench_nothing(1013 * MS);
    bench_send(2013 * MS); /* its last think, too, when it began after the stop */
    assert_int_equal(bench.sent.id, 5);
    assert_int_equal(bench.ended_count, 1);
    assert_true(bench.complete[0]);
    bench_echo(2014 * MS);
    bench_take(2014 * MS, VM_ACTION_FINISHED);
    bench_nothing(2014 * MS);
    assert_int_equal(bench.started_count, 1);
    assert_true(vm_on_closed(bench.vm, 2015 * MS));
}

static void test_stop_does_not_wait_for_a_trailing_think(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") ", { 'think': '60s' } ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_echo(12 * MS);
    bench_nothing(12 * MS);
    vm_on_stop(bench.vm, 20 * MS);
    assert_int_equal(bench.ended_count, 1);
    assert_true(bench.complete[0]);
    assert_int_equal(bench.busy_ns[0], 2 * MS);
    bench_take(20 * MS, VM_ACTION_FINISHED);
}

static void test_stop_while_connecting_or_idle(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ]", false);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_stop(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_FINISHED);
    vm_on_connected(bench.vm, 3 * MS); /* it had been on its way */
    bench_nothing(3 * MS);
    bench_close(NULL);
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ]", false);
    bench_ready();
    vm_on_stop(bench.vm, 3 * MS);
    assert_false(vm_has_free_lane(bench.vm));
    bench_take(3 * MS, VM_ACTION_FINISHED);
    assert_int_equal(bench.ended_count, 0);
}

static void test_stop_in_setup_lets_it_end(void **state)
{
    (void)state;
    bench_open("", "'setup': [ " BENCH_ECHO("") " ], 'loop': [ " BENCH_ECHO("") " ]", true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    vm_on_stop(bench.vm, 3 * MS);
    bench_nothing(3 * MS);
    bench_echo(4 * MS);
    bench_take(4 * MS, VM_ACTION_FINISHED);
    assert_int_equal(bench.started_count, 0);
}

static void test_cut_gives_up_and_still_tears_down(void **state)
{
    (void)state;
    bench_open("'in_flight': 2",
               "'loop': [ " BENCH_ECHO(
                   "") " ], 'teardown': [ { 'think': '1s' }, { 'request': { "
                       "'send': { 'id': 5 } } }, { 'send': { 'id': 6 } }, { 'expect': {} }, "
                       "{ 'disconnect': 'fin' } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND);
    vm_on_stop(bench.vm, 20 * MS);
    bench_nothing(20 * MS);
    vm_on_drain_end(bench.vm, 30 * MS);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench.requests[0].outcome, VM_OUTCOME_CUT);
    assert_int_equal(bench.requests[0].last_ns, 30 * MS);
    assert_int_equal(bench.requests[1].outcome, VM_OUTCOME_CUT);
    assert_int_equal(bench.requests[1].sent_ns, 0);
    assert_int_equal(bench.ended_count, 2);
    assert_false(bench.complete[0]);
    bench_send(30 * MS); /* teardown says its words without waiting for answers */
    assert_int_equal(bench.sent.id, 5);
    bench_send(30 * MS);
    assert_int_equal(bench.sent.id, 6);
    bench_take(30 * MS, VM_ACTION_DISCONNECT);
    assert_true(vm_on_closed(bench.vm, 31 * MS));
    bench_take(31 * MS, VM_ACTION_FINISHED);
    bench_nothing(31 * MS);
    assert_int_equal(bench.requests_count, 3); /* teardown's is counted as well */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_CUT);
}

static void test_cut_in_teardown_ends_it(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") " ], 'teardown': [ " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_stop(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_nothing(10 * MS);
    vm_on_drain_end(bench.vm, 20 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_CUT);
    bench_take(20 * MS, VM_ACTION_FINISHED);
    bench_nothing(20 * MS);
    vm_on_drain_end(bench.vm, 21 * MS); /* harmless */
    bench_nothing(21 * MS);
}

static void test_idle_behavior_only_holds_its_connection(void **state)
{
    (void)state;
    bench_open("", "'name': 'idle'", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_nothing(10 * MS);
    bench_receive(11 * MS, 1, "hello", 5);
    assert_int_equal(bench.unsolicited_count, 1);
    vm_on_stop(bench.vm, 20 * MS);
    bench_take(20 * MS, VM_ACTION_FINISHED);
    assert_int_equal(bench.started_count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_connect_echo_disconnect),
        TEST(test_reconnect_closes_first_and_waits_after),
        TEST(test_disconnect_waits_for_all_lanes),
        TEST(test_no_arrival_while_lanes_wait_for_each_other),
        TEST(test_half_close_then_reconnect),
        TEST(test_unexpected_close_loses_and_stops),
        TEST(test_unexpected_close_reconnects_and_plays_setup),
        TEST(test_timeout_can_reconnect),
        TEST(test_failed_connect_stops_or_backs_off),
        TEST(test_stop_ends_the_pass_then_tears_down),
        TEST(test_stop_does_not_wait_for_a_trailing_think),
        TEST(test_stop_while_connecting_or_idle),
        TEST(test_stop_in_setup_lets_it_end),
        TEST(test_cut_gives_up_and_still_tears_down),
        TEST(test_cut_in_teardown_ends_it),
        TEST(test_idle_behavior_only_holds_its_connection),
    };
    return cmocka_run_group_tests_name("vm connection", tests, NULL, NULL);
}
