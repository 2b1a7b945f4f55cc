/* The laws of measurement over the fake port: random plans, played by one to four workers on
 * virtual time against servers that misbehave, and judged by equations. All that is compared here
 * is exact, the times as well: nobody is slow but those that are to be. */
#include "laws_play.h"
#include "laws_scenario.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

enum { LAWS_PROBLEMS_BYTES_MAX = 8192, LAWS_SECONDS_MAX = 64 };

static struct {
    uint64_t seed;
    const char *scenario; /* of the play that goes on; NULL: none does */
    char problems[LAWS_PROBLEMS_BYTES_MAX];
    size_t bytes;
    uint32_t failed; /* plays */
} judge;

/* What does not hold yet, by the first words of its line. To be empty. */
static const char *const PENDING[] = {"", NULL};

static bool laws__is_pending(const char *what)
{
    for (const char *const *at = PENDING; *at != NULL; at++) {
        if (**at != '\0' && strncmp(what, *at, strlen(*at)) == 0) {
            return true;
        }
    }
    return false;
}

static void laws__found(const char *what, double found, double expected)
{
    if (!laws__is_pending(what) && judge.bytes < sizeof judge.problems - 256) {
        judge.bytes +=
            (size_t)snprintf(judge.problems + judge.bytes, 256,
                             "  %s: found %.17g, expected %.17g\n", what, found, expected);
    }
}

static void laws__equal(const char *what, uint64_t found, uint64_t expected)
{
    if (found != expected) {
        laws__found(what, (double)found, (double)expected);
    }
}

static void laws__most(const char *what, double found, double most)
{
    if (!(found <= most)) {
        laws__found(what, found, most);
    }
}

/* --- The laws. */

static uint64_t laws__failed_connects(const uint64_t *errors)
{
    return errors[ERROR_KIND_CONNECT_REFUSED] + errors[ERROR_KIND_CONNECT_TIMEOUT] +
           errors[ERROR_KIND_CONNECT_UNREACHABLE] + errors[ERROR_KIND_CONNECT_OTHER] +
           errors[ERROR_KIND_LOCAL_LIMIT];
}

static void laws__balance(const char *what, const struct arrival_counts *counts)
{
    laws__equal(what, counts->begun + counts->dropped + counts->never_started, counts->intended);
}

static void laws__same_counts(const char *what, const struct arrival_counts *found,
                              const struct arrival_counts *expected)
{
    laws__equal(what, found->intended, expected->intended);
    laws__equal(what, found->begun, expected->begun);
    laws__equal(what, found->dropped, expected->dropped);
    laws__equal(what, found->never_started, expected->never_started);
}

/* How many arrivals the plan has: in the window, and in each second of the series. */
struct laws_due {
    uint64_t in_window;
    uint64_t seconds[LAWS_SECONDS_MAX];
};

/* Those of a stream; number: whose own they are, or UINT32_MAX. */
static void laws__due_of(const struct laws_play *play, const struct pacing *pacing,
                         struct pacing_cursor *cursor, uint32_t number, struct laws_due *due)
{
    const struct plan *plan = play->plan;
    int64_t until_ns = play->run.stop_ns - play->run.t0_ns;
    for (; cursor->time_ns < until_ns; pacing_advance(pacing, cursor)) {
        int64_t second = (play->run.t0_ns - play->origin_ns + cursor->time_ns) / NS_PER_S;
        if (number == UINT32_MAX || plan_wants(plan, play->run.course, number, cursor->time_ns)) {
            due->in_window += cursor->time_ns >= plan->scenario->load.warmup_ns;
            due->seconds[second < LAWS_SECONDS_MAX ? second : LAWS_SECONDS_MAX - 1]++;
        }
    }
}

static struct laws_due laws__due(const struct laws_play *play)
{
    struct laws_due due = {0};
    struct pacing_cursor cursor;
    const struct plan *plan = play->plan;
    const struct course *course = play->run.course;
    pacing_first(&course->shared, &cursor);
    laws__due_of(play, &course->shared, &cursor, UINT32_MAX, &due);
    for (uint32_t i = 0; i < plan->connections; i++) {
        plan_own_arrivals(plan, i, &cursor);
        pacing_relocate(&course->each, &cursor);
        laws__due_of(play, &course->each, &cursor, i, &due);
    }
    return due;
}

static void laws__seconds(const struct laws_play *play, const struct laws_due *due)
{
    cJSON *raw = series_to_json(play->run.figures.series, play->run.end_ns);
    assert_non_null(raw);
    char *text = cJSON_PrintUnformatted(raw);
    cJSON *series = cJSON_Parse(text);
    assert_non_null(series);
    const cJSON *entry;
    int second = 0;
    cJSON_ArrayForEach(entry, series)
    {
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(entry, "due");
        if (second < LAWS_SECONDS_MAX - 1) {
            laws__equal("due in a second of the series", (uint64_t)cJSON_GetNumberValue(found),
                        due->seconds[second++]);
        }
    }
    cJSON_Delete(series);
    cJSON_free(text);
    cJSON_Delete(raw);
}

static void laws__arrivals(const struct laws_play *play, const struct laws_scenario *scenario)
{
    const struct figures *figures = &play->run.figures;
    struct arrival_counts stages = {0};
    struct arrival_counts behaviors = {0};
    laws__balance("begun + dropped + never_started", &figures->arrivals);
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        laws__balance("the balance of a stage", &figures->stages[i].arrivals);
        arrival_counts_add(&stages, &figures->stages[i].arrivals);
    }
    for (uint32_t i = 0; i < figures->behaviors_count; i++) {
        laws__balance("the balance of a behavior", &figures->behaviors[i]);
        arrival_counts_add(&behaviors, &figures->behaviors[i]);
    }
    if (figures->stages_count > 0) {
        laws__same_counts("arrivals of all stages", &stages, &figures->arrivals);
    }
    laws__same_counts("arrivals of all behaviors", &behaviors, &figures->arrivals);
    laws__same_counts("arrivals that the workers told", &play->told, &figures->arrivals);
    if (play->run.t0_ns != TIME_NEVER_NS) {
        struct laws_due due = laws__due(play);
        laws__equal("due, by the plan", figures->arrivals.intended, due.in_window);
        laws__seconds(play, &due);
    }
    if (play->run.window_ns > 0) {
        const struct pacing *pacing = &play->run.course->pacing;
        double asked = pacing_count(pacing, play->run.stop_ns - play->run.t0_ns) -
                       pacing_count(pacing, play->plan->scenario->load.warmup_ns);
        double per_s = asked / ((double)play->run.window_ns / (double)NS_PER_S);
        laws__most("the rate that was asked for", figures->rate_target_per_s, per_s + 1e-6);
        laws__most("the plan's rate", per_s, figures->rate_target_per_s + 1e-6);
    }
    if (!scenario->warmup) {
        laws__equal("iterations of arrivals", figures->counters.totals[TOTAL_ITERATIONS],
                    figures->arrivals.begun);
    }
    if (scenario->single && !scenario->setups) {
        laws__equal("response.count of one request per pass",
                    (uint64_t)histogram_count(&figures->latency[LATENCY_RESPONSE]),
                    figures->arrivals.intended);
    }
}

static double laws__sum_ns(const struct histogram *histogram)
{
    return histogram_excess_ns(histogram, 0);
}

/* Between due and sent each moment has one owner; and the generator, here, is never late. */
static void laws__lags(const struct laws_play *play, const struct laws_scenario *scenario)
{
    const struct figures *figures = &play->run.figures;
    const struct histogram *latency = figures->latency;
    int64_t waits = histogram_count(&latency[LATENCY_CONNECTION_WAIT]);
    int64_t starts = histogram_count(&latency[LATENCY_START_LAG]);
    uint64_t absent = figures->arrivals.dropped + figures->arrivals.never_started;
    uint64_t responses = (uint64_t)histogram_count(&latency[LATENCY_RESPONSE]);
    uint64_t services = (uint64_t)histogram_count(&latency[LATENCY_SERVICE]);
    uint64_t sends = (uint64_t)histogram_count(&latency[LATENCY_SEND_LAG]);
    if (strstr(scenario->text, "\"id\":9") == NULL) {
        laws__equal("connection_wait.count", (uint64_t)waits, responses);
        laws__equal("service.count", services, sends);
    } else { /* a plain send has these times, too */
        laws__most("response.count", (double)responses, (double)waits);
        laws__most("service.count", (double)services, (double)sends);
    }
    laws__equal("start_lag.count", (uint64_t)starts, absent + sends);
    if (waits == starts) {
        double parts = laws__sum_ns(&latency[LATENCY_CONNECTION_WAIT]) +
                       laws__sum_ns(&latency[LATENCY_SEND_LAG]);
        double whole = laws__sum_ns(&latency[LATENCY_START_LAG]);
        double slack = parts * 0.003 + 200.0 * (double)starts;
        laws__most("start_lag, its sum", whole, parts + slack);
        laws__most("start_lag's parts", parts, whole + slack);
    }
    laws__most("send_lag of a generator that is never late",
               (double)histogram_percentile(&latency[LATENCY_SEND_LAG], 100).low_ns,
               2 * (double)play->slice_ns + 5 * (double)NS_PER_MS);
}

static void laws__ends(const struct laws_play *play, const struct laws_scenario *scenario)
{
    const struct figures *figures = &play->run.figures;
    const uint64_t *totals = figures->counters.totals;
    const uint64_t *errors = figures->counters.errors;
    uint64_t ended = totals[TOTAL_CONNECTS_OK] + laws__failed_connects(errors);
    laws__most("connects with an outcome", (double)ended, (double)totals[TOTAL_CONNECTS_ATTEMPTED]);
    laws__most("connects without one", (double)totals[TOTAL_CONNECTS_ATTEMPTED] - (double)ended,
               play->plan->connections);
    laws__equal("clean + abnormal ends",
                totals[TOTAL_CONNECTIONS_CLEAN] + totals[TOTAL_CONNECTIONS_ABNORMAL],
                totals[TOTAL_CONNECTS_OK]);
    if (!scenario->expects) {
        laws__equal("requests by outcome",
                    totals[TOTAL_RESPONSES] + errors[ERROR_KIND_RESPONSE_TIMEOUT] +
                        errors[ERROR_KIND_RESPONSE_LOST] + figures->requests_cut,
                    totals[TOTAL_REQUESTS]);
    }
    double connects = (double)histogram_count(&figures->latency[LATENCY_CONNECT]);
    laws__most("connects with an outcome in latency.connect", (double)ended, connects);
    laws__most("samples of latency.connect", connects, (double)totals[TOTAL_CONNECTS_ATTEMPTED]);
    laws__equal("messages by use",
                totals[TOTAL_RESPONSES] + totals[TOTAL_MESSAGES_UNSOLICITED] +
                    totals[TOTAL_HEARTBEATS_ANSWERED],
                totals[TOTAL_MESSAGES_RECEIVED]);
    laws__most("bytes that the servers saw", (double)play->bytes_received,
               (double)totals[TOTAL_BYTES_SENT]);
    laws__equal("connections that were not wanted", play->open_extra, 0);
    laws__most("connections open at once", play->open_most, play->plan->connections);
}

/* The samples of the steps are those of the run, what never began among them; so are the stages'.
 */
static void laws__parts(const struct laws_play *play, const struct laws_scenario *scenario)
{
    const struct figures *figures = &play->run.figures;
    int64_t whole = histogram_count(&figures->latency[LATENCY_RESPONSE]);
    int64_t steps = 0;
    int64_t stages = 0;
    for (uint32_t i = 0; i < figures->steps_count; i++) {
        steps += histogram_count(&figures->steps[i].latency[LATENCY_RESPONSE]);
    }
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        stages += histogram_count(&figures->stages[i].latency[LATENCY_RESPONSE]);
    }
    for (uint32_t i = 0; i < figures->behaviors_count; i++) {
        const struct arrival_counts *arrivals = &figures->behaviors[i];
        bool asks = play->plan->program->behaviors[i].first_step != UINT32_MAX;
        steps += asks ? 0 : (int64_t)(arrivals->dropped + arrivals->never_started);
    }
    if (!scenario->setups) {
        laws__equal("responses of all steps", (uint64_t)steps, (uint64_t)whole);
    }
    if (figures->stages_count > 0) {
        laws__equal("responses of all stages", (uint64_t)stages, (uint64_t)whole);
    }
}

/* How often a connection begins to be wanted, all of them together. */
static uint32_t laws__wanted_times(const struct laws_play *play)
{
    const struct population *population = &play->run.course->population;
    uint32_t before = play->plan->connections_at_start;
    uint32_t times = before;
    int64_t until_ns = play->run.stop_ns - play->run.t0_ns;
    for (int64_t at_ns = 0; at_ns < until_ns; at_ns += NS_PER_MS / 10) {
        uint32_t wanted = population_wanted(population, at_ns);
        times += wanted > before ? wanted - before : 0;
        before = wanted;
    }
    return times;
}

/* Nobody connects but who is wanted, once each time. */
static void laws__population(const struct laws_play *play, const struct laws_scenario *scenario)
{
    uint64_t attempted = play->run.figures.counters.totals[TOTAL_CONNECTS_ATTEMPTED];
    if (play->kind && !scenario->leaves && !scenario->dead_target &&
        play->run.t0_ns != TIME_NEVER_NS) {
        laws__most("connects of those that were wanted", (double)attempted,
                   laws__wanted_times(play));
        laws__most("connects before connect_rate lets them", play->connects_early,
                   1 + play->run.course->pacing.stages_count);
    }
}

static void laws__gauges(const struct laws_play *play)
{
    static const enum live_gauge ZERO[] = {LIVE_OPEN, LIVE_CONNECTING, LIVE_QUEUED};
    for (size_t i = 0; i < COUNT_OF(ZERO); i++) {
        laws__equal("a gauge at the end", play->gauges[ZERO[i]], 0);
    }
    laws__equal("connections that have ended", play->gauges[LIVE_FINISHED],
                play->plan->connections);
}

/* --- By target and by behavior. */

static cJSON *laws__read_series(struct series *series, int64_t end_ns, uint32_t written)
{
    cJSON *raw = series_values_to_json(series, end_ns, written);
    char *text = cJSON_PrintUnformatted(raw);
    cJSON *read = cJSON_Parse(text);
    assert_true(cJSON_IsArray(read));
    cJSON_free(text);
    cJSON_Delete(raw);
    return read;
}

/* What an entry has under a key; of buckets: the samples in them. */
static uint64_t laws__of_entry(const cJSON *series, int second, const char *key)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(series, second), key);
    const cJSON *bucket;
    uint64_t count = 0;
    cJSON_ArrayForEach(bucket, found)
    {
        count += (uint64_t)cJSON_GetArrayItem(bucket, 1)->valuedouble;
    }
    return cJSON_IsArray(found) ? count : (uint64_t)cJSON_GetNumberValue(found);
}

/* Second by second, the series of all shares together are the run's. */
static void laws__share_seconds(const struct laws_play *play, const struct figures_share *shares,
                                uint32_t count, uint32_t written)
{
    static const char *const KEYS[] = {"connections", "connects_failed", "iterations", "requests",
                                       "responses",   "errors",          "buckets",    "due",
                                       "begun"};
    size_t keys = COUNT_OF(KEYS) - ((written & SERIES_ARRIVALS) != 0 ? 0 : 2);
    int64_t end_ns = play->run.end_ns;
    cJSON *whole = laws__read_series(play->run.figures.series, end_ns, UINT32_MAX >> 1);
    cJSON *parts[FIGURES_SHARES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        parts[i] = laws__read_series(shares[i].series, end_ns, written);
        laws__equal("entries of a share", (uint64_t)cJSON_GetArraySize(parts[i]),
                    (uint64_t)cJSON_GetArraySize(whole));
    }
    for (int second = 0; second < cJSON_GetArraySize(whole); second++) {
        for (size_t k = 0; k < keys; k++) {
            uint64_t sum = 0;
            for (uint32_t i = 0; i < count; i++) {
                sum += laws__of_entry(parts[i], second, KEYS[k]);
            }
            laws__equal(KEYS[k], sum, laws__of_entry(whole, second, KEYS[k]));
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        cJSON_Delete(parts[i]);
    }
    cJSON_Delete(whole);
}

static void laws__share_sums(const struct laws_play *play, const struct figures_share *shares,
                             uint32_t count)
{
    const struct figures *figures = &play->run.figures;
    struct counters sum = {0};
    uint64_t started = 0;
    int64_t services = 0;
    int64_t connects = 0;
    for (uint32_t i = 0; i < count; i++) {
        counters_add(&sum, &shares[i].counters);
        started += shares[i].iterations_started;
        services += histogram_count(&shares[i].latency[LATENCY_SERVICE]);
        connects += histogram_count(&shares[i].latency[LATENCY_CONNECT]);
    }
    for (uint32_t i = 0; i < figures->steps_count; i++) {
        services -= histogram_count(&figures->steps[i].latency[LATENCY_SERVICE]);
    }
    for (int kind = 0; kind < COUNTERS; kind++) {
        const char *key = kind < TOTAL_KINDS ? total_key((enum total_kind)kind)
                                             : error_key((enum error_kind)(kind - TOTAL_KINDS));
        laws__equal(key, sum.numbers[kind], figures->counters.numbers[kind]);
    }
    laws__equal("iterations started in shares", started, figures->iterations_started);
    laws__equal("services of shares, less those of steps", (uint64_t)services, 0);
    laws__equal("connects of shares", (uint64_t)connects,
                (uint64_t)histogram_count(&figures->latency[LATENCY_CONNECT]));
}

/* What belongs to the targets is the whole, and what belongs to the behaviors is. */
static void laws__shares(const struct laws_play *play)
{
    const struct figures *figures = &play->run.figures;
    if (figures->targets_count > 0) {
        laws__share_sums(play, figures->targets, figures->targets_count);
        laws__share_seconds(play, figures->targets, figures->targets_count, SERIES_OF_SHARE);
    }
    if (figures->players_count > 0) {
        int64_t behaviors = 0;
        int64_t steps = 0;
        for (uint32_t i = 0; i < figures->steps_count; i++) {
            steps += histogram_count(&figures->steps[i].latency[LATENCY_RESPONSE]);
        }
        for (uint32_t i = 0; i < figures->players_count; i++) {
            const struct arrival_counts *arrivals = &figures->behaviors[i];
            bool asks = play->plan->program->behaviors[i].first_step != UINT32_MAX;
            steps += asks ? 0 : (int64_t)(arrivals->dropped + arrivals->never_started);
            behaviors += histogram_count(&figures->players[i].latency[LATENCY_RESPONSE]);
        }
        laws__equal("responses of all behaviors", (uint64_t)behaviors, (uint64_t)steps);
        laws__share_sums(play, figures->players, figures->players_count);
        laws__share_seconds(play, figures->players, figures->players_count,
                            SERIES_OF_SHARE | SERIES_ARRIVALS);
    }
}

static void laws__judge(const struct laws_play *play, const struct laws_scenario *scenario)
{
    if (scenario->open) {
        laws__arrivals(play, scenario);
    }
    laws__lags(play, scenario);
    laws__ends(play, scenario);
    laws__parts(play, scenario);
    laws__shares(play);
    laws__population(play, scenario);
    laws__gauges(play);
}

/* --- Plays. */

static struct cport_fake_options laws__network(uint64_t seed, bool kind)
{
    struct cport_fake_options options = {.latency_min_ns = 20 * NS_PER_US,
                                         .latency_max_ns = 200 * NS_PER_US,
                                         .sockets_max = 160,
                                         .recv_buffer_bytes = 1024,
                                         .partial_send_per_mille = 100,
                                         .partial_recv_per_mille = 100};
    if (prng_range(seed, 20, 0, 0, 2) == 0) { /* a slow server */
        options.latency_max_ns = (int64_t)prng_range(seed, 20, 1, 1, 60) * NS_PER_MS;
    }
    if (!kind) {
        options.reset_per_mille = (uint32_t)prng_range(seed, 20, 2, 0, 3);
        options.refuse_per_mille = prng_range(seed, 20, 3, 0, 2) == 0 ? 200 : 0;
        options.late_per_mille = (uint32_t)prng_range(seed, 20, 4, 0, 20);
        options.late_ns = 3 * NS_PER_MS;
    }
    return options;
}

static struct harness_faults laws__faults(uint64_t seed, bool kind)
{
    struct harness_faults faults = {0};
    if (!kind) {
        faults.silent = (uint32_t)prng_range(seed, 21, 1, 0, 100);
        faults.corrupt = (uint32_t)prng_range(seed, 21, 2, 0, 50);
        faults.twice = (uint32_t)prng_range(seed, 21, 3, 0, 50);
        faults.leave = prng_range(seed, 21, 4, 0, 1) ? (uint32_t)prng_range(seed, 21, 5, 0, 30) : 0;
        faults.reset = prng_range(seed, 21, 6, 0, 1) ? (uint32_t)prng_range(seed, 21, 7, 0, 30) : 0;
        faults.lingers = prng_range(seed, 21, 8, 0, 9) == 0;
    }
    return faults;
}

/* One line to play it again by; the scenario is kept. */
static void laws__tell(const char *problems)
{
    char path[64];
    snprintf(path, sizeof path, "law-%" PRIu64 ".json", judge.seed);
    fprintf(stderr, "DUMMYLOAD_TEST_SEED=%" PRIu64 "  (%s)\n%s", judge.seed, path, problems);
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        fprintf(file, "%s\n", judge.scenario);
        fclose(file);
    }
    judge.scenario = NULL;
}

static void laws__conclude(void)
{
    if (judge.bytes > 0) {
        laws__tell(judge.problems);
        judge.failed++;
    }
    judge.scenario = NULL;
}

static void laws__play(uint64_t seed)
{
    static struct laws_scenario scenario;
    static struct laws_play play;
    static const char *const THREADS[] = {"1", "2", "3", "4"};
    laws_scenario_make(&scenario, seed);
    bool kind = prng_range(seed, 22, 0, 0, 2) == 0;
    judge.seed = seed;
    judge.scenario = scenario.text;
    judge.bytes = 0;
    const struct laws_setting setting = {
        .scenario = scenario.text,
        .threads = THREADS[prng_range(seed, 22, 1, 0, 3)],
        .seed = seed,
        .network = laws__network(seed, kind),
        .faults = laws__faults(seed, kind),
        .kind = kind,
        .touches = prng_range(seed, 22, 5, 0, 1) == 0
                       ? 0
                       : (uint32_t)prng_range(seed, 22, 6, 1, LAWS_TOUCHES_MAX),
        .slice_ns = (int64_t)prng_range(seed, 22, 2, 1, 10) * 100 * NS_PER_US,
        .crash_ns = kind || prng_range(seed, 22, 3, 0, 4) > 0
                        ? 0
                        : (int64_t)prng_range(seed, 22, 4, 1, 1500) * NS_PER_MS};
    laws_play_open(&play, &setting);
    laws_play_run(&play);
    laws__judge(&play, &scenario);
    laws_play_close(&play);
    laws__conclude();
}

static void test_random_plays_keep_the_laws(void **state)
{
    (void)state;
    uint64_t base = unit_seed();
    const uint64_t rounds = unit_rounds(getenv("DUMMYLOAD_TEST_SEED") != NULL ? 1 : 60);
    for (uint64_t round = 0; round < rounds; round++) {
        laws__play(base + round);
    }
    assert_int_equal(judge.failed, 0);
}

/* A play that failed in the middle says which one it was, too. */
static int laws__name_the_play(void **state)
{
    (void)state;
    if (judge.scenario != NULL) {
        laws__tell("");
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_random_plays_keep_the_laws, laws__name_the_play),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("laws", tests, NULL, NULL);
}
