#include "unit.h"

#include "core/clock.h"
#include "core/prng.h"
#include "core/timer_heap.h"

static void test_empty_heap_has_nothing_due(void **state)
{
    (void)state;
    struct timer_heap heap;
    assert_true(timer_heap_open(&heap, 4, NULL));
    assert_true(timer_heap_next_ns(&heap) == TIME_NEVER_NS);
    assert_null(timer_heap_pop(&heap, TIME_NEVER_NS));
    timer_heap_close(&heap);
}

static void test_pop_gives_only_what_is_due(void **state)
{
    (void)state;
    struct timer_heap heap;
    struct timer_node a = {0, 0};
    struct timer_node b = {0, 0};
    assert_true(timer_heap_open(&heap, 2, NULL));
    timer_heap_set(&heap, &a, 200);
    timer_heap_set(&heap, &b, 100);
    assert_true(timer_heap_next_ns(&heap) == 100);
    assert_null(timer_heap_pop(&heap, 99));
    assert_ptr_equal(timer_heap_pop(&heap, 100), &b);
    assert_int_equal(b.index, 0);
    assert_null(timer_heap_pop(&heap, 100));
    assert_ptr_equal(timer_heap_pop(&heap, 1000), &a);
    assert_null(timer_heap_pop(&heap, 1000));
    timer_heap_close(&heap);
}

static void test_set_moves_a_node_that_is_in_the_heap(void **state)
{
    (void)state;
    struct timer_heap heap;
    struct timer_node nodes[3] = {{0, 0}};
    assert_true(timer_heap_open(&heap, 3, NULL));
    for (int i = 0; i < 3; i++) {
        timer_heap_set(&heap, &nodes[i], 10 * (i + 1));
    }
    timer_heap_set(&heap, &nodes[0], 25); /* later */
    timer_heap_set(&heap, &nodes[2], 5);  /* earlier */
    assert_int_equal(heap.count, 3);
    assert_ptr_equal(timer_heap_pop(&heap, 100), &nodes[2]);
    assert_ptr_equal(timer_heap_pop(&heap, 100), &nodes[1]);
    assert_ptr_equal(timer_heap_pop(&heap, 100), &nodes[0]);
    timer_heap_close(&heap);
}

static void test_a_heap_grows_and_nodes_leave_it(void **state)
{
    (void)state;
    struct timer_heap heap = {0};
    static struct timer_node nodes[100];
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(timer_heap_reserve(&heap, i + 1));
        timer_heap_set(&heap, &nodes[i], (int64_t)(i * 37 % 100));
    }
    for (uint32_t i = 0; i < 100; i += 2) {
        timer_heap_remove(&heap, &nodes[i]);
        timer_heap_remove(&heap, &nodes[i]); /* it is out: nothing */
        assert_int_equal(nodes[i].index, 0);
    }
    int64_t before_ns = -1;
    for (int i = 0; i < 50; i++) {
        struct timer_node *node = timer_heap_pop(&heap, 100);
        assert_int_equal((node - nodes) % 2, 1);
        assert_true(node->due_ns > before_ns);
        before_ns = node->due_ns;
    }
    assert_null(timer_heap_pop(&heap, TIME_NEVER_NS));
    timer_heap_close(&heap);
}

static void heap_check(const struct timer_heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->slots[i].node->index, i + 1);
        if (i > 0) {
            assert_true(heap->slots[(i - 1) / 4].due_ns <= heap->slots[i].due_ns);
        }
    }
}

/* Whatever malloc() has given: the first child of the root begins a line of the cache. */
static void test_children_stand_in_one_line(void **state)
{
    struct timer_heap heaps[9];
    (void)state;
    for (uint32_t i = 0; i < 9; i++) {
        assert_true(timer_heap_open(&heaps[i], i, NULL));
        assert_int_equal((uintptr_t)&heaps[i].slots[1] % 64, 0);
    }
    for (uint32_t i = 0; i < 9; i++) {
        timer_heap_close(&heaps[i]);
    }
}

/* Against a plain array that is searched. */
static void test_random_operations_against_a_list(void **state)
{
    (void)state;
    enum { NODES = 200, OPERATIONS = 50000 };
    static struct timer_node nodes[NODES];
    uint64_t seed = unit_seed();
    struct timer_heap heap;
    memset(nodes, 0, sizeof nodes);
    assert_true(timer_heap_open(&heap, NODES, NULL));
    for (uint64_t n = 0; n < OPERATIONS; n++) {
        struct timer_node *node = &nodes[prng_range(seed, 1, n, 0, NODES - 1)];
        switch (prng_range(seed, 2, n, 0, 2)) {
        case 0:
        case 1:
            timer_heap_set(&heap, node, (int64_t)prng_range(seed, 3, n, 0, 300));
            break;
        default: {
            int64_t now = (int64_t)prng_range(seed, 4, n, 0, 300);
            int64_t earliest = TIME_NEVER_NS;
            for (int i = 0; i < NODES; i++) {
                if (nodes[i].index && nodes[i].due_ns < earliest) {
                    earliest = nodes[i].due_ns;
                }
            }
            assert_true(timer_heap_next_ns(&heap) == earliest);
            struct timer_node *popped = timer_heap_pop(&heap, now);
            assert_true((popped != NULL) == (earliest <= now));
            if (popped) {
                assert_true(popped->due_ns == earliest);
            }
        }
        }
        if (n % 64 == 0) {
            heap_check(&heap);
        }
    }
    timer_heap_close(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_heap_has_nothing_due),
        cmocka_unit_test(test_pop_gives_only_what_is_due),
        cmocka_unit_test(test_a_heap_grows_and_nodes_leave_it),
        cmocka_unit_test(test_set_moves_a_node_that_is_in_the_heap),
        cmocka_unit_test(test_children_stand_in_one_line),
        cmocka_unit_test(test_random_operations_against_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
