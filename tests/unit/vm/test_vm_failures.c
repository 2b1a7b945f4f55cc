/* The vm: what follows from a reply that is wrong, and from a server that closes. */
#include "vm_harness.h"

#define ASK(members)                                                                               \
    "{ 'request': { 'send': { 'id': 1 }, 'verify': { 'equals': { 'text': 'ok' } }" members " } }"

static void ask(const char *members, const char *loop, bool closed_loop)
{
    char behavior[512];
    snprintf(behavior, sizeof behavior, "%s 'on_disconnect': 'reconnect', 'loop': [ %s ]", members,
             loop);
    bench_open(closed_loop ? "'in_flight': 2" : "'rate': '1/s', 'in_flight': 2", behavior,
               closed_loop);
    bench_ready();
}

/* The lane has been answered wrongly: the connection is made again. */
static void check_begins_again(int64_t now_ns)
{
    bench_take(now_ns, VM_ACTION_DISCONNECT);
    assert_int_equal(bench.action.disconnect, DISCONNECT_RST);
    assert_true(vm_on_closed(bench.vm, now_ns));
    bench_take(now_ns, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, now_ns);
}

static void test_a_wrong_reply_can_restart_the_connection(void **state)
{
    (void)state;
    static const char *const places[][2] = {
        {"", ASK(", 'on_mismatch': 'reconnect'")},
        {"'on_mismatch': 'reconnect',", ASK("")},
        {"'on_mismatch': 'fail',", ASK(", 'on_mismatch': 'reconnect'")},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        ask(places[i][0], places[i][1], false);
        vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
        bench_send(3 * MS);
        vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
        bench_send(3 * MS);
        bench_receive(4 * MS, 1, "no", 2);
        assert_int_equal(bench.requests[0].outcome, VM_OUTCOME_MISMATCH);
        assert_int_equal(bench.requests[1].outcome, VM_OUTCOME_LOST); /* the other lane's */
        assert_int_equal(bench.requests_count, 2);
        check_begins_again(4 * MS);
        assert_true(vm_has_free_lane(bench.vm));
        bench_close(NULL);
    }
}

static void test_a_wrong_reply_can_fail_the_run(void **state)
{
    (void)state;
    ask("'on_mismatch': 'fail',", ASK(""), false);
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_send(3 * MS);
    bench_receive(4 * MS, 1, "no", 2);
    bench_take(4 * MS, VM_ACTION_FAILED);
    assert_int_equal(bench.action.step, 0);
}

static void test_a_wrong_reply_is_only_counted_else(void **state)
{
    (void)state;
    ask("'on_timeout': 'fail',", ASK(""), false);
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_send(3 * MS);
    bench_receive(4 * MS, 1, "no", 2);
    bench_nothing(4 * MS);
    assert_int_equal(bench.ended_count, 1);
    vm_on_arrival(bench.vm, 5 * MS, 5 * MS, 5 * MS);
    bench_send(5 * MS);
    bench_take(5006 * MS, VM_ACTION_FAILED); /* the behavior's on_timeout holds for its steps */
}

static void test_a_capture_that_is_not_there_is_a_mismatch(void **state)
{
    (void)state;
    ask("",
        "{ 'request': { 'send': { 'id': 1 }, 'capture': { 'n': 'u32@0' }, 'on_mismatch': "
        "'reconnect' } }",
        false);
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_send(3 * MS);
    bench_receive(4 * MS, 1, "no", 2);
    check_begins_again(4 * MS);
}

/* The message has come before the expect began, which begins with others at once. */
static void test_a_kept_message_that_is_wrong_restarts_all_lanes(void **state)
{
    (void)state;
    ask("",
        "{ 'expect': { 'since': 'connected', 'verify': { 'equals': { 'text': 'ok' } }, "
        "'on_mismatch': 'reconnect' } }, { 'think': '1s' }",
        true);
    bench_receive(3 * MS, 1, "no", 2);
    vm_on_start(bench.vm, 4 * MS);
    assert_int_equal(bench.requests_count, 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
    assert_int_equal(bench.started_count, 1); /* the second lane does not begin on a lost cause */
    assert_int_equal(bench.ended_count, 1);
    check_begins_again(4 * MS);
    bench_receive(5 * MS, 1, "ok", 2);
    bench_nothing(5 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

#define EXPECTED "'on_close': 'expected',"

static void test_a_server_may_close_while_nothing_is_awaited(void **state)
{
    (void)state;
    for (int expected = 0; expected < 2; expected++) {
        ask(expected ? EXPECTED : "", "{ 'think': '1s' }, " ASK(""), false);
        assert_int_equal(vm_on_closed(bench.vm, 3 * MS), expected); /* between passes */
        bench_take(3 * MS, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, 4 * MS);
        vm_on_arrival(bench.vm, 5 * MS, 5 * MS, 5 * MS);
        bench_nothing(5 * MS);
        assert_int_equal(vm_on_closed(bench.vm, 6 * MS), expected); /* in a think */
        assert_int_equal(bench.ended_count, 1);
        assert_false(bench.complete[0]);
        bench_take(6 * MS, VM_ACTION_CONNECT);
        bench_close(NULL);
    }
}

static void test_a_close_while_a_reply_is_awaited_is_an_error(void **state)
{
    (void)state;
    for (int sent = 0; sent < 2; sent++) {
        ask(EXPECTED, ASK(""), false);
        vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
        if (sent) {
            bench_send(3 * MS);
        }
        assert_false(vm_on_closed(bench.vm, 4 * MS));
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_LOST);
        bench_close(NULL);
    }
}

static void test_a_close_that_is_expected_may_end_the_connection(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", EXPECTED "'loop': [ " ASK("") " ]", false);
    bench_ready();
    assert_true(vm_on_closed(bench.vm, 3 * MS));
    bench_take(3 * MS, VM_ACTION_FINISHED);
}

static void test_a_loop_that_connects_waits_for_its_next_pass(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               EXPECTED "'connect': 'in_loop', 'loop': [ { 'reconnect': 'now' }, " ASK("") " ]",
               false);
    bench_take(MS, VM_ACTION_READY);
    for (int64_t pass = 0; pass < 3; pass++) {
        int64_t at_ns = (10 + pass * 10) * MS;
        assert_true(vm_has_free_lane(bench.vm));
        vm_on_arrival(bench.vm, at_ns, at_ns, at_ns);
        bench_take(at_ns, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, at_ns);
        bench_send(at_ns);
        bench_receive(at_ns, 1, "ok", 2);
        bench_nothing(at_ns);
        assert_true(vm_on_closed(bench.vm, at_ns + MS));
        bench_nothing(at_ns + MS);
    }
    assert_int_equal(bench.ended_count, 3);
    assert_true(bench.complete[0] && bench.complete[1] && bench.complete[2]);
}

/* What a connection still owed, and what had not left on it, is of no meaning on the next one. */
static void test_the_next_connection_owes_nothing(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               EXPECTED "'connect': 'in_loop', 'loop': [ { 'reconnect': 'now' }, " ASK(
                   ", 'within': '10ms'") " ], 'every': [ { 'period': '10ms', 'send': { 'id': 5 } } "
                                         "]",
               false);
    bench_take(MS, VM_ACTION_READY);
    vm_on_arrival(bench.vm, 2 * MS, 2 * MS, 2 * MS);
    bench_take(2 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    while (bench_next(20 * MS)) { /* heartbeats, which do not leave */
        assert_int_equal(bench.action.lane, VM_LANE_NONE);
    }
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    assert_true(bench.beats[VM_BEAT_SENT] > 0);
    assert_true(vm_on_closed(bench.vm, 21 * MS));
    bench_nothing(21 * MS);
    vm_on_arrival(bench.vm, 30 * MS, 30 * MS, 30 * MS);
    bench_take(30 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 30 * MS);
    bench_take(30 * MS, VM_ACTION_SEND);
    vm_on_sent(bench.vm, 1, 30 * MS);
    bench_receive(31 * MS, 1, "ok", 2);
    assert_int_equal(bench.late_count, 0);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench_last()->sent_ns, 30 * MS);
}

/* As HTTP's Connection: close. The pass that would have begun there begins on the next one. */
static void test_no_pass_begins_behind_the_last_message(void **state)
{
    (void)state;
    for (int closed_loop = 0; closed_loop < 2; closed_loop++) {
        bench_open(closed_loop ? "" : "'rate': '1/s'",
                   "'on_close': 'expected', 'on_disconnect': 'reconnect', 'loop': [ " ASK("") " ]",
                   closed_loop);
        bench_ready();
        if (closed_loop) {
            vm_on_start(bench.vm, 3 * MS);
        } else {
            vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
        }
        bench_send(3 * MS);
        bench_receive_last(4 * MS, 1, "ok", 2);
        bench_nothing(4 * MS);
        assert_int_equal(bench.started_count, 1);
        assert_false(vm_has_free_lane(bench.vm));
        assert_true(vm_on_closed(bench.vm, 5 * MS));
        bench_take(5 * MS, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, 6 * MS);
        if (closed_loop) {
            bench_send(6 * MS);
            assert_int_equal(bench.started_count, 2);
        } else {
            assert_true(vm_has_free_lane(bench.vm));
        }
        assert_int_equal(bench.requests_count, 1);
        bench_close(NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_wrong_reply_can_restart_the_connection),
        TEST(test_a_wrong_reply_can_fail_the_run),
        TEST(test_a_wrong_reply_is_only_counted_else),
        TEST(test_a_capture_that_is_not_there_is_a_mismatch),
        TEST(test_a_kept_message_that_is_wrong_restarts_all_lanes),
        TEST(test_a_server_may_close_while_nothing_is_awaited),
        TEST(test_a_close_while_a_reply_is_awaited_is_an_error),
        TEST(test_a_close_that_is_expected_may_end_the_connection),
        TEST(test_a_loop_that_connects_waits_for_its_next_pass),
        TEST(test_the_next_connection_owes_nothing),
        TEST(test_no_pass_begins_behind_the_last_message),
    };
    return cmocka_run_group_tests_name("vm failures", tests, NULL, NULL);
}
