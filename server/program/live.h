/* --listen of the server: its counters while it serves, once a second, as records and as metrics,
 * by the same web server (web/web.h) as the client's live page. The threads that serve publish
 * their counters with every batch (recorder_watch()); one thread, that of main(), reads them. */
#pragma once

#include "run/servers.h"

struct web;

struct server_live {
    struct web *web; /* NULL: nobody listens */
    struct servers *servers;
    int64_t origin_ns;
    int64_t made_ns;
    uint64_t seconds;
    struct counters before[4]; /* as of the last record of each tier (web/history.h) */
    int64_t before_ns[4];
};

/* listen: HOST:PORT; token: what pages of other machines need, or NULL. False: it cannot listen
 * there. */
bool server_live_open(struct server_live *live, const char *listen, const char *token,
                      struct error *error);
/* The servers serve. */
void server_live_begin(struct server_live *live, struct servers *servers);
/* Often. */
void server_live_tick(struct server_live *live, int64_t now_ns);
/* The last record, and the end of all readers. */
void server_live_close(struct server_live *live);
