/* A name's addresses: the first that somebody listens on. */
#include "unit.h"

#include "core/clock.h"
#include "net/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listens on host; its port is put into *port. */
static int listen_on(const char *host, uint16_t *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t bytes = sizeof name;
    assert_int_equal(inet_pton(AF_INET, host, &name.sin_addr), 1);
    name.sin_port = htons(*port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&name, bytes), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &bytes), 0);
    *port = ntohs(name.sin_port);
    return listener;
}

static struct net_address address_of(const char *host, uint16_t port)
{
    struct net_address address;
    struct error error;
    assert_true(net_address_resolve(host, port, &address, &error));
    return address;
}

static void test_the_first_that_takes_connections_is_found(void **state)
{
    uint16_t port = 0;
    (void)state;
    int listener = listen_on("127.0.0.3", &port);
    const struct net_address addresses[] = {address_of("127.0.0.2", port),
                                            address_of("127.0.0.3", port),
                                            address_of("127.0.0.4", port)};
    assert_int_equal(net_reach(addresses, 3, 10 * NS_PER_S), 1);
    close(listener);
}

/* The server counts its connections: what is known without one is not tried. */
static void test_the_last_that_is_left_is_not_tried(void **state)
{
    uint16_t port = 0;
    (void)state;
    int listener = listen_on("127.0.0.3", &port);
    const struct net_address addresses[] = {address_of("127.0.0.2", port),
                                            address_of("127.0.0.3", port)};
    assert_int_equal(net_reach(addresses, 2, 10 * NS_PER_S), 1);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    assert_int_equal(net_reach(addresses + 1, 1, 10 * NS_PER_S), 0);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    close(listener);
}

/* One whose queue is full answers nothing: the next is tried beside it. */
static void test_one_that_does_not_answer_is_not_waited_for(void **state)
{
    uint16_t port = 0;
    int fillers[64];
    (void)state;
    int silent = listen_on("127.0.0.2", &port);
    int listener = listen_on("127.0.0.3", &port);
    assert_int_equal(listen(silent, 0), 0);
    const struct net_address addresses[] = {address_of("127.0.0.2", port),
                                            address_of("127.0.0.3", port),
                                            address_of("127.0.0.4", port)};
    for (int i = 0; i < 64; i++) {
        struct sockaddr_in name;
        memcpy(&name, addresses[0].bytes, sizeof name);
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (const struct sockaddr *)&name, sizeof name);
    }
    assert_int_equal(net_reach(addresses, 3, 20 * NS_PER_S), 1);
    assert_int_equal(net_reach(addresses, 1, 20 * NS_PER_MS), 0); /* nothing to choose */
    for (int i = 0; i < 64; i++) {
        close(fillers[i]);
    }
    close(silent);
    close(listener);
}

static void test_addresses_stand_once_each(void **state)
{
    struct net_address addresses[4];
    uint32_t count = 0;
    struct error error;
    (void)state;
    assert_true(net_address_resolve_all("127.0.0.1", 7, addresses, 4, &count, &error));
    assert_int_equal(count, 1);
    assert_true(net_address_resolve_all("localhost", 7, addresses, 4, &count, &error));
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            assert_true(memcmp(&addresses[i], &addresses[j], sizeof addresses[0]) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_takes_connections_is_found),
        cmocka_unit_test(test_the_last_that_is_left_is_not_tried),
        cmocka_unit_test(test_one_that_does_not_answer_is_not_waited_for),
        cmocka_unit_test(test_addresses_stand_once_each),
    };
    return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
