/* Pauses between attempts to connect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "scenario/back_off.h"

static void test_pauses_grow_to_the_longest(void **state)
{
    (void)state;
    static const int64_t expected_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (uint32_t failed = 0; failed < 8; failed++) {
        int64_t longest_ns = back_off_pause_ns(&BACK_OFF_DEFAULT, failed, 1);
        assert_int_equal(longest_ns, expected_ms[failed] * NS_PER_MS);
        assert_int_equal(back_off_pause_ns(&BACK_OFF_DEFAULT, failed, 0), longest_ns / 2);
    }
    assert_int_equal(back_off_pause_ns(&BACK_OFF_DEFAULT, UINT32_MAX, 1), 5 * NS_PER_S);
}

static void test_factor_of_one_does_not_grow(void **state)
{
    (void)state;
    struct back_off even = {.first_ns = NS_PER_S, .most_ns = NS_PER_S * 9, .factor = 1};
    assert_int_equal(back_off_pause_ns(&even, UINT32_MAX, 1), NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses_grow_to_the_longest),
        cmocka_unit_test(test_factor_of_one_does_not_grow),
    };
    return cmocka_run_group_tests_name("back off", tests, NULL, NULL);
}
