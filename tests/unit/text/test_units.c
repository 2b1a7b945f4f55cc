#include "unit.h"

#include "text/units.h"

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0s", 0},
        {"1ns", 1},
        {"500us", 500000},
        {"500ms", 500000000},
        {"1.5s", 1500000000},
        {"0.1s", 100000000},
        {"0.000000001s", 1},
        {"2.5us", 2500},
        {"10m", INT64_C(600000000000)},
        {"1h", INT64_C(3600000000000)},
        {"87600h", INT64_C(315360000000000000)},
        {"1.000000001s", 1000000001},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        int64_t ns = -1;
        struct error error = {""};
        if (!units_duration_ns(good[i].text, &ns, &error)) {
            fail_msg("%s: %s", good[i].text, error.text);
        }
        assert_true(ns == good[i].ns);
    }
}

static void test_wrong_durations_name_what_was_found(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "5",    "s",    "5 s",  " 5s",   "5s ",    "-5s",
        "+5s",    "5S",   "5sec", "1e3s", "0x5s",  ".5s",    "5.s",
        "1.2.3s", "infs", "nans", "5min", "1h30m", "87601h", "9999999999999999s",
        "0.1ns",  "5d"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t ns = 77;
        struct error error = {""};
        if (units_duration_ns(bad[i], &ns, &error)) {
            fail_msg("\"%s\" was taken as a duration", bad[i]);
        }
        assert_true(ns == 77);
        assert_non_null(strstr(error.text, "expected a duration"));
        char quoted[64];
        snprintf(quoted, sizeof quoted, "found \"%s\"", bad[i]);
        assert_non_null(strstr(error.text, quoted));
    }
}

static void test_rates(void **state)
{
    (void)state;
    double rate = -1;
    assert_true(units_rate_per_s("20000/s", &rate, NULL) && rate == 20000);
    assert_true(units_rate_per_s("20000", &rate, NULL) && rate == 20000);
    assert_true(units_rate_per_s("90/m", &rate, NULL) && rate == 1.5);
    assert_true(units_rate_per_s("1800/h", &rate, NULL) && rate == 0.5);
    assert_true(units_rate_per_s("0/s", &rate, NULL) && rate == 0);
    assert_true(units_rate_per_s("0.25/s", &rate, NULL) && rate == 0.25);
    assert_true(units_rate_per_s("1000000000/s", &rate, NULL) && rate == 1e9);
    static const char *const bad[] = {"", "/s", "-1/s", "5/", "5/d", "5 /s", "1000000001/s", "5s"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error error = {""};
        assert_false(units_rate_per_s(bad[i], &rate, &error));
        assert_non_null(strstr(error.text, "expected a rate"));
    }
}

static void test_sizes(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_true(units_size_bytes("4096", &bytes, NULL) && bytes == 4096);
    assert_true(units_size_bytes("64KiB", &bytes, NULL) && bytes == 65536);
    assert_true(units_size_bytes("1MiB", &bytes, NULL) && bytes == 1048576);
    assert_true(units_size_bytes("16kB", &bytes, NULL) && bytes == 16000);
    assert_true(units_size_bytes("1.5KiB", &bytes, NULL) && bytes == 1536);
    assert_true(units_size_bytes("7B", &bytes, NULL) && bytes == 7);
    assert_true(units_size_bytes("1TiB", &bytes, NULL) && bytes == UINT64_C(1) << 40);
    static const char *const bad[] = {"", "-1", "1.5", "0.3KiB", "2TiB", "64K", "64kib", "1 MiB"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error error = {""};
        if (units_size_bytes(bad[i], &bytes, &error)) {
            fail_msg("\"%s\" was taken as a size", bad[i]);
        }
        assert_non_null(strstr(error.text, "expected a size"));
    }
}

static void test_integers(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(units_integer("0", 0, 10, &value, NULL) && value == 0);
    assert_true(units_integer("10", 0, 10, &value, NULL) && value == 10);
    assert_true(units_integer("-10", -10, 10, &value, NULL) && value == -10);
    assert_true(units_integer("9223372036854775807", 0, INT64_MAX, &value, NULL) &&
                value == INT64_MAX);
    assert_true(units_integer("-9223372036854775808", INT64_MIN, 0, &value, NULL) &&
                value == INT64_MIN);
    static const char *const bad[] = {"",   "-",  "11",  "-1", "1.0", "1e1",
                                      " 1", "1 ", "0x1", "+1", "--1", "99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error error = {""};
        if (units_integer(bad[i], 0, 10, &value, &error)) {
            fail_msg("\"%s\" was taken as an integer from 0 to 10", bad[i]);
        }
        assert_non_null(strstr(error.text, "from 0 to 10"));
    }
    assert_false(units_integer("9223372036854775808", INT64_MIN, INT64_MAX, &value, NULL));
    assert_false(units_integer("-9223372036854775809", INT64_MIN, INT64_MAX, &value, NULL));
}

static void test_printed_durations(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {1, "1 ns"},
        {999, "999 ns"},
        {1000, "1.00 us"},
        {1234, "1.23 us"},
        {9994, "9.99 us"},
        {9999, "10.0 us"},
        {99990, "100 us"},
        {999499, "999 us"},
        {999600, "1.00 ms"},
        {1234567, "1.23 ms"},
        {12345678, "12.3 ms"},
        {999999999, "1.00 s"},
        {1500000000, "1.50 s"},
        {INT64_C(90000000000), "90.0 s"},
        {INT64_C(3600000000000), "3600 s"},
        {-1234567, "-1.23 ms"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[UNITS_TEXT_BYTES_MAX];
        assert_string_equal(units_format_duration(cases[i].ns, text), cases[i].text);
    }
    char text[UNITS_TEXT_BYTES_MAX];
    assert_non_null(strstr(units_format_duration(INT64_MAX, text), " s"));
    assert_non_null(strstr(units_format_duration(INT64_MIN, text), " s"));
}

static void test_printed_bytes_and_counts(void **state)
{
    (void)state;
    char text[UNITS_TEXT_BYTES_MAX];
    assert_string_equal(units_format_bytes(0, text), "0 B");
    assert_string_equal(units_format_bytes(1023, text), "1023 B");
    assert_string_equal(units_format_bytes(1024, text), "1.00 KiB");
    assert_string_equal(units_format_bytes(12897485, text), "12.3 MiB");
    assert_string_equal(units_format_bytes(UINT64_C(1) << 40, text), "1.00 TiB");
    assert_non_null(strstr(units_format_bytes(UINT64_MAX, text), "TiB"));
    assert_string_equal(units_format_count(0, text), "0");
    assert_string_equal(units_format_count(999, text), "999");
    assert_string_equal(units_format_count(1000, text), "1,000");
    assert_string_equal(units_format_count(1234567, text), "1,234,567");
    assert_string_equal(units_format_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void test_low_rates_keep_their_digits(void **state)
{
    (void)state;
    static const struct {
        double rate_per_s;
        const char *text;
    } RATES[] = {{0, "0.0"},      {3 / 60.0, "0.05"}, {1 / 60.0, "0.0167"}, {5, "5.0"},
                 {6.83, "6.83"},  {99.9, "99.9"},     {123.456, "123.5"},   {999.96, "1000.0"},
                 {1000, "1,000"}, {19999.6, "20,000"}};
    for (size_t i = 0; i < COUNT_OF(RATES); i++) {
        char text[UNITS_TEXT_BYTES_MAX];
        assert_string_equal(units_format_rate(RATES[i].rate_per_s, text), RATES[i].text);
    }
    char text[UNITS_TEXT_BYTES_MAX];
    assert_string_equal(units_format_rate(1e-7, text), "0.0000001");
    assert_string_equal(units_format_exact_rate(1e-7, text), "0.0000001");
    assert_string_equal(units_format_exact_rate(1 / 60.0, text), "0.0166667");
    assert_string_equal(units_format_exact_rate(0, text), "0");
    assert_string_equal(units_format_exact_rate(2000, text), "2000");
    assert_string_equal(units_format_exact_rate(12.5, text), "12.5");
    assert_string_equal(units_format_exact_rate(1000001, text), "1000001");
    assert_string_equal(units_format_exact_rate(100000000, text), "100000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_wrong_durations_name_what_was_found),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_printed_durations),
        cmocka_unit_test(test_printed_bytes_and_counts),
        cmocka_unit_test(test_low_rates_keep_their_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
