/* Before the load begins: how long connections are waited for, and what is said when none is made.
 */
#include "client_harness.h"
#include "conduct/connecting.h"
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ORIGIN_NS (10 * NS_PER_S)

#define SCENARIO(more)                                                                             \
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"                  \
    "  \"load\": { \"connections\": 4, \"duration\": \"20s\" },"                                   \
    "  \"behaviors\": [ { \"name\": \"a\", " more "\"loop\": [ { \"request\": { \"name\": \"x\","  \
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 32 } } } } } ] } ] }"

static struct harness harness;
static struct live_view view;
static struct connecting connecting;
static struct error notice;

static void open_plan(const char *scenario)
{
    const char *arguments[] = {NULL};
    memset(&harness, 0, sizeof harness);
    memset(&view, 0, sizeof view);
    harness_plan(&harness, scenario, arguments);
    connecting = (struct connecting){
        .plan = &harness.plan, .origin_ns = ORIGIN_NS, .progress_ns = ORIGIN_NS};
}

static enum connecting_state look(int64_t passed_ns)
{
    notice.text[0] = '\0';
    return connecting_look(&connecting, &view, ORIGIN_NS + passed_ns, &notice);
}

static void let_fail(uint32_t count, enum error_kind kind)
{
    view.gauges[LIVE_FAILED] = count;
    view.counters.errors[kind] = count;
    view.counters.totals[TOTAL_CONNECTS_ATTEMPTED] = count;
}

static void test_a_server_that_refuses_has_the_time_of_a_connect(void **state)
{
    (void)state;
    open_plan(SCENARIO(""));
    let_fail(4, ERROR_KIND_CONNECT_REFUSED);
    assert_int_equal(look(NS_PER_S / 2), CONNECTING_WAITS);
    assert_string_equal(notice.text, "");
    assert_int_equal(look(2 * NS_PER_S), CONNECTING_WAITS);
    assert_string_equal(notice.text,
                        "dummyclient: trying until 5.00 s have passed (connect_timeout): could not "
                        "connect to 127.0.0.1:7777: refused (is the server running?)");
    assert_int_equal(look(3 * NS_PER_S), CONNECTING_WAITS);
    assert_string_equal(notice.text, "");
    assert_int_equal(look(5 * NS_PER_S), CONNECTING_FAILED);
    plan_close(&harness.plan);
}

static void test_one_connection_that_has_not_failed_is_waited_for(void **state)
{
    (void)state;
    open_plan(SCENARIO(""));
    let_fail(3, ERROR_KIND_CONNECT_REFUSED);
    assert_int_equal(look(9 * NS_PER_S), CONNECTING_WAITS);
    view.gauges[LIVE_QUEUED] = 1; /* it has not begun, and the others do not get through */
    assert_int_equal(look(9 * NS_PER_S), CONNECTING_FAILED);
    view.gauges[LIVE_QUEUED] = 0;
    view.gauges[LIVE_SETTLED] = 1;
    assert_int_equal(look(9 * NS_PER_S), CONNECTING_WAITS);
    plan_close(&harness.plan);
}

static void test_what_stays_the_same_is_not_waited_for(void **state)
{
    (void)state;
    open_plan(SCENARIO(""));
    let_fail(4, ERROR_KIND_TLS_HANDSHAKE);
    view.counters.totals[TOTAL_CONNECTS_OK] = 4;
    view.gauges[LIVE_HOPELESS] = 3; /* one was cut off, and may get further the next time */
    assert_int_equal(look(NS_PER_MS), CONNECTING_WAITS);
    view.gauges[LIVE_HOPELESS] = 4;
    assert_int_equal(look(NS_PER_MS), CONNECTING_FAILED);
    plan_close(&harness.plan);
}

static void test_one_that_does_not_try_again_has_failed_at_once(void **state)
{
    (void)state;
    open_plan(SCENARIO(""));
    let_fail(4, ERROR_KIND_TLS_HANDSHAKE);
    view.counters.totals[TOTAL_CONNECTS_OK] = 4;
    view.gauges[LIVE_SETTLED] = 4;
    assert_int_equal(look(NS_PER_MS), CONNECTING_FAILED);
    view.gauges[LIVE_FAILED] = 3;
    assert_int_equal(look(NS_PER_MS), CONNECTING_OVER);
    plan_close(&harness.plan);
}

static void test_what_has_spoken_was_connected(void **state)
{
    (void)state;
    open_plan(SCENARIO(""));
    let_fail(4, ERROR_KIND_CONNECT_REFUSED);
    view.counters.totals[TOTAL_CONNECTS_OK] = 4;
    view.counters.totals[TOTAL_MESSAGES_SENT] = 1; /* the second server of setup is refused */
    assert_int_equal(look(6 * NS_PER_S), CONNECTING_WAITS);
    plan_close(&harness.plan);
}

static void test_a_scenario_says_itself_how_often_to_try(void **state)
{
    (void)state;
    open_plan(SCENARIO("\"on_disconnect\": { \"reconnect\": { \"first\": \"3s\" } }, "));
    let_fail(4, ERROR_KIND_CONNECT_REFUSED);
    assert_int_equal(look(6 * NS_PER_S), CONNECTING_WAITS);
    plan_close(&harness.plan);
}

static void test_the_load_begins_when_all_are_ready(void **state)
{
    (void)state;
    open_plan(SCENARIO(""));
    view.counters.totals[TOTAL_CONNECTS_ATTEMPTED] = 4;
    view.counters.totals[TOTAL_CONNECTS_OK] = 4;
    view.gauges[LIVE_SETTLED] = 3;
    assert_int_equal(look(NS_PER_S), CONNECTING_WAITS);
    view.gauges[LIVE_SETTLED] = 4;
    assert_int_equal(look(NS_PER_S), CONNECTING_OVER);
    view.gauges[LIVE_SETTLED] = 0;
    assert_int_equal(look(2 * NS_PER_S), CONNECTING_WAITS);
    assert_int_equal(look(60 * NS_PER_S), CONNECTING_OVER);
    plan_close(&harness.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_that_refuses_has_the_time_of_a_connect),
        cmocka_unit_test(test_one_connection_that_has_not_failed_is_waited_for),
        cmocka_unit_test(test_what_stays_the_same_is_not_waited_for),
        cmocka_unit_test(test_one_that_does_not_try_again_has_failed_at_once),
        cmocka_unit_test(test_what_has_spoken_was_connected),
        cmocka_unit_test(test_a_scenario_says_itself_how_often_to_try),
        cmocka_unit_test(test_the_load_begins_when_all_are_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
