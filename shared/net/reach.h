/* Which of a name's addresses has a listener: found by connecting to them, as in RFC 8305
 * ("happy eyeballs"): the next is tried when one fails, or after a moment beside it.
 *
 * Control plane; any thread. */
#pragma once

#include "net/address.h"

enum { NET_REACH_ADDRESSES_MAX = 16, NET_REACH_NONE = -1 };

/* The number of the first that takes a connection, which is closed again immediately. The last
 * one is not tried when all before it have failed: it is the answer then, and the caller's connect
 * shows whether it takes one. NET_REACH_NONE: none of the others within that time. */
int net_reach(const struct net_address *addresses, uint32_t count, int64_t within_ns);
