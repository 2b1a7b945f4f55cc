/* What a target's TLS is, in words and as JSON. No path is in it but those that the scenario, which
 * is in the result as a whole, says itself; and nothing of what is in a file. */
#include "plan/internal.h"

#include "core/printable.h"
#include "text/json.h"

#include <cjson/cJSON.h>

/* Of one target: those of the plan that are of one of the scenario's have the same settings. */
static const struct scenario_tls *plan__tls_of(const struct plan *plan,
                                               const struct plan_target *target)
{
    const struct scenario *scenario = plan->scenario;
    return scenario->targets[target->of < scenario->targets_count ? target->of : 0].tls;
}

void plan_print_tls(const struct plan *plan, const struct plan_target *target, FILE *file)
{
    const struct scenario_tls *tls = plan__tls_of(plan, target);
    if (tls == NULL) {
        return;
    }
    const struct tls_settings *settings = &tls->settings;
    char versions[32] = "";
    bool fixed =
        settings->version_min == TLS_VERSION_1_3 || settings->version_max == TLS_VERSION_1_2;
    snprintf(versions, sizeof versions, "%s",
             !fixed                                     ? "1.2 or 1.3"
             : settings->version_max == TLS_VERSION_1_2 ? "1.2"
                                                        : "1.3");
    char checked[512] = "the certificate is not checked";
    if (settings->verify) {
        snprintf(checked, sizeof checked, "the certificate is checked for %s by %s",
                 settings->server_name != NULL ? settings->server_name : "the host's name",
                 settings->ca_path != NULL ? settings->ca_path : "the issuers of this system");
    }
    printable_print(file, "                TLS %s%s; %s%s%s%s%s", versions,
                    tls->by_step ? ", begun by a step" : "", checked,
                    settings->cert_path != NULL ? "; with a certificate of its own" : "",
                    settings->alpn != NULL ? "; offers " : "",
                    settings->alpn != NULL ? settings->alpn : "",
                    settings->resume ? "; sessions are resumed" : "");
}

static struct cJSON *plan__tls_to_json(const struct plan_target *target,
                                       const struct scenario_tls *tls)
{
    const struct tls_settings *settings = &tls->settings;
    struct cJSON *json = cJSON_CreateObject();
    json_add_text(json, "target", target->name);
    if (settings->server_name != NULL) {
        json_add_text(json, "server_name", settings->server_name);
    }
    json_add_bool(json, "verify", settings->verify);
    if (settings->verify) {
        json_add_text(json, "issuers", settings->ca_path != NULL ? "file" : "system");
    }
    json_add_bool(json, "certificate", settings->cert_path != NULL);
    if (settings->alpn != NULL) {
        json_add_text(json, "alpn", settings->alpn);
    }
    json_add_text(json, "min_version",
                  tls_version_name(settings->version_min == TLS_VERSION_NONE
                                       ? TLS_VERSION_1_2
                                       : settings->version_min));
    json_add_text(json, "max_version",
                  tls_version_name(settings->version_max == TLS_VERSION_NONE
                                       ? TLS_VERSION_1_3
                                       : settings->version_max));
    if (settings->ciphers != NULL) {
        json_add_text(json, "ciphers", settings->ciphers);
    }
    json_add_bool(json, "resume", settings->resume);
    json_add_text(json, "start", tls->by_step ? "step" : "connect");
    return json;
}

void plan_add_tls(const struct plan *plan, struct cJSON *json)
{
    if (!scenario_speaks_tls(plan->scenario)) {
        return;
    }
    struct cJSON *list = json_add_item(json, "tls", cJSON_CreateArray());
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        const struct scenario_tls *tls = plan__tls_of(plan, &plan->targets[i]);
        if (tls != NULL) {
            json_append_item(list, plan__tls_to_json(&plan->targets[i], tls));
        }
    }
}
