#include "text/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool json__failed;

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

void json_text_print(struct json_text *text, const char *format, ...)
{
    for (size_t room = text->capacity_bytes - text->bytes; !text->failed;) {
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(room > 0 ? text->text + text->bytes : NULL, room, format, arguments);
        va_end(arguments);
        size_t bytes = length > 0 ? (size_t)length : 0;
        if (bytes < room) {
            text->bytes += bytes;
            return;
        }
        size_t capacity_bytes = (text->bytes + bytes + 1) * 2;
        char *grown = realloc(text->text, capacity_bytes);
        text->failed = grown == NULL;
        if (grown != NULL) {
            text->text = grown;
            text->capacity_bytes = capacity_bytes;
            room = capacity_bytes - text->bytes;
        }
    }
}

struct cJSON *json_text_finish(struct json_text *text)
{
    struct cJSON *item = text->failed || text->text == NULL ? NULL : cJSON_CreateRaw(text->text);
    free(text->text);
    memset(text, 0, sizeof *text);
    return item;
}
