/* JSON that is none: where it goes wrong, and that bad input is refused before it costs much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/json/syntax.h"
#include "scenario/scenario.h"

#define PATH "test_scenario_syntax.scenario.json"

struct text {
    const char *json;
    uint32_t line;
    uint32_t column;
    const char *told;
};

static void test_mistakes_have_a_line_and_a_column(void **state)
{
    (void)state;
    static const struct text texts[] = {
        {"", 1, 1, "expected a value, found the end of the file"},
        {"\xff\xfe{", 1, 1, "expected text in UTF-8, found UTF-16: save the file as UTF-8"},
        {" \n", 2, 1, "expected a value, found the end of the file"},
        {"{", 1, 2, "expected a key in double quotes, found the end of the file"},
        {"{\n  \"a\": 1\n  \"b\": 2\n}", 3, 3, "expected `,` or `}`, found `\"`"},
        {"{\"a\" 1}", 1, 6, "expected `:` after the key, found `1`"},
        {"{a: 1}", 1, 2, "expected a key in double quotes, found `a`"},
        {"{\"a\": 1,\n}", 1, 8, "expected no `,` before the closing `}`"},
        {"[1, 2,]", 1, 6, "expected no `,` before the closing `]`"},
        {"[1 2]", 1, 4, "expected `,` or `]`, found `2`"},
        {"// x\n{}", 1, 1, "expected a value, found `/` (JSON has no comments)"},
        {"{} # x", 1, 4, "expected the end of the file, found `#` (JSON has no comments)"},
        {"{} {}", 1, 4, "expected the end of the file, found `{`"},
        {"True", 1, 1, "expected a value, found `True`"},
        {"nul", 1, 1, "expected a value, found `nul`"},
        {"'a'", 1, 1, "expected a value, found `'`"},
        {"01", 1, 2, "expected no digit after a leading 0, found `1`"},
        {"+1", 1, 1, "expected a value, found `+`"},
        {"-", 1, 2, "expected a digit, found the end of the file"},
        {"1.", 1, 3, "expected a digit after the decimal point, found the end of the file"},
        {"1e", 1, 3, "expected a digit in the exponent, found the end of the file"},
        {"\n\"abc", 2, 1, "the text that begins here has no closing `\"`"},
        {"\"a\nb\"", 1, 3, "expected `\"` at the end of the text, found the end of the line"},
        {"\"a\tb\"", 1, 3,
         "expected an escape such as \\t for a control character, found byte 0x09"},
        {"\"\\x\"", 1, 3, "expected one of \" \\ / b f n r t u after \\, found `x`"},
        {"\"\\u12g4\"", 1, 6, "expected four hexadecimal digits after \\u, found `g4`"},
        {"\"a\\u0000\"", 1, 3,
         "\\u0000 is not allowed in a text: write bytes as `hex` or `base64`, and a text that ends "
         "with a zero as { \"string\": ..., \"length\": \"zero\" } of `fields`"},
        {"[\n\"a\\ud800\"]", 2, 3,
         "\\ud800 is half of a letter: expected a pair such as \\ud83d\\ude00"},
        {"\"\\ud83d\\ud83d\"", 1, 2,
         "\\ud83d is half of a letter: expected a pair such as \\ud83d\\ude00"},
        {"\"\\udE00\"", 1, 2,
         "\\ude00 is half of a letter: expected a pair such as \\ud83d\\ude00"},
        {"\"\\ud83dx\"", 1, 2,
         "\\ud83d is half of a letter: expected a pair such as \\ud83d\\ude00"},
        {"\"\\ud83d\\u12\"", 1, 12, "expected four hexadecimal digits after \\u, found `\"`"},
        {"\"\\ud83d\\ude00\" x", 1, 16, "expected the end of the file, found `x`"},
        {"\"\xc3\xa9\" x", 1, 5, "expected the end of the file, found `x`"},
        {"\"\xff\"", 1, 2, "expected text in UTF-8, found byte 0xff"},
        {"\"\xc0\x80\"", 1, 2, "expected text in UTF-8, found byte 0xc0"},
        {"\"\xed\xa0\x80\"", 1, 2, "expected text in UTF-8, found byte 0xed"},
        {"\"\xf4\x90\x80\x80\"", 1, 2, "expected text in UTF-8, found byte 0xf4"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        /* Exactly as long as the text: reading past its end is seen by the sanitizers. */
        size_t bytes = strlen(texts[i].json);
        char *json = malloc(bytes + (bytes == 0));
        assert_non_null(json);
        memcpy(json, texts[i].json, bytes);
        struct syntax_place place = {0, 0};
        struct error error;
        assert_false(syntax_check(json, bytes, &place, &error));
        assert_string_equal(error.text, texts[i].told);
        assert_int_equal(place.line, texts[i].line);
        assert_int_equal(place.column, texts[i].column);
        free(json);
    }
}

static void test_good_json_passes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        " [ ] ",
        "\xef\xbb\xbf{}",
        "-0.5e+10",
        "\"\\ud83d\\ude00 \xf0\x9f\x98\x80 \\/\"",
        "[true, false, null, 0, -1, 1E5, {\"a\": {\"b\": []}}]\r\n\t ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct syntax_place place;
        struct error error;
        assert_true(syntax_check(texts[i], strlen(texts[i]), &place, &error));
    }
    struct syntax_place place;
    struct error error;
    assert_false(syntax_check("1\0", 2, &place, &error)); /* a NUL is not the end of a file */
}

static char *repeated(const char *unit, size_t count, size_t *bytes)
{
    size_t unit_bytes = strlen(unit);
    *bytes = unit_bytes * count;
    char *text = malloc(*bytes + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * unit_bytes, unit, unit_bytes);
    }
    text[*bytes] = '\0';
    return text;
}

static void test_depth_and_number_of_values_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t count;
        const char *told;
    } cases[] = {
        {"[", 64, "expected a value, found the end of the file"},
        {"[", 65, "expected at most 64 levels of nesting, found more"},
        {"[", 10000000, "expected at most 64 levels of nesting, found more"},
        {"{\"a\":", 1000000, "expected at most 64 levels of nesting, found more"},
    };
    struct syntax_place place;
    struct error error;
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = repeated(cases[i].unit, cases[i].count, &bytes);
        assert_false(syntax_check(text, bytes, &place, &error));
        assert_string_equal(error.text, cases[i].told);
        free(text);
    }
    char *text = repeated("0,", 8000000, &bytes);
    text[0] = '[';
    text[1] = ' ';
    assert_false(syntax_check(text, bytes, &place, &error));
    assert_string_equal(error.text, "expected at most 200000 values in a document, found more");
    free(text);
}

static char told[1024];

static void report(void *context, const char *line)
{
    (void)context;
    snprintf(told, sizeof told, "%s", line);
}

static void write_file(const char *text, size_t bytes)
{
    FILE *file = fopen(PATH, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void test_load_tells_the_place(void **state)
{
    (void)state;
    static const char text[] = "{\n  \"behaviors\": [ {} ],\n}\n";
    write_file(text, sizeof text - 1);
    assert_null(scenario_load(PATH, NULL, NULL, 0, report, NULL));
    assert_string_equal(told, PATH ":2:22: expected no `,` before the closing `}`");
    remove(PATH);
}

static void test_huge_file_is_refused(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *text = repeated(" ", SCENARIO_FILE_BYTES_MAX + 1, &bytes);
    write_file(text, bytes);
    free(text);
    assert_null(scenario_load(PATH, NULL, NULL, 0, report, NULL));
    assert_non_null(strstr(told, PATH));
    remove(PATH);
}

/* Cut anywhere, changed anywhere: refused with words, or read; never a crash. */
static void test_damaged_scenarios(void **state)
{
    (void)state;
    static const char good[] =
        "{\"framing\":{\"type\":\"delimiter\",\"delimiter\":\"\\r\\n\"},\"behaviors\":[{\"setup\":"
        "[{\"request\":{\"name\":\"a\",\"send\":{\"body\":{\"text\":\"x${conn}${random(1,9)}\"}},"
        "\"verify\":{\"equals\":{\"hex\":\"0a\"}},\"capture\":{\"s\":\"u8@0\"}}}],\"loop\":[{"
        "\"repeat\":{\"times\":2,\"steps\":[{\"think\":{\"uniform\":[\"1ms\",\"2ms\"]}}]}},{"
        "\"reconnect\":\"now\"}]}]}";
    char text[sizeof good];
    static const char changes[] = "\"{}[]:,0-\\$ax\xff";
    for (size_t i = 0; i < sizeof good - 1; i++) {
        for (size_t j = 0; j < sizeof changes - 1; j += 1 + i % 3) {
            memcpy(text, good, sizeof good);
            text[i] = changes[j];
            write_file(text, sizeof good - 1);
            scenario_destroy(scenario_load(PATH, NULL, NULL, 0, report, NULL));
        }
        write_file(good, i);
        told[0] = '\0';
        assert_null(scenario_load(PATH, NULL, NULL, 0, report, NULL));
        assert_non_null(strstr(told, PATH));
    }
    remove(PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes_have_a_line_and_a_column),
        cmocka_unit_test(test_good_json_passes),
        cmocka_unit_test(test_depth_and_number_of_values_are_bounded),
        cmocka_unit_test(test_load_tells_the_place),
        cmocka_unit_test(test_huge_file_is_refused),
        cmocka_unit_test(test_damaged_scenarios),
    };
    return cmocka_run_group_tests_name("scenario syntax", tests, NULL, NULL);
}
