/* RESP, versions 2 and 3 (Redis): a value, with all that is nested in it, and the attributes before
 * it. The message is all of it, as it came. How deep values nest does not matter: only how many are
 * still to come is kept. */
#include "proto/codec.h"

#include <inttypes.h>
#include <string.h>

enum { RESP_LINE_BYTES_MAX = 65536 };
#define RESP_VALUES_MAX UINT64_C(1000000000000000)
#define RESP_EXPECTED                                                                              \
    "a value of RESP, such as \"+OK\\r\\n\", \"$5\\r\\nhello\\r\\n\" or \"*2\\r\\n...\""

enum resp_form { RESP_LINE, RESP_BULK, RESP_LIST, RESP_MAP, RESP_NONE };

static enum resp_form resp__form(uint8_t type)
{
    switch (type) {
    case '+': /* text */
    case '-': /* error */
    case ':': /* integer */
    case ',': /* double */
    case '#': /* boolean */
    case '_': /* null */
    case '(': /* big number */
        return RESP_LINE;
    case '$': /* bulk string */
    case '!': /* bulk error */
    case '=': /* verbatim string */
        return RESP_BULK;
    case '*': /* array */
    case '~': /* set */
    case '>': /* push: what no command has asked for */
        return RESP_LIST;
    case '%': /* map */
    case '|': /* attribute, and the value that it is about */
        return RESP_MAP;
    default:
        return RESP_NONE;
    }
}

/* The number on a line: -1 (nil) and up; false: it is none. */
static bool resp__number(const uint8_t *line, size_t bytes, int64_t *number)
{
    bool negative = bytes > 0 && line[0] == '-';
    size_t i = negative ? 1 : 0;
    size_t first = i;
    *number = 0;
    for (; i < bytes && line[i] >= '0' && line[i] <= '9' && i - first < 12; i++) {
        *number = *number * 10 + (line[i] - '0');
    }
    *number = negative ? -*number : *number;
    return i > first && i == bytes && *number >= -1;
}

static bool resp__is_digits(const uint8_t *text, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && text[i] >= '0' && text[i] <= '9') {
        i++;
    }
    return i == bytes && i > 0;
}

static enum frame_status resp__refuse(struct codec_scan *scan, const char *expected)
{
    scan->expected = expected;
    return FRAME_INVALID;
}

static enum frame_status resp__refuse_long_line(struct codec_scan *scan)
{
    scan->expected = "a line of at most 65536 bytes";
    return FRAME_TOO_LARGE;
}

/* The line that a value begins with, from its type to the end of line; the bytes that follow on it
 * are in scan->resp.bulk_bytes. */
static enum frame_status resp__line(struct codec_scan *scan, const uint8_t *line, size_t bytes)
{
    uint8_t type = line[0];
    enum resp_form form = resp__form(type);
    int64_t number = 0;
    bool is_signed = bytes > 3 && (line[1] == '-' || line[1] == '+');
    scan->resp.bulk_bytes = 0;
    if (bytes < 3 || line[bytes - 2] != '\r') {
        return resp__refuse(scan, RESP_EXPECTED);
    }
    if (type == ':' && !resp__is_digits(line + 1 + is_signed, bytes - 3 - is_signed)) {
        return resp__refuse(scan, "an integer behind \":\"");
    }
    if (form != RESP_LINE && line[1] == '?') {
        return resp__refuse(scan, "a length (streamed values such as \"$?\" and \"*?\" are not "
                                  "supported)");
    }
    if (form != RESP_LINE && !resp__number(line + 1, bytes - 3, &number)) {
        return resp__refuse(scan, "a length of -1 (nil) to 12 digits behind the type");
    }
    if (!scan->resp.answered && scan->resp.values == 1 && type != '|') {
        scan->resp.answered = true; /* all before it were attributes */
        scan->is_push = type == '>';
    }
    scan->resp.values--;
    if (form == RESP_BULK && number >= 0) {
        scan->resp.bulk_bytes = (uint64_t)number;
        scan->resp.in_bulk = true;
    } else if (number > 0) { /* a list, or the pairs of a map */
        scan->resp.values += (uint64_t)number << (form == RESP_MAP);
    }
    scan->resp.values += type == '|';
    return scan->resp.values <= RESP_VALUES_MAX
               ? FRAME_PARTIAL
               : resp__refuse(scan, "at most 10^15 values nested in one");
}

/* Values, as far as they have come: the last may be longer. */
static enum frame_status resp__scan(const struct framing *framing, void *state,
                                    struct codec_scan *scan, const uint8_t *data, size_t bytes,
                                    struct codec_piece *piece)
{
    size_t at = 0;
    size_t end = 0;
    size_t next = 0;
    (void)framing, (void)state;
    piece->kind = CODEC_TEXT;
    scan->resp.values += !scan->resp.begun;
    scan->resp.begun = true;
    while (scan->resp.values > 0 || scan->resp.in_bulk) {
        piece->bytes = at;
        if (scan->resp.in_bulk) { /* behind its bytes */
            size_t left = bytes - at < 2 ? bytes - at : 2;
            if (memcmp(data + at, "\r\n", left) != 0) {
                return resp__refuse(scan, "an end of line behind the bytes of a string");
            }
            if (left < 2) {
                return FRAME_PARTIAL;
            }
            scan->resp.in_bulk = false;
            at += 2;
            continue;
        }
        if (at == bytes) {
            return FRAME_PARTIAL;
        }
        if (resp__form(data[at]) == RESP_NONE) {
            return resp__refuse(scan, RESP_EXPECTED);
        }
        if (!codec_find_line(scan, data, bytes, at, &end, &next)) {
            return bytes - at > RESP_LINE_BYTES_MAX ? resp__refuse_long_line(scan) : FRAME_PARTIAL;
        }
        if (next - at > RESP_LINE_BYTES_MAX) {
            return resp__refuse_long_line(scan);
        }
        enum frame_status status = resp__line(scan, data + at, next - at);
        if (status != FRAME_PARTIAL) {
            return status;
        }
        at = next;
        if (scan->resp.bulk_bytes > bytes - at) {
            piece->bytes = at + scan->resp.bulk_bytes;
            return FRAME_PARTIAL;
        }
        at += (size_t)scan->resp.bulk_bytes;
        scan->resp.bulk_bytes = 0;
    }
    piece->bytes = at;
    return FRAME_COMPLETE;
}

static void resp__explain_waiting(const struct framing *framing,
                                  const struct codec_waiting *waiting, struct error *error)
{
    const struct codec_scan *scan = waiting->scan;
    (void)framing;
    if (waiting->lacking_bytes > 0) {
        error_set(error, "a value with a string that lacks %" PRIu64 " of its bytes",
                  waiting->lacking_bytes);
    } else if (scan->resp.in_bulk) {
        error_set(error, "a value with a string that lacks the end of line behind it");
    } else if (scan->resp.answered && scan->resp.values > 0) {
        error_set(error, "a value that lacks %" PRIu64 " of the values inside it",
                  scan->resp.values);
    } else {
        error_set(error, "a value whose first line has not ended");
    }
}

const struct codec codec_resp = {.scan = resp__scan,
                                 .encoded_bytes = codec_body_bytes,
                                 .explain_waiting = resp__explain_waiting};
