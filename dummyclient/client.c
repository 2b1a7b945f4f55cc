#include "client.h"

#include "conduct/hosts.h"
#include "conduct/steer.h"
#include "conduct/supervisor.h"
#include "core/clock.h"
#include "files/output.h"
#include "fleet/fleet.h"
#include "judge/verdict.h"
#include "net/address.h"
#include "options/options.h"
#include "plan/plan.h"
#include "report/ending.h"
#include "report/outputs.h"
#include "show/feed.h"
#include "starter/source.h"
#include "system/host.h"
#include "system/stop.h"
#include "trace/trace_output.h"
#include "web/request.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* In a fleet, once all ranks have ended: how often to look for the last figures. */
static const int64_t CLIENT_LOOK_NS = 1 * NS_PER_MS;
/* For the last lines of a trace: a user who has asked to stop does not wait as long. */
static const int64_t CLIENT_TRACE_WITHIN_NS = 10 * NS_PER_S;
static const int64_t CLIENT_TRACE_STOPPED_NS = 1 * NS_PER_S;

enum { CLIENT_PATH_BYTES_MAX = 4096 };

#ifndef DUMMYLOAD_VERSION
#define DUMMYLOAD_VERSION "0.1.0"
#endif

/* Receives the mistakes of options and scenario: the leader, or a single program, prints them; a
 * member keeps the first for the leader. */
struct client__mistakes {
    bool silent;
    char first[FLEET_PROBLEM_BYTES_MAX];
};

static void client__report(void *context, const char *line)
{
    struct client__mistakes *mistakes = context;
    if (mistakes->first[0] == '\0') {
        snprintf(mistakes->first, sizeof mistakes->first, "%s", line);
    }
    if (!mistakes->silent) {
        fprintf(stderr, "%s\n", line);
    }
}

/* The command line is wrong: the scenario's mistakes are reported together with its. */
static void client__check_scenario(const struct options *options, struct client__mistakes *mistakes)
{
    if (options->scenario_path != NULL) {
        scenario_destroy(source_load(options, NULL, client__report, mistakes));
    }
}

/* Waits until all have reported, or the time is over. */
static void client__await_reports(struct run *run, struct fleet *fleet)
{
    int64_t until_ns = clock_now_ns() + FLEET_REPORT_WITHIN_NS;
    until_ns = until_ns < run->gather_until_ns ? until_ns : run->gather_until_ns;
    while (!fleet_has_reports(fleet) && clock_now_ns() < until_ns) {
        int64_t now_ns = clock_now_ns();
        fleet_exchange(fleet, &fleet->sent, now_ns);
        fleet_order(fleet, &fleet->orders, now_ns);
        clock_sleep_until_ns(now_ns + CLIENT_LOOK_NS);
    }
}

/* The leader, or a program that is alone: the figures of all, judged and written. */
static int client__conclude(const struct plan *plan, struct run *run, struct fleet *fleet,
                            struct feed *feed)
{
    static struct verdict verdict; /* large: a line per threshold */
    struct error error = {""};
    if (fleet->mesh != NULL) {
        struct host_judgement own;
        verdict_judge_share(&own, plan, run);
        client__await_reports(run, fleet);
        if (run->end == RUN_COMPLETE && fleet_has_reports(fleet) && fleet_lost(fleet) == NULL) {
            fleet_measure_drift(fleet);
        }
        if (!hosts_gather(plan, run, &own, fleet, &error)) {
            return ending_fail(error.text, feed);
        }
        if (run->end != RUN_RANK_LOST) {
            fleet_leave(fleet); /* before the writing, which may take a while */
        }
    }
    return ending_play(plan, run, &verdict, feed);
}

/* Another rank than the leader: its share, which it judges and hands over. */
static void client__hand_over(struct run *run, const struct plan *plan, struct fleet *fleet)
{
    struct host_judgement own;
    struct pack report = {0};
    verdict_judge_share(&own, plan, run);
    hosts_pack_run(run, &own, fleet->ranks[fleet->rank].clock_offset_ns, &report);
    if (!fleet_report(fleet, &report)) {
        struct error error;
        error_set_short(&error, ERROR_SHORT_OF_MEMORY, "no memory to hand the figures over");
        output_complain(error.text);
    }
    pack_close(&report);
}

/* A rank that could not play says so to the leader, which then ends the run. */
static void client__hand_over_failure(struct fleet *fleet, const char *text)
{
    struct pack report = {0};
    struct fleet_status status = {.failed = true};
    fleet_exchange(fleet, &status, clock_now_ns());
    hosts_pack_failure(text, &report);
    fleet_report(fleet, &report);
    pack_close(&report);
}

/* A member waits until the leader has what it needs, and ends. */
static int client__leave(struct fleet *fleet)
{
    if (!fleet_leave(fleet)) {
        fprintf(stderr, "dummyclient: rank %u: rank 0 on %s is lost: no result is written\n",
                fleet->rank, fleet->ranks[0].hello.host);
        fleet->mesh->abort(fleet->mesh->context, EXIT_INVALID);
    }
    return EXIT_OK;
}

/* Opens the trace, where this program plays what is to be traced. False: it cannot be written. */
static bool client__open_trace(const struct plan *plan, struct trace_output **trace,
                               struct error *error)
{
    static struct trace_output output;
    static char path[CLIENT_PATH_BYTES_MAX];
    const struct options *options = plan->options;
    bool first = options->traced == TRACE_FIRST_FAILURE;
    *trace = NULL;
    if (!options->traces ||
        (!first && plan_seat_at(plan, options->traced).worker == PLAN_ELSEWHERE)) {
        return true;
    }
    if (options->trace_path != NULL) {
        snprintf(path, sizeof path, "%s", options->trace_path);
    }
    if (plan->rank > 0 && first) { /* each rank traces the first of its own that fails */
        size_t used = strlen(path);
        snprintf(path + used, sizeof path - used, ".rank-%u", plan->rank);
    }
    *trace = &output;
    return trace_output_open(&output, options->trace_path != NULL ? path : NULL, options->traced,
                             plan->workers_count, plan->rank, error);
}

/* False: some of it could not be written, which has been said. */
static bool client__close_trace(struct trace_output *trace)
{
    struct error error = {""};
    bool stopped = stop_requests() > 0;
    bool whole = trace == NULL ||
                 trace_output_close(
                     trace, stopped ? CLIENT_TRACE_STOPPED_NS : CLIENT_TRACE_WITHIN_NS, &error);
    if (!whole) {
        output_complain(error.text);
    }
    return whole;
}

/* What somebody does to the run by hand; from the live page, if there is one. */
static bool client__open_steer(struct steer *steer, const struct plan *plan, struct feed *feed,
                               struct error *error)
{
    bool opened = steer_open(steer, plan, error);
    if (opened && feed != NULL && feed->web != NULL) {
        web_set_control(feed->web, steer_control, steer);
    }
    return opened;
}

static int client__run(const struct plan *plan, struct fleet *fleet, struct feed *feed)
{
    const struct options *options = plan->options;
    struct error error = {""};
    struct trace_output *trace;
    static struct run run;
    static struct steer steer;
    bool leader = fleet_is_leader(fleet);
    bool on_stderr = options->traces && options->trace_path == NULL;
    bool progress = leader && options->progress && !options->quiet && !on_stderr;
    if (!client__open_trace(plan, &trace, &error) ||
        !client__open_steer(&steer, plan, feed, &error) ||
        !supervisor_run(&run, plan, fleet, progress, &steer, feed, trace, &error)) {
        if (leader) {
            return ending_fail(error.text, feed);
        }
        client__hand_over_failure(fleet, error.text);
        return client__leave(fleet);
    }
    bool traced = client__close_trace(trace);
    if (!leader) {
        client__hand_over(&run, plan, fleet);
        run_close(&run);
        steer_close(&steer);
        return client__leave(fleet);
    }
    int code = client__conclude(plan, &run, fleet, feed);
    run_close(&run);
    steer_close(&steer);
    return code == EXIT_OK && !traced ? EXIT_FAILED : code;
}

/* In a separate thread: a stopped terminal must not block Ctrl+C. */
static void client__warn(void *context)
{
    const struct plan *plan = context;
    char shortage[PLAN_SHORTAGE_BYTES_MAX];
    char rank[32] = "";
    if (plan->ranks > 1) {
        snprintf(rank, sizeof rank, "rank %u: ", plan->rank);
    }
    char note[PLAN_NOTE_BYTES_MAX];
    if (plan->rank == 0 && !plan->options->quiet && plan_shortens_warmup(plan, note)) {
        fprintf(stderr, "dummyclient: %s\n", note);
    }
    for (int need = 0; need < PLAN_NEEDS; need++) {
        if (plan_lacks(plan, (enum plan_need)need, shortage)) {
            fprintf(stderr, "dummyclient: %swarning: %s\n", rank, shortage);
        }
    }
}

/* Where the page is, for a person; with what it takes to control the run from there. */
static void client__print_page(void *context)
{
    const struct web *web = context;
    const char *token = web_token(web);
    fprintf(stderr, "dummyclient: live page at %s%s%s\n", web_url(web),
            token == NULL ? "" : "?token=", token == NULL ? "" : token);
}

/* Is there something in its address that was not given? Then also --quiet has to say it. */
static bool client__has_made_page(const struct options *options, const struct web *web)
{
    char host[WEB_HOST_BYTES_MAX];
    uint16_t port = 0;
    struct error error;
    return (web_token(web) != NULL && options->listen_token == NULL) ||
           !web_listen_parse(options->listen, host, &port, &error) || port == 0;
}

static bool client__open_page(const struct plan *plan, struct feed *feed, struct error *error)
{
    const struct options *options = plan->options;
    char server[WEB_URL_BYTES_MAX] = "";
    bool has_server = options->listen_server != NULL;
    if (has_server && !web_peer_parse(options->listen_server, server, error)) {
        return false;
    }
    struct web_options wanted = {.listen = options->listen,
                                 .token = options->listen_token,
                                 .peer = has_server ? server : NULL};
    feed->web = web_open(&wanted, error);
    if (feed->web == NULL) {
        return false;
    }
    struct cJSON *json = plan_to_json(plan);
    char *text = cJSON_PrintUnformatted(json);
    if (text != NULL) {
        web_put(feed->web, WEB_PLAN, text, strlen(text));
    }
    cJSON_free(text);
    cJSON_Delete(json);
    char run[256 + WEB_URL_BYTES_MAX];
    snprintf(run, sizeof run,
             "{\"program\":\"dummyclient\",\"run_id\":\"%s\",\"control\":true%s%s%s}", plan->run_id,
             has_server ? ",\"server\":\"" : "", server, has_server ? "\"" : "");
    web_put(feed->web, WEB_RUN, run, strlen(run));
    if ((!options->quiet || client__has_made_page(options, feed->web)) &&
        !output_print(client__print_page, feed->web)) {
        output_leave(EXIT_INTERRUPTED);
    }
    return true;
}

/* With the checks, the stream of records and the live page that the leader, or a single program,
 * needs. */
static int client__run_with_outputs(struct plan *plan, struct fleet *fleet)
{
    static struct ndjson ndjson;
    static struct feed feed;
    const struct options *options = plan->options;
    struct error error = {""};
    plan_reach_targets(plan);
    if (!output_print(client__warn, plan)) {
        output_leave(EXIT_INTERRUPTED);
    }
    bool leader = fleet_is_leader(fleet);
    if (leader && options->listen != NULL && !client__open_page(plan, &feed, &error)) {
        output_complain(error.text);
        return EXIT_FAILED;
    }
    if (leader && options->ndjson_path != NULL) {
        if (!ndjson_open(&ndjson, options->ndjson_path, &error)) {
            output_complain(error.text);
            return EXIT_FAILED;
        }
        feed.ndjson = &ndjson;
    }
    return client__run(plan, fleet, feed.ndjson != NULL || feed.web != NULL ? &feed : NULL);
}

/* Do all ranks mean the same? problem: why this one cannot play; empty: it can. Returns EXIT_OK, or
 * the exit code, when what is to be said about it has been said. */
static int client__join(struct plan *plan, struct fleet *fleet, const char *problem, int code)
{
    struct error error = {""};
    struct fleet_hello hello = {.workers = plan->workers_count,
                                .connections = plan->connections_own};
    struct plan_digest digest = {0};
    struct host_info host;
    host_read(&host);
    snprintf(hello.host, sizeof hello.host, "%s", host.name[0] != '\0' ? host.name : "?");
    result_describe_build(hello.build, sizeof hello.build);
    snprintf(hello.problem, sizeof hello.problem, "%s", problem);
    if (problem[0] == '\0' && !plan_digest(plan, &digest)) {
        char hint[ERROR_HINT_BYTES_MAX];
        snprintf(hello.problem, sizeof hello.problem, "no memory to read the plan%s",
                 error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint));
    }
    hello.scenario = digest.scenario;
    hello.data = digest.data;
    hello.load = digest.load;
    enum fleet_agreement agreement = fleet_join(fleet, &hello, &error);
    if (error.text[0] != '\0') {
        output_complain(error.text);
    }
    if (agreement == FLEET_AGREED) {
        plan->workers_total = fleet->workers_total;
        return EXIT_OK;
    }
    if (agreement == FLEET_INCOMPLETE) {
        fleet->mesh->abort(fleet->mesh->context, EXIT_FAILED);
    }
    return code != EXIT_OK ? code : EXIT_USAGE;
}

/* An output that cannot be written is reported before the run, not after it. */
static int client__check_outputs(const struct options *options, struct client__mistakes *mistakes)
{
    struct mistakes compared = {.report = client__report, .context = mistakes};
    struct error error = {""};
    outputs_compare(options, &compared);
    if (compared.count > 0) {
        return EXIT_USAGE;
    }
    if (options->mode == OPTIONS_RUN && !outputs_can_write(options, &error)) {
        output_complain(error.text);
        snprintf(mistakes->first, sizeof mistakes->first, "a result cannot be written");
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* Reads options and scenario; mistakes are printed, except by members of a fleet. */
static int client__prepare(struct options *options, struct plan *plan, int argc, char **argv,
                           struct mesh *mesh, struct client__mistakes *mistakes)
{
    struct error error = {""};
    int code = EXIT_OK;
    if (!options_parse(options, argc, argv, client__report, mistakes)) {
        client__check_scenario(options, mistakes);
        code = EXIT_USAGE;
    } else if (options->mode == OPTIONS_PRINT) {
        bool printed = mistakes->silent || source_print(options, stdout, client__report, mistakes);
        return printed ? EXIT_OK : EXIT_USAGE;
    } else if (options->mode != OPTIONS_RUN && options->mode != OPTIONS_CHECK) {
        return EXIT_OK;
    }
    if (mesh != NULL) {
        options->rank = mesh->rank;
        options->ranks = mesh->ranks;
        options->ranks_here = mesh->ranks_here;
    }
    clock_setup();
    if (code == EXIT_OK && !net_setup(&error)) {
        code = EXIT_FAILED;
    } else if (code == EXIT_OK && !plan_open(plan, options, client__report, mistakes)) {
        code = EXIT_USAGE;
    }
    if (error.text[0] != '\0') {
        snprintf(mistakes->first, sizeof mistakes->first, "%.*s", (int)sizeof mistakes->first - 1,
                 error.text);
        if (!mistakes->silent) {
            output_complain(error.text);
        }
    }
    bool leader = !mistakes->silent;
    return code == EXIT_OK && leader ? client__check_outputs(options, mistakes) : code;
}

static int client__play(struct plan *plan, struct fleet *fleet, const char *problem, int code)
{
    if (fleet->mesh != NULL) {
        int joined = client__join(plan, fleet, problem, code);
        if (joined != EXIT_OK) {
            /* The exit code of the fleet is the leader's. */
            return fleet_is_leader(fleet) ? joined : EXIT_OK;
        }
    }
    if (code != EXIT_OK) {
        return code;
    }
    stop_setup();
    code = client__run_with_outputs(plan, fleet);
    if (fleet_is_leader(fleet) && !fleet_is_alone(fleet) && !fleet->done) {
        /* The others are still waiting, or cannot be reached: this ends them. */
        fflush(NULL);
        fleet->mesh->abort(fleet->mesh->context, code);
    }
    return code;
}

int client_main(int argc, char **argv, struct mesh *mesh)
{
    static struct options options;
    static struct plan plan;
    struct fleet fleet;
    struct error error = {""};
    struct client__mistakes mistakes = {.silent = mesh != NULL && mesh->rank > 0};
    int code = client__prepare(&options, &plan, argc, argv, mesh, &mistakes);
    if (code == EXIT_OK && options.mode != OPTIONS_RUN) {
        if (options.mode == OPTIONS_HELP && !mistakes.silent) {
            options_print_help(stdout);
        } else if (options.mode == OPTIONS_LIST_OPTIONS && !mistakes.silent) {
            code = options_print_json(stdout) ? EXIT_OK : EXIT_FAILED;
        } else if (options.mode == OPTIONS_VERSION && !mistakes.silent) {
            printf("dummyclient %s\n", DUMMYLOAD_VERSION);
        } else if (options.mode == OPTIONS_CHECK && !mistakes.silent) {
            plan_print(&plan, stdout);
        }
    } else if (!fleet_open(&fleet, mesh, &error)) {
        output_complain(error.text);
        code = EXIT_FAILED;
    } else {
        code = client__play(&plan, &fleet, mistakes.first, code);
        fleet_close(&fleet);
    }
    plan_close(&plan);
    stop_finished();
    if (!output_finish(&error)) {
        output_complain(error.text);
        code = code == EXIT_USAGE || code == EXIT_INTERRUPTED ? code : EXIT_FAILED;
    }
    return code;
}
