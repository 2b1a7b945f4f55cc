#include "client_harness_server.h"

void peer_close(struct harness *harness, struct harness_peer *peer, enum cport_close_mode mode)
{
    if (!peer->closing) {
        peer->closing = true;
        cport_close(harness->port, &peer->socket, &peer->close_op, mode);
    }
}

static void peer_send(struct harness *harness, struct harness_peer *peer)
{
    if (peer->closing || peer->sending_bytes > 0) {
        return;
    }
    if (peer->pending_bytes > 0) {
        peer->span = (struct span){peer->pending, peer->pending_bytes};
        peer->sending_bytes = peer->pending_bytes;
        cport_send(harness->port, &peer->socket, &peer->send_op, &peer->span, 1);
    } else if (peer->ends) {
        peer_close(harness, peer, CPORT_CLOSE_FIN);
    }
}

/* Behind what is being sent, which must stay in place. */
static void peer_queue_wire(struct harness_peer *peer, const uint8_t *bytes, uint32_t count)
{
    assert_true(peer->pending_bytes + count <= HARNESS_PENDING_BYTES_MAX);
    memcpy(peer->pending + peer->pending_bytes, bytes, count);
    peer->pending_bytes += count;
}

/* What TLS has to send. */
static void peer_pull(struct harness_peer *peer)
{
    struct span span;
    while ((span = tls_output(peer->tls)).bytes > 0) {
        peer_queue_wire(peer, span.data, (uint32_t)span.bytes);
        tls_output_taken(peer->tls, span.bytes);
    }
}

static void peer_queue(struct harness *harness, struct harness_peer *peer, const uint8_t *bytes,
                       uint32_t count)
{
    struct span span = {.data = bytes, .bytes = count};
    size_t taken = 0;
    if (peer->tls == NULL) {
        peer_queue_wire(peer, bytes, count);
        return;
    }
    assert_true(tls_write(peer->tls, &span, 1, &taken));
    assert_int_equal(taken, count);
    harness->bytes_sent += count;
    peer_pull(peer);
}

static void peer_reply(struct harness *harness, struct harness_peer *peer,
                       const struct frame *frame)
{
    const struct harness_faults *faults = &harness->faults;
    uint32_t draw = (uint32_t)prng_range(harness->seed, 77, harness->frames++, 0, 999);
    static const uint8_t garbage[] = {1, 0, 9, 9};
    if (draw < faults->silent) {
        return;
    }
    draw -= faults->silent;
    if (draw < faults->leave) {
        peer->ends = true;
        return;
    }
    draw -= faults->leave;
    if (draw < faults->reset) {
        peer_close(harness, peer, CPORT_CLOSE_RST);
        return;
    }
    draw -= faults->reset;
    if (draw < faults->garbage) {
        peer_queue(harness, peer, garbage, sizeof garbage);
        return;
    }
    draw -= faults->garbage;
    bool corrupts = draw < faults->corrupt;
    uint32_t last = frame->bytes_count - 1;
    uint8_t wrong = frame->bytes[last] ^ 0x55;
    peer_queue(harness, peer, frame->bytes, last);
    peer_queue(harness, peer, corrupts ? &wrong : frame->bytes + last, 1);
    harness->corrupted += corrupts;
    if (!corrupts && draw - faults->corrupt < faults->twice) {
        peer_queue(harness, peer, frame->bytes, frame->bytes_count);
    }
}

static void peer_take(struct harness *harness, struct harness_peer *peer, struct span bytes)
{
    struct frame frame;
    harness->bytes_received += bytes.bytes;
    reassembly_feed(&peer->reassembly, bytes.data, bytes.bytes);
    enum frame_status status = reassembly_next(&peer->reassembly, NULL, &frame);
    while (status == FRAME_COMPLETE && !peer->closing && !peer->ends) {
        peer_reply(harness, peer, &frame);
        status = reassembly_next(&peer->reassembly, NULL, &frame);
    }
    if (!peer->closing && !peer->ends) {
        assert_int_equal(status, FRAME_PARTIAL); /* the client sends nothing else */
    }
}

static void peer_take_tls(struct harness *harness, struct harness_peer *peer)
{
    static uint8_t plain[16384];
    enum tls_status status;
    size_t bytes;
    harness->wire_bytes_received += peer->recv_op.bytes;
    tls_feed(peer->tls, peer->recv_op.data, peer->recv_op.bytes);
    while ((status = tls_read(peer->tls, plain, sizeof plain, &bytes)) == TLS_DATA ||
           status == TLS_OPENED) {
        if (status == TLS_DATA && !peer->closing && !peer->ends) {
            peer_take(harness, peer, (struct span){.data = plain, .bytes = bytes});
        }
    }
    peer_pull(peer);
}

/* The client's FIN: with TLS it has said close_notify before. */
static void peer_on_end(struct harness *harness, struct harness_peer *peer)
{
    peer->ends = !harness->faults.lingers;
    peer->ended = true;
    harness->ending++;
    if (harness->ending > harness->ending_peak) {
        harness->ending_peak = harness->ending;
    }
    if (peer->tls != NULL && tls_is_open(peer->tls)) {
        assert_int_equal(tls_feed_end(peer->tls), TLS_ENDED);
        if (!harness->faults.cuts && peer->ends) {
            tls_end(peer->tls);
            peer_pull(peer);
        }
    }
}

static void peer_on_received(struct harness *harness, struct harness_peer *peer)
{
    if (peer->closing) {
        return;
    }
    if (peer->recv_op.result != CPORT_OK) {
        peer_close(harness, peer, CPORT_CLOSE_RST);
        return;
    }
    if (peer->recv_op.bytes == 0) {
        peer_on_end(harness, peer);
    } else {
        if (peer->tls != NULL) {
            peer_take_tls(harness, peer);
        } else {
            peer_take(harness, peer,
                      (struct span){.data = peer->recv_op.data, .bytes = peer->recv_op.bytes});
        }
        if (!peer->closing && !peer->ends) {
            cport_recv(harness->port, &peer->socket, &peer->recv_op);
        }
    }
    peer_send(harness, peer);
}

static void peer_on_sent(struct harness *harness, struct harness_peer *peer)
{
    uint32_t taken = peer->send_op.result == CPORT_OK ? peer->send_op.bytes : 0;
    peer->sending_bytes = 0;
    *(peer->tls != NULL ? &harness->wire_bytes_sent : &harness->bytes_sent) += taken;
    memmove(peer->pending, peer->pending + taken, peer->pending_bytes - taken);
    peer->pending_bytes -= taken;
    if (peer->send_op.result != CPORT_OK && !peer->closing) {
        peer_close(harness, peer, CPORT_CLOSE_RST);
        return;
    }
    peer_send(harness, peer);
}

static void peer_open(struct harness *harness, cport_handle handle)
{
    assert_true(harness->peers_count < HARNESS_PEERS_MAX);
    struct harness_peer *peer = &harness->peers[harness->peers_count++];
    peer->pending = malloc(HARNESS_PENDING_BYTES_MAX);
    assert_non_null(peer->pending);
    peer->open = true;
    if (harness->tls != NULL) {
        peer->tls = tls_open(harness->tls);
        assert_non_null(peer->tls);
    }
    reassembly_open(&peer->reassembly, &harness->framing, REASSEMBLY_ALL_BYTES);
    if (cport_adopt(harness->port, &peer->socket, handle) != CPORT_OK) {
        peer->open = false;
        return;
    }
    if (!harness->faults.deaf) {
        cport_recv(harness->port, &peer->socket, &peer->recv_op);
    }
}

static void harness_accepted(struct harness *harness)
{
    if (harness->accept_op.op.result == CPORT_OK) {
        peer_open(harness, harness->accept_op.accepted);
    }
    if (harness->accept_op.op.result != CPORT_CANCELLED && !harness->listener_closed) {
        cport_accept(harness->port, &harness->listener, &harness->accept_op);
    }
}

bool harness_take(struct harness *harness, struct cport_op *op)
{
    if (op == &harness->accept_op.op) {
        harness_accepted(harness);
        return true;
    }
    if (op == &harness->listener_close_op) {
        return true;
    }
    const uint8_t *at = (const uint8_t *)op;
    const uint8_t *first = (const uint8_t *)harness->peers;
    if (at < first || at >= (const uint8_t *)(harness->peers + harness->peers_count)) {
        return false;
    }
    struct harness_peer *peer = &harness->peers[(size_t)(at - first) / sizeof *peer];
    if (op == &peer->recv_op) {
        peer_on_received(harness, peer);
    } else if (op == &peer->send_op) {
        peer_on_sent(harness, peer);
    } else {
        peer->open = false;
        harness->ending -= peer->ended;
    }
    return true;
}
