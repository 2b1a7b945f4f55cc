/* The opening handshake of RFC 6455, section 4, of both roles. */
#include "proto/websocket_stream.h"

#include "core/must.h"
#include "core/prng.h"
#include "proto/codec_worker.h"
#include "proto/sha1.h"
#include "text/encoding.h"

#include <stdio.h>
#include <string.h>

#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

void websocket_key(const struct websocket *ws, char out[WEBSOCKET_KEY_BYTES + 1])
{
    uint8_t bytes[16];
    prng_bytes(ws->key, 0, bytes, sizeof bytes);
    encoding_write_base64(bytes, sizeof bytes, out);
}

void websocket_accept(const char *key, char out[WEBSOCKET_ACCEPT_BYTES + 1])
{
    char text[WEBSOCKET_KEY_BYTES + sizeof WEBSOCKET_GUID];
    uint8_t digest[SHA1_BYTES];
    memcpy(text, key, WEBSOCKET_KEY_BYTES);
    memcpy(text + WEBSOCKET_KEY_BYTES, WEBSOCKET_GUID, sizeof WEBSOCKET_GUID);
    sha1((const uint8_t *)text, sizeof text - 1, digest);
    encoding_write_base64(digest, sizeof digest, out);
}

/* --- Heads of HTTP. */

static uint8_t websocket__lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Are these bytes the word (in lower case), of any case? */
static bool websocket__is(struct span text, const char *word)
{
    size_t i = 0;
    while (i < text.bytes && word[i] != '\0' &&
           websocket__lower(text.data[i]) == (uint8_t)word[i]) {
        i++;
    }
    return i == text.bytes && word[i] == '\0';
}

static struct span websocket__trim(struct span text)
{
    while (text.bytes > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.bytes--;
    }
    while (text.bytes > 0 &&
           (text.data[text.bytes - 1] == ' ' || text.data[text.bytes - 1] == '\t')) {
        text.bytes--;
    }
    return text;
}

/* Cuts off what is before the first `end`, which goes, too. */
static struct span websocket__cut(struct span *text, char end)
{
    if (text->bytes == 0) {
        return *text; /* there may be none at all */
    }
    const uint8_t *found = memchr(text->data, end, text->bytes);
    size_t bytes = found != NULL ? (size_t)(found - text->data) : text->bytes;
    struct span part = {text->data, bytes};
    bytes += found != NULL;
    text->data += bytes;
    text->bytes -= bytes;
    return part;
}

static struct span websocket__line(struct span *head)
{
    struct span line = websocket__cut(head, '\n');
    line.bytes -= line.bytes > 0 && line.data[line.bytes - 1] == '\r';
    return line;
}

/* The value of the next field of that name (in lower case) behind the first line of *head, which
 * it leaves at the field's; NULL: there is none. */
static struct span websocket__next_field(struct span *head, const char *name)
{
    (void)websocket__line(head);
    while (head->bytes > 0) {
        struct span rest = *head;
        struct span line = websocket__line(&rest);
        struct span value = line;
        if (memchr(line.data, ':', line.bytes) != NULL &&
            websocket__is(websocket__cut(&value, ':'), name)) {
            return websocket__trim(value);
        }
        *head = rest;
    }
    return (struct span){0};
}

static struct span websocket__field(struct span head, const char *name)
{
    return websocket__next_field(&head, name);
}

/* Is it one of those with commas between? */
static bool websocket__lists(struct span list, struct span word, bool any_case)
{
    while (list.bytes > 0) {
        struct span item = websocket__trim(websocket__cut(&list, ','));
        bool same = item.bytes == word.bytes;
        for (size_t i = 0; i < item.bytes && same; i++) {
            same = item.data[i] == word.data[i] ||
                   (any_case && websocket__lower(item.data[i]) == word.data[i]);
        }
        if (same && item.bytes > 0) {
            return true;
        }
    }
    return false;
}

static struct span websocket__text(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* Does a field of that name list the word, in any case? It may stand there several times. */
static bool websocket__has(struct span head, const char *name, const char *word)
{
    struct span value;
    while ((value = websocket__next_field(&head, name)).data != NULL) {
        if (websocket__lists(value, websocket__text(word), true)) {
            return true;
        }
    }
    return false;
}

/* The head up to its empty line; 0: it has not come. */
static size_t websocket__head_end(const uint8_t *data, size_t bytes, size_t from)
{
    from = from > 3 ? from - 3 : 0;
    for (size_t i = from; i < bytes; i++) {
        const uint8_t *found = memchr(data + i, '\n', bytes - i);
        if (found == NULL) {
            return 0;
        }
        i = (size_t)(found - data);
        size_t next = i + 1 < bytes && data[i + 1] == '\r' ? i + 2 : i + 1;
        if (next < bytes && data[next] == '\n') {
            return next + 1;
        }
    }
    return 0;
}

/* --- The client. */

void websocket_greet(const struct framing *framing, struct websocket *ws, struct span request)
{
    const struct framing_websocket *settings = framing->websocket;
    if (settings->is_server) {
        return;
    }
    char key[WEBSOCKET_KEY_BYTES + 1];
    char *room = (char *)ws->worker->reply;
    bool has_host = settings->has_host;
    if (request.bytes == 0) {
        request =
            websocket__text(settings->request != NULL ? settings->request : WEBSOCKET_REQUEST);
    }
    websocket_key(ws, key);
    struct span fields = request;
    struct span line = websocket__line(&fields); /* the Host comes first behind it */
    int bytes = snprintf(
        room, sizeof ws->worker->reply,
        "%.*s\r\n%s%s%sUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s%s%s%.*s\r\n",
        (int)line.bytes, (const char *)line.data,
        has_host ? "" : "Host: ", has_host ? "" : ws->target, has_host ? "" : "\r\n", key,
        settings->protocol != NULL ? "Sec-WebSocket-Protocol: " : "",
        settings->protocol != NULL ? settings->protocol : "",
        settings->protocol != NULL ? "\r\n" : "", (int)fields.bytes, (const char *)fields.data);
    /* WEBSOCKET_REQUEST_BYTES_MAX leaves room for the target's name. */
    must(bytes > 0 && (size_t)bytes < sizeof ws->worker->reply);
    ws->reply = (struct span){ws->worker->reply, (size_t)bytes};
}

static void websocket__expect(struct error *expected, const char *text)
{
    if (expected != NULL) {
        error_set(expected, "%s", text);
    }
}

/* A response head that is whole, or the part of it that has come. False: why is in *expected. */
static bool websocket__judge_response(const struct framing *framing, const struct websocket *ws,
                                      struct span head, struct error *expected)
{
    char key[WEBSOCKET_KEY_BYTES + 1];
    char accept[WEBSOCKET_ACCEPT_BYTES + 1];
    struct span rest = head;
    struct span line = websocket__line(&rest);
    struct span protocol = websocket__field(head, "sec-websocket-protocol");
    struct span accepted = websocket__field(head, "sec-websocket-accept");
    const char *asked = framing->websocket->protocol;
    websocket_key(ws, key);
    websocket_accept(key, accept);
    if (line.bytes < 12 || memcmp(line.data, "HTTP/1.1 101", 12) != 0 ||
        (line.bytes > 12 && line.data[12] != ' ')) {
        websocket__expect(expected, "\"HTTP/1.1 101\", which accepts the WebSocket");
    } else if (!websocket__is(websocket__field(head, "upgrade"), "websocket")) {
        websocket__expect(expected, "a response with \"Upgrade: websocket\"");
    } else if (!websocket__has(head, "connection", "upgrade")) {
        websocket__expect(expected, "a response with \"Connection: Upgrade\"");
    } else if (accepted.bytes != WEBSOCKET_ACCEPT_BYTES ||
               memcmp(accepted.data, accept, WEBSOCKET_ACCEPT_BYTES) != 0) {
        error_set(expected, "a response with \"Sec-WebSocket-Accept: %s\", which is of this key",
                  accept);
    } else if (websocket__field(head, "sec-websocket-extensions").bytes > 0) {
        websocket__expect(expected, "a response without extensions such as permessage-deflate, "
                                    "which was not asked for");
    } else if (asked == NULL && protocol.data != NULL) {
        websocket__expect(expected, "a response without a subprotocol, because `protocol` asks for "
                                    "none");
    } else if (asked != NULL &&
               (protocol.bytes == 0 || memchr(protocol.data, ',', protocol.bytes) ||
                !websocket__lists(websocket__text(asked), protocol, false))) {
        error_set(expected, "a response with the subprotocol that `protocol` asks for, %.80s",
                  asked);
    } else {
        return true;
    }
    return false;
}

/* --- The server. */

static void websocket__answer(struct websocket *ws, const char *text)
{
    ws->reply = websocket__text(text);
}

static bool websocket__judge_request(struct websocket *ws, struct span head, struct error *expected)
{
    struct span rest = head;
    struct span line = websocket__line(&rest);
    struct span key = websocket__field(head, "sec-websocket-key");
    uint8_t decoded[WEBSOCKET_KEY_BYTES / 4 * 3];
    char text[WEBSOCKET_KEY_BYTES + 1] = "";
    size_t decoded_bytes = 0;
    size_t wrong;
    if (key.bytes == WEBSOCKET_KEY_BYTES) {
        memcpy(text, key.data, WEBSOCKET_KEY_BYTES);
    }
    if (line.bytes < 14 || memcmp(line.data, "GET /", 5) != 0 ||
        memcmp(line.data + line.bytes - 9, " HTTP/1.1", 9) != 0) {
        websocket__expect(expected, "a request \"GET PATH HTTP/1.1\"");
    } else if (websocket__field(head, "host").bytes == 0) {
        websocket__expect(expected, "a request with \"Host\"");
    } else if (!websocket__has(head, "upgrade", "websocket")) {
        websocket__expect(expected, "a request with \"Upgrade: websocket\"");
    } else if (!websocket__has(head, "connection", "upgrade")) {
        websocket__expect(expected, "a request with \"Connection: Upgrade\"");
    } else if (!encoding_decode_base64(text, decoded, &decoded_bytes, &wrong) ||
               decoded_bytes != 16) {
        websocket__expect(expected, "a request with a Sec-WebSocket-Key of 16 bytes in base64");
    } else if (!websocket__is(websocket__field(head, "sec-websocket-version"), "13")) {
        websocket__expect(expected, "a request with \"Sec-WebSocket-Version: 13\"");
        websocket__answer(ws, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n"
                              "Connection: close\r\nContent-Length: 0\r\n\r\n");
        return false;
    } else {
        return true;
    }
    websocket__answer(ws, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                          "Content-Length: 0\r\n\r\n");
    return false;
}

static void websocket__accept_request(const struct framing *framing, struct websocket *ws,
                                      struct span head)
{
    char key[WEBSOCKET_KEY_BYTES + 1] = "";
    char accept[WEBSOCKET_ACCEPT_BYTES + 1];
    const char *own = framing->websocket->protocol;
    struct span asked = websocket__field(head, "sec-websocket-protocol");
    struct span chosen = websocket__trim(websocket__cut(&asked, ','));
    if (own != NULL) {
        asked = websocket__field(head, "sec-websocket-protocol");
        chosen = websocket__text(own);
        chosen.bytes = websocket__lists(asked, chosen, false) ? chosen.bytes : 0;
    }
    if (chosen.bytes > WEBSOCKET_PROTOCOL_BYTES_MAX) {
        chosen.bytes = 0;
    }
    struct span sent = websocket__field(head, "sec-websocket-key");
    must(sent.data != NULL && sent.bytes == WEBSOCKET_KEY_BYTES);
    memcpy(key, sent.data, WEBSOCKET_KEY_BYTES);
    websocket_accept(key, accept);
    int bytes =
        snprintf((char *)ws->room, sizeof ws->room,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%.*s%s\r\n",
                 accept, chosen.bytes > 0 ? "Sec-WebSocket-Protocol: " : "", (int)chosen.bytes,
                 (const char *)chosen.data, chosen.bytes > 0 ? "\r\n" : "");
    must(bytes > 0 && (size_t)bytes < sizeof ws->room);
    ws->reply = (struct span){ws->room, (size_t)bytes};
}

/* --- Both: the head that comes first. */

/* Could it be the beginning of one? Another protocol is recognised by its first bytes. */
static bool websocket__begins(bool is_server, const uint8_t *data, size_t bytes)
{
    const char *begin = is_server ? "GET /" : "HTTP/1.";
    size_t length = strlen(begin);
    return memcmp(data, begin, bytes < length ? bytes : length) == 0;
}

/* A status other than 101 is known by its line; where it sends to (3xx) by the whole head. */
static bool websocket__is_refusal(const uint8_t *data, size_t bytes)
{
    return bytes >= 12 && memchr(data, '\n', bytes) != NULL && memcmp(data + 8, " 101", 4) != 0 &&
           data[9] != '3';
}

/* A head, or what has come of it, that is longer than one may be. */
static bool websocket__is_long(bool is_server, struct span head)
{
    return head.bytes > WEBSOCKET_HANDSHAKE_BYTES_MAX &&
           (is_server || !websocket__is_refusal(head.data, head.bytes));
}

static enum frame_status websocket__refuse_head(struct websocket *ws, enum frame_status status)
{
    ws->phase = WEBSOCKET_REFUSED;
    return status;
}

static enum frame_status websocket__decode_head(const struct framing *framing, void *state,
                                                const uint8_t *data, size_t bytes,
                                                struct frame *frame,
                                                struct frame_progress *progress)
{
    struct websocket *ws = state;
    bool is_server = framing->websocket->is_server;
    size_t end = websocket__head_end(data, bytes, progress->scanned_bytes);
    struct span head = {data, end > 0 ? end : bytes};
    if (!websocket__begins(is_server, data, bytes)) {
        if (is_server) {
            websocket__judge_request(ws, head, NULL);
        }
        return websocket__refuse_head(ws, FRAME_INVALID);
    }
    if (websocket__is_long(is_server, head)) {
        return websocket__refuse_head(ws, FRAME_INVALID);
    }
    if (end == 0 && (is_server || !websocket__is_refusal(data, bytes))) {
        progress->searches = true;
        progress->needed_bytes = bytes + 1;
        progress->scanned_bytes = (uint32_t)bytes;
        return FRAME_PARTIAL;
    }
    if (is_server ? !websocket__judge_request(ws, head, NULL)
                  : !websocket__judge_response(framing, ws, head, NULL)) {
        return websocket__refuse_head(ws, FRAME_INVALID);
    }
    if (is_server) {
        websocket__accept_request(framing, ws, head);
    }
    ws->phase = WEBSOCKET_OPEN;
    frame_fill(frame, data, (uint32_t)end, (uint32_t)end, 0);
    frame->is_own = true;
    return FRAME_COMPLETE;
}

static void websocket__explain_head(const struct framing *framing, void *state, const uint8_t *data,
                                    size_t bytes, struct error *error)
{
    struct websocket *ws = state;
    bool is_server = framing->websocket->is_server;
    size_t end = websocket__head_end(data, bytes, 0);
    struct span head = {data, end > 0 ? end : bytes};
    if (websocket__begins(is_server, data, bytes) && websocket__is_long(is_server, head)) {
        error_set(error, "a head of at most %d bytes", WEBSOCKET_HANDSHAKE_BYTES_MAX);
    } else if (is_server) {
        websocket__judge_request(ws, head, error);
    } else {
        websocket__judge_response(framing, ws, head, error);
    }
}

const struct codec codec_websocket_handshake = {.decode = websocket__decode_head,
                                                .explain = websocket__explain_head};
