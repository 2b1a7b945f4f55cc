/* Lines, some of which say that more belongs to the message: a payload of a size, further lines, or
 * both. Which ones, and how they say it, is data (struct framing_rule). The body is all of it, but
 * for the delimiter (or whatever else is at the end of the payload) behind the last of it. */
#include "proto/codec.h"

#include "text/encoding.h"

#include <inttypes.h>
#include <string.h>

enum { LINES_LINE_BYTES_MAX = 65536 };

enum lines_state {
    LINES_FIRST,   /* the line that a message begins with */
    LINES_MORE,    /* a line behind it */
    LINES_PAYLOAD, /* bytes of a known size */
    LINES_SEARCH,  /* the same, up to the `end` of the rule */
    LINES_END      /* what is behind a payload or the last line */
};

static bool lines__check(const struct framing *framing, struct error *error)
{
    return codec_delimiter.check(framing, error);
}

static enum frame_status lines__refuse(struct codec_scan *scan, const char *expected)
{
    scan->expected = expected;
    return FRAME_INVALID;
}

static bool lines__begins(const struct framing_pattern *pattern, const uint8_t *line, size_t bytes)
{
    if (bytes < pattern->bytes) {
        return false;
    }
    if (!pattern->is_like) {
        return pattern->bytes == 0 || memcmp(line, pattern->text, pattern->bytes) == 0;
    }
    for (uint32_t i = 0; i < pattern->bytes; i++) {
        uint8_t wanted = pattern->text[i];
        bool is_digit = line[i] >= '0' && line[i] <= '9';
        if (wanted != '?' && (wanted == '#' ? !is_digit : wanted != line[i])) {
            return false;
        }
    }
    return true;
}

static bool lines__ends(const struct framing_pattern *pattern, const uint8_t *line, size_t bytes)
{
    return pattern->bytes == 0 ||
           (bytes >= pattern->bytes &&
            memcmp(line + bytes - pattern->bytes, pattern->text, pattern->bytes) == 0);
}

/* The index of the first rule that the line is of, or rules_count. */
static uint32_t lines__rule(const struct framing *framing, const uint8_t *line, size_t bytes)
{
    uint32_t i = 0;
    while (i < framing->rules_count && !(lines__begins(&framing->rules[i].begins, line, bytes) &&
                                         lines__ends(&framing->rules[i].ends, line, bytes))) {
        i++;
    }
    return i;
}

/* The digits from `at` on, which something else or the end of the line follows. */
static bool lines__number(const uint8_t *line, size_t bytes, size_t at, uint64_t *number)
{
    size_t first = at;
    *number = 0;
    for (; at < bytes && line[at] >= '0' && line[at] <= '9' && at - first < 16; at++) {
        *number = *number * 10 + (uint64_t)(line[at] - '0');
    }
    return at > first && at - first < 16;
}

static bool lines__last_number(const uint8_t *line, size_t bytes, uint64_t *number)
{
    size_t end = bytes;
    while (end > 0 && (line[end - 1] < '0' || line[end - 1] > '9')) {
        end--;
    }
    size_t at = end;
    while (at > 0 && line[at - 1] >= '0' && line[at - 1] <= '9') {
        at--;
    }
    return lines__number(line, end, at, number);
}

static bool lines__word(const uint8_t *line, size_t bytes, uint32_t word, uint64_t *number)
{
    size_t at = 0;
    for (;; word--) {
        while (at < bytes && line[at] == ' ') {
            at++;
        }
        if (word == 0) {
            return lines__number(line, bytes, at, number);
        }
        while (at < bytes && line[at] != ' ') {
            at++;
        }
        if (at == bytes) {
            return false;
        }
    }
}

static uint8_t lines__lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* A line such as "content-length: 5". */
static bool lines__named_number(const struct framing_pattern *name, const uint8_t *line,
                                size_t bytes, uint64_t *number)
{
    size_t at = 0;
    while (at < name->bytes && at < bytes &&
           lines__lower(name->text[at]) == lines__lower(line[at])) {
        at++;
    }
    if (at < name->bytes) {
        return false;
    }
    while (at < bytes && line[at] == ' ') {
        at++;
    }
    return lines__number(line, bytes, at, number);
}

static enum frame_status lines__piece(struct codec_scan *scan, uint64_t bytes,
                                      enum lines_state next, struct codec_piece *piece)
{
    bool is_first = scan->lines.state == LINES_FIRST;
    *piece = (struct codec_piece){bytes, is_first ? CODEC_HEAD : CODEC_TEXT};
    scan->lines.state = (uint8_t)next;
    return FRAME_PARTIAL;
}

/* What a rule has at the end of its payload. */
static const uint8_t *lines__end_of(const struct framing *framing, const struct codec_scan *scan,
                                    uint32_t *bytes)
{
    const struct framing_rule *rule =
        scan->lines.in_payload ? &framing->rules[scan->lines.rule] : NULL;
    bool own = rule != NULL && rule->has_end;
    *bytes = own ? rule->end_bytes : framing->delimiter_bytes;
    return own ? rule->end : framing->delimiter;
}

/* The message ends with this line of `bytes`, which are left without the delimiter. */
static enum frame_status lines__last(const struct framing *framing, struct codec_scan *scan,
                                     size_t bytes, struct codec_piece *piece)
{
    scan->lines.in_payload = false;
    if (bytes > 0) {
        return lines__piece(scan, bytes, LINES_END, piece);
    }
    *piece = (struct codec_piece){framing->delimiter_bytes, CODEC_DROPPED};
    return FRAME_COMPLETE;
}

/* The payload ends behind this piece: the line that announced an empty one, or its last bytes. */
static enum frame_status lines__end_payload(const struct framing_rule *rule,
                                            struct codec_scan *scan, uint64_t bytes,
                                            struct codec_piece *piece)
{
    bool none = rule->has_end && rule->end_bytes == 0;
    bool line_follows = rule->goes_on || (none && scan->lines.until > 0);
    lines__piece(scan, bytes, line_follows ? LINES_MORE : LINES_END, piece);
    scan->lines.has_size = false;
    return none && !line_follows ? FRAME_COMPLETE : FRAME_PARTIAL;
}

/* A payload follows the line of `bytes`, its delimiter included. */
static enum frame_status lines__begin_payload(const struct framing *framing,
                                              struct codec_scan *scan, uint32_t rule, size_t bytes,
                                              struct codec_piece *piece)
{
    scan->lines.rule = (uint8_t)rule;
    scan->lines.in_payload = true;
    return scan->lines.size > 0 ? lines__piece(scan, bytes, LINES_PAYLOAD, piece)
                                : lines__end_payload(&framing->rules[rule], scan, bytes, piece);
}

/* The line that `until` names: what its rule says about the payload holds now. */
static enum frame_status lines__until(const struct framing *framing, struct codec_scan *scan,
                                      size_t bytes, struct codec_piece *piece)
{
    uint32_t index = scan->lines.until - 1u;
    const struct framing_rule *rule = &framing->rules[index];
    size_t whole = bytes + framing->delimiter_bytes;
    scan->lines.until = 0;
    if (rule->size == FRAMING_SIZE_NAMED && scan->lines.has_size) {
        return lines__begin_payload(framing, scan, index, whole, piece);
    }
    if (rule->has_end && rule->end_bytes > 0) {
        scan->lines.rule = (uint8_t)index;
        scan->lines.in_payload = true;
        return lines__piece(scan, whole, LINES_SEARCH, piece);
    }
    return lines__last(framing, scan, bytes, piece);
}

static bool lines__is_until(const struct framing_pattern *until, const uint8_t *line, size_t bytes)
{
    return until->is_whole ? bytes == until->bytes && memcmp(line, until->text, bytes) == 0
                           : lines__begins(until, line, bytes);
}

/* The size that a line says, for a payload behind it. */
static enum frame_status lines__read_size(const struct framing_rule *rule, struct codec_scan *scan,
                                          const uint8_t *line, size_t bytes)
{
    bool found = rule->size == FRAMING_SIZE_WORD
                     ? lines__word(line, bytes, rule->word, &scan->lines.size)
                 : rule->size == FRAMING_SIZE_NAMED
                     ? lines__named_number(&rule->name, line, bytes, &scan->lines.size)
                     : lines__last_number(line, bytes, &scan->lines.size);
    return found ? FRAME_PARTIAL
                 : lines__refuse(scan, "a size of 1 to 15 digits, where the rule of this line has "
                                       "it (`size`)");
}

static enum frame_status lines__line(const struct framing *framing, struct codec_scan *scan,
                                     const uint8_t *line, size_t bytes, struct codec_piece *piece)
{
    size_t whole = bytes + framing->delimiter_bytes;
    if (bytes == 0 && scan->lines.state == LINES_FIRST && framing->skips_empty) {
        *piece = (struct codec_piece){whole, CODEC_SKIPPED};
        return FRAME_PARTIAL;
    }
    if (scan->lines.until > 0 &&
        lines__is_until(&framing->rules[scan->lines.until - 1u].until, line, bytes)) {
        return lines__until(framing, scan, bytes, piece);
    }
    uint32_t index = lines__rule(framing, line, bytes);
    const struct framing_rule *rule = index < framing->rules_count ? &framing->rules[index] : NULL;
    if (rule != NULL && rule->has_until && scan->lines.until == 0) {
        scan->lines.until = (uint8_t)(index + 1);
    }
    if (scan->lines.until > 0 && !scan->lines.has_size) {
        const struct framing_rule *open = &framing->rules[scan->lines.until - 1u];
        scan->lines.has_size = open->size == FRAMING_SIZE_NAMED &&
                               lines__named_number(&open->name, line, bytes, &scan->lines.size);
    }
    if (rule != NULL && rule->size != FRAMING_SIZE_NONE &&
        (rule->size != FRAMING_SIZE_NAMED || !rule->has_until)) {
        enum frame_status status = lines__read_size(rule, scan, line, bytes);
        return status == FRAME_PARTIAL ? lines__begin_payload(framing, scan, index, whole, piece)
                                       : status;
    }
    return scan->lines.until > 0 ? lines__piece(scan, whole, LINES_MORE, piece)
                                 : lines__last(framing, scan, bytes, piece);
}

/* Behind a payload, or behind the last line. */
static enum frame_status lines__end(const struct framing *framing, struct codec_scan *scan,
                                    const uint8_t *data, size_t bytes, struct codec_piece *piece)
{
    uint32_t end_bytes = 0;
    const uint8_t *end = lines__end_of(framing, scan, &end_bytes);
    size_t left = bytes < end_bytes ? bytes : end_bytes;
    if (memcmp(data, end, left) != 0) {
        return lines__refuse(scan, "what ends a payload (the delimiter, unless its rule has an "
                                   "`end`) behind as many bytes as its line says");
    }
    if (left < end_bytes) {
        piece->bytes = 0;
        return FRAME_PARTIAL;
    }
    scan->lines.has_size = false;
    scan->lines.in_payload = false;
    if (scan->lines.until > 0) {
        return lines__piece(scan, end_bytes, LINES_MORE, piece);
    }
    *piece = (struct codec_piece){end_bytes, CODEC_DROPPED};
    return FRAME_COMPLETE;
}

/* Where the text begins, or bytes when it is not there: a beginning of it at the end of data, too.
 */
static size_t lines__find(const uint8_t *text, uint32_t text_bytes, const uint8_t *data,
                          size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        const uint8_t *first = memchr(data + at, text[0], bytes - at);
        if (first == NULL) {
            return bytes;
        }
        at = (size_t)(first - data);
        size_t left = bytes - at < text_bytes ? bytes - at : text_bytes;
        if (memcmp(first, text, left) == 0) {
            return at;
        }
        at++;
    }
    return bytes;
}

static enum frame_status lines__payload(const struct framing *framing, struct codec_scan *scan,
                                        const uint8_t *data, size_t bytes,
                                        struct codec_piece *piece)
{
    const struct framing_rule *rule = &framing->rules[scan->lines.rule];
    if (scan->lines.state == LINES_SEARCH) {
        size_t at = lines__find(rule->end, rule->end_bytes, data, bytes);
        if (at == 0 && bytes >= rule->end_bytes) {
            return lines__end(framing, scan, data, bytes, piece);
        }
        return lines__piece(scan, at, LINES_SEARCH, piece);
    }
    return lines__end_payload(rule, scan, scan->lines.size, piece);
}

static enum frame_status lines__scan(const struct framing *framing, void *state,
                                     struct codec_scan *scan, const uint8_t *data, size_t bytes,
                                     struct codec_piece *piece)
{
    (void)state;
    switch ((enum lines_state)scan->lines.state) {
    case LINES_PAYLOAD:
    case LINES_SEARCH:
        return lines__payload(framing, scan, data, bytes, piece);
    case LINES_END:
        return lines__end(framing, scan, data, bytes, piece);
    case LINES_FIRST:
    case LINES_MORE:
        break;
    }
    /* A delimiter may have begun at the end of what was searched before. */
    size_t overlap = framing->delimiter_bytes - 1u;
    size_t from = scan->searched_bytes > overlap ? scan->searched_bytes - overlap : 0;
    size_t end = from + frame_find_delimiter(framing, data + from, bytes - from);
    if (end > LINES_LINE_BYTES_MAX) {
        scan->expected = "a line of at most 65536 bytes";
        return FRAME_TOO_LARGE;
    }
    if (end == bytes) {
        scan->searched_bytes = (uint32_t)bytes;
        piece->bytes = 0;
        return FRAME_PARTIAL;
    }
    scan->searched_bytes = 0;
    return lines__line(framing, scan, data, end, piece);
}

static uint64_t lines__encoded_bytes(const struct framing *framing, uint32_t id,
                                     uint32_t body_bytes)
{
    (void)id;
    return (uint64_t)body_bytes + framing->delimiter_bytes;
}

static uint32_t lines__write_tail(const struct framing *framing, uint8_t *out)
{
    memcpy(out, framing->delimiter, framing->delimiter_bytes);
    return framing->delimiter_bytes;
}

static void lines__explain_waiting(const struct framing *framing,
                                   const struct codec_waiting *waiting, struct error *error)
{
    const struct codec_scan *scan = waiting->scan;
    enum lines_state state = scan->lines.state;
    char quoted[ENCODING_QUOTE_BYTES_MAX];
    if (waiting->lacking_bytes > 0 && scan->lines.in_payload && state != LINES_SEARCH) {
        error_set(error,
                  "a message whose line says that %" PRIu64 " bytes follow it: %" PRIu64
                  " of them are missing",
                  scan->lines.size, waiting->lacking_bytes);
    } else if (state == LINES_END || state == LINES_SEARCH) {
        uint32_t bytes = 0;
        const uint8_t *end = lines__end_of(framing, scan, &bytes);
        error_set(error, "a message whose end %s has not come", encoding_quote(end, bytes, quoted));
    } else if (scan->lines.until > 0) {
        const struct framing_pattern *until = &framing->rules[scan->lines.until - 1u].until;
        encoding_quote(until->text, until->bytes, quoted);
        error_set(error, "a message whose last line has not come (`until`: a line %s %s)",
                  until->is_whole  ? "that is"
                  : until->is_like ? "like"
                                   : "that begins with",
                  quoted);
    } else {
        error_set(error, "a line whose end %s has not come",
                  encoding_quote(framing->delimiter, framing->delimiter_bytes, quoted));
    }
}

const struct codec codec_lines = {.check = lines__check,
                                  .scan = lines__scan,
                                  .encoded_bytes = lines__encoded_bytes,
                                  .write_tail = lines__write_tail,
                                  .explain_waiting = lines__explain_waiting};

size_t lines_find_end(const struct framing *framing, const uint8_t *text, size_t bytes)
{
    size_t at = 0;
    if (framing->type == FRAMING_DELIMITER || framing->type == FRAMING_LINES) {
        return frame_find_delimiter(framing, text, bytes);
    }
    if (framing->type != FRAMING_HTTP && framing->type != FRAMING_RESP) {
        return bytes;
    }
    while (at < bytes && text[at] != '\r' && text[at] != '\n') {
        at++;
    }
    return at;
}
