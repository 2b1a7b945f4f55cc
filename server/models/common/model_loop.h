/* The loop that the models with threads of their own share: opening and stopping the threads,
 * accepting and handing out, the parts of a turn; and, for models that wait for readiness, moving
 * bytes between a ready socket and its session.
 *
 * A model's own file then holds its idea alone: how it registers interest, or starts operations,
 * and how it waits. One thread per loop_thread and its connections. */
#ifndef DUMMYLOAD_SERVER_MODELS_COMMON_MODEL_LOOP_H
#define DUMMYLOAD_SERVER_MODELS_COMMON_MODEL_LOOP_H

#include "models/common/handoff.h"
#include "models/common/stream.h"
#include "run/server.h"

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

struct loop_thread;

/* What the threads of one server share. */
struct loop_group {
    struct loop_thread **all;    /* server->threads_max of them; the later ones start as needed */
    bool blocking;               /* accepted sockets are to block */
    atomic_bool accepting_ended; /* no further connection will be handed out */
};

/* A thread of a model; the model embeds it first in its own. */
struct loop_thread {
    struct server *server;
    struct loop_group *group;
    struct shard *shard;
    struct recorder *recorder;
    uint32_t index;
    struct handoff_queue handoffs;
    atomic_uint sessions_count; /* handed to it and not yet freed, for the model's limit */
    uint32_t dirty_count;       /* taken in this turn */
    /* Makes the thread's wait return. Any thread. */
    void (*wake)(struct loop_thread *thread);

    /* The accepting thread's (index 0). */
    cport_handle listener; /* CPORT_HANDLE_NONE: does not listen (any longer) */
    uint32_t next_thread;
    int64_t accept_resume_ns; /* 0, or: accepting pauses until then */

    uint8_t *buffer; /* for one receive */
};

enum { LOOP_RECV_BYTES_MAX = 65536 };

/* The model's open(): allocates server->threads_max structs of thread_bytes (a loop_thread first),
 * prepares each and sets server->model_data to the group. */
bool loop_group_open(struct server *server, size_t thread_bytes,
                     void (*wake)(struct loop_thread *thread), struct error *error);
/* The model's close(); the model has closed what is its own in each. */
void loop_group_close(struct server *server);
/* The model's wake(). */
void loop_group_wake(struct server *server);
/* A thread whose set-up has failed, before it returns: nothing will be handed out, and the server
 * is told why. */
void loop_thread_failed(struct loop_thread *thread, const struct error *error);
/* Index 0: opens the listener. */
bool loop_listen(struct loop_thread *thread, struct error *error);

/* An accepted connection: resets it when there are too many, else gives it to the next thread in
 * turn, itself included. Threads that hold sessions_per_thread_max are passed over; when all do, a
 * further thread is started. Index 0 only. */
void loop_hand_out(struct loop_thread *thread, const struct handoff *entry, int64_t now_ns);
/* The listener is readable: accepts what waits (a bounded number) and hands each out. Returns how
 * many it has found, those that failed included. */
int loop_accept(struct loop_thread *thread, int64_t now_ns);
/* For a model that accepts in its own way: counts a failed accept, and pauses accepting where it
 * would fail again at once. */
void loop_accept_failed(struct loop_thread *thread, enum cport_result result, int64_t now_ns);
/* May the listener be waited for? False while accepting pauses, and after it has ended. */
bool loop_accepts(struct loop_thread *thread, int64_t now_ns);
/* A connection handed to this thread, opened, or NULL. The model registers it. */
struct loop_conn *loop_take(struct loop_thread *thread, size_t conn_bytes, int64_t now_ns);

/* The socket is readable: one receive of at most LOOP_RECV_BYTES_MAX, given to the session. */
enum stream_status loop_receive(struct loop_thread *thread, struct loop_conn *conn,
                                int64_t polled_ns);
/* The socket is writable: goes on with the send under way. */
void loop_send(struct loop_conn *conn);
/* Starts what the session wants and sets wants_read and wants_write. False: the socket is closed;
 * the model takes it out of its set and calls loop_free(). */
bool loop_advance(struct loop_conn *conn, int64_t now_ns);
void loop_free(struct loop_conn *conn);

/* After a wait that found ready_count sockets ready, before they are handled: counts it, takes the
 * shard. */
void loop_begin_turn(struct loop_thread *thread, int ready_count);
/* The end of a turn, between the events and the dirty sessions: mail, stopping, broadcasts.
 * Returns the clock. */
int64_t loop_finish_turn(struct loop_thread *thread);
/* The next connection whose session wants something started, or NULL; sets *now_ns anew now and
 * then, since starting many takes its time. */
struct loop_conn *loop_next_dirty(struct loop_thread *thread, int64_t *now_ns);
/* After the dirty sessions: records, leaves the shard, and returns until when the next wait may
 * last. */
int64_t loop_end_turn(struct loop_thread *thread, int64_t now_ns);
/* The time left until deadline_ns as poll() and its like take it: milliseconds, rounded up (a wait
 * that ends early would spin), at most a minute. */
int loop_wait_ms(int64_t deadline_ns);
/* Everything of this thread is over: stop its loop. */
bool loop_is_over(struct loop_thread *thread);

#endif
