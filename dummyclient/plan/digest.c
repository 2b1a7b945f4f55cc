/* Digests of the plan. What may differ from machine to machine (threads, sources, the addresses
 * that a name has there, the folder of the scenario) is not in them. */
#include "core/prng.h"
#include "plan/plan.h"
#include "scenario/data.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

/* A digest with some more bytes in it. */
static uint64_t plan__digest_bytes(uint64_t digest, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    digest = prng_mix(digest, bytes);
    for (; bytes > 0; at += 8) {
        uint64_t word = 0;
        size_t part = bytes < 8 ? bytes : 8;
        for (size_t i = 0; i < part; i++) {
            word |= (uint64_t)at[i] << (8 * i);
        }
        digest = prng_mix(digest, word);
        bytes -= part;
    }
    return digest;
}

static uint64_t plan__digest_text(uint64_t digest, const char *text)
{
    return plan__digest_bytes(digest, text, strlen(text));
}

/* What the data files hold: programs that play together read the same. */
static uint64_t plan__digest_data(const struct value_world *world)
{
    uint64_t digest = world->tables_count;
    for (uint32_t i = 0; i < world->tables_count; i++) {
        const struct data_table *table = &world->tables[i];
        for (uint32_t row = 0; row < table->rows_count; row++) {
            for (uint32_t column = 0; column < table->columns_count; column++) {
                uint32_t bytes = 0;
                const uint8_t *cell = data_cell(table, row, column, &bytes);
                digest = plan__digest_bytes(digest, cell, bytes);
            }
        }
        for (uint32_t column = 0; column < table->columns_count; column++) {
            digest = plan__digest_text(digest, table->columns[column].name);
        }
    }
    return digest;
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
    *digest = (struct plan_digest){.data = plan__digest_data(&plan->program->world)};
    struct cJSON *json = plan_to_json(plan);
    bool known =
        plan__digest_json(&digest->scenario, plan->scenario->document) &&
        plan__digest_json(&digest->load, cJSON_GetObjectItemCaseSensitive(json, "load")) &&
        plan__digest_json(&digest->load, cJSON_GetObjectItemCaseSensitive(json, "variables")) &&
        plan__digest_json(&digest->load, cJSON_GetObjectItemCaseSensitive(json, "tls"));
    cJSON_Delete(json);
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        digest->load = plan__digest_text(digest->load, plan->targets[i].name);
    }
    const struct dummyload_codec *codec = plan_codec_table(&plan->codec);
    if (codec != NULL) {
        digest->load = plan__digest_text(digest->load, codec->name);
        digest->load = plan__digest_text(digest->load, codec->release);
    }
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        digest->load = plan__digest_text(digest->load, plan->thresholds[i].text);
    }
    return known;
}
