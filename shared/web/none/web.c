#include "web/web.h"

struct web *web_open(const struct web_options *options, struct error *error)
{
    error_set(error,
              "--listen %s: this program was built without CivetWeb, which the live page needs "
              "(Debian: libcivetweb-dev; vcpkg: civetweb): build it with CivetWeb, or leave "
              "--listen out",
              options->listen);
    return NULL;
}

/* There is no web that these could be called with. */

const char *web_url(const struct web *web)
{
    (void)web;
    return "";
}

const char *web_token(const struct web *web)
{
    (void)web;
    return NULL;
}

void web_set_control(struct web *web, web_control *control, void *context)
{
    (void)web;
    (void)control;
    (void)context;
}

void web_put(struct web *web, enum web_document document, const char *text, size_t bytes)
{
    (void)web;
    (void)document;
    (void)text;
    (void)bytes;
}

void web_publish(struct web *web, uint32_t tier, const char *text, size_t bytes)
{
    (void)web;
    (void)tier;
    (void)text;
    (void)bytes;
}

void web_flush(struct web *web)
{
    (void)web;
}

void web_close(struct web *web, const char *end, int64_t within_ns)
{
    (void)web;
    (void)end;
    (void)within_ns;
}
