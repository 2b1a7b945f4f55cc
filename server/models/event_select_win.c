/* event-select: WSAEventSelect. Every socket has an event; a thread waits for its events, then asks
 * each that is set what has happened to its socket.
 *
 * A wait takes 64 events at most (WSA_MAXIMUM_WAIT_EVENTS). Two are our own, so a thread serves 62
 * sessions, and further threads are started when all are full. The system reports an event once:
 * "readable" again only after a receive, "writable" again only after a send that blocked, "closed"
 * never again. Reported events must be remembered until they are handled. A thread owns its events,
 * a shard and its sessions; the first one also accepts and hands connections out. */
#include "models/common/model_loop.h"
#include "models/common/winsock_win.h"

#include <winsock2.h>

/* The first places of a list are not connections. */
enum {
    SLOT_WAKE,
    SLOT_LISTENER, /* never set in a thread that does not accept */
    SLOT_CONNECTIONS,
    SLOTS_MAX = WSA_MAXIMUM_WAIT_EVENTS,
    SESSIONS_MAX = SLOTS_MAX - SLOT_CONNECTIONS
};

struct conn {
    struct loop_conn base; /* first */
    struct winsock_reported reported;
};

struct model_thread {
    struct loop_thread base; /* first */
    WSAEVENT events[SLOTS_MAX];
    struct conn *conns[SLOTS_MAX]; /* of the same place in events */
    DWORD count;
    DWORD set[SLOTS_MAX]; /* the places whose events the wait has found set */
};

/* -------- open -------- */

static void thread__wake(struct model_thread *thread)
{
    WSASetEvent(thread->events[SLOT_WAKE]);
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    while (thread->count < SLOT_CONNECTIONS) {
        if (!winsock_event_open(&thread->events[thread->count], error)) {
            return false;
        }
        thread->count++;
    }
    return true;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    return winsock_listener_watch(&thread->base, thread->events[SLOT_LISTENER], error);
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    struct loop_conn *base = &conn->base;
    WSAEVENT event = WSACreateEvent();
    /* Input that has arrived already is reported, too; but under Wine not that the peer has closed.
     * So one receive is tried first. */
    conn->reported.readable = true;
    if (event == WSA_INVALID_EVENT ||
        WSAEventSelect((SOCKET)base->handle, event, FD_READ | FD_WRITE | FD_CLOSE) != 0) {
        if (event != WSA_INVALID_EVENT) {
            WSACloseEvent(event);
        }
        session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    base->slot = thread->count++; /* there is room: a thread gets SESSIONS_MAX at most */
    thread->events[base->slot] = event;
    thread->conns[base->slot] = conn;
}

/* -------- readable, writable -------- */

/* The event of a place is set: asks what has happened. */
static void thread__handle_slot(struct model_thread *thread, DWORD slot, int64_t polled_ns)
{
    if (slot == SLOT_WAKE) {
        WSAResetEvent(thread->events[SLOT_WAKE]);
        return;
    }
    if (slot == SLOT_LISTENER) {
        winsock_listener_accept(&thread->base, thread->events[SLOT_LISTENER], polled_ns);
        return;
    }
    struct conn *conn = thread->conns[slot];
    WSANETWORKEVENTS network;
    thread->base.recorder->port.syscalls++;
    /* Reads what is reported and resets the event in one call. */
    if (WSAEnumNetworkEvents((SOCKET)conn->base.handle, thread->events[slot], &network) != 0) {
        session_fail(&conn->base.session, ERROR_KIND_OTHER);
        return;
    }
    if ((network.lNetworkEvents & FD_CLOSE) != 0) {
        conn->reported.closed = true;
        if (network.iErrorCode[FD_CLOSE_BIT] != 0) {
            session_fail(&conn->base.session, ERROR_KIND_RESET);
            return;
        }
    }
    if ((network.lNetworkEvents & (FD_READ | FD_CLOSE)) != 0) {
        conn->reported.readable = true;
    }
    if ((network.lNetworkEvents & FD_WRITE) != 0 && conn->base.wants_write) {
        loop_send(&conn->base);
    }
    winsock_receive_reported(&thread->base, &conn->base, &conn->reported, polled_ns);
}

static void thread__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    for (int i = 0; i < count; i++) {
        thread__handle_slot(thread, thread->set[i], polled_ns);
    }
    if (thread->base.look_ns != 0 && polled_ns >= thread->base.look_ns) {
        winsock_listener_accept(&thread->base, thread->events[SLOT_LISTENER], polled_ns);
    }
}

/* -------- close -------- */

static void thread__remove(struct model_thread *thread, const struct loop_conn *base)
{
    DWORD last = --thread->count;
    WSACloseEvent(thread->events[base->slot]);
    thread->events[base->slot] = thread->events[last];
    thread->conns[base->slot] = thread->conns[last];
    thread->conns[base->slot]->base.slot = base->slot;
}

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    if (!loop_advance(&conn->base, now_ns)) {
        if (conn->base.slot != 0) { /* 0: it got no event */
            thread__remove(thread, &conn->base);
        }
        loop_free(&conn->base);
        return;
    }
    if (conn->reported.readable && conn->base.wants_read) {
        /* Reported while it was not to be read, or closed: it is not reported again. */
        WSASetEvent(thread->events[conn->base.slot]);
    }
}

/* -------- run -------- */

/* Waits, then looks through all events: a wait names only the first one that is set, and to serve
 * that one alone would starve those behind it. Returns how many are set, and which. */
static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    DWORD wait_ms = (DWORD)loop_wait_ms(deadline_ns);
    DWORD first = 0;
    int set_count = 0;
    while (first < thread->count) {
        DWORD rest = thread->count - first;
        DWORD got = WSAWaitForMultipleEvents(rest, &thread->events[first], FALSE, wait_ms, FALSE);
        if (got == WSA_WAIT_FAILED) {
            return -1; /* those found before stay set */
        }
        if (got >= WSA_WAIT_EVENT_0 + rest) {
            break; /* no further one is set */
        }
        thread->base.recorder->port.syscalls++;
        thread->set[set_count++] = first + got - WSA_WAIT_EVENT_0;
        first += got - WSA_WAIT_EVENT_0 + 1;
        wait_ms = 0;
    }
    return set_count;
}

static void thread__close(struct model_thread *thread)
{
    while (thread->count > 0) {
        WSACloseEvent(thread->events[--thread->count]);
    }
}

static const struct loop_model functions = {
    .io = "event-select",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .wake = thread__wake,
    .close = thread__close,
};

const struct model MODEL(event_select) = {
    .name = "event-select",
    .description = "readiness: WSAEventSelect, an event per socket, 64 events per wait",
    .kind = MODEL_REACTOR,
    .sessions_per_thread_max = SESSIONS_MAX,
    LOOP_MODEL(&functions),
};
