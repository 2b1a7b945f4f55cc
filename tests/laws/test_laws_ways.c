/* The laws that play the same load in two ways, over the fake port: threads do not matter, what
 * stands before a request does not move the moment it was due, more failures improve nothing. */
#include "laws_play.h"

/* What a play came to. */
struct laws_measured {
    struct arrival_counts arrivals;
    uint64_t iterations;
    int64_t response_ns[3]; /* p50, p90, p99 */
    bool at_least[3];       /* a lower bound */
    int64_t send_lag_ns;    /* the longest */
    uint64_t frames[LAWS_WORKERS_MAX];
    uint64_t responses; /* samples of response */
    uint64_t connects;
    uint32_t open_most;
    uint32_t open_at_stop;
    double connects_early;
};

static const double PERCENTILES[] = {50, 90, 99};

static struct cport_fake_options laws__network(int64_t latency_ns)
{
    return (struct cport_fake_options){.latency_min_ns = latency_ns,
                                       .latency_max_ns = latency_ns,
                                       .sockets_max = 160,
                                       .recv_buffer_bytes = 1024};
}

static struct laws_measured laws__measure(const char *scenario, const char *threads,
                                          int64_t latency_ns, const struct harness_faults *faults)
{
    static struct laws_play play;
    struct laws_measured measured = {0};
    const struct laws_setting setting = {.scenario = scenario,
                                         .threads = threads,
                                         .seed = 7,
                                         .network = laws__network(latency_ns),
                                         .faults = *faults,
                                         .slice_ns = 200 * NS_PER_US,
                                         .kind = true};
    laws_play_open(&play, &setting);
    laws_play_run(&play);
    const struct figures *figures = &play.run.figures;
    measured.arrivals = figures->arrivals;
    measured.iterations = figures->counters.totals[TOTAL_ITERATIONS];
    for (size_t i = 0; i < COUNT_OF(PERCENTILES); i++) {
        struct histogram_bounds bounds =
            histogram_percentile(&figures->latency[LATENCY_RESPONSE], PERCENTILES[i]);
        measured.response_ns[i] = bounds.low_ns;
        measured.at_least[i] = bounds.high_ns > bounds.low_ns;
    }
    measured.send_lag_ns = histogram_percentile(&figures->latency[LATENCY_SEND_LAG], 100).low_ns;
    for (uint32_t i = 0; i < play.workers_count; i++) {
        measured.frames[i] = play.ports[i].frames;
    }
    measured.responses = (uint64_t)histogram_count(&figures->latency[LATENCY_RESPONSE]);
    measured.connects = figures->counters.totals[TOTAL_CONNECTS_ATTEMPTED];
    measured.open_most = play.open_most;
    measured.open_at_stop = play.open_at_stop;
    measured.connects_early = play.connects_early;
    laws_play_close(&play);
    return measured;
}

/* A scenario with one behavior. */
static const char *laws__text(const char *targets, const char *load, const char *behavior)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "{\"name\":\"ways\",\"targets\":[{\"host\":\"127.0.0.1\",\"port\":7777}%s],"
             "\"load\":{%s},\"behaviors\":[{\"name\":\"b\",%s}]}",
             targets, load, behavior);
    return text;
}

#define DEAD ",{\"host\":\"127.0.0.1\",\"port\":7778}"
#define REQUEST                                                                                    \
    "{\"request\":{\"name\":\"r\",\"send\":{\"id\":1,\"body\":{\"random\":{\"bytes\":16}}},"       \
    "\"match\":{\"id\":1,\"field\":\"u64@0\"},\"within\":\"2s\"}}"

static void laws__alike(const char *what, double one, double other, double part, double least)
{
    double distance = one > other ? one - other : other - one;
    double larger = one > other ? one : other;
    if (distance > larger * part + least) {
        fail_msg("%s: %g with one thread, %g with more", what, one, other);
    }
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *targets;
        const char *load;
        const char *behavior;
        int64_t latency_ns;
        uint64_t iterations_least;
    } CASES[] = {
        {"three connections, 50 ms each", "",
         "\"connections\":3,\"rate\":\"50/s\",\"duration\":\"4s\"", "\"loop\":[" REQUEST "]",
         25 * NS_PER_MS, 1},
        {"five connections near their limit", "",
         "\"connections\":5,\"rate\":\"110/s\",\"duration\":\"4s\",\"arrival\":\"poisson\"",
         "\"loop\":[" REQUEST "]", 20 * NS_PER_MS, 1},
        {"more than they can", "", "\"connections\":3,\"rate\":\"80/s\",\"duration\":\"2s\"",
         "\"loop\":[" REQUEST "]", 25 * NS_PER_MS, 1},
        {"late ones are dropped", "",
         "\"connections\":3,\"rate\":\"80/s\",\"duration\":\"3s\",\"late\":\"drop\"",
         "\"loop\":[" REQUEST "]", 25 * NS_PER_MS, 1},
        {"a rate of each", "",
         "\"connections\":5,\"rate_per_connection\":\"20/s\",\"duration\":\"2s\"",
         "\"loop\":[" REQUEST "]", 5 * NS_PER_MS, 1},
        {"a dead target", DEAD, "\"connections\":4,\"rate\":\"40/s\",\"duration\":\"2s\"",
         "\"loop\":[" REQUEST "]", 10 * NS_PER_MS, 1},
        {"a dead target, a rate of each", DEAD,
         "\"connections\":4,\"rate_per_connection\":\"10/s\",\"duration\":\"2s\"",
         "\"loop\":[" REQUEST "]", 10 * NS_PER_MS, 1},
        {"a barrier, and a dead target", DEAD, "\"connections\":4,\"duration\":\"2s\"",
         "\"loop\":[{\"barrier\":\"b\"},{\"think\":\"50ms\"}]", 2 * NS_PER_MS, 60},
    };
    static const char *const THREADS[] = {"2", "3", "4"};
    const struct harness_faults none = {0};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const char *text = laws__text(CASES[i].targets, CASES[i].load, CASES[i].behavior);
        struct laws_measured one = laws__measure(text, "1", CASES[i].latency_ns, &none);
        assert_true(one.iterations >= CASES[i].iterations_least);
        for (size_t t = 0; t < COUNT_OF(THREADS); t++) {
            struct laws_measured more = laws__measure(text, THREADS[t], CASES[i].latency_ns, &none);
            print_message("%s, -t %s\n", CASES[i].what, THREADS[t]);
            assert_int_equal(more.arrivals.intended, one.arrivals.intended);
            laws__alike("begun", (double)one.arrivals.begun, (double)more.arrivals.begun, 0.03, 2);
            laws__alike("dropped", (double)one.arrivals.dropped, (double)more.arrivals.dropped, 0.1,
                        4);
            laws__alike("iterations", (double)one.iterations, (double)more.iterations, 0.05, 2);
            for (int p = 0; p < 3; p++) {
                laws__alike("response", (double)one.response_ns[p], (double)more.response_ns[p],
                            0.15, 3e6);
            }
            assert_true(more.send_lag_ns < 2 * NS_PER_MS);
        }
    }
}

/* 10/s are possible, 20/s are asked for: whatever a pass does before its request, what players wait
 * for is the same. */
static void test_the_due_time_survives(void **state)
{
    (void)state;
    static const char *const BEFORE[] = {
        "",
        "{\"set\":{\"x\":1}},",
        "{\"mark\":\"m\"},",
        "{\"send\":{\"id\":9,\"body\":{\"text\":\"x\"}}},",
        "{\"barrier\":{\"name\":\"b\",\"within\":\"1s\"}},",
        "{\"reconnect\":\"now\"},",
        "{\"send\":{\"id\":9,\"body\":{\"text\":\"x\"}}},{\"expect\":{\"match\":{\"id\":9}}},",
        "{\"repeat\":{\"times\":2,\"steps\":[{\"send\":{\"id\":9,\"body\":{\"text\":\"x\"}}}]}},",
    };
    const struct harness_faults none = {0};
    struct laws_measured plain = {0};
    for (size_t i = 0; i < COUNT_OF(BEFORE); i++) {
        char behavior[1024];
        snprintf(behavior, sizeof behavior, "\"loop\":[%s" REQUEST "]", BEFORE[i]);
        const char *text = laws__text(
            "", "\"connections\":1,\"rate\":\"20/s\",\"duration\":\"3s\",\"drain\":\"5s\"",
            behavior);
        struct laws_measured measured = laws__measure(text, "1", 50 * NS_PER_MS, &none);
        plain = i == 0 ? measured : plain;
        print_message("before the request: %s\n", BEFORE[i]);
        assert_int_equal(measured.arrivals.intended, plain.arrivals.intended);
        assert_true(measured.send_lag_ns < 2 * NS_PER_MS);
        for (int p = 0; p < 3; p++) {
            assert_true((double)measured.response_ns[p] >= 0.95 * (double)plain.response_ns[p]);
        }
    }
    assert_true(plain.response_ns[0] > 500 * NS_PER_MS);
}

/* What the run holds back by max_catch_up_rate waits for the plan, not for this program. */
static void test_catching_up_is_not_send_lag(void **state)
{
    (void)state;
    const struct harness_faults none = {0};
    const char *text = laws__text(
        "",
        "\"stages\":[{\"duration\":\"500ms\",\"connections\":0},{\"duration\":\"1500ms\","
        "\"connections\":4}],\"rate\":\"50/s\",\"max_catch_up_rate\":\"60/s\",\"drain\":\"3s\"",
        "\"loop\":[" REQUEST "]");
    static const char *const THREADS[] = {"1", "3"};
    for (size_t t = 0; t < COUNT_OF(THREADS); t++) {
        struct laws_measured measured = laws__measure(text, THREADS[t], NS_PER_MS, &none);
        assert_int_equal(measured.arrivals.intended, 100);
        assert_int_equal(measured.arrivals.begun, 100);
        assert_true(measured.send_lag_ns < 2 * NS_PER_MS);
        assert_true(measured.response_ns[2] > 400 * NS_PER_MS);
        /* All are late, and 60 a second begin: the last ones wait still. */
        assert_true(measured.response_ns[0] > 100 * NS_PER_MS);
    }
}

static void test_more_failures_improve_nothing(void **state)
{
    (void)state;
    static const char *const LOADS[] = {
        "\"connections\":8,\"rate\":\"60/s\",\"duration\":\"2s\",\"drain\":\"1s\"",
        ("\"connections\":4,\"rate\":\"30/s\",\"duration\":\"2s\",\"drain\":\"1s\","
         "\"late\":\"drop\",\"arrival\":\"poisson\""),
        "\"connections\":3,\"rate\":\"90/s\",\"duration\":\"2s\",\"drain\":\"0s\"",
    };
    for (size_t i = 0; i < COUNT_OF(LOADS); i++) {
        const char *text = laws__text("", LOADS[i], "\"loop\":[" REQUEST "]");
        struct laws_measured before = {0};
        for (uint32_t silent = 0; silent <= 800; silent += 200) {
            const struct harness_faults faults = {.silent = silent};
            struct laws_measured after = laws__measure(text, "2", 10 * NS_PER_MS, &faults);
            for (int p = 0; p < 3; p++) {
                /* What is dropped is dropped young: but then nobody takes it for the value. */
                bool said = after.at_least[p] && strstr(LOADS[i], "drop") != NULL;
                if (!said &&
                    (double)after.response_ns[p] < 0.97 * (double)before.response_ns[p] - 1e6) {
                    fail_msg("load %zu: p%g falls from %g to %g ns, %u per mille not answered", i,
                             PERCENTILES[p], (double)before.response_ns[p],
                             (double)after.response_ns[p], silent);
                }
            }
            before = after;
        }
    }
}

/* Half of the players are gone: the others play as fast as before, no faster. */
static void test_each_keeps_its_own_rate(void **state)
{
    (void)state;
    const struct harness_faults none = {0};
    const char *text =
        laws__text(DEAD, "\"connections\":6,\"rate_per_connection\":\"25/s\",\"duration\":\"2s\"",
                   "\"loop\":[" REQUEST "]");
    struct laws_measured measured = laws__measure(text, "1", NS_PER_MS, &none);
    assert_int_equal(measured.arrivals.intended, 6 * 25 * 2);
    assert_int_equal(measured.arrivals.begun, 3 * 25 * 2);
    assert_int_equal(measured.arrivals.never_started, 3 * 25 * 2);
    assert_int_equal(measured.frames[0], 3 * 25 * 2);
}

/* Passes that die with their connection while they wait for something else: their arrivals are in
 * response all the same. */
static void test_what_began_and_asked_nothing_counts(void **state)
{
    (void)state;
    static const char *const BEFORE[] = {
        "",
        "{\"think\":\"30ms\"},",
        "{\"send\":{\"id\":9,\"body\":{\"text\":\"x\"}}},{\"think\":\"20ms\"},",
        "{\"barrier\":{\"name\":\"b\",\"within\":\"50ms\"}},",
        ("{\"send\":{\"id\":9,\"body\":{\"text\":\"x\"}}},{\"expect\":{\"match\":{\"id\":9},"
         "\"within\":\"50ms\"}},"),
    };
    const struct harness_faults faults = {.reset = 100, .leave = 100, .silent = 50};
    for (size_t i = 0; i < COUNT_OF(BEFORE); i++) {
        char behavior[1024];
        snprintf(behavior, sizeof behavior,
                 "\"on_disconnect\":\"reconnect\",\"loop\":[%s" REQUEST "]", BEFORE[i]);
        const char *text = laws__text(
            "", "\"connections\":3,\"in_flight\":4,\"rate\":\"150/s\",\"duration\":\"2s\"",
            behavior);
        struct laws_measured measured = laws__measure(text, "2", 2 * NS_PER_MS, &faults);
        print_message("before the request: %s\n", BEFORE[i]);
        assert_int_equal(measured.arrivals.intended, 300);
        /* A think moves what it precedes: those of the last 30 ms ask after the window. */
        uint64_t moved = strstr(BEFORE[i], "think") != NULL ? 5 : 0;
        assert_in_range(measured.responses, 300 - moved, 300);
    }
}

static void test_a_population_goes_down(void **state)
{
    (void)state;
    static const char *const LOADS[] = {"", ",\"rate\":\"40/s\"",
                                        ",\"rate_per_connection\":\"9/s\""};
    static const char *const THREADS[] = {"1", "4"};
    const struct harness_faults none = {0};
    for (size_t i = 0; i < COUNT_OF(LOADS) * COUNT_OF(THREADS); i++) {
        char load[256];
        snprintf(load, sizeof load,
                 "\"stages\":[{\"duration\":\"500ms\",\"connections\":10},{\"duration\":\"800ms\","
                 "\"connections\":2}]%s",
                 LOADS[i / 2]);
        const char *text = laws__text("", load, "\"loop\":[" REQUEST ",{\"think\":\"20ms\"}]");
        struct laws_measured measured = laws__measure(text, THREADS[i % 2], NS_PER_MS, &none);
        assert_int_equal(measured.connects, 10);
        assert_int_equal(measured.open_most, 10);
        assert_int_equal(measured.open_at_stop, 2);
    }
}

static void test_connect_rate_holds_throughout(void **state)
{
    (void)state;
    static const char *const THREADS[] = {"1", "4"};
    const struct harness_faults none = {0};
    for (size_t t = 0; t < COUNT_OF(THREADS); t++) {
        const char *text = laws__text(
            "",
            "\"stages\":[{\"duration\":\"500ms\",\"connections\":0},{\"duration\":\"400ms\","
            "\"connections\":60},{\"duration\":\"600ms\",\"connections\":60}],"
            "\"connect_rate\":\"50/s\"",
            "\"loop\":[{\"think\":\"20ms\"}]");
        struct laws_measured measured = laws__measure(text, THREADS[t], NS_PER_MS, &none);
        assert_true(measured.connects >= 49 && measured.connects <= 51);
        assert_true(measured.open_most <= 51);
        assert_true(measured.connects_early <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_the_due_time_survives),
        cmocka_unit_test(test_catching_up_is_not_send_lag),
        cmocka_unit_test(test_more_failures_improve_nothing),
        cmocka_unit_test(test_what_began_and_asked_nothing_counts),
        cmocka_unit_test(test_a_population_goes_down),
        cmocka_unit_test(test_connect_rate_holds_throughout),
        cmocka_unit_test(test_each_keeps_its_own_rate),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("laws_ways", tests, NULL, NULL);
}
