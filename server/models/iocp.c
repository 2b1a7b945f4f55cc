/* iocp: the classic. One completion port for the whole server, N worker threads that wait on it.
 *
 * - Every operation is started with a context, struct io: the system's OVERLAPPED first, then what
 *   kind of operation it is. A packet at the port is the context coming back: accepted, received,
 *   sent, or posted by ourselves.
 * - Any worker may get any packet, so two may hold packets of one session at the same time.
 *   Sessions are spread over shards; a worker holds the shard's lock while it works on a session.
 * - A session lives on the heap until its last packet is in: `references` counts the operations in
 *   flight, plus one while it is open. Not the close but the last release frees it; a server that
 *   frees at close has the system write into memory that somebody else owns by then.
 * - Raw Winsock, without FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: each call that did not fail posts
 *   exactly one packet, also when it completed immediately. iocp-per-worker shows the other way. */
#include "models/common/stream.h"
#include "models/common/winsock_win.h"

#include "core/clock.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

enum {
    ACCEPTS_COUNT = 64, /* in flight: a burst of connects must not wait for a worker */
    LISTEN_BACKLOG = 4096,
    SHARDS_COUNT = 16, /* locks; a broadcast costs a packet for each */
    BATCH_MAX = 32     /* packets that one worker takes together, and others then cannot */
};
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS) /* after a failed accept: no descriptors, usually */
#define TICK_NS         (100 * NS_PER_MS) /* how often time-outs, mail and stops are looked at */

enum io_type { IO_ACCEPT, IO_RECV, IO_SEND, IO_POST };

/* The context of one operation. */
struct io {
    OVERLAPPED overlapped;
    enum io_type type;
    SOCKET socket; /* the socket that it was started on, which knows its error */
};

struct accept {
    struct io io;
    SOCKET accepted; /* AcceptEx() takes the new socket */
    atomic_bool paused;
    char addresses[IOCP_ACCEPT_BYTES];
};

struct conn {
    struct session session; /* first: shards hand out sessions */
    SOCKET socket;
    int references; /* see above; under the shard's lock */
    struct conn *ended_next;
    struct io recv;
    struct io send;
    bool recv_in_flight;
    uint8_t first[LOOP_FIRST_BYTES];
};

/* A packet of our own: mail for a shard, or, without one, "look at server_stopping()". */
struct post {
    struct io io;
    struct model_iocp *model;
    struct shard *shard;
};

struct model_iocp {
    struct server *server;
    HANDLE port;
    struct iocp_functions functions;
    struct post wake;
    struct post mail[SHARDS_COUNT];
    atomic_uint next_shard;
    atomic_bool over;

    struct mutex lock; /* guards the listener: what follows. Atomics are read without it, too */
    SOCKET listener;
    atomic_bool listener_closing;
    atomic_int accepts_in_flight;
    atomic_bool accept_short; /* accepting has failed, and since then none could be started */
    struct accept accepts[ACCEPTS_COUNT];
};

struct worker {
    struct model_iocp *model;
    struct recorder *recorder;
    struct conn *ended; /* to be freed when no lock is held */
    enum server_stop stop_handled;
    uint8_t *buffer; /* of LOOP_RECV_BYTES_MAX: what does not fit a connection's first one */
};

/* -------- operations -------- */

static OVERLAPPED *io__begin(struct io *io, enum io_type type, SOCKET socket)
{
    memset(io, 0, sizeof *io);
    io->type = type;
    io->socket = socket;
    return &io->overlapped;
}

static void socket__close(struct worker *worker, SOCKET socket, enum cport_close_mode mode)
{
    stream_close((cport_handle)socket, mode);
    worker->recorder->port.syscalls += mode == CPORT_CLOSE_RST ? 2 : 1;
}

/* -------- open -------- */

static void post__send(struct post *post)
{
    post->io.type = IO_POST;
    /* Fails when the system is out of memory; the tick finds what was not said. */
    PostQueuedCompletionStatus(post->model->port, 0, 0, &post->io.overlapped);
}

static void shard__wake(struct shard *shard)
{
    post__send(shard->model_data);
}

static void model__wake(struct server *server)
{
    struct model_iocp *model = server->model_data;
    for (uint32_t i = 0; i < server->options.threads; i++) {
        post__send(&model->wake); /* one for each: a packet goes to one worker only */
    }
}

static bool model__listen(struct model_iocp *model, struct error *error)
{
    struct server *server = model->server;
    struct net_address bound;
    cport_handle listener;
    uint64_t syscalls = 0;
    if (!stream_listen(&server->bind_address, LISTEN_BACKLOG, &listener, &bound, error)) {
        return false;
    }
    model->listener = (SOCKET)listener;
    server_listening(server, &bound);
    int code = iocp_socket_load_functions(&model->functions, &syscalls);
    /* Concurrency 0: at most as many workers run at a time as there are CPUs, however many wait. */
    if (code == 0 &&
        ((model->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0)) == NULL ||
         !CreateIoCompletionPort((HANDLE)model->listener, model->port, 0, 0))) {
        code = (int)GetLastError();
    }
    if (code != 0) {
        error_set(error, "cannot accept by a completion port: %s", error_system_text(code));
    }
    return code == 0;
}

static bool model__open(struct server *server, struct error *error)
{
    struct model_iocp *model = calloc(1, sizeof *model);
    if (model == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    server->model_data = model;
    model->server = server;
    model->listener = INVALID_SOCKET;
    mutex_open(&model->lock);
    if (!model__listen(model, error)) {
        return false;
    }
    model->wake.model = model;
    for (uint32_t i = 0; i < SHARDS_COUNT; i++) {
        model->mail[i].model = model;
        model->mail[i].shard = &server->shards[i];
        server->shards[i].model_data = &model->mail[i];
        server->shards[i].wake = shard__wake;
    }
    server_set_io(server, "iocp", NULL);
    return true;
}

/* -------- accept -------- */

static void worker__start_dirty(struct worker *worker, struct shard *shard);
static void worker__bury(struct worker *worker);

/* A session for the accepted socket, in the next shard in turn. Returns 0, or the error. */
static int conn__open(struct worker *worker, SOCKET socket, const struct net_address *peer,
                      int64_t now_ns)
{
    struct model_iocp *model = worker->model;
    struct conn *conn = session_memory_alloc(sizeof *conn);
    if (conn == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    if (!CreateIoCompletionPort((HANDLE)socket, model->port, 0, 0)) {
        int code = (int)GetLastError();
        session_memory_free(conn);
        return code;
    }
    worker->recorder->port.syscalls++;
    iocp_socket_set_nodelay(socket, &worker->recorder->port.syscalls);
    conn->socket = socket;
    conn->references = 1;
    struct shard *shard =
        &model->server->shards[atomic_fetch_add(&model->next_shard, 1) % SHARDS_COUNT];
    shard_enter(shard, worker->recorder);
    session_open(&conn->session, shard, NULL, peer, now_ns);
    worker__start_dirty(worker, shard);
    shard_leave(shard);
    worker__bury(worker); /* it may be over already */
    return 0;
}

/* A shortage counts once, however often accepting fails. */
static void accept__count_failure(struct worker *worker, int code)
{
    enum error_kind kind = winsock_error_kind(code);
    if (kind == ERROR_KIND_RESET || !atomic_exchange(&worker->model->accept_short, true)) {
        worker->recorder->counters.errors[kind]++;
    }
}

static void accept__take(struct worker *worker, struct accept *accept, int64_t now_ns)
{
    struct model_iocp *model = worker->model;
    struct server *server = model->server;
    SOCKET accepted = accept->accepted;
    struct net_address peer;
    int code =
        iocp_socket_finish_accept(&model->functions, model->listener, accepted, accept->addresses,
                                  &peer, &worker->recorder->port.syscalls);
    if (code != 0) {
        worker->recorder->counters.errors[winsock_error_kind(code)]++;
        socket__close(worker, accepted, CPORT_CLOSE_RST);
        return;
    }
    if (!server_admit(server, worker->recorder, &peer, now_ns)) {
        socket__close(worker, accepted, CPORT_CLOSE_RST);
        return;
    }
    code = conn__open(worker, accepted, &peer, now_ns);
    if (code != 0) {
        socket__close(worker, accepted, CPORT_CLOSE_RST);
        server_unadmit(server, worker->recorder, winsock_error_kind(code));
    }
}

/* Returns 0, or the error. The listener's lock is held: it cannot be closing meanwhile. */
static int accept__start(struct worker *worker, struct accept *accept)
{
    struct model_iocp *model = worker->model;
    int code = winsock_accept(worker->recorder, &model->functions, model->listener,
                              &model->server->bind_address, &accept->accepted, accept->addresses,
                              io__begin(&accept->io, IO_ACCEPT, model->listener));
    if (code == 0) {
        atomic_fetch_add(&model->accepts_in_flight, 1);
        atomic_store(&model->accept_short, false); /* there was a socket to be had */
    }
    return code;
}

static void accept__post(struct worker *worker, struct accept *accept)
{
    struct model_iocp *model = worker->model;
    mutex_lock(&model->lock);
    int code = model->listener_closing ? 0 : accept__start(worker, accept);
    accept->paused = code != 0; /* the tick tries again: an immediate retry would fail again */
    mutex_unlock(&model->lock);
    if (code != 0) {
        accept__count_failure(worker, code);
    }
}

/* Called with the lock. */
static void listener__close_if_idle(struct model_iocp *model)
{
    if (model->listener_closing && atomic_load(&model->accepts_in_flight) == 0 &&
        model->listener != INVALID_SOCKET) {
        closesocket(model->listener);
        model->listener = INVALID_SOCKET;
    }
}

static void accept__completed(struct worker *worker, struct accept *accept, int code,
                              int64_t polled_ns)
{
    struct model_iocp *model = worker->model;
    bool again = true;
    if (code == 0) {
        accept__take(worker, accept, polled_ns);
    } else {
        socket__close(worker, accept->accepted, CPORT_CLOSE_FIN);
    }
    /* Only now, when what was accepted is counted as a connection (worker__is_over). */
    mutex_lock(&model->lock);
    atomic_fetch_sub(&model->accepts_in_flight, 1);
    listener__close_if_idle(model);
    if (model->listener_closing) {
        again = false;
    } else if (code != 0) {
        accept__count_failure(worker, code);
        again = winsock_error_kind(code) == ERROR_KIND_RESET;
        accept->paused = !again;
    }
    mutex_unlock(&model->lock);
    if (again) {
        accept__post(worker, accept);
    }
}

/* -------- readable -------- */

static void conn__recv(struct worker *worker, struct conn *conn)
{
    int code = winsock_recv(worker->recorder, conn->socket, conn->first, sizeof conn->first,
                            io__begin(&conn->recv, IO_RECV, conn->socket), NULL);
    if (code != 0) {
        session_fail(&conn->session, winsock_error_kind(code));
        return;
    }
    conn->recv_in_flight = true;
    conn->references++;
}

/* Wine 8 forgets a reset that comes before the receive is posted and reports the peer's normal
 * close instead; but then the socket has no peer any more. After our own shutdown a normal close
 * looks the same, so there it is believed. */
static bool conn__was_reset(const struct conn *conn)
{
    struct sockaddr_storage peer;
    int peer_bytes = sizeof peer;
    return !conn->session.shut_down &&
           getpeername(conn->socket, (struct sockaddr *)&peer, &peer_bytes) != 0;
}

static void conn__received(struct worker *worker, struct conn *conn, int code, uint32_t bytes,
                           int64_t polled_ns)
{
    conn->recv_in_flight = false;
    if (code == 0 && bytes == 0 && conn__was_reset(conn)) {
        code = WSAECONNRESET;
    }
    winsock_received(&conn->session, code, conn->first, bytes, polled_ns);
    if (bytes == sizeof conn->first) {
        loop_receive_rest(worker->recorder, &conn->session, (cport_handle)conn->socket,
                          worker->buffer, polled_ns);
    }
}

/* -------- writable -------- */

/* At most one send is in flight: everything that is queued meanwhile goes with the next, in one
 * gathered call. Replies would else cost a call each, and could overtake one another. */
static void conn__send(struct worker *worker, struct conn *conn, int64_t now_ns)
{
    struct span spans[CPORT_SPANS_MAX];
    int count = session_take_output(&conn->session, spans, CPORT_SPANS_MAX, now_ns);
    int code = winsock_send(worker->recorder, conn->socket, spans, count,
                            io__begin(&conn->send, IO_SEND, conn->socket), NULL);
    if (code == 0) {
        conn->references++;
    } else {
        winsock_sent(&conn->session, code, 0);
    }
}

/* -------- close -------- */

static void conn__release(struct worker *worker, struct conn *conn)
{
    must(conn->references > 0);
    if (--conn->references > 0) {
        return;
    }
    session_end(&conn->session);
    conn->ended_next = worker->ended;
    worker->ended = conn;
}

static void conn__start_close(struct worker *worker, struct conn *conn, enum cport_close_mode mode)
{
    if (mode == CPORT_CLOSE_RST) {
        iocp_socket_set_abort(conn->socket, &worker->recorder->port.syscalls);
    }
    /* The operations come back cancelled (or done, if they were faster), each with its packet.
     * Closing the socket here would cancel them too, but the next socket could get its number
     * while packets still name it. */
    if (!iocp_socket_cancel_all(conn->socket, &worker->recorder->port.syscalls)) {
        socket__close(worker, conn->socket, CPORT_CLOSE_FIN);
        conn->socket = INVALID_SOCKET;
        conn->recv.socket = INVALID_SOCKET;
        conn->send.socket = INVALID_SOCKET;
    }
    conn__release(worker, conn);
}

static void worker__bury(struct worker *worker)
{
    while (worker->ended != NULL) {
        struct conn *conn = worker->ended;
        worker->ended = conn->ended_next;
        socket__close(worker, conn->socket, CPORT_CLOSE_FIN);
        session_memory_free(conn);
    }
}

/* -------- what a session wants -------- */

/* Starts what the session wants. A start that fails makes the session dirty again, so that it is
 * served again. */
static void conn__advance(struct worker *worker, struct conn *conn, int64_t now_ns)
{
    switch (session_next(&conn->session)) {
    case SESSION_SEND:
        conn__send(worker, conn, now_ns);
        break;
    case SESSION_SHUTDOWN:
        worker->recorder->port.syscalls++;
        if (shutdown(conn->socket, SD_SEND) != 0) {
            session_fail(&conn->session, winsock_error_kind(WSAGetLastError()));
        }
        break;
    case SESSION_CLOSE_FIN:
        conn__start_close(worker, conn, CPORT_CLOSE_FIN);
        return;
    case SESSION_CLOSE_RST:
        conn__start_close(worker, conn, CPORT_CLOSE_RST);
        return;
    case SESSION_NOTHING:
        break;
    }
    if (!conn->recv_in_flight && session_can_receive(&conn->session)) {
        conn__recv(worker, conn);
    }
}

static void worker__start_dirty(struct worker *worker, struct shard *shard)
{
    struct session *session;
    shard_flush(shard);
    while ((session = shard_pop_dirty(shard)) != NULL) {
        conn__advance(worker, (struct conn *)session, clock_now_ns());
    }
}

/* -------- run -------- */

static void worker__complete_conn(struct worker *worker, struct conn *conn, struct io *io, int code,
                                  uint32_t bytes, int64_t polled_ns)
{
    struct shard *shard = conn->session.shard;
    shard_enter(shard, worker->recorder);
    if (io->type == IO_RECV) {
        conn__received(worker, conn, code, bytes, polled_ns);
    } else {
        winsock_sent(&conn->session, code, bytes);
    }
    worker__start_dirty(worker, shard);
    conn__release(worker, conn);        /* until here this operation has kept it alive */
    worker__start_dirty(worker, shard); /* those that its end sent a message to */
    shard_leave(shard);
    worker__bury(worker);
}

/* Everything that has no packet: mail whose packet was lost, time-outs, stopping. Returns when the
 * shard's next deadline is. */
static int64_t worker__tend_shard(struct worker *worker, struct shard *shard, enum server_stop stop)
{
    int64_t now_ns = clock_now_ns();
    shard_enter(shard, worker->recorder);
    shard_receive_mail(shard);
    shard_sweep(shard, now_ns);
    if (stop == SERVER_STOP_NOW) {
        shard_close_all(shard, ERROR_KIND_OTHER);
    } else if (stop == SERVER_STOP_DRAIN) {
        shard_finish_all(shard, now_ns); /* again for those accepted since */
    }
    worker__start_dirty(worker, shard);
    int64_t deadline_ns = shard_deadline_ns(shard);
    shard_leave(shard);
    worker__bury(worker);
    return deadline_ns;
}

static void worker__complete(struct worker *worker, const OVERLAPPED_ENTRY *entry,
                             int64_t polled_ns)
{
    struct io *io = CONTAINING_RECORD(entry->lpOverlapped, struct io, overlapped);
    DWORD bytes = entry->dwNumberOfBytesTransferred;
    int code = io->type == IO_POST ? 0 : iocp_socket_error_of(io->socket, &io->overlapped);
    switch (io->type) {
    case IO_ACCEPT:
        accept__completed(worker, CONTAINING_RECORD(io, struct accept, io), code, polled_ns);
        break;
    case IO_RECV:
        worker__complete_conn(worker, CONTAINING_RECORD(io, struct conn, recv), io, code, bytes,
                              polled_ns);
        break;
    case IO_SEND:
        worker__complete_conn(worker, CONTAINING_RECORD(io, struct conn, send), io, code, bytes,
                              polled_ns);
        break;
    case IO_POST: {
        struct post *post = CONTAINING_RECORD(io, struct post, io);
        if (post->shard != NULL) {
            worker__tend_shard(worker, post->shard, SERVER_RUNNING);
        }
        break;
    }
    }
}

/* The first worker's: what has to be done now and then, at a deadline, and when a stop begins.
 * Returns when the next is due. */
static int64_t worker__tick(struct worker *worker, int64_t now_ns)
{
    struct model_iocp *model = worker->model;
    enum server_stop stop = server_stopping(model->server);
    if (stop != SERVER_RUNNING && !atomic_load(&model->listener_closing)) {
        mutex_lock(&model->lock);
        atomic_store(&model->listener_closing, true);
        CancelIoEx((HANDLE)model->listener, NULL);
        listener__close_if_idle(model);
        mutex_unlock(&model->lock);
    }
    if (stop == SERVER_STOP_DRAIN && now_ns >= server_drain_deadline_ns(model->server)) {
        stop = SERVER_STOP_NOW;
    }
    worker->stop_handled = stop;
    int64_t tick_ns = now_ns + TICK_NS;
    for (uint32_t i = 0; i < SHARDS_COUNT; i++) {
        int64_t deadline_ns = worker__tend_shard(worker, &model->server->shards[i], stop);
        tick_ns = deadline_ns < tick_ns ? deadline_ns : tick_ns;
    }
    for (int i = 0; i < ACCEPTS_COUNT; i++) {
        if (model->accepts[i].paused) {
            accept__post(worker, &model->accepts[i]);
        }
    }
    return tick_ns;
}

/* Nothing is in flight any more: no accept, and so no new connection, and no connection. */
static bool worker__is_over(struct model_iocp *model)
{
    if (server_stopping(model->server) == SERVER_RUNNING ||
        !atomic_load(&model->listener_closing) || atomic_load(&model->accepts_in_flight) > 0 ||
        atomic_load(&model->server->connections) > 0) {
        return false;
    }
    if (!atomic_exchange(&model->over, true)) {
        model__wake(model->server); /* the others wait without a time-out */
    }
    return true;
}

static ULONG worker__wait(struct worker *worker, OVERLAPPED_ENTRY *entries, DWORD wait_ms)
{
    struct cport_stats *stats = &worker->recorder->port;
    ULONG count = 0;
    stats->polls++;
    stats->syscalls++;
    if (!GetQueuedCompletionStatusEx(worker->model->port, entries, BATCH_MAX, &count, wait_ms,
                                     FALSE)) {
        /* The third end besides packets and a time-out, a port that was closed under its waiters,
         * would lose every operation in flight. We close it when all workers have ended. */
        must(GetLastError() == WAIT_TIMEOUT);
        return 0;
    }
    stats->completions += count;
    stats->batch_max = count > stats->batch_max ? count : stats->batch_max;
    return count;
}

/* No worker ends before all is over: an operation must not outlive the thread that started it. */
static void model__run(struct server *server, uint32_t index)
{
    struct model_iocp *model = server->model_data;
    uint8_t buffer[LOOP_RECV_BYTES_MAX];
    struct worker worker = {
        .model = model, .recorder = &server->recorders[index], .buffer = buffer};
    OVERLAPPED_ENTRY entries[BATCH_MAX];
    int64_t tick_ns = index == 0 ? clock_now_ns() : TIME_NEVER_NS;
    for (int i = 0; index == 0 && i < ACCEPTS_COUNT; i++) {
        accept__post(&worker, &model->accepts[i]);
    }
    server_thread_ready(server);
    while (!worker__is_over(model)) {
        ULONG count =
            worker__wait(&worker, entries, index == 0 ? (DWORD)loop_wait_ms(tick_ns) : INFINITE);
        int64_t polled_ns = clock_now_ns();
        for (ULONG i = 0; i < count; i++) {
            worker__complete(&worker, &entries[i], polled_ns);
        }
        if (polled_ns >= tick_ns || (index == 0 && worker.stop_handled < server_stopping(server))) {
            tick_ns = worker__tick(&worker, polled_ns);
        }
        int64_t now_ns = clock_now_ns();
        recorder_flush(worker.recorder, now_ns);
        if (index == 0) {
            server_tend(server, worker.recorder, now_ns);
        }
    }
    /* Each wakes the next: one worker may have taken the packets that were meant for all. */
    post__send(&model->wake);
}

static void model__close(struct server *server)
{
    struct model_iocp *model = server->model_data;
    if (model == NULL) {
        return;
    }
    if (model->listener != INVALID_SOCKET) {
        closesocket(model->listener);
    }
    if (model->port != NULL) {
        CloseHandle(model->port);
    }
    mutex_close(&model->lock);
    free(model);
    server->model_data = NULL;
}

const struct model MODEL(iocp) = {
    .name = "iocp",
    .description = "one completion port, worker threads, AcceptEx, reference-counted sessions",
    .kind = MODEL_PROACTOR,
    .shards_count = SHARDS_COUNT,
    .open = model__open,
    .run = model__run,
    .wake = model__wake,
    .close = model__close,
};
