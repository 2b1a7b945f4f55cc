/* The vm: TLS that a step begins. */
#include "vm_harness.h"

#define TARGET "'target': { 'tls': { 'start': 'step' } },"
#define SETUP  "'setup': [ " BENCH_ECHO("") ", { 'tls': 'start' }, " BENCH_ECHO("") " ]"

/* As far as the step. */
static void open_to_start(const char *behavior)
{
    bench_open_with(TARGET, "", behavior, true);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    bench_nothing(2 * MS);
    bench_echo(3 * MS);
    bench_take(3 * MS, VM_ACTION_SECURE);
    bench_nothing(3 * MS);
}

static void test_steps_behind_it_wait_for_the_handshake(void **state)
{
    (void)state;
    open_to_start(SETUP ", 'loop': [ " BENCH_ECHO("") " ]");
    assert_true(bench.program->targets[0].tls_by_step);
    vm_on_secured(bench.vm, 20 * MS);
    bench_send(20 * MS);
    bench_echo(21 * MS);
    bench_take(21 * MS, VM_ACTION_READY);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_true(bench_last()->intended_ns == 20 * MS); /* the handshake is no part of it */
}

static void test_a_handshake_that_fails_ends_the_connection(void **state)
{
    (void)state;
    open_to_start("'on_disconnect': 'reconnect', 'on_close': 'expected', " SETUP
                  ", 'loop': [ { 'think': '1s' } ]");
    assert_false(vm_on_closed(bench.vm, 4 * MS)); /* never what the scenario expects */
    bench_take(4 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 5 * MS);
    bench_send(5 * MS);
    vm_on_secured(bench.vm, 5 * MS); /* of the connection that has ended */
    bench_nothing(5 * MS);
    bench_echo(6 * MS);
    bench_take(6 * MS, VM_ACTION_SECURE);
}

static void test_the_end_of_the_run_does_not_wait_for_it(void **state)
{
    (void)state;
    open_to_start(SETUP ", 'loop': [ { 'think': '1s' } ]");
    vm_on_stop(bench.vm, 4 * MS);
    bench_nothing(4 * MS);
    vm_on_drain_end(bench.vm, 5 * MS);
    bench_take(5 * MS, VM_ACTION_FINISHED);
    vm_on_secured(bench.vm, 6 * MS);
    bench_nothing(6 * MS);
}

static void test_each_connection_begins_it_again(void **state)
{
    (void)state;
    bench_open_with(TARGET, "",
                    "'loop': [ { 'reconnect': 'now' }, { 'tls': 'start' }, " BENCH_ECHO("") " ]",
                    true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    for (int64_t pass = 0; pass < 3; pass++) {
        int64_t now_ns = (10 + 5 * pass) * MS;
        bench_take(now_ns, VM_ACTION_DISCONNECT);
        vm_on_closed(bench.vm, now_ns);
        bench_take(now_ns, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, now_ns + MS);
        bench_take(now_ns + MS, VM_ACTION_SECURE);
        vm_on_secured(bench.vm, now_ns + 3 * MS);
        bench_send(now_ns + 3 * MS);
        bench_echo(now_ns + 5 * MS);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_steps_behind_it_wait_for_the_handshake),
        TEST(test_a_handshake_that_fails_ends_the_connection),
        TEST(test_the_end_of_the_run_does_not_wait_for_it),
        TEST(test_each_connection_begins_it_again),
    };
    return cmocka_run_group_tests_name("vm secure", tests, NULL, NULL);
}
