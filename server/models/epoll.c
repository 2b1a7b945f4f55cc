/* epoll: wait until the kernel says which sockets are ready, then read and write them.
 *
 * Interest is registered once per socket and kept in the kernel; a wait costs by the number of
 * ready sockets, not of all sockets. Level-triggered: what was not read or written now is reported
 * again. A thread owns an epoll instance, a shard and its sessions; the first thread also accepts
 * and hands connections out in turn. */
#include "models/common/model_loop.h"
#include "models/common/waker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 256 };

struct conn {
    struct loop_conn base; /* first */
    uint32_t events;       /* as registered */
};

struct model_thread {
    struct loop_thread base; /* first */
    int epoll;
    bool listening; /* the listener is registered */
    struct epoll_event events[EVENTS_MAX];
};

/* -------- open -------- */

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (thread->epoll < 0) {
        error_set(error, "epoll: %s", error_system_text(errno));
    }
    return thread->epoll >= 0;
}

static bool thread__watch(struct model_thread *thread, int operation, int fd, uint32_t events,
                          void *tag)
{
    struct epoll_event event = {.events = events, .data = {.ptr = tag}};
    return epoll_ctl(thread->epoll, operation, fd, &event) == 0;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    cport_handle *waker = &thread->base.waker;
    bool watched = thread__watch(thread, EPOLL_CTL_ADD, (int)*waker, EPOLLIN, waker);
    if (!watched) {
        error_set(error, "epoll: %s", error_system_text(errno));
    }
    return watched;
}

/* -------- accept -------- */

/* The listener is registered only while accepting is not paused: otherwise a level-triggered wait
 * would return immediately, again and again. */
static void thread__watch_listener(struct model_thread *thread, int64_t now_ns)
{
    bool wanted = loop_accepts(&thread->base, now_ns);
    if (thread->base.listener == CPORT_HANDLE_NONE) {
        thread->listening = false; /* closing took it out */
    } else if (wanted != thread->listening) {
        thread->listening = wanted;
        thread__watch(thread, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, (int)thread->base.listener,
                      EPOLLIN, thread);
    }
}

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    conn->events = EPOLLIN;
    if (!thread__watch(thread, EPOLL_CTL_ADD, (int)conn->base.handle, EPOLLIN, conn)) {
        session_fail(&conn->base.session, ERROR_KIND_LOCAL_LIMIT);
    }
}

/* -------- readable, writable -------- */

static void thread__handle_event(struct model_thread *thread, const struct epoll_event *event,
                                 int64_t polled_ns)
{
    if (event->data.ptr == &thread->base.waker) {
        waker_clear(thread->base.waker);
        return;
    }
    if (event->data.ptr == thread) {
        if (loop_accepts(&thread->base, polled_ns)) {
            loop_accept(&thread->base, polled_ns);
        }
        return;
    }
    struct conn *conn = event->data.ptr;
    /* Errors and hang-ups are found by the read or write that they fail. */
    if (conn->base.wants_write && (event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        loop_send(&conn->base);
    }
    if (conn->base.wants_read && (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        loop_receive(&thread->base, &conn->base, polled_ns);
    }
    if (!conn->base.wants_read && !conn->base.wants_write &&
        (event->events & (EPOLLERR | EPOLLHUP)) != 0) {
        session_fail(&conn->base.session, ERROR_KIND_RESET); /* EPOLLHUP cannot be masked */
    }
}

static void thread__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    for (int i = 0; i < count; i++) {
        thread__handle_event(thread, &thread->events[i], polled_ns);
    }
}

/* -------- close -------- */

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    if (!loop_advance(&conn->base, now_ns)) {
        loop_free(&conn->base); /* closing took it out of the set */
        return;
    }
    uint32_t events = (conn->base.wants_read ? (uint32_t)EPOLLIN : 0) |
                      (conn->base.wants_write ? (uint32_t)EPOLLOUT : 0);
    if (events != conn->events) {
        conn->events = events;
        thread__watch(thread, EPOLL_CTL_MOD, (int)conn->base.handle, events, conn);
    }
}

/* -------- run -------- */

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    return epoll_wait(thread->epoll, thread->events, EVENTS_MAX, loop_wait_ms(deadline_ns));
}

static void thread__close(struct model_thread *thread)
{
    if (thread->epoll >= 0) {
        close(thread->epoll);
    }
}

static const struct loop_model functions = {
    .io = "epoll",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .finish = thread__watch_listener,
    .close = thread__close,
};

const struct model MODEL(epoll) = {
    .name = "epoll",
    .description = "readiness: an epoll instance per thread, level-triggered",
    .kind = MODEL_REACTOR,
    LOOP_MODEL(&functions),
};
