/* Texts with ${...} in them: the pieces, and what each can become. */
#include "scenario/parse.h"

#include "core/suggest.h"
#include "core/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PARSE_WORDS_MAX = 8 + TREE_CAPTURES_MAX + 64 };

/* The pieces of one text while it is read. */
struct parse__pieces {
    struct part parts[TREE_PARTS_MAX];
    uint32_t count;
    bool full;
};

bool parse_name_valid(const char *name)
{
    size_t bytes = strlen(name);
    bool valid = bytes > 0 && bytes <= TREE_NAME_BYTES_MAX && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; valid && i < bytes; i++) {
        char c = name[i];
        valid =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    return valid;
}

uint32_t parse_capture_index(struct parse *parse, const char *name, size_t name_bytes)
{
    for (uint32_t i = 0; i < parse->captures_count; i++) {
        if (strlen(parse->captures[i]) == name_bytes &&
            memcmp(parse->captures[i], name, name_bytes) == 0) {
            if ((parse->flow.captured >> i & 1) == 0) {
                reader_mistake(&parse->reader, "`${%s}` is used before it is captured",
                               parse->captures[i]);
            }
            return i;
        }
    }
    return UINT32_MAX;
}

static void parse__add(struct parse__pieces *pieces, struct part part)
{
    if (part.type == PART_TEXT && part.bytes_count == 0) {
        return;
    }
    if (pieces->count == TREE_PARTS_MAX) {
        pieces->full = true;
        return;
    }
    pieces->parts[pieces->count++] = part;
}

static uint64_t parse__digits(uint64_t value)
{
    uint64_t digits = 1;
    for (; value >= 10; value /= 10) {
        digits++;
    }
    return digits;
}

/* The most and the fewest bytes that a piece becomes. */
static void parse__part_bytes(const struct part *part, uint64_t *low, uint64_t *high)
{
    switch (part->type) {
    case PART_TEXT:
        *low = *high = part->bytes_count;
        break;
    case PART_RANDOM:
        *low = parse__digits(part->low);
        *high = parse__digits(part->high);
        break;
    case PART_CONNECTION:
    case PART_LANE:
        *low = 1;
        *high = 10;
        break;
    case PART_ITERATION:
    case PART_SEED:
    case PART_CAPTURE:
        *low = 1;
        *high = 20;
        break;
    }
}

/* random(low,high): the text between the brackets. */
static bool parse__random(const char *arguments, size_t bytes, struct part *part)
{
    char text[64];
    if (bytes >= sizeof(text)) {
        return false;
    }
    memcpy(text, arguments, bytes);
    text[bytes] = '\0';
    char *comma = strchr(text, ',');
    if (comma == NULL) {
        return false;
    }
    *comma = '\0';
    const char *second = comma + 1;
    second += strspn(second, " ");
    int64_t low = 0;
    int64_t high = 0;
    if (!units_integer(text, 0, INT64_MAX, &low, NULL) ||
        !units_integer(second, 0, INT64_MAX, &high, NULL) || low > high) {
        return false;
    }
    *part = (struct part){.type = PART_RANDOM, .low = (uint64_t)low, .high = (uint64_t)high};
    return true;
}

static void parse__unknown(struct parse *parse, const char *name)
{
    static const char *const builtin[] = {"conn", "iteration", "lane", "seed", "random"};
    const char *words[PARSE_WORDS_MAX];
    size_t count = 0;
    for (; count < sizeof(builtin) / sizeof(builtin[0]); count++) {
        words[count] = builtin[count];
    }
    for (uint32_t i = 0; i < parse->captures_count; i++) {
        words[count++] = parse->captures[i];
    }
    for (uint32_t i = 0; i < parse->variables_count && i < 64; i++) {
        words[count++] = parse->variables[i].name;
    }
    const char *nearest = suggest_nearest(name, words, count);
    if (nearest != NULL) {
        reader_mistake(&parse->reader, "`${%s}`: unknown variable; did you mean `${%s}`?", name,
                       nearest);
    } else {
        reader_mistake(&parse->reader,
                       "`${%s}`: unknown variable; expected conn, iteration, lane, seed, "
                       "random(low,high), a captured name or one given by --set %s=VALUE",
                       name, name);
    }
}

/* What stands between ${ and }. */
static void parse__variable(struct parse *parse, const char *name, size_t bytes,
                            struct parse__pieces *pieces)
{
    static const struct {
        const char *name;
        enum part_type type;
    } builtin[] = {{"conn", PART_CONNECTION},
                   {"iteration", PART_ITERATION},
                   {"lane", PART_LANE},
                   {"seed", PART_SEED}};
    for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
        if (strlen(builtin[i].name) == bytes && memcmp(builtin[i].name, name, bytes) == 0) {
            parse__add(pieces, (struct part){.type = builtin[i].type});
            return;
        }
    }
    static const char random[] = "random(";
    struct part part;
    if (bytes >= sizeof(random) && memcmp(name, random, sizeof(random) - 1) == 0) {
        if (name[bytes - 1] == ')' &&
            parse__random(name + sizeof(random) - 1, bytes - sizeof(random), &part)) {
            parse__add(pieces, part);
        } else {
            reader_mistake(&parse->reader,
                           "expected ${random(low,high)} with whole numbers, low <= high, found "
                           "`${%.*s}`",
                           (int)(bytes < 64 ? bytes : 64), name);
        }
        return;
    }
    for (uint32_t i = 0; i < parse->variables_count; i++) {
        const struct scenario_variable *variable = &parse->variables[i];
        if (strlen(variable->name) == bytes && memcmp(variable->name, name, bytes) == 0) {
            parse->variables_used |= i < 64 ? UINT64_C(1) << i : 0;
            parse__add(pieces, (struct part){.type = PART_TEXT,
                                             .bytes = (const uint8_t *)variable->value,
                                             .bytes_count = (uint32_t)strlen(variable->value)});
            return;
        }
    }
    uint32_t capture = parse_capture_index(parse, name, bytes);
    if (capture != UINT32_MAX) {
        parse__add(pieces, (struct part){.type = PART_CAPTURE, .capture = capture});
        return;
    }
    char shown[TREE_NAME_BYTES_MAX + 1];
    snprintf(shown, sizeof(shown), "%.*s", (int)(bytes < sizeof(shown) ? bytes : sizeof(shown)),
             name);
    parse__unknown(parse, shown);
}

static void parse__split(struct parse *parse, const char *text, struct parse__pieces *pieces)
{
    while (*text != '\0') {
        const char *open = strstr(text, "${");
        size_t plain_bytes = open == NULL ? strlen(text) : (size_t)(open - text);
        bool escaped = open != NULL && plain_bytes > 0 && open[-1] == '$';
        /* $${ is a ${ that means nothing: the first $ is dropped. */
        parse__add(pieces, (struct part){.type = PART_TEXT,
                                         .bytes = (const uint8_t *)text,
                                         .bytes_count = (uint32_t)(plain_bytes - escaped)});
        if (open == NULL) {
            return;
        }
        if (escaped) {
            parse__add(
                pieces,
                (struct part){.type = PART_TEXT, .bytes = (const uint8_t *)"${", .bytes_count = 2});
            text = open + 2;
            continue;
        }
        const char *close = strchr(open, '}');
        if (close == NULL) {
            reader_mistake(&parse->reader, "expected `}` behind `%.32s`, found the end of the text",
                           open);
            return;
        }
        parse__variable(parse, open + 2, (size_t)(close - open) - 2, pieces);
        text = close + 1;
    }
}

/* All pieces are plain: one run of bytes. */
static void parse__join(struct parse *parse, const struct parse__pieces *pieces, uint64_t bytes,
                        struct body *body)
{
    uint8_t *joined = arena_take(parse->arena, bytes + 1);
    if (joined == NULL) {
        return;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < pieces->count; i++) {
        memcpy(joined + at, pieces->parts[i].bytes, pieces->parts[i].bytes_count);
        at += pieces->parts[i].bytes_count;
    }
    *body = (struct body){.type = BODY_CONSTANT,
                          .bytes = joined,
                          .bytes_min = (uint32_t)bytes,
                          .bytes_max = (uint32_t)bytes};
}

void parse_text(struct parse *parse, const char *text, struct body *body)
{
    struct parse__pieces pieces = {.count = 0};
    parse__split(parse, text, &pieces);
    if (pieces.full) {
        reader_mistake(&parse->reader, "expected at most %d pieces in one text, found more",
                       TREE_PARTS_MAX);
        return;
    }
    uint64_t low = 0;
    uint64_t high = 0;
    bool plain = true;
    for (uint32_t i = 0; i < pieces.count; i++) {
        uint64_t part_low = 0;
        uint64_t part_high = 0;
        parse__part_bytes(&pieces.parts[i], &part_low, &part_high);
        low += part_low;
        high += part_high;
        plain = plain && pieces.parts[i].type == PART_TEXT;
    }
    if (high > FRAMING_FRAME_BYTES_MAX) {
        reader_mistake(&parse->reader, "expected at most %" PRIu32 " bytes, found %" PRIu64,
                       FRAMING_FRAME_BYTES_MAX, high);
        return;
    }
    if (plain) {
        parse__join(parse, &pieces, high, body);
        return;
    }
    struct part *parts = arena_take(parse->arena, pieces.count * sizeof(*parts));
    if (parts == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pieces.count; i++) {
        parts[i] = pieces.parts[i];
        if (parts[i].type == PART_TEXT) {
            parts[i].bytes = arena_copy(parse->arena, parts[i].bytes, parts[i].bytes_count);
        }
    }
    *body = (struct body){.type = BODY_TEXT,
                          .parts = parts,
                          .parts_count = pieces.count,
                          .bytes_min = (uint32_t)low,
                          .bytes_max = (uint32_t)high};
}
