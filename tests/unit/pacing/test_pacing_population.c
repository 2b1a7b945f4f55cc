/* The population: how many connections are wanted when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "pacing/population.h"

#define S NS_PER_S

static struct scenario_stage stages[] = {
    {.duration_ns = 10 * S, .has_connections = true, .connections_from = 0, .connections_to = 100},
    {.duration_ns = 10 * S, .has_rate = true}, /* as many as before */
    {.duration_ns = 5 * S, .has_connections = true, .connections_from = 300, .connections_to = 300},
    {.duration_ns = 10 * S, .has_connections = true, .connections_from = 300, .connections_to = 0},
};

static struct population open_population(double connect_rate_per_s)
{
    struct scenario_load load = {
        .stages = stages, .stages_count = 4, .connect_rate_per_s = connect_rate_per_s};
    struct population population;
    struct error error;
    assert_true(population_open(&population, &load, &error));
    return population;
}

static void test_ramps_holds_and_jumps(void **state)
{
    (void)state;
    struct population population = open_population(0);
    assert_true(population_changes(&population));
    assert_int_equal(population.most, 300);
    assert_int_equal(population_wanted(&population, -1), 0);
    assert_int_equal(population_wanted(&population, 0), 0);
    assert_int_equal(population_wanted(&population, 5 * S), 50);
    assert_int_equal(population_wanted(&population, 10 * S), 100);
    assert_int_equal(population_wanted(&population, 20 * S - 1), 100);
    assert_int_equal(population_wanted(&population, 20 * S), 300);
    assert_int_equal(population_wanted(&population, 25 * S), 300);
    assert_int_equal(population_wanted(&population, 30 * S), 150);
    assert_int_equal(population_wanted(&population, 40 * S), 0);
    population_close(&population);
}

static void test_looks_again_when_it_may_have_changed(void **state)
{
    (void)state;
    struct population population = open_population(0);
    assert_int_equal(population_next_ns(&population, -5), 0);
    assert_int_equal(population_next_ns(&population, 5 * S), 5 * S + NS_PER_MS);
    assert_int_equal(population_next_ns(&population, 12 * S), 20 * S);
    assert_int_equal(population_next_ns(&population, 22 * S), 25 * S);
    assert_true(population_next_ns(&population, 36 * S) == TIME_NEVER_NS);
    population_close(&population);
}

static void test_connect_rate_bounds_what_goes_up(void **state)
{
    (void)state;
    struct population population =
        open_population(50); /* the ramp is slower than that, the jump is not */
    assert_int_equal(population_wanted(&population, 5 * S), 50);
    assert_int_equal(population_wanted(&population, 20 * S), 100);
    assert_int_equal(population_wanted(&population, 22 * S), 200);
    assert_int_equal(population_next_ns(&population, 22 * S), 22 * S + NS_PER_MS);
    assert_int_equal(population_wanted(&population, 24 * S), 300);
    assert_int_equal(population_next_ns(&population, 24 * S + 1), 25 * S);
    assert_int_equal(population_wanted(&population, 30 * S), 150); /* down is not bounded */
    population_close(&population);
}

/* What a stage did not get is what the next one goes on with, however short the stage was. */
static void test_connect_rate_bounds_over_stages(void **state)
{
    (void)state;
    static struct scenario_stage steps[] = {
        {.duration_ns = 1 * S, .has_connections = true},
        {.duration_ns = 1 * S,
         .has_connections = true,
         .connections_from = 200,
         .connections_to = 200},
        {.duration_ns = 3 * S, .has_rate = true},
        {.duration_ns = 1 * S,
         .has_connections = true,
         .connections_from = 20,
         .connections_to = 200},
    };
    struct scenario_load load = {.stages = steps, .stages_count = 4, .connect_rate_per_s = 50};
    struct population population;
    struct error error;
    assert_true(population_open(&population, &load, &error));
    uint32_t before = population_wanted(&population, 0);
    for (int64_t at_ns = 0; at_ns <= 6 * S; at_ns += S / 100) {
        uint32_t wanted = population_wanted(&population, at_ns);
        assert_true(wanted <= before + 1); /* 50/s: half of one in a hundredth of a second */
        before = wanted;
    }
    assert_int_equal(population_wanted(&population, 2 * S), 50);
    assert_int_equal(population_wanted(&population, 4 * S), 150);
    assert_int_equal(population_wanted(&population, 5 * S), 20);
    assert_int_equal(population_wanted(&population, 6 * S), 70);
    population_close(&population);
}

static void test_without_such_stages_nothing_changes(void **state)
{
    (void)state;
    struct scenario_load load = {.connections = 7};
    struct population population;
    struct error error;
    assert_true(population_open(&population, &load, &error));
    assert_false(population_changes(&population));
    assert_int_equal(population_wanted(&population, 99 * S), 7);
    assert_true(population_next_ns(&population, 0) == TIME_NEVER_NS);
    population_close(&population);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramps_holds_and_jumps),
        cmocka_unit_test(test_looks_again_when_it_may_have_changed),
        cmocka_unit_test(test_connect_rate_bounds_what_goes_up),
        cmocka_unit_test(test_connect_rate_bounds_over_stages),
        cmocka_unit_test(test_without_such_stages_nothing_changes),
    };
    return cmocka_run_group_tests_name("population", tests, NULL, NULL);
}
