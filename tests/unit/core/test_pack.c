/* Packing: every value comes back as it was, and no bytes break the reading of them. */
#include "unit.h"

#include "core/pack.h"
#include "core/prng.h"

static void test_numbers_and_texts_come_back(void **state)
{
    (void)state;
    static const uint64_t NUMBERS[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    static const int64_t SIGNED[] = {0, -1, 1, -64, 64, INT64_MIN, INT64_MAX};
    struct pack pack = {0};
    struct unpack unpack;
    char text[8];
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++) {
        pack_u64(&pack, NUMBERS[i]);
    }
    for (size_t i = 0; i < COUNT_OF(SIGNED); i++) {
        pack_i64(&pack, SIGNED[i]);
    }
    pack_double(&pack, -0.1);
    pack_text(&pack, "seven77");
    pack_bytes(&pack, NULL, 0);
    assert_false(pack.failed);
    unpack_open(&unpack, pack.data, pack.bytes);
    for (size_t i = 0; i < COUNT_OF(NUMBERS); i++) {
        assert_true(unpack_u64(&unpack) == NUMBERS[i]);
    }
    for (size_t i = 0; i < COUNT_OF(SIGNED); i++) {
        assert_true(unpack_i64(&unpack) == SIGNED[i]);
    }
    assert_true(unpack_double(&unpack) == -0.1);
    unpack_text(&unpack, text, sizeof text);
    assert_string_equal(text, "seven77");
    assert_false(unpack_is_done(&unpack));
    assert_int_equal(unpack_bytes(&unpack).bytes, 0);
    assert_true(unpack_is_done(&unpack));
    pack_close(&pack);
}

static void test_what_cannot_be_fails(void **state)
{
    (void)state;
    static const uint8_t TOO_LARGE[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
    static const uint8_t TOO_SHORT[] = {0x80};
    static const uint8_t TOO_MANY[] = {5, 'a', 'b'};
    struct unpack unpack;
    char text[3];
    unpack_open(&unpack, TOO_LARGE, sizeof TOO_LARGE);
    assert_true(unpack_u64(&unpack) == 0 && unpack.failed);
    unpack_open(&unpack, TOO_SHORT, sizeof TOO_SHORT);
    assert_true(unpack_u64(&unpack) == 0 && unpack.failed);
    unpack_open(&unpack, TOO_MANY, sizeof TOO_MANY);
    assert_int_equal(unpack_bytes(&unpack).bytes, 0);
    assert_true(unpack.failed);
    unpack_open(&unpack, "\3abc", 4);
    unpack_text(&unpack, text, sizeof text); /* it and its NUL do not fit */
    assert_true(unpack.failed);
    assert_string_equal(text, "");
    unpack_open(&unpack, "\2", 1);
    assert_true(unpack_u32(&unpack, 1) == 0 && unpack.failed);
}

static void test_no_bytes_are_read_beyond_the_end(void **state)
{
    (void)state;
    struct page_end page;
    uint64_t seed = unit_seed();
    page_end_open(&page, 64);
    for (uint64_t round = 0; round < 20000; round++) {
        uint8_t bytes[64];
        size_t count = (size_t)prng_range(seed, 1, round, 0, sizeof bytes);
        prng_bytes(prng_mix(seed, round), 0, bytes, count);
        struct unpack unpack;
        unpack_open(&unpack, page_end_put(&page, bytes, count), count);
        for (uint64_t step = 0; !unpack.failed && unpack.at < unpack.end; step++) {
            char text[16];
            switch (prng_range(seed, round, step, 0, 3)) {
            case 0:
                unpack_u64(&unpack);
                break;
            case 1:
                unpack_i64(&unpack);
                break;
            case 2:
                unpack_bytes(&unpack);
                break;
            default:
                unpack_text(&unpack, text, sizeof text);
                break;
            }
        }
        assert_true(unpack.at == unpack.end);
    }
    page_end_close(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_texts_come_back),
        cmocka_unit_test(test_what_cannot_be_fails),
        cmocka_unit_test(test_no_bytes_are_read_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
