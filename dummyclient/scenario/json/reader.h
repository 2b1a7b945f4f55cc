/* The reader: takes typed values out of a parsed JSON document and reports every mistake with the
 * file, the JSON path, what was expected and what was found.
 *
 * Control plane; one thread. The path is kept by the reader: enter a key or an index, read, leave.
 * Reading functions that take a key report at that key's path, leave *value untouched when the key
 * is absent or wrong, and return true only when they have written it. */
#ifndef DUMMYLOAD_SCENARIO_READER_H
#define DUMMYLOAD_SCENARIO_READER_H

#include "core/error.h"

#include <cjson/cJSON.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { READER_PATH_BYTES_MAX = 1024, READER_MISTAKES_MAX = 20, READER_KEYS_MAX = 1000 };

struct reader {
    const char *file;
    void (*report)(void *context, const char *line);
    void *context;
    uint32_t mistakes_count;
    size_t path_bytes;
    char path[READER_PATH_BYTES_MAX];
};

/* Both return the place to give to reader_leave(). */
size_t reader_enter(struct reader *reader, const char *key);
size_t reader_enter_index(struct reader *reader, uint32_t index);
void reader_leave(struct reader *reader, size_t place);

/* A mistake at the present path, in words. */
void reader_mistake(struct reader *reader, const char *format, ...) ERROR_PRINTF(2, 3);
/* "expected EXPECTED, found ..." at the present path; json may be NULL (absent). */
void reader_expected(struct reader *reader, const cJSON *json, const char *expected);
/* Reports how many mistakes were not printed, if any. */
void reader_finish(struct reader *reader);

/* True when json is an object, each key stands in it once and all of them are in keys (NULL at
 * the end; keys itself NULL: any key). Reports otherwise; a wrong key does not make it false, so
 * that what stands beside it is still checked, and one that is nearly right is from then on read
 * as the right one. */
bool reader_object(struct reader *reader, const cJSON *json, const char *const *keys);
/* The member, or NULL. */
const cJSON *reader_get(const cJSON *object, const char *key);
/* The member; reports when it is absent. */
const cJSON *reader_require(struct reader *reader, const cJSON *object, const char *key,
                            const char *expected);

/* Whole numbers; low..high within +-2^53, so that a double holds them exactly. */
bool reader_integer(struct reader *reader, const cJSON *object, const char *key, int64_t low,
                    int64_t high, int64_t *value);
bool reader_u32(struct reader *reader, const cJSON *object, const char *key, uint32_t low,
                uint32_t high, uint32_t *value);
bool reader_bool(struct reader *reader, const cJSON *object, const char *key, bool *value);
/* A text of at least one byte; *value points into the document. */
bool reader_text(struct reader *reader, const cJSON *object, const char *key, const char **value);
/* "500ms", in low_ns..high_ns. */
bool reader_duration(struct reader *reader, const cJSON *object, const char *key, int64_t low_ns,
                     int64_t high_ns, int64_t *value_ns);
/* "2000/s"; the unit is required in a file. */
bool reader_rate(struct reader *reader, const cJSON *object, const char *key, double *per_s);
/* One of words (NULL at the end); *index is its place. */
bool reader_choice(struct reader *reader, const cJSON *object, const char *key,
                   const char *const *words, uint32_t *index);

/* The same for a value that is at the present path. */
bool reader_integer_here(struct reader *reader, const cJSON *json, int64_t low, int64_t high,
                         int64_t *value);
bool reader_duration_here(struct reader *reader, const cJSON *json, int64_t low_ns, int64_t high_ns,
                          int64_t *value_ns);
bool reader_choice_here(struct reader *reader, const cJSON *json, const char *const *words,
                        uint32_t *index);

#endif
