/* What is wrong with a body: its fields and their lengths. */
#include "mistake_harness.h"

static void check_bodies(const char *framing, const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char steps[1024];
        char expected[1024];
        snprintf(steps, sizeof steps, "{ 'send': { 'body': %s } }", mistakes[i].text);
        snprintf(expected, sizeof expected, "[0].send.body%s", mistakes[i].expected);
        check_steps(framing, steps, expected);
    }
}

static void test_fields(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'fields': [ { 'u40': 1 } ] }",
         ".fields[0]`: expected one of u8 .. u64, i8 .. i64, f32, f64 (also with le or be), "
         "`varint`, `varint32`, `zigzag`, `string`, `length`, `hex`, `json`, `pb`, `bytes` or "
         "a checksum such as `crc32c`, found `u40`"},
        {"{ 'fields': [ { 'varint32': 4294967296 } ] }",
         ".fields[0].varint32`: expected a whole number of 32 bits, found 4294967296"},
        {"{ 'fields': [ { 'varint': 0.5 } ] }",
         ".fields[0].varint`: expected a whole number, found 0.5"},
        {"{ 'fields': [ { 'zigzag': '9223372036854775808' } ] }",
         ".fields[0].zigzag`: expected a whole number that fits into i64, found "
         "'9223372036854775808'"},
        {"{ 'fields': [ { 'string': 'abc', 'length': 'i8' } ] }",
         ".fields[0].length`: expected 'u8', 'u16', 'u24' or 'u32' (also with le or be), 'varint', "
         "'zigzag', 'ber', 'zero' or 'none', found 'i8'"},
        {"{ 'fields': [ { 'length': 'u64', 'of': [] } ] }",
         ".fields[0].length`: expected 'u8', 'u16', 'u24' or 'u32' (also with le or be), 'varint', "
         "'zigzag', 'ber' or 'digits', found 'u64'"},
        {"{ 'fields': [ { 'length': 'u8' } ] }",
         ".fields[0].of`: expected an array of fields, found nothing"},
        {"{ 'fields': [ { 'of': [] } ] }", ".fields[0].length`: expected what says how long it is, "
                                           "such as 'u16' or 'varint', found nothing"},
        {"{ 'fields': [ { 'length': 'u8', 'of': { 'u8': 1 } } ] }",
         ".fields[0].of`: expected an array of fields, found an object"},
        {"{ 'fields': [ { 'length': 'u8', 'of': [ { 'bytes': { 'zero': { 'bytes': 256 } } } ] } ] "
         "}",
         ".fields[0]`: there can be 256 bytes behind it, more than its length can say"},
        {"{ 'fields': [ { 'length': 'u8', 'plus': -2, 'of': [ { 'u8': 1 } ] } ] }",
         ".fields[0]`: with `plus` the length can be -1, below 0"},
        {"{ 'fields': [ { 'length': 'digits', 'of': [] } ] }",
         ".fields[0]`: expected `bytes` (how many digits) or `until` (the character behind them) "
         "beside 'digits'"},
        {"{ 'fields': [ { 'length': 'u8', 'of': [ { 'lenght': 'u8', 'of': [] } ] } ] }",
         ".fields[0].of[0].lenght`: unknown key; did you mean `length`?"},
    };
    check_bodies("'framing': { 'type': 'raw' },", mistakes, COUNT(mistakes));
}

static void test_a_delimiter_is_not_in_what_varies(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'fields': [ { 'varint': '${conn}' } ] }",
         "`: a binary number may hold the delimiter of the framing, and the message would become "
         "two: use a text"},
        {"{ 'fields': [ { 'length': 'varint', 'of': [ { 'string': '${conn}', 'length': 'none' } ] "
         "} ] }",
         "`: a binary number may hold the delimiter of the framing, and the message would become "
         "two: use a text"},
        {"{ 'fields': [ { 'u8': 1 }, { 'u16': 2573 }, { 'string': '${conn}', 'length': 'none' } ] "
         "}",
         "`: expected a body without the delimiter, which the framing adds; found it at byte 1 of "
         "a text beside ${...}"},
    };
    check_bodies("'framing': { 'type': 'delimiter', 'delimiter': '\\r\\n' },", mistakes,
                 COUNT(mistakes));
}

static void test_there_is_an_end_to_lengths_and_fields(void **state)
{
    (void)state;
    static char json[1 << 17];
    char *at = json;
    at += sprintf(at, "{ \"framing\": { \"type\": \"raw\" }, \"behaviors\": [ { \"loop\": [ { "
                      "\"send\": { \"body\": { \"fields\": [ ");
    char *fields = at;
    for (int i = 0; i < 17; i++) {
        at += sprintf(at, "{ \"length\": \"varint\", \"of\": [ ");
    }
    for (int i = 0; i < 17; i++) {
        at += sprintf(at, "] } ");
    }
    at += sprintf(at, "] } } } ] } ] }");
    load(json, (size_t)(at - json));
    assert_int_equal(told.count, 1);
    assert_non_null(
        strstr(told.lines[0],
               ": expected at most 16 lengths and checksums inside each other, found more"));
    at = fields;
    for (int i = 0; i <= 4096; i++) {
        at += sprintf(at, "%s{ \"u8\": 1 }", i == 0 ? "" : ", ");
    }
    at += sprintf(at, " ] } } } ] } ] }");
    load(json, (size_t)(at - json));
    assert_int_equal(told.count, 1);
    assert_non_null(
        strstr(told.lines[0],
               "fields[4096].u8`: expected at most 4096 fields and pieces of text, found more"));
}

#define PB_ANY                                                                                     \
    "expected a number, a text, true or false, a message such as { '1': 5 }, a type such as { "    \
    "'double': 1.5 }, or an array of these, found "
#define PB_TYPES                                                                                   \
    "expected the numbers of fields, or one of int32, int64, uint32, uint64, sint32, sint64, "     \
    "bool, enum, fixed32, fixed64, sfixed32, sfixed64, float, double, string, bytes, packed; "     \
    "found "
#define PB_ITEM "expected a number, true or false, or a type such as { 'double': 1.5 }, found "

static void test_messages_of_protocol_buffers(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'pb': 5 }", ".pb`: expected an object, found 5"},
        {"{ 'pb': { '0': 1 } }",
         ".pb.0`: expected the number of a field, 1 to 536870911, found `0`"},
        {"{ 'pb': { '536870912': 1 } }",
         ".pb.536870912`: expected the number of a field, 1 to 536870911, found `536870912`"},
        {"{ 'pb': { 'id': 1 } }",
         ".pb.id`: expected the number of a field, 1 to 536870911, found `id`"},
        {"{ 'pb': { '1': 1, '1': 2 } }", ".pb.1`: expected this key once, found it again"},
        {"{ 'pb': { '1': 1.5 } }", ".pb.1`: expected a whole number, or { 'double': 1.5 } or { "
                                   "'float': 1.5 }, found 1.5"},
        {"{ 'pb': { '1': '${conn / 2.0}' } }",
         ".pb.1`: expected a whole number, or { 'double': 1.5 } or { 'float': 1.5 }, found '${conn "
         "/ 2.0}'"},
        {"{ 'pb': { '1': null } }", ".pb.1`: " PB_ANY "null"},
        {"{ 'pb': { '1': [ [ 1 ] ] } }", ".pb.1[0]`: " PB_ANY "an array of 1"},
        {"{ 'pb': { '1': { 'flot': 1 } } }", ".pb.1`: " PB_TYPES "`flot`"},
        {"{ 'pb': { '1': { 'int32': 1, '2': 1 } } }", ".pb.1`: " PB_TYPES "`int32` and others"},
        {"{ 'pb': { '1': { 'int32': 4294967296 } } }",
         ".pb.1.int32`: expected a whole number that fits into i32, found 4294967296"},
        {"{ 'pb': { '1': { 'double': true } } }",
         ".pb.1.double`: expected a number, a text or '${...}', found true"},
        {"{ 'pb': { '1': { 'string': 5 } } }", ".pb.1.string`: expected a text, found 5"},
        {"{ 'pb': { '1': { 'packed': 5 } } }",
         ".pb.1.packed`: expected an array of numbers, found 5"},
        {"{ 'pb': { '1': { 'packed': [ 'x' ] } } }", ".pb.1.packed[0]`: " PB_ITEM "'x'"},
        {"{ 'pb': { '1': { 'packed': [ { 'string': 'x' } ] } } }",
         ".pb.1.packed[0]`: " PB_ITEM "an object"},
        {"{ 'fields': [ { 'pb': { '3': { '4': '${nope' } } } ] }",
         ".fields[0].pb.3.4`: expected `}` behind `${nope`, found the end of the text"},
    };
    check_bodies("'framing': { 'type': 'raw' },", mistakes, COUNT(mistakes));
}

static void test_json(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'json': { 'a': [ 1, '${conn' ] } }",
         ".json.a[1]`: expected `}` behind `${conn`, found the end of the text"},
        {"{ 'json': { 'a': { '${(}': 1 } } }",
         ".json.a.${(}`: `${(}`: expected a name, a number or `(`, found the end"},
        {"{ 'json': 1, 'text': 'a' }", "`: expected one of these keys, found `json` and `text`"},
    };
    check_bodies("'framing': { 'type': 'raw' },", mistakes, COUNT(mistakes));
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': '|' },",
                "{ 'expect': { 'capture': { 't': 'text@0' } } }, { 'send': { 'body': { 'json': [ "
                "'${t}' ] } } }",
                "[1].send.body`: a text that is escaped as JSON may hold the delimiter of the "
                "framing, and the message would become two: only a delimiter with a control "
                "character, such as '\\n', is never in JSON");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': '\\n' },",
                "{ 'send': { 'body': { 'json': 'x', 'text': 'x' } } }",
                "[0].send.body`: expected one of these keys, found `json` and `text`");
}

static void test_captures_with_more_room(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'at': 'text@0', 'bytes_max': 4097 }",
         ".bytes_max`: expected a whole number from 1 to 4096, found 4097"},
        {"{ 'at': 'u8@0', 'bytes_max': 10 }",
         ".bytes_max`: a number needs no room: it is for texts"},
        {"{ 'at': 'text@0', 'bytes': 10 }",
         ".bytes`: unknown key; the keys here are `at`, `bytes_max`"},
        {"'text@0:129'", "`: expected a text of at most 128 bytes, or 'bytes_max' beside 'at' (up "
                         "to 4096), found 'text@0:129'"},
        {"{ 'at': 'text@0:201', 'bytes_max': 200 }",
         "`: expected a text of at most 200 bytes, or 'bytes_max' beside 'at' (up to 4096), found "
         "an object"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char steps[512];
        char expected[512];
        snprintf(steps, sizeof steps, "{ 'expect': { 'capture': { 'x': %s } } }", mistakes[i].text);
        snprintf(expected, sizeof expected, "[0].expect.capture.x%s", mistakes[i].expected);
        check_steps("", steps, expected);
    }
}

static void test_expressions(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'text': '${}' }", ".text`: `${}`: expected a name, a number or `(`, found the end"},
        {"{ 'text': '${conn +}' }",
         ".text`: `${conn +}`: expected a name, a number or `(`, found the end"},
        {"{ 'text': '${(conn + 1}' }",
         ".text`: `${(conn + 1}`: expected an operation or `)`, found the end"},
        {"{ 'text': '${conn + 1)}' }",
         ".text`: `${conn + 1)}`: expected an operation or the end, found `)`"},
        {"{ 'text': '${conn < 1}' }",
         ".text`: `${conn < 1}`: expected an operation or the end, found `< 1`"},
        {"{ 'text': '${conn & 1.5}' }", ".text`: `${conn & 1.5}`: `&` is for whole numbers"},
        {"{ 'text': '${size(conn)}' }", ".text`: `size(...)`: unknown function; expected "
                                        "random(low,high), number(name), utc(...), or "
                                        "text(...) around the whole"},
        {"{ 'text': '${1 + text(conn)}' }", ".text`: `text(...)`: unknown function; expected "
                                            "random(low,high), number(name), utc(...), or "
                                            "text(...) around the whole"},
        {"{ 'text': '${number(conn}' }",
         ".text`: `${number(conn}`: expected a name and `)`, found the end"},
        {"{ 'text': '${(((((((((conn)))))))))}' }", ".text`: `${(((((((((conn)))))))))}`: expected "
                                                    "at most 8 brackets inside each other, found "
                                                    "`conn)))))))))`"},
        {"{ 'text': '${1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1}' }",
         ".text`: `${1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1}`: expected at most 32 names, numbers and "
         "operations, found more"},
        {"{ 'fields': [ { 'u8': '${conn + 0.5}' } ] }",
         ".fields[0].u8`: expected a whole number, found '${conn + 0.5}'"},
        {"{ 'fields': [ { 'u8': '${16 * 16}' } ] }",
         ".fields[0].u8`: expected a whole number that fits into u8, found '${16 * 16}'"},
    };
    check_bodies("'framing': { 'type': 'raw' },", mistakes, COUNT(mistakes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_messages_of_protocol_buffers),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_captures_with_more_room),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_a_delimiter_is_not_in_what_varies),
        cmocka_unit_test(test_there_is_an_end_to_lengths_and_fields),
    };
    return cmocka_run_group_tests_name("scenario mistakes: bodies", tests, NULL, NULL);
}
