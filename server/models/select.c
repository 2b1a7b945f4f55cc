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

struct conn {
    struct loop_conn base; /* first */
};

struct model_thread {
    struct loop_thread base; /* first */
    struct select_set readable;
    struct select_set writable;
};

/* -------- open -------- */

static bool thread__can_hold(cport_handle handle, struct error *error)
{
    if (!select_can_hold(handle)) {
        error_set(error, "select: this process has too many descriptors open already");
    }
    return select_can_hold(handle);
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    return thread__can_hold(thread->base.waker, error);
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    return thread->base.index != 0 || thread__can_hold(thread->base.listener, error);
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    (void)thread; /* whose sessions are its list */
    if (!select_can_hold(conn->base.handle)) {
        session_fail(&conn->base.session, ERROR_KIND_LOCAL_LIMIT);
    }
}

/* -------- readable, writable -------- */

static void thread__handle(struct model_thread *thread, int ready_count, int64_t polled_ns)
{
    if (ready_count > 0 && select_has(&thread->readable, thread->base.waker)) {
        waker_clear(thread->base.waker);
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

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    (void)thread;
    if (!loop_advance(&conn->base, now_ns)) {
        loop_free(&conn->base);
    }
}

/* -------- run -------- */

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    select_clear(&thread->readable);
    select_clear(&thread->writable);
    select_add(&thread->readable, thread->base.waker);
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

const struct loop_model select_functions = {
    .io = "select",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
};
