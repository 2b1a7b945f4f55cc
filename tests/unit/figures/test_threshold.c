/* Thresholds: the grammar, the metrics, and when they hold. */
#include "core/clock.h"
#include "figures/threshold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const STEPS[] = {"login", "room.chat", "room"};
enum { STEPS_COUNT = 3 };
static const char *const TARGETS[] = {"login", "127.0.0.1:7777"};
static const char *const BEHAVIORS[] = {"walker", "talker"};
static const struct metric_names NAMES = {.steps = STEPS,
                                          .steps_count = STEPS_COUNT,
                                          .stages_count = 2,
                                          .targets = TARGETS,
                                          .targets_count = 2,
                                          .behaviors = BEHAVIORS,
                                          .behaviors_count = 2};

static struct threshold parse(const char *text)
{
    struct threshold threshold;
    struct error error = {""};
    if (!threshold_parse(text, &NAMES, &threshold, &error)) {
        fail_msg("%s", error.text);
    }
    return threshold;
}

static void assert_refused(const char *text, const char *says)
{
    struct threshold threshold;
    struct error error = {""};
    assert_false(threshold_parse(text, &NAMES, &threshold, &error));
    if (strstr(error.text, says) == NULL) {
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, error.text, says);
    }
}

struct fixture {
    struct figures figures;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error;
    assert_true(figures_open(
        &fixture.figures,
        &(struct figures_shape){.steps = STEPS_COUNT, .stages = 2, .behaviors = 2, .targets = 2}, 1,
        0, &error));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    figures_close(&fixture->figures);
    return 0;
}

static bool holds(const struct figures *figures, const char *text)
{
    struct threshold threshold = parse(text);
    struct threshold_verdict verdict;
    threshold_judge(&threshold, figures, &verdict);
    return verdict.pass;
}

static void test_every_metric_of_the_design_is_known(void **state)
{
    (void)state;
    parse("latency.response.p99 < 20ms");
    parse("latency.response.p99.9 < 20ms");
    parse("latency.response.p99_9<20ms");
    parse("latency.response.p99.99 <= 1s");
    parse("  latency.send_lag.max  <  500us ");
    parse("latency.connect.mean < 1ms");
    parse("latency.iteration.stddev < 1ms");
    parse("latency.response.censored == 0");
    parse("steps.login.latency.response.p95 < 3s");
    parse("steps.room.chat.latency.service.p50 < 3s");
    parse("steps.room.errors.mismatch == 0");
    parse("errors.total == 0");
    parse("errors.response_timeout < 0.1%");
    parse("totals.bytes_sent > 1MiB");
    parse("totals.iterations >= 1000");
    parse("rate.achieved >= 99%");
    parse("rate.achieved >= 19900/s");
    parse("resources.rss_max < 512MiB");
    parse("resources.cpu_user < 10s");
    parse("latency.response_first_byte.p90 < 1s");
    parse("steps.login.latency.send_lag.p99 < 1ms");
    parse("stages.2.latency.response.p99 < 20ms");
    parse("stages.1.errors.total == 0");
    parse("stages.1.rate.achieved >= 99%");
    parse("totals.connections_peak == 100");
    parse("totals.requests_cut == 0");
    parse("rate.never_started == 0");
    parse("port.syscalls < 100000");
    parse("port.batch_mean > 1.5");
    parse("port.waited > 1s");
    parse("server.latency.receive_to_reply.p99 < 1ms");
    parse("server.latency.queue_wait.max < 1ms");
    parse("server.errors.total == 0");
    parse("server.totals.messages_received > 10");
    parse("server.resources.rss_max < 1GiB");
}

static void test_mistakes_are_refused_and_named(void **state)
{
    (void)state;
    assert_refused("latency.respone.p99 < 20ms", "did you mean latency.response.p99?");
    assert_refused("latency.response.p98 < 20ms", "not a metric");
    assert_refused("errors.timeouts == 0", "not a metric");
    assert_refused("whatever < 3", "not a metric");
    assert_refused("steps.logon.latency.response.p99 < 1s", "did you mean \"login\"?");
    assert_refused("steps.login.latency.connect.p99 < 1s", "not a metric");
    assert_refused("latency.response.p99 < 20", "unit");
    assert_refused("latency.response.p99 < 20m", "unit");
    assert_refused("latency.response.p99 < fast", "unit");
    assert_refused("latency.response.p99 < 5%", "unit");
    assert_refused("latency.response.count < 5%", "number");
    assert_refused("errors.total == 0ms", "percentage");
    assert_refused("errors.total == -1", "percentage");
    assert_refused("rate.achieved >= 99 %%", "percentage");
    assert_refused("errors.total = 0", "one of < <= > >= ==");
    assert_refused("errors.total != 0", "one of < <= > >= ==");
    assert_refused("errors.total", "one of < <= > >= ==");
    assert_refused("", "one of < <= > >= ==");
    assert_refused("errors.total == ", "percentage");
    assert_refused("server.latency.x < 1ms", "not a metric");
    assert_refused("server.latency.queue_wait.p99 < 1", "unit");
    assert_refused("server.rate.achieved > 1", "not a metric");
    assert_refused("stages.3.latency.response.p99 < 1s", "from 1 to 2");
    assert_refused("targets.lgoin.errors.total == 0",
                   "no target named \"lgoin\"; did you mean \"login\"?");
    assert_refused("targets.login.rate.intended > 1", "is not a metric");
    assert_refused("targets.login.rate.achieved > 99%", "per second"); /* of what, is unknown */
    assert_refused("behaviors.wlaker.errors.total == 0",
                   "no behavior named \"wlaker\"; did you mean \"walker\"?");
    assert_refused("behaviors.x.errors.total == 0",
                   "no behavior named \"x\"; there are \"walker\", \"talker\"");
    assert_refused("behaviors.walker.latency.respnse.p99 < 1s",
                   "did you mean behaviors.walker.latency.response.p99");
    assert_refused("behaviors.walker.rate.target > 1/s", "is not a metric");
    assert_refused("targets.login.latency.fanout.p99 < 1s", "is not a metric");
    assert_refused("stages.0.errors.total == 0", "from 1 to 2");
    assert_refused("stages.one.errors.total == 0", "from 1 to 2");
    assert_refused("stages.1.latency.respons.p99 < 1s", "did you mean stages.1.latency.response");
    assert_refused("stages.1.totals.requests > 1", "not a metric");
    assert_refused("port.waited > 3", "unit");
    assert_refused("rate.started >= 99%", "number");
}

static void test_operators_compare_as_written(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    figures->counters.errors[ERROR_KIND_RESET] = 2;
    figures->counters.errors[ERROR_KIND_MISMATCH] = 3;
    assert_true(holds(figures, "errors.total == 5"));
    assert_false(holds(figures, "errors.total == 4"));
    assert_true(holds(figures, "errors.total <= 5"));
    assert_false(holds(figures, "errors.total < 5"));
    assert_true(holds(figures, "errors.total >= 5"));
    assert_false(holds(figures, "errors.total > 5"));
    assert_true(holds(figures, "errors.reset == 2"));
}

static void test_error_percentages_are_of_the_requests(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    figures->counters.errors[ERROR_KIND_RESPONSE_TIMEOUT] = 10;
    assert_false(holds(figures, "errors.response_timeout < 100%")); /* no requests at all */
    figures->counters.totals[TOTAL_REQUESTS] = 1000;
    assert_true(holds(figures, "errors.response_timeout <= 1%"));
    assert_false(holds(figures, "errors.response_timeout < 1%"));
}

/* Not of the rate that was asked: what Poisson draws more or less is no failure. */
static void test_rate_percentage_is_of_what_was_due(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    figures->rate_achieved_per_s = 19980;
    assert_false(holds(figures, "rate.achieved > 0%")); /* closed loop: there is no target */
    figures->rate_target_per_s = 25000;
    figures->window_ns = NS_PER_S;
    figures->arrivals.intended = 20000;
    assert_true(holds(figures, "rate.achieved >= 99.9%"));
    assert_false(holds(figures, "rate.achieved >= 99.95%"));
    assert_true(holds(figures, "rate.achieved >= 19980/s"));
}

static void test_no_samples_fail(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    assert_false(holds(figures, "latency.response.p99 < 1s"));
    assert_false(holds(figures, "latency.response.p99 > 0ns"));
    assert_true(holds(figures, "latency.response.count == 0"));
}

static void test_latencies_are_compared_in_time(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    for (int i = 0; i < 99; i++) {
        histogram_record(&figures->latency[LATENCY_RESPONSE], 1 * NS_PER_MS);
    }
    histogram_record(&figures->latency[LATENCY_RESPONSE], 50 * NS_PER_MS);
    assert_true(holds(figures, "latency.response.p50 < 1.1ms"));
    assert_true(holds(figures, "latency.response.max > 49ms"));
    assert_false(holds(figures, "latency.response.max < 0.049s"));
}

static void test_censored_values_fail_upper_bounds_only(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    struct histogram *response = &figures->latency[LATENCY_RESPONSE];
    for (int i = 0; i < 90; i++) {
        histogram_record(response, 1 * NS_PER_MS);
    }
    for (int i = 0; i < 10; i++) {
        histogram_record_censored(response, 5 * NS_PER_MS);
    }
    assert_true(holds(figures, "latency.response.p50 < 2ms"));
    assert_false(holds(figures, "latency.response.p99 < 10s")); /* at least 5 ms: who knows */
    assert_true(holds(figures, "latency.response.p99 > 4ms"));
    struct threshold threshold = parse("latency.response.p99 < 10s");
    struct threshold_verdict verdict;
    threshold_judge(&threshold, figures, &verdict);
    assert_non_null(strstr(verdict.text, ">="));
}

/* Where nothing was answered even the least is a lower bound. */
static void test_no_answer_at_all_fails_every_upper_bound(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    struct histogram *response = &figures->latency[LATENCY_RESPONSE];
    histogram_record_censored(response, 5 * NS_PER_MS);
    histogram_record_censored(response, 6 * NS_PER_MS);
    static const char *const stats[] = {"min", "mean", "p50", "p99.99", "max"};
    for (size_t i = 0; i < sizeof stats / sizeof stats[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "latency.response.%s < 10s", stats[i]);
        assert_false(holds(figures, text));
        snprintf(text, sizeof text, "latency.response.%s > 4ms", stats[i]);
        assert_true(holds(figures, text));
    }
    histogram_record(response, 1 * NS_PER_MS); /* this one is known */
    assert_true(holds(figures, "latency.response.min < 10s"));
}

static void test_steps_have_their_own_figures(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    histogram_record(&figures->steps[1].latency[LATENCY_RESPONSE], 7 * NS_PER_MS);
    figures->steps[2].errors[ERROR_KIND_MISMATCH] = 1;
    assert_true(holds(figures, "steps.room.chat.latency.response.p50 > 6ms"));
    assert_false(holds(figures, "steps.room.latency.response.p50 > 6ms"));
    assert_true(holds(figures, "steps.room.errors.total == 1"));
    assert_true(holds(figures, "steps.login.errors.total == 0"));
}

static void test_stages_have_their_own_figures(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    struct figures_stage *second = &figures->stages[1];
    histogram_record(&second->latency[LATENCY_RESPONSE], 7 * NS_PER_MS);
    second->errors[ERROR_KIND_RESET] = 1;
    second->arrivals.intended = 200;
    second->iterations_started = 190;
    second->window_ns = 2 * NS_PER_S;
    assert_true(holds(figures, "stages.2.latency.response.p50 > 6ms"));
    assert_false(holds(figures, "stages.1.latency.response.p50 > 6ms"));
    assert_false(holds(figures, "stages.2.errors.total <= 100%")); /* nothing was sent */
    histogram_record(&second->latency[LATENCY_SERVICE], 7 * NS_PER_MS);
    assert_true(holds(figures, "stages.2.errors.total <= 100%"));
    /* What never began makes no share of the errors smaller. */
    histogram_record_censored(&second->latency[LATENCY_RESPONSE], NS_PER_S);
    assert_false(holds(figures, "stages.2.errors.total <= 50%"));
    assert_true(holds(figures, "stages.2.rate.achieved == 95/s"));
    assert_true(holds(figures, "stages.2.rate.achieved == 95%"));
    assert_false(holds(figures, "stages.1.rate.achieved >= 0%")); /* nothing was due in it */
}

/* What the client cannot see is neither passed nor failed by it. */
static void test_the_server_is_left_to_others(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    struct threshold threshold = parse("server.errors.total == 0");
    struct threshold_verdict verdict;
    threshold_judge(&threshold, figures, &verdict);
    assert_false(verdict.judged);
    assert_false(threshold_has_failed(&threshold, figures));
}

static bool has_failed(const struct figures *figures, const char *text)
{
    struct threshold threshold = parse(text);
    return threshold_has_failed(&threshold, figures);
}

static void test_only_what_cannot_come_right_has_failed(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    assert_false(has_failed(figures, "latency.response.p99 < 1ms")); /* no samples yet */
    assert_false(has_failed(figures, "errors.total == 0"));
    assert_false(has_failed(figures, "totals.responses >= 1000"));
    figures->counters.errors[ERROR_KIND_RESET] = 1;
    figures->counters.totals[TOTAL_RESPONSES] = 10;
    assert_true(has_failed(figures, "errors.total == 0"));
    assert_true(has_failed(figures, "errors.reset < 1"));
    assert_false(has_failed(figures, "errors.total >= 5"));
    assert_false(has_failed(figures, "totals.responses == 11"));
    assert_true(has_failed(figures, "totals.responses == 9"));
    figures->counters.totals[TOTAL_REQUESTS] = 10;
    assert_false(has_failed(figures, "errors.total < 1%")); /* of ten requests: too few */
    figures->counters.totals[TOTAL_REQUESTS] = 100;
    assert_true(has_failed(figures, "errors.total < 1%"));
    for (int i = 0; i < THRESHOLD_SAMPLES_MIN; i++) {
        assert_false(has_failed(figures, "latency.response.p99 < 1ms"));
        histogram_record(&figures->latency[LATENCY_RESPONSE], 5 * NS_PER_MS);
    }
    assert_true(has_failed(figures, "latency.response.p99 < 1ms"));
    assert_false(has_failed(figures, "latency.response.p99 < 10ms"));
    figures->rate_achieved_per_s = 50;
    figures->rate_target_per_s = 100;
    figures->window_ns = NS_PER_S;
    figures->arrivals.intended = 99;
    assert_false(has_failed(figures, "rate.achieved >= 99%"));
    figures->arrivals.intended = 100;
    assert_true(has_failed(figures, "rate.achieved >= 99%"));
}

/* A lost reply opens the ranks that it may hold: what holds wherever it lies passes, and does not
 * end the run; what many of them keep from holding does. */
static void test_a_lost_reply_does_not_fail_what_it_cannot_reach(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    struct histogram *response = &figures->latency[LATENCY_RESPONSE];
    histogram_record_censored(response, NS_PER_MS);
    for (int i = 0; i < 998; i++) {
        histogram_record(response, 80 * NS_PER_MS);
    }
    histogram_record(response, 2 * NS_PER_S);
    assert_true(holds(figures, "latency.response.p50 < 5s"));
    assert_true(holds(figures, "latency.response.p99 < 81ms"));
    assert_true(holds(figures, "latency.response.p99_9 < 5s")); /* 80 ms or 2 s */
    assert_false(holds(figures, "latency.response.p99_9 < 1s"));
    assert_false(holds(figures, "latency.response.max < 5s"));
    assert_true(holds(figures, "latency.response.p99 > 70ms"));
    assert_false(has_failed(figures, "latency.response.p99_9 < 1s"));
    assert_true(has_failed(figures, "latency.response.max < 5s"));
    for (int i = 0; i < 1000; i++) {
        histogram_record_censored(response, NS_PER_MS);
    }
    assert_false(holds(figures, "latency.response.p99 < 5s"));
    assert_true(has_failed(figures, "latency.response.p99 < 5s"));
}

static void test_thresholds_on_an_error_kind_are_found(void **state)
{
    (void)state;
    struct threshold mismatch = parse("errors.mismatch <= 3");
    struct threshold of_step = parse("steps.login.errors.mismatch <= 3");
    struct threshold total = parse("errors.total == 0");
    assert_true(threshold_is_about_error(&mismatch, ERROR_KIND_MISMATCH));
    assert_false(threshold_is_about_error(&mismatch, ERROR_KIND_FRAME_ERROR));
    assert_false(threshold_is_about_error(&of_step, ERROR_KIND_MISMATCH));
    assert_false(threshold_is_about_error(&total, ERROR_KIND_MISMATCH));
}

/* Each share of the run by its own figures. */
static void test_thresholds_on_a_target_and_on_a_behavior(void **state)
{
    struct figures *figures = &((struct fixture *)*state)->figures;
    struct figures_share *target = &figures->targets[1];
    struct figures_share *talker = &figures->players[1];
    figures->window_ns = 2 * NS_PER_S;
    figures->behaviors[1] = (struct arrival_counts){.intended = 200, .begun = 190, .dropped = 10};
    target->iterations_started = 50;
    talker->iterations_started = 190;
    talker->counters.totals[TOTAL_RESPONSES] = 7;
    talker->counters.errors[ERROR_KIND_MISMATCH] = 1;
    for (int i = 0; i < 100; i++) {
        histogram_record(&talker->latency[LATENCY_SERVICE], 3 * NS_PER_MS);
    }
    assert_true(holds(figures, "targets.127.0.0.1:7777.rate.achieved == 25/s"));
    assert_true(holds(figures, "targets.login.rate.started == 0"));
    assert_true(holds(figures, "behaviors.talker.rate.achieved >= 95%"));
    assert_false(holds(figures, "behaviors.talker.rate.achieved > 95%"));
    assert_true(holds(figures, "behaviors.talker.rate.dropped == 10"));
    assert_true(holds(figures, "behaviors.talker.totals.responses == 7"));
    assert_true(holds(figures, "behaviors.walker.totals.responses == 0"));
    assert_true(holds(figures, "behaviors.talker.errors.total <= 1%"));
    assert_false(holds(figures, "behaviors.talker.errors.mismatch < 1%"));
    assert_true(holds(figures, "behaviors.talker.latency.service.p99 < 4ms"));
    assert_false(holds(figures, "behaviors.walker.latency.service.p99 < 4ms")); /* no samples */
    assert_true(has_failed(figures, "behaviors.talker.rate.achieved > 95%"));
    assert_true(has_failed(figures, "behaviors.talker.latency.service.p99 < 1ms"));
}

int main(void)
{
#define WITH_FIGURES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_metric_of_the_design_is_known),
        cmocka_unit_test(test_mistakes_are_refused_and_named),
        WITH_FIGURES(test_operators_compare_as_written),
        WITH_FIGURES(test_error_percentages_are_of_the_requests),
        WITH_FIGURES(test_rate_percentage_is_of_what_was_due),
        WITH_FIGURES(test_no_samples_fail),
        WITH_FIGURES(test_latencies_are_compared_in_time),
        WITH_FIGURES(test_censored_values_fail_upper_bounds_only),
        WITH_FIGURES(test_no_answer_at_all_fails_every_upper_bound),
        WITH_FIGURES(test_steps_have_their_own_figures),
        WITH_FIGURES(test_stages_have_their_own_figures),
        WITH_FIGURES(test_the_server_is_left_to_others),
        WITH_FIGURES(test_only_what_cannot_come_right_has_failed),
        WITH_FIGURES(test_a_lost_reply_does_not_fail_what_it_cannot_reach),
        cmocka_unit_test(test_thresholds_on_an_error_kind_are_found),
        cmocka_unit_test_setup_teardown(test_thresholds_on_a_target_and_on_a_behavior, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("threshold", tests, NULL, NULL);
}
