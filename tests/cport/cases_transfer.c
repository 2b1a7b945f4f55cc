/* Bytes: all of them, in order, however they are cut. */
#include "fixture.h"

#include "core/prng.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *transfer__data(size_t bytes)
{
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    prng_bytes(42, 0, data, bytes);
    return data;
}

/* Sends bytes from one to the other and compares what arrives. */
static void transfer__verify(struct fixture *fixture, struct tracked_socket *from,
                             struct tracked_socket *to, size_t bytes)
{
    uint8_t *data = transfer__data(bytes);
    uint8_t *got = calloc(1, bytes);
    assert_non_null(got);
    to->sink = got;
    to->sink_bytes = bytes;
    to->received_bytes = 0;
    fixture_transfer(fixture, from, to, data, bytes);
    assert_int_equal(to->received_bytes, bytes);
    assert_memory_equal(got, data, bytes);
    to->sink = NULL;
    free(got);
    free(data);
}

static void test_small_messages_both_ways(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    for (size_t bytes = 1; bytes <= 200; bytes++) {
        transfer__verify(&fixture, &client, &server, bytes);
        transfer__verify(&fixture, &server, &client, bytes);
    }
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_large_transfer_byte_for_byte(void **state)
{
    (void)state;
    static const uint32_t recv_buffer_bytes[] = {0, 1, 1000, 64 * 1024, 1024 * 1024};
    for (size_t i = 0; i < sizeof recv_buffer_bytes / sizeof recv_buffer_bytes[0]; i++) {
        struct fixture fixture;
        struct tracked_socket client = {.closed = true};
        struct tracked_socket server = {.closed = true};
        struct cport_options options = {.sockets_max = 4,
                                        .recv_buffer_bytes = recv_buffer_bytes[i]};
        fixture_open(&fixture, &options);
        fixture_pair(&fixture, &client, &server);
        size_t bytes = recv_buffer_bytes[i] == 1 ? 2000 : 8 * 1024 * 1024;
        transfer__verify(&fixture, &client, &server, bytes);
        fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
        fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
        fixture_finish(&fixture);
    }
}

static void test_gathered_send(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    uint8_t *data = transfer__data(CPORT_SPANS_MAX * 100);
    uint8_t got[CPORT_SPANS_MAX * 100];
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    for (int spans_count = 2; spans_count <= CPORT_SPANS_MAX; spans_count++) {
        struct span spans[CPORT_SPANS_MAX];
        size_t bytes = 0;
        for (int i = 0; i < spans_count; i++) {
            size_t span_bytes = (size_t)(i * 37 % 100); /* some are empty */
            spans[i] = (struct span){data + bytes, span_bytes};
            bytes += span_bytes;
        }
        server.sink = got;
        server.sink_bytes = sizeof got;
        server.received_bytes = 0;
        fixture_send(&fixture, &client, spans, spans_count);
        assert_int_equal(fixture_wait(&fixture, &client.send), CPORT_OK);
        assert_int_equal(client.send.bytes, bytes);
        while (server.received_bytes < bytes) {
            fixture_recv(&fixture, &server);
            assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
        }
        assert_memory_equal(got, data, bytes);
    }
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
    free(data);
}

/* The peer does not read until the sender is stuck; then all arrives, in order. */
static void test_partial_sends(void **state)
{
    (void)state;
    enum { BYTES = 24 * 1024 * 1024 };
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    uint8_t *data = transfer__data(BYTES);
    uint8_t *got = calloc(1, BYTES);
    assert_non_null(got);
    uint32_t sends_count = 0;
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    server.sink = got;
    server.sink_bytes = BYTES;
    int64_t stuck_ns = cport_now_ns(fixture.port) + 100 * NS_PER_MS;
    struct span spans[2];
    while (client.sent_bytes < BYTES) {
        if (!client.send.in_flight) {
            uint64_t half = (BYTES - client.sent_bytes) / 2;
            spans[0] = (struct span){data + client.sent_bytes, (size_t)half};
            spans[1] = (struct span){data + client.sent_bytes + half,
                                     (size_t)(BYTES - client.sent_bytes - half)};
            fixture_send(&fixture, &client, spans, 2);
            sends_count++;
        }
        int64_t now_ns = cport_now_ns(fixture.port);
        if (now_ns >= stuck_ns && !server.recv.in_flight) {
            fixture_recv(&fixture, &server);
        }
        fixture_poll(&fixture, now_ns + 10 * NS_PER_MS);
    }
    while (server.received_bytes < BYTES) {
        if (!server.recv.in_flight) {
            fixture_recv(&fixture, &server);
        }
        fixture_wait(&fixture, &server.recv);
    }
    if (suite_backend != CPORT_BACKEND_IOCP) {
        assert_true(sends_count > 1); /* an overlapped send of Windows takes all */
    }
    assert_memory_equal(got, data, BYTES);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_RST);
    fixture_finish(&fixture);
    free(got);
    free(data);
}

static void test_half_close(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    transfer__verify(&fixture, &client, &server, 1000);
    fixture_shutdown(&fixture, &client);
    assert_int_equal(fixture_wait(&fixture, &client.shutdown), CPORT_OK);
    fixture_recv(&fixture, &server);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    assert_int_equal(server.recv.bytes, 0);
    transfer__verify(&fixture, &server, &client, 100 * 1000); /* the other half goes on */
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    fixture_send(&fixture, &client, &span, 1);
    assert_int_equal(fixture_wait(&fixture, &client.send), CPORT_NOT_CONNECTED);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_send_after_the_peer_has_reset(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_RST);
    enum cport_result result = CPORT_OK;
    for (int i = 0; i < 100 && result == CPORT_OK; i++) {
        fixture_poll_for(&fixture, NS_PER_MS);
        fixture_send(&fixture, &client, &span, 1);
        result = fixture_wait(&fixture, &client.send);
    }
    assert_true(result == CPORT_RESET || result == CPORT_NOT_CONNECTED);
    assert_int_equal(client.send.bytes, 0);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

/* Many sockets, few buffers, one completion per poll: receives must neither starve nor mix. */
static void test_many_receivers_at_once(void **state)
{
    (void)state;
    enum { PAIRS = 300, BYTES = 5000 };
    struct fixture fixture;
    struct cport_options options = {.sockets_max = 2 * PAIRS + 1, .recv_buffer_bytes = 512};
    static struct tracked_socket clients[PAIRS];
    static struct tracked_socket servers[PAIRS];
    static uint8_t got[PAIRS][BYTES];
    static struct span spans[PAIRS];
    memset(clients, 0, sizeof clients);
    memset(servers, 0, sizeof servers);
    uint8_t *data = transfer__data(BYTES + PAIRS);
    fixture_open(&fixture, &options);
    for (int i = 0; i < PAIRS; i++) {
        fixture_pair(&fixture, &clients[i], &servers[i]);
        servers[i].sink = got[i];
        servers[i].sink_bytes = BYTES;
        spans[i] = (struct span){data + i, BYTES}; /* each its own bytes */
        fixture_recv(&fixture, &servers[i]);
    }
    for (int i = 0; i < PAIRS; i++) {
        fixture_send(&fixture, &clients[i], &spans[i], 1);
    }
    fixture.batch_max = 3;
    for (int done = 0; done < PAIRS;) {
        fixture_poll(&fixture, cport_now_ns(fixture.port) + NS_PER_S);
        done = 0;
        for (int i = 0; i < PAIRS; i++) {
            done += servers[i].received_bytes == BYTES ? 1 : 0;
            if (!servers[i].recv.in_flight && servers[i].received_bytes < BYTES) {
                assert_int_equal(servers[i].recv.result, CPORT_OK);
                fixture_recv(&fixture, &servers[i]);
            }
        }
    }
    fixture.batch_max = BATCH_MAX;
    for (int i = 0; i < PAIRS; i++) {
        assert_memory_equal(got[i], data + i, BYTES);
        fixture_close(&fixture, &clients[i], CPORT_CLOSE_FIN);
        fixture_close(&fixture, &servers[i], CPORT_CLOSE_FIN);
    }
    fixture_finish(&fixture);
    free(data);
}

/* So many completions wait that a port may put receives off: none is lost, and one that waits is
 * cancelled by a close. */
static void test_receives_behind_many_completions(void **state)
{
    (void)state;
    enum { PAIRS = 700, CLOSED = 50 };
    struct fixture fixture;
    const struct cport_options options = {.sockets_max = 2 * PAIRS + 1};
    static struct tracked_socket clients[PAIRS];
    static struct tracked_socket servers[PAIRS];
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    memset(clients, 0, sizeof clients);
    memset(servers, 0, sizeof servers);
    fixture_open(&fixture, &options);
    for (int i = 0; i < PAIRS; i++) {
        fixture_pair(&fixture, &clients[i], &servers[i]);
    }
    fixture.batch_max = 1;
    for (int i = 0; i < PAIRS; i++) {
        fixture_send(&fixture, &clients[i], &span, 1);
        fixture_send(&fixture, &servers[i], &span, 1);
    }
    fixture_poll(&fixture, 0);
    for (int i = 0; i < PAIRS; i++) {
        fixture_recv(&fixture, &servers[i]);
    }
    for (int i = 0; i < 10; i++) {
        fixture_poll(&fixture, 0);
    }
    for (int i = 0; i < CLOSED; i++) {
        fixture_close(&fixture, &servers[PAIRS - 1 - i], CPORT_CLOSE_RST);
    }
    fixture.batch_max = BATCH_MAX;
    for (int i = 0; i < PAIRS - CLOSED; i++) {
        fixture_wait(&fixture, &servers[i].recv);
        assert_int_equal(servers[i].received_bytes, 1);
    }
    for (int i = 0; i < PAIRS; i++) {
        fixture_close(&fixture, &clients[i], CPORT_CLOSE_RST);
        if (i < PAIRS - CLOSED) {
            fixture_close(&fixture, &servers[i], CPORT_CLOSE_RST);
        }
    }
    fixture_finish(&fixture);
}

int cases_transfer(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_messages_both_ways),
        cmocka_unit_test(test_large_transfer_byte_for_byte),
        cmocka_unit_test(test_gathered_send),
        cmocka_unit_test(test_partial_sends),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_send_after_the_peer_has_reset),
        cmocka_unit_test(test_many_receivers_at_once),
        cmocka_unit_test(test_receives_behind_many_completions),
    };
    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
