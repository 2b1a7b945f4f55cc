/* The parts of a body while it is read: put one behind the other, measured, and joined. */
#include "scenario/parse/parts.h"
#include "scenario/message.h"

#include <inttypes.h>
#include <stdlib.h>

struct part *parse_add_part(struct parse *parse)
{
    if (parse->parts == NULL) {
        parse->parts = malloc(TREE_PARTS_MAX * sizeof *parse->parts);
    }
    parse->parts_full = parse->parts_full && parse->parts_count > 0;
    if (parse->parts == NULL || parse->parts_count == TREE_PARTS_MAX) {
        if (!parse->parts_full) {
            reader_mistake(&parse->reader,
                           "expected at most %d fields and pieces of text, found more",
                           TREE_PARTS_MAX);
        }
        parse->parts_full = true;
        return NULL;
    }
    struct part *part = &parse->parts[parse->parts_count];
    *part = (struct part){.form = PART_TEXT, .draw = parse->parts_count++};
    part->value.operand =
        (struct operand){.source = OPERAND_TEXT, .type = VALUE_TEXT, .bytes = (const uint8_t *)""};
    part->value.type = VALUE_TEXT;
    return part;
}

void parse_add_bytes(struct parse *parse, const void *bytes, uint32_t bytes_count)
{
    struct part *part = parse_add_part(parse);
    if (part != NULL) {
        part->value.operand.bytes = bytes;
        part->value.operand.bytes_count = bytes_count;
    }
}

struct part *parse_add_value(struct parse *parse, const struct value *value)
{
    struct part *part = parse_add_part(parse);
    if (part != NULL) {
        part->value = *value;
    }
    return part;
}

void parse_add_body(struct parse *parse, const struct body *body)
{
    if (body->type == BODY_CONSTANT) {
        parse_add_bytes(parse, body->bytes, body->bytes_min);
        return;
    }
    if (body->type == BODY_RANDOM) {
        struct part *part = parse_add_part(parse);
        if (part != NULL) {
            part->form = PART_RANDOM;
            part->bytes_min = body->bytes_min;
            part->bytes_max = body->bytes_max;
        }
        return;
    }
    for (uint32_t i = 0; i < body->parts_count; i++) {
        struct part *part = parse_add_part(parse);
        if (part != NULL) {
            uint32_t draw = part->draw;
            *part = body->parts[i];
            part->draw = draw;
        }
    }
}

/* --- What they can be. */

struct parse__bounds {
    uint64_t low;
    uint64_t high;
};

static struct parse__bounds parse__measure(const struct parse *parse, const struct part *parts,
                                           uint32_t first, uint32_t end);

/* How many bytes a length has that counts so many. */
static uint32_t parse__length_bytes(const struct part *part, uint64_t counted_bytes)
{
    int64_t number = (int64_t)counted_bytes + part->plus;
    return number < 0 || number > UINT32_MAX ? 0 : number_bytes(&part->format, (uint32_t)number);
}

static struct parse__bounds parse__measure_length(const struct parse *parse,
                                                  const struct part *parts, uint32_t index)
{
    const struct part *part = &parts[index];
    uint32_t end = index + 1 + part->covers;
    struct parse__bounds covered = parse__measure(parse, parts, index + 1, end);
    struct parse__bounds counted = covered;
    if (part->bytes_max > 0) {
        counted = parse__measure(parse, parts, index + 2, end);
        counted.low = counted.low < part->bytes_max ? counted.low : part->bytes_max;
        counted.high = counted.high < part->bytes_max ? counted.high : part->bytes_max;
    }
    covered.low += parse__length_bytes(part, counted.low);
    covered.high += parse__length_bytes(part, counted.high);
    return covered;
}

static uint32_t parse__json_bytes(const uint8_t *text, uint32_t bytes)
{
    uint8_t letter[MESSAGE_JSON_LETTER_BYTES_MAX];
    uint32_t count = 0;
    for (uint32_t taken = 0; bytes > 0; text += taken, bytes -= taken) {
        count += message_json_letter(text, bytes, &taken, letter);
    }
    return count;
}

static struct parse__bounds parse__measure_text(const struct parse *parse,
                                                const struct value *value)
{
    uint32_t low = 0;
    uint32_t high = 0;
    value_text_bounds(value, &parse->world, &low, &high);
    return (struct parse__bounds){low, high};
}

/* What is escaped is longer: exactly known of texts that are known. */
static struct parse__bounds parse__measure_json(const struct parse *parse,
                                                const struct value *value)
{
    const struct operand *operand = &value->operand;
    struct parse__bounds bounds = parse__measure_text(parse, value);
    if (value->type != VALUE_TEXT) {
        return (struct parse__bounds){1, 24};
    }
    if (value_is_digits(value)) {
        return bounds;
    }
    bounds.high *= MESSAGE_JSON_LETTER_BYTES_MAX;
    if (operand->source == OPERAND_TEXT) {
        bounds.low = bounds.high = parse__json_bytes(operand->bytes, operand->bytes_count);
    } else if (operand->source == OPERAND_DATA) {
        const struct data_table *table = &parse->tables[operand->index];
        bounds = (struct parse__bounds){UINT32_MAX, 0};
        for (uint32_t row = 0; row < table->rows_count; row++) {
            uint32_t cell_bytes = 0;
            const uint8_t *cell = data_cell(table, row, operand->column, &cell_bytes);
            uint32_t bytes = parse__json_bytes(cell, cell_bytes);
            bounds.low = bytes < bounds.low ? bytes : bounds.low;
            bounds.high = bytes > bounds.high ? bytes : bounds.high;
        }
    }
    return bounds;
}

static struct parse__bounds parse__measure_part(const struct parse *parse, const struct part *parts,
                                                uint32_t index)
{
    const struct part *part = &parts[index];
    switch (part->form) {
    case PART_TEXT:
        return parse__measure_text(parse, &part->value);
    case PART_JSON:
        return parse__measure_json(parse, &part->value);
    case PART_VARINT:
        return (struct parse__bounds){1, part->bytes_count == 4 ? 5 : PART_VARINT_BYTES_MAX};
    case PART_LENGTH:
        return parse__measure_length(parse, parts, index);
    case PART_RANDOM:
        return (struct parse__bounds){part->bytes_min, part->bytes_max};
    case PART_FIXED:
        return (struct parse__bounds){part->bytes_max, part->bytes_max};
    case PART_CHECKSUM: {
        struct parse__bounds of = parse__measure(parse, parts, index + 1, index + 1 + part->covers);
        return (struct parse__bounds){of.low + part->format.bytes, of.high + part->format.bytes};
    }
    case PART_BINARY:
        break;
    }
    return (struct parse__bounds){part->bytes_count, part->bytes_count};
}

static struct parse__bounds parse__measure(const struct parse *parse, const struct part *parts,
                                           uint32_t first, uint32_t end)
{
    struct parse__bounds sum = {0, 0};
    for (uint32_t i = first; i < end; i += 1 + parts[i].covers) {
        struct parse__bounds part = parse__measure_part(parse, parts, i);
        sum.low += part.low;
        sum.high += part.high;
    }
    return sum;
}

struct part *parse_open_length(struct parse *parse)
{
    if (parse->lengths_open == TREE_LENGTHS_MAX) {
        reader_mistake(&parse->reader,
                       "expected at most %d lengths and checksums inside each other, found more",
                       TREE_LENGTHS_MAX);
        return NULL;
    }
    struct part *part = parse_add_part(parse);
    parse->lengths_open += part != NULL;
    return part;
}

void parse_close_length(struct parse *parse, struct part *length, uint32_t mistakes_count)
{
    uint32_t index = (uint32_t)(length - parse->parts);
    parse->lengths_open--;
    length->form = PART_LENGTH;
    length->covers = parse->parts_count - index - 1;
    if (parse->reader.mistakes_count > mistakes_count) {
        return;
    }
    struct parse__bounds counted =
        parse__measure(parse, parse->parts, index + 1, parse->parts_count);
    if (length->bytes_max > 0) {
        counted.high = counted.high < length->bytes_max ? counted.high : length->bytes_max;
    }
    int64_t least = (int64_t)counted.low + length->plus;
    if (least < 0) {
        reader_mistake(&parse->reader, "with `plus` the length can be %" PRId64 ", below 0", least);
    } else if (parse__length_bytes(length, counted.high) == 0) {
        reader_mistake(&parse->reader,
                       "there can be %" PRIu64 " bytes behind it, more than its length can say",
                       counted.high);
    }
}

void parse_close_checksum(struct parse *parse, struct part *checksum)
{
    parse->lengths_open--;
    checksum->form = PART_CHECKSUM;
    checksum->covers = parse->parts_count - (uint32_t)(checksum - parse->parts) - 1;
}

/* --- Joined. */

static bool parse__is_constant(const struct part *parts, uint32_t index)
{
    uint32_t end = index + 1 + parts[index].covers;
    for (uint32_t i = index; i < end; i++) {
        if (parts[i].form == PART_RANDOM || !value_is_constant(&parts[i].value)) {
            return false;
        }
    }
    return true;
}

/* Constant parts as the one text that they are. */
static struct part parse__constant_part(struct parse *parse, const struct part *parts,
                                        uint32_t count)
{
    if (count == 1 && parts[0].form == PART_TEXT && !value_is_digits(&parts[0].value)) {
        return parts[0];
    }
    const struct message_scope scope = {.world = &parse->world};
    const struct body body = {
        .type = BODY_PARTS, .bytes_max = UINT32_MAX, .parts = parts, .parts_count = count};
    struct part part = {.form = PART_TEXT, .value = {.type = VALUE_TEXT}};
    struct body joined = {.bytes = (const uint8_t *)""};
    uint8_t *bytes = parse_constant(parse, message_body_bytes(&body, &scope), &joined);
    if (bytes != NULL) {
        message_write_body(&body, &scope, bytes);
    }
    part.value.operand = (struct operand){.source = OPERAND_TEXT,
                                          .type = VALUE_TEXT,
                                          .bytes = joined.bytes,
                                          .bytes_count = joined.bytes_min};
    return part;
}

/* Makes one part of all constant neighbors: what is written again and again is what changes. The
 * parts from first to before end become those from `to` on; returns where they end. */
static uint32_t parse__fold(struct parse *parse, uint32_t first, uint32_t end, uint32_t to)
{
    struct part *parts = parse->parts;
    for (uint32_t i = first; i < end;) {
        uint32_t run = i;
        while (run < end && parse__is_constant(parts, run)) {
            run += 1 + parts[run].covers;
        }
        if (run > i) {
            struct part constant = parse__constant_part(parse, parts + i, run - i);
            i = run;
            if (constant.value.operand.bytes_count > 0) {
                parts[to++] = constant;
            }
            continue;
        }
        struct part part = parts[i];
        uint32_t at = to++;
        to = parse__fold(parse, i + 1, i + 1 + part.covers, to);
        i += 1 + part.covers;
        part.covers = to - at - 1;
        parts[at] = part;
    }
    return to;
}

static bool parse__is_drawn(const struct part *part)
{
    return part->form == PART_RANDOM || value_has_source(&part->value, OPERAND_RANDOM);
}

void parse_join(struct parse *parse, uint32_t first, struct body *body)
{
    *body = (struct body){.type = BODY_CONSTANT, .bytes = (const uint8_t *)""};
    struct parse__bounds all = parse__measure(parse, parse->parts, first, parse->parts_count);
    if (all.high > FRAMING_FRAME_BYTES_MAX) {
        reader_mistake(&parse->reader, "expected at most %" PRIu32 " bytes, found %" PRIu64,
                       FRAMING_FRAME_BYTES_MAX, all.high);
        parse->parts_count = first;
        return;
    }
    uint32_t end = parse__fold(parse, first, parse->parts_count, first);
    uint32_t count = end - first;
    parse->parts_count = first;
    if (count == 0) {
        return;
    }
    const struct part *parts = parse->parts + first;
    if (count == 1 && parse__is_constant(parts, 0)) {
        body->bytes = parts[0].value.operand.bytes;
        body->bytes_min = body->bytes_max = parts[0].value.operand.bytes_count;
        return;
    }
    *body = (struct body){.type = BODY_PARTS,
                          .bytes_min = (uint32_t)all.low,
                          .bytes_max = (uint32_t)all.high,
                          .parts = arena_copy(parse->arena, parts, count * sizeof *parts),
                          .parts_count = count};
    for (uint32_t i = 0; i < count; i++) {
        body->is_random = body->is_random || parse__is_drawn(&parts[i]);
    }
}
