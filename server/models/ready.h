/* What every readiness model does alike once it knows that a socket is ready: move bytes between
 * the socket and its session, and say what to wait for next.
 *
 * A readiness model's own file then holds its idea alone: how it registers interest and how it
 * waits. What is not about moving bytes (the threads, handing out, turns, stopping) serves models
 * of another kind too. One thread per ready_thread and its connections. */
#ifndef DUMMYLOAD_SERVER_MODELS_READY_H
#define DUMMYLOAD_SERVER_MODELS_READY_H

#include "handoff.h"
#include "models/stream.h"
#include "server.h"

/* One connection: session first. */
struct ready_conn {
    struct session session;
    cport_handle handle;
    uint32_t slot;    /* the model's: the place in its set */
    bool wants_read;  /* wait for readable */
    bool wants_write; /* wait for writable: a send is under way */
    int spans_count;  /* of the send under way */
    struct span spans[CPORT_SPANS_MAX];
};

struct ready_thread;

/* What the threads of one server share. */
struct ready_group {
    struct ready_thread **all;   /* server->threads_max of them; the later ones start as needed */
    bool blocking;               /* accepted sockets are to block */
    atomic_bool accepting_ended; /* no further connection will be handed out */
};

/* A thread of a readiness model; the model embeds it first in its own. */
struct ready_thread {
    struct server *server;
    struct ready_group *group;
    struct shard *shard;
    struct recorder *recorder;
    uint32_t index;
    struct handoff_queue handoffs;
    atomic_uint sessions_count; /* handed to it and not yet freed, for the model's limit */
    uint32_t dirty_count;       /* taken in this turn */
    /* Makes the thread's wait return. Any thread. */
    void (*wake)(struct ready_thread *thread);

    /* The accepting thread's (index 0). */
    cport_handle listener; /* CPORT_HANDLE_NONE: does not listen (any longer) */
    uint32_t next_thread;
    int64_t accept_resume_ns; /* 0, or: accepting pauses until then */

    uint8_t *buffer; /* for one receive */
};

enum { READY_RECV_BYTES_MAX = 65536 };

/* The model's open(): allocates server->threads_max structs of thread_bytes (a ready_thread first),
 * prepares each and sets server->model_data to the group. */
bool ready_group_open(struct server *server, size_t thread_bytes,
                      void (*wake)(struct ready_thread *thread), struct error *error);
/* The model's close(); the model has closed what is its own in each. */
void ready_group_close(struct server *server);
/* The model's wake(). */
void ready_group_wake(struct server *server);
/* A thread whose set-up has failed, before it returns: nothing will be handed out, and the server
 * is told why. */
void ready_thread_failed(struct ready_thread *thread, const struct error *error);
/* Index 0: opens the listener. */
bool ready_listen(struct ready_thread *thread, struct error *error);

/* An accepted connection: resets it when there are too many, else gives it to the next thread in
 * turn, itself included. Threads that hold sessions_per_thread_max are passed over; when all do, a
 * further thread is started. Index 0 only. */
void ready_hand_out(struct ready_thread *thread, const struct handoff *entry, int64_t now_ns);
/* The listener is readable: accepts what waits (a bounded number) and hands each out. Returns how
 * many it has found, those that failed included. */
int ready_accept(struct ready_thread *thread, int64_t now_ns);
/* For a model that accepts in its own way: counts a failed accept, and pauses accepting where it
 * would fail again at once. */
void ready_accept_failed(struct ready_thread *thread, enum cport_result result, int64_t now_ns);
/* May the listener be waited for? False while accepting pauses, and after it has ended. */
bool ready_accepts(struct ready_thread *thread, int64_t now_ns);
/* A connection handed to this thread, opened, or NULL. The model registers it. */
struct ready_conn *ready_take(struct ready_thread *thread, size_t conn_bytes, int64_t now_ns);

/* The socket is readable: one receive of at most READY_RECV_BYTES_MAX, given to the session. */
enum stream_status ready_receive(struct ready_thread *thread, struct ready_conn *conn,
                                 int64_t polled_ns);
/* The socket is writable: goes on with the send under way. */
void ready_send(struct ready_conn *conn);
/* Starts what the session wants and sets wants_read and wants_write. False: the socket is closed;
 * the model takes it out of its set and calls ready_free(). */
bool ready_advance(struct ready_conn *conn, int64_t now_ns);
void ready_free(struct ready_conn *conn);

/* After a wait that found ready_count sockets ready, before they are handled: counts it, takes the
 * shard. */
void ready_begin_turn(struct ready_thread *thread, int ready_count);
/* The end of a turn, between the events and the dirty sessions: mail, stopping, broadcasts.
 * Returns the clock. */
int64_t ready_finish_turn(struct ready_thread *thread);
/* The next connection whose session wants something started, or NULL; sets *now_ns anew now and
 * then, since starting many takes its time. */
struct ready_conn *ready_next_dirty(struct ready_thread *thread, int64_t *now_ns);
/* After the dirty sessions: records, leaves the shard, and returns until when the next wait may
 * last. */
int64_t ready_end_turn(struct ready_thread *thread, int64_t now_ns);
/* The time left until deadline_ns as poll() and its like take it: milliseconds, rounded up (a wait
 * that ends early would spin), at most a minute. */
int ready_wait_ms(int64_t deadline_ns);
/* Everything of this thread is over: stop its loop. */
bool ready_is_over(struct ready_thread *thread);

#endif
