/* `header` and `tail` of a framing, field by field; and the sizes of a framing by id. */
#include "scenario/parse/header.h"

#include "text/encoding.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_NAME_BYTES_MAX = 64 };

/* A field while it is read: what its keys say. */
struct header__item {
    struct framing_field *field;
    struct framing *framing;
    const char *name;
    uint8_t digits_bytes;
    const char *until;
    int64_t plus;
    uint32_t first;
    uint32_t last;
    bool big_endian;
};

bool parse_format(const struct framing *framing, const char *word, struct number_format *format)
{
    static const char *const FORMS[] = {[NUMBER_VARINT] = "varint",
                                        [NUMBER_ZIGZAG] = "zigzag",
                                        [NUMBER_BER] = "ber",
                                        [NUMBER_DIGITS] = "digits"};
    *format = (struct number_format){.big_endian = framing->big_endian};
    for (int i = NUMBER_VARINT; i <= NUMBER_DIGITS; i++) {
        if (strcmp(word, FORMS[i]) == 0) {
            format->form = (uint8_t)i;
            return true;
        }
    }
    static const char *const WIDTHS[] = {"u8", "u16", "u24", "u32"};
    size_t used = 0;
    for (uint8_t i = 0; i < 4; i++) {
        size_t bytes = strlen(WIDTHS[i]);
        if (strncmp(word, WIDTHS[i], bytes) == 0) {
            used = bytes;
            format->bytes = (uint8_t)(i + 1);
        }
    }
    if (used == 0) {
        return false;
    }
    if (strcmp(word + used, "le") == 0 || strcmp(word + used, "be") == 0) {
        format->big_endian = word[used] == 'b';
        used += 2;
    }
    return word[used] == '\0';
}

bool parse_digits_format(struct parse *parse, struct number_format *format, uint8_t digits_bytes,
                         const char *until)
{
    bool is_digits = format->form == NUMBER_DIGITS;
    if (is_digits && (digits_bytes == 0) == (until == NULL)) {
        reader_mistake(&parse->reader, "expected `bytes` (how many digits) or `until` (the "
                                       "character behind them) beside \"digits\"");
        return false;
    }
    if (!is_digits && (digits_bytes > 0 || until != NULL)) {
        reader_mistake(&parse->reader, "`bytes` and `until` are of \"digits\" alone");
        return false;
    }
    if (until != NULL && until[0] >= '0' && until[0] <= '9') {
        reader_mistake(&parse->reader, "`until` has to be no digit itself");
        return false;
    }
    format->bytes = is_digits ? digits_bytes : format->bytes;
    format->until = until != NULL ? (uint8_t)until[0] : 0;
    return true;
}

static void header__read_format(struct parse *parse, const cJSON *json, void *place)
{
    struct header__item *item = place;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    if (!parse_format(item->framing, word, &item->field->format)) {
        reader_expected(&parse->reader, json, PARSE_FORMAT_EXPECTED);
    }
}

/* A number that is filled in when the message has its size: its own size must not depend on it. */
static void header__sequence_format(struct parse *parse, const cJSON *json, void *place)
{
    struct header__item *item = place;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    struct number_format *format = &item->field->format;
    if (!parse_format(item->framing, word, format) ||
        (format->form != NUMBER_FIXED && format->form != NUMBER_DIGITS)) {
        reader_expected(&parse->reader, json,
                        "\"u8\", \"u16\", \"u24\" or \"u32\" (also with le or be), or \"digits\" "
                        "with `bytes`: a number of any other form is ${sequence} in the body");
    }
}

static uint32_t header__format_max(const struct number_format *format)
{
    if (format->form == NUMBER_FIXED && format->bytes < 4) {
        return (UINT32_C(1) << (8 * format->bytes)) - 1;
    }
    uint32_t most = UINT32_MAX;
    if (format->form == NUMBER_DIGITS && format->bytes > 0 && format->bytes < 10) {
        most = 9;
        for (uint8_t i = 1; i < format->bytes; i++) {
            most = most * 10 + 9;
        }
    }
    return most;
}

/* --- Constants and values. */

static void header__constant(struct parse *parse, struct framing_field *field, const void *bytes,
                             size_t bytes_count)
{
    field->role = FRAMING_ROLE_CONSTANT;
    field->constant = arena_copy(parse->arena, bytes, bytes_count);
    field->constant_bytes = (uint32_t)bytes_count;
}

static void header__text(struct parse *parse, const cJSON *json, void *place)
{
    struct header__item *item = place;
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (text[0] == '\0' || strlen(text) > FRAMING_HEADER_BYTES_MAX) {
        reader_expected(&parse->reader, json, "a text of 1 to 64 bytes");
        return;
    }
    header__constant(parse, item->field, text, strlen(text));
}

static void header__hex(struct parse *parse, const cJSON *json, void *place)
{
    struct header__item *item = place;
    const char *hex = cJSON_IsString(json) ? json->valuestring : "";
    uint8_t bytes[FRAMING_HEADER_BYTES_MAX];
    size_t bytes_count = 0;
    size_t wrong = 0;
    if (strlen(hex) > 2 * sizeof bytes || !encoding_decode_hex(hex, bytes, &bytes_count, &wrong) ||
        bytes_count == 0) {
        reader_expected(&parse->reader, json, "1 to 64 bytes as pairs of hexadecimal digits");
        return;
    }
    header__constant(parse, item->field, bytes, bytes_count);
}

/* A number: always the same, unless it has a name or is a ${...}. */
static void header__number(struct parse *parse, const cJSON *json, void *place)
{
    struct header__item *item = place;
    struct framing_field *field = item->field;
    struct scenario_protocol *protocol = parse->protocol;
    const struct field width = {.bytes_count = field->format.bytes, .type = VALUE_U64};
    struct value value;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (!parse_number(parse, json, &value)) {
        return;
    }
    if (value_is_float(value.type)) {
        reader_expected(&parse->reader, json, "a whole number");
        return;
    }
    parse_check_range(parse, json, &width, &value);
    if (parse->reader.mistakes_count > mistakes_count) {
        return;
    }
    if (item->name == NULL && value_is_constant(&value)) {
        uint8_t bytes[NUMBER_BYTES_MAX];
        uint32_t count = number_write(&field->format, (uint32_t)value.operand.low, bytes);
        header__constant(parse, field, bytes, count);
        return;
    }
    if (protocol->head_values_count == FRAMING_VALUES_MAX) {
        reader_mistake(&parse->reader, "expected at most %d fields with a name or ${...}",
                       FRAMING_VALUES_MAX);
        return;
    }
    field->role = FRAMING_ROLE_VALUE;
    field->value_index = protocol->head_values_count++;
    protocol->head_values[field->value_index] =
        (struct scenario_head_value){.name = item->name, .format = field->format, .value = value};
}

/* "head" of a send and places name it. */
static void header__check_name(struct parse *parse, const cJSON *json, void *place)
{
    (void)place;
    if (!parse_is_word(json->valuestring)) {
        reader_expected(&parse->reader, json,
                        "a name of 1 to 64 letters, digits and _, not beginning with a digit");
    }
}

static void header__checksum(struct parse *parse, const cJSON *json, void *place)
{
    static const char *const RANGES[] = {[FRAMING_RANGE_BODY] = "body",
                                         [FRAMING_RANGE_HEADER] = "header",
                                         [FRAMING_RANGE_HEADER_AND_BODY] = "header_and_body",
                                         [FRAMING_RANGE_BEFORE] = "before",
                                         [FRAMING_RANGE_AFTER] = "after",
                                         [FRAMING_RANGE_MESSAGE] = "message"};
    struct header__item *item = place;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
        if (strcmp(word, RANGES[i]) == 0) {
            item->field->range = (enum framing_range)i;
            return;
        }
    }
    reader_expected(&parse->reader, json,
                    "what it is over: \"body\", \"header\", \"header_and_body\", \"before\", "
                    "\"after\" or \"message\"");
}

/* --- The fields. */

#define ITEM(member) KEY_PLACE(struct header__item, member)

/* A key whose name follows from the field is put first. */
static const struct key HEADER_NUMBER_KEYS[] = {
    {.name = "", .then = header__number},
    {"name", .kind = KEY_KIND_TEXT, ITEM(name), .then = header__check_name},
    {0}};
static const struct key HEADER_TEXT_KEYS[] = {{"text", .then = header__text}, {0}};
static const struct key HEADER_HEX_KEYS[] = {{"hex", .then = header__hex}, {0}};
static const struct key HEADER_SIZE_KEYS[] = {
    {"size", .then = header__read_format},
    {"plus", .kind = KEY_KIND_WHOLE, ITEM(plus), .low = -65536, .high = 65536},
    {"bytes", .kind = KEY_KIND_WHOLE, ITEM(digits_bytes), .low = 1, .high = 10},
    {"until", .kind = KEY_KIND_TEXT, ITEM(until), .high = 1},
    {0}};
static const struct key HEADER_ID_KEYS[] = {
    {"id", .then = header__read_format},
    {"bytes", .kind = KEY_KIND_WHOLE, ITEM(digits_bytes), .low = 1, .high = 10},
    {"until", .kind = KEY_KIND_TEXT, ITEM(until), .high = 1},
    {0}};
static const struct key HEADER_SEQUENCE_KEYS[] = {
    {"sequence", .then = header__sequence_format},
    {"name", .kind = KEY_KIND_TEXT, ITEM(name), .then = header__check_name},
    {"first", .kind = KEY_KIND_WHOLE, ITEM(first), .high = UINT32_MAX},
    {"last", .kind = KEY_KIND_WHOLE, ITEM(last), .high = UINT32_MAX, .preset = UINT32_MAX},
    {"bytes", .kind = KEY_KIND_WHOLE, ITEM(digits_bytes), .low = 1, .high = 10},
    {0}};
static const struct key HEADER_CHECK_KEYS[] = {
    {.name = "", .then = header__checksum},
    {"byte_order", .kind = KEY_KIND_WORD, ITEM(big_endian),
     .words = (const char *const[]){"little", "big", NULL}},
    {0}};

static const struct {
    const char *name;
    enum framing_role role;
    const struct key *keys;
} HEADER_KINDS[] = {{"size", FRAMING_ROLE_SIZE, HEADER_SIZE_KEYS},
                    {"id", FRAMING_ROLE_ID, HEADER_ID_KEYS},
                    {"sequence", FRAMING_ROLE_SEQUENCE, HEADER_SEQUENCE_KEYS},
                    {"text", FRAMING_ROLE_CONSTANT, HEADER_TEXT_KEYS},
                    {"hex", FRAMING_ROLE_CONSTANT, HEADER_HEX_KEYS}};

static const struct {
    const char *name;
    uint8_t bytes;
} HEADER_CHECKSUMS[] = {
#define HEADER_CHECKSUM(kind, name, bytes) {name, bytes},
    CHECKSUM_LIST(HEADER_CHECKSUM)
#undef HEADER_CHECKSUM
};

bool parse_checksum(const char *name, enum checksum *checksum, struct number_format *format)
{
    size_t i = 0;
    while (i < CHECKSUMS_COUNT && strcmp(name, HEADER_CHECKSUMS[i].name) != 0) {
        i++;
    }
    if (i == CHECKSUMS_COUNT) {
        return false;
    }
    *checksum = (enum checksum)i;
    *format = (struct number_format){.form = i == CHECKSUM_DIGITS3 ? NUMBER_DIGITS : NUMBER_FIXED,
                                     .bytes = HEADER_CHECKSUMS[i].bytes};
    return true;
}

/* Which field the key begins: its role and format, and the keys that it may have. */
static const struct key *header__kind(const char *key, struct header__item *item)
{
    struct framing_field *field = item->field;
    for (size_t i = 0; i < sizeof HEADER_KINDS / sizeof HEADER_KINDS[0]; i++) {
        if (strcmp(key, HEADER_KINDS[i].name) == 0) {
            field->role = HEADER_KINDS[i].role;
            return HEADER_KINDS[i].keys;
        }
    }
    if (parse_checksum(key, &field->checksum, &field->format)) {
        field->role = FRAMING_ROLE_CHECK;
        return HEADER_CHECK_KEYS;
    }
    bool number =
        parse_format(item->framing, key, &field->format) && field->format.form == NUMBER_FIXED;
    return number ? HEADER_NUMBER_KEYS : NULL;
}

/* What places call the field: "head." and its name. */
static void header__name(struct parse *parse, struct header__item *item)
{
    static const char PREFIX[] = "head.";
    const struct framing *framing = item->framing;
    char name[sizeof PREFIX + HEADER_NAME_BYTES_MAX];
    int bytes = snprintf(name, sizeof name, "%s%s", PREFIX, item->name);
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        const char *other = framing->fields[i].name;
        if (other != NULL && strcmp(other, name) == 0) {
            reader_mistake(&parse->reader, "two fields have the name `%s`", item->name);
        }
    }
    item->field->name = arena_copy(parse->arena, name, (size_t)bytes);
}

/* What the keys have said, into the field. */
static void header__finish(struct parse *parse, const cJSON *json, struct header__item *item)
{
    struct framing_field *field = item->field;
    bool may_be_digits = field->role == FRAMING_ROLE_SIZE || field->role == FRAMING_ROLE_SEQUENCE ||
                         field->role == FRAMING_ROLE_ID;
    if (item->name != NULL) {
        header__name(parse, item);
    }
    if (may_be_digits &&
        !parse_digits_format(parse, &field->format, item->digits_bytes, item->until)) {
        return;
    }
    uint32_t most = header__format_max(&field->format);
    switch (field->role) {
    case FRAMING_ROLE_SIZE:
        field->plus = item->plus;
        return;
    case FRAMING_ROLE_SEQUENCE:
        field->sequence_first = item->first;
        field->sequence_last = item->last == UINT32_MAX ? most : item->last;
        if (item->first >= field->sequence_last || field->sequence_last > most) {
            reader_mistake(&parse->reader, "expected a `first` below `last`, and both within its "
                                           "width");
        }
        return;
    case FRAMING_ROLE_CHECK:
        field->format.big_endian =
            reader_get(json, "byte_order") != NULL ? item->big_endian : item->framing->big_endian;
        return;
    case FRAMING_ROLE_ID:
    case FRAMING_ROLE_CONSTANT:
    case FRAMING_ROLE_VALUE:
        return;
    }
}

/* None of the field's keys says what it is. */
static void header__unknown(struct reader *reader, const char *key)
{
    enum { KINDS_COUNT = sizeof HEADER_KINDS / sizeof HEADER_KINDS[0] };
    const char *names[KINDS_COUNT + CHECKSUMS_COUNT];
    char hint[READER_HINT_BYTES_MAX];
    for (size_t i = 0; i < KINDS_COUNT + CHECKSUMS_COUNT; i++) {
        names[i] = i < KINDS_COUNT ? HEADER_KINDS[i].name : HEADER_CHECKSUMS[i - KINDS_COUNT].name;
    }
    reader_did_you_mean(key, names, KINDS_COUNT + CHECKSUMS_COUNT, hint);
    reader_mistake(reader,
                   "expected u8, u16, u24 or u32 (also with le or be), `text`, `hex`, "
                   "`size`, `id`, `sequence` or a checksum such as `crc32`, found `%.32s`%s",
                   key, hint);
}

static void header__field(struct parse *parse, const cJSON *json, struct framing *framing,
                          struct framing_field *field)
{
    struct reader *reader = &parse->reader;
    struct header__item item = {.field = field, .framing = framing};
    const struct key *kind = NULL;
    const cJSON *first = NULL;
    *field = (struct framing_field){.role = FRAMING_ROLE_CONSTANT};
    for (const cJSON *key = cJSON_IsObject(json) ? json->child : NULL; key != NULL && kind == NULL;
         key = key->next) {
        first = key;
        kind = header__kind(key->string, &item);
    }
    if (kind == NULL && cJSON_IsObject(json) && json->child != NULL) {
        header__unknown(reader, json->child->string);
        return;
    }
    if (kind == NULL) {
        reader_expected(reader, json,
                        "a field such as { \"u8\": 119 }, { \"size\": \"u16\" }, { \"id\": "
                        "\"u16\" }, { \"sequence\": \"u8\" }, { \"crc32\": \"body\" }, "
                        "{ \"text\": \"AB\" } or { \"hex\": \"ff00\" }");
        return;
    }
    struct key keys[8];
    uint32_t count = 0;
    do {
        keys[count] = kind[count];
    } while (kind[count++].name != NULL);
    keys[0].name = first->string;
    uint32_t mistakes_count = reader->mistakes_count;
    /* The name decides what the number is: it is read before. */
    if (count > 2 && strcmp(keys[1].name, "name") == 0) {
        const char *name = cJSON_GetStringValue(reader_get(json, "name"));
        item.name = name != NULL && name[0] != '\0' ? name : NULL;
    }
    if (reader_read(reader, json, keys, &item) && reader->mistakes_count == mistakes_count) {
        header__finish(parse, json, &item);
    }
}

/* Where the fields of the framing are; NULL: there is no memory. */
static struct framing_field *header__room(struct parse *parse, struct framing *framing)
{
    if (framing->fields == NULL) {
        parse->header_fields =
            arena_take(parse->arena, FRAMING_FIELDS_MAX * sizeof *parse->header_fields);
        framing->fields = parse->header_fields;
    }
    return parse->header_fields;
}

/* All of them, behind those that there are already. */
static void header__fields(struct parse *parse, const cJSON *json, struct framing *framing)
{
    struct reader *reader = &parse->reader;
    struct framing_field *fields = header__room(parse, framing);
    if (!cJSON_IsArray(json)) {
        reader_expected(reader, json, "an array of fields");
        return;
    }
    uint32_t index = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        if (framing->fields_count == FRAMING_FIELDS_MAX || fields == NULL) {
            reader_mistake(reader, "expected at most %d fields in all, found more",
                           FRAMING_FIELDS_MAX);
            return;
        }
        size_t mark = reader_enter_index(reader, index++);
        header__field(parse, item, framing, &fields[framing->fields_count++]);
        reader_leave(reader, mark);
    }
}

void parse_header(struct parse *parse, const cJSON *json, void *place)
{
    struct framing *framing = place;
    header__fields(parse, json, framing);
    framing->head_fields_count = framing->fields_count;
}

void parse_tail(struct parse *parse, const cJSON *json, void *place)
{
    header__fields(parse, json, place);
}

static uint32_t header__bytes_max(const struct framing_field *field)
{
    if (field->role == FRAMING_ROLE_CONSTANT) {
        return field->constant_bytes;
    }
    return field->format.bytes > 0 ? field->format.bytes : number_bytes(&field->format, UINT32_MAX);
}

/* Whether it fits together, and fits into the room that a message has for it. */
void parse_check_header(struct parse *parse, struct framing *framing)
{
    uint32_t head_bytes = 0;
    struct error error;
    for (uint32_t i = 0; i < framing->fields_count; i++) {
        bool in_head = i < framing->head_fields_count;
        head_bytes += in_head ? header__bytes_max(&framing->fields[i]) : 0;
        framing->verifies =
            framing->verifies || !in_head || framing->fields[i].role == FRAMING_ROLE_CHECK;
    }
    if (head_bytes > FRAMING_HEADER_BYTES_MAX) {
        reader_mistake(&parse->reader,
                       "expected a header of at most %d bytes, found up to %" PRIu32,
                       FRAMING_HEADER_BYTES_MAX, head_bytes);
    } else if (!framing_check(framing, &error)) {
        reader_mistake(&parse->reader, "%s", error.text);
    }
}

uint32_t parse_id_max(const struct framing *framing)
{
    const struct number_format *format = NULL;
    if (framing->type == FRAMING_LENGTH) {
        return (uint32_t)((UINT64_C(1) << (8 * framing->id_bytes)) - 1);
    }
    if (framing->type == FRAMING_CODEC) {
        return UINT32_MAX; /* the codec says what it takes */
    }
    for (uint32_t i = 0; i < framing->head_fields_count; i++) {
        if (framing->fields[i].role == FRAMING_ROLE_ID) {
            format = &framing->fields[i].format;
        }
    }
    return format != NULL ? header__format_max(format) : 0;
}

/* --- By id. */

enum { HEADER_ROWS_MAX = 65536, HEADER_VARIES = -1, HEADER_WHERE_BYTES_MAX = 512 };

void parse_by_id_format(struct parse *parse, const cJSON *json, void *place)
{
    struct framing *framing = place;
    struct framing_field *fields = header__room(parse, framing);
    bool size = strcmp(json->string, "size") == 0;
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    if (fields == NULL) {
        return;
    }
    struct framing_field *field = &fields[size ? 1 : 0];
    field->role = size ? FRAMING_ROLE_SIZE : FRAMING_ROLE_ID;
    if (!parse_format(framing, word, &field->format) || field->format.form == NUMBER_DIGITS) {
        reader_expected(&parse->reader, json,
                        "\"u8\", \"u16\", \"u24\" or \"u32\" (also with le or be), \"varint\", "
                        "\"zigzag\" or \"ber\"");
        return;
    }
    framing->fields_count = size ? 2 : 1;
    framing->head_fields_count = framing->fields_count;
}

bool parse_lists_id(const struct framing *framing, uint32_t id)
{
    uint32_t i = 0;
    while (i < framing->rows_count && framing->rows[i].id != id) {
        i++;
    }
    return i < framing->rows_count;
}

/* An id as a text: in decimal digits, or hexadecimal behind 0x. */
static bool header__id(const char *text, size_t bytes, uint32_t *id)
{
    char copy[16];
    char *end = copy;
    bool hex = bytes > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (bytes == 0 || bytes >= sizeof copy || text[0] < '0' || text[0] > '9') {
        return false;
    }
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    unsigned long long number = strtoull(copy, &end, hex ? 16 : 10);
    *id = (uint32_t)number;
    return end == copy + bytes && number <= UINT32_MAX;
}

bool parse_id_text(const char *text, uint32_t *id)
{
    return header__id(text, strlen(text), id);
}

/* where: of a file, the row's place in it, and a colon; else empty. */
static void header__add_row(struct parse *parse, struct framing *framing, const char *where,
                            uint32_t id, double bytes)
{
    bool varies = bytes == HEADER_VARIES;
    uint32_t id_bytes = number_bytes(&framing->fields[0].format, id);
    if (id_bytes == 0) {
        reader_mistake(&parse->reader, "%sexpected an id that fits into its field, found %" PRIu32,
                       where, id);
    } else if (!varies && (bytes < id_bytes || bytes > FRAMING_FRAME_BYTES_MAX ||
                           bytes != (double)(uint32_t)bytes)) {
        reader_mistake(&parse->reader,
                       "%sexpected the bytes of the whole message (the id included, %" PRIu32
                       " and more), or -1 where a size follows the id, found %.15g",
                       where, id_bytes, bytes);
    } else if (varies && framing->fields_count < 2) {
        reader_mistake(&parse->reader,
                       "%s-1 says that a size follows the id: expected its format as `size` of "
                       "the framing",
                       where);
    } else {
        parse->header_rows[framing->rows_count++] =
            (struct framing_row){.id = id, .bytes = varies ? 0 : (uint32_t)bytes};
    }
}

/* Room for them; false: there is none, or the format of the id is not known. */
static bool header__take_rows(struct parse *parse, struct framing *framing, size_t count)
{
    parse->header_rows = arena_take(parse->arena, count * sizeof *parse->header_rows);
    framing->rows = parse->header_rows;
    return parse->header_rows != NULL && framing->fields_count > 0;
}

void parse_sizes(struct parse *parse, const cJSON *json, void *place)
{
    struct framing *framing = place;
    struct reader *reader = &parse->reader;
    if (cJSON_IsObject(json) && json->child == NULL) {
        reader_mistake(reader,
                       "expected at least one id, such as { \"0x0064\": 55, \"0x0065\": -1 }, "
                       "found none");
        return;
    }
    if (!cJSON_IsObject(json)) {
        reader_expected(reader, json, "an object such as { \"0x0064\": 55, \"0x0065\": -1 }");
        return;
    }
    if (!header__take_rows(parse, framing, (size_t)cJSON_GetArraySize(json))) {
        return;
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        uint32_t id = 0;
        size_t mark = reader_enter(reader, item->string);
        if (!header__id(item->string, strlen(item->string), &id)) {
            reader_mistake(reader, "expected an id as its name: a number, or 0x and hexadecimal "
                                   "digits");
        } else if (!cJSON_IsNumber(item)) {
            reader_expected(reader, item, "the bytes of the whole message, or -1");
        } else {
            header__add_row(parse, framing, "", id, item->valuedouble);
        }
        reader_leave(reader, mark);
    }
}

/* A row of the file: its id and bytes are in these columns. False: it is none. */
static bool header__file_row(struct parse *parse, struct framing *framing,
                             const struct data_table *table, const uint32_t columns[2],
                             const char *where, uint32_t row)
{
    uint32_t id = 0;
    uint64_t bits = 0;
    size_t used = 0;
    uint32_t id_bytes = 0;
    uint32_t bytes_bytes = 0;
    const char *id_cell = (const char *)data_cell(table, row, columns[0], &id_bytes);
    const uint8_t *cell = data_cell(table, row, columns[1], &bytes_bytes);
    if (!header__id(id_cell, id_bytes, &id)) {
        reader_mistake(&parse->reader, "%sexpected an id such as 101 or 0x0065, found \"%.*s\"",
                       where, (int)(id_bytes < 32 ? id_bytes : 32), id_cell);
        return false;
    }
    if (!value_read_digits(cell, bytes_bytes, &bits, &used) || used != bytes_bytes) {
        reader_mistake(&parse->reader, "%sexpected a number of bytes, or -1, found \"%.*s\"", where,
                       (int)(bytes_bytes < 32 ? bytes_bytes : 32), (const char *)cell);
        return false;
    }
    header__add_row(parse, framing, where, id, (double)(int64_t)bits);
    return true;
}

static void header__file_rows(struct parse *parse, struct framing *framing,
                              const struct data_table *table, const char *path)
{
    struct reader *reader = &parse->reader;
    uint32_t columns[2] = {parse_find_column(table, "id", 2), parse_find_column(table, "bytes", 5)};
    if (columns[0] == table->columns_count || columns[1] == table->columns_count ||
        table->rows_count > HEADER_ROWS_MAX) {
        reader_mistake(reader,
                       "%s: expected the columns `id` and `bytes`, and at most %d rows, found %s",
                       path, HEADER_ROWS_MAX,
                       columns[0] == table->columns_count   ? "no `id` in its first line"
                       : columns[1] == table->columns_count ? "no `bytes` in its first line"
                                                            : "more rows");
        return;
    }
    if (!header__take_rows(parse, framing, table->rows_count)) {
        return;
    }
    for (uint32_t row = 0; row < table->rows_count; row++) {
        char where[HEADER_WHERE_BYTES_MAX];
        snprintf(where, sizeof where, "%.400s: line %" PRIu32 ": ", path, data_line(table, row));
        if (!header__file_row(parse, framing, table, columns, where, row)) {
            return;
        }
    }
}

/* The same from a CSV file: the columns `id` and `bytes`. */
void parse_sizes_file(struct parse *parse, const cJSON *json, void *place)
{
    struct data_table table = {.name = "sizes_file"};
    struct error error = {""};
    const char *name = cJSON_IsString(json) ? json->valuestring : "";
    if (name[0] == '\0') {
        reader_expected(&parse->reader, json, "the path of a CSV file");
        return;
    }
    const char *path = parse_path(parse, name);
    if (path == NULL) {
        return; /* reported */
    }
    if (!data_read(&table, path, parse->arena, &error)) {
        reader_mistake(&parse->reader, "%s", error.text);
        return;
    }
    header__file_rows(parse, place, &table, path);
}

static int header__compare_rows(const void *left, const void *right)
{
    uint32_t a = ((const struct framing_row *)left)->id;
    uint32_t b = ((const struct framing_row *)right)->id;
    return (a > b) - (a < b);
}

void parse_check_by_id(struct parse *parse, const cJSON *json, struct framing *framing)
{
    int64_t plus = 0;
    const struct key key = {"plus", .kind = KEY_KIND_WHOLE, .bytes = sizeof plus, .low = -65536,
                            .high = 65536};
    reader_read_key(&parse->reader, json, &key, &plus);
    if (framing->rows_count == 0 || parse->header_rows == NULL || parse->header_fields == NULL) {
        reader_expected_at(&parse->reader, json, "sizes",
                           "how long the messages of each id are (or `sizes_file`)");
        return;
    }
    parse->header_fields[1].plus = plus;
    qsort(parse->header_rows, framing->rows_count, sizeof *framing->rows, header__compare_rows);
    for (uint32_t i = 0; i < framing->rows_count; i++) {
        uint32_t id = framing->rows[i].id;
        if (framing->rows[i].bytes > framing->frame_bytes_max) {
            reader_mistake(&parse->reader,
                           "the messages of id %" PRIu32 " (0x%04" PRIx32 ") have %" PRIu32
                           " bytes: expected at most the %" PRIu32 " of `frame_bytes_max`",
                           id, id, framing->rows[i].bytes, framing->frame_bytes_max);
        }
        if (i > 0 && id == framing->rows[i - 1].id) {
            reader_mistake(&parse->reader, "the id %" PRIu32 " (0x%04" PRIx32 ") is listed twice",
                           id, id);
        }
    }
}
