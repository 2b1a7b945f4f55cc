/* poll: hand the kernel the whole list of sockets at every wait, then look through all of it.
 *
 * No limit on the number of sockets, but every wait costs by all of them, ready or not. A thread
 * owns a list, a shard and its sessions; the first thread also accepts and hands connections out
 * in turn. */
#include "models/common/model_loop.h"
#include "models/common/waker.h"

#include <poll.h>
#include <stdlib.h>

/* The first places of a list are not connections. */
enum { SLOT_WAKE, SLOT_LISTENER, SLOT_CONNECTIONS, SLOTS_MIN = 64 };

struct conn {
    struct loop_conn base; /* first */
};

struct model_thread {
    struct loop_thread base; /* first */
    struct pollfd *entries;
    struct loop_conn **conns; /* of the same place in entries */
    uint32_t count;
    uint32_t count_max;
};

/* -------- open -------- */

static bool thread__grow(struct model_thread *thread)
{
    uint32_t count_max = thread->count_max == 0 ? SLOTS_MIN : thread->count_max * 2;
    struct pollfd *entries = realloc(thread->entries, count_max * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    thread->entries = entries;
    struct loop_conn **conns = realloc(thread->conns, count_max * sizeof *conns);
    if (conns == NULL) {
        return false;
    }
    thread->conns = conns;
    thread->count_max = count_max;
    return true;
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    if (!thread__grow(thread)) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    thread->entries[SLOT_WAKE] = (struct pollfd){.fd = (int)thread->base.waker, .events = POLLIN};
    thread->entries[SLOT_LISTENER] = (struct pollfd){.fd = -1}; /* negative: passed over */
    thread->count = SLOT_CONNECTIONS;
    return true;
}

/* -------- accept -------- */

static void thread__watch_listener(struct model_thread *thread, int64_t now_ns)
{
    bool wanted = loop_accepts(&thread->base, now_ns);
    thread->entries[SLOT_LISTENER].fd = wanted ? (int)thread->base.listener : -1;
    thread->entries[SLOT_LISTENER].events = POLLIN;
    thread->entries[SLOT_LISTENER].revents = 0;
}

static void thread__adopt(struct model_thread *thread, struct conn *adopted)
{
    struct loop_conn *conn = &adopted->base;
    if (thread->count == thread->count_max && !thread__grow(thread)) {
        session_fail(&conn->session, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    conn->slot = thread->count++;
    thread->conns[conn->slot] = conn;
    thread->entries[conn->slot] = (struct pollfd){.fd = (int)conn->handle, .events = POLLIN};
}

/* -------- readable, writable -------- */

static void thread__handle_conn(struct model_thread *thread, struct loop_conn *conn, short revents,
                                int64_t polled_ns)
{
    /* Errors and hang-ups are found by the read or write that they fail. */
    if (conn->wants_write && (revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
        loop_send(conn);
    }
    if (conn->wants_read && (revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
        loop_receive(&thread->base, conn, polled_ns);
    }
    if (!conn->wants_read && !conn->wants_write && (revents & (POLLERR | POLLHUP)) != 0) {
        session_fail(&conn->session, ERROR_KIND_RESET); /* POLLHUP cannot be masked */
    }
}

static void thread__handle(struct model_thread *thread, int ready_count, int64_t polled_ns)
{
    struct pollfd *entries = thread->entries;
    if (ready_count > 0 && entries[SLOT_WAKE].revents != 0) {
        waker_clear(thread->base.waker);
        ready_count--;
    }
    if (ready_count > 0 && entries[SLOT_LISTENER].revents != 0) {
        loop_accept(&thread->base, polled_ns);
        ready_count--;
    }
    for (uint32_t i = SLOT_CONNECTIONS; ready_count > 0 && i < thread->count; i++) {
        if (entries[i].revents != 0) {
            thread__handle_conn(thread, thread->conns[i], entries[i].revents, polled_ns);
            ready_count--;
        }
    }
}

/* -------- close -------- */

static void thread__remove(struct model_thread *thread, const struct loop_conn *conn)
{
    uint32_t last = --thread->count;
    thread->entries[conn->slot] = thread->entries[last];
    thread->conns[conn->slot] = thread->conns[last];
    thread->conns[conn->slot]->slot = conn->slot;
}

static void thread__advance(struct model_thread *thread, struct conn *advanced, int64_t now_ns)
{
    struct loop_conn *conn = &advanced->base;
    if (!loop_advance(conn, now_ns)) {
        if (conn->slot != 0) { /* 0: there was no place for it */
            thread__remove(thread, conn);
        }
        loop_free(conn);
        return;
    }
    thread->entries[conn->slot].events =
        (short)((conn->wants_read ? POLLIN : 0) | (conn->wants_write ? POLLOUT : 0));
}

/* -------- run -------- */

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    return poll(thread->entries, thread->count, loop_wait_ms(deadline_ns));
}

static void thread__close(struct model_thread *thread)
{
    free(thread->entries);
    free(thread->conns);
}

static const struct loop_model functions = {
    .io = "poll",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .finish = thread__watch_listener,
    .close = thread__close,
};

const struct model MODEL(poll) = {
    .name = "poll",
    .description = "readiness: the list of all sockets goes to the kernel at every wait",
    .kind = MODEL_REACTOR,
    LOOP_MODEL(&functions),
};
