/* What the command line makes of the targets' `tls`. */
#include "plan/internal.h"

#include "scenario/tree.h"

#include <string.h>

/* A target's own, to be changed; NULL: there is no memory, which the arena says. */
static struct scenario_tls *plan__own_tls(struct scenario *scenario, struct scenario_target *target)
{
    static const struct scenario_tls USUAL = {.settings = {.verify = true}, .by_option = true};
    const struct scenario_tls *from = target->tls != NULL ? target->tls : &USUAL;
    struct scenario_tls *own = arena_take(&((struct scenario_tree *)scenario)->arena, sizeof *own);
    if (own != NULL) {
        *own = *from;
        target->tls = own;
    }
    return own;
}

static void plan__override_tls(struct plan *plan, struct scenario_target *target)
{
    const struct options *options = plan->options;
    bool wanted = target->tls != NULL || (options->tls && !target->is_plain);
    struct scenario_tls *tls = wanted ? plan__own_tls(plan->scenario, target) : NULL;
    if (tls == NULL) {
        return;
    }
    if (options->insecure) {
        tls->settings.verify = false;
        tls->settings.ca_path = NULL;
    } else if (tls->settings.verify && tls->settings.ca_path == NULL) {
        tls->settings.ca_path = options->tls_ca_path;
    }
}

bool plan_override_tls(struct plan *plan, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    struct scenario *scenario = plan->scenario;
    bool speaks = false;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        plan__override_tls(plan, &scenario->targets[i]);
        speaks = speaks || scenario->targets[i].tls != NULL;
    }
    const char *without = options->insecure              ? "--insecure"
                          : options->tls_ca_path != NULL ? "--tls-ca"
                                                         : NULL;
    if (options->tls && !speaks) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--tls: each target of the scenario says \"tls\": false; leave one of them "
                        "out");
    } else if (!speaks && without != NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "%s: no target speaks TLS: give --tls, too, or `tls` in the scenario",
                        without);
    } else if (speaks && !tls_is_built()) {
        struct tls_settings settings = {.verify = false};
        struct error error = {""};
        tls_context_destroy(
            tls_context_create(&settings, NULL, &error)); /* it says how to get it */
        mistakes_report(mistakes, options->tls ? OPTIONS_ABOUT : scenario->path, "%s: %s",
                        options->tls ? "--tls" : "`tls`", error.text);
        return false;
    }
    return true;
}
