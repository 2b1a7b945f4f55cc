/* select: build the sets of all sockets, hand them to the kernel, then look through all of them.
 *
 * The oldest of the models: every wait costs by all sockets, ready or not, three times (building,
 * the kernel's look, our own), and a set holds few (select_linux.c, select_win.c say how few). A
 * thread owns a shard, whose sessions are its list; the first thread also accepts and hands
 * connections out. Where a thread can hold no more, another is started. */
#include "models/select.h"

#include "models/ready.h"
#include "models/waker.h"

#include "core/clock.h"

struct model_thread {
    struct ready_thread ready; /* first */
    cport_handle waker;
    struct select_set readable;
    struct select_set writable;
};

/* -------- open -------- */

static void thread__wake(struct ready_thread *ready)
{
    waker_wake(((struct model_thread *)ready)->waker);
}

bool select_model_open(struct server *server, struct error *error)
{
    if (!ready_group_open(server, sizeof(struct model_thread), thread__wake, error)) {
        return false;
    }
    struct ready_group *group = server->model_data;
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
    if (thread->ready.index != 0) {
        return true;
    }
    if (!ready_listen(&thread->ready, error)) {
        return false;
    }
    if (!select_can_hold(thread->ready.listener)) {
        error_set(error, "select: this process has too many descriptors open already");
        return false;
    }
    return true;
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, int64_t now_ns)
{
    struct ready_conn *conn;
    while ((conn = ready_take(&thread->ready, sizeof *conn, now_ns)) != NULL) {
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
    cport_handle listener = thread->ready.listener;
    if (ready_count > 0 && listener != CPORT_HANDLE_NONE &&
        select_has(&thread->readable, listener)) {
        ready_accept(&thread->ready, polled_ns);
        ready_count--;
    }
    for (struct session *session = thread->ready.shard->sessions;
         ready_count > 0 && session != NULL; session = session->next) {
        struct ready_conn *conn = (struct ready_conn *)session;
        if (conn->wants_write && select_has(&thread->writable, conn->handle)) {
            ready_send(conn);
            ready_count--;
        }
        if (conn->wants_read && select_has(&thread->readable, conn->handle)) {
            ready_receive(&thread->ready, conn, polled_ns);
            ready_count--;
        }
    }
}

/* -------- close -------- */

static void thread__advance(struct ready_conn *conn, int64_t now_ns)
{
    if (!ready_advance(conn, now_ns)) {
        ready_free(conn);
    }
}

/* -------- run -------- */

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    select_clear(&thread->readable);
    select_clear(&thread->writable);
    select_add(&thread->readable, thread->waker);
    if (ready_accepts(&thread->ready, clock_now_ns())) {
        select_add(&thread->readable, thread->ready.listener);
    }
    for (struct session *session = thread->ready.shard->sessions; session != NULL;
         session = session->next) {
        const struct ready_conn *conn = (const struct ready_conn *)session;
        if (conn->wants_read) {
            select_add(&thread->readable, conn->handle);
        }
        if (conn->wants_write) {
            select_add(&thread->writable, conn->handle);
        }
    }
    return select_wait(&thread->readable, &thread->writable, ready_wait_ms(deadline_ns));
}

static int64_t thread__turn(struct model_thread *thread, int ready_count)
{
    const int64_t polled_ns = clock_now_ns();
    struct ready_conn *conn;
    ready_begin_turn(&thread->ready, ready_count);
    thread__handle_all(thread, ready_count, polled_ns);
    thread__adopt(thread, polled_ns);
    int64_t now_ns = ready_finish_turn(&thread->ready);
    while ((conn = ready_next_dirty(&thread->ready, &now_ns)) != NULL) {
        thread__advance(conn, now_ns);
    }
    return ready_end_turn(&thread->ready, now_ns);
}

void select_model_run(struct server *server, uint32_t index)
{
    struct ready_group *group = server->model_data;
    struct model_thread *thread = (struct model_thread *)group->all[index];
    struct error error;
    if (!thread__open(thread, &error)) {
        ready_thread_failed(&thread->ready, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    while (!ready_is_over(&thread->ready)) {
        int ready_count = thread__wait(thread, deadline_ns);
        deadline_ns = thread__turn(thread, ready_count);
    }
}

void select_model_close(struct server *server)
{
    struct ready_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        if (group->all[i] != NULL) {
            waker_close(((struct model_thread *)group->all[i])->waker);
        }
    }
    ready_group_close(server);
}
