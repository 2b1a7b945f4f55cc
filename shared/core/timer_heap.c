#include "core/timer_heap.h"

#include "core/clock.h"
#include "core/must.h"

#include <stdlib.h>

bool timer_heap_open(struct timer_heap *heap, uint32_t count_max, struct error *error)
{
    heap->count = 0;
    heap->count_max = count_max;
    heap->nodes = calloc(count_max ? count_max : 1, sizeof *heap->nodes);
    if (heap->nodes == NULL) {
        error_set(error, "out of memory for %u timers", (unsigned)count_max);
        return false;
    }
    return true;
}

void timer_heap_close(struct timer_heap *heap)
{
    free(heap->nodes);
    heap->nodes = NULL;
    heap->count = 0;
    heap->count_max = 0;
}

static void timer_heap__put(struct timer_heap *heap, uint32_t place, struct timer_node *node)
{
    heap->nodes[place] = node;
    node->index = place + 1;
}

/* Moves the node from place towards the root until its parent is not later. */
static void timer_heap__rise(struct timer_heap *heap, uint32_t place, struct timer_node *node)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (heap->nodes[parent]->due_ns <= node->due_ns) {
            break;
        }
        timer_heap__put(heap, place, heap->nodes[parent]);
        place = parent;
    }
    timer_heap__put(heap, place, node);
}

/* Moves the node from place away from the root until no child is earlier. */
static void timer_heap__sink(struct timer_heap *heap, uint32_t place, struct timer_node *node)
{
    for (;;) {
        uint64_t child = (uint64_t)place * 2 + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            heap->nodes[child + 1]->due_ns < heap->nodes[child]->due_ns) {
            child++;
        }
        if (heap->nodes[child]->due_ns >= node->due_ns) {
            break;
        }
        timer_heap__put(heap, place, heap->nodes[child]);
        place = (uint32_t)child;
    }
    timer_heap__put(heap, place, node);
}

void timer_heap_set(struct timer_heap *heap, struct timer_node *node, int64_t due_ns)
{
    if (node->index == 0) {
        must(heap->count < heap->count_max);
        node->due_ns = due_ns;
        timer_heap__rise(heap, heap->count++, node);
        return;
    }
    uint32_t place = node->index - 1;
    must(place < heap->count && heap->nodes[place] == node);
    bool earlier = due_ns < node->due_ns;
    node->due_ns = due_ns;
    if (earlier) {
        timer_heap__rise(heap, place, node);
    } else {
        timer_heap__sink(heap, place, node);
    }
}

int64_t timer_heap_next_ns(const struct timer_heap *heap)
{
    return heap->count > 0 ? heap->nodes[0]->due_ns : TIME_NEVER_NS;
}

struct timer_node *timer_heap_pop(struct timer_heap *heap, int64_t now_ns)
{
    if (heap->count == 0 || heap->nodes[0]->due_ns > now_ns) {
        return NULL;
    }
    struct timer_node *node = heap->nodes[0];
    struct timer_node *last = heap->nodes[--heap->count];
    node->index = 0;
    if (last != node) {
        timer_heap__sink(heap, 0, last);
    }
    return node;
}
