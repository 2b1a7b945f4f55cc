/* Digests of the plan. What may differ from machine to machine (threads, sources, the addresses
 * that a name has there, the folder of the scenario) is not in them. */
#include "plan/plan.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

static uint64_t plan__digest_text(uint64_t digest, const char *text)
{
    return program_digest_bytes(digest, text, strlen(text));
}

static bool plan__digest_json(uint64_t *digest, const struct cJSON *json)
{
    char *text = json == NULL ? NULL : cJSON_PrintUnformatted(json);
    if (text == NULL) {
        return json == NULL;
    }
    *digest = plan__digest_text(*digest, text);
    free(text);
    return true;
}

bool plan_digest(const struct plan *plan, struct plan_digest *digest)
{
    *digest = (struct plan_digest){.data = program_data_digest(plan->program)};
    struct cJSON *json = plan_to_json(plan);
    bool known =
        plan__digest_json(&digest->scenario, plan->scenario->document) &&
        plan__digest_json(&digest->load, cJSON_GetObjectItemCaseSensitive(json, "load")) &&
        plan__digest_json(&digest->load, cJSON_GetObjectItemCaseSensitive(json, "variables"));
    cJSON_Delete(json);
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        digest->load = plan__digest_text(digest->load, plan->targets[i].name);
    }
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        digest->load = plan__digest_text(digest->load, plan->thresholds[i].text);
    }
    return known;
}
