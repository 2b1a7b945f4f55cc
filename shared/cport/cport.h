/* cport: a completion port. Submit operations, poll for their completions.
 *
 * One contract over three backends: IOCP (Windows), io_uring and epoll (Linux). tests/cport holds
 * each of them to it:
 *
 * - Exactly one completion per submit, failed starts and immediate successes included. Submits
 *   return nothing; every outcome arrives through cport_poll().
 * - cport_poll() returns a batch and never calls back. Completions of one socket's receives
 *   arrive in the order of the bytes.
 * - From submit to completion the operation, and what it points at, belongs to the port.
 *   cport_cancel() is a request: the operation still completes once, with whatever came first.
 * - cport_close() cancels everything on the socket and completes last; then, and only then,
 *   socket and operations may be reused or freed.
 * - Urgent data (MSG_OOB, RFC 6093) is data like any other, in its place in the stream.
 *
 * Threads: a port, its sockets and operations belong to one thread; cport_wake() alone may be
 * called from others. Lifetime: sockets must be closed (their closes completed) before
 * cport_destroy(). Nothing here allocates between cport_create() and cport_destroy(), except
 * that the IOCP backend grows its receive buffers with the number of simultaneously open sockets.
 */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "net/address.h"

struct cport; /* opaque */

enum cport_backend_kind {
    CPORT_BACKEND_DEFAULT, /* Windows: iocp. Linux: uring; epoll where that is forbidden, and for
                              busy_poll, which is faster over it */
    CPORT_BACKEND_IOCP,
    CPORT_BACKEND_URING,
    CPORT_BACKEND_EPOLL,
};

enum cport_result {
    CPORT_OK,
    CPORT_CANCELLED,         /* cport_cancel() or cport_close() came first */
    CPORT_REFUSED,           /* there is no listener */
    CPORT_RESET,             /* the peer (or an abortive close) reset the connection */
    CPORT_UNREACHABLE,       /* no route, network or host down */
    CPORT_TIMED_OUT,         /* the system's own time-out, not a deadline of ours */
    CPORT_ADDRESS_IN_USE,    /* the local address or 4-tuple is taken */
    CPORT_LOCAL_PORTS,       /* no ephemeral port left on this machine */
    CPORT_LOCAL_DESCRIPTORS, /* the descriptor or handle limit */
    CPORT_LOCAL_MEMORY,      /* no buffers or memory left in this system */
    CPORT_NOT_CONNECTED,     /* the socket is not (any longer) connected: EPIPE, ENOTCONN */
    CPORT_INVALID,           /* an argument the system would not take */
    CPORT_OTHER,             /* see system_error */
    CPORT_RESULT_COUNT
};

enum cport_op_type {
    CPORT_OP_NONE,
    CPORT_OP_ACCEPT,
    CPORT_OP_CONNECT,
    CPORT_OP_RECV,
    CPORT_OP_SEND,
    CPORT_OP_SHUTDOWN,
    CPORT_OP_CLOSE
};

enum cport_close_mode {
    CPORT_CLOSE_FIN, /* unsent bytes still go out, then FIN */
    CPORT_CLOSE_RST  /* SO_LINGER 0: bytes in the system are dropped, the peer sees a reset */
};

typedef intptr_t cport_handle; /* a descriptor or a SOCKET */
#define CPORT_HANDLE_NONE ((cport_handle)-1)

/* A socket of one port, embedded in the caller's connection. Zero-initialise. Private to the
 * port but for reading `handle`. */
struct cport_socket {
    cport_handle handle;
    uint32_t flags;
    uint32_t in_flight_count;
    struct cport_op *close_op;
    uintptr_t backend[6];
};

/* One operation, embedded in the caller's connection. Zero-initialise. The first
 * CPORT_OP_HOT_BYTES are what every operation touches. */
struct cport_op {
    void *owner; /* the caller's; the port never reads or writes it */
    /* Written by the port at submit. */
    struct cport_socket *socket;
    struct cport_op *link; /* private: the next one in a list of the port's */
    /* Written by the port before the operation comes out of cport_poll(). */
    const uint8_t *data;  /* receive: the bytes, valid until the next cport_poll() of this port */
    uint32_t bytes;       /* receive: 0 is the end of the stream; send: bytes taken, see there */
    int32_t system_error; /* errno or Winsock code; 0 when result is CPORT_OK */
    uint8_t type;         /* enum cport_op_type */
    uint8_t result;       /* enum cport_result */
    uint16_t state;       /* private */
    uint32_t flags;       /* private */
    uintptr_t backend[7]; /* private */
};
enum { CPORT_OP_HOT_BYTES = offsetof(struct cport_op, backend) };

/* An accept needs room for the addresses (AcceptEx writes them). */
struct cport_accept_op {
    struct cport_op op;
    cport_handle accepted;   /* with CPORT_OK: a connected socket, to be given to cport_adopt() of
                                any port */
    struct net_address peer; /* with CPORT_OK */
    uint64_t backend[16];    /* private; words, so that addresses are aligned */
};

/* How cport_poll() waits for its deadline, the finest first. */
enum cport_wait {
    CPORT_WAIT_UNKNOWN,
    CPORT_WAIT_NANOSECONDS,  /* the system takes them (io_uring; epoll_pwait2, Linux 5.11) */
    CPORT_WAIT_TIMER_PACKET, /* Windows: a high-resolution timer posts a packet */
    CPORT_WAIT_TIMER_APC,    /* Windows: such a timer calls a procedure */
    CPORT_WAIT_NAPS,         /* Wine: whole milliseconds, then short sleeps */
    CPORT_WAIT_YIELDS,       /* Windows: whole milliseconds, then awake */
    CPORT_WAIT_MILLISECONDS, /* whole ones, up to one too late */
    CPORT_WAITS
};

struct cport_stats {
    uint64_t polls;
    uint64_t syscalls;    /* of any kind made by the port's own thread */
    uint64_t completions; /* operations that came out of cport_poll() */
    uint64_t batch_max;
    uint64_t immediate; /* completed at submit, without waiting */
    uint64_t waited_ns; /* with times_waits: in cport_poll(), up to its deadline at most, asleep or
                           (busy_poll) polling without result */
    uint64_t wait;      /* enum cport_wait; of several ports the coarsest */
};

struct cport_options {
    enum cport_backend_kind backend;
    uint32_t sockets_max;       /* open at the same time, 1..1,000,000: sizes the queues */
    uint32_t recv_buffer_bytes; /* most bytes in one receive completion; 0: 4,096. At most 1 MiB */
    bool times_waits; /* keep stats.waited_ns and cport_last_poll_ns(): two readings of the clock
                         per wait, and submitting apart from waiting */
    bool busy_poll;   /* cport_poll() never sleeps: the lowest latency, for a whole CPU. It returns
                         after 20 us at the latest, so that the caller sees its mail */
};

/* Makes a port for the calling thread (it must also be the one that polls). NULL on failure.
 * With CPORT_BACKEND_DEFAULT a forbidden io_uring is not a failure: cport_fallback_reason() then
 * says in one line why epoll was taken. */
struct cport *cport_create(const struct cport_options *options, struct error *error);
void cport_destroy(struct cport *port);
/* Was this backend built for this system (it may still be forbidden)? */
bool cport_backend_exists(enum cport_backend_kind kind);
/* --io: "uring", "epoll", "iocp". False: there is no such backend on this system. */
bool cport_backend_parse(const char *name, enum cport_backend_kind *kind, struct error *error);
/* "iocp", "uring", "epoll". */
const char *cport_backend_name(const struct cport *port);
/* NULL, or "io_uring is not permitted here (...): using epoll". */
const char *cport_fallback_reason(const struct cport *port);
/* The clock of the port: clock_now_ns(), or that of a port with a separate one. */
int64_t cport_now_ns(const struct cport *port);
void cport_read_stats(const struct cport *port, struct cport_stats *stats);

/* Process-wide, before anything listens: from now on listeners share their port with others, of
 * this process or another of the same user, that do so too, and the system spreads the connections
 * among them (SO_REUSEPORT, Linux 3.9). False: this system has none. */
bool cport_share_ports(void);
/* Opens a listening socket, bound exclusively (a second process on the port fails); one on :: has
 * no IPv4 address, whatever the system presets (IPV6_V6ONLY, RFC 3493). Port 0 takes a free one:
 * ask with cport_local_address(). Synchronous: start-up only. */
bool cport_listen(struct cport *port, struct cport_socket *listener,
                  const struct net_address *address, int backlog, struct error *error);
/* Several may be in flight on one listener. */
void cport_accept(struct cport *port, struct cport_socket *listener, struct cport_accept_op *op);
/* Takes over an accepted handle, which may come from another thread's port. TCP_NODELAY is set
 * (on Linux it comes with the handle from cport_listen()). On failure the handle is closed; the
 * socket is to be closed like any other. */
enum cport_result cport_adopt(struct cport *port, struct cport_socket *socket, cport_handle handle);
/* Opens the socket and connects it. local may be NULL (the system chooses) or an address with
 * port 0. TCP_NODELAY is set. No deadline: cancel it with cport_cancel() or cport_close(). */
void cport_connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                   const struct net_address *remote, const struct net_address *local);
/* Receives what there is, at least one byte, into a buffer of the port: op->data, valid until the
 * next cport_poll(). At most one receive in flight per socket. An idle socket holds no buffer
 * (uring, epoll) or a small one (iocp: 512 bytes); a receive that fills it is followed by one of up
 * to recv_buffer_bytes. */
void cport_recv(struct cport *port, struct cport_socket *socket, struct cport_op *op);
/* Gathers 1..CPORT_SPANS_MAX spans, at least one byte in all; array and bytes stay in place until
 * completion. With CPORT_OK between one byte and all of them were taken: send the rest again. With
 * another result op->bytes says what had been taken until then. At most one send in flight per
 * socket. */
enum { CPORT_SPANS_MAX = 16 };
void cport_send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                const struct span *spans, int spans_count);
/* Shuts down the sending half: the peer reads the end of the stream. No send may be in flight. */
void cport_shutdown(struct cport *port, struct cport_socket *socket, struct cport_op *op);
/* Asks for an operation in flight to end. Harmless when it has completed and not been polled. */
void cport_cancel(struct cport *port, struct cport_op *op);
/* Closes. Valid for every socket that was given to listen, connect or adopt, also when that
 * failed. Once per socket; nothing may be submitted on the socket after it. */
void cport_close(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                 enum cport_close_mode mode);

/* Submits what is queued and waits until at least one operation has completed, the deadline (on
 * the port's clock; in the past: do not wait) has come, or cport_wake() was called. Returns the
 * number of completions written, 0..completions_max. May return 0 early; look at the clock. */
int cport_poll(struct cport *port, struct cport_op **completions, int completions_max,
               int64_t deadline_ns);
/* With times_waits: the time at which the last poll read the completions. Later ones are returned
 * by the next poll, so the time from here to its return, less what it waited, bounds how long a
 * completion was pending. */
int64_t cport_last_poll_ns(const struct cport *port);
/* Has the last poll returned all that had arrived before it was called, as far as operations had
 * been submitted for it? */
bool cport_is_drained(const struct cport *port);
/* Hands what has been submitted to the system now instead of with the next poll, so that the clock
 * may be read closer to the system call. Nothing where a submit is a system call anyway. */
void cport_submit(struct cport *port);
/* Any thread, any time between create and destroy: the next, or current, poll returns soon.
 * Several wakes before it may fold into one. */
void cport_wake(struct cport *port);

/* Addresses of a connected or listening socket; unset (bytes_count 0) where the system has none. */
void cport_local_address(const struct cport *port, const struct cport_socket *socket,
                         struct net_address *address);

/* "nanoseconds", "timer packet", ... as in results. */
const char *cport_wait_text(enum cport_wait wait);
/* The unit in which such a wait is asked of the system; 0: not known. */
int64_t cport_wait_unit_ns(enum cport_wait wait);
/* True for results that say that this machine, not the peer, was the limit. */
bool cport_result_is_local(enum cport_result result);
