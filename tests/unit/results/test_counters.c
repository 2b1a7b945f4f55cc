#include "unit.h"

#include "results/counters.h"

static void assert_key(const char *key)
{
    assert_non_null(key);
    assert_true(strlen(key) > 0);
    for (const char *letter = key; *letter; letter++) {
        assert_true((*letter >= 'a' && *letter <= 'z') || *letter == '_');
    }
}

static void test_every_kind_has_a_key_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < TOTAL_KINDS; i++) {
        assert_key(total_key((enum total_kind)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(total_key((enum total_kind)i), total_key((enum total_kind)j));
        }
    }
    for (int i = 0; i < ERROR_KINDS; i++) {
        assert_key(error_key((enum error_kind)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(error_key((enum error_kind)i), error_key((enum error_kind)j));
        }
    }
}

static void test_no_error_is_none_of_the_kinds(void **state)
{
    (void)state;
    assert_true(ERROR_KIND_NONE >= ERROR_KINDS && ERROR_KIND_NONE <= UINT8_MAX);
}

static void test_add_and_sum(void **state)
{
    (void)state;
    struct counters a;
    struct counters b;
    for (uint64_t i = 0; i < TOTAL_KINDS; i++) {
        a.totals[i] = i;
        b.totals[i] = UINT64_C(1) << 60;
    }
    uint64_t expected = 0;
    for (uint64_t i = 0; i < ERROR_KINDS; i++) {
        a.errors[i] = i;
        b.errors[i] = 1000 * i;
        expected += i == ERROR_KIND_RESPONSE_LATE ? 0 : 1001 * i; /* counted as a time-out */
    }
    counters_add(&a, &b);
    for (uint64_t i = 0; i < TOTAL_KINDS; i++) {
        assert_true(a.totals[i] == (UINT64_C(1) << 60) + i);
    }
    assert_true(counters_errors_sum(&a) == expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_a_key_of_its_own),
        cmocka_unit_test(test_no_error_is_none_of_the_kinds),
        cmocka_unit_test(test_add_and_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
