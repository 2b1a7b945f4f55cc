/* Timers: a heap of caller-owned nodes ordered by due time.
 *
 * One thread. The heap holds due times and pointers, so that nodes are compared without looking
 * into them (with thousands of connections each is a line that is not in the cache). Its array is
 * allocated once at open for the largest number of nodes that can be in it: nothing allocates
 * during a run. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct timer_node {
    int64_t due_ns;
    uint32_t index; /* place in the heap + 1; 0 when not in it. Zero-initialise. */
};

struct timer_slot {
    int64_t due_ns;
    struct timer_node *node;
};

struct timer_heap {
    void *memory;             /* holds the slots */
    struct timer_slot *slots; /* NULL: not open */
    uint32_t count;
    uint32_t count_max;
};

bool timer_heap_open(struct timer_heap *heap, uint32_t count_max, struct error *error);
void timer_heap_close(struct timer_heap *heap);
/* Room for count_max nodes; those in it stay. False: no memory, nothing has changed. For owners
 * whose nodes come and go: it allocates. */
bool timer_heap_reserve(struct timer_heap *heap, uint32_t count_max);
/* Inserts the node, or moves it if it is in the heap already. */
void timer_heap_set(struct timer_heap *heap, struct timer_node *node, int64_t due_ns);
/* Takes the node out, if it is in the heap. */
void timer_heap_remove(struct timer_heap *heap, struct timer_node *node);
/* TIME_NEVER_NS when empty. */
int64_t timer_heap_next_ns(const struct timer_heap *heap);
/* Takes out and returns the earliest node with due_ns <= now_ns, or NULL. */
struct timer_node *timer_heap_pop(struct timer_heap *heap, int64_t now_ns);
