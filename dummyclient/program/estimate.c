/* Estimates from the steps: how many requests a pass has on the average, and how long a setup may
 * take. */
#include "program/program.h"

#include "core/clock.h"
#include "scenario/tree.h"

static bool program__estimate(const struct step *step, double *requests);

static bool program__estimate_choose(const struct step *step, double *requests)
{
    double sum = 0;
    bool known = true;
    for (uint32_t i = 0; i < step->branches_count; i++) {
        sum += step->branches[i].weight;
    }
    for (uint32_t i = 0; i < step->branches_count; i++) {
        double inside = 0;
        known = program__estimate(step->branches[i].steps, &inside) && known;
        *requests += inside * step->branches[i].weight / sum;
    }
    return known;
}

static bool program__estimate(const struct step *step, double *requests)
{
    bool known = true;
    for (; step != NULL; step = step->next) {
        double inside = 0;
        double other = 0;
        switch (step->type) {
        case STEP_REQUEST:
            *requests += 1;
            break;
        case STEP_REPEAT:
            known = program__estimate(step->child, &inside) && known &&
                    (step->repeat == REPEAT_TIMES || inside == 0);
            *requests += inside * step->times;
            break;
        case STEP_IF:
            known = program__estimate(step->child, &inside) && known;
            known = program__estimate(step->other, &other) && known;
            *requests += (inside + other) / 2;
            break;
        case STEP_CHOOSE:
            known = program__estimate_choose(step, requests) && known;
            break;
        default:
            break;
        }
    }
    return known;
}

bool program_estimate(const struct scenario *scenario, uint32_t behavior, double *setup,
                      double *pass)
{
    const struct scenario_behavior *of = &scenario->behaviors[behavior];
    *setup = 0;
    *pass = 0;
    bool known = program__estimate(of->setup, setup);
    return program__estimate(of->loop, pass) && known;
}

/* --- How long a setup may take by its steps: so long a run waits for connections to be ready. */

/* Long enough for any run, and far from where sums would overflow. */
#define PROGRAM_READY_NS_MAX (INT64_C(366) * 86400 * NS_PER_S)

static int64_t program__sum(int64_t a_ns, int64_t b_ns)
{
    return a_ns + b_ns < PROGRAM_READY_NS_MAX ? a_ns + b_ns : PROGRAM_READY_NS_MAX;
}

static int64_t program__times(int64_t each_ns, uint32_t times)
{
    return each_ns > 0 && times > PROGRAM_READY_NS_MAX / each_ns ? PROGRAM_READY_NS_MAX
                                                                 : each_ns * times;
}

static int64_t program__steps_ns(const struct step *step, int64_t connect_ns, int64_t begin_ns);

static int64_t program__choose_ns(const struct step *step, int64_t connect_ns, int64_t begin_ns)
{
    int64_t longest_ns = 0;
    for (uint32_t i = 0; i < step->branches_count; i++) {
        int64_t branch_ns = program__steps_ns(step->branches[i].steps, connect_ns, begin_ns);
        longest_ns = branch_ns > longest_ns ? branch_ns : longest_ns;
    }
    return longest_ns;
}

static int64_t program__reconnect_ns(const struct step *step, int64_t connect_ns)
{
    const struct back_off *back_off = &step->reconnect.back_off;
    int64_t once_ns = program__sum(step->after_ns, connect_ns);
    if (back_off->first_ns == 0) {
        return once_ns;
    }
    uint32_t pauses = back_off->tries > 0 ? back_off->tries - 1 : 1;
    return program__sum(once_ns, program__times(back_off->most_ns + connect_ns, pauses));
}

/* begin_ns: how long the connection may have been there, which `at` counts from. */
static int64_t program__step_ns(const struct step *step, int64_t connect_ns, int64_t begin_ns)
{
    int64_t one_ns = 0;
    int64_t other_ns = 0;
    switch (step->type) {
    case STEP_EXPECT:
    case STEP_REQUEST:
    case STEP_BARRIER:
    case STEP_EXPECT_CLOSE:
        return step->wait.within_ns;
    case STEP_SECURE:
        return connect_ns;
    case STEP_THINK:
        return think_longest_ns(&step->think);
    case STEP_REPEAT:
        one_ns = program__steps_ns(step->child, connect_ns, begin_ns);
        return step->repeat == REPEAT_FOR ? program__sum(step->after_ns, one_ns)
                                          : program__times(one_ns, step->times);
    case STEP_CHOOSE:
        return program__choose_ns(step, connect_ns, begin_ns);
    case STEP_IF:
        one_ns = program__steps_ns(step->child, connect_ns, begin_ns);
        other_ns = program__steps_ns(step->other, connect_ns, begin_ns);
        return one_ns > other_ns ? one_ns : other_ns;
    case STEP_RECONNECT:
        return program__reconnect_ns(step, connect_ns);
    case STEP_AT:
        return step->after_ns > begin_ns ? step->after_ns - begin_ns : 0;
    case STEP_DISCONNECT:
        return connect_ns;
    case STEP_SEND:
    case STEP_SET:
    case STEP_RECEIVE:
    case STEP_MARK:
    case STEP_LOG:
        break;
    }
    return 0;
}

static int64_t program__steps_ns(const struct step *step, int64_t connect_ns, int64_t begin_ns)
{
    int64_t sum_ns = 0;
    int64_t age_ns = begin_ns;
    for (; step != NULL; step = step->next) {
        int64_t step_ns = program__step_ns(step, connect_ns, age_ns);
        sum_ns = program__sum(sum_ns, step_ns);
        age_ns = step->type == STEP_RECONNECT ? 0 : program__sum(age_ns, step_ns);
    }
    return sum_ns;
}

int64_t program_ready_within_ns(const struct scenario *scenario)
{
    int64_t longest_ns = 0;
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        int64_t setup_ns =
            program__steps_ns(scenario->behaviors[i].setup, scenario->load.connect_timeout_ns, 0);
        longest_ns = setup_ns > longest_ns ? setup_ns : longest_ns;
    }
    return longest_ns;
}
