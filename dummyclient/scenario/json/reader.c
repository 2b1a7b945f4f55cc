#include "scenario/json/reader.h"

#include "core/clock.h"
#include "text/suggest.h"
#include "text/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    READER_LINE_BYTES_MAX = 2048,
    READER_FOUND_BYTES_MAX = 96,
    READER_EXPECTED_BYTES_MAX = 512,
    READER_WORDS_MAX = 64,      /* of one table, or of one key */
    READER_SHOWN_BYTES_MAX = 64 /* of a key */
};

/* Appends to the text as much as there is room for. */
static ERROR_PRINTF(3, 4) void reader__append(char *text, size_t text_bytes, const char *format,
                                              ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, text_bytes - used, format, arguments);
    va_end(arguments);
}

size_t reader_enter(struct reader *reader, const char *key)
{
    size_t mark = reader->path_bytes;
    reader__append(reader->path, sizeof reader->path, "%s%.*s", mark > 0 ? "." : "",
                   READER_SHOWN_BYTES_MAX, key);
    reader->path_bytes = strlen(reader->path);
    return mark;
}

size_t reader_enter_index(struct reader *reader, uint32_t index)
{
    size_t mark = reader->path_bytes;
    reader__append(reader->path, sizeof reader->path, "[%" PRIu32 "]", index);
    reader->path_bytes = strlen(reader->path);
    return mark;
}

void reader_leave(struct reader *reader, size_t mark)
{
    reader->path_bytes = mark;
    reader->path[mark] = '\0';
}

void reader_each(struct reader *reader, const cJSON *json,
                 void (*each)(struct parse *parse, const cJSON *json, void *place), void *place)
{
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t mark = item->string != NULL ? reader_enter(reader, item->string)
                                           : reader_enter_index(reader, index++);
        each(reader->parse, item, place);
        reader_leave(reader, mark);
    }
}

static void reader__mistake(struct reader *reader, const char *format, va_list arguments)
{
    if (++reader->mistakes_count > READER_MISTAKES_MAX) {
        return;
    }
    char line[READER_LINE_BYTES_MAX] = "";
    reader__append(line, sizeof line, "%s: ", reader->file);
    if (reader->path_bytes > 0) {
        reader__append(line, sizeof line, "`%s`: ", reader->path);
    }
    size_t bytes = strlen(line);
    vsnprintf(line + bytes, sizeof line - bytes, format, arguments);
    error_make_line(line);
    reader->report(reader->context, line);
}

void reader_mistake(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reader__mistake(reader, format, arguments);
    va_end(arguments);
}

void reader_mistake_at(struct reader *reader, const char *key, const char *format, ...)
{
    size_t mark = reader_enter(reader, key);
    va_list arguments;
    va_start(arguments, format);
    reader__mistake(reader, format, arguments);
    va_end(arguments);
    reader_leave(reader, mark);
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

void reader_expected_at(struct reader *reader, const cJSON *object, const char *key,
                        const char *expected)
{
    if (object == reader->misspelled && reader_get(object, key) == NULL) {
        return; /* one line for one mistake */
    }
    size_t mark = reader_enter(reader, key);
    reader_expected(reader, reader_get(object, key), expected);
    reader_leave(reader, mark);
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

/* `a`, `b`, `c`; or "a", "b" or "c". */
static void reader__list(char *text, size_t text_bytes, const char *const *words, size_t count,
                         char quote)
{
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count && quote == '"';
        reader__append(text, text_bytes, "%s%c%s%c",
                       i == 0 ? ""
                       : last ? " or "
                              : ", ",
                       quote, words[i], quote);
    }
}

static size_t reader__names(const struct key *keys, const char *names[READER_WORDS_MAX])
{
    size_t count = 0;
    for (; keys[count].name != NULL; count++) {
        names[count] = keys[count].name;
    }
    return count;
}

static const struct key *reader__find(const struct key *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0 ||
            (keys->alias != NULL && strcmp(keys->alias, name) == 0)) {
            return keys;
        }
    }
    return NULL;
}

/* The mistake has been reported, and the document will not be played. The key is corrected in it,
 * so that the value is checked, and is not reported as missing. */
static void reader__correct_key(const cJSON *json, cJSON *member, const char *key)
{
    size_t bytes = strlen(key) + 1;
    char *copy = reader_get(json, key) == NULL ? cJSON_malloc(bytes) : NULL;
    if (copy != NULL) {
        memcpy(copy, key, bytes);
        cJSON_free(member->string);
        member->string = copy;
    }
}

const char *reader_did_you_mean(const char *word, const char *const *names, size_t count,
                                char text[READER_HINT_BYTES_MAX])
{
    const char *nearest = suggest_nearest(word, names, count);
    text[0] = '\0';
    if (nearest != NULL) {
        snprintf(text, READER_HINT_BYTES_MAX, "; did you mean `%s`?", nearest);
    }
    return text;
}

/* noun: what the keys are called here, such as "step". */
static void reader__unknown_key(struct reader *reader, const cJSON *json, cJSON *member,
                                const struct key *keys, const char *noun)
{
    const char *names[READER_WORDS_MAX] = {NULL};
    size_t count = reader__names(keys, names);
    const char *nearest = suggest_nearest(member->string, names, count);
    if (nearest != NULL) {
        reader_mistake_at(reader, member->string, "unknown %s; did you mean `%s`?", noun, nearest);
        reader__correct_key(json, member, nearest);
    } else {
        char known[READER_EXPECTED_BYTES_MAX] = "";
        reader__list(known, sizeof known, names, count, '`');
        bool is_key = strcmp(noun, "key") == 0;
        reader_mistake_at(reader, member->string, "unknown %s; %s %s", noun,
                          is_key ? "the keys here are" : "expected one of", known);
    }
}

static bool reader__members(struct reader *reader, const cJSON *json, const struct key *keys,
                            const char *noun)
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
        if (reader_get(json, member->string) != member) {
            reader_mistake_at(reader, member->string, "expected this key once, found it again");
        } else if (keys != NULL && reader__find(keys, member->string) == NULL) {
            reader__unknown_key(reader, json, member, keys, noun);
            reader->misspelled = json;
        }
    }
    return true;
}

bool reader_object(struct reader *reader, const cJSON *json, const struct key *keys)
{
    return reader__members(reader, json, keys, "key");
}

const cJSON *reader_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* --- Values, a function for each kind: false, and reported, when one is wrong. */

static void reader__store(const struct key *key, void *place, int64_t number)
{
    uint8_t narrow = (uint8_t)number;
    uint16_t wide = (uint16_t)number;
    uint32_t wider = (uint32_t)number;
    const void *from = key->bytes == 1   ? (const void *)&narrow
                       : key->bytes == 2 ? (const void *)&wide
                       : key->bytes == 4 ? (const void *)&wider
                                         : (const void *)&number;
    memcpy(place, from, key->bytes);
}

/* "expected ...": what the key itself says, or what follows from its kind. */
static ERROR_PRINTF(4, 5) bool reader__refuse(struct reader *reader, const cJSON *json,
                                              const struct key *key, const char *format, ...)
{
    char expected[READER_EXPECTED_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    reader_expected(reader, json, key->expected != NULL ? key->expected : expected);
    return false;
}

static bool reader__whole(struct reader *reader, const cJSON *json, const struct key *key,
                          void *place)
{
    double number = json->valuedouble;
    if (!cJSON_IsNumber(json) || number < key->low || number > key->high ||
        floor(number) != number) {
        return reader__refuse(reader, json, key, "a whole number from %.0f to %.0f", key->low,
                              key->high);
    }
    reader__store(key, place, (int64_t)number);
    return true;
}

static bool reader__number(struct reader *reader, const cJSON *json, const struct key *key,
                           void *place)
{
    double number = json->valuedouble;
    if (!cJSON_IsNumber(json) || number < key->low || number > key->high ||
        (key->above_low && number == key->low)) {
        return reader__refuse(reader, json, key,
                              key->above_low ? "a number above %g, at most %g"
                                             : "a number from %g to %g",
                              key->low, key->high);
    }
    memcpy(place, &number, key->bytes);
    return true;
}

static bool reader__bool(struct reader *reader, const cJSON *json, const struct key *key,
                         void *place)
{
    if (!cJSON_IsBool(json)) {
        return reader__refuse(reader, json, key, "true or false");
    }
    reader__store(key, place, cJSON_IsTrue(json));
    return true;
}

static bool reader__text(struct reader *reader, const cJSON *json, const struct key *key,
                         void *place)
{
    if (!cJSON_IsString(json) || json->valuestring[0] == '\0' ||
        (key->high > 0 && (double)strlen(json->valuestring) > key->high)) {
        return key->high == 1 ? reader__refuse(reader, json, key, "a text of 1 byte")
               : key->high > 0
                   ? reader__refuse(reader, json, key, "a text of 1 to %.0f bytes", key->high)
                   : reader__refuse(reader, json, key,
                                    cJSON_IsString(json) ? "a text that is not empty" : "a text");
    }
    const char *text = json->valuestring;
    memcpy(place, &text, key->bytes);
    return true;
}

/* A bound as it would be written in a file. */
static const char *reader__bound(double duration_ns, char text[UNITS_TEXT_BYTES_MAX])
{
    double hours = duration_ns / (3600 * (double)NS_PER_S);
    if (hours < 1 || hours != floor(hours)) {
        return units_format_duration((int64_t)duration_ns, text);
    }
    snprintf(text, UNITS_TEXT_BYTES_MAX, "%.0f h", hours);
    return text;
}

static bool reader__duration(struct reader *reader, const cJSON *json, const struct key *key,
                             void *place)
{
    int64_t duration_ns = 0;
    if (!cJSON_IsString(json) || !units_is_duration(json->valuestring)) {
        return reader__refuse(reader, json, key,
                              "a duration with its unit, such as \"500ms\" or \"30s\"");
    }
    if (!units_duration_ns(json->valuestring, &duration_ns, NULL) ||
        (double)duration_ns < key->low || (double)duration_ns > key->high) {
        char low[UNITS_TEXT_BYTES_MAX];
        char high[UNITS_TEXT_BYTES_MAX];
        return reader__refuse(reader, json, key, "a duration from %s to %s",
                              reader__bound(key->low, low), reader__bound(key->high, high));
    }
    reader__store(key, place, duration_ns);
    return true;
}

static bool reader__rate(struct reader *reader, const cJSON *json, const struct key *key,
                         void *place)
{
    double per_s = 0;
    if (!cJSON_IsString(json) || strchr(json->valuestring, '/') == NULL ||
        !units_is_rate(json->valuestring)) {
        return reader__refuse(reader, json, key,
                              "a rate with its unit, such as \"2000/s\" or \"90/m\"");
    }
    if (!units_rate_per_s(json->valuestring, &per_s, NULL) ||
        (key->above_low && per_s <= key->low)) {
        return reader__refuse(reader, json, key,
                              key->above_low ? "a rate above %g, at most 1000000000/s"
                                             : "a rate from %g to 1000000000/s",
                              key->low);
    }
    memcpy(place, &per_s, key->bytes);
    return true;
}

static bool reader__word(struct reader *reader, const cJSON *json, const struct key *key,
                         void *place)
{
    size_t count = 0;
    for (; key->words[count] != NULL; count++) {
        if (cJSON_IsString(json) && strcmp(json->valuestring, key->words[count]) == 0) {
            reader__store(key, place, (int64_t)count);
            return true;
        }
    }
    char expected[READER_EXPECTED_BYTES_MAX] = "";
    reader__list(expected, sizeof expected, key->words, count, '"');
    const char *nearest =
        cJSON_IsString(json) ? suggest_nearest(json->valuestring, key->words, count) : NULL;
    if (nearest == NULL) {
        return reader__refuse(reader, json, key, "%s", expected);
    }
    char found[READER_FOUND_BYTES_MAX];
    reader_mistake(reader, "expected %s, found %s; did you mean \"%s\"?", expected,
                   reader__found(json, found), nearest);
    return false;
}

static bool reader__object(struct reader *reader, const cJSON *json, const struct key *key,
                           void *place)
{
    if (!key->shorthand || cJSON_IsObject(json)) {
        return reader_read(reader, json, key->keys, place);
    }
    reader_read(reader, NULL, key->keys, place);
    return reader_read_value(reader, json, key->keys, (char *)place + key->keys->offset);
}

static bool reader__array(struct reader *reader, const cJSON *json, const struct key *key,
                          void *place)
{
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : -1;
    if (count < key->low || count > key->high) {
        return key->low > 0 ? reader__refuse(reader, json, key, "an array of %.0f to %.0f %s",
                                             key->low, key->high, key->item->name)
                            : reader__refuse(reader, json, key, "an array of at most %.0f %s",
                                             key->high, key->item->name);
    }
    char *items = arena_take(reader->arena, ((size_t)count + 1) * key->item_bytes);
    if (items == NULL) {
        return false; /* the arena keeps that it failed */
    }
    uint32_t items_count = (uint32_t)count;
    memcpy(place, &items, sizeof items);
    memcpy((char *)place - key->offset + key->count_offset, &items_count, sizeof items_count);
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t mark = reader_enter_index(reader, index);
        reader_read_value(reader, item, key->item, items + (size_t)index++ * key->item_bytes);
        reader_leave(reader, mark);
    }
    return true;
}

static int64_t reader__load(const struct key *key, const void *into)
{
    uint32_t narrow = 0;
    int64_t wide = 0;
    memcpy(key->bytes == 4 ? (void *)&narrow : (void *)&wide, (const char *)into + key->offset,
           key->bytes);
    return key->bytes == 4 ? narrow : wide;
}

static bool reader__pair(struct reader *reader, const cJSON *json, const struct key *key,
                         void *place)
{
    const struct key *keys = key->keys;
    char *places[2] = {(char *)place + keys[0].offset, (char *)place + keys[1].offset};
    if (key->shorthand && !cJSON_IsArray(json)) {
        return reader_read_value(reader, json, &keys[0], places[0]) &&
               reader_read_value(reader, json, &keys[1], places[1]);
    }
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 2) {
        return reader__refuse(reader, json, key, "[min, max]");
    }
    bool valid = true;
    for (uint32_t i = 0; i < 2; i++) {
        size_t mark = reader_enter_index(reader, i);
        valid = reader_read_value(reader, cJSON_GetArrayItem(json, (int)i), &keys[i], places[i]) &&
                valid;
        reader_leave(reader, mark);
    }
    if (valid && reader__load(&keys[0], place) > reader__load(&keys[1], place)) {
        reader_mistake(reader, "expected [min, max], found the greater one first");
        return false;
    }
    return valid;
}

static bool reader__other(struct reader *reader, const cJSON *json, const struct key *key,
                          void *place)
{
    (void)reader, (void)json, (void)key, (void)place;
    return true;
}

bool reader_read_value(struct reader *reader, const cJSON *json, const struct key *key, void *place)
{
    static bool (*const kinds[])(struct reader *, const cJSON *, const struct key *, void *) = {
        [KEY_KIND_OTHER] = reader__other,   [KEY_KIND_WHOLE] = reader__whole,
        [KEY_KIND_NUMBER] = reader__number, [KEY_KIND_BOOL] = reader__bool,
        [KEY_KIND_TEXT] = reader__text,     [KEY_KIND_DURATION] = reader__duration,
        [KEY_KIND_RATE] = reader__rate,     [KEY_KIND_WORD] = reader__word,
        [KEY_KIND_OBJECT] = reader__object, [KEY_KIND_ARRAY] = reader__array,
        [KEY_KIND_PAIR] = reader__pair};
    bool valid = kinds[key->kind](reader, json, key, place);
    if (valid && key->then != NULL) {
        key->then(reader->parse, json, place);
    }
    return valid;
}

static void reader__preset(const struct key *key, void *place)
{
    if (key->preset_text != NULL) {
        memcpy(place, &key->preset_text, key->bytes);
    } else if (key->kind == KEY_KIND_NUMBER || key->kind == KEY_KIND_RATE) {
        memcpy(place, &key->preset, key->bytes);
    } else {
        reader__store(key, place, (int64_t)key->preset);
    }
}

void reader_read_key(struct reader *reader, const cJSON *object, const struct key *key, void *into)
{
    void *place = (char *)into + key->offset;
    const cJSON *json = reader_get(object, key->name);
    const cJSON *older = key->alias == NULL ? NULL : reader_get(object, key->alias);
    const char *other = json != NULL && older != NULL ? key->alias : key->excludes;
    json = json == NULL ? older : json;
    if (key->preset != 0 || key->preset_text != NULL) {
        reader__preset(key, place);
    }
    if (json == NULL) {
        if (key->presets) {
            reader_read(reader, NULL, key->keys, place);
        } else if (object != NULL && key->required != NULL) {
            reader_expected_at(reader, object, key->name, key->required);
        }
        return;
    }
    size_t mark = reader_enter(reader, json->string);
    if (other != NULL && reader_get(object, other) != NULL) {
        reader_mistake(reader, "expected either this or `%s`, found both", other);
    }
    reader_read_value(reader, json, key, place);
    reader_leave(reader, mark);
}

bool reader_read(struct reader *reader, const cJSON *json, const struct key *keys, void *into)
{
    if (json != NULL && !reader_object(reader, json, keys)) {
        return false;
    }
    for (const struct key *key = keys; key->name != NULL; key++) {
        reader_read_key(reader, json, key, into);
    }
    return true;
}

const struct key *reader_read_one(struct reader *reader, const cJSON *json, const struct key *keys,
                                  const char *noun, const char *form, void *into)
{
    bool is_object = cJSON_IsObject(json) && json->child != NULL;
    if (is_object && json->child->next != NULL) {
        uint32_t mistakes_count = reader->mistakes_count;
        reader__members(reader, json, keys, noun);
        if (reader->mistakes_count == mistakes_count) {
            reader_mistake(reader, "expected one of these keys, found `%s` and `%s`",
                           json->child->string, json->child->next->string);
        }
        return NULL;
    }
    if (!is_object) {
        const char *names[READER_WORDS_MAX] = {NULL};
        char expected[READER_EXPECTED_BYTES_MAX] = "";
        reader__append(expected, sizeof expected, "%san object with one of ", form);
        reader__list(expected, sizeof expected, names, reader__names(keys, names), '`');
        reader_expected(reader, json, expected);
        return NULL;
    }
    reader__members(reader, json, keys, noun);
    const struct key *key = reader__find(keys, json->child->string);
    if (key != NULL) {
        reader_read_key(reader, json, key, into);
    }
    return key;
}
