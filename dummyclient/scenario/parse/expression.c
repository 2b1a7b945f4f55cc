/* Expressions: what is between ${ and }. Read with the precedence of C, into postfix order. */
#include "scenario/parse/parse.h"

#include "scenario/utc.h"
#include "text/suggest.h"
#include "text/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum operand_source source;
} parse__builtin[] = {{"conn", OPERAND_CONNECTION},   {"iteration", OPERAND_ITERATION},
                      {"lane", OPERAND_LANE},         {"seed", OPERAND_SEED},
                      {"now_ms", OPERAND_NOW_MS},     {"stamp_ns", OPERAND_STAMP_NS},
                      {"sequence", OPERAND_SEQUENCE}, {"random", OPERAND_RANDOM}};
enum { PARSE_BUILTIN_COUNT = sizeof parse__builtin / sizeof parse__builtin[0] };
enum { PARSE_WORDS_MAX = PARSE_BUILTIN_COUNT + TREE_VARIABLES_MAX + 64 + DATA_TABLES_MAX };

bool parse_is_word(const char *name)
{
    size_t bytes = strlen(name);
    bool valid = bytes > 0 && bytes <= TREE_NAME_BYTES_MAX && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; valid && i < bytes; i++) {
        char c = name[i];
        valid =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    return valid;
}

bool parse_name_valid(const char *name)
{
    bool valid = parse_is_word(name);
    for (size_t i = 0; i < PARSE_BUILTIN_COUNT; i++) {
        valid = valid && strcmp(parse__builtin[i].name, name) != 0;
    }
    return valid;
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
    } else if (parse->reader.misspelled == NULL) { /* its `capture` may be what was misspelled */
        reader_mistake(&parse->reader,
                       "`${%s}`: unknown variable; expected conn, iteration, lane, seed, now_ms, "
                       "stamp_ns, sequence, random(low,high), utc(...), a table.column of `data`, "
                       "a captured name or "
                       "one given by --set%s%s%s",
                       name, valid ? " " : "", valid ? name : "", valid ? "=VALUE" : "");
    }
}

enum value_type parse_whole_type(bool negative, uint64_t bits)
{
    return negative || bits <= (uint64_t)INT64_MAX ? VALUE_I64 : VALUE_U64;
}

bool parse_literal(const char *text, size_t bytes, struct operand *operand)
{
    uint64_t bits = 0;
    size_t used = 0;
    if (value_read_number((const uint8_t *)text, bytes, &bits, &used) && used == bytes) {
        *operand = (struct operand){
            .source = OPERAND_NUMBER, .type = parse_whole_type(text[0] == '-', bits), .low = bits};
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
        bool connects = parse->connects_at != NULL;
        reader_mistake(&parse->reader, "`${%s}` is used before it is captured or set%s%s%s",
                       variable->name, connects ? ", where `" : "",
                       connects ? parse->connects_at : "", connects ? "` connects" : "");
        return false;
    }
    *operand = (struct operand){.source = OPERAND_VARIABLE,
                                .type = variable->type,
                                .index = variable->word,
                                .bytes_count = variable->text_bytes_max};
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

bool parse_make_number(struct parse *parse, struct operand *operand)
{
    if (operand->type != VALUE_TEXT) {
        return true;
    }
    if (operand->source == OPERAND_TEXT &&
        parse_literal((const char *)operand->bytes, operand->bytes_count, operand)) {
        return true;
    }
    reader_mistake(&parse->reader, "expected a number, found %s",
                   operand->source == OPERAND_DATA
                       ? "a column with a cell that is none (or whose numbers have no common type)"
                       : "a text");
    return false;
}

static void parse__unknown_name(struct parse *parse, const char *text, size_t bytes)
{
    char shown[TREE_NAME_BYTES_MAX + 1];
    snprintf(shown, sizeof shown, "%.*s", (int)(bytes < sizeof shown ? bytes : sizeof shown - 1),
             text);
    if (parse->names_are_open && parse_name_valid(shown)) {
        parse->names_missed = true;
    } else {
        parse__unknown(parse, shown);
    }
}

/* A name or a number. */
static bool parse__operand(struct parse *parse, const char *text, size_t bytes,
                           struct operand *operand)
{
    if (parse__set_variable(parse, text, bytes, operand) || parse_literal(text, bytes, operand)) {
        return true;
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
    parse__unknown_name(parse, text, bytes);
    return false;
}

/* Names that may hold anything, also what is an operation elsewhere: of --set, and of a column. */
static bool parse__whole_name(struct parse *parse, const char *text, size_t bytes,
                              struct operand *operand)
{
    if (parse__set_variable(parse, text, bytes, operand)) {
        return true;
    }
    const char *dot = bytes > 0 ? memchr(text, '.', bytes) : NULL;
    uint32_t index = dot == NULL ? UINT32_MAX : parse_find_table(parse, text, (size_t)(dot - text));
    if (index >= parse->tables_count) {
        return false;
    }
    const struct data_table *table = &parse->tables[index];
    size_t column_bytes = bytes - (size_t)(dot - text) - 1;
    return parse_find_column(table, dot + 1, column_bytes) < table->columns_count &&
           parse_cell(parse, text, bytes, dot, operand);
}

/* --- Operations. */

struct expression {
    struct parse *parse;
    const char *text;
    size_t bytes;
    size_t at;
    struct term terms[VALUE_TERMS_MAX];
    uint32_t terms_count;
    uint32_t nesting;
};

/* Of a part of it. */
struct expression_result {
    enum value_type type;
    uint32_t first; /* of its terms */
    bool counts;    /* it is never below 0 */
};

enum { EXPRESSION_LEVELS = 6 }; /* of operations, the last ones first */

static const struct expression_sign {
    const char *sign;
    uint32_t level;
    enum value_operation operation;
} EXPRESSION_SIGNS[] = {{"|", 0, VALUE_OR},           {"^", 1, VALUE_XOR},
                        {"&", 2, VALUE_AND},          {"<<", 3, VALUE_SHIFT_LEFT},
                        {">>", 3, VALUE_SHIFT_RIGHT}, {"+", 4, VALUE_ADD},
                        {"-", 4, VALUE_SUBTRACT},     {"*", 5, VALUE_MULTIPLY},
                        {"/", 5, VALUE_DIVIDE},       {"%", 5, VALUE_REMAINDER}};

/* "`${...}`: expected WHAT, found ...", from where the reading is. */
static bool expression__expected(const struct expression *expression, const char *what)
{
    size_t rest = expression->bytes - expression->at;
    reader_mistake(&expression->parse->reader, "`${%.*s}`: expected %s, found %s%.*s%s",
                   (int)(expression->bytes < 64 ? expression->bytes : 64), expression->text, what,
                   rest == 0 ? "the end" : "`", (int)(rest < 32 ? rest : 32),
                   expression->text + expression->at, rest == 0 ? "" : "`");
    return false;
}

static void expression__skip_blanks(struct expression *expression)
{
    while (expression->at < expression->bytes && expression->text[expression->at] == ' ') {
        expression->at++;
    }
}

static char expression__next(const struct expression *expression)
{
    return expression->at < expression->bytes ? expression->text[expression->at] : '\0';
}

static struct term *expression__add(struct expression *expression, enum value_operation operation)
{
    if (expression->terms_count == VALUE_TERMS_MAX) {
        reader_mistake(&expression->parse->reader,
                       "`${%.*s}`: expected at most %d names, numbers and operations, found more",
                       (int)(expression->bytes < 64 ? expression->bytes : 64), expression->text,
                       VALUE_TERMS_MAX);
        return NULL;
    }
    struct term *term = &expression->terms[expression->terms_count++];
    *term = (struct term){.operation = operation};
    return term;
}

static bool expression__push(struct expression *expression, const struct operand *operand,
                             struct expression_result *result)
{
    bool number = operand->source == OPERAND_NUMBER || operand->source == OPERAND_RANDOM;
    struct term *term = expression__add(expression, VALUE_OPERAND);
    if (term == NULL) {
        return false;
    }
    term->type = operand->type;
    term->operand = *operand;
    *result = (struct expression_result){.type = operand->type,
                                         .first = expression->terms_count - 1,
                                         .counts = number ? (int64_t)operand->low >= 0
                                                          : operand->source < OPERAND_RANDOM ||
                                                                operand->type == VALUE_U64};
    return true;
}

/* A text given by --set may be a number. */
static bool expression__make_number(struct expression *expression, struct expression_result *result)
{
    struct term *term = &expression->terms[result->first];
    if (result->type == VALUE_TEXT) {
        if (!parse_make_number(expression->parse, &term->operand)) {
            return false;
        }
        result->type = term->type = term->operand.type;
        result->counts = (int64_t)term->operand.low >= 0;
    }
    return true;
}

/* In an operation with a u64, what is never below 0 is a u64, too. */
static enum value_type expression__widened(const struct expression_result *result,
                                           const struct expression_result *other)
{
    return result->counts && result->type == VALUE_I64 && other->type == VALUE_U64 ? VALUE_U64
                                                                                   : result->type;
}

/* left becomes the result. */
static bool expression__operate(struct expression *expression, const struct expression_sign *sign,
                                struct expression_result *left, struct expression_result *right)
{
    if (!expression__make_number(expression, left) || !expression__make_number(expression, right)) {
        return false;
    }
    bool of_bits = sign->operation >= VALUE_AND;
    if (of_bits && (value_is_float(left->type) || value_is_float(right->type))) {
        reader_mistake(&expression->parse->reader, "`${%.*s}`: `%s` is for whole numbers",
                       (int)(expression->bytes < 64 ? expression->bytes : 64), expression->text,
                       sign->sign);
        return false;
    }
    struct term *term = expression__add(expression, sign->operation);
    if (term == NULL) {
        return false;
    }
    term->left_type = expression__widened(left, right);
    term->right_type = expression__widened(right, left);
    term->type = value_type_of(term->left_type, sign->operation, term->right_type);
    bool either = sign->operation == VALUE_AND && (left->counts || right->counts);
    left->counts = either || (left->counts && right->counts && sign->operation != VALUE_SUBTRACT);
    left->type = term->type;
    return true;
}

static const struct expression_sign *expression__sign(const struct expression *expression)
{
    for (size_t i = 0; i < sizeof EXPRESSION_SIGNS / sizeof EXPRESSION_SIGNS[0]; i++) {
        const struct expression_sign *sign = &EXPRESSION_SIGNS[i];
        size_t bytes = strlen(sign->sign);
        if (expression->bytes - expression->at >= bytes &&
            memcmp(expression->text + expression->at, sign->sign, bytes) == 0) {
            return sign;
        }
    }
    return NULL;
}

static bool expression__level(struct expression *expression, uint32_t level,
                              struct expression_result *result);

/* ( ... ): the reading is behind the first of them. */
static bool expression__brackets(struct expression *expression, struct expression_result *result)
{
    if (expression->nesting == VALUE_NESTING_MAX) {
        return expression__expected(expression, "at most 8 brackets inside each other");
    }
    expression->nesting++;
    if (!expression__level(expression, 0, result)) {
        return false;
    }
    expression->nesting--;
    if (expression__next(expression) != ')') {
        return expression__expected(expression, "an operation or `)`");
    }
    expression->at++;
    return true;
}

static bool expression__number(struct expression *expression, const char *name, size_t bytes,
                               struct operand *operand)
{
    if (!parse__operand(expression->parse, name, bytes, operand)) {
        return false;
    }
    if (operand->type != VALUE_TEXT) {
        return true;
    }
    if (operand->source == OPERAND_TEXT) {
        return parse_make_number(expression->parse, operand);
    }
    operand->type = VALUE_I64;
    operand->reads_text = true;
    return true;
}

/* utc(%Y%m%d-%H:%M:%S): what is between the brackets. */
static bool expression__utc(struct expression *expression, const char *picture, size_t bytes,
                            struct operand *operand)
{
    uint32_t length = utc_bytes((const uint8_t *)picture, (uint32_t)bytes);
    if (length == 0) {
        reader_mistake(&expression->parse->reader,
                       "`${%.*s}`: expected a picture of %%Y %%m %%d %%H %%M %%S %%3f %%6f %%9f "
                       "%%a %%b and other letters, at most %d bytes long, such as "
                       "utc(%%Y%%m%%d-%%H:%%M:%%S.%%3f)",
                       (int)(expression->bytes < 64 ? expression->bytes : 64), expression->text,
                       VALUE_DIGITS_MAX);
        return false;
    }
    *operand = (struct operand){.source = OPERAND_UTC,
                                .type = VALUE_TEXT,
                                .bytes = arena_copy(expression->parse->arena, picture, bytes),
                                .bytes_count = (uint32_t)bytes,
                                .low = length};
    return true;
}

/* random(low,high), number(name) and utc(...): the reading is at the bracket. */
static bool expression__function(struct expression *expression, const char *name, size_t bytes,
                                 struct expression_result *result)
{
    struct reader *reader = &expression->parse->reader;
    const char *arguments = expression->text + expression->at + 1;
    size_t rest = expression->bytes - expression->at - 1;
    const char *close = rest > 0 ? memchr(arguments, ')', rest) : NULL;
    size_t arguments_bytes = close == NULL ? 0 : (size_t)(close - arguments);
    struct operand operand;
    if (parse_is("random", name, bytes)) {
        if (close == NULL || !parse__random(arguments, arguments_bytes, &operand)) {
            reader_mistake(reader,
                           "expected ${random(low,high)} with whole numbers, low <= high, found "
                           "`${%.*s}`",
                           (int)(expression->bytes < 64 ? expression->bytes : 64),
                           expression->text);
            return false;
        }
    } else if (parse_is("utc", name, bytes)) {
        if (!expression__utc(expression, arguments, arguments_bytes, &operand)) {
            return false;
        }
    } else if (!parse_is("number", name, bytes)) {
        reader_mistake(reader,
                       "`%.*s(...)`: unknown function; expected random(low,high), number(name), "
                       "utc(...), or text(...) around the whole",
                       (int)(bytes < 64 ? bytes : 64), name);
        return false;
    } else if (close == NULL) {
        expression->at = expression->bytes;
        return expression__expected(expression, "a name and `)`");
    } else if (!expression__number(expression, arguments, arguments_bytes, &operand)) {
        return false;
    }
    expression->at = (size_t)(close - expression->text) + 1;
    return expression__push(expression, &operand, result);
}

static bool expression__negate(struct expression *expression, struct expression_result *result)
{
    static const struct expression_sign minus = {"-", 0, VALUE_SUBTRACT};
    const struct operand zero = {.source = OPERAND_NUMBER, .type = VALUE_I64};
    struct expression_result right;
    return expression__push(expression, &zero, result) &&
           expression__level(expression, EXPRESSION_LEVELS, &right) &&
           expression__operate(expression, &minus, result, &right);
}

/* What stands between operations. */
static bool expression__primary(struct expression *expression, struct expression_result *result)
{
    static const char ends[] = "+-*/%&|^<>()";
    const char *text = expression->text + expression->at;
    size_t rest = expression->bytes - expression->at;
    bool negative = rest > 0 && text[0] == '-';
    bool literal = negative && rest > 1 && strchr(".0123456789", text[1]) != NULL;
    if (rest > 0 && text[0] == '(') {
        expression->at++;
        return expression__brackets(expression, result);
    }
    if (negative && !literal) {
        expression->at++;
        return expression__negate(expression, result);
    }
    size_t bytes = literal;
    while (bytes < rest && strchr(ends, text[bytes]) == NULL) {
        bytes++;
    }
    expression->at += bytes;
    bool function = bytes < rest && text[bytes] == '(';
    while (bytes > 0 && text[bytes - 1] == ' ') {
        bytes--;
    }
    if (bytes == 0) {
        return expression__expected(expression, "a name, a number or `(`");
    }
    struct operand operand;
    return function ? expression__function(expression, text, bytes, result)
                    : parse__operand(expression->parse, text, bytes, &operand) &&
                          expression__push(expression, &operand, result);
}

static bool expression__level(struct expression *expression, uint32_t level,
                              struct expression_result *result)
{
    if (level == EXPRESSION_LEVELS) {
        expression__skip_blanks(expression);
        bool read = expression__primary(expression, result);
        expression__skip_blanks(expression);
        return read;
    }
    if (!expression__level(expression, level + 1, result)) {
        return false;
    }
    const struct expression_sign *sign = NULL;
    while ((sign = expression__sign(expression)) != NULL && sign->level == level) {
        struct expression_result right;
        expression->at += strlen(sign->sign);
        if (!expression__level(expression, level + 1, &right) ||
            !expression__operate(expression, sign, result, &right)) {
            return false;
        }
    }
    return true;
}

/* What was read, as one operand where it is one. */
static void expression__finish(const struct expression *expression, struct value *value)
{
    static const struct message_scope nothing = {.key = 0};
    const struct term *last = &expression->terms[expression->terms_count - 1];
    *value = (struct value){.operand = expression->terms[0].operand, .type = last->type};
    if (expression->terms_count == 1) {
        return;
    }
    value->terms = expression->terms;
    value->terms_count = expression->terms_count;
    if (value_is_constant(value)) {
        *value = (struct value){.operand = {.source = OPERAND_NUMBER,
                                            .type = last->type,
                                            .low = value_bits(value, &nothing, 0)},
                                .type = last->type};
        return;
    }
    value->terms = arena_copy(expression->parse->arena, expression->terms,
                              expression->terms_count * sizeof *expression->terms);
    value->terms_count = value->terms == NULL ? 0 : value->terms_count;
}

static bool parse__expression(struct parse *parse, const char *text, size_t bytes,
                              struct value *value)
{
    struct expression expression = {.parse = parse, .text = text, .bytes = bytes};
    struct expression_result result;
    *value = (struct value){.type = VALUE_I64};
    if (parse__whole_name(parse, text, bytes, &value->operand)) {
        value->type = value->operand.type;
        return true;
    }
    if (!expression__level(&expression, 0, &result)) {
        return false;
    }
    if (expression.at < bytes) {
        return expression__expected(&expression, "an operation or the end");
    }
    expression__finish(&expression, value);
    return true;
}

bool parse_expression(struct parse *parse, const char *text, size_t bytes, struct value *value)
{
    static const char as_text[] = "text("; /* around all of it: the digits of a number */
    const size_t head_bytes = sizeof as_text - 1;
    if (bytes <= head_bytes || memcmp(text, as_text, head_bytes) != 0 || text[bytes - 1] != ')') {
        return parse__expression(parse, text, bytes, value);
    }
    bool valid = parse__expression(parse, text + head_bytes, bytes - head_bytes - 1, value);
    value->type = VALUE_TEXT;
    return valid;
}

bool parse_is_expression(const cJSON *json)
{
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    size_t bytes = strlen(text);
    return bytes > 3 && text[0] == '$' && text[1] == '{' && strchr(text, '}') == text + bytes - 1;
}

bool parse_is_composed(const cJSON *json)
{
    return cJSON_IsString(json) && strstr(json->valuestring, "${") != NULL &&
           !parse_is_expression(json);
}
