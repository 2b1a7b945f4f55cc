/* Addresses: what is the same on both systems. */
#include "net/address.h"

#include "net/address_list.h"

#include <string.h>

/* sockaddr_in and sockaddr_in6 both hold the port, in network order, behind the two bytes of the
 * family. */
enum { ADDRESS_PORT_OFFSET = 2 };
/* Behind the port comes an IPv4 address; an IPv6 one comes behind four bytes of flow information.
 */
enum { ADDRESS_V4_OFFSET = 4, ADDRESS_V4_BYTES = 16, ADDRESS_V6_OFFSET = 8, ADDRESS_V6_BYTES = 28 };

uint16_t net_address_port(const struct net_address *address)
{
    if (address->bytes_count == 0) {
        return 0;
    }
    const uint8_t *bytes = &address->bytes[ADDRESS_PORT_OFFSET];
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

void net_address_set_port(struct net_address *address, uint16_t port)
{
    address->bytes[ADDRESS_PORT_OFFSET] = (uint8_t)(port >> 8);
    address->bytes[ADDRESS_PORT_OFFSET + 1] = (uint8_t)(port & 0xff);
}

void net_address_get_ip(const struct net_address *address, struct ip *ip)
{
    bool v4 = address->bytes_count == ADDRESS_V4_BYTES;
    *ip = (struct ip){.bytes_count = address->bytes_count == 0 ? 0 : v4 ? 4 : 16};
    memcpy(ip->bytes, address->bytes + (v4 ? ADDRESS_V4_OFFSET : ADDRESS_V6_OFFSET),
           ip->bytes_count);
}

void net_address_from_ip(const struct ip *ip, uint16_t port, struct net_address *address)
{
    bool v4 = ip->bytes_count == 4;
    uint16_t family = net_address_family(v4);
    *address = (struct net_address){.bytes_count = v4 ? ADDRESS_V4_BYTES : ADDRESS_V6_BYTES};
    memcpy(address->bytes, &family, sizeof family);
    memcpy(address->bytes + (v4 ? ADDRESS_V4_OFFSET : ADDRESS_V6_OFFSET), ip->bytes,
           ip->bytes_count);
    net_address_set_port(address, port);
}

bool net_address_is_alike(const struct net_address *a, const struct net_address *b)
{
    return a->bytes_count == b->bytes_count;
}

bool net_address_resolve(const char *host, uint16_t port, struct net_address *address,
                         struct error *error)
{
    uint32_t count = 0;
    return net_address_resolve_all(host, port, address, 1, &count, error);
}

void net_address_add(const void *name, size_t bytes, uint16_t port, struct net_address *addresses,
                     uint32_t count_max, uint32_t *count)
{
    struct net_address address = {.bytes_count = (uint16_t)bytes};
    memcpy(address.bytes, name, bytes);
    net_address_set_port(&address, port);
    for (uint32_t i = 0; i < *count; i++) {
        if (memcmp(&addresses[i], &address, sizeof address) == 0) {
            return; /* once per kind of socket, or twice in a file of hosts */
        }
    }
    if (*count < count_max) {
        addresses[(*count)++] = address;
    }
}

bool net_address_found(const char *host, uint32_t count, struct error *error)
{
    if (count == 0) {
        error_set(error, "host \"%s\" has neither an IPv4 nor an IPv6 address", host);
    }
    return count > 0;
}
