/* Bodies: put together, made again, compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/message.h"

static const uint64_t variables[] = {18446744073709551615u, 0};
static const struct value_world world = {.connections_count = 1, .lanes_count = 1};
static const struct message_scope scope = {.key = 42,
                                           .seed = 7,
                                           .iteration = 12,
                                           .variables = variables,
                                           .world = &world,
                                           .connection = 3,
                                           .lane = 1};

#define TEXT_PART(text)                                                                            \
    {                                                                                              \
        .form = PART_TEXT, .value.type = VALUE_TEXT, .value.operand = {                            \
            .source = OPERAND_TEXT,                                                                \
            .type = VALUE_TEXT,                                                                    \
            .bytes = (const uint8_t *)(text),                                                      \
            .bytes_count = sizeof text - 1                                                         \
        }                                                                                          \
    }
#define VALUE_PART(...)                                                                            \
    {                                                                                              \
        .form = PART_TEXT, .value.operand = { __VA_ARGS__ }                                        \
    }

static void test_text_is_put_together(void **state)
{
    (void)state;
    static const struct part parts[] = {
        TEXT_PART("c"),  VALUE_PART(.source = OPERAND_CONNECTION),
        TEXT_PART(" i"), VALUE_PART(.source = OPERAND_ITERATION),
        TEXT_PART(" l"), VALUE_PART(.source = OPERAND_LANE),
        TEXT_PART(" s"), VALUE_PART(.source = OPERAND_SEED),
        TEXT_PART(" "),  VALUE_PART(.source = OPERAND_VARIABLE, .index = 0),
        TEXT_PART(","),  VALUE_PART(.source = OPERAND_VARIABLE, .index = 1),
    };
    static const char expected[] = "c3 i12 l1 s7 18446744073709551615,0";
    struct body body = {.type = BODY_PARTS, .bytes_max = 99, .parts = parts, .parts_count = 12};
    uint8_t out[64];
    memset(out, '#', sizeof out);
    assert_int_equal(message_body_bytes(&body, &scope), sizeof expected - 1);
    message_write_body(&body, &scope, out);
    assert_memory_equal(out, expected, sizeof expected - 1);
    assert_int_equal(out[sizeof expected - 1], '#'); /* and nothing behind it */
    assert_true(message_body_equals(&body, &scope, out, sizeof expected - 1, false));
    assert_false(message_body_equals(&body, &scope, out, sizeof expected, false));
    assert_true(message_body_equals(&body, &scope, out, sizeof expected, true));
    for (size_t i = 0; i < sizeof expected - 1; i++) {
        out[i] ^= 1;
        assert_false(message_body_equals(&body, &scope, out, sizeof expected - 1, false));
        out[i] ^= 1;
    }
    struct place place = {.form = PLACE_NUMBER, .offset = 2, .field.bytes_count = 4};
    assert_int_equal(message_body_place(&body, &scope, &place), 0x32316920); /* three parts */
}

static void test_random_numbers_stay_within_their_bounds(void **state)
{
    (void)state;
    static const struct part parts[] = {VALUE_PART(.source = OPERAND_RANDOM, .low = 9, .high = 11)};
    struct body body = {.type = BODY_PARTS, .bytes_max = 2, .parts = parts, .parts_count = 1};
    bool seen[12] = {false};
    for (uint64_t key = 0; key < 200; key++) {
        struct message_scope keyed = scope;
        uint8_t out[2];
        keyed.key = key;
        uint32_t bytes = message_body_bytes(&body, &keyed);
        assert_in_range(bytes, 1, 2);
        message_write_body(&body, &keyed, out);
        int value = bytes == 1 ? out[0] - '0' : (out[0] - '0') * 10 + out[1] - '0';
        assert_in_range(value, 9, 11);
        seen[value] = true;
    }
    assert_true(seen[9] && seen[10] && seen[11]);
}

static void test_random_bytes_come_from_the_key_alone(void **state)
{
    (void)state;
    struct body body = {.type = BODY_RANDOM, .bytes_min = 1000, .bytes_max = 1000};
    uint8_t first[1000];
    uint8_t second[1000];
    message_write_body(&body, &scope, first);
    struct message_scope other = scope;
    other.lane = 9; /* only the key counts */
    message_write_body(&body, &other, second);
    assert_memory_equal(first, second, sizeof first);
    assert_true(message_body_equals(&body, &scope, first, sizeof first, false));
    for (size_t i = 0; i < sizeof first; i += 37) {
        first[i] ^= 0x80;
        assert_false(message_body_equals(&body, &scope, first, sizeof first, false));
        first[i] ^= 0x80;
    }
    other.key = 43;
    message_write_body(&body, &other, second);
    assert_memory_not_equal(first, second, sizeof first);
    for (uint32_t offset = 0; offset + 8 <= 1000; offset += 31) {
        struct place place = {.form = PLACE_NUMBER, .offset = offset, .field.bytes_count = 8};
        struct frame frame = {.body = first, .body_bytes = sizeof first};
        struct place_value value;
        assert_int_equal(place_read(&place, NULL, &frame, &value), PLACE_FOUND);
        assert_true(value.bits == message_body_place(&body, &scope, &place));
    }
}

static void test_random_sizes_reach_both_ends(void **state)
{
    (void)state;
    struct body body = {.type = BODY_RANDOM, .bytes_min = 3, .bytes_max = 5};
    bool seen[6] = {false};
    for (uint64_t key = 0; key < 100; key++) {
        struct message_scope keyed = scope;
        keyed.key = key;
        uint32_t bytes = message_body_bytes(&body, &keyed);
        assert_in_range(bytes, 3, 5);
        seen[bytes] = true;
    }
    assert_true(seen[3] && seen[4] && seen[5]);
}

static void test_letters_are_letters(void **state)
{
    (void)state;
    struct body body = {.type = BODY_RANDOM, .letters = true, .bytes_min = 500, .bytes_max = 500};
    uint8_t out[500];
    message_write_body(&body, &scope, out);
    for (size_t i = 0; i < sizeof out; i++) {
        assert_in_range(out[i], 'a', 'z');
    }
    assert_true(message_body_equals(&body, &scope, out, sizeof out, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_put_together),
        cmocka_unit_test(test_random_numbers_stay_within_their_bounds),
        cmocka_unit_test(test_random_bytes_come_from_the_key_alone),
        cmocka_unit_test(test_random_sizes_reach_both_ends),
        cmocka_unit_test(test_letters_are_letters),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
