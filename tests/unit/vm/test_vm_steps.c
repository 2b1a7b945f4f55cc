/* The vm: variables, branches, repeats, thinks, notes. */
#include "vm_harness.h"

#include <math.h>

#define SAY(text) "{ 'send': { 'id': 1, 'body': { 'text': '" text "' } } }"

/* The next message is this text. */
static void expect_text(int64_t now_ns, const char *text)
{
    bench_send(now_ns);
    bench_assert_sent(strlen(text), text);
}

static void test_set_and_expressions(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'setup': [ { 'set': { 'n': 40, 'name': 'p${conn}', 'low': -5, 'half': 0.5 } } ], "
               "'loop': [ { 'set': { 'n': '${n + 1}', 'name': '${name}!' } }, " SAY(
                   "${n} ${name} ${low} ${n * 2}") ", " SAY("${low - 3} ${n % 7} ${n / 0} ${half + "
                                                            "1}") " ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    expect_text(10 * MS, "41 p3! -5 82");
    expect_text(10 * MS, "-8 6 0 1.5");
    bench_nothing(10 * MS);
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS); /* variables outlive the pass */
    expect_text(20 * MS, "42 p3!! -5 84");
}

static void test_now_and_stamp_are_of_the_sending(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'request': { 'send': { 'id': 1, 'body': { 'text': '${now_ms} "
               "${stamp_ns}' } }, 'verify': 'same_body' } } ]",
               false);
    bench.identity.wall_offset_ns = 1000000 * MS;
    vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    expect_text(10 * MS, "1000010 10000000");
    bench_echo(25 * MS); /* made again with the time of the sending, not of the reply */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_if_takes_one_side(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'setup': [ { 'set': { 'hp': 3 } } ], 'loop': [ { 'set': { 'hp': '${hp - 1}' } }, "
               "{ 'if': { 'value': '${hp}', 'greater_than': 0, 'then': [ " SAY(
                   "alive") " ], 'else': [ " SAY("dead") " ] } }, " SAY("next") " ]",
               false);
    bench_ready();
    for (int pass = 0; pass < 4; pass++) {
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        expect_text(10 * MS, pass < 2 ? "alive" : "dead"); /* 2, 1, 0, -1: below 0 is less, too */
        expect_text(10 * MS, "next");
        bench_nothing(10 * MS);
    }
}

static void test_if_compares_texts(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'setup': [ { 'request': { 'send': { 'id': 1 }, 'capture': { 'role': 'text@1:4', "
               "'rest': { 'after': 'id=', 'until': ';' }, 'n': 'dec@9' } } } ], 'loop': [ { 'if': "
               "{ 'value': '${role}', 'equals': 'king', 'then': [ " SAY("${role} ${rest} ${n + "
                                                                        "1}") " ] } } ]",
               false);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    bench_receive(3 * MS, 1, "<king>id=-17;x", 14);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_take(3 * MS, VM_ACTION_READY);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    expect_text(10 * MS, "king -17 -16");
}

static void test_capture_that_does_not_fit_is_a_mismatch(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'request': { 'send': { 'id': 1 }, 'capture': { 'all': 'text@0' } } } ]",
               false);
    bench_ready();
    static const uint32_t sizes[] = {128, 129};
    for (int i = 0; i < 2; i++) {
        uint8_t body[129] = {0};
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        bench_send(10 * MS);
        bench_receive(11 * MS, 1, body, sizes[i]);
        assert_int_equal(bench_last()->outcome, i == 0 ? VM_OUTCOME_OK : VM_OUTCOME_MISMATCH);
    }
}

static void test_choose_follows_its_weights_and_the_seed(void **state)
{
    (void)state;
    uint32_t counts[3] = {0};
    char order[2][600];
    bench_open(
        "'rate': '1/s'",
        "'loop': [ { 'choose': [ { 'weight': 80, 'steps': [ " SAY(
            "a") " ] }, { 'weight': 15, 'steps': [ " SAY("b") " ] }, { 'weight': 5, "
                                                              "'steps': [ " SAY("c") " ] } ] } ]",
        false);
    for (int round = 0; round < 2; round++) {
        vm_init(bench.memory, bench.seldom, bench.program, &bench.identity, &bench.observer, MS);
        bench_ready();
        for (int i = 0; i < 600; i++) {
            bench.started_count = bench.ended_count = 0;
            vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
            bench_send(10 * MS);
            bench_nothing(10 * MS);
            order[round][i] = (char)bench.sent.body[0];
            counts[bench.sent.body[0] - 'a']++;
        }
    }
    assert_memory_equal(order[0], order[1], sizeof order[0]);
    assert_in_range(counts[0], 2 * 440, 2 * 520); /* 480: five deviations of 10 to either side */
    assert_in_range(counts[1], 2 * 46, 2 * 134);
    assert_in_range(counts[2], 2 * 3, 2 * 57);
}

static void test_repeat_for_a_time(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'repeat': { 'for': '35ms', 'steps': [ { 'think': '10ms' }, " SAY(
                   "x") " ] } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    for (int64_t i = 1; i <= 4; i++) { /* rounds begin at 10, 20, 30, 40; 45 is the end */
        bench_nothing((10 + 10 * i) * MS - 1);
        assert_int_equal(bench.ended_count, 0);
        bench_send((10 + 10 * i) * MS);
    }
    bench_nothing(50 * MS);
    assert_int_equal(bench.ended_count, 1);
}

static void test_repeat_until_the_end(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'repeat': { 'until': 'end', 'steps': [ " BENCH_ECHO("") " ] } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    for (int64_t i = 0; i < 20; i++) {
        bench_send((10 + i) * MS);
        bench_echo((10 + i) * MS);
    }
    bench_take(30 * MS, VM_ACTION_SEND);
    vm_on_stop(bench.vm, 31 * MS);
    vm_on_sent(bench.vm, UINT32_MAX, 31 * MS);
    bench_echo(32 * MS);
    assert_int_equal(bench.ended_count, 1);
    assert_true(bench.complete[0]);
    bench_take(32 * MS, VM_ACTION_FINISHED);
}

static void test_at_counts_from_the_connection(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'loop': [ { 'at': '50ms' }, " BENCH_ECHO("") ", { 'at': '60ms' }, " BENCH_ECHO("") " ]",
        false);
    bench_ready(); /* connected at 2 ms */
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_nothing(52 * MS - 1);
    bench_send(52 * MS);
    bench_echo(80 * MS);
    assert_int_equal(bench_last()->intended_ns, 52 * MS);
    bench_send(80 * MS); /* late, and measured from when it was meant */
    bench_echo(81 * MS);
    assert_int_equal(bench_last()->intended_ns, 62 * MS);
    assert_int_equal(bench_last()->free_ns, 80 * MS);
    assert_int_equal(bench.busy_ns[0], 29 * MS);
}

static void test_marks_and_log_lines(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'setup': [ { 'mark': 'in' } ], 'loop': [ { 'mark': 'pass' }, { 'mark': 'in' }, "
               "{ 'log': 'player ${conn}, pass ${iteration}' }, { 'think': '1ms' } ]",
               false);
    bench_ready();
    for (int64_t i = 0; i < 2; i++) {
        vm_on_arrival(bench.vm, (10 + 2 * i) * MS, (10 + 2 * i) * MS, (10 + 2 * i) * MS);
        bench_nothing((11 + 2 * i) * MS);
    }
    assert_string_equal(bench.line, "player 3, pass 1");
    assert_int_equal(bench.marks_count, 5);
    assert_string_equal(bench.program->mark_names[bench.marks[0]], "in");
    assert_string_equal(bench.program->mark_names[bench.marks[1]], "pass");
    assert_int_equal(bench.marks[0], bench.marks[2]);
    assert_int_equal(bench.program->marks_count, 2);
}

/* The middle of so many thinks, and their greatest. */
static void draw_thinks(const char *think, double *median_ms, double *mean_ms, double *most_ms)
{
    enum { DRAWS = 4001 };
    static int64_t drawn_ns[DRAWS];
    char behavior[256];
    snprintf(behavior, sizeof behavior, "'loop': [ { 'think': %s } ]", think);
    bench_open("", behavior, true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    int64_t sum_ns = 0;
    for (int i = 0; i < DRAWS; i++) {
        int64_t before_ns = i == 0 ? 10 * MS : vm_next_time_ns(bench.vm);
        bench.started_count = bench.ended_count = 0;
        bench_nothing(before_ns);
        drawn_ns[i] = vm_next_time_ns(bench.vm) - before_ns;
        sum_ns += drawn_ns[i];
    }
    for (int i = 1; i < DRAWS; i++) {
        int64_t value = drawn_ns[i];
        int j = i;
        for (; j > 0 && drawn_ns[j - 1] > value; j--) {
            drawn_ns[j] = drawn_ns[j - 1];
        }
        drawn_ns[j] = value;
    }
    *median_ms = (double)drawn_ns[DRAWS / 2] / (double)MS;
    *mean_ms = (double)sum_ns / DRAWS / (double)MS;
    *most_ms = (double)drawn_ns[DRAWS - 1] / (double)MS;
    bench_close(NULL);
}

static void test_thinks_have_their_distributions(void **state)
{
    (void)state;
    double median_ms;
    double mean_ms;
    double most_ms;
    draw_thinks("{ 'normal': { 'mean': '100ms', 'deviation': '20ms' } }", &median_ms, &mean_ms,
                &most_ms);
    assert_true(fabs(mean_ms - 100) < 2 && fabs(median_ms - 100) < 2);
    assert_true(most_ms > 150 && most_ms < 220);
    draw_thinks("{ 'lognormal': { 'median': '100ms', 'sigma': 0.5 } }", &median_ms, &mean_ms,
                &most_ms);
    assert_true(fabs(median_ms - 100) < 4 && fabs(mean_ms - 100 * exp(0.125)) < 5);
    draw_thinks("{ 'pareto': { 'least': '100ms', 'alpha': 3 } }", &median_ms, &mean_ms, &most_ms);
    assert_true(fabs(median_ms - 100 * cbrt(2)) < 3 && fabs(mean_ms - 150) < 6 && most_ms > 500);
    draw_thinks("{ 'pareto': { 'least': '100ms', 'alpha': 3, 'most': '200ms' } }", &median_ms,
                &mean_ms, &most_ms);
    assert_true(most_ms == 200);
    draw_thinks("{ 'normal': { 'mean': '1ms', 'deviation': '20ms' } }", &median_ms, &mean_ms,
                &most_ms); /* never below nothing */
    assert_true(median_ms >= 0 && mean_ms > 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_set_and_expressions),
        TEST(test_now_and_stamp_are_of_the_sending),
        TEST(test_if_takes_one_side),
        TEST(test_if_compares_texts),
        TEST(test_capture_that_does_not_fit_is_a_mismatch),
        TEST(test_choose_follows_its_weights_and_the_seed),
        TEST(test_repeat_for_a_time),
        TEST(test_repeat_until_the_end),
        TEST(test_at_counts_from_the_connection),
        TEST(test_marks_and_log_lines),
        TEST(test_thinks_have_their_distributions),
    };
    return cmocka_run_group_tests_name("vm steps", tests, NULL, NULL);
}
