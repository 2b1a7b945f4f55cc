/* The messages between the ranks of a fleet, as bytes. Between the files of the fleet only. */
#pragma once

#include "fleet/fleet.h"

enum fleet_message {
    FLEET_HELLO,   /* to the leader: hello */
    FLEET_VERDICT, /* to a member: does it play? */
    FLEET_SYNC,    /* to a member: measure your clock now */
    FLEET_PING,    /* to the leader: the member's clock */
    FLEET_PONG,    /* to a member: that, and the leader's clock at the ping's arrival */
    FLEET_SYNCED,  /* to the leader: offset and bound */
    FLEET_START,   /* to a member: the origin, on the leader's clock */
    FLEET_STATUS,  /* to the leader */
    FLEET_ORDERS,  /* to a member */
    FLEET_PROBE,   /* to the leader: the answer to a question */
    FLEET_REPORT,  /* to the leader: figures */
    FLEET_DONE,    /* to a member: go */
    FLEET_MESSAGES
};

/* Begins a message in fleet->out. */
struct pack *fleet_message(struct fleet *fleet, enum fleet_message kind);
/* Sends it. */
bool fleet_send(struct fleet *fleet, uint32_t to);
/* The next message; *kind and what follows it. Notes that its sender is alive. */
bool fleet_receive(struct fleet *fleet, uint32_t *from, enum fleet_message *kind,
                   struct unpack *body);

/* A member takes a message of the leader: orders, the end, a request for its clock. */
void fleet_take_of_leader(struct fleet *fleet, enum fleet_message kind, struct unpack *body);
/* A member's answer to FLEET_SYNC: pings the leader, and sends it the outcome. */
bool fleet_measure_clock(struct fleet *fleet);
void fleet_pack_hello(const struct fleet_hello *hello, struct pack *pack);
bool fleet_unpack_hello(struct fleet_hello *hello, struct unpack *from);
void fleet_pack_status(const struct fleet_status *status, struct pack *pack);
bool fleet_unpack_status(struct fleet_status *status, struct unpack *from);
/* Moments are on the leader's clock on their way: offset_ns is added. */
void fleet_pack_orders(const struct fleet_orders *orders, int64_t offset_ns, struct pack *pack);
bool fleet_unpack_orders(struct fleet_orders *orders, int64_t offset_ns, struct unpack *from);
