/* One attempt to connect, beside others: what reach.c decides by. Private to shared/net. */
#pragma once

#include "net/address.h"

enum net_attempt_state { NET_ATTEMPT_UNDER_WAY, NET_ATTEMPT_CONNECTED, NET_ATTEMPT_FAILED };

struct net_attempt {
    intptr_t handle;
    enum net_attempt_state state;
};

void net_attempt_begin(struct net_attempt *attempt, const struct net_address *address);
/* Waits until the state of one changes that is under way, within_ns at most. */
void net_attempts_await(struct net_attempt *attempts, uint32_t count, int64_t within_ns);
/* Closes it; nothing was sent, so the other side sees a clean end. */
void net_attempt_end(struct net_attempt *attempt);
