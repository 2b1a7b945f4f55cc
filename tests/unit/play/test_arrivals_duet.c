/* A duet: each side has the arrivals that the same plan has alone, at the same moments or half a
 * gap later, whatever the other side does; and they take turns in being the later one. Takers are
 * nothing but a time for which they are busy, as in test_arrivals.c. */
#include "arrivals_scenario.h"
#include "client_harness.h"

#include "core/prng.h"
#include "play/arrivals.h"

enum { THREADS_MAX = 3, TAKERS_MAX = 64, BEGUN_MAX = 4096, SIDES = PLAN_DUET_SIDES };

#define T0_NS (10 * NS_PER_S)

struct taker {
    struct arrivals_taker taker; /* first */
    uint32_t number;             /* on its side */
    uint32_t side;
    uint32_t worker;
    int64_t busy_until_ns; /* 0: it is free */
};

static struct simulation {
    struct harness harness; /* its plan */
    struct arrivals_pool pool;
    struct arrivals arrivals[THREADS_MAX];
    struct recorder recorders[THREADS_MAX];
    struct live live[THREADS_MAX];
    struct taker takers[TAKERS_MAX];
    uint32_t numbers[THREADS_MAX][TAKERS_MAX];
    uint32_t numbers_count[THREADS_MAX];
    int64_t now_ns;
    int64_t step_ns; /* between two turns at least: what is due meanwhile is a burst */
    int64_t stop_ns; /* the run ends then; 0: as planned */
    int64_t waited_ns[SIDES];
    uint64_t begun[SIDES];
    struct begun {
        int64_t intended_ns;
        uint32_t number;
        uint32_t worker;
    } log[SIDES][BEGUN_MAX]; /* those that have begun, in their order */
    uint32_t row;            /* so many of one side have begun one after the other */
    uint32_t row_side;
    uint32_t row_max;
    bool woken;
} sim;

static void wake(void *context, uint32_t worker)
{
    (void)context;
    (void)worker;
    sim.woken = true;
}

static int64_t service_ns;
static bool service_varies;

static void begin(struct arrivals_taker *arrivals_taker, int64_t intended_ns, int64_t granted_ns)
{
    struct taker *taker = (struct taker *)arrivals_taker;
    assert_true(taker->busy_until_ns == 0);
    assert_true(intended_ns <= sim.now_ns && granted_ns <= sim.now_ns);
    /* By the arrival, so that it is the same whoever plays it. */
    uint64_t draw = service_varies ? prng_range(7, 7, (uint64_t)intended_ns, 50, 150) : 100;
    taker->busy_until_ns = sim.now_ns + service_ns * (int64_t)draw / 100;
    sim.row = taker->side == sim.row_side ? sim.row + 1 : 1;
    sim.row_side = taker->side;
    sim.row_max = sim.row > sim.row_max ? sim.row : sim.row_max;
    sim.waited_ns[taker->side] += sim.now_ns - intended_ns;
    assert_true(sim.begun[taker->side] < BEGUN_MAX);
    sim.log[taker->side][sim.begun[taker->side]++] =
        (struct begun){intended_ns, taker->number, taker->worker};
}

static void open_simulation(const char *scenario, uint32_t threads, bool duet)
{
    struct error error = {""};
    char text[8];
    snprintf(text, sizeof text, "%u", threads);
    const char *together[] = {"-t", text, "--duet", "127.0.0.1:1,127.0.0.1:2", NULL};
    const char *alone[] = {"-t", text, NULL};
    sim = (struct simulation){.now_ns = T0_NS};
    harness_plan(&sim.harness, scenario, duet ? together : alone);
    const struct plan *plan = &sim.harness.plan;
    assert_int_equal(plan->sides, duet ? 2 : 1);
    assert_true(arrivals_pool_open(&sim.pool, plan, wake, NULL, &error));
    for (uint32_t i = 0; i < plan->connections; i++) {
        uint32_t worker = plan_seat_at(plan, i).worker;
        sim.numbers[worker][sim.numbers_count[worker]++] = i;
    }
    for (uint32_t w = 0; w < plan->workers_count; w++) {
        struct figures_shape shape = plan_shape(plan);
        assert_true(recorder_open(&sim.recorders[w], &shape, &plan->course.pacing, 1, 0,
                                  &sim.live[w], &error));
        sim.recorders[w].t0_ns = T0_NS;
        sim.recorders[w].window_start_ns = T0_NS + plan->scenario->load.warmup_ns;
        sim.recorders[w].window_end_ns = T0_NS + plan->duration_ns;
        assert_true(arrivals_open(&sim.arrivals[w], plan, &sim.pool, w, sim.numbers[w],
                                  sim.numbers_count[w], &sim.recorders[w], &error));
        sim.arrivals[w].begin = begin;
        arrivals_stop(&sim.arrivals[w], T0_NS + plan->duration_ns);
        for (uint32_t i = 0; i < sim.numbers_count[w]; i++) {
            uint32_t connection = sim.numbers[w][i];
            struct plan_seat seat = plan_seat_at(plan, connection);
            struct taker *taker = &sim.takers[connection];
            taker->number = plan_number(plan, connection);
            taker->side = seat.behavior % plan->sides;
            taker->worker = w;
            arrivals_seat(&sim.arrivals[w], &taker->taker, i, seat.behavior);
            arrivals_set_free(&sim.arrivals[w], &taker->taker, true);
        }
        arrivals_start(&sim.arrivals[w], T0_NS);
    }
}

static void stall(uint32_t side, int64_t until_ns)
{
    for (uint32_t i = 0; i < sim.harness.plan.connections; i++) {
        struct taker *taker = &sim.takers[i];
        if (taker->side == side) {
            arrivals_set_free(&sim.arrivals[taker->worker], &taker->taker, false);
            taker->busy_until_ns = until_ns;
        }
    }
}

static int64_t turn(void)
{
    int64_t next_ns = TIME_NEVER_NS;
    uint64_t before;
    do {
        before = sim.begun[0] + sim.begun[1];
        next_ns = TIME_NEVER_NS;
        sim.woken = false;
        for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
            next_ns =
                time_earlier_ns(next_ns, arrivals_begin_due(&sim.arrivals[w], sim.now_ns, 64));
        }
    } while (sim.begun[0] + sim.begun[1] != before || sim.woken || next_ns <= sim.now_ns);
    for (uint32_t i = 0; i < sim.harness.plan.connections; i++) {
        if (sim.takers[i].busy_until_ns != 0) {
            next_ns = time_earlier_ns(next_ns, sim.takers[i].busy_until_ns);
        }
    }
    return next_ns;
}

/* As the supervisor says it: a little before. */
#define NOTICE_NS (NS_PER_MS)

static void tell_stop(void)
{
    for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
        sim.recorders[w].window_end_ns = sim.stop_ns;
        arrivals_stop(&sim.arrivals[w], sim.stop_ns);
    }
}

/* Until drain_ns past the planned stop. counts: of each behavior, all workers together. */
static void play(int64_t drain_ns, struct arrival_counts counts[8])
{
    const struct plan *plan = &sim.harness.plan;
    int64_t end_ns = T0_NS + plan->duration_ns + drain_ns;
    int64_t told_ns = sim.stop_ns == 0 ? TIME_NEVER_NS : sim.stop_ns - NOTICE_NS;
    while (sim.now_ns < end_ns) {
        if (sim.now_ns >= told_ns) {
            told_ns = TIME_NEVER_NS;
            tell_stop();
        }
        for (uint32_t i = 0; i < plan->connections; i++) {
            struct taker *taker = &sim.takers[i];
            if (taker->busy_until_ns != 0 && sim.now_ns >= taker->busy_until_ns) {
                taker->busy_until_ns = 0;
                arrivals_set_free(&sim.arrivals[taker->worker], &taker->taker, true);
            }
        }
        int64_t next_ns = turn();
        assert_true(next_ns > sim.now_ns);
        next_ns = time_later_ns(next_ns, sim.now_ns + sim.step_ns);
        sim.now_ns = time_earlier_ns(time_earlier_ns(next_ns, end_ns), told_ns);
    }
    memset(counts, 0, 8 * sizeof *counts);
    for (uint32_t w = 0; w < plan->workers_count; w++) {
        arrivals_give_up(&sim.arrivals[w], sim.now_ns);
    }
    for (uint32_t w = 0; w < plan->workers_count; w++) {
        const struct figures *figures = &sim.recorders[w].figures;
        for (uint32_t b = 0; b < plan->behaviors_count; b++) {
            arrival_counts_add(&counts[b], &figures->behaviors[b]);
        }
    }
}

static void close_simulation(void)
{
    for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
        arrivals_close(&sim.arrivals[w]);
        recorder_close(&sim.recorders[w]);
    }
    arrivals_pool_close(&sim.pool);
    plan_close(&sim.harness.plan);
}

static const struct {
    const char *scenario;
    int64_t service_ns;
    uint32_t behaviors;
    int64_t gap_ns; /* the longest mean one */
} CASES[] = {
    {SCENARIO("\"connections\": 7, \"rate\": \"100/s\", \"duration\": \"4s\"", LOOP("x", "1")),
     50 * NS_PER_MS, 1, 10 * NS_PER_MS},
    /* More than they can play. */
    {SCENARIO("\"connections\": 5, \"rate\": \"200/s\", \"duration\": \"4s\"", LOOP("x", "1")),
     50 * NS_PER_MS, 1, 5 * NS_PER_MS},
    {SCENARIO("\"connections\": 9, \"rate\": \"200/s\", \"duration\": \"3s\","
              "\"arrival\": \"poisson\"",
              LOOP("x", "1") "," LOOP("y", "3")),
     40 * NS_PER_MS, 2, 5 * NS_PER_MS},
    {SCENARIO("\"connections\": 6, \"rate\": \"80/s\", \"duration\": \"3s\","
              "\"max_catch_up_rate\": \"120/s\"",
              LOOP("x", "1")),
     60 * NS_PER_MS, 1, 13 * NS_PER_MS},
    {SCENARIO("\"connections\": 6, \"rate_per_connection\": \"20/s\", \"duration\": \"3s\"",
              LOOP("x", "1") "," LOOP("y", "1")),
     60 * NS_PER_MS, 2, 9 * NS_PER_MS},
    {SCENARIO("\"connections\": 6, \"rate_per_connection\": \"20/s\", \"duration\": \"3s\","
              "\"arrival\": \"poisson\"",
              LOOP("x", "1") "," LOOP("y", "1")),
     20 * NS_PER_MS, 2, 9 * NS_PER_MS},
    {SCENARIO("\"stages\": ["
              "{ \"duration\": \"1s\", \"connections\": { \"from\": 1, \"to\": 12 },"
              "  \"rate_per_connection\": \"10/s\" },"
              "{ \"duration\": \"1s\", \"rate\": \"90/s\" },"
              "{ \"duration\": \"1s\", \"connections\": 3, \"rate_per_connection\": \"30/s\" } ]",
              LOOP("x", "1")),
     10 * NS_PER_MS, 1, 100 * NS_PER_MS},
    {SCENARIO("\"connections\": 6, \"warmup\": \"990ms\", \"stages\": ["
              "{ \"duration\": \"1030ms\", \"rate\": \"87/s\" },"
              "{ \"duration\": \"970ms\", \"rate\": { \"from\": \"87/s\", \"to\": \"0/s\" } },"
              "{ \"duration\": \"1s\", \"rate\": { \"from\": \"0/s\", \"to\": \"80/s\" } } ]",
              LOOP("x", "1")),
     10 * NS_PER_MS, 1, 1000 * NS_PER_MS},
};

/* No arrival is due more than half a gap later than alone: where all take equally long, none begins
 * later by more than that. */
static void assert_waited(uint32_t side, int64_t waited_ns, int64_t gap_ns)
{
    int64_t apart_ns = sim.waited_ns[side] - waited_ns;
    int64_t most_ns = (int64_t)sim.begun[side] * gap_ns / 2;
    if (apart_ns > most_ns || apart_ns < -most_ns) {
        fail_msg("side %u waited for %lld ns, alone for %lld ns", side,
                 (long long)sim.waited_ns[side], (long long)waited_ns);
    }
}

static void test_each_side_plays_what_the_plan_alone_plays(void **state)
{
    (void)state;
    service_varies = false;
    for (size_t c = 0; c < COUNT_OF(CASES); c++) {
        struct arrival_counts alone[8];
        struct arrival_counts together[8];
        service_ns = CASES[c].service_ns;
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
            open_simulation(CASES[c].scenario, threads, false);
            play(10 * NS_PER_S, alone);
            int64_t waited_ns = sim.waited_ns[0];
            assert_true(sim.begun[0] > 50);
            close_simulation();
            open_simulation(CASES[c].scenario, threads, true);
            play(10 * NS_PER_S, together);
            for (uint32_t b = 0; b < CASES[c].behaviors; b++) {
                assert_memory_equal(&together[2 * b], &alone[b], sizeof alone[b]);
                assert_memory_equal(&together[2 * b + 1], &alone[b], sizeof alone[b]);
            }
            assert_waited(0, waited_ns, CASES[c].gap_ns);
            assert_waited(1, waited_ns, CASES[c].gap_ns);
            close_simulation();
        }
    }
}

/* A server that holds all of its connections for a time: the other side does not notice it. */
static void test_a_stalled_side_does_not_delay_the_other(void **state)
{
    (void)state;
    service_varies = true;
    for (size_t c = 0; c < COUNT_OF(CASES); c++) {
        service_ns = CASES[c].service_ns;
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
            struct arrival_counts free[8];
            open_simulation(CASES[c].scenario, threads, true);
            play(10 * NS_PER_S, free);
            int64_t waited_ns[SIDES] = {sim.waited_ns[0], sim.waited_ns[1]};
            close_simulation();
            for (uint32_t stalled = 0; stalled < SIDES; stalled++) {
                struct arrival_counts together[8];
                uint32_t other = 1 - stalled;
                open_simulation(CASES[c].scenario, threads, true);
                stall(stalled, T0_NS + 200 * NS_PER_MS);
                play(10 * NS_PER_S, together);
                for (uint32_t b = 0; b < CASES[c].behaviors; b++) {
                    assert_memory_equal(&together[2 * b + other], &free[2 * b + other],
                                        sizeof free[0]);
                    assert_true(together[2 * b + stalled].intended == free[2 * b].intended);
                }
                assert_true(sim.waited_ns[other] == waited_ns[other]);
                assert_true(sim.waited_ns[stalled] > waited_ns[stalled]);
                close_simulation();
            }
        }
    }
}

/* Stopped early, the run has the same arrivals on both sides as it has alone: one whose later side
 * would be due behind the stop is not left out there. */
static void test_a_stop_leaves_both_sides_the_same_arrivals(void **state)
{
    (void)state;
    service_varies = false;
    service_ns = 1;
    for (size_t c = 0; c < COUNT_OF(CASES); c++) {
        for (uint32_t i = 0; i < 8 * THREADS_MAX; i++) {
            struct arrival_counts alone[8];
            struct arrival_counts together[8];
            uint32_t threads = 1 + i % THREADS_MAX;
            int64_t stop_ns = T0_NS + 1100 * NS_PER_MS + i * 7137 * (NS_PER_MS / 1000);
            open_simulation(CASES[c].scenario, threads, false);
            sim.stop_ns = stop_ns;
            play(NS_PER_S, alone);
            close_simulation();
            open_simulation(CASES[c].scenario, threads, true);
            sim.stop_ns = stop_ns;
            play(NS_PER_S, together);
            for (uint32_t b = 0; b < CASES[c].behaviors; b++) {
                assert_true(alone[b].begun == alone[b].intended);
                assert_memory_equal(&together[2 * b], &alone[b], sizeof alone[b]);
                assert_memory_equal(&together[2 * b + 1], &alone[b], sizeof alone[b]);
            }
            close_simulation();
        }
    }
}

/* --- Half a gap later. */

static int compare_times(const void *one, const void *other)
{
    int64_t a_ns = *(const int64_t *)one;
    int64_t b_ns = *(const int64_t *)other;
    return (a_ns > b_ns) - (a_ns < b_ns);
}

/* When the arrivals of these sides were due, in order. */
static uint64_t due_times(uint32_t side, uint32_t sides, int64_t *times_ns)
{
    uint64_t count = 0;
    for (; sides > 0; sides--, side++) {
        for (uint64_t i = 0; i < sim.begun[side]; i++) {
            times_ns[count++] = sim.log[side][i].intended_ns;
        }
    }
    qsort(times_ns, count, sizeof *times_ns, compare_times);
    return count;
}

static int64_t plan_ns[BEGUN_MAX]; /* when they are due alone */
static int64_t times[SIDES * BEGUN_MAX];

static void check_half(const uint64_t firsts[SIDES], uint64_t tolerance)
{
    uint64_t apart = firsts[0] > firsts[1] ? firsts[0] - firsts[1] : firsts[1] - firsts[0];
    if (apart > tolerance) {
        fail_msg("one side was first %llu times, the other %llu", (unsigned long long)firsts[0],
                 (unsigned long long)firsts[1]);
    }
}

/* Each side is first in half of the arrivals: in all, on each worker, and on each connection (where
 * they do not come in turn, about). */
static void check_firsts(uint32_t connections, uint64_t planned, bool even)
{
    uint64_t firsts[SIDES] = {0};
    uint64_t of_worker[THREADS_MAX][SIDES] = {{0}};
    uint64_t of_number[TAKERS_MAX][SIDES] = {{0}};
    uint64_t begun[TAKERS_MAX] = {0};
    for (uint32_t side = 0; side < SIDES; side++) {
        for (uint64_t i = 0; i < sim.begun[side]; i++) {
            const struct begun *one = &sim.log[side][i];
            bool first = bsearch(&one->intended_ns, plan_ns, planned, sizeof *plan_ns,
                                 compare_times) != NULL;
            firsts[side] += first;
            of_worker[one->worker][side] += first;
            of_number[one->number][side] += first;
            begun[one->number] += side == 0;
        }
    }
    /* The last rounds are not complete. */
    assert_true(!even || firsts[0] + firsts[1] == planned);
    check_half(firsts, even ? 2 * connections : planned / 4);
    for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
        check_half(of_worker[w], even ? 2 * connections : planned / 4);
    }
    for (uint32_t i = 0; i < connections; i++) {
        check_half(of_number[i], even ? 1 : begun[i] / 2);
    }
}

/* Even arrivals of both sides together are even, and most of a side's are a whole gap apart. */
static void check_spaces(uint32_t connections, int64_t gap_ns)
{
    uint64_t count = due_times(0, SIDES, times);
    for (uint64_t i = 1; i < count; i++) {
        int64_t space_ns = times[i] - times[i - 1];
        assert_true(space_ns >= gap_ns / 2 - 2 && space_ns <= gap_ns / 2 + 2);
    }
    count = due_times(0, 1, times);
    uint64_t others = 0;
    for (uint64_t i = 1; i < count; i++) {
        int64_t space_ns = times[i] - times[i - 1];
        others += space_ns < gap_ns - 2 || space_ns > gap_ns + 2;
    }
    /* It changes after 8, and where all connections have had their turn. */
    assert_true(connections < 8 || others <= count * 3 / 16 + 1);
}

/* gap_ns: of the arrivals of a side; 0: they are not even. */
static void check_order(uint32_t connections, uint32_t threads, const char *load, int64_t step_ns,
                        int64_t gap_ns)
{
    struct arrival_counts counts[8];
    char scenario[1024];
    snprintf(scenario, sizeof scenario,
             SCENARIO("\"connections\": %u, \"duration\": \"4s\", %s", LOOP("x", "1")), connections,
             load);
    service_ns = 1 * NS_PER_MS;
    service_varies = false;
    open_simulation(scenario, threads, false);
    play(10 * NS_PER_S, counts);
    uint64_t planned = due_times(0, 1, plan_ns);
    close_simulation();
    open_simulation(scenario, threads, true);
    sim.step_ns = step_ns;
    play(10 * NS_PER_S, counts);
    assert_true(planned == sim.begun[0] && planned == sim.begun[1]);
    check_firsts(connections, planned, gap_ns > 0);
    if (gap_ns > 0) {
        check_spaces(connections, gap_ns);
    }
    if (threads == 1) {
        assert_true(sim.row_max <= (gap_ns > 0 ? 2 : 12));
    }
    close_simulation();
}

static void check_orders(const char *load, int64_t step_ns, double gap_ns, bool own)
{
    static const uint32_t CONNECTIONS[] = {1, 2, 3, 5, 8, 9, 16, 17, 20};
    for (size_t i = 0; i < COUNT_OF(CONNECTIONS); i++) {
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
            check_order(CONNECTIONS[i], threads, load, step_ns,
                        (int64_t)(own ? gap_ns / CONNECTIONS[i] : gap_ns));
        }
    }
}

static void test_one_side_is_half_a_gap_later_by_turns(void **state)
{
    (void)state;
    check_orders("\"rate\": \"97/s\"", 0, 1e9 / 97, false);
    check_orders("\"rate\": \"97/s\", \"arrival\": \"poisson\"", 0, 0, false);
    check_orders("\"rate_per_connection\": \"31/s\"", 0, 1e9 / 31, true);
}

/* Poisson arrivals of a side may be less than half a gap apart, and the first of them be the one
 * that is due half a gap later: the second is not late because of that. */
static void test_an_arrival_is_not_late_because_of_the_one_before_it(void **state)
{
    (void)state;
    static const char *const LOADS[] = {"rate", "rate_per_connection"};
    service_ns = 1;
    service_varies = false;
    for (uint32_t i = 0; i < 2 * THREADS_MAX; i++) {
        struct arrival_counts counts[8];
        char scenario[1024];
        snprintf(scenario, sizeof scenario,
                 SCENARIO("\"connections\": %u, \"duration\": \"4s\", \"%s\": \"97/s\","
                          "\"arrival\": \"poisson\"",
                          LOOP("x", "1")),
                 1 + i / 2, LOADS[i % 2]);
        open_simulation(scenario, 1, true);
        play(NS_PER_S, counts);
        assert_true(sim.begun[0] > 300 && sim.begun[0] == sim.begun[1]);
        for (uint32_t side = 0; side < SIDES; side++) {
            assert_true(sim.waited_ns[side] <= (int64_t)sim.begun[side]);
        }
        close_simulation();
    }
}

/* What is late begins as it was due: no row of one side. */
static void test_the_sides_take_turns_within_bursts(void **state)
{
    (void)state;
    check_orders("\"rate_per_connection\": \"31/s\"", 30 * NS_PER_MS, 1e9 / 31, true);
    check_order(20, 1, "\"rate\": \"200/s\"", 100 * NS_PER_MS, 5 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_side_plays_what_the_plan_alone_plays),
        cmocka_unit_test(test_a_stalled_side_does_not_delay_the_other),
        cmocka_unit_test(test_a_stop_leaves_both_sides_the_same_arrivals),
        cmocka_unit_test(test_one_side_is_half_a_gap_later_by_turns),
        cmocka_unit_test(test_an_arrival_is_not_late_because_of_the_one_before_it),
        cmocka_unit_test(test_the_sides_take_turns_within_bursts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
