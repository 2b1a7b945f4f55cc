/* A duet: each side has the arrivals that the same plan has alone, at the same moments, whatever
 * the other side does; and where both can begin one, they take turns in being first. Takers are
 * nothing but a time for which they are busy, as in test_arrivals.c. */
#include "arrivals_scenario.h"
#include "client_harness.h"

#include "core/prng.h"
#include "play/arrivals.h"

enum { THREADS_MAX = 3, TAKERS_MAX = 64, SIDES = PLAN_DUET_SIDES };

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
    int64_t waited_ns[SIDES];
    uint64_t begun[SIDES];
    /* Pairs: one arrival, begun on both sides directly after one another. */
    const struct taker *last[THREADS_MAX];
    int64_t last_intended_ns[THREADS_MAX];
    uint64_t firsts[SIDES];
    uint64_t firsts_of_worker[THREADS_MAX][SIDES];
    uint64_t firsts_of_number[TAKERS_MAX][SIDES];
    uint64_t begun_of_number[TAKERS_MAX][SIDES];
    bool woken;
} sim;

static void wake(void *context, uint32_t worker)
{
    (void)context;
    (void)worker;
    sim.woken = true;
}

static void note_order(const struct taker *taker, int64_t intended_ns)
{
    uint32_t worker = taker->worker;
    const struct taker *last = sim.last[worker];
    if (last == NULL || sim.last_intended_ns[worker] != intended_ns || last->side == taker->side) {
        sim.last[worker] = taker;
        sim.last_intended_ns[worker] = intended_ns;
        return;
    }
    sim.firsts[last->side]++;
    sim.firsts_of_worker[worker][last->side]++;
    sim.firsts_of_number[last->number][last->side]++;
    sim.last[worker] = NULL;
}

static int64_t service_ns;

static void begin(struct arrivals_taker *arrivals_taker, int64_t intended_ns, int64_t granted_ns)
{
    struct taker *taker = (struct taker *)arrivals_taker;
    assert_true(taker->busy_until_ns == 0);
    assert_true(intended_ns <= sim.now_ns && granted_ns <= sim.now_ns);
    /* By the arrival, so that it is the same whoever plays it. */
    uint64_t draw = prng_range(7, 7, (uint64_t)intended_ns, 50, 150);
    taker->busy_until_ns = sim.now_ns + service_ns * (int64_t)draw / 100;
    sim.waited_ns[taker->side] += sim.now_ns - intended_ns;
    sim.begun[taker->side]++;
    sim.begun_of_number[taker->number][taker->side]++;
    note_order(taker, intended_ns);
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
        assert_true(
            recorder_open(&sim.recorders[w], &shape, &plan->pacing, 1, 0, &sim.live[w], &error));
        sim.recorders[w].t0_ns = T0_NS;
        sim.recorders[w].window_start_ns = T0_NS;
        sim.recorders[w].window_end_ns = T0_NS + plan->duration_ns;
        assert_true(arrivals_open(&sim.arrivals[w], plan, &sim.pool, w, sim.numbers[w],
                                  sim.numbers_count[w], &sim.recorders[w], &error));
        sim.arrivals[w].begin = begin;
        sim.arrivals[w].stop_ns = T0_NS + plan->duration_ns;
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

/* Until drain_ns past the stop. counts: of each behavior, all workers together. */
static void play(int64_t drain_ns, struct arrival_counts counts[8])
{
    const struct plan *plan = &sim.harness.plan;
    int64_t end_ns = T0_NS + plan->duration_ns + drain_ns;
    while (sim.now_ns < end_ns) {
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
        sim.now_ns = time_earlier_ns(next_ns, end_ns);
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
} CASES[] = {
    {SCENARIO("\"connections\": 7, \"rate\": \"100/s\", \"duration\": \"4s\"", LOOP("x", "1")),
     50 * NS_PER_MS, 1},
    /* More than they can play. */
    {SCENARIO("\"connections\": 5, \"rate\": \"200/s\", \"duration\": \"4s\"", LOOP("x", "1")),
     50 * NS_PER_MS, 1},
    {SCENARIO("\"connections\": 9, \"rate\": \"200/s\", \"duration\": \"3s\","
              "\"arrival\": \"poisson\"",
              LOOP("x", "1") "," LOOP("y", "3")),
     40 * NS_PER_MS, 2},
    {SCENARIO("\"connections\": 6, \"rate\": \"80/s\", \"duration\": \"3s\","
              "\"max_catch_up_rate\": \"120/s\"",
              LOOP("x", "1")),
     60 * NS_PER_MS, 1},
    {SCENARIO("\"connections\": 6, \"rate_per_connection\": \"20/s\", \"duration\": \"3s\"",
              LOOP("x", "1") "," LOOP("y", "1")),
     60 * NS_PER_MS, 2},
    {SCENARIO("\"connections\": 6, \"rate_per_connection\": \"20/s\", \"duration\": \"3s\","
              "\"arrival\": \"poisson\"",
              LOOP("x", "1") "," LOOP("y", "1")),
     20 * NS_PER_MS, 2},
    {SCENARIO("\"stages\": ["
              "{ \"duration\": \"1s\", \"connections\": { \"from\": 1, \"to\": 12 },"
              "  \"rate_per_connection\": \"10/s\" },"
              "{ \"duration\": \"1s\", \"rate\": \"90/s\" },"
              "{ \"duration\": \"1s\", \"connections\": 3, \"rate_per_connection\": \"30/s\" } ]",
              LOOP("x", "1")),
     10 * NS_PER_MS, 1},
};

/* Of two own arrivals of a moment, the second comes a nanosecond later. */
static void assert_waited(uint32_t side, int64_t waited_ns)
{
    int64_t later_ns = sim.harness.plan.each.arrivals_total > 0 ? (int64_t)sim.begun[side] : 0;
    if (sim.waited_ns[side] < waited_ns || sim.waited_ns[side] > waited_ns + later_ns) {
        fail_msg("side %u waited for %lld ns, alone for %lld ns", side,
                 (long long)sim.waited_ns[side], (long long)waited_ns);
    }
}

static void test_each_side_plays_what_the_plan_alone_plays(void **state)
{
    (void)state;
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
            assert_waited(0, waited_ns);
            assert_waited(1, waited_ns);
            close_simulation();
        }
    }
}

/* A server that holds all of its connections for a time: the other side does not notice it. */
static void test_a_stalled_side_does_not_delay_the_other(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT_OF(CASES); c++) {
        service_ns = CASES[c].service_ns;
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
            struct arrival_counts alone[8];
            open_simulation(CASES[c].scenario, threads, false);
            play(10 * NS_PER_S, alone);
            int64_t waited_ns = sim.waited_ns[0];
            close_simulation();
            for (uint32_t stalled = 0; stalled < SIDES; stalled++) {
                struct arrival_counts together[8];
                uint32_t other = 1 - stalled;
                open_simulation(CASES[c].scenario, threads, true);
                stall(stalled, T0_NS + 200 * NS_PER_MS);
                play(10 * NS_PER_S, together);
                for (uint32_t b = 0; b < CASES[c].behaviors; b++) {
                    assert_memory_equal(&together[2 * b + other], &alone[b], sizeof alone[b]);
                    assert_true(together[2 * b + stalled].intended == alone[b].intended);
                }
                assert_waited(other, waited_ns);
                assert_true(sim.waited_ns[stalled] > waited_ns);
                close_simulation();
            }
        }
    }
}

static void check_half(const uint64_t firsts[SIDES], uint64_t tolerance)
{
    uint64_t apart = firsts[0] > firsts[1] ? firsts[0] - firsts[1] : firsts[1] - firsts[0];
    if (apart > tolerance) {
        fail_msg("one side was first %llu times, the other %llu", (unsigned long long)firsts[0],
                 (unsigned long long)firsts[1]);
    }
}

/* Of the arrivals that both sides begin, each side is first in half: in all, on each worker, and on
 * each connection (where they do not come in turn, about); also when many are due in one turn. */
static void check_order(const char *load, int64_t step_ns, bool in_turn)
{
    for (uint32_t connections = 1; connections <= 16; connections++) {
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
            struct arrival_counts counts[8];
            char scenario[1024];
            snprintf(scenario, sizeof scenario,
                     SCENARIO("\"connections\": %u, \"duration\": \"4s\", %s", LOOP("x", "1")),
                     connections, load);
            service_ns = 1 * NS_PER_MS;
            open_simulation(scenario, threads, true);
            sim.step_ns = step_ns;
            play(10 * NS_PER_S, counts);
            assert_true(sim.firsts[0] + sim.firsts[1] == counts[0].begun);
            /* Each worker may be in the middle of a pair; each connection in that of two rounds. */
            check_half(sim.firsts, sim.harness.plan.workers_count + connections);
            for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
                check_half(sim.firsts_of_worker[w], 2 + connections);
            }
            for (uint32_t i = 0; i < connections; i++) {
                uint64_t begun = sim.begun_of_number[i][0];
                assert_true(begun == sim.begun_of_number[i][1]);
                check_half(sim.firsts_of_number[i], in_turn ? 2 : begun / 4);
            }
            close_simulation();
        }
    }
}

static void test_the_sides_take_turns(void **state)
{
    (void)state;
    check_order("\"rate\": \"97/s\"", 0, true);
    check_order("\"rate\": \"97/s\", \"arrival\": \"poisson\"", 0, false);
    check_order("\"rate_per_connection\": \"31/s\"", 0, true);
}

static void test_the_sides_take_turns_within_bursts(void **state)
{
    (void)state;
    check_order("\"rate_per_connection\": \"31/s\"", 30 * NS_PER_MS, true);
}

/* 20 are due in each turn, and all can begin. */
static void test_a_burst_is_no_row_of_one_side(void **state)
{
    (void)state;
    struct arrival_counts counts[8];
    service_ns = 1 * NS_PER_MS;
    open_simulation(
        SCENARIO("\"connections\": 32, \"rate\": \"200/s\", \"duration\": \"4s\"", LOOP("x", "1")),
        1, true);
    sim.step_ns = 100 * NS_PER_MS;
    play(NS_PER_S, counts);
    assert_true(counts[0].begun == 800 && counts[1].begun == 800);
    assert_true(sim.firsts[0] == 400 && sim.firsts[1] == 400);
    close_simulation();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_side_plays_what_the_plan_alone_plays),
        cmocka_unit_test(test_a_stalled_side_does_not_delay_the_other),
        cmocka_unit_test(test_the_sides_take_turns),
        cmocka_unit_test(test_the_sides_take_turns_within_bursts),
        cmocka_unit_test(test_a_burst_is_no_row_of_one_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
