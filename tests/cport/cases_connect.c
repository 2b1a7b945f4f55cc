/* Starting connections: the ways in, and the ways to be turned away. */
#include "fixture.h"

#include <string.h>

static void test_connect_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    fixture_open(&fixture, NULL);
    /* A port that was free a moment ago, and that nobody listens on now. */
    fixture_listen(&fixture, 4);
    fixture_close_wait(&fixture, &fixture.listener, CPORT_CLOSE_FIN);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_REFUSED);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_connect_without_an_address(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct net_address unset = {.bytes_count = 0};
    fixture_open(&fixture, NULL);
    fixture_connect(&fixture, &client, &unset, NULL);
    assert_int_equal(client.connect.completions_count, 0); /* never inside the submit */
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_INVALID);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_connect_from_an_address_that_is_not_ours(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct net_address foreign = fixture_resolve("192.0.2.1", 0); /* RFC 5737: nobody's */
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_connect(&fixture, &client, &fixture.address, &foreign);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_INVALID);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_RST);
    fixture_finish(&fixture);
}

/* Misuse that is not worth a crash: it too has one completion each, and none hangs. */
static void test_operations_on_a_socket_that_never_connected(void **state)
{
    (void)state;
    struct fixture fixture;
    const uint8_t byte = 1;
    struct span span = {&byte, 1};
    struct net_address unset = {.bytes_count = 0};
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_close_wait(&fixture, &fixture.listener, CPORT_CLOSE_FIN);
    const struct net_address *remotes[] = {&unset, &fixture.address};
    for (size_t i = 0; i < sizeof remotes / sizeof remotes[0]; i++) {
        struct tracked_socket client = {.closed = true};
        fixture_connect(&fixture, &client, remotes[i], NULL);
        assert_int_not_equal(fixture_wait(&fixture, &client.connect), CPORT_OK);
        fixture_send(&fixture, &client, &span, 1);
        assert_int_not_equal(fixture_wait(&fixture, &client.send), CPORT_OK);
        fixture_recv(&fixture, &client);
        fixture_wait(&fixture, &client.recv); /* an error, or (Linux) the end of the stream */
        assert_int_equal(client.recv.bytes, 0);
        fixture_shutdown(&fixture, &client);
        assert_int_not_equal(fixture_wait(&fixture, &client.shutdown), CPORT_OK);
        fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    }
    fixture_finish(&fixture);
}

static void test_connect_from_a_chosen_address(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_op accept = {.in_flight = false};
    struct net_address local = fixture_resolve("127.0.0.2", 0);
    struct net_address seen;
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_accept(&fixture, &accept);
    fixture_connect(&fixture, &client, &fixture.address, &local);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_OK);
    assert_int_equal(fixture_wait(&fixture, &accept), CPORT_OK);
    cport_local_address(fixture.port, &client.socket, &seen);
    assert_memory_equal(net_address_format(&seen, text), "127.0.0.2:", 10);
    assert_int_not_equal(net_address_port(&seen), 0);
    /* The other side sees the same address. */
    assert_int_equal(accept.accept.peer.bytes_count, seen.bytes_count);
    assert_int_equal(net_address_port(&accept.accept.peer), net_address_port(&seen));
    assert_memory_equal(net_address_format(&accept.accept.peer, text), "127.0.0.2:", 10);
    fixture_discard(&fixture, &accept, CPORT_CLOSE_FIN);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_connect_unreachable(void **state)
{
    (void)state;
    if (!suite_is_fake()) {
        SKIP_BECAUSE("loopback reaches everything; tests send nothing beyond it");
    }
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct net_address nowhere = fixture_resolve("192.0.2.1", 7);
    fixture_open(&fixture, NULL);
    fixture_connect(&fixture, &client, &nowhere, NULL);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_UNREACHABLE);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_connect_cancelled_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    fixture_cancel(&fixture, &client.connect);
    fixture_cancel(&fixture, &client.connect); /* asking twice changes nothing */
    enum cport_result result = fixture_wait(&fixture, &client.connect);
    assert_true(result == CPORT_OK || result == CPORT_CANCELLED);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_RST);
    fixture_finish(&fixture);
}

static void test_connect_to_a_full_backlog_cancelled(void **state)
{
    (void)state;
    enum { CLIENTS = 8 };
    struct fixture fixture;
    struct tracked_socket clients[CLIENTS];
    memset(clients, 0, sizeof clients);
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 1); /* and nobody accepts: Linux leaves the others waiting */
    for (int i = 0; i < CLIENTS; i++) {
        fixture_connect(&fixture, &clients[i], &fixture.address, NULL);
    }
    fixture_poll_for(&fixture, 50 * NS_PER_MS);
    int waiting_count = 0;
    for (int i = 0; i < CLIENTS; i++) {
        bool waits = clients[i].connect.in_flight;
        fixture_cancel(&fixture, &clients[i].connect);
        enum cport_result result = fixture_wait(&fixture, &clients[i].connect);
        waiting_count += waits ? 1 : 0;
        if (waits) {
            assert_int_equal(result, CPORT_CANCELLED);
        }
        fixture_close_wait(&fixture, &clients[i], CPORT_CLOSE_RST);
    }
    if (suite_backend == CPORT_BACKEND_URING || suite_backend == CPORT_BACKEND_EPOLL) {
        assert_true(waiting_count > 0); /* or this test has tested nothing */
    }
    fixture_finish(&fixture);
}

static void test_listen_where_somebody_listens(void **state)
{
    (void)state;
    struct fixture fixture;
    struct cport_socket second = {0};
    struct error error = {.text = ""};
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    assert_false(cport_listen(fixture.port, &second, &fixture.address, 4, &error));
    /* The message says where. */
    assert_non_null(strstr(error.text, net_address_format(&fixture.address, text)));
    fixture_finish(&fixture);
}

static void test_connections_taken_before_they_are_accepted(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tracked_socket client = {.closed = true};
    struct tracked_socket server = {.closed = true};
    struct tracked_op accept = {.in_flight = false};
    const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
    struct span span = {hello, sizeof hello};
    uint8_t got[5];
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    fixture_connect(&fixture, &client, &fixture.address, NULL);
    assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_OK);
    fixture_send(&fixture, &client, &span, 1);
    assert_int_equal(fixture_wait(&fixture, &client.send), CPORT_OK);
    fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    fixture_accept(&fixture, &accept);
    assert_int_equal(fixture_wait(&fixture, &accept), CPORT_OK);
    fixture_adopt(&fixture, &server, &accept);
    server.sink = got;
    server.sink_bytes = sizeof got;
    fixture_recv(&fixture, &server);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    assert_memory_equal(got, hello, sizeof hello);
    fixture_recv(&fixture, &server);
    assert_int_equal(fixture_wait(&fixture, &server.recv), CPORT_OK);
    assert_int_equal(server.recv.bytes, 0);
    fixture_close_wait(&fixture, &server, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

static void test_accepted_and_closed_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, NULL);
    fixture_listen(&fixture, 4);
    for (int reset = 0; reset <= 1; reset++) {
        struct tracked_socket client = {.closed = true};
        struct tracked_op accept = {.in_flight = false};
        fixture_accept(&fixture, &accept);
        fixture_connect(&fixture, &client, &fixture.address, NULL);
        assert_int_equal(fixture_wait(&fixture, &client.connect), CPORT_OK);
        assert_int_equal(fixture_wait(&fixture, &accept), CPORT_OK);
        fixture_discard(&fixture, &accept, reset != 0 ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
        fixture_recv(&fixture, &client);
        enum cport_result result = fixture_wait(&fixture, &client.recv);
        assert_int_equal(result, reset != 0 ? CPORT_RESET : CPORT_OK);
        assert_int_equal(client.recv.bytes, 0);
        fixture_close_wait(&fixture, &client, CPORT_CLOSE_FIN);
    }
    fixture_finish(&fixture);
}

static void test_options_out_of_range(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    const struct cport_options none = {.sockets_max = 0};
    const struct cport_options many = {.sockets_max = 1000001};
    const struct cport_options large = {.sockets_max = 1, .recv_buffer_bytes = 1024 * 1024 + 1};
    assert_null(cport_create(&none, &error));
    assert_non_null(strstr(error.text, "sockets_max"));
    assert_null(cport_create(&many, &error));
    assert_null(cport_create(&large, &error));
    assert_non_null(strstr(error.text, "recv_buffer_bytes"));
}

int cases_connect(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_refused),
        cmocka_unit_test(test_connect_without_an_address),
        cmocka_unit_test(test_connect_from_an_address_that_is_not_ours),
        cmocka_unit_test(test_operations_on_a_socket_that_never_connected),
        cmocka_unit_test(test_connect_from_a_chosen_address),
        cmocka_unit_test(test_connect_unreachable),
        cmocka_unit_test(test_connect_cancelled_at_once),
        cmocka_unit_test(test_connect_to_a_full_backlog_cancelled),
        cmocka_unit_test(test_listen_where_somebody_listens),
        cmocka_unit_test(test_connections_taken_before_they_are_accepted),
        cmocka_unit_test(test_accepted_and_closed_at_once),
        cmocka_unit_test(test_options_out_of_range),
    };
    return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
