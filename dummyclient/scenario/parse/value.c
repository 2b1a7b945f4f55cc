/* Values: numbers and texts that may be ${...}, variables, and places in a body. */
#include "scenario/parse/parse.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
        variable->lines_of = arena_take(parse->arena, sizeof *variable->lines_of);
        parse->words_count += 1;
        parse->words_count += type == VALUE_TEXT ? (variable->text_bytes_max + 7) / 8 : 0;
    }
    parse->flow.captured |= UINT64_C(1) << (variable - parse->names);
    return variable;
}

bool parse_operand(struct parse *parse, const cJSON *json, struct value *value)
{
    *value = (struct value){.type = VALUE_TEXT};
    struct operand *operand = &value->operand;
    if (cJSON_IsNumber(json)) {
        double number = json->valuedouble;
        /* json/syntax.c has refused whole numbers that a double does not hold exactly. */
        bool whole = floor(number) == number && number >= -9223372036854775808.0 &&
                     number < 18446744073709551616.0;
        *operand = (struct operand){.source = OPERAND_NUMBER, .type = VALUE_F64};
        operand->low = value_double_bits(number);
        if (whole) {
            operand->low = number < 0 ? (uint64_t)(int64_t)number : (uint64_t)number;
            operand->type = parse_whole_type(number < 0, operand->low);
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
        bool valid = parse_literal(json->valuestring, strlen(json->valuestring), &value->operand);
        if (!valid) {
            reader_expected(&parse->reader, json, "a number, or \"${...}\" that is one");
        }
        value->type = value->operand.type;
        return valid;
    }
    bool valid = parse_make_number(parse, &value->operand);
    value->type = value->operand.type;
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
    for (size_t i = 0; i < digits && digits <= 9; i++) {
        *number = *number * 10 + (uint32_t)((*text)[i] - '0');
    }
    *text += digits;
    return digits > 0 && digits <= 9;
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
