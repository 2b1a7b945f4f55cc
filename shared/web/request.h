/* What a request may have: pure, so that its tests need no sockets.
 *
 * A page of another site that the user has open in the same browser can send requests to us, too,
 * and with a name that it lets resolve to our address (DNS rebinding) even read the answers. So the
 * Host must be an address, localhost or a name that this program knows as its own, and a request
 * that says which page it comes from (Origin) must come from ours; figures may also be read by a
 * page of another port of this machine: the client's page shows the server's. (An address is not
 * enough there: a page of another site may have one, too.) Who shows the token is no such page,
 * whatever the Host. Any thread. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEB_HOST_BYTES_MAX = 256, WEB_TOKEN_TEXT_BYTES_MAX = 64, WEB_URL_BYTES_MAX = 512 };

enum web_route {
    WEB_ROUTE_PAGE,
    WEB_ROUTE_EVENTS,
    WEB_ROUTE_METRICS,
    WEB_ROUTE_PLAN,
    WEB_ROUTE_SCENARIO,
    WEB_ROUTE_CONTROL,
    WEB_ROUTES
};

/* As received; NULL: that was not in the request. */
struct web_request {
    const char *method;
    const char *path; /* without the query */
    const char *query;
    const char *host;
    const char *origin;
    const char *authorization;
};

struct web_rules {
    const char *host;  /* as --listen had it, without brackets */
    const char *name;  /* of this machine */
    const char *token; /* NULL: there is none, and control needs none */
    bool figures_only; /* there are no plan, scenario and control */
};

/* 200, with *route; or the status to refuse it with, and *reason why: one line for a person. */
int web_request_judge(const struct web_request *request, const struct web_rules *rules,
                      enum web_route *route, const char **reason);
/* What the path takes, as the header Allow says it; "": nothing, it is no route. */
const char *web_path_methods(const char *path);
/* "HOST:PORT", "[IPV6]:PORT", "NAME" or an address: is its host an address, localhost, or one of
 * the rules' names? Also of texts that are no host at all: false. */
bool web_host_is_own(const char *host, const struct web_rules *rules);
/* What --listen says: "HOST:PORT" or "[IPV6]:PORT"; host: without brackets; port 0: a free one. */
bool web_listen_parse(const char *text, char host[WEB_HOST_BYTES_MAX], uint16_t *port,
                      struct error *error);
/* Where another program's live page is: "HOST:PORT" or, as that program prints it,
 * "http://HOST:PORT/", also with "?token=TOKEN" behind it. url: as in the latter, of letters that
 * mean nothing to JSON, HTML and headers. */
bool web_peer_parse(const char *text, char url[WEB_URL_BYTES_MAX], struct error *error);
/* What a page that reads from there has to allow in its policy (Content-Security-Policy), of a url
 * of web_peer_parse(). */
void web_peer_source(const char *url, char source[WEB_URL_BYTES_MAX]);
