/* A framing by a delimiter: what a message carries must not hold it, or one becomes two. */
#include "scenario/parse/cells.h"

#include <string.h>

/* In bytes, or across their end where the delimiter is added. */
static void parse__check_bytes(struct parse *parse, const uint8_t *bytes, uint32_t bytes_count)
{
    const struct framing *framing = &parse->protocol->framing;
    size_t found = frame_find_delimiter(framing, bytes, bytes_count);
    if (found == bytes_count) {
        uint8_t end[2 * FRAMING_DELIMITER_BYTES_MAX];
        uint32_t kept = framing->delimiter_bytes - 1u;
        kept = kept < bytes_count ? kept : bytes_count;
        memcpy(end, bytes + bytes_count - kept, kept);
        memcpy(end + kept, framing->delimiter, framing->delimiter_bytes);
        found = bytes_count - kept +
                frame_find_delimiter(framing, end, kept + framing->delimiter_bytes);
    }
    if (found < bytes_count) {
        reader_mistake(&parse->reader,
                       "expected a body without the delimiter, which the framing adds; found it "
                       "at byte %zu",
                       found);
    }
}

/* A piece of a text, whose neighbors are not known: it may neither hold the delimiter nor, where
 * that has several bytes, begin or end with a part of it that the neighbor could complete. */
static bool parse__is_apart(const struct framing *framing, const uint8_t *bytes,
                            uint32_t bytes_count, bool first, bool last)
{
    if (frame_find_delimiter(framing, bytes, bytes_count) < bytes_count) {
        return false;
    }
    for (uint32_t part = 1; part < framing->delimiter_bytes && part <= bytes_count; part++) {
        const uint8_t *rest = framing->delimiter + framing->delimiter_bytes - part;
        if ((!last && memcmp(bytes + bytes_count - part, framing->delimiter, part) == 0) ||
            (!first && memcmp(bytes, rest, part) == 0)) {
            return false;
        }
    }
    return true;
}

static bool parse__cell_is_apart(const struct parse_cells *cells, const uint8_t *cell,
                                 uint32_t bytes)
{
    return parse__is_apart(cells->framing, cell, bytes, cells->first, cells->last);
}

/* A text that only the run knows: captured or set. */
static bool parse__is_open(const struct body *body, uint32_t index)
{
    return index < body->parts_count && body->parts[index].form == PART_TEXT &&
           body->parts[index].value.operand.source == OPERAND_VARIABLE &&
           body->parts[index].value.type == VALUE_TEXT;
}

/* A text of the scenario: whole in it, or completed by what is captured beside it. */
static void parse__check_text(struct parse *parse, const struct body *body, uint32_t index)
{
    const struct operand *operand = &body->parts[index].value.operand;
    const struct framing *framing = &parse->protocol->framing;
    size_t found = frame_find_delimiter(framing, operand->bytes, operand->bytes_count);
    if (found < operand->bytes_count) {
        reader_mistake(&parse->reader,
                       "expected a body without the delimiter, which the framing adds; "
                       "found it at byte %zu of a text beside ${...}",
                       found);
        return;
    }
    bool after = index > 0 && parse__is_open(body, index - 1);
    bool before = parse__is_open(body, index + 1);
    if ((after || before) &&
        !parse__is_apart(framing, operand->bytes, operand->bytes_count, !after, !before)) {
        reader_mistake(&parse->reader,
                       "the text beside ${...} has a part of the delimiter at that end, which a "
                       "captured text could complete: the message would become two");
    }
}

/* JSON on one line has none, whatever is put in. */
static bool parse__has_control_letter(const struct framing *framing)
{
    bool found = false;
    for (uint32_t i = 0; i < framing->delimiter_bytes; i++) {
        found = found || framing->delimiter[i] < 0x20;
    }
    return found;
}

static void parse__check_part(struct parse *parse, const struct body *body, uint32_t index)
{
    const struct part *part = &body->parts[index];
    const struct operand *operand = &part->value.operand;
    const struct framing *framing = &parse->protocol->framing;
    bool first = index == 0;
    bool last = index + 1 == body->parts_count;
    switch (part->form) {
    case PART_TEXT:
        if (operand->source == OPERAND_TEXT) {
            parse__check_text(parse, body, index);
        } else if (operand->source == OPERAND_UTC &&
                   !parse__is_apart(framing, operand->bytes, operand->bytes_count, first, last)) {
            reader_mistake(&parse->reader, "the picture of utc(...) has the delimiter (or a part "
                                           "of it at an end): the message would become two");
        } else if (operand->source == OPERAND_DATA && !operand->reads_text) {
            parse_check_cells(
                parse, operand,
                &(struct parse_cells){.fits = parse__cell_is_apart,
                                      .wrong = "has the delimiter (or a part of it at an end)",
                                      .so = "the message would become two",
                                      .framing = framing,
                                      .first = first,
                                      .last = last});
        }
        return;
    case PART_JSON:
        if (!parse__has_control_letter(framing)) {
            reader_mistake(&parse->reader,
                           "a text that is escaped as JSON may hold the delimiter of the framing, "
                           "and the message would become two: only a delimiter with a control "
                           "character, such as \"\\n\", is never in JSON");
        }
        return;
    case PART_BINARY:
    case PART_VARINT:
    case PART_LENGTH:
    case PART_CHECKSUM:
        reader_mistake(&parse->reader, "a binary number may hold the delimiter of the framing, and "
                                       "the message would become two: use a text");
        return;
    case PART_RANDOM:
        reader_mistake(&parse->reader,
                       "random bytes may hold the delimiter of the framing, and the "
                       "message would become two: use a body that is random as a "
                       "whole, which has letters only");
        return;
    case PART_FIXED:
        if (memchr(framing->delimiter, 0, framing->delimiter_bytes) != NULL) {
            reader_mistake(&parse->reader, "a text filled up with zeros may hold the delimiter of "
                                           "the framing: the message would become two");
        }
        return;
    }
}

/* --- Texts that only the run knows, and the lines that they must not end. */

/* Is what follows these constant bytes no line any more: the payload of a message, a body? */
static bool parse__ends_lines(const struct framing *framing, const uint8_t *bytes,
                              uint32_t bytes_count, bool first)
{
    static const uint8_t EMPTY_LINE[] = "\r\n\r\n";
    switch (framing->type) {
    case FRAMING_LINES:
        return frame_find_delimiter(framing, bytes, bytes_count) < bytes_count;
    case FRAMING_HTTP:
        return place_find_bytes(EMPTY_LINE, 4, bytes, bytes_count) != NULL;
    case FRAMING_RESP: /* all but an inline command counts its bytes */
        return first && bytes_count > 0 && bytes[0] == '*';
    default:
        return false;
    }
}

static bool parse__cell_is_in_line(const struct parse_cells *cells, const uint8_t *cell,
                                   uint32_t bytes)
{
    return lines_find_end(cells->framing, cell, bytes) >= bytes;
}

static void parse__note_lines(struct parse *parse, const struct body *body)
{
    const struct framing *framing = &parse->protocol->framing;
    uint32_t counted_end = 0; /* before it, a length says how long the text is */
    for (uint32_t i = 0; i < body->parts_count; i++) {
        const struct part *part = &body->parts[i];
        const struct operand *operand = &part->value.operand;
        uint32_t end = part->form == PART_LENGTH ? i + 1 + part->covers : 0;
        counted_end = end > counted_end ? end : counted_end;
        if (part->form == PART_TEXT && operand->source == OPERAND_TEXT &&
            parse__ends_lines(framing, operand->bytes, operand->bytes_count, i == 0)) {
            return;
        }
        if (i < counted_end || operand->reads_text) {
            continue;
        }
        /* Cells are known. A framing by a delimiter alone is judged below. */
        if (part->form == PART_TEXT && operand->source == OPERAND_DATA &&
            framing->type != FRAMING_DELIMITER) {
            parse_check_cells(
                parse, operand,
                &(struct parse_cells){.fits = parse__cell_is_in_line,
                                      .wrong = "has the end of a line",
                                      .so = "the rest of the cell would be a line of its own",
                                      .framing = framing});
        }
        if (!parse__is_open(body, i)) {
            continue;
        }
        for (uint32_t n = 0; n < parse->names_count; n++) {
            struct parse_variable *variable = &parse->names[n];
            if (variable->typed && variable->word == operand->index && variable->lines_of != NULL) {
                *variable->lines_of |= UINT64_C(1) << parse->flow.target % 64;
            }
        }
    }
}

void parse_check_delimiter(struct parse *parse, const struct body *body)
{
    const struct framing *framing = &parse->protocol->framing;
    parse__note_lines(parse, body);
    /* Without a delimiter that can be read the framing has been reported already. */
    if (framing->type != FRAMING_DELIMITER || framing->delimiter_bytes == 0) {
        return;
    }
    if (body->type == BODY_CONSTANT) {
        parse__check_bytes(parse, body->bytes, body->bytes_min);
    }
    uint32_t mistakes_count = parse->reader.mistakes_count;
    for (uint32_t i = 0; i < body->parts_count; i++) {
        if (parse->reader.mistakes_count == mistakes_count) {
            parse__check_part(parse, body, i);
        }
    }
}

void parse_check_delimiters(struct parse *parse, const struct body *body)
{
    const struct scenario *scenario = parse->scenario;
    struct scenario_protocol *here = parse->protocol;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        parse->protocol = scenario->targets[i].protocol;
        if (parse->reader.mistakes_count == mistakes_count) {
            parse_check_delimiter(parse, body);
        }
    }
    parse->protocol = here;
}
