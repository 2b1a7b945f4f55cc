#include "plan.h"

#include "core/clock.h"
#include "core/prng.h"
#include "core/thread.h"
#include "core/units.h"
#include "cport/cport.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The stream of the generator that gives arrivals their behaviors ("behavior"). */
static const uint64_t PLAN_BEHAVIOR_STREAM = UINT64_C(0x6265686176696f72);

enum {
    PLAN_DESCRIPTORS_PER_WORKER = 4, /* ring or epoll, wake-up, spare */
    PLAN_DESCRIPTORS_OWN = 16        /* standard streams, result, resolver, spare */
};

static bool plan__add_target(struct plan *plan, const char *host, uint16_t port,
                             struct error *error)
{
    struct plan_target *target = &plan->targets[plan->targets_count];
    struct error reason = {""};
    if (strchr(host, ':') != NULL) {
        snprintf(target->name, sizeof(target->name), "[%s]:%u", host, port);
    } else {
        snprintf(target->name, sizeof(target->name), "%s:%u", host, port);
    }
    if (!net_address_resolve(host, port, &target->address, &reason)) {
        error_set(error, "%s", reason.text);
        return false;
    }
    plan->targets_count++;
    return true;
}

/* HOST:PORT, [V6]:PORT. */
static bool plan__split_target(const char *text, char *host, size_t bytes, uint16_t *port,
                               struct error *error)
{
    const char *colon = strrchr(text, ':');
    int64_t number = 0;
    size_t host_bytes = colon == NULL ? 0 : (size_t)(colon - text);
    if (host_bytes > 2 && text[0] == '[' && text[host_bytes - 1] == ']') {
        text++;
        host_bytes -= 2;
    }
    if (colon == NULL || host_bytes == 0 || host_bytes >= bytes ||
        !units_integer(colon + 1, 1, 65535, &number, NULL)) {
        error_set(error, "--target: expected HOST:PORT, found \"%s\"", text);
        return false;
    }
    memcpy(host, text, host_bytes);
    host[host_bytes] = '\0';
    *port = (uint16_t)number;
    return true;
}

static bool plan__resolve_targets(struct plan *plan, struct error *error)
{
    const struct options *options = plan->options;
    const struct scenario *scenario = plan->scenario;
    uint32_t count = options->targets_count > 0 ? options->targets_count : scenario->targets_count;
    plan->targets = calloc(count == 0 ? 1 : count, sizeof(*plan->targets));
    if (plan->targets == NULL) {
        error_set(error, "no memory for %" PRIu32 " targets", count);
        return false;
    }
    for (uint32_t i = 0; i < options->targets_count; i++) {
        char host[256];
        uint16_t port;
        if (!plan__split_target(options->targets[i], host, sizeof(host), &port, error) ||
            !plan__add_target(plan, host, port, error)) {
            return false;
        }
    }
    if (options->targets_count > 0) {
        return true;
    }
    if (scenario->targets_count == 0) {
        const char *host = options->host != NULL ? options->host : "127.0.0.1";
        if (options->port < 0) {
            error_set(error, "which server? The scenario names none: give --target HOST:PORT");
            return false;
        }
        return plan__add_target(plan, host, (uint16_t)options->port, error);
    }
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        const char *host = options->host != NULL ? options->host : scenario->targets[i].host;
        uint16_t port = options->port >= 0 ? (uint16_t)options->port : scenario->targets[i].port;
        if (!plan__add_target(plan, host, port, error)) {
            return false;
        }
    }
    return true;
}

static bool plan__add_source(struct plan *plan, const char *where, const char *text, size_t bytes,
                             struct error *error)
{
    char host[NET_ADDRESS_TEXT_BYTES_MAX];
    struct error reason = {""};
    if (bytes == 0 || bytes >= sizeof(host)) {
        error_set(error, "%s: expected IP[,IP...], found \"%.*s\"", where, (int)bytes, text);
        return false;
    }
    if (plan->sources_count == OPTIONS_SOURCES_MAX) {
        error_set(error, "%s: more than %d addresses", where, OPTIONS_SOURCES_MAX);
        return false;
    }
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    struct net_address *source = &plan->sources[plan->sources_count];
    if (!net_address_resolve(host, 0, source, &reason)) {
        error_set(error, "%s: %s", where, reason.text);
        return false;
    }
    /* One list for all machines: each takes its own. */
    plan->sources_count += plan->ranks == 1 || net_address_is_here(source);
    return true;
}

/* Those of the command line, which may have commas in them; without any those of the scenario. */
static bool plan__resolve_sources(struct plan *plan, struct error *error)
{
    const struct options *options = plan->options;
    const struct scenario *scenario = plan->scenario;
    bool of_options = options->sources_count > 0;
    uint32_t count = of_options ? options->sources_count : scenario->sources_count;
    if (count == 0) {
        return true;
    }
    plan->sources = calloc(OPTIONS_SOURCES_MAX, sizeof(*plan->sources));
    if (plan->sources == NULL) {
        error_set(error, "no memory for the source addresses");
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *text = of_options ? options->sources[i] : scenario->sources[i];
        const char *where = of_options ? "--source" : "`sources`";
        for (;;) {
            size_t bytes = strcspn(text, ",");
            if (!plan__add_source(plan, where, text, bytes, error)) {
                return false;
            }
            if (text[bytes] == '\0') {
                break;
            }
            text += bytes + 1;
        }
    }
    if (plan->sources_count == 0) {
        error_set(error, "%s: none of these is an address of this machine",
                  of_options ? "--source" : "`sources`");
        return false;
    }
    return true;
}

static bool plan__parse_thresholds(struct plan *plan, struct error *error)
{
    const struct options *options = plan->options;
    uint32_t count = plan->scenario->thresholds_count + options->thresholds_count;
    plan->thresholds = calloc(count == 0 ? 1 : count, sizeof(*plan->thresholds));
    if (plan->thresholds == NULL) {
        error_set(error, "no memory for %" PRIu32 " thresholds", count);
        return false;
    }
    uint32_t stages = plan->scenario->load.stages_count;
    struct metric_names names = {.steps = plan->step_names, .steps_count = plan->steps_count};
    names.stages_count = stages > FIGURES_STAGES_MAX ? FIGURES_STAGES_MAX : stages > 1 ? stages : 0;
    for (uint32_t i = 0; i < count; i++) {
        bool of_scenario = i < plan->scenario->thresholds_count;
        const char *text = of_scenario ? plan->scenario->thresholds[i]
                                       : options->thresholds[i - plan->scenario->thresholds_count];
        struct error reason = {""};
        if (!threshold_parse(text, &names, &plan->thresholds[i], &reason)) {
            error_set(error, "%s%s%s", of_scenario ? plan->scenario->path : "",
                      of_scenario ? ": " : "", reason.text);
            return false;
        }
        plan->thresholds[i].abort_on_fail = of_scenario && plan->scenario->thresholds_abort[i];
        plan->thresholds_count++;
    }
    return true;
}

static bool plan__name_steps(struct plan *plan, struct error *error)
{
    plan->steps_count = program_steps_count(plan->program);
    plan->step_names = calloc(plan->steps_count + 1, sizeof(*plan->step_names));
    if (plan->step_names == NULL) {
        error_set(error, "no memory for %" PRIu32 " step names", plan->steps_count);
        return false;
    }
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        plan->step_names[i] = program_step_name(plan->program, i);
    }
    return true;
}

static void plan__measure(struct plan *plan)
{
    host_raise_limits();
    host_read_limits(&plan->limits);
    plan->descriptors_needed = (uint64_t)plan->connections_own + PLAN_DESCRIPTORS_OWN +
                               (uint64_t)plan->workers_count * PLAN_DESCRIPTORS_PER_WORKER;
    uint32_t ways = plan->sources_count == 0 ? 1 : plan->sources_count;
    /* The ranks of one machine share its addresses, and so their ports. */
    plan->ports_needed =
        ((uint64_t)plan->connections_own * plan->options->ranks_here + ways - 1) / ways;
    /* The connection, its vm, its ring of messages, one message out and one receive buffer; the
     * figures of each worker are histograms. */
    uint64_t lanes = program_lanes_count(plan->program);
    uint64_t ring = 16 + 2 * lanes;
    uint64_t message = program_message_bytes_max(plan->program);
    plan->connection_bytes = 768 + program_vm_bytes(plan->program) + ring * sizeof(uint32_t) +
                             message * lanes + (message < 4096 ? 4096 : message);
    uint64_t per_worker =
        (uint64_t)(LATENCY_KINDS + LATENCY_STEP_KINDS * plan->steps_count) * 230000;
    plan->memory_bytes =
        plan->connections_own * plan->connection_bytes + plan->workers_count * per_worker;
    plan->memory_bytes += (uint64_t)plan->connections *
                          (sizeof(*plan->seats) + (plan->ordinals != NULL) * sizeof(uint32_t));
}

/* The ranks of one machine share its CPUs, too, unless whoever started them has given each its own:
 * then it sees fewer than the machine has. */
static bool plan__choose_workers(struct plan *plan, struct error *error)
{
    const struct options *options = plan->options;
    plan->rank = options->rank;
    plan->ranks = options->ranks;
    if (plan->ranks > plan->connections) {
        error_set(error,
                  "%" PRIu32 " connections cannot be shared by %" PRIu32 " ranks: give "
                  "--connections %" PRIu32 " or more, or start fewer",
                  plan->connections, plan->ranks, plan->ranks);
        return false;
    }
    uint32_t cpus = (uint32_t)thread_cpu_count();
    if (options->ranks_here > 1 && thread_cpu_count() == thread_cpu_count_machine()) {
        cpus /= options->ranks_here;
    }
    uint32_t own = plan_share(plan->connections, plan->rank, plan->ranks);
    uint32_t count = options->threads > 0 ? (uint32_t)options->threads : (cpus + 1) / 2;
    count = count > OPTIONS_THREADS_MAX ? OPTIONS_THREADS_MAX : count < 1 ? 1 : count;
    plan->workers_count = count > own ? own : count;
    plan->workers_total = plan->workers_count;
    return true;
}

bool plan_open(struct plan *plan, const struct options *options,
               void (*report)(void *context, const char *line), void *context, struct error *error)
{
    *plan = (struct plan){.options = options};
    error->text[0] = '\0';
    plan->scenario = scenario_load(options->scenario_path, options->variables,
                                   options->variables_count, report, context);
    if (plan->scenario == NULL) {
        return false;
    }
    if (!plan_override_load(plan, error) || !plan__choose_workers(plan, error)) {
        goto failed;
    }
    plan->program = program_compile(plan->scenario, error);
    if (plan->program == NULL || !plan__name_steps(plan, error) ||
        !plan__parse_thresholds(plan, error) || !plan__resolve_targets(plan, error) ||
        !plan__resolve_sources(plan, error) || !plan_seat(plan, error) ||
        !pacing_open(&plan->pacing, &plan->scenario->load, error) ||
        !crowd_open(&plan->crowd, &plan->scenario->load, error) || !plan_check_rates(plan, error)) {
        goto failed;
    }
    if (options->run_id != NULL) {
        snprintf(plan->run_id, sizeof(plan->run_id), "%s", options->run_id);
    } else {
        result_make_run_id(plan->run_id);
    }
    plan__measure(plan);
    return true;
failed:
    plan_close(plan);
    return false;
}

static void plan__close_turns(struct plan_turns *turns)
{
    free(turns->takers);
    free(turns->firsts);
}

void plan_close(struct plan *plan)
{
    pacing_close(&plan->pacing);
    crowd_close(&plan->crowd);
    for (uint32_t i = 0; i < plan->behaviors_count; i++) {
        plan__close_turns(&plan->behaviors[i].ranks);
        plan__close_turns(&plan->behaviors[i].workers);
    }
    free(plan->behaviors);
    free(plan->seats);
    free(plan->ordinals);
    free(plan->thresholds);
    free(plan->step_names);
    free(plan->sources);
    free(plan->targets);
    if (plan->program != NULL) {
        program_destroy(plan->program);
    }
    if (plan->scenario != NULL) {
        scenario_destroy(plan->scenario);
    }
    *plan = (struct plan){0};
}

uint32_t plan_arrival_behavior(const struct plan *plan, uint64_t n)
{
    if (plan->behaviors_count == 1) {
        return 0;
    }
    double draw = prng_unit(plan->scenario->load.seed, PLAN_BEHAVIOR_STREAM, n);
    uint32_t behavior = plan->behaviors_count - 1;
    while (behavior > 0 && (draw < plan->behaviors[behavior].weight_below ||
                            plan->behaviors[behavior].connections == 0)) {
        behavior--;
    }
    return behavior;
}

/* Those that have some of the connections that are wanted, at least one. */
static inline uint32_t plan__turns_wanted(const struct plan_turns *turns, bool changes,
                                          uint32_t wanted)
{
    uint32_t count = turns->count;
    while (changes && count > 1 && turns->firsts[count - 1] >= wanted) {
        count--;
    }
    return count;
}

uint32_t plan_arrival_worker(const struct plan *plan, uint32_t behavior, uint64_t n,
                             int64_t time_ns)
{
    const struct plan_behavior *share = &plan->behaviors[behavior];
    bool changes = crowd_changes(&plan->crowd);
    uint32_t wanted = changes ? crowd_wanted(&plan->crowd, time_ns) : 0;
    if (plan->ranks > 1) {
        uint32_t ranks = plan__turns_wanted(&share->ranks, changes, wanted);
        if (share->ranks.takers[n % ranks] != plan->rank) {
            return PLAN_ELSEWHERE;
        }
        n /= ranks;
    }
    return share->workers.takers[n % plan__turns_wanted(&share->workers, changes, wanted)];
}

uint32_t plan_arrival_stride(const struct plan *plan, uint32_t behavior)
{
    const struct plan_behavior *share = &plan->behaviors[behavior];
    bool regular = plan->behaviors_count == 1 && !crowd_changes(&plan->crowd);
    return regular ? share->ranks.count * share->workers.count : 0;
}

uint32_t plan_barrier_connections(const struct plan *plan, uint32_t barrier)
{
    uint32_t connections = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        bool takes_part = (program_behavior_barriers(plan->program, b) >> barrier & 1) != 0;
        connections += takes_part ? plan->behaviors[b].connections : 0;
    }
    return connections;
}

void plan_addresses(const struct plan *plan, uint32_t connection, const struct net_address **remote,
                    const struct net_address **local)
{
    /* By the number among the own ones: by that in the whole, ranks and targets of a common rhythm
     * would send a rank's connections all to one target, and use a part of its ports. */
    uint32_t nth = plan->ordinals != NULL ? plan->ordinals[connection] : connection;
    *remote = &plan->targets[(nth + plan->rank) % plan->targets_count].address;
    *local = plan->sources_count == 0
                 ? NULL
                 : &plan->sources[nth / plan->targets_count % plan->sources_count];
}

int64_t plan_connect_offset_ns(const struct plan *plan, uint32_t connection)
{
    double rate_per_s = plan->scenario->load.connect_rate_per_s;
    return rate_per_s > 0 ? (int64_t)((double)connection / rate_per_s * (double)NS_PER_S) : 0;
}

int64_t plan_ready_within_ns(const struct plan *plan)
{
    /* The ramp, then as long again as a connect may take: for the setup of the last ones, and for
     * the barriers in it. */
    return plan_connect_offset_ns(plan, plan->connections_at_start) +
           2 * plan->scenario->load.connect_timeout_ns + program_barrier_within_ns(plan->program);
}
