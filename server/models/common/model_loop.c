/* What the threads of a model do alike. */
#include "models/common/model_loop.h"

#include "models/common/waker.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

enum { LOOP_BACKLOG = 4096, LOOP_ACCEPTS_PER_TURN = 64, LOOP_STARTS_PER_CLOCK_READ = 16 };
/* After a failed accept: no descriptors, usually. */
#define LOOP_ACCEPT_PAUSE_NS (100 * NS_PER_MS)
/* After a failed wait, which would else fail again and again. */
#define LOOP_WAIT_PAUSE_NS (10 * NS_PER_MS)

/* What the threads of one server share. */
struct loop_group {
    struct loop_thread **all;    /* server->threads_max of them; the later ones start as needed */
    atomic_bool accepting_ended; /* no further connection will be handed out */
};

static struct model_thread *loop__own(struct loop_thread *thread)
{
    return (struct model_thread *)thread; /* of which it is the first member */
}

/* -------- open -------- */

static void loop__wake(struct loop_thread *thread)
{
    if (thread->model->wake != NULL) {
        thread->model->wake(loop__own(thread));
    } else {
        waker_wake(thread->waker);
    }
}

static void loop__wake_shard(struct shard *shard)
{
    loop__wake(shard->model_data);
}

static bool loop__prepare(struct loop_thread *thread, struct server *server, uint32_t index,
                          struct error *error)
{
    const struct loop_model *model = server->options.model->loop;
    thread->server = server;
    thread->model = model;
    thread->group = server->model_data;
    thread->shard = &server->shards[index];
    thread->recorder = &server->recorders[index];
    thread->index = index;
    thread->waker = CPORT_HANDLE_NONE;
    thread->listener = CPORT_HANDLE_NONE;
    thread->shard->model_data = thread;
    thread->shard->wake = loop__wake_shard;
    handoff_queue_open(&thread->handoffs);
    thread->buffer = malloc(LOOP_RECV_BYTES_MAX);
    if (thread->buffer == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    if (model->wake == NULL && !waker_open(&thread->waker, error)) {
        return false;
    }
    thread->prepared = true;
    return model->prepare == NULL || model->prepare(loop__own(thread), error);
}

bool loop_open(struct server *server, struct error *error)
{
    const struct loop_model *model = server->options.model->loop;
    struct loop_group *group = calloc(1, sizeof *group);
    server->model_data = group;
    error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
    if (group == NULL) {
        return false;
    }
    group->all = calloc(server->threads_max, sizeof *group->all);
    for (uint32_t i = 0; group->all != NULL && i < server->threads_max; i++) {
        group->all[i] = calloc(1, model->thread_bytes);
        if (group->all[i] == NULL || !loop__prepare(group->all[i], server, i, error)) {
            return false;
        }
    }
    if (model->io != NULL) {
        server_set_io(server, model->io, NULL);
    }
    return group->all != NULL;
}

static void loop__close(struct loop_thread *thread)
{
    if (thread->prepared && thread->model->close != NULL) {
        thread->model->close(loop__own(thread));
    }
    if (thread->listener != CPORT_HANDLE_NONE) {
        stream_close(thread->listener, CPORT_CLOSE_FIN);
    }
    waker_close(thread->waker);
    handoff_queue_close(&thread->handoffs);
    free(thread->buffer);
    free(thread);
}

void loop_close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        if (group->all[i] != NULL) {
            loop__close(group->all[i]);
        }
    }
    if (group != NULL) {
        free(group->all);
    }
    free(group);
    server->model_data = NULL;
}

void loop_wake(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        loop__wake(group->all[i]);
    }
}

static bool loop__listen(struct loop_thread *thread, struct error *error)
{
    struct net_address bound;
    if (!stream_listen(&thread->server->bind_address, LOOP_BACKLOG, &thread->listener, &bound,
                       error)) {
        return false;
    }
    server_listening(thread->server, &bound);
    return true;
}

static bool loop__open_thread(struct loop_thread *thread, struct error *error)
{
    const struct loop_model *model = thread->model;
    if (thread->index == 0 && !model->listens && !loop__listen(thread, error)) {
        return false;
    }
    return model->open == NULL || model->open(loop__own(thread), error);
}

/* -------- accept -------- */

/* The next thread in turn that has room; when all are full, one more thread. NULL: none could be
 * started. */
static struct loop_thread *loop__choose(struct loop_thread *thread)
{
    struct loop_thread **all = thread->group->all;
    struct server *server = thread->server;
    const uint32_t per_thread_max = server->options.model->sessions_per_thread_max;
    const uint32_t count = server_threads(server);
    for (uint32_t i = 0; i < count; i++) {
        struct loop_thread *target = all[thread->next_thread];
        thread->next_thread = (thread->next_thread + 1) % count;
        if (per_thread_max == 0 || atomic_load(&target->sessions_count) < per_thread_max) {
            return target;
        }
    }
    return server_add_thread(server) ? all[count] : NULL;
}

void loop_hand_out(struct loop_thread *thread, const struct handoff *entry, int64_t now_ns)
{
    if (thread->accept_resume_ns == 0) { /* else it was under way before accepting failed */
        thread->accept_short = false;
    }
    if (!server_admit(thread->server, thread->recorder, &entry->peer, now_ns)) {
        stream_close(entry->handle, CPORT_CLOSE_RST);
        return;
    }
    struct loop_thread *target = loop__choose(thread);
    bool was_empty = false;
    if (target != NULL) {
        atomic_fetch_add(&target->sessions_count,
                         1); /* first: the other thread may end it immediately */
        if (handoff_queue_put(&target->handoffs, entry, &was_empty)) {
            if (was_empty && target != thread) {
                loop__wake(target);
            }
            return;
        }
        atomic_fetch_sub(&target->sessions_count, 1);
    }
    stream_close(entry->handle, CPORT_CLOSE_RST);
    server_unadmit(thread->server, thread->recorder, ERROR_KIND_LOCAL_LIMIT);
}

void loop_accept_failed(struct loop_thread *thread, enum cport_result result, int64_t now_ns)
{
    enum error_kind kind = model_error_kind(result);
    if (kind == ERROR_KIND_RESET) {
        thread->recorder->counters.errors[kind]++; /* one peer's */
        return;
    }
    if (!thread->accept_short) {
        thread->accept_short = true;
        thread->recorder->counters.errors[kind]++;
    }
    /* Usually no descriptor is left: without a pause it would fail again and again. */
    thread->accept_resume_ns = now_ns + LOOP_ACCEPT_PAUSE_NS;
}

int loop_accept(struct loop_thread *thread, int64_t now_ns)
{
    int count = 0;
    for (; count < LOOP_ACCEPTS_PER_TURN && thread->accept_resume_ns == 0; count++) {
        struct handoff entry;
        enum cport_result result = CPORT_OK;
        thread->recorder->port.syscalls++;
        switch (stream_accept(thread->listener, thread->model->blocking, &entry.handle, &entry.peer,
                              &result)) {
        case STREAM_DONE:
            loop_hand_out(thread, &entry, now_ns);
            break;
        case STREAM_BLOCKED:
            return count;
        case STREAM_FAILED:
            loop_accept_failed(thread, result, now_ns);
            break;
        }
    }
    return count;
}

bool loop_accepts(struct loop_thread *thread, int64_t now_ns)
{
    if (thread->accept_resume_ns != 0 && now_ns >= thread->accept_resume_ns) {
        thread->accept_resume_ns = 0;
    }
    return thread->listener != CPORT_HANDLE_NONE && thread->accept_resume_ns == 0;
}

/* A connection handed to this thread, opened, or NULL. */
static struct loop_conn *loop__take(struct loop_thread *thread, int64_t now_ns)
{
    struct handoff entry;
    while (handoff_queue_take(&thread->handoffs, &entry)) {
        struct loop_conn *conn = session_memory_alloc(thread->model->conn_bytes);
        if (conn != NULL) {
            conn->handle = entry.handle;
            thread->adopted = true;
            session_open(&conn->session, thread->shard, NULL, &entry.peer, now_ns);
            return conn;
        }
        atomic_fetch_sub(&thread->sessions_count, 1);
        stream_close(entry.handle, CPORT_CLOSE_RST);
        server_unadmit(thread->server, thread->recorder, ERROR_KIND_LOCAL_LIMIT);
    }
    return NULL;
}

void loop_accepting_ended(struct loop_thread *thread)
{
    atomic_store(&thread->group->accepting_ended, true);
    loop_wake(thread->server);
}

/* -------- readable -------- */

static void loop__received(struct session *session, enum stream_status status,
                           enum cport_result result, const uint8_t *data, size_t bytes,
                           int64_t polled_ns)
{
    switch (status) {
    case STREAM_DONE:
        if (bytes > 0) {
            session_receive(session, data, bytes, polled_ns, clock_now_ns());
        } else {
            session_receive_end(session, polled_ns);
        }
        break;
    case STREAM_BLOCKED:
        break; /* reported too early: the next wait reports it again */
    case STREAM_FAILED:
        session_fail(session, model_error_kind(result));
        break;
    }
}

enum stream_status loop_receive(struct loop_thread *thread, struct loop_conn *conn,
                                int64_t polled_ns)
{
    size_t bytes = 0;
    enum cport_result result = CPORT_OK;
    thread->recorder->port.syscalls++;
    enum stream_status status =
        stream_receive(conn->handle, thread->buffer, LOOP_RECV_BYTES_MAX, &bytes, &result);
    loop__received(&conn->session, status, result, thread->buffer, bytes, polled_ns);
    return status;
}

void loop_receive_rest(struct recorder *recorder, struct session *session, cport_handle handle,
                       uint8_t *buffer, int64_t polled_ns)
{
    size_t bytes = 0;
    enum cport_result result = CPORT_OK;
    if (!session_can_receive(session)) {
        return;
    }
    recorder->port.syscalls++;
    enum stream_status status =
        stream_receive_waiting(handle, buffer, LOOP_RECV_BYTES_MAX, &bytes, &result);
    loop__received(session, status, result, buffer, bytes, polled_ns);
}

/* -------- writable -------- */

void loop_send(struct loop_conn *conn)
{
    size_t bytes = 0;
    enum cport_result result = CPORT_OK;
    conn->session.shard->recorder->port.syscalls++;
    switch (stream_send(conn->handle, conn->spans, conn->spans_count, &bytes, &result)) {
    case STREAM_DONE:
        conn->spans_count = 0;
        session_sent(&conn->session, (uint32_t)bytes);
        break;
    case STREAM_BLOCKED:
        break; /* remains in flight */
    case STREAM_FAILED:
        conn->spans_count = 0;
        session_sent(&conn->session, 0);
        session_fail(&conn->session, model_error_kind(result));
        break;
    }
}

/* -------- close -------- */

static void loop__end(struct loop_conn *conn, enum cport_close_mode mode)
{
    if (conn->spans_count > 0) {
        conn->spans_count = 0;
        session_sent(&conn->session, 0);
    }
    stream_close(conn->handle, mode);
    conn->handle = CPORT_HANDLE_NONE;
}

enum session_want loop_next(struct loop_conn *conn)
{
    enum session_want want = SESSION_NOTHING;
    /* A send that has completed, or failed, has put the session on the dirty list again: it
     * continues from there. (To close it here would leave a freed session on that list.) */
    while (!conn->session.dirty && (want = session_next(&conn->session)) == SESSION_SHUTDOWN) {
        conn->session.shard->recorder->port.syscalls++;
        stream_shutdown(conn->handle);
    }
    return conn->session.dirty ? SESSION_NOTHING : want;
}

void loop_take_output(struct loop_conn *conn, int64_t now_ns)
{
    conn->spans_count = session_take_output(&conn->session, conn->spans, CPORT_SPANS_MAX, now_ns);
}

bool loop_advance(struct loop_conn *conn, int64_t now_ns)
{
    enum session_want want;
    while ((want = loop_next(conn)) == SESSION_SEND) {
        loop_take_output(conn, now_ns);
        loop_send(conn);
    }
    if (want != SESSION_NOTHING) {
        loop__end(conn, want == SESSION_CLOSE_RST ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
        return false;
    }
    conn->wants_read = session_can_receive(&conn->session);
    conn->wants_write = conn->spans_count > 0;
    return true;
}

void loop_free(struct loop_conn *conn)
{
    struct loop_thread *thread = conn->session.shard->model_data;
    /* First: once the session has ended another may be admitted, and must find this place. The
     * model has taken the socket out of its set already. */
    atomic_fetch_sub(&thread->sessions_count, 1);
    session_end(&conn->session);
    session_memory_free(conn);
}

/* -------- run -------- */

/* Once, and again for connections that come in late. */
static void loop__handle_stop(struct loop_thread *thread, int64_t now_ns)
{
    enum server_stop stop = server_stopping(thread->server);
    if (stop == SERVER_RUNNING) {
        return;
    }
    if (thread->listener != CPORT_HANDLE_NONE) {
        stream_close(thread->listener, CPORT_CLOSE_FIN);
        thread->listener = CPORT_HANDLE_NONE;
        loop_accepting_ended(thread);
    }
    if (now_ns >= server_drain_deadline_ns(thread->server)) {
        stop = SERVER_STOP_NOW;
    }
    if (stop == thread->stop_handled && !thread->adopted) {
        return;
    }
    thread->stop_handled = stop;
    thread->adopted = false;
    if (stop == SERVER_STOP_NOW) {
        shard_close_all(thread->shard, ERROR_KIND_OTHER);
    } else {
        shard_finish_all(thread->shard, now_ns);
    }
}

/* Waits. How much was found; *failure: CPORT_OK, or why the system could not wait. */
static int loop__wait(struct loop_thread *thread, int64_t deadline_ns, enum cport_result *failure)
{
    int count = thread->model->wait(loop__own(thread), deadline_ns);
    *failure = count < 0 ? stream_wait_failure() : CPORT_OK;
    if (*failure != CPORT_OK) {
        clock_sleep_until_ns(clock_now_ns() + LOOP_WAIT_PAUSE_NS);
    }
    return count > 0 ? count : 0;
}

static void loop__count_wait(struct loop_thread *thread, int count, enum cport_result failure)
{
    struct cport_stats *port = &thread->recorder->port;
    port->polls++;
    port->syscalls++;
    if (failure != CPORT_OK && !thread->wait_short) {
        thread->recorder->counters.errors[model_error_kind(failure)]++;
    }
    thread->wait_short = failure != CPORT_OK;
    if (count > 0) {
        port->completions += (uint64_t)count;
        port->batch_max = (uint64_t)count > port->batch_max ? (uint64_t)count : port->batch_max;
    }
}

/* Everything of this thread is over. */
static bool loop__is_over(struct loop_thread *thread)
{
    /* In this order: after accepting has ended the handoffs cannot grow. */
    if (thread->busy || server_stopping(thread->server) == SERVER_RUNNING ||
        !atomic_load(&thread->group->accepting_ended) || thread->shard->sessions_count > 0) {
        return false;
    }
    return handoff_queue_is_empty(&thread->handoffs);
}

/* Until when the next wait may last. */
static int64_t loop__deadline_ns(struct loop_thread *thread, int64_t now_ns)
{
    int64_t deadline_ns = shard_is_dirty(thread->shard) ? now_ns : shard_deadline_ns(thread->shard);
    recorder_flush(thread->recorder, now_ns);
    if (thread->index == 0) {
        server_tend(thread->server, thread->recorder, now_ns);
        /* At least once a second, so that the series has its level of connections. */
        int64_t tick_ns =
            thread->accept_resume_ns != 0 ? thread->accept_resume_ns : now_ns + NS_PER_S;
        deadline_ns = tick_ns < deadline_ns ? tick_ns : deadline_ns;
    }
    if (server_stopping(thread->server) == SERVER_STOP_DRAIN) {
        int64_t drain_ns = server_drain_deadline_ns(thread->server);
        deadline_ns = drain_ns < deadline_ns ? drain_ns : deadline_ns;
    }
    return thread->look_ns != 0 && thread->look_ns < deadline_ns ? thread->look_ns : deadline_ns;
}

/* One turn; false when everything is over. */
static bool loop__turn(struct loop_thread *thread, int count, enum cport_result failure,
                       int64_t *deadline_ns)
{
    const struct loop_model *model = thread->model;
    struct model_thread *own = loop__own(thread);
    const int64_t polled_ns = clock_now_ns();
    shard_enter(thread->shard, thread->recorder);
    loop__count_wait(thread, count, failure);
    model->handle(own, count, polled_ns);
    for (struct loop_conn *conn; (conn = loop__take(thread, polled_ns)) != NULL;) {
        model->adopt(own, (struct conn *)conn);
    }
    shard_receive_mail(thread->shard);
    int64_t now_ns = clock_now_ns();
    loop__handle_stop(thread, now_ns);
    shard_flush(thread->shard);
    shard_sweep(thread->shard, now_ns);
    int started = 0;
    for (struct session *session; (session = shard_pop_dirty(thread->shard)) != NULL;) {
        if (++started % LOOP_STARTS_PER_CLOCK_READ == 0) {
            now_ns = clock_now_ns();
        }
        model->advance(own, (struct conn *)session, now_ns); /* its first member */
    }
    if (model->finish != NULL) {
        model->finish(own, now_ns);
    }
    shard_flush(thread->shard); /* what the last of the ended said to other threads' sessions */
    bool over = loop__is_over(thread);
    *deadline_ns = loop__deadline_ns(thread, now_ns);
    shard_leave(thread->shard);
    return !over;
}

void loop_run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct loop_thread *thread = group->all[index];
    const struct loop_model *model = thread->model;
    struct error error;
    if (loop__open_thread(thread, &error)) {
        server_thread_ready(server);
        int64_t deadline_ns = 0;
        enum cport_result failure;
        int count;
        do {
            count = loop__wait(thread, deadline_ns, &failure);
        } while (loop__turn(thread, count, failure, &deadline_ns));
    } else {
        atomic_store(&group->accepting_ended, true); /* nothing will be handed out */
        server_thread_failed(server, &error);
    }
    if (model->leave != NULL) {
        model->leave(loop__own(thread));
    }
}

int loop_wait_ms(int64_t deadline_ns)
{
    int64_t wait_ns = deadline_ns - clock_now_ns();
    if (wait_ns <= 0) {
        return 0;
    }
    return wait_ns >= 60 * NS_PER_S ? 60000 : (int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}
