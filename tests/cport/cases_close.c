/* Closing, with everything that may be in flight, and what the peer sees of it. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

enum { BULK_BYTES = 16 * 1024 * 1024 };

static void test_close_while_connecting(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 1);
    for (int mode = CPORT_CLOSE_FIN; mode <= CPORT_CLOSE_RST; mode++) {
        for (int polls = 0; polls < 3; polls++) {
            struct tracked_socket client = {.closed = true};
            fixture_connect(&fixture, &client, &fixture.address, NULL);
            for (int i = 0; i < polls; i++) {
                fixture_poll(&fixture, 0);
            }
            fixture_close_wait(&fixture, &client, (enum cport_close_mode)mode);
            assert_int_equal(client.connect.completions_count, 1);
            assert_true(client.connect.order < client.close.order);
        }
    }
    fixture_finish(&fixture);
}

static void test_close_while_receiving(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    fixture_recv(&fixture, &client);
    fixture_poll_for(&fixture, 5 * NS_PER_MS);
    assert_true(client.recv.in_flight);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    assert_int_equal(client.recv.result, CPORT_CANCELLED);
    assert_true(client.recv.order < client.close.order);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

/* Sends until the peer's window is full and a send stays in flight. */
static void close__fill(struct fixture *fixture, struct tracked_socket *from, const uint8_t *data)
{
    static struct span span;
    for (int i = 0; i < 1000 && !from->send.in_flight; i++) {
        span = (struct span){data, BULK_BYTES};
        fixture_send(fixture, from, &span, 1);
        fixture_poll_for(fixture, 5 * NS_PER_MS);
    }
    assert_true(from->send.in_flight);
}

static void test_close_while_sending(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t *data = calloc(1, BULK_BYTES);
    assert_non_null(data);
    fixture_open(&fixture, NULL);
    for (int mode = CPORT_CLOSE_FIN; mode <= CPORT_CLOSE_RST; mode++) {
        struct tracked_socket client = {.closed = true};
        struct tracked_socket server = {.closed = true};
        fixture_pair(&fixture, &client, &server);
        fixture_recv(&fixture, &client);
        close__fill(&fixture, &client, data);
        fixture_close_wait(&fixture, &client, (enum cport_close_mode)mode);
        assert_int_equal(client.send.completions_count, client.send.submits_count);
        assert_true(client.send.order < client.close.order);
        assert_true(client.recv.order < client.close.order);
        fixture_close_wait(&fixture, &server, CPORT_CLOSE_RST);
    }
    fixture_finish(&fixture);
    free(data);
}

static void test_close_while_accepting(void **state)
{
    (void)state;
    enum { ACCEPTS = 40 };
    struct fixture fixture;
    struct tracked_op accepts[ACCEPTS];
    memset(accepts, 0, sizeof accepts);
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 16);
    for (int i = 0; i < ACCEPTS; i++) {
        fixture_accept(&fixture, &accepts[i]);
    }
    fixture_poll_for(&fixture, 2 * NS_PER_MS);
    fixture_close_wait(&fixture, &fixture.listener, CPORT_CLOSE_FIN);
    for (int i = 0; i < ACCEPTS; i++) {
        assert_int_equal(accepts[i].result, CPORT_CANCELLED);
        assert_int_equal(accepts[i].accept.accepted, CPORT_HANDLE_NONE);
        assert_true(accepts[i].order < fixture.listener.close.order);
    }
    fixture_finish(&fixture);
}

static void test_close_in_the_same_breath_as_everything(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    /* Nothing of this has reached the system when the close is asked for. */
    fixture_recv(&fixture, &client);
    fixture_send(&fixture, &client, &span, 1);
    fixture_cancel(&fixture, &client.recv);
    fixture_close(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_recv(&fixture, &server);
    fixture_close(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_wait(&fixture, &client.close);
    fixture_wait(&fixture, &server.close);
    assert_int_equal(client.recv.completions_count, 1);
    assert_int_equal(client.send.completions_count, 1);
    assert_int_equal(server.recv.completions_count, 1);
    fixture_finish(&fixture);
}

static void test_close_with_completions_not_yet_polled(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    fixture.batch_max = 1; /* the others wait inside the port */
    fixture_recv(&fixture, &server);
    fixture_send(&fixture, &client, &span, 1);
    fixture_recv(&fixture, &client);
    fixture_send(&fixture, &server, &span, 1);
    while (fixture_poll(&fixture, cport_now_ns(fixture.port) + NS_PER_S) == 0) {
    }
    fixture_close(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_close(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_wait(&fixture, &client.close);
    fixture_wait(&fixture, &server.close);
    fixture_finish(&fixture);
}

static void test_peer_sees_fin(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    fixture_recv(&fixture, &server);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    assert_int_equal(server.recv.bytes, 0);
    fixture_recv(&fixture, &server); /* the end stays the end */
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    assert_int_equal(server.recv.bytes, 0);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_peer_sees_reset(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    for (int early = 0; early <= 1; early++) {
        struct tracked_socket client = {.closed = true};
        struct tracked_socket server = {.closed = true};
        fixture_pair(&fixture, &client, &server);
        if (early != 0) {
            fixture_recv(&fixture, &server);
            fixture_poll_for(&fixture, 2 * NS_PER_MS);
        }
        fixture_close_wait(&fixture, &client, CPORT_CLOSE_RST);
        if (early == 0) {
            fixture_recv(&fixture, &server);
        }
        assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_RESET);
        fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    }
    fixture_finish(&fixture);
}

static void test_fin_lets_unsent_bytes_out(void **state)
{
    (void)state;
    enum { BYTES = 100 * 1000 };
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    uint8_t *data = malloc(BYTES);
    assert_non_null(data);
    memset(data, 7, BYTES);
    fixture_open(&fixture, NULL);
    fixture_pair(&fixture, &client, &server);
    struct span span = {data, BYTES};
    fixture_send(&fixture, &client, &span, 1);
    assert_int_equal(fixture_wait(&fixture, &client.send), CPORT_OK);
    fixture_close(&fixture, &client, CPORT_CLOSE_FIN);
    do {
        fixture_recv(&fixture, &server);
        assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    } while (server.recv.bytes > 0);
    assert_int_equal(server.received_bytes, client.sent_bytes);
    fixture_wait(&fixture, &client.close);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
    free(data);
}

static void test_socket_used_again_after_close(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 64);
    for (int i = 0; i < 50; i++) {
        struct tracked_socket server = {.closed = true};
        struct tracked_op accept = {.in_flight = false};
        memset(&client.socket, 0, sizeof client.socket);
        fixture_accept(&fixture, &accept);
        fixture_connect(&fixture, &client, &fixture.address, NULL);
        fixture_wait(&fixture, &client.connect);
        fixture_wait(&fixture, &accept);
        fixture_adopt(&fixture, &server, &accept);
        fixture_recv(&fixture, &client);
        fixture_recv(&fixture, &server);
        fixture_close(&fixture, &client, i % 2 == 0 ? CPORT_CLOSE_FIN : CPORT_CLOSE_RST);
        fixture_close(&fixture, &server, CPORT_CLOSE_RST);
        fixture_wait(&fixture, &client.close);
        fixture_wait(&fixture, &server.close);
    }
    fixture_finish(&fixture);
}

int cases_close(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_while_connecting),
        cmocka_unit_test(test_close_while_receiving),
        cmocka_unit_test(test_close_while_sending),
        cmocka_unit_test(test_close_while_accepting),
        cmocka_unit_test(test_close_in_the_same_breath_as_everything),
        cmocka_unit_test(test_close_with_completions_not_yet_polled),
        cmocka_unit_test(test_peer_sees_fin),
        cmocka_unit_test(test_peer_sees_reset),
        cmocka_unit_test(test_fin_lets_unsent_bytes_out),
        cmocka_unit_test(test_socket_used_again_after_close),
    };
    return cmocka_run_group_tests_name("close", tests, NULL, NULL);
}
