/* A list of addresses, each once. Private to shared/net. */
#pragma once

#include "net/address.h"

void net_address_add(const struct net_address *address, struct net_address *addresses,
                     uint32_t count_max, uint32_t *count);
