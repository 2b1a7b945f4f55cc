/* The network inside the fake completion port: events in virtual time, endpoints, byte streams.
 *
 * Private to the fake. One thread. An endpoint is one end of a connection, or a listener; what
 * lies between two ends is held by the receiving one. Bytes are taken by a send at once, become
 * visible to the receiver when their event is due, and make room again when they are received.
 * An operation is decided (its outcome known, or what it waits for there) some time before its
 * FINISH event hands it out; a decided one can no longer be cancelled. */
#pragma once

#include "cport/backend.h"
#include "fake_port/fake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { FAKE_PORT_FIRST = 40000 };

enum fake_event_kind {
    FAKE_EVENT_FINISH,  /* of op: hand it out */
    FAKE_EVENT_CONNECT, /* of a connecting endpoint: its request reaches the listener */
    FAKE_EVENT_ANSWER,  /* of a connecting endpoint: the answer reaches it */
    FAKE_EVENT_BYTES,   /* more bytes become visible to endpoint */
    FAKE_EVENT_FIN,
    FAKE_EVENT_RESET
};

struct fake_event {
    int64_t due_ns;
    uint64_t sequence; /* those due together come in the order they were made */
    enum fake_event_kind kind;
    struct cport_op *op;
    struct fake_endpoint *endpoint;
    uint32_t generation; /* the endpoint's; otherwise it has been freed since */
    uint32_t bytes;
};

struct fake_endpoint {
    struct fake_port *port;
    struct fake_endpoint *next; /* free list, or a listener's backlog */
    struct fake_endpoint *peer;
    uint32_t generation;
    bool used;
    bool listening;
    bool connected; /* since when, and for ever */
    bool fin_sent;
    bool fin_received;
    bool reset;
    struct net_address local;
    struct net_address remote;
    /* In flight and not decided. */
    struct cport_op *connect_op;
    struct cport_op *recv_op;
    struct cport_op *send_op;
    struct cport_op_list accepts;
    /* A listener's connections that nobody has accepted. */
    struct fake_endpoint *backlog_first;
    struct fake_endpoint *backlog_last;
    int backlog_count;
    int backlog_max;
    /* What the peer has sent: bytes written, visible and received so far; a ring. */
    uint8_t *window;
    uint64_t written;
    uint64_t visible;
    uint64_t received;
    int64_t arrival_ns; /* of the last thing on its way here: nothing overtakes */
    uint8_t *recv_buffer;
    uint32_t recv_buffer_used_bytes; /* to be spoilt at the next poll */
};

struct fake_port {
    struct cport base;
    struct cport_fake_options options;
    int64_t now_ns;
    uint64_t draws;
    uint64_t events_made;
    atomic_bool woken;
    struct fake_event *events; /* a binary heap */
    uint32_t events_count;
    uint32_t events_max;
    struct fake_endpoint *endpoints;
    struct fake_endpoint *free;
    uint8_t *memory; /* of windows and receive buffers */
    uint16_t port_next;
};

/* True once in 1000 / per_mille times. */
bool fake_chance(struct fake_port *fake, uint32_t per_mille);
uint64_t fake_draw(struct fake_port *fake, uint64_t low, uint64_t high);
int64_t fake_latency_ns(struct fake_port *fake);

void fake_event_push(struct fake_port *fake, const struct fake_event *event);
/* Takes out the next event that is due by until_ns. */
bool fake_event_pop(struct fake_port *fake, int64_t until_ns, struct fake_event *event);

/* Decides: op comes out with this result now, or late_ns later by chance. */
void fake_decide(struct fake_port *fake, struct cport_op *op, enum cport_result result);
/* Hands out. False: op is a receive that has to wait on. */
void fake_finish(struct fake_port *fake, struct cport_op *op);

/* NULL at the limit of sockets. */
struct fake_endpoint *fake_endpoint_open(struct fake_port *fake);
/* Cancels what is undecided, tells the peer, frees. */
void fake_endpoint_close(struct fake_endpoint *endpoint, bool reset);
void fake_endpoint_try_recv(struct fake_endpoint *endpoint);
void fake_endpoint_try_send(struct fake_endpoint *endpoint);
void fake_endpoint_try_accept(struct fake_endpoint *listener);
/* A reset on its way to both ends. */
void fake_endpoint_break(struct fake_endpoint *endpoint);
void fake_endpoint_send_fin(struct fake_endpoint *endpoint);
/* Everything but FINISH. */
void fake_endpoint_on_event(struct fake_endpoint *endpoint, const struct fake_event *event);
struct fake_endpoint *fake_endpoint_find_listener(struct fake_port *fake,
                                                  const struct net_address *address);
uint16_t fake_endpoint_next_port(struct fake_port *fake);

static inline struct fake_port *fake_port_of(struct cport *port)
{
    return (struct fake_port *)port;
}

static inline cport_handle fake_handle_of(struct fake_endpoint *endpoint)
{
    return -(cport_handle)endpoint;
}

/* NULL for none. */
static inline struct fake_endpoint *fake_endpoint_of(cport_handle handle)
{
    return handle == CPORT_HANDLE_NONE ? NULL : (struct fake_endpoint *)-handle;
}
