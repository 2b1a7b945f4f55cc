/* Numbers, tables and streams that would not mean what they say. */
#include "mistake_harness.h"

static void test_whole_numbers_are_exact_or_refused(void **state)
{
    (void)state;
    check("{ 'behaviors': [ { 'loop': [ { 'send': { 'id': 1, 'body': { 'fields': [ { 'u64': "
          "9007199254740993 } ] } } } ] } ] }",
          ":1:82: expected a whole number that JSON holds exactly (up to 2^53), found one that "
          "would be rounded; of fields and comparisons it may be a text: '9007199254740993' (in "
          "`set`: '${9007199254740993}')");
    check("{ 'load': { 'seed': -9007199254740993 }, 'behaviors': [ { 'loop': [ { 'think': '1s' } ] "
          "} ] }",
          ":1:22: expected a whole number that JSON holds exactly (up to 2^53), found one that "
          "would be rounded; of fields and comparisons it may be a text: '-9007199254740993' (in "
          "`set`: '${-9007199254740993}')");
    check_steps("", "{ 'send': { 'id': 1, 'body': { 'fields': [ { 'u32': 4294967296 } ] } } }",
                "[0].send.body.fields[0].u32`: expected a whole number that fits into u32, found "
                "4294967296");
}

static void test_what_can_never_be_equal_is_refused(void **state)
{
    (void)state;
    check_steps(
        "",
        "{ 'request': { 'send': { 'id': 1 }, 'match': { 'id': 1, 'field': { 'at': 'u16@0', "
        "'equals': -1 } } } }",
        "[0].request.match.field.equals`: expected a whole number that fits into u16, found "
        "-1");
    check("{ 'behaviors': [ { 'loop': [ { 'think': '1s' } ], 'on_push': [ { 'fanout': 'f64@0' } ] "
          "} ] }",
          ": `behaviors[0].on_push[0].fanout`: expected the place of ${stamp_ns}: 'u64@0' or "
          "'dec@0', found 'f64@0'");
}

static void test_what_does_not_fit_its_place_is_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"'verify': { 'field': { 'at': 'u8@0', 'equals': 300 } }",
         "verify.field.equals`: expected a whole number that fits into u8, found 300"},
        {"'verify': { 'field': { 'at': 'i8@0', 'at_least': 128 } }",
         "verify.field.at_least`: expected a whole number that fits into i8, found 128"},
        {"'verify': { 'field': { 'at': 'f32@0', 'less_than': 1e300 } }",
         "verify.field.less_than`: expected a number that fits into f32, found 1e+300"},
        {"'capture': { 'x': 'text@0:0' }",
         "capture.x`: in the place 'text@0:0': expected how many bytes the text has, or the length "
         "in "
         "front of it: u8, u16, u24, u32 (also with le or be), varint or ber, found `0`"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char steps[512];
        char expected[512];
        snprintf(steps, sizeof steps, "{ 'request': { 'send': { 'id': 1 }, %s } }",
                 mistakes[i].text);
        snprintf(expected, sizeof expected, "[0].request.%s", mistakes[i].expected);
        check_steps("", steps, expected);
    }
    check_steps("", "{ 'send': { 'id': 1, 'body': { 'fields': [ { 'f32': 1e300 } ] } } }",
                "[0].send.body.fields[0].f32`: expected a number that fits into f32, found 1e+300");
}

static void test_a_think_is_cut_above_its_least(void **state)
{
    (void)state;
    check_steps("", "{ 'think': { 'pareto': { 'min': '1s', 'alpha': 2, 'max': '0.5s' } } }",
                "[0].think.pareto.max`: expected at least `min`, found '0.5s'");
    check_steps("", "{ 'think': { 'normal': { 'mean': '1s', 'deviation': '1s', 'most': '1ms' } } }",
                "[0].think.normal.most`: expected at least `mean`, found '1ms'");
    check_steps("", "{ 'think': { 'lognormal': { 'median': '1s', 'sigma': 1, 'max': '1ms' } } }",
                "[0].think.lognormal.max`: expected at least `median`, found '1ms'");
}

static void test_names_have_one_kind_of_number(void **state)
{
    (void)state;
    check_steps(
        "",
        "{ 'request': { 'send': { 'id': 1 }, 'capture': { 'big': 'u64@0', 'low': 'i8@0' } } "
        "}, { 'set': { 'copy': '${big}' } }, { 'set': { 'copy': '${low}' } }",
        "[2].set.copy`: `copy` may be above 2^63 - 1 elsewhere, and below 0 here: one "
        "variable cannot hold both");
}

static void test_wide_and_negative_do_not_share_a_name(void **state)
{
    (void)state;
    check_steps("",
                "{ 'set': { 'x': '${18446744073709551615}' } }, { 'set': { 'x': '${x - 1}' } }, { "
                "'think': '1s' }",
                "[0].set.x`: `x` may be below 0 elsewhere, and above 2^63 - 1 here: one variable "
                "cannot hold both");
}

static void test_streams_need_an_end(void **state)
{
    (void)state;
    static const char raw[] = "'framing': { 'type': 'raw' },";
    static const char needs[] =
        "raw framing: expected `bytes`, how long the reply is (or a body to compare it with: "
        "`same_body`, `equals`): a stream does not say where it ends; a framing with a delimiter "
        "or a length does";
    char expected[512];
    snprintf(expected, sizeof expected, "[0].request`: %s", needs);
    check_steps(raw, "{ 'request': { 'send': { 'body': { 'text': 'a' } } } }", expected);
    check_steps(raw,
                "{ 'request': { 'send': { 'body': { 'text': 'a' } }, 'verify': { 'equals': 'none' "
                "} } }",
                expected);
    snprintf(expected, sizeof expected, "[0].expect`: %s", needs);
    check_steps(raw, "{ 'expect': { 'within': '1s' } }", expected);
}

static void test_bodies_do_not_hold_the_delimiter(void **state)
{
    (void)state;
    static const char lines[] = "'framing': { 'type': 'delimiter', 'delimiter': '\\r\\n' },";
    check_steps(lines, "{ 'send': { 'body': { 'fields': [ { 'u16': '${conn}' } ] } } }",
                "[0].send.body`: a binary number may hold the delimiter of the framing, and the "
                "message would become two: use a text");
    check_steps(lines,
                "{ 'send': { 'body': { 'fields': [ { 'bytes': { 'random': { 'bytes': 9 } } } ] } } "
                "}",
                "[0].send.body`: random bytes may hold the delimiter of the framing, and the "
                "message would become two: use a body that is random as a whole, which has letters "
                "only");
    check_steps(lines, "{ 'set': { 'x': 'a\\r\\nb' } }, { 'think': '1s' }",
                "[0].set.x`: expected a body without the delimiter, which the framing adds; found "
                "it at byte 1");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': 'aa' },",
                "{ 'send': { 'body': { 'text': 'bba' } } }",
                "[0].send.body`: expected a body without the delimiter, which the framing adds; "
                "found it at byte 2");
}

static void test_cells_do_not_hold_the_delimiter(void **state)
{
    (void)state;
    FILE *file = fopen("test_scenario_mistakes_values.csv", "wb");
    assert_non_null(file);
    assert_true(fputs("a,b,c\n1,\"x\r\ny\",\"x\r\"\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    static const char root[] =
        "'framing': { 'type': 'delimiter', 'delimiter': '\\r\\n' }, 'data': { "
        "'t': { 'file': 'test_scenario_mistakes_values.csv' } },";
    check_steps(
        root, "{ 'send': { 'body': { 'text': 'x ${t.b} y' } } }",
        "[0].send.body`: the column `b` of the table `t` has the delimiter (or a part of it "
        "at an end) in row 1: the message would become two");
    check_steps(
        root, "{ 'send': { 'body': { 'text': 'x ${t.c} y' } } }",
        "[0].send.body`: the column `c` of the table `t` has the delimiter (or a part of it "
        "at an end) in row 1: the message would become two");
    static const char *const of_lines[][2] = {
        {"'type': 'http'", "'GET /${t.b} HTTP/1.1\\r\\n\\r\\n'"},
        {"'type': 'resp'", "'GET ${t.b}\\r\\n'"},
        {"'type': 'lines', 'delimiter': '\\r\\n'", "'PUB ${t.b}'"}};
    for (size_t i = 0; i < sizeof of_lines / sizeof of_lines[0]; i++) {
        char text[256];
        char step[256];
        snprintf(text, sizeof text,
                 "'framing': { %s }, 'data': { 't': { 'file': "
                 "'test_scenario_mistakes_values.csv' } },",
                 of_lines[i][0]);
        snprintf(step, sizeof step, "{ 'send': { 'body': { 'text': %s } } }", of_lines[i][1]);
        check_steps(text, step,
                    "[0].send.body`: the column `b` of the table `t` has the end of a line in row "
                    "1: the rest of the cell would be a line of its own");
    }
    remove("test_scenario_mistakes_values.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers_are_exact_or_refused),
        cmocka_unit_test(test_what_can_never_be_equal_is_refused),
        cmocka_unit_test(test_what_does_not_fit_its_place_is_refused),
        cmocka_unit_test(test_a_think_is_cut_above_its_least),
        cmocka_unit_test(test_names_have_one_kind_of_number),
        cmocka_unit_test(test_wide_and_negative_do_not_share_a_name),
        cmocka_unit_test(test_streams_need_an_end),
        cmocka_unit_test(test_bodies_do_not_hold_the_delimiter),
        cmocka_unit_test(test_cells_do_not_hold_the_delimiter),
    };
    return cmocka_run_group_tests_name("scenario mistakes: values", tests, NULL, NULL);
}
