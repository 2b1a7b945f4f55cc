/* The completion port's front: chooses the backend, checks what callers must keep to, keeps the
 * state of operations and the counters that all backends share. */
#include "cport/cport.h"

#include "core/clock.h"
#include "core/must.h"
#include "cport/backend.h"

#include <stdio.h>
#include <string.h>

enum {
    CPORT_SOCKETS_MAX = 1000000,
    CPORT_RECV_BUFFER_BYTES_DEFAULT = 4096,
    CPORT_RECV_BUFFER_BYTES_MAX = 1024 * 1024,
    CPORT_BUSY_TURN_NS = 20 * 1000
};

static const char *const cport__names[] = {"default", "iocp", "uring", "epoll"};

enum { CPORT_NAMES_COUNT = sizeof cport__names / sizeof cport__names[0] };

static bool cport__fill_options(struct cport_options *filled, const struct cport_options *options,
                                struct error *error)
{
    *filled = *options;
    if (options->sockets_max < 1 || options->sockets_max > CPORT_SOCKETS_MAX) {
        error_set(error, "completion port: sockets_max must be 1..%d, not %u", CPORT_SOCKETS_MAX,
                  (unsigned)options->sockets_max);
        return false;
    }
    if (options->recv_buffer_bytes > CPORT_RECV_BUFFER_BYTES_MAX) {
        error_set(error, "completion port: recv_buffer_bytes must be at most %d, not %u",
                  CPORT_RECV_BUFFER_BYTES_MAX, (unsigned)options->recv_buffer_bytes);
        return false;
    }
    if (filled->recv_buffer_bytes == 0) {
        filled->recv_buffer_bytes = CPORT_RECV_BUFFER_BYTES_DEFAULT;
    }
    return true;
}

static struct cport *cport__create_kind(const struct cport_options *options, struct error *error)
{
    bool forbidden = false;
    for (int i = 0; cport_backends[i] != NULL; i++) {
        if (cport_backends[i]->kind == options->backend) {
            return cport_backends[i]->create(options, &forbidden, error);
        }
    }
    error_set(error, "the %s backend does not exist on this system (the best here is %s)",
              cport__names[options->backend], cport_backends[0]->name);
    return NULL;
}

/* The first that this system permits. What was passed over is said in one line. */
static struct cport *cport__create_default(const struct cport_options *options, struct error *error)
{
    struct error passed_over = {.text = ""};
    for (int i = 0; cport_backends[i] != NULL; i++) {
        bool forbidden = false;
        struct error why = {.text = ""};
        struct cport *port = cport_backends[i]->create(options, &forbidden, &why);
        if (port != NULL) {
            if (passed_over.text[0] != '\0') {
                snprintf(port->fallback_reason, sizeof port->fallback_reason, "%.200s: using %s",
                         passed_over.text, cport_backends[i]->name);
            }
            return port;
        }
        if (!forbidden || cport_backends[i + 1] == NULL) {
            error_set(error, "%s", why.text);
            return NULL;
        }
        passed_over = why;
    }
    return NULL;
}

struct cport *cport_create(const struct cport_options *options, struct error *error)
{
    struct cport_options filled;
    if (!cport__fill_options(&filled, options, error)) {
        return NULL;
    }
    if (filled.backend == CPORT_BACKEND_DEFAULT && filled.busy_poll &&
        cport_backend_exists(CPORT_BACKEND_EPOLL)) {
        filled.backend = CPORT_BACKEND_EPOLL; /* asks the sockets themselves: see epoll/epoll.c */
    }
    struct cport *port = filled.backend == CPORT_BACKEND_DEFAULT
                             ? cport__create_default(&filled, error)
                             : cport__create_kind(&filled, error);
    if (port != NULL) {
        port->busy_poll = filled.busy_poll;
        port->times_waits = filled.times_waits;
        port->last_poll_ns = cport_now_ns(port);
    }
    return port;
}

bool cport_backend_exists(enum cport_backend_kind kind)
{
    for (int i = 0; cport_backends[i] != NULL; i++) {
        if (cport_backends[i]->kind == kind) {
            return true;
        }
    }
    return kind == CPORT_BACKEND_DEFAULT;
}

bool cport_backend_parse(const char *name, enum cport_backend_kind *kind, struct error *error)
{
    for (size_t i = CPORT_BACKEND_IOCP; i < CPORT_NAMES_COUNT; i++) {
        if (strcmp(name, cport__names[i]) == 0) {
            *kind = (enum cport_backend_kind)i;
            if (!cport_backend_exists(*kind)) {
                error_set(error, "%s does not exist on this system; leave --io out", name);
            }
            return cport_backend_exists(*kind);
        }
    }
    error_set(error, "expected uring or epoll (Linux) or iocp (Windows), found \"%s\"", name);
    return false;
}

void cport_destroy(struct cport *port)
{
    if (port != NULL) {
        port->backend->destroy(port);
    }
}

const char *cport_backend_name(const struct cport *port)
{
    return port->backend->name;
}

const char *cport_fallback_reason(const struct cport *port)
{
    return port->fallback_reason[0] != '\0' ? port->fallback_reason : NULL;
}

int64_t cport_now_ns(const struct cport *port)
{
    return port->backend->now_ns != NULL ? port->backend->now_ns(port) : clock_now_ns();
}

void cport_read_stats(const struct cport *port, struct cport_stats *stats)
{
    *stats = port->stats;
}

/* Every submit passes here: the one place that hands an operation to the port. */
static void cport__begin(struct cport_socket *socket, struct cport_op *op, enum cport_op_type type)
{
    must(op->state == CPORT_OP_IDLE);
    must(socket->close_op == NULL);
    op->socket = socket;
    op->data = NULL;
    op->bytes = 0;
    op->system_error = 0;
    op->type = (uint8_t)type;
    op->result = CPORT_OK;
    op->state = CPORT_OP_IN_FLIGHT;
    op->flags = 0;
    if (type == CPORT_OP_CLOSE) {
        socket->close_op = op;
    } else {
        socket->in_flight_count++;
    }
}

/* A socket that is given to listen, connect or adopt may have been used before, and have old
 * members. */
static void cport__open_socket(struct cport_socket *socket)
{
    must(socket->in_flight_count == 0);
    memset(socket, 0, sizeof *socket);
    socket->handle = CPORT_HANDLE_NONE;
}

bool cport_listen(struct cport *port, struct cport_socket *listener,
                  const struct net_address *address, int backlog, struct error *error)
{
    cport__open_socket(listener);
    return port->backend->listen(port, listener, address, backlog, error);
}

void cport_accept(struct cport *port, struct cport_socket *listener, struct cport_accept_op *op)
{
    cport__begin(listener, &op->op, CPORT_OP_ACCEPT);
    op->accepted = CPORT_HANDLE_NONE;
    op->peer.bytes_count = 0;
    port->backend->accept(port, listener, op);
}

enum cport_result cport_adopt(struct cport *port, struct cport_socket *socket, cport_handle handle)
{
    must(handle != CPORT_HANDLE_NONE);
    cport__open_socket(socket);
    return port->backend->adopt(port, socket, handle);
}

void cport_connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                   const struct net_address *remote, const struct net_address *local)
{
    cport__open_socket(socket);
    cport__begin(socket, op, CPORT_OP_CONNECT);
    port->backend->connect(port, socket, op, remote, local);
}

void cport_recv(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    cport__begin(socket, op, CPORT_OP_RECV);
    port->backend->recv(port, socket, op);
}

void cport_send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                const struct span *spans, int spans_count)
{
    must(spans_count >= 1 && spans_count <= CPORT_SPANS_MAX);
    cport__begin(socket, op, CPORT_OP_SEND);
    port->backend->send(port, socket, op, spans, spans_count);
}

void cport_shutdown(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    cport__begin(socket, op, CPORT_OP_SHUTDOWN);
    port->backend->shutdown(port, socket, op);
}

void cport_cancel(struct cport *port, struct cport_op *op)
{
    must(op->type != CPORT_OP_CLOSE);
    if (op->state == CPORT_OP_IN_FLIGHT) {
        port->backend->cancel(port, op);
    }
}

void cport_close(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                 enum cport_close_mode mode)
{
    cport__begin(socket, op, CPORT_OP_CLOSE);
    port->backend->close(port, socket, op, mode);
}

/* Looks again and again. Not for long: a wake is only seen by the caller's next turn. */
static int cport__poll_busily(struct cport *port, struct cport_op **completions,
                              int completions_max, int64_t deadline_ns)
{
    int64_t from_ns = cport_now_ns(port);
    int64_t until_ns = from_ns + CPORT_BUSY_TURN_NS;
    until_ns = deadline_ns < until_ns ? deadline_ns : until_ns;
    int64_t now_ns = from_ns;
    int64_t vain_ns = from_ns; /* when the last poll that found nothing began */
    int count;
    for (;;) {
        count = port->backend->poll(port, completions, completions_max, 0);
        if (count > 0) {
            break;
        }
        vain_ns = now_ns;
        now_ns = cport_now_ns(port);
        /* At least twice: a poll that takes longer than a turn is a wait, too. */
        if (now_ns >= until_ns && (vain_ns > from_ns || now_ns >= deadline_ns)) {
            break;
        }
    }
    port->stats.waited_ns += port->times_waits ? (uint64_t)(vain_ns - from_ns) : 0;
    return count;
}

int cport_poll(struct cport *port, struct cport_op **completions, int completions_max,
               int64_t deadline_ns)
{
    must(completions_max >= 1);
    int count = port->busy_poll
                    ? cport__poll_busily(port, completions, completions_max, deadline_ns)
                    : port->backend->poll(port, completions, completions_max, deadline_ns);
    for (int i = 0; i < count; i++) {
        struct cport_op *op = completions[i];
        must(op->state == CPORT_OP_FINISHED);
        op->state = CPORT_OP_IDLE;
    }
    port->stats.polls++;
    port->stats.completions += (uint64_t)count;
    if ((uint64_t)count > port->stats.batch_max) {
        port->stats.batch_max = (uint64_t)count;
    }
    return count;
}

int64_t cport_last_poll_ns(const struct cport *port)
{
    return port->last_poll_ns;
}

bool cport_is_drained(const struct cport *port)
{
    return port->drained;
}

void cport_submit(struct cport *port)
{
    if (port->backend->submit != NULL) {
        port->backend->submit(port);
    }
}

void cport_wake(struct cport *port)
{
    port->backend->wake(port);
}

void cport_local_address(const struct cport *port, const struct cport_socket *socket,
                         struct net_address *address)
{
    address->bytes_count = 0;
    if (socket->handle != CPORT_HANDLE_NONE) {
        port->backend->local_address(socket->handle, address);
    }
}

static const struct {
    const char *text;
    int64_t unit_ns;
} cport__waits[CPORT_WAITS] = {
    [CPORT_WAIT_UNKNOWN] = {"unknown", 0},
    [CPORT_WAIT_NANOSECONDS] = {"nanoseconds", 1},
    [CPORT_WAIT_TIMER_PACKET] = {"timer packet", 100},
    [CPORT_WAIT_TIMER_APC] = {"timer APC", 100},
    [CPORT_WAIT_NAPS] = {"naps", 100},
    [CPORT_WAIT_YIELDS] = {"yields", NS_PER_MS},
    [CPORT_WAIT_MILLISECONDS] = {"milliseconds", NS_PER_MS},
};

const char *cport_wait_text(enum cport_wait wait)
{
    return cport__waits[wait].text;
}

int64_t cport_wait_unit_ns(enum cport_wait wait)
{
    return cport__waits[wait].unit_ns;
}

bool cport_result_is_local(enum cport_result result)
{
    return result == CPORT_LOCAL_PORTS || result == CPORT_LOCAL_DESCRIPTORS ||
           result == CPORT_LOCAL_MEMORY;
}
