/* The server: options in, a running server, a result out. The embedding interface too:
 *
 *     struct server_options options;
 *     server_options_default(&options);
 *     options.port = 0;
 *     struct server *server = server_create(&options, &error);
 *     if (server != NULL && server_start(server, &error)) {
 *         ... server_port(server) ...
 *         server_stop(server, SERVER_STOP_DRAIN);
 *         server_join(server);
 *     }
 *     server_destroy(server);
 *
 * net_setup() and clock_setup() first. create, start, join and destroy by one thread; stop and
 * the questions by any. */
#pragma once

#include "run/model.h"
#include "sessions/handler.h"
#include "sessions/recorder.h"
#include "sessions/shard.h"
#include "system/thread.h"

#include <stdatomic.h>

enum { SERVER_THREADS_MAX = 256, SERVER_IO_TEXT_BYTES_MAX = 256 };
#define SERVER_DRAIN_NS (INT64_C(5) * 1000000000)

enum server_stop {
    SERVER_RUNNING,
    SERVER_STOP_DRAIN, /* accept no more, finish what is open, at most SERVER_DRAIN_NS */
    SERVER_STOP_NOW    /* close everything */
};

struct server_options {
    const struct model *model;
    const struct handler *handler;
    const char *bind; /* host; "" or "*": every local IPv4 address; "::": every IPv6 one */
    uint16_t port;    /* 0: a free one */
    enum session_framing framing;
    /* From tls_context_create(), as a server's; NULL: plain. Of the caller, until server_destroy();
     * servers may share one, so that a client resumes with any of them. */
    struct tls_context *tls;
    enum cport_backend_kind io;
    uint32_t threads; /* 0: half of the CPUs, more under Wine. Where the model limits the sessions
                         of a thread, further ones are started as connections come */
    uint32_t connections_max; /* 0: what the descriptor limit allows */
    uint32_t frame_bytes_max;
    uint64_t send_queue_bytes_max;
    int64_t idle_timeout_ns; /* 0: none */
    bool watched;            /* its counters can be read while it runs: server_watch() */
    bool busy_poll;          /* the threads never sleep; where chooses_io */
    bool stomp;              /* each session on separate pages (session_memory.h). Process-wide: the
                                servers of a process must agree */
    int64_t origin_ns;       /* of several servers that report as one; 0: when it is created */
    int64_t duration_ns;     /* 0: until stopped. Kept by the caller, but for model null */
    char run_id[RESULT_RUN_ID_BYTES_MAX]; /* a-z A-Z 0-9 - _ .; empty: made up */
};

/* What models may read; written by server.c but where it says otherwise. */
struct server {
    struct server_options options; /* resolved: no zeros that mean a default */
    struct net_address bind_address;
    struct session_rules rules;
    struct shard *shards;
    uint32_t shards_count;
    struct recorder *recorders; /* one for each thread that was started */
    uint32_t recorders_count;
    uint32_t threads_max; /* options.threads, or, of a model with sessions_per_thread_max, as many
                             as connections_max needs */
    bool model_opened;
    void *model_data;        /* the model's */
    atomic_uint connections; /* open, accepted ones included */
    atomic_uint connections_peak;
    atomic_uint conn_threads; /* of model threads, beside the server's own */
    atomic_uint conn_threads_peak;
    /* The first thread's, of server_tend(). */
    unsigned crowd_peak;        /* the most connections since memory was last given back */
    int64_t slack_looked_ns;    /* when the unused memory was last looked at, */
    uint64_t slack_least_bytes; /* the least of it since memory was last given back, */
    bool slack_seen;            /* and whether it was much more at that look */
    int64_t crowd_gone_ns;      /* since when most of them have ended; 0: they have not */
    int64_t origin_ns;          /* the run's t = 0 */
    int64_t started_wall_ns;
    int64_t ended_ns;
    atomic_int stop; /* enum server_stop */
    atomic_llong stop_ns;

    struct thread *threads; /* threads_max places */
    struct server_thread *thread_arguments;
    struct mutex lock; /* guards what follows */
    uint32_t threads_started;
    uint32_t threads_joined;
    uint32_t threads_ready;
    uint32_t threads_ended;
    bool start_failed;
    bool listens;
    struct error start_error;
    char io_name[32];                           /* "uring", "epoll", "iocp", "none" */
    char io_fallback[SERVER_IO_TEXT_BYTES_MAX]; /* a line for the user, or empty */
};

void server_options_default(struct server_options *options);
/* Puts numbers in the place of zeros that mean a default: threads, connections_max. Done by
 * server_create(). */
void server_options_resolve(struct server_options *options);
/* Says what does not go together. server_create() checks too. */
bool server_options_check(const struct server_options *options, struct error *error);
struct server *server_create(const struct server_options *options, struct error *error);
/* Returns when the server listens and all threads serve, or false when one could not. */
bool server_start(struct server *server, struct error *error);
/* Any thread. A later stop may only be stronger. */
void server_stop(struct server *server, enum server_stop stop);
/* All threads have ended (by a stop, or because the model came to its end). */
bool server_ended(struct server *server);
/* Any thread: adds the counters of a server with options.watched, as of its threads' last batches.
 */
void server_watch(struct server *server, struct counters *sum);
/* Waits until all threads have ended. */
void server_join(struct server *server);
void server_destroy(struct server *server);
/* What this machine lacks for the options as asked for: which limit, its value, what it needs to
 * be. False: nothing. */
bool server_shortage(const struct server_options *options, struct error *shortage);
uint16_t server_port(const struct server *server);

/* -------- for models -------- */

enum server_stop server_stopping(const struct server *server);
/* The time when a drain is to be over; TIME_NEVER_NS before it began. */
int64_t server_drain_deadline_ns(const struct server *server);
/* The server listens on address (asked from the system). Before the thread is ready. */
void server_listening(struct server *server, const struct net_address *address);
/* The accepting thread only, for a model with sessions_per_thread_max: starts one more thread, that
 * of the next index; its set-up must not fail. False: threads_max run already, or the system has no
 * memory or no thread left. */
bool server_add_thread(struct server *server);
/* How many threads were started until now. */
uint32_t server_threads(struct server *server);
/* Any thread, for a model that starts threads itself: one has started, or is about to end. */
void server_conn_thread_started(struct server *server);
void server_conn_thread_ended(struct server *server);
/* Which port backend serves, and the line of a fall-back or NULL. */
void server_set_io(struct server *server, const char *name, const char *fallback);
void server_thread_ready(struct server *server);
void server_thread_failed(struct server *server, const struct error *error);
/* The first thread, once a second at least: records the number of connections, and returns
 * memory to the system when most of many connections have ended. */
void server_tend(struct server *server, struct recorder *recorder, int64_t now_ns);
/* Reserves a place for one accepted connection; its session_end() gives it back. False: over
 * connections_max; the model resets the connection, and it is counted and listed here. */
bool server_admit(struct server *server, struct recorder *recorder, const struct net_address *peer,
                  int64_t now_ns);
/* Gives a place back that never became a session (adopting failed), counted under reason. */
void server_unadmit(struct server *server, struct recorder *recorder, enum error_kind reason);
