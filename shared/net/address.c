/* Addresses: what is the same on both systems. */
#include "net/address.h"

/* sockaddr_in and sockaddr_in6 both hold the port, in network order, behind the two bytes of the
 * family. */
enum { ADDRESS_PORT_OFFSET = 2 };

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
