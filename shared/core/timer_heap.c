#include "core/timer_heap.h"

#include "core/clock.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* Four: half as deep as with two, and the children of each node are in one cache line, because the
 * root's first child begins one. */
enum { TIMER_HEAP_CHILDREN = 4, TIMER_HEAP_LINE_BYTES = 64 };
_Static_assert(TIMER_HEAP_CHILDREN * sizeof(struct timer_slot) <= TIMER_HEAP_LINE_BYTES, "a line");

bool timer_heap_open(struct timer_heap *heap, uint32_t count_max, struct error *error)
{
    heap->count = 0;
    heap->count_max = count_max;
    heap->slots = NULL;
    /* A line more, for the alignment. */
    heap->memory = calloc((size_t)count_max + TIMER_HEAP_CHILDREN, sizeof *heap->slots);
    if (heap->memory == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory for %u timers",
                        (unsigned)count_max);
        return false;
    }
    uintptr_t past = ((uintptr_t)heap->memory + sizeof *heap->slots) % TIMER_HEAP_LINE_BYTES;
    size_t lead_bytes = past == 0 ? 0 : TIMER_HEAP_LINE_BYTES - past;
    heap->slots = (struct timer_slot *)(void *)((uint8_t *)heap->memory + lead_bytes);
    return true;
}

void timer_heap_close(struct timer_heap *heap)
{
    free(heap->memory);
    heap->memory = NULL;
    heap->slots = NULL;
    heap->count = 0;
    heap->count_max = 0;
}

bool timer_heap_reserve(struct timer_heap *heap, uint32_t count_max)
{
    struct timer_heap grown;
    if (count_max <= heap->count_max) {
        return true;
    }
    if (!timer_heap_open(&grown, count_max, NULL)) {
        return false;
    }
    if (heap->count > 0) {
        memcpy(grown.slots, heap->slots, heap->count * sizeof *heap->slots);
    }
    grown.count = heap->count;
    free(heap->memory);
    *heap = grown;
    return true;
}

static void timer_heap__put(struct timer_heap *heap, uint32_t place, struct timer_slot slot)
{
    heap->slots[place] = slot;
    slot.node->index = place + 1;
}

/* Moves what belongs at place towards the root until its parent is not later. */
static void timer_heap__rise(struct timer_heap *heap, uint32_t place, struct timer_slot slot)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / TIMER_HEAP_CHILDREN;
        if (heap->slots[parent].due_ns <= slot.due_ns) {
            break;
        }
        timer_heap__put(heap, place, heap->slots[parent]);
        place = parent;
    }
    timer_heap__put(heap, place, slot);
}

/* Moves what belongs at place away from the root until no child is earlier. */
static void timer_heap__sink(struct timer_heap *heap, uint32_t place, struct timer_slot slot)
{
    for (;;) {
        uint64_t child = (uint64_t)place * TIMER_HEAP_CHILDREN + 1;
        uint64_t end = child + TIMER_HEAP_CHILDREN;
        end = end < heap->count ? end : heap->count;
        uint64_t first = child;
        for (; child < end; child++) {
            if (heap->slots[child].due_ns < heap->slots[first].due_ns) {
                first = child;
            }
        }
        if (first >= heap->count || heap->slots[first].due_ns >= slot.due_ns) {
            break;
        }
        timer_heap__put(heap, place, heap->slots[first]);
        place = (uint32_t)first;
    }
    timer_heap__put(heap, place, slot);
}

void timer_heap_set(struct timer_heap *heap, struct timer_node *node, int64_t due_ns)
{
    struct timer_slot slot = {due_ns, node};
    node->due_ns = due_ns;
    if (node->index == 0) {
        must(heap->count < heap->count_max);
        timer_heap__rise(heap, heap->count++, slot);
        return;
    }
    uint32_t place = node->index - 1;
    must(place < heap->count && heap->slots[place].node == node);
    if (due_ns < heap->slots[place].due_ns) {
        timer_heap__rise(heap, place, slot);
    } else {
        timer_heap__sink(heap, place, slot);
    }
}

void timer_heap_remove(struct timer_heap *heap, struct timer_node *node)
{
    if (node->index == 0) {
        return;
    }
    timer_heap_set(heap, node, INT64_MIN); /* to the root */
    timer_heap_pop(heap, INT64_MIN);
}

int64_t timer_heap_next_ns(const struct timer_heap *heap)
{
    return heap->count > 0 ? heap->slots[0].due_ns : TIME_NEVER_NS;
}

struct timer_node *timer_heap_pop(struct timer_heap *heap, int64_t now_ns)
{
    if (heap->count == 0 || heap->slots[0].due_ns > now_ns) {
        return NULL;
    }
    struct timer_node *node = heap->slots[0].node;
    struct timer_slot last = heap->slots[--heap->count];
    node->index = 0;
    if (last.node != node) {
        timer_heap__sink(heap, 0, last);
    }
    return node;
}
