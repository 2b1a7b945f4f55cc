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
static void peer_queue(struct harness_peer *peer, const uint8_t *bytes, uint32_t count)
{
    assert_true(peer->pending_bytes + count <= HARNESS_PENDING_BYTES_MAX);
    memcpy(peer->pending + peer->pending_bytes, bytes, count);
    peer->pending_bytes += count;
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
        peer_queue(peer, garbage, sizeof garbage);
        return;
    }
    draw -= faults->garbage;
    peer_queue(peer, frame->bytes, frame->bytes_count);
    if (draw < faults->corrupt) {
        peer->pending[peer->pending_bytes - 1] ^= 0x55;
        harness->corrupted++;
    } else if (draw - faults->corrupt < faults->twice) {
        peer_queue(peer, frame->bytes, frame->bytes_count);
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
        peer->ends = !harness->faults.lingers;
        peer->ended = true;
        harness->ending++;
        if (harness->ending > harness->ending_peak) {
            harness->ending_peak = harness->ending;
        }
    } else {
        struct frame frame;
        harness->bytes_received += peer->recv_op.bytes;
        reassembly_feed(&peer->reassembly, peer->recv_op.data, peer->recv_op.bytes);
        enum frame_status status = reassembly_next(&peer->reassembly, NULL, &frame);
        while (status == FRAME_COMPLETE && !peer->closing && !peer->ends) {
            peer_reply(harness, peer, &frame);
            status = reassembly_next(&peer->reassembly, NULL, &frame);
        }
        if (!peer->closing && !peer->ends) {
            assert_int_equal(status, FRAME_PARTIAL); /* the client sends nothing else */
            cport_recv(harness->port, &peer->socket, &peer->recv_op);
        }
    }
    peer_send(harness, peer);
}

static void peer_on_sent(struct harness *harness, struct harness_peer *peer)
{
    uint32_t taken = peer->send_op.result == CPORT_OK ? peer->send_op.bytes : 0;
    peer->sending_bytes = 0;
    harness->bytes_sent += taken;
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
