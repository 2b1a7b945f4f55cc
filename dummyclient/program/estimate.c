/* How many requests a pass has, on the average, as far as the steps say. */
#include "program/program.h"
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
