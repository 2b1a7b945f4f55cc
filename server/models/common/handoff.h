/* Handoffs: accepted connections on their way from the thread that accepts to the one that serves.
 *
 * Any thread puts; one takes. An empty queue is looked at without a lock. */
#pragma once

#include "cport/cport.h"
#include "system/thread.h"

#include <stdatomic.h>

struct handoff {
    cport_handle handle;
    struct net_address peer;
};

struct handoff_queue {
    struct mutex lock;
    struct handoff *entries; /* grows: one entry per connection accepted and not yet taken */
    uint32_t count;
    uint32_t count_max;
    atomic_bool waiting;
};

void handoff_queue_open(struct handoff_queue *queue);
/* Resets connections that were not taken. */
void handoff_queue_close(struct handoff_queue *queue);
/* False when there is no memory: the handle stays the caller's. *first: the queue was empty, wake
 * the taker. */
bool handoff_queue_put(struct handoff_queue *queue, const struct handoff *handoff, bool *first);
/* False when there is none. */
bool handoff_queue_take(struct handoff_queue *queue, struct handoff *handoff);
/* Exact: takes the lock. */
bool handoff_queue_is_empty(struct handoff_queue *queue);
