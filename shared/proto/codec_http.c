/* HTTP/1.1 responses: the head, then a body by Content-Length or in chunks. The message is all of
 * it, as it came. */
#include "proto/codec.h"

#include <string.h>

/* A response head, with the interim ones before it, is refused when it is longer than this, and so
 * are the trailers and the line of a chunk: all are searched again for each run. */
enum { HTTP_HEAD_BYTES_MAX = 65536 };

enum http_end { HTTP_END_NONE, HTTP_END_LENGTH, HTTP_END_CHUNKS, HTTP_END_UNKNOWN };

struct http_head {
    uint32_t bytes; /* the empty line included */
    uint32_t status;
    uint64_t length;
    enum http_end end;
};

/* The line that begins at data[at], without its end; false: the end has not come yet. */
static bool http__line(const uint8_t *data, size_t bytes, size_t at, size_t *end, size_t *next)
{
    const uint8_t *found = at < bytes ? memchr(data + at, '\n', bytes - at) : NULL;
    if (found == NULL) {
        return false;
    }
    *next = (size_t)(found - data) + 1;
    *end = *next - 1;
    *end -= *end > at && data[*end - 1] == '\r';
    return true;
}

static uint8_t http__lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* The value of the header field on the line when it is this one (a name in lower case). */
static const uint8_t *http__value(const uint8_t *line, size_t bytes, const char *name,
                                  size_t *value_bytes)
{
    size_t at = strlen(name);
    if (bytes <= at || line[at] != ':') {
        return NULL;
    }
    for (size_t i = 0; i < at; i++) {
        if (http__lower(line[i]) != (uint8_t)name[i]) {
            return NULL;
        }
    }
    do {
        at++;
    } while (at < bytes && (line[at] == ' ' || line[at] == '\t'));
    while (bytes > at && (line[bytes - 1] == ' ' || line[bytes - 1] == '\t')) {
        bytes--;
    }
    *value_bytes = bytes - at;
    return line + at;
}

/* Digits of the base up to something else; false: there is none, or too many. */
static bool http__number(const uint8_t *text, size_t bytes, uint32_t base, uint64_t *number)
{
    size_t i = 0;
    *number = 0;
    for (; i < bytes && i < 15; i++) {
        uint8_t c = http__lower(text[i]);
        uint32_t digit = (uint32_t)c - '0';
        if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)c - 'a' + 10;
        } else if (digit > 9) {
            break;
        }
        if (digit >= base) {
            break;
        }
        *number = *number * base + digit;
    }
    return i > 0 && i < 15;
}

/* Is the last of the codings, which are separated by commas, "chunked"? */
static bool http__ends_with_chunked(const uint8_t *value, size_t bytes)
{
    static const char WORD[] = "chunked";
    size_t count = sizeof WORD - 1;
    bool same =
        bytes >= count && (bytes == count || strchr(", \t", value[bytes - count - 1]) != NULL);
    for (size_t i = 0; same && i < count; i++) {
        same = http__lower(value[bytes - count + i]) == (uint8_t)WORD[i];
    }
    return same;
}

/* Content-Length: digits alone, and the same each time. */
static bool http__length(const uint8_t *value, size_t bytes, struct http_head *head)
{
    uint64_t length = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return false;
        }
    }
    if (!http__number(value, bytes, 10, &length) ||
        (head->end == HTTP_END_LENGTH && length != head->length)) {
        return false;
    }
    head->length = length;
    head->end = head->end == HTTP_END_CHUNKS ? head->end : HTTP_END_LENGTH;
    return true;
}

static bool http__status(const uint8_t *line, size_t bytes, uint32_t *status)
{
    static const char BEGIN[] = "HTTP/1.";
    uint64_t number = 0;
    if (bytes < 12 || memcmp(line, BEGIN, sizeof BEGIN - 1) != 0 || line[8] != ' ' ||
        !http__number(line + 9, 3, 10, &number)) {
        return false;
    }
    *status = (uint32_t)number;
    return number >= 100 && number <= 999;
}

/* Lines of so many bytes have come, and their end has not. */
static enum frame_status http__searched(size_t bytes)
{
    return bytes > HTTP_HEAD_BYTES_MAX ? FRAME_TOO_LARGE : FRAME_PARTIAL;
}

static enum frame_status http__read_head(const uint8_t *data, size_t bytes, struct http_head *head)
{
    static const uint8_t BEGIN[] = "HTTP/1.";
    size_t end = 0;
    size_t next = 0;
    size_t compared = bytes < sizeof BEGIN - 1 ? bytes : sizeof BEGIN - 1;
    *head = (struct http_head){.end = HTTP_END_UNKNOWN};
    if (memcmp(data, BEGIN, compared) != 0) {
        return FRAME_INVALID;
    }
    for (size_t at = 0; http__line(data, bytes, at, &end, &next); at = next) {
        const uint8_t *line = data + at;
        size_t value_bytes = 0;
        const uint8_t *value = NULL;
        if (at == 0) {
            if (!http__status(line, end, &head->status)) {
                return FRAME_INVALID;
            }
        } else if (end == at) {
            head->bytes = (uint32_t)next;
            if (head->status < 200 || head->status == 204 || head->status == 304) {
                head->end = HTTP_END_NONE;
            }
            return FRAME_COMPLETE;
        } else if ((value = http__value(line, end - at, "content-length", &value_bytes)) != NULL) {
            if (!http__length(value, value_bytes, head)) {
                return FRAME_INVALID;
            }
        } else if ((value = http__value(line, end - at, "transfer-encoding", &value_bytes)) !=
                       NULL &&
                   http__ends_with_chunked(value, value_bytes)) {
            head->end = HTTP_END_CHUNKS;
        }
        if (next > HTTP_HEAD_BYTES_MAX) {
            return FRAME_TOO_LARGE;
        }
    }
    return http__searched(bytes);
}

/* From the beginning of a chunk at `from`: where the body ends. PARTIAL: *from is the first chunk
 * that has not come whole. */
static enum frame_status http__read_chunks(const uint8_t *data, size_t bytes, uint64_t *from,
                                           uint64_t *needed)
{
    for (;;) {
        size_t end = 0;
        size_t next = 0;
        uint64_t length = 0;
        *needed = *from > bytes ? *from : bytes + 1;
        if (*from >= bytes) {
            return FRAME_PARTIAL;
        }
        if (!http__line(data, bytes, (size_t)*from, &end, &next)) {
            return http__searched(bytes - (size_t)*from);
        }
        if (next - *from > HTTP_HEAD_BYTES_MAX) {
            return FRAME_TOO_LARGE;
        }
        if (!http__number(data + *from, end - (size_t)*from, 16, &length)) {
            return FRAME_INVALID;
        }
        if (length > 0) {
            uint64_t behind = next + length + 2; /* an end of line follows each chunk */
            if (behind > FRAMING_FRAME_BYTES_MAX) {
                return FRAME_TOO_LARGE;
            }
            *from = behind;
            continue;
        }
        for (size_t at = next; http__line(data, bytes, at, &end, &next); at = next) {
            if (end == at) { /* behind the trailers */
                bool short_enough = next - *from <= HTTP_HEAD_BYTES_MAX;
                *from = next;
                return short_enough ? FRAME_COMPLETE : FRAME_TOO_LARGE;
            }
        }
        *needed = bytes + 1;
        return http__searched(bytes - (size_t)*from);
    }
}

static enum frame_status http__partial(const struct framing *framing, uint64_t needed,
                                       bool searches, struct frame_progress *progress)
{
    if (needed > framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    progress->needed_bytes = (size_t)needed;
    progress->searches = searches;
    return FRAME_PARTIAL;
}

static enum frame_status http__decode(const struct framing *framing, void *state,
                                      const uint8_t *data, size_t bytes, struct frame *frame,
                                      struct frame_progress *progress)
{
    (void)state;
    struct http_head head;
    uint64_t whole = 0;
    enum frame_status status = FRAME_COMPLETE;
    /* Nothing behind the largest message is looked at. */
    bytes = bytes < framing->frame_bytes_max ? bytes : framing->frame_bytes_max;
    do { /* 100 and its like come before the response, and belong to it */
        status = http__read_head(data + whole, bytes - (size_t)whole, &head);
        if (status == FRAME_PARTIAL) {
            return http__partial(framing, (uint64_t)bytes + 1, true, progress);
        }
        if (status != FRAME_COMPLETE) {
            return status;
        }
        whole += head.bytes;
        if (whole > HTTP_HEAD_BYTES_MAX) {
            return FRAME_TOO_LARGE;
        }
    } while (head.status < 200 && head.status != 101);
    if (head.end == HTTP_END_UNKNOWN) {
        return FRAME_INVALID;
    }
    if (head.end == HTTP_END_LENGTH) {
        whole += head.length;
    } else if (head.end == HTTP_END_CHUNKS) {
        uint64_t needed = 0;
        uint64_t from = progress->scanned_bytes > whole ? progress->scanned_bytes : whole;
        status = http__read_chunks(data, bytes, &from, &needed);
        progress->scanned_bytes = (uint32_t)from;
        whole = from;
        if (status == FRAME_PARTIAL) {
            return http__partial(framing, needed, needed == (uint64_t)bytes + 1, progress);
        }
        if (status != FRAME_COMPLETE) {
            return status;
        }
    }
    if (whole > framing->frame_bytes_max) {
        return FRAME_TOO_LARGE;
    }
    if (bytes < whole) {
        return http__partial(framing, whole, false, progress);
    }
    return frame_fill(frame, data, (uint32_t)whole, 0, 0);
}

static void http__explain(const struct framing *framing, void *state, const uint8_t *data,
                          size_t bytes, struct error *error)
{
    (void)state;
    struct http_head head;
    (void)framing;
    if (http__read_head(data, bytes, &head) != FRAME_COMPLETE) {
        error_set(error, "the head of an HTTP/1.1 response");
    } else if (head.end == HTTP_END_UNKNOWN) {
        error_set(error, "Content-Length or Transfer-Encoding: chunked (a body that ends with the "
                         "connection has no size)");
    } else {
        error_set(error, "the size of a chunk as hexadecimal digits");
    }
}

const struct codec codec_http = {
    .decode = http__decode, .encoded_bytes = codec_body_bytes, .explain = http__explain};
