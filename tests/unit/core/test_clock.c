#include "unit.h"

#include "core/clock.h"

static void test_monotonic_time_does_not_go_back(void **state)
{
    (void)state;
    int64_t previous = clock_now_ns();
    bool moved = false;
    for (int i = 0; i < 200000; i++) {
        int64_t now = clock_now_ns();
        assert_true(now >= previous);
        moved = moved || now > previous;
        previous = now;
    }
    assert_true(moved);
}

static void test_sleep_ends_at_or_after_its_time(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        int64_t until = clock_now_ns() + (2 + i) * NS_PER_MS;
        clock_sleep_until_ns(until);
        assert_true(clock_now_ns() >= until);
    }
}

static void test_sleep_until_the_past_returns_at_once(void **state)
{
    (void)state;
    int64_t quickest_ns = INT64_MAX;
    for (int round = 0; round < 20; round++) { /* a busy machine may hold up some of them */
        int64_t begin = clock_now_ns();
        for (int i = 0; i < 1000; i++) {
            clock_sleep_until_ns(begin - i * NS_PER_S);
        }
        clock_sleep_until_ns(0);
        int64_t took_ns = clock_now_ns() - begin;
        quickest_ns = took_ns < quickest_ns ? took_ns : quickest_ns;
    }
    /* A thousand sleeps of the shortest kind would take more than this. */
    assert_true(quickest_ns < NS_PER_S);
}

static void test_wall_clock_is_in_this_century(void **state)
{
    (void)state;
    assert_true(clock_wall_ns() > INT64_C(1704067200) * NS_PER_S);
    assert_true(clock_wall_ns() < INT64_C(4102444800) * NS_PER_S);
}

static void test_utc_text_of_known_moments(void **state)
{
    (void)state;
    static const struct {
        int64_t s;
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, 0, "1970-01-01T00:00:00.000Z"},
        {951782399, 999999999, "2000-02-28T23:59:59.999Z"},
        {951782400, 0, "2000-02-29T00:00:00.000Z"},
        {951868800, 0, "2000-03-01T00:00:00.000Z"},
        {1709251199, 123456789, "2024-02-29T23:59:59.123Z"},
        {1795305060, 123000000, "2026-11-21T23:51:00.123Z"},
        {4107542399, 0, "2100-02-28T23:59:59.000Z"},
        {4107542400, 0, "2100-03-01T00:00:00.000Z"},
        {-1, 0, "1969-12-31T23:59:59.000Z"},
        {-1, -1, "1969-12-31T23:59:58.999Z"},
        {-5011459200, 0, "1811-03-13T00:00:00.000Z"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[CLOCK_TEXT_BYTES_MAX];
        clock_format_utc(cases[i].s * NS_PER_S + cases[i].ns, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_utc_text_of_the_ends_of_the_range(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_BYTES_MAX];
    clock_format_utc(INT64_MAX, text);
    assert_string_equal(text, "2262-04-11T23:47:16.854Z");
    clock_format_utc(INT64_MIN, text);
    assert_string_equal(text, "1677-09-21T00:12:43.145Z");
}

/* Whatever holds the caller up in between: a step of the clock is what both readings show. */
static void test_both_clocks_are_read_together(void **state)
{
    (void)state;
    int64_t first_ns = clock_wall_offset_ns();
    clock_sleep_until_ns(clock_now_ns() + 50 * NS_PER_MS);
    int64_t between_ns = clock_wall_offset_ns() - first_ns;
    assert_true(between_ns > -20 * NS_PER_MS && between_ns < 20 * NS_PER_MS);
}

int main(void)
{
    clock_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic_time_does_not_go_back),
        cmocka_unit_test(test_sleep_ends_at_or_after_its_time),
        cmocka_unit_test(test_sleep_until_the_past_returns_at_once),
        cmocka_unit_test(test_wall_clock_is_in_this_century),
        cmocka_unit_test(test_utc_text_of_known_moments),
        cmocka_unit_test(test_utc_text_of_the_ends_of_the_range),
        cmocka_unit_test(test_both_clocks_are_read_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
