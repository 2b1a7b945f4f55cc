/* `pb`: a message of Protocol Buffers by the numbers of its fields, as
 * protobuf.dev/programming-guides/encoding has it. */
#include "scenario/parse/parts.h"

#include <stdlib.h>
#include <string.h>

enum { PROTOBUF_NUMBER_MAX = (1 << 29) - 1 };

enum protobuf_wire {
    PROTOBUF_WIRE_VARINT = 0,
    PROTOBUF_WIRE_8_BYTES = 1,
    PROTOBUF_WIRE_LENGTH = 2,
    PROTOBUF_WIRE_4_BYTES = 5
};

#define PROTOBUF_EXPECTED                                                                          \
    "a number, a text, true or false, a message such as { \"1\": 5 }, a type such as "             \
    "{ \"double\": 1.5 }, or an array of these"

static const struct protobuf_scalar {
    const char *name;
    enum protobuf_wire wire;
    struct part form;
    struct field range;
} PROTOBUF_SCALARS[] = {
#define VARINT(name, bytes, sign, ...)                                                             \
    {                                                                                              \
        name, PROTOBUF_WIRE_VARINT, {.form = PART_VARINT, .bytes_count = 8, __VA_ARGS__},          \
        {                                                                                          \
            .bytes_count = (bytes), .type = (sign)                                                 \
        }                                                                                          \
    }
#define FIXED(name, bytes, sign, ...)                                                              \
    {                                                                                              \
        name, PROTOBUF_WIRE_##bytes##_BYTES,                                                       \
            {.form = PART_BINARY, .bytes_count = (bytes), __VA_ARGS__},                            \
        {                                                                                          \
            .bytes_count = (bytes), .type = (sign)                                                 \
        }                                                                                          \
    }
    VARINT("int32", 4, VALUE_I64, .zigzag = false),
    VARINT("int64", 8, VALUE_I64, .zigzag = false),
    VARINT("uint32", 4, VALUE_U64, .zigzag = false),
    VARINT("uint64", 8, VALUE_U64, .zigzag = false),
    VARINT("sint32", 4, VALUE_I64, .zigzag = true),
    VARINT("sint64", 8, VALUE_I64, .zigzag = true),
    VARINT("bool", 1, VALUE_U64, .zigzag = false),
    VARINT("enum", 4, VALUE_I64, .zigzag = false),
    FIXED("fixed32", 4, VALUE_U64, .is_float = false),
    FIXED("fixed64", 8, VALUE_U64, .is_float = false),
    FIXED("sfixed32", 4, VALUE_I64, .is_float = false),
    FIXED("sfixed64", 8, VALUE_I64, .is_float = false),
    FIXED("float", 4, VALUE_F32, .is_float = true),
    FIXED("double", 8, VALUE_F64, .is_float = true)
#undef VARINT
#undef FIXED
};
enum { PROTOBUF_SCALARS_COUNT = sizeof PROTOBUF_SCALARS / sizeof PROTOBUF_SCALARS[0] };

static const struct protobuf_scalar *protobuf__scalar(const char *name)
{
    for (size_t i = 0; i < PROTOBUF_SCALARS_COUNT; i++) {
        if (strcmp(PROTOBUF_SCALARS[i].name, name) == 0) {
            return &PROTOBUF_SCALARS[i];
        }
    }
    return NULL;
}

/* What precedes a value; number 0: nothing, in a packed field. */
static void protobuf__tag(struct parse *parse, uint32_t number, enum protobuf_wire wire)
{
    static const struct number_format varint = {.form = NUMBER_VARINT};
    uint8_t tag[NUMBER_BYTES_MAX];
    if (number > 0) {
        uint32_t bytes = number_write(&varint, number << 3 | (uint32_t)wire, tag);
        const void *copy = arena_copy(parse->arena, tag, bytes);
        parse_add_bytes(parse, copy, copy == NULL ? 0 : bytes);
    }
}

/* Numbers without a type are varints, and so are true and false. */
static void protobuf__number(struct parse *parse, const cJSON *json, uint32_t number,
                             const struct protobuf_scalar *scalar)
{
    static const struct part varint = {.form = PART_VARINT, .bytes_count = 8};
    bool may_be_bool = scalar == NULL || strcmp(scalar->name, "bool") == 0;
    protobuf__tag(parse, number, scalar == NULL ? PROTOBUF_WIRE_VARINT : scalar->wire);
    if (cJSON_IsBool(json) && may_be_bool) {
        parse_add_bytes(parse, cJSON_IsTrue(json) ? "\1" : "\0", 1);
    } else if (scalar != NULL) {
        parse_add_number(parse, json, &scalar->form, &scalar->range);
    } else {
        parse_add_number(parse, json, &varint, NULL);
    }
}

/* A value whose bytes are counted: what add() adds. */
static void protobuf__counted(struct parse *parse, const cJSON *json, uint32_t number,
                              void (*add)(struct parse *parse, const cJSON *json))
{
    uint32_t mistakes_count = parse->reader.mistakes_count;
    protobuf__tag(parse, number, PROTOBUF_WIRE_LENGTH);
    struct part *length = parse_open_length(parse);
    if (length != NULL) {
        add(parse, json);
        length->format = (struct number_format){.form = NUMBER_VARINT};
        parse_close_length(parse, length, mistakes_count);
    }
}

static void protobuf__text(struct parse *parse, const cJSON *json)
{
    struct body body = {.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
    parse_text(parse, json, &body);
    parse_add_body(parse, &body);
}

static void protobuf__bytes(struct parse *parse, const cJSON *json)
{
    struct body body;
    parse_body(parse, json, &body);
    parse_add_body(parse, &body);
}

/* A number, or a text, which may be one ${...} of a number. */
static void protobuf__value(struct parse *parse, const cJSON *json, uint32_t number)
{
    struct value value = {.type = VALUE_TEXT};
    bool may_be_number = cJSON_IsNumber(json) || parse_is_expression(json);
    if (may_be_number && !parse_operand(parse, json, &value)) {
        return;
    }
    if (value.type == VALUE_TEXT) {
        protobuf__counted(parse, json, number, protobuf__text);
    } else if (value_is_float(value.type)) {
        reader_expected(&parse->reader, json,
                        "a whole number, or { \"double\": 1.5 } or { \"float\": 1.5 }");
    } else {
        protobuf__number(parse, json, number, NULL);
    }
}

/* Of a packed field: numbers, or all with a type. */
static void protobuf__packed_item(struct parse *parse, const cJSON *json, void *place)
{
    const struct protobuf_scalar *scalar = NULL;
    const cJSON *value = json;
    (void)place;
    if (cJSON_IsObject(json) && json->child != NULL && json->child->next == NULL) {
        value = json->child;
        scalar = protobuf__scalar(value->string);
    }
    bool is_number = cJSON_IsNumber(json) || cJSON_IsBool(json) || parse_is_expression(json);
    if (scalar == NULL && !is_number) {
        reader_expected(&parse->reader, json,
                        "a number, true or false, or a type such as { \"double\": 1.5 }");
        return;
    }
    size_t mark = scalar != NULL ? reader_enter(&parse->reader, value->string) : SIZE_MAX;
    protobuf__number(parse, value, 0, scalar);
    if (scalar != NULL) {
        reader_leave(&parse->reader, mark);
    }
}

static void protobuf__packed(struct parse *parse, const cJSON *json)
{
    if (!cJSON_IsArray(json)) {
        reader_expected(&parse->reader, json, "an array of numbers");
        return;
    }
    reader_each(&parse->reader, json, protobuf__packed_item, NULL);
}

/* { "double": 1.5 } */
static void protobuf__typed(struct parse *parse, const cJSON *object, uint32_t number)
{
    struct reader *reader = &parse->reader;
    const cJSON *json = object->child;
    const struct protobuf_scalar *scalar = protobuf__scalar(json->string);
    bool alone = json->next == NULL;
    size_t mark = reader_enter(reader, json->string);
    if (alone && scalar != NULL) {
        protobuf__number(parse, json, number, scalar);
    } else if (alone && strcmp(json->string, "string") == 0) {
        protobuf__counted(parse, json, number, protobuf__text);
    } else if (alone && strcmp(json->string, "bytes") == 0) {
        protobuf__counted(parse, json, number, protobuf__bytes);
    } else if (alone && strcmp(json->string, "packed") == 0) {
        protobuf__counted(parse, json, number, protobuf__packed);
    } else {
        reader_leave(reader, mark);
        reader_mistake(reader,
                       "expected the numbers of fields, or one of int32, int64, uint32, uint64, "
                       "sint32, sint64, bool, enum, fixed32, fixed64, sfixed32, sfixed64, float, "
                       "double, string, bytes, packed; found `%.32s`%s",
                       json->string, alone ? "" : " and others");
        return;
    }
    reader_leave(reader, mark);
}

static void protobuf__members(struct parse *parse, const cJSON *json);

static void protobuf__one(struct parse *parse, const cJSON *json, uint32_t number)
{
    if (cJSON_IsBool(json)) {
        protobuf__number(parse, json, number, NULL);
    } else if (cJSON_IsNumber(json) || cJSON_IsString(json)) {
        protobuf__value(parse, json, number);
    } else if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json, PROTOBUF_EXPECTED);
    } else if (json->child == NULL || strchr("0123456789", json->child->string[0]) != NULL) {
        protobuf__counted(parse, json, number, protobuf__members);
    } else {
        protobuf__typed(parse, json, number);
    }
}

static void protobuf__item(struct parse *parse, const cJSON *json, void *place)
{
    const uint32_t *number = place;
    protobuf__one(parse, json, *number);
}

static void protobuf__field(struct parse *parse, const cJSON *json, void *place)
{
    const char *digits = json->string;
    uint32_t number = 0;
    bool valid =
        digits[0] != '0' && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) <= 9;
    (void)place;
    if (valid) {
        number = (uint32_t)strtoul(digits, NULL, 10);
    }
    if (number == 0 || number > PROTOBUF_NUMBER_MAX) {
        reader_mistake(&parse->reader, "expected the number of a field, 1 to %d, found `%.32s`",
                       PROTOBUF_NUMBER_MAX, digits);
    } else if (cJSON_IsArray(json)) {
        reader_each(&parse->reader, json, protobuf__item, &number);
    } else {
        protobuf__one(parse, json, number);
    }
}

static void protobuf__members(struct parse *parse, const cJSON *json)
{
    if (reader_object(&parse->reader, json, NULL)) {
        reader_each(&parse->reader, json, protobuf__field, NULL);
    }
}

void parse_pb(struct parse *parse, const cJSON *json, void *place)
{
    uint32_t first = parse->parts_count;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    protobuf__members(parse, json);
    if (parse->reader.mistakes_count == mistakes_count) {
        parse_join(parse, first, place);
    }
    parse->parts_count = first;
}
