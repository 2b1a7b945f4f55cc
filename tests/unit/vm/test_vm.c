/* The vm: steps, times, outcomes. Replies are in test_vm_replies.c, the connection's life in
 * test_vm_connection.c. */
#include "vm_harness.h"

static void test_connects_then_is_ready_then_waits(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ]", false);
    assert_false(vm_has_free_lane(bench.vm));
    bench_ready();
    assert_true(vm_has_free_lane(bench.vm));
    assert_int_equal(bench.started_count, 0);
    assert_true(vm_next_time_ns(bench.vm) == TIME_NEVER_NS);
}

static void test_setup_is_played_before_ready(void **state)
{
    (void)state;
    bench_open("", "'setup': [ " BENCH_ECHO("") " ], 'loop': [ " BENCH_ECHO("") " ]", true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    bench_nothing(2 * MS);
    vm_on_start(bench.vm, 3 * MS); /* t0 came while setup was under way */
    bench_nothing(3 * MS);
    bench_echo(4 * MS);
    assert_int_equal(bench.requests_count, 1);
    assert_int_equal(bench_last()->intended_ns, 2 * MS);
    assert_int_equal(bench.started_count, 1); /* setup is not a pass; the first one begins now */
    assert_int_equal(bench.started_ns[0], 4 * MS);
    bench_take(4 * MS, VM_ACTION_READY);
    bench_send(4 * MS);
}

static void test_closed_loop_goes_on_from_the_last_completion(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    for (int64_t i = 0; i < 5; i++) {
        bench_send((10 + i) * MS);
        bench_nothing((10 + i) * MS);
        bench_echo((11 + i) * MS);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        assert_int_equal(bench_last()->intended_ns, (10 + i) * MS);
        assert_int_equal(bench_last()->free_ns, (10 + i) * MS);
        assert_int_equal(bench_last()->sent_ns, (10 + i) * MS);
        assert_int_equal(bench_last()->first_ns, (11 + i) * MS - 1);
        assert_int_equal(bench_last()->last_ns, (11 + i) * MS);
        assert_int_equal(bench.busy_ns[i], MS);
        assert_true(bench.complete[i]);
    }
    assert_int_equal(bench.ended_count, 5);
    assert_int_equal(bench.started_count, 6);
}

static void test_open_loop_keeps_the_arrival_as_intended_time(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    assert_false(vm_has_free_lane(bench.vm));
    bench_send(10 * MS);
    bench_echo(15 * MS);
    assert_int_equal(bench_last()->intended_ns, 10 * MS);
    assert_int_equal(bench_last()->free_ns, 10 * MS); /* before it was due it waits for nobody */
    assert_true(vm_has_free_lane(bench.vm));
    bench_nothing(15 * MS);
    /* Due at 11 ms, started at 15 ms when the connection was free, sent at 16 ms. */
    vm_on_arrival(bench.vm, 11 * MS, 11 * MS, 15 * MS);
    bench_send(16 * MS);
    bench_echo(20 * MS);
    assert_int_equal(bench_last()->intended_ns, 11 * MS);
    assert_int_equal(bench_last()->free_ns, 15 * MS);
    assert_int_equal(bench_last()->sent_ns, 16 * MS);
    assert_int_equal(bench.busy_ns[1], 9 * MS); /* from when it was due */
}

static void test_later_requests_are_intended_at_completion_plus_think(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ " BENCH_ECHO("") ", { 'think': '30ms' }, " BENCH_ECHO("") " ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_echo(20 * MS);
    bench_nothing(20 * MS);
    bench_nothing(49 * MS);
    assert_int_equal(vm_next_time_ns(bench.vm), 50 * MS);
    bench_send(52 * MS); /* the driver was late */
    bench_echo(60 * MS);
    assert_int_equal(bench_last()->intended_ns, 50 * MS);
    assert_int_equal(bench_last()->free_ns, 50 * MS);
    assert_int_equal(bench_last()->sent_ns, 52 * MS);
    assert_int_equal(bench.busy_ns[0], 20 * MS); /* 10 and 10: without the think */
}

static void test_late_lane_thinks_as_long_as_others(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '30ms' }, " BENCH_ECHO("") " ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(40 * MS);
    bench_echo(60 * MS);
    /* Due at 50 ms, free at 60 ms: thinks until 90 ms, although 80 ms was intended. */
    vm_on_arrival(bench.vm, 50 * MS, 50 * MS, 60 * MS);
    bench_nothing(89 * MS);
    bench_send(90 * MS);
    bench_echo(91 * MS);
    assert_int_equal(bench_last()->intended_ns, 80 * MS);
    assert_int_equal(bench_last()->free_ns, 90 * MS);
    assert_int_equal(bench.busy_ns[1], 11 * MS);
}

static void test_trailing_think_keeps_the_lane_busy(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") ", { 'think': '30ms' } ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_echo(20 * MS);
    bench_nothing(20 * MS);
    assert_false(vm_has_free_lane(bench.vm));
    assert_int_equal(bench.ended_count, 0);
    bench_nothing(50 * MS);
    assert_true(vm_has_free_lane(bench.vm));
    assert_int_equal(bench.busy_ns[0], 10 * MS);
    vm_on_arrival(bench.vm, 45 * MS, 45 * MS, 51 * MS);
    bench_send(51 * MS);
    bench_echo(52 * MS);
    assert_int_equal(bench_last()->free_ns, 50 * MS); /* when the think was over */
}

static void test_deadline_counts_from_when_it_was_sent(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO(", 'within': '100ms'") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND);
    vm_on_sent(bench.vm, UINT32_MAX, 40 * MS);
    bench_nothing(139 * MS); /* may be earlier than needed, never later */
    assert_true(vm_next_time_ns(bench.vm) <= 140 * MS);
    assert_int_equal(bench.requests_count, 0);
    bench_take(145 * MS, VM_ACTION_SEND);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    assert_int_equal(bench_last()->intended_ns, 10 * MS);
    assert_int_equal(bench_last()->sent_ns, 40 * MS);
    assert_int_equal(bench_last()->first_ns, 0);
    assert_int_equal(bench_last()->last_ns, 140 * MS); /* the deadline, not when it was noticed */
    assert_int_equal(bench.started_ns[1], 140 * MS);
}

static void test_deadline_of_an_unsent_request_counts_from_submission(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO(", 'within': '100ms'") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND);
    bench_nothing(109 * MS);
    bench_take(110 * MS, VM_ACTION_SEND);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    assert_int_equal(bench_last()->sent_ns, 0);
    assert_int_equal(bench_last()->last_ns, 110 * MS);
    /* Stamping goes in order: the one given up takes the first stamp. */
    vm_on_sent(bench.vm, 1, 120 * MS);
    vm_on_sent(bench.vm, 1, 130 * MS);
    bench_nothing(229 * MS);
    bench_take(230 * MS, VM_ACTION_SEND);
    assert_int_equal(bench_last()->sent_ns, 130 * MS);
}

static void test_reply_at_the_deadline_is_too_late(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO(", 'within': '100ms'") " ]", false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_echo(110 * MS - 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    vm_on_arrival(bench.vm, 200 * MS, 200 * MS, 200 * MS);
    bench_send(200 * MS);
    bench_echo(300 * MS); /* before vm_next() could see the time */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    assert_int_equal(bench.late_count, 1);
    assert_int_equal(bench.requests_count, 2);
}

static void test_repeat_plays_its_steps_so_often(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'repeat': { 'times': 3, 'steps': [ " BENCH_ECHO(
                   "") ", { 'repeat': { 'times': 2, 'steps': [ " BENCH_ECHO("") " ] } } ] } } ]",
               false);
    bench_ready();
    uint8_t bodies[18][8];
    for (int pass = 0, n = 0; pass < 2; pass++) {
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        for (int i = 0; i < 9; i++, n++) {
            bench_send(10 * MS);
            memcpy(bodies[n], bench.sent.body, 8);
            for (int j = 0; j < n; j++) {
                assert_memory_not_equal(bodies[n], bodies[j], 8); /* each round its own bytes */
            }
            bench_echo(10 * MS);
        }
        bench_nothing(10 * MS);
        assert_int_equal(bench.ended_count, pass + 1);
    }
    assert_int_equal(bench.requests_count, 18);
}

static void test_plain_sends_wait_until_they_have_left(void **state)
{
    (void)state;
    /* Without that a closed loop of sends would never give the driver a chance to send. */
    bench_open("",
               "'loop': [ { 'send': { 'id': 7, 'body': { 'text': 'a' } } }, "
               "{ 'send': { 'id': 8 } } ]",
               true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND);
    assert_int_equal(bench.action.step, PROGRAM_STEP_NONE);
    assert_int_equal(bench.sent.id, 7);
    assert_int_equal(bench.sent.body_bytes, 1);
    bench_nothing(10 * MS);
    assert_true(vm_on_sent(bench.vm, UINT32_MAX, 11 * MS));
    assert_true(vm_next_time_ns(bench.vm) <= 11 * MS);
    bench_send(11 * MS);
    assert_int_equal(bench.sent.id, 8);
    assert_int_equal(bench.sent.body_bytes, 0);
    assert_int_equal(bench.ended_count, 1);
    assert_int_equal(bench.busy_ns[0], MS);
    assert_int_equal(bench.requests_count, 0); /* a send is no request */
}

static void test_send_then_expect(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'send': { 'id': 1, 'body': { 'text': 'a' } } }, "
               "{ 'send': { 'id': 1, 'body': { 'text': 'bc' } } }, "
               "{ 'expect': { 'match': { 'id': 9 } } }, "
               "{ 'expect': { 'match': { 'id': 5 }, 'verify': 'same_body' } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_send(11 * MS);
    bench_nothing(11 * MS);
    bench_receive(12 * MS, 8, "x", 1); /* not what is waited for */
    assert_int_equal(bench.unsolicited_count, 1);
    bench_receive(12 * MS, 9, "x", 1);
    bench_receive(13 * MS, 5, "bc", 2); /* right behind it, before any vm_next() */
    assert_int_equal(bench.requests_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bench.requests[i].step, PROGRAM_STEP_NONE);
        assert_int_equal(bench.requests[i].outcome, VM_OUTCOME_OK);
    }
    assert_int_equal(bench.ended_count, 1);
}

static void test_thinks_are_drawn_within_their_bounds_and_repeat(void **state)
{
    (void)state;
    int64_t ends_ns[2][20];
    bench_open("'rate': '1/s'", "'loop': [ { 'think': { 'uniform': ['10ms', '20ms'] } } ]", false);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            bench.identity.connection = i;
            vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer,
                    MS);
            bench_ready();
            vm_on_arrival(bench.vm, 100 * MS, 100 * MS, 100 * MS);
            ends_ns[round][i] = vm_next_time_ns(bench.vm);
            assert_in_range(ends_ns[round][i], 110 * MS, 120 * MS);
        }
    }
    assert_memory_equal(ends_ns[0], ends_ns[1], sizeof ends_ns[0]);
    assert_true(ends_ns[0][2] != ends_ns[0][3]); /* connections differ */
}

static void test_exponential_thinks_have_their_mean(void **state)
{
    (void)state;
    bench_open("", "'loop': [ { 'think': { 'exponential': '10ms' } } ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    int64_t now_ns = 10 * MS;
    for (int i = 0; i < 20000; i++) {
        now_ns = vm_next_time_ns(bench.vm);
        bench_nothing(now_ns);
        bench.started_count = bench.ended_count = 0;
    }
    /* The mean of 20,000 draws lies within 4% but once in a hundred million seeds. */
    assert_in_range((now_ns - 10 * MS) / 20000, 9600000, 10400000);
}

static void test_on_timeout_fail_is_an_action(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO(", 'within': '100ms', 'on_timeout': 'fail'") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_take(110 * MS, VM_ACTION_FAILED);
    assert_int_equal(bench.action.step, 0);
    assert_string_equal(bench.program->step_names[0], "echo");
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
}

static void test_vm_of_one_lane_is_small(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") " ]", true);
    assert_true(vm_memory_bytes(bench.program) <= 336);
    assert_true(vm_seldom_bytes(bench.program) <= 144);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_connects_then_is_ready_then_waits),
        TEST(test_setup_is_played_before_ready),
        TEST(test_closed_loop_goes_on_from_the_last_completion),
        TEST(test_open_loop_keeps_the_arrival_as_intended_time),
        TEST(test_later_requests_are_intended_at_completion_plus_think),
        TEST(test_late_lane_thinks_as_long_as_others),
        TEST(test_trailing_think_keeps_the_lane_busy),
        TEST(test_deadline_counts_from_when_it_was_sent),
        TEST(test_deadline_of_an_unsent_request_counts_from_submission),
        TEST(test_reply_at_the_deadline_is_too_late),
        TEST(test_repeat_plays_its_steps_so_often),
        TEST(test_plain_sends_wait_until_they_have_left),
        TEST(test_send_then_expect),
        TEST(test_thinks_are_drawn_within_their_bounds_and_repeat),
        TEST(test_exponential_thinks_have_their_mean),
        TEST(test_on_timeout_fail_is_an_action),
        TEST(test_vm_of_one_lane_is_small),
    };
    return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
