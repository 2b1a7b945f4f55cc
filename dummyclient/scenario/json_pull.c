#include "scenario/json_pull.h"

#include <string.h>

struct json__cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static void json__skip_blanks(struct json__cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t' ||
                                        *cursor->at == '\n' || *cursor->at == '\r')) {
        cursor->at++;
    }
}

static bool json__take(struct json__cursor *cursor, uint8_t byte)
{
    json__skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != byte) {
        return false;
    }
    cursor->at++;
    return true;
}

static int json__hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    uint8_t letter = byte | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Four digits at bytes; above 0xffff: they are none. */
static uint32_t json__hex(const uint8_t *bytes, const uint8_t *end)
{
    uint32_t number = 0;
    if (end - bytes < 4) {
        return UINT32_MAX;
    }
    for (int i = 0; i < 4; i++) {
        int digit = json__hex_digit(bytes[i]);
        if (digit < 0) {
            return UINT32_MAX;
        }
        number = number << 4 | (uint32_t)digit;
    }
    return number;
}

/* Goes past a string, whose first quote is next. */
static bool json__string(struct json__cursor *cursor, struct json_pull_value *value)
{
    const uint8_t *begin = ++cursor->at;
    bool has_escapes = false;
    for (; cursor->at < cursor->end && *cursor->at != '"'; cursor->at++) {
        if (*cursor->at < ' ') {
            return false;
        }
        if (*cursor->at != '\\') {
            continue;
        }
        has_escapes = true;
        cursor->at++;
        if (cursor->at == cursor->end || *cursor->at == '\0' ||
            strchr("\"\\/bfnrtu", *cursor->at) == NULL ||
            (*cursor->at == 'u' && json__hex(cursor->at + 1, cursor->end) > 0xffff)) {
            return false;
        }
    }
    if (cursor->at == cursor->end) {
        return false;
    }
    *value = (struct json_pull_value){.type = JSON_PULL_STRING,
                                      .bytes = begin,
                                      .bytes_count = (uint32_t)(cursor->at - begin),
                                      .has_escapes = has_escapes};
    cursor->at++;
    return true;
}

static bool json__is_digit(const struct json__cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

static bool json__digits(struct json__cursor *cursor)
{
    bool some = json__is_digit(cursor);
    while (json__is_digit(cursor)) {
        cursor->at++;
    }
    return some;
}

static bool json__number(struct json__cursor *cursor)
{
    cursor->at += *cursor->at == '-';
    bool zero = cursor->at < cursor->end && *cursor->at == '0';
    const uint8_t *begin = cursor->at;
    if (!json__digits(cursor) || (zero && cursor->at - begin > 1)) {
        return false;
    }
    if (cursor->at < cursor->end && *cursor->at == '.') {
        cursor->at++;
        if (!json__digits(cursor)) {
            return false;
        }
    }
    if (cursor->at < cursor->end && (*cursor->at | 0x20) == 'e') {
        cursor->at++;
        cursor->at += cursor->at < cursor->end && (*cursor->at == '+' || *cursor->at == '-');
        return json__digits(cursor);
    }
    return true;
}

/* Goes past a number, true, false or null. */
static bool json__scalar(struct json__cursor *cursor, struct json_pull_value *value)
{
    static const char *const WORDS[] = {"true", "false", "null"};
    const uint8_t *begin = cursor->at;
    value->type = JSON_PULL_NUMBER;
    if (*begin == '-' || json__is_digit(cursor)) {
        if (!json__number(cursor)) {
            return false;
        }
    } else {
        size_t i = 0;
        size_t bytes = 0;
        for (; i < 3; i++) {
            bytes = strlen(WORDS[i]);
            if ((size_t)(cursor->end - begin) >= bytes && memcmp(begin, WORDS[i], bytes) == 0) {
                break;
            }
        }
        if (i == 3) {
            return false;
        }
        value->type = JSON_PULL_WORD;
        cursor->at += bytes;
    }
    value->bytes = begin;
    value->bytes_count = (uint32_t)(cursor->at - begin);
    value->has_escapes = false;
    return true;
}

/* Goes past a value, whatever is in it. */
static bool json__value(struct json__cursor *cursor, struct json_pull_value *value)
{
    uint32_t depth = 0;
    json__skip_blanks(cursor);
    const uint8_t *begin = cursor->at;
    do {
        bool valid = true;
        json__skip_blanks(cursor);
        uint8_t next = cursor->at < cursor->end ? *cursor->at : '\0';
        if (next == '"') {
            valid = json__string(cursor, value);
        } else if (next == '{' || next == '[') {
            depth++;
            cursor->at++;
        } else if (depth > 0 && (next == '}' || next == ']')) {
            depth--;
            cursor->at++;
            *value = (struct json_pull_value){.type = JSON_PULL_NESTED,
                                              .bytes = begin,
                                              .bytes_count = (uint32_t)(cursor->at - begin)};
        } else if (depth > 0 && (next == ',' || next == ':')) {
            cursor->at++;
        } else {
            valid = next != '\0' && json__scalar(cursor, value);
        }
        if (!valid) {
            return false;
        }
    } while (depth > 0);
    return true;
}

static bool json__is_key(const struct json_pull_value *name, const struct json_step *step)
{
    if (!name->has_escapes) {
        return name->bytes_count == step->key_bytes &&
               (step->key_bytes == 0 || memcmp(name->bytes, step->key, step->key_bytes) == 0);
    }
    const uint8_t *at = name->bytes;
    uint8_t character[4];
    uint32_t compared = 0;
    uint32_t bytes = 0;
    while ((bytes = json_pull_character(&at, name->bytes + name->bytes_count, character)) > 0) {
        if (bytes > step->key_bytes - compared ||
            memcmp(character, step->key + compared, bytes) != 0) {
            return false;
        }
        compared += bytes;
    }
    return compared == step->key_bytes;
}

/* To the value of the key, or the item, in what begins here. */
static enum json_pull_status json__step(struct json__cursor *cursor, const struct json_step *step)
{
    struct json_pull_value skipped;
    json__skip_blanks(cursor);
    bool object = json__take(cursor, '{');
    if (!object && !json__take(cursor, '[')) {
        return json__value(cursor, &skipped) ? JSON_PULL_ABSENT : JSON_PULL_WRONG;
    }
    uint8_t end = object ? '}' : ']';
    if (json__take(cursor, end)) {
        return JSON_PULL_ABSENT;
    }
    for (uint32_t i = 0;; i++) {
        bool found = !object && step->is_index && step->index == i;
        if (object) {
            json__skip_blanks(cursor);
            if (cursor->at == cursor->end || *cursor->at != '"' ||
                !json__string(cursor, &skipped) || !json__take(cursor, ':')) {
                return JSON_PULL_WRONG;
            }
            found = json__is_key(&skipped, step);
        }
        if (found) {
            return JSON_PULL_FOUND;
        }
        if (!json__value(cursor, &skipped)) {
            return JSON_PULL_WRONG;
        }
        if (!json__take(cursor, ',')) {
            return json__take(cursor, end) ? JSON_PULL_ABSENT : JSON_PULL_WRONG;
        }
    }
}

enum json_pull_status json_pull_find(const uint8_t *data, size_t bytes,
                                     const struct json_step *steps, uint32_t steps_count,
                                     struct json_pull_value *value)
{
    struct json__cursor cursor = {data, data + bytes};
    for (uint32_t i = 0; i < steps_count; i++) {
        enum json_pull_status status = json__step(&cursor, &steps[i]);
        if (status != JSON_PULL_FOUND) {
            return status;
        }
    }
    return json__value(&cursor, value) ? JSON_PULL_FOUND : JSON_PULL_WRONG;
}

static uint32_t json__write_utf8(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

uint32_t json_pull_character(const uint8_t **at, const uint8_t *end, uint8_t out[4])
{
    static const char LETTERS[] = "bfnrt";
    static const char MEANINGS[] = "\b\f\n\r\t";
    if (*at == end) {
        return 0;
    }
    if (**at != '\\') {
        out[0] = *(*at)++;
        return 1;
    }
    uint8_t letter = (*at)[1]; /* the escapes were checked when the string was found */
    *at += 2;
    if (letter != 'u') {
        const char *known = strchr(LETTERS, letter);
        out[0] = known != NULL ? (uint8_t)MEANINGS[known - LETTERS] : letter;
        return 1;
    }
    uint32_t point = json__hex(*at, end);
    *at += 4;
    if (point >= 0xd800 && point < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' &&
        (*at)[1] == 'u') {
        uint32_t low = json__hex(*at + 2, end);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return json__write_utf8(0x10000 + ((point - 0xd800) << 10 | (low - 0xdc00)), out);
        }
    }
    return json__write_utf8(point >= 0xd800 && point < 0xe000 ? 0xfffd : point, out);
}
