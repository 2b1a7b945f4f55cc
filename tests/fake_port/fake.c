/* The fake completion port: operations of cport.h over the network of network.h. */
#include "fake_port/fake.h"

#include "core/clock.h"
#include "core/must.h"
#include "fake_port/network.h"

#include <stdlib.h>
#include <string.h>

enum {
    FAKE_START_NS = 1000000000,
    FAKE_WINDOW_BYTES_DEFAULT = 64 * 1024,
    FAKE_RECV_BUFFER_BYTES_DEFAULT = 4096,
    FAKE_SPOILT = 0xdd /* what stands in a receive buffer that is no longer the caller's */
};

/* Places in cport_op.backend of a receive: its endpoint when it was submitted. */
enum { FAKE_RECV_ENDPOINT, FAKE_RECV_GENERATION };

/* The fake is a machine that has loopback addresses only. */
static bool fake__is_loopback(const struct net_address *address)
{
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    net_address_format(address, text);
    return strncmp(text, "127.", 4) == 0 || strncmp(text, "[::1]", 5) == 0;
}

void fake_decide(struct fake_port *fake, struct cport_op *op, enum cport_result result)
{
    int64_t due_ns = fake->now_ns;
    if (fake_chance(fake, fake->options.late_per_mille)) {
        due_ns += fake->options.late_ns;
    }
    op->result = (uint8_t)result;
    fake_event_push(fake,
                    &(struct fake_event){.due_ns = due_ns, .kind = FAKE_EVENT_FINISH, .op = op});
}

static void fake__decide_now(struct fake_port *fake, struct cport_op *op, enum cport_result result)
{
    fake->base.stats.immediate++;
    fake_decide(fake, op, result);
}

static bool fake__listen(struct cport *port, struct cport_socket *listener,
                         const struct net_address *address, int backlog, struct error *error)
{
    struct fake_port *fake = fake_port_of(port);
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    struct net_address local = *address;
    if (net_address_port(address) == 0) {
        net_address_set_port(&local, fake_endpoint_next_port(fake));
    }
    if (fake_endpoint_find_listener(fake, &local) != NULL) {
        error_set(error, "listen on %s: the address is in use", net_address_format(address, text));
        return false;
    }
    struct fake_endpoint *endpoint = fake_endpoint_open(fake);
    if (endpoint == NULL) {
        error_set(error, "listen on %s: no socket left", net_address_format(address, text));
        return false;
    }
    endpoint->listening = true;
    endpoint->local = local;
    endpoint->backlog_max = backlog;
    listener->handle = fake_handle_of(endpoint);
    return true;
}

static void fake__accept(struct cport *port, struct cport_socket *listener,
                         struct cport_accept_op *op)
{
    (void)port;
    struct fake_endpoint *endpoint = fake_endpoint_of(listener->handle);
    cport_op_list_push(&endpoint->accepts, &op->op);
    fake_endpoint_try_accept(endpoint);
}

static enum cport_result fake__adopt(struct cport *port, struct cport_socket *socket,
                                     cport_handle handle)
{
    must(fake_endpoint_of(handle)->port == fake_port_of(port)); /* one port is the whole network */
    socket->handle = handle;
    return CPORT_OK;
}

static void fake__connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                          const struct net_address *remote, const struct net_address *local)
{
    struct fake_port *fake = fake_port_of(port);
    if (remote->bytes_count == 0) {
        fake__decide_now(fake, op, CPORT_INVALID);
        return;
    }
    if (local != NULL && local->bytes_count != 0 && !fake__is_loopback(local)) {
        fake__decide_now(fake, op, CPORT_INVALID);
        return;
    }
    struct fake_endpoint *endpoint = fake_endpoint_open(fake);
    if (endpoint == NULL) {
        fake__decide_now(fake, op, CPORT_LOCAL_DESCRIPTORS);
        return;
    }
    socket->handle = fake_handle_of(endpoint);
    if (!fake__is_loopback(remote)) {
        fake__decide_now(fake, op, CPORT_UNREACHABLE);
        return;
    }
    endpoint->remote = *remote;
    endpoint->local = local != NULL && local->bytes_count != 0 ? *local : *remote;
    net_address_set_port(&endpoint->local, fake_endpoint_next_port(fake));
    endpoint->connect_op = op;
    fake_event_push(fake, &(struct fake_event){.due_ns = fake->now_ns + fake_latency_ns(fake),
                                               .kind = FAKE_EVENT_CONNECT,
                                               .endpoint = endpoint});
}

static void fake__recv(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    struct fake_endpoint *endpoint = fake_endpoint_of(socket->handle);
    op->backend[FAKE_RECV_ENDPOINT] = 0;
    if (endpoint == NULL) {
        fake__decide_now(fake_port_of(port), op, CPORT_INVALID);
        return;
    }
    must(endpoint->recv_op == NULL);
    op->backend[FAKE_RECV_ENDPOINT] = (uintptr_t)endpoint;
    op->backend[FAKE_RECV_GENERATION] = endpoint->generation;
    endpoint->recv_op = op;
    if (fake_chance(fake_port_of(port), fake_port_of(port)->options.reset_per_mille)) {
        fake_endpoint_break(endpoint);
    }
    fake_endpoint_try_recv(endpoint);
}

static void fake__send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                       const struct span *spans, int spans_count)
{
    struct fake_endpoint *endpoint = fake_endpoint_of(socket->handle);
    if (endpoint == NULL) {
        fake__decide_now(fake_port_of(port), op, CPORT_INVALID);
        return;
    }
    must(endpoint->send_op == NULL);
    op->backend[0] = (uintptr_t)spans;
    op->backend[1] = (uintptr_t)spans_count;
    endpoint->send_op = op;
    fake_endpoint_try_send(endpoint);
}

static void fake__shutdown(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    struct fake_endpoint *endpoint = fake_endpoint_of(socket->handle);
    bool connected = endpoint != NULL && endpoint->connected && !endpoint->reset;
    if (connected) {
        must(endpoint->send_op == NULL);
        fake_endpoint_send_fin(endpoint);
    }
    fake__decide_now(fake_port_of(port), op, connected ? CPORT_OK : CPORT_NOT_CONNECTED);
}

/* Takes op out of its endpoint when it is undecided; false when it is decided already. */
static bool fake__withdraw(struct fake_endpoint *endpoint, struct cport_op *op)
{
    struct cport_op **slots[] = {&endpoint->connect_op, &endpoint->recv_op, &endpoint->send_op};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (*slots[i] == op) {
            *slots[i] = NULL;
            return true;
        }
    }
    bool found = false;
    struct cport_op_list kept = {NULL, NULL};
    for (struct cport_op *at; (at = cport_op_list_pop(&endpoint->accepts)) != NULL;) {
        if (at == op) {
            found = true;
        } else {
            cport_op_list_push(&kept, at);
        }
    }
    endpoint->accepts = kept;
    return found;
}

static void fake__cancel(struct cport *port, struct cport_op *op)
{
    struct fake_endpoint *endpoint = fake_endpoint_of(op->socket->handle);
    if (endpoint != NULL && fake__withdraw(endpoint, op)) {
        fake_decide(fake_port_of(port), op, CPORT_CANCELLED);
    }
}

static void fake__close(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                        enum cport_close_mode mode)
{
    struct fake_endpoint *endpoint = fake_endpoint_of(socket->handle);
    if (endpoint != NULL) {
        fake_endpoint_close(endpoint, mode == CPORT_CLOSE_RST);
        socket->handle = CPORT_HANDLE_NONE;
    }
    if (socket->in_flight_count == 0) {
        fake_decide(fake_port_of(port), op, CPORT_OK);
    }
}

/* What a receive gives is settled only now, when it is handed out. */
static void fake__fill_recv(struct fake_port *fake, struct cport_op *op)
{
    struct fake_endpoint *endpoint = (struct fake_endpoint *)op->backend[FAKE_RECV_ENDPOINT];
    if (endpoint->generation != (uint32_t)op->backend[FAKE_RECV_GENERATION]) {
        op->result = CPORT_CANCELLED; /* closed between */
        return;
    }
    if (endpoint->reset) {
        op->result = CPORT_RESET;
        return;
    }
    uint64_t bytes = endpoint->visible - endpoint->received;
    if (bytes > fake->options.recv_buffer_bytes) {
        bytes = fake->options.recv_buffer_bytes;
    }
    if (bytes > 1 && fake_chance(fake, fake->options.partial_recv_per_mille)) {
        bytes = fake_draw(fake, 1, bytes - 1);
    }
    for (uint64_t i = 0; i < bytes; i++) {
        endpoint->recv_buffer[i] =
            endpoint->window[endpoint->received++ % fake->options.send_window_bytes];
    }
    endpoint->recv_buffer_used_bytes = (uint32_t)bytes;
    op->data = bytes != 0 ? endpoint->recv_buffer : NULL;
    op->bytes = (uint32_t)bytes;
    if (endpoint->peer != NULL) {
        fake_endpoint_try_send(endpoint->peer); /* there is room now */
    }
}

void fake_finish(struct fake_port *fake, struct cport_op *op)
{
    struct cport_socket *socket = op->socket;
    if (op->type == CPORT_OP_RECV && op->result == CPORT_OK) {
        fake__fill_recv(fake, op);
    }
    cport_op_finish(op, (enum cport_result)op->result, op->result == CPORT_OK ? 0 : -1);
    if (socket->close_op != NULL && socket->close_op != op && socket->in_flight_count == 0) {
        fake_decide(fake, socket->close_op, CPORT_OK);
    }
}

/* The bytes handed out by the last poll are no longer valid: whoever still reads them notices. */
static void fake__spoil_buffers(struct fake_port *fake)
{
    for (uint32_t i = 0; i < fake->options.sockets_max; i++) {
        struct fake_endpoint *endpoint = &fake->endpoints[i];
        if (endpoint->recv_buffer_used_bytes > 0) {
            memset(endpoint->recv_buffer, FAKE_SPOILT, endpoint->recv_buffer_used_bytes);
            endpoint->recv_buffer_used_bytes = 0;
        }
    }
}

static int fake__poll(struct cport *port, struct cport_op **completions, int completions_max,
                      int64_t deadline_ns)
{
    struct fake_port *fake = fake_port_of(port);
    struct fake_event event;
    int count = 0;
    int64_t from_ns = fake->now_ns;
    int64_t until_ns = deadline_ns > fake->now_ns ? deadline_ns : fake->now_ns;
    bool woken = atomic_exchange(&fake->woken, false);
    fake__spoil_buffers(fake);
    /* Once something has come out, or somebody has called, only what is due at the same time. */
    while (count < completions_max &&
           fake_event_pop(fake, count > 0 || woken ? fake->now_ns : until_ns, &event)) {
        if (event.due_ns > fake->now_ns) {
            fake->now_ns = event.due_ns;
        }
        if (event.kind == FAKE_EVENT_FINISH) {
            fake_finish(fake, event.op);
            completions[count++] = event.op;
        } else {
            fake_endpoint_on_event(event.endpoint, &event);
        }
    }
    /* Nothing will ever happen: a real port would wait for ever, virtual time stands still. */
    if (count == 0 && !woken && deadline_ns != TIME_NEVER_NS && deadline_ns > fake->now_ns) {
        fake->now_ns = deadline_ns;
    }
    cport_note_wait(port, from_ns, fake->now_ns, deadline_ns);
    port->drained = count < completions_max;
    return count;
}

static void fake__wake(struct cport *port)
{
    atomic_store(&fake_port_of(port)->woken, true);
}

static int64_t fake__now_ns(const struct cport *port)
{
    return ((const struct fake_port *)port)->now_ns;
}

static void fake__destroy(struct cport *port)
{
    struct fake_port *fake = fake_port_of(port);
    free(fake->memory);
    free(fake->endpoints);
    free(fake->events);
    free(fake);
}

static void fake__local_address(cport_handle handle, struct net_address *address)
{
    *address = fake_endpoint_of(handle)->local;
}

static const struct cport_backend fake_backend = {
    .kind = CPORT_BACKEND_FAKE,
    .name = "fake",
    .destroy = fake__destroy,
    .listen = fake__listen,
    .accept = fake__accept,
    .adopt = fake__adopt,
    .connect = fake__connect,
    .recv = fake__recv,
    .send = fake__send,
    .shutdown = fake__shutdown,
    .cancel = fake__cancel,
    .close = fake__close,
    .poll = fake__poll,
    .wake = fake__wake,
    .local_address = fake__local_address,
    .now_ns = fake__now_ns,
};

struct cport *cport_fake_create(const struct cport_fake_options *options, struct error *error)
{
    must(options->sockets_max >= 1 && options->latency_min_ns <= options->latency_max_ns);
    struct fake_port *fake = calloc(1, sizeof *fake);
    if (fake == NULL) {
        error_set(error, "no memory for a fake completion port");
        return NULL;
    }
    fake->base.backend = &fake_backend;
    fake->options = *options;
    if (fake->options.send_window_bytes == 0) {
        fake->options.send_window_bytes = FAKE_WINDOW_BYTES_DEFAULT;
    }
    if (fake->options.recv_buffer_bytes == 0) {
        fake->options.recv_buffer_bytes = FAKE_RECV_BUFFER_BYTES_DEFAULT;
    }
    fake->now_ns = FAKE_START_NS;
    fake->port_next = FAKE_PORT_FIRST;
    size_t endpoint_bytes =
        (size_t)fake->options.send_window_bytes + fake->options.recv_buffer_bytes;
    fake->endpoints = calloc(options->sockets_max, sizeof *fake->endpoints);
    fake->memory = calloc(options->sockets_max, endpoint_bytes);
    if (fake->endpoints == NULL || fake->memory == NULL) {
        error_set(error, "no memory for a fake completion port of %u sockets",
                  (unsigned)options->sockets_max);
        fake__destroy(&fake->base);
        return NULL;
    }
    for (uint32_t i = options->sockets_max; i-- > 0;) {
        struct fake_endpoint *endpoint = &fake->endpoints[i];
        endpoint->window = fake->memory + i * endpoint_bytes;
        endpoint->recv_buffer = endpoint->window + fake->options.send_window_bytes;
        endpoint->next = fake->free;
        fake->free = endpoint;
    }
    return &fake->base;
}
