#include "plan/tls.h"

#include "plan/plan.h"
#include "scenario/json/reader.h"

#include <stdlib.h>
#include <string.h>

/* The host of "localhost:7777" or "[::1]:7777". */
static void plan__tls_host(const char *address, char *host, size_t host_bytes)
{
    const char *end = strrchr(address, ':');
    const char *begin = address[0] == '[' ? address + 1 : address;
    size_t bytes = end == NULL ? strlen(begin) : (size_t)(end - begin);
    bytes -= bytes > 0 && begin[bytes - 1] == ']';
    snprintf(host, host_bytes, "%.*s", (int)bytes, begin);
}

static bool plan__same_text(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* But for the server's name. --tls and the like give each target a copy of its own. Where sessions
 * are resumed, each server (by host and port) has its own. */
static bool plan__tls_same(const struct tls_settings *one, const struct tls_settings *other)
{
    return one == other ||
           (!one->resume && !other->resume && one->verify == other->verify &&
            one->self_signed == other->self_signed && one->version_min == other->version_min &&
            one->version_max == other->version_max &&
            plan__same_text(one->ca_path, other->ca_path) &&
            plan__same_text(one->cert_path, other->cert_path) &&
            plan__same_text(one->key_path, other->key_path) &&
            plan__same_text(one->alpn, other->alpn) &&
            plan__same_text(one->ciphers, other->ciphers));
}

static struct tls_context *plan__tls_find(const struct plan_tls *tls,
                                          const struct tls_settings *settings, const char *name,
                                          const char *address)
{
    for (uint32_t i = 0; i < tls->count; i++) {
        if (plan__tls_same(tls->contexts[i].settings, settings) &&
            strcmp(tls->contexts[i].name, name) == 0 &&
            (!settings->resume || plan__same_text(tls->contexts[i].address, address))) {
            return tls->contexts[i].context;
        }
    }
    return NULL;
}

/* Where it is said: the option, or the key of the scenario's target. setting: as of
 * tls_context_create(). */
static void plan__tls_refuse(const struct plan *plan, const struct scenario_target *target,
                             const char *setting, const struct error *error,
                             struct mistakes *mistakes)
{
    const struct scenario *scenario = plan->scenario;
    bool listed = reader_get(scenario->document, "targets") != NULL;
    const char *dot = setting != NULL ? "." : "";
    const char *key = setting != NULL ? setting : "";
    const char *ca_path = target->tls->settings.ca_path;
    if (ca_path != NULL && ca_path == plan->options->tls_ca_path && strcmp(key, "ca") == 0) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "--tls-ca: %s", error->text);
    } else if (target->tls->by_option) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "--tls: %s", error->text);
    } else if (target->name != NULL) {
        mistakes_report(mistakes, scenario->path, "`targets.%s.tls%s%s`: %s", target->name, dot,
                        key, error->text);
    } else if (listed) {
        mistakes_report(mistakes, scenario->path, "`targets[%u].tls%s%s`: %s",
                        (unsigned)(target - scenario->targets), dot, key, error->text);
    } else {
        mistakes_report(mistakes, scenario->path, "`target.tls%s%s`: %s", dot, key, error->text);
    }
}

/* address: of the server, as given; NULL: its name is in the settings or nowhere. NULL, and
 * reported: it cannot be made. */
static struct tls_context *plan__tls_context(struct plan *plan,
                                             const struct scenario_target *target,
                                             const char *address, struct mistakes *mistakes)
{
    const struct tls_settings *settings = &target->tls->settings;
    struct plan_tls *tls = &plan->tls;
    struct plan_tls_context *next = &tls->contexts[tls->count];
    struct tls_settings own = *settings;
    const char *setting;
    struct error error;
    if (settings->server_name == NULL && address != NULL) {
        plan__tls_host(address, next->name, sizeof next->name);
    } else {
        snprintf(next->name, sizeof next->name, "%s",
                 settings->server_name == NULL ? "" : settings->server_name);
    }
    /* The sides of a duet share nothing: a session of one must not be resumed at the other. */
    struct tls_context *context =
        plan->sides > 1 ? NULL : plan__tls_find(tls, settings, next->name, address);
    if (context != NULL) {
        return context;
    }
    own.server_name = next->name[0] == '\0' ? NULL : next->name;
    context = tls_context_create(&own, &setting, &error);
    if (context == NULL) {
        plan__tls_refuse(plan, target, setting, &error, mistakes);
        return NULL;
    }
    next->settings = settings;
    next->address = address;
    next->context = context;
    tls->count++;
    return context;
}

void plan_tls_open(struct plan *plan, struct mistakes *mistakes)
{
    uint32_t reported = mistakes->count;
    plan->tls.contexts =
        calloc(plan->targets_count + plan->destinations_count + 1, sizeof *plan->tls.contexts);
    if (plan->tls.contexts == NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT, "no memory for TLS");
        return;
    }
    const struct scenario *scenario = plan->scenario;
    for (uint32_t i = 0; i < plan->targets_count && mistakes->count == reported; i++) {
        struct plan_target *target = &plan->targets[i];
        /* --target takes the place of targets without names. */
        uint32_t of = target->of < scenario->targets_count ? target->of : 0;
        if (scenario->targets[of].tls != NULL) {
            target->tls = plan__tls_context(plan, &scenario->targets[of], target->name, mistakes);
        }
    }
    for (uint32_t i = 0; i < plan->destinations_count && mistakes->count == reported; i++) {
        struct plan_destination *destination = &plan->destinations[i];
        if (destination->count == 0 && scenario->targets[i].tls != NULL) {
            destination->tls = plan__tls_context(plan, &scenario->targets[i], NULL, mistakes);
        }
    }
}

void plan_tls_close(struct plan_tls *tls)
{
    for (uint32_t i = 0; i < tls->count; i++) {
        tls_context_destroy(tls->contexts[i].context);
    }
    free(tls->contexts);
    *tls = (struct plan_tls){0};
}
