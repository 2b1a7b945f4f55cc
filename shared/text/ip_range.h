/* Addresses as texts, and ranges of them with ports: "10.0.0.0/8:7000-7999",
 * "[2001:db8::/32]:7777", "game.example:7777". Nothing is looked up.
 *
 * Only the plain forms: four decimal numbers without leading zeros, or groups of hexadecimal
 * digits. What other readers of addresses take besides (127.1, 0x7f.0.0.1, 017.0.0.1, a zone behind
 * %) is refused, so that a text has one meaning. An IPv4 address inside an IPv6 one
 * (::ffff:10.0.0.1) is the IPv4 address.
 *
 * Pure; any thread. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip {
    uint8_t bytes[16];
    uint8_t bytes_count; /* 4 or 16 */
};

enum { IP_RANGE_NAME_BYTES_MAX = 253 }; /* of a host, as DNS has it */

struct ip_range {
    char
        name[IP_RANGE_NAME_BYTES_MAX + 1]; /* of a host, which is to be looked up; "": an address */
    struct ip prefix;
    uint8_t bits; /* of the prefix that count */
    uint16_t port_low;
    uint16_t port_high;
};

/* The whole text; false: it is no address. */
bool ip_parse(const char *text, struct ip *ip);
/* The same, or decimal digits alone: the number of an IPv4 address, its first byte the highest. */
bool ip_parse_or_number(const char *text, struct ip *ip);
/* 127.0.0.0/8 or ::1: this machine, as only it can reach it. */
bool ip_is_loopback(const struct ip *ip);
/* 1 to 65535, in decimal digits. */
bool ip_parse_port(const char *text, uint16_t *port);
/* False: the error says what was expected. */
bool ip_range_parse(const char *text, struct ip_range *range, struct error *error);
/* Is the address in the range? Never in one of a name, and never 0.0.0.0 or ::, which is none. */
bool ip_range_holds(const struct ip_range *range, const struct ip *ip, uint16_t port);
