/* RESP, versions 2 and 3 (Redis): a value, with all that is nested in it. The message is all of it,
 * as it came. */
#include "proto/codec.h"

#include <string.h>

enum { RESP_LINE_BYTES_MAX = 65536 };

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
    case '>': /* push */
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

/* How many values are still to come, and where the next one begins, in a message of which a part
 * has been read. */
struct resp_cursor {
    uint64_t at;
    uint64_t values;
};

/* One element; PARTIAL: needed_bytes of the message. */
static enum frame_status resp__read(const uint8_t *data, size_t bytes, struct resp_cursor *cursor,
                                    uint64_t *needed_bytes)
{
    size_t at = (size_t)cursor->at;
    enum resp_form form = resp__form(data[at]);
    if (form == RESP_NONE) {
        return FRAME_INVALID;
    }
    const uint8_t *end = memchr(data + at, '\n', bytes - at);
    if (end == NULL) {
        *needed_bytes = (uint64_t)bytes + 1;
        return bytes - at > RESP_LINE_BYTES_MAX ? FRAME_TOO_LARGE : FRAME_PARTIAL;
    }
    size_t next = (size_t)(end - data) + 1;
    size_t line_bytes = next - at;
    if (line_bytes < 3 || data[next - 2] != '\r') {
        return FRAME_INVALID;
    }
    int64_t number = 0;
    bool is_signed = line_bytes > 3 && (data[at + 1] == '-' || data[at + 1] == '+');
    if (data[at] == ':' &&
        !resp__is_digits(data + at + 1 + is_signed, line_bytes - 3 - is_signed)) {
        return FRAME_INVALID;
    }
    if (form != RESP_LINE && !resp__number(data + at + 1, line_bytes - 3, &number)) {
        return FRAME_INVALID;
    }
    cursor->at = next;
    cursor->values--;
    if (form == RESP_BULK && number >= 0) {
        cursor->at += (uint64_t)number + 2;
        if (cursor->at <= bytes && memcmp(data + cursor->at - 2, "\r\n", 2) != 0) {
            return FRAME_INVALID;
        }
    } else if (form == RESP_LIST && number > 0) {
        cursor->values += (uint64_t)number;
    } else if (form == RESP_MAP && number > 0) {
        cursor->values += 2 * (uint64_t)number;
    }
    cursor->values += data[at] == '|';
    return FRAME_COMPLETE;
}

static enum frame_status resp__decode(const struct framing *framing, void *state,
                                      const uint8_t *data, size_t bytes, struct frame *frame,
                                      struct frame_progress *progress)
{
    (void)state;
    struct resp_cursor cursor = {.values = 1};
    uint64_t needed_bytes = 1;
    enum frame_status status = FRAME_COMPLETE;
    /* Nothing behind the largest message is looked at. */
    bytes = bytes < framing->frame_bytes_max ? bytes : framing->frame_bytes_max;
    while (status == FRAME_COMPLETE && cursor.values > 0) {
        if (cursor.at >= bytes) {
            /* Each value has three bytes at least: a list that can never fit is refused early. */
            needed_bytes = cursor.at + 3 * cursor.values;
            status = FRAME_PARTIAL;
        } else {
            status = resp__read(data, bytes, &cursor, &needed_bytes);
        }
        if (cursor.at + 3 * cursor.values > framing->frame_bytes_max) {
            return FRAME_TOO_LARGE;
        }
    }
    if (status == FRAME_COMPLETE && cursor.at > bytes) {
        needed_bytes = cursor.at;
        status = FRAME_PARTIAL;
    }
    if (status == FRAME_COMPLETE) {
        return frame_fill(frame, data, (uint32_t)cursor.at, 0, 0);
    }
    if (status == FRAME_PARTIAL) {
        if (needed_bytes > framing->frame_bytes_max) {
            return FRAME_TOO_LARGE;
        }
        progress->needed_bytes = (size_t)needed_bytes;
        progress->searches = cursor.values > 0;
    }
    return status;
}

static void resp__explain(const struct framing *framing, void *state, const uint8_t *data,
                          size_t bytes, struct error *error)
{
    (void)state;
    (void)framing, (void)data, (void)bytes;
    error_set(error, "a value of RESP, such as \"+OK\\r\\n\", \"$5\\r\\nhello\\r\\n\" or "
                     "\"*2\\r\\n...\"");
}

const struct codec codec_resp = {
    .decode = resp__decode, .encoded_bytes = codec_body_bytes, .explain = resp__explain};
