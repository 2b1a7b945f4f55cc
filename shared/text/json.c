#include "text/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool json__failed;

bool json_out_of_memory(void)
{
    return json__failed;
}

struct cJSON *json_add_item(struct cJSON *object, const char *key, struct cJSON *item)
{
    if (item != NULL && cJSON_AddItemToObject(object, key, item)) {
        return item;
    }
    cJSON_Delete(item);
    json__failed = true;
    return NULL;
}

void json_append_item(struct cJSON *array, struct cJSON *item)
{
    if (item != NULL && cJSON_AddItemToArray(array, item)) {
        return;
    }
    cJSON_Delete(item);
    json__failed = true;
}

void json_add_u64(struct cJSON *object, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    json_add_item(object, key, cJSON_CreateRaw(text));
}

void json_add_i64(struct cJSON *object, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    json_add_item(object, key, cJSON_CreateRaw(text));
}

void json_add_double(struct cJSON *object, const char *key, double value)
{
    json_add_item(object, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

void json_add_text(struct cJSON *object, const char *key, const char *value)
{
    json_add_item(object, key, value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void json_add_bool(struct cJSON *object, const char *key, bool value)
{
    json_add_item(object, key, cJSON_CreateBool(value));
}

void json_text_add(struct json_text *text, const char *part)
{
    size_t part_bytes = strlen(part);
    if (text->failed) {
        return;
    }
    if (text->bytes + part_bytes + 1 > text->capacity_bytes) {
        size_t capacity = (text->bytes + part_bytes + 1) * 2;
        char *grown = realloc(text->text, capacity);
        if (grown == NULL) {
            text->failed = true;
            return;
        }
        text->text = grown;
        text->capacity_bytes = capacity;
    }
    memcpy(text->text + text->bytes, part, part_bytes + 1);
    text->bytes += part_bytes;
}

void json_text_add_u64(struct json_text *text, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    json_text_add(text, digits);
}

struct cJSON *json_text_finish(struct json_text *text)
{
    struct cJSON *item = text->failed || text->text == NULL ? NULL : cJSON_CreateRaw(text->text);
    free(text->text);
    memset(text, 0, sizeof *text);
    return item;
}
