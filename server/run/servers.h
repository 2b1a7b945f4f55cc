/* The servers of a process: one for each port, or, of a port that several listeners share
 * (SO_REUSEPORT, Linux), one for each of these. Each is a struct server with its own threads,
 * sessions and listener, so that accepting, too, scales past one thread; they stop and report as
 * one. Connections of different ones cannot reach each other: handlers that let them (chat, game)
 * need a process with one.
 *
 * One thread, that of main(). */
#pragma once

#include "run/server.h"

enum { SERVERS_PORTS_MAX = 64, SERVERS_LISTENERS_MAX = 64 };

struct servers {
    struct server **all;
    uint32_t count;
    uint32_t connections_peak; /* of all together, as seen a hundred times a second */
};

/* Reports options that do not allow several servers. servers_open() checks too. */
bool servers_check(const struct server_options *options, uint32_t count, struct error *error);
/* ports_count * listeners servers, all listening. options: of all together; threads and connections
 * are shared evenly. ports: 0 is a free one. */
bool servers_open(struct servers *servers, const struct server_options *options,
                  const uint16_t *ports, uint32_t ports_count, uint32_t listeners,
                  struct error *error);
void servers_close(struct servers *servers);
void servers_stop(struct servers *servers, enum server_stop stop);
/* To be called now and then: all threads of all have ended. */
bool servers_ended(struct servers *servers);
/* The counters of all, and their open connections, while they serve: of servers with
 * options.watched. */
void servers_watch(struct servers *servers, struct counters *sum, uint32_t *connections);
void servers_join(struct servers *servers);
