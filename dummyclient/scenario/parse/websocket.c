/* `"type": "websocket"`: the request of its handshake, and the framing that it carries. */
#include "scenario/parse/websocket.h"

#include <stdio.h>
#include <string.h>

enum {
    WEBSOCKET_PATH_BYTES_MAX = 1024,
    WEBSOCKET_PROTOCOL_BYTES = 256,
    WEBSOCKET_HEADERS_BYTES_MAX = 2048 /* all of them; a request then fits into its room */
};

/* Letters of a token (RFC 9110, 5.6.2). */
#define WEBSOCKET_TOKEN                                                                            \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

/* What is read: the settings, and the framing that has them. */
struct websocket__read {
    struct framing_websocket settings;
    struct framing *framing;
    char *headers; /* WEBSOCKET_HEADERS_BYTES_MAX + 1; NULL: there are none */
    size_t headers_bytes;
    bool has_inside;
};

/* Letters that a line of a request may have: printable ASCII, spaces within where `spaces`. */
static bool websocket__is_line(const char *text, bool spaces)
{
    for (; *text != '\0'; text++) {
        if (*text < (spaces ? ' ' : '!') || *text > '~') {
            return false;
        }
    }
    return true;
}

static bool websocket__is_constant(struct parse *parse, const char *text)
{
    if (strstr(text, "${") == NULL) {
        return true;
    }
    reader_mistake(&parse->reader, "expected a constant text, found ${...}: the handshake is the "
                                   "same on all connections");
    return false;
}

static void websocket__path(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (text[0] != '/' || strlen(text) > WEBSOCKET_PATH_BYTES_MAX ||
        !websocket__is_line(text, false)) {
        reader_expected(&parse->reader, json,
                        "what the request asks for, such as \"/room?name=1\": a text that begins "
                        "with /, of at most 1024 letters without spaces");
    } else if (websocket__is_constant(parse, text)) {
        read->settings.path = text;
    }
}

static bool websocket__is_name(const char *name)
{
    size_t bytes = strspn(name, WEBSOCKET_TOKEN);
    return bytes > 0 && name[bytes] == '\0';
}

/* Tokens with ", " between them. */
static bool websocket__is_list(const char *text)
{
    for (;;) {
        size_t bytes = strspn(text, WEBSOCKET_TOKEN);
        if (bytes == 0 || text[bytes] == '\0') {
            return bytes > 0;
        }
        if (strncmp(text + bytes, ", ", 2) != 0) {
            return false;
        }
        text += bytes + 2;
    }
}

static void websocket__protocol(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    const char *text = cJSON_IsString(json) ? json->valuestring : "";
    if (strlen(text) > WEBSOCKET_PROTOCOL_BYTES || !websocket__is_list(text)) {
        reader_expected(&parse->reader, json,
                        "the subprotocol to ask for, such as \"mqtt\": letters, digits and - . _ "
                        "without spaces (several have \", \" between them)");
    } else {
        read->settings.protocol = text;
    }
}

static char websocket__lower_letter(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* The beginning of a name in lower case: letters of any case are the same field. */
static void websocket__lower(const char *name, char lower[24])
{
    size_t i = 0;
    for (; i < 23 && name[i] != '\0'; i++) {
        lower[i] = websocket__lower_letter(name[i]);
    }
    lower[i] = '\0';
}

/* Is it the handshake's own? */
static bool websocket__is_own(const char *lower)
{
    static const char *const OWN[] = {"upgrade", "connection", "content-length",
                                      "transfer-encoding"};
    bool own = strncmp(lower, "sec-websocket-", 14) == 0;
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
        own = own || strcmp(lower, OWN[i]) == 0;
    }
    return own;
}

/* Has a field of that name, in any case, been read? */
static bool websocket__has_field(const struct websocket__read *read, const char *name)
{
    size_t bytes = strlen(name);
    const char *line = read->headers_bytes > 0 ? read->headers : NULL;
    for (; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t i = 0;
        while (i < bytes && websocket__lower_letter(line[i]) == websocket__lower_letter(name[i])) {
            i++;
        }
        if (i == bytes && line[i] == ':') {
            return true;
        }
    }
    return false;
}

static void websocket__header(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    struct reader *reader = &parse->reader;
    const char *name = json->string;
    size_t room = WEBSOCKET_HEADERS_BYTES_MAX - read->headers_bytes;
    char lower[24];
    websocket__lower(name, lower);
    if (!websocket__is_name(name)) {
        reader_mistake(reader, "expected the name of a header field, such as \"Origin\"");
        return;
    }
    if (websocket__is_own(lower)) {
        reader_mistake(reader, "expected a header field that is not the handshake's own: it says "
                               "Upgrade, Connection and Sec-WebSocket-* itself (a subprotocol is "
                               "`protocol`), and its request has no body");
        return;
    }
    if (websocket__has_field(read, name)) {
        reader_mistake(reader, "expected each header field once, found it in another case, too");
        return;
    }
    if (!cJSON_IsString(json) || !websocket__is_line(json->valuestring, true)) {
        reader_expected(reader, json, "the value of a header field, a text on one line");
        return;
    }
    if (!websocket__is_constant(parse, json->valuestring)) {
        return;
    }
    if (strlen(name) + strlen(json->valuestring) + 4 > room) {
        reader_mistake(reader, "expected header fields of at most %d bytes altogether, found more",
                       WEBSOCKET_HEADERS_BYTES_MAX);
        return;
    }
    if (read->headers != NULL) {
        int bytes = snprintf(read->headers + read->headers_bytes, room + 1, "%s: %s\r\n", name,
                             json->valuestring);
        read->headers_bytes += (size_t)bytes;
        read->settings.has_host = read->settings.has_host || strcmp(lower, "host") == 0;
    }
}

static void websocket__headers(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json,
                        "an object of header fields, such as { \"Origin\": \"http://x\" }");
        return;
    }
    read->headers = arena_take(parse->arena, WEBSOCKET_HEADERS_BYTES_MAX + 1);
    if (reader_object(&parse->reader, json, NULL)) {
        reader_each(&parse->reader, json, websocket__header, read);
    }
    read->settings.headers = read->headers_bytes > 0 ? read->headers : NULL;
}

static void websocket__inside(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    uint32_t mistakes_count = parse->reader.mistakes_count;
    parse_framing_inside(parse, json, read->framing);
    read->has_inside = true;
    if (parse->reader.mistakes_count == mistakes_count &&
        (read->framing->type == FRAMING_CODEC || read->framing->websocket != NULL)) {
        reader_mistake_at(&parse->reader, "type",
                          "expected a framing that a WebSocket can carry: any but \"codec\" and "
                          "\"websocket\"");
    }
}

static const struct key websocket__keys[] = {
    {.name = "type"},
    {"path", .then = websocket__path},
    {"headers", .then = websocket__headers},
    {"protocol", .then = websocket__protocol},
    {"message", KEY_WORD(struct websocket__read, settings.is_text, "binary", "text")},
    {"fragment_bytes",
     KEY_WHOLE(struct websocket__read, settings.fragment_bytes, 1, FRAMING_FRAME_BYTES_MAX)},
    {"inside", .then = websocket__inside, .excludes = "frame_bytes_max"},
    {.name = "frame_bytes_max"},
    {0}};
static const struct key websocket__max = {
    "frame_bytes_max", KEY_WHOLE(struct framing, frame_bytes_max, 1, FRAMING_FRAME_BYTES_MAX),
    .preset = FRAMING_FRAME_BYTES_MAX};

void parse_websocket(struct parse *parse, const cJSON *json, struct framing *framing)
{
    struct websocket__read read = {.settings = {.path = "/"}, .framing = framing};
    struct framing_websocket *settings = arena_take(parse->arena, sizeof *settings);
    reader_read(&parse->reader, json, websocket__keys, &read);
    if (!read.has_inside) {
        *framing = (struct framing){.type = FRAMING_WEBSOCKET};
        reader_read_key(&parse->reader, json, &websocket__max, framing);
    }
    if (settings != NULL) {
        *settings = read.settings;
        framing->websocket = settings;
    }
}
