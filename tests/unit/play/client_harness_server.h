/* The misbehaving echo server of client_harness.h, on the same fake port as the client. */
#pragma once

#include "unit.h"

#include "core/prng.h"
#include "fake_port/fake.h"
#include "plan/plan.h"
#include "play/worker.h"
#include "proto/reassembly.h"
#include "tls/tls.h"

enum { HARNESS_PEERS_MAX = 4096, HARNESS_PENDING_BYTES_MAX = 1 << 20, HARNESS_BATCH = 64 };

/* What the server does wrong, per mille of its frames (or accepts). */
struct harness_faults {
    uint32_t silent;  /* no reply */
    uint32_t corrupt; /* the last byte is another */
    uint32_t twice;   /* the reply comes two times */
    uint32_t leave;   /* ends the stream instead of replying */
    uint32_t reset;   /* resets instead of replying */
    uint32_t garbage; /* sends what is no frame */
    bool deaf;        /* reads nothing at all */
    bool lingers;     /* never ends its side */
    bool cuts;        /* with TLS: ends it without close_notify */
};

struct harness_peer {
    struct cport_socket socket;
    struct cport_op recv_op;
    struct cport_op send_op;
    struct cport_op close_op;
    struct span span;
    struct reassembly reassembly;
    struct tls *tls; /* NULL: it is plain */
    uint8_t *pending;
    uint32_t pending_bytes;
    uint32_t sending_bytes;
    bool open;
    bool ends;
    bool ended; /* by the client */
    bool closing;
};

struct harness {
    struct cport *port;
    struct cport_socket listener;
    struct cport_accept_op accept_op;
    struct cport_op listener_close_op;
    bool listener_closed;
    struct framing framing;
    struct harness_faults faults;
    struct tls_context *tls; /* the server speaks TLS */
    struct harness_peer *peers;
    uint32_t peers_count;
    uint64_t seed;
    uint64_t frames;         /* received by the server */
    uint64_t bytes_received; /* of messages */
    uint64_t bytes_sent;
    uint64_t wire_bytes_received; /* with TLS */
    uint64_t wire_bytes_sent;
    uint64_t corrupted;
    uint32_t ending; /* the client has ended them, and the server has not closed them yet */
    uint32_t ending_peak;
    struct options options;
    struct plan plan;
    struct control control;
    struct arrivals_pool pool;
    struct worker worker;
    uint64_t turns;
};

void peer_close(struct harness *harness, struct harness_peer *peer, enum cport_close_mode mode);
/* True: the operation was the server's. */
bool harness_take(struct harness *harness, struct cport_op *op);
