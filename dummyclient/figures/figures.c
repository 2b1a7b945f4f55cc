#include "figures/figures.h"

#include "core/must.h"
#include "core/pack.h"

#include <stdlib.h>

#define FIGURES_KEY(name, key) key,
static const char *const LATENCY_KEYS[LATENCY_KINDS] = {
    LATENCY_STEP_LIST(FIGURES_KEY) LATENCY_SHARE_LIST(FIGURES_KEY) LATENCY_RUN_LIST(FIGURES_KEY)};

const char *latency_key(enum latency_kind kind)
{
    return LATENCY_KEYS[kind];
}

/* --- The one list of the plain numbers, and of the histograms. */

/* Adjacent numbers of one struct, each a uint64_t (or an int64_t that is not negative). */
struct figures__member {
    size_t at;
    uint32_t count;
    enum figures_rule rule;
};

enum { ARRIVALS = sizeof(struct arrival_counts) / sizeof(uint64_t) };
enum { CODEC_COST_SUMS = offsetof(struct codec_cost, longest_ns) / sizeof(uint64_t) };

static const struct figures__member OF_RUN[] = {
    {offsetof(struct figures, counters), COUNTERS, FIGURES_SUM},
    {offsetof(struct figures, arrivals), ARRIVALS, FIGURES_SUM},
    {offsetof(struct figures, iterations_started), 1, FIGURES_SUM},
    {offsetof(struct figures, window_asked), 1, FIGURES_SUM},
    {offsetof(struct figures, window_answered), 1, FIGURES_SUM},
    {offsetof(struct figures, requests_cut), 1, FIGURES_SUM},
    {offsetof(struct figures, setup_timeouts), 1, FIGURES_SUM},
    {offsetof(struct figures, failed_steps), 1, FIGURES_SUM},
    {offsetof(struct figures, tables_out), DATA_TABLES_MAX, FIGURES_SUM},
    {offsetof(struct figures, clock_reads), 1, FIGURES_SUM},
    {offsetof(struct figures, idle_ns), 1, FIGURES_SUM},
    {offsetof(struct figures, abnormal_total), 1, FIGURES_SUM},
    {offsetof(struct figures, sent_error_max_ns), 1, FIGURES_MAX},
    {offsetof(struct figures, port.polls), 1, FIGURES_SUM},
    {offsetof(struct figures, port.syscalls), 1, FIGURES_SUM},
    {offsetof(struct figures, port.completions), 1, FIGURES_SUM},
    {offsetof(struct figures, port.batch_max), 1, FIGURES_MAX},
    {offsetof(struct figures, port.immediate), 1, FIGURES_SUM},
    {offsetof(struct figures, port.waited_ns), 1, FIGURES_SUM},
    {offsetof(struct figures, port.wait), 1, FIGURES_MAX},
    {offsetof(struct figures, decoded), CODEC_COST_SUMS, FIGURES_SUM},
    {offsetof(struct figures, decoded.longest_ns), 1, FIGURES_MAX},
    {offsetof(struct figures, encoded), CODEC_COST_SUMS, FIGURES_SUM},
    {offsetof(struct figures, encoded.longest_ns), 1, FIGURES_MAX},
};
static const struct figures__member OF_STEP[] = {
    {offsetof(struct figures_step, errors), ERROR_KINDS, FIGURES_SUM},
};
static const struct figures__member OF_STAGE[] = {
    {offsetof(struct figures_stage, errors), ERROR_KINDS, FIGURES_SUM},
    {offsetof(struct figures_stage, arrivals), ARRIVALS, FIGURES_SUM},
    {offsetof(struct figures_stage, iterations_started), 1, FIGURES_SUM},
};
static const struct figures__member OF_SHARE[] = {
    {offsetof(struct figures_share, counters), COUNTERS, FIGURES_SUM},
    {offsetof(struct figures_share, iterations_started), 1, FIGURES_SUM},
};
static const struct figures__member OF_BEHAVIOR[] = {{0, ARRIVALS, FIGURES_SUM}};

/* A number that is not in the lists is in no sum: one that was forgotten is refused here, where
 * that can be seen. */
enum { NUMBER = sizeof(uint64_t), OF_PORT = 7, WORKED_OUT = 2 /* a stage's window and target */ };
_Static_assert(sizeof(struct cport_stats) == OF_PORT * NUMBER, "the port's are all in the list");
_Static_assert(sizeof(struct figures_step) ==
                   LATENCY_STEP_KINDS * sizeof(struct histogram) +
                       (ERROR_KINDS + LIVE_STEP_VALUES /* shown only */) * NUMBER,
               "a step's are");
_Static_assert(sizeof(struct figures_share) ==
                   LATENCY_SHARE_KINDS * sizeof(struct histogram) + (COUNTERS + 1) * NUMBER +
                       sizeof(struct series *) + sizeof(struct figures_second *),
               "a share's are");
_Static_assert(sizeof(struct figures_stage) ==
                   LATENCY_KINDS * sizeof(struct histogram) +
                       (ERROR_KINDS + ARRIVALS + 1 + WORKED_OUT) * NUMBER,
               "a stage's are");

/* The figures are one struct of each run, step, stage, share and behavior. */
struct figures__part {
    char *base;
    const struct figures__member *members;
    uint32_t members_count;
    struct histogram *latency;
    uint32_t latency_kinds;
};

#define FIGURES__MEMBERS(list) (list), sizeof list / sizeof *list

/* False: there are no more. A caller with const figures does not write through the part. */
static bool figures__part(const struct figures *figures, uint32_t index, struct figures__part *part)
{
    struct figures *own = (struct figures *)(uintptr_t)figures;
    uint32_t step = index - 1;
    uint32_t stage = step - figures->steps_count;
    uint32_t share = stage - figures->stages_count;
    uint32_t behavior = share - figures->shares_count;
    if (index == 0) {
        *part = (struct figures__part){(char *)own, FIGURES__MEMBERS(OF_RUN), own->latency,
                                       LATENCY_KINDS};
    } else if (step < figures->steps_count) {
        *part = (struct figures__part){(char *)&own->steps[step], FIGURES__MEMBERS(OF_STEP),
                                       own->steps[step].latency, LATENCY_STEP_KINDS};
    } else if (stage < figures->stages_count) {
        *part = (struct figures__part){(char *)&own->stages[stage], FIGURES__MEMBERS(OF_STAGE),
                                       own->stages[stage].latency, LATENCY_KINDS};
    } else if (share < figures->shares_count) {
        *part = (struct figures__part){(char *)&own->shares[share], FIGURES__MEMBERS(OF_SHARE),
                                       own->shares[share].latency, LATENCY_SHARE_KINDS};
    } else if (behavior < figures->behaviors_count) {
        *part = (struct figures__part){(char *)&own->behaviors[behavior],
                                       FIGURES__MEMBERS(OF_BEHAVIOR), NULL, 0};
    } else {
        return false;
    }
    return true;
}

uint64_t *figures_next_number(const struct figures *figures, struct figures_walk *walk)
{
    struct figures__part part;
    for (; figures__part(figures, walk->part, &part); walk->part++, walk->member = 0) {
        for (; walk->member < part.members_count; walk->member++, walk->i = 0) {
            const struct figures__member *member = &part.members[walk->member];
            if (walk->i < member->count) {
                walk->rule = member->rule;
                return (uint64_t *)(void *)(part.base + member->at) + walk->i++;
            }
        }
    }
    return NULL;
}

struct histogram *figures_next_histogram(const struct figures *figures, struct figures_walk *walk)
{
    struct figures__part part;
    for (; figures__part(figures, walk->part, &part); walk->part++, walk->i = 0) {
        if (walk->i < part.latency_kinds) {
            return part.latency + walk->i++;
        }
    }
    return NULL;
}

/* --- Opening and closing. */

uint32_t figures_behaviors_apart(uint32_t behaviors)
{
    return behaviors > 1 && behaviors <= FIGURES_SHARES_MAX ? behaviors : 0;
}

/* The series of all targets together take what that of the run takes, as far as that is enough for
 * each; so do those of behaviors. */
static uint32_t figures__cells_max(uint32_t shares)
{
    uint32_t each = SERIES_CELLS_MAX / shares;
    return each > SERIES_CELLS_LEAST ? each : SERIES_CELLS_LEAST;
}

static uint32_t figures__stages_apart(uint32_t stages)
{
    return stages > FIGURES_STAGES_MAX ? FIGURES_STAGES_MAX : stages > 1 ? stages : 0;
}

uint64_t figures_memory_bytes(const struct figures_shape *shape, int64_t length_ns)
{
    uint64_t players = figures_behaviors_apart(shape->behaviors);
    uint64_t shares = shape->targets + players;
    uint64_t histograms = LATENCY_KINDS * (UINT64_C(1) + figures__stages_apart(shape->stages)) +
                          (uint64_t)LATENCY_STEP_KINDS * shape->steps +
                          LATENCY_SHARE_KINDS * shares;
    uint64_t bytes = histograms * HISTOGRAM_BYTES_MAX + sizeof(struct clean) +
                     shares * sizeof(struct figures_second) +
                     series_memory_bytes(SERIES_CELLS_MAX, length_ns);
    const uint64_t kinds[] = {shape->targets, players};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i] > 0) {
            bytes +=
                kinds[i] * series_memory_bytes(figures__cells_max((uint32_t)kinds[i]), length_ns);
        }
    }
    return bytes;
}

static bool figures__open_shares(struct figures *figures, struct error *error)
{
    for (uint32_t i = 0; i < figures->shares_count; i++) {
        uint32_t of = i < figures->targets_count ? figures->targets_count : figures->players_count;
        figures->shares[i].series =
            series_create(figures->origin_ns, figures__cells_max(of), error);
        if (figures->shares[i].series == NULL) {
            return false;
        }
    }
    return true;
}

static bool figures__open_parts(struct figures *figures, const struct figures_shape *shape,
                                struct error *error)
{
    uint32_t stages = figures__stages_apart(shape->stages);
    figures->steps = calloc((size_t)shape->steps + 1, sizeof *figures->steps);
    figures->stages = calloc((size_t)stages + 1, sizeof *figures->stages);
    uint32_t players = figures_behaviors_apart(shape->behaviors);
    figures->shares = calloc((size_t)shape->targets + players + 1, sizeof *figures->shares);
    figures->behaviors = calloc((size_t)shape->behaviors + 1, sizeof *figures->behaviors);
    if (figures->steps == NULL || figures->stages == NULL || figures->shares == NULL ||
        figures->behaviors == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY,
                        "no memory for the figures of %u steps, %u stages, %u targets and %u "
                        "behaviors",
                        shape->steps, stages, shape->targets, shape->behaviors);
        return false;
    }
    figures->steps_count = shape->steps;
    figures->stages_count = stages;
    figures->shares_count = shape->targets + players;
    figures->targets = figures->shares;
    figures->targets_count = shape->targets;
    figures->players = figures->shares + shape->targets;
    figures->players_count = players;
    figures->behaviors_count = shape->behaviors;
    struct figures_walk walk = {0};
    struct histogram *histogram;
    while ((histogram = figures_next_histogram(figures, &walk)) != NULL) {
        if (!histogram_open(histogram, 3, error)) {
            return false;
        }
    }
    return figures__open_shares(figures, error);
}

bool figures_open(struct figures *figures, const struct figures_shape *shape, uint32_t abnormal_max,
                  int64_t origin_ns, struct error *error)
{
    *figures = (struct figures){.abnormal_max = abnormal_max, .origin_ns = origin_ns};
    if (!figures__open_parts(figures, shape, error)) {
        goto failed;
    }
    figures->abnormal = calloc(abnormal_max == 0 ? 1 : abnormal_max, sizeof *figures->abnormal);
    figures->clean = calloc(1, sizeof *figures->clean);
    if (figures->abnormal == NULL || figures->clean == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for a list of %u connections",
                        abnormal_max);
        goto failed;
    }
    figures->evidence = evidence_create(shape->steps, error);
    if (figures->evidence == NULL || !notes_open(&figures->notes, error)) {
        goto failed;
    }
    figures->series = series_create(origin_ns, SERIES_CELLS_MAX, error);
    if (figures->series == NULL) {
        goto failed;
    }
    return true;
failed:
    figures_close(figures);
    return false;
}

void figures_close(struct figures *figures)
{
    struct figures_walk walk = {0};
    struct histogram *histogram;
    while ((histogram = figures_next_histogram(figures, &walk)) != NULL) {
        histogram_close(histogram);
    }
    notes_close(&figures->notes);
    evidence_destroy(figures->evidence);
    free(figures->steps);
    free(figures->stages);
    for (uint32_t i = 0; i < figures->shares_count; i++) {
        series_destroy(figures->shares[i].series);
        free(figures->shares[i].second);
    }
    free(figures->shares);
    free(figures->behaviors);
    free(figures->abnormal);
    free(figures->clean);
    if (figures->series != NULL) {
        series_destroy(figures->series);
    }
    *figures = (struct figures){0};
}

/* --- Adding, here or in another program. */

static void figures__merge(uint64_t *into, uint64_t number, enum figures_rule rule)
{
    if (rule == FIGURES_SUM) {
        *into += number;
    } else if (number > *into) {
        *into = number;
    }
}

void figures_list_abnormal(struct figures *figures, const struct result_abnormal *abnormal)
{
    abnormal_insert(figures->abnormal, &figures->abnormal_count, figures->abnormal_max, abnormal);
}

bool figures_add(struct figures *into, const struct figures *from)
{
    must(into->steps_count == from->steps_count && into->stages_count == from->stages_count &&
         into->targets_count == from->targets_count &&
         into->behaviors_count == from->behaviors_count);
    struct figures_walk walk[4] = {{0}};
    uint64_t *number;
    struct histogram *histogram;
    while ((number = figures_next_number(into, &walk[0])) != NULL) {
        figures__merge(number, *figures_next_number(from, &walk[1]), walk[0].rule);
    }
    while ((histogram = figures_next_histogram(into, &walk[2])) != NULL) {
        histogram_add(histogram, figures_next_histogram(from, &walk[3]));
    }
    for (uint32_t i = 0; i < from->abnormal_count; i++) {
        figures_list_abnormal(into, &from->abnormal[i]);
    }
    clean_merge(into->clean, from->clean);
    tls_stats_add(&into->tls, &from->tls);
    notes_add(&into->notes, &from->notes);
    evidence_add(into->evidence, from->evidence);
    bool merged = series_merge(into->series, from->series);
    for (uint32_t i = 0; i < into->shares_count; i++) {
        merged = series_merge(into->shares[i].series, from->shares[i].series) && merged;
    }
    return merged;
}

uint32_t figures_numbers_count(const struct figures *figures)
{
    struct figures_walk walk = {0};
    uint32_t count = 0;
    while (figures_next_number(figures, &walk) != NULL) {
        count++;
    }
    return count;
}

void figures_numbers_read(const struct figures *figures, uint64_t *flat)
{
    struct figures_walk walk = {0};
    const uint64_t *number;
    while ((number = figures_next_number(figures, &walk)) != NULL) {
        *flat++ = *number;
    }
}

void figures_numbers_add(struct figures *into, const uint64_t *flat)
{
    struct figures_walk walk = {0};
    uint64_t *number;
    while ((number = figures_next_number(into, &walk)) != NULL) {
        figures__merge(number, *flat++, walk.rule);
    }
}

void figures_numbers_reset(struct figures *figures)
{
    struct figures_walk walk = {0};
    uint64_t *number;
    while ((number = figures_next_number(figures, &walk)) != NULL) {
        *number = 0;
    }
}

/* How many there are of each comes first: what arrives must be of the same plan. */
void figures_numbers_pack(const struct figures *figures, struct pack *pack)
{
    struct figures_walk walk = {0};
    const uint64_t *number;
    pack_u64(pack, figures->steps_count);
    pack_u64(pack, figures->stages_count);
    pack_u64(pack, figures->targets_count);
    pack_u64(pack, figures->behaviors_count);
    while ((number = figures_next_number(figures, &walk)) != NULL) {
        pack_u64(pack, *number);
    }
}

bool figures_numbers_unpack_add(struct figures *into, struct unpack *from)
{
    struct figures_walk walk = {0};
    uint64_t *number;
    bool alike = unpack_u64(from) == into->steps_count;
    alike &= unpack_u64(from) == into->stages_count;
    alike &= unpack_u64(from) == into->targets_count;
    alike &= unpack_u64(from) == into->behaviors_count;
    if (!alike) {
        unpack_fail(from);
    }
    while (!from->failed && (number = figures_next_number(into, &walk)) != NULL) {
        figures__merge(number, unpack_u64(from), walk.rule);
    }
    return !from->failed;
}

static void figures__unpack_abnormal(struct figures *into, struct unpack *from)
{
    uint32_t count = unpack_u32(from, UINT32_MAX);
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        struct result_abnormal abnormal;
        if (abnormal_unpack(&abnormal, from)) {
            figures_list_abnormal(into, &abnormal);
        }
    }
}

void figures_pack(struct figures *figures, struct pack *pack)
{
    figures_numbers_pack(figures, pack);
    struct figures_walk walk = {0};
    const struct histogram *histogram;
    while ((histogram = figures_next_histogram(figures, &walk)) != NULL) {
        histogram_pack(histogram, pack);
    }
    pack_u64(pack, figures->abnormal_count);
    for (uint32_t i = 0; i < figures->abnormal_count; i++) {
        abnormal_pack(&figures->abnormal[i], pack);
    }
    clean_pack(figures->clean, pack);
    tls_stats_pack(&figures->tls, pack);
    notes_pack(&figures->notes, pack);
    evidence_pack(figures->evidence, figures->origin_ns, pack);
    series_pack(figures->series, pack);
    for (uint32_t i = 0; i < figures->shares_count; i++) {
        series_pack(figures->shares[i].series, pack);
    }
}

bool figures_unpack_add(struct figures *into, struct unpack *from)
{
    if (!figures_numbers_unpack_add(into, from)) {
        return false;
    }
    struct figures_walk walk = {0};
    struct histogram *histogram;
    while (!from->failed && (histogram = figures_next_histogram(into, &walk)) != NULL) {
        histogram_unpack_add(histogram, from);
    }
    figures__unpack_abnormal(into, from);
    clean_unpack_add(into->clean, from);
    tls_stats_unpack_add(&into->tls, from);
    notes_unpack_add(&into->notes, from);
    evidence_unpack_add(into->evidence, into->origin_ns, from);
    bool merged = !from->failed && series_unpack_merge(into->series, from) && !from->failed;
    for (uint32_t i = 0; i < into->shares_count && merged; i++) {
        merged = series_unpack_merge(into->shares[i].series, from) && !from->failed;
    }
    return merged;
}
