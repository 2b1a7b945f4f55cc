/* Who plays what: every connection gets a behavior, a rank and a worker, by arithmetic alone, so
 * that the same plan seats them the same everywhere.
 *
 * Each behavior gets its weight's share by the largest remainder, at least one. The order of
 * opening mixes the behaviors evenly (the one furthest behind its share comes next), and each
 * behavior goes round the ranks, and on each rank round its workers, on its own: dealing connection
 * i to worker i mod workers would give all of one behavior to one worker when weights and workers
 * have a common rhythm. */
#include "plan/plan.h"

#include <inttypes.h>
#include <stdlib.h>

static double plan__weights_sum(const struct plan *plan)
{
    double sum = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        sum += plan->program->behaviors[b].weight;
    }
    return sum;
}

static bool plan__share_connections(struct plan *plan, struct error *error)
{
    double sum = plan__weights_sum(plan);
    uint32_t playing = 0;
    uint32_t given = 0;
    double below = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        double weight = plan->program->behaviors[b].weight;
        double share = sum > 0 ? weight / sum : 1.0 / plan->behaviors_count;
        plan->behaviors[b].weight_below = below;
        below += share;
        playing += share > 0;
        plan->behaviors[b].connections = (uint32_t)(share * plan->connections);
        if (share > 0 && plan->behaviors[b].connections == 0) {
            plan->behaviors[b].connections = 1;
        }
        given += plan->behaviors[b].connections;
    }
    if (playing > plan->connections) {
        error_set(error,
                  "%" PRIu32 " connections cannot play %" PRIu32 " behaviors: give "
                  "--connections %" PRIu32 " or more",
                  plan->connections, playing, playing);
        return false;
    }
    /* Hand out what rounding left over, and take back what the ones at least cost. */
    while (given != plan->connections) {
        bool too_few = given < plan->connections;
        uint32_t best = UINT32_MAX;
        double best_gap = 0;
        for (uint32_t b = 0; b < plan->behaviors_count; b++) {
            double weight = plan->program->behaviors[b].weight;
            double exact =
                (sum > 0 ? weight / sum : 1.0 / plan->behaviors_count) * plan->connections;
            double gap = (exact - plan->behaviors[b].connections) * (too_few ? 1 : -1);
            bool can = too_few ? exact > 0 : plan->behaviors[b].connections > 1;
            if (can && (best == UINT32_MAX || gap > best_gap)) {
                best = b;
                best_gap = gap;
            }
        }
        plan->behaviors[best].connections += too_few ? 1 : UINT32_MAX;
        given += too_few ? 1 : UINT32_MAX;
    }
    return true;
}

/* The behavior that is furthest behind its share after `placed` connections. */
static uint32_t plan__most_behind(const struct plan *plan, const uint32_t *taken, uint32_t placed)
{
    uint32_t best = UINT32_MAX;
    double best_gap = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        uint32_t connections = plan->behaviors[b].connections;
        double due = (double)connections / plan->connections * (placed + 1);
        double gap = due - taken[b];
        if (taken[b] < connections && (best == UINT32_MAX || gap > best_gap)) {
            best = b;
            best_gap = gap;
        }
    }
    return best;
}

uint32_t plan_share(uint32_t connections, uint32_t rank, uint32_t ranks)
{
    return connections / ranks + (rank < connections % ranks);
}

/* How many of a behavior's connections the rank has: dealing begins with another one for each. */
static uint32_t plan__share_of_rank(const struct plan *plan, uint32_t connections, uint32_t first)
{
    uint32_t place = (plan->rank + plan->ranks - first % plan->ranks) % plan->ranks;
    return plan_share(connections, place, plan->ranks);
}

static bool plan__open_behaviors(struct plan *plan)
{
    uint32_t first = 0;
    uint32_t first_own = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        struct plan_behavior *behavior = &plan->behaviors[b];
        behavior->first = first;
        behavior->first_own = first_own;
        behavior->numbers = calloc((size_t)behavior->connections + 1, sizeof *behavior->numbers);
        if (behavior->numbers == NULL) {
            return false;
        }
        behavior->connections_own = plan__share_of_rank(plan, behavior->connections, first);
        first += behavior->connections;
        first_own += behavior->connections_own;
    }
    return true;
}

/* Connection i is the nth of its behavior: whose turn is it? Ranks first, then the workers of this
 * one: another rank may have another number of them, and nobody else needs to know it. */
static void plan__seat_one(struct plan *plan, uint32_t i, uint32_t b, uint32_t nth)
{
    const struct plan_behavior *behavior = &plan->behaviors[b];
    behavior->numbers[nth] = i;
    plan->seats[i] = (struct plan_seat){.behavior = (uint16_t)b, .worker = PLAN_ELSEWHERE};
    if ((behavior->first + nth) % plan->ranks != plan->rank) {
        return;
    }
    uint32_t nth_own = nth / plan->ranks;
    plan->seats[i].worker = (uint16_t)((behavior->first_own + nth_own) % plan->workers_count);
    if (plan->ordinals != NULL) {
        plan->ordinals[i] = plan->connections_own;
    }
    plan->connections_own++;
}

bool plan_seat(struct plan *plan, struct error *error)
{
    bool seated = false;
    plan->behaviors_count = plan->program->behaviors_count;
    plan->behaviors = calloc(plan->behaviors_count, sizeof *plan->behaviors);
    plan->seats = calloc(plan->connections, sizeof *plan->seats);
    uint32_t *taken = calloc(plan->behaviors_count, sizeof *taken);
    if (plan->ranks > 1) {
        plan->ordinals = calloc(plan->connections, sizeof *plan->ordinals);
    }
    if (plan->behaviors == NULL || plan->seats == NULL || taken == NULL ||
        (plan->ranks > 1 && plan->ordinals == NULL)) {
        plan->behaviors_count = plan->behaviors == NULL ? 0 : plan->behaviors_count;
        error_set(error, "no memory for %" PRIu32 " connections", plan->connections);
        goto done;
    }
    if (!plan__share_connections(plan, error)) {
        goto done;
    }
    if (!plan__open_behaviors(plan)) {
        error_set(error, "no memory for %" PRIu32 " connections", plan->connections);
        goto done;
    }
    plan->connections_own = 0;
    for (uint32_t i = 0; i < plan->connections; i++) {
        uint32_t b = plan__most_behind(plan, taken, i);
        plan__seat_one(plan, i, b, taken[b]++);
    }
    seated = true;
done:
    free(taken);
    return seated;
}
