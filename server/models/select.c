/* select: build the sets of all sockets, hand them to the kernel, then look through all of them.
 *
 * The oldest of the models: every wait costs by all sockets, ready or not, three times (building,
 * the kernel's look, our own), and a set holds few (select_linux.c, select_win.c say how few). A
 * thread owns a shard, whose sessions are its list; the first thread also accepts and hands
 * connections out. Where a thread can hold no more, another is started. */
#include "models/common/select.h"

#include "models/common/model_loop.h"
#include "models/common/waker.h"

#include "core/clock.h"

struct model_thread {
    struct loop_thread base; /* first */
    cport_handle waker;
    struct select_set readable;
    struct select_set writable;
};

/* -------- open -------- */

static void thread__wake(struct loop_thread *base)
{
    waker_wake(((struct model_thread *)base)->waker);
}

bool select_model_open(struct server *server, struct error *error)
{
    if (!loop_group_open(server, sizeof(struct model_thread), thread__wake, error)) {
        return false;
    }
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        ((struct model_thread *)group->all[i])->waker = CPORT_HANDLE_NONE;
    }
    for (uint32_t i = 0; i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        if (!waker_open(&thread->waker, error)) {
            return false;
        }
        if (!select_can_hold(thread->waker)) {
            error_set(error, "select: this process has too many descriptors open already");
            return false;
        }
    }
    server_set_io(server, "select", NULL);
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
    if (!select_can_hold(thread->base.listener)) {
        error_set(error, "select: this process has too many descriptors open already");
        return false;
    }
    return true;
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, int64_t now_ns)
{
    struct loop_conn *conn;
    while ((conn = loop_take(&thread->base, sizeof *conn, now_ns)) != NULL) {
        if (!select_can_hold(conn->handle)) {
            session_fail(&conn->session, ERROR_KIND_LOCAL_LIMIT);
        }
    }
}

/* -------- readable, writable -------- */

static void thread__handle_all(struct model_thread *thread, int ready_count, int64_t polled_ns)
{
    if (ready_count > 0 && select_has(&thread->readable, thread->waker)) {
        waker_clear(thread->waker);
        ready_count--;
    }
    cport_handle listener = thread->base.listener;
    if (ready_count > 0 && listener != CPORT_HANDLE_NONE &&
        select_has(&thread->readable, listener)) {
        loop_accept(&thread->base, polled_ns);
        ready_count--;
    }
    for (struct session *session = thread->base.shard->sessions; ready_count > 0 && session != NULL;
         session = session->next) {
        struct loop_conn *conn = (struct loop_conn *)session;
        if (conn->wants_write && select_has(&thread->writable, conn->handle)) {
            loop_send(conn);
            ready_count--;
        }
        if (conn->wants_read && select_has(&thread->readable, conn->handle)) {
            loop_receive(&thread->base, conn, polled_ns);
            ready_count--;
        }
    }
}

/* -------- close -------- */

static void thread__advance(struct loop_conn *conn, int64_t now_ns)
{
    if (!loop_advance(conn, now_ns)) {
        loop_free(conn);
    }
}

/* -------- run -------- */

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    select_clear(&thread->readable);
    select_clear(&thread->writable);
    select_add(&thread->readable, thread->waker);
    if (loop_accepts(&thread->base, clock_now_ns())) {
        select_add(&thread->readable, thread->base.listener);
    }
    for (struct session *session = thread->base.shard->sessions; session != NULL;
         session = session->next) {
        const struct loop_conn *conn = (const struct loop_conn *)session;
        if (conn->wants_read) {
            select_add(&thread->readable, conn->handle);
        }
        if (conn->wants_write) {
            select_add(&thread->writable, conn->handle);
        }
    }
    return select_wait(&thread->readable, &thread->writable, loop_wait_ms(deadline_ns));
}

static int64_t thread__turn(struct model_thread *thread, int ready_count)
{
    const int64_t polled_ns = clock_now_ns();
    struct loop_conn *conn;
    loop_begin_turn(&thread->base, ready_count);
    thread__handle_all(thread, ready_count, polled_ns);
    thread__adopt(thread, polled_ns);
    int64_t now_ns = loop_finish_turn(&thread->base);
    while ((conn = loop_next_dirty(&thread->base, &now_ns)) != NULL) {
        thread__advance(conn, now_ns);
    }
    return loop_end_turn(&thread->base, now_ns);
}

void select_model_run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct model_thread *thread = (struct model_thread *)group->all[index];
    struct error error;
    if (!thread__open(thread, &error)) {
        loop_thread_failed(&thread->base, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    while (!loop_is_over(&thread->base)) {
        int ready_count = thread__wait(thread, deadline_ns);
        deadline_ns = thread__turn(thread, ready_count);
    }
}

void select_model_close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        if (group->all[i] != NULL) {
            waker_close(((struct model_thread *)group->all[i])->waker);
        }
    }
    loop_group_close(server);
}
