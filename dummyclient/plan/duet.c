/* A duet (--duet A,B): the scenario against two servers at the same time, so that both suffer the
 * same noise. What is the same on both sides follows from the plan alone: each connection exists
 * twice, under the same number (plan_number()), and each behavior has a twin at the other server.
 *
 * The two requests of an arrival are half a gap apart. If both were due at the same moment, and the
 * servers shared a CPU, every second response would contain the other server's work: responses
 * would have two modes, and their median would lie between them, where hardly anything is, and mean
 * nothing. Half a gap later, the requests of both sides together are even where those of one are.
 */
#include "plan/internal.h"

#include "core/clock.h"

const char *const PLAN_SIDE_NAMES[PLAN_DUET_SIDES] = {"a", "b"};

void plan_check_duet(const struct plan *plan, struct mistakes *mistakes)
{
    const struct scenario *scenario = plan->scenario;
    if (scenario_names_targets(scenario) && scenario->targets_count > 1) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--duet puts two servers in the place of one, and the scenario goes to %u "
                        "`targets`, \"%s\" and others: use one with a single `target`",
                        scenario->targets_count, scenario->targets[0].name);
    }
    if (plan->options->ranks > 1) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--duet is played by one program, and these are %u ranks: use dummyclient",
                        plan->options->ranks);
    }
}

bool plan_twin(struct plan *plan, struct mistakes *mistakes)
{
    struct error error = {""};
    if (plan->program->targets_count > 1) {
        return false; /* it has been reported */
    }
    if (!program_twin(plan->program, PLAN_SIDE_NAMES, &error)) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "--duet: %s", error.text);
        return false;
    }
    return true;
}

/* So many arrivals, the same side is the later one: each server then gets most of its requests a
 * whole gap apart, as it does alone, and in a second both have been in each place alike. */
enum { DUET_ROW = 8 };

/* place: the connection's that an arrival falls to, if they fall to all in turn; round: how often
 * they have had their turn. For each connection the later side changes with every round. */
static int64_t duet__due_ns(const struct plan *plan, const struct pacing *pacing,
                            const struct pacing_cursor *cursor, uint32_t side, uint64_t place,
                            uint64_t round, double gap)
{
    int64_t warmup_ns = plan->scenario->load.warmup_ns;
    if ((place / DUET_ROW + round + side) % PLAN_DUET_SIDES == 0) {
        return cursor->time_ns;
    }
    int64_t due_ns = pacing_time_after(pacing, cursor, gap / PLAN_DUET_SIDES);
    /* It belongs to the same part of the run as its twin. */
    return cursor->time_ns < warmup_ns && due_ns >= warmup_ns ? warmup_ns - 1 : due_ns;
}

int64_t plan_shared_due_ns(const struct plan *plan, const struct course *course, uint32_t behavior,
                           const struct pacing_cursor *cursor)
{
    if (plan->sides == 1 || cursor->time_ns == TIME_NEVER_NS) {
        return cursor->time_ns;
    }
    uint32_t connections = plan_number(plan, plan->connections);
    return duet__due_ns(plan, &course->shared, cursor, behavior % PLAN_DUET_SIDES,
                        cursor->n % connections, cursor->n / connections, 1);
}

int64_t plan_own_due_ns(const struct plan *plan, const struct course *course, uint32_t behavior,
                        uint32_t connection, const struct pacing_cursor *cursor)
{
    if (plan->sides == 1 || cursor->time_ns == TIME_NEVER_NS) {
        return cursor->time_ns;
    }
    /* The gap between the arrivals of all connections. */
    double gap = 1.0 / plan_number(plan, plan->connections);
    return duet__due_ns(plan, &course->each, cursor, behavior % PLAN_DUET_SIDES,
                        plan_number(plan, connection), cursor->n, gap);
}
