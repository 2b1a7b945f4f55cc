/* event-select: WSAEventSelect. Every socket has an event; a thread waits for its events, then asks
 * each that is set what has happened to its socket.
 *
 * A wait takes 64 events at most (WSA_MAXIMUM_WAIT_EVENTS). Two are our own, so a thread serves 62
 * sessions, and further threads are started when all are full. The system tells an event once:
 * "readable" again only after a receive, "writable" again only after a send that blocked, "closed"
 * never again. What was told and is not dealt with yet must be remembered. A thread owns its
 * events, a shard and its sessions; the first one also accepts and hands connections out. */
#include "models/common/model_loop.h"

#include "core/clock.h"

#include <winsock2.h>

/* The first places of a list are not connections. */
enum {
    SLOT_WAKE,
    SLOT_LISTENER, /* never set in a thread that does not accept */
    SLOT_CONNECTIONS,
    SLOTS_MAX = WSA_MAXIMUM_WAIT_EVENTS,
    SESSIONS_MAX = SLOTS_MAX - SLOT_CONNECTIONS
};

/* After an accept that has found nothing Wine tells of no connection any more until one has been
 * accepted: so then the listener is looked at by the clock. */
#define LISTENER_LOOK_NS (10 * NS_PER_MS)

struct conn {
    struct loop_conn base; /* first */
    bool readable;         /* told, and not yet read until nothing was left */
    bool closed;           /* told: behind what is still to be read comes nothing */
};

struct model_thread {
    struct loop_thread base; /* first */
    WSAEVENT events[SLOTS_MAX];
    struct conn *conns[SLOTS_MAX]; /* of the same place in events */
    DWORD count;
    int64_t listener_look_ns; /* 0, or: when to look at the listener without being told */
};

/* -------- open -------- */

static void thread__wake(struct loop_thread *base)
{
    struct model_thread *thread = (struct model_thread *)base;
    WSASetEvent(thread->events[SLOT_WAKE]);
}

static bool event_select__open(struct server *server, struct error *error)
{
    if (!loop_group_open(server, sizeof(struct model_thread), thread__wake, error)) {
        return false;
    }
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        while (thread->count < SLOT_CONNECTIONS) {
            WSAEVENT event = WSACreateEvent();
            if (event == WSA_INVALID_EVENT) {
                error_set(error, "cannot make an event: %s", error_system_text(WSAGetLastError()));
                return false;
            }
            thread->events[thread->count++] = event;
        }
    }
    server_set_io(server, "event-select", NULL);
    return true;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    if (thread->base.index != 0) {
        return true;
    }
    if (!loop_listen(&thread->base, error)) {
        return false;
    }
    if (WSAEventSelect((SOCKET)thread->base.listener, thread->events[SLOT_LISTENER], FD_ACCEPT) !=
        0) {
        error_set(error, "cannot wait for the listener: %s", error_system_text(WSAGetLastError()));
        return false;
    }
    return true;
}

/* -------- accept -------- */

static void thread__accept(struct model_thread *thread, int64_t now_ns)
{
    WSANETWORKEVENTS told;
    int found = 0;
    if (loop_accepts(&thread->base, now_ns)) {
        /* Before accepting: what comes meanwhile sets the event again, and so does accepting while
         * more wait. */
        WSAEnumNetworkEvents((SOCKET)thread->base.listener, thread->events[SLOT_LISTENER], &told);
        found = loop_accept(&thread->base, now_ns);
    } else {
        WSAResetEvent(thread->events[SLOT_LISTENER]); /* paused, or closed */
    }
    bool again = thread->base.listener != CPORT_HANDLE_NONE &&
                 (found == 0 || thread->base.accept_resume_ns != 0);
    thread->listener_look_ns = again ? now_ns + LISTENER_LOOK_NS : 0;
}

static void thread__adopt(struct model_thread *thread, int64_t now_ns)
{
    struct loop_conn *base;
    while ((base = loop_take(&thread->base, sizeof(struct conn), now_ns)) != NULL) {
        WSAEVENT event = WSACreateEvent();
        /* What has come already is told, too; but under Wine not that the peer has left. So one
         * receive is tried unasked. */
        ((struct conn *)base)->readable = true;
        if (event == WSA_INVALID_EVENT ||
            WSAEventSelect((SOCKET)base->handle, event, FD_READ | FD_WRITE | FD_CLOSE) != 0) {
            if (event != WSA_INVALID_EVENT) {
                WSACloseEvent(event);
            }
            session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
            continue;
        }
        base->slot = thread->count++; /* there is room: no more than SESSIONS_MAX are given us */
        thread->events[base->slot] = event;
        thread->conns[base->slot] = (struct conn *)base;
    }
}

/* -------- readable -------- */

static void conn__receive(struct model_thread *thread, struct conn *conn, int64_t polled_ns)
{
    struct loop_conn *base = &conn->base;
    if (loop_receive(&thread->base, base, polled_ns) == STREAM_BLOCKED) {
        conn->readable = false; /* told again when more comes */
        if (conn->closed) {
            session_receive_end(&base->session, polled_ns); /* no more will come */
        }
    } else if (!conn->closed) {
        conn->readable = false; /* what is left was told anew by the receive */
    }
}

/* -------- writable -------- */

/* The event of a place is set: asks what has happened. */
static void thread__handle(struct model_thread *thread, DWORD slot, int64_t polled_ns)
{
    if (slot == SLOT_WAKE) {
        WSAResetEvent(thread->events[SLOT_WAKE]);
        return;
    }
    if (slot == SLOT_LISTENER) {
        thread__accept(thread, polled_ns);
        return;
    }
    struct conn *conn = thread->conns[slot];
    WSANETWORKEVENTS told;
    thread->base.recorder->port.syscalls++;
    /* Takes what is told and resets the event, in one. */
    if (WSAEnumNetworkEvents((SOCKET)conn->base.handle, thread->events[slot], &told) != 0) {
        session_fail(&conn->base.session, ERROR_KIND_OTHER);
        return;
    }
    if ((told.lNetworkEvents & FD_CLOSE) != 0) {
        conn->closed = true;
        if (told.iErrorCode[FD_CLOSE_BIT] != 0) {
            session_fail(&conn->base.session, ERROR_KIND_RESET);
            return;
        }
    }
    if ((told.lNetworkEvents & (FD_READ | FD_CLOSE)) != 0) {
        conn->readable = true;
    }
    if ((told.lNetworkEvents & FD_WRITE) != 0 && conn->base.wants_write) {
        loop_send(&conn->base);
    }
    if (conn->readable && conn->base.wants_read) {
        conn__receive(thread, conn, polled_ns);
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
    if (conn->readable && conn->base.wants_read) {
        /* Told while it was not to be read, or closed: nobody tells it again. */
        WSASetEvent(thread->events[conn->base.slot]);
    }
}

/* -------- run -------- */

/* Waits, then looks through all events: a wait names only the first one that is set, and to serve
 * that one alone would starve those behind it. Returns how many are set, and which. */
static int thread__wait(struct model_thread *thread, int64_t deadline_ns, DWORD set[SLOTS_MAX])
{
    DWORD wait_ms = (DWORD)loop_wait_ms(deadline_ns);
    DWORD first = 0;
    int set_count = 0;
    while (first < thread->count) {
        DWORD rest = thread->count - first;
        DWORD got = WSAWaitForMultipleEvents(rest, &thread->events[first], FALSE, wait_ms, FALSE);
        if (got >= WSA_WAIT_EVENT_0 + rest) {
            break; /* no further one is set */
        }
        thread->base.recorder->port.syscalls++;
        set[set_count++] = first + got - WSA_WAIT_EVENT_0;
        first += got - WSA_WAIT_EVENT_0 + 1;
        wait_ms = 0;
    }
    return set_count;
}

static int64_t thread__turn(struct model_thread *thread, const DWORD *set, int set_count)
{
    const int64_t polled_ns = clock_now_ns();
    struct loop_conn *base;
    loop_begin_turn(&thread->base, set_count);
    for (int i = 0; i < set_count; i++) {
        thread__handle(thread, set[i], polled_ns);
    }
    if (thread->listener_look_ns != 0 && polled_ns >= thread->listener_look_ns) {
        thread__accept(thread, polled_ns);
    }
    thread__adopt(thread, polled_ns);
    int64_t now_ns = loop_finish_turn(&thread->base);
    while ((base = loop_next_dirty(&thread->base, &now_ns)) != NULL) {
        thread__advance(thread, (struct conn *)base, now_ns);
    }
    int64_t deadline_ns = loop_end_turn(&thread->base, now_ns);
    int64_t look_ns = thread->listener_look_ns;
    return look_ns != 0 && look_ns < deadline_ns ? look_ns : deadline_ns;
}

static void event_select__run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct model_thread *thread = (struct model_thread *)group->all[index];
    DWORD set[SLOTS_MAX];
    struct error error;
    if (!thread__open(thread, &error)) {
        loop_thread_failed(&thread->base, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    while (!loop_is_over(&thread->base)) {
        int set_count = thread__wait(thread, deadline_ns, set);
        deadline_ns = thread__turn(thread, set, set_count);
    }
}

static void event_select__close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        while (thread != NULL && thread->count > 0) {
            WSACloseEvent(thread->events[--thread->count]);
        }
    }
    loop_group_close(server);
}

const struct model MODEL(event_select) = {
    .name = "event-select",
    .description = "readiness: WSAEventSelect, an event per socket, 64 events per wait",
    .kind = MODEL_REACTOR,
    .sessions_per_thread_max = SESSIONS_MAX,
    .open = event_select__open,
    .run = event_select__run,
    .wake = loop_group_wake,
    .close = event_select__close,
};
