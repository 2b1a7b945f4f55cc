#include "web/request.h"

#include "text/ip_range.h"
#include "text/option_table.h"

#include <stdio.h>
#include <string.h>

static const char WEB_SCHEME[] = "http://";

/* Those of figures come first: they are what every program has. */
static const struct {
    const char *path;
    bool is_order;
} WEB_ROUTE_ROWS[WEB_ROUTES] = {
    [WEB_ROUTE_PAGE] = {"/", false},
    [WEB_ROUTE_EVENTS] = {"/events", false},
    [WEB_ROUTE_METRICS] = {"/metrics", false},
    [WEB_ROUTE_PLAN] = {"/plan", false},
    [WEB_ROUTE_SCENARIO] = {"/scenario", false},
    [WEB_ROUTE_CONTROL] = {"/control", true},
};
static const int WEB_FIGURE_ROUTES = WEB_ROUTE_METRICS + 1;

const char *web_path_methods(const char *path)
{
    for (int i = 0; i < WEB_ROUTES; i++) {
        if (strcmp(path, WEB_ROUTE_ROWS[i].path) == 0) {
            return WEB_ROUTE_ROWS[i].is_order ? "POST" : "GET, HEAD";
        }
    }
    return "";
}

/* The host of "HOST", "HOST:PORT", "[IPV6]" or "[IPV6]:PORT", without brackets. */
static bool request__host(const char *text, char host[WEB_HOST_BYTES_MAX])
{
    const char *begin = text[0] == '[' ? text + 1 : text;
    size_t bytes = strcspn(begin, text[0] == '[' ? "]" : ":");
    const char *rest = begin + bytes;
    uint16_t port;
    if (text[0] == '[') {
        if (*rest != ']' || memchr(begin, ':', bytes) == NULL) {
            return false;
        }
        rest++;
    }
    if (bytes == 0 || bytes >= WEB_HOST_BYTES_MAX ||
        (*rest != '\0' && (*rest != ':' || !ip_parse_port(rest + 1, &port)))) {
        return false;
    }
    memcpy(host, begin, bytes);
    host[bytes] = '\0';
    return true;
}

/* ASCII letters are alike in both cases; "" and NULL are no name. */
static bool request__is_name(const char *host, const char *name)
{
    if (name == NULL || name[0] == '\0') {
        return false;
    }
    for (; *host != '\0' && *name != '\0'; host++, name++) {
        char a = *host >= 'A' && *host <= 'Z' ? (char)(*host + 32) : *host;
        char b = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
        if (a != b) {
            return false;
        }
    }
    return *host == '\0' && *name == '\0';
}

bool web_host_is_own(const char *text, const struct web_rules *rules)
{
    char host[WEB_HOST_BYTES_MAX];
    struct ip ip;
    return text != NULL && request__host(text, host) &&
           (ip_parse(host, &ip) || request__is_name(host, "localhost") ||
            request__is_name(host, rules->host) || request__is_name(host, rules->name));
}

/* "http://" and the Host, as a browser writes the origin of our own page. */
static bool request__is_origin_own(const char *origin, const char *host)
{
    return host != NULL && strncmp(origin, WEB_SCHEME, sizeof WEB_SCHEME - 1) == 0 &&
           request__is_name(origin + sizeof WEB_SCHEME - 1, host);
}

/* The page of another port of this machine: the client's, which shows the server's figures, too. */
static bool request__is_origin_near(const struct web_request *request,
                                    const struct web_rules *rules)
{
    char page[WEB_HOST_BYTES_MAX];
    char own[WEB_HOST_BYTES_MAX];
    struct ip ip;
    if (strncmp(request->origin, WEB_SCHEME, sizeof WEB_SCHEME - 1) != 0 ||
        !request__host(request->origin + sizeof WEB_SCHEME - 1, page)) {
        return false;
    }
    return (ip_parse(page, &ip) && ip_is_loopback(&ip)) || request__is_name(page, "localhost") ||
           request__is_name(page, rules->host) || request__is_name(page, rules->name) ||
           (request->host != NULL && request__host(request->host, own) &&
            request__is_name(page, own));
}

/* In a time that does not depend on where they differ. */
static bool request__is_secret(const char *given, size_t bytes, const char *secret)
{
    size_t secret_bytes = strlen(secret);
    unsigned char differs = bytes != secret_bytes;
    for (size_t i = 0; i < bytes; i++) {
        differs |= (unsigned char)(given[i] ^ secret[secret_bytes == 0 ? 0 : i % secret_bytes]);
    }
    return !differs && bytes > 0;
}

/* "Authorization: Bearer TOKEN", or token=TOKEN in the query. */
static bool request__has_token(const struct web_request *request, const char *token)
{
    static const char BEARER[] = "Bearer ";
    static const char KEY[] = "token=";
    const char *given = request->authorization;
    if (token == NULL) {
        return false;
    }
    if (given != NULL && strncmp(given, BEARER, sizeof BEARER - 1) == 0) {
        given += sizeof BEARER - 1;
        return request__is_secret(given, strlen(given), token);
    }
    for (given = request->query; given != NULL && *given != '\0';) {
        size_t bytes = strcspn(given, "&");
        if (bytes >= sizeof KEY - 1 && strncmp(given, KEY, sizeof KEY - 1) == 0) {
            return request__is_secret(given + sizeof KEY - 1, bytes - (sizeof KEY - 1), token);
        }
        given += bytes + (given[bytes] == '&');
    }
    return false;
}

static bool request__is_method(const char *method, enum web_route route)
{
    return WEB_ROUTE_ROWS[route].is_order
               ? strcmp(method, "POST") == 0
               : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static int request__route(const struct web_request *request, const struct web_rules *rules,
                          enum web_route *route, const char **reason)
{
    int routes = rules->figures_only ? WEB_FIGURE_ROUTES : WEB_ROUTES;
    for (int i = 0; i < routes; i++) {
        if (strcmp(request->path, WEB_ROUTE_ROWS[i].path) == 0) {
            *route = (enum web_route)i;
            *reason = WEB_ROUTE_ROWS[i].is_order ? "this is for POST" : "this is for GET";
            return request__is_method(request->method, *route) ? 200 : 405;
        }
    }
    *reason =
        rules->figures_only
            ? "nothing is here: there are /, /events and /metrics"
            : "nothing is here: there are /, /events, /metrics, /plan, /scenario and /control";
    return 404;
}

int web_request_judge(const struct web_request *request, const struct web_rules *rules,
                      enum web_route *route, const char **reason)
{
    bool trusted = request__has_token(request, rules->token);
    if (!trusted && !web_host_is_own(request->host, rules)) {
        *reason = rules->token == NULL
                      ? "the Host is neither an address nor a name of this machine: use its address"
                      : "the Host is neither an address nor a name of this machine: use its "
                        "address, or the token (Authorization: Bearer TOKEN)";
        return 403;
    }
    int status = request__route(request, rules, route, reason);
    bool figures = status == 200 && (*route == WEB_ROUTE_EVENTS || *route == WEB_ROUTE_METRICS);
    if (!trusted && request->origin != NULL &&
        !request__is_origin_own(request->origin, request->host) &&
        !(figures && request__is_origin_near(request, rules))) {
        *reason = "the request comes from a page of another site (Origin)";
        return 403;
    }
    if (status == 200 && *route == WEB_ROUTE_CONTROL && rules->token != NULL && !trusted) {
        *reason = "control needs the token that was printed at the start, or given as "
                  "--listen-token: Authorization: Bearer TOKEN";
        return 401;
    }
    return status;
}

bool web_listen_parse(const char *text, char host[WEB_HOST_BYTES_MAX], uint16_t *port,
                      struct error *error)
{
    const char *colon = strrchr(text, ':');
    size_t bytes = colon == NULL ? 0 : (size_t)(colon - text);
    *port = 0;
    if (bytes > 0 && bytes < WEB_HOST_BYTES_MAX &&
        (strcmp(colon + 1, "0") == 0 || ip_parse_port(colon + 1, port))) {
        bool brackets = bytes > 2 && text[0] == '[' && text[bytes - 1] == ']';
        bytes -= brackets ? 2 : 0;
        memcpy(host, text + brackets, bytes);
        host[bytes] = '\0';
        return true;
    }
    error_set(error, "expected HOST:PORT, as in 127.0.0.1:9900 (port 0: a free one), found \"%s\"",
              text);
    return false;
}

bool web_peer_parse(const char *text, char url[WEB_URL_BYTES_MAX], struct error *error)
{
    static const char TOKEN[] = "?token=";
    size_t scheme = sizeof WEB_SCHEME - 1;
    const char *begin = strncmp(text, WEB_SCHEME, scheme) == 0 ? text + scheme : text;
    size_t bytes = strcspn(begin, "/?");
    const char *rest = begin + bytes + (begin[bytes] == '/');
    const char *token = strncmp(rest, TOKEN, sizeof TOKEN - 1) == 0 ? rest + sizeof TOKEN - 1 : "";
    char address[WEB_HOST_BYTES_MAX];
    char host[WEB_HOST_BYTES_MAX];
    uint16_t port = 0;
    struct ip ip;
    struct error ignored;
    bool whole = rest[0] == '\0' || option_is_name(token, WEB_TOKEN_TEXT_BYTES_MAX - 1);
    snprintf(address, sizeof address, "%.*s", (int)bytes, begin);
    if (whole && bytes < sizeof address && web_listen_parse(address, host, &port, &ignored) &&
        port > 0 && (ip_parse(host, &ip) || option_is_name(host, sizeof host - 1))) {
        bool brackets = strchr(host, ':') != NULL;
        snprintf(url, WEB_URL_BYTES_MAX, "%s%s%s%s:%u/%s", WEB_SCHEME, brackets ? "[" : "", host,
                 brackets ? "]" : "", (unsigned)port, rest);
        return true;
    }
    error_set(error,
              "expected HOST:PORT or http://HOST:PORT/, as dummyserver --listen prints it, found "
              "\"%s\"",
              text);
    return false;
}

void web_peer_source(const char *url, char source[WEB_URL_BYTES_MAX])
{
    char host[WEB_HOST_BYTES_MAX];
    struct ip ip;
    int bytes = (int)strcspn(url + sizeof WEB_SCHEME - 1, "/") + (int)sizeof WEB_SCHEME - 1;
    snprintf(source, WEB_URL_BYTES_MAX, "%.*s", bytes, url);
    /* A policy has no form for an IPv6 address; and 0.0.0.0 is asked for by the name that the
     * reader knows this machine by. */
    if (!request__host(source + sizeof WEB_SCHEME - 1, host) || strchr(host, ':') != NULL ||
        (ip_parse(host, &ip) && memcmp(ip.bytes, (uint8_t[4]){0}, 4) == 0)) {
        const char *port = strrchr(url, ':');
        snprintf(source, WEB_URL_BYTES_MAX, "http://*%.*s", (int)strcspn(port, "/"), port);
    }
}
