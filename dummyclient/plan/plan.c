#include "plan/internal.h"

#include "core/clock.h"
#include "starter/source.h"
#include "system/host.h"
#include "system/thread.h"
#include "text/units.h"
#include "vm/vm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLAN_DESCRIPTORS_PER_WORKER = 4, /* ring or epoll, wake-up, spare */
    PLAN_TLS_BYTES = 31000,          /* what shared/tls keeps of an idle connection */
    PLAN_PROGRAM_BYTES = 24 << 20,   /* the program itself, with what a worker has besides */
    PLAN_DESCRIPTORS_PAGE = 320,     /* of a live page: two for each thread of its server */
    PLAN_DESCRIPTORS_OWN = 16        /* standard streams, result, resolver, spare */
};

static bool plan__has_population(const struct scenario_load *load)
{
    for (uint32_t i = 0; i < load->stages_count; i++) {
        if (load->stages[i].has_connections) {
            return true;
        }
    }
    return false;
}

/* A rate on the command line replaces those of the stages; stages with nothing but a rate are
 * dropped. */
static void plan__override_rate(struct scenario_load *load, const struct options *options)
{
    bool each = options->rate_per_connection_per_s >= 0;
    double rate_per_s = each ? options->rate_per_connection_per_s : options->rate_per_s;
    if (options->rate_max) { /* without a rate: nothing is late, nothing to be spaced */
        load->has_rate = false;
        load->rate_per_s = 0;
        load->per_connection = false;
        load->arrival = ARRIVAL_CONSTANT;
        load->late = LATE_QUEUE;
        load->catch_up_max_per_s = 0;
    } else if (rate_per_s >= 0) {
        load->has_rate = true;
        load->rate_per_s = rate_per_s;
        load->per_connection = each;
    } else {
        return;
    }
    for (uint32_t i = 0; i < load->stages_count; i++) {
        load->stages[i].has_rate = false;
    }
    if (!plan__has_population(load)) {
        load->stages_count = 0; /* duration_ns is what they took together */
    }
}

/* The stages keep their proportions. */
static void plan__override_duration(struct scenario_load *load, int64_t duration_ns)
{
    int64_t before_ns = 0;
    int64_t after_ns = 0;
    int64_t sum_ns = 0;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        sum_ns += load->stages[i].duration_ns;
    }
    for (uint32_t i = 0; i < load->stages_count; i++) {
        struct scenario_stage *stage = &load->stages[i];
        before_ns += stage->duration_ns;
        int64_t end_ns = (int64_t)llround((double)before_ns / (double)sum_ns * (double)duration_ns);
        stage->duration_ns = end_ns - after_ns > 1 ? end_ns - after_ns : 1;
        after_ns += stage->duration_ns;
    }
    load->duration_ns = load->stages_count > 0 ? after_ns : duration_ns;
}

/* A warm-up of the scenario that would leave nothing of a shorter run keeps its part of the run. */
static void plan__override_warmup(struct plan *plan, int64_t scenario_duration_ns)
{
    struct scenario_load *load = &plan->scenario->load;
    const struct options *options = plan->options;
    if (options->warmup_ns >= 0) {
        load->warmup_ns = options->warmup_ns;
    } else if (options->duration_ns >= 0 && load->warmup_ns >= load->duration_ns) {
        double part = (double)load->warmup_ns / (double)scenario_duration_ns;
        plan->warmup_asked_ns = load->warmup_ns;
        load->warmup_ns = (int64_t)(part * (double)load->duration_ns);
    }
}

static uint32_t plan__scale(uint32_t connections, double factor)
{
    uint32_t scaled = (uint32_t)llround(connections * factor);
    return connections > 0 && scaled == 0 ? 1 : scaled;
}

/* Stages with connections keep their proportions, with `connections` as their maximum. */
static void plan__override_connections(struct scenario_load *load, uint32_t connections)
{
    if (!plan__has_population(load)) {
        load->connections = connections;
        return;
    }
    double factor = (double)connections / scenario_connections_max(load);
    load->connections = plan__scale(load->connections, factor);
    for (uint32_t i = 0; i < load->stages_count; i++) {
        struct scenario_stage *stage = &load->stages[i];
        stage->connections_from = plan__scale(stage->connections_from, factor);
        stage->connections_to = plan__scale(stage->connections_to, factor);
    }
}

static void plan__override_load(struct plan *plan, struct mistakes *mistakes)
{
    struct scenario_load *load = &plan->scenario->load;
    const struct options *options = plan->options;
    if (options->connections >= 0) {
        plan__override_connections(load, (uint32_t)options->connections);
    }
    if (options->connect_rate_per_s >= 0) {
        load->connect_rate_per_s = options->connect_rate_per_s;
    }
    if (options->connect_timeout_ns >= 0) {
        load->connect_timeout_ns = options->connect_timeout_ns;
    }
    plan__override_rate(load, options);
    int64_t scenario_duration_ns = load->duration_ns;
    if (options->duration_ns >= 0) {
        plan__override_duration(load, options->duration_ns);
    }
    plan__override_warmup(plan, scenario_duration_ns);
    if (options->has_seed) {
        load->seed = options->seed;
    }
    plan->open_loop = load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
    plan->duration_ns = load->duration_ns;
    if (load->warmup_ns >= plan->duration_ns) {
        char warmup[UNITS_TEXT_BYTES_MAX];
        char duration[UNITS_TEXT_BYTES_MAX];
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "a warm-up of %s leaves nothing of a run of %s: lengthen --duration or "
                        "shorten --warmup",
                        units_format_duration(load->warmup_ns, warmup),
                        units_format_duration(plan->duration_ns, duration));
    }
    plan->connections = scenario_connections_max(load) * plan->sides;
    plan->connections_at_start = load->connections * plan->sides;
}

static void plan__check_rates(const struct plan *plan, struct mistakes *mistakes)
{
    const struct scenario_load *load = &plan->scenario->load;
    struct error error;
    if (!course_check_rates(&plan->course, 0, &error)) {
        mistakes_report(mistakes, plan->scenario->path, "%s", error.text);
    }
    if (!plan->open_loop && load->arrival == ARRIVAL_POISSON) {
        mistakes_report(mistakes, plan->scenario->path,
                        "`load.arrival`: without a rate there are no arrivals to be spaced: give "
                        "`load.rate` or --rate, or leave it out");
    }
}

static void plan__parse_thresholds(struct plan *plan, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    const struct scenario *scenario = plan->scenario;
    uint32_t count = scenario->thresholds_count + options->thresholds_count;
    plan->thresholds = calloc(count == 0 ? 1 : count, sizeof *plan->thresholds);
    if (plan->thresholds == NULL) {
        char hint[ERROR_HINT_BYTES_MAX];
        mistakes_report(mistakes, OPTIONS_ABOUT, "no memory for %" PRIu32 " thresholds%s", count,
                        error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint));
        return;
    }
    uint32_t stages = scenario->load.stages_count;
    struct metric_names names = {.steps = plan->step_names, .steps_count = plan->steps_count};
    names.targets = plan->target_names;
    names.targets_count = plan->target_names_count;
    const char *behaviors[FIGURES_SHARES_MAX];
    names.behaviors = behaviors;
    names.behaviors_count = figures_behaviors_apart(plan->program->behaviors_count);
    for (uint32_t i = 0; i < names.behaviors_count; i++) {
        behaviors[i] = plan->program->behaviors[i].name;
    }
    names.stages_count = stages > FIGURES_STAGES_MAX ? FIGURES_STAGES_MAX : stages > 1 ? stages : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct threshold *threshold = &plan->thresholds[plan->thresholds_count];
        struct error reason = {""};
        bool of_scenario = i < scenario->thresholds_count;
        const char *text = of_scenario ? scenario->thresholds[i].text
                                       : options->thresholds[i - scenario->thresholds_count];
        if (threshold_parse(text, &names, threshold, &reason)) {
            threshold->abort_on_fail = of_scenario && scenario->thresholds[i].abort_on_fail;
            const char *refusal =
                threshold->abort_on_fail ? threshold_abort_refusal(threshold) : NULL;
            if (refusal != NULL) {
                mistakes_report(mistakes, scenario->path,
                                "`thresholds[%" PRIu32 "]`: abort_on_fail cannot end the run on "
                                "\"%s\": %s; leave it out",
                                i, text, refusal);
            }
            plan->thresholds_count++;
        } else if (of_scenario) {
            mistakes_report(mistakes, scenario->path, "`thresholds[%" PRIu32 "]`: %s", i,
                            reason.text);
        } else {
            mistakes_report(mistakes, OPTIONS_ABOUT, "%s", reason.text);
        }
    }
}

static bool plan__name_steps(struct plan *plan, struct error *error)
{
    plan->steps_count = plan->program->steps_count;
    plan->step_names = calloc(plan->steps_count + 1, sizeof *plan->step_names);
    if (plan->step_names == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %" PRIu32 " step names",
                        plan->steps_count);
        return false;
    }
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        plan->step_names[i] = plan->program->step_names[i];
    }
    return true;
}

/* At most: the figures of each worker, their sum, and what the result's document takes, which is
 * less than they do. The early stop has a sum of its own. */
static uint64_t plan__figures_bytes(const struct plan *plan)
{
    struct figures_shape shape = plan_shape(plan);
    uint64_t copies = (uint64_t)plan->workers_count + 2;
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        if (plan->thresholds[i].abort_on_fail) {
            copies++;
            break;
        }
    }
    return copies * figures_memory_bytes(&shape, plan->course.pacing.end_ns);
}

static void plan__measure(struct plan *plan)
{
    struct host_info host;
    host_raise_limits();
    host_read_limits(&plan->limits);
    host_read(&host);
    plan->memory_max_bytes = host.memory_bytes;
    if (plan->limits.memory_max_bytes < plan->memory_max_bytes) {
        plan->memory_max_bytes = plan->limits.memory_max_bytes;
    }
    plan->descriptors_needed = (uint64_t)plan->connections_own + PLAN_DESCRIPTORS_OWN +
                               (plan_is_watched(plan) ? PLAN_DESCRIPTORS_PAGE : 0) +
                               (uint64_t)plan->workers_count * PLAN_DESCRIPTORS_PER_WORKER;
    uint32_t ways = plan->sources_count == 0 ? 1 : plan->sources_count;
    /* The ranks of one machine share its addresses, and so their ports. */
    plan->ports_needed =
        ((uint64_t)plan->connections_own * plan->options->ranks_here + ways - 1) / ways;
    /* The connection, its vm, its ring of messages, one message out and one receive buffer. */
    uint64_t lanes = plan->program->lanes_count;
    uint64_t ring = 16 + 2 * lanes;
    uint64_t message = plan->program->message_bytes_max;
    plan->connection_bytes = 768 + vm_memory_bytes(plan->program) + vm_seldom_bytes(plan->program) +
                             ring * sizeof(uint32_t) + message * lanes +
                             (message < 4096 ? 4096 : message) +
                             (scenario_speaks_tls(plan->scenario) ? PLAN_TLS_BYTES : 0);
    plan->connections_bytes = plan->connections_own * plan->connection_bytes;
    if (plan->seats != NULL) {
        plan->connections_bytes +=
            (uint64_t)plan->connections * (sizeof *plan->seats + sizeof *plan->behaviors->numbers);
    }
    plan->memory_bytes = PLAN_PROGRAM_BYTES + plan->connections_bytes + plan__figures_bytes(plan);
}

static uint32_t plan__workers_default(const struct plan *plan, uint32_t cpus)
{
    /* Under Wine threads wait for its server most of the time. Not where arrivals are to be met in
     * time: more threads are woken for them later. */
    bool many = host_is_wine() && !plan->open_loop;
    return many ? 2 * cpus : (cpus + 1) / 2;
}

/* The ranks of one machine share its CPUs, unless each was started with its own CPUs: it then
 * sees fewer than the machine has. */
static void plan__choose_workers(struct plan *plan, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    plan->rank = options->rank;
    plan->ranks = options->ranks;
    if (plan->ranks > plan->connections) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "%" PRIu32 " connections cannot be shared by %" PRIu32 " ranks: give "
                        "--connections %" PRIu32 " or more, or start fewer",
                        plan->connections, plan->ranks, plan->ranks);
        plan->ranks = 1; /* so that the rest can be judged */
        plan->rank = 0;
    }
    uint32_t cpus = (uint32_t)thread_cpu_count();
    if (options->ranks_here > 1 && thread_cpu_count() == thread_cpu_count_machine()) {
        cpus /= options->ranks_here;
    }
    uint32_t own = plan_share(plan->connections, plan->rank, plan->ranks);
    uint32_t count =
        options->threads > 0 ? (uint32_t)options->threads : plan__workers_default(plan, cpus);
    count = count > OPTIONS_THREADS_MAX ? OPTIONS_THREADS_MAX : count < 1 ? 1 : count;
    own = plan_number(plan, own);
    plan->workers_count = count > own ? own : count;
    plan->workers_total = plan->workers_count;
}

/* Everything that needs the number of connections. */
static void plan__arrange(struct plan *plan, struct mistakes *mistakes)
{
    struct error error = {""};
    plan->program = program_compile(plan->scenario, &error);
    if (plan->program == NULL || !plan__name_steps(plan, &error)) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "%s", error.text);
        return;
    }
    if (plan->sides > 1 && !plan_twin(plan, mistakes)) {
        return;
    }
    plan_resolve_targets(plan, mistakes);
    if (!plan_name_targets(plan)) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "no memory for the names of the targets");
    }
    plan__parse_thresholds(plan, mistakes);
    plan_tls_open(plan, mistakes);
    plan_resolve_sources(plan, mistakes);
    if (!plan_seat(plan, &error)) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "%s", error.text);
    }
    const struct scenario_load *load = &plan->scenario->load;
    if (course_open(&plan->course, load, plan->sides, &error)) {
        plan__check_rates(plan, mistakes);
    } else {
        mistakes_report(mistakes, OPTIONS_ABOUT, "%s", error.text);
    }
}

static void plan__check_trace(const struct plan *plan, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    if (options->traces && options->traced != TRACE_FIRST_FAILURE &&
        options->traced >= plan->connections) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--trace %" PRIu32 ": expected a connection of this run, 0 to %" PRIu32
                        ", or first-failure",
                        options->traced, plan->connections - 1);
    }
}

/* Without a scenario: checks the addresses of the command line. */
static void plan__check_addresses(struct plan *plan, struct mistakes *mistakes)
{
    if (plan->options->targets_count > 0 || plan->options->duet != NULL) {
        plan_resolve_targets(plan, mistakes);
    }
    if (plan->options->sources_count > 0) {
        plan_resolve_sources(plan, mistakes);
    }
}

bool plan_open(struct plan *plan, const struct options *options,
               void (*report)(void *context, const char *line), void *context)
{
    struct mistakes mistakes = {.report = report, .context = context};
    *plan = (struct plan){.options = options, .sides = options->duet != NULL ? PLAN_DUET_SIDES : 1};
    bool loaded = plan_codec_load(&plan->codec, options->codec_path, &mistakes);
    plan->scenario = source_load(options, plan_codec_table(&plan->codec), report, context);
    if (plan->scenario == NULL) {
        plan__check_addresses(plan, &mistakes);
        plan_close(plan);
        return false;
    }
    if (plan->sides > 1) {
        plan_check_duet(plan, &mistakes);
    }
    plan__override_load(plan, &mistakes);
    plan__choose_workers(plan, &mistakes);
    program_check(plan->scenario, &mistakes);
    if (plan_override_tls(plan, &mistakes) && loaded &&
        plan_codec_open(&plan->codec, plan->scenario, &mistakes)) {
        plan__arrange(plan, &mistakes);
    }
    plan__check_trace(plan, &mistakes);
    if (mistakes.count > 0) {
        plan_close(plan);
        return false;
    }
    if (options->run_id != NULL) {
        snprintf(plan->run_id, sizeof plan->run_id, "%s", options->run_id);
    } else {
        result_make_run_id(plan->run_id);
    }
    plan__measure(plan);
    return true;
}

void plan_close(struct plan *plan)
{
    course_close(&plan->course);
    for (uint32_t i = 0; i < plan->behaviors_count; i++) {
        free(plan->behaviors[i].numbers);
    }
    free(plan->behaviors);
    free(plan->seats);
    free(plan->thresholds);
    free(plan->step_names);
    free(plan->target_names);
    free(plan->sources);
    free(plan->targets);
    for (uint32_t i = 0; i < plan->destinations_count; i++) {
        free(plan->destinations[i].allowed);
    }
    if (plan->program != NULL) {
        program_destroy(plan->program);
    }
    if (plan->scenario != NULL) {
        scenario_destroy(plan->scenario);
    }
    plan_tls_close(&plan->tls);
    plan_codec_close(&plan->codec);
    *plan = (struct plan){0};
}

struct figures_shape plan_shape(const struct plan *plan)
{
    return (struct figures_shape){.steps = plan->steps_count,
                                  .stages = plan->course.pacing.stages_count,
                                  .behaviors = plan->behaviors_count,
                                  .targets = plan->target_names_count};
}

int64_t plan_connect_offset_ns(const struct plan *plan, uint32_t connection)
{
    double rate_per_s = plan->scenario->load.connect_rate_per_s;
    double number = plan_number(plan, connection);
    return rate_per_s > 0 ? (int64_t)(number / rate_per_s * (double)NS_PER_S) : 0;
}

int64_t plan_ready_within_ns(const struct plan *plan)
{
    /* A codec's handshake may take as long again; twice, for one that is tried again. */
    const struct dummyload_codec *codec = plan_codec_table(&plan->codec);
    int64_t times = codec != NULL && codec->handshake != NULL ? 4 : 2;
    return times * plan->scenario->load.connect_timeout_ns +
           program_ready_within_ns(plan->scenario);
}
