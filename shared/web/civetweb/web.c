#include "web/web.h"

#include "core/clock.h"
#include "net/address.h"
#include "system/host.h"
#include "system/secret.h"
#include "system/thread.h"
#include "text/ip_range.h"
#include "text/json.h"
#include "web/page.h"
#include "web/request.h"
#include "web/store.h"

#include <civetweb.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WEB_OTHERS_MAX = 8, /* requests beside those of the readers, at the same time */
    WEB_THREADS = WEB_READERS_MAX + WEB_OTHERS_MAX,
    WEB_BUFFER_BYTES = WEB_RECORD_BYTES_MAX + 4096,
    WEB_TOKEN_BYTES = 16,
    WEB_ORIGIN_BYTES_MAX = 400
};
/* How often a reader looks for the next record. */
static const int64_t WEB_LOOK_NS = 200 * NS_PER_MS;
/* At the end: a write that takes so long is to a reader that takes nothing. */
static const int64_t WEB_STUCK_NS = 250 * NS_PER_MS;
/* A reader that was up to date and is so many records behind reads more slowly than they come. */
enum { WEB_BEHIND_MAX = 120 };

struct web_reader {
    _Atomic bool attached;
    _Atomic int64_t writing_since_ns; /* 0: it is not writing */
};

struct web {
    struct web_store store;
    struct mg_context *context;
    char host[WEB_HOST_BYTES_MAX]; /* as it was given, without brackets */
    char name[128];                /* of this machine */
    char token[2 * WEB_TOKEN_BYTES + 1];
    const char *token_wanted; /* NULL: control needs none */
    char url[NET_ADDRESS_TEXT_BYTES_MAX + 16];
    char peer[WEB_URL_BYTES_MAX + 1]; /* " http://HOST:PORT", where the page may read, too; or "" */
    char refused[256];                /* the server's own words, while it starts */
    bool figures_only;
    bool started;
    struct web_reader readers[WEB_READERS_MAX];
};

static const char WEB_PLAIN_PAGE[] =
    "<!doctype html><meta charset=\"utf-8\"><title>Dummyload</title>"
    "<h1>Dummyload</h1><p>This program was built without the live page. What it would show is at "
    "<a href=\"events\">/events</a> (server-sent events, one record a second), "
    "<a href=\"metrics\">/metrics</a> (Prometheus) and <a href=\"plan\">/plan</a>.</p>\n";

static const char WEB_HEADERS[] = "Cache-Control: no-store\r\n"
                                  "X-Content-Type-Options: nosniff\r\n"
                                  "X-Frame-Options: DENY\r\n"
                                  "Referrer-Policy: no-referrer\r\n"
                                  "Cross-Origin-Resource-Policy: same-origin\r\n"
                                  "Content-Security-Policy: default-src 'self' 'unsafe-inline' "
                                  "data: blob:; frame-ancestors 'none'; connect-src 'self'";

static const char *web__status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Refused";
    }
}

static const struct web *web__of(const struct mg_connection *connection)
{
    return mg_get_user_data(mg_get_context(connection));
}

/* Lets a page of another port read what it may have (request.h); "" or a header. */
static const char *web__allow_origin(const struct mg_connection *connection, int status,
                                     char header[WEB_ORIGIN_BYTES_MAX])
{
    const char *origin = mg_get_header(connection, "Origin");
    header[0] = '\0';
    if (status == 200 && origin != NULL && strlen(origin) < WEB_ORIGIN_BYTES_MAX - 64) {
        snprintf(header, WEB_ORIGIN_BYTES_MAX,
                 "Access-Control-Allow-Origin: %s\r\nVary: Origin\r\n", origin);
    }
    return header;
}

static bool web__is_head(const struct mg_connection *connection)
{
    const char *method = mg_get_request_info(connection)->request_method;
    return method != NULL && strcmp(method, "HEAD") == 0;
}

/* What the header of some refusals has to say; "" or a header. */
static const char *web__status_header(const struct mg_connection *connection, int status,
                                      char header[64])
{
    const char *path = mg_get_request_info(connection)->local_uri_raw;
    switch (status) {
    case 401:
        return "WWW-Authenticate: Bearer\r\n";
    case 405:
        snprintf(header, 64, "Allow: %s\r\n", web_path_methods(path == NULL ? "" : path));
        return header;
    case 503:
        return "Retry-After: 5\r\n";
    default:
        return "";
    }
}

/* The whole answer. Returns the status. */
static int web__answer(struct mg_connection *connection, int status, const char *type,
                       const char *body, size_t bytes)
{
    char origin[WEB_ORIGIN_BYTES_MAX];
    char more[64];
    char head[2048]; /* the server's own printf is that of the system's library: no %zu there */
    mg_disable_connection_keep_alive(connection);
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\n%s%s\r\n%s%sContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n",
             status, web__status_text(status), WEB_HEADERS, web__of(connection)->peer,
             web__allow_origin(connection, status, origin),
             web__status_header(connection, status, more), type, bytes);
    mg_write(connection, head, strlen(head));
    if (!web__is_head(connection)) {
        mg_write(connection, body, bytes);
    }
    return status;
}

static int web__refuse(struct mg_connection *connection, int status, const char *reason)
{
    char line[512];
    snprintf(line, sizeof line, "%s\n", reason);
    return web__answer(connection, status, "text/plain; charset=utf-8", line, strlen(line));
}

static int web__document(struct web *web, struct mg_connection *connection,
                         enum web_document document, const char *type)
{
    struct web_text text = web_store_copy(&web->store, document);
    if (text.text == NULL) {
        return web__refuse(connection, 404, "there is none in this run, or not yet");
    }
    int status = web__answer(connection, 200, type, text.text, text.bytes);
    free(text.text);
    return status;
}

static int web__page(struct mg_connection *connection)
{
    static const char TYPE[] = "text/html; charset=utf-8";
    if (web_page_bytes == 0) {
        return web__answer(connection, 200, TYPE, WEB_PLAIN_PAGE, sizeof WEB_PLAIN_PAGE - 1);
    }
    return web__answer(connection, 200, TYPE, (const char *)web_page, web_page_bytes);
}

/* --- Readers of /events. */

static struct web_reader *web__attach(struct web *web)
{
    for (int i = 0; i < WEB_READERS_MAX; i++) {
        bool attached = false;
        if (atomic_compare_exchange_strong(&web->readers[i].attached, &attached, true)) {
            return &web->readers[i];
        }
    }
    return NULL;
}

static bool web__send(struct web_reader *reader, struct mg_connection *connection, const char *text,
                      size_t bytes)
{
    atomic_store(&reader->writing_since_ns, clock_now_ns());
    bool sent = mg_write(connection, text, bytes) == (int)bytes;
    atomic_store(&reader->writing_since_ns, 0);
    return sent;
}

/* Until the end of the run, or until the reader leaves or reads too slowly. */
static void web__stream(struct web *web, struct web_reader *reader,
                        struct mg_connection *connection, uint64_t after, char *buffer)
{
    bool ended = false;
    bool up_to_date = false;
    while (!ended) {
        uint64_t before = after;
        size_t bytes = web_store_read(&web->store, &after, buffer, WEB_BUFFER_BYTES, &ended);
        if (bytes > 0 && !web__send(reader, connection, buffer, bytes)) {
            return;
        }
        if (up_to_date && after - before > WEB_BEHIND_MAX) {
            return;
        }
        up_to_date = up_to_date || bytes == 0;
        if (!ended && bytes < WEB_BUFFER_BYTES / 2) {
            clock_sleep_until_ns(clock_now_ns() + WEB_LOOK_NS);
        }
    }
}

/* The head of the answer, in a buffer of WEB_BUFFER_BYTES. Returns its bytes. */
static size_t web__print_greeting(const struct mg_connection *connection, char *buffer)
{
    char origin[WEB_ORIGIN_BYTES_MAX];
    int bytes = snprintf(buffer, WEB_BUFFER_BYTES,
                         "HTTP/1.1 200 OK\r\n%s%s\r\n%sContent-Type: text/event-stream\r\n"
                         "Connection: close\r\n\r\n",
                         WEB_HEADERS, web__of(connection)->peer,
                         web__allow_origin(connection, 200, origin));
    return bytes > 0 ? (size_t)bytes : 0;
}

static size_t web__print_run(struct web *web, char *buffer)
{
    struct web_text run = web_store_copy(&web->store, WEB_RUN);
    int bytes = snprintf(buffer, WEB_BUFFER_BYTES, "retry: 2000\n\nevent: run\ndata: %s\n\n",
                         run.text == NULL ? "{}" : run.text);
    free(run.text);
    return bytes > 0 && bytes < WEB_BUFFER_BYTES ? (size_t)bytes : 0;
}

static int web__events(struct web *web, struct mg_connection *connection)
{
    const char *last = mg_get_header(connection, "Last-Event-ID");
    struct web_reader *reader = web__attach(web);
    if (reader == NULL) {
        return web__refuse(connection, 503, "too many readers of this run already");
    }
    char *buffer = malloc(WEB_BUFFER_BYTES);
    mg_disable_connection_keep_alive(connection);
    if (buffer != NULL &&
        web__send(reader, connection, buffer, web__print_greeting(connection, buffer)) &&
        !web__is_head(connection) &&
        web__send(reader, connection, buffer, web__print_run(web, buffer))) {
        uint64_t after = last == NULL ? 0 : strtoull(last, NULL, 10);
        web__stream(web, reader, connection, web_store_place(&web->store, after), buffer);
    }
    free(buffer);
    atomic_store(&reader->attached, false);
    return 200;
}

static int web__control(struct web *web, struct mg_connection *connection)
{
    char order[WEB_ORDER_BYTES_MAX + 1];
    size_t bytes = 0;
    int more = 1;
    while (bytes < sizeof order && more > 0) {
        more = mg_read(connection, order + bytes, sizeof order - bytes);
        bytes += more > 0 ? (size_t)more : 0;
    }
    if (bytes >= sizeof order) {
        return web__refuse(connection, 413, "an order is short");
    }
    if (bytes == 0) {
        return web__refuse(
            connection, 400,
            "an order is JSON in the body of the request, as in {\"rate\": \"+10%\"}: "
            "this request has none");
    }
    if (memchr(order, '\0', bytes) != NULL) {
        return web__refuse(connection, 400, "an order is a text: expected no byte 0 in it");
    }
    order[bytes] = '\0';
    struct json_text answer = {0};
    bool taken =
        web_store_order(&web->store, order, mg_get_request_info(connection)->remote_addr, &answer);
    json_text_print(&answer, "\n");
    int status = taken ? 200 : 400;
    if (answer.failed) {
        status = web__refuse(connection, 503, "no memory for the answer");
    } else {
        web__answer(connection, status, "application/json", answer.text, answer.bytes);
    }
    free(answer.text);
    return status;
}

/* --- The server. */

static int web__begin(struct mg_connection *connection)
{
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct web *web = info->user_data;
    enum web_route route;
    const char *reason = "";
    struct web_request request = {.method = info->request_method,
                                  .path = info->local_uri_raw,
                                  .query = info->query_string,
                                  .host = mg_get_header(connection, "Host"),
                                  .origin = mg_get_header(connection, "Origin"),
                                  .authorization = mg_get_header(connection, "Authorization")};
    struct web_rules rules = {.host = web->host,
                              .name = web->name,
                              .token = web->token_wanted,
                              .figures_only = web->figures_only};
    int status = web_request_judge(&request, &rules, &route, &reason);
    if (status != 200) {
        return web__refuse(connection, status, reason);
    }
    switch (route) {
    case WEB_ROUTE_EVENTS:
        return web__events(web, connection);
    case WEB_ROUTE_METRICS:
        return web__document(web, connection, WEB_METRICS,
                             "text/plain; version=0.0.4; charset=utf-8");
    case WEB_ROUTE_PLAN:
        return web__document(web, connection, WEB_PLAN, "application/json");
    case WEB_ROUTE_SCENARIO:
        return web__document(web, connection, WEB_SCENARIO, "application/json");
    case WEB_ROUTE_CONTROL:
        return web__control(web, connection);
    default:
        return web__page(connection);
    }
}

/* What is no request gets our answer, too. (The server's own has a date by gmtime(), which is not
 * for several threads.) */
static int web__bad_request(struct mg_connection *connection, int status, const char *reason)
{
    web__refuse(connection, status, reason[0] != '\0' ? reason : "this is no request");
    return 0;
}

static void *web__init_thread(const struct mg_context *context, int type)
{
    (void)context;
    (void)type;
    thread_give_way();
    return NULL;
}

/* Of the start, the first complaint; later ones are about single connections. */
static int web__log(const struct mg_connection *connection, const char *message)
{
    (void)connection;
    struct web *web = mg_get_user_data(mg_get_context(connection));
    if (web != NULL && !web->started && web->refused[0] == '\0') {
        snprintf(web->refused, sizeof web->refused, "%s", message);
    }
    return 1;
}

static bool web__read_listen(struct web *web, const char *listen, struct net_address *address,
                             struct error *error)
{
    uint16_t port;
    struct error reason;
    if (!web_listen_parse(listen, web->host, &port, &reason) ||
        !net_address_resolve(web->host, port, address, &reason)) {
        error_set(error, "--listen: %s", reason.text);
        return false;
    }
    struct ip ip;
    net_address_get_ip(address, &ip);
    if (ip.bytes_count == 16 && !mg_check_feature(MG_FEATURES_IPV6)) {
        error_set(error,
                  "--listen %s: the CivetWeb of this system serves no IPv6: give an IPv4 address, "
                  "as in 127.0.0.1:9900, or build with CivetWeb's source "
                  "(FETCHCONTENT_SOURCE_DIR_CIVETWEB)",
                  listen);
        return false;
    }
    return true;
}

static bool web__is_loopback(const struct net_address *address)
{
    struct ip ip;
    net_address_get_ip(address, &ip);
    return ip_is_loopback(&ip);
}

static bool web__make_token(struct web *web, struct error *error)
{
    uint8_t bytes[WEB_TOKEN_BYTES];
    if (!secret_read(bytes, sizeof bytes, error)) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(web->token + 2 * i, 3, "%02x", bytes[i]);
    }
    web->token_wanted = web->token;
    return true;
}

/* "cannot bind to 127.0.0.1:9900: 98 (...)": the system's number, and its words for it. */
static void web__explain(const struct web *web, const char *listen, struct error *error)
{
    const char *number = strrchr(web->refused, ':');
    int code = number == NULL ? 0 : atoi(number + 1);
    static const int WINSOCK_ADDRESS_IN_USE = 10048; /* not every Windows has words for it */
    const char *reason = code == EADDRINUSE || code == WINSOCK_ADDRESS_IN_USE ? "the port is in use"
                         : code > 0 ? error_system_text(code)
                                    : web->refused;
    error_set(error,
              "--listen %s: cannot listen there: %s; give another address or port (port 0: a free "
              "one)",
              listen, reason[0] != '\0' ? reason : "no reason was given");
}

static bool web__start(struct web *web, struct net_address *address)
{
    char ports[NET_ADDRESS_TEXT_BYTES_MAX];
    char threads[16];
    snprintf(threads, sizeof threads, "%d", WEB_THREADS);
    net_address_format(address, ports);
    const char *options[] = {"listening_ports",
                             ports,
                             "num_threads",
                             threads,
                             "request_timeout_ms",
                             "10000",
                             "max_request_size",
                             "8192",
                             "tcp_nodelay",
                             "1",
                             "enable_keep_alive",
                             "no",
                             NULL};
    struct mg_callbacks callbacks = {.begin_request = web__begin,
                                     .http_error = web__bad_request,
                                     .log_message = web__log,
                                     .init_thread = web__init_thread};
    struct mg_server_port bound = {0};
    mg_init_library(0);
    web->context = mg_start(&callbacks, web, options);
    if (web->context == NULL) {
        return false;
    }
    web->started = true;
    if (mg_get_server_ports(web->context, 1, &bound) == 1) {
        net_address_set_port(address, (uint16_t)bound.port);
    }
    snprintf(web->url, sizeof web->url, "http://%s/", net_address_format(address, ports));
    return true;
}

struct web *web_open(const struct web_options *options, struct error *error)
{
    static struct web web; /* its threads live as long as the process */
    struct net_address address;
    struct host_info host;
    memset(&web, 0, sizeof web);
    web.token_wanted = options->token;
    web.figures_only = options->figures_only;
    if (options->peer != NULL) {
        web.peer[0] = ' ';
        web_peer_source(options->peer, web.peer + 1);
    }
    if (!web__read_listen(&web, options->listen, &address, error)) {
        return NULL;
    }
    host_read(&host);
    snprintf(web.name, sizeof web.name, "%s", host.name);
    bool needs_token =
        web.token_wanted == NULL && !options->figures_only && !web__is_loopback(&address);
    if (needs_token && !web__make_token(&web, error)) {
        return NULL;
    }
    if (!web_store_open(&web.store, error)) {
        return NULL;
    }
    if (!web__start(&web, &address)) {
        web__explain(&web, options->listen, error);
        web_store_close(&web.store);
        return NULL;
    }
    return &web;
}

const char *web_url(const struct web *web)
{
    return web->url;
}

const char *web_token(const struct web *web)
{
    return web->token_wanted;
}

void web_set_control(struct web *web, web_control *control, void *context)
{
    web_store_set_control(&web->store, control, context);
}

void web_put(struct web *web, enum web_document document, const char *text, size_t bytes)
{
    web_store_put(&web->store, document, text, bytes);
}

void web_publish(struct web *web, uint32_t tier, const char *text, size_t bytes)
{
    web_store_publish(&web->store, tier, text, bytes);
}

void web_flush(struct web *web)
{
    web_store_flush(&web->store);
}

/* Is one still to be waited for? */
static bool web__has_readers(struct web *web)
{
    int64_t now_ns = clock_now_ns();
    for (int i = 0; i < WEB_READERS_MAX; i++) {
        int64_t since_ns = atomic_load(&web->readers[i].writing_since_ns);
        if (atomic_load(&web->readers[i].attached) &&
            (since_ns == 0 || now_ns - since_ns < WEB_STUCK_NS)) {
            return true;
        }
    }
    return false;
}

void web_close(struct web *web, const char *end, int64_t within_ns)
{
    static const int64_t LOOK_NS = 5 * NS_PER_MS;
    int64_t until_ns = clock_now_ns() + within_ns;
    web_store_end(&web->store, end);
    while (web__has_readers(web) && clock_now_ns() < until_ns) {
        clock_sleep_until_ns(clock_now_ns() + LOOK_NS);
    }
}
