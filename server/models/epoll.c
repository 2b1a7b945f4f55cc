/* epoll: wait until the kernel says which sockets are ready, then read and write them.
 *
 * Interest is registered once per socket and kept in the kernel; a wait costs by the number of
 * ready sockets, not of all sockets. Level-triggered: what was not read or written now is told
 * again. A thread owns an epoll instance, a shard and its sessions; the first thread also accepts
 * and hands connections out in turn. */
#include "models/common/model_loop.h"
#include "models/common/waker.h"

#include "core/clock.h"

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
    cport_handle waker;
    bool listening; /* the listener is registered */
};

/* -------- open -------- */

static void thread__wake(struct loop_thread *base)
{
    waker_wake(((struct model_thread *)base)->waker);
}

static bool epoll__open(struct server *server, struct error *error)
{
    if (!loop_group_open(server, sizeof(struct model_thread), thread__wake, error)) {
        return false;
    }
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        thread->epoll = -1;
        thread->waker = CPORT_HANDLE_NONE;
    }
    for (uint32_t i = 0; i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        thread->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (thread->epoll < 0) {
            error_set(error, "epoll: %s", error_system_text(errno));
            return false;
        }
        if (!waker_open(&thread->waker, error)) {
            return false;
        }
    }
    server_set_io(server, "epoll", NULL);
    return true;
}

static bool thread__watch(struct model_thread *thread, int operation, int fd, uint32_t events,
                          void *tag)
{
    struct epoll_event event = {.events = events, .data = {.ptr = tag}};
    return epoll_ctl(thread->epoll, operation, fd, &event) == 0;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    if (!thread__watch(thread, EPOLL_CTL_ADD, (int)thread->waker, EPOLLIN, &thread->waker)) {
        error_set(error, "epoll: %s", error_system_text(errno));
        return false;
    }
    return thread->base.index != 0 || loop_listen(&thread->base, error);
}

/* -------- accept -------- */

/* The listener is registered while accepting goes on, and taken out while it pauses: otherwise a
 * level-triggered wait would return at once, again and again. */
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

static void thread__adopt(struct model_thread *thread, int64_t now_ns)
{
    struct loop_conn *base;
    while ((base = loop_take(&thread->base, sizeof(struct conn), now_ns)) != NULL) {
        struct conn *conn = (struct conn *)base;
        conn->events = EPOLLIN;
        if (!thread__watch(thread, EPOLL_CTL_ADD, (int)base->handle, EPOLLIN, conn)) {
            session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
        }
    }
}

/* -------- readable, writable -------- */

static void thread__handle(struct model_thread *thread, const struct epoll_event *event,
                           int64_t polled_ns)
{
    if (event->data.ptr == &thread->waker) {
        waker_clear(thread->waker);
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

static int64_t thread__turn(struct model_thread *thread, const struct epoll_event *events,
                            int count)
{
    const int64_t polled_ns = clock_now_ns();
    struct loop_conn *base;
    loop_begin_turn(&thread->base, count);
    for (int i = 0; i < count; i++) {
        thread__handle(thread, &events[i], polled_ns);
    }
    thread__adopt(thread, polled_ns);
    int64_t now_ns = loop_finish_turn(&thread->base);
    while ((base = loop_next_dirty(&thread->base, &now_ns)) != NULL) {
        thread__advance(thread, (struct conn *)base, now_ns);
    }
    thread__watch_listener(thread, now_ns);
    return loop_end_turn(&thread->base, now_ns);
}

static void epoll__run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct model_thread *thread = (struct model_thread *)group->all[index];
    struct epoll_event events[EVENTS_MAX];
    struct error error;
    if (!thread__open(thread, &error)) {
        loop_thread_failed(&thread->base, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    while (!loop_is_over(&thread->base)) {
        int count = epoll_wait(thread->epoll, events, EVENTS_MAX, loop_wait_ms(deadline_ns));
        deadline_ns = thread__turn(thread, events, count > 0 ? count : 0);
    }
}

static void epoll__close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        if (thread != NULL) {
            if (thread->epoll >= 0) {
                close(thread->epoll);
            }
            waker_close(thread->waker);
        }
    }
    loop_group_close(server);
}

const struct model MODEL(epoll) = {
    .name = "epoll",
    .description = "readiness: an epoll instance per thread, level-triggered",
    .kind = MODEL_REACTOR,
    .open = epoll__open,
    .run = epoll__run,
    .wake = loop_group_wake,
    .close = epoll__close,
};
