/* Judging a reply, and keeping something of it: verify and capture. */
#include "scenario/parse/parse.h"

#include <stdio.h>
#include <string.h>

static void parse__same_body(struct parse *parse, const cJSON *json, struct verify *verify)
{
    static const char *const keys[] = {"skip_bytes", NULL};
    verify->type = VERIFY_SAME_BODY;
    if (!parse->flow.has_sent) {
        reader_mistake(&parse->reader, "expected a send before it, found none");
    }
    if (json != NULL && reader_object(&parse->reader, json, keys)) {
        reader_u32(&parse->reader, json, "skip_bytes", 0, FRAMING_FRAME_BYTES_MAX,
                   &verify->skip_bytes);
    }
}

/* equals, starts_with, contains; the reader stands at the key. */
static void parse__verify_body(struct parse *parse, const cJSON *json, enum verify_type type,
                               struct verify *verify)
{
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    verify->type = type;
    parse_body(parse, json, &verify->body);
    if (reader->mistakes_count > mistakes_count) {
        return;
    }
    if (verify->body.type == BODY_RANDOM || verify->body.is_random) {
        reader_mistake(reader, "nothing random can be expected: use \"same_body\"");
    } else if (type == VERIFY_CONTAINS && verify->body.type != BODY_CONSTANT) {
        reader_mistake(reader, "expected constant bytes, found a text with ${...}");
    } else if (type != VERIFY_EQUALS && verify->body.bytes_max == 0) {
        reader_mistake(reader, "expected at least one byte, found none");
    }
}

/* { "at": "u16@0", "equals": 200 }; the reader stands at `field`. */
static void parse__verify_field(struct parse *parse, const cJSON *json, struct verify *verify)
{
    static const char *const keys[] = {"at",      "equals",       "not_equals", "less_than",
                                       "at_most", "greater_than", "at_least",   NULL};
    struct reader *reader = &parse->reader;
    verify->type = VERIFY_FIELD;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    const cJSON *at =
        reader_require(reader, json, "at", "a number and its place, such as \"u32@4\"");
    if (at != NULL) {
        size_t place = reader_enter(reader, "at");
        parse_field(parse, at, &verify->field);
        reader_leave(reader, place);
    }
    const cJSON *value = parse_comparison(parse, json, &verify->comparison);
    if (value != NULL) {
        size_t place = reader_enter(reader, value->string);
        bool valid = parse_number(parse, value, &verify->value);
        if (valid && (verify->value.left.source == OPERAND_RANDOM ||
                      verify->value.right.source == OPERAND_RANDOM)) {
            reader_mistake(reader, "nothing random can be expected");
        }
        reader_leave(reader, place);
    }
}

static void parse__verify_one(struct parse *parse, const cJSON *json, struct verify *verify)
{
    static const char *const keys[] = {"same_body", "equals", "starts_with",
                                       "contains",  "field",  NULL};
    static const char *const words[] = {"none", "same_body", NULL};
    struct reader *reader = &parse->reader;
    uint32_t word = 0;
    if (cJSON_IsString(json)) {
        if (reader_choice_here(reader, json, words, &word) && word == 1) {
            parse__same_body(parse, NULL, verify);
        }
    } else if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1) {
        reader_expected(reader, json,
                        "\"none\", \"same_body\", an object with one of `same_body`, `equals`, "
                        "`starts_with`, `contains`, `field`, or an array of such objects");
    } else if (reader_object(reader, json, keys)) {
        const cJSON *form = json->child;
        size_t place = reader_enter(reader, form->string);
        if (strcmp(form->string, "same_body") == 0) {
            parse__same_body(parse, form, verify);
        } else if (strcmp(form->string, "equals") == 0) {
            parse__verify_body(parse, form, VERIFY_EQUALS, verify);
        } else if (strcmp(form->string, "starts_with") == 0) {
            parse__verify_body(parse, form, VERIFY_STARTS_WITH, verify);
        } else if (strcmp(form->string, "contains") == 0) {
            parse__verify_body(parse, form, VERIFY_CONTAINS, verify);
        } else if (strcmp(form->string, "field") == 0) {
            parse__verify_field(parse, form, verify);
        }
        reader_leave(reader, place);
    }
}

void parse_verify(struct parse *parse, const cJSON *json, struct verify *verify)
{
    *verify = (struct verify){.type = VERIFY_NONE};
    if (json == NULL) {
        return;
    }
    if (!cJSON_IsArray(json)) {
        parse__verify_one(parse, json, verify);
        return;
    }
    if (cJSON_GetArraySize(json) < 1 || cJSON_GetArraySize(json) > 16) {
        reader_expected(&parse->reader, json, "1 to 16 things that must hold");
        return;
    }
    uint32_t index = 0;
    struct verify *last = NULL;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json)
    {
        struct verify *one = last == NULL ? verify : arena_take(parse->arena, sizeof *one);
        if (one == NULL) {
            return;
        }
        size_t place = reader_enter_index(&parse->reader, index++);
        parse__verify_one(parse, item, one);
        reader_leave(&parse->reader, place);
        if (last != NULL) {
            last->next = one;
        }
        last = one;
    }
}

/* "text@5" or "text@5:8". */
static bool parse__text_place(const char *text, struct capture *capture)
{
    uint32_t numbers[2] = {0, 0};
    const char *at = text + 5;
    if (strncmp(text, "text@", 5) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 8) {
            return false;
        }
        for (size_t j = 0; j < digits; j++) {
            numbers[i] = numbers[i] * 10 + (uint32_t)(at[j] - '0');
        }
        at += digits;
        if (*at != ':') {
            break;
        }
        at++;
    }
    capture->form = CAPTURE_TEXT;
    capture->field.offset = numbers[0];
    capture->bytes_count = numbers[1];
    return *at == '\0' && at[-1] != ':' && numbers[1] <= VALUE_TEXT_BYTES_MAX;
}

/* { "after": "id=", "until": ";" }, either may be left out. */
static bool parse__between(struct parse *parse, const cJSON *json, struct capture *capture)
{
    static const char *const keys[] = {"after", "until", NULL};
    struct reader *reader = &parse->reader;
    struct body *const bodies[] = {&capture->after, &capture->until};
    capture->form = CAPTURE_BETWEEN;
    if (!reader_object(reader, json, keys)) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        const char *text = NULL;
        *bodies[i] = (struct body){.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
        if (reader_text(reader, json, keys[i], &text)) {
            bodies[i]->bytes = arena_copy(parse->arena, text, strlen(text));
            bodies[i]->bytes_min = bodies[i]->bytes_max = (uint32_t)strlen(text);
        }
    }
    return true;
}

static bool parse__capture(struct parse *parse, const cJSON *json, struct capture *capture)
{
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (cJSON_IsObject(json)) {
        return parse__between(parse, json, capture);
    }
    if (strncmp(text, "text", 4) != 0) {
        return parse_field(parse, json, &capture->field);
    }
    if (parse__text_place(text, capture)) {
        return true;
    }
    reader_expected(&parse->reader, json,
                    "a text and its place, \"text@5\" (to the end) or \"text@5:8\" (8 bytes, at "
                    "most 128)");
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

/* { "name": "u64@0", ... }. Names were collected before the steps were read. */
void parse_captures(struct parse *parse, const cJSON *json, struct wait *wait)
{
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, NULL)) {
        return;
    }
    wait->captures =
        arena_take(parse->arena, (size_t)(cJSON_GetArraySize(json) + 1) * sizeof *wait->captures);
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, json)
    {
        char shown[TREE_NAME_BYTES_MAX + 1];
        snprintf(shown, sizeof shown, "%.64s", member->string);
        size_t place = reader_enter(reader, shown);
        struct capture capture = {.form = CAPTURE_NUMBER};
        const struct parse_variable *variable = NULL;
        if (parse__capture(parse, member, &capture)) {
            variable = parse_assign(parse, member->string, parse__capture_type(&capture));
        }
        reader_leave(reader, place);
        if (variable != NULL && wait->captures != NULL) {
            capture.word = variable->word;
            capture.type = variable->type;
            wait->captures[wait->captures_count++] = capture;
        }
    }
}
