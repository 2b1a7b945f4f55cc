/* The plan in words (--check) and as JSON (the result's `plan`). */
#include "plan/internal.h"

#include "core/clock.h"
#include "core/printable.h"
#include "text/json.h"
#include "text/units.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <string.h>

bool plan_lacks(const struct plan *plan, enum plan_need need, char text[PLAN_SHORTAGE_BYTES_MAX])
{
    char needed[UNITS_TEXT_BYTES_MAX];
    char limit[UNITS_TEXT_BYTES_MAX];
    uint64_t ports = plan->limits.ports_max;
    switch (need) {
    case PLAN_DESCRIPTORS:
        snprintf(text, PLAN_SHORTAGE_BYTES_MAX,
                 "%" PRIu32 " connections need %" PRIu64 " descriptors, the limit is %" PRIu64
                 ": raise it (ulimit -n %" PRIu64 ") or lower --connections",
                 plan->connections_own, plan->descriptors_needed, plan->limits.descriptors_max,
                 plan->descriptors_needed);
        return plan->descriptors_needed > plan->limits.descriptors_max;
    case PLAN_PORTS:
        snprintf(text, PLAN_SHORTAGE_BYTES_MAX,
                 "%" PRIu32 " connections need %" PRIu64 " ports per local address and target, "
                 "the system has %" PRIu64 ": give more local addresses (--source) or targets",
                 plan->connections_own * plan->options->ranks_here,
                 plan->ports_needed / plan_spread(plan), ports);
        return ports > 0 && plan->ports_needed > ports * plan_spread(plan);
    case PLAN_MEMORY:
        snprintf(text, PLAN_SHORTAGE_BYTES_MAX,
                 "%" PRIu32 " connections may need %s of memory, there are %s: lower "
                 "--connections, in_flight, or the size of the messages",
                 plan->connections_own, units_format_bytes(plan->connections_bytes, needed),
                 units_format_bytes(plan->memory_max_bytes, limit));
        return plan->memory_max_bytes > 0 && plan->connections_bytes > plan->memory_max_bytes;
    case PLAN_NEEDS:
        break;
    }
    return false;
}

static void plan__print_stages(const struct plan *plan, FILE *file)
{
    char text[UNITS_TEXT_BYTES_MAX];
    char to[UNITS_TEXT_BYTES_MAX];
    for (uint32_t i = 0; i < plan->course.pacing.stages_count; i++) {
        const struct pacing_stage *stage = &plan->course.pacing.stages[i];
        fprintf(file, "  stage %-7" PRIu32 " %s", i + 1,
                units_format_duration(stage->end_ns - stage->start_ns, text));
        if (plan->open_loop && stage->rate_from_per_s != stage->rate_to_per_s) {
            fprintf(file, ", %s/s to %s/s", units_format_exact_rate(stage->rate_from_per_s, text),
                    units_format_exact_rate(stage->rate_to_per_s, to));
        } else if (plan->open_loop) {
            fprintf(file, ", %s/s", units_format_exact_rate(stage->rate_from_per_s, text));
        }
        if (population_changes(&plan->course.population)) {
            const struct population_stage *population = &plan->course.population.stages[i];
            bool holds = population->from == population->to;
            fprintf(file, holds ? ", %g connections" : ", %g to %g connections",
                    population->from * plan->sides, population->to * plan->sides);
        }
        fputc('\n', file);
    }
}

/* What the steps say about how many requests there will be. */
static void plan__print_requests(const struct plan *plan, FILE *file)
{
    double all = 0;
    double in_setup = 0;
    bool known = plan->open_loop;
    char text[UNITS_TEXT_BYTES_MAX];
    for (uint32_t b = plan->behaviors_count; b-- > 0;) {
        double setup = 0;
        double pass = 0;
        known = program_estimate(plan->scenario, b / plan->sides, &setup, &pass) && known;
        all += plan_weight_share(plan, b) * plan->course.pacing.arrivals_total / plan->sides * pass;
        in_setup += plan->behaviors[b].connections * setup;
        printable_print(file, "  requests      %s: %g in setup, about %g in a pass",
                        plan->program->behaviors[b].name, setup, pass);
    }
    if (known) {
        fprintf(file, "  requests      about %s in all\n",
                units_format_count((uint64_t)(all + in_setup + 0.5), text));
    } else {
        fprintf(file, "  requests      in all as many as the server answers in that time\n");
    }
}

/* The longest that an undisturbed run takes: until all connections are ready (or have tried twice),
 * the load, the drain, and the ends of connections and workers. The scripts use it as the client's
 * time limit. */
static int64_t plan__takes_at_most_s(const struct plan *plan)
{
    static const int64_t END_NS = 15 * NS_PER_S;
    int64_t all_ns = plan_connect_offset_ns(plan, plan->connections_at_start) +
                     2 * plan_ready_within_ns(plan) + plan->duration_ns +
                     plan->scenario->load.drain_ns + END_NS;
    return (all_ns + NS_PER_S - 1) / NS_PER_S;
}

bool plan_shortens_warmup(const struct plan *plan, char text[PLAN_NOTE_BYTES_MAX])
{
    char asked[UNITS_TEXT_BYTES_MAX];
    char duration[UNITS_TEXT_BYTES_MAX];
    char warmup[UNITS_TEXT_BYTES_MAX];
    if (plan->warmup_asked_ns == 0) {
        return false;
    }
    snprintf(text, PLAN_NOTE_BYTES_MAX,
             "the scenario's warm-up of %s would leave nothing of a run of %s: it is %s now "
             "(--warmup chooses another)",
             units_format_duration(plan->warmup_asked_ns, asked),
             units_format_duration(plan->duration_ns, duration),
             units_format_duration(plan->scenario->load.warmup_ns, warmup));
    return true;
}

static void plan__print_load(const struct plan *plan, FILE *file)
{
    const struct scenario_load *load = &plan->scenario->load;
    char text[UNITS_TEXT_BYTES_MAX];
    fprintf(file, "  loop          %s\n",
            plan->open_loop ? load->arrival == ARRIVAL_POISSON ? "open, Poisson arrivals"
                                                               : "open, even arrivals"
                            : "closed: the next iteration begins when the last has ended");
    plan__print_stages(plan, file);
    if (plan->open_loop) {
        fprintf(file, "  iterations    about %s\n",
                units_format_count((uint64_t)(plan->course.pacing.arrivals_total + 0.5), text));
        if (load->late == LATE_DROP) {
            fprintf(file, "  late ones     are dropped\n");
        } else if (load->catch_up_max_per_s > 0) {
            fprintf(file, "  late ones     wait, and begin at most %s/s\n",
                    units_format_exact_rate(load->catch_up_max_per_s, text));
        }
    }
    plan__print_requests(plan, file);
    fprintf(file, "  warm-up       %s (inside the duration, not in the figures)\n",
            units_format_duration(load->warmup_ns, text));
    char note[PLAN_NOTE_BYTES_MAX];
    if (plan_shortens_warmup(plan, note)) {
        fprintf(file, "                %s\n", note);
    }
    fprintf(file, "  drain         up to %s\n", units_format_duration(load->drain_ns, text));
    fprintf(file, "  takes         at most %" PRId64 " s\n", plan__takes_at_most_s(plan));
    fprintf(file, "  seed          %" PRIu64 "\n", load->seed);
}

static void plan__print_needs(const struct plan *plan, FILE *file)
{
    char text[UNITS_TEXT_BYTES_MAX];
    char limit[UNITS_TEXT_BYTES_MAX] = "unlimited";
    if (plan->limits.descriptors_max != UINT64_MAX) {
        units_format_count(plan->limits.descriptors_max, limit);
    }
    fprintf(file, "  descriptors   %s of %s\n", units_format_count(plan->descriptors_needed, text),
            limit);
    fprintf(file, "  ports         %s per local address",
            units_format_count(plan->ports_needed, text));
    fprintf(file, " of %s\n", units_format_count(plan->limits.ports_max, text));
    fprintf(file, "  memory        at most %s", units_format_bytes(plan->memory_bytes, text));
    fprintf(file, " of %s", units_format_bytes(plan->memory_max_bytes, text));
    fprintf(file, " (%s a connection)\n", units_format_bytes(plan->connection_bytes, text));
}

/* "1 connection", "2,000 connections". */
static const char *plan__connections(uint32_t count, char text[UNITS_TEXT_BYTES_MAX + 16])
{
    units_format_count(count, text);
    strcat(text, count == 1 ? " connection" : " connections");
    return text;
}

void plan_print(const struct plan *plan, FILE *file)
{
    char text[UNITS_TEXT_BYTES_MAX + 16];
    char shortage[PLAN_SHORTAGE_BYTES_MAX];
    printable_print(file, "%s: %s is ready to run", plan->scenario->path, plan->scenario->name);
    fputc('\n', file);
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        char target[PLAN_TARGET_BYTES_MAX];
        const char *name =
            plan->destinations[plan->destinations_count > 1 ? plan->targets[i].of : 0].name;
        printable_print(file, "  target        %s%s%s", name == NULL ? "" : name,
                        name == NULL ? "" : ": ", plan_target_text(&plan->targets[i], target));
        plan_print_tls(plan, &plan->targets[i], file);
    }
    for (uint32_t i = 0; i < plan->scenario->targets_count; i++) {
        const struct scenario_target *target = &plan->scenario->targets[i];
        for (uint32_t j = 0; j < target->allowed_count; j++) {
            printable_print(file, "  allow         %s%s%s",
                            target->name == NULL ? "" : target->name,
                            target->name == NULL ? "" : ": ", target->allowed[j].text);
        }
    }
    if (plan->sources_count > 0) {
        char address[NET_ADDRESS_TEXT_BYTES_MAX];
        const char *port = strrchr(net_address_format(&plan->sources[0], address), ':');
        fprintf(file, "  sources       %" PRIu32 " local, the first %.*s\n", plan->sources_count,
                (int)(port - address), address);
    }
    fprintf(file, "  connections   %s%s",
            population_changes(&plan->course.population) ? "up to " : "",
            units_format_count(plan->connections, text));
    if (plan->scenario->load.connect_rate_per_s > 0) {
        fprintf(file, ", %s/s",
                units_format_exact_rate(plan->scenario->load.connect_rate_per_s, text));
    }
    fprintf(file, " on %" PRIu32 " %s\n", plan->workers_count,
            plan->workers_count == 1 ? "thread" : "threads");
    if (plan->ranks > 1) {
        fprintf(file, "  ranks         %" PRIu32 ": %" PRIu32 " connections on each, at least\n",
                plan->ranks, plan_share(plan->connections, plan->ranks - 1, plan->ranks));
    }
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        printable_print(file, "  behavior      %s: %s", plan->program->behaviors[b].name,
                        plan__connections(plan->behaviors[b].connections, text));
    }
    for (uint32_t i = 0; i < plan->program->barriers_count; i++) {
        printable_print(file, "  barrier       %s: %s", plan->program->barrier_names[i],
                        plan__connections(plan_barrier_connections(plan, i), text));
    }
    plan__print_load(plan, file);
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        printable_print(file, "  threshold     %s", plan->thresholds[i].text);
    }
    plan__print_needs(plan, file);
    for (int need = 0; need < PLAN_NEEDS; need++) {
        if (plan_lacks(plan, (enum plan_need)need, shortage)) {
            fprintf(file, "\n  NOT ENOUGH: %s\n", shortage);
        }
    }
}

static struct cJSON *plan__load_to_json(const struct plan *plan)
{
    const struct scenario_load *load = &plan->scenario->load;
    struct cJSON *json = cJSON_CreateObject();
    json_add_u64(json, "connections", plan->connections);
    json_add_double(json, "connect_rate_per_s", load->connect_rate_per_s);
    json_add_i64(json, "connect_timeout_ns", load->connect_timeout_ns);
    json_add_text(json, "loop", plan->open_loop ? "open" : "closed");
    json_add_text(json, "arrival", load->arrival == ARRIVAL_POISSON ? "poisson" : "constant");
    json_add_text(json, "late", load->late == LATE_DROP ? "drop" : "queue");
    json_add_double(json, "max_catch_up_rate_per_s", load->catch_up_max_per_s);
    json_add_u64(json, "connections_at_start", plan->connections_at_start);
    json_add_i64(json, "duration_ns", plan->duration_ns);
    json_add_i64(json, "warmup_ns", load->warmup_ns);
    if (plan->warmup_asked_ns > 0) {
        json_add_i64(json, "warmup_asked_ns", plan->warmup_asked_ns);
    }
    json_add_i64(json, "drain_ns", load->drain_ns);
    json_add_u64(json, "in_flight", load->in_flight);
    json_add_u64(json, "seed", load->seed);
    struct cJSON *stages = json_add_item(json, "stages", cJSON_CreateArray());
    for (uint32_t i = 0; i < plan->course.pacing.stages_count; i++) {
        const struct pacing_stage *stage = &plan->course.pacing.stages[i];
        struct cJSON *item = cJSON_CreateObject();
        json_add_i64(item, "duration_ns", stage->end_ns - stage->start_ns);
        if (plan->open_loop) {
            json_add_double(item, "rate_from_per_s", stage->rate_from_per_s);
            json_add_double(item, "rate_to_per_s", stage->rate_to_per_s);
        }
        if (population_changes(&plan->course.population)) {
            const struct population_stage *population = &plan->course.population.stages[i];
            json_add_u64(item, "connections_from", (uint64_t)population->from * plan->sides);
            json_add_u64(item, "connections_to", (uint64_t)population->to * plan->sides);
        }
        json_append_item(stages, item);
    }
    return json;
}

static void plan__append_address(struct cJSON *list, const struct net_address *address)
{
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    json_append_item(list, cJSON_CreateString(net_address_format(address, text)));
}

bool plan_is_watched(const struct plan *plan)
{
    return plan->options->listen != NULL;
}

struct cJSON *plan_to_json(const struct plan *plan)
{
    struct cJSON *json = cJSON_CreateObject();
    struct cJSON *targets = json_add_item(json, "targets", cJSON_CreateArray());
    struct cJSON *sources = json_add_item(json, "sources", cJSON_CreateArray());
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        plan__append_address(targets, &plan->targets[i].address);
    }
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        plan__append_address(sources, &plan->sources[i]);
    }
    json_add_u64(json, "threads", plan->workers_total);
    if (plan->ranks > 1) {
        json_add_u64(json, "ranks", plan->ranks);
    }
    if (plan->sides > 1) {
        json_add_bool(json, "duet", true);
    }
    options_to_json(plan->options, json);
    plan_add_tls(plan, json);
    json_add_item(json, "load", plan__load_to_json(plan));
    struct cJSON *behaviors = json_add_item(json, "behaviors", cJSON_CreateArray());
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "name", plan->program->behaviors[b].name);
        json_add_u64(item, "connections", plan->behaviors[b].connections);
        json_append_item(behaviors, item);
    }
    json_add_bool(json, "tcp_nodelay", true);
    struct cJSON *variables = json_add_item(json, "variables", cJSON_CreateObject());
    for (uint32_t i = 0; i < plan->options->variables_count; i++) {
        json_add_text(variables, plan->options->variables[i].name,
                      plan->options->variables[i].value);
    }
    json_add_text(json, "scenario_path", plan->scenario->path);
    if (plan->scenario->document != NULL) {
        json_add_item(json, "scenario", cJSON_Duplicate(plan->scenario->document, true));
    }
    plan_add_replay(plan, json);
    return json;
}
