#include "session_port_server.h"

static void port_server__wake(struct shard *shard)
{
    (void)shard; /* every turn looks at all mailboxes */
}

void port_server_open(struct port_server *server, struct cport *port, const struct handler *handler)
{
    struct error error;
    struct net_address address;
    memset(server, 0, sizeof *server);
    server->port = port;
    server->rules.handler = handler;
    framing_default(&server->rules.framing);
    server->rules.framing.frame_bytes_max = 2000;
    server->rules.send_queue_bytes_max = 16 * 1024;
    server->rules.idle_timeout_ns = 3 * NS_PER_S;
    server->rules.connections = &server->connections;
    assert_true(recorder_open(&server->recorder, cport_now_ns(port), 100, &error));
    for (uint32_t i = 0; i < PORT_SHARDS_COUNT; i++) {
        assert_true(shard_open(&server->shards[i], &server->rules, server->shards,
                               PORT_SHARDS_COUNT, i, false, &error));
        server->shards[i].wake = port_server__wake;
        shard_enter(&server->shards[i], &server->recorder);
    }
    assert_true(net_address_resolve("127.0.0.1", 7777, &address, &error));
    assert_true(cport_listen(port, &server->listener, &address, 64, &error));
    server->rules.listening = address;
    cport_accept(port, &server->listener, &server->accept);
}

static void port_server__accepted(struct port_server *server)
{
    if (server->accept.op.result == CPORT_OK) {
        struct port_conn *conn = session_memory_alloc(sizeof *conn);
        assert_non_null(conn);
        assert_int_equal(cport_adopt(server->port, &conn->socket, server->accept.accepted),
                         CPORT_OK);
        conn->recv.owner = conn;
        conn->send.owner = conn;
        conn->shutdown.owner = conn;
        conn->close.owner = conn;
        atomic_fetch_add(&server->connections, 1);
        session_open(&conn->session, &server->shards[server->accepted++ % PORT_SHARDS_COUNT], NULL,
                     &server->accept.peer, cport_now_ns(server->port));
    }
    if (!server->listener_closing) {
        cport_accept(server->port, &server->listener, &server->accept);
    }
}

static enum error_kind port_error(const struct cport_op *op)
{
    return op->result == CPORT_RESET || op->result == CPORT_NOT_CONNECTED ? ERROR_KIND_RESET
                                                                          : ERROR_KIND_OTHER;
}

static void port_conn__received(struct port_conn *conn, int64_t now_ns)
{
    conn->recv_in_flight = false;
    if (conn->recv.result == CPORT_OK && conn->recv.bytes > 0) {
        session_receive(&conn->session, conn->recv.data, conn->recv.bytes, now_ns, now_ns + 1);
    } else if (conn->recv.result == CPORT_OK) {
        session_receive_end(&conn->session, now_ns);
    } else if (conn->recv.result != CPORT_CANCELLED) {
        session_fail(&conn->session, port_error(&conn->recv));
    }
}

void port_server_complete(struct port_server *server, struct cport_op *op)
{
    struct port_conn *conn = op->owner;
    if (op == &server->accept.op) {
        port_server__accepted(server);
    } else if (op == &server->listener_close) {
        server->listener_closed = true;
    } else if (op == &conn->recv) {
        port_conn__received(conn, cport_now_ns(server->port));
    } else if (op == &conn->send) {
        session_sent(&conn->session, op->bytes);
        if (op->result != CPORT_OK && op->result != CPORT_CANCELLED) {
            session_fail(&conn->session, port_error(op));
        }
    } else if (op == &conn->shutdown) {
        if (op->result != CPORT_OK && op->result != CPORT_CANCELLED) {
            session_fail(&conn->session, port_error(op));
        }
    } else {
        assert_false(conn->recv_in_flight || conn->session.send_in_flight);
        session_end(&conn->session);
        session_memory_free(conn);
    }
}

static void port_conn__advance(struct port_server *server, struct port_conn *conn)
{
    enum session_want want;
    while ((want = session_next(&conn->session)) != SESSION_NOTHING) {
        if (want == SESSION_SEND) {
            int count = session_take_output(&conn->session, conn->spans, CPORT_SPANS_MAX,
                                            cport_now_ns(server->port));
            cport_send(server->port, &conn->socket, &conn->send, conn->spans, count);
        } else if (want == SESSION_SHUTDOWN) {
            cport_shutdown(server->port, &conn->socket, &conn->shutdown);
        } else {
            cport_close(server->port, &conn->socket, &conn->close,
                        want == SESSION_CLOSE_FIN ? CPORT_CLOSE_FIN : CPORT_CLOSE_RST);
        }
    }
    if (conn->session.output.queued_bytes > server->queued_bytes_max) {
        server->queued_bytes_max = conn->session.output.queued_bytes;
    }
    if (!conn->recv_in_flight && session_can_receive(&conn->session)) {
        conn->recv_in_flight = true;
        cport_recv(server->port, &conn->socket, &conn->recv);
    }
}

void port_server_turn(struct port_server *server)
{
    for (int i = 0; i < 2 * PORT_SHARDS_COUNT; i++) {
        struct shard *shard = &server->shards[i % PORT_SHARDS_COUNT];
        struct session *session;
        shard_receive_mail(shard);
        shard_flush(shard);
        shard_sweep(shard, cport_now_ns(server->port));
        while ((session = shard_pop_dirty(shard)) != NULL) {
            port_conn__advance(server, (struct port_conn *)session);
        }
    }
}

void port_server_stop(struct port_server *server, bool now)
{
    if (!server->listener_closing) {
        server->listener_closing = true;
        cport_close(server->port, &server->listener, &server->listener_close, CPORT_CLOSE_FIN);
    }
    for (int i = 0; i < PORT_SHARDS_COUNT; i++) {
        if (now) {
            shard_close_all(&server->shards[i], ERROR_KIND_OTHER);
        } else {
            shard_finish_all(&server->shards[i], cport_now_ns(server->port));
        }
    }
    port_server_turn(server);
}

void port_server_close(struct port_server *server)
{
    assert_int_equal(atomic_load(&server->connections), 0);
    for (int i = 0; i < PORT_SHARDS_COUNT; i++) {
        assert_int_equal(server->shards[i].sessions_count, 0);
        shard_close(&server->shards[i]);
    }
    recorder_close(&server->recorder);
}
