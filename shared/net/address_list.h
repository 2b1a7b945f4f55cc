/* A list of addresses, each once. Private to shared/net. name: of the system's resolver. */
#pragma once

#include "net/address.h"

#include <stddef.h>

void net_address_add(const void *name, size_t bytes, uint16_t port, struct net_address *addresses,
                     uint32_t count_max, uint32_t *count);
/* False, and an error: the list of the host's addresses is empty. */
bool net_address_found(const char *host, uint32_t count, struct error *error);
/* The system's number of the family. */
uint16_t net_address_family(bool v4);
