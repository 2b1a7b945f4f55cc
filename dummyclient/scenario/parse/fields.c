/* `fields`: a binary packet, written down field by field. */
#include "scenario/parse/header.h"
#include "scenario/parse/parts.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A whole number into a field of whole numbers. */
static bool parse__fits(const struct field *field, enum value_type type, uint64_t number)
{
    uint32_t bits = 8u * field->bytes_count;
    if (field->type == VALUE_U64) {
        bool negative = type == VALUE_I64 && (int64_t)number < 0;
        return !negative && (bits == 64 || number >> bits == 0);
    }
    int64_t most = INT64_MAX >> (64 - bits);
    int64_t least = -most - 1;
    return (type == VALUE_I64 || number <= (uint64_t)INT64_MAX) && (int64_t)number <= most &&
           (int64_t)number >= least;
}

void parse_check_range(struct parse *parse, const cJSON *json, const struct field *field,
                       const struct value *value)
{
    bool random = value->terms_count == 0 && value->operand.source == OPERAND_RANDOM &&
                  !value_is_float(field->type);
    if (!random && !value_is_constant(value)) {
        return;
    }
    if (value_is_float(field->type)) {
        double real = 0;
        memcpy(&real, &value->operand.low, sizeof real);
        if (field->type == VALUE_F32 && value_is_float(value->type) && fabs(real) > FLT_MAX) {
            reader_expected(&parse->reader, json, "a number that fits into f32");
        }
        return;
    }
    uint32_t bits = 8u * field->bytes_count;
    bool fits = !value_is_float(value->type) &&
                parse__fits(field, value->type, value->operand.low) &&
                (!random || parse__fits(field, value->type, value->operand.high));
    if (!fits) {
        char expected[64];
        snprintf(expected, sizeof expected, "%s into %s%" PRIu32,
                 random ? "random numbers that all fit" : "a whole number that fits",
                 field->type == VALUE_U64 ? "u" : "i", bits);
        reader_expected(&parse->reader, json, expected);
    }
}

/* With a sign or without. */
static bool parse__has_32_bits(const struct value *value)
{
    const struct message_scope nothing = {.key = 0};
    uint64_t bits = value_bits(value, &nothing, 0);
    return bits <= UINT32_MAX ||
           (value->type == VALUE_I64 && (int64_t)bits >= INT32_MIN && (int64_t)bits < 0);
}

void parse_add_number(struct parse *parse, const cJSON *json, const struct part *form,
                      const struct field *range)
{
    struct value value;
    if (!parse_number(parse, json, &value)) {
        return;
    }
    if (!form->is_float && value_is_float(value.type)) {
        reader_expected(&parse->reader, json, "a whole number");
        return;
    }
    if (range != NULL) {
        parse_check_range(parse, json, range, &value);
    } else if (form->bytes_count == 4 && value_is_constant(&value) && !parse__has_32_bits(&value)) {
        reader_expected(&parse->reader, json, "a whole number of 32 bits");
        return;
    }
    struct part *part = parse_add_part(parse);
    if (part != NULL) {
        uint32_t draw = part->draw;
        *part = *form;
        part->draw = draw;
        part->value = value;
    }
}

/* A string of the packet: its length, a frame of fixed size, the text, a zero. */
struct parse__string {
    struct body text;
    struct number_format format;
    bool has_length;
    uint32_t bytes; /* 0: as long as it is */
    bool ends_with_zero;
};

/* "length": what precedes the text, or (zero) ends it. */
static void parse__string_length(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__string *string = place;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    string->ends_with_zero = strcmp(word, "zero") == 0;
    string->has_length = !string->ends_with_zero && strcmp(word, "none") != 0;
    if (string->has_length && (!parse_format(&parse->protocol->framing, word, &string->format) ||
                               string->format.form == NUMBER_DIGITS)) {
        reader_expected(&parse->reader, json,
                        "\"u8\", \"u16\", \"u24\" or \"u32\" (also with le or be), \"varint\", "
                        "\"zigzag\", \"ber\", \"zero\" or \"none\"");
    }
}

static const struct key parse__string_keys[] = {
    {"string", KEY_OTHER(struct parse__string, text, parse_text), .required = "a text"},
    {"length", .then = parse__string_length},
    {"bytes", KEY_WHOLE(struct parse__string, bytes, 1, FRAMING_FRAME_BYTES_MAX)},
    {0}};

static void parse__place_string(struct parse *parse, const struct parse__string *string)
{
    uint32_t text_bytes = string->text.bytes_max;
    bool fixed = string->bytes > 0;
    uint32_t room = string->bytes - (fixed && string->ends_with_zero);
    if (fixed && string->text.type == BODY_CONSTANT && text_bytes > room) {
        reader_mistake(&parse->reader,
                       "the text has %" PRIu32 " bytes, and the field room for %" PRIu32,
                       text_bytes, room);
        return;
    }
    struct part *length = string->has_length ? parse_open_length(parse) : NULL;
    struct part *frame = fixed ? parse_add_part(parse) : NULL;
    uint32_t first = parse->parts_count;
    parse_add_body(parse, &string->text);
    if (frame != NULL) {
        frame->form = PART_FIXED;
        frame->covers = parse->parts_count - first;
        frame->bytes_min = room;
        frame->bytes_max = string->bytes;
    }
    if (length != NULL) {
        length->format = string->format;
        length->bytes_max = room;
        parse_close_length(parse, length, parse->reader.mistakes_count);
    }
    if (string->ends_with_zero && !fixed) {
        parse_add_bytes(parse, "", 1);
    }
}

static void parse__string(struct parse *parse, const cJSON *json)
{
    struct parse__string string = {.text = {.type = BODY_CONSTANT, .bytes = (const uint8_t *)""},
                                   .has_length = reader_get(json, "bytes") == NULL};
    uint32_t mistakes_count = parse->reader.mistakes_count;
    parse_format(&parse->protocol->framing, "u16", &string.format);
    reader_read(&parse->reader, json, parse__string_keys, &string);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse__place_string(parse, &string);
    }
}

/* A length, and the fields that it counts. */
struct parse__group {
    struct number_format format;
    int64_t plus;
    uint8_t digits_bytes;
    const char *until;
};

static void parse__group_length(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__group *group = place;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    if (!parse_format(&parse->protocol->framing, word, &group->format)) {
        reader_expected(&parse->reader, json, PARSE_FORMAT_EXPECTED);
    }
}

static void parse__field_of(struct parse *parse, const cJSON *json, void *place);

static const struct key parse__group_keys[] = {
    {"length", .then = parse__group_length,
     .required = "what says how long it is, such as \"u16\" or \"varint\""},
    {"plus", KEY_WHOLE(struct parse__group, plus, -65536, 65536)},
    {"bytes", KEY_WHOLE(struct parse__group, digits_bytes, 1, 10)},
    {"until", KEY_TEXT(struct parse__group, until), .high = 1},
    {"of", .required = "an array of fields"},
    {0}};

static void parse__group_of(struct parse *parse, const char *key, const cJSON *json)
{
    size_t mark = reader_enter(&parse->reader, key);
    if (cJSON_IsArray(json)) {
        reader_each(&parse->reader, json, parse__field_of, NULL);
    } else {
        reader_expected(&parse->reader, json, "an array of fields");
    }
    reader_leave(&parse->reader, mark);
}

static void parse__group(struct parse *parse, const cJSON *json)
{
    struct parse__group group = {.until = NULL};
    uint32_t mistakes_count = parse->reader.mistakes_count;
    const cJSON *of = reader_read(&parse->reader, json, parse__group_keys, &group)
                          ? reader_get(json, "of")
                          : NULL;
    struct part *length = of == NULL ? NULL : parse_open_length(parse);
    if (length == NULL) {
        return;
    }
    parse__group_of(parse, "of", of);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse_digits_format(parse, &group.format, group.digits_bytes, group.until);
    }
    length->format = group.format;
    length->plus = (int32_t)group.plus;
    parse_close_length(parse, length, mistakes_count);
}

/* A checksum, and the fields that it is over; as in a header, its name is the key. */
struct parse__checked {
    bool big_endian;
    bool is_behind;
};

/* The member that names a checksum; NULL: there is none. */
static const cJSON *parse__checksum_of(const cJSON *json)
{
    enum checksum checksum;
    struct number_format format;
    const cJSON *member = json->child;
    while (member != NULL && !parse_checksum(member->string, &checksum, &format)) {
        member = member->next;
    }
    return member;
}

static void parse__checked(struct parse *parse, const cJSON *json, const cJSON *of)
{
    const struct key keys[] = {
        {.name = of->string},
        {"byte_order", KEY_WORD(struct parse__checked, big_endian, "little", "big")},
        {"where", KEY_WORD(struct parse__checked, is_behind, "before", "behind")},
        {0}};
    struct parse__checked checked = {.is_behind = false};
    struct part *part = NULL;
    if (!reader_read(&parse->reader, json, keys, &checked) ||
        (part = parse_open_length(parse)) == NULL) {
        return;
    }
    parse_checksum(of->string, &part->checksum, &part->format);
    part->format.big_endian = reader_get(json, "byte_order") != NULL
                                  ? checked.big_endian
                                  : parse->protocol->framing.big_endian;
    part->is_behind = checked.is_behind;
    parse__group_of(parse, of->string, of);
    parse_close_checksum(parse, part);
}

/* Another body in the place of a field. */
static void parse__body_field(struct parse *parse, const cJSON *json)
{
    struct body body;
    parse_body(parse, json, &body);
    parse_add_body(parse, &body);
}

/* { "u16": 5 } and the like: the key says what it is. */
static bool parse__named_field(struct parse *parse, const cJSON *json)
{
    static const struct {
        const char *name;
        uint8_t bytes_count;
        bool zigzag;
    } varints[] = {{"varint", 8, false}, {"varint32", 4, false}, {"zigzag", 8, true}};
    static const struct field whole = {.bytes_count = 8, .type = VALUE_I64};
    struct field field;
    size_t used = parse_number_type(parse, json->string, &field);
    if (used > 0 && json->string[used] == '\0') {
        const struct part fixed = {.form = PART_BINARY,
                                   .bytes_count = field.bytes_count,
                                   .big_endian = field.big_endian,
                                   .is_float = value_is_float(field.type)};
        parse_add_number(parse, json, &fixed, &field);
        return true;
    }
    for (size_t i = 0; i < sizeof varints / sizeof varints[0]; i++) {
        if (strcmp(json->string, varints[i].name) == 0) {
            const struct part varint = {.form = PART_VARINT,
                                        .bytes_count = varints[i].bytes_count,
                                        .zigzag = varints[i].zigzag};
            parse_add_number(parse, json, &varint, varint.zigzag ? &whole : NULL);
            return true;
        }
    }
    if (strcmp(json->string, "bytes") == 0) {
        parse__body_field(parse, json);
        return true;
    }
    return false;
}

static void parse__field_of(struct parse *parse, const cJSON *json, void *place)
{
    struct reader *reader = &parse->reader;
    (void)place;
    if (parse->parts_full) {
        return;
    }
    if (!cJSON_IsObject(json) || json->child == NULL) {
        reader_expected(reader, json,
                        "a field such as { \"u16\": 5 }, { \"string\": \"abc\" } or { \"bytes\": "
                        "{ \"hex\": \"00\" } }");
        return;
    }
    bool alone = cJSON_GetArraySize(json) == 1;
    const char *key = json->child->string;
    bool is_body = strcmp(key, "hex") == 0 || strcmp(key, "json") == 0 || strcmp(key, "pb") == 0;
    if (reader_get(json, "string") != NULL) {
        parse__string(parse, json);
    } else if (reader_get(json, "length") != NULL || reader_get(json, "of") != NULL) {
        parse__group(parse, json);
    } else if (parse__checksum_of(json) != NULL) {
        parse__checked(parse, json, parse__checksum_of(json));
    } else if (alone && is_body) { /* in its short form */
        parse__body_field(parse, json);
    } else {
        size_t mark = reader_enter(reader, key);
        bool known = alone && parse__named_field(parse, json->child);
        reader_leave(reader, mark);
        if (!known) {
            reader_mistake(reader,
                           "expected one of u8 .. u64, i8 .. i64, f32, f64 (also with le or be), "
                           "`varint`, `varint32`, `zigzag`, `string`, `length`, `hex`, `json`, "
                           "`pb`, `bytes` or a checksum such as `crc32c`, found `%.32s`%s",
                           key, parse_is_body(key) ? "; any other body stands in `bytes`" : "");
        }
    }
}

void parse_fields(struct parse *parse, const cJSON *json, void *place)
{
    uint32_t first = parse->parts_count;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (!cJSON_IsArray(json)) {
        reader_expected(&parse->reader, json, "an array of fields");
        return;
    }
    reader_each(&parse->reader, json, parse__field_of, NULL);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse_join(parse, first, place);
    }
    parse->parts_count = first;
}
