/* `"type": "websocket"`: the request of its handshake, and the framing that it carries. */
#include "scenario/parse/websocket.h"

#include "scenario/parse/cells.h"
#include "scenario/parse/parts.h"

#include <inttypes.h>
#include <string.h>

enum { WEBSOCKET_PROTOCOL_BYTES = 256 };

/* Letters of a token (RFC 9110, 5.6.2). */
#define WEBSOCKET_TOKEN                                                                            \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

#define WEBSOCKET_LETTERS "this part of a request has printable ASCII only"

/* What is read: the settings, and the framing that has them. The parts of the request are added as
 * they are read: what it asks for, then its fields. */
struct websocket__read {
    struct framing_websocket settings;
    struct framing *framing;
    const cJSON *headers;
    bool has_path; /* which is added */
    bool has_inside;
};

/* --- Lines of the request, with ${...} in them. */

/* Letters that a line may have: printable ASCII, spaces within where `spaces`. */
static bool websocket__is_line(const char *text, uint32_t bytes, bool spaces)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (text[i] < (spaces ? ' ' : '!') || text[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool websocket__is_cell(const struct parse_cells *cells, const uint8_t *cell, uint32_t bytes)
{
    return websocket__is_line((const char *)cell, bytes, cells->spaces);
}

/* One that a connection has: there is no pass yet. */
static void websocket__check_value(struct parse *parse, const struct value *value, bool spaces)
{
    struct reader *reader = &parse->reader;
    const struct operand *operand = NULL;
    for (uint32_t i = 0; (operand = value_next_operand(value, &i)) != NULL;) {
        bool of_table = operand->source == OPERAND_DATA;
        if (operand->source == OPERAND_ITERATION || operand->source == OPERAND_LANE ||
            operand->source == OPERAND_SEQUENCE) {
            reader_mistake(reader, "a handshake belongs to a connection and to no pass of its "
                                   "loop: ${iteration}, ${lane} and ${sequence} are not known");
        } else if (of_table && parse->tables[operand->index].pick != DATA_UNIQUE) {
            reader_mistake(reader,
                           "a handshake belongs to a connection and to no pass of its loop: give "
                           "the table `%s` \"pick\": \"unique\", so that each connection has a row",
                           parse->tables[operand->index].name);
        } else if (of_table && !operand->reads_text) {
            parse_check_cells(parse, operand,
                              &(struct parse_cells){.fits = websocket__is_cell,
                                                    .wrong = "has a letter that it cannot have",
                                                    .so = spaces ? WEBSOCKET_LETTERS
                                                                 : WEBSOCKET_LETTERS
                                                              ", without spaces",
                                                    .spaces = spaces});
        } else if (operand->source == OPERAND_UTC &&
                   !websocket__is_line((const char *)operand->bytes, operand->bytes_count,
                                       spaces)) {
            reader_mistake(reader,
                           "the picture of utc(...) has a letter that this part of a "
                           "request cannot have: printable ASCII%s",
                           spaces ? "" : " without spaces");
        }
    }
}

/* A text of a line. */
struct websocket__text {
    const cJSON *json;
    const char *expected;
    bool spaces; /* may there be any? */
};

static void websocket__add_bytes(struct parse *parse, void *context, const char *bytes,
                                 uint32_t bytes_count)
{
    const struct websocket__text *text = context;
    if (!websocket__is_line(bytes, bytes_count, text->spaces)) {
        reader_expected(&parse->reader, text->json, text->expected);
    }
    parse_add_bytes(parse, bytes, bytes_count);
}

static void websocket__add_value(struct parse *parse, void *context, const struct value *value)
{
    const struct websocket__text *text = context;
    websocket__check_value(parse, value, text->spaces);
    parse_add_value(parse, value);
}

static void websocket__add(struct parse *parse, struct websocket__text text)
{
    static const struct parse_pieces pieces = {websocket__add_bytes, websocket__add_value};
    parse->names_are_open = parse->behavior == NULL; /* which are read behind the framings */
    parse_split(parse, text.json->valuestring, &pieces, &text);
    parse->names_are_open = false;
}

static void websocket__add_constant(struct parse *parse, const char *text)
{
    parse_add_bytes(parse, text, (uint32_t)strlen(text));
}

static void websocket__path(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    static const char EXPECTED[] = "what the request asks for, such as \"/room?name=1\": a text "
                                   "that begins with /, printable ASCII without spaces";
    if (!cJSON_IsString(json) || json->valuestring[0] != '/') {
        reader_expected(&parse->reader, json, EXPECTED);
        return;
    }
    read->has_path = true;
    websocket__add(parse, (struct websocket__text){json, EXPECTED, false});
}

/* Behind what is asked for. */
static void websocket__end_path(struct parse *parse, struct websocket__read *read)
{
    websocket__add_constant(parse, read->has_path ? " HTTP/1.1\r\n" : "/ HTTP/1.1\r\n");
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

/* Has a field of that name, in any case, been read before? */
static bool websocket__has_field(const struct websocket__read *read, const cJSON *field)
{
    const cJSON *before = NULL;
    cJSON_ArrayForEach(before, read->headers)
    {
        const char *name = field->string;
        size_t i = 0;
        if (before == field) {
            break;
        }
        while (name[i] != '\0' &&
               websocket__lower_letter(before->string[i]) == websocket__lower_letter(name[i])) {
            i++;
        }
        if (name[i] == '\0' && before->string[i] == '\0') {
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
    if (websocket__has_field(read, json)) {
        reader_mistake(reader, "expected each header field once, found it in another case, too");
        return;
    }
    static const char EXPECTED[] = "the value of a header field, a text on one line";
    if (!cJSON_IsString(json)) {
        reader_expected(reader, json, EXPECTED);
        return;
    }
    websocket__add_constant(parse, name);
    websocket__add_constant(parse, ": ");
    websocket__add(parse, (struct websocket__text){json, EXPECTED, true});
    websocket__add_constant(parse, "\r\n");
    read->settings.has_host = read->settings.has_host || strcmp(lower, "host") == 0;
}

static void websocket__headers(struct parse *parse, const cJSON *json, void *place)
{
    struct websocket__read *read = place;
    if (!cJSON_IsObject(json)) {
        reader_expected(&parse->reader, json,
                        "an object of header fields, such as { \"Origin\": \"http://x\" }");
        return;
    }
    read->headers = json;
    websocket__end_path(parse, read);
    if (reader_object(&parse->reader, json, NULL)) {
        reader_each(&parse->reader, json, websocket__header, read);
    }
}

/* What is asked for, and the fields. */
static bool websocket__join(struct parse *parse, struct websocket__read *read, uint32_t first,
                            struct body *request)
{
    if (read->headers == NULL) {
        websocket__end_path(parse, read);
    }
    parse_join(parse, first, request);
    if (request->bytes_max > WEBSOCKET_REQUEST_BYTES_MAX) {
        reader_mistake(
            &parse->reader,
            "expected `path` and `headers` of at most %d bytes altogether, found %" PRIu32,
            WEBSOCKET_REQUEST_BYTES_MAX, request->bytes_max);
    }
    return request->bytes_max <= WEBSOCKET_REQUEST_BYTES_MAX;
}

/* The same on all connections, made for each, or by each behavior. */
static void websocket__keep(struct parse *parse, const cJSON *json, struct websocket__read *read,
                            uint32_t first)
{
    struct body request;
    if (!websocket__join(parse, read, first, &request)) {
        return;
    }
    if (parse->names_missed) {
        parse->protocol->request_json = json;
        parse->protocol->request_path =
            arena_copy(parse->arena, parse->reader.path, parse->reader.path_bytes);
    } else if (request.type == BODY_CONSTANT) {
        char *text = arena_take(parse->arena, request.bytes_max + 1);
        if (text != NULL) {
            memcpy(text, request.bytes, request.bytes_max);
            text[request.bytes_max] = '\0';
            read->settings.request = text;
        }
    } else {
        parse->protocol->request = request;
    }
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

#define WEBSOCKET_PATH                                                                             \
    {                                                                                              \
        "path", .then = websocket__path                                                            \
    }
#define WEBSOCKET_HEADERS                                                                          \
    {                                                                                              \
        "headers", .then = websocket__headers                                                      \
    }
static const struct key websocket__request_keys[] = {WEBSOCKET_PATH, WEBSOCKET_HEADERS, {0}};
static const struct key websocket__keys[] = {
    {.name = "type"},
    WEBSOCKET_PATH,
    WEBSOCKET_HEADERS,
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
    struct websocket__read read = {.framing = framing};
    struct framing_websocket *settings = arena_take(parse->arena, sizeof *settings);
    uint32_t first = parse->parts_count;
    parse->names_missed = false;
    websocket__add_constant(parse, "GET ");
    reader_read(&parse->reader, json, websocket__keys, &read);
    websocket__keep(parse, json, &read, first);
    if (!read.has_inside) {
        *framing = (struct framing){.type = FRAMING_WEBSOCKET};
        reader_read_key(&parse->reader, json, &websocket__max, framing);
    }
    if (settings != NULL) {
        *settings = read.settings;
        framing->websocket = settings;
    }
}

void parse_request_of(struct parse *parse, uint32_t target)
{
    struct reader *reader = &parse->reader;
    struct scenario_protocol *protocol = parse->scenario->targets[target].protocol;
    struct websocket__read read = {.has_path = false};
    uint32_t first = parse->parts_count;
    struct body request;
    char here[READER_PATH_BYTES_MAX];
    size_t here_bytes = reader->path_bytes;
    if (protocol->request_json == NULL || protocol->is_wrong || protocol->request_path == NULL) {
        return;
    }
    /* What is wrong is reported where it stands, with the place that connects beside it. */
    memcpy(here, reader->path, here_bytes);
    here[here_bytes] = '\0';
    reader->path_bytes = strlen(protocol->request_path);
    memcpy(reader->path, protocol->request_path, reader->path_bytes + 1);
    parse->connects_at = here;
    protocol->request_read = true;
    websocket__add_constant(parse, "GET ");
    for (const struct key *key = websocket__request_keys; key->name != NULL; key++) {
        reader_read_key(reader, protocol->request_json, key, &read);
    }
    bool joined = websocket__join(parse, &read, first, &request);
    parse->connects_at = NULL;
    reader->path_bytes = here_bytes;
    memcpy(reader->path, here, here_bytes + 1);
    if (joined && parse->requests == NULL) {
        parse->requests =
            arena_take(parse->arena, parse->scenario->targets_count * sizeof *parse->requests);
    }
    if (joined && parse->requests != NULL) {
        parse->requests[target] = request;
    }
}

void parse_check_requests(struct parse *parse)
{
    parse->names_count = 0;
    for (uint32_t i = 0; i < parse->scenario->targets_count; i++) {
        if (!parse->scenario->targets[i].protocol->request_read) {
            parse_request_of(parse, i);
        }
    }
}
