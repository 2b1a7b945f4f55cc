/* A duet (--duet A,B): the scenario against two servers at the same time, so that both suffer the
 * same noise. What is the same on both sides follows from the plan alone: each connection exists
 * twice, under the same number (plan_number()), and each behavior has a twin at the other server.
 */
#include "plan/internal.h"

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
