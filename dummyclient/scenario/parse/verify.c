/* Judging a reply, and keeping something of it: verify and capture. */
#include "scenario/parse/parse.h"

#include <string.h>

static void parse__same_body(struct parse *parse, const cJSON *json, void *place)
{
    (void)json, (void)place;
    if (!parse->flow.has_sent) {
        reader_mistake(&parse->reader, "expected a send before it, found none");
    }
}

/* equals, starts_with, contains. */
static void parse__verify_body(struct parse *parse, const cJSON *json, void *place)
{
    const struct body *body = place;
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    parse_body(parse, json, place);
    if (reader->mistakes_count > mistakes_count) {
        return;
    }
    if (body->type == BODY_RANDOM || body->is_random) {
        reader_mistake(reader, "nothing random can be expected: use \"same_body\"");
    } else if (strcmp(json->string, "contains") == 0 && body->type != BODY_CONSTANT) {
        reader_mistake(reader, "expected constant bytes, found a text with ${...}");
    } else if (strcmp(json->string, "equals") != 0 && body->bytes_max == 0) {
        reader_mistake(reader, "expected at least one byte, found none");
    }
}

/* { "at": "u16@0", "equals": 200 }: the comparison beside `at`. */
static void parse__verify_field(struct parse *parse, const cJSON *json, void *place)
{
    struct verify *verify = place;
    struct value *value = &verify->value;
    struct reader *reader = &parse->reader;
    const cJSON *compared = parse_comparison(parse, json, &verify->comparison);
    if (compared == NULL) {
        return;
    }
    size_t mark = reader_enter(reader, compared->string);
    bool read = parse_number(parse, compared, value);
    const struct field *field = &verify->field;
    if (read && value_has_source(value, OPERAND_RANDOM)) {
        reader_mistake(reader, "nothing random can be expected");
    } else if (read && field->bytes_count > 0 && !field->is_digits &&
               (value_is_float(field->type) || !value_is_float(value->type))) {
        parse_check_range(parse, compared, field, value);
    }
    reader_leave(reader, mark);
}

static const struct key parse__same_body_keys[] = {
    {"skip_bytes", KEY_WHOLE(struct verify, skip_bytes, 0, FRAMING_FRAME_BYTES_MAX)}, {0}};
static const struct key parse__verify_field_keys[] = {
    {"at", KEY_OTHER(struct verify, field, parse_field),
     .required = "a number and its place, such as \"u32@4\""},
    PARSE_COMPARISONS,
    {0}};
/* In the order of enum verify_type, behind VERIFY_NONE. */
static const struct key parse__verify_keys[] = {
    {"same_body", KEY_INNER(parse__same_body_keys), .then = parse__same_body},
    {"equals", KEY_OTHER(struct verify, body, parse__verify_body)},
    {"starts_with", KEY_OTHER(struct verify, body, parse__verify_body)},
    {"contains", KEY_OTHER(struct verify, body, parse__verify_body)},
    {"field", KEY_INNER(parse__verify_field_keys), .then = parse__verify_field},
    {0}};
static const struct key parse__verify_word = {"verify",
                                              KEY_WORD(struct verify, type, "none", "same_body")};

static void parse__verify_one(struct parse *parse, const cJSON *json, struct verify *verify)
{
    struct reader *reader = &parse->reader;
    if (cJSON_IsString(json)) {
        reader_read_value(reader, json, &parse__verify_word, &verify->type);
        if (verify->type == VERIFY_SAME_BODY) {
            parse__same_body(parse, json, verify);
        }
        return;
    }
    const struct key *form =
        reader_read_one(reader, json, parse__verify_keys,
                        "\"none\", \"same_body\", an array of rules, or ", verify);
    if (form != NULL) {
        verify->type = (enum verify_type)(VERIFY_SAME_BODY + (form - parse__verify_keys));
    }
}

void parse_verify(struct parse *parse, const cJSON *json, void *place)
{
    struct verify *verify = place;
    if (!cJSON_IsArray(json)) {
        parse__verify_one(parse, json, verify);
        return;
    }
    int count = cJSON_GetArraySize(json);
    if (count < 1 || count > 16) {
        reader_expected(&parse->reader, json, "1 to 16 rules");
        return;
    }
    struct verify *more = arena_take(parse->arena, (size_t)count * sizeof *more);
    for (int i = 0; i < count && more != NULL; i++) {
        struct verify *one = i == 0 ? verify : &more[i];
        size_t mark = reader_enter_index(&parse->reader, (uint32_t)i);
        parse__verify_one(parse, cJSON_GetArrayItem(json, i), one);
        one->next = i + 1 < count ? &more[i + 1] : NULL;
        reader_leave(&parse->reader, mark);
    }
}

/* "text@5" or "text@5:8". */
static bool parse__text_place(const char *text, struct capture *capture)
{
    const char *at = text + 5;
    capture->form = CAPTURE_TEXT;
    if (strncmp(text, "text@", 5) != 0 || !parse_digits(&at, &capture->field.offset)) {
        return false;
    }
    bool counted = *at == ':';
    at += counted;
    if (counted && (!parse_digits(&at, &capture->bytes_count) || capture->bytes_count == 0)) {
        return false;
    }
    return *at == '\0' && capture->bytes_count <= VALUE_TEXT_BYTES_MAX;
}

/* A constant text into a body. */
static void parse__plain(struct parse *parse, const cJSON *json, void *place)
{
    static const struct key text = {"text", .kind = KEY_KIND_TEXT, .bytes = sizeof(char *)};
    struct body *body = place;
    if (reader_read_value(&parse->reader, json, &text, &body->bytes)) {
        body->bytes_min = body->bytes_max = (uint32_t)strlen(json->valuestring);
    }
}

/* { "after": "id=", "until": ";" }, either may be left out. */
static const struct key parse__between_keys[] = {
    {"after", KEY_OTHER(struct capture, after, parse__plain)},
    {"until", KEY_OTHER(struct capture, until, parse__plain)},
    {0}};

static bool parse__capture(struct parse *parse, const cJSON *json, struct capture *capture)
{
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (cJSON_IsObject(json)) {
        capture->form = CAPTURE_BETWEEN;
        capture->after.bytes = capture->until.bytes = (const uint8_t *)"";
        return reader_read(&parse->reader, json, parse__between_keys, capture);
    }
    if (strncmp(text, "text", 4) != 0) {
        parse_field(parse, json, &capture->field);
        return capture->field.bytes_count > 0;
    }
    if (parse__text_place(text, capture)) {
        return true;
    }
    reader_expected(&parse->reader, json,
                    "a text and its place, \"text@5\" (to the end) or \"text@5:8\" (8 bytes, of "
                    "1 to 128)");
    return false;
}

static enum value_type parse__capture_type(const struct capture *capture)
{
    if (capture->form != CAPTURE_NUMBER) {
        return VALUE_TEXT;
    }
    const struct field *field = &capture->field;
    return field->type == VALUE_U64 && field->bytes_count < 8 ? VALUE_I64 : field->type;
}

static void parse__capture_into(struct parse *parse, const cJSON *json, void *place)
{
    struct wait *wait = place;
    struct capture capture = {.form = CAPTURE_NUMBER};
    const struct parse_variable *variable = NULL;
    if (parse__capture(parse, json, &capture)) {
        variable = parse_assign(parse, json->string, parse__capture_type(&capture));
    }
    if (variable != NULL && wait->captures != NULL) {
        capture.word = variable->word;
        capture.type = variable->type;
        wait->captures[wait->captures_count++] = capture;
    }
}

/* { "name": "u64@0", ... }. Names were collected before the steps were read. */
void parse_captures(struct parse *parse, const cJSON *json, void *place)
{
    struct wait *wait = place;
    if (reader_object(&parse->reader, json, NULL)) {
        size_t count = (size_t)cJSON_GetArraySize(json) + 1;
        wait->captures = arena_take(parse->arena, count * sizeof *wait->captures);
        reader_each(&parse->reader, json, parse__capture_into, wait);
    }
}
