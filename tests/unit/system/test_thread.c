#include "unit.h"

#include "system/thread.h"

#include <stdatomic.h>

struct shared {
    struct mutex mutex;
    long plain;
    atomic_int started;
    atomic_int atomic;
};

static void add_many(void *argument)
{
    struct shared *shared = argument;
    atomic_fetch_add(&shared->started, 1);
    while (atomic_load(&shared->started) < 4) {
        thread_yield(); /* all four at once, or the mutex is not needed */
    }
    for (int i = 0; i < 50000; i++) {
        mutex_lock(&shared->mutex);
        shared->plain++;
        mutex_unlock(&shared->mutex);
        atomic_fetch_add(&shared->atomic, 1);
    }
}

static void test_mutex_excludes(void **state)
{
    (void)state;
    static struct shared shared;
    mutex_open(&shared.mutex);
    struct thread threads[4];
    for (int i = 0; i < 4; i++) {
        assert_true(thread_start(&threads[i], add_many, &shared, 0, NULL));
    }
    for (int i = 0; i < 4; i++) {
        thread_join(&threads[i]);
    }
    assert_int_equal(shared.plain, 200000);
    assert_int_equal(shared.atomic, 200000);
    mutex_close(&shared.mutex);
}

static void write_argument(void *argument)
{
    char large[16384];
    memset(large, 1, sizeof large);
    *(int *)argument = large[sizeof large - 1] + 41;
}

static void test_argument_and_result_cross_the_join(void **state)
{
    (void)state;
    static const uint32_t stacks[] = {0, 1, 65536, 100001, 1 << 20};
    for (size_t i = 0; i < COUNT_OF(stacks); i++) {
        int value = 0;
        struct thread thread;
        assert_true(thread_start(&thread, write_argument, &value, stacks[i], NULL));
        thread_join(&thread);
        assert_int_equal(value, 42);
    }
}

struct turns {
    struct mutex mutex;
    struct condition condition;
    int count; /* even: the main thread's turn */
};

static void turns_take(struct turns *turns, int remainder)
{
    mutex_lock(&turns->mutex);
    for (int i = 0; i < 1000; i++) {
        while (turns->count % 2 != remainder) {
            condition_wait(&turns->condition, &turns->mutex);
        }
        turns->count++;
        condition_wake_all(&turns->condition);
    }
    mutex_unlock(&turns->mutex);
}

static void take_odd_turns(void *argument)
{
    turns_take(argument, 1);
}

static void test_threads_take_turns_by_a_condition(void **state)
{
    (void)state;
    static struct turns turns;
    struct thread thread;
    mutex_open(&turns.mutex);
    condition_open(&turns.condition);
    assert_true(thread_start(&thread, take_odd_turns, &turns, 0, NULL));
    turns_take(&turns, 0);
    thread_join(&thread);
    assert_int_equal(turns.count, 2000);
    condition_close(&turns.condition);
    mutex_close(&turns.mutex);
}

static void test_at_least_one_cpu(void **state)
{
    (void)state;
    assert_in_range(thread_cpu_count(), 1, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutex_excludes),
        cmocka_unit_test(test_argument_and_result_cross_the_join),
        cmocka_unit_test(test_threads_take_turns_by_a_condition),
        cmocka_unit_test(test_at_least_one_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
