#include "starter/url.h"

#include "text/suggest.h"
#include "text/units.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { URL_SCHEMES_MAX = 16, URL_SCHEME_BYTES_MAX = 16 };

bool url_is(const char *word)
{
    size_t bytes = 0;
    while (isalnum((unsigned char)word[bytes]) || (bytes > 0 && word[bytes] == '+')) {
        bytes++;
    }
    return bytes > 1 && strncmp(word + bytes, "://", 3) == 0;
}

/* A URL, taken apart. */
struct url__parts {
    char scheme[URL_SCHEME_BYTES_MAX]; /* of HOST:PORT empty */
    const char *slashes;               /* behind it */
    const char *host;                  /* without brackets */
    size_t host_bytes;
    const char *port; /* NULL: it says none */
    size_t port_bytes;
    const char *path; /* the rest, from its slash or question mark on */
};

/* The kind of server that has it; tls: 1, or 0 without. NULL: none has. */
static const struct starter_kind *url__kind(const char *scheme, size_t bytes, int *tls)
{
    for (int i = 0; STARTER_KINDS[i] != NULL; i++) {
        const char *const *schemes = STARTER_KINDS[i]->schemes;
        for (*tls = 0; *tls < STARTER_SCHEMES && schemes[*tls] != NULL; (*tls)++) {
            size_t at = 0;
            while (at < bytes && tolower((unsigned char)scheme[at]) == schemes[*tls][at]) {
                at++;
            }
            if (at == bytes && schemes[*tls][at] == '\0') {
                return STARTER_KINDS[i];
            }
        }
    }
    return NULL;
}

bool url_is_scheme(const char *word, size_t bytes)
{
    int tls;
    return url__kind(word, bytes, &tls) != NULL;
}

static void url__explain_scheme(const char *url, size_t bytes, struct error *error)
{
    const char *schemes[URL_SCHEMES_MAX];
    size_t count = 0;
    char names[128] = "";
    char scheme[URL_SCHEME_BYTES_MAX];
    snprintf(scheme, sizeof scheme, "%.*s", bytes < sizeof scheme ? (int)bytes : 0, url);
    for (int i = 0; STARTER_KINDS[i] != NULL; i++) {
        for (int tls = 0; tls < STARTER_SCHEMES && STARTER_KINDS[i]->schemes[tls] != NULL; tls++) {
            schemes[count++] = STARTER_KINDS[i]->schemes[tls];
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s",
                 i == 0          ? ""
                 : i + 1 < count ? ", "
                                 : " or ",
                 schemes[i]);
    }
    const char *near = suggest_nearest(scheme, schemes, count);
    error_set(error, "expected a URL of %s, found \"%.*s\"%s%s%s", names, (int)bytes, url,
              near != NULL ? "; did you mean " : "", near != NULL ? near : "",
              near != NULL ? "?" : "");
}

static bool url__find_scheme(struct url__parts *parts, const char *url, struct starter *starter,
                             struct error *error)
{
    size_t bytes = (size_t)(strstr(url, "://") - url);
    int tls;
    const struct starter_kind *kind = url__kind(url, bytes, &tls);
    if (kind == NULL) {
        url__explain_scheme(url, bytes, error);
        return false;
    }
    snprintf(parts->scheme, sizeof parts->scheme, "%s", kind->schemes[tls]);
    starter_set_defaults(starter, kind);
    starter->tls = tls > 0;
    starter->port = kind->ports[tls];
    return true;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT between the slashes and the path. */
static bool url__split(struct url__parts *parts, const char *authority, struct error *error)
{
    size_t bytes = strcspn(authority, "/?#");
    const char *end = authority + bytes;
    parts->path = end;
    if (memchr(authority, '@', bytes) != NULL) {
        error_set(error,
                  "expected no user and password in a URL: they would be in the result and in the "
                  "list of processes; make a scenario without them (--print-scenario) and send "
                  "them there, from a table (`data`)");
        return false;
    }
    parts->host = authority;
    parts->host_bytes = bytes;
    const char *colon = memchr(authority, ':', bytes);
    if (authority[0] == '[') {
        const char *bracket = memchr(authority, ']', bytes);
        if (bracket == NULL) {
            error_set(error, "expected ] behind the IPv6 address, as in [::1]");
            return false;
        }
        parts->host++;
        parts->host_bytes = (size_t)(bracket - parts->host);
        colon = bracket + 1 < end ? bracket + 1 : NULL;
    } else if (colon != NULL) {
        parts->host_bytes = (size_t)(colon - authority);
    }
    if (colon != NULL && authority[0] != '[' &&
        memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL) {
        error_set(error, "expected an IPv6 address in brackets, as in %s%s[::1]:7777",
                  parts->scheme, parts->slashes);
        return false;
    }
    if (colon != NULL && colon[0] != ':') {
        error_set(error, "expected a port behind the address, as in [::1]:7777, found \"%.*s\"",
                  (int)(end - colon), colon);
        return false;
    }
    parts->port = colon == NULL ? NULL : colon + 1;
    parts->port_bytes = colon == NULL ? 0 : (size_t)(end - colon - 1);
    return true;
}

static bool url__read_address(const struct url__parts *parts, struct starter *starter,
                              struct error *error)
{
    char text[8] = "";
    int64_t port;
    if (parts->host_bytes == 0 || parts->host_bytes >= STARTER_HOST_BYTES_MAX) {
        error_set(error, "expected a host of up to %d bytes, as in %s%s127.0.0.1:7777, found %s",
                  STARTER_HOST_BYTES_MAX - 1, parts->scheme, parts->slashes,
                  parts->host_bytes == 0 ? "none" : "a longer one");
        return false;
    }
    memcpy(starter->host, parts->host, parts->host_bytes);
    starter->host[parts->host_bytes] = '\0';
    if (parts->port == NULL && starter->port == 0) {
        bool is_v6 = strchr(starter->host, ':') != NULL;
        error_set(error, "expected a port behind the host, as in %s%s%s%s%s:7777; found none",
                  parts->scheme, parts->slashes, is_v6 ? "[" : "", starter->host, is_v6 ? "]" : "");
        return false;
    }
    if (parts->port == NULL) {
        return true;
    }
    snprintf(text, sizeof text, "%.*s",
             parts->port_bytes < sizeof text ? (int)parts->port_bytes : 0, parts->port);
    if (!units_integer(text, 1, 65535, &port, NULL)) {
        error_set(error, "expected a port from 1 to 65535, found \"%.*s\"", (int)parts->port_bytes,
                  parts->port);
        return false;
    }
    starter->port = (uint16_t)port;
    return true;
}

/* The path as it is sent, from its slash on: letters beyond ASCII as the %XX of their UTF-8, as
 * browsers do it (RFC 3987, section 3.1). False: it is too long. */
static bool url__encode_path(const char *path, char out[STARTER_PATH_BYTES_MAX])
{
    static const char DIGITS[] = "0123456789ABCDEF";
    size_t used = 1;
    out[0] = '/';
    for (const char *at = path[0] == '/' ? path + 1 : path; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (used + (byte < 0x80 ? 1 : 3) + 2 > STARTER_PATH_BYTES_MAX) {
            return false;
        }
        if (byte < 0x80) {
            out[used++] = *at;
        } else {
            out[used++] = '%';
            out[used++] = DIGITS[byte >> 4];
            out[used++] = DIGITS[byte & 15];
        }
    }
    out[used] = '\0';
    return true;
}

static bool url__read_path(const struct url__parts *parts, struct starter *starter,
                           struct error *error)
{
    const char *path = parts->path;
    bool empty = path[0] == '\0' || strcmp(path, "/") == 0;
    const char *scheme = parts->scheme;
    int64_t number;
    switch (starter->kind->path) {
    case STARTER_PATH_NONE:
        if (!empty) {
            error_set(error, "expected nothing behind the port: %s has no path; found \"%s\"",
                      scheme, path);
        }
        return empty;
    case STARTER_PATH_NUMBER:
        if (!empty && (path[0] != '/' || !units_integer(path + 1, 0, INT32_MAX, &number, NULL))) {
            error_set(error,
                      "expected the number of a database as the path, as in %s://%s/2; "
                      "found \"%s\"",
                      scheme, "HOST", path);
            return false;
        }
        snprintf(starter->path, sizeof starter->path, "%s", empty ? "" : path + 1);
        return true;
    case STARTER_PATH_TEXT:
        if (!url__encode_path(path, starter->path)) {
            error_set(error, "expected a path of up to %d bytes as it is sent, found a longer one",
                      STARTER_PATH_BYTES_MAX - 2);
            return false;
        }
        return true;
    }
    return false;
}

static bool url__check_letters(const char *url, struct error *error)
{
    for (const char *at = url; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            error_set(error, "expected no space in a URL (%%20 stands for one in a path)");
            return false;
        }
    }
    if (strchr(url, '#') != NULL) {
        error_set(error, "expected no # in a URL: what is behind it is never sent to a server "
                         "(%%23 stands for one in a path)");
        return false;
    }
    return true;
}

bool url_read(const char *url, struct starter *starter, struct error *error)
{
    struct url__parts parts = {.slashes = "://"};
    return url__find_scheme(&parts, url, starter, error) && url__check_letters(url, error) &&
           url__split(&parts, strstr(url, "://") + 3, error) &&
           url__read_address(&parts, starter, error) && url__read_path(&parts, starter, error);
}

const char *url_other_scheme(const char *url, bool tls)
{
    int found = 0;
    const struct starter_kind *kind =
        url_is(url) ? url__kind(url, (size_t)(strstr(url, "://") - url), &found) : NULL;
    return kind != NULL && (found > 0) != tls ? kind->schemes[tls] : NULL;
}

bool url_read_address(const char *text, struct starter *starter, struct error *error)
{
    struct url__parts parts = {.slashes = ""};
    if (!url__check_letters(text, error) || !url__split(&parts, text, error) ||
        !url__read_address(&parts, starter, error)) {
        return false;
    }
    if (parts.path[0] != '\0') {
        error_set(error, "expected HOST:PORT, found \"%s\" behind it", parts.path);
    }
    return parts.path[0] == '\0';
}
