/* The shares of several ranks: together they are the whole, each part once, whatever their number,
 * and whatever the number of workers that each of them has. */
#include "client_harness.h"

static const char SCENARIO[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 101, \"rate\": \"500/s\", \"duration\": \"4s\","
    "             \"arrival\": \"poisson\", \"seed\": 11 },"
    "  \"behaviors\": ["
    "    { \"name\": \"many\", \"weight\": 80, \"loop\": [ { \"request\": { \"name\": \"m\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] },"
    "    { \"name\": \"some\", \"weight\": 20, \"loop\": [ { \"request\": { \"name\": \"s\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] } ] }";

static const char CROWD[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"rate\": \"500/s\", \"seed\": 11, \"stages\": ["
    "    { \"duration\": \"1s\", \"connections\": 3 },"
    "    { \"duration\": \"1s\", \"connections\": { \"from\": 3, \"to\": 40 } },"
    "    { \"duration\": \"2s\", \"connections\": 20 } ] },"
    "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"request\": { \"name\": \"m\","
    "    \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] } ] }";

static const char EVEN[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 50, \"rate\": \"500/s\", \"duration\": \"4s\" },"
    "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"request\": { \"name\": \"m\","
    "    \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] } ] }";

enum { RANKS_MAX = 7 };

static struct harness harnesses[RANKS_MAX];

/* Keeps the first line. */
static void report(void *context, const char *line)
{
    struct error *error = context;
    if (error->text[0] == '\0') {
        error_set(error, "%s", line);
    }
}

/* The plan as rank `rank` of `ranks` has it, with its own number of workers. */
static void make(struct harness *harness, const char *scenario, uint32_t rank, uint32_t ranks)
{
    struct unit_file file;
    char threads[8];
    struct error error = {""};
    *harness = (struct harness){0};
    unit_file_make(&file, "s.json", scenario);
    snprintf(threads, sizeof threads, "%u", 1 + rank % 3);
    char *argv[] = {(char[]){"dummyclient"}, (char[]){"-t"}, threads, file.path, NULL};
    bool parsed = options_parse(&harness->options, 4, argv, report, &error);
    harness->options.rank = rank;
    harness->options.ranks = ranks;
    bool made = parsed && plan_open(&harness->plan, &harness->options, report, &error);
    unit_file_remove(&file);
    if (!made) {
        fail_msg("%s", error.text);
    }
}

static void make_all(const char *scenario, uint32_t ranks)
{
    for (uint32_t rank = 0; rank < ranks; rank++) {
        make(&harnesses[rank], scenario, rank, ranks);
    }
}

static void close_all(uint32_t ranks)
{
    for (uint32_t rank = 0; rank < ranks; rank++) {
        plan_close(&harnesses[rank].plan);
    }
}

static void test_every_connection_belongs_to_one_rank(void **state)
{
    (void)state;
    for (uint32_t ranks = 1; ranks <= RANKS_MAX; ranks++) {
        make_all(SCENARIO, ranks);
        const struct plan *first = &harnesses[0].plan;
        uint32_t own[RANKS_MAX] = {0};
        for (uint32_t i = 0; i < first->connections; i++) {
            uint32_t takers = 0;
            for (uint32_t rank = 0; rank < ranks; rank++) {
                const struct plan *plan = &harnesses[rank].plan;
                assert_int_equal(plan_seat_at(plan, i).behavior, first->seats[i].behavior);
                if (plan_seat_at(plan, i).worker != PLAN_ELSEWHERE) {
                    assert_true(plan_seat_at(plan, i).worker < plan->workers_count);
                    assert_int_equal(plan_seat_at(plan, i).ordinal, own[rank]);
                    own[rank]++;
                    takers++;
                }
            }
            assert_int_equal(takers, 1);
        }
        for (uint32_t rank = 0; rank < ranks; rank++) {
            assert_int_equal(own[rank], harnesses[rank].plan.connections_own);
            assert_int_equal(own[rank], plan_share(101, rank, ranks)); /* even */
        }
        close_all(ranks);
    }
}

/* Every arrival of the whole belongs to one worker of one rank, which has a connection for it; and
 * they share evenly. */
static void assert_arrivals(const char *scenario, uint32_t ranks, uint64_t shares_differ_max)
{
    make_all(scenario, ranks);
    const struct plan *first = &harnesses[0].plan;
    struct pacing_cursor cursor;
    uint64_t taken[RANKS_MAX] = {0};
    uint64_t arrivals = 0;
    for (pacing_first(&first->course.pacing, &cursor); cursor.time_ns != TIME_NEVER_NS;
         pacing_advance(&first->course.pacing, &cursor), arrivals++) {
        uint32_t behavior = plan_arrival_behavior(first, cursor.n);
        uint32_t takers = 0;
        for (uint32_t rank = 0; rank < ranks; rank++) {
            const struct plan *plan = &harnesses[rank].plan;
            assert_int_equal(plan_arrival_behavior(plan, cursor.n), behavior);
            if (plan->behaviors[behavior].connections_own == 0) {
                continue; /* play/arrivals.c does not even ask */
            }
            uint32_t worker =
                plan_arrival_worker(plan, &plan->course, behavior, cursor.n, cursor.time_ns);
            if (worker == PLAN_ELSEWHERE) {
                continue;
            }
            bool has = false;
            for (uint32_t i = 0; i < plan->connections && !has; i++) {
                has = plan_seat_at(plan, i).worker == worker &&
                      plan_seat_at(plan, i).behavior == behavior;
            }
            assert_true(has);
            taken[rank]++;
            takers++;
        }
        assert_int_equal(takers, 1);
    }
    for (uint32_t rank = 0; rank < ranks; rank++) {
        uint64_t even = arrivals / ranks;
        uint64_t gap = taken[rank] > even ? taken[rank] - even : even - taken[rank];
        assert_true(gap <= shares_differ_max);
    }
    close_all(ranks);
}

static void test_every_arrival_belongs_to_one_worker_of_one_rank(void **state)
{
    (void)state;
    for (uint32_t ranks = 1; ranks <= RANKS_MAX; ranks++) {
        assert_arrivals(SCENARIO, ranks, 100); /* its behavior is a draw */
        /* While there are few connections, some ranks have none to begin on. */
        assert_arrivals(CROWD, ranks, UINT64_MAX);
    }
}

/* What play/arrivals.c relies on, so as not to look at every arrival of the whole. */
static void test_arrivals_are_dealt_to_connections_in_turn(void **state)
{
    (void)state;
    for (uint32_t ranks = 1; ranks <= RANKS_MAX; ranks++) {
        make_all(EVEN, ranks);
        for (uint32_t rank = 0; rank < ranks; rank++) {
            const struct plan *plan = &harnesses[rank].plan;
            assert_true(plan_deals_in_turn(plan));
            for (uint64_t n = 0; n < 500; n++) {
                assert_int_equal(plan_arrival_worker(plan, &plan->course, 0, n, 0),
                                 plan_seat_at(plan, n % 50).worker);
            }
        }
        close_all(ranks);
    }
    make_all(SCENARIO, 2);
    assert_false(plan_deals_in_turn(&harnesses[0].plan)); /* behaviors are drawn */
    close_all(2);
    make_all(CROWD, 2);
    assert_false(plan_deals_in_turn(&harnesses[0].plan));
    close_all(2);
}

/* With as many targets as ranks a rank's connections must not all go to one of them. */
static void test_each_rank_uses_all_targets_and_sources(void **state)
{
    (void)state;
    static struct plan_target targets[4];
    static struct net_address sources[3];
    for (uint32_t ranks = 1; ranks <= 4; ranks++) {
        make_all(SCENARIO, ranks);
        uint32_t of_target[4] = {0};
        for (uint32_t rank = 0; rank < ranks; rank++) {
            struct plan plan = harnesses[rank].plan;
            uint32_t pairs[4][3] = {{0}};
            plan.targets = targets;
            plan.targets_count = 4;
            plan.destinations[0].count = 4;
            plan.sources = sources;
            plan.sources_count = 3;
            for (uint32_t i = 0; i < plan.connections; i++) {
                const struct net_address *remote;
                const struct net_address *local;
                if (plan_seat_at(&plan, i).worker == PLAN_ELSEWHERE) {
                    continue;
                }
                plan_addresses(&plan, i, 0, &remote, &local);
                const struct plan_target *target = (const void *)remote;
                of_target[target - targets]++;
                pairs[target - targets][local - sources]++;
            }
            for (uint32_t target = 0; target < 4; target++) {
                for (uint32_t source = 0; source < 3; source++) {
                    uint32_t even = plan.connections_own / 12;
                    assert_in_range(pairs[target][source], even, even + 1);
                }
            }
        }
        for (uint32_t target = 0; target < 4; target++) {
            assert_in_range(of_target[target], 101 / 4 - 1, 101 / 4 + 2);
        }
        close_all(ranks);
    }
}

static void test_more_ranks_than_connections_are_refused(void **state)
{
    (void)state;
    struct plan plan;
    struct error error = {""};
    make(&harnesses[0], SCENARIO, 0, 2);
    struct options options = harnesses[0].options;
    plan_close(&harnesses[0].plan);
    options.connections = 3;
    options.ranks = 4;
    struct unit_file file;
    unit_file_make(&file, "s.json", SCENARIO);
    options.scenario_path = file.path;
    assert_false(plan_open(&plan, &options, report, &error));
    assert_non_null(strstr(error.text, "give --connections 4 or more"));
    unit_file_remove(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_connection_belongs_to_one_rank),
        cmocka_unit_test(test_every_arrival_belongs_to_one_worker_of_one_rank),
        cmocka_unit_test(test_arrivals_are_dealt_to_connections_in_turn),
        cmocka_unit_test(test_each_rank_uses_all_targets_and_sources),
        cmocka_unit_test(test_more_ranks_than_connections_are_refused),
    };
    struct error error = {""};
    if (!net_setup(&error)) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
