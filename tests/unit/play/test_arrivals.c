/* Threads are invisible: the same plan played by one worker or by several has the same arrivals,
 * and each begins at the same moment. Takers here are nothing but a time for which they are busy,
 * so what is tested is play/arrivals.c, its pool and the plan's dealing, on virtual time. */
#include "arrivals_scenario.h"
#include "client_harness.h"

#include "core/prng.h"
#include "play/arrivals.h"

enum { THREADS_MAX = 4, TAKERS_MAX = 64 };

#define T0_NS (10 * NS_PER_S)

struct taker {
    struct arrivals_taker taker; /* first */
    uint32_t number;
    uint32_t worker;
    int64_t busy_until_ns; /* 0: it is free */
    int64_t gone_at_ns;
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
    int64_t service_ns;
    int64_t waited_ns; /* all that began, from when they were due */
    uint64_t begun;
    uint64_t per_taker[TAKERS_MAX];
    uint64_t catching_up_max; /* late ones that began within any 100 ms */
    int64_t late_begun_ns[4096];
    uint32_t late_count;
    bool woken;
    uint32_t woken_worker;
} sim;

static void wake(void *context, uint32_t worker)
{
    (void)context;
    assert_true(worker < sim.harness.plan.workers_count);
    sim.woken = true;
    sim.woken_worker = worker;
}

static void begin(struct arrivals_taker *arrivals_taker, int64_t intended_ns, int64_t granted_ns)
{
    struct taker *taker = (struct taker *)arrivals_taker;
    assert_true(taker->busy_until_ns == 0);
    assert_true(intended_ns <= sim.now_ns && granted_ns <= sim.now_ns);
    assert_true(granted_ns >= intended_ns);
    /* By the arrival, so that it is the same whoever plays it. */
    uint64_t draw = prng_range(7, 7, (uint64_t)intended_ns, 50, 150);
    taker->busy_until_ns = sim.now_ns + sim.service_ns * (int64_t)draw / 100;
    sim.waited_ns += sim.now_ns - intended_ns;
    sim.begun++;
    sim.per_taker[taker->number]++;
    if (sim.now_ns - intended_ns > ARRIVALS_LATE_NS && sim.late_count < 4096) {
        sim.late_begun_ns[sim.late_count++] = sim.now_ns;
    }
}

static void open_simulation(const char *scenario, const char **arguments)
{
    struct error error = {""};
    sim = (struct simulation){.now_ns = T0_NS};
    harness_plan(&sim.harness, scenario, arguments);
    const struct plan *plan = &sim.harness.plan;
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
            uint32_t number = sim.numbers[w][i];
            struct taker *taker = &sim.takers[number];
            taker->number = number;
            taker->worker = w;
            taker->gone_at_ns = TIME_NEVER_NS;
            arrivals_seat(&sim.arrivals[w], &taker->taker, i, plan_seat_at(plan, number).behavior);
            arrivals_set_free(&sim.arrivals[w], &taker->taker, true);
        }
        arrivals_start(&sim.arrivals[w], T0_NS);
    }
}

static void open_with_threads(const char *scenario, uint32_t threads)
{
    char text[8];
    snprintf(text, sizeof text, "%u", threads);
    open_simulation(scenario, (const char *[]){"-t", text, NULL});
}

static void stall_for_a_second(uint32_t takers_count)
{
    for (uint32_t i = 0; i < takers_count; i++) {
        struct taker *taker = &sim.takers[i];
        arrivals_set_free(&sim.arrivals[taker->worker], &taker->taker, false);
        taker->busy_until_ns = T0_NS + NS_PER_S;
    }
}

static void free_takers(void)
{
    for (uint32_t i = 0; i < sim.harness.plan.connections; i++) {
        struct taker *taker = &sim.takers[i];
        struct arrivals *arrivals = &sim.arrivals[taker->worker];
        if (!taker->taker.absent && sim.now_ns >= taker->gone_at_ns) {
            arrivals_set_free(arrivals, &taker->taker, false);
            arrivals_set_absent(arrivals, &taker->taker, true);
        } else if (taker->busy_until_ns != 0 && sim.now_ns >= taker->busy_until_ns) {
            taker->busy_until_ns = 0;
            arrivals_set_free(arrivals, &taker->taker, !taker->taker.absent);
        }
    }
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* All workers, until none of them has anything to do now, or is woken by another. Returns when
 * something happens next. */
static int64_t turn(void)
{
    int64_t next_ns = TIME_NEVER_NS;
    uint64_t before;
    do {
        before = sim.begun;
        next_ns = TIME_NEVER_NS;
        sim.woken = false;
        for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
            next_ns = earlier(next_ns, arrivals_begin_due(&sim.arrivals[w], sim.now_ns, 64));
        }
    } while (sim.begun != before || sim.woken || next_ns <= sim.now_ns);
    for (uint32_t i = 0; i < sim.harness.plan.connections; i++) {
        const struct taker *taker = &sim.takers[i];
        if (taker->busy_until_ns != 0) {
            next_ns = earlier(next_ns, taker->busy_until_ns);
        }
        if (!taker->taker.absent) {
            next_ns = earlier(next_ns, taker->gone_at_ns);
        }
    }
    return next_ns;
}

static void play_until(int64_t end_ns)
{
    while (sim.now_ns < end_ns) {
        free_takers();
        int64_t next_ns = turn();
        assert_true(next_ns > sim.now_ns);
        sim.now_ns = earlier(next_ns, end_ns);
    }
}

/* Until drain_ns past the stop; then what is left is given up. The sum of all workers. */
static struct arrival_counts play(int64_t drain_ns)
{
    const struct plan *plan = &sim.harness.plan;
    play_until(T0_NS + plan->duration_ns + drain_ns);
    struct arrival_counts sum = {0};
    for (uint32_t w = 0; w < plan->workers_count; w++) {
        arrivals_give_up(&sim.arrivals[w], sim.now_ns);
    }
    for (uint32_t w = 0; w < plan->workers_count; w++) {
        const struct arrival_counts *counts = &sim.recorders[w].figures.arrivals;
        assert_true(counts->intended == counts->begun + counts->dropped + counts->never_started);
        sum.intended += counts->intended;
        sum.begun += counts->begun;
        sum.dropped += counts->dropped;
        sum.never_started += counts->never_started;
    }
    return sum;
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

/* The arrivals that the plan has, by walking over them. */
static uint64_t count_due(void)
{
    const struct plan *plan = &sim.harness.plan;
    uint64_t due = 0;
    struct pacing_cursor cursor;
    for (pacing_first(&plan->course.shared, &cursor); cursor.time_ns != TIME_NEVER_NS;
         pacing_advance(&plan->course.shared, &cursor)) {
        due += cursor.time_ns >= plan->scenario->load.warmup_ns;
    }
    for (uint32_t i = 0; i < plan->connections; i++) {
        for (plan_own_arrivals(plan, i, &cursor); cursor.time_ns != TIME_NEVER_NS;
             pacing_advance(&plan->course.each, &cursor)) {
            due += plan_wants(plan, &plan->course, i, cursor.time_ns) &&
                   cursor.time_ns >= plan->scenario->load.warmup_ns;
        }
    }
    return due;
}

static const struct {
    const char *scenario;
    int64_t service_ns;
    int64_t drain_ns;
    bool same_waits; /* a queue: every arrival begins at the same moment with any threads */
} CASES[] = {
    {SCENARIO("\"connections\": 7, \"rate\": \"100/s\", \"duration\": \"4s\"", LOOP("a", "1")),
     50 * NS_PER_MS, 10 * NS_PER_S, true},
    /* More than they can play: a backlog to the end, and beyond. */
    {SCENARIO("\"connections\": 5, \"rate\": \"200/s\", \"duration\": \"4s\"", LOOP("a", "1")),
     50 * NS_PER_MS, 1 * NS_PER_S, true},
    {SCENARIO("\"connections\": 9, \"rate\": \"200/s\", \"duration\": \"3s\", \"warmup\": \"1s\","
              "\"arrival\": \"poisson\"",
              LOOP("a", "1") "," LOOP("b", "3")),
     40 * NS_PER_MS, 5 * NS_PER_S, true},
    {SCENARIO("\"connections\": 6, \"rate\": \"150/s\", \"duration\": \"3s\", \"late\": \"drop\"",
              LOOP("a", "1")),
     60 * NS_PER_MS, 1 * NS_PER_S, false},
    {SCENARIO("\"connections\": 6, \"rate_per_connection\": \"20/s\", \"duration\": \"3s\"",
              LOOP("a", "1") "," LOOP("b", "1")),
     60 * NS_PER_MS, 1 * NS_PER_S, true},
    {SCENARIO("\"connections\": 6, \"rate_per_connection\": \"20/s\", \"duration\": \"3s\","
              "\"arrival\": \"poisson\", \"late\": \"drop\"",
              LOOP("a", "1") "," LOOP("b", "1")),
     20 * NS_PER_MS, 1 * NS_PER_S, true},
    {SCENARIO("\"stages\": ["
              "{ \"duration\": \"1s\", \"connections\": { \"from\": 1, \"to\": 12 },"
              "  \"rate_per_connection\": \"10/s\" },"
              "{ \"duration\": \"1s\", \"rate\": \"90/s\" },"
              "{ \"duration\": \"1s\", \"connections\": 3, \"rate_per_connection\": \"30/s\" } ]",
              LOOP("a", "1")),
     10 * NS_PER_MS, 2 * NS_PER_S, true},
    {SCENARIO("\"connections\": 8, \"stages\": [ { \"duration\": \"3s\","
              "\"rate\": { \"from\": \"0/s\", \"to\": \"300/s\" } } ]",
              LOOP("a", "1")),
     30 * NS_PER_MS, 2 * NS_PER_S, true},
};

static void test_the_same_arrivals_begin_at_the_same_moments(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT_OF(CASES); c++) {
        struct arrival_counts one = {0};
        int64_t waited_ns = 0;
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
            open_with_threads(CASES[c].scenario, threads);
            sim.service_ns = CASES[c].service_ns;
            uint64_t due = count_due();
            struct arrival_counts sum = play(CASES[c].drain_ns);
            assert_true(sum.intended == due);
            assert_true(sum.begun + sum.dropped + sum.never_started == sum.intended);
            if (threads == 1) {
                one = sum;
                waited_ns = sim.waited_ns;
            } else if (CASES[c].same_waits) {
                assert_memory_equal(&sum, &one, sizeof sum);
                assert_true(sim.waited_ns == waited_ns);
            } else {
                /* Which of two arrivals of one moment is left out is chance. */
                assert_in_range(sum.dropped, one.dropped * 9 / 10, one.dropped * 11 / 10 + 2);
            }
            close_simulation();
        }
    }
}

/* Connections that go: the others play what is due, or nobody does; the target never shrinks. */
static void test_connections_that_go_take_nothing_with_them(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
        open_with_threads(CASES[0].scenario, threads);
        sim.service_ns = 10 * NS_PER_MS;
        for (uint32_t i = 0; i < 7; i++) {
            bool goes = sim.takers[i].worker == 0 || i < 4; /* all of one worker's */
            sim.takers[i].gone_at_ns = goes && i != 6 ? T0_NS + NS_PER_S : TIME_NEVER_NS;
        }
        sim.takers[6].gone_at_ns = TIME_NEVER_NS;
        struct arrival_counts sum = play(30 * NS_PER_S);
        assert_int_equal(sum.intended, 400);
        assert_int_equal(sum.begun, 400);
        close_simulation();
        open_with_threads(CASES[0].scenario, threads);
        sim.service_ns = 10 * NS_PER_MS;
        for (uint32_t i = 0; i < 7; i++) {
            sim.takers[i].gone_at_ns = T0_NS + 2 * NS_PER_S;
        }
        sum = play(0);
        assert_int_equal(sum.intended, 400);
        assert_int_equal(sum.begun, 200);
        assert_int_equal(sum.never_started, 200);
        for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
            arrivals_are_late(&sim.arrivals[w], sim.now_ns); /* each passes on what it has */
        }
        for (uint32_t w = 0; w < sim.harness.plan.workers_count; w++) {
            assert_false(arrivals_are_late(&sim.arrivals[w], sim.now_ns)); /* nobody will come */
        }
        close_simulation();
    }
}

/* rate_per_connection: each keeps its own rate, whatever becomes of the others. */
static void test_each_connection_keeps_its_own_rate(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
        open_with_threads(CASES[4].scenario, threads);
        sim.service_ns = 10 * NS_PER_MS;
        sim.takers[1].gone_at_ns = T0_NS + NS_PER_S;
        struct arrival_counts sum = play(NS_PER_S);
        assert_int_equal(sum.intended, 360);
        assert_int_equal(sum.never_started, 40);
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(sim.per_taker[i], i == 1 ? 20 : 60);
        }
        close_simulation();
    }
}

/* A connection goes at 1 s and comes again at 2 s, which the worker learns half a second later. */
static void test_a_touch_that_is_seen_late_loses_no_own_arrival(void **state)
{
    (void)state;
    struct error error;
    struct course courses[2];
    const struct touch touches[] = {{.kind = TOUCH_CONNECTIONS, .at_ns = 1 * NS_PER_S, .value = 1},
                                    {.kind = TOUCH_CONNECTIONS, .at_ns = 2 * NS_PER_S, .value = 2}};
    open_with_threads(SCENARIO("\"connections\": 2, \"rate_per_connection\": \"100/s\","
                               "\"duration\": \"4s\", \"warmup\": \"0s\"",
                               LOOP("a", "1")),
                      1);
    sim.service_ns = 1 * NS_PER_MS;
    const struct course *from = &sim.harness.plan.course;
    for (int i = 0; i < 2; i++) {
        assert_true(course_open_touched(&courses[i], from, &touches[i], &error));
        from = &courses[i];
    }
    play_until(T0_NS + 900 * NS_PER_MS);
    arrivals_follow(&sim.arrivals[0], &courses[0]);
    play_until(T0_NS + 1900 * NS_PER_MS);
    sim.now_ns = T0_NS + 2500 * NS_PER_MS;
    arrivals_follow(&sim.arrivals[0], &courses[1]);
    struct arrival_counts sum = play(NS_PER_S);
    assert_int_equal(sum.begun, 700);
    assert_int_equal(sim.per_taker[1], 300);
    close_simulation();
    course_close(&courses[0]);
    course_close(&courses[1]);
}

/* The bound on catching up is one for all threads. */
static void test_catching_up_is_bounded_over_all_threads(void **state)
{
    (void)state;
    static const char scenario[] =
        SCENARIO("\"connections\": 8, \"rate\": \"100/s\", \"duration\": \"4s\","
                 "\"max_catch_up_rate\": \"200/s\"",
                 LOOP("a", "1"));
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
        open_with_threads(scenario, threads);
        sim.service_ns = NS_PER_MS;
        stall_for_a_second(8);
        struct arrival_counts sum = play(NS_PER_S);
        assert_int_equal(sum.begun, 400);
        assert_true(sim.late_count > 150);
        for (uint32_t i = 20; i < sim.late_count; i++) {
            /* 20 of them take a tenth of a second at least, but for the first one's advance. */
            assert_true(sim.late_begun_ns[i] - sim.late_begun_ns[i - 20] > 90 * NS_PER_MS);
        }
        close_simulation();
    }
}

/* The same for arrivals of single connections; and those that are held back wait in a list of which
 * only the first is asked for, not in the heap, where each grant would move all of them. */
static void test_own_arrivals_held_back_are_asked_for_one_by_one(void **state)
{
    (void)state;
    static const char scenario[] =
        SCENARIO("\"connections\": 40, \"rate_per_connection\": \"5/s\", \"duration\": \"4s\","
                 "\"max_catch_up_rate\": \"400/s\"",
                 LOOP("a", "1"));
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
        open_with_threads(scenario, threads);
        sim.service_ns = NS_PER_MS;
        stall_for_a_second(40);
        sim.now_ns = T0_NS + NS_PER_S;
        free_takers();
        turn();
        for (uint32_t w = 0; w < threads; w++) {
            assert_true(sim.arrivals[w].own_waiting + 2 >= sim.numbers_count[w]);
            assert_true(sim.arrivals[w].own_due.count <= 2); /* of those that have begun */
        }
        sim.takers[3].gone_at_ns = sim.now_ns + NS_PER_MS; /* while it is held back */
        struct arrival_counts sum = play(NS_PER_S);
        assert_int_equal(sum.intended, 800);
        assert_int_equal(sum.begun + sum.never_started, 800);
        assert_in_range(sum.never_started, 19, 20);
        for (uint32_t i = 20; i < sim.late_count; i++) {
            assert_true(sim.late_begun_ns[i] - sim.late_begun_ns[i - 20] > 45 * NS_PER_MS);
        }
        close_simulation();
    }
}

/* --- Who is woken, and who ends first: single steps of the workers. */

static const char STEPS[] =
    SCENARIO("\"connections\": 3, \"rate\": \"1000/s\", \"duration\": \"1s\"", LOOP("a", "1"));

static void set_free(uint32_t number, bool is_free)
{
    struct taker *taker = &sim.takers[number];
    arrivals_set_free(&sim.arrivals[taker->worker], &taker->taker, is_free);
}

static int64_t step_worker(uint32_t worker)
{
    return arrivals_begin_due(&sim.arrivals[worker], sim.now_ns, 64);
}

/* A worker that was woken for an arrival in the pool, and has no free connection any more when it
 * looks, wakes another that has one: otherwise the arrival waits although somebody is free. */
static void test_a_wake_that_comes_too_late_is_passed_on(void **state)
{
    (void)state;
    open_simulation(STEPS, (const char *[]){"-t", "3", NULL});
    sim.service_ns = NS_PER_S;
    set_free(0, false);
    step_worker(1); /* 1 and 2 say that they have a free connection, and sleep */
    step_worker(2);
    for (uint32_t w = 0; w < 3; w++) {
        assert_int_equal(sim.takers[w].worker, w);
    }
    sim.now_ns = T0_NS;
    step_worker(0); /* due there, and nobody is free there */
    assert_true(sim.woken);
    assert_int_equal(sim.woken_worker, 1);
    sim.woken = false;
    set_free(1, false); /* before it looks */
    step_worker(1);
    assert_true(sim.woken);
    assert_int_equal(sim.woken_worker, 2);
    step_worker(2);
    assert_int_equal(sim.begun, 1);
    assert_int_equal(sim.per_taker[2], 1);
    close_simulation();
}

/* What is in the pool when the first worker ends belongs to those that still play; only the last
 * one tells of it as never begun. */
static void test_the_first_to_finish_leaves_the_pool_to_the_others(void **state)
{
    (void)state;
    open_simulation(STEPS, (const char *[]){"-t", "3", NULL});
    sim.service_ns = NS_PER_S;
    for (uint32_t i = 0; i < 3; i++) {
        set_free(i, false);
    }
    sim.now_ns = T0_NS + 2 * NS_PER_MS; /* three are due, one at each worker */
    for (uint32_t w = 0; w < 3; w++) {
        step_worker(w);
    }
    assert_int_equal(sim.pool.queues[0].count, 3);
    for (uint32_t w = 0; w < 3; w++) {
        arrivals_stop(&sim.arrivals[w], sim.now_ns + 1);
        assert_true(arrivals_are_late(&sim.arrivals[w], sim.now_ns));
    }
    arrivals_give_up(&sim.arrivals[0], sim.now_ns);
    assert_int_equal(sim.recorders[0].figures.arrivals.never_started, 0);
    set_free(1, true);
    step_worker(1);
    assert_int_equal(sim.begun, 1);
    arrivals_give_up(&sim.arrivals[1], sim.now_ns);
    assert_int_equal(sim.recorders[1].figures.arrivals.never_started, 0);
    arrivals_give_up(&sim.arrivals[2], sim.now_ns);
    assert_int_equal(sim.recorders[2].figures.arrivals.never_started, 2);
    assert_int_equal(sim.pool.queues[0].count, 0);
    close_simulation();
}

/* Millions that never begin are told in bulk, and are all there. */
static void test_millions_that_never_begin_are_all_counted(void **state)
{
    (void)state;
    static const char scenario[] =
        SCENARIO("\"connections\": 3, \"rate\": \"300000000/s\", \"duration\": \"2s\","
                 "\"warmup\": \"500ms\"",
                 LOOP("a", "1"));
    for (uint32_t threads = 1; threads <= 3; threads++) {
        open_with_threads(scenario, threads);
        sim.service_ns = 100 * NS_PER_S;
        sim.now_ns = T0_NS + 2 * NS_PER_S;
        for (uint32_t w = 0; w < threads; w++) {
            arrivals_begin_due(&sim.arrivals[w], sim.now_ns, 64);
        }
        struct arrival_counts sum = {0};
        for (uint32_t w = 0; w < threads; w++) {
            arrivals_give_up(&sim.arrivals[w], sim.now_ns);
            sum.intended += sim.recorders[w].figures.arrivals.intended;
            sum.never_started += sim.recorders[w].figures.arrivals.never_started;
        }
        assert_true(sum.intended == 450 * 1000 * 1000);
        assert_true(sum.never_started == sum.intended);
        close_simulation();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_arrivals_begin_at_the_same_moments),
        cmocka_unit_test(test_connections_that_go_take_nothing_with_them),
        cmocka_unit_test(test_each_connection_keeps_its_own_rate),
        cmocka_unit_test(test_a_touch_that_is_seen_late_loses_no_own_arrival),
        cmocka_unit_test(test_catching_up_is_bounded_over_all_threads),
        cmocka_unit_test(test_own_arrivals_held_back_are_asked_for_one_by_one),
        cmocka_unit_test(test_a_wake_that_comes_too_late_is_passed_on),
        cmocka_unit_test(test_the_first_to_finish_leaves_the_pool_to_the_others),
        cmocka_unit_test(test_millions_that_never_begin_are_all_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
