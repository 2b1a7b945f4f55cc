/* The vm: the moment a pass was due survives what stands before its first request, and every
 * nanosecond between due and sent has one owner. */
#include "vm_harness.h"

static struct vm_request plain; /* the last plain send */
static uint32_t plain_count;
static int64_t blocked_until_ns;

static void on_sent(void *context, int64_t intended_ns, int64_t free_ns, int64_t sent_ns)
{
    (void)context;
    plain_count++;
    plain.intended_ns = intended_ns;
    plain.free_ns = free_ns;
    plain.sent_ns = sent_ns;
}

static void open_bench(const char *load, const char *loop, bool closed_loop)
{
    char behavior[2048];
    snprintf(behavior, sizeof behavior, "'loop': [ %s ]", loop);
    plain_count = 0;
    blocked_until_ns = 0;
    bench_open(load, behavior, closed_loop);
    bench.observer.sent = on_sent;
    bench.observer.blocked_until_ns = &blocked_until_ns;
}

static int64_t wait_ns(const struct vm_request *request)
{
    int64_t held_ns = request->free_ns - request->intended_ns;
    return held_ns > 0 ? held_ns : 0;
}

/* What is left of sent - intended is this program's. */
#define assert_times(request, due, wait, lag)                                                      \
    do {                                                                                           \
        assert_int_equal((request)->intended_ns, (int64_t)(due));                                  \
        assert_int_equal(wait_ns(request), (int64_t)(wait));                                       \
        assert_int_equal((request)->sent_ns - (request)->intended_ns - wait_ns(request),           \
                         (int64_t)(lag));                                                          \
    } while (0)

static const char send_step[] = "{ 'send': { 'id': 7 } }, ";
static const char set_step[] = "{ 'set': { 'x': 1 } }, { 'mark': 'm' }, { 'log': 'l' }, { 'if': { "
                               "'value': 1, 'equals': 1, 'then': [ { 'set': { 'x': 2 } } ] } }, ";

static void open_with(const char *first, bool closed_loop)
{
    char loop[1024];
    snprintf(loop, sizeof loop, "%s%s", first, BENCH_ECHO(", 'within': '2s'"));
    open_bench(closed_loop ? "" : "'rate': '1/s'", loop, closed_loop);
    bench_ready();
}

static void test_plain_send_that_leaves_late_is_ours(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        open_with(send_step, closed != 0);
        if (closed) {
            vm_on_start(bench.vm, 10 * MS);
        } else {
            vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
        }
        bench_send(13 * MS);
        assert_int_equal(plain_count, 1);
        assert_times(&plain, 10 * MS, 0, 3 * MS);
        bench_send(14 * MS);
        bench_echo(20 * MS);
        assert_times(bench_last(), 10 * MS, 0, 4 * MS);
        assert_int_equal(bench.busy_ns[0], 10 * MS);
        bench_close(NULL);
    }
}

static void test_busy_socket_is_not_ours(void **state)
{
    (void)state;
    open_with(send_step, false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
    bench_take(11 * MS, VM_ACTION_SEND);
    blocked_until_ns = 500 * MS; /* of which 1 ms was lost before */
    vm_on_sent(bench.vm, UINT32_MAX, 502 * MS);
    assert_times(&plain, 10 * MS, 489 * MS, 3 * MS);
    bench_take(502 * MS, VM_ACTION_SEND);
    blocked_until_ns = 600 * MS;
    vm_on_sent(bench.vm, UINT32_MAX, 601 * MS);
    blocked_until_ns = 700 * MS; /* by others, later */
    bench_echo(800 * MS);
    assert_times(bench_last(), 10 * MS, 587 * MS, 4 * MS);
}

static void test_steps_that_take_no_time_move_nothing(void **state)
{
    (void)state;
    open_with(set_step, false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 12 * MS);
    bench_send(13 * MS);
    bench_echo(20 * MS);
    assert_times(bench_last(), 10 * MS, 0, 3 * MS);
}

/* The lane is free at 30 ms alone, for a pass that was due at 10 ms. */
static void test_late_lane_with_a_send_first(void **state)
{
    (void)state;
    open_with(send_step, false);
    vm_on_arrival(bench.vm, 5 * MS, 5 * MS, 5 * MS);
    bench_send(5 * MS);
    bench_send(5 * MS);
    bench_echo(30 * MS);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 31 * MS);
    bench_send(31 * MS);
    assert_times(&plain, 10 * MS, 20 * MS, MS);
    bench_send(33 * MS);
    bench_echo(40 * MS);
    assert_times(bench_last(), 10 * MS, 20 * MS, 3 * MS);
    assert_int_equal(bench.busy_ns[1], 30 * MS);
}

static void test_barrier_is_a_wait_for_others(void **state)
{
    (void)state;
    open_with("{ 'barrier': 'b' }, ", false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
    bench_take(11 * MS, VM_ACTION_BARRIER);
    vm_on_barrier_open(bench.vm, 0, 111 * MS);
    bench_send(113 * MS);
    bench_echo(120 * MS);
    assert_times(bench_last(), 10 * MS, 100 * MS, 3 * MS);
}

static void test_expect_before_the_first_request(void **state)
{
    (void)state;
    open_with("{ 'expect': { 'match': { 'id': 9 } } }, ", false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
    bench_nothing(11 * MS);
    bench_receive(51 * MS, 9, "x", 1);
    bench_send(53 * MS);
    bench_echo(60 * MS);
    assert_times(bench_last(), 10 * MS, 40 * MS, 3 * MS);
    bench_close(NULL);

    open_with("{ 'expect': { 'match': { 'id': 9 }, 'optional': true, 'within': '30ms' } }, ",
              false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
    bench_nothing(11 * MS);
    bench_send(43 * MS); /* given up at 41 ms */
    bench_echo(60 * MS);
    assert_times(bench_last(), 10 * MS, 30 * MS, 3 * MS);
    bench_close(NULL);

    open_with("{ 'expect': { 'match': { 'id': 9 }, 'since': 'connected' } }, ", false);
    bench_receive(5 * MS, 9, "x", 1); /* it is there already */
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 12 * MS);
    bench_send(13 * MS);
    bench_echo(20 * MS);
    assert_times(bench_last(), 10 * MS, 0, 3 * MS);
}

static void test_reconnect_is_a_wait_for_the_server(void **state)
{
    (void)state;
    open_with("{ 'reconnect': { 'after': '20ms' } }, ", false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
    bench_take(11 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 12 * MS);
    bench_take(12 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 40 * MS);
    bench_send(42 * MS);
    bench_echo(60 * MS);
    assert_times(bench_last(), 10 * MS, 29 * MS, 3 * MS);
}

static void test_many_steps_add_up(void **state)
{
    (void)state;
    open_with("{ 'send': { 'id': 7 } }, { 'set': { 'x': 1 } }, { 'expect': { 'match': { 'id': 9 } "
              "} }, { 'think': '100ms' }, { 'barrier': 'b' }, ",
              false);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 11 * MS);
    bench_send(13 * MS);
    bench_nothing(13 * MS);
    bench_receive(33 * MS, 9, "x", 1); /* 20 ms for others */
    bench_nothing(33 * MS);
    bench_take(131 * MS, VM_ACTION_BARRIER); /* it thought 100 ms from 30 ms on */
    vm_on_barrier_open(bench.vm, 0, 141 * MS);
    bench_send(142 * MS);
    bench_echo(150 * MS);
    assert_times(bench_last(), 110 * MS, 30 * MS, 2 * MS);
    assert_int_equal(bench.busy_ns[0], 40 * MS); /* 150 - 10, without the think */
}

static void test_behind_a_request_the_next_one_is_due_when_the_last_wait_ended(void **state)
{
    (void)state;
    open_bench(
        "'rate': '1/s'",
        BENCH_ECHO("") ", { 'send': { 'id': 7 } }, " BENCH_ECHO(
            "") ", { 'expect': { 'match': { 'id': 9 } } }, " BENCH_ECHO("") ", { 'barrier': 'b' }, "
                                                                            "{ 'think': '5ms' "
                                                                            "}, " BENCH_ECHO(""),
        false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_echo(20 * MS);
    bench_send(21 * MS);
    assert_times(&plain, 20 * MS, 0, MS);
    bench_send(22 * MS);
    bench_echo(30 * MS);
    assert_times(bench_last(), 20 * MS, 0, 2 * MS);
    bench_nothing(30 * MS);
    bench_receive(40 * MS, 9, "x", 1);
    bench_send(41 * MS);
    bench_echo(50 * MS);
    assert_times(bench_last(), 40 * MS, 0, MS);
    bench_take(50 * MS, VM_ACTION_BARRIER);
    vm_on_barrier_open(bench.vm, 0, 60 * MS);
    bench_nothing(60 * MS);
    bench_send(65 * MS);
    bench_echo(70 * MS);
    assert_times(bench_last(), 65 * MS, 0, 0);
    assert_int_equal(bench.busy_ns[0], 55 * MS);
}

static void test_closed_loop_goes_on_when_the_last_pass_is_done(void **state)
{
    (void)state;
    open_bench("", "{ 'send': { 'id': 7 } }, { 'think': '10ms' }, { 'send': { 'id': 8 } }", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(11 * MS);
    bench_nothing(19 * MS);
    bench_send(22 * MS); /* the second one, due at 20 ms */
    assert_times(&plain, 20 * MS, 0, 2 * MS);
    assert_int_equal(bench.ended_count, 1);
    assert_int_equal(bench.busy_ns[0], 2 * MS);
    assert_int_equal(bench.started_ns[1], 22 * MS);
    bench_send(22 * MS);
    assert_times(&plain, 22 * MS, 0, 0);
    bench_close(NULL);

    open_bench("", "{ 'barrier': 'b' }, " BENCH_ECHO(""), true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_BARRIER);
    vm_on_barrier_open(bench.vm, 0, 30 * MS);
    bench_send(31 * MS);
    bench_echo(40 * MS);
    assert_times(bench_last(), 10 * MS, 20 * MS, MS);
    assert_int_equal(bench.busy_ns[0], 30 * MS);
    assert_int_equal(bench.started_ns[1], 40 * MS);
}

static void test_setup_is_due_when_it_comes_to_it(void **state)
{
    (void)state;
    bench_open("", "'setup': [ { 'barrier': 'b' }, { 'send': { 'id': 7 } }, " BENCH_ECHO("") " ]",
               true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_take(2 * MS, VM_ACTION_BARRIER);
    vm_on_barrier_open(bench.vm, 0, 10 * MS);
    bench_send(11 * MS);
    bench_send(12 * MS);
    bench_echo(20 * MS);
    assert_times(bench_last(), 11 * MS, 0, MS);
}

/* 20 passes a second are due, and the server can play 10: those who wait are not forgotten. */
static void test_overload_shows_with_any_step_first(void **state)
{
    (void)state;
    static const char *const firsts[] = {"", send_step, set_step,
                                         "{ 'expect': { 'match': { 'id': 9 } } }, ",
                                         "{ 'barrier': 'b' }, "};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        open_with(firsts[i], false);
        int64_t now_ns = 10 * MS;
        for (int64_t pass = 0; pass < 20; pass++) {
            int64_t due_ns = 10 * MS + pass * 50 * MS;
            vm_on_arrival(bench.vm, due_ns, due_ns, now_ns);
            struct vm_action action;
            bool echoed = false;
            for (int turn = 0; turn < 3 && !echoed; turn++) {
                bench_receive(now_ns, 9, "x", 1);
                vm_on_barrier_open(bench.vm, 0, now_ns);
                if (vm_next(bench.vm, now_ns, &action) && action.type == VM_ACTION_SEND) {
                    bench.action = action;
                    vm_write_message(bench.vm, &action, bench.codec_state, bench.message);
                    vm_on_sent(bench.vm, UINT32_MAX, now_ns);
                    echoed = action.step != PROGRAM_STEP_NONE;
                }
            }
            assert_true(echoed);
            now_ns += 100 * MS;
            bench_receive(now_ns, 1, bench.message + 4, 8);
            assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
            assert_int_equal(bench_last()->last_ns - bench_last()->intended_ns,
                             100 * MS + pass * 50 * MS);
            assert_times(bench_last(), due_ns, pass * 50 * MS, 0);
        }
        bench_close(NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_plain_send_that_leaves_late_is_ours),
        TEST(test_busy_socket_is_not_ours),
        TEST(test_steps_that_take_no_time_move_nothing),
        TEST(test_late_lane_with_a_send_first),
        TEST(test_barrier_is_a_wait_for_others),
        TEST(test_expect_before_the_first_request),
        TEST(test_reconnect_is_a_wait_for_the_server),
        TEST(test_many_steps_add_up),
        TEST(test_behind_a_request_the_next_one_is_due_when_the_last_wait_ended),
        TEST(test_closed_loop_goes_on_when_the_last_pass_is_done),
        TEST(test_setup_is_due_when_it_comes_to_it),
        TEST(test_overload_shows_with_any_step_first),
    };
    return cmocka_run_group_tests_name("vm_due", tests, NULL, NULL);
}
