/* Addresses as a captured text says them, and the ranges that they must be in. */
#include "unit.h"

#include "text/ip_range.h"

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t bytes_count;
        uint8_t bytes[16];
    } good[] = {
        {"127.0.0.1", 4, {127, 0, 0, 1}},
        {"0.0.0.0", 4, {0}},
        {"255.255.255.255", 4, {255, 255, 255, 255}},
        {"::", 16, {0}},
        {"::1", 16, {[15] = 1}},
        {"1::", 16, {[1] = 1}},
        {"2001:db8::ff", 16, {0x20, 0x01, 0x0d, 0xb8, [15] = 0xff}},
        {"2001:DB8:0:0:0:0:0:1", 16, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
        {"1:2:3:4:5:6:7::", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
        {"64:ff9b::1.2.3.4", 16, {0, 0x64, 0xff, 0x9b, [12] = 1, 2, 3, 4}},
        {"::ffff:10.0.0.1", 4, {10, 0, 0, 1}}, /* it is what would be connected to */
        {"::ffff:a00:1", 4, {10, 0, 0, 1}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct ip ip;
        if (!ip_parse(good[i].text, &ip)) {
            fail_msg("%s", good[i].text);
        }
        assert_int_equal(ip.bytes_count, good[i].bytes_count);
        assert_memory_equal(ip.bytes, good[i].bytes, sizeof ip.bytes);
    }
}

static void test_hostile_forms_are_no_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " 127.0.0.1",
                                      "127.0.0.1 ",
                                      "127.0.0.1\n",
                                      "127.1",
                                      "127.0.0",
                                      "127.0.0.1.1",
                                      "127.0.0.256",
                                      "127.0.0.01",
                                      "0177.0.0.1",
                                      "0x7f.0.0.1",
                                      "127.0.0.-1",
                                      "+1.0.0.1",
                                      "127.0.0.1:80",
                                      "127.0.0.1/8",
                                      "127..0.1",
                                      "1.2.3.99999999999",
                                      "localhost",
                                      "[::1]",
                                      ":::",
                                      ":",
                                      "1:",
                                      ":1",
                                      "1::2::3",
                                      "12345::",
                                      "::g",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1.2.3",
                                      "1.2.3.4::",
                                      "fe80::1%eth0",
                                      "::1:1.2.3.4:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ip ip;
        if (ip_parse(bad[i], &ip)) {
            fail_msg("taken for an address: %s", bad[i]);
        }
    }
}

static void test_a_number_is_an_address(void **state)
{
    (void)state;
    struct ip ip;
    assert_true(ip_parse_or_number("2130706433", &ip));
    assert_int_equal(ip.bytes_count, 4);
    assert_memory_equal(ip.bytes, "\x7f\0\0\x01", 4);
    assert_true(ip_parse_or_number("4294967295", &ip));
    assert_true(ip_parse_or_number("10.0.0.1", &ip));
    static const char *const bad[] = {
        "4294967296", "-1", "99999999999999999999", "1e9", "0x7f000001", "", "01"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ip_parse_or_number(bad[i], &ip));
    }
}

static void test_ports(void **state)
{
    (void)state;
    uint16_t port = 0;
    assert_true(ip_parse_port("1", &port) && port == 1);
    assert_true(ip_parse_port("65535", &port) && port == 65535);
    static const char *const bad[] = {"",
                                      "0",
                                      "65536",
                                      "70000",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "080",
                                      "4294967297",
                                      "18446744073709551617",
                                      "80a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ip_parse_port(bad[i], &port));
    }
}

static bool holds(const char *range_text, const char *ip_text, uint16_t port)
{
    struct ip_range range;
    struct ip ip;
    struct error error = {""};
    if (!ip_range_parse(range_text, &range, &error)) {
        fail_msg("%s: %s", range_text, error.text);
    }
    assert_true(ip_parse(ip_text, &ip));
    return ip_range_holds(&range, &ip, port);
}

static void test_ranges(void **state)
{
    (void)state;
    assert_true(holds("10.0.0.0/8:7000-7999", "10.255.3.4", 7000));
    assert_true(holds("10.0.0.0/8:7000-7999", "10.0.0.0", 7999));
    assert_false(holds("10.0.0.0/8:7000-7999", "11.0.0.0", 7000));
    assert_false(holds("10.0.0.0/8:7000-7999", "9.255.255.255", 7000));
    assert_false(holds("10.0.0.0/8:7000-7999", "10.0.0.1", 6999));
    assert_false(holds("10.0.0.0/8:7000-7999", "10.0.0.1", 8000));
    assert_true(holds("127.0.0.1:80", "127.0.0.1", 80));
    assert_false(holds("127.0.0.1:80", "127.0.0.2", 80));
    assert_true(holds("192.168.64.0/18:1-65535", "192.168.127.255", 1));
    assert_false(holds("192.168.64.0/18:1-65535", "192.168.128.0", 1));
    assert_true(holds("[2001:db8::/33]:7777", "2001:db8:7fff::1", 7777));
    assert_false(holds("[2001:db8::/33]:7777", "2001:db8:8000::1", 7777));
    assert_true(holds("[::1]:7777", "::1", 7777));
    assert_false(holds("[::1]:7777", "127.0.0.1", 7777));
    /* An IPv4 address in IPv6 clothes is judged as what it is. */
    assert_true(holds("10.0.0.0/8:1", "::ffff:10.0.0.1", 1));
    assert_false(holds("[::/0]:1", "::ffff:10.0.0.1", 1));
    assert_true(holds("[::/0]:1", "2001::1", 1));
    assert_true(holds("0.0.0.0/0:1", "1.2.3.4", 1));
    assert_false(holds("0.0.0.0/0:1", "0.0.0.0", 1)); /* no server has it */
    assert_false(holds("[::/0]:1", "::", 1));
    assert_false(holds("game.example:1", "1.2.3.4", 1)); /* until it has been looked up */
}

static void test_wrong_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } bad[] = {
        {"10.0.0.0/8", "expected an address, a range of them or a name with its ports"},
        {"", "expected an address"},
        {"10.0.0.0/8:0", "expected an address"},
        {"10.0.0.0/8:2-1", "expected an address"},
        {"10.0.0.0/8:1-65536", "expected an address"},
        {"10.0.0.0/8:*", "expected an address"},
        {"::1:7777", "expected an address"},
        {"10.0.0.0/33:1", "expected a prefix of 0 to 32 bits behind the address"},
        {"10.0.0.0/:1", "expected a prefix of 0 to 32 bits"},
        {"[::/129]:1", "expected a prefix of 0 to 128 bits"},
        {"10.0.0.1/8:1", "10.0.0.1 has bits behind its prefix of 8 bits"},
        {"game.example/8:1", "\"game.example\" is no address"},
        {"127.1:80", "\"127.1\" is no address, and no name"},
        {"*:80", "\"*\" is no address, and no name"},
        {"a b:80", "\"a b\" is no address, and no name"},
        {"[game]:80", "brackets are for IPv6 addresses"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ip_range range;
        struct error error = {""};
        if (ip_range_parse(bad[i].text, &range, &error)) {
            fail_msg("taken for a range: %s", bad[i].text);
        }
        if (strstr(error.text, bad[i].error) == NULL) {
            fail_msg("%s: %s", bad[i].text, error.text);
        }
    }
    struct ip_range range;
    struct error error;
    assert_true(ip_range_parse("game.example:7000-7001", &range, &error));
    assert_string_equal(range.name, "game.example");
    assert_int_equal(range.port_low, 7000);
    assert_int_equal(range.port_high, 7001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_hostile_forms_are_no_addresses),
        cmocka_unit_test(test_a_number_is_an_address),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_wrong_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
