/* Orders of somebody who steers a run: read, decided, refused. */
#include "client_harness.h"
#include "conduct/steer.h"
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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
    int64_t now_ns;
    int64_t reading_ns; /* what passes between two readings of the clock */
    bool behind;        /* the workers follow no touch */
};

static struct fixture fixture;

static int64_t read_clock(void)
{
    fixture.now_ns += fixture.reading_ns;
    return fixture.now_ns;
}

static int open_with(void **state, const char *scenario)
{
    struct error error;
    const char *arguments[] = {NULL};
    memset(&fixture, 0, sizeof fixture);
    harness_plan(&fixture.harness, scenario, arguments);
    assert_true(steer_open(&fixture.steer, &fixture.harness.plan, &error));
    steer_begin(&fixture.steer);
    fixture.now_ns = T0_NS + 2 * NS_PER_S;
    fixture.moment = (struct steer_moment){.clock_ns = read_clock,
                                           .origin_ns = T0_NS - NS_PER_S,
                                           .t0_ns = T0_NS,
                                           .stop_ns = T0_NS + fixture.harness.plan.duration_ns,
                                           .notice_ns = 2 * NS_PER_MS};
    *state = &fixture;
    return 0;
}

static int open_fixture(void **state)
{
    return open_with(state, OPEN);
}

/* Nearly as many stages as a scenario may have. */
static int open_staged(void **state)
{
    static char scenario[64 * SCENARIO_STAGES_MAX];
    static const char STAGE[] = "{ \"duration\": \"1s\", \"rate\": \"100/s\" }";
    const char *stages = strstr(OPEN, "\"rate\"");
    const char *rest = strstr(OPEN, " },  \"behaviors\"");
    size_t used = (size_t)(stages - OPEN);
    memcpy(scenario, OPEN, used);
    for (int i = 0; i < SCENARIO_STAGES_MAX - 5; i++) {
        used += (size_t)snprintf(scenario + used, sizeof scenario - used, "%s%s",
                                 i == 0 ? "\"stages\": [" : ",", STAGE);
    }
    snprintf(scenario + used, sizeof scenario - used, "]%s", rest);
    return open_with(state, scenario);
}

static int open_later(void **state)
{
    static char scenario[1024];
    const char *rate = strstr(OPEN, "\"rate\"");
    snprintf(scenario, sizeof scenario,
             "%.*s\"stages\": [ { \"duration\": \"10s\", \"rate\": \"100/s\" },"
             "{ \"duration\": \"10s\", \"rate_per_connection\": \"9/s\", \"connections\": 5 } ]%s",
             (int)(rate - OPEN), OPEN, strstr(OPEN, " },  \"behaviors\""));
    return open_with(state, scenario);
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

/* A turn as the supervisor has them. Returns whether the load was touched. */
static bool turn(void)
{
    bool touched = false;
    steer_give_back(&fixture.steer, fixture.behind ? 0 : fixture.steer.touches_count);
    while (steer_turn(&fixture.steer, &fixture.moment)) {
        touched = true;
    }
    return touched;
}

static void play_until(_Atomic bool *ended)
{
    while (!*ended) {
        turn();
        steer_answer(&fixture.steer);
        thread_yield();
    }
}

static struct submitted order(const char *text, const char *who)
{
    struct submitted submitted = {.who = who};
    struct error error;
    if (!steer_read(text, &submitted.order, &error)) {
        fail_msg("%s", error.text);
    }
    assert_true(thread_start(&submitted.thread, submit, &submitted, 0, &error));
    play_until(&submitted.ended);
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
    /* Since the run's beginning, as in the marks and in the log. */
    assert_true(first.at_ns == 3 * NS_PER_S + 2 * NS_PER_MS);
    assert_true(second.at_ns > first.at_ns);
    const struct course *course = steer_course(&fixture.steer);
    assert_true(pacing_rate_per_s(&course->pacing, 1 * NS_PER_S) == 100);
    assert_true(pacing_rate_per_s(&course->pacing, second.at_ns - 1 * NS_PER_S) == 45);
    assert_int_equal(fixture.steer.marks_count, 2);
    assert_string_equal(fixture.steer.marks[1].who, "b");
    assert_string_equal(fixture.steer.marks[1].text, "rate -10%");
    assert_true(fixture.steer.marks[0].at_ns == fixture.moment.origin_ns + first.at_ns);
}

static void test_what_cannot_be_done_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_refused("{\"connections\": 9}", "at most 8");
    assert_refused("{\"rate_per_connection\": 3}", "no rate per connection");
    fixture.moment.t0_ns = TIME_NEVER_NS;
    assert_refused("{\"rate\": 3}", "has not begun");
    assert_refused("{\"end\": \"run\"}", "Ctrl+C ends it");
    assert_true(order("{\"mark\": \"before\"}", "x").accepted);
    fixture.moment.t0_ns = T0_NS;
    fixture.now_ns = T0_NS + 20 * NS_PER_S;
    assert_refused("{\"end\": \"run\"}", "has ended");
    assert_int_equal(fixture.steer.touches_count, 0);
    assert_int_equal(fixture.steer.marks_count, 1);
}

static void test_what_changes_nothing_is_no_touch(void **state)
{
    (void)state;
    assert_refused("{\"pause\": false}", "is not paused");
    assert_true(order("{\"pause\": true}", "x").accepted);
    assert_refused("{\"pause\": true}", "is paused already");
    assert_true(order("{\"rate\": \"+10%\"}", "x").accepted); /* of what comes after the pause */
    assert_true(order("{\"pause\": false}", "x").accepted);
    assert_true(order("{\"rate\": 0}", "x").accepted);
    assert_refused("{\"rate\": \"+10%\"}", "0 stays 0");
    assert_refused("{\"rate\": 0}", "that already");
    assert_true(order("{\"rate\": 10}", "x").accepted);
    assert_true(order("{\"rate\": \"+10%\"}", "x").accepted);
    assert_refused("{\"rate\": 11}", "that already");
    assert_refused("{\"rate\": \"+0%\"}", "no rate would be another one");
    assert_refused("{\"connections\": 8}", "as many connections already");
    assert_true(order("{\"connections\": 0}", "x").accepted);
    assert_refused("{\"connections\": 0}", "as many connections already");
    assert_int_equal(fixture.steer.touches_count, 7);
    assert_int_equal(fixture.steer.marks_count, 7);
    assert_int_equal(steer_course(&fixture.steer)->load.stages_count, 8);
}

/* A stage has its rate already, but not all that come; each connection's. */
static void test_what_changes_only_later_stages_is_a_touch(void **state)
{
    (void)state;
    assert_true(order("{\"rate\": 100}", "x").accepted);
    assert_refused("{\"rate\": 100}", "that already");
    assert_true(order("{\"rate_per_connection\": 100}", "x").accepted);
    assert_refused("{\"rate_per_connection\": 100}", "of each connection is that already");
    assert_true(order("{\"connections\": 8}", "x").accepted);
    assert_refused("{\"connections\": 8}", "as many connections already");
    assert_true(order("{\"rate_per_connection\": 0}", "x").accepted);
    assert_refused("{\"rate\": 0}", "that already");
}

static void test_marks_have_an_end(void **state)
{
    (void)state;
    for (int i = 0; i < STEER_TEXTS_MAX; i++) {
        assert_true(order("{\"mark\": \"m\"}", "x").accepted);
    }
    assert_refused("{\"mark\": \"m\"}", "takes no more of them");
    assert_true(order("{\"rate\": 50}", "x").accepted);
}

/* Also where it is paused then. */
static void test_a_run_that_takes_no_more_can_go_on_and_be_ended(void **state)
{
    (void)state;
    assert_true(order("{\"rate\": 50}", "x").accepted);
    assert_true(order("{\"rate\": 60}", "x").accepted);
    assert_true(order("{\"pause\": true}", "x").accepted);
    assert_refused("{\"rate\": 70}", "end it, or let it go on");
    assert_true(order("{\"pause\": false}", "x").accepted);
    assert_refused("{\"pause\": true}", "end it, or let it go on");
    assert_int_equal(steer_course(&fixture.steer)->load.stages_count, SCENARIO_STAGES_MAX - 1);
    assert_true(order("{\"end\": \"run\"}", "x").accepted);
    assert_refused("{\"end\": \"run\"}", "the load has ended");
}

/* Touched however often, a run keeps the courses that somebody reads, and no others. */
static void test_courses_are_given_back(void **state)
{
    (void)state;
    struct steer *steer = &fixture.steer;
    for (uint32_t i = 1; i <= 300; i++) {
        char text[32];
        snprintf(text, sizeof text, "{\"rate\": %u}", 50 + i);
        assert_true(order(text, "x").accepted);
        turn();
        uint32_t kept = 0;
        for (size_t k = 0; k < sizeof steer->touched / sizeof *steer->touched; k++) {
            kept += steer->touched[k].course.load.stages != NULL;
        }
        assert_int_equal(kept, 1);
        assert_int_equal(steer_course(steer)->touches, i);
    }
}

/* A worker that stands still reads the course that it follows; until it has followed, there is no
 * place for further ones. */
static void test_orders_wait_for_the_workers(void **state)
{
    (void)state;
    struct error error;
    const struct course *first = NULL;
    fixture.behind = true;
    for (int i = 0; i < STEER_AHEAD_MAX; i++) {
        assert_true(order(i % 2 == 0 ? "{\"rate\": 50}" : "{\"rate\": 70}", "x").accepted);
        first = first == NULL ? steer_course(&fixture.steer) : first;
    }
    struct submitted next = {.who = "x"};
    assert_true(steer_read("{\"rate\": 60}", &next.order, &error));
    assert_true(thread_start(&next.thread, submit, &next, 0, &error));
    for (int i = 0; i < 20; i++) {
        assert_false(turn());
        steer_answer(&fixture.steer);
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
    assert_false(next.ended);
    assert_true(first->touches == 1 && first->load.stages != NULL);
    fixture.behind = false;
    play_until(&next.ended);
    thread_join(&next.thread);
    assert_true(next.accepted);
}

/* The thread loses its CPU while it decides: the touch holds when the workers know of it. */
static void test_a_touch_that_took_long_holds_later(void **state)
{
    (void)state;
    fixture.moment.notice_ns = 10 * NS_PER_MS;
    fixture.reading_ns = 7 * NS_PER_MS;
    struct submitted submitted = order("{\"rate\": 50}", "x");
    assert_true(submitted.accepted);
    assert_int_equal(fixture.steer.touches_count, 1);
    assert_int_equal(fixture.steer.marks_count, 1);
    assert_true(fixture.moment.origin_ns + submitted.at_ns > fixture.now_ns);
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
        play_until(&space.ended);
        thread_join(&space.thread);
        assert_true(space.accepted);
        assert_string_equal(fixture.steer.marks[i].text, TEXTS[i]);
        fixture.now_ns += NS_PER_S;
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
    while (!turn()) {
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
        cmocka_unit_test_setup_teardown(test_what_changes_nothing_is_no_touch, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_what_changes_only_later_stages_is_a_touch, open_later,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_marks_have_an_end, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_a_run_that_takes_no_more_can_go_on_and_be_ended,
                                        open_staged, close_fixture),
        cmocka_unit_test_setup_teardown(test_courses_are_given_back, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_orders_wait_for_the_workers, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_a_touch_that_took_long_holds_later, open_fixture,
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
