/* The fixture of the completion port's suite. */
#include "fixture.h"

#include <string.h>

enum cport_backend_kind suite_backend;
bool suite_busy_poll;

bool suite_is_fake(void)
{
    return suite_backend == CPORT_BACKEND_FAKE;
}

static void fixture__reset(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->batch_max = BATCH_MAX;
    fixture->listener.closed = true;
}

void fixture_open_fake(struct fixture *fixture, const struct cport_fake_options *options)
{
    struct error error = {.text = ""};
    fixture__reset(fixture);
    fixture->port = cport_fake_create(options, &error);
    assert_string_equal(error.text, "");
    assert_non_null(fixture->port);
}

void fixture_open(struct fixture *fixture, const struct cport_options *options)
{
    struct cport_options filled = {.sockets_max = 64};
    if (options != NULL) {
        filled = *options;
    }
    if (suite_is_fake()) {
        struct cport_fake_options fake = {.seed = 1,
                                          .latency_min_ns = 10 * NS_PER_US,
                                          .latency_max_ns = 90 * NS_PER_US,
                                          .late_per_mille = 50,
                                          .late_ns = NS_PER_MS,
                                          .sockets_max = filled.sockets_max,
                                          .recv_buffer_bytes = filled.recv_buffer_bytes};
        fixture_open_fake(fixture, &fake);
        return;
    }
    struct error error = {.text = ""};
    fixture__reset(fixture);
    filled.backend = suite_backend;
    filled.busy_poll = filled.busy_poll || suite_busy_poll;
    fixture->port = cport_create(&filled, &error);
    assert_string_equal(error.text, "");
    assert_non_null(fixture->port);
}

void fixture_finish(struct fixture *fixture)
{
    if (!fixture->listener.closed) {
        fixture_close(fixture, &fixture->listener, CPORT_CLOSE_FIN);
    }
    int64_t end_ns = cport_now_ns(fixture->port) + WAIT_MAX_S * NS_PER_S;
    while (fixture->in_flight_count > 0 && cport_now_ns(fixture->port) < end_ns) {
        fixture_poll(fixture, end_ns);
    }
    assert_int_equal(fixture->in_flight_count, 0);
    fixture_poll_for(fixture, 2 * NS_PER_MS); /* what comes now would be one too many */
    assert_int_equal(fixture->submits_count, fixture->completions_count);
    cport_destroy(fixture->port);
    fixture->port = NULL;
}

struct net_address fixture_resolve(const char *host, uint16_t port)
{
    struct net_address address;
    struct error error = {.text = ""};
    bool found = net_address_resolve(host, port, &address, &error);
    assert_string_equal(error.text, "");
    assert_true(found);
    return address;
}

struct net_address fixture_loopback(void)
{
    return fixture_resolve("127.0.0.1", 0);
}

/* Before each submit. */
static struct cport_op *fixture__begin(struct fixture *fixture, struct tracked_socket *socket,
                                       struct tracked_op *op)
{
    assert_false(op->in_flight);
    op->accept.op.owner = op;
    op->socket = socket;
    op->in_flight = true;
    op->submits_count++;
    fixture->in_flight_count++;
    fixture->submits_count++;
    if (op != &socket->close) {
        socket->in_flight_count++;
    }
    return &op->accept.op;
}

void fixture_listen(struct fixture *fixture, int backlog)
{
    struct net_address address = fixture_loopback();
    struct error error = {.text = ""};
    bool listening =
        cport_listen(fixture->port, &fixture->listener.socket, &address, backlog, &error);
    assert_string_equal(error.text, "");
    assert_true(listening);
    fixture->listener.closed = false;
    cport_local_address(fixture->port, &fixture->listener.socket, &fixture->address);
    assert_int_not_equal(net_address_port(&fixture->address), 0);
}

void fixture_accept(struct fixture *fixture, struct tracked_op *op)
{
    fixture__begin(fixture, &fixture->listener, op);
    cport_accept(fixture->port, &fixture->listener.socket, &op->accept);
}

void fixture_adopt(struct fixture *fixture, struct tracked_socket *socket, struct tracked_op *op)
{
    assert_int_equal(op->result, CPORT_OK);
    socket->closed = false;
    assert_int_equal(cport_adopt(fixture->port, &socket->socket, op->accept.accepted), CPORT_OK);
}

void fixture_discard(struct fixture *fixture, struct tracked_op *op, enum cport_close_mode mode)
{
    struct tracked_socket socket = {.closed = true};
    fixture_adopt(fixture, &socket, op);
    fixture_close_wait(fixture, &socket, mode);
}

void fixture_connect(struct fixture *fixture, struct tracked_socket *socket,
                     const struct net_address *remote, const struct net_address *local)
{
    socket->closed = false;
    struct cport_op *op = fixture__begin(fixture, socket, &socket->connect);
    cport_connect(fixture->port, &socket->socket, op, remote, local);
}

void fixture_recv(struct fixture *fixture, struct tracked_socket *socket)
{
    struct cport_op *op = fixture__begin(fixture, socket, &socket->recv);
    cport_recv(fixture->port, &socket->socket, op);
}

void fixture_send(struct fixture *fixture, struct tracked_socket *socket, const struct span *spans,
                  int spans_count)
{
    struct cport_op *op = fixture__begin(fixture, socket, &socket->send);
    cport_send(fixture->port, &socket->socket, op, spans, spans_count);
}

void fixture_shutdown(struct fixture *fixture, struct tracked_socket *socket)
{
    struct cport_op *op = fixture__begin(fixture, socket, &socket->shutdown);
    cport_shutdown(fixture->port, &socket->socket, op);
}

void fixture_cancel(struct fixture *fixture, struct tracked_op *op)
{
    cport_cancel(fixture->port, &op->accept.op);
}

void fixture_close(struct fixture *fixture, struct tracked_socket *socket,
                   enum cport_close_mode mode)
{
    assert_false(socket->closed);
    struct cport_op *op = fixture__begin(fixture, socket, &socket->close);
    cport_close(fixture->port, &socket->socket, op, mode);
}

static void fixture__take_received(struct tracked_socket *socket, const struct cport_op *op)
{
    if (op->bytes > 0) {
        assert_non_null(op->data);
    }
    if (socket->sink != NULL && socket->received_bytes < socket->sink_bytes) {
        uint64_t room = socket->sink_bytes - socket->received_bytes;
        uint64_t bytes = op->bytes < room ? op->bytes : room;
        memcpy(socket->sink + socket->received_bytes, op->data, (size_t)bytes);
    }
    socket->received_bytes += op->bytes;
}

static void fixture__complete(struct fixture *fixture, struct cport_op *op)
{
    struct tracked_op *tracked = op->owner;
    assert_ptr_equal(op, &tracked->accept.op);
    assert_true(tracked->in_flight); /* otherwise it has completed before, or was never submitted */
    struct tracked_socket *socket = tracked->socket;
    assert_ptr_equal(op->socket, &socket->socket);
    assert_false(socket->closed);
    assert_true(op->result < CPORT_RESULT_COUNT);
    assert_int_equal(op->result == CPORT_OK, op->system_error == 0);
    tracked->in_flight = false;
    tracked->completions_count++;
    tracked->order = ++fixture->completions_count;
    tracked->result = (enum cport_result)op->result;
    tracked->bytes = op->bytes;
    fixture->in_flight_count--;
    assert_int_equal(tracked->submits_count, tracked->completions_count);
    if (tracked == &socket->close) {
        assert_int_equal(op->type, CPORT_OP_CLOSE);
        assert_int_equal(op->result, CPORT_OK);
        assert_int_equal(socket->in_flight_count, 0); /* a close completes last */
        socket->closed = true;
        memset(&socket->socket, 0xee, sizeof socket->socket); /* it is ours again */
        return;
    }
    socket->in_flight_count--;
    if (op->type == CPORT_OP_RECV && op->result == CPORT_OK) {
        fixture__take_received(socket, op);
    } else if (op->type == CPORT_OP_SEND) {
        assert_true(op->bytes > 0 || op->result != CPORT_OK);
        socket->sent_bytes += op->bytes;
    }
}

int fixture_poll(struct fixture *fixture, int64_t deadline_ns)
{
    struct cport_op *completions[BATCH_MAX];
    int count = cport_poll(fixture->port, completions, fixture->batch_max, deadline_ns);
    assert_in_range(count, 0, fixture->batch_max);
    fixture->last_batch = count;
    for (int i = 0; i < count; i++) {
        fixture__complete(fixture, completions[i]);
    }
    return count;
}

enum cport_result fixture_wait(struct fixture *fixture, struct tracked_op *op)
{
    int64_t end_ns = cport_now_ns(fixture->port) + WAIT_MAX_S * NS_PER_S;
    while (op->in_flight) {
        fixture_poll(fixture, end_ns);
        if (op->in_flight && cport_now_ns(fixture->port) >= end_ns) {
            fail_msg("an operation of type %d has not completed within %d s", op->accept.op.type,
                     WAIT_MAX_S);
        }
    }
    return op->result;
}

void fixture_poll_for(struct fixture *fixture, int64_t duration_ns)
{
    int64_t end_ns = cport_now_ns(fixture->port) + duration_ns;
    do {
        fixture_poll(fixture, end_ns);
    } while (cport_now_ns(fixture->port) < end_ns);
}

void fixture_pair(struct fixture *fixture, struct tracked_socket *client,
                  struct tracked_socket *server)
{
    struct tracked_op accept = {.in_flight = false};
    if (fixture->listener.closed) {
        fixture_listen(fixture, 64);
    }
    fixture_accept(fixture, &accept);
    fixture_connect(fixture, client, &fixture->address, NULL);
    assert_int_equal(fixture_wait(fixture, &client->connect), CPORT_OK);
    assert_int_equal(fixture_wait(fixture, &accept), CPORT_OK);
    fixture_adopt(fixture, server, &accept);
}

void fixture_close_wait(struct fixture *fixture, struct tracked_socket *socket,
                        enum cport_close_mode mode)
{
    fixture_close(fixture, socket, mode);
    fixture_wait(fixture, &socket->close);
}

void fixture_transfer(struct fixture *fixture, struct tracked_socket *from,
                      struct tracked_socket *to, const uint8_t *data, size_t bytes)
{
    uint64_t sent_before = from->sent_bytes;
    uint64_t wanted = to->received_bytes + bytes;
    struct span span = {NULL, 0};
    while (to->received_bytes < wanted) {
        uint64_t sent = from->sent_bytes - sent_before;
        if (!from->send.in_flight && sent < bytes) {
            span = (struct span){data + sent, (size_t)(bytes - sent)};
            fixture_send(fixture, from, &span, 1);
        }
        if (!to->recv.in_flight) {
            fixture_recv(fixture, to);
        }
        fixture_poll(fixture, cport_now_ns(fixture->port) + WAIT_MAX_S * NS_PER_S);
        assert_int_equal(from->send.result, CPORT_OK);
        assert_int_equal(to->recv.result, CPORT_OK);
    }
    if (from->send.in_flight) {
        fixture_wait(fixture, &from->send);
    }
}
