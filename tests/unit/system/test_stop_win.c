#include "unit.h"

#include "core/clock.h"
#include "system/stop.h"
#include "system/stop_win.h"
#include "system/thread.h"

static void test_a_close_asks_twice_within_its_time(void **state)
{
    (void)state;
    const int64_t since_ns = 77 * NS_PER_S;
    assert_int_equal(stop_requests_of(0, 0, since_ns), 0);
    assert_int_equal(stop_requests_of(2, 0, since_ns), 2);
    assert_int_equal(stop_requests_of(0, since_ns, since_ns), 1);
    assert_int_equal(stop_requests_of(0, since_ns, since_ns + NS_PER_S - 1), 1);
    /* 3 s are promised; a stuck reader may take one of them (files/output.c). */
    assert_int_equal(stop_requests_of(0, since_ns, since_ns + NS_PER_S), 2);
    /* Who presses Ctrl+C as well is not made to wait. */
    assert_int_equal(stop_requests_of(2, since_ns, since_ns), 2);
    assert_int_equal(stop_requests_of(1, since_ns, since_ns + NS_PER_S), 2);
}

static void test_keys_count_until_the_system_is_to_end_it(void **state)
{
    (void)state;
    stop_setup();
    for (int i = 1; i <= 3; i++) {
        assert_true(stop_on_event(i == 2 ? CTRL_BREAK_EVENT : CTRL_C_EVENT));
        assert_int_equal(stop_requests(), i > 2 ? i : 2); /* the close has asked twice */
    }
    assert_false(stop_on_event(CTRL_C_EVENT)); /* the next handler is the system's */
}

static volatile LONG returned;

static void close_console(void *argument)
{
    (void)argument;
    stop_on_event(CTRL_CLOSE_EVENT);
    InterlockedExchange(&returned, 1);
}

static void test_a_close_is_held_until_the_result_is_written(void **state)
{
    (void)state;
    struct thread thread;
    int before = stop_requests();
    stop_setup();
    assert_true(thread_start(&thread, close_console, NULL, 0, NULL));
    while (stop_requests() < 2) { /* by itself, without a second event */
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
    assert_true(stop_requests() >= before);
    assert_int_equal(InterlockedCompareExchange(&returned, 0, 0), 0);
    stop_finished();
    thread_join(&thread);
    assert_int_equal(returned, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_close_asks_twice_within_its_time),
        cmocka_unit_test(test_a_close_is_held_until_the_result_is_written),
        cmocka_unit_test(test_keys_count_until_the_system_is_to_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
