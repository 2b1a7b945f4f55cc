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
    struct field field = {.offset = 2, .bytes_count = 4}; /* across three parts: " i12" */
    assert_int_equal(message_body_field(&body, &scope, &field), 0x32316920);
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
        struct field field = {.offset = offset, .bytes_count = 8};
        uint64_t value = 0;
        assert_true(message_field(&field, first, sizeof first, &value));
        assert_true(value == message_body_field(&body, &scope, &field));
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

static void test_fields_have_a_width_an_order_and_an_end(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const struct {
        struct field field;
        uint64_t value;
    } cases[] = {
        {{.offset = 0, .bytes_count = 1}, 1},
        {{.offset = 8, .bytes_count = 1}, 9},
        {{.offset = 1, .bytes_count = 2}, 0x0302},
        {{.offset = 1, .bytes_count = 2, .big_endian = true}, 0x0203},
        {{.offset = 5, .bytes_count = 4}, 0x09080706},
        {{.offset = 5, .bytes_count = 4, .big_endian = true}, 0x06070809},
        {{.offset = 1, .bytes_count = 8}, 0x0908070605040302},
        {{.offset = 0, .bytes_count = 8, .big_endian = true}, 0x0102030405060708},
    };
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(message_field(&cases[i].field, data, sizeof data, &value));
        assert_true(value == cases[i].value);
    }
    struct field outside = {.offset = 2, .bytes_count = 8};
    assert_false(message_field(&outside, data, sizeof data, &value));
    outside = (struct field){.offset = UINT32_MAX, .bytes_count = 1};
    assert_false(message_field(&outside, data, sizeof data, &value));
    assert_false(message_field(&outside, data, 0, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_put_together),
        cmocka_unit_test(test_random_numbers_stay_within_their_bounds),
        cmocka_unit_test(test_random_bytes_come_from_the_key_alone),
        cmocka_unit_test(test_random_sizes_reach_both_ends),
        cmocka_unit_test(test_letters_are_letters),
        cmocka_unit_test(test_fields_have_a_width_an_order_and_an_end),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
