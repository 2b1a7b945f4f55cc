/* Texts of others: nothing in them steers a terminal, and what is left is UTF-8. */
#include "core/error.h"
#include "core/printable.h"
#include "unit.h"

#include <string.h>

static void assert_printable(const char *in, const char *expected)
{
    char out[128];
    assert_string_equal(printable_text(in, out, sizeof out), expected);
}

static void test_letters_stay_as_they_are(void **state)
{
    (void)state;
    assert_printable("", "");
    assert_printable("echo against 127.0.0.1", "echo against 127.0.0.1");
    assert_printable("Gr\xC3\xB6\xC3\x9F"
                     "e \xE2\x82\xAC \xF0\x9F\x98\x80",
                     "Gr\xC3\xB6\xC3\x9F"
                     "e \xE2\x82\xAC \xF0\x9F\x98\x80");
}

static void test_what_steers_a_terminal_does_not_pass(void **state)
{
    (void)state;
    assert_printable("a\x1b[2Jb", "a?[2Jb");
    assert_printable("line\r\n\ttab\x7f", "line???tab?");
    assert_printable("\xC2\x9B"
                     "31m",
                     "?31m"); /* CSI as one C1 letter */
    assert_printable("\x9B"
                     "31m",
                     "?31m"); /* the same as a byte of its own */
    assert_printable("a\xE2\x80\xAE"
                     "b",
                     "a?b"); /* U+202E: right to left */
    assert_printable("a\xE2\x80\xA8"
                     "b",
                     "a?b"); /* U+2028: the end of a line */
}

static void test_what_is_no_utf8_does_not_pass(void **state)
{
    (void)state;
    assert_printable("a\xFF"
                     "b",
                     "a?b");
    assert_printable("\xC3", "?");                /* cut */
    assert_printable("\xC0\xAF", "??");           /* longer than need be */
    assert_printable("\xED\xA0\x80", "???");      /* a surrogate */
    assert_printable("\xF4\x90\x80\x80", "????"); /* beyond U+10FFFF */
    assert_printable("\xE2\x82"
                     "a",
                     "??a");
}

static void test_only_whole_letters_are_left_out(void **state)
{
    char out[5];
    (void)state;
    assert_string_equal(printable_text("abc\xE2\x82\xAC", out, sizeof out), "abc");
    assert_string_equal(printable_text("abcdef", out, sizeof out), "abcd");
    assert_string_equal(printable_text("abcdef", out, 1), "");
}

static void test_bytes_may_hold_nuls(void **state)
{
    char out[16];
    (void)state;
    assert_string_equal(printable_bytes("a\0b", 3, out, sizeof out), "a?b");
}

static void test_a_text_is_made_printable_where_it_stands(void **state)
{
    char text[] = "x\xC2\x85y\xFFz";
    struct error error;
    (void)state;
    assert_string_equal(printable_text(text, text, sizeof text), "x?y?z");
    error_set(&error, "\"%s\"",
              "\xC2\x9B"
              "2J\x1b");
    assert_string_equal(error.text, "\"?2J?\"");
}

static void test_json_keeps_its_letters_and_steers_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"{\n\t\"a\":\t\"\\u001b[1m\"\n}", "{\n\t\"a\":\t\"\\u001b[1m\"\n}"},
        {"\"\x7f\"", "\"\\u007f\""},
        {"\"\xc2\x9b\"", "\"\\u009b\""},        /* C1: a control sequence in one letter */
        {"\"\xe2\x80\xae\"", "\"\\u202e\""},    /* from right to left */
        {"\"\xff\xfe\"", "\"\\ufffd\\ufffd\""}, /* no UTF-8 */
        {"\"\xc3\xbc\xf0\x9f\x99\x82\"", "\"\xc3\xbc\xf0\x9f\x99\x82\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[64];
        size_t bytes = printable_json(cases[i].in, NULL, 0);
        assert_int_equal(bytes, strlen(cases[i].out));
        assert_int_equal(printable_json(cases[i].in, out, bytes + 1), bytes);
        assert_string_equal(out, cases[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_keeps_its_letters_and_steers_nothing),
        cmocka_unit_test(test_letters_stay_as_they_are),
        cmocka_unit_test(test_what_steers_a_terminal_does_not_pass),
        cmocka_unit_test(test_what_is_no_utf8_does_not_pass),
        cmocka_unit_test(test_only_whole_letters_are_left_out),
        cmocka_unit_test(test_bytes_may_hold_nuls),
        cmocka_unit_test(test_a_text_is_made_printable_where_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
