/* Texts with ${...} in them, and what parts become together. */
#include "scenario/message.h"
#include "scenario/parse/parse.h"

#include <inttypes.h>
#include <string.h>

/* The pieces of one text while it is read. */
struct parse__pieces {
    struct part parts[TREE_PARTS_MAX];
    uint32_t count;
    bool full;
};

static void parse__add(struct parse__pieces *pieces, const struct value *value)
{
    if (value->left.source == OPERAND_TEXT && value->left.bytes_count == 0) {
        return;
    }
    if (pieces->count == TREE_PARTS_MAX) {
        pieces->full = true;
        return;
    }
    pieces->parts[pieces->count++] = (struct part){.form = PART_TEXT, .value = *value};
}

static void parse__add_text(struct parse__pieces *pieces, const char *text, size_t bytes)
{
    struct value value = {.type = VALUE_TEXT,
                          .left = {.source = OPERAND_TEXT,
                                   .type = VALUE_TEXT,
                                   .bytes = (const uint8_t *)text,
                                   .bytes_count = (uint32_t)bytes}};
    parse__add(pieces, &value);
}

static void parse__split(struct parse *parse, const char *text, struct parse__pieces *pieces)
{
    while (*text != '\0') {
        const char *open = strstr(text, "${");
        size_t plain_bytes = open == NULL ? strlen(text) : (size_t)(open - text);
        bool escaped = open != NULL && plain_bytes > 0 && open[-1] == '$';
        /* $${ is a ${ that means nothing: the first $ is dropped. */
        parse__add_text(pieces, text, plain_bytes - escaped);
        if (open == NULL) {
            return;
        }
        if (escaped) {
            parse__add_text(pieces, "${", 2);
            text = open + 2;
            continue;
        }
        const char *close = strchr(open, '}');
        struct value value;
        if (close == NULL) {
            reader_mistake(&parse->reader, "expected `}` behind `%.32s`, found the end of the text",
                           open);
            return;
        }
        if (parse_expression(parse, open + 2, (size_t)(close - open) - 2, &value)) {
            parse__add(pieces, &value);
        }
        text = close + 1;
    }
}

static bool parse__is_drawn(const struct part *part)
{
    return part->form == PART_RANDOM || part->value.left.source == OPERAND_RANDOM ||
           part->value.right.source == OPERAND_RANDOM;
}

/* Sums up the parts into the body; false: too large, which is reported. */
static bool parse__measure(struct parse *parse, struct body *body, bool *constant)
{
    uint64_t low = 0;
    uint64_t high = 0;
    *constant = true;
    for (uint32_t i = 0; i < body->parts_count; i++) {
        const struct part *part = &body->parts[i];
        uint32_t least = part->bytes_count;
        uint32_t most = part->bytes_count;
        if (part->form == PART_TEXT) {
            value_text_bounds(&part->value, &parse->world, &least, &most);
        } else if (part->form == PART_RANDOM) {
            least = part->bytes_min;
            most = part->bytes_max;
        } else if (part->form == PART_FIXED) {
            least = most = part->bytes_max;
        }
        low += least;
        high += most;
        uint32_t covered = part->form == PART_FIXED ? part->covers : 0;
        for (uint32_t j = i; j <= i + covered; j++) {
            const struct part *each = &body->parts[j];
            *constant = *constant && each->form != PART_RANDOM && value_is_constant(&each->value);
            body->is_random = body->is_random || parse__is_drawn(each);
        }
        i += covered;
    }
    if (high > FRAMING_FRAME_BYTES_MAX) {
        reader_mistake(&parse->reader, "expected at most %" PRIu32 " bytes, found %" PRIu64,
                       FRAMING_FRAME_BYTES_MAX, high);
        return false;
    }
    body->bytes_min = (uint32_t)low;
    body->bytes_max = (uint32_t)high;
    return true;
}

void parse_join(struct parse *parse, const struct part *parts, uint32_t parts_count,
                struct body *body)
{
    bool constant = true;
    *body = (struct body){.type = BODY_PARTS, .parts = parts, .parts_count = parts_count};
    if (!parse__measure(parse, body, &constant)) {
        *body = (struct body){.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
        return;
    }
    if (constant) {
        struct message_scope scope = {.world = &parse->world};
        struct body joined = {.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
        uint8_t *bytes = parse_constant(parse, body->bytes_max, &joined);
        if (bytes != NULL) {
            message_write_body(body, &scope, bytes);
        }
        *body = joined;
        return;
    }
    body->parts = arena_copy(parse->arena, parts, parts_count * sizeof *parts);
}

void parse_text(struct parse *parse, const cJSON *json, void *place)
{
    struct parse__pieces pieces = {.count = 0};
    if (!cJSON_IsString(json)) {
        reader_expected(&parse->reader, json, "a text");
        return;
    }
    parse__split(parse, json->valuestring, &pieces);
    if (pieces.full) {
        reader_mistake(&parse->reader, "expected at most %d pieces in one text, found more",
                       TREE_PARTS_MAX);
        return;
    }
    parse_join(parse, pieces.parts, pieces.count, place);
}
