/* Requests to the live page: whatever the texts are, an answer is decided, and without the token
 * only the page itself gets one; figures also a page of this machine. Where a page comes from is
 * worked out here by itself, from the letters that an Origin may consist of. And where another page
 * is: what is taken means nothing to JSON, HTML and headers. The input: method, path, query, Host,
 * Origin and Authorization, with a NUL between them. */
#include "fuzz.h"

#include "core/must.h"
#include "text/ip_range.h"
#include "web/request.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXTS = 6 };

static const struct web_rules RULES[] = {
    {.host = "127.0.0.1", .name = "here"},
    {.host = "0.0.0.0", .name = "", .token = "t0ken"},
    {.host = "10.0.0.2", .name = "here", .figures_only = true}};

enum { NAME_BYTES_MAX = 300 };

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

/* The host of an Origin "http://HOST[:PORT]", in small letters; false: it is none. */
static bool origin_host(const char *origin, char host[NAME_BYTES_MAX])
{
    static const char SIX[] = "0123456789abcdefABCDEF:.";
    bool six = strncmp(origin, "http://[", 8) == 0;
    if (strncmp(origin, "http://", 7) != 0) {
        return false;
    }
    const char *begin = origin + (six ? 8 : 7);
    size_t bytes = strspn(begin, six ? SIX : LETTERS);
    const char *rest = begin + bytes + (six && begin[bytes] == ']');
    size_t digits = *rest == ':' ? strspn(rest + 1, "0123456789") : 0;
    if (bytes == 0 || bytes >= NAME_BYTES_MAX || (six && begin[bytes] != ']') ||
        (*rest != '\0' && (digits == 0 || rest[1 + digits] != '\0'))) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        host[i] = (char)tolower((unsigned char)begin[i]);
    }
    host[bytes] = '\0';
    return true;
}

/* Is it the page of another port of this machine, whose name is "here"? */
static bool is_near(const struct web_request *request, const struct web_rules *rules)
{
    char page[NAME_BYTES_MAX];
    char own[NAME_BYTES_MAX + 16];
    char asked[NAME_BYTES_MAX];
    if (!origin_host(request->origin, page)) {
        return false;
    }
    static const struct ip LOOPBACK = {.bytes = {[15] = 1}, .bytes_count = 16};
    struct ip ip;
    snprintf(own, sizeof own, "http://%s", request->host);
    return (ip_parse(page, &ip) &&
            (ip.bytes_count == 4 ? ip.bytes[0] == 127 : memcmp(&ip, &LOOPBACK, sizeof ip) == 0)) ||
           strcmp(page, "localhost") == 0 || strcmp(page, rules->host) == 0 ||
           strcmp(page, rules->name) == 0 || (origin_host(own, asked) && strcmp(page, asked) == 0);
}

/* "http://" and the Host. */
static bool is_own(const struct web_request *request)
{
    const char *page = request->origin + 7;
    const char *host = request->host;
    if (strncmp(request->origin, "http://", 7) != 0) {
        return false;
    }
    while (*page != '\0' && tolower((unsigned char)*page) == tolower((unsigned char)*host)) {
        page++;
        host++;
    }
    return *page == '\0' && *host == '\0';
}

static void judge(const struct web_request *request, const struct web_rules *rules)
{
    enum web_route route = WEB_ROUTES;
    const char *reason = NULL;
    int status = web_request_judge(request, rules, &route, &reason);
    must(status == 200 || status == 401 || status == 403 || status == 404 || status == 405);
    must(status == 200 ? route < WEB_ROUTES : reason != NULL);
    must(status != 405 || web_path_methods(request->path)[0] != '\0');
    bool shown = rules->token != NULL &&
                 ((request->authorization != NULL && strstr(request->authorization, "t0ken")) ||
                  (request->query != NULL && strstr(request->query, "token=t0ken")));
    if (status == 200 && !shown) {
        bool figures = route == WEB_ROUTE_EVENTS || route == WEB_ROUTE_METRICS;
        must(request->host != NULL && web_host_is_own(request->host, rules));
        must(request->origin == NULL || is_own(request) || (figures && is_near(request, rules)));
        must(route != WEB_ROUTE_CONTROL || rules->token == NULL);
    }
    must(status != 200 || !rules->figures_only || route <= WEB_ROUTE_METRICS);
}

static void read_peer(const char *text)
{
    char url[WEB_URL_BYTES_MAX];
    char source[WEB_URL_BYTES_MAX];
    struct error error;
    if (web_peer_parse(text, url, &error)) {
        must(strncmp(url, "http://", 7) == 0);
        for (const char *letter = url; *letter != '\0'; letter++) {
            must(strchr(LETTERS, *letter) != NULL || strchr(":/[]?=", *letter) != NULL);
        }
        web_peer_source(url, source);
        must(strncmp(source, "http://", 7) == 0 && strpbrk(source + 7, "/?[];, ") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *texts[TEXTS] = {NULL};
    for (int i = 0; i < TEXTS; i++) {
        const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
        size_t bytes = end == NULL ? size : (size_t)(end - data);
        texts[i] = malloc(bytes + 1); /* exact, so that ASan sees a read behind the NUL */
        must(texts[i] != NULL);
        memcpy(texts[i], size == 0 ? (const uint8_t *)"" : data, bytes);
        texts[i][bytes] = '\0';
        size -= end == NULL ? size : bytes + 1;
        data += end == NULL ? 0 : bytes + 1;
    }
    struct web_request request = {.method = texts[0],
                                  .path = texts[1],
                                  .query = texts[2][0] == '-' ? NULL : texts[2],
                                  .host = texts[3][0] == '-' ? NULL : texts[3],
                                  .origin = texts[4][0] == '-' ? NULL : texts[4],
                                  .authorization = texts[5][0] == '-' ? NULL : texts[5]};
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        judge(&request, &RULES[i]);
    }
    read_peer(texts[1]);
    for (int i = 0; i < TEXTS; i++) {
        free(texts[i]);
    }
    return 0;
}
