/* Orders of somebody who steers a run: read, decided, refused. */
#include "client_harness.h"
#include "conduct/steer.h"
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0_NS (10 * NS_PER_S)

static const char OPEN[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 8, \"rate\": \"100/s\", \"duration\": \"20s\" },"
    "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"request\": { \"name\": \"x\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 32 } } } } } ] } ] }";

struct fixture {
    struct harness harness;
    struct steer steer;
    struct steer_moment moment;
};

static struct fixture fixture;

static int open_fixture(void **state)
{
    struct error error;
    const char *arguments[] = {NULL};
    memset(&fixture, 0, sizeof fixture);
    harness_plan(&fixture.harness, OPEN, arguments);
    assert_true(steer_open(&fixture.steer, &fixture.harness.plan, &error));
    steer_begin(&fixture.steer);
    fixture.moment = (struct steer_moment){.now_ns = T0_NS + 2 * NS_PER_S,
                                           .t0_ns = T0_NS,
                                           .stop_ns = T0_NS + 20 * NS_PER_S,
                                           .notice_ns = 2 * NS_PER_MS};
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    steer_end(&fixture.steer);
    steer_close(&fixture.steer);
    plan_close(&fixture.harness.plan);
    return 0;
}

/* Another thread submits, as always: the supervisor's decides. */
struct submitted {
    struct thread thread;
    struct steer_order order;
    const char *who;
    int64_t at_ns;
    struct error error;
    bool accepted;
    _Atomic bool ended;
};

static void submit(void *argument)
{
    struct submitted *submitted = argument;
    submitted->accepted = steer_submit(&fixture.steer, &submitted->order, submitted->who,
                                       &submitted->at_ns, &submitted->error);
    submitted->ended = true;
}

static struct submitted order(const char *text, const char *who)
{
    struct submitted submitted = {.who = who};
    struct error error;
    if (!steer_read(text, &submitted.order, &error)) {
        fail_msg("%s", error.text);
    }
    assert_true(thread_start(&submitted.thread, submit, &submitted, 0, &error));
    while (!submitted.ended) {
        steer_turn(&fixture.steer, &fixture.moment, UINT32_MAX);
        steer_answer(&fixture.steer);
        thread_yield();
    }
    thread_join(&submitted.thread);
    return submitted;
}

static void assert_refused(const char *text, const char *why)
{
    struct submitted submitted = order(text, "x");
    assert_false(submitted.accepted);
    if (strstr(submitted.error.text, why) == NULL) {
        fail_msg("\"%s\" does not say %s", submitted.error.text, why);
    }
}

static void test_orders_hold_a_little_later_and_one_after_the_other(void **state)
{
    (void)state;
    struct submitted first = order("{\"rate\": 50}", "a");
    struct submitted second = order("{\"rate\": \"-10%\"}", "b");
    assert_true(first.accepted && second.accepted);
    assert_true(first.at_ns == 2 * NS_PER_S + 2 * NS_PER_MS);
    assert_true(second.at_ns > first.at_ns);
    const struct course *course = steer_course(&fixture.steer, 2);
    assert_true(pacing_rate_per_s(&course->pacing, 1 * NS_PER_S) == 100);
    assert_true(pacing_rate_per_s(&course->pacing, second.at_ns) == 45);
    assert_int_equal(fixture.steer.marks_count, 2);
    assert_string_equal(fixture.steer.marks[1].who, "b");
    assert_string_equal(fixture.steer.marks[1].text, "rate -10%");
    assert_true(fixture.steer.marks[0].at_ns == T0_NS + first.at_ns);
}

static void test_what_cannot_be_done_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_refused("{\"connections\": 9}", "at most 8");
    assert_refused("{\"rate_per_connection\": 3}", "no rate per connection");
    fixture.moment.t0_ns = TIME_NEVER_NS;
    assert_refused("{\"rate\": 3}", "has not begun");
    assert_true(order("{\"mark\": \"before\"}", "x").accepted);
    fixture.moment.t0_ns = T0_NS;
    fixture.moment.now_ns = T0_NS + 20 * NS_PER_S;
    assert_refused("{\"end\": \"run\"}", "has ended");
    assert_int_equal(fixture.steer.touches_count, 0);
    assert_int_equal(fixture.steer.marks_count, 1);
}

static void test_a_run_that_takes_no_more_can_be_ended(void **state)
{
    (void)state;
    struct steer *steer = &fixture.steer;
    for (int i = 0; i < STEER_TEXTS_MAX; i++) {
        assert_true(order("{\"mark\": \"m\"}", "x").accepted);
    }
    assert_refused("{\"mark\": \"m\"}", "takes no more of them");
    while (order("{\"rate\": 50}", "x").accepted) {
        assert_in_range(steer->touches_count, 1, STEER_TOUCHES_MAX - 1);
    }
    assert_refused("{\"rate\": 60}", "end it, or let it go on");
    assert_true(order("{\"end\": \"run\"}", "x").accepted);
    assert_refused("{\"end\": \"run\"}", "the load has ended");
}

static void test_one_key_pauses_and_resumes(void **state)
{
    (void)state;
    struct submitted space = {
        .order = {.touch = {.kind = TOUCH_PAUSE}, .toggles = true, .text = "pause"},
        .who = STEER_TERMINAL};
    static const char *const TEXTS[] = {"pause", "resume", "pause"};
    for (int i = 0; i < 3; i++) {
        struct error error;
        space.ended = false;
        assert_true(thread_start(&space.thread, submit, &space, 0, &error));
        while (!space.ended) {
            steer_turn(&fixture.steer, &fixture.moment, UINT32_MAX);
            steer_answer(&fixture.steer);
            thread_yield();
        }
        thread_join(&space.thread);
        assert_true(space.accepted);
        assert_string_equal(fixture.steer.marks[i].text, TEXTS[i]);
        fixture.moment.now_ns += NS_PER_S;
    }
}

/* Who is answered finds the run as it was touched: its course is there, and the scenario. */
static void test_the_answer_comes_when_the_run_follows(void **state)
{
    (void)state;
    struct error error;
    struct submitted submitted = {.who = "x"};
    assert_true(steer_read("{\"rate\": 50}", &submitted.order, &error));
    assert_true(thread_start(&submitted.thread, submit, &submitted, 0, &error));
    while (!steer_turn(&fixture.steer, &fixture.moment, UINT32_MAX)) {
        steer_answer(&fixture.steer);
        thread_yield();
    }
    clock_sleep_until_ns(clock_now_ns() + 5 * NS_PER_MS);
    assert_false(submitted.ended);
    steer_answer(&fixture.steer);
    thread_join(&submitted.thread);
    assert_true(submitted.accepted);
}

static void test_who_waits_when_the_run_ends_is_told(void **state)
{
    (void)state;
    struct error error;
    struct submitted late = {.order = {.kind = STEER_MARK, .text = "late"}, .who = "x"};
    assert_true(thread_start(&late.thread, submit, &late, 0, &error));
    clock_sleep_until_ns(clock_now_ns() + 5 * NS_PER_MS);
    steer_end(&fixture.steer); /* whether it waits already, or comes now */
    thread_join(&late.thread);
    assert_false(late.accepted);
    assert_non_null(strstr(late.error.text, "ended"));
}

static void test_an_order_is_one_key_with_a_value_that_fits(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"rate\": 1, \"pause\": true}",
                                        "{\"rate\": -1}",
                                        "{\"rate\": \"+x%\"}",
                                        "{\"rate\": \"-101%\"}",
                                        "{\"rate\": 2e9}",
                                        "{\"connections\": 1.5}",
                                        "{\"pause\": 1}",
                                        "{\"connections\": -1}",
                                        "{\"end\": true}",
                                        "{\"mark\": \"\"}",
                                        "{\"mark\": 5}",
                                        "{\"rate\": 1} x"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct steer_order found;
        struct error error = {""};
        if (steer_read(WRONG[i], &found, &error)) {
            fail_msg("%s is an order", WRONG[i]);
        }
        assert_non_null(strstr(error.text, "expected"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_orders_hold_a_little_later_and_one_after_the_other,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_done_is_refused_and_changes_nothing,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_a_run_that_takes_no_more_can_be_ended, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_one_key_pauses_and_resumes, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_the_answer_comes_when_the_run_follows, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_who_waits_when_the_run_ends_is_told, open_fixture,
                                        close_fixture),
        cmocka_unit_test(test_an_order_is_one_key_with_a_value_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
