/* Socket addresses without socket headers: IPv4 and IPv6, resolved once at start.
 *
 * A value type; any thread. net_setup() once per process before anything else of net or cport
 * (WSAStartup on Windows; ignores SIGPIPE on Linux). */
#pragma once

#include "core/error.h"
#include "text/ip_range.h"

#include <stdbool.h>
#include <stdint.h>

struct net_address {
    uint16_t bytes_count; /* size of the sockaddr below; 0: unset */
    uint8_t bytes[28];    /* sockaddr_in or sockaddr_in6, as the system wants it */
};

enum { NET_ADDRESS_TEXT_BYTES_MAX = 64 };

bool net_setup(struct error *error);
/* host is a name or a literal; "" or "*" is every local address (for listening). Blocks on DNS.
 * All addresses, in the system's order, each once; at most count_max. */
bool net_address_resolve_all(const char *host, uint16_t port, struct net_address *addresses,
                             uint32_t count_max, uint32_t *count, struct error *error);
/* The first of them. */
bool net_address_resolve(const char *host, uint16_t port, struct net_address *address,
                         struct error *error);
/* "127.0.0.1:7777", "[::1]:7777"; "?" when unset. Returns text. */
const char *net_address_format(const struct net_address *address,
                               char text[NET_ADDRESS_TEXT_BYTES_MAX]);
/* Is it one of this machine's own, so that a connection can come from it? */
bool net_address_is_here(const struct net_address *address);
/* Of one family: a connection from one to the other can be tried. */
bool net_address_is_alike(const struct net_address *a, const struct net_address *b);
uint16_t net_address_port(const struct net_address *address);
void net_address_set_port(struct net_address *address, uint16_t port);
/* The address alone; of no bytes when it is unset. */
void net_address_get_ip(const struct net_address *address, struct ip *ip);
void net_address_from_ip(const struct ip *ip, uint16_t port, struct net_address *address);
