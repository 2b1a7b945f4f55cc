/* `rules` of the framing `lines`: which lines announce a payload, or more lines. */
#include "scenario/parse/header.h"

#include <inttypes.h>
#include <string.h>

#define LINES_TEXT_EXPECTED "a text of 1 to 64 bytes"

static bool lines__text(struct parse *parse, const cJSON *json, struct framing_pattern *pattern)
{
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (text[0] == '\0' || strlen(text) > FRAMING_HEADER_BYTES_MAX) {
        reader_expected(&parse->reader, json, LINES_TEXT_EXPECTED);
        return false;
    }
    pattern->text = (const uint8_t *)text;
    pattern->bytes = (uint32_t)strlen(text);
    return true;
}

static void lines__literal(struct parse *parse, const cJSON *json, void *place)
{
    lines__text(parse, json, place);
}

static void lines__like(struct parse *parse, const cJSON *json, void *place)
{
    struct framing_pattern *pattern = place;
    pattern->is_like = lines__text(parse, json, pattern);
}

static const struct key lines__size_keys[] = {
    {"word", KEY_WHOLE(struct framing_rule, word, 0, 100)},
    {"after", KEY_OTHER(struct framing_rule, name, lines__literal)},
    {0}};

static void lines__size(struct parse *parse, const cJSON *json, void *place)
{
    struct framing_rule *rule = place;
    if (cJSON_IsString(json) && strcmp(json->valuestring, "last_number") == 0) {
        rule->size = FRAMING_SIZE_LAST_NUMBER;
    } else if (cJSON_IsObject(json)) {
        const struct key *form = reader_read_one(&parse->reader, json, lines__size_keys, "key",
                                                 "\"last_number\", or ", rule);
        if (form != NULL) {
            rule->size = form == lines__size_keys ? FRAMING_SIZE_WORD : FRAMING_SIZE_NAMED;
        }
    } else {
        reader_expected(&parse->reader, json,
                        "where the line says how many bytes follow: \"last_number\", { \"word\": 3 "
                        "} (from 0) or { \"after\": \"content-length:\" }");
    }
}

static const struct key lines__until_keys[] = {
    {"starts_with", KEY_OTHER(struct framing_rule, until, lines__literal)},
    {"like", KEY_OTHER(struct framing_rule, until, lines__like)},
    {0}};

static void lines__until(struct parse *parse, const cJSON *json, void *place)
{
    struct framing_rule *rule = place;
    if (cJSON_IsString(json) && strlen(json->valuestring) <= FRAMING_HEADER_BYTES_MAX) {
        rule->until = (struct framing_pattern){.text = (const uint8_t *)json->valuestring,
                                               .bytes = (uint32_t)strlen(json->valuestring),
                                               .is_whole = true};
        rule->has_until = true;
    } else if (cJSON_IsObject(json)) {
        rule->has_until = reader_read_one(&parse->reader, json, lines__until_keys, "key",
                                          "the last line as a text, or ", rule) != NULL;
    } else {
        reader_expected(&parse->reader, json,
                        "the last line, such as \"END\" (\"\": an empty one), { \"starts_with\": "
                        "... } or { \"like\": \"### \" }");
    }
}

static void lines__end(struct parse *parse, const cJSON *json, void *place)
{
    struct framing_rule *rule = place;
    rule->has_end = true;
    if (!cJSON_IsString(json) || json->valuestring[0] != '\0') {
        parse_delimiter(parse, json, rule->end, &rule->end_bytes);
    }
}

static void lines__check(struct parse *parse, const cJSON *json, void *place)
{
    const struct framing_rule *rule = place;
    struct reader *reader = &parse->reader;
    (void)json;
    if (rule->goes_on && (rule->has_until || rule->has_end || rule->size == FRAMING_SIZE_NONE)) {
        reader_mistake(reader, "`goes_on` (the line goes on behind the payload) needs `size`, and "
                               "neither `until` nor `end`");
    } else if (rule->has_end && rule->size == FRAMING_SIZE_NONE &&
               (!rule->has_until || rule->end_bytes == 0)) {
        reader_mistake(reader, "`end` is of a payload: it needs `size`, or `until` and at least "
                               "one byte that ends what follows these lines");
    }
}

/* A line has no delimiter inside: a text with one would be waited for in vain. */
static bool lines__is_possible(const struct framing_pattern *pattern, const struct framing *framing)
{
    for (uint32_t at = 0; at + framing->delimiter_bytes <= pattern->bytes; at++) {
        const uint8_t *part = pattern->text + at;
        bool is_wild = pattern->is_like && (memchr(part, '#', framing->delimiter_bytes) != NULL ||
                                            memchr(part, '?', framing->delimiter_bytes) != NULL);
        if (!is_wild && memcmp(part, framing->delimiter, framing->delimiter_bytes) == 0) {
            return false;
        }
    }
    return true;
}

void parse_check_rules(struct parse *parse, const struct framing *framing)
{
    for (uint32_t i = 0; i < framing->rules_count; i++) {
        const struct framing_rule *rule = &framing->rules[i];
        const struct {
            const struct framing_pattern *pattern;
            const char *key;
        } patterns[] = {{&rule->begins, rule->begins.is_like ? "like" : "starts_with"},
                        {&rule->ends, "ends_with"},
                        {&rule->until, "until"}};
        for (size_t j = 0; j < sizeof patterns / sizeof patterns[0]; j++) {
            if (!lines__is_possible(patterns[j].pattern, framing)) {
                reader_mistake(&parse->reader,
                               "`rules[%" PRIu32 "].%s` has the delimiter in it: no line is like "
                               "that, as lines are compared without it",
                               i, patterns[j].key);
            }
        }
    }
}

static const struct key lines__rule_keys[] = {
    {"starts_with", KEY_OTHER(struct framing_rule, begins, lines__literal), .excludes = "like"},
    {"like", KEY_OTHER(struct framing_rule, begins, lines__like)},
    {"ends_with", KEY_OTHER(struct framing_rule, ends, lines__literal)},
    {"size", .then = lines__size},
    {"until", .then = lines__until},
    {"end", .then = lines__end},
    {"goes_on", KEY_BOOL(struct framing_rule, goes_on)},
    {0}};
const struct key parse_rule_item = {"rules", .kind = KEY_KIND_OBJECT, .keys = lines__rule_keys,
                                    .then = lines__check};
