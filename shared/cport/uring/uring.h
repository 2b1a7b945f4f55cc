/* The io_uring backend's own types, shared by its two halves: submitting (uring.c) and
 * completing (poll.c).
 *
 * Private to the uring backend; one thread but for the waker. */
#ifndef DUMMYLOAD_CPORT_CPORT_URING_H
#define DUMMYLOAD_CPORT_CPORT_URING_H

#include "cport/backend.h"
#include "cport/linux/waker.h"
#include "cport/uring/buffers.h"

#include <liburing.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* user_data of entries that are no operations; no operation has such an address. */
enum { URING_DATA_IGNORE = 0, URING_DATA_WAKER = 1 };

/* Places in cport_socket.backend: the operations in flight, for cancelling them one by one. By
 * descriptor the kernel would walk through everything in flight, for each socket again. */
enum { URING_SLOT_RECV, URING_SLOT_OTHER };

/* cport_socket.flags */
enum {
    URING_SOCKET_LISTENER = 1,
    URING_SOCKET_EMPTY = 2, /* the last receive left nothing behind */
};

/* cport_op.flags */
enum {
    URING_OP_LISTED = 1,   /* a receive, a close: in one of the port's lists, not in the kernel */
    URING_OP_CANCELLED = 2 /* a receive: it must not go there (again) */
};

struct uring_port {
    struct cport base;
    struct io_uring ring;
    struct uring_buffers buffers;
    struct cport_op_list finished; /* at submit; handed out by the next poll */
    struct cport_op_list receives; /* asked for since the last poll */
    struct cport_op_list held;     /* receives whose socket was sending, for the next poll */
    struct cport_op_list starved;  /* receives that found no buffer, to be submitted again */
    struct cport_op_list closing;  /* closes that found no room in the ring */
    struct cport_waker waker;
    uint64_t waker_value;
    bool waker_armed;
};

/* What an accept keeps while in flight. */
struct uring_accept {
    struct sockaddr_in6 peer;
    socklen_t peer_bytes;
};

static inline struct uring_port *uring_port_of(struct cport *port)
{
    return (struct uring_port *)port;
}

/* An empty entry of the submission ring; NULL when it is full and the kernel takes nothing. */
struct io_uring_sqe *uring_sqe(struct uring_port *uring);
/* Begins the read that ends a wait. */
void uring_arm_waker(struct uring_port *uring);
/* Puts a receive into one of the port's lists, and from there into the ring. */
void uring_list_recv(struct cport_op_list *list, struct cport_op *op);
void uring_submit_recv(struct uring_port *uring, struct cport_op *op);
/* Goes on with a close: cancels, or waits for the last completion, or closes. To be called again
 * whenever one of these may have changed. */
void uring_close_step(struct uring_port *uring, struct cport_op *op, bool cancel);
void uring_submit(struct cport *port);
int uring_poll(struct cport *port, struct cport_op **completions, int completions_max,
               int64_t deadline_ns);

#endif
