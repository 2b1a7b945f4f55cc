/* The loop of the models that have threads, an acceptor among them, and one shard for each: opening
 * and stopping the threads, accepting and handing out, the turns; and, for models that wait for
 * readiness, moving bytes between a ready socket and its session.
 *
 * A model's own file then holds its idea alone: how it registers interest, or starts operations,
 * and how it waits. It defines struct model_thread and struct conn as its own, with the loop's as
 * the first member, and a struct loop_model of functions; its entry names these by LOOP_MODEL().
 * One thread per model_thread and its connections. */
#pragma once

#include "models/common/handoff.h"
#include "models/common/stream.h"
#include "run/server.h"

struct model_thread;
struct conn;

/* What a model brings to the loop. Functions that are marked so may be NULL. */
struct loop_model {
    const char *io;      /* as results have it */
    size_t thread_bytes; /* of the model's struct model_thread, struct conn */
    size_t conn_bytes;
    bool blocking; /* accepted sockets are to block */
    bool listens;  /* open() listens and the model accepts in its own way; base.listener stays unset
                    */
    /* The starting thread, for every thread: what can fail while that can still be said. May be
     * NULL. Also after a failure close() is called. */
    bool (*prepare)(struct model_thread *thread, struct error *error);
    /* In the thread, which listens already if it is the first. May be NULL. */
    bool (*open)(struct model_thread *thread, struct error *error);
    /* Waits until something happens or the deadline has come. Returns how much; -1: the system
     * could not wait (stream_wait_failure() says why). */
    int (*wait)(struct model_thread *thread, int64_t deadline_ns);
    /* A turn: what the wait has found; connections handed to this thread, each opened; and then
     * every connection whose session wants something started. */
    void (*handle)(struct model_thread *thread, int count, int64_t polled_ns);
    void (*adopt)(struct model_thread *thread, struct conn *conn);
    void (*advance)(struct model_thread *thread, struct conn *conn, int64_t now_ns);
    /* Its end. May be NULL. */
    void (*finish)(struct model_thread *thread, int64_t now_ns);
    /* Makes the wait return; any thread. NULL: the wait watches base.waker. */
    void (*wake)(struct model_thread *thread);
    /* In the thread, when it ends, also when open() has failed. May be NULL. */
    void (*leave)(struct model_thread *thread);
    /* When all threads have ended. May be NULL. */
    void (*close)(struct model_thread *thread);
};

/* One connection: session first. */
struct loop_conn {
    struct session session;
    cport_handle handle;
    uint32_t slot;    /* the model's: the place in its set */
    bool wants_read;  /* wait for readable */
    bool wants_write; /* wait for writable: a send is under way */
    int spans_count;  /* of the send under way */
    struct span spans[CPORT_SPANS_MAX];
};

struct loop_thread {
    struct server *server;
    const struct loop_model *model;
    struct loop_group *group;
    struct shard *shard;
    struct recorder *recorder;
    uint32_t index;
    bool prepared; /* the model's prepare() was called, and so its close() will be */
    bool adopted;  /* since a stop was last handled */
    enum server_stop stop_handled;
    bool busy;          /* the model's: an operation is in flight, the loop must not end */
    int64_t look_ns;    /* the model's: 0, or when the next wait is to end at the latest */
    cport_handle waker; /* where the model has no wake() */
    struct handoff_queue handoffs;
    atomic_uint sessions_count; /* handed to it and not yet freed, for the model's limit */

    /* The accepting thread's (index 0). */
    cport_handle listener; /* CPORT_HANDLE_NONE: does not listen (any longer) */
    uint32_t next_thread;
    int64_t accept_resume_ns; /* 0, or: accepting pauses until then */
    bool accept_short;        /* it has failed, and since then it has not succeeded */

    bool wait_short; /* waiting has failed, and since then it has not succeeded */

    uint8_t *buffer; /* for one receive */
};

/* A receive takes as much as the second where the thread has a buffer that no idle connection
 * holds. Where bytes are waited for with a buffer, it is one of the first size, the connection's
 * own; what came besides goes through the thread's (loop_receive_rest()). */
enum { LOOP_FIRST_BYTES = 1024, LOOP_RECV_BYTES_MAX = 65536 };

/* For a model's entry. */
#define LOOP_MODEL(functions)                                                                      \
    .loop = (functions), .open = loop_open, .run = loop_run, .wake = loop_wake, .close = loop_close
bool loop_open(struct server *server, struct error *error);
void loop_run(struct server *server, uint32_t index);
void loop_wake(struct server *server);
void loop_close(struct server *server);

/* An accepted connection: resets it when there are too many, else gives it to the next thread in
 * turn, itself included. Threads that hold sessions_per_thread_max are passed over; when all do, a
 * further thread is started. Index 0 only. */
void loop_hand_out(struct loop_thread *thread, const struct handoff *entry, int64_t now_ns);
/* The listener is readable: accepts what waits (a bounded number) and hands each out. Returns how
 * many it has found, those that failed included. */
int loop_accept(struct loop_thread *thread, int64_t now_ns);
/* For a model that accepts itself: counts a failed accept, and pauses accepting where it would fail
 * again immediately. A shortage counts once, however often accepting fails. */
void loop_accept_failed(struct loop_thread *thread, enum cport_result result, int64_t now_ns);
/* May the listener be waited for? False while accepting pauses, and after it has ended. */
bool loop_accepts(struct loop_thread *thread, int64_t now_ns);

/* No further connection will be handed out. (Said by the loop, where it has the listener.) */
void loop_accepting_ended(struct loop_thread *thread);

/* The socket is readable: one receive of at most LOOP_RECV_BYTES_MAX, given to the session. */
enum stream_status loop_receive(struct loop_thread *thread, struct loop_conn *conn,
                                int64_t polled_ns);
/* A receive has filled its first buffer, and the session has it: takes what else has come already,
 * into a buffer of LOOP_RECV_BYTES_MAX. Any model, with the shard held. */
void loop_receive_rest(struct recorder *recorder, struct session *session, cport_handle handle,
                       uint8_t *buffer, int64_t polled_ns);
/* The socket is writable: continues the current send. */
void loop_send(struct loop_conn *conn);
/* Starts what the session wants and sets wants_read and wants_write. False: the socket is closed;
 * the model takes it out of its set and calls loop_free(). */
bool loop_advance(struct loop_conn *conn, int64_t now_ns);
/* For a model that moves bytes in its own way: what it is to start next, SESSION_SEND, a close or
 * nothing. (A shutdown is done here.) */
enum session_want loop_next(struct loop_conn *conn);
/* The bytes of a send to start: sets spans and spans_count. */
void loop_take_output(struct loop_conn *conn, int64_t now_ns);
void loop_free(struct loop_conn *conn);

/* The time left until deadline_ns as poll() and its like take it: milliseconds, rounded up (a wait
 * that ends early would spin), at most a minute. */
int loop_wait_ms(int64_t deadline_ns);
