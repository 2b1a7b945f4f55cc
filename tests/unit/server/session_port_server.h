/* A server over the fake port: sessions driven as a model drives them (server/models/README.md),
 * in one thread and on virtual time. */
#pragma once

#include "unit.h"

#include "core/clock.h"
#include "fake_port/fake.h"
#include "sessions/handler.h"
#include "sessions/session.h"
#include "sessions/shard.h"

enum { PORT_SHARDS_COUNT = 2, PORT_BATCH = 32 };

struct port_conn {
    struct session session; /* first */
    struct cport_socket socket;
    struct cport_op recv;
    struct cport_op send;
    struct cport_op shutdown;
    struct cport_op close;
    struct span spans[CPORT_SPANS_MAX];
    bool recv_in_flight;
};

struct port_server {
    struct cport *port;
    struct session_rules rules;
    struct shard shards[PORT_SHARDS_COUNT];
    struct recorder recorder;
    atomic_uint connections;
    struct cport_socket listener;
    struct cport_accept_op accept;
    struct cport_op listener_close;
    bool listener_closing;
    bool listener_closed;
    uint32_t accepted;
    uint64_t queued_bytes_max;
};

void port_server_open(struct port_server *server, struct cport *port,
                      const struct handler *handler);
/* One completion of the server's. */
void port_server_complete(struct port_server *server, struct cport_op *op);
/* The end of a batch. */
void port_server_turn(struct port_server *server);
void port_server_stop(struct port_server *server, bool now);
void port_server_close(struct port_server *server);
