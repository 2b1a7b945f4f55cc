#include "models/common/handoff.h"

#include "models/common/stream.h"

#include <stdlib.h>
#include <string.h>

void handoff_queue_open(struct handoff_queue *queue)
{
    memset(queue, 0, sizeof *queue);
    mutex_open(&queue->lock);
    atomic_init(&queue->waiting, false);
}

void handoff_queue_close(struct handoff_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        stream_close(queue->entries[i].handle, CPORT_CLOSE_RST);
    }
    free(queue->entries);
    mutex_close(&queue->lock);
}

/* Under the lock. */
static bool queue__grow(struct handoff_queue *queue)
{
    uint32_t count_max = queue->count_max == 0 ? 64 : queue->count_max * 2;
    struct handoff *entries = realloc(queue->entries, count_max * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    queue->entries = entries;
    queue->count_max = count_max;
    return true;
}

bool handoff_queue_put(struct handoff_queue *queue, const struct handoff *handoff, bool *first)
{
    mutex_lock(&queue->lock);
    bool put = queue->count < queue->count_max || queue__grow(queue);
    if (put) {
        *first = queue->count == 0;
        queue->entries[queue->count++] = *handoff;
        atomic_store(&queue->waiting, true);
    }
    mutex_unlock(&queue->lock);
    return put;
}

bool handoff_queue_take(struct handoff_queue *queue, struct handoff *handoff)
{
    if (!atomic_load_explicit(&queue->waiting, memory_order_relaxed)) {
        return false;
    }
    mutex_lock(&queue->lock);
    bool taken = queue->count > 0;
    if (taken) {
        *handoff = queue->entries[--queue->count];
    } else {
        atomic_store(&queue->waiting, false);
    }
    mutex_unlock(&queue->lock);
    return taken;
}

bool handoff_queue_is_empty(struct handoff_queue *queue)
{
    mutex_lock(&queue->lock);
    bool empty = queue->count == 0;
    mutex_unlock(&queue->lock);
    return empty;
}
