/* The plan: options laid over a scenario, seats, shares of the arrivals, and what is refused. */
#include "client_harness.h"

#include "report/outputs.h"

static const char SCENARIO[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 100, \"rate\": \"50/s\", \"duration\": \"10s\" },"
    "  \"behaviors\": ["
    "    { \"name\": \"many\", \"weight\": 90, \"loop\": [ { \"request\": { \"name\": \"m\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] },"
    "    { \"name\": \"some\", \"weight\": 9, \"loop\": [ { \"request\": { \"name\": \"s\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] },"
    "    { \"name\": \"few\", \"weight\": 1, \"loop\": [ { \"request\": { \"name\": \"f\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] } ],"
    "  \"thresholds\": [ \"errors.total == 0\" ] }";

static const char STAGES[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 4, \"stages\": ["
    "      { \"duration\": \"10s\", \"rate\": { \"from\": \"0/s\", \"to\": \"20/s\" } },"
    "      { \"duration\": \"30s\", \"rate\": \"20/s\" } ] },"
    "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"request\": { \"name\": \"m\","
    "      \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } }, \"within\": \"1s\" } } ] } ] }";

/* What has been told, line after line. */
static struct {
    char text[4096];
    uint32_t lines_count;
} told;

static void report(void *context, const char *line)
{
    (void)context;
    size_t bytes = strlen(told.text);
    snprintf(told.text + bytes, sizeof told.text - bytes, "%s\n", line);
    told.lines_count++;
}

/* Returns whether the plan could be made; the words of the command line follow, NULL at the end. */
static bool make(struct harness *harness, const char *scenario, ...)
{
    static char words[32][256];
    char *argv[32];
    int argc = 0;
    struct unit_file file;
    *harness = (struct harness){0};
    memset(&told, 0, sizeof told);
    unit_file_make(&file, "s.json", scenario);
    va_list arguments;
    va_start(arguments, scenario);
    const char *word = "dummyclient";
    for (; word != NULL; word = va_arg(arguments, const char *), argc++) {
        snprintf(words[argc], sizeof words[0], "%s", word);
        argv[argc] = words[argc];
    }
    va_end(arguments);
    argv[argc++] = file.path;
    bool made = options_parse(&harness->options, argc, argv, report, NULL) &&
                plan_open(&harness->plan, &harness->options, report, NULL);
    unit_file_remove(&file);
    return made;
}

static void assert_refused(const char *scenario, const char *says, const char *option,
                           const char *value)
{
    struct harness harness;
    assert_false(make(&harness, scenario, option, value, NULL));
    assert_int_equal(told.lines_count, 1);
    if (strstr(told.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", told.text, says);
    }
}

static void assert_made(struct harness *harness, const char *scenario, const char *option,
                        const char *value)
{
    if (!make(harness, scenario, option, value, NULL)) {
        fail_msg("%s", told.text);
    }
}

static void test_options_override_the_scenario(void **state)
{
    (void)state;
    struct harness harness;
    assert_true(make(&harness, SCENARIO, "-c", "500", "-r", "2000", "-d", "3s", "--warmup", "500ms",
                     "--seed", "99", "--connect-rate", "100", "--connect-timeout", "90s", "-p",
                     "7001", "-t", "4", "--threshold", "latency.response.p99 < 1s", "--run-id",
                     "x-1", NULL));
    const struct plan *plan = &harness.plan;
    assert_int_equal(plan->connections, 500);
    assert_true(plan->open_loop);
    assert_true(plan->course.pacing.arrivals_total == 6000);
    assert_true(plan->duration_ns == 3 * NS_PER_S);
    assert_int_equal(plan->scenario->load.seed, 99);
    assert_true(plan_connect_offset_ns(plan, 250) == 2500 * NS_PER_MS);
    assert_true(plan->scenario->load.connect_timeout_ns == 90 * NS_PER_S);
    assert_int_equal(net_address_port(&plan->targets[0].address), 7001);
    assert_int_equal(plan->workers_count, 4);
    assert_int_equal(plan->thresholds_count, 2);
    assert_string_equal(plan->run_id, "x-1");
    plan_close(&harness.plan);
}

static void test_the_rate_max_is_a_closed_loop(void **state)
{
    (void)state;
    static const char OPEN[] =
        "{ \"load\": { \"connections\": 2, \"arrival\": \"poisson\", \"late\": \"drop\","
        "      \"max_catch_up_rate\": \"90/s\", \"rate\": \"50/s\" },"
        "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"request\": { \"name\": \"m\","
        "    \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } } } } ] } ] }";
    struct harness harness;
    assert_made(&harness, OPEN, "--rate", "max");
    assert_false(harness.plan.open_loop);
    assert_int_equal(harness.plan.scenario->load.late, LATE_QUEUE);
    plan_close(&harness.plan);
    assert_made(&harness, STAGES, "-r", "max");
    assert_false(harness.plan.open_loop);
    assert_true(harness.plan.duration_ns == 40 * NS_PER_S);
    plan_close(&harness.plan);
    assert_true(make(&harness, SCENARIO, "-r", "max", "-r", "5", NULL));
    assert_true(harness.plan.open_loop);
    plan_close(&harness.plan);
    assert_refused(SCENARIO, "or max: as many as the server answers; found \"most\"", "-r", "most");
    assert_false(make(&harness, SCENARIO, "-r", "max", "--rate-per-connection", "5", NULL));
    assert_non_null(strstr(told.text, "exclude each other"));
    assert_false(make(&harness, SCENARIO, "--listen-token", "x", NULL));
    assert_non_null(strstr(told.text, "give --listen HOST:PORT, too"));
}

static void test_a_warm_up_that_leaves_nothing_is_shortened(void **state)
{
    (void)state;
    static const char WARM[] =
        "{ \"load\": { \"duration\": \"10s\", \"warmup\": \"1s\" },"
        "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"think\": \"1s\" } ] } ] }";
    struct harness harness;
    char note[PLAN_NOTE_BYTES_MAX] = "";
    assert_made(&harness, WARM, "-d", "1s");
    assert_true(harness.plan.scenario->load.warmup_ns == 100 * NS_PER_MS);
    assert_true(harness.plan.warmup_asked_ns == NS_PER_S);
    assert_true(plan_shortens_warmup(&harness.plan, note));
    assert_string_equal(
        note, "the scenario's warm-up of 1.00 s would leave nothing of a run of 1.00 s: it "
              "is 100 ms now (--warmup chooses another)");
    plan_close(&harness.plan);
    assert_made(&harness, WARM, "-d", "1001ms"); /* something is left: as the scenario says */
    assert_true(harness.plan.scenario->load.warmup_ns == NS_PER_S);
    assert_false(plan_shortens_warmup(&harness.plan, note));
    plan_close(&harness.plan);
    assert_false(make(&harness, WARM, "-d", "1s", "--warmup", "1s", NULL)); /* both are asked for */
    assert_non_null(strstr(told.text, "a warm-up of 1.00 s leaves nothing of a run of 1.00 s"));
}

/* A context holds the issuers of the system: targets of the same settings share one. */
static void test_targets_of_the_same_tls_share_a_context(void **state)
{
    (void)state;
    struct harness harness;
    if (!tls_is_built()) {
        return;
    }
    assert_made(&harness,
                "{ \"name\": \"t\", \"targets\": [ { \"host\": \"127.0.0.1\", \"port\": 1 },"
                "    { \"host\": \"127.0.0.1\", \"port\": 2 } ],"
                "  \"load\": { \"connections\": 2, \"duration\": \"1s\" },"
                "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"think\": \"1s\" } ] } ] }",
                "--tls", "--insecure");
    assert_int_equal(harness.plan.tls.count, 1);
    assert_ptr_equal(harness.plan.targets[0].tls, harness.plan.targets[1].tls);
    plan_close(&harness.plan);
}

static void test_rate_per_connection_is_multiplied(void **state)
{
    (void)state;
    struct harness harness;
    assert_made(&harness, SCENARIO, "--rate-per-connection", "0.5");
    assert_true(harness.plan.course.pacing.arrivals_total == 500);
    plan_close(&harness.plan);
}

static void test_rate_replaces_stages_and_keeps_their_length(void **state)
{
    (void)state;
    struct harness harness;
    assert_made(&harness, STAGES, "--rate", "100");
    assert_true(harness.plan.duration_ns == 40 * NS_PER_S);
    assert_true(harness.plan.course.pacing.arrivals_total == 4000);
    plan_close(&harness.plan);
    assert_made(&harness, STAGES, "-q", "--no-strict");
    assert_true(harness.plan.course.pacing.arrivals_total == 700);
    plan_close(&harness.plan);
    assert_made(&harness, STAGES, "--duration", "4s"); /* the same shape in less time */
    assert_true(harness.plan.duration_ns == 4 * NS_PER_S);
    assert_true(harness.plan.course.pacing.stages[0].end_ns == NS_PER_S);
    assert_true(harness.plan.course.pacing.arrivals_total == 70);
    plan_close(&harness.plan);
}

static const char POPULATION[] =
    "{ \"load\": { \"stages\": ["
    "      { \"duration\": \"10s\", \"connections\": { \"from\": 0, \"to\": 100 } },"
    "      { \"duration\": \"10s\", \"connections\": 40 } ], \"rate_per_connection\": \"2/s\" },"
    "  \"behaviors\": [ { \"loop\": [ { \"request\": { \"send\": { \"id\": 1 } } } ] } ] }";

static void test_stages_say_how_many_connections(void **state)
{
    (void)state;
    struct harness harness;
    assert_made(&harness, POPULATION, "-t", "4");
    const struct plan *plan = &harness.plan;
    assert_int_equal(plan->connections, 100);
    assert_int_equal(plan->connections_at_start, 0);
    assert_true(plan->open_loop);
    /* 0 to 200/s in 10 s, then 80/s for 10 s. */
    assert_true(plan->course.pacing.arrivals_total == 1800);
    /* At half a second five connections are there, at 10 s all: each arrival belongs to a worker
     * that has one of them. */
    assert_int_equal(population_wanted(&plan->course.population, 500 * NS_PER_MS), 5);
    for (uint64_t n = 0; n < 100; n++) {
        uint32_t worker = plan_arrival_worker(plan, &plan->course, 0, n, 150 * NS_PER_MS);
        assert_true(worker == plan_seat_at(plan, 0).worker ||
                    worker == plan_seat_at(plan, 1).worker);
    }
    plan_close(&harness.plan);
    assert_made(&harness, POPULATION, "-c", "10"); /* the same shape, smaller */
    assert_int_equal(harness.plan.connections, 10);
    assert_int_equal(population_wanted(&harness.plan.course.population, 15 * NS_PER_S), 4);
    plan_close(&harness.plan);
    assert_made(&harness, POPULATION, "-r", "50"); /* the connections still follow the stages */
    assert_true(harness.plan.course.pacing.arrivals_total == 1000);
    assert_int_equal(population_wanted(&harness.plan.course.population, 15 * NS_PER_S), 40);
    plan_close(&harness.plan);
}

static const char CATCH_UP[] =
    "{ \"load\": { \"rate\": \"50/s\", \"max_catch_up_rate\": \"60/s\" },"
    "  \"sources\": [\"127.0.0.2\", \"127.0.0.3\"],"
    "  \"targets\": [ { \"port\": 7001 }, { \"host\": \"127.0.0.9\", \"port\": 7002 } ],"
    "  \"behaviors\": [ { \"loop\": [ { \"request\": { \"send\": { \"id\": 1 } } } ] } ] }";

static void test_targets_sources_and_bounds_of_the_file(void **state)
{
    (void)state;
    struct harness harness;
    assert_made(&harness, CATCH_UP, "-c", "4");
    const struct plan *plan = &harness.plan;
    assert_int_equal(plan->targets_count, 2);
    assert_int_equal(net_address_port(&plan->targets[1].address), 7002);
    assert_int_equal(plan->sources_count, 2);
    plan_close(&harness.plan);
    assert_made(&harness, CATCH_UP, "--source", "127.0.0.4");
    assert_int_equal(harness.plan.sources_count, 1);
    plan_close(&harness.plan);
    assert_refused(CATCH_UP, "max_catch_up_rate", "--rate", "60");
}

static void test_impossible_plans_are_refused(void **state)
{
    (void)state;
    assert_refused(SCENARIO, "3 behaviors", "-c", "2");
    assert_refused(SCENARIO, "warm-up", "--warmup", "10s");
    assert_refused(SCENARIO, "not a metric", "--threshold", "latency.p99 < 1s");
    assert_refused(SCENARIO, "HOST:PORT", "--target", "127.0.0.1");
    assert_refused(SCENARIO, "--source", "--source", "127.0.0.1,");
    assert_refused(SCENARIO, "unit", "--duration", "10");
    assert_refused(SCENARIO, "whole number", "-c", "10.5");
    assert_refused(SCENARIO, "did you mean --connections", "--conections", "3");
    assert_refused(SCENARIO, "above 0", "--rate", "0");
    assert_refused(SCENARIO, "NAME=VALUE", "--set", "novalue");
    assert_refused(SCENARIO, "2^64", "--seed", "-1");
    assert_refused(SCENARIO, "letters", "--run-id", "../x");
    assert_refused(SCENARIO, "uring or epoll", "--io", "kqueue");
}

/* As in the file, so on the command line: whoever mends one mistake is told the others, too. */
static void test_all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    static const char SCENARIO_WRONG[] =
        "{ \"load\": { \"rate\": \"50/s\", \"max_catch_up_rate\": \"60/s\" },"
        "  \"sources\": [ \"127.0.0.300\" ], \"targets\": [ {}, { \"host\": \"127.0.0.400\" } ],"
        "  \"behaviors\": [ { \"name\": \"a\" }, { \"name\": \"b\" } ],"
        "  \"thresholds\": [ \"errors.total == 0\", \"latency.p99 < 1s\", \"rate > x\" ] }";
    static const char *const says[] = {
        "dummyclient: a warm-up of",
        "s.json: `behaviors[0].loop`: expected steps",
        "s.json: `behaviors[1].loop`: expected steps",
        "s.json: `thresholds[1]`: threshold \"latency.p99 < 1s\"",
        "s.json: `thresholds[2]`: threshold \"rate > x\"",
        "dummyclient: threshold \"errors.zzz == 0\"",
        "s.json: `targets[1].host`: host \"127.0.0.400\" does not resolve",
        "s.json: `sources[0]`: host \"127.0.0.300\" does not resolve",
        "dummyclient: 1 connection cannot play 2 behaviors",
        "s.json: `load.max_catch_up_rate`: expected more than the highest rate, 70/s",
    };
    struct harness harness;
    assert_false(make(&harness, SCENARIO_WRONG, "--warmup", "11s", "--rate", "70", "--threshold",
                      "errors.zzz == 0", NULL));
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        if (strstr(told.text, says[i]) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", told.text, says[i]);
        }
    }
    assert_int_equal(told.lines_count, sizeof says / sizeof says[0]);
    assert_false(make(&harness, SCENARIO, "--duration", "10", "--rate", "0", "--rtae", "5",
                      "--connections", "many", "--target", "1:1", "--port", "5", NULL));
    assert_int_equal(told.lines_count, 5); /* and not that 5 is no scenario */
    assert_null(harness.options.scenario_path);
    assert_false(make(&harness, "{}", "--target", "here", "--source", "127.0.0.1,,", NULL));
    assert_int_equal(told.lines_count, 4); /* no behaviors, one target, two sources */
    assert_false(make(&harness, SCENARIO, "--duration", "10", NULL));
    assert_non_null(harness.options.scenario_path);
}

static void test_arrivals_of_a_closed_loop_are_a_mistake(void **state)
{
    (void)state;
    static const char CLOSED[] = "{ \"load\": { \"arrival\": \"poisson\" },"
                                 "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"think\": "
                                 "\"1s\" } ] } ] }";
    struct harness harness;
    assert_false(make(&harness, CLOSED, NULL));
    assert_int_equal(told.lines_count, 1);
    assert_non_null(strstr(told.text, "s.json: `load.arrival`: without a rate"));
    assert_true(make(&harness, CLOSED, "--rate", "5", NULL));
    plan_close(&harness.plan);
}

/* Behind -- there are words only; glibc's getopt, asked once more, would begin anew for ever. */
static void test_two_dashes_end_the_options(void **state)
{
    (void)state;
    struct harness harness;
    assert_true(make(&harness, SCENARIO, "-c5", "--", NULL));
    assert_int_equal(harness.plan.connections, 5);
    plan_close(&harness.plan);
    assert_false(make(&harness, SCENARIO, "--", "-c5", NULL));
    assert_int_equal(told.lines_count, 1);
    assert_non_null(strstr(told.text, "one scenario at a time"));
    assert_non_null(strstr(told.text, "--target HOST:PORT"));
    assert_true(make(&harness, SCENARIO, "-o", "--", "-qd200s", NULL));
    assert_string_equal(harness.options.out_path, "--");
    assert_int_equal(harness.options.duration_ns, 200 * NS_PER_S);
    plan_close(&harness.plan);
    assert_refused(SCENARIO, "--out: expected the name of a file", "--out", "");
}

/* Empty names and * are every address of this machine to whoever looks them up. */
static void test_names_that_mean_nobody_are_refused(void **state)
{
    (void)state;
    assert_refused(SCENARIO, "--host: expected HOST, found \"\"", "-H", "");
    assert_refused(SCENARIO, "--host: expected a host's name or address, found \"*\"", "-H", "*");
    assert_refused(SCENARIO, "found \"127.0.0.1 \"", "-H", "127.0.0.1 ");
    assert_refused(SCENARIO, "--target: expected HOST:PORT, found \":7\"", "--target", ":7");
    assert_refused(SCENARIO, "--target: expected a host's name", "--target", "*:7");
    assert_refused(SCENARIO,
                   "--target: expected HOST:PORT, an IPv6 address in brackets as in "
                   "[::1]:7777; found \"::1:7777\"",
                   "--target", "::1:7777");
    assert_refused(SCENARIO, "--source: expected IP[,IP...]", "--source", "");
    assert_refused(SCENARIO, "--source: 203.0.113.9 is no address of this machine", "--source",
                   "127.0.0.1,203.0.113.9");
    assert_refused(SCENARIO, "--duration: expected a duration of at most 720h (30 days)", "-d",
                   "99999h");
    assert_refused(SCENARIO, "--source: expected a host's name", "--source", "*");
}

/* From an IPv4 address nobody can connect to an IPv6 one, and the error names what was tried. */
static void test_a_target_has_the_addresses_that_can_be_tried(void **state)
{
    (void)state;
    struct harness harness;
    char text[PLAN_TARGET_BYTES_MAX];
    struct error error;
    assert_true(make(&harness, SCENARIO, "--source", "127.0.0.1", NULL));
    struct plan_target *target = &harness.plan.targets[0];
    assert_string_equal(plan_target_text(target, text), "127.0.0.1:7777");
    snprintf(target->name, sizeof target->name, "localhost:7777");
    target->addresses_count = 2;
    target->addresses[1] = target->addresses[0];
    assert_true(net_address_resolve("::1", 7777, &target->addresses[0], &error));
    assert_string_equal(plan_target_text(target, text), "localhost:7777 ([::1] and 127.0.0.1)");
    plan_reach_targets(&harness.plan);
    assert_string_equal(plan_target_text(target, text), "localhost:7777 (127.0.0.1)");
    assert_int_equal(memcmp(&target->address, &target->addresses[0], sizeof target->address), 0);
    target->addresses_count = PLAN_ADDRESSES_MAX;
    for (int i = 0; i < PLAN_ADDRESSES_MAX; i++) {
        target->addresses[i] = target->addresses[0];
    }
    assert_non_null(strstr(plan_target_text(target, text), " and others)"));
    plan_close(&harness.plan);
}

/* With all_addresses each is a target of its own, to which connections go in turn; without it a
 * name is one target. */
static void test_each_of_all_addresses_is_a_target(void **state)
{
    (void)state;
    static const char ALL[] =
        "{ \"targets\": [ { \"host\": \"localhost\", \"all_addresses\": true },"
        "                 { \"host\": \"localhost\" } ],"
        "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"think\": \"1s\" } "
        "] } ] }";
    struct harness harness;
    struct error error;
    struct net_address addresses[PLAN_ADDRESSES_MAX];
    uint32_t count = 0;
    assert_true(
        net_address_resolve_all("localhost", 7777, addresses, PLAN_ADDRESSES_MAX, &count, &error));
    assert_true(make(&harness, ALL, NULL));
    const struct plan *plan = &harness.plan;
    assert_int_equal(plan->targets_count, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(plan->targets[i].addresses_count, 1);
        assert_memory_equal(&plan->targets[i].address, &addresses[i], sizeof addresses[i]);
    }
    assert_int_equal(plan->targets[count].addresses_count, count);
    plan_close(&harness.plan);
    assert_true(make(&harness, ALL, "--host", "127.0.0.1", NULL));
    assert_int_equal(harness.plan.targets_count, 2);
    plan_close(&harness.plan);
}

/* One would be written over the other. */
static void test_outputs_are_different_files(void **state)
{
    (void)state;
    struct harness harness;
    struct mistakes mistakes = {.report = report};
    assert_true(make(&harness, SCENARIO, "--out", "x", "--ndjson", "./x", NULL));
    outputs_compare(&harness.options, &mistakes);
    assert_int_equal(told.lines_count, 1);
    assert_non_null(strstr(told.text, "--out and --ndjson name the same file, \"./x\""));
    plan_close(&harness.plan);
    assert_true(
        make(&harness, SCENARIO, "--out", "-", "--ndjson", "-", "--openmetrics", "-", NULL));
    outputs_compare(&harness.options, &mistakes);
    assert_int_equal(told.lines_count, 3);
    assert_non_null(strstr(told.text, "--out and --ndjson both go to standard output"));
    plan_close(&harness.plan);
}

static void test_every_connection_has_one_seat(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 7; workers++) {
        char text[16];
        struct harness harness;
        snprintf(text, sizeof text, "%u", workers);
        assert_made(&harness, SCENARIO, "--threads", text);
        uint32_t per_behavior[3] = {0};
        uint32_t per_worker[7] = {0};
        for (uint32_t i = 0; i < 100; i++) {
            per_behavior[plan_seat_at(&harness.plan, i).behavior]++;
            per_worker[plan_seat_at(&harness.plan, i).worker]++;
        }
        assert_int_equal(per_behavior[0], 90);
        assert_int_equal(per_behavior[1], 9);
        assert_int_equal(per_behavior[2], 1);
        for (uint32_t w = 0; w < workers; w++) {
            assert_true(per_worker[w] == 100 / workers || per_worker[w] == 100 / workers + 1);
        }
        /* The ramp mixes behaviors: the first tenth has nine of the many. */
        uint32_t early = 0;
        for (uint32_t i = 0; i < 10; i++) {
            early += plan_seat_at(&harness.plan, i).behavior == 0;
        }
        assert_true(early >= 8 && early <= 10);
        plan_close(&harness.plan);
    }
}

static void test_every_arrival_belongs_to_a_worker_that_can_play_it(void **state)
{
    (void)state;
    struct harness harness;
    assert_made(&harness, SCENARIO, "--threads", "4");
    const struct plan *plan = &harness.plan;
    uint32_t per_behavior[3] = {0};
    for (uint64_t n = 0; n < 20000; n++) {
        uint32_t behavior = plan_arrival_behavior(plan, n);
        uint32_t worker = plan_arrival_worker(plan, &plan->course, behavior, n, 0);
        assert_true(behavior < 3);
        per_behavior[behavior]++;
        bool plays = false;
        for (uint32_t i = 0; i < plan->connections && !plays; i++) {
            plays = plan_seat_at(plan, i).behavior == behavior &&
                    plan_seat_at(plan, i).worker == worker;
        }
        assert_true(plays);
    }
    assert_true(per_behavior[0] > 17700 && per_behavior[0] < 18300);
    assert_true(per_behavior[2] > 140 && per_behavior[2] < 260);
    plan_close(&harness.plan);
}

static void test_targets_and_sources_go_round(void **state)
{
    (void)state;
    struct harness harness;
    assert_true(make(&harness, SCENARIO, "--target", "127.0.0.1:7001", "--target", "127.0.0.1:7002",
                     "--source", "127.0.0.2,127.0.0.3", "--source", "127.0.0.4", NULL));
    uint32_t pairs[2][3] = {{0}};
    for (uint32_t i = 0; i < 60; i++) {
        const struct net_address *remote;
        const struct net_address *local;
        plan_addresses(&harness.plan, i, 0, &remote, &local);
        pairs[net_address_port(remote) - 7001][local - harness.plan.sources]++;
    }
    for (int t = 0; t < 2; t++) {
        for (int s = 0; s < 3; s++) {
            assert_int_equal(pairs[t][s], 10);
        }
    }
    plan_close(&harness.plan);
}

static void test_shortage_names_the_limit_and_the_way_out(void **state)
{
    (void)state;
    struct harness harness;
    char text[PLAN_SHORTAGE_BYTES_MAX];
    assert_made(&harness, SCENARIO, "-c", "1000");
    harness.plan.limits.descriptors_max = UINT64_MAX;
    harness.plan.limits.ports_max = 28232;
    for (int need = 0; need < PLAN_NEEDS; need++) {
        assert_false(plan_lacks(&harness.plan, (enum plan_need)need, text));
    }
    harness.plan.limits.descriptors_max = 1000;
    assert_true(plan_lacks(&harness.plan, PLAN_DESCRIPTORS, text));
    assert_non_null(strstr(text, "ulimit -n"));
    harness.plan.limits.descriptors_max = UINT64_MAX;
    harness.plan.limits.ports_max = 999;
    assert_true(plan_lacks(&harness.plan, PLAN_PORTS, text));
    assert_non_null(strstr(text, "--source"));
    harness.plan.memory_max_bytes = 1024;
    assert_true(plan_lacks(&harness.plan, PLAN_MEMORY, text));
    assert_non_null(strstr(text, "of memory, there are 1.00 KiB"));
    plan_close(&harness.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rate_max_is_a_closed_loop),
        cmocka_unit_test(test_a_warm_up_that_leaves_nothing_is_shortened),
        cmocka_unit_test(test_options_override_the_scenario),
        cmocka_unit_test(test_targets_of_the_same_tls_share_a_context),
        cmocka_unit_test(test_rate_per_connection_is_multiplied),
        cmocka_unit_test(test_rate_replaces_stages_and_keeps_their_length),
        cmocka_unit_test(test_stages_say_how_many_connections),
        cmocka_unit_test(test_targets_sources_and_bounds_of_the_file),
        cmocka_unit_test(test_impossible_plans_are_refused),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_arrivals_of_a_closed_loop_are_a_mistake),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_names_that_mean_nobody_are_refused),
        cmocka_unit_test(test_a_target_has_the_addresses_that_can_be_tried),
        cmocka_unit_test(test_each_of_all_addresses_is_a_target),
        cmocka_unit_test(test_outputs_are_different_files),
        cmocka_unit_test(test_every_connection_has_one_seat),
        cmocka_unit_test(test_every_arrival_belongs_to_a_worker_that_can_play_it),
        cmocka_unit_test(test_targets_and_sources_go_round),
        cmocka_unit_test(test_shortage_names_the_limit_and_the_way_out),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
