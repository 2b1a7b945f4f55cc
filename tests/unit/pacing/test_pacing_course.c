/* The course of a load that is touched while it is played. */
#include "core/clock.h"
#include "core/prng.h"
#include "pacing/course.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S NS_PER_S

static struct course open_course(const struct scenario_load *load)
{
    struct course course;
    struct error error;
    assert_true(course_open(&course, load, 1, &error));
    return course;
}

/* The course is replaced by the touched one. */
static void touch(struct course *course, enum touch_kind kind, int64_t at_ns, double value)
{
    struct touch how = {.kind = kind, .at_ns = at_ns, .value = value};
    struct course touched;
    struct error error;
    assert_true(course_open_touched(&touched, course, &how, &error));
    course_close(course);
    *course = touched;
}

static struct scenario_load constant_load(double rate_per_s, int64_t duration_ns)
{
    return (struct scenario_load){.connections = 10,
                                  .has_rate = true,
                                  .rate_per_s = rate_per_s,
                                  .duration_ns = duration_ns,
                                  .seed = 7};
}

static void assert_count(const struct course *course, int64_t until_ns, double count)
{
    double found = pacing_count(&course->pacing, until_ns);
    if (fabs(found - count) > 1e-6) {
        fail_msg("%.9g arrivals before %lld ns instead of %.9g", found, (long long)until_ns, count);
    }
}

static void test_a_rate_holds_from_the_touch_on(void **state)
{
    (void)state;
    struct scenario_load load = constant_load(100, 10 * S);
    struct course course = open_course(&load);
    touch(&course, TOUCH_RATE, 3 * S, 250);
    assert_count(&course, 3 * S, 300);
    assert_count(&course, 5 * S, 800);
    assert_count(&course, 10 * S, 2050);
    touch(&course, TOUCH_SCALE, 5 * S, 1.1);
    assert_count(&course, 10 * S, 800 + 5 * 275);
    assert_true(course.end_ns == 10 * S);
    assert_true(fabs(course_rate_max_per_s(&course, 5 * S) - 275) < 1e-9);
    course_close(&course);
}

static void test_a_pause_keeps_the_time_and_loses_no_arrival(void **state)
{
    (void)state;
    struct scenario_load load = constant_load(100, 10 * S);
    struct course course = open_course(&load);
    touch(&course, TOUCH_PAUSE, 2 * S + 5, 0);
    assert_true(course_is_paused(&course, 4 * S));
    touch(&course, TOUCH_RATE, 3 * S, 50);
    touch(&course, TOUCH_RESUME, 6 * S, 0);
    assert_false(course_is_paused(&course, 2 * S));
    assert_true(course_is_paused(&course, 6 * S - 1));
    assert_false(course_is_paused(&course, 6 * S));
    assert_count(&course, 10 * S, 200.0000005 + 4 * 50);
    struct pacing_cursor cursor;
    uint64_t count = 0;
    for (pacing_first(&course.shared, &cursor); cursor.time_ns != TIME_NEVER_NS;
         pacing_advance(&course.shared, &cursor)) {
        assert_int_equal(cursor.n, count++);
        assert_true(cursor.time_ns <= 2 * S + 5 || cursor.time_ns >= 6 * S);
    }
    assert_int_equal(count, 401);
    course_close(&course);
}

static struct scenario_stage stages[] = {
    {.duration_ns = 10 * S,
     .has_rate = true,
     .rate_from_per_s = 0,
     .rate_to_per_s = 100,
     .has_connections = true,
     .connections_from = 0,
     .connections_to = 10},
    {.duration_ns = 10 * S, .has_rate = true, .rate_from_per_s = 100, .rate_to_per_s = 100},
    {.duration_ns = 5 * S,
     .has_rate = true,
     .rate_from_per_s = 40,
     .rate_to_per_s = 0,
     .has_connections = true,
     .connections_from = 4,
     .connections_to = 4},
};

static struct scenario_load staged_load(enum scenario_arrival arrival)
{
    return (struct scenario_load){.connections = 0,
                                  .stages = stages,
                                  .stages_count = 3,
                                  .arrival = arrival,
                                  .duration_ns = 25 * S,
                                  .seed = 11};
}

static void test_a_stage_that_is_ended_lets_the_next_begin(void **state)
{
    (void)state;
    struct scenario_load load = staged_load(ARRIVAL_CONSTANT);
    struct course course = open_course(&load);
    touch(&course, TOUCH_END_STAGE, 4 * S, 0);
    assert_true(course.end_ns == 19 * S);
    assert_count(&course, 4 * S, 80);
    assert_count(&course, 5 * S, 180);
    /* The ramp of the connections was ended, too: the next stage keeps what there was. */
    assert_int_equal(population_wanted(&course.population, 4 * S - 1), 4);
    assert_int_equal(population_wanted(&course.population, 10 * S), 4);
    int64_t from_ns;
    int64_t until_ns;
    assert_true(pacing_stage_span(&course.pacing, 1, &from_ns, &until_ns));
    assert_true(from_ns == 4 * S && until_ns == 14 * S);
    assert_int_equal(pacing_stage_number(&course.pacing, 14 * S), 2);
    touch(&course, TOUCH_SCALE, 6 * S, 2);     /* a part of the second stage, */
    touch(&course, TOUCH_END_STAGE, 5 * S, 0); /* all of which is left out */
    assert_true(course.end_ns == 10 * S);
    assert_true(pacing_stage_span(&course.pacing, 1, &from_ns, &until_ns));
    assert_true(from_ns == 4 * S && until_ns == 5 * S);
    assert_count(&course, 10 * S, 180 + 2 * 100);
    touch(&course, TOUCH_END_RUN, 5 * S + 1, 0);
    assert_true(course.end_ns == 5 * S + 1);
    touch(&course, TOUCH_END_STAGE, 2 * S, 0); /* in the first: the others are kept */
    assert_true(pacing_stage_span(&course.pacing, 2, &from_ns, &until_ns));
    assert_true(from_ns == 3 * S && until_ns == 3 * S + 1);
    course_close(&course);
}

/* The last nanosecond of a stage is its own, the next one is of the next: no stage loses its
 * number. */
static void test_a_touch_at_the_first_moment_of_a_stage_is_of_that_stage(void **state)
{
    (void)state;
    struct scenario_load load = staged_load(ARRIVAL_CONSTANT);
    int64_t from_ns;
    int64_t until_ns;
    for (int64_t early_ns = 0; early_ns <= 1; early_ns++) {
        struct course course = open_course(&load);
        touch(&course, TOUCH_RATE, 10 * S - early_ns, 60);
        assert_true(pacing_rate_per_s(&course.pacing, 10 * S) == 60);
        assert_true((pacing_rate_per_s(&course.pacing, 10 * S - 1) == 60) == (early_ns == 1));
        assert_int_equal(pacing_stage_number(&course.pacing, 10 * S - 1), 0);
        assert_int_equal(pacing_stage_number(&course.pacing, 10 * S), 1);
        course_close(&course);

        course = open_course(&load);
        touch(&course, TOUCH_END_STAGE, 10 * S - early_ns, 0);
        assert_int_equal(pacing_stage_number(&course.pacing, course.end_ns - 1), 2);
        assert_true(pacing_stage_span(&course.pacing, 1, &from_ns, &until_ns));
        assert_true(from_ns == 10 * S - early_ns);
        assert_true(until_ns == (early_ns == 1 ? 20 * S - 1 : 10 * S + 1));
        course_close(&course);

        course = open_course(&load);
        touch(&course, TOUCH_END_RUN, 10 * S - early_ns, 0);
        assert_true(course.end_ns == 10 * S - early_ns);
        assert_int_equal(pacing_stage_span(&course.pacing, 1, &from_ns, &until_ns), false);
        course_close(&course);
    }
}

static void test_due_is_the_number_of_arrivals_before(void **state)
{
    (void)state;
    struct scenario_load load = staged_load(ARRIVAL_CONSTANT);
    struct course course = open_course(&load);
    touch(&course, TOUCH_PAUSE, 3 * S, 0);
    touch(&course, TOUCH_RESUME, 4 * S + 12345, 0);
    uint64_t n = 0;
    struct pacing_cursor cursor;
    pacing_first(&course.pacing, &cursor);
    for (int64_t time_ns = 0; time_ns <= course.end_ns + S; time_ns += 7777777) {
        for (; cursor.time_ns < time_ns; pacing_advance(&course.pacing, &cursor)) {
            n++;
        }
        assert_int_equal(pacing_due(&course.pacing, time_ns), n);
    }
    course_close(&course);
}

static void test_connections_by_hand_hold_and_ramps_before_them_stay(void **state)
{
    (void)state;
    struct scenario_load load = staged_load(ARRIVAL_CONSTANT);
    struct course course = open_course(&load);
    touch(&course, TOUCH_CONNECTIONS, 5 * S + 50 * NS_PER_MS, 2);
    for (int64_t at_ns = 0; at_ns < 5 * S + 50 * NS_PER_MS; at_ns += NS_PER_MS) {
        struct course planned = open_course(&load);
        assert_int_equal(population_wanted(&course.population, at_ns),
                         population_wanted(&planned.population, at_ns));
        course_close(&planned);
    }
    assert_int_equal(population_wanted(&course.population, 5 * S + 50 * NS_PER_MS), 2);
    assert_int_equal(population_wanted(&course.population, 24 * S), 2);
    course_close(&course);

    /* Where nothing changes them in the scenario. */
    load = constant_load(100, 10 * S);
    course = open_course(&load);
    touch(&course, TOUCH_SCALE, 1 * S, 2);
    assert_false(population_changes(&course.population));
    touch(&course, TOUCH_CONNECTIONS, 2 * S, 3);
    assert_int_equal(population_wanted(&course.population, 2 * S - 1), 10);
    assert_int_equal(population_wanted(&course.population, 2 * S), 3);
    course_close(&course);
}

static void test_each_connection_has_its_rate(void **state)
{
    (void)state;
    struct scenario_load load = constant_load(5, 10 * S);
    load.per_connection = true;
    struct course course = open_course(&load);
    assert_count(&course, 10 * S, 500);
    touch(&course, TOUCH_RATE_EACH, 2 * S, 10);
    touch(&course, TOUCH_CONNECTIONS, 4 * S, 2);
    assert_count(&course, 4 * S, 100 + 200);
    assert_count(&course, 10 * S, 300 + 6 * 20);
    assert_true(fabs(course.each.arrivals_total - 90) < 1e-9);
    touch(&course, TOUCH_RATE, 5 * S, 8);
    assert_count(&course, 10 * S, 300 + 20 + 5 * 8);
    assert_true(fabs(course.shared.arrivals_total - 40) < 1e-9);
    course_close(&course);
}

static void test_a_closed_loop_has_connections_and_an_end(void **state)
{
    (void)state;
    struct scenario_load load = {.connections = 8, .duration_ns = 10 * S};
    struct course course = open_course(&load);
    touch(&course, TOUCH_CONNECTIONS, 2 * S, 3);
    touch(&course, TOUCH_CONNECTIONS, 4 * S, 8);
    assert_int_equal(population_wanted(&course.population, 1 * S), 8);
    assert_int_equal(population_wanted(&course.population, 3 * S), 3);
    assert_int_equal(population_wanted(&course.population, 9 * S), 8);
    assert_true(course.pacing.arrivals_total == 0);
    touch(&course, TOUCH_END_STAGE, 6 * S, 0);
    assert_true(course.end_ns == 6 * S);
    course_close(&course);
}

/* --- Random touches. */

struct draws {
    uint64_t seed;
    uint64_t n;
};

static double draw(struct draws *draws, double most)
{
    return prng_unit(draws->seed, 1, draws->n++) * most;
}

static void touch_at_random(struct course *course, struct draws *draws, int64_t at_ns)
{
    static const enum touch_kind KINDS[] = {TOUCH_RATE,   TOUCH_RATE,        TOUCH_SCALE,
                                            TOUCH_SCALE,  TOUCH_CONNECTIONS, TOUCH_PAUSE,
                                            TOUCH_RESUME, TOUCH_RESUME,      TOUCH_END_STAGE};
    enum touch_kind kind = KINDS[(size_t)draw(draws, sizeof KINDS / sizeof *KINDS)];
    double value = kind == TOUCH_SCALE ? draw(draws, 2) : floor(draw(draws, 200));
    touch(course, kind, at_ns, kind == TOUCH_CONNECTIONS ? floor(value / 20) : value);
}

/* What was due before a touch is what was due before it without the touch, to the nanosecond; a
 * cursor that is ahead of the touch finds its arrival again; the counts go up and the times with
 * them, and are each other's inverse. */
static void test_random_touches_change_only_what_comes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct draws draws = {.seed = seed};
        struct scenario_load load = staged_load(seed % 2 == 0 ? ARRIVAL_CONSTANT : ARRIVAL_POISSON);
        struct course course = open_course(&load);
        struct pacing_cursor kept;
        pacing_first(&course.shared, &kept);
        int64_t at_ns = 0;
        for (int i = 0; i < 12; i++) {
            at_ns += 1 + (int64_t)draw(&draws, 2.5 * (double)S);
            if (at_ns >= course.end_ns) {
                break;
            }
            struct course before = open_course(&course.load);
            struct pacing_cursor old;
            struct pacing_cursor now;
            touch_at_random(&course, &draws, at_ns);
            pacing_first(&before.shared, &old);
            pacing_first(&course.shared, &now);
            for (; old.time_ns < at_ns;
                 pacing_advance(&before.shared, &old), pacing_advance(&course.shared, &now)) {
                assert_true(now.n == old.n && now.time_ns == old.time_ns);
                assert_int_equal(population_wanted(&course.population, now.time_ns),
                                 population_wanted(&before.population, now.time_ns));
            }
            assert_true(now.time_ns >= at_ns);
            /* One that walks on, some way ahead of the touch, ... */
            while (kept.time_ns < at_ns || draw(&draws, 1) < 0.8) {
                pacing_advance(&before.shared, &kept);
                if (kept.time_ns == TIME_NEVER_NS) {
                    break;
                }
            }
            /* ... and is set back. */
            pacing_rewind(&before.shared, &kept, at_ns);
            pacing_relocate(&course.shared, &kept);
            assert_int_equal(kept.n, now.n);
            assert_true(llabs(kept.time_ns - now.time_ns) <= 1);
            course_close(&before);
        }
        double last = 0;
        uint64_t n = 0;
        struct pacing_cursor cursor;
        pacing_first(&course.shared, &cursor);
        for (int64_t time_ns = 0; time_ns <= course.end_ns; time_ns += 10 * NS_PER_MS) {
            double count = pacing_count(&course.shared, time_ns);
            assert_true(count >= last);
            last = count;
            for (; cursor.time_ns < time_ns; pacing_advance(&course.shared, &cursor)) {
                n++;
            }
            if (load.arrival == ARRIVAL_CONSTANT) {
                assert_int_equal(n, pacing_number_at(&course.shared, &cursor, time_ns));
                assert_true(fabs(ceil(count) - (double)n) <= 1);
            }
        }
        course_close(&course);
    }
}

/* Rounded as a scenario says it: whole connections, and no part of a ramp. */
static struct course replay(const struct course *course)
{
    struct scenario_load load = course->load;
    struct scenario_stage *parts = calloc(load.stages_count, sizeof *parts);
    assert_non_null(parts);
    for (uint32_t i = 0; i < load.stages_count; i++) {
        parts[i] = course_stage(course, i);
    }
    load.stages = parts;
    struct course again = open_course(&load);
    free(parts);
    return again;
}

static void test_the_touched_load_as_a_scenario_is_the_same_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct draws draws = {.seed = seed};
        struct scenario_load load = staged_load(ARRIVAL_CONSTANT);
        struct course course = open_course(&load);
        int64_t at_ns = 0;
        for (int i = 0; i < 8; i++) {
            at_ns += 1 + (int64_t)draw(&draws, 3 * (double)S);
            if (at_ns < course.end_ns) {
                touch_at_random(&course, &draws, at_ns);
            }
        }
        struct course again = replay(&course);
        assert_true(again.end_ns == course.end_ns);
        for (int64_t time_ns = 0; time_ns <= course.end_ns; time_ns += 100 * NS_PER_MS) {
            assert_count(&again, time_ns, pacing_count(&course.pacing, time_ns));
            int32_t wanted = (int32_t)population_wanted(&course.population, time_ns);
            assert_true(abs((int32_t)population_wanted(&again.population, time_ns) - wanted) <= 1);
        }
        course_close(&again);
        course_close(&course);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rate_holds_from_the_touch_on),
        cmocka_unit_test(test_a_pause_keeps_the_time_and_loses_no_arrival),
        cmocka_unit_test(test_a_stage_that_is_ended_lets_the_next_begin),
        cmocka_unit_test(test_a_touch_at_the_first_moment_of_a_stage_is_of_that_stage),
        cmocka_unit_test(test_due_is_the_number_of_arrivals_before),
        cmocka_unit_test(test_connections_by_hand_hold_and_ramps_before_them_stay),
        cmocka_unit_test(test_each_connection_has_its_rate),
        cmocka_unit_test(test_a_closed_loop_has_connections_and_an_end),
        cmocka_unit_test(test_random_touches_change_only_what_comes),
        cmocka_unit_test(test_the_touched_load_as_a_scenario_is_the_same_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
