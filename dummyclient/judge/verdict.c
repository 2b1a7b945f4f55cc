#include "judge/verdict.h"

#include "conduct/connecting.h"
#include "conduct/hosts.h"
#include "core/clock.h"
#include "starter/url.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A lag of this program of up to 1 ms, or a twentieth of what it measures, is no reason. */
#define VERDICT_LAG_NS (1 * NS_PER_MS)
static const double VERDICT_LAG_OF_RESPONSE = 0.05;
/* The wall clock may be slewed a little; a step is more. */
#define VERDICT_CLOCK_STEP_NS (250 * NS_PER_MS)
/* The share of the window in which this program may have read no input, or been stalled. */
static const double VERDICT_TIME_SHARE = 0.01;
/* A client that is idle for less than this share of the time limits the load. */
static const double VERDICT_IDLE = 0.05;

enum { VERDICT_HINT_BYTES_MAX = 256 };

static ERROR_PRINTF(2, 3) void verdict__invalid(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    verdict->valid = false;
    if (verdict->reasons_count < VERDICT_REASONS_MAX) {
        vsnprintf(verdict->reasons[verdict->reasons_count++], VERDICT_REASON_BYTES_MAX, format,
                  arguments);
    }
    va_end(arguments);
}

static ERROR_PRINTF(2, 3) void verdict__failed(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (verdict->failures_count < VERDICT_FAILURES_MAX) {
        vsnprintf(verdict->failures[verdict->failures_count++], VERDICT_FAILURE_BYTES_MAX, format,
                  arguments);
    }
    va_end(arguments);
}

static int64_t verdict__lag_limit_ns(const struct figures *figures)
{
    int64_t response_ns = histogram_percentile(&figures->latency[LATENCY_RESPONSE], 50).low_ns;
    double part_ns = VERDICT_LAG_OF_RESPONSE * (double)response_ns;
    return part_ns > (double)VERDICT_LAG_NS ? (int64_t)part_ns : VERDICT_LAG_NS;
}

/* True when the lag of this program was too large for what it measured. */
static bool verdict__judge_lag(struct verdict *verdict, const struct figures *figures,
                               enum latency_kind kind, const char *what)
{
    int64_t lag_ns = histogram_percentile(&figures->latency[kind], 99).low_ns;
    int64_t limit_ns = verdict__lag_limit_ns(figures);
    if (lag_ns <= limit_ns) {
        return false;
    }
    char lag[UNITS_TEXT_BYTES_MAX];
    char limit[UNITS_TEXT_BYTES_MAX];
    verdict__invalid(verdict,
                     "the client was too slow: %s p99 is %s, over %s (%s); lower the rate, or "
                     "give it more CPU",
                     latency_key(kind), units_format_duration(lag_ns, lag),
                     units_format_duration(limit_ns, limit), what);
    return true;
}

/* The p99 of poll_gap is a percentile of polls, not of time. A second in which this program did not
 * poll is one poll of ten thousand, but a tenth of a run of 10 s. */
static bool verdict__judge_blindness(struct verdict *verdict, const struct plan *plan,
                                     const struct run *run)
{
    const struct figures *figures = &run->figures;
    int64_t limit_ns = verdict__lag_limit_ns(figures);
    double blind_ns = histogram_excess_ns(&figures->latency[LATENCY_POLL_GAP], limit_ns);
    double share =
        run->window_ns > 0 ? blind_ns / (double)run->window_ns / (double)plan->workers_count : 0;
    if (share <= VERDICT_TIME_SHARE) {
        return false;
    }
    char limit[UNITS_TEXT_BYTES_MAX];
    verdict__invalid(verdict,
                     "the client was too slow: in %.1f%% of the time a reply would have waited for "
                     "it for over %s (poll_gap)",
                     100 * share, units_format_duration(limit_ns, limit));
    return true;
}

static bool verdict__judge_stalls(struct verdict *verdict, const struct run *run)
{
    int64_t limit_ns = verdict__lag_limit_ns(&run->figures);
    int64_t least_ns = limit_ns > RUN_STALL_LEAST_NS ? limit_ns : RUN_STALL_LEAST_NS;
    int64_t stalled_ns = run_stalled_ns(run, least_ns);
    if ((double)stalled_ns <= VERDICT_TIME_SHARE * (double)run->window_ns) {
        return false;
    }
    char stalled[UNITS_TEXT_BYTES_MAX];
    verdict__invalid(verdict,
                     "the client was stalled for %s in all: it was stopped, or got no CPU (do "
                     "other programs need it?)",
                     units_format_duration(stalled_ns, stalled));
    return true;
}

/* The share of the window in which the client's threads had nothing to do. CPU time would not show
 * it: a busy thread does not get a whole CPU beside others, and --busy-poll always uses one. */
static double verdict__idle_share(const struct plan *plan, const struct run *run)
{
    uint32_t workers = run->hosts_count > 0 ? plan->workers_total : plan->workers_count;
    return run->window_ns > 0
               ? (double)run->figures.idle_ns / (double)run->window_ns / (double)workers
               : 1;
}

/* Did fewer iterations begin in the window than were due in it? Due are those that were drawn, not
 * those of the planned rate: chance alone is no limit. */
static bool verdict__rate_is_missed(const struct plan *plan, const struct run *run)
{
    const struct figures *figures = &run->figures;
    return plan->open_loop &&
           (double)figures->iterations_started < PLAN_RATE_MET * (double)figures->arrivals.intended;
}

/* Arrivals that began late because the client was always busy: the delay is not the server's. */
static bool verdict__judge_pace(struct verdict *verdict, const struct plan *plan,
                                const struct run *run)
{
    const struct figures *figures = &run->figures;
    double share = verdict__idle_share(plan, run);
    if (share >= VERDICT_IDLE || !verdict__rate_is_missed(plan, run)) {
        return false;
    }
    verdict__invalid(verdict,
                     "the client was too slow: its threads were busy in %.1f%% of the time and "
                     "began %.1f%% of the iterations that were due; lower the rate, or give it "
                     "more CPU",
                     100 * (1 - share),
                     100 * (double)figures->iterations_started /
                         (double)figures->arrivals.intended);
    return true;
}

static void verdict__judge_local(struct verdict *verdict, const struct plan *plan,
                                 const struct run *run)
{
    uint64_t local = run->figures.counters.errors[ERROR_KIND_LOCAL_LIMIT];
    if (local == 0) {
        return;
    }
    char shortage[PLAN_SHORTAGE_BYTES_MAX];
    bool known = false;
    for (int need = 0; need < PLAN_NEEDS && !known; need++) {
        known = plan_lacks(plan, need, shortage);
    }
    verdict__invalid(verdict, "%" PRIu64 " times a limit of this machine was reached: %s", local,
                     known ? shortage : "no descriptors, ports or memory left");
}

/* Each rank has judged itself by the latencies of its share: a good average must not hide a bad
 * rank. True when one was too slow. */
static bool verdict__judge_hosts(struct verdict *verdict, const struct run *run)
{
    bool lagged = false;
    char name[HOSTS_NAME_BYTES_MAX];
    /* Lost ranks first: the list is short. */
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        if (run->hosts[i].lost) {
            verdict__invalid(verdict, "%s %s", hosts_name(run, i, name),
                             run->hosts[i].judgement.reasons[0]);
        }
    }
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        const struct run_host *host = &run->hosts[i];
        const struct host_judgement *own = &host->judgement;
        lagged |= !own->valid && own->limited_by_client;
        for (uint32_t j = 0; j < own->reasons_count && !host->lost; j++) {
            verdict__invalid(verdict, "%s: %s", hosts_name(run, i, name), own->reasons[j]);
        }
    }
    return lagged;
}

static bool verdict__judge_own(struct verdict *verdict, const struct plan *plan,
                               const struct run *run)
{
    const struct figures *figures = &run->figures;
    bool lagged = verdict__judge_lag(verdict, figures, LATENCY_SEND_LAG,
                                     "requests left later than they could have");
    lagged |= verdict__judge_lag(verdict, figures, LATENCY_POLL_GAP,
                                 "replies waited for the client to look");
    lagged |= verdict__judge_blindness(verdict, plan, run);
    lagged |= verdict__judge_stalls(verdict, run);
    lagged |= verdict__judge_pace(verdict, plan, run);
    verdict__judge_local(verdict, plan, run);
    if (run->clock_step_ns > VERDICT_CLOCK_STEP_NS) {
        char step[UNITS_TEXT_BYTES_MAX];
        verdict__invalid(verdict, "the clock stepped by %s: the machine slept or its time was set",
                         units_format_duration(run->clock_step_ns, step));
    }
    return lagged;
}

struct verdict_unready verdict_unready(const struct run *run)
{
    struct verdict_unready unready = {0};
    if (run->opened == RUN_READY_TIME_OUT && run->ready_count < run->ready_wanted) {
        uint32_t all = run->ready_wanted - run->ready_count;
        unready.failed = run->connections_kept_out < all ? run->connections_kept_out : all;
        unready.in_setup = all - unready.failed;
    }
    return unready;
}

/* Connections that were still in setup are missing from the load: it is not the one that was asked
 * for. Those that could not connect, or were turned away, are a property of the server. */
static void verdict__judge_ready(struct verdict *verdict, const struct run *run)
{
    struct verdict_unready unready = verdict_unready(run);
    if (unready.in_setup > 0) {
        verdict__invalid(verdict,
                         "%" PRIu32 " of %" PRIu32 " connections were not ready when the window "
                         "opened: they took longer than their setup may (slower steps need a "
                         "longer within)",
                         unready.in_setup, run->ready_wanted);
    }
}

static void verdict__judge_validity(struct verdict *verdict, const struct plan *plan,
                                    const struct run *run)
{
    verdict__judge_ready(verdict, run);
    bool lagged = run->hosts_count > 0 ? verdict__judge_hosts(verdict, run)
                                       : verdict__judge_own(verdict, plan, run);
    if (lagged) {
        verdict->limited_by = "client";
    } else if (!plan->open_loop) {
        verdict->limited_by = verdict__idle_share(plan, run) < VERDICT_IDLE ? "client" : NULL;
    } else if (verdict__rate_is_missed(plan, run)) {
        verdict->limited_by = "server_or_connections";
    }
}

static bool verdict__has_threshold_on(const struct plan *plan, enum error_kind kind)
{
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        if (threshold_is_about_error(&plan->thresholds[i], kind)) {
            return true;
        }
    }
    return false;
}

static void verdict__judge_data(struct verdict *verdict, const struct plan *plan,
                                const struct run *run)
{
    static const struct {
        enum error_kind kind;
        const char *text;
    } KINDS[] = {
        {ERROR_KIND_MISMATCH, "replies that were not what the scenario demands (mismatch)"},
        {ERROR_KIND_FRAME_ERROR, "messages that were not what the framing says (frame_error)"},
        {ERROR_KIND_CODEC_ERROR,
         "messages that could not be encoded, or mistakes of the codec (codec_error)"}};
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        uint64_t count = run->figures.counters.errors[KINDS[i].kind];
        if (count > 0 && !verdict__has_threshold_on(plan, KINDS[i].kind)) {
            verdict__failed(verdict, "%s: %" PRIu64, KINDS[i].text, count);
        }
    }
}

/* What to look at where no request was answered. */
static const char *verdict__hint_unanswered(const struct plan *plan, const struct run *run,
                                            char hint[VERDICT_HINT_BYTES_MAX])
{
    const uint64_t *errors = run->figures.counters.errors;
    const char *url = plan->options->scenario_path;
    const char *scheme = url_other_scheme(url, true);
    if (errors[ERROR_KIND_RESPONSE_LATE] > 0) {
        return " (shorter waits than the server takes? see within)";
    }
    if (scheme == NULL || run->figures.counters.totals[TOTAL_BYTES_RECEIVED] > 0 ||
        errors[ERROR_KIND_UNEXPECTED_CLOSE] + errors[ERROR_KIND_RESET] == 0) {
        return " (is it the right server, with the scenario's framing?)";
    }
    snprintf(hint, VERDICT_HINT_BYTES_MAX, " (a port of TLS? did you mean %s%.200s)", scheme,
             strstr(url, "://"));
    return hint;
}

/* Was no request answered, or none of the loop, or did no iteration begin? Answers in setup are no
 * measurement: a server may answer every login, and nothing else. */
static void verdict__judge_answers(struct verdict *verdict, const struct plan *plan,
                                   const struct run *run)
{
    char hint[VERDICT_HINT_BYTES_MAX];
    const struct figures *figures = &run->figures;
    const uint64_t *totals = figures->counters.totals;
    const uint64_t *errors = figures->counters.errors;
    uint64_t unanswered = errors[ERROR_KIND_RESPONSE_TIMEOUT] + errors[ERROR_KIND_RESPONSE_LOST] +
                          figures->requests_cut;
    const char *in_time = errors[ERROR_KIND_RESPONSE_LATE] > 0 ? " in time" : "";
    if (verdict->failures_count > 0) {
        return;
    }
    if (totals[TOTAL_RESPONSES] == 0 && totals[TOTAL_REQUESTS] > 0 && unanswered > 0) {
        verdict__failed(verdict, "not one of %" PRIu64 " requests was answered%s%s",
                        totals[TOTAL_REQUESTS], in_time, verdict__hint_unanswered(plan, run, hint));
    } else if (figures->window_asked > 0 && figures->window_answered == 0) {
        verdict__failed(verdict,
                        "not one of the %" PRIu64 " requests of the loop that were measured was "
                        "answered%s (setup and warm-up do not count)",
                        figures->window_asked, in_time);
    } else if (figures->arrivals.intended > 0 && figures->arrivals.begun == 0) {
        verdict__failed(verdict, "none of the %" PRIu64 " iterations that were due began",
                        figures->arrivals.intended);
    }
}

static void verdict__not_connected(struct verdict *verdict, const struct plan *plan,
                                   const struct run *run)
{
    struct error error;
    connecting_explain(plan, &run->figures.counters, &run->figures, &error);
    verdict__failed(verdict, "%s", error.text);
}

/* Every connection has ended before the run did. */
static void verdict__all_gone(struct verdict *verdict, const struct plan *plan,
                              const struct run *run, double passed_s)
{
    const uint64_t *errors = run->figures.counters.errors;
    uint64_t closed = errors[ERROR_KIND_UNEXPECTED_CLOSE] + errors[ERROR_KIND_RESET];
    bool measured = run->t0_ns != TIME_NEVER_NS;
    if (run->figures.counters.totals[TOTAL_CONNECTS_OK] == 0) {
        verdict__not_connected(verdict, plan, run);
    } else if (!measured && closed >= plan->connections &&
               run->figures.counters.totals[TOTAL_HEARTBEATS] > 0) {
        verdict__failed(verdict,
                        "every connection was closed by the server during setup, after %.1f s, "
                        "and heartbeats had been sent before (does it take them before the login? "
                        "`every` waits for the end of setup with \"from\": \"after_setup\")",
                        passed_s);
    } else if (!measured && closed >= plan->connections &&
               run->figures.counters.totals[TOTAL_BYTES_SENT] == 0) {
        verdict__failed(verdict,
                        "every connection was closed by the server at once, after %.1f s, before "
                        "anything was sent (does it refuse this address, or is it a proxy "
                        "without a server?)",
                        passed_s);
    } else if (!measured && closed >= plan->connections) {
        verdict__failed(verdict,
                        "every connection was closed by the server during setup, after %.1f s "
                        "(does it take these logins?)",
                        passed_s);
    } else {
        verdict__failed(verdict, "every connection had ended after %.1f s: stopped early (%s?)",
                        passed_s,
                        errors[ERROR_KIND_FRAME_ERROR] >= plan->connections
                            ? "does the server speak another protocol"
                            : "did the server die");
    }
}

/* A step of the scenario failed, or a table had no row left. */
static void verdict__step_failed(struct verdict *verdict, const struct plan *plan,
                                 const struct run *run, double passed_s)
{
    uint32_t table = 0;
    while (table < DATA_TABLES_MAX && run->figures.tables_out[table] == 0) {
        table++;
    }
    if (table < DATA_TABLES_MAX) {
        verdict__failed(verdict,
                        "the data of \"%s\" ran out after %.1f s: no row was left (its when_out "
                        "is error; add rows, or use wrap or stop)",
                        plan->program->world.tables[table].name, passed_s);
    } else {
        verdict__failed(verdict, "a step of the scenario said fail after %.1f s", passed_s);
    }
}

static void verdict__judge_end(struct verdict *verdict, const struct plan *plan,
                               const struct run *run)
{
    int64_t from_ns = run->t0_ns == TIME_NEVER_NS ? run->origin_ns : run->t0_ns;
    double passed_s = (double)(run->stop_ns - from_ns) / (double)NS_PER_S;
    passed_s = passed_s < 0 ? 0 : passed_s;
    switch (run->end) {
    case RUN_NOT_CONNECTED:
        verdict__not_connected(verdict, plan, run);
        break;
    case RUN_ALL_GONE:
        verdict__all_gone(verdict, plan, run, passed_s);
        break;
    case RUN_STEP_FAILED:
        verdict__step_failed(verdict, plan, run, passed_s);
        break;
    case RUN_THRESHOLD: /* the threshold itself says so, with its own exit code */
    case RUN_RANK_LOST: /* the measurement is invalid, by its host's reason */
    case RUN_RANK_APART:
        break;
    case RUN_WORKER_FAILED:
        verdict__failed(verdict, "%s", run->error.text);
        break;
    case RUN_COMPLETE:
    case RUN_INTERRUPTED:
        break;
    }
    if (run->ends_unfinished > 0) {
        verdict__failed(verdict,
                        "%" PRIu32 " workers could not close their connections in time; a longer "
                        "load.drain gives them more",
                        run->ends_unfinished);
    }
}

void verdict_reach(struct verdict *verdict, const struct plan *plan, const struct run *run)
{
    *verdict = (struct verdict){.valid = true};
    verdict__judge_end(verdict, plan, run);
    verdict__judge_data(verdict, plan, run);
    if (run->end != RUN_INTERRUPTED) {
        verdict__judge_answers(verdict, plan, run);
    }
    verdict__judge_validity(verdict, plan, run);
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        threshold_judge(&plan->thresholds[i], &run->figures, &verdict->thresholds[i]);
        if (run->aborted_by == &plan->thresholds[i]) {
            /* It ended the run: samples after that do not make it pass. */
            verdict->thresholds[i].pass = false;
        }
        verdict->thresholds_failed += verdict->thresholds[i].judged && !verdict->thresholds[i].pass;
        verdict->thresholds_count++;
    }
}

void verdict_judge_share(struct host_judgement *own, const struct plan *plan, const struct run *run)
{
    static struct verdict verdict; /* large: a line per threshold */
    verdict_reach(&verdict, plan, run);
    *own = (struct host_judgement){.valid = verdict.valid, .reasons_count = verdict.reasons_count};
    own->limited_by_client =
        verdict.limited_by != NULL && strcmp(verdict.limited_by, "client") == 0;
    _Static_assert(sizeof own->reasons == sizeof verdict.reasons, "as many, and as long");
    memcpy(own->reasons, verdict.reasons, sizeof own->reasons);
}

int verdict_exit_code(const struct verdict *verdict, const struct plan *plan, const struct run *run)
{
    if (run->end == RUN_INTERRUPTED) {
        return EXIT_INTERRUPTED;
    }
    if (verdict->failures_count > 0) {
        return EXIT_FAILED;
    }
    if (run->end == RUN_RANK_LOST || (!verdict->valid && plan->options->strict)) {
        return EXIT_INVALID;
    }
    return verdict->thresholds_failed > 0 ? EXIT_THRESHOLD : EXIT_OK;
}
