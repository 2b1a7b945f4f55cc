/* The network inside the fake completion port: endpoints and what passes between them. */
#include "fake_port/network.h"

#include "core/must.h"

#include <string.h>

static uint64_t fake__space_bytes(const struct fake_endpoint *receiver)
{
    return receiver->port->options.send_window_bytes - (receiver->written - receiver->received);
}

/* When something sent now arrives at receiver: after a latency, behind what was sent before. */
static int64_t fake__arrival_ns(struct fake_endpoint *receiver)
{
    int64_t arrival_ns = receiver->port->now_ns + fake_latency_ns(receiver->port);
    if (arrival_ns > receiver->arrival_ns) {
        receiver->arrival_ns = arrival_ns;
    }
    return receiver->arrival_ns;
}

static void fake__send_event(struct fake_endpoint *receiver, enum fake_event_kind kind,
                             uint32_t bytes)
{
    fake_event_push(receiver->port, &(struct fake_event){.due_ns = fake__arrival_ns(receiver),
                                                         .kind = kind,
                                                         .endpoint = receiver,
                                                         .bytes = bytes});
}

struct fake_endpoint *fake_endpoint_open(struct fake_port *fake)
{
    struct fake_endpoint *endpoint = fake->free;
    if (endpoint == NULL) {
        return NULL;
    }
    fake->free = endpoint->next;
    struct fake_endpoint kept = *endpoint;
    *endpoint = (struct fake_endpoint){.port = fake,
                                       .generation = kept.generation,
                                       .used = true,
                                       .window = kept.window,
                                       .recv_buffer = kept.recv_buffer,
                                       .recv_buffer_used_bytes = kept.recv_buffer_used_bytes};
    return endpoint;
}

uint16_t fake_endpoint_next_port(struct fake_port *fake)
{
    uint16_t port = fake->port_next++;
    if (fake->port_next == 0) {
        fake->port_next = FAKE_PORT_FIRST;
    }
    return port;
}

struct fake_endpoint *fake_endpoint_find_listener(struct fake_port *fake,
                                                  const struct net_address *address)
{
    for (uint32_t i = 0; i < fake->options.sockets_max; i++) {
        struct fake_endpoint *endpoint = &fake->endpoints[i];
        if (endpoint->used && endpoint->listening &&
            endpoint->local.bytes_count == address->bytes_count &&
            memcmp(endpoint->local.bytes, address->bytes, address->bytes_count) == 0) {
            return endpoint;
        }
    }
    return NULL;
}

static void fake__cancel_undecided(struct fake_endpoint *endpoint)
{
    struct cport_op **slots[] = {&endpoint->connect_op, &endpoint->recv_op, &endpoint->send_op};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (*slots[i] != NULL) {
            fake_decide(endpoint->port, *slots[i], CPORT_CANCELLED);
            *slots[i] = NULL;
        }
    }
    for (struct cport_op *op; (op = cport_op_list_pop(&endpoint->accepts)) != NULL;) {
        fake_decide(endpoint->port, op, CPORT_CANCELLED);
    }
}

void fake_endpoint_close(struct fake_endpoint *endpoint, bool reset)
{
    struct fake_port *fake = endpoint->port;
    must(endpoint->used);
    fake__cancel_undecided(endpoint);
    while (endpoint->backlog_first != NULL) {
        struct fake_endpoint *waiting = endpoint->backlog_first;
        endpoint->backlog_first = waiting->next;
        fake_endpoint_close(waiting, true);
    }
    struct fake_endpoint *peer = endpoint->peer;
    if (peer != NULL) {
        /* As TCP does: closing with bytes unread is a reset too (RFC 2525, 2.17). */
        if (reset || endpoint->written != endpoint->received) {
            fake__send_event(peer, FAKE_EVENT_RESET, 0);
        } else {
            fake_endpoint_send_fin(endpoint);
        }
        peer->peer = NULL;
    }
    endpoint->used = false;
    endpoint->generation++;
    endpoint->next = fake->free;
    fake->free = endpoint;
}

void fake_endpoint_send_fin(struct fake_endpoint *endpoint)
{
    if (!endpoint->fin_sent && endpoint->peer != NULL) {
        fake__send_event(endpoint->peer, FAKE_EVENT_FIN, 0);
    }
    endpoint->fin_sent = true;
}

void fake_endpoint_break(struct fake_endpoint *endpoint)
{
    fake__send_event(endpoint, FAKE_EVENT_RESET, 0);
    if (endpoint->peer != NULL) {
        fake__send_event(endpoint->peer, FAKE_EVENT_RESET, 0);
    }
}

void fake_endpoint_try_recv(struct fake_endpoint *endpoint)
{
    struct cport_op *op = endpoint->recv_op;
    if (op == NULL) {
        return;
    }
    enum cport_result result = CPORT_OK;
    if (!endpoint->connected) {
        result = CPORT_NOT_CONNECTED;
    } else if (endpoint->reset) {
        result = CPORT_RESET;
    } else if (endpoint->visible == endpoint->received && !endpoint->fin_received) {
        return; /* nothing there yet */
    }
    endpoint->recv_op = NULL;
    fake_decide(endpoint->port, op, result);
}

/* Copies bytes of the spans into the receiver's window. */
static void fake__write(struct fake_endpoint *receiver, const struct span *spans, uint64_t bytes)
{
    uint64_t window_bytes = receiver->port->options.send_window_bytes;
    for (; bytes > 0; spans++) {
        for (size_t i = 0; i < spans->bytes && bytes > 0; i++, bytes--) {
            receiver->window[receiver->written++ % window_bytes] = spans->data[i];
        }
    }
}

void fake_endpoint_try_send(struct fake_endpoint *endpoint)
{
    struct fake_port *fake = endpoint->port;
    struct fake_endpoint *peer = endpoint->peer;
    struct cport_op *op = endpoint->send_op;
    if (op == NULL) {
        return;
    }
    const struct span *spans = (const struct span *)op->backend[0];
    uint64_t bytes = 0;
    for (uintptr_t i = 0; i < op->backend[1]; i++) {
        bytes += spans[i].bytes;
    }
    enum cport_result result = CPORT_OK;
    if (endpoint->reset) {
        result = CPORT_RESET;
    } else if (endpoint->fin_sent || !endpoint->connected) {
        result = CPORT_NOT_CONNECTED;
    } else if (peer == NULL) {
        /* The other side has closed: it takes the bytes and answers with a reset. */
        fake__send_event(endpoint, FAKE_EVENT_RESET, 0);
        op->bytes = (uint32_t)bytes;
    } else if (fake_chance(fake, fake->options.reset_per_mille)) {
        fake_endpoint_break(endpoint);
        return; /* the reset decides it */
    } else {
        uint64_t space_bytes = fake__space_bytes(peer);
        if (space_bytes == 0) {
            return; /* until the peer receives */
        }
        bytes = bytes < space_bytes ? bytes : space_bytes;
        if (bytes > 1 && fake_chance(fake, fake->options.partial_send_per_mille)) {
            bytes = fake_draw(fake, 1, bytes - 1);
        }
        fake__write(peer, spans, bytes);
        fake__send_event(peer, FAKE_EVENT_BYTES, (uint32_t)bytes);
        op->bytes = (uint32_t)bytes;
    }
    endpoint->send_op = NULL;
    fake_decide(fake, op, result);
}

void fake_endpoint_try_accept(struct fake_endpoint *listener)
{
    while (listener->backlog_first != NULL && listener->accepts.first != NULL) {
        struct fake_endpoint *endpoint = listener->backlog_first;
        listener->backlog_first = endpoint->next;
        if (listener->backlog_first == NULL) {
            listener->backlog_last = NULL;
        }
        listener->backlog_count--;
        endpoint->next = NULL;
        struct cport_op *op = cport_op_list_pop(&listener->accepts);
        struct cport_accept_op *accept_op = (struct cport_accept_op *)op;
        accept_op->accepted = fake_handle_of(endpoint);
        accept_op->peer = endpoint->remote;
        fake_decide(listener->port, op, CPORT_OK);
    }
}

/* A connect request arrives: a new endpoint in the listener's backlog, or a refusal. */
static void fake__on_connect(struct fake_endpoint *client)
{
    struct fake_port *fake = client->port;
    struct fake_endpoint *listener = fake_endpoint_find_listener(fake, &client->remote);
    struct fake_endpoint *server = NULL;
    if (listener != NULL && listener->backlog_count < listener->backlog_max &&
        !fake_chance(fake, fake->options.refuse_per_mille)) {
        server = fake_endpoint_open(fake);
    }
    if (server != NULL) {
        server->local = client->remote;
        server->remote = client->local;
        server->peer = client;
        client->peer = server;
        server->connected = client->connected = true;
        if (listener->backlog_last != NULL && listener->backlog_first != NULL) {
            listener->backlog_last->next = server;
        } else {
            listener->backlog_first = server;
        }
        listener->backlog_last = server;
        listener->backlog_count++;
        fake_endpoint_try_accept(listener);
    }
    fake__send_event(client, FAKE_EVENT_ANSWER, server != NULL);
}

static void fake__on_reset(struct fake_endpoint *endpoint)
{
    endpoint->reset = true;
    endpoint->visible = endpoint->received = endpoint->written; /* what was unread is lost */
    fake_endpoint_try_recv(endpoint);
    fake_endpoint_try_send(endpoint);
}

void fake_endpoint_on_event(struct fake_endpoint *endpoint, const struct fake_event *event)
{
    if (event->generation != endpoint->generation) {
        return; /* it arrives where nobody is any more */
    }
    switch (event->kind) {
    case FAKE_EVENT_CONNECT:
        fake__on_connect(endpoint);
        break;
    case FAKE_EVENT_ANSWER:
        if (endpoint->connect_op != NULL) {
            fake_decide(endpoint->port, endpoint->connect_op,
                        event->bytes != 0 ? CPORT_OK : CPORT_REFUSED);
            endpoint->connect_op = NULL;
        }
        break;
    case FAKE_EVENT_BYTES:
        if (!endpoint->reset) {
            endpoint->visible += event->bytes;
        }
        fake_endpoint_try_recv(endpoint);
        break;
    case FAKE_EVENT_FIN:
        endpoint->fin_received = true;
        fake_endpoint_try_recv(endpoint);
        break;
    case FAKE_EVENT_RESET:
        fake__on_reset(endpoint);
        break;
    case FAKE_EVENT_FINISH:
        break; /* not an endpoint's */
    }
}
