/* Values: ${...}, numbers that may be one, and places in a body. */
#include "scenario/parse/parse.h"

#include "text/suggest.h"
#include "text/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum operand_source source;
} parse__builtin[] = {{"conn", OPERAND_CONNECTION}, {"iteration", OPERAND_ITERATION},
                      {"lane", OPERAND_LANE},       {"seed", OPERAND_SEED},
                      {"now_ms", OPERAND_NOW_MS},   {"stamp_ns", OPERAND_STAMP_NS},
                      {"random", OPERAND_RANDOM}};
enum { PARSE_BUILTIN_COUNT = sizeof parse__builtin / sizeof parse__builtin[0] };
enum { PARSE_WORDS_MAX = PARSE_BUILTIN_COUNT + TREE_VARIABLES_MAX + 64 + DATA_TABLES_MAX };

bool parse_name_valid(const char *name)
{
    size_t bytes = strlen(name);
    bool valid = bytes > 0 && bytes <= TREE_NAME_BYTES_MAX && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; valid && i < bytes; i++) {
        char c = name[i];
        valid =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    for (size_t i = 0; i < PARSE_BUILTIN_COUNT; i++) {
        valid = valid && strcmp(parse__builtin[i].name, name) != 0;
    }
    return valid;
}

struct parse_variable *parse_find_name(struct parse *parse, const char *name, size_t bytes)
{
    for (uint32_t i = 0; i < parse->names_count; i++) {
        if (parse_is(parse->names[i].name, name, bytes)) {
            return &parse->names[i];
        }
    }
    return NULL;
}

struct parse_variable *parse_assign(struct parse *parse, const char *name, enum value_type type)
{
    static const char *const types[] = {"a whole number", "a whole number", "a double", "a double",
                                        "a text"};
    struct parse_variable *variable = parse_find_name(parse, name, strlen(name));
    if (variable == NULL) {
        return NULL; /* a wrong name, reported when the names were collected */
    }
    /* Numbers of a kind have one type, by all that the name is given anywhere. */
    if (value_is_float(type)) {
        type = variable->is_narrow ? VALUE_F32 : VALUE_F64;
    } else if (type <= VALUE_I64) {
        type = variable->is_wide && !variable->has_sign ? VALUE_U64 : VALUE_I64;
    }
    if (variable->typed && variable->type != type) {
        reader_mistake(&parse->reader, "`%s` is %s elsewhere, and %s here", name,
                       types[variable->type], types[type]);
        return NULL;
    }
    if (!variable->typed) {
        variable->typed = true;
        variable->type = type;
        variable->word = parse->words_count;
        parse->words_count += type == VALUE_TEXT ? VALUE_TEXT_WORDS : 1;
    }
    parse->flow.captured |= UINT64_C(1) << (variable - parse->names);
    return variable;
}

static void parse__unknown(struct parse *parse, const char *name)
{
    const char *words[PARSE_WORDS_MAX];
    size_t count = 0;
    for (; count < PARSE_BUILTIN_COUNT; count++) {
        words[count] = parse__builtin[count].name;
    }
    for (uint32_t i = 0; i < parse->names_count; i++) {
        words[count++] = parse->names[i].name;
    }
    for (uint32_t i = 0; i < parse->variables_count && i < 64; i++) {
        words[count++] = parse->variables[i].name;
    }
    for (uint32_t i = 0; i < parse->tables_count; i++) {
        words[count++] = parse->tables[i].name;
    }
    const char *nearest = suggest_nearest(name, words, count);
    bool valid = parse_name_valid(name);
    if (nearest != NULL) {
        reader_mistake(&parse->reader, "`${%s}`: unknown variable; did you mean `${%s}`?", name,
                       nearest);
    } else {
        reader_mistake(&parse->reader,
                       "`${%s}`: unknown variable; expected conn, iteration, lane, seed, now_ms, "
                       "stamp_ns, random(low,high), a table.column of `data`, a captured name or "
                       "one given by --set%s%s%s",
                       name, valid ? " " : "", valid ? name : "", valid ? "=VALUE" : "");
    }
}

/* Of a whole number whose value is known. */
static enum value_type parse__whole_type(bool negative, uint64_t bits)
{
    return negative || bits <= (uint64_t)INT64_MAX ? VALUE_I64 : VALUE_U64;
}

/* A number written out: whole or not, with or without a sign. */
static bool parse__literal(const char *text, size_t bytes, struct operand *operand)
{
    uint64_t bits = 0;
    size_t used = 0;
    if (value_read_digits((const uint8_t *)text, bytes, &bits, &used) && used == bytes) {
        *operand = (struct operand){
            .source = OPERAND_NUMBER, .type = parse__whole_type(text[0] == '-', bits), .low = bits};
        return true;
    }
    char copy[64];
    char *end = copy;
    if (bytes == 0 || bytes >= sizeof copy || strchr("-.0123456789", text[0]) == NULL) {
        return false;
    }
    snprintf(copy, sizeof copy, "%.*s", (int)bytes, text);
    double number = strtod(copy, &end);
    *operand = (struct operand){
        .source = OPERAND_NUMBER, .type = VALUE_F64, .low = value_double_bits(number)};
    return end == copy + bytes && isfinite(number);
}

/* random(low,high): the text between the brackets. */
static bool parse__random(const char *arguments, size_t bytes, struct operand *operand)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)(bytes < sizeof text ? bytes : 0), arguments);
    char *comma = strchr(text, ',');
    if (comma == NULL) {
        return false;
    }
    *comma = '\0';
    const char *second = comma + 1;
    second += strspn(second, " ");
    int64_t low = 0;
    int64_t high = 0;
    if (!units_integer(text, INT64_MIN, INT64_MAX, &low, NULL) ||
        !units_integer(second, INT64_MIN, INT64_MAX, &high, NULL) || low > high) {
        return false;
    }
    *operand = (struct operand){
        .source = OPERAND_RANDOM, .type = VALUE_I64, .low = (uint64_t)low, .high = (uint64_t)high};
    return true;
}

static bool parse__variable(struct parse *parse, const struct parse_variable *variable,
                            struct operand *operand)
{
    if ((parse->flow.captured >> (variable - parse->names) & 1) == 0) {
        reader_mistake(&parse->reader, "`${%s}` is used before it is captured or set",
                       variable->name);
        return false;
    }
    *operand = (struct operand){
        .source = OPERAND_VARIABLE, .type = variable->type, .index = variable->word};
    return true;
}

static bool parse__set_variable(struct parse *parse, const char *text, size_t bytes,
                                struct operand *operand)
{
    for (uint32_t i = 0; i < parse->variables_count; i++) {
        const struct scenario_variable *variable = &parse->variables[i];
        if (parse_is(variable->name, text, bytes)) {
            uint32_t value_bytes = (uint32_t)strlen(variable->value);
            parse->variables_used |= i < 64 ? UINT64_C(1) << i : 0;
            *operand =
                (struct operand){.source = OPERAND_TEXT,
                                 .type = VALUE_TEXT,
                                 .bytes = arena_copy(parse->arena, variable->value, value_bytes),
                                 .bytes_count = value_bytes};
            return true;
        }
    }
    return false;
}

static bool parse__operand(struct parse *parse, const char *text, size_t bytes,
                           struct operand *operand)
{
    static const char random[] = "random(";
    if (parse__set_variable(parse, text, bytes, operand) || parse__literal(text, bytes, operand)) {
        return true;
    }
    if (bytes >= sizeof random && memcmp(text, random, sizeof random - 1) == 0) {
        if (text[bytes - 1] == ')' &&
            parse__random(text + sizeof random - 1, bytes - sizeof random, operand)) {
            return true;
        }
        reader_mistake(&parse->reader,
                       "expected ${random(low,high)} with whole numbers, low <= high, found "
                       "`${%.*s}`",
                       (int)(bytes < 64 ? bytes : 64), text);
        return false;
    }
    for (size_t i = 0; i < PARSE_BUILTIN_COUNT; i++) {
        if (parse__builtin[i].source != OPERAND_RANDOM &&
            parse_is(parse__builtin[i].name, text, bytes)) {
            *operand = (struct operand){.source = parse__builtin[i].source, .type = VALUE_I64};
            return true;
        }
    }
    const char *dot = memchr(text, '.', bytes);
    if (dot != NULL) {
        return parse_cell(parse, text, bytes, dot, operand);
    }
    const struct parse_variable *variable = parse_find_name(parse, text, bytes);
    if (variable != NULL) {
        return parse__variable(parse, variable, operand);
    }
    char shown[TREE_NAME_BYTES_MAX + 1];
    size_t shown_bytes = bytes < sizeof shown ? bytes : sizeof shown - 1;
    snprintf(shown, sizeof shown, "%.*s", (int)shown_bytes, text);
    parse__unknown(parse, shown);
    return false;
}

/* A text where a number is expected: a text given by --set may be one. */
static bool parse__make_number(struct parse *parse, struct operand *operand)
{
    if (operand->type != VALUE_TEXT) {
        return true;
    }
    if (operand->source == OPERAND_TEXT &&
        parse__literal((const char *)operand->bytes, operand->bytes_count, operand)) {
        return true;
    }
    reader_mistake(&parse->reader, "expected a number, found %s",
                   operand->source == OPERAND_DATA
                       ? "a column with a cell that is none (or whose numbers have no common type)"
                       : "a text");
    return false;
}

/* The position of the operation: the first of + - * / % outside of brackets that is not the sign of
 * the text. */
static size_t parse__find_operation(const char *text, size_t bytes)
{
    size_t i = 1;
    int brackets = bytes > 0 && text[0] == '(';
    for (; i < bytes; i++) {
        brackets += (text[i] == '(') - (text[i] == ')');
        if (brackets == 0 && strchr("+-*/%", text[i]) != NULL) {
            break;
        }
    }
    return i;
}

/* In an operation with a u64, an operand that is never below 0 becomes a u64, too. */
static void parse__widen(struct operand *operand, const struct operand *other)
{
    bool number = operand->source == OPERAND_NUMBER || operand->source == OPERAND_RANDOM;
    bool counts = number ? (int64_t)operand->low >= 0 : operand->source < OPERAND_RANDOM;
    if (operand->type == VALUE_I64 && other->type == VALUE_U64 && counts) {
        operand->type = VALUE_U64;
    }
}

bool parse_expression(struct parse *parse, const char *text, size_t bytes, struct value *value)
{
    static const char operations[] = "+-*/%";
    size_t at = bytes == 0 ? 0 : parse__find_operation(text, bytes);
    *value = (struct value){.operation = VALUE_ALONE};
    /* A name given by --set may hold anything. */
    if (parse__set_variable(parse, text, bytes, &value->left) || at == bytes) {
        bool valid =
            value->left.source == OPERAND_TEXT || parse__operand(parse, text, bytes, &value->left);
        value->type = value->left.type;
        return valid;
    }
    size_t left_bytes = at;
    size_t right = at + 1;
    while (left_bytes > 0 && text[left_bytes - 1] == ' ') {
        left_bytes--;
    }
    while (right < bytes && text[right] == ' ') {
        right++;
    }
    if (right < bytes && right + parse__find_operation(text + right, bytes - right) < bytes) {
        reader_mistake(&parse->reader, "expected one operation in `${%.*s}`, found more: use `set`",
                       (int)(bytes < 64 ? bytes : 64), text);
        return false;
    }
    value->operation =
        (enum value_operation)(VALUE_ADD + (strchr(operations, text[at]) - operations));
    if (!parse__operand(parse, text, left_bytes, &value->left) ||
        !parse__operand(parse, text + right, bytes - right, &value->right) ||
        !parse__make_number(parse, &value->left) || !parse__make_number(parse, &value->right)) {
        return false;
    }
    parse__widen(&value->left, &value->right);
    parse__widen(&value->right, &value->left);
    value->type = value_type_of(value->left.type, value->operation, value->right.type);
    return true;
}

bool parse_is_expression(const cJSON *json)
{
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    size_t bytes = strlen(text);
    return bytes > 3 && text[0] == '$' && text[1] == '{' && strchr(text, '}') == text + bytes - 1;
}

bool parse_operand(struct parse *parse, const cJSON *json, struct value *value)
{
    *value = (struct value){.operation = VALUE_ALONE};
    struct operand *operand = &value->left;
    if (cJSON_IsNumber(json)) {
        double number = json->valuedouble;
        /* json/syntax.c has refused whole numbers that a double does not hold exactly. */
        bool whole = floor(number) == number && number >= -9223372036854775808.0 &&
                     number < 18446744073709551616.0;
        *operand = (struct operand){.source = OPERAND_NUMBER, .type = VALUE_F64};
        operand->low = value_double_bits(number);
        if (whole) {
            operand->low = number < 0 ? (uint64_t)(int64_t)number : (uint64_t)number;
            operand->type = parse__whole_type(number < 0, operand->low);
        }
    } else if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "a number, a text or \"${...}\"");
        return false;
    } else if (parse_is_expression(json)) {
        return parse_expression(parse, json->valuestring + 2, strlen(json->valuestring) - 3, value);
    } else if (strstr(json->valuestring, "${") != NULL) {
        reader_expected(&parse->reader, json, "one \"${...}\" with nothing around it");
        return false;
    } else {
        size_t bytes = strlen(json->valuestring);
        *operand = (struct operand){.source = OPERAND_TEXT,
                                    .type = VALUE_TEXT,
                                    .bytes = (const uint8_t *)json->valuestring,
                                    .bytes_count = (uint32_t)bytes};
    }
    value->type = operand->type;
    return true;
}

bool parse_number(struct parse *parse, const cJSON *json, struct value *value)
{
    if (!parse_operand(parse, json, value)) {
        return false;
    }
    if (value->type != VALUE_TEXT) {
        return true;
    }
    if (cJSON_IsString(json) && !parse_is_expression(json)) {
        /* JSON has no exact numbers above 2^53: those are given as texts. */
        bool valid = parse__literal(json->valuestring, strlen(json->valuestring), &value->left);
        if (!valid) {
            reader_expected(&parse->reader, json, "a number, or \"${...}\" that is one");
        }
        value->type = value->left.type;
        return valid;
    }
    bool valid = parse__make_number(parse, &value->left);
    value->type = value->left.type;
    return valid;
}

size_t parse_number_type(const struct parse *parse, const char *text, struct field *field)
{
    static const struct {
        const char *name;
        uint8_t bytes_count;
        enum value_type type;
    } types[] = {{"u8", 1, VALUE_U64},  {"u16", 2, VALUE_U64}, {"u24", 3, VALUE_U64},
                 {"u32", 4, VALUE_U64}, {"u64", 8, VALUE_U64}, {"i8", 1, VALUE_I64},
                 {"i16", 2, VALUE_I64}, {"i24", 3, VALUE_I64}, {"i32", 4, VALUE_I64},
                 {"i64", 8, VALUE_I64}, {"f32", 4, VALUE_F32}, {"f64", 8, VALUE_F64}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t bytes = strlen(types[i].name);
        if (strncmp(text, types[i].name, bytes) != 0) {
            continue;
        }
        *field = (struct field){.bytes_count = types[i].bytes_count,
                                .type = types[i].type,
                                .big_endian = parse->protocol->framing.big_endian};
        if (strncmp(text + bytes, "be", 2) == 0 || strncmp(text + bytes, "le", 2) == 0) {
            field->big_endian = text[bytes] == 'b';
            bytes += 2;
        }
        return bytes;
    }
    return 0;
}

bool parse_digits(const char **text, uint32_t *number)
{
    size_t digits = strspn(*text, "0123456789");
    *number = 0;
    for (size_t i = 0; i < digits && digits <= 8; i++) {
        *number = *number * 10 + (uint32_t)((*text)[i] - '0');
    }
    *text += digits;
    return digits > 0 && digits <= 8;
}

void parse_field(struct parse *parse, const cJSON *json, void *place)
{
    struct field *field = place;
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    size_t bytes = parse_number_type(parse, text, field);
    if (strncmp(text, "dec", 3) == 0) {
        bytes = 3;
        *field = (struct field){.bytes_count = 1, .type = VALUE_I64, .is_digits = true};
    }
    const char *rest = text + bytes + 1;
    uint32_t offset = 0;
    if (bytes == 0 || rest[-1] != '@' || !parse_digits(&rest, &offset) || *rest != '\0' ||
        offset >= FRAMING_FRAME_BYTES_MAX) {
        reader_expected(&parse->reader, json,
                        "a number and its place in the body, such as \"u32@4\", \"i16be@0\" or "
                        "\"dec@1\"");
        *field = (struct field){.bytes_count = 0};
        return;
    }
    field->offset = offset;
}

const cJSON *parse_comparison(struct parse *parse, const cJSON *json, enum comparison *comparison)
{
    static const char *const words[] = {"equals",  "not_equals",   "less_than",
                                        "at_most", "greater_than", "at_least"};
    const cJSON *found = NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const cJSON *member = reader_get(json, words[i]);
        if (member == NULL) {
            continue;
        }
        if (found != NULL) {
            reader_mistake(&parse->reader, "expected one comparison, found `%s` and `%s`",
                           found->string, words[i]);
            return NULL;
        }
        found = member;
        *comparison = (enum comparison)i;
    }
    if (found == NULL) {
        reader_mistake(&parse->reader, "expected one of `equals`, `not_equals`, `less_than`, "
                                       "`at_most`, `greater_than`, `at_least`, found none");
    }
    return found;
}
