/* Places: "u32@4", "text@8:16", "after('id=')..until(';')", "json(/a/0)", "pb(3.1)", "head.key".
 * One grammar for match, verify, capture and fanout:
 *
 *     place   = item { ("/" | ">") item } [ "&" number ]
 *     item    = number-type "@" offset | "dec@" offset | "varint@" offset | "ber@" offset
 *             | "text@" offset [ ":" bytes | ":" length-type ] [ "..until(" mark ")" ]
 *             | "after(" mark ")" [ "..until(" mark ")" ] | "until(" mark ")"
 *             | "json(" pointer ")" [ "@" offset ] | "pb(" path [ "," type ] ")" [ "@" offset ]
 *             | ("dec" | "hex" | "f64") "(" place ")"
 *             | "id" | "size" | name [ "(" mark ")" ]
 *     offset  = [ "-" ] digits
 *     mark    = 'text' | "text" | 0x0d0a
 *
 * A/B: B in the text that is at A. A > B: B behind what is at A. */
#include "scenario/parse/place.h"

#include "text/encoding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A place while it is read. */
struct place__source {
    struct parse *parse;
    const char *text;
    const char *at;
    struct error *error;
    uint32_t links_count;
};

static bool place__chain(struct place__source *source, struct place *place);

/* in the place "text@x": expected a position, found `x`. Returns false. */
static bool place__mistake(const struct place__source *source, const char *expected)
{
    if (*source->at == '\0') {
        error_set(source->error, "in the place \"%s\": expected %s, found its end", source->text,
                  expected);
    } else {
        error_set(source->error, "in the place \"%s\": expected %s, found `%.32s`", source->text,
                  expected, source->at);
    }
    return false;
}

/* Goes past a word that is next. */
static bool place__skip(struct place__source *source, const char *word)
{
    size_t bytes = strlen(word);
    if (strncmp(source->at, word, bytes) != 0) {
        return false;
    }
    source->at += bytes;
    return true;
}

static void place__skip_blanks(struct place__source *source)
{
    source->at += strspn(source->at, " ");
}

/* width: what must fit between a position from the end, and the end. */
static bool place__offset(struct place__source *source, struct place *place, uint32_t width)
{
    const char *begin = source->at;
    place->from_end = place__skip(source, "-");
    if (!parse_digits(&source->at, &place->offset) || place->offset >= FRAMING_FRAME_BYTES_MAX) {
        source->at = begin;
        return place__mistake(source, "a position such as 4, or -4 from the end");
    }
    if (place->from_end && place->offset < width) {
        char expected[64];
        snprintf(expected, sizeof expected, "at least %" PRIu32 " bytes before the end", width);
        source->at = begin;
        return place__mistake(source, expected);
    }
    return true;
}

/* 'text' or "text" in brackets, or bytes as 0x0d0a; and the bracket behind it. */
static bool place__mark(struct place__source *source, struct place_mark *mark)
{
    static const char EXPECTED[] = "a text such as ('id='), or bytes such as (0x0d0a)";
    uint8_t bytes[64];
    size_t bytes_count = 0;
    size_t wrong = 0;
    char hex[2 * sizeof bytes + 1];
    const char *begin = source->at + 1;
    char quote = source->at[0];
    const char *end = quote == '\'' || quote == '"' ? strchr(begin, quote) : NULL;
    if (end != NULL && end != begin) {
        mark->bytes_count = (uint32_t)(end - begin);
        mark->bytes = arena_copy(source->parse->arena, begin, mark->bytes_count);
        source->at = end + 1;
        return place__skip(source, ")") || place__mistake(source, "`)`");
    }
    size_t digits =
        strncmp(source->at, "0x", 2) == 0 ? strspn(source->at + 2, "0123456789abcdefABCDEF") : 0;
    if (digits == 0 || digits >= sizeof hex || digits % 2 != 0) {
        return place__mistake(source, EXPECTED);
    }
    snprintf(hex, sizeof hex, "%.*s", (int)digits, source->at + 2);
    encoding_decode_hex(hex, bytes, &bytes_count, &wrong);
    mark->bytes_count = (uint32_t)bytes_count;
    mark->bytes = arena_copy(source->parse->arena, bytes, bytes_count);
    source->at += 2 + digits;
    return place__skip(source, ")") || place__mistake(source, "`)`");
}

static bool place__until(struct place__source *source, struct place *place)
{
    return !place__skip(source, "..until(") || place__mark(source, &place->until);
}

/* Behind "text@8:": how many bytes, or the length that is there. */
static bool place__text_size(struct place__source *source, struct place *place)
{
    const char *begin = source->at;
    if (place__skip(source, "varint") || place__skip(source, "ber")) {
        place->size_form = *begin == 'v' ? PLACE_VARINT : PLACE_BER;
        return true;
    }
    size_t used = parse_number_type(source->parse, source->at, &place->size);
    if (used > 0 && place->size.type == VALUE_U64 && place->size.bytes_count <= 4) {
        place->size_form = PLACE_NUMBER;
        source->at += used;
        return true;
    }
    if (!parse_digits(&source->at, &place->bytes) || place->bytes == 0 ||
        place->bytes > FRAMING_FRAME_BYTES_MAX) {
        source->at = begin;
        return place__mistake(source, "how many bytes the text has, or the length in front of it: "
                                      "u8, u16, u24, u32 (also with le or be), varint or ber");
    }
    if (place->from_end && place->bytes > place->offset) {
        source->at = begin;
        return place__mistake(source, "no more bytes than there are before the end");
    }
    return true;
}

static bool place__text(struct place__source *source, struct place *place)
{
    place->form = PLACE_TEXT;
    place->field.type = VALUE_TEXT;
    if (place__skip(source, "after(")) {
        return place__mark(source, &place->after) && place__until(source, place);
    }
    if (place__skip(source, "until(")) {
        return place__mark(source, &place->until);
    }
    source->at += strlen("text@");
    if (!place__offset(source, place, 1)) {
        return false;
    }
    return place__skip(source, ":") ? place__text_size(source, place) : place__until(source, place);
}

/* --- json(/a/0) */

/* A step of a pointer, from begin to end, whose ~1 is / and ~0 is ~. */
static bool place__json_step(struct place__source *source, const char *begin, const char *end,
                             struct json_step *step)
{
    char *key = arena_copy(source->parse->arena, begin, (size_t)(end - begin));
    uint32_t bytes = 0;
    if (key == NULL) {
        return false;
    }
    for (const char *at = begin; at < end; at++) {
        key[bytes] = *at;
        if (*at == '~') {
            at++;
            if (at == end || (*at != '0' && *at != '1')) {
                source->at = begin;
                return place__mistake(source, "~0 (which is ~) or ~1 (which is /) behind a ~");
            }
            key[bytes] = *at == '0' ? '~' : '/';
        }
        bytes++;
    }
    const char *digits = begin;
    bool leading = end - begin > 1 && *begin == '0';
    step->key = (const uint8_t *)key;
    step->key_bytes = bytes;
    step->is_index = !leading && parse_digits(&digits, &step->index) && digits == end;
    return true;
}

static bool place__json(struct place__source *source, struct place *place)
{
    struct json_step steps[PLACE_STEPS_MAX];
    char quote = *source->at == '\'' || *source->at == '"' ? *source->at : '\0';
    source->at += quote != '\0';
    const char *end = strchr(source->at, quote != '\0' ? quote : ')');
    place->form = PLACE_JSON;
    place->field.type = VALUE_TEXT;
    place->is_untyped = true;
    if (end == NULL) {
        source->at += strlen(source->at);
        return place__mistake(source, "`)`");
    }
    while (source->at < end) {
        const char *begin = source->at + 1;
        if (*source->at != '/') {
            return place__mistake(source, "a JSON pointer such as /players/0/name");
        }
        const char *slash = memchr(begin, '/', (size_t)(end - begin));
        const char *stop = slash != NULL ? slash : end;
        if (place->steps_count == PLACE_STEPS_MAX) {
            return place__mistake(source, "at most 16 steps");
        }
        if (!place__json_step(source, begin, stop, &steps[place->steps_count])) {
            return false;
        }
        place->steps_count++;
        source->at = stop;
    }
    place->json = arena_copy(source->parse->arena, steps, place->steps_count * sizeof *place->json);
    source->at = end + (quote != '\0');
    return (place__skip(source, ")") || place__mistake(source, "`)`")) &&
           (!place__skip(source, "@") || place__offset(source, place, 0));
}

/* --- pb(3.1, sint32) */

static const struct place__pb_type {
    const char *name;
    enum protobuf_pull_wire wire;
    struct field field;
    bool is_zigzag;
} PLACE_PB_TYPES[] = {{"int32", PROTOBUF_VARINT, {.bytes_count = 8, .type = VALUE_I64}, false},
                      {"int64", PROTOBUF_VARINT, {.bytes_count = 8, .type = VALUE_I64}, false},
                      {"uint32", PROTOBUF_VARINT, {.bytes_count = 4, .type = VALUE_U64}, false},
                      {"uint64", PROTOBUF_VARINT, {.bytes_count = 8, .type = VALUE_U64}, false},
                      {"sint32", PROTOBUF_VARINT, {.bytes_count = 8, .type = VALUE_I64}, true},
                      {"sint64", PROTOBUF_VARINT, {.bytes_count = 8, .type = VALUE_I64}, true},
                      {"bool", PROTOBUF_VARINT, {.bytes_count = 1, .type = VALUE_U64}, false},
                      {"enum", PROTOBUF_VARINT, {.bytes_count = 8, .type = VALUE_I64}, false},
                      {"fixed32", PROTOBUF_FIXED32, {.bytes_count = 4, .type = VALUE_U64}, false},
                      {"fixed64", PROTOBUF_FIXED64, {.bytes_count = 8, .type = VALUE_U64}, false},
                      {"sfixed32", PROTOBUF_FIXED32, {.bytes_count = 4, .type = VALUE_I64}, false},
                      {"sfixed64", PROTOBUF_FIXED64, {.bytes_count = 8, .type = VALUE_I64}, false},
                      {"float", PROTOBUF_FIXED32, {.bytes_count = 4, .type = VALUE_F32}, false},
                      {"double", PROTOBUF_FIXED64, {.bytes_count = 8, .type = VALUE_F64}, false},
                      {"string", PROTOBUF_BYTES, {.type = VALUE_TEXT}, false},
                      {"bytes", PROTOBUF_BYTES, {.type = VALUE_TEXT}, false}};

static bool place__pb_type(struct place__source *source, struct place *place)
{
    size_t bytes = strspn(source->at, "abcdefghijklmnopqrstuvwxyz0123456789");
    for (size_t i = 0; i < sizeof PLACE_PB_TYPES / sizeof PLACE_PB_TYPES[0]; i++) {
        const struct place__pb_type *type = &PLACE_PB_TYPES[i];
        if (strlen(type->name) == bytes && strncmp(source->at, type->name, bytes) == 0) {
            place->wire = type->wire;
            place->field = type->field;
            place->is_zigzag = type->is_zigzag;
            place->is_untyped = false;
            source->at += bytes;
            return true;
        }
    }
    return place__mistake(source, "a type of protobuf: int32, int64, uint32, uint64, sint32, "
                                  "sint64, bool, enum, fixed32, fixed64, sfixed32, sfixed64, "
                                  "float, double, string or bytes");
}

static bool place__pb_step(struct place__source *source, struct place *place,
                           struct protobuf_step *step)
{
    const char *begin = source->at;
    if (!parse_digits(&source->at, &step->number) || step->number == 0 ||
        step->number >= UINT32_C(1) << 29) {
        source->at = begin;
        return place__mistake(source, "the number of a field, 1 to 536870911, such as pb(3.1)");
    }
    if (!place__skip(source, "[")) {
        return true;
    }
    place->has_default = false;
    return (parse_digits(&source->at, &step->index) && place__skip(source, "]")) ||
           place__mistake(source, "an index such as [0]");
}

static bool place__pb(struct place__source *source, struct place *place)
{
    struct protobuf_step steps[PLACE_STEPS_MAX] = {{0}};
    place->form = PLACE_PROTOBUF;
    place->is_untyped = true;
    place->has_default = true;
    place->wire = PROTOBUF_NUMBER;
    place->field = (struct field){.bytes_count = 8, .type = VALUE_I64};
    do {
        if (place->steps_count == PLACE_STEPS_MAX) {
            return place__mistake(source, "at most 16 steps");
        }
        if (!place__pb_step(source, place, &steps[place->steps_count])) {
            return false;
        }
        place->steps_count++;
    } while (place__skip(source, "."));
    place->protobuf =
        arena_copy(source->parse->arena, steps, place->steps_count * sizeof *place->protobuf);
    if (place__skip(source, ",")) {
        place__skip_blanks(source);
        if (!place__pb_type(source, place)) {
            return false;
        }
    }
    return (place__skip(source, ")") || place__mistake(source, "`)`")) &&
           (!place__skip(source, "@") || place__offset(source, place, 0));
}

/* How deep places are inside each other, or behind each other, has an end. */
static bool place__count_link(struct place__source *source)
{
    return ++source->links_count <= PLACE_LINKS_MAX ||
           place__mistake(source, "at most 8 of `/`, `>`, dec(), hex() and f64()");
}

/* --- dec(PLACE): a text that is a number. */

static bool place__converted(struct place__source *source, struct place *place,
                             enum place_reading reading)
{
    const char *begin = source->at;
    if (!place__count_link(source) || !place__chain(source, place)) {
        return false;
    }
    if (place->form == PLACE_PROTOBUF && place->is_untyped) {
        parse_place_as_text(place);
    }
    if (!place_is_text(place)) {
        source->at = begin;
        return place__mistake(source, "a text, which is made into a number");
    }
    place->reading = (uint8_t)reading;
    place->is_untyped = false;
    place->field = (struct field){.bytes_count = 8,
                                  .type = reading == PLACE_READ_HEX    ? VALUE_U64
                                          : reading == PLACE_READ_REAL ? VALUE_F64
                                                                       : VALUE_I64};
    return place__skip(source, ")") || place__mistake(source, "`)`");
}

/* --- Names that the framing has for parts of a message. */

/* Where a name of another framing is written. */
static const char *place__other_framing(const char *name)
{
    if (strncmp(name, "head.", 5) == 0) {
        return "a field of the header with this `name` (`framing.header`)";
    }
    if (strncmp(name, "status", 6) == 0 || strncmp(name, "header(", 7) == 0 ||
        strcmp(name, "body") == 0) {
        return "the framing \"http\", which has this place";
    }
    return strcmp(name, "id") == 0 ? "a framing with ids, which have this place" : NULL;
}

static bool place__unknown(struct place__source *source)
{
    char expected[512];
    struct frame_attribute attribute;
    const struct framing *framing = &source->parse->protocol->framing;
    /* A codec's names are its own: they are listed. */
    const char *other = framing->type != FRAMING_CODEC ? place__other_framing(source->at) : NULL;
    if (other != NULL && !(framing->type == FRAMING_HTTP && other[0] == 't') &&
        source->parse->protocol->head_values_count == 0) {
        return place__mistake(source, other);
    }
    int used = snprintf(expected, sizeof expected,
                        "\"u32@4\" (u8 .. u64, i8 .. i64, f32, f64, also with le or be), "
                        "\"dec@1\", \"varint@1\", \"ber@1\", \"text@8:16\", "
                        "\"after('id=')..until(';')\", \"json(/a/0)\", \"pb(3.1)\", \"size\"%s",
                        parse_has_ids(source->parse) ? ", \"id\"" : "");
    for (uint32_t i = 0; framing_attribute(framing, i, &attribute); i++) {
        size_t left = sizeof expected - (size_t)used;
        int more = snprintf(expected + used, left, ", \"%s%s\"", attribute.name,
                            attribute.has_argument ? "('...')" : "");
        used += (size_t)more < left ? more : 0;
    }
    return place__mistake(source, expected);
}

static bool place__name(struct place__source *source, struct place *place)
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    size_t bytes = strspn(source->at, LETTERS);
    place->field = (struct field){.bytes_count = 4, .type = VALUE_U64};
    if ((bytes == 2 && strncmp(source->at, "id", 2) == 0 && parse_has_ids(source->parse)) ||
        (bytes == 4 && strncmp(source->at, "size", 4) == 0)) {
        place->form = *source->at == 'i' ? PLACE_ID : PLACE_SIZE;
        source->at += bytes;
        return true;
    }
    for (uint32_t i = 0; framing_attribute(&source->parse->protocol->framing, i, &place->attribute);
         i++) {
        struct frame_attribute *attribute = &place->attribute;
        if (strlen(attribute->name) != bytes || strncmp(source->at, attribute->name, bytes) != 0) {
            continue;
        }
        place->form = PLACE_ATTRIBUTE;
        place->field.type = attribute->is_text ? VALUE_TEXT : VALUE_U64;
        source->at += bytes;
        struct place_mark argument = {.bytes_count = 0};
        if (attribute->has_argument &&
            (!(place__skip(source, "(") || place__mistake(source, "a name such as ('x')")) ||
             !place__mark(source, &argument))) {
            return false;
        }
        attribute->argument = argument.bytes;
        attribute->argument_bytes = argument.bytes_count;
        return true;
    }
    const struct scenario_protocol *protocol = source->parse->protocol;
    bool is_unknown = protocol->framing.type == FRAMING_CODEC && protocol->framing.codec == NULL;
    if ((protocol->is_wrong || is_unknown) && bytes > 0) {
        /* It may be of the framing that was meant, or of the codec, which is missing. */
        place->form = PLACE_SIZE;
        place->is_untyped = true;
        source->at += bytes;
        const char *end = *source->at == '(' ? strchr(source->at, ')') : NULL;
        source->at = end == NULL ? source->at : end + 1;
        return true;
    }
    return place__unknown(source);
}

/* --- All of it. */

static bool place__number(struct place__source *source, struct place *place)
{
    static const struct {
        const char *word;
        enum place_form form;
        enum value_type type;
    } FORMS[] = {{"dec@", PLACE_DIGITS, VALUE_I64},
                 {"varint@", PLACE_VARINT, VALUE_U64},
                 {"ber@", PLACE_BER, VALUE_U64}};
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        if (place__skip(source, FORMS[i].word)) {
            place->form = (uint8_t)FORMS[i].form;
            place->field = (struct field){.bytes_count = 1, .type = FORMS[i].type};
            return place__offset(source, place, 1);
        }
    }
    size_t bytes = parse_number_type(source->parse, source->at, &place->field);
    if (bytes == 0) {
        return place__name(source, place);
    }
    source->at += bytes;
    place->form = PLACE_NUMBER;
    return place__skip(source, "@") ? place__offset(source, place, place->field.bytes_count)
                                    : place__mistake(source, "`@` and a position");
}

static bool place__item(struct place__source *source, struct place *place)
{
    static const char *const TEXTS[] = {"text@", "after(", "until("};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        if (strncmp(source->at, TEXTS[i], strlen(TEXTS[i])) == 0) {
            return place__text(source, place);
        }
    }
    if (place__skip(source, "json(")) {
        return place__json(source, place);
    }
    if (place__skip(source, "pb(")) {
        return place__pb(source, place);
    }
    if (place__skip(source, "dec(")) {
        return place__converted(source, place, PLACE_READ_DECIMAL);
    }
    if (place__skip(source, "hex(")) {
        return place__converted(source, place, PLACE_READ_HEX);
    }
    if (place__skip(source, "f64(")) {
        return place__converted(source, place, PLACE_READ_REAL);
    }
    return place__number(source, place);
}

/* Has it an end that something can be behind? */
static bool place__has_end(const struct place *place)
{
    return place->form >= PLACE_NUMBER && place->form <= PLACE_TEXT;
}

/* JSON and protobuf are behind a head that is text, such as that of HTTP. */
static bool place__begin_in_content(struct place__source *source, struct place *place)
{
    const struct framing *framing = &source->parse->protocol->framing;
    struct frame_attribute attribute;
    bool encoded = place->form == PLACE_JSON || place->form == PLACE_PROTOBUF;
    for (uint32_t i = 0;
         encoded && place->base == NULL && framing_attribute(framing, i, &attribute); i++) {
        if (!attribute.is_content) {
            continue;
        }
        struct place *base = arena_take(source->parse->arena, sizeof *base);
        if (base == NULL) {
            return false;
        }
        *base = (struct place){.form = PLACE_ATTRIBUTE,
                               .field.type = VALUE_TEXT,
                               .attribute = attribute,
                               .text = attribute.name};
        place->base = base;
        place->inside = true;
    }
    return true;
}

static bool place__chain(struct place__source *source, struct place *place)
{
    const char *begin = source->at;
    if (!place__item(source, place) || !place__begin_in_content(source, place)) {
        return false;
    }
    for (;;) {
        const char *behind = source->at;
        place__skip_blanks(source);
        bool inside = place__skip(source, "/");
        if (!inside && !place__skip(source, ">")) {
            source->at = behind;
            return true;
        }
        if (inside ? !place_is_text(place) && !place->is_untyped : !place__has_end(place)) {
            source->at = begin;
            return place__mistake(source, inside ? "a text in front of `/`"
                                                 : "a number or a text of the body in front of "
                                                   "`>`");
        }
        if (!place__count_link(source)) {
            return false;
        }
        if (inside && place->is_untyped) {
            parse_place_as_text(place);
        }
        struct place *base = arena_copy(source->parse->arena, place, sizeof *place);
        *place = (struct place){.text = place->text};
        place__skip_blanks(source);
        if (base == NULL || !place__item(source, place)) {
            return false;
        }
        if (place->form >= PLACE_ID || place->base != NULL) {
            return place__mistake(source, "a place in the body behind `/` or `>`");
        }
        place->base = base;
        place->inside = inside;
    }
}

/* " & 0x7fff": some bits of a whole number. */
static bool place__masked(struct place__source *source, struct place *place)
{
    place__skip_blanks(source);
    if (!place__skip(source, "&")) {
        return true;
    }
    place__skip_blanks(source);
    bool hex = place__skip(source, "0x");
    size_t digits = strspn(source->at, hex ? "0123456789abcdefABCDEF" : "0123456789");
    uint64_t mask = 0;
    for (size_t i = 0; i < digits && digits <= 16; i++) {
        char letter = source->at[i];
        uint32_t digit =
            letter <= '9' ? (uint32_t)(letter - '0') : (uint32_t)((letter | 0x20) - 'a' + 10);
        mask = mask * (hex ? 16 : 10) + digit;
    }
    if (digits == 0 || digits > 16 || mask == 0 || place_is_text(place) ||
        value_is_float(place->field.type)) {
        return place__mistake(source, "a whole number in front of `&`, and one above 0 such as "
                                      "0x7fff behind it");
    }
    source->at += digits;
    place->mask = mask;
    place->is_untyped = false;
    return true;
}

bool parse_read_place(struct parse *parse, const char *text, struct place *place,
                      struct error *error)
{
    struct place__source source = {.parse = parse, .text = text, .at = text, .error = error};
    *place = (struct place){.text = text};
    bool valid = place__chain(&source, place) && place__masked(&source, place);
    if (valid && *source.at != '\0') {
        valid = place__mistake(&source, "nothing more");
    }
    place->form = valid ? place->form : PLACE_NONE;
    return valid;
}

void parse_place_as_text(struct place *place)
{
    place->is_untyped = false;
    place->field = (struct field){.type = VALUE_TEXT};
    place->wire = PROTOBUF_BYTES;
}

void parse_place_as_number(struct place *place)
{
    place->is_untyped = false;
    if (place->form == PLACE_JSON) {
        place->field = (struct field){.bytes_count = 8, .type = VALUE_I64};
        place->reading = PLACE_READ_JSON;
    }
}

bool parse_compared(struct parse *parse, const cJSON *json, struct place *place,
                    struct value *value)
{
    if (!place_is_text(place) && !place->is_untyped) {
        return parse_number(parse, json, value);
    }
    if (!parse_operand(parse, json, value)) {
        return false;
    }
    if (place->is_untyped) {
        (value->type == VALUE_TEXT ? parse_place_as_text : parse_place_as_number)(place);
    }
    if (place_is_text(place) && value->type != VALUE_TEXT) {
        reader_expected(&parse->reader, json,
                        "a text, because the place is one (for a number write dec(...) around it)");
        return false;
    }
    return true;
}

void parse_check_place_range(struct parse *parse, const cJSON *json, const struct place *place,
                             const struct value *value)
{
    if (place->form == PLACE_NUMBER && place->mask == 0) {
        parse_check_range(parse, json, &place->field, value);
    }
}

bool parse_is_text_place(struct parse *parse, struct place *place)
{
    if (place->is_untyped) {
        parse_place_as_text(place);
    }
    if (!place_is_text(place)) {
        reader_mistake(&parse->reader, "expected a place that is a text, found the number \"%s\"",
                       place->text);
    }
    return place_is_text(place);
}

/* --- { "after": "id=", "until": ";" }, either may be left out. */

static void place__plain(struct parse *parse, const cJSON *json, void *place)
{
    static const struct key TEXT = {"text", .kind = KEY_KIND_TEXT, .bytes = sizeof(char *)};
    struct place_mark *mark = place;
    if (reader_read_value(&parse->reader, json, &TEXT, &mark->bytes)) {
        mark->bytes_count = (uint32_t)strlen(json->valuestring);
    }
}

static const struct key PLACE_BETWEEN_KEYS[] = {
    {"after", KEY_OTHER(struct place, after, place__plain)},
    {"until", KEY_OTHER(struct place, until, place__plain)},
    {0}};

static void place__between(struct parse *parse, const cJSON *json, struct place *place)
{
    char text[128];
    uint32_t mistakes_count = parse->reader.mistakes_count;
    reader_read(&parse->reader, json, PLACE_BETWEEN_KEYS, place);
    bool after = place->after.bytes_count > 0;
    bool until = place->until.bytes_count > 0;
    int bytes = snprintf(text, sizeof text, "%s%.40s%s%s%.40s%s", after ? "after('" : "",
                         after ? (const char *)place->after.bytes : "", after ? "')" : "",
                         until ? &"..until('"[after ? 0 : 2] : "",
                         until ? (const char *)place->until.bytes : "", until ? "')" : "");
    place->text = arena_copy(parse->arena, text, (size_t)bytes);
    place->field.type = VALUE_TEXT;
    place->form = parse->reader.mistakes_count == mistakes_count ? PLACE_TEXT : PLACE_NONE;
}

void parse_place(struct parse *parse, const cJSON *json, void *into)
{
    struct place *place = into;
    struct error error;
    *place = (struct place){.form = PLACE_NONE};
    if (cJSON_IsObject(json)) {
        place__between(parse, json, place);
    } else if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, PARSE_PLACE_EXPECTED);
    } else if (!parse_read_place(parse, json->valuestring, place, &error)) {
        reader_mistake(&parse->reader, "%s", error.text);
    }
}

enum value_type parse_place_type(const struct place *place)
{
    const struct field *field = &place->field;
    bool wide = (place->form == PLACE_VARINT || field->bytes_count == 8) && place->mask == 0;
    return field->type == VALUE_U64 && !wide ? VALUE_I64 : field->type;
}
