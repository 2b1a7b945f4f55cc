/* The live page's server: one port on which browsers, Prometheus and scripts watch a run
 * (--listen). By CivetWeb, in threads of its own at a low priority; in a build without it
 * web_open() fails and says so (web/none).
 *
 *     GET /          the page          GET /metrics    Prometheus' text format
 *     GET /events    server-sent events: the history, then each record as it is made
 *     GET /plan, /scenario             JSON            POST /control   JSON in and out
 *
 * The run hands over texts (web_put, web_publish, web_flush): they are copied, the hand-over waits
 * for no lock and wakes no thread; readers look five times a second. A reader costs one thread and
 * one buffer, both bounded; one that does not read is dropped after 10 s. All functions by one
 * thread, the run's. */
#pragma once

#include "core/error.h"
#include "web/history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text;
struct web;

enum web_document {
    WEB_PLAN, /* JSON: what is played */
    WEB_SCENARIO,
    WEB_METRICS, /* Prometheus' text format */
    WEB_RUN,     /* one line of JSON: the first event, "run", of every reader */
    WEB_DOCUMENTS
};

enum { WEB_READERS_MAX = 128, WEB_ORDER_BYTES_MAX = 4096 };

/* An order that came to /control: JSON in, JSON out, one line each. who: the sender's address.
 * False: it is refused, answer says why. Called by any thread of the server, several at once. */
typedef bool web_control(void *context, const char *order, const char *who,
                         struct json_text *answer);

struct web_options {
    const char *listen; /* HOST:PORT; port 0: a free one. Stays the caller's */
    const char *token;  /* what control needs, and pages of other sites. NULL: nothing, on a
                         * loopback address; made up otherwise */
    bool figures_only;  /* no plan, scenario and control, and no token for it is made up */
    const char *peer;   /* the page may read from there, too (web_peer_parse()); NULL: nowhere */
};

/* Once per process. NULL: *error says why: the port is in use, for example. */
struct web *web_open(const struct web_options *options, struct error *error);
/* "http://127.0.0.1:9900/". */
const char *web_url(const struct web *web);
/* What control needs; NULL: nothing. */
const char *web_token(const struct web *web);
void web_set_control(struct web *web, web_control *control, void *context);
/* The document from now on. */
void web_put(struct web *web, enum web_document document, const char *text, size_t bytes);
/* The next record of the tier (history.h), one line of JSON. text NULL: it could not be made. */
void web_publish(struct web *web, uint32_t tier, const char *text, size_t bytes);
/* Hands over what could not be handed over before, because a reader was looking. Often. */
void web_flush(struct web *web);
/* The event "end" with this line of JSON (NULL: none), and no more readers. Waits until the readers
 * have it that take what they are given, and at most so long. The threads stay until the process
 * ends: none of them may hold it up. */
void web_close(struct web *web, const char *end, int64_t within_ns);
