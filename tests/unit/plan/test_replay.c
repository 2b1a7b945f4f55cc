/* What was played, as a scenario: with the servers that options gave. */
#include "client_harness.h"
#include "core/prng.h"

#include <cjson/cJSON.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put_in_place(char *text, char old, char with)
{
    for (; text != NULL && *text != '\0'; text++) {
        *text = *text == old ? with : *text;
    }
}

/* file: the servers, as JSON in ' instead of ". */
static void plan_with(struct harness *harness, const char *file, const char **arguments)
{
    char text[1024];
    memset(harness, 0, sizeof *harness);
    snprintf(text, sizeof text,
             "{ 'name': 't', %s, 'load': { 'connections': 4, 'duration': '1s' },"
             "  'behaviors': [ { 'loop': [ { 'think': '1s' } ] } ] }",
             file);
    put_in_place(text, '\'', '"');
    harness_plan(harness, text, arguments);
}

static void assert_json(const struct cJSON *json, const char *expected)
{
    char *found = cJSON_PrintUnformatted(json);
    put_in_place(found, '"', '\'');
    assert_string_equal(found, expected);
    cJSON_free(found);
}

/* played: `target` or `targets`. */
static void assert_replays(const char *file, const char **arguments, const char *played)
{
    static struct harness harness;
    plan_with(&harness, file, arguments);
    struct cJSON *json = plan_replay(&harness.plan, &harness.plan.course);
    const struct cJSON *target = cJSON_GetObjectItem(json, "target");
    const struct cJSON *targets = cJSON_GetObjectItem(json, "targets");
    assert_true((target == NULL) != (targets == NULL));
    assert_json(target != NULL ? target : targets, played);
    cJSON_Delete(json);
    plan_close(&harness.plan);
}

static void test_without_options_it_is_the_files_own(void **state)
{
    (void)state;
    assert_replays("'target': { 'host': 'localhost', 'port': 7000 }", (const char *[]){NULL},
                   "{'host':'localhost','port':7000}");
}

static void test_host_and_port_take_the_place_of_the_files(void **state)
{
    (void)state;
    assert_replays("'target': { 'port': 7000, 'all_addresses': true }",
                   (const char *[]){"--host", "127.0.0.2", NULL},
                   "{'all_addresses':true,'host':'127.0.0.2','port':7000}");
    assert_replays(
        "'targets': [ { 'host': '127.0.0.1', 'port': 1 }, { 'host': '::1', 'port': 2 } ]",
        (const char *[]){"--port", "9", NULL},
        "[{'host':'127.0.0.1','port':9},{'host':'::1','port':9}]");
}

static void test_targets_take_the_place_of_the_files(void **state)
{
    (void)state;
    assert_replays("'target': { 'host': '127.0.0.1', 'port': 7000 }",
                   (const char *[]){"--target", "[::1]:81", NULL}, "{'host':'::1','port':81}");
    assert_replays("'target': { 'host': '127.0.0.1', 'port': 7000 }",
                   (const char *[]){"--target", "127.0.0.1:1", "--target", "127.0.0.1:2", NULL},
                   "[{'host':'127.0.0.1','port':1},{'host':'127.0.0.1','port':2}]");
    assert_replays("'targets': { 'a': { 'host': '127.0.0.1', 'port': 1 }, 'b': { 'port': 2 } }",
                   (const char *[]){"--target", "b=127.0.0.1:3", NULL},
                   "{'a':{'host':'127.0.0.1','port':1},'b':{'host':'127.0.0.1','port':3}}");
}

/* `replay` of the result; NULL: it has none. */
static void assert_told(const char *file, const char **arguments, const char *expected)
{
    static struct harness harness;
    plan_with(&harness, file, arguments);
    struct cJSON *json = plan_to_json(&harness.plan);
    const struct cJSON *replay = cJSON_GetObjectItem(json, "replay");
    assert_true((replay == NULL) == (expected == NULL));
    if (replay != NULL) {
        assert_json(replay, expected);
    }
    cJSON_Delete(json);
    plan_close(&harness.plan);
}

static void test_what_a_scenario_cannot_say_is_told_as_options(void **state)
{
    (void)state;
    static const char NAMED[] = "'targets': { 'a': { 'host': '127.0.0.1', 'port': 1 } }";
    assert_told(NAMED, (const char *[]){NULL}, NULL);
    assert_told(NAMED, (const char *[]){"--target", "a=127.0.0.1:2", NULL},
                "{'targets':{'a':{'host':'127.0.0.1','port':2}}}");
    assert_told(NAMED,
                (const char *[]){"--target", "a=127.0.0.1:2", "--target", "a=127.0.0.1:3", NULL},
                "{'targets':{'a':{'host':'127.0.0.1','port':2}},"
                "'options':['--target','a=127.0.0.1:2','--target','a=127.0.0.1:3']}");
    assert_told("'target': { 'host': '127.0.0.1', 'port': 1 }, 'description': 'x'",
                (const char *[]){"--source", "127.0.0.2", NULL},
                "{'options':['--source','127.0.0.2']}");
}

static void test_a_load_by_options_is_the_replays(void **state)
{
    (void)state;
    assert_told("'target': { 'host': '127.0.0.1', 'port': 1 }",
                (const char *[]){"--rate", "50", "--seed", "18446744073709551615", NULL},
                "{'load':{'connections':4,'connect_timeout':'5s','rate':'50/s','duration':'1s',"
                "'warmup':'0s','drain':'5s','late':'queue','arrival':'constant','in_flight':1},"
                "'options':['--seed','18446744073709551615']}");
}

/* --- A touched load, played again. */

static const char LOADED[] = "{ \"name\": \"t\", \"target\": { \"port\": 7000 }, \"load\": { %s },"
                             "  \"behaviors\": [ { \"loop\": [ { \"think\": \"1s\" } ] } ] }";

static struct harness played;
static struct course course; /* what came of its load */
static struct harness again;

static void play(const char *load)
{
    char text[2048];
    struct error error;
    snprintf(text, sizeof text, LOADED, load);
    memset(&played, 0, sizeof played);
    harness_plan(&played, text, (const char *[]){NULL});
    assert_true(course_copy(&course, &played.plan.course, &error));
}

static void touch(enum touch_kind kind, int64_t at_ns, double value)
{
    const struct touch how = {.kind = kind, .at_ns = at_ns, .value = value};
    struct course touched;
    struct error error;
    if (!course_open_touched(&touched, &course, &how, &error)) {
        fail_msg("%s", error.text);
    }
    course_close(&course);
    course = touched;
}

static void play_again(void)
{
    struct cJSON *json = plan_replay(&played.plan, &course);
    char *text = cJSON_Print(json);
    memset(&again, 0, sizeof again);
    harness_plan(&again, text, (const char *[]){NULL});
    cJSON_free(text);
    cJSON_Delete(json);
}

static void end_both(void)
{
    plan_close(&again.plan);
    plan_close(&played.plan);
    course_close(&course);
}

/* The next arrival of connection i's own at which it is wanted. */
static int64_t own_next_ns(const struct plan *plan, const struct course *of, uint32_t i,
                           struct pacing_cursor *cursor, bool first)
{
    if (first && i >= plan->connections) {
        return TIME_NEVER_NS;
    }
    if (first) {
        plan_own_arrivals(plan, i, cursor);
        pacing_relocate(&of->each, cursor);
    } else {
        pacing_advance(&of->each, cursor);
    }
    while (cursor->time_ns != TIME_NEVER_NS && !plan_wants(plan, of, i, cursor->time_ns)) {
        pacing_advance(&of->each, cursor);
    }
    return cursor->time_ns;
}

static void assert_same_time(uint32_t who, uint64_t n, int64_t a_ns, int64_t b_ns)
{
    /* A part of a ramp is written with rates of its own, in 15 digits. */
    if (a_ns != b_ns &&
        (a_ns == TIME_NEVER_NS || b_ns == TIME_NEVER_NS || llabs(a_ns - b_ns) > 1)) {
        fail_msg("arrival %llu of %u: at %lld ns, and played again at %lld ns",
                 (unsigned long long)n, who, (long long)a_ns, (long long)b_ns);
    }
}

/* Returns how many there are. */
static uint64_t assert_same_arrivals(void)
{
    struct pacing_cursor a;
    struct pacing_cursor b;
    uint64_t count = 0;
    pacing_first(&course.shared, &a);
    pacing_first(&again.plan.course.shared, &b);
    for (assert_same_time(UINT32_MAX, 0, a.time_ns, b.time_ns); a.time_ns != TIME_NEVER_NS;
         count++) {
        pacing_advance(&course.shared, &a);
        pacing_advance(&again.plan.course.shared, &b);
        assert_same_time(UINT32_MAX, count + 1, a.time_ns, b.time_ns);
    }
    for (uint32_t i = 0; i < played.plan.connections; i++) {
        bool first = true;
        for (int64_t a_ns = 0; a_ns != TIME_NEVER_NS; first = false) {
            a_ns = own_next_ns(&played.plan, &course, i, &a, first);
            assert_same_time(i, a.n, a_ns,
                             own_next_ns(&again.plan, &again.plan.course, i, &b, first));
            count += a_ns != TIME_NEVER_NS;
        }
    }
    return count;
}

/* Ten connections with ten arrivals a second each are even at first: connection i's are i * 10 ms
 * after those of the first. Where a hand changed their number, they are there when it is played
 * again, too. */
static void test_own_arrivals_are_at_the_same_times_when_played_again(void **state)
{
    (void)state;
    play("\"connections\": 10, \"rate_per_connection\": \"10/s\", \"duration\": \"10s\"");
    touch(TOUCH_CONNECTIONS, 305 * NS_PER_MS, 0);
    touch(TOUCH_CONNECTIONS, 512 * NS_PER_MS, 3);
    touch(TOUCH_CONNECTIONS, 735 * NS_PER_MS, 10);
    touch(TOUCH_RATE, 951 * NS_PER_MS, 3);
    touch(TOUCH_END_RUN, 2951 * NS_PER_MS, 0);
    play_again();
    struct pacing_cursor cursor;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(own_next_ns(&again.plan, &again.plan.course, i, &cursor, true),
                         10 * i * NS_PER_MS);
    }
    /* 31 until there are none; of three, those at 520, 600, 610, 620, 700, 710 and 720 ms; of all
     * those from 740 to 950 ms; then 6 of the run's. */
    assert_int_equal(assert_same_arrivals(), 31 + 7 + 22 + 6);
    end_both();
}

struct draws {
    uint64_t seed;
    uint64_t n;
};

static double draw(struct draws *draws, double most)
{
    return prng_unit(draws->seed, 1, draws->n++) * most;
}

/* No ramp of connections is cut: whole connections are what a scenario can say. */
static const char *const LOADS[] = {
    "\"connections\": 10, \"rate_per_connection\": \"10/s\", \"duration\": \"9s\"",
    "\"connections\": 7, \"connect_rate\": \"9/s\", \"rate_per_connection\": \"11/s\","
    "\"duration\": \"9s\"",
    "\"connections\": 9, \"rate_per_connection\": \"7/s\", \"arrival\": \"poisson\","
    "\"duration\": \"9s\"",
    "\"stages\": [ { \"duration\": \"2s\", \"connections\": 4, \"rate_per_connection\": \"9/s\" },"
    "  { \"duration\": \"5s\", \"connections\": 10, \"rate_per_connection\":"
    "      { \"from\": \"3/s\", \"to\": \"33/s\" } },"
    "  { \"duration\": \"2s\", \"rate\": \"50/s\" } ]",
    "\"connections\": 5, \"stages\": [ { \"duration\": \"4s\", \"rate\": \"90/s\" },"
    "  { \"duration\": \"5s\", \"connections\": 8, \"rate_per_connection\": \"13/s\" } ]",
};

static void touch_at_random(struct draws *draws, int64_t at_ns)
{
    static const enum touch_kind KINDS[] = {TOUCH_RATE,        TOUCH_RATE_EACH,   TOUCH_SCALE,
                                            TOUCH_CONNECTIONS, TOUCH_CONNECTIONS, TOUCH_CONNECTIONS,
                                            TOUCH_PAUSE,       TOUCH_RESUME,      TOUCH_RESUME,
                                            TOUCH_END_STAGE,   TOUCH_END_RUN};
    enum touch_kind kind = KINDS[(size_t)draw(draws, sizeof KINDS / sizeof *KINDS)];
    double most = kind == TOUCH_RATE          ? 120
                  : kind == TOUCH_CONNECTIONS ? played.plan.connections + 1
                                              : 30;
    double value = kind == TOUCH_SCALE ? draw(draws, 2) : floor(draw(draws, most));
    touch(kind, at_ns, value);
}

static void test_random_touches_are_the_same_arrivals_when_played_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct draws draws = {.seed = seed};
        play(LOADS[seed % (sizeof LOADS / sizeof *LOADS)]);
        int64_t at_ns = 0;
        for (int i = 0; i < 8; i++) {
            /* Some at times at which arrivals are due. */
            at_ns += 1 + (int64_t)draw(&draws, 2.0 * (double)NS_PER_S);
            at_ns =
                i % 3 == 0 ? at_ns / (10 * NS_PER_MS) * (10 * NS_PER_MS) + 10 * NS_PER_MS : at_ns;
            if (at_ns < course.end_ns) {
                touch_at_random(&draws, at_ns);
            }
        }
        play_again();
        assert_true(again.plan.course.end_ns == course.end_ns);
        assert_same_arrivals();
        end_both();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_options_it_is_the_files_own),
        cmocka_unit_test(test_host_and_port_take_the_place_of_the_files),
        cmocka_unit_test(test_targets_take_the_place_of_the_files),
        cmocka_unit_test(test_what_a_scenario_cannot_say_is_told_as_options),
        cmocka_unit_test(test_a_load_by_options_is_the_replays),
        cmocka_unit_test(test_own_arrivals_are_at_the_same_times_when_played_again),
        cmocka_unit_test(test_random_touches_are_the_same_arrivals_when_played_again),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
