/* Waiting for replies: request and expect, and their match. */
#include "scenario/parse/header.h"
#include "scenario/parse/place.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool parse_has_ids(const struct parse *parse)
{
    return parse_id_max(&parse->protocol->framing) > 0 && !parse->protocol->is_wrong;
}

/* The id of a message, where the framing has one. */
void parse_id(struct parse *parse, const cJSON *json, void *place)
{
    if (parse->protocol->is_wrong) {
        return;
    }
    if (!parse_has_ids(parse)) {
        reader_mistake(&parse->reader, "the framing has no id (`id_bytes`, or `id` of a header)");
        return;
    }
    uint32_t *number = place;
    const struct framing *framing = &parse->protocol->framing;
    const struct key id = {
        .kind = KEY_KIND_WHOLE, .bytes = sizeof(uint32_t), .high = parse_id_max(framing)};
    if (cJSON_IsString(json)) {
        if (!parse_id_text(json->valuestring, number) || *number > parse_id_max(framing)) {
            reader_expected(&parse->reader, json, "an id such as 101 or \"0x0065\"");
            return;
        }
    } else if (!reader_read_value(&parse->reader, json, &id, place)) {
        return;
    }
    if (framing->type == FRAMING_BY_ID && !parse_lists_id(framing, *number)) {
        reader_expected(&parse->reader, json, "an id that `sizes` of the framing lists");
    }
}

static void parse__match_value(struct parse *parse, const cJSON *json, struct match *match)
{
    const struct place *place = &match->place;
    struct value value;
    if (!parse_compared(parse, json, &match->place, &value)) {
        return;
    }
    const struct operand *operand = &value.operand;
    bool text = value.type == VALUE_TEXT;
    bool single = value.terms_count == 0 && !operand->reads_text;
    bool constant = single && operand->source == (text ? OPERAND_TEXT : OPERAND_NUMBER);
    bool captured = single && operand->source == OPERAND_VARIABLE && !match->is_prefix;
    if (match->is_prefix && !constant) {
        reader_expected(&parse->reader, json, "a text without ${...}");
        return;
    }
    if (value_has_source(&value, OPERAND_RANDOM)) {
        reader_mistake(&parse->reader, "nothing random can be expected");
        return;
    }
    bool of_double = value_is_float(place->field.type);
    if (!text && of_double != value_is_float(value.type) && place->reading != PLACE_READ_JSON) {
        reader_expected(&parse->reader, json,
                        of_double ? "a number that is not whole, such as 0.5" : "a whole number");
        return;
    }
    parse_check_place_range(parse, json, place, &value);
    match->source = captured   ? MATCH_FIELD_CAPTURE
                    : constant ? MATCH_FIELD_VALUE
                               : MATCH_FIELD_COMPUTED;
    match->computed = constant || captured ? NULL : arena_copy(parse->arena, &value, sizeof value);
    match->variable = operand->index;
    match->value_type = value.type;
    match->text = operand->bytes;
    match->text_bytes = operand->bytes_count;
    match->value =
        text && constant ? place_hash_bytes(operand->bytes, operand->bytes_count) : operand->low;
}

bool parse_composed(struct parse *parse, const cJSON *json, struct place *place, struct body *body)
{
    uint32_t mistakes_count = parse->reader.mistakes_count;
    if (!parse_is_text_place(parse, place)) {
        return false;
    }
    parse_text(parse, json, body);
    if (parse->reader.mistakes_count == mistakes_count &&
        (body->is_random || body->bytes_max > VALUE_TEXT_BYTES_LIMIT)) {
        reader_expected(&parse->reader, json,
                        "a text of at most 4096 bytes, with nothing random in it");
    }
    return parse->reader.mistakes_count == mistakes_count;
}

/* Put together when the step begins. */
static void parse__match_composed(struct parse *parse, const cJSON *json, struct match *match)
{
    struct body *body = arena_take(parse->arena, sizeof *body);
    if (body != NULL && parse_composed(parse, json, &match->place, body)) {
        match->source = MATCH_FIELD_COMPUTED;
        match->value_type = VALUE_TEXT;
        match->composed = body;
    }
}

/* "equals": a number or a text, or "${captured}". */
static void parse__match_equals(struct parse *parse, const cJSON *json, void *into)
{
    struct match *match = into;
    bool composed = parse_is_composed(json);
    if (match->place.form != PLACE_NONE) { /* else `at` is wrong, which has been reported */
        (composed ? parse__match_composed : parse__match_value)(parse, json, match);
    }
}

static void parse__match_starts(struct parse *parse, const cJSON *json, void *into)
{
    struct match *match = into;
    if (match->place.form != PLACE_NONE && parse_is_text_place(parse, &match->place)) {
        match->is_prefix = true;
        parse__match_value(parse, json, match);
    }
}

/* Can the place be read from what is sent? Of its header: numbers that differ from message to
 * message, which tell replies apart. */
static bool parse__is_readable(const struct parse *parse, const struct place *place)
{
    bool text = place->form == PLACE_TEXT && place->bytes > 0 &&
                place->bytes <= VALUE_TEXT_BYTES_MAX && place->reading == PLACE_READ_PLAIN;
    bool number =
        place->form == PLACE_NUMBER || place->form == PLACE_DIGITS || place->form == PLACE_VARINT;
    const struct framing *framing = &parse->protocol->framing;
    bool head =
        place->form == PLACE_ATTRIBUTE && framing->type == FRAMING_HEADER && !parse->sent->unframed;
    return place->base == NULL && (text || number || head);
}

static bool parse__is_in_body(const struct place *place, const struct body *body)
{
    uint64_t end = place->from_end ? place->offset
                                   : (uint64_t)place->offset + place->bytes +
                                         (place_is_text(place) ? 0 : place->field.bytes_count);
    return place->form == PLACE_ATTRIBUTE ||
           (end <= body->bytes_min && (place->form != PLACE_DIGITS || body->type != BODY_RANDOM));
}

void parse_check_sent(struct parse *parse, struct place *place, const struct place *sent)
{
    struct reader *reader = &parse->reader;
    if (place->is_untyped && sent->form != PLACE_NONE) {
        (place_is_text(sent) ? parse_place_as_text : parse_place_as_number)(place);
    }
    if (parse->sent == NULL) {
        reader_mistake(reader, "an expect sends nothing to compare with: use `equals`");
    } else if (!parse__is_readable(parse, sent)) {
        reader_mistake(reader,
                       "expected a place such as \"u32@4\", \"dec@1\" or \"text@8:16\" of what is "
                       "sent, or a named field of its header; found \"%s\"",
                       sent->text);
    } else if (place_is_text(sent) != place_is_text(place)) {
        reader_mistake(reader, "expected two numbers or two texts, found \"%s\" and \"%s\"",
                       place->text, sent->text);
    } else if (!parse->sent_is_wrong && !parse__is_in_body(sent, &parse->sent->body)) {
        reader_mistake(reader,
                       "a place alone compares with the same place of what is sent, which may have "
                       "only %" PRIu32 " bytes, too few for \"%s\": name another with "
                       "{ \"at\": ..., \"sent\": ... }, or a value with \"equals\"",
                       parse->sent->body.bytes_min, sent->text);
    }
}

static void parse__match_sent(struct parse *parse, struct match *match)
{
    match->source = MATCH_FIELD_SENT;
    match->value_type = match->sent.field.type;
    parse_check_sent(parse, &match->place, &match->sent);
}

/* "field": "u64@0" (the same as in what was sent), or { "at", "sent" | "equals" | "starts_with" }.
 */
static void parse__match_field(struct parse *parse, const cJSON *json, void *place)
{
    struct match *match = place;
    uint32_t found = 0;
    if (match->place.form == PLACE_NONE) {
        return; /* which has been reported */
    }
    if (!cJSON_IsObject(json)) {
        match->sent = match->place;
        parse__match_sent(parse, match);
        return;
    }
    found += reader_get(json, "equals") != NULL;
    found += reader_get(json, "sent") != NULL;
    found += reader_get(json, "starts_with") != NULL;
    if (found != 1) {
        reader_mistake(&parse->reader,
                       "expected one of `sent`, `equals` and `starts_with`, found %s",
                       found == 0 ? "none" : "more");
    } else if (match->sent.form != PLACE_NONE) {
        parse__match_sent(parse, match);
    }
}

/* "starts_with": of the whole body. */
static void parse__match_body(struct parse *parse, const cJSON *json, void *into)
{
    struct match *match = into;
    struct body body;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    parse_body(parse, json, &body);
    if (parse->reader.mistakes_count > mistakes_count) {
        return;
    }
    if (body.type != BODY_CONSTANT || body.bytes_min == 0) {
        reader_mistake(&parse->reader, "expected constant bytes, at least one");
        return;
    }
    match->place = (struct place){.form = PLACE_TEXT, .field.type = VALUE_TEXT, .text = "text@0"};
    match->is_prefix = true;
    match->source = MATCH_FIELD_VALUE;
    match->text = body.bytes;
    match->text_bytes = body.bytes_min;
    match->value = place_hash_bytes(body.bytes, body.bytes_min);
    match->value_type = VALUE_TEXT;
}

static const struct key parse__match_field_keys[] = {
    {"at", KEY_OTHER(struct match, place, parse_place), .required = PARSE_PLACE_EXPECTED},
    {"sent", KEY_OTHER(struct match, sent, parse_place)},
    {"equals", .then = parse__match_equals},
    {"starts_with", .then = parse__match_starts},
    {0}};
static const struct key parse__match_keys[] = {
    {"id", KEY_OTHER(struct match, id, parse_id)},
    {"field", KEY_INNER(parse__match_field_keys), .shorthand = true, .then = parse__match_field},
    {"starts_with", .excludes = "field", .then = parse__match_body},
    {0}};

void parse_match(struct parse *parse, const cJSON *json, void *place)
{
    struct match *match = place;
    if (cJSON_IsString(json) && strcmp(json->valuestring, "any") == 0) {
        match->any_id = true;
    } else if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json,
                        "\"any\" or an object with `id`, and `field` or `starts_with`");
    } else { /* what it does not mention is not looked at */
        match->any_id = !parse_has_ids(parse) || reader_get(json, "id") == NULL;
        match->is_explicit = json->child != NULL;
        reader_read(&parse->reader, json, parse__match_keys, match);
    }
}

/* --- Bytes without a frame. */

static void parse__bare_until(struct parse *parse, const cJSON *json, void *place)
{
    struct framing *bare = place;
    bare->type = FRAMING_DELIMITER;
    bare->frame_bytes_max = 65535;
    parse_delimiter(parse, json, bare->delimiter, &bare->delimiter_bytes);
}

static const struct key parse__bare_keys[] = {
    {"bytes", KEY_WHOLE(struct framing, fixed_bytes, 1, FRAMING_FRAME_BYTES_MAX),
     .excludes = "until"},
    {"until", .then = parse__bare_until},
    {0}};

/* { "bytes": 4 } or { "until": "\n" }: of the stream, in front of the next message. */
void parse_unframed(struct parse *parse, const cJSON *json, void *place)
{
    struct wait *wait = place;
    const struct framing *framing = &parse->protocol->framing;
    struct framing *bare = arena_take(parse->arena, sizeof *bare);
    if (bare == NULL) {
        return; /* the arena says so at the end */
    }
    *bare = (struct framing){.type = FRAMING_FIXED, .then = framing};
    if (!reader_read(&parse->reader, json, parse__bare_keys, bare)) {
        return;
    }
    bool whole = framing->type != FRAMING_RAW && framing->type != FRAMING_CODEC &&
                 framing->websocket == NULL;
    if (!whole && !parse->protocol->is_wrong) {
        reader_mistake(&parse->reader,
                       "with raw framing all bytes are without a frame (`bytes`), and a codec or a "
                       "WebSocket takes all that come: expected another framing");
    } else if (bare->fixed_bytes == 0 && bare->delimiter_bytes == 0) {
        reader_expected(&parse->reader, json, "{ \"bytes\": 4 } or { \"until\": \"\\n\" }");
    }
    bare->frame_bytes_max = bare->fixed_bytes > 0 ? bare->fixed_bytes : bare->frame_bytes_max;
    wait->bare = bare;
    wait->match.is_bare = true;
    parse->takes_unframed = true;
}

/* They have neither a header nor an id, and there is nothing behind them that is like them. */
static void parse__check_bare(struct parse *parse, const struct wait *wait)
{
    bool looks = false;
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        looks = looks || (verify->type == VERIFY_FIELD && place_looks_at_head(&verify->place));
    }
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        looks = looks || place_looks_at_head(&wait->captures[i].place);
    }
    if (looks) {
        reader_mistake_at(&parse->reader, "unframed",
                          "bytes without a frame have no header that a place could read");
    } else if (wait->replies_count != 1) {
        reader_mistake_at(&parse->reader, "count",
                          "expected one stretch of bytes: `unframed` is "
                          "in front of one message");
    }
}

/* What a reply is compared with, where the framing does not say where it ends. */
static void parse__check_raw(struct parse *parse, const cJSON *json, struct wait *wait)
{
    struct reader *reader = &parse->reader;
    const struct verify *verify = &wait->verify;
    bool compares = verify->type == VERIFY_SAME_BODY || verify->type == VERIFY_EQUALS ||
                    verify->type == VERIFY_STARTS_WITH;
    bool counted = reader_get(json, "bytes") != NULL;
    if (!counted && verify->type == VERIFY_SAME_BODY) {
        wait->bytes_as_sent = true;
    } else if (!counted && verify->type == VERIFY_EQUALS) {
        wait->bytes_count = verify->body.bytes_max;
        if (verify->body.bytes_min != verify->body.bytes_max) {
            reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is: the body "
                                   "to compare with has no fixed size");
        }
    }
    if ((verify->type != VERIFY_NONE && !compares) || verify->next != NULL ||
        verify->skip_bytes > 0 || wait->captures_count > 0 ||
        wait->match.source != MATCH_FIELD_NONE) {
        reader_mistake(reader, "raw framing has no messages to look into: only `same_body`, "
                               "`equals` and `starts_with` work, byte after byte");
    } else if (verify->type == VERIFY_STARTS_WITH && !counted) {
        reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is, beside "
                               "`starts_with`");
    } else if (!counted && verify->type != VERIFY_SAME_BODY &&
               (verify->type != VERIFY_EQUALS || verify->body.bytes_max == 0)) {
        reader_mistake(reader, "raw framing: expected `bytes`, how long the reply is (or a body "
                               "to compare it with: `same_body`, `equals`): a stream does not say "
                               "where it ends; a framing with a delimiter or a length does");
    }
}

/* Reads what waits; `sent` is NULL for an expect: what it waits for then is any message. */
static void parse__wait(struct parse *parse, const cJSON *json, const struct key *keys,
                        const struct send *sent, struct step *step)
{
    struct reader *reader = &parse->reader;
    struct wait *wait = &step->wait;
    parse->sent = sent;
    /* Messages of a user's codec need no id. */
    bool sent_id = parse->protocol->framing.type != FRAMING_CODEC ||
                   reader_get(reader_get(json, "send"), "id") != NULL;
    wait->match.any_id = !parse_has_ids(parse) || sent == NULL || !sent_id;
    parse->flow.takes_time = true;
    if (!reader_read(reader, json, keys, step)) {
        return;
    }
    if (sent != NULL && reader_get(json, "match") == NULL) {
        wait->match.id = sent->id;
    }
    if (wait->optional && wait->on_timeout != ON_TIMEOUT_CONTINUE) {
        reader_mistake_at(reader, "optional",
                          "what may be missing cannot end in `on_timeout`: leave one out");
    }
    if (!wait->optional && reader_get(json, "on_timeout") == NULL) {
        wait->on_timeout = parse->behavior->on_timeout;
    }
    if (reader_get(json, "on_mismatch") == NULL) {
        wait->on_mismatch = parse->behavior->on_mismatch;
    }
    if (wait->bare != NULL) {
        wait->match.any_id = true;
        parse__check_bare(parse, wait);
    }
    if (parse->protocol->is_wrong) {
        return;
    }
    wait->raw = parse->protocol->framing.type == FRAMING_RAW;
    if (wait->raw) {
        parse__check_raw(parse, json, wait);
    } else if (reader_get(json, "bytes") != NULL) {
        reader_mistake_at(reader, "bytes",
                          "only raw framing needs it: this framing says where a reply ends");
    }
}

static const struct key parse__expect_keys[] = {
    PARSE_WAIT_KEYS,
    {"since", KEY_WORD(struct step, wait.since, "pass", "step", "connected")},
    {0}};
static const struct key parse__request_keys[] = {
    {"name", KEY_TEXT(struct step, name), .high = TREE_NAME_BYTES_MAX},
    {"send", PARSE_SEND, .required = "an object with `id` and `body`"},
    PARSE_WAIT_KEYS,
    {0}};

void parse_expect(struct parse *parse, const cJSON *json, void *place)
{
    parse_needs_link(parse, false);
    parse__wait(parse, json, parse__expect_keys, NULL, place);
}

void parse_request(struct parse *parse, const cJSON *json, void *place)
{
    struct step *step = place;
    char name[32];
    int bytes = snprintf(name, sizeof name, "request-%" PRIu32, ++parse->requests_count);
    step->name = arena_copy(parse->arena, name, (size_t)bytes);
    parse__wait(parse, json, parse__request_keys, &step->send, step);
}
