/* The epoll backend's own types, shared by its two halves: submitting (epoll.c) and
 * completing (poll.c).
 *
 * Private to the epoll backend; one thread but for the waker. */
#ifndef DUMMYLOAD_CPORT_CPORT_EPOLL_H
#define DUMMYLOAD_CPORT_CPORT_EPOLL_H

#include "cport/backend.h"
#include "cport/linux/socket.h"
#include "cport/linux/waker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

enum { EPOLL_EVENTS_MAX = 256 };

/* Places in cport_socket.backend. NEXT and PREVIOUS link the list of ready sockets. */
enum {
    EPOLL_SLOT_RECV,
    EPOLL_SLOT_OTHER, /* a send or a connect */
    EPOLL_SLOT_ACCEPT_FIRST,
    EPOLL_SLOT_ACCEPT_LAST,
    EPOLL_SLOT_NEXT,
    EPOLL_SLOT_PREVIOUS
};

/* cport_socket.flags */
enum {
    EPOLL_SOCKET_READABLE = 1, /* as far as known */
    EPOLL_SOCKET_WRITABLE = 2,
    EPOLL_SOCKET_ENDED = 4, /* the peer has closed or reset: there is an end to be read */
    EPOLL_SOCKET_LISTED = 8,
    EPOLL_SOCKET_LISTENER = 16,
    EPOLL_SOCKET_DIRECT = 32 /* not registered: tried in every poll, and READABLE all the while */
};

/* A port that never sleeps asks so many sockets directly: their bytes are seen sooner than the
 * kernel could report them. It asks for events in every so many polls only. */
enum { EPOLL_DIRECT_MAX = 8, EPOLL_DIRECT_TURNS = 8 };

/* Places in cport_op.backend of a send. */
enum { EPOLL_SEND_SPANS, EPOLL_SEND_SPANS_COUNT };

struct epoll_port {
    struct cport base;
    int fd;
    struct cport_waker waker;
    struct cport_op_list finished;
    struct cport_socket *ready_first;
    struct cport_socket *ready_last;
    uint8_t *arena;
    size_t arena_bytes;
    uint32_t recv_buffer_bytes;
    bool looked; /* the last poll asked the kernel */
    bool busy_poll;
    uint32_t direct_count;
    uint32_t direct_turns; /* polls since the kernel was asked for events */
    bool coarse;           /* no epoll_pwait2() here: waits are rounded up to milliseconds */
    struct epoll_event events[EPOLL_EVENTS_MAX];
};

static inline struct epoll_port *epoll_port_of(struct cport *port)
{
    return (struct epoll_port *)port;
}

static inline void epoll_finish(struct epoll_port *epoll, struct cport_op *op, int system_error)
{
    cport_op_finish(op, cport_result_from_errno(system_error), system_error);
    cport_op_list_push(&epoll->finished, op);
}

/* Registers for what a socket of data can report; 0 or errno. */
int epoll_register(struct epoll_port *epoll, struct cport_socket *socket);
/* A connected socket that is not registered: makes it a direct one if the port has such and may
 * have one more. */
bool epoll_make_direct(struct epoll_port *epoll, struct cport_socket *socket);
/* The list of sockets with something to try inside a poll; both do nothing when it is so. */
void epoll_list(struct epoll_port *epoll, struct cport_socket *socket);
void epoll_unlist(struct epoll_port *epoll, struct cport_socket *socket);
/* Takes an accept out of its listener's list. */
void epoll_remove_accept(struct cport_socket *listener, struct cport_op *op);
/* True when the send has an outcome; false: the socket takes nothing now. */
bool epoll_try_send(struct epoll_port *epoll, struct cport_op *op, int *system_error);
int epoll_poll(struct cport *port, struct cport_op **completions, int completions_max,
               int64_t deadline_ns);

#endif
