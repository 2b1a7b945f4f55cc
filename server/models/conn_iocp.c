/* Model iocp, the connection: readable, writable, close. */
#include "model_iocp.h"

#include "core/clock.h"
#include "core/must.h"

#include <string.h>

/* -------- operations -------- */

enum error_kind iocp_error_kind(int code)
{
    switch (code) {
    case WSAECONNRESET:
    case WSAECONNABORTED: /* also the second call that fails after a reset */
    case WSAENETRESET:
    case ERROR_NETNAME_DELETED: /* AcceptEx: the peer left before it was accepted */
    case ERROR_CONNECTION_ABORTED:
    case WSAENOTCONN: /* the first call on a socket whose peer has reset it meanwhile */
    case WSAESHUTDOWN:
    case WSAEDISCON:
    case WSAETIMEDOUT: /* the system gave the connection up */
    case ERROR_SEM_TIMEOUT:
    case WSAENETUNREACH:
    case WSAEHOSTUNREACH:
        return ERROR_KIND_RESET;
    case WSAEMFILE:
    case WSAENOBUFS:
    case ERROR_TOO_MANY_OPEN_FILES: /* C000011F, Wine's AcceptEx without descriptors */
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_WORKING_SET_QUOTA:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return ERROR_KIND_LOCAL_LIMIT;
    default:
        return ERROR_KIND_OTHER;
    }
}

int iocp_io_error(struct worker *worker, bool done)
{
    int code = done ? 0 : WSAGetLastError();
    worker->recorder->port.syscalls++;
    return code == WSA_IO_PENDING ? 0 : code;
}

OVERLAPPED *iocp_io_begin(struct io *io, enum io_type type, SOCKET socket)
{
    memset(io, 0, sizeof *io);
    io->type = type;
    io->socket = socket;
    return &io->overlapped;
}

void iocp_close_socket(struct worker *worker, SOCKET socket, bool reset)
{
    if (reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(socket, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    }
    closesocket(socket);
    worker->recorder->port.syscalls += reset ? 2 : 1;
}

/* -------- readable -------- */

static void conn__recv(struct worker *worker, struct conn *conn)
{
    WSABUF span = {.buf = (char *)conn->recv_bytes, .len = RECV_BYTES_MAX};
    DWORD flags = 0;
    OVERLAPPED *overlapped = iocp_io_begin(&conn->recv, IO_RECV, conn->socket);
    int code =
        iocp_io_error(worker, WSARecv(conn->socket, &span, 1, NULL, &flags, overlapped, NULL) == 0);
    if (code != 0) {
        session_fail(&conn->session, iocp_error_kind(code));
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

/* Three ends that must be told apart: bytes; none, which is the peer's normal close; an error,
 * which is an abnormal one, unless it was we who cancelled. */
void iocp_conn_received(struct conn *conn, int code, uint32_t bytes, int64_t polled_ns)
{
    conn->recv_in_flight = false;
    if (code == 0 && bytes > 0) {
        session_receive(&conn->session, conn->recv_bytes, bytes, polled_ns, clock_now_ns());
    } else if (code == 0 && conn__was_reset(conn)) {
        session_fail(&conn->session, ERROR_KIND_RESET);
    } else if (code == 0) {
        session_receive_end(&conn->session, polled_ns);
    } else if (code != WSA_OPERATION_ABORTED) {
        session_fail(&conn->session, iocp_error_kind(code));
    }
}

/* -------- writable -------- */

/* At most one send is in flight: everything that is queued meanwhile goes with the next, in one
 * gathered call. Replies would else cost a call each, and could overtake one another. */
static void conn__send(struct worker *worker, struct conn *conn, int64_t now_ns)
{
    struct span spans[SPANS_MAX];
    WSABUF buffers[SPANS_MAX]; /* WSASend() copies the array, not the bytes */
    int count = session_take_output(&conn->session, spans, SPANS_MAX, now_ns);
    for (int i = 0; i < count; i++) {
        buffers[i].buf = (char *)(uintptr_t)spans[i].data;
        buffers[i].len = (ULONG)spans[i].bytes;
    }
    OVERLAPPED *overlapped = iocp_io_begin(&conn->send, IO_SEND, conn->socket);
    int code = iocp_io_error(
        worker, WSASend(conn->socket, buffers, (DWORD)count, NULL, 0, overlapped, NULL) == 0);
    if (code != 0) {
        session_sent(&conn->session, 0);
        session_fail(&conn->session, iocp_error_kind(code));
        return;
    }
    conn->references++;
}

void iocp_conn_sent(struct conn *conn, int code, uint32_t bytes)
{
    session_sent(&conn->session, code == 0 ? bytes : 0);
    if (code != 0 && code != WSA_OPERATION_ABORTED) {
        session_fail(&conn->session, iocp_error_kind(code));
    }
}

/* -------- close -------- */

void iocp_conn_release(struct worker *worker, struct conn *conn)
{
    must(conn->references > 0);
    if (--conn->references > 0) {
        return;
    }
    session_end(&conn->session);
    conn->ended_next = worker->ended;
    worker->ended = conn;
}

static void conn__start_close(struct worker *worker, struct conn *conn, bool reset)
{
    if (reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->socket, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    }
    /* The operations come back cancelled (or done, if they were faster), each with its packet.
     * Closing the socket here would cancel them too, but the next socket could get its number
     * while packets still name it. */
    CancelIoEx((HANDLE)conn->socket, NULL);
    worker->recorder->port.syscalls += 2;
    iocp_conn_release(worker, conn);
}

void iocp_worker_bury(struct worker *worker)
{
    while (worker->ended != NULL) {
        struct conn *conn = worker->ended;
        worker->ended = conn->ended_next;
        iocp_close_socket(worker, conn->socket, false);
        session_memory_free(conn);
    }
}

/* -------- what a session wants -------- */

/* Starts what the session wants. A start that fails makes it dirty again; it then comes back. */
static void conn__advance(struct worker *worker, struct conn *conn, int64_t now_ns)
{
    switch (session_next(&conn->session)) {
    case SESSION_SEND:
        conn__send(worker, conn, now_ns);
        break;
    case SESSION_SHUTDOWN:
        worker->recorder->port.syscalls++;
        if (shutdown(conn->socket, SD_SEND) != 0) {
            session_fail(&conn->session, iocp_error_kind(WSAGetLastError()));
        }
        break;
    case SESSION_CLOSE_FIN:
        conn__start_close(worker, conn, false);
        return;
    case SESSION_CLOSE_RST:
        conn__start_close(worker, conn, true);
        return;
    case SESSION_NOTHING:
        break;
    }
    if (!conn->recv_in_flight && session_can_receive(&conn->session)) {
        conn__recv(worker, conn);
    }
}

void iocp_worker_start_dirty(struct worker *worker, struct shard *shard)
{
    struct session *session;
    shard_flush(shard);
    while ((session = shard_pop_dirty(shard)) != NULL) {
        conn__advance(worker, (struct conn *)session, clock_now_ns());
    }
}
