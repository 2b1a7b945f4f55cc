#include "scenario/json/reader.h"

#include "core/clock.h"
#include "text/suggest.h"
#include "text/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { READER_LINE_BYTES_MAX = 2048, READER_FOUND_BYTES_MAX = 96 };

static void reader__append_path(struct reader *reader, const char *text)
{
    size_t left_bytes = sizeof reader->path - reader->path_bytes;
    int bytes = snprintf(reader->path + reader->path_bytes, left_bytes, "%s", text);
    reader->path_bytes += (size_t)bytes < left_bytes ? (size_t)bytes : left_bytes - 1;
}

size_t reader_enter(struct reader *reader, const char *key)
{
    size_t place = reader->path_bytes;
    if (place > 0) {
        reader__append_path(reader, ".");
    }
    reader__append_path(reader, key);
    return place;
}

size_t reader_enter_index(struct reader *reader, uint32_t index)
{
    size_t place = reader->path_bytes;
    char text[16];
    snprintf(text, sizeof text, "[%" PRIu32 "]", index);
    reader__append_path(reader, text);
    return place;
}

void reader_leave(struct reader *reader, size_t place)
{
    reader->path_bytes = place;
    reader->path[place] = '\0';
}

void reader_mistake(struct reader *reader, const char *format, ...)
{
    if (++reader->mistakes_count > READER_MISTAKES_MAX) {
        return;
    }
    char line[READER_LINE_BYTES_MAX];
    int bytes = reader->path_bytes > 0
                    ? snprintf(line, sizeof line, "%s: `%s`: ", reader->file, reader->path)
                    : snprintf(line, sizeof line, "%s: ", reader->file);
    if (bytes > 0 && (size_t)bytes < sizeof line) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(line + bytes, sizeof line - (size_t)bytes, format, arguments);
        va_end(arguments);
    }
    error_make_line(line);
    reader->report(reader->context, line);
}

/* What a person sees in the file. */
static const char *reader__found(const cJSON *json, char text[READER_FOUND_BYTES_MAX])
{
    if (json == NULL) {
        return "nothing";
    }
    if (cJSON_IsString(json)) {
        bool long_text = strlen(json->valuestring) > 48;
        snprintf(text, READER_FOUND_BYTES_MAX, "\"%.48s%s\"", json->valuestring,
                 long_text ? "..." : "");
    } else if (cJSON_IsNumber(json)) {
        snprintf(text, READER_FOUND_BYTES_MAX, "%.17g", json->valuedouble);
        double shorter = 0;
        char compact[READER_FOUND_BYTES_MAX];
        snprintf(compact, sizeof compact, "%.15g", json->valuedouble);
        if (sscanf(compact, "%lf", &shorter) == 1 && shorter == json->valuedouble) {
            return strcpy(text, compact);
        }
    } else if (cJSON_IsBool(json)) {
        return cJSON_IsTrue(json) ? "true" : "false";
    } else if (cJSON_IsNull(json)) {
        return "null";
    } else if (cJSON_IsArray(json)) {
        snprintf(text, READER_FOUND_BYTES_MAX, "an array of %d", cJSON_GetArraySize(json));
    } else {
        return "an object";
    }
    return text;
}

void reader_expected(struct reader *reader, const cJSON *json, const char *expected)
{
    char found[READER_FOUND_BYTES_MAX];
    reader_mistake(reader, "expected %s, found %s", expected, reader__found(json, found));
}

void reader_finish(struct reader *reader)
{
    if (reader->mistakes_count <= READER_MISTAKES_MAX) {
        return;
    }
    char line[READER_LINE_BYTES_MAX];
    snprintf(line, sizeof line, "%s: and %" PRIu32 " more", reader->file,
             reader->mistakes_count - READER_MISTAKES_MAX);
    reader->report(reader->context, line);
}

static const char *reader__nearest(const char *word, const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL) {
        count++;
    }
    return suggest_nearest(word, words, count);
}

static bool reader__knows(const char *const *keys, const char *key)
{
    for (; *keys != NULL; keys++) {
        if (strcmp(*keys, key) == 0) {
            return true;
        }
    }
    return false;
}

/* The document is told to be wrong already and will not be played: in it the key is put right, so
 * that what stands below it is checked, and is not missed. */
static void reader__correct_key(const cJSON *json, cJSON *member, const char *key)
{
    size_t bytes = strlen(key) + 1;
    char *copy = cJSON_GetObjectItemCaseSensitive(json, key) == NULL ? cJSON_malloc(bytes) : NULL;
    if (copy != NULL) {
        memcpy(copy, key, bytes);
        cJSON_free(member->string);
        member->string = copy;
    }
}

static void reader__unknown_key(struct reader *reader, const cJSON *json, cJSON *member,
                                const char *const *keys)
{
    char shown[64];
    snprintf(shown, sizeof shown, "%s", member->string);
    size_t place = reader_enter(reader, shown);
    const char *nearest = reader__nearest(member->string, keys);
    if (nearest != NULL) {
        reader__correct_key(json, member, nearest);
        reader_mistake(reader, "unknown key; did you mean `%s`?", nearest);
    } else {
        char known[512] = "";
        size_t bytes = 0;
        for (const char *const *at = keys; *at != NULL && bytes < sizeof known - 1; at++) {
            int written = snprintf(known + bytes, sizeof known - bytes, "%s`%s`",
                                   at == keys ? "" : ", ", *at);
            bytes += written > 0 ? (size_t)written : 0;
        }
        reader_mistake(reader, "unknown key; the keys here are %s", known);
    }
    reader_leave(reader, place);
}

bool reader_object(struct reader *reader, const cJSON *json, const char *const *keys)
{
    if (!cJSON_IsObject(json)) {
        reader_expected(reader, json, "an object");
        return false;
    }
    int count = 0;
    cJSON *member = NULL;
    cJSON_ArrayForEach(member, json)
    {
        if (++count > READER_KEYS_MAX) {
            reader_mistake(reader, "expected at most %d keys, found more", READER_KEYS_MAX);
            return false;
        }
        /* The first one that has this key: with cJSON that is the one that would be read. */
        if (cJSON_GetObjectItemCaseSensitive(json, member->string) != member) {
            char shown[64];
            snprintf(shown, sizeof shown, "%s", member->string);
            size_t place = reader_enter(reader, shown);
            reader_mistake(reader, "expected this key once, found it again");
            reader_leave(reader, place);
        } else if (keys != NULL && !reader__knows(keys, member->string)) {
            reader__unknown_key(reader, json, member, keys);
        }
    }
    return true;
}

const cJSON *reader_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

const cJSON *reader_require(struct reader *reader, const cJSON *object, const char *key,
                            const char *expected)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        size_t place = reader_enter(reader, key);
        reader_expected(reader, NULL, expected);
        reader_leave(reader, place);
    }
    return json;
}

bool reader_integer_here(struct reader *reader, const cJSON *json, int64_t low, int64_t high,
                         int64_t *value)
{
    if (cJSON_IsNumber(json) && json->valuedouble >= (double)low &&
        json->valuedouble <= (double)high && floor(json->valuedouble) == json->valuedouble) {
        *value = (int64_t)json->valuedouble;
        return true;
    }
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, low, high);
    reader_expected(reader, json, expected);
    return false;
}

bool reader_integer(struct reader *reader, const cJSON *object, const char *key, int64_t low,
                    int64_t high, int64_t *value)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        return false;
    }
    size_t place = reader_enter(reader, key);
    bool valid = reader_integer_here(reader, json, low, high, value);
    reader_leave(reader, place);
    return valid;
}

bool reader_u32(struct reader *reader, const cJSON *object, const char *key, uint32_t low,
                uint32_t high, uint32_t *value)
{
    int64_t wide = 0;
    if (!reader_integer(reader, object, key, low, high, &wide)) {
        return false;
    }
    *value = (uint32_t)wide;
    return true;
}

bool reader_bool(struct reader *reader, const cJSON *object, const char *key, bool *value)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        return false;
    }
    if (cJSON_IsBool(json)) {
        *value = cJSON_IsTrue(json) != 0;
        return true;
    }
    size_t place = reader_enter(reader, key);
    reader_expected(reader, json, "true or false");
    reader_leave(reader, place);
    return false;
}

bool reader_text(struct reader *reader, const cJSON *object, const char *key, const char **value)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        return false;
    }
    if (cJSON_IsString(json) && json->valuestring[0] != '\0') {
        *value = json->valuestring;
        return true;
    }
    size_t place = reader_enter(reader, key);
    reader_expected(reader, json, "a text");
    reader_leave(reader, place);
    return false;
}

/* A bound as it would be written in a file. */
static const char *reader__bound(int64_t duration_ns, char text[UNITS_TEXT_BYTES_MAX])
{
    int64_t hour_ns = 3600 * NS_PER_S;
    if (duration_ns == 0 || duration_ns % hour_ns != 0) {
        return units_format_duration(duration_ns, text);
    }
    snprintf(text, UNITS_TEXT_BYTES_MAX, "%" PRId64 " h", duration_ns / hour_ns);
    return text;
}

bool reader_duration_here(struct reader *reader, const cJSON *json, int64_t low_ns, int64_t high_ns,
                          int64_t *value_ns)
{
    int64_t duration_ns = 0;
    if (!cJSON_IsString(json) || !units_duration_ns(json->valuestring, &duration_ns, NULL)) {
        reader_expected(reader, json, "a duration with its unit, such as \"500ms\" or \"30s\"");
        return false;
    }
    if (duration_ns < low_ns || duration_ns > high_ns) {
        char low[UNITS_TEXT_BYTES_MAX];
        char high[UNITS_TEXT_BYTES_MAX];
        char expected[2 * UNITS_TEXT_BYTES_MAX + 32];
        snprintf(expected, sizeof expected, "a duration from %s to %s", reader__bound(low_ns, low),
                 reader__bound(high_ns, high));
        reader_expected(reader, json, expected);
        return false;
    }
    *value_ns = duration_ns;
    return true;
}

bool reader_duration(struct reader *reader, const cJSON *object, const char *key, int64_t low_ns,
                     int64_t high_ns, int64_t *value_ns)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        return false;
    }
    size_t place = reader_enter(reader, key);
    bool valid = reader_duration_here(reader, json, low_ns, high_ns, value_ns);
    reader_leave(reader, place);
    return valid;
}

bool reader_rate(struct reader *reader, const cJSON *object, const char *key, double *per_s)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        return false;
    }
    if (cJSON_IsString(json) && strchr(json->valuestring, '/') != NULL &&
        units_rate_per_s(json->valuestring, per_s, NULL)) {
        return true;
    }
    size_t place = reader_enter(reader, key);
    reader_expected(reader, json, "a rate with its unit, such as \"2000/s\" or \"90/m\"");
    reader_leave(reader, place);
    return false;
}

bool reader_choice_here(struct reader *reader, const cJSON *json, const char *const *words,
                        uint32_t *index)
{
    char expected[512] = "";
    size_t bytes = 0;
    for (uint32_t i = 0; words[i] != NULL; i++) {
        if (cJSON_IsString(json) && strcmp(json->valuestring, words[i]) == 0) {
            *index = i;
            return true;
        }
        const char *comma = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        int written =
            snprintf(expected + bytes, sizeof expected - bytes, "%s\"%s\"", comma, words[i]);
        bytes += written > 0 ? (size_t)written : 0;
        bytes = bytes < sizeof expected ? bytes : sizeof expected - 1;
    }
    const char *nearest = cJSON_IsString(json) ? reader__nearest(json->valuestring, words) : NULL;
    if (nearest != NULL) {
        char found[READER_FOUND_BYTES_MAX];
        reader_mistake(reader, "expected %s, found %s; did you mean \"%s\"?", expected,
                       reader__found(json, found), nearest);
    } else {
        reader_expected(reader, json, expected);
    }
    return false;
}

bool reader_choice(struct reader *reader, const cJSON *object, const char *key,
                   const char *const *words, uint32_t *index)
{
    const cJSON *json = reader_get(object, key);
    if (json == NULL) {
        return false;
    }
    size_t place = reader_enter(reader, key);
    bool valid = reader_choice_here(reader, json, words, index);
    reader_leave(reader, place);
    return valid;
}
