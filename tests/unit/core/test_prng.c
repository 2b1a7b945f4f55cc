#include "unit.h"

#include "core/prng.h"

static void test_same_key_gives_the_same_number(void **state)
{
    (void)state;
    assert_true(prng_u64(1, 2, 3) == prng_u64(1, 2, 3));
    assert_true(prng_u64(1, 2, 3) != prng_u64(1, 2, 4));
    assert_true(prng_u64(1, 2, 3) != prng_u64(1, 3, 3));
    assert_true(prng_u64(1, 2, 3) != prng_u64(2, 2, 3));
}

/* Results can be repeated with another build only while these stay what they are. */
static void test_numbers_are_the_same_on_every_platform(void **state)
{
    (void)state;
    static const uint64_t expected[] = {UINT64_C(0x6cf90baed6340560), UINT64_C(0xb7cbe203a1318772),
                                        UINT64_C(0xf9fd93487efdd7cf)};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(prng_u64(42, 7, i) == expected[i]);
    }
    uint8_t bytes[12];
    prng_bytes(42, 0, bytes, sizeof bytes);
    static const uint8_t expected_bytes[12] = {0x95, 0x6e, 0xeb, 0x2f, 0x26, 0x32,
                                               0xd7, 0xbd, 0x03, 0xf1, 0x66, 0xb2};
    assert_memory_equal(bytes, expected_bytes, sizeof bytes);
}

static void test_order_of_mixing_matters(void **state)
{
    (void)state;
    assert_true(prng_mix(prng_mix(1, 2), 3) != prng_mix(prng_mix(1, 3), 2));
    assert_true(prng_mix(5, 6) != prng_mix(6, 5));
    /* Small numbers, as connections and iterations are, do not collide. */
    enum { SIDE = 300 };
    static uint64_t seen[SIDE * SIDE];
    for (uint64_t i = 0; i < SIDE; i++) {
        for (uint64_t j = 0; j < SIDE; j++) {
            seen[i * SIDE + j] = prng_mix(prng_mix(1, i), j) >> 16;
        }
    }
    size_t equal = 0;
    for (size_t i = 0; i < SIDE * SIDE; i += 97) {
        for (size_t j = i + 1; j < SIDE * SIDE; j++) {
            equal += seen[i] == seen[j];
        }
    }
    assert_int_equal(equal, 0);
}

static void test_unit_is_uniform(void **state)
{
    (void)state;
    enum { NUMBERS = 100000, BINS = 20 };
    int bins[BINS] = {0};
    double sum = 0;
    for (uint64_t n = 0; n < NUMBERS; n++) {
        double unit = prng_unit(3, 1, n);
        assert_true(unit >= 0 && unit < 1);
        bins[(int)(unit * BINS)]++;
        sum += unit;
    }
    assert_true(sum / NUMBERS > 0.495 && sum / NUMBERS < 0.505);
    for (int i = 0; i < BINS; i++) {
        assert_in_range(bins[i], NUMBERS / BINS - 350, NUMBERS / BINS + 350); /* 5 sigma */
    }
}

static void test_range_reaches_both_ends_evenly(void **state)
{
    (void)state;
    int counts[7] = {0};
    for (uint64_t n = 0; n < 70000; n++) {
        uint64_t value = prng_range(9, 0, n, 10, 16);
        assert_in_range(value, 10, 16);
        counts[value - 10]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
}

static void test_range_of_one_and_of_all(void **state)
{
    (void)state;
    assert_true(prng_range(1, 1, 1, 5, 5) == 5);
    assert_true(prng_range(1, 1, 1, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    assert_true(prng_range(1, 1, 1, 0, UINT64_MAX) == prng_u64(1, 1, 1));
    bool high = false;
    for (uint64_t n = 0; n < 64; n++) {
        uint64_t value = prng_range(1, 1, n, 1, UINT64_MAX);
        assert_true(value >= 1);
        high = high || value > UINT64_MAX / 2;
    }
    assert_true(high);
}

/* A body may be generated in pieces, as its bytes arrive. */
static void test_bytes_in_pieces_equal_bytes_at_once(void **state)
{
    (void)state;
    uint8_t whole[257];
    uint8_t pieces[257];
    prng_bytes(77, 5, whole, sizeof whole);
    for (size_t step = 1; step < 40; step++) {
        memset(pieces, 0, sizeof pieces);
        for (size_t done = 0; done < sizeof pieces; done += step) {
            size_t bytes = sizeof pieces - done < step ? sizeof pieces - done : step;
            prng_bytes(77, 5 + done, pieces + done, bytes);
        }
        assert_memory_equal(pieces, whole, sizeof whole);
    }
}

static void test_bytes_stay_inside_their_buffer(void **state)
{
    (void)state;
    struct page_end page;
    page_end_open(&page, 64);
    for (size_t bytes = 0; bytes <= 64; bytes++) {
        for (uint64_t offset = 0; offset < 9; offset++) {
            page.end[-(ptrdiff_t)bytes - 1] = 0xa5;
            prng_bytes(1, offset, page.end - bytes, bytes);
            assert_int_equal(page.end[-(ptrdiff_t)bytes - 1], 0xa5);
        }
    }
    page_end_close(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_key_gives_the_same_number),
        cmocka_unit_test(test_numbers_are_the_same_on_every_platform),
        cmocka_unit_test(test_order_of_mixing_matters),
        cmocka_unit_test(test_unit_is_uniform),
        cmocka_unit_test(test_range_reaches_both_ends_evenly),
        cmocka_unit_test(test_range_of_one_and_of_all),
        cmocka_unit_test(test_bytes_in_pieces_equal_bytes_at_once),
        cmocka_unit_test(test_bytes_stay_inside_their_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
