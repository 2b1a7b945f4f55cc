#include "starter/starter.h"

#include "core/clock.h"
#include "text/units.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STARTER_CONNECTIONS = 50 };

static const int64_t STARTER_DURATION_NS = 10 * NS_PER_S;
/* Of the duration; at most a second. */
enum { STARTER_WARMUP_PART = 10 };

/* --- Words in JSON. */

/* The text as a JSON string. */
static void starter__print_string(struct json_text *json, const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    char *printed = item == NULL ? NULL : cJSON_PrintUnformatted(item);
    json->failed = json->failed || printed == NULL;
    json_text_print(json, "%s", printed == NULL ? "" : printed);
    cJSON_free(printed);
    cJSON_Delete(item);
}

/* The same, of up to three parts. */
static void starter__print_joined(struct json_text *json, const char *a, const char *b,
                                  const char *c)
{
    size_t bytes = strlen(a) + strlen(b) + strlen(c) + 1;
    char *joined = malloc(bytes);
    json->failed = json->failed || joined == NULL;
    if (joined != NULL) {
        snprintf(joined, bytes, "%s%s%s", a, b, c);
        starter__print_string(json, joined);
    }
    free(joined);
}

static const char *starter__text(const struct starter *starter)
{
    return starter->text != NULL ? starter->text : starter->kind->text;
}

/* Of a line without what ends it, which is its delimiter. */
struct starter__line {
    size_t bytes;
    const char *delimiter;
};

/* The end of a line may be written as \n or \r\n, as in a shell's single quotes. */
static struct starter__line starter__line(const char *text)
{
    static const struct {
        const char *end;
        const char *delimiter;
    } ENDS[] = {{"\r\n", "\r\n"}, {"\n", "\n"}, {"\\r\\n", "\r\n"}, {"\\n", "\n"}};
    struct starter__line line = {strlen(text), "\n"};
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        size_t end_bytes = strlen(ENDS[i].end);
        if (line.bytes > end_bytes && strcmp(text + line.bytes - end_bytes, ENDS[i].end) == 0) {
            return (struct starter__line){line.bytes - end_bytes, ENDS[i].delimiter};
        }
    }
    return line;
}

/* --- What the kinds print. */

static void starter__send_text(const struct starter *starter, struct json_text *json)
{
    json_text_print(json, "{ \"body\": { \"text\": ");
    starter__print_string(json, starter__text(starter));
    json_text_print(json, " } }");
}

static void starter__frame_echo(const struct starter *starter, struct json_text *json)
{
    (void)starter;
    json_text_print(json, "{ \"type\": \"length\", \"size_bytes\": 2, \"id_bytes\": 2, "
                          "\"byte_order\": \"little\", \"size_includes_header\": true }");
}

static const char *starter__name_echo(const struct starter *starter)
{
    (void)starter;
    return "echo";
}

static void starter__send_echo(const struct starter *starter, struct json_text *json)
{
    if (starter->text == NULL) {
        json_text_print(json, "{ \"id\": 1, \"body\": { \"random\": { \"bytes\": [16, 256] } } }");
        return;
    }
    json_text_print(json, "{ \"id\": 1, \"body\": { \"text\": ");
    starter__print_string(json, starter->text);
    json_text_print(json, " } }");
}

static const char *starter__reply_echo(const struct starter *starter)
{
    (void)starter;
    return "\"verify\": \"same_body\"";
}

static void starter__frame_http(const struct starter *starter, struct json_text *json)
{
    (void)starter;
    json_text_print(json, "{ \"type\": \"http\" }");
}

/* Servers end connections after so many requests: the next pass has a new one. */
static void starter__behave_http(const struct starter *starter, struct json_text *json)
{
    (void)starter;
    json_text_print(json, "      \"on_close\": \"expected\",\n"
                          "      \"on_disconnect\": \"reconnect\",\n");
}

static const char *starter__name_http(const struct starter *starter)
{
    return starter->text == NULL ? "get" : "post";
}

/* "Host: h:81", without the port where it is the scheme's own. */
static void starter__write_host(const struct starter *starter, char *host, size_t bytes)
{
    const char *format = strchr(starter->host, ':') != NULL ? "[%s]%s" : "%s%s";
    char port[16] = "";
    if (starter->port != starter->kind->ports[starter->tls]) {
        snprintf(port, sizeof port, ":%u", (unsigned)starter->port);
    }
    snprintf(host, bytes, format, starter->host, port);
}

static void starter__send_http(const struct starter *starter, struct json_text *json)
{
    char host[STARTER_HOST_BYTES_MAX + 16];
    char head[STARTER_PATH_BYTES_MAX + sizeof host + 256];
    const char *text = starter->text;
    const char *type =
        text != NULL && (text[0] == '{' || text[0] == '[') ? "application/json" : "text/plain";
    starter__write_host(starter, host, sizeof host);
    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: dummyclient\r\nAccept: */*\r\n",
             text == NULL ? "GET" : "POST", starter->path, host);
    if (text == NULL) {
        json_text_print(json, "{ \"body\": { \"text\": ");
        starter__print_joined(json, head, "\r\n", "");
        json_text_print(json, " } }");
        return;
    }
    /* The length counts what is behind it, whatever the text becomes. */
    json_text_print(json, "{ \"body\": { \"fields\": [\n"
                          "              { \"string\": ");
    starter__print_joined(json, head, "Content-Type: ", type);
    json_text_print(json,
                    ", \"length\": \"none\" },\n"
                    "              { \"string\": \"\\r\\nContent-Length: \", \"length\": "
                    "\"none\" },\n"
                    "              { \"length\": \"digits\", \"until\": \"\\r\", \"plus\": -3, "
                    "\"of\": [\n"
                    "                { \"string\": \"\\n\\r\\n\", \"length\": \"none\" },\n"
                    "                { \"string\": ");
    starter__print_string(json, text);
    json_text_print(json, ", \"length\": \"none\" } ] } ] } }");
}

static const char *starter__reply_http(const struct starter *starter)
{
    (void)starter;
    return "\"verify\": { \"field\": { \"at\": \"status\", \"less_than\": 400 } }";
}

static void starter__frame_redis(const struct starter *starter, struct json_text *json)
{
    (void)starter;
    json_text_print(json, "{ \"type\": \"resp\" }");
}

static void starter__behave_redis(const struct starter *starter, struct json_text *json)
{
    if (starter->path[0] == '\0') {
        return;
    }
    json_text_print(json,
                    "      \"setup\": [\n"
                    "        { \"request\": { \"name\": \"select\",\n"
                    "            \"send\": { \"body\": { \"text\": \"SELECT %s\\r\\n\" } },\n"
                    "            \"verify\": { \"equals\": { \"text\": \"+OK\\r\\n\" } },\n"
                    "            \"on_mismatch\": \"fail\" } }\n"
                    "      ],\n",
                    starter->path);
}

static const char *starter__name_redis(const struct starter *starter)
{
    return starter->text == NULL ? "ping" : "command";
}

static void starter__send_redis(const struct starter *starter, struct json_text *json)
{
    json_text_print(json, "{ \"body\": { \"text\": ");
    starter__print_joined(json, starter__text(starter), "\r\n", "");
    json_text_print(json, " } }");
}

static const char *starter__reply_redis(const struct starter *starter)
{
    return starter->text == NULL
               ? "\"verify\": { \"equals\": { \"text\": \"+PONG\\r\\n\" } }"
               : "\"verify\": { \"field\": { \"at\": \"text@0:1\", \"not_equals\": \"-\" } }";
}

static void starter__frame_websocket(const struct starter *starter, struct json_text *json)
{
    json_text_print(json, "{ \"type\": \"websocket\", \"message\": \"text\", \"path\": ");
    starter__print_string(json, starter->path);
    json_text_print(json, " }");
}

static const char *starter__name_message(const struct starter *starter)
{
    (void)starter;
    return "message";
}

static void starter__frame_lines(const struct starter *starter, struct json_text *json)
{
    json_text_print(json, "{ \"type\": \"delimiter\", \"delimiter\": ");
    starter__print_string(json, starter__line(starter__text(starter)).delimiter);
    json_text_print(json, " }");
}

static const char *starter__name_line(const struct starter *starter)
{
    (void)starter;
    return "line";
}

static void starter__send_line(const struct starter *starter, struct json_text *json)
{
    struct starter line = *starter;
    const char *text = starter__text(starter);
    size_t bytes = starter__line(text).bytes;
    char *own = malloc(bytes + 1);
    json->failed = json->failed || own == NULL;
    if (own != NULL) {
        memcpy(own, text, bytes);
        own[bytes] = '\0';
        line.text = own;
        starter__send_text(&line, json);
    }
    free(own);
}

/* "u16be": 2. */
static int starter__format_bytes(const char *format)
{
    return (int)strtol(format + 1, NULL, 10) / 8;
}

static void starter__frame_frame(const struct starter *starter, struct json_text *json)
{
    const struct starter_frame *frame = &starter->frame;
    bool has_id = frame->id[0] != '\0';
    int header_bytes =
        starter__format_bytes(frame->size) + (has_id ? starter__format_bytes(frame->id) : 0);
    json_text_print(json, "{ \"type\": \"length\", \"header\": [{ \"size\": \"%s\", \"plus\": %d }",
                    frame->size, frame->counts_body ? 0 : header_bytes);
    if (has_id) {
        json_text_print(json, ", { \"id\": \"%s\" }", frame->id);
    }
    json_text_print(json, "] }");
}

static void starter__send_frame(const struct starter *starter, struct json_text *json)
{
    bool has_id = starter->frame.id[0] != '\0';
    json_text_print(json, "{ %s\"body\": { \"text\": ", has_id ? "\"id\": 1, " : "");
    starter__print_string(json, starter__text(starter));
    json_text_print(json, " } }");
}

/* A server often answers by another id. */
static const char *starter__reply_frame(const struct starter *starter)
{
    (void)starter;
    return "\"match\": \"any\"";
}

/* --- The kinds. */

const struct starter_kind STARTER_ECHO = {
    .name = "echo",
    .title = "an echo server with frames of a size and an id: this project's dummyserver",
    .description = "Each connection sends 16 to 256 random bytes and compares what comes back. "
                   "`framing` says how a message is framed, `send` what is in it.",
    .server = "length",
    .print_framing = starter__frame_echo,
    .name_request = starter__name_echo,
    .print_send = starter__send_echo,
    .reply = starter__reply_echo};

const struct starter_kind STARTER_HTTP = {
    .name = "http",
    .schemes = {"http", "https"},
    .ports = {80, 443},
    .path = STARTER_PATH_TEXT,
    .title = "a web server, by its URL",
    .description = "Connections that are kept alive send one request after the other. A status of "
                   "400 or more counts as an error (`verify`). `text` is the request as it goes "
                   "over the wire; more of them in `loop` make a visit.",
    .print_framing = starter__frame_http,
    .print_behavior = starter__behave_http,
    .name_request = starter__name_http,
    .print_send = starter__send_http,
    .reply = starter__reply_http};

const struct starter_kind STARTER_REDIS = {
    .name = "redis",
    .schemes = {"redis", "rediss"},
    .ports = {6379, 6379},
    .path = STARTER_PATH_NUMBER,
    .title = "Redis, or what speaks its protocol",
    .text = "PING",
    .asks_text = "The command to send",
    .description = "Each connection sends the same command again and again. An error of Redis "
                   "counts as a mismatch (`verify`). `text` is the command, with its end of line; "
                   "${random(1,1000)} in it is another number each time.",
    .print_framing = starter__frame_redis,
    .print_behavior = starter__behave_redis,
    .name_request = starter__name_redis,
    .print_send = starter__send_redis,
    .reply = starter__reply_redis};

const struct starter_kind STARTER_WEBSOCKET = {
    .name = "websocket",
    .schemes = {"ws", "wss"},
    .ports = {80, 443},
    .path = STARTER_PATH_TEXT,
    .title = "a WebSocket server, by its URL",
    .text = "hello",
    .asks_text = "The message to send",
    .description = "Each connection sends one message after the other, and takes the next message "
                   "that comes as its answer. `match` of the request says which message answers; "
                   "headers such as Origin are in `framing`.",
    .server = "websocket",
    .print_framing = starter__frame_websocket,
    .name_request = starter__name_message,
    .print_send = starter__send_text};

const struct starter_kind STARTER_LINES = {
    .name = "lines",
    .schemes = {"tcp", "tls"},
    .title = "a server of text lines: a line is answered by a line",
    .text = "hello",
    .asks_text = "The line to send",
    .description = "Each connection sends a line and waits for a line. `delimiter` is what ends "
                   "them; the framing \"lines\" also reads lines that announce more.",
    .server = "raw",
    .print_framing = starter__frame_lines,
    .name_request = starter__name_line,
    .print_send = starter__send_line};

const struct starter_kind STARTER_FRAME = {
    .name = "frame",
    .title = "a server with a binary header: a size, and perhaps an id",
    .text = "hello",
    .asks_text = "The text to send in a message",
    .description = "Each connection sends a message and takes the next one as its answer. "
                   "`header` lists the fields in front of a body; a body of numbers is "
                   "{ \"fields\": [{ \"u32\": 7 }] } in place of `text`; `match` selects the "
                   "answer, such as { \"id\": 2 }.",
    .print_framing = starter__frame_frame,
    .name_request = starter__name_message,
    .print_send = starter__send_frame,
    .reply = starter__reply_frame};

const struct starter_kind *const STARTER_KINDS[] = {
    &STARTER_ECHO,  &STARTER_HTTP, &STARTER_REDIS, &STARTER_WEBSOCKET, &STARTER_LINES,
    &STARTER_FRAME, NULL};

void starter_set_defaults(struct starter *starter, const struct starter_kind *kind)
{
    *starter = (struct starter){.kind = kind,
                                .host = "127.0.0.1",
                                .port = kind->ports[0] != 0 ? kind->ports[0] : 7777,
                                .connections = STARTER_CONNECTIONS,
                                .duration_ns = STARTER_DURATION_NS};
    if (kind->path == STARTER_PATH_TEXT) {
        strcpy(starter->path, "/");
    }
}

static bool starter__read_format(const char *text, size_t bytes,
                                 char format[STARTER_FORMAT_BYTES_MAX])
{
    static const char *const FORMATS[] = {"u8",    "u16",   "u16le", "u16be", "u24",
                                          "u24le", "u24be", "u32",   "u32le", "u32be"};
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strlen(FORMATS[i]) == bytes && memcmp(text, FORMATS[i], bytes) == 0) {
            memcpy(format, text, bytes);
            format[bytes] = '\0';
            return true;
        }
    }
    return false;
}

bool starter_read_frame(const char *text, struct starter_frame *frame, struct error *error)
{
    size_t size_bytes = strcspn(text, ",");
    bool has_id = text[size_bytes] == ',';
    const char *id = text + size_bytes + has_id;
    if (!starter__read_format(text, size_bytes, frame->size) ||
        (has_id && !starter__read_format(id, strlen(id), frame->id))) {
        error_set(error,
                  "expected the format of the size and, if there is one, of the id behind it: u8, "
                  "u16, u24 or u32, also with le or be, as in u16,u16 or u32be; found \"%s\"",
                  text);
        return false;
    }
    return true;
}

bool starter_check_text(const struct starter_kind *kind, const char *text, struct error *error)
{
    if (text == NULL) {
        return true;
    }
    if (text[0] == '\0') {
        error_set(error, "expected what to send, found nothing");
        return false;
    }
    if (kind == &STARTER_LINES || kind == &STARTER_REDIS) {
        struct starter__line line = starter__line(text);
        if (memchr(text, '\n', line.bytes) != NULL || memchr(text, '\r', line.bytes) != NULL) {
            error_set(error, "expected one line, found several: each needs a request of its own in "
                             "a scenario (--print-scenario, or dummyclient init)");
            return false;
        }
        if (kind == &STARTER_REDIS && line.bytes != strlen(text)) {
            error_set(error, "expected a command without the end of its line, which is added; "
                             "found one with it");
            return false;
        }
    }
    return true;
}

/* --- The whole. */

static void starter__print_target(const struct starter *starter, struct json_text *json)
{
    json_text_print(json, "  \"target\": { \"host\": ");
    starter__print_string(json, starter->host);
    json_text_print(json, ", \"port\": %u%s },\n", (unsigned)starter->port,
                    starter->tls ? ", \"tls\": true" : "");
}

/* "1500ms": exactly, in a unit of the language. */
static void starter__print_duration(struct json_text *json, const char *key, int64_t duration_ns)
{
    static const struct {
        int64_t unit_ns;
        const char *unit;
    } UNITS[] = {{NS_PER_S, "s"}, {NS_PER_MS, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t i = 0;
    while (duration_ns % UNITS[i].unit_ns != 0) {
        i++;
    }
    json_text_print(json, ", \"%s\": \"%" PRId64 "%s\"", key, duration_ns / UNITS[i].unit_ns,
                    UNITS[i].unit);
}

static void starter__print_load(const struct starter *starter, struct json_text *json)
{
    char rate[UNITS_TEXT_BYTES_MAX];
    int64_t warmup_ns = starter->duration_ns / STARTER_WARMUP_PART;
    json_text_print(json, "  \"load\": { \"connections\": %" PRIu32, starter->connections);
    if (starter->rate_per_s > 0) {
        json_text_print(json, ", \"rate\": \"%s/s\"",
                        units_format_exact_rate(starter->rate_per_s, rate));
    }
    starter__print_duration(json, "duration", starter->duration_ns);
    starter__print_duration(json, "warmup", warmup_ns < NS_PER_S ? warmup_ns : NS_PER_S);
    json_text_print(json, " },\n");
}

static void starter__print_behaviors(const struct starter *starter, struct json_text *json)
{
    const struct starter_kind *kind = starter->kind;
    json_text_print(json, "  \"behaviors\": [\n    {\n      \"name\": \"client\",\n");
    if (kind->print_behavior != NULL) {
        kind->print_behavior(starter, json);
    }
    json_text_print(json,
                    "      \"loop\": [\n        {\n          \"request\": {\n"
                    "            \"name\": \"%s\",\n            \"send\": ",
                    kind->name_request(starter));
    kind->print_send(starter, json);
    if (kind->reply != NULL) {
        json_text_print(json, ",\n            %s", kind->reply(starter));
    }
    json_text_print(json, "\n          }\n        }\n      ]\n    }\n  ],\n");
}

static const char STARTER_LOAD_CLOSED[] =
    " As many requests as the server answers (a closed loop): with a `rate` such as \"1000/s\" in "
    "`load` they are due at times of their own, and latency counts from there.";
static const char STARTER_LOAD_OPEN[] =
    " Requests are due at the `rate` of `load`, and latency counts from there; without it, the "
    "loop is closed: as many as the server answers.";

char *starter_make(const struct starter *starter)
{
    struct json_text json = {0};
    const struct starter_kind *kind = starter->kind;
    json_text_print(&json, "{\n  \"name\": \"%s\",\n  \"description\": ", kind->name);
    starter__print_joined(&json, kind->description,
                          starter->rate_per_s > 0 ? STARTER_LOAD_OPEN : STARTER_LOAD_CLOSED, "");
    json_text_print(&json, ",\n");
    if (kind->server != NULL) {
        json_text_print(&json, "  \"server\": { \"handler\": \"echo\", \"framing\": \"%s\" },\n",
                        kind->server);
    }
    starter__print_target(starter, &json);
    json_text_print(&json, "  \"framing\": ");
    kind->print_framing(starter, &json);
    json_text_print(&json, ",\n");
    starter__print_load(starter, &json);
    starter__print_behaviors(starter, &json);
    json_text_print(&json, "  \"thresholds\": [\"errors.total == 0\"]\n}\n");
    if (json.failed) {
        free(json.text);
        return NULL;
    }
    return json.text;
}
