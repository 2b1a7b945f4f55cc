/* Who plays what: every connection gets a behavior, a rank and a worker, by arithmetic alone, so
 * that the same plan seats them the same everywhere.
 *
 * Each behavior gets its weight's share by the largest remainder, at least one. The order of
 * opening mixes the behaviors evenly (the one furthest behind its share comes next), and each
 * behavior goes round the ranks, and on each rank round its workers, on its own: dealing connection
 * i to worker i mod workers would give all of one behavior to one worker when weights and workers
 * have a common period.
 *
 * In a duet all of this is done once, and holds for both sides. */
#include "plan/internal.h"

#include "core/prng.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* The stream of the generator that gives arrivals their behaviors ("behavior"). */
static const uint64_t PLAN_BEHAVIOR_STREAM = UINT64_C(0x6265686176696f72);

/* Of all arrivals and connections, a behavior's; sum: of all weights. */
static double plan__share_of(const struct plan *plan, uint32_t behavior, double sum)
{
    double weight = plan->program->behaviors[behavior].weight;
    return sum > 0 ? weight / sum : (double)plan->sides / plan->behaviors_count;
}

static bool plan__share_connections(struct plan *plan, struct error *error)
{
    uint32_t connections = plan->connections / plan->sides;
    double sum = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b += plan->sides) {
        sum += plan->program->behaviors[b].weight;
    }
    uint32_t playing = 0;
    uint32_t given = 0;
    double below = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b += plan->sides) {
        double share = plan__share_of(plan, b, sum);
        plan->behaviors[b].weight_below = below;
        below += share;
        playing += share > 0;
        plan->behaviors[b].connections = (uint32_t)(share * connections);
        if (share > 0 && plan->behaviors[b].connections == 0) {
            plan->behaviors[b].connections = 1;
        }
        given += plan->behaviors[b].connections;
    }
    if (playing > connections) {
        error_set(error,
                  "%" PRIu32 " connection%s cannot play %" PRIu32 " behaviors: give "
                  "--connections %" PRIu32 " or more",
                  connections, connections == 1 ? "" : "s", playing, playing);
        return false;
    }
    /* Distributes what rounding has left over, or takes back what the minimum of one has added. */
    while (given != connections) {
        bool too_few = given < connections;
        uint32_t best = UINT32_MAX;
        double best_gap = 0;
        for (uint32_t b = 0; b < plan->behaviors_count; b += plan->sides) {
            double exact = plan__share_of(plan, b, sum) * connections;
            double gap = (exact - plan->behaviors[b].connections) * (too_few ? 1 : -1);
            bool can = too_few ? exact > 0 : plan->behaviors[b].connections > 1;
            if (can && (best == UINT32_MAX || gap > best_gap)) {
                best = b;
                best_gap = gap;
            }
        }
        if (too_few) {
            plan->behaviors[best].connections++;
            given++;
        } else {
            plan->behaviors[best].connections--;
            given--;
        }
    }
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        plan->behaviors[b] = plan->behaviors[plan_first_twin(plan, b)];
    }
    return true;
}

/* The behavior that is furthest behind its share after `placed` connections of its side. */
static uint32_t plan__most_behind(const struct plan *plan, const uint32_t *taken, uint32_t placed)
{
    uint32_t best = UINT32_MAX;
    double best_gap = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b += plan->sides) {
        uint32_t connections = plan->behaviors[b].connections;
        double due = (double)(connections * plan->sides) / plan->connections * (placed + 1);
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
        behavior->connections_own = plan__share_of_rank(plan, behavior->connections, first);
        if ((b + 1) % plan->sides == 0) {
            first += behavior->connections;
            first_own += behavior->connections_own;
        }
        if (plan->seats == NULL) {
            continue;
        }
        behavior->numbers = calloc((size_t)behavior->connections + 1, sizeof *behavior->numbers);
        if (behavior->numbers == NULL) {
            return false;
        }
    }
    plan->connections_own = first_own * plan->sides;
    return true;
}

/* Assigns the nth connection of a behavior: to the ranks in turn, then to the workers of this
 * rank in turn, whose number the other ranks do not know. */
static struct plan_seat plan__seat_of(const struct plan *plan, uint32_t b, uint32_t nth)
{
    const struct plan_behavior *behavior = &plan->behaviors[b];
    struct plan_seat seat = {.behavior = (uint16_t)b, .worker = PLAN_ELSEWHERE};
    if ((behavior->first + nth) % plan->ranks == plan->rank) {
        uint32_t nth_own = nth / plan->ranks;
        seat.worker = (uint16_t)((behavior->first_own + nth_own) % plan->workers_count);
    }
    return seat;
}

struct plan_seat plan_seat_at(const struct plan *plan, uint32_t connection)
{
    if (plan->seats != NULL) {
        return plan->seats[connection];
    }
    struct plan_seat seat = plan__seat_of(plan, 0, connection);
    seat.ordinal = connection / plan->ranks;
    return seat;
}

static void plan__seat_all(struct plan *plan, uint32_t *taken)
{
    uint32_t own = 0;
    for (uint32_t i = 0; i < plan->connections; i += plan->sides) {
        uint32_t b = plan__most_behind(plan, taken, i / plan->sides);
        uint32_t nth = taken[b]++;
        struct plan_seat seat = plan__seat_of(plan, b, nth);
        uint32_t turn = (plan->behaviors[b].first_own + nth) / plan->workers_count;
        for (uint32_t side = 0; side < plan->sides; side++) {
            uint32_t at = i + (side + turn) % plan->sides;
            plan->behaviors[b + side].numbers[nth] = at;
            plan->seats[at] = seat;
            plan->seats[at].behavior = (uint16_t)(b + side);
            plan->seats[at].ordinal = own;
        }
        own += seat.worker != PLAN_ELSEWHERE;
    }
}

bool plan_seat(struct plan *plan, struct error *error)
{
    bool seated = false;
    plan->behaviors_count = plan->program->behaviors_count;
    plan->behaviors = calloc(plan->behaviors_count, sizeof *plan->behaviors);
    uint32_t *taken = calloc(plan->behaviors_count, sizeof *taken);
    if (plan->behaviors_count > 1) {
        plan->seats = calloc(plan->connections, sizeof *plan->seats);
    }
    if (plan->behaviors == NULL || taken == NULL ||
        (plan->behaviors_count > 1 && plan->seats == NULL)) {
        plan->behaviors_count = plan->behaviors == NULL ? 0 : plan->behaviors_count;
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %" PRIu32 " connections",
                        plan->connections);
        goto done;
    }
    if (!plan__share_connections(plan, error)) {
        goto done;
    }
    if (!plan__open_behaviors(plan)) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %" PRIu32 " connections",
                        plan->connections);
        goto done;
    }
    if (plan->seats != NULL) {
        plan__seat_all(plan, taken);
    }
    seated = true;
done:
    free(taken);
    return seated;
}

uint32_t plan_arrival_behavior(const struct plan *plan, uint64_t n)
{
    if (plan->behaviors_count == plan->sides) {
        return 0;
    }
    double draw = prng_unit(plan->scenario->load.seed, PLAN_BEHAVIOR_STREAM, n);
    uint32_t behavior = plan->behaviors_count - plan->sides;
    while (behavior > 0 && (draw < plan->behaviors[behavior].weight_below ||
                            plan->behaviors[behavior].connections == 0)) {
        behavior -= plan->sides;
    }
    return behavior;
}

double plan_weight_share(const struct plan *plan, uint32_t behavior)
{
    const struct plan_behavior *of = &plan->behaviors[behavior];
    bool last = behavior + plan->sides >= plan->behaviors_count;
    return (last ? 1 : of[plan->sides].weight_below) - of->weight_below;
}

uint32_t plan_count_below(const uint32_t *numbers, uint32_t count, uint32_t limit)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        if (numbers[middle] < limit) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* How many of the behavior's connections are among the first `wanted` of the run; at least one, so
 * that what is due while none is wanted waits at one. */
static uint32_t plan__wanted_of(const struct plan_behavior *share, uint32_t wanted)
{
    uint32_t count = share->connections;
    if (share->numbers != NULL) {
        count = plan_count_below(share->numbers, share->connections, wanted);
    } else if (wanted < count) {
        count = wanted;
    }
    return count == 0 ? 1 : count;
}

uint32_t plan_arrival_worker(const struct plan *plan, const struct course *course,
                             uint32_t behavior, uint64_t n, int64_t time_ns)
{
    const struct plan_behavior *share = &plan->behaviors[behavior];
    uint32_t among = share->connections;
    if (population_changes(&course->population)) {
        among = plan__wanted_of(share, course_connections(course, time_ns));
    }
    uint32_t nth = (uint32_t)(n % among);
    return plan_seat_at(plan, share->numbers != NULL ? share->numbers[nth] : nth).worker;
}

bool plan_deals_in_turn(const struct plan *plan)
{
    return plan->behaviors_count == 1 && !population_changes(&plan->course.population);
}

void plan_own_arrivals(const struct plan *plan, uint32_t connection, struct pacing_cursor *cursor)
{
    /* Those that are wanted from t0 on are evenly spaced, the others by multiples of the golden
     * ratio, of which any first few are well distributed (Weyl). Nothing later than t0 may count:
     * a touched load that is played again would have its arrivals at other times. */
    double whole;
    uint32_t number = plan_number(plan, connection);
    uint32_t first = population_wanted(&plan->course.population, 0);
    double phase =
        number < first ? (double)number / first : modf(number * 0.6180339887498949, &whole);
    pacing_first_of(&plan->course.each, number, phase, cursor);
}

bool plan_wants(const struct plan *plan, const struct course *course, uint32_t connection,
                int64_t time_ns)
{
    return plan_number(plan, connection) < population_wanted(&course->population, time_ns);
}

uint32_t plan_barrier_connections(const struct plan *plan, uint32_t barrier)
{
    uint32_t connections = 0;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        bool takes_part = (plan->program->behaviors[b].barriers >> barrier & 1) != 0;
        connections += takes_part ? plan->behaviors[b].connections : 0;
    }
    return connections;
}
