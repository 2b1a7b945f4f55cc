/* Adding to cJSON trees without losing anything: integers beyond 2^53, and members for which
 * there was no memory.
 *
 * cJSON's own Add functions return NULL when memory runs out, and a member is then missing from a
 * document that looks whole. These remember it: result_write() refuses to write such a document.
 * Built by one thread, after the run. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* object[key] = value, exactly, also above 2^53. */
void json_add_u64(struct cJSON *object, const char *key, uint64_t value);
void json_add_i64(struct cJSON *object, const char *key, int64_t value);
/* object[key] = value; one that is not finite becomes null, which JSON has instead. */
void json_add_double(struct cJSON *object, const char *key, double value);
/* NULL becomes null. */
void json_add_text(struct cJSON *object, const char *key, const char *value);
void json_add_bool(struct cJSON *object, const char *key, bool value);
/* object[key] = item, taken over also on failure; NULL counts as a failure. Returns item, or NULL
 * when it could not be added. */
struct cJSON *json_add_item(struct cJSON *object, const char *key, struct cJSON *item);
/* array[] = item, the same. */
void json_append_item(struct cJSON *array, struct cJSON *item);
/* True once anything could not be added since the process began. */
bool json_out_of_memory(void);

/* A text that grows: for long arrays of numbers, which cost 64 bytes a number as a tree. {0} is an
 * empty one. */
struct json_text {
    char *text; /* NUL-terminated; NULL when nothing was added or memory ran out; free() it */
    size_t bytes;
    size_t capacity_bytes;
    bool failed;
};

/* Adds what is formatted. */
void json_text_print(struct json_text *text, const char *format, ...) ERROR_PRINTF(2, 3);
/* Frees the text and returns it as a cJSON item of raw JSON; NULL when memory ran out. */
struct cJSON *json_text_finish(struct json_text *text);
