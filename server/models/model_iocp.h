/* What the files of model iocp share. model_iocp.c says what the model is; read it first.
 *
 * Workers only; what is about a session under its shard's lock. */
#ifndef DUMMYLOAD_SERVER_MODELS_MODEL_IOCP_H
#define DUMMYLOAD_SERVER_MODELS_MODEL_IOCP_H

#include "server.h"

#include <winsock2.h>
/* Behind winsock2.h, which they need. */
#include <mswsock.h>
#include <ws2tcpip.h>

enum {
    ACCEPTS_COUNT = 64, /* posted at once: a storm of connects must not wait for a worker */
    ACCEPT_ADDRESS_BYTES = sizeof(struct sockaddr_in6) + 16, /* AcceptEx wants 16 bytes more */
    LISTEN_BACKLOG = 4096,
    SHARDS_COUNT = 16, /* locks; a broadcast costs a packet for each */
    RECV_BYTES_MAX = 8192,
    SPANS_MAX = 16,
    BATCH_MAX = 32 /* packets that one worker takes at once, and others then cannot */
};
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS) /* after a failed accept: no descriptors, usually */
#define TICK_NS         (100 * NS_PER_MS) /* how often time-outs, mail and stops are looked at */

enum io_type { IO_ACCEPT, IO_RECV, IO_SEND, IO_POST };

/* The context of one operation. */
struct io {
    OVERLAPPED overlapped;
    enum io_type type;
    SOCKET socket; /* which one it was started on: its error is asked of it */
};

struct accept {
    struct io io;
    SOCKET accepted; /* AcceptEx() wants the new socket beforehand */
    atomic_bool paused;
    char addresses[2 * ACCEPT_ADDRESS_BYTES];
};

struct conn {
    struct session session; /* first: shards hand out sessions */
    SOCKET socket;
    int references; /* see above; under the shard's lock */
    struct conn *ended_next;
    struct io recv;
    struct io send;
    bool recv_in_flight;
    uint8_t recv_bytes[RECV_BYTES_MAX];
};

/* A packet of our own: mail for a shard, or, without one, "look at server_stopping()". */
struct post {
    struct io io;
    struct model_iocp *model;
    struct shard *shard;
};

struct model_iocp {
    struct server *server;
    HANDLE port;
    LPFN_ACCEPTEX accept_ex;
    LPFN_GETACCEPTEXSOCKADDRS get_accept_ex_sockaddrs;
    struct post wake;
    struct post mail[SHARDS_COUNT];
    atomic_uint next_shard;
    atomic_bool over;

    struct mutex lock; /* guards the listener: what follows. Atomics are read without it, too */
    SOCKET listener;
    atomic_bool listener_closing;
    atomic_int accepts_in_flight;
    struct accept accepts[ACCEPTS_COUNT];
};

struct worker {
    struct model_iocp *model;
    struct recorder *recorder;
    struct conn *ended; /* to be freed when no lock is held */
    enum server_stop stop_obeyed;
};

/* -------- operations (conn_iocp.c) -------- */

/* What an error means for the one who counts. */
enum error_kind iocp_error_kind(int code);
/* The three ends of an overlapped call: done and pending (either way a packet comes: 0), failed
 * (none comes: the error). To be asked right behind the call. */
int iocp_io_error(struct worker *worker, bool done);
/* A context may be used again as soon as its packet is in; all zero each time. */
OVERLAPPED *iocp_io_begin(struct io *io, enum io_type type, SOCKET socket);
void iocp_close_socket(struct worker *worker, SOCKET socket, bool reset);

/* -------- connections (conn_iocp.c) -------- */

/* A receive, a send has come back: code is 0 or its error. */
void iocp_conn_received(struct conn *conn, int code, uint32_t bytes, int64_t polled_ns);
void iocp_conn_sent(struct conn *conn, int code, uint32_t bytes);
/* One operation fewer, or the close: the last one out ends the session. The socket is closed, and
 * the memory freed, when the shard's lock is no longer held (iocp_worker_bury). */
void iocp_conn_release(struct worker *worker, struct conn *conn);
/* The end of every piece of work on a shard, which is entered: starts what sessions want. */
void iocp_worker_start_dirty(struct worker *worker, struct shard *shard);
/* Behind shard_leave(). */
void iocp_worker_bury(struct worker *worker);

#endif
