/* `fields`: a binary packet, written down field by field. */
#include "scenario/parse/parse.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct parse__fields {
    struct part parts[TREE_PARTS_MAX];
    uint32_t count;
    bool full; /* which has been reported */
};

static struct part *parse__new_part(struct parse *parse, struct parse__fields *fields)
{
    if (fields->count == TREE_PARTS_MAX) {
        if (!fields->full) {
            reader_mistake(&parse->reader,
                           "expected at most %d fields and pieces of text, found more",
                           TREE_PARTS_MAX);
        }
        fields->full = true;
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
    if (!value_is_constant(value) || value->operation != VALUE_ALONE) {
        return;
    }
    if (value_is_float(field->type)) {
        double real = 0;
        memcpy(&real, &value->left.low, sizeof real);
        if (field->type == VALUE_F32 && value_is_float(value->type) && fabs(real) > FLT_MAX) {
            reader_expected(&parse->reader, json, "a number that fits into f32");
        }
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

/* A string of the packet: its length, a frame of fixed size, the text, a zero. */
struct parse__string {
    struct body text;
    struct field length; /* bytes_count 0: none */
    uint32_t bytes;      /* 0: as long as it is */
    bool ends_with_zero;
};

/* "length": what precedes the text, or (zero) ends it. */
static void parse__string_length(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__string *string = place;
    struct field *length = &string->length;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    *length = (struct field){.bytes_count = 0};
    string->ends_with_zero = strcmp(word, "zero") == 0;
    if (string->ends_with_zero || strcmp(word, "none") == 0) {
        return;
    }
    size_t used = parse_number_type(parse, word, length);
    if (used == 0 || word[used] != '\0' || length->type != VALUE_U64 || length->bytes_count > 4) {
        reader_expected(&parse->reader, json,
                        "\"u8\", \"u16\" or \"u32\" (also with le or be), \"zero\" or \"none\"");
    }
}

static const struct key parse__string_keys[] = {
    {"string", KEY_OTHER(struct parse__string, text, parse_text), .required = "a text"},
    {"length", .then = parse__string_length},
    {"bytes", KEY_WHOLE(struct parse__string, bytes, 1, FRAMING_FRAME_BYTES_MAX)},
    {0}};

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

static void parse__place_string(struct parse *parse, const struct parse__string *string,
                                struct parse__fields *fields)
{
    struct reader *reader = &parse->reader;
    const struct field *length = &string->length;
    uint32_t text_bytes = string->text.bytes_max;
    bool fixed = string->bytes > 0;
    uint32_t room = string->bytes - (fixed && string->ends_with_zero);
    if (fixed && string->text.type == BODY_CONSTANT && text_bytes > room) {
        reader_mistake(reader, "the text has %" PRIu32 " bytes, and the field room for %" PRIu32,
                       text_bytes, room);
        return;
    }
    uint64_t counted = length->bytes_count > 0 ? UINT64_C(1) << (8 * length->bytes_count) : 0;
    if (counted > 0 && text_bytes >= counted && !(fixed && room < counted)) {
        reader_mistake(reader, "the text can have %" PRIu32 " bytes, more than its length can say",
                       text_bytes);
        return;
    }
    struct part *head = length->bytes_count > 0 ? parse__new_part(parse, fields) : NULL;
    struct part *frame = fixed ? parse__new_part(parse, fields) : NULL;
    uint32_t first = fields->count;
    parse__add_parts(parse, fields, &string->text);
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
        frame->bytes_max = string->bytes;
    }
    if (string->ends_with_zero && !fixed) {
        parse__add_bytes(parse, fields, (const uint8_t *)"", 1);
    }
}

static void parse__string(struct parse *parse, const cJSON *json, struct parse__fields *fields)
{
    struct parse__string string = {.text = {.type = BODY_CONSTANT}};
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (reader_get(json, "bytes") == NULL) {
        parse_number_type(parse, "u16", &string.length);
    }
    reader_read(&parse->reader, json, parse__string_keys, &string);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse__place_string(parse, &string, fields);
    }
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

static void parse__field_of(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__fields *fields = place;
    struct reader *reader = &parse->reader;
    struct field field;
    if (fields->full) {
        return;
    }
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
    if (strcmp(key, "hex") == 0 && cJSON_GetArraySize(json) == 1) { /* { "bytes": { "hex" } } */
        parse__bytes_field(parse, json, fields);
        return;
    }
    if (cJSON_GetArraySize(json) != 1 || !(is_bytes || (used > 0 && key[used] == '\0'))) {
        reader_mistake(reader,
                       "expected one of u8 .. u64, i8 .. i64, f32, f64 (also with le or "
                       "be), `string`, `hex` or `bytes`, found `%.32s`",
                       key);
        return;
    }
    size_t mark = reader_enter(reader, key);
    if (is_bytes) {
        parse__bytes_field(parse, json->child, fields);
    } else {
        parse__number_field(parse, json->child, &field, fields);
    }
    reader_leave(reader, mark);
}

void parse_fields(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__fields fields = {.count = 0};
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (!cJSON_IsArray(json)) {
        reader_expected(&parse->reader, json, "an array of fields");
        return;
    }
    reader_each(&parse->reader, json, parse__field_of, &fields);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse_join(parse, fields.parts, fields.count, place);
    }
}
