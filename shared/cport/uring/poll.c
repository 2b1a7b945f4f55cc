/* The completing half of the io_uring backend. */
#include "cport/uring/uring.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prefetch.h"
#include "cport/linux/socket.h"

#include <errno.h>
#include <string.h>

/* Hands a receive of one of the lists to the kernel, or ends it where it was cancelled there. */
static void uring__pass_recv(struct uring_port *uring, struct cport_op *op)
{
    if ((op->flags & URING_OP_CANCELLED) == 0) {
        uring_submit_recv(uring, op);
        return;
    }
    struct cport_socket *socket = op->socket;
    socket->backend[URING_SLOT_RECV] = 0;
    cport_op_finish(op, CPORT_CANCELLED, ECANCELED);
    cport_op_list_push(&uring->finished, op);
    if (socket->close_op != NULL && socket->in_flight_count == 0) {
        uring_close_step(uring, socket->close_op, false);
    }
}

/* Of the receives that found no buffer, at most count. */
static void uring__feed_starved(struct uring_port *uring, uint32_t count)
{
    for (uint32_t i = 0; i < count && uring->starved.first != NULL; i++) {
        struct cport_op *op = cport_op_list_pop(&uring->starved);
        op->socket->flags &= ~(uint32_t)URING_SOCKET_EMPTY;
        uring__pass_recv(uring, op);
    }
}

/* With so many completions to be handed out no more is received: what came later would wait for its
 * turn in the ring, holding a buffer, instead of in its socket, and the completion of a send behind
 * it, until nothing of its connection is in the cache any more. */
enum { URING_BACKLOG_MAX = 512 };

/* A receive asked for together with a send waits for one poll: the send leaves first, and when many
 * sockets are busy the answer is there by then. Taking it at once costs the kernel less than
 * waiting for it: no poll to arm, no wake-up. The poll does not sleep meanwhile. */
static void uring__pass_receives(struct uring_port *uring)
{
    uint32_t ready = io_uring_cq_ready(&uring->ring);
    uint32_t room = ready < URING_BACKLOG_MAX ? URING_BACKLOG_MAX - ready : 0;
    for (; room > 0 && uring->held.first != NULL; room--) {
        struct cport_op *op = cport_op_list_pop(&uring->held);
        op->socket->flags &= ~(uint32_t)URING_SOCKET_EMPTY;
        uring__pass_recv(uring, op);
    }
    for (struct cport_op *op; (op = cport_op_list_pop(&uring->receives)) != NULL;) {
        if (room == 0 || op->socket->backend[URING_SLOT_OTHER] != 0) {
            uring_list_recv(&uring->held, op);
        } else {
            uring__pass_recv(uring, op);
            room--;
        }
    }
}

/* False: the receive found no buffer and stays in flight. */
static bool uring__complete_recv(struct uring_port *uring, struct cport_op *op,
                                 const struct io_uring_cqe *cqe)
{
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        op->data = uring_buffers_take(&uring->buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    }
    if (cqe->res >= 0) {
        op->bytes = (uint32_t)cqe->res;
        if ((cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0) {
            op->socket->flags &= ~(uint32_t)URING_SOCKET_EMPTY;
        } else {
            op->socket->flags |= URING_SOCKET_EMPTY;
        }
        return true;
    }
    if (cqe->res != -ENOBUFS && cqe->res != -EINTR && cqe->res != -EAGAIN) {
        return true;
    }
    uring_list_recv(&uring->starved, op);
    return false;
}

static void uring__complete_accept(struct cport_op *op, int handle)
{
    struct cport_accept_op *accept_op = (struct cport_accept_op *)op;
    struct uring_accept *accept = (struct uring_accept *)(void *)accept_op->backend;
    accept_op->accepted = handle;
    accept_op->peer.bytes_count = (uint16_t)accept->peer_bytes;
    memcpy(accept_op->peer.bytes, &accept->peer, sizeof accept_op->peer.bytes);
}

/* The operation to hand out, or NULL when the entry ends none. */
static struct cport_op *uring__complete(struct uring_port *uring, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data <= URING_DATA_WAKER) {
        if (cqe->user_data == URING_DATA_WAKER) {
            uring_arm_waker(uring);
        }
        return NULL;
    }
    struct cport_op *op = (struct cport_op *)(uintptr_t)cqe->user_data;
    struct cport_socket *socket = op->socket;
    switch (op->type) {
    case CPORT_OP_RECV:
        if (!uring__complete_recv(uring, op, cqe)) {
            return NULL;
        }
        socket->backend[URING_SLOT_RECV] = 0;
        break;
    case CPORT_OP_SEND:
        op->bytes = cqe->res >= 0 ? (uint32_t)cqe->res : 0;
        socket->backend[URING_SLOT_OTHER] = 0;
        break;
    case CPORT_OP_CONNECT:
        socket->backend[URING_SLOT_OTHER] = 0;
        break;
    case CPORT_OP_ACCEPT:
        if (cqe->res >= 0) {
            uring__complete_accept(op, cqe->res);
        }
        break;
    default: /* a close: nothing else can be known of it */
        socket->handle = CPORT_HANDLE_NONE;
        break;
    }
    int system_error = cqe->res < 0 ? -cqe->res : 0;
    cport_op_finish(op, system_error == 0 ? CPORT_OK : cport_result_from_errno(system_error),
                    system_error);
    if (socket->close_op != NULL && socket->close_op != op && socket->in_flight_count == 0) {
        uring_close_step(uring, socket->close_op, false);
    }
    return op;
}

/* So few entries take no time worth a system call of their own. */
enum { URING_ENTRIES_FEW = 4 };

static void uring__submit_and_look(struct uring_port *uring)
{
    uring->base.stats.syscalls++;
    int result = io_uring_submit_and_get_events(&uring->ring);
    must(result != -EEXIST);
}

/* One system call: submits everything, and waits when there is reason to. Where the wait is timed
 * it comes apart, and only if the submitting has brought nothing: sends complete at once, so a busy
 * port still makes one call, and the time the calls below it take is never taken for waiting. */
static void uring__enter(struct uring_port *uring, bool wait, int64_t deadline_ns)
{
    struct cport *port = &uring->base;
    wait = wait && deadline_ns > 0 && io_uring_cq_ready(&uring->ring) == 0;
    if (wait && port->times_waits && io_uring_sq_ready(&uring->ring) > URING_ENTRIES_FEW) {
        uring__submit_and_look(uring);
        if (io_uring_cq_ready(&uring->ring) > 0) {
            port->looked_ns = clock_now_ns();
            return;
        }
    }
    int64_t left_ns = 0;
    int64_t from_ns = deadline_ns;
    if (wait) {
        from_ns = clock_now_ns();
        left_ns = deadline_ns == TIME_NEVER_NS ? TIME_NEVER_NS : deadline_ns - from_ns;
    }
    int result;
    port->stats.syscalls++;
    if (left_ns > 0 && cport_waker_may_sleep(&uring->waker)) {
        struct io_uring_cqe *cqe;
        struct __kernel_timespec left = {.tv_sec = left_ns / NS_PER_S,
                                         .tv_nsec = left_ns % NS_PER_S};
        result = io_uring_submit_and_wait_timeout(
            &uring->ring, &cqe, 1, deadline_ns == TIME_NEVER_NS ? NULL : &left, NULL);
    } else {
        from_ns = deadline_ns;
        result = io_uring_submit_and_get_events(&uring->ring);
    }
    must(result != -EEXIST); /* a port is used by the thread that made it */
    /* Other errors (a signal, the time, no memory just now) leave the rest for the next poll. */
    if (port->times_waits) {
        cport_note_wait(port, from_ns, clock_now_ns(), deadline_ns);
    }
}

/* So many completions before its turn an operation is fetched into the cache. (Past the last entry
 * there are old ones: harmless.) */
enum { URING_AHEAD = 4 };

static int uring__reap(struct uring_port *uring, struct cport_op **completions, int completions_max)
{
    const unsigned mask = uring->ring.cq.ring_mask;
    int count = 0;
    unsigned head;
    unsigned seen = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (count == completions_max) {
            break;
        }
        seen++;
        const struct io_uring_cqe *soon = &uring->ring.cq.cqes[(head + URING_AHEAD) & mask];
        prefetch((const void *)(uintptr_t)soon->user_data, CPORT_OP_HOT_BYTES);
        struct cport_op *op = uring__complete(uring, cqe);
        if (op != NULL) {
            completions[count++] = op;
        }
    }
    io_uring_cq_advance(&uring->ring, seen);
    return count;
}

/* Completions that the kernel has not written yet: it works off some 20 of those that were put off
 * until our call, and says when more are left (IORING_SETUP_TASKRUN_FLAG, 5.19). */
static bool uring__has_work(const struct uring_port *uring)
{
    return (IO_URING_READ_ONCE(*uring->ring.sq.kflags) &
            (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

int uring_poll(struct cport *port, struct cport_op **completions, int completions_max,
               int64_t deadline_ns)
{
    struct uring_port *uring = uring_port_of(port);
    uint32_t returned_count = uring_buffers_give_back(&uring->buffers);
    if (uring->starved.first != NULL) {
        /* One at least, so that they all get their turn although others take the buffers. */
        uint32_t count = returned_count + uring_buffers_grow(&uring->buffers);
        uring__feed_starved(uring, count > 0 ? count : 1);
    }
    if (uring->closing.first != NULL) {
        struct cport_op_list again = uring->closing;
        uring->closing = (struct cport_op_list){NULL, NULL};
        for (struct cport_op *op; (op = cport_op_list_pop(&again)) != NULL;) {
            op->flags &= ~(uint32_t)URING_OP_LISTED;
            uring_close_step(uring, op, true);
        }
    }
    uring__pass_receives(uring);
    if (!uring->waker_armed) {
        uring_arm_waker(uring);
    }
    int count = 0;
    while (count < completions_max && uring->finished.first != NULL) {
        completions[count++] = cport_op_list_pop(&uring->finished);
    }
    bool wait = count == 0 && uring->held.first == NULL && uring->starved.first == NULL &&
                uring->closing.first == NULL;
    uring__enter(uring, wait, deadline_ns);
    count += uring__reap(uring, completions + count, completions_max - count);
    port->drained = !uring__has_work(uring) && io_uring_cq_ready(&uring->ring) == 0 &&
                    uring->finished.first == NULL && uring->held.first == NULL &&
                    uring->starved.first == NULL;
    cport_waker_awake(&uring->waker);
    return count;
}

/* Sends are carried out inside the call; what it completes comes out of the next poll. */
void uring_submit(struct cport *port)
{
    struct uring_port *uring = uring_port_of(port);
    if (io_uring_sq_ready(&uring->ring) > 0) {
        port->stats.syscalls++;
        int result = io_uring_submit(&uring->ring);
        must(result != -EEXIST); /* other errors leave the rest for the next poll */
    }
}
