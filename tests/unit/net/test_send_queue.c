/* The send queue: coalescing, references, spans that stay in place, nothing left behind. */
#include "net/send_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POOL_BYTES_MAX = 256 * 1024 };

struct fixture {
    struct send_pool pool;
    struct send_queue queue;
};

static int fixture_open(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    send_pool_open(&fixture->pool, POOL_BYTES_MAX);
    *state = fixture;
    return 0;
}

static int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    send_queue_clear(&fixture->queue, &fixture->pool);
    send_pool_close(&fixture->pool); /* must() says so when a chunk is missing */
    free(fixture);
    return 0;
}

static void append_pattern(struct fixture *fixture, uint32_t bytes, uint32_t seed)
{
    uint8_t *place = send_queue_reserve(&fixture->queue, &fixture->pool, bytes);
    assert_non_null(place);
    for (uint32_t i = 0; i < bytes; i++) {
        place[i] = (uint8_t)(seed + i);
    }
}

static void test_an_empty_queue_has_no_spans_and_no_memory(void **state)
{
    struct fixture *fixture = *state;
    struct span spans[4];
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 0);
    assert_int_equal(fixture->pool.chunks_count, 0);
    assert_true(send_queue_append(&fixture->queue, &fixture->pool, (const uint8_t *)"", 0));
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 0);
}

static void test_small_appends_coalesce_into_one_span(void **state)
{
    struct fixture *fixture = *state;
    struct span spans[4];
    for (int i = 0; i < 60; i++) {
        assert_true(send_queue_append(&fixture->queue, &fixture->pool, (const uint8_t *)"abcd", 4));
    }
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 1);
    assert_int_equal(spans[0].bytes, 240);
    assert_memory_equal(spans[0].data + 236, "abcd", 4);
    assert_int_equal(fixture->queue.queued_bytes, 240);
}

/* One message at a time, as thousands of connections have it: in a chunk of their size, at a line
 * of the cache; what does not fit behind it goes on in a larger one. */
static void test_the_first_messages_take_little_room(void **state)
{
    enum { MESSAGE_BYTES = 64, TOUCHED_LINES = 2, LINE_BYTES = 64 };
    struct fixture *fixture = *state;
    struct span spans[4];
    append_pattern(fixture, MESSAGE_BYTES, 1);
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 1);
    /* The chunk's own words stand before the bytes, in the first line. */
    uintptr_t past = (uintptr_t)spans[0].data % LINE_BYTES;
    assert_true(past > 0 && past + MESSAGE_BYTES <= TOUCHED_LINES * LINE_BYTES);
    for (uint32_t i = 0; i < 50; i++) {
        append_pattern(fixture, MESSAGE_BYTES, i);
    }
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 2);
    assert_int_equal(spans[0].bytes + spans[1].bytes, 51 * MESSAGE_BYTES);
    assert_int_equal(fixture->pool.chunks_count, 2);
}

static void test_spans_stay_in_place_while_more_is_appended(void **state)
{
    struct fixture *fixture = *state;
    struct span spans[16];
    append_pattern(fixture, 3000, 1);
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 16), 1);
    const uint8_t *data = spans[0].data;
    size_t bytes = spans[0].bytes;
    for (uint32_t i = 0; i < 200; i++) {
        append_pattern(fixture, 1000, 7 * i);
    }
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(data[i], (uint8_t)(1 + i));
    }
    send_queue_consume(&fixture->queue, &fixture->pool, bytes);
    assert_int_equal(fixture->queue.queued_bytes, 200 * 1000);
    assert_true(send_queue_peek(&fixture->queue, spans, 16) > 1);
}

/* Bytes come out as they went in, whatever the pieces put in and taken out. */
static void test_bytes_survive_any_cut(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t sizes[] = {1, 7, 100, 4016, 4017, 5000, 65535, 65536, 65537, 200000, 3};
    uint32_t put = 0;
    uint32_t taken = 0;
    uint32_t step = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        append_pattern(fixture, sizes[i], put);
        put += sizes[i];
    }
    while (taken < put) {
        struct span spans[3];
        int count = send_queue_peek(&fixture->queue, spans, 3);
        assert_true(count > 0);
        uint32_t left = step;
        for (int i = 0; i < count && left > 0; i++) {
            for (size_t k = 0; k < spans[i].bytes && left > 0; k++, left--, taken++) {
                assert_int_equal(spans[i].data[k], (uint8_t)taken);
            }
        }
        send_queue_consume(&fixture->queue, &fixture->pool, step - left);
        step = step * 3 + 1 < 70000 ? step * 3 + 1 : 1;
    }
    assert_int_equal(fixture->queue.queued_bytes, 0);
    assert_null(fixture->queue.head);
    assert_null(fixture->queue.tail);
}

static void test_shared_buffer_is_freed_by_the_last_release(void **state)
{
    struct fixture *fixture = *state;
    struct send_queue other = {0};
    struct span spans[4];
    struct shared_buffer *buffer = shared_buffer_create(5);
    memcpy(buffer->bytes, "hello", 5);
    assert_true(send_queue_append(&fixture->queue, &fixture->pool, (const uint8_t *)"<", 1));
    assert_true(send_queue_append_shared(&fixture->queue, &fixture->pool, buffer));
    assert_true(send_queue_append(&fixture->queue, &fixture->pool, (const uint8_t *)">", 1));
    assert_true(send_queue_append_shared(&other, &fixture->pool, buffer));
    assert_int_equal(atomic_load(&buffer->references), 3);
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 3);
    assert_ptr_equal(spans[1].data, buffer->bytes);
    send_queue_consume(&fixture->queue, &fixture->pool, 4); /* into the middle of it */
    assert_int_equal(atomic_load(&buffer->references), 3);
    assert_int_equal(send_queue_peek(&fixture->queue, spans, 4), 2);
    assert_memory_equal(spans[0].data, "lo", 2);
    send_queue_consume(&fixture->queue, &fixture->pool, 3);
    assert_int_equal(atomic_load(&buffer->references), 2);
    send_queue_clear(&other, &fixture->pool);
    assert_int_equal(atomic_load(&buffer->references), 1);
    shared_buffer_release(buffer);
}

static void test_a_busy_queue_reuses_its_chunks(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10000; i++) {
        append_pattern(fixture, 64, 0);
        send_queue_consume(&fixture->queue, &fixture->pool, 64);
    }
    assert_int_equal(fixture->pool.chunks_count, 1);
}

static void test_a_backlog_grows_in_large_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct span spans[16];
    for (int i = 0; i < 10000; i++) {
        append_pattern(fixture, 64, 0);
    }
    int count = send_queue_peek(&fixture->queue, spans, 16);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bytes += spans[i].bytes;
    }
    assert_true(bytes >= 192 * 1024); /* one gathered send carries that much */
}

static void test_pieces_hold_whole_appends(void **state)
{
    struct fixture *fixture = *state;
    const struct send_chunk *cursor = NULL;
    struct span whole;
    uint32_t taken_bytes;
    append_pattern(fixture, 3000, 0);
    append_pattern(fixture, 3000, 0); /* does not fit behind it: a piece of its own */
    send_queue_consume(&fixture->queue, &fixture->pool, 10);
    assert_true(send_queue_next_piece(&fixture->queue, &cursor, &whole, &taken_bytes));
    assert_int_equal(whole.bytes, 3000);
    assert_int_equal(taken_bytes, 10);
    assert_true(send_queue_next_piece(&fixture->queue, &cursor, &whole, &taken_bytes));
    assert_int_equal(whole.bytes, 3000);
    assert_int_equal(taken_bytes, 0);
    assert_false(send_queue_next_piece(&fixture->queue, &cursor, &whole, &taken_bytes));
}

/* What it says beforehand is what an append adds, and never less than its bytes. */
static void test_held_memory_is_what_the_cost_said(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t sizes[] = {1, 4, 488, 489, 4016, 4017, 16304, 16305, 65536, 65537, 3};
    struct shared_buffer *buffer = shared_buffer_create(300);
    memset(buffer->bytes, 0, 300);
    uint64_t held_bytes = 0;
    for (size_t i = 0; i < 100; i++) {
        uint32_t bytes = sizes[i % 11];
        if (i % 3 == 0) {
            held_bytes += shared_buffer_cost(buffer);
            assert_true(send_queue_append_shared(&fixture->queue, &fixture->pool, buffer));
        } else {
            uint64_t cost_bytes = send_queue_cost(&fixture->queue, bytes);
            assert_true(cost_bytes <= send_queue_cost_max(bytes));
            held_bytes += cost_bytes;
            append_pattern(fixture, bytes, 0);
        }
        assert_int_equal(fixture->queue.held_bytes, held_bytes);
        assert_true(held_bytes > fixture->queue.queued_bytes);
    }
    send_queue_consume(&fixture->queue, &fixture->pool, fixture->queue.queued_bytes / 2);
    assert_true(fixture->queue.held_bytes < held_bytes);
    assert_true(fixture->queue.held_bytes > fixture->queue.queued_bytes);
    send_queue_consume(&fixture->queue, &fixture->pool, fixture->queue.queued_bytes);
    assert_int_equal(fixture->queue.held_bytes, 0);
    shared_buffer_release(buffer);
}

/* A small reply behind every broadcast, whatever is queued already. */
static void test_a_copy_behind_a_reference_takes_little(void **state)
{
    struct fixture *fixture = *state;
    struct shared_buffer *buffer = shared_buffer_create(200);
    memset(buffer->bytes, 0, 200);
    for (int i = 0; i < 1000; i++) {
        assert_true(send_queue_append_shared(&fixture->queue, &fixture->pool, buffer));
        append_pattern(fixture, 4, 0);
    }
    assert_true(fixture->queue.held_bytes < 1000 * 1024);
    shared_buffer_release(buffer);
}

static void test_an_unused_end_is_in_proportion_to_what_is_queued(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10000; i++) {
        append_pattern(fixture, 100, 0);
        assert_true(fixture->queue.held_bytes < 8 * fixture->queue.queued_bytes + 1024);
    }
    assert_true(fixture->queue.held_bytes < 1.1 * fixture->queue.queued_bytes);
}

static void test_a_pool_keeps_a_bounded_part_of_a_peak(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10000; i++) {
        append_pattern(fixture, 1000, 0);
    }
    assert_true(fixture->pool.chunks_count > 500);
    send_queue_clear(&fixture->queue, &fixture->pool);
    assert_true(fixture->pool.free_bytes > 0 && fixture->pool.free_bytes <= POOL_BYTES_MAX);
    assert_true(fixture->pool.chunks_count * 16304 <= POOL_BYTES_MAX + 16304);
}

static void test_what_a_peak_has_left_is_freed_and_what_is_in_use_is_not(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++) {
        append_pattern(fixture, 1000, 0);
    }
    send_queue_clear(&fixture->queue, &fixture->pool);
    uint64_t peak_count = fixture->pool.chunks_count;
    assert_true(peak_count > 5);
    for (int trims = 0; trims < 3; trims++) {
        append_pattern(fixture, 64, 0); /* one tiny chunk is in use again and again */
        send_queue_consume(&fixture->queue, &fixture->pool, 64);
        send_pool_trim(&fixture->pool);
    }
    assert_int_equal(fixture->pool.chunks_count, 1);
    send_pool_trim(&fixture->pool);
    assert_int_equal(fixture->pool.chunks_count, 0);
    assert_int_equal(fixture->pool.free_bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_queue_has_no_spans_and_no_memory),
        TEST(test_small_appends_coalesce_into_one_span),
        TEST(test_the_first_messages_take_little_room),
        TEST(test_spans_stay_in_place_while_more_is_appended),
        TEST(test_bytes_survive_any_cut),
        TEST(test_shared_buffer_is_freed_by_the_last_release),
        TEST(test_a_busy_queue_reuses_its_chunks),
        TEST(test_a_backlog_grows_in_large_pieces),
        TEST(test_pieces_hold_whole_appends),
        TEST(test_held_memory_is_what_the_cost_said),
        TEST(test_a_copy_behind_a_reference_takes_little),
        TEST(test_an_unused_end_is_in_proportion_to_what_is_queued),
        TEST(test_a_pool_keeps_a_bounded_part_of_a_peak),
        TEST(test_what_a_peak_has_left_is_freed_and_what_is_in_use_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
