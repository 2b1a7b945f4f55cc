/* Addresses: text to address and back. */
#include "fixture.h"

#include <string.h>

static void test_literals_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        uint16_t port;
        const char *text;
    } cases[] = {{"127.0.0.1", 7777, "127.0.0.1:7777"},
                 {"::1", 65535, "[::1]:65535"},
                 {"", 1, "0.0.0.0:1"},
                 {"*", 256, "0.0.0.0:256"}};
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct net_address address = fixture_resolve(cases[i].host, cases[i].port);
        assert_string_equal(net_address_format(&address, text), cases[i].text);
        assert_int_equal(net_address_port(&address), cases[i].port);
        net_address_set_port(&address, 4660);
        assert_int_equal(net_address_port(&address), 4660);
    }
}

static void test_unset_address(void **state)
{
    (void)state;
    struct net_address unset = {.bytes_count = 0};
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    assert_string_equal(net_address_format(&unset, text), "?");
    assert_int_equal(net_address_port(&unset), 0);
}

static void test_a_host_that_does_not_resolve_is_named(void **state)
{
    (void)state;
    struct net_address address;
    struct error error = {.text = ""};
    /* RFC 6761: the system knows without asking anybody that these do not exist. */
    static const char *const hosts[] = {"nobody.invalid", "1.2.3.4.5", "bad host name"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_false(net_address_resolve(hosts[i], 7, &address, &error));
        assert_non_null(strstr(error.text, hosts[i]));
        assert_int_equal(address.bytes_count, 0);
    }
}

/* The same on every system, whatever it presets: :: is every IPv6 address, and no IPv4 one. */
static void test_a_listener_on_every_ipv6_address_has_no_ipv4_one(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error error = {.text = ""};
    struct net_address address;
    struct tracked_socket six = {.closed = true};
    struct tracked_socket four = {.closed = true};
    if (suite_is_fake()) {
        SKIP_BECAUSE("the fake port has no families");
    }
    address = fixture_resolve("::1", 0);
    if (!net_address_is_here(&address)) {
        SKIP_BECAUSE("this machine has no IPv6");
    }
    fixture_open(&fixture, NULL);
    address = fixture_resolve("::", 0);
    fixture.listener.closed = false;
    assert_true(cport_listen(fixture.port, &fixture.listener.socket, &address, 4, &error));
    cport_local_address(fixture.port, &fixture.listener.socket, &address);
    struct net_address here = fixture_resolve("::1", net_address_port(&address));
    struct net_address old = fixture_resolve("127.0.0.1", net_address_port(&address));
    fixture_connect(&fixture, &six, &here, NULL);
    assert_int_equal(fixture_wait(&fixture, &six.connect), CPORT_OK);
    fixture_connect(&fixture, &four, &old, NULL);
    assert_int_equal(fixture_wait(&fixture, &four.connect), CPORT_REFUSED);
    fixture_close_wait(&fixture, &six, CPORT_CLOSE_RST);
    fixture_close_wait(&fixture, &four, CPORT_CLOSE_FIN);
    fixture_finish(&fixture);
}

int cases_address(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_there_and_back),
        cmocka_unit_test(test_unset_address),
        cmocka_unit_test(test_a_host_that_does_not_resolve_is_named),
        cmocka_unit_test(test_a_listener_on_every_ipv6_address_has_no_ipv4_one),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
