/* The one list of what figures hold as plain numbers, and of their histograms: adding, packing,
 * copying for a probe and emptying all follow from it. A number that is not here is not in any sum:
 * the assertions below refuse one that was forgotten, where they can. */
#include "figures/figures.h"

#include <stddef.h>

/* Numbers of one struct that lie side by side, each uint64_t (or an int64_t that is not negative).
 */
struct figures__member {
    size_t at;
    uint32_t count;
    enum figures_rule rule;
};

enum { ARRIVALS = sizeof(struct arrival_counts) / sizeof(uint64_t) };

static const struct figures__member OF_RUN[] = {
    {offsetof(struct figures, counters.totals), TOTAL_KINDS, FIGURES_SUM},
    {offsetof(struct figures, counters.errors), ERROR_KINDS, FIGURES_SUM},
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
};
static const struct figures__member OF_STEP[] = {
    {offsetof(struct figures_step, errors), ERROR_KINDS, FIGURES_SUM},
};
static const struct figures__member OF_STAGE[] = {
    {offsetof(struct figures_stage, errors), ERROR_KINDS, FIGURES_SUM},
    {offsetof(struct figures_stage, arrivals), ARRIVALS, FIGURES_SUM},
    {offsetof(struct figures_stage, iterations_started), 1, FIGURES_SUM},
};
static const struct figures__member OF_BEHAVIOR[] = {{0, ARRIVALS, FIGURES_SUM}};

enum { NUMBER = sizeof(uint64_t), OF_PORT = 6, WORKED_OUT = 2 /* a stage's window and target */ };
_Static_assert(sizeof(struct cport_stats) == OF_PORT * NUMBER, "the port's are all in the list");
_Static_assert(sizeof(struct counters) == (TOTAL_KINDS + ERROR_KINDS) * NUMBER, "the counters are");
_Static_assert(sizeof(struct figures_step) ==
                   LATENCY_STEP_KINDS * sizeof(struct histogram) + ERROR_KINDS * NUMBER,
               "a step's are");
_Static_assert(sizeof(struct figures_stage) ==
                   LATENCY_KINDS * sizeof(struct histogram) +
                       (ERROR_KINDS + ARRIVALS + 1 + WORKED_OUT) * NUMBER,
               "a stage's are");

/* What there is of each kind: the struct itself, its steps, stages, behaviors. */
struct figures__group {
    const struct figures__member *members;
    uint32_t members_count;
    void *structs;
    size_t struct_bytes;
    uint32_t structs_count;
    struct histogram *latency; /* of the first struct; NULL: none */
    uint32_t kinds;
};

enum { FIGURES__GROUPS = 4 };
#define FIGURES__MEMBERS(list) (list), sizeof list / sizeof((list)[0])

static void figures__groups(struct figures *figures, struct figures__group groups[FIGURES__GROUPS])
{
    groups[0] = (struct figures__group){FIGURES__MEMBERS(OF_RUN), figures,      sizeof *figures, 1,
                                        figures->latency,         LATENCY_KINDS};
    groups[1] = (struct figures__group){FIGURES__MEMBERS(OF_STEP), figures->steps,
                                        sizeof *figures->steps,    figures->steps_count,
                                        figures->steps->latency,   LATENCY_STEP_KINDS};
    groups[2] = (struct figures__group){FIGURES__MEMBERS(OF_STAGE), figures->stages,
                                        sizeof *figures->stages,    figures->stages_count,
                                        figures->stages->latency,   LATENCY_KINDS};
    groups[3] = (struct figures__group){FIGURES__MEMBERS(OF_BEHAVIOR),
                                        figures->behaviors,
                                        sizeof *figures->behaviors,
                                        figures->behaviors_count,
                                        NULL,
                                        0};
}

void figures_numbers(struct figures *figures, figures_number_visit visit, void *context)
{
    struct figures__group groups[FIGURES__GROUPS];
    figures__groups(figures, groups);
    for (int g = 0; g < FIGURES__GROUPS; g++) {
        const struct figures__group *group = &groups[g];
        for (uint32_t s = 0; s < group->structs_count; s++) {
            char *base = (char *)group->structs + s * group->struct_bytes;
            for (uint32_t m = 0; m < group->members_count; m++) {
                const struct figures__member *member = &group->members[m];
                visit(context, (uint64_t *)(void *)(base + member->at), member->count,
                      member->rule);
            }
        }
    }
}

void figures_histograms(struct figures *figures, figures_histogram_visit visit, void *context)
{
    struct figures__group groups[FIGURES__GROUPS];
    figures__groups(figures, groups);
    for (int g = 0; g < FIGURES__GROUPS; g++) {
        const struct figures__group *group = &groups[g];
        for (uint32_t s = 0; s < group->structs_count && group->latency != NULL; s++) {
            char *latency = (char *)group->latency + s * group->struct_bytes;
            for (uint32_t kind = 0; kind < group->kinds; kind++) {
                visit(context, (struct histogram *)(void *)latency + kind);
            }
        }
    }
}

static void figures__count(void *context, uint64_t *numbers, uint32_t count, enum figures_rule rule)
{
    (void)numbers;
    (void)rule;
    *(uint32_t *)context += count;
}

uint32_t figures_numbers_count(const struct figures *figures)
{
    uint32_t count = 0;
    figures_numbers((struct figures *)(uintptr_t)figures, figures__count, &count);
    return count;
}

/* Where the next number of a flat copy stands. */
struct figures__flat {
    uint64_t *next;
    const uint64_t *next_read;
};

static void figures__read(void *context, uint64_t *numbers, uint32_t count, enum figures_rule rule)
{
    struct figures__flat *flat = context;
    (void)rule;
    for (uint32_t i = 0; i < count; i++) {
        *flat->next++ = numbers[i];
    }
}

void figures_numbers_read(const struct figures *figures, uint64_t *flat)
{
    struct figures__flat copy = {.next = flat};
    figures_numbers((struct figures *)(uintptr_t)figures, figures__read, &copy);
}

static void figures__add_flat(void *context, uint64_t *numbers, uint32_t count,
                              enum figures_rule rule)
{
    struct figures__flat *flat = context;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = *flat->next_read++;
        if (rule == FIGURES_SUM) {
            numbers[i] += number;
        } else if (number > numbers[i]) {
            numbers[i] = number;
        }
    }
}

void figures_numbers_add(struct figures *into, const uint64_t *flat)
{
    struct figures__flat copy = {.next_read = flat};
    figures_numbers(into, figures__add_flat, &copy);
}
