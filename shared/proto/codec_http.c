/* HTTP/1.1 responses: the head, then a body by Content-Length or in chunks, which are joined. The
 * requests are read, too: a response to HEAD says a length and has no body. */
#include "proto/codec.h"
#include "proto/http.h"

#include <inttypes.h>
#include <string.h>

/* A response head, with the interim ones before it, is refused when it is longer than this, and so
 * are the trailers and the line of a chunk. */
enum { HTTP_HEAD_BYTES_MAX = 65536 };

#define HTTP_BEGIN "HTTP/1."
enum { HTTP_BEGIN_BYTES = sizeof HTTP_BEGIN - 1 };

enum http_state {
    HTTP_STATUS,    /* the first line of a head comes next */
    HTTP_FIELDS,    /* a header field, or the empty line */
    HTTP_BODY,      /* a body with a length */
    HTTP_CHUNK,     /* the line with the size of a chunk */
    HTTP_DATA,      /* its bytes */
    HTTP_CHUNK_END, /* the end of line behind them */
    HTTP_TRAILERS,  /* fields behind the last chunk */
    HTTP_TO_THE_END /* a body that ends with the stream */
};

/* What a stream remembers of the requests that it has sent. */
enum { HTTP_REQUESTS_MAX = 2048, HTTP_LINE_BYTES_MAX = 64 };
enum http_refusal { HTTP_TAKEN, HTTP_CONNECT, HTTP_CROWDED };
struct http_stream {
    struct codec_scan scan; /* of the request that is being sent */
    uint32_t asked;
    uint32_t answered;
    uint32_t heads;  /* of those that are not answered */
    uint8_t refused; /* enum http_refusal */
    uint8_t line_bytes;
    uint8_t line[HTTP_LINE_BYTES_MAX]; /* the beginning of one that the message before has begun */
    uint64_t is_head[HTTP_REQUESTS_MAX / 64]; /* by number of the request; false, once answered */
};

static uint8_t http__lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Are these 8 bytes the word's (in lower case, of letters and -) in any case? Of a -, which is
 * taken for a CR, it is to be seen apart. */
static inline bool http__same8(const uint8_t *text, const char *word)
{
    uint64_t found;
    uint64_t wanted;
    memcpy(&found, text, sizeof found);
    memcpy(&wanted, word, sizeof wanted);
    return (found | UINT64_C(0x2020202020202020)) == wanted;
}

/* The header fields that say where a response ends. By the length of the name: most lines are told
 * apart by that. */
enum http_field { HTTP_OTHER, HTTP_CONTENT_LENGTH, HTTP_TRANSFER_ENCODING, HTTP_CONNECTION };
static enum http_field http__name(const uint8_t *name, size_t bytes)
{
    switch (bytes) {
    case sizeof "content-length" - 1:
        return http__same8(name, "content-") && name[7] == '-' && http__same8(name + 6, "t-length")
                   ? HTTP_CONTENT_LENGTH
                   : HTTP_OTHER;
    case sizeof "transfer-encoding" - 1:
        return http__same8(name, "transfer") && name[8] == '-' && http__same8(name + 9, "encoding")
                   ? HTTP_TRANSFER_ENCODING
                   : HTTP_OTHER;
    case sizeof "connection" - 1:
        return http__same8(name, "connecti") && http__same8(name + 2, "nnection") ? HTTP_CONNECTION
                                                                                  : HTTP_OTHER;
    default:
        return HTTP_OTHER;
    }
}

/* What is behind the colon at line[at], without the spaces around it. */
static const uint8_t *http__value(const uint8_t *line, size_t bytes, size_t at, size_t *value_bytes)
{
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

/* Are these the bytes of the word (in lower case)? */
static bool http__is(const uint8_t *text, size_t bytes, const char *word)
{
    size_t i = 0;
    while (i < bytes && word[i] != '\0' && http__lower(text[i]) == (uint8_t)word[i]) {
        i++;
    }
    return i == bytes && word[i] == '\0';
}

/* Is the word the last of those that are separated by commas, or (anywhere) one of them? */
static bool http__lists(const uint8_t *value, size_t bytes, const char *word, bool anywhere)
{
    size_t begin = 0;
    bool found = false;
    for (size_t i = 0; i <= bytes; i++) {
        bool ends = i == bytes || value[i] == ',' || value[i] == ' ' || value[i] == '\t';
        if (!ends) {
            continue;
        }
        if (i > begin) {
            found = (found && anywhere) || http__is(value + begin, i - begin, word);
        }
        begin = i + 1;
    }
    return found;
}

static enum frame_status http__refuse(struct codec_scan *scan, const char *expected)
{
    scan->expected = expected;
    return FRAME_INVALID;
}

static enum frame_status http__status_line(struct codec_scan *scan, const uint8_t *line,
                                           size_t bytes)
{
    uint32_t number = 0;
    bool begins = bytes >= 12 && memcmp(line, HTTP_BEGIN, HTTP_BEGIN_BYTES) == 0 && line[8] == ' ';
    for (size_t i = 9; i < 12 && begins; i++) {
        begins = line[i] >= '0' && line[i] <= '9';
        number = number * 10 + (uint32_t)(line[i] - '0');
    }
    if (!begins || number < 100) {
        return http__refuse(scan, "the head of an HTTP/1.1 response");
    }
    scan->http.status = (uint16_t)number;
    scan->closes = line[7] == '0'; /* HTTP/1.0: unless a field says otherwise */
    scan->http.says_close = false;
    return FRAME_PARTIAL;
}

/* Content-Length: digits alone, and the same each time. */
static enum frame_status http__length(struct codec_scan *scan, const uint8_t *value, size_t bytes)
{
    uint64_t length = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return http__refuse(scan, "Content-Length in digits");
        }
        length = length * 10 + (uint64_t)(value[i] - '0'); /* too many are refused below */
    }
    if (bytes < 1 || bytes > 14) {
        return http__refuse(scan, "a Content-Length of 1 to 14 digits");
    }
    if (scan->http.has_length && length != scan->http.length) {
        return http__refuse(scan, "one Content-Length");
    }
    scan->http.length = length;
    scan->http.has_length = true;
    return FRAME_PARTIAL;
}

static enum frame_status http__connection(struct codec_scan *scan, const uint8_t *value,
                                          size_t bytes)
{
    if (bytes == sizeof "keep-alive" - 1 && http__same8(value + 2, "ep-alive") && value[4] == '-' &&
        http__lower(value[0]) == 'k' && http__lower(value[1]) == 'e') {
        scan->closes = scan->http.says_close; /* as most servers say */
    } else {
        scan->http.says_close = scan->http.says_close || http__lists(value, bytes, "close", true);
        scan->closes = scan->http.says_close ||
                       (scan->closes && !http__lists(value, bytes, "keep-alive", true));
    }
    return FRAME_PARTIAL;
}

static enum frame_status http__field(struct codec_scan *scan, const uint8_t *line, size_t bytes)
{
    size_t value_bytes = 0;
    if (line[0] == ' ' || line[0] == '\t') {
        return http__refuse(scan, "a header field on one line (a line that begins with a space "
                                  "continues the one before, which is obsolete)");
    }
    const uint8_t *colon = memchr(line, ':', bytes);
    if (colon == NULL) {
        return http__refuse(scan, "a header field, \"name: value\"");
    }
    enum http_field field = http__name(line, (size_t)(colon - line));
    if (field == HTTP_OTHER) {
        return FRAME_PARTIAL;
    }
    const uint8_t *value = http__value(line, bytes, (size_t)(colon - line), &value_bytes);
    if (field == HTTP_CONTENT_LENGTH) {
        return http__length(scan, value, value_bytes);
    }
    if (field == HTTP_CONNECTION) {
        return http__connection(scan, value, value_bytes);
    }
    scan->http.is_coded = true;
    scan->http.is_chunked = http__lists(value, value_bytes, "chunked", false);
    return FRAME_PARTIAL;
}

/* 100 and its like come before the response, and belong to it. */
static bool http__is_interim(const struct codec_scan *scan)
{
    return scan->http.status < 200 && scan->http.status != 101;
}

/* The oldest request that is not answered is now: was it a HEAD? */
static bool http__answers_head(struct http_stream *stream)
{
    if (stream == NULL || stream->answered == stream->asked) {
        return false;
    }
    uint32_t number = stream->answered++ % HTTP_REQUESTS_MAX;
    uint64_t bit = UINT64_C(1) << number % 64;
    bool is_head = stream->heads > 0 && (stream->is_head[number / 64] & bit) != 0;
    if (is_head) {
        stream->is_head[number / 64] &= ~bit;
        stream->heads--;
    }
    return is_head;
}

/* Behind the empty line of a head. */
static enum frame_status http__end_head(struct http_stream *stream, struct codec_scan *scan)
{
    uint16_t status = scan->http.status;
    if (http__is_interim(scan)) {
        scan->http.state = HTTP_STATUS;
        scan->http.has_length = scan->http.is_coded = scan->http.is_chunked = false;
        return FRAME_PARTIAL;
    }
    if (http__answers_head(stream) || status == 101 || status == 204 || status == 304) {
        return FRAME_COMPLETE;
    }
    if (scan->http.is_coded && scan->http.has_length) {
        return http__refuse(scan, "Content-Length or Transfer-Encoding, not both");
    }
    scan->http.lines_bytes = 0;
    if (scan->http.is_chunked) {
        scan->http.state = HTTP_CHUNK;
    } else if (scan->http.has_length) {
        scan->http.state = HTTP_BODY;
        return scan->http.length == 0 ? FRAME_COMPLETE : FRAME_PARTIAL;
    } else {
        scan->http.state = HTTP_TO_THE_END;
        scan->closes = true;
    }
    return FRAME_PARTIAL;
}

static enum frame_status http__line(struct http_stream *stream, struct codec_scan *scan,
                                    const uint8_t *line, size_t bytes)
{
    switch ((enum http_state)scan->http.state) {
    case HTTP_STATUS:
        scan->http.state = HTTP_FIELDS;
        return http__status_line(scan, line, bytes);
    case HTTP_FIELDS:
        return bytes == 0 ? http__end_head(stream, scan) : http__field(scan, line, bytes);
    case HTTP_CHUNK_END:
        scan->http.state = HTTP_CHUNK;
        scan->http.lines_bytes = 0;
        return bytes == 0 ? FRAME_PARTIAL : http__refuse(scan, "an end of line behind a chunk");
    case HTTP_CHUNK:
        if (!http__number(line, bytes, 16, &scan->http.length)) {
            return http__refuse(scan, "the size of a chunk as 1 to 14 hexadecimal digits");
        }
        scan->http.state = scan->http.length > 0 ? HTTP_DATA : HTTP_TRAILERS;
        return FRAME_PARTIAL;
    case HTTP_TRAILERS:
        return bytes == 0 ? FRAME_COMPLETE : FRAME_PARTIAL;
    case HTTP_BODY:
    case HTTP_DATA:
    case HTTP_TO_THE_END:
        break;
    }
    return FRAME_PARTIAL;
}

static enum frame_status http__refuse_long(struct codec_scan *scan, bool of_head)
{
    scan->expected = of_head ? "a response head of at most 65536 bytes"
                             : "the size of a chunk, or trailers, of at most 65536 bytes";
    return FRAME_TOO_LARGE;
}

/* The lines that are whole, as long as they are of one kind. */
static enum frame_status http__lines(struct http_stream *stream, struct codec_scan *scan,
                                     const uint8_t *data, size_t bytes, struct codec_piece *piece)
{
    bool of_head = scan->http.state <= HTTP_FIELDS;
    bool goes_on = true;
    enum frame_status status = FRAME_PARTIAL;
    size_t at = 0;
    size_t end = 0;
    size_t next = 0;
    while (goes_on && codec_find_line(scan, data, bytes, at, &end, &next)) {
        uint8_t before = scan->http.state;
        scan->http.lines_bytes += (uint32_t)(next - at);
        if (scan->http.lines_bytes > HTTP_HEAD_BYTES_MAX) {
            return http__refuse_long(scan, of_head);
        }
        status = before == HTTP_FIELDS && end > at ? http__field(scan, data + at, end - at)
                                                   : http__line(stream, scan, data + at, end - at);
        at = next;
        goes_on = status == FRAME_PARTIAL &&
                  (scan->http.state == HTTP_FIELDS || scan->http.state == HTTP_TRAILERS ||
                   (scan->http.state == HTTP_CHUNK && before == HTTP_CHUNK_END));
    }
    if (status != FRAME_PARTIAL && status != FRAME_COMPLETE) {
        return status;
    }
    if (goes_on && scan->http.lines_bytes + (bytes - at) > HTTP_HEAD_BYTES_MAX) {
        return http__refuse_long(scan, of_head);
    }
    size_t left = bytes - at < HTTP_BEGIN_BYTES ? bytes - at : HTTP_BEGIN_BYTES;
    if (goes_on && scan->http.state == HTTP_STATUS && memcmp(data + at, HTTP_BEGIN, left) != 0) {
        return http__refuse(scan, "the head of an HTTP/1.1 response");
    }
    piece->bytes = at;
    piece->kind = of_head && !http__is_interim(scan) ? CODEC_HEAD : CODEC_DROPPED;
    return status;
}

static enum frame_status http__scan(const struct framing *framing, void *state,
                                    struct codec_scan *scan, const uint8_t *data, size_t bytes,
                                    struct codec_piece *piece)
{
    (void)framing;
    switch ((enum http_state)scan->http.state) {
    case HTTP_BODY:
        *piece = (struct codec_piece){scan->http.length, CODEC_TEXT};
        return FRAME_COMPLETE;
    case HTTP_DATA:
        *piece = (struct codec_piece){scan->http.length, CODEC_TEXT};
        scan->http.state = HTTP_CHUNK_END;
        return FRAME_PARTIAL;
    case HTTP_TO_THE_END:
        *piece = (struct codec_piece){bytes, CODEC_TEXT};
        return FRAME_PARTIAL;
    case HTTP_STATUS:
    case HTTP_FIELDS:
    case HTTP_CHUNK:
    case HTTP_CHUNK_END:
    case HTTP_TRAILERS:
        break;
    }
    return http__lines(state, scan, data, bytes, piece);
}

static bool http__ends(const struct codec_scan *scan)
{
    return scan->http.state == HTTP_TO_THE_END;
}

/* --- Requests, as they are sent: any number of them in a message, or a part of one. Whatever the
 * scenario sends is sent; here is only counted what it asks for. */

static uint32_t http__state_bytes(const struct framing *framing)
{
    return framing->reads_sent ? sizeof(struct http_stream) : 0;
}

static bool http__begins(const uint8_t *line, size_t bytes, const char *word)
{
    return bytes >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

/* None of these ends in a part of HEAD or CONNECT, so that no text before them makes them one. */
bool http_must_read(const uint8_t *text, size_t bytes, bool begins)
{
    static const char *const METHODS[] = {"GET ",    "POST ",    "PUT ",  "PATCH ",
                                          "DELETE ", "OPTIONS ", "TRACE "};
    bool known = !begins;
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        known = known || http__begins(text, bytes, METHODS[i]);
    }
    for (size_t at = 0; at < bytes; at++) {
        if (http__begins(text + at, bytes - at, "HEAD ") ||
            http__begins(text + at, bytes - at, "CONNECT ")) {
            return true;
        }
    }
    return !known;
}

static void http__request(struct http_stream *stream, const uint8_t *line, size_t bytes)
{
    bool is_head = http__begins(line, bytes, "HEAD ");
    uint32_t number = stream->asked % HTTP_REQUESTS_MAX;
    if (http__begins(line, bytes, "CONNECT ")) {
        stream->refused = HTTP_CONNECT;
        return;
    }
    if ((is_head || stream->heads > 0) && stream->asked - stream->answered >= HTTP_REQUESTS_MAX) {
        stream->refused = HTTP_CROWDED;
        return;
    }
    stream->asked++;
    if (is_head) {
        stream->is_head[number / 64] |= UINT64_C(1) << number % 64;
        stream->heads++;
    }
}

/* A line of a request; the fields that say nothing about its end may be anything. */
static void http__request_line(struct http_stream *stream, const uint8_t *line, size_t bytes)
{
    struct codec_scan *scan = &stream->scan;
    if (scan->http.state == HTTP_STATUS && bytes > 0) {
        *scan = (struct codec_scan){.http = {.state = HTTP_FIELDS}};
        http__request(stream, line, bytes);
    } else if (scan->http.state == HTTP_FIELDS && bytes > 0) {
        (void)http__field(scan, line, bytes);
    } else if (scan->http.state == HTTP_FIELDS) {
        bool has_body = scan->http.has_length && scan->http.length > 0;
        scan->http.state = scan->http.is_coded ? HTTP_CHUNK : has_body ? HTTP_BODY : HTTP_STATUS;
    } else if (scan->http.state != HTTP_STATUS &&
               http__line(NULL, scan, line, bytes) != FRAME_PARTIAL) {
        scan->http.state = HTTP_STATUS; /* the last chunk, or what is none */
    }
}

/* Joins a line to what the messages before have sent of it, as far as there is room. */
static void http__join(struct http_stream *stream, const uint8_t *part, size_t bytes)
{
    size_t room = sizeof stream->line - stream->line_bytes;
    size_t taken = bytes < room ? bytes : room;
    memcpy(stream->line + stream->line_bytes, part, taken);
    stream->line_bytes = (uint8_t)(stream->line_bytes + taken);
}

static void http__read_requests(struct http_stream *stream, const uint8_t *data, size_t bytes)
{
    struct codec_scan *scan = &stream->scan;
    for (size_t at = 0; at < bytes && stream->refused == HTTP_TAKEN;) {
        size_t left = bytes - at;
        if (scan->http.state == HTTP_BODY || scan->http.state == HTTP_DATA) {
            size_t taken = scan->http.length < left ? (size_t)scan->http.length : left;
            at += taken;
            scan->http.length -= taken;
            if (scan->http.length == 0) {
                scan->http.state = scan->http.state == HTTP_DATA ? HTTP_CHUNK_END : HTTP_STATUS;
            }
            continue;
        }
        const uint8_t *line = data + at;
        const uint8_t *end = memchr(line, '\n', left);
        size_t line_bytes = end == NULL ? left : (size_t)(end - line);
        at += line_bytes + (end != NULL);
        if (end == NULL || stream->line_bytes > 0) {
            http__join(stream, line, line_bytes);
            line = stream->line;
            line_bytes = stream->line_bytes;
        }
        if (end != NULL) {
            stream->line_bytes = 0;
            line_bytes -= line_bytes > 0 && line[line_bytes - 1] == '\r';
            http__request_line(stream, line, line_bytes);
        }
    }
}

static uint32_t http__seal(const struct framing *framing, void *state,
                           const struct frame_sealing *sealing)
{
    struct http_stream *stream = state;
    (void)framing;
    http__read_requests(stream, sealing->message, sealing->bytes);
    return stream->refused == HTTP_TAKEN ? sealing->bytes : 0;
}

static void http__explain_own(const struct framing *framing, void *state, struct error *error)
{
    const struct http_stream *stream = state;
    (void)framing;
    if (stream->refused == HTTP_CONNECT) {
        error_set(error, "a CONNECT: behind its response the connection is another server's");
    } else if (stream->refused == HTTP_CROWDED) {
        error_set(error, "more than %d requests without a response while one of them is a HEAD",
                  HTTP_REQUESTS_MAX);
    }
}

static void http__explain_waiting(const struct framing *framing,
                                  const struct codec_waiting *waiting, struct error *error)
{
    const struct codec_scan *scan = waiting->scan;
    (void)framing;
    switch ((enum http_state)scan->http.state) {
    case HTTP_STATUS:
    case HTTP_FIELDS:
        error_set(error, "a response whose head has not ended (by an empty line)");
        break;
    case HTTP_BODY:
        error_set(error,
                  "a response with a Content-Length of %" PRIu64 ": %" PRIu64
                  " bytes of its body are missing",
                  scan->http.length, waiting->lacking_bytes);
        break;
    case HTTP_DATA:
    case HTTP_CHUNK_END:
        error_set(error,
                  waiting->lacking_bytes > 0
                      ? "a response in chunks: %" PRIu64 " bytes of a chunk are missing"
                      : "a response in chunks: the end of line behind a chunk is missing",
                  waiting->lacking_bytes);
        break;
    case HTTP_CHUNK:
        error_set(error, "a response in chunks: the line with the size of the next one is missing");
        break;
    case HTTP_TRAILERS:
        error_set(error, "a response in chunks: the empty line behind the last one is missing");
        break;
    case HTTP_TO_THE_END:
        error_set(error, "a response that ends with the connection: it has neither "
                         "Content-Length nor chunks");
        break;
    }
}

/* --- What a place may name: the status, a header field, what is behind the head. */

enum http_attribute { HTTP_ATTRIBUTE_STATUS, HTTP_ATTRIBUTE_HEADER, HTTP_ATTRIBUTE_BODY };

static bool http__attribute(const struct framing *framing, uint32_t index,
                            struct frame_attribute *attribute)
{
    static const struct frame_attribute ATTRIBUTES[] = {
        [HTTP_ATTRIBUTE_STATUS] = {.name = "status", .index = HTTP_ATTRIBUTE_STATUS},
        [HTTP_ATTRIBUTE_HEADER] = {.name = "header",
                                   .index = HTTP_ATTRIBUTE_HEADER,
                                   .is_text = true,
                                   .has_argument = true},
        [HTTP_ATTRIBUTE_BODY] = {
            .name = "body", .index = HTTP_ATTRIBUTE_BODY, .is_text = true, .is_content = true}};
    (void)framing;
    if (index >= sizeof ATTRIBUTES / sizeof ATTRIBUTES[0]) {
        return false;
    }
    *attribute = ATTRIBUTES[index];
    return true;
}

static bool http__has_name(const uint8_t *line, size_t bytes,
                           const struct frame_attribute *attribute)
{
    uint32_t count = attribute->argument_bytes;
    if (bytes <= count || line[count] != ':') {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (http__lower(line[i]) != http__lower(attribute->argument[i])) {
            return false;
        }
    }
    return true;
}

/* In the head, which is whole: the last of its status lines counts, and the fields behind it. */
static bool http__read_attribute(const struct framing *framing, const struct frame *frame,
                                 const struct frame_attribute *attribute,
                                 struct frame_attribute_value *value)
{
    const uint8_t *head = frame->body;
    bool found = false;
    (void)framing;
    if (attribute->index == HTTP_ATTRIBUTE_BODY) {
        value->text = head + frame->head_bytes;
        value->text_bytes = frame->body_bytes - frame->head_bytes;
        return true;
    }
    for (size_t at = 0; at < frame->head_bytes;) {
        const uint8_t *line = head + at;
        const uint8_t *end = memchr(line, '\n', frame->head_bytes - at);
        size_t bytes = end == NULL ? frame->head_bytes - at : (size_t)(end - line);
        at += bytes + 1;
        bytes -= bytes > 0 && line[bytes - 1] == '\r';
        uint64_t status = 0;
        if (bytes >= 12 && memcmp(line, HTTP_BEGIN, HTTP_BEGIN_BYTES) == 0 && line[8] == ' ' &&
            http__number(line + 9, 3, 10, &status)) {
            value->number = (uint32_t)status;
            found = attribute->index == HTTP_ATTRIBUTE_STATUS;
        } else if (!found && attribute->index == HTTP_ATTRIBUTE_HEADER &&
                   http__has_name(line, bytes, attribute)) {
            size_t from = attribute->argument_bytes + 1;
            while (from < bytes && (line[from] == ' ' || line[from] == '\t')) {
                from++;
            }
            while (bytes > from && (line[bytes - 1] == ' ' || line[bytes - 1] == '\t')) {
                bytes--;
            }
            value->text = line + from;
            value->text_bytes = (uint32_t)(bytes - from);
            found = true;
        }
    }
    return found;
}

const struct codec codec_http = {.attribute = http__attribute,
                                 .read_attribute = http__read_attribute,
                                 .state_bytes = http__state_bytes,
                                 .scan = http__scan,
                                 .ends = http__ends,
                                 .encoded_bytes = codec_body_bytes,
                                 .seal = http__seal,
                                 .explain_own = http__explain_own,
                                 .explain_waiting = http__explain_waiting};
