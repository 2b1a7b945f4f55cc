/* The vm: how loops, passes and teardown end with the run, and what never ends by itself. */
#include "vm_harness.h"

static int64_t end_ns;

static void test_repeat_until_end_ends_by_the_plan(void **state)
{
    (void)state;
    static const char *const repeats[] = {"'until': 'end'", "'for': '1h'"};
    for (int i = 0; i < 2; i++) {
        char behavior[1024];
        snprintf(behavior, sizeof behavior,
                 "'loop': [ { 'repeat': { %s, 'steps': [ %s ] } } ], 'teardown': [ %s ]",
                 repeats[i], BENCH_ECHO(""), BENCH_ECHO(""));
        bench_open("'rate': '1/s'", behavior, false);
        bench.observer.end_ns = &end_ns;
        end_ns = TIME_NEVER_NS;
        bench_ready();
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        bench_send(10 * MS);
        bench_echo(20 * MS);
        end_ns = 30 * MS; /* nobody calls vm_on_stop() while other arrivals wait for a lane */
        bench_send(29 * MS);
        bench_echo(31 * MS);
        bench_nothing(31 * MS);
        assert_int_equal(bench.ended_count, 1);
        assert_true(bench.complete[0]);
        assert_true(vm_has_free_lane(bench.vm));
        vm_on_stop(bench.vm, 40 * MS);
        bench_send(40 * MS);
        bench_echo(41 * MS);
        assert_int_equal(bench.requests_count, 3);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        assert_false(bench_last()->in_pass);
        bench_take(41 * MS, VM_ACTION_FINISHED);
        bench_close(NULL);
    }
}

static void test_stop_does_not_wait_for_a_think_before_the_end_of_a_loop(void **state)
{
    (void)state;
    static const char *const lasts[] = {
        "{ 'repeat': { 'until': 'end', 'steps': [ %s, { 'think': '1h' } ] } }",
        "{ 'repeat': { 'for': '2h', 'steps': [ %s, { 'think': '1h' } ] } }",
        "{ 'repeat': { 'times': 1, 'steps': [ %s, { 'think': '1h' } ] } }",
        ("{ 'if': { 'value': 1, 'equals': 1, 'then': [ %s, { 'think': '1h' } ], 'else': [ { "
         "'think': '1s' } ] } }")};
    for (size_t i = 0; i < sizeof lasts / sizeof lasts[0]; i++) {
        char step[512];
        char behavior[600];
        snprintf(step, sizeof step, lasts[i], BENCH_ECHO(""));
        snprintf(behavior, sizeof behavior, "'loop': [ %s ]", step);
        bench_open("", behavior, true);
        bench_ready();
        vm_on_start(bench.vm, 10 * MS);
        bench_send(10 * MS);
        bench_echo(20 * MS);
        bench_nothing(20 * MS);
        vm_on_stop(bench.vm, 30 * MS);
        bench_take(30 * MS, VM_ACTION_FINISHED);
        assert_true(bench.complete[0]);
        bench_close(NULL);
    }
    bench_open("", "'loop': [ " BENCH_ECHO("") ", { 'think': '1s' }, " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_echo(20 * MS);
    vm_on_stop(bench.vm, 30 * MS);
    bench_nothing(30 * MS); /* something follows */
}

static void test_teardown_is_played_whole(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '1ms' } ], 'teardown': [ { 'repeat': { 'for': '50ms', "
               "'steps': [ " BENCH_ECHO("") ", { 'think': '20ms' } ] } } ]",
               false);
    bench_ready();
    vm_on_stop(bench.vm, 10 * MS);
    for (int i = 0; i < 3; i++) {
        bench_send((10 + 20 * i) * MS);
        bench_echo((10 + 20 * i) * MS);
        bench_nothing((10 + 20 * i) * MS);
    }
    bench_take(70 * MS, VM_ACTION_FINISHED);
    assert_int_equal(bench.requests_count, 3);
}

static void bench__started_often(void *context, uint32_t lane, int64_t intended_ns, int64_t now_ns)
{
    (void)context, (void)lane;
    assert_true(intended_ns <= now_ns);
    bench.started_count++;
}

static void bench__ended_often(void *context, uint32_t lane, int64_t busy_ns, bool complete)
{
    (void)context, (void)lane, (void)busy_ns, (void)complete;
    bench.ended_count++;
}

/* What would go round for ever gives way, and ends with the run. */
static void test_loop_that_takes_no_time_gives_way(void **state)
{
    (void)state;
    static const char *const loops[] = {
        "{ 'if': { 'value': 1, 'equals': 2, 'then': [ { 'think': '1s' } ] } }",
        ("{ 'repeat': { 'until': 'end', 'steps': [ { 'choose': [ { 'weight': 1e9, 'steps': [ { "
         "'set': { 'x': 1 } } ] }, { 'weight': 1e-9, 'steps': [ { 'think': '1s' } ] } ] } ] } }"),
        "{ 'at': '1ms' }", "{ 'think': '1ns' }"};
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        char behavior[512];
        snprintf(behavior, sizeof behavior, "'loop': [ %s ]", loops[i]);
        bench_open("", behavior, true);
        bench_ready();
        bench.started_count = bench.ended_count = 0;
        bench.observer.iteration_started = bench__started_often;
        bench.observer.iteration_ended = bench__ended_often;
        vm_on_start(bench.vm, 10 * MS);
        int64_t now_ns = 10 * MS;
        for (int turn = 0; turn < 10; turn++) {
            bench_nothing(now_ns);
            assert_true(vm_next_time_ns(bench.vm) > now_ns); /* or a turn would never end */
            now_ns += MS;
        }
        vm_on_stop(bench.vm, now_ns);
        struct vm_action action = {.type = VM_ACTION_SEND};
        for (int turn = 0; turn < 3 && action.type != VM_ACTION_FINISHED; turn++) {
            (void)vm_next(bench.vm, now_ns, &action);
            now_ns += MS;
        }
        assert_int_equal(action.type, VM_ACTION_FINISHED);
        bench_close(NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_repeat_until_end_ends_by_the_plan),
        TEST(test_stop_does_not_wait_for_a_think_before_the_end_of_a_loop),
        TEST(test_teardown_is_played_whole),
        TEST(test_loop_that_takes_no_time_gives_way),
    };
    return cmocka_run_group_tests_name("vm_end", tests, NULL, NULL);
}
