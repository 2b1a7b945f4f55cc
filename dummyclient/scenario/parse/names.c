/* The names that a behavior captures and sets, and what kind of number each of them holds, which
 * follows from all values that the behavior assigns to it. */
#include "scenario/parse/place.h"

#include <string.h>

static struct parse_variable *parse__collect_name(struct parse *parse, const char *name)
{
    struct parse_variable *known = parse_find_name(parse, name, strlen(name));
    if (known != NULL) {
        return known;
    }
    if (!parse_name_valid(name)) {
        reader_mistake(&parse->reader,
                       "capture or set `%.64s`: expected a name of letters, digits and _ that the "
                       "language does not use itself",
                       name);
        return NULL;
    }
    if (parse->names_count == TREE_VARIABLES_MAX) {
        reader_mistake(&parse->reader,
                       "expected at most %d names that are captured or set, found "
                       "more",
                       TREE_VARIABLES_MAX);
        return NULL;
    }
    parse->names[parse->names_count] =
        (struct parse_variable){.name = name, .text_bytes_max = VALUE_TEXT_BYTES_MAX};
    return &parse->names[parse->names_count++];
}

/* Can the word (a literal, a column or a name) have a value above INT64_MAX? */
static bool parse__is_wide(struct parse *parse, const char *word, size_t bytes)
{
    uint64_t bits = 0;
    size_t used = 0;
    if (value_read_number((const uint8_t *)word, bytes, &bits, &used)) {
        return bits > (uint64_t)INT64_MAX;
    }
    const char *dot = memchr(word, '.', bytes);
    if (dot != NULL) {
        uint32_t index = parse_find_table(parse, word, (size_t)(dot - word));
        const struct data_table *table = &parse->tables[index];
        size_t column_bytes = bytes - (size_t)(dot - word) - 1;
        uint32_t column = index < parse->tables_count
                              ? parse_find_column(table, dot + 1, column_bytes)
                              : UINT32_MAX;
        return index < parse->tables_count && column < table->columns_count &&
               table->columns[column].type == VALUE_U64;
    }
    const struct parse_variable *variable = parse_find_name(parse, word, bytes);
    return variable != NULL && variable->is_wide && !variable->has_sign;
}

/* A capture may ask for more room than usual; a wrong number is reported when it is read. */
static void parse__collect_room(struct parse_variable *variable, const cJSON *json)
{
    double bytes = cJSON_IsNumber(json) ? json->valuedouble : 0;
    if (bytes > variable->text_bytes_max && bytes <= VALUE_TEXT_BYTES_LIMIT) {
        variable->text_bytes_max = (uint32_t)bytes;
    }
}

/* What kind of number the name is given here: "u64@0" of a capture, -3 or "${x - 1}" of a set. */
static void parse__collect_type(struct parse *parse, struct parse_variable *variable,
                                const cJSON *json, bool captured)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    bool was_wide = variable->is_wide;
    if (captured && cJSON_IsObject(json) && reader_get(json, "at") != NULL) {
        parse__collect_room(variable, reader_get(json, "bytes_max"));
        json = reader_get(json, "at");
    }
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (captured) {
        struct place place; /* a mistake in it is reported when it is read */
        if (text[0] == '\0' || !parse_read_place(parse, text, &place, NULL)) {
            place = (struct place){.field.type = VALUE_TEXT};
        }
        enum value_type type = parse_place_type(&place);
        variable->is_wide = was_wide || type == VALUE_U64;
        variable->is_narrow = variable->is_narrow || type == VALUE_F32;
        variable->has_sign = variable->has_sign || place.field.type == VALUE_I64;
    } else if (cJSON_IsNumber(json)) {
        variable->has_sign = variable->has_sign || json->valuedouble < 0;
        variable->is_wide = variable->is_wide || json->valuedouble >= 0x1p63;
    } else if (strncmp(text, "${", 2) == 0) {
        variable->has_sign =
            variable->has_sign || strchr(text, '-') != NULL || strstr(text, "number(") != NULL;
        for (const char *at = text + 2; *at != '\0';) {
            size_t bytes = strspn(at, letters);
            variable->is_wide =
                variable->is_wide || (bytes > 0 && parse__is_wide(parse, at, bytes));
            at += bytes > 0 ? bytes : 1;
        }
    }
    parse->names_widened = parse->names_widened || variable->is_wide != was_wide;
}

/* All names that `capture` and `set` give, anywhere in the behavior: so a text that uses a name too
 * early is reported as that, and not as using an unknown name. */
static void parse__collect(struct parse *parse, const cJSON *json, bool of_lane)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        if (item->string != NULL && strcmp(item->string, "json") == 0) {
            continue; /* a body, with keys of the server */
        }
        bool names = item->string != NULL && cJSON_IsObject(item) &&
                     (strcmp(item->string, "capture") == 0 || strcmp(item->string, "set") == 0);
        if (!names) {
            parse__collect(parse, item, of_lane);
            continue;
        }
        const cJSON *member = NULL;
        cJSON_ArrayForEach(member, item)
        {
            struct parse_variable *variable = parse__collect_name(parse, member->string);
            if (variable != NULL) {
                variable->of_lane = variable->of_lane || of_lane;
                parse__collect_type(parse, variable, member, item->string[0] == 'c');
            }
        }
    }
}

void parse_collect_names(struct parse *parse, const cJSON *json)
{
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    parse->names_count = 0;
    do { /* what a name holds may depend on other names */
        const cJSON *member = NULL;
        parse->names_widened = false;
        cJSON_ArrayForEach(member, json)
        {
            const char *name = member->string != NULL ? member->string : "";
            parse__collect(parse, member,
                           strcmp(name, "loop") == 0 || strcmp(name, "teardown") == 0);
        }
    } while (parse->names_widened && reader->mistakes_count == mistakes_count);
}
