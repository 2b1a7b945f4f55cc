/* What ${...} means: operations, their order and their types, and texts as numbers. */
#include "body_harness.h"

#include "scenario/utc.h"

static void check_text(const char *expression, const char *text, const char *expected)
{
    static uint64_t words[BODY_WORDS_MAX];
    char body[512];
    uint8_t bytes[512];
    snprintf(body, sizeof body, "{ 'text': '%s' }", expression);
    struct scenario *scenario = body_load(BODY_LITTLE, body);
    struct message_scope scope = body_scope(words, text);
    const struct body *of = &scenario->behaviors[0].loop->send.body;
    uint32_t count = message_body_bytes(of, &scope);
    assert_true(count < sizeof bytes);
    message_write_body(of, &scope, bytes);
    bytes[count] = '\0';
    if (strcmp((const char *)bytes, expected) != 0) {
        fail_msg("%s of \"%s\": expected %s, found %s", expression, text, expected, bytes);
    }
    body_check_same(of, &scope, bytes, count);
    scenario_destroy(scenario);
}

struct meaning {
    const char *expression;
    const char *value;
};

static void check_all(const struct meaning *meanings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_text(meanings[i].expression, "abc", meanings[i].value);
    }
}

#define CHECK_ALL(meanings) check_all(meanings, sizeof meanings / sizeof meanings[0])

static void test_operations_have_the_order_of_c(void **state)
{
    (void)state;
    static const struct meaning meanings[] = {
        {"${1 + 2 * 3}", "7"},
        {"${(1 + 2) * 3}", "9"},
        {"${10 - 4 - 3}", "3"},
        {"${10 - (4 - 3)}", "9"},
        {"${2 * 3 % 4}", "2"},
        {"${1 + 2 << 3}", "24"},
        {"${1 | 2 ^ 3 & 4}", "3"},
        {"${(1 | 2 ^ 3) & 4}", "0"},
        {"${ conn+1 }", "301"},
        {"${(conn + 1) * (conn - 1)}", "89999"},
        {"${((((((((conn))))))))}", "300"},
        {"${conn * 31 + 7 & 0xff}", "91"},
        {"a${conn + 1}b${conn - n}c", "a301b303c"},
    };
    CHECK_ALL(meanings);
}

static void test_numbers_have_signs_and_bits(void **state)
{
    (void)state;
    static const struct meaning meanings[] = {
        {"${-3}", "-3"},
        {"${-n}", "3"},
        {"${n - -3}", "0"},
        {"${-(2 + conn)}", "-302"},
        {"${--conn}", "300"},
        {"${-7 / 2}", "-3"},
        {"${n / 0}", "0"},
        {"${0x7f}", "127"},
        {"${0xFFFFFFFFFFFFFFFF}", "18446744073709551615"},
        {"${conn & 0xff}", "44"},
        {"${conn | 1}", "301"},
        {"${conn ^ 0xffff}", "65235"},
        {"${u & 0xffff}", "65535"},
        {"${u ^ u}", "0"},
        {"${n & 0xff}", "253"},
        {"${1 << 10}", "1024"},
        {"${conn << 2}", "1200"},
        {"${conn >> 2}", "75"},
        {"${n >> 1}", "-2"},
        {"${n >> 63}", "-1"},
        {"${n >> 0}", "-3"},
        {"${u >> 63}", "1"},
        {"${1 << 63}", "-9223372036854775808"},
        {"${1 << 64}", "0"},
        {"${conn << -1}", "0"},
        {"${n >> 64}", "0"},
        {"${u / 2 + 1}", "9223372036854775808"},
        {"${u / (conn - 290)}", "0"}, /* conn - 290 may be below 0: all of it has a sign */
        {"${u / (conn + 10)}", "59505626044224360"},
        {"${f * 10 + 0.5}", "1.5"},
        {"${(f + conn) * 2}", "600.2"},
    };
    CHECK_ALL(meanings);
}

static void test_a_text_becomes_a_number(void **state)
{
    (void)state;
    static const struct meaning texts[] = {
        {"42", "42"},
        {" 42x", "42"},
        {"-7", "-7"},
        {"0x1F;", "31"},
        {"007", "7"},
        {"abc", "0"},
        {"", "0"},
        {"-", "0"},
        {"0x", "0"},
        {"0xg", "0"},
        {"1.9", "1"},
        {"18446744073709551615", "-1"},
        {"\t 5 6", "5"},
        {"18446744073709551616", "0"},
        {"0x8", "8"},
        {"0xffffffffffffffff", "-1"},
        {"0x0000000000000000a", "10"},
        {"0x10000000000000000", "0"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_text("${number(t)}", texts[i].expression, texts[i].value);
    }
    check_text("${number(t) * 2 + 1}", "20", "41");
    check_text("${1 + number(t)}", "-20", "-19");
    check_text("${number(given) + given}", "", "24");
    check_text("${number(conn)}", "", "300");
}

static void test_a_number_becomes_a_text(void **state)
{
    (void)state;
    static const struct meaning meanings[] = {
        {"${text(n)}", "-3"},
        {"${text(conn + 1)}", "301"},
        {"${text(t)}", "abc"},
        {"${text(u)}", "18446744073709551615"},
        {"${text((1 + 2) * conn)}", "900"},
    };
    CHECK_ALL(meanings);
}

static void test_what_is_known_is_computed_once(void **state)
{
    (void)state;
    struct scenario *scenario =
        body_load(BODY_LITTLE, "{ 'fields': [ { 'u8': '${(1 + 2) * given}' } ] }");
    const struct body *body = &scenario->behaviors[0].loop->send.body;
    assert_int_equal(body->type, BODY_CONSTANT);
    assert_int_equal(body->bytes_min, 1);
    assert_int_equal(body->bytes[0], 36);
    scenario_destroy(scenario);
}

/* Each of several draws in one expression is one of its own. */
static void test_the_time_as_protocols_write_it(void **state)
{
    (void)state;
    static const struct meaning meanings[] = {
        {"${utc(%Y%m%d-%H:%M:%S.%3f)}", "19941115-08:12:31.123"},
        {"${utc(%a, %d %b %Y %H:%M:%S GMT)}", "Tue, 15 Nov 1994 08:12:31 GMT"},
        {"x${utc(%6f %9f)}y", "x123456 123456789y"},
        {"${utc(100%%)}", "100%"},
        {"${utc(%d)}${utc(%m)}", "1511"},
    };
    CHECK_ALL(meanings);
    static const struct {
        int64_t unix_s;
        const char *text;
    } days[] = {{0, "Thu 1970-01-01T00:00:00"},          {951782399, "Mon 2000-02-28T23:59:59"},
                {951782400, "Tue 2000-02-29T00:00:00"},  {951868800, "Wed 2000-03-01T00:00:00"},
                {4107542399, "Sun 2100-02-28T23:59:59"}, {4107542400, "Mon 2100-03-01T00:00:00"},
                {1735689599, "Tue 2024-12-31T23:59:59"}, {-1, "Wed 1969-12-31T23:59:59"}};
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        static const char picture[] = "%a %Y-%m-%dT%H:%M:%S";
        uint8_t text[VALUE_DIGITS_MAX + 1] = {0};
        uint32_t bytes = utc_write((const uint8_t *)picture, sizeof picture - 1,
                                   days[i].unix_s * INT64_C(1000000000), text);
        assert_int_equal(bytes, utc_bytes((const uint8_t *)picture, sizeof picture - 1));
        assert_string_equal((const char *)text, days[i].text);
    }
    static const char *const wrong[] = {
        "", "%", "%y", "%1f", "%Y%", "012345678901234567890123456789012", "%9f%9f%9f%9f"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(utc_bytes((const uint8_t *)wrong[i], (uint32_t)strlen(wrong[i])), 0);
    }
}

static void test_random_operands_differ(void **state)
{
    (void)state;
    static uint64_t words[BODY_WORDS_MAX];
    struct scenario *scenario = body_load(
        BODY_LITTLE, "{ 'fields': [ { 'u32': '${(random(1,1000000) ^ random(1,1000000)) * "
                     "(random(1,1000000) ^ random(1,1000000))}' } ] }");
    const struct body *body = &scenario->behaviors[0].loop->send.body;
    for (uint64_t key = 0; key < 20; key++) {
        struct message_scope scope = body_scope(words, "");
        uint8_t bytes[4];
        scope.key = key;
        message_write_body(body, &scope, bytes);
        assert_memory_not_equal(bytes, "\0\0\0\0", 4);
    }
    assert_true(body->is_random);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations_have_the_order_of_c),
        cmocka_unit_test(test_numbers_have_signs_and_bits),
        cmocka_unit_test(test_a_text_becomes_a_number),
        cmocka_unit_test(test_a_number_becomes_a_text),
        cmocka_unit_test(test_what_is_known_is_computed_once),
        cmocka_unit_test(test_the_time_as_protocols_write_it),
        cmocka_unit_test(test_random_operands_differ),
    };
    return cmocka_run_group_tests_name("expression", tests, NULL, NULL);
}
