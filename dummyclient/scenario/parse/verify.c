/* Judging a reply, and keeping something of it: verify and capture. */
#include "scenario/parse/place.h"

#include <inttypes.h>
#include <stdio.h>
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

/* What is at the place, or at `sent`, of the body that was sent. */
static void parse__verify_sent(struct parse *parse, const cJSON *json, struct verify *verify)
{
    static const char *const OTHERS[] = {"equals",       "not_equals", "less_than",  "at_most",
                                         "greater_than", "at_least",   "starts_with"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        if (reader_get(json, OTHERS[i]) != NULL) {
            reader_mistake(&parse->reader, "expected one comparison, found `sent` and `%s`",
                           OTHERS[i]);
            return;
        }
    }
    if (verify->place.form == PLACE_NONE ||
        (cJSON_IsObject(json) && verify->sent.form == PLACE_NONE)) {
        return; /* which has been reported */
    }
    verify->sent = cJSON_IsObject(json) ? verify->sent : verify->place;
    if (verify->sent.form == PLACE_ATTRIBUTE) {
        reader_mistake(&parse->reader,
                       "expected a place of the body that is sent: what its header had, only a "
                       "`match` compares with");
    } else {
        parse_check_sent(parse, &verify->place, &verify->sent);
    }
}

/* { "at": "u16@0", "equals": 200 }: the comparison beside `at`. */
static void parse__verify_field(struct parse *parse, const cJSON *json, void *into)
{
    struct verify *verify = into;
    struct value *value = &verify->value;
    struct place *place = &verify->place;
    struct reader *reader = &parse->reader;
    if (!cJSON_IsObject(json) || reader_get(json, "sent") != NULL) {
        parse__verify_sent(parse, json, verify);
        return;
    }
    const cJSON *compared = reader_get(json, "starts_with");
    if (compared == NULL) {
        compared = parse_comparison(parse, json, &verify->comparison);
    } else {
        verify->comparison = COMPARE_STARTS_WITH;
    }
    if (compared == NULL || place->form == PLACE_NONE) {
        return;
    }
    size_t mark = reader_enter(reader, compared->string);
    bool prefix = verify->comparison == COMPARE_STARTS_WITH;
    bool texts = prefix || verify->comparison <= COMPARE_NOT_EQUALS;
    if (texts && parse_is_composed(compared) && (place_is_text(place) || place->is_untyped)) {
        verify->is_composed = parse_composed(parse, compared, place, &verify->body);
        reader_leave(reader, mark);
        return;
    }
    bool read = (!prefix || parse_is_text_place(parse, place)) &&
                parse_compared(parse, compared, place, value);
    if (read && value_has_source(value, OPERAND_RANDOM)) {
        reader_mistake(reader, "nothing random can be expected");
    } else if (read && place_is_text(place) && !prefix && verify->comparison > COMPARE_NOT_EQUALS) {
        reader_mistake(reader, "expected `equals`, `not_equals` or `starts_with` for a text (for a "
                               "number write dec(...) around the place)");
    } else if (read && (value_is_float(place->field.type) || !value_is_float(value->type))) {
        parse_check_place_range(parse, compared, place, value);
    }
    reader_leave(reader, mark);
}

static const struct key parse__same_body_keys[] = {
    {"skip_bytes", KEY_WHOLE(struct verify, skip_bytes, 0, FRAMING_FRAME_BYTES_MAX)}, {0}};
static const struct key parse__verify_field_keys[] = {
    {"at", KEY_OTHER(struct verify, place, parse_place), .required = PARSE_PLACE_EXPECTED},
    {"sent", KEY_OTHER(struct verify, sent, parse_place)},
    PARSE_COMPARISONS,
    {.name = "starts_with", .excludes = "equals"},
    {0}};
/* In the order of enum verify_type, behind VERIFY_NONE. */
static const struct key parse__verify_keys[] = {
    {"same_body", KEY_INNER(parse__same_body_keys), .then = parse__same_body},
    {"equals", KEY_OTHER(struct verify, body, parse__verify_body)},
    {"starts_with", KEY_OTHER(struct verify, body, parse__verify_body)},
    {"contains", KEY_OTHER(struct verify, body, parse__verify_body)},
    {"field", KEY_INNER(parse__verify_field_keys), .shorthand = true, .then = parse__verify_field},
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
        reader_read_one(reader, json, parse__verify_keys, "rule",
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

/* Its place; or with more room for a text: { "at": "text@0", "bytes_max": 2048 }. */
struct parse__capture {
    struct place place;
    uint32_t bytes_max; /* 0: as usual */
};

static const struct key parse__capture_keys[] = {
    {"at", KEY_OTHER(struct parse__capture, place, parse_place), .required = PARSE_PLACE_EXPECTED},
    {"bytes_max", KEY_WHOLE(struct parse__capture, bytes_max, 1, VALUE_TEXT_BYTES_LIMIT)},
    {0}};

static bool parse__capture(struct parse *parse, const cJSON *json, struct parse__capture *capture)
{
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    bool has_keys = reader_get(json, "at") != NULL || reader_get(json, "bytes_max") != NULL;
    if (has_keys) {
        reader_read(reader, json, parse__capture_keys, capture);
    } else {
        parse_place(parse, json, &capture->place);
    }
    if (reader->mistakes_count > mistakes_count) {
        return false;
    }
    uint32_t room = capture->bytes_max > 0 ? capture->bytes_max : VALUE_TEXT_BYTES_MAX;
    if (capture->bytes_max > 0 && !place_is_text(&capture->place)) {
        reader_mistake_at(reader, "bytes_max", "a number needs no room: it is for texts");
        return false;
    }
    if (capture->place.bytes > room) {
        char expected[128];
        snprintf(expected, sizeof expected,
                 "a text of at most %" PRIu32 " bytes, or \"bytes_max\" beside \"at\" (up to %d)",
                 room, VALUE_TEXT_BYTES_LIMIT);
        reader_expected(reader, json, expected);
        return false;
    }
    return true;
}

static void parse__capture_into(struct parse *parse, const cJSON *json, void *place)
{
    struct wait *wait = place;
    struct parse__capture capture = {.place = {.form = PLACE_NONE}};
    if (!parse__capture(parse, json, &capture)) {
        parse_assign(parse, json->string, VALUE_U64); /* what uses it is not wrong, too */
        return;
    }
    const struct parse_variable *variable =
        parse_assign(parse, json->string, parse_place_type(&capture.place));
    if (variable != NULL && wait->captures != NULL) {
        wait->captures[wait->captures_count++] =
            (struct capture){.place = capture.place,
                             .word = variable->word,
                             .type = variable->type,
                             .text_bytes_max = variable->text_bytes_max,
                             .lines_of = variable->lines_of};
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
