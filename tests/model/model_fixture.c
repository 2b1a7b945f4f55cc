#include "model_fixture.h"

#include "core/clock.h"
#include "system/host.h"

#include <string.h>

static const struct model *model_under_test;
static enum cport_backend_kind io_under_test;
static bool stomp_under_test;

void fixture_set_model(const struct model *model, enum cport_backend_kind io, bool stomp)
{
    stomp_under_test = stomp;
    model_under_test = model;
    io_under_test = io;
}

void fixture_options(struct server_options *options, const struct handler *handler)
{
    server_options_default(options);
    options->model = model_under_test;
    options->io = io_under_test;
    options->stomp = stomp_under_test;
    options->handler = handler;
    options->port = 0;
    options->threads = 2;
}

struct server *fixture_start(const struct server_options *options)
{
    struct error error;
    struct server *server = server_create(options, &error);
    if (server == NULL || !server_start(server, &error)) {
        fail_msg("the server does not start: %s", error.text);
    }
    assert_int_not_equal(server_port(server), 0);
    return server;
}

struct server *fixture_serve(const struct handler *handler)
{
    struct server_options options;
    fixture_options(&options, handler);
    return fixture_start(&options);
}

void fixture_stop(struct server *server, struct counters *counters)
{
    memset(counters, 0, sizeof *counters);
    server_stop(server, SERVER_STOP_DRAIN);
    server_join(server);
    for (uint32_t i = 0; i < server->recorders_count; i++) {
        counters_add(counters, &server->recorders[i].counters);
    }
    assert_int_equal(atomic_load(&server->connections), 0);
    assert_int_equal(counters->totals[TOTAL_CONNECTS_OK],
                     counters->totals[TOTAL_CONNECTIONS_CLEAN] +
                         counters->totals[TOTAL_CONNECTIONS_ABNORMAL]);
    server_destroy(server);
}

void fixture_wait_for_connections(struct server *server, unsigned count)
{
    int64_t end_ns = clock_now_ns() + 300 * NS_PER_S;
    while (atomic_load(&server->connections) != count) {
        if (clock_now_ns() > end_ns) {
            fail_msg("%u connections are open, not %u", atomic_load(&server->connections), count);
        }
        clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
    }
}

plain_socket client_connect(const struct server *server)
{
    plain_socket client = plain_connect(server_port(server));
    if (client == PLAIN_NONE) {
        fail_msg("cannot connect");
    }
    return client;
}

size_t client_write_frame(uint8_t *out, uint32_t id, const void *body, size_t body_bytes)
{
    size_t bytes = FRAME_HEAD_BYTES + body_bytes;
    out[0] = (uint8_t)bytes;
    out[1] = (uint8_t)(bytes >> 8);
    out[2] = (uint8_t)id;
    out[3] = (uint8_t)(id >> 8);
    if (body_bytes > 0) {
        memcpy(out + FRAME_HEAD_BYTES, body, body_bytes);
    }
    return bytes;
}

void client_send(plain_socket client, uint32_t id, const void *body, size_t body_bytes)
{
    static uint8_t frame[FRAME_BYTES_MAX];
    size_t bytes = client_write_frame(frame, id, body, body_bytes);
    if (!plain_send(client, frame, bytes)) {
        fail_msg("a send failed");
    }
}

void client_receive(plain_socket client, void *data, size_t bytes)
{
    uint8_t *at = data;
    while (bytes > 0) {
        int received = plain_receive(client, at, bytes);
        if (received <= 0) {
            fail_msg("%s with %u bytes still to come",
                     received == PLAIN_END     ? "the end of the stream"
                     : received == PLAIN_RESET ? "a reset"
                                               : "silence",
                     (unsigned)bytes);
        }
        at += received;
        bytes -= (size_t)received;
    }
}

void client_expect(plain_socket client, uint32_t id, const void *body, size_t body_bytes)
{
    static uint8_t expected[FRAME_BYTES_MAX];
    static uint8_t received[FRAME_BYTES_MAX];
    size_t bytes = client_write_frame(expected, id, body, body_bytes);
    client_receive(client, received, bytes);
    assert_memory_equal(received, expected, bytes);
}

void client_expect_end(plain_socket client)
{
    uint8_t byte;
    assert_int_equal(plain_receive(client, &byte, 1), PLAIN_END);
}

bool fixture_is_wine(void)
{
    struct host_info info;
    host_read(&info);
    return info.wine[0] != '\0';
}

void client_expect_reset(plain_socket client)
{
    uint8_t byte;
    int received = plain_receive(client, &byte, 1);
    if (received != PLAIN_END || !fixture_is_wine()) {
        assert_int_equal(received, PLAIN_RESET);
    }
}

void client_leave(plain_socket client)
{
    plain_shutdown(client);
    client_expect_end(client);
    plain_close(client);
}
