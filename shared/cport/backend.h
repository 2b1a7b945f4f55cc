/* What a backend of the completion port implements, and the few rules that all share.
 *
 * Private to shared/cport. cport.c checks arguments, keeps the state of operations and the common
 * counters, and forwards to one of these tables; a backend moves bytes. Threads and lifetimes as
 * in cport.h: everything but wake() is called by the port's own thread.
 *
 * The life of an operation, as a backend sees it:
 *   1. cport.c has filled type and socket, zeroed data, bytes, system_error and result, set state
 *      to CPORT_OP_IN_FLIGHT and, unless it is a close, added one to socket->in_flight_count.
 *   2. The backend calls cport_op_finish() exactly once, when the outcome is known, be it inside
 *      the submit. It subtracts from in_flight_count again.
 *   3. The backend hands the operation out of poll(), once. cport.c then sets it to CPORT_OP_IDLE.
 * A close: socket->close_op is set before close() is called. It is finished after
 * in_flight_count has become 0 and the handle is closed, and handed out after all the others. */
#pragma once

#include "cport/cport.h"

enum { CPORT_FALLBACK_BYTES_MAX = 256 };

struct cport_backend {
    enum cport_backend_kind kind;
    const char *name;
    /* options are checked and their defaults filled in. On failure returns NULL with an error, and
     * sets *forbidden (false on entry) when this system does not offer or permit the backend, so
     * that the next in the list may be tried. Must set port->backend. */
    struct cport *(*create)(const struct cport_options *options, bool *forbidden,
                            struct error *error);
    void (*destroy)(struct cport *port);
    bool (*listen)(struct cport *port, struct cport_socket *listener,
                   const struct net_address *address, int backlog, struct error *error);
    void (*accept)(struct cport *port, struct cport_socket *listener, struct cport_accept_op *op);
    enum cport_result (*adopt)(struct cport *port, struct cport_socket *socket,
                               cport_handle handle);
    void (*connect)(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                    const struct net_address *remote, const struct net_address *local);
    void (*recv)(struct cport *port, struct cport_socket *socket, struct cport_op *op);
    void (*send)(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                 const struct span *spans, int spans_count);
    void (*shutdown)(struct cport *port, struct cport_socket *socket, struct cport_op *op);
    /* Only for operations in flight, never for a close. */
    void (*cancel)(struct cport *port, struct cport_op *op);
    /* socket->handle may be CPORT_HANDLE_NONE: a connect or adopt that failed early. */
    void (*close)(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                  enum cport_close_mode mode);
    /* Counts stats.syscalls and stats.immediate itself; polls, completions and batch_max are
     * counted in cport.c. */
    int (*poll)(struct cport *port, struct cport_op **completions, int completions_max,
                int64_t deadline_ns);
    void (*wake)(struct cport *port);
    /* Leaves the address as it is where the system has none. */
    void (*local_address)(cport_handle handle, struct net_address *address);
    /* NULL: submits are system calls already. */
    void (*submit)(struct cport *port);
    /* NULL: clock_now_ns(). */
    int64_t (*now_ns)(const struct cport *port);
};

/* The first member of every backend's own port struct. */
struct cport {
    const struct cport_backend *backend;
    struct cport_stats stats;
    bool times_waits;
    int64_t last_poll_ns;
    bool drained;
    bool busy_poll;
    char fallback_reason[CPORT_FALLBACK_BYTES_MAX]; /* empty: none */
};

/* A backend has waited (times_waits): time after the deadline is lateness, and no waiting. */
static inline void cport_note_wait(struct cport *port, int64_t from_ns, int64_t until_ns,
                                   int64_t deadline_ns)
{
    int64_t end_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
    if (end_ns > from_ns) {
        port->stats.waited_ns += (uint64_t)(end_ns - from_ns);
    }
    port->last_poll_ns = until_ns;
}

/* Values of cport_op.state. Zero, as the caller zero-initialises. */
enum {
    CPORT_OP_IDLE,      /* the caller's */
    CPORT_OP_IN_FLIGHT, /* submitted, outcome unknown */
    CPORT_OP_FINISHED   /* outcome known, not yet handed out */
};

extern const struct cport_backend cport_backend_iocp;
extern const struct cport_backend cport_backend_uring;
extern const struct cport_backend cport_backend_epoll;
/* The backends of this system, best first, NULL at the end (backends_linux.c, _win.c). */
extern const struct cport_backend *const cport_backends[];
/* Records the outcome. bytes, data and an accept's own fields are set by the caller. */
static inline void cport_op_finish(struct cport_op *op, enum cport_result result, int system_error)
{
    op->result = (uint8_t)result;
    op->system_error = system_error;
    op->state = CPORT_OP_FINISHED;
    if (op->type != CPORT_OP_CLOSE) {
        op->socket->in_flight_count--;
    }
}

/* A first-in-first-out list of operations: those finished but not yet handed out, mostly. The link
 * is the operation's own: it is in one list at a time. */

struct cport_op_list {
    struct cport_op *first;
    struct cport_op *last;
};

static inline void cport_op_list_push(struct cport_op_list *list, struct cport_op *op)
{
    op->link = NULL;
    if (list->last != NULL) {
        list->last->link = op;
    } else {
        list->first = op;
    }
    list->last = op;
}

/* NULL when empty. */
static inline struct cport_op *cport_op_list_pop(struct cport_op_list *list)
{
    struct cport_op *op = list->first;
    if (op != NULL) {
        list->first = op->link;
        if (list->first == NULL) {
            list->last = NULL;
        }
    }
    return op;
}
