/* Cancelling: a request that may come too late, and must lose nothing. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void test_cancel_a_waiting_receive_loses_no_byte(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    uint8_t got[3] = {0};
    const uint8_t abc[3] = {'a', 'b', 'c'};
    struct span span = {abc, sizeof abc};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    server.sink = got;
    server.sink_bytes = sizeof got;
    fixture_recv(&fixture, &server);
    fixture_poll_for(&fixture, 2 * NS_PER_MS);
    fixture_cancel(&fixture, &server.recv);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_CANCELLED);
    fixture_send(&fixture, &client, &span, 1);
    while (server.received_bytes < sizeof got) {
        fixture_recv(&fixture, &server);
        assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    }
    assert_memory_equal(got, abc, sizeof got);
    fixture_wait(&fixture, &client.send);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

/* The bytes and the cancel race; whoever wins, the stream stays whole. */
static void test_cancel_races_with_arriving_bytes(void **state)
{
    (void)state;
    enum { ROUNDS = 300 };
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    uint8_t sent[ROUNDS];
    uint8_t got[ROUNDS] = {0};
    uint32_t cancelled_count = 0;
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    server.sink = got;
    server.sink_bytes = sizeof got;
    for (int i = 0; i < ROUNDS; i++) {
        sent[i] = (uint8_t)(i * 7 + 1);
        struct span span = {&sent[i], 1};
        fixture_recv(&fixture, &server);
        if (i % 3 == 0) {
            fixture_poll(&fixture, 0);
        }
        if (i % 2 == 0) {
            fixture_send(&fixture, &client, &span, 1);
        }
        if (i % 5 == 0) {
            fixture_poll(&fixture, 0);
        }
        fixture_cancel(&fixture, &server.recv); /* nothing to do when it has completed */
        if (i % 2 == 1) {
            fixture_send(&fixture, &client, &span, 1);
        }
        enum cport_result result = fixture_wait(&fixture, &server.recv);
        assert_true(result == CPORT_OK || result == CPORT_CANCELLED);
        cancelled_count += result == CPORT_CANCELLED ? 1 : 0;
        assert_int_equal(fixture_wait(&fixture, &client.send), CPORT_OK);
    }
    while (server.received_bytes < ROUNDS) {
        fixture_recv(&fixture, &server);
        assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    }
    assert_memory_equal(got, sent, ROUNDS);
    assert_true(cancelled_count > 0);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_cancel_of_a_completed_operation(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    fixture_shutdown(&fixture, &client); /* completes inside the submit where it can */
    fixture_cancel(&fixture, &client.shutdown);
    assert_int_equal(fixture_wait(&fixture, &client.shutdown), CPORT_OK);
    fixture_cancel(&fixture, &client.shutdown); /* polled already */
    fixture_recv(&fixture, &server);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    fixture_cancel(&fixture, &server.recv);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_cancel_a_waiting_accept(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_op first = {.in_flight = false};
    struct tracked_op middle = {.in_flight = false};
    struct tracked_op last = {.in_flight = false};
    struct tracked_socket client = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_accept(&fixture, &first);
    fixture_accept(&fixture, &middle);
    fixture_accept(&fixture, &last);
    fixture_poll_for(&fixture, 2 * NS_PER_MS);
    fixture_cancel(&fixture, &middle);
    assert_int_equal(fixture_wait(&fixture, &middle), CPORT_CANCELLED);
    assert_true(first.in_flight && last.in_flight);
    fixture_cancel(&fixture, &last);
    assert_int_equal(fixture_wait(&fixture, &last), CPORT_CANCELLED);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    assert_int_equal(fixture_wait(&fixture, &first), CPORT_OK);
    fixture_discard(&fixture, &first, CPORT_CLOSE_FIN);
    fixture_wait(&fixture, &client.connect);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

/* What a send had moved when it was cancelled has left: the peer gets exactly what all sends say.
 */
static void test_cancel_a_blocked_send_that_has_moved_bytes(void **state)
{
    (void)state;
    enum { BYTES = 16 * 1024 * 1024 };
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    uint8_t *data = calloc(1, BYTES);
    assert_non_null(data);
    struct span span = {data, BYTES};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    for (int i = 0; i < 1000 && !client.send.in_flight; i++) {
        fixture_send(&fixture, &client, &span, 1);
        fixture_poll_for(&fixture, 5 * NS_PER_MS);
    }
    assert_true(client.send.in_flight);
    fixture_cancel(&fixture, &client.send);
    enum cport_result result = fixture_wait(&fixture, &client.send);
    if (suite_backend != CPORT_BACKEND_IOCP) {
        /* Windows may have taken all of it into its own memory, or some. */
        assert_int_equal(result, CPORT_CANCELLED);
    }
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    do {
        fixture_recv(&fixture, &server);
        assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    } while (server.recv.bytes > 0);
    assert_int_equal(server.received_bytes, client.sent_bytes);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
    free(data);
}

/* More sockets have bytes than the port has buffers for, and nobody takes the completions. */
static void test_cancel_and_close_receives_short_of_buffers(void **state)
{
    (void)state;
    enum { PAIRS = 200 };
    struct fixture fixture;
    struct cport_options options = {.sockets_max = 2 * PAIRS + 1, .recv_buffer_bytes = 1000000};
    static struct tracked_socket clients[PAIRS];
    static struct tracked_socket servers[PAIRS];
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    memset(clients, 0, sizeof clients);
    memset(servers, 0, sizeof servers);
    if (suite_is_fake()) {
        options.recv_buffer_bytes = 1000; /* it has a buffer for every socket */
    }
    fixture_open(&fixture, &options);
    for (int i = 0; i < PAIRS; i++) {
        fixture_pair(&fixture, &clients[i], &servers[i]);
        fixture_recv(&fixture, &servers[i]);
    }
    for (int i = 0; i < PAIRS; i++) {
        fixture_send(&fixture, &clients[i], &span, 1);
    }
    fixture.batch_max = 1;
    for (int i = 0; i < PAIRS / 4; i++) {
        fixture_poll(&fixture, cport_now_ns(fixture.port) + 10 * NS_PER_MS);
    }
    for (int i = 0; i < PAIRS; i++) {
        fixture_cancel(&fixture, &servers[i].recv);
        if (i % 2 == 0) {
            fixture_close(&fixture, &servers[i], CPORT_CLOSE_RST);
        }
    }
    for (int i = 0; i < PAIRS; i++) {
        fixture_wait(&fixture, &servers[i].recv);
        if (i % 2 != 0) {
            fixture_close(&fixture, &servers[i], CPORT_CLOSE_RST);
        }
        fixture_close(&fixture, &clients[i], CPORT_CLOSE_RST);
    }
    fixture_finish(&fixture);
}

int cases_cancel(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_a_waiting_receive_loses_no_byte),
        cmocka_unit_test(test_cancel_races_with_arriving_bytes),
        cmocka_unit_test(test_cancel_of_a_completed_operation),
        cmocka_unit_test(test_cancel_a_waiting_accept),
        cmocka_unit_test(test_cancel_a_blocked_send_that_has_moved_bytes),
        cmocka_unit_test(test_cancel_and_close_receives_short_of_buffers),
    };
    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
