/* `fields`: a binary packet, written down field by field. */
#include "scenario/parse/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct parse__fields {
    struct part parts[TREE_PARTS_MAX];
    uint32_t count;
};

static struct part *parse__new_part(struct parse *parse, struct parse__fields *fields)
{
    if (fields->count == TREE_PARTS_MAX) {
        reader_mistake(&parse->reader, "expected at most %d fields and pieces of text, found more",
                       TREE_PARTS_MAX);
        return NULL;
    }
    struct part *part = &fields->parts[fields->count++];
    *part = (struct part){.form = PART_TEXT};
    part->value.left =
        (struct operand){.source = OPERAND_TEXT, .type = VALUE_TEXT, .bytes = (const uint8_t *)""};
    part->value.type = VALUE_TEXT;
    return part;
}

static void parse__add_bytes(struct parse *parse, struct parse__fields *fields,
                             const uint8_t *bytes, uint32_t bytes_count)
{
    struct part *part = parse__new_part(parse, fields);
    if (part != NULL) {
        part->value.left.bytes = bytes;
        part->value.left.bytes_count = bytes_count;
    }
}

void parse_check_range(struct parse *parse, const cJSON *json, const struct field *field,
                       const struct value *value)
{
    if (!value_is_constant(value) || value->operation != VALUE_ALONE ||
        value_is_float(field->type)) {
        return;
    }
    uint32_t bits = 8u * field->bytes_count;
    uint64_t number = value->left.low;
    bool fits = !value_is_float(value->type);
    if (field->type == VALUE_U64) {
        bool negative = value->type == VALUE_I64 && (int64_t)number < 0;
        fits = fits && !negative && (bits == 64 || number >> bits == 0);
    } else {
        int64_t most = INT64_MAX >> (64 - bits);
        int64_t least = -most - 1;
        fits = fits && (value->type == VALUE_I64 || number <= (uint64_t)INT64_MAX) &&
               (int64_t)number <= most && (int64_t)number >= least;
    }
    if (!fits) {
        char expected[64];
        snprintf(expected, sizeof expected, "a whole number that fits into %s%" PRIu32,
                 field->type == VALUE_U64 ? "u" : "i", bits);
        reader_expected(&parse->reader, json, expected);
    }
}

static void parse__number_field(struct parse *parse, const cJSON *json, const struct field *field,
                                struct parse__fields *fields)
{
    struct value value;
    if (!parse_number(parse, json, &value)) {
        return;
    }
    if (!value_is_float(field->type) && value_is_float(value.type)) {
        reader_expected(&parse->reader, json, "a whole number");
        return;
    }
    parse_check_range(parse, json, field, &value);
    struct part *part = parse__new_part(parse, fields);
    if (part != NULL) {
        *part = (struct part){.form = PART_BINARY,
                              .bytes_count = field->bytes_count,
                              .big_endian = field->big_endian,
                              .is_float = value_is_float(field->type),
                              .value = value};
    }
}

/* "length": what stands before (or behind) the text of a string. */
static bool parse__string_length(struct parse *parse, const cJSON *json, struct field *length,
                                 bool *ends_with_zero)
{
    const cJSON *form = reader_get(json, "length");
    const char *word = cJSON_IsString(form) ? form->valuestring : "";
    *length = (struct field){.bytes_count = 0};
    *ends_with_zero = strcmp(word, "zero") == 0;
    if (form == NULL) {
        bool fixed = reader_get(json, "bytes") != NULL;
        parse_number_type(parse, fixed ? "" : "u16", length);
        return true;
    }
    if (*ends_with_zero || strcmp(word, "none") == 0) {
        return true;
    }
    size_t used = parse_number_type(parse, word, length);
    if (used > 0 && word[used] == '\0' && length->type == VALUE_U64 && length->bytes_count <= 4) {
        return true;
    }
    size_t place = reader_enter(&parse->reader, "length");
    reader_expected(&parse->reader, form,
                    "\"u8\", \"u16\" or \"u32\" (also with le or be), \"zero\" or \"none\"");
    reader_leave(&parse->reader, place);
    return false;
}

static void parse__add_parts(struct parse *parse, struct parse__fields *fields,
                             const struct body *text)
{
    if (text->type == BODY_CONSTANT) {
        parse__add_bytes(parse, fields, text->bytes, text->bytes_min);
    }
    for (uint32_t i = 0; i < text->parts_count; i++) {
        struct part *part = parse__new_part(parse, fields);
        if (part != NULL) {
            *part = text->parts[i];
        }
    }
}

/* The parts of a string: its length, a frame of fixed size, the text, a zero. */
static void parse__place_string(struct parse *parse, const cJSON *json, const struct body *text,
                                const struct field *length, bool ends_with_zero,
                                struct parse__fields *fields)
{
    struct reader *reader = &parse->reader;
    uint32_t bytes = 0;
    bool fixed = reader_get(json, "bytes") != NULL;
    if (fixed && !reader_u32(reader, json, "bytes", 1, FRAMING_FRAME_BYTES_MAX, &bytes)) {
        return;
    }
    uint32_t room = bytes - (fixed && ends_with_zero);
    if (fixed && text->type == BODY_CONSTANT && text->bytes_max > room) {
        reader_mistake(reader, "the text has %" PRIu32 " bytes, and the field room for %" PRIu32,
                       text->bytes_max, room);
        return;
    }
    uint64_t counted = length->bytes_count > 0 ? UINT64_C(1) << (8 * length->bytes_count) : 0;
    if (counted > 0 && text->bytes_max >= counted && !(fixed && room < counted)) {
        reader_mistake(reader, "the text can have %" PRIu32 " bytes, more than its length can say",
                       text->bytes_max);
        return;
    }
    struct part *head = length->bytes_count > 0 ? parse__new_part(parse, fields) : NULL;
    struct part *frame = fixed ? parse__new_part(parse, fields) : NULL;
    uint32_t first = fields->count;
    parse__add_parts(parse, fields, text);
    if (head != NULL) {
        *head = (struct part){.form = PART_LENGTH,
                              .bytes_count = length->bytes_count,
                              .big_endian = length->big_endian,
                              .covers = fields->count - first,
                              .bytes_max = room};
    }
    if (frame != NULL) {
        frame->form = PART_FIXED;
        frame->covers = fields->count - first;
        frame->bytes_min = room;
        frame->bytes_max = bytes;
    }
    if (ends_with_zero && !fixed) {
        parse__add_bytes(parse, fields, (const uint8_t *)"", 1);
    }
}

static void parse__string(struct parse *parse, const cJSON *json, struct parse__fields *fields)
{
    static const char *const keys[] = {"string", "length", "bytes", NULL};
    struct reader *reader = &parse->reader;
    const char *text = NULL;
    const cJSON *string = reader_get(json, "string");
    struct field length;
    bool ends_with_zero = false;
    reader_object(reader, json, keys);
    if (!cJSON_IsString(string)) {
        reader_expected(reader, string, "a text");
        return;
    }
    text = string->valuestring;
    struct body body = {.type = BODY_CONSTANT};
    size_t place = reader_enter(reader, "string");
    parse_text(parse, text, &body);
    reader_leave(reader, place);
    if (!parse__string_length(parse, json, &length, &ends_with_zero)) {
        return;
    }
    parse__place_string(parse, json, &body, &length, ends_with_zero, fields);
}

/* `bytes`: any body, in the place of a field. */
static void parse__bytes_field(struct parse *parse, const cJSON *json, struct parse__fields *fields)
{
    struct body body;
    parse_body(parse, json, &body);
    if (body.type == BODY_RANDOM) {
        struct part *part = parse__new_part(parse, fields);
        if (part != NULL) {
            part->form = PART_RANDOM;
            part->bytes_min = body.bytes_min;
            part->bytes_max = body.bytes_max;
        }
        return;
    }
    parse__add_parts(parse, fields, &body);
}

static void parse__field_of(struct parse *parse, const cJSON *json, struct parse__fields *fields)
{
    struct reader *reader = &parse->reader;
    struct field field;
    if (!cJSON_IsObject(json) || json->child == NULL) {
        reader_expected(reader, json,
                        "a field such as { \"u16\": 5 }, { \"string\": \"abc\" } or { \"bytes\": "
                        "{ \"hex\": \"00\" } }");
        return;
    }
    if (reader_get(json, "string") != NULL) {
        parse__string(parse, json, fields);
        return;
    }
    const char *key = json->child->string;
    size_t used = parse_number_type(parse, key, &field);
    bool is_bytes = strcmp(key, "bytes") == 0;
    if (cJSON_GetArraySize(json) != 1 || !(is_bytes || (used > 0 && key[used] == '\0'))) {
        reader_mistake(reader,
                       "expected one of u8 .. u64, i8 .. i64, f32, f64 (also with le or "
                       "be), `string` or `bytes`, found `%.32s`",
                       key);
        return;
    }
    size_t place = reader_enter(reader, key);
    if (is_bytes) {
        parse__bytes_field(parse, json->child, fields);
    } else {
        parse__number_field(parse, json->child, &field, fields);
    }
    reader_leave(reader, place);
}

void parse_fields(struct parse *parse, const cJSON *json, struct body *body)
{
    struct parse__fields fields = {.count = 0};
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (!cJSON_IsArray(json)) {
        reader_expected(&parse->reader, json, "an array of fields");
        return;
    }
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        size_t place = reader_enter_index(&parse->reader, index++);
        parse__field_of(parse, item, &fields);
        reader_leave(&parse->reader, place);
        if (fields.count == TREE_PARTS_MAX) {
            break;
        }
    }
    if (parse->reader.mistakes_count == mistakes_count) {
        parse_join(parse, fields.parts, fields.count, body);
    }
}
