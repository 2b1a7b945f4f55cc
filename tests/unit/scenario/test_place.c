/* Places: what is read from a message, and from every shorter one; and mistakes of the grammar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/parse/place.h"
#include "scenario/place.h"

static struct arena arena;
static struct scenario_protocol protocol;
static struct parse parse = {.arena = &arena, .protocol = &protocol};

static int begin(void **state)
{
    (void)state;
    framing_default(&protocol.framing);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_close(&arena);
    arena = (struct arena){0};
    return 0;
}

static struct place place_of(const char *text)
{
    struct place place;
    struct error error = {""};
    if (!parse_read_place(&parse, text, &place, &error)) {
        fail_msg("%s", error.text);
    }
    return place;
}

/* In memory that ends where the bytes do: a sanitizer sees who reads behind them. */
static enum place_status status_of(const struct place *place, const void *data, size_t bytes,
                                   struct place_value *value)
{
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    const struct frame frame = {.bytes = copy, .body = copy, .body_bytes = (uint32_t)bytes};
    enum place_status status = place_read(place, &protocol.framing, &frame, value);
    if (status == PLACE_FOUND && value->type == VALUE_TEXT) {
        assert_true(value->text >= copy && value->text + value->text_bytes <= copy + bytes);
        value->text = (const uint8_t *)data + (value->text - copy);
    }
    free(copy);
    return status;
}

struct number_case {
    const char *place;
    uint64_t bits;
    uint32_t needed; /* the bytes of the body without which it is not there */
};

static const uint8_t NUMBERS[] = {0x01, 0xff, 0x03, 0x80, 0x05, 0x06, 0x07,
                                  0x88, 0x09, '-',  '4',  '2',  ' '};

static void test_numbers_have_a_width_an_order_and_an_end(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"u8@0", 1, 1},
        {"u8@12", ' ', 13},
        {"i8@1", (uint64_t)-1, 2},
        {"u16@1", 0x03ff, 3},
        {"u16be@1", 0xff03, 3},
        {"i16@2", (uint64_t)(int64_t)-32765, 4},
        {"u32@4", 0x88070605, 8},
        {"u32be@4", 0x05060788, 8},
        {"i32le@4", (uint64_t)(int64_t)(int32_t)0x88070605, 8},
        {"u64@0", 0x880706058003ff01, 8},
        {"i64@0", 0x880706058003ff01, 8},
        {"u64be@0", 0x01ff038005060788, 8},
        {"dec@9", (uint64_t)-42, 12},
        {"dec@10", 42, 12},
        {"u24@1", 0x8003ff, 4},
        {"u24be@1", 0xff0380, 4},
        {"i24@1", (uint64_t)(int64_t)-8387585, 4},
        {"varint@0", 1, 1},
        {"varint@1", 0x1ff, 3},
        {"varint@3", 0x280, 5},
        {"ber@0", 1, 1},
        {"u16@2 & 0x7fff", 3, 4},
        {"u8@1 & 6", 6, 2},
        {"u8@0 > u8@0", 0xff, 2},
        {"varint@1 > u16@1", 0x0605, 6},
        {"text@0:2 > u8@0", 3, 3},
        {"text@0:u8 > u8@1", 0x80, 4},
        {"text@0:3/u16@1", 0x03ff, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place place = place_of(cases[i].place);
        for (uint32_t bytes = 0; bytes <= sizeof NUMBERS; bytes++) {
            struct place_value value = {.bits = 0};
            enum place_status status = status_of(&place, NUMBERS, bytes, &value);
            if (bytes >= cases[i].needed) {
                assert_int_equal(status, PLACE_FOUND);
                assert_true(value.bits == cases[i].bits);
            } else if (place.form == PLACE_NUMBER && place.base == NULL) {
                assert_int_equal(status, PLACE_ABSENT);
            } else if (place.form != PLACE_DIGITS) { /* fewer digits are a number, too */
                assert_true(status != PLACE_FOUND);
            }
            assert_true(status != PLACE_FOUND || bytes <= place_reach(&place) ||
                        bytes > cases[i].needed);
        }
    }
    struct place_value value;
    const struct place digits = place_of("dec@2");
    assert_int_equal(status_of(&digits, NUMBERS, sizeof NUMBERS, &value), PLACE_WRONG);
    assert_int_equal(status_of(&digits, NUMBERS, 2, &value), PLACE_ABSENT);
}

/* From the end, what is read depends on where that is. */
static void test_positions_from_the_end(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct place number = place_of("u32be@-4");
    const struct place text = place_of("text@-3:2");
    const struct place rest = place_of("text@-3");
    const struct place inside = place_of("text@0:4/u8@-1");
    for (uint32_t bytes = 0; bytes <= sizeof data; bytes++) {
        struct place_value value = {.bits = 0};
        enum place_status status = status_of(&number, data, bytes, &value);
        assert_int_equal(status, bytes < 4 ? PLACE_ABSENT : PLACE_FOUND);
        assert_true(bytes < 4 || value.bits == 0x01010101u * (bytes - 3) + 0x00010203u);
        status = status_of(&text, data, bytes, &value);
        assert_int_equal(status, bytes < 3 ? PLACE_ABSENT : PLACE_FOUND);
        assert_true(bytes < 3 || (value.text_bytes == 2 && value.text == data + bytes - 3));
        status = status_of(&rest, data, bytes, &value);
        assert_int_equal(status, bytes < 3 ? PLACE_ABSENT : PLACE_FOUND);
        assert_true(bytes < 3 || (value.text_bytes == 3 && value.text == data + bytes - 3));
        status = status_of(&inside, data, bytes, &value);
        assert_int_equal(status, bytes < 4 ? PLACE_ABSENT : PLACE_FOUND);
        assert_true(bytes < 4 || value.bits == 4);
    }
    assert_true(place_reach(&number) == PLACE_REACH_ALL);
}

static void test_floats(void **state)
{
    (void)state;
    static const uint8_t data[] = {0, 0, 0, 0x3f, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0};
    const struct place narrow = place_of("f32@0");
    const struct place wide = place_of("f64be@4");
    struct place_value value;
    assert_int_equal(status_of(&narrow, data, sizeof data, &value), PLACE_FOUND);
    assert_true(value.type == VALUE_F32 && value_double(value.bits) == 0.5);
    assert_int_equal(status_of(&wide, data, sizeof data, &value), PLACE_FOUND);
    assert_true(value.type == VALUE_F64 && value_double(value.bits) == 0.5);
}

static void test_texts_have_a_beginning_and_an_end(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        const char *data;
        const char *text; /* NULL: not there */
    } cases[] = {
        {"text@0", "abc", "abc"},
        {"text@2", "abc", "c"},
        {"text@3", "abc", ""},
        {"text@4", "abc", NULL},
        {"text@1:2", "abc", "bc"},
        {"text@1:3", "abc", NULL},
        {"text@1..until(';')", "a;b;c", ""},
        {"text@2..until(';')", "a;b;c", "b"},
        {"text@2..until(0x3b)", "a;b;c", "b"},
        {"text@4..until(';')", "a;b;c", NULL},
        {"after('id=')", "x;id=7", "7"},
        {"after('id=')", "x;id=", ""},
        {"after('id=')", "x;id", NULL},
        {"after('id=')..until(';')", "id=7;id=8;", "7"},
        {"after(\"id=\")..until(\";\")", "id=7;id=8;", "7"},
        {"after('id=')..until(';')", "id=7", NULL},
        {"after(0x69643d)..until(0x3b)", "id=7;", "7"},
        {"until(' ')", "250 OK", "250"},
        {"until(' ')", "250", NULL},
        {"until(' ') > until(' ')", "MSG subject 5", "subject"},
        {"until(' ') > after(' ')", "MSG subject 5", "5"},
        {"text@1:u8", "x\003abcd", "abc"},
        {"text@0:varint", "\003abcd", "abc"},
        {"text@0:ber", "\003abcd", "abc"},
        {"text@0:u8 > text@0:u8", "\003abc\002de", "de"},
        {"text@0:u8/text@1", "\003abc\002de", "bc"},
        {"text@0:u8/after('b')", "\003abc\002de", "c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place place = place_of(cases[i].place);
        struct place_value value = {.bits = 0};
        enum place_status status = status_of(&place, cases[i].data, strlen(cases[i].data), &value);
        assert_int_equal(status, cases[i].text == NULL ? PLACE_ABSENT : PLACE_FOUND);
        if (cases[i].text != NULL) {
            assert_int_equal(value.text_bytes, strlen(cases[i].text));
            assert_memory_equal(value.text, cases[i].text, value.text_bytes);
        }
    }
}

#define POSITION "a position such as 4, or -4 from the end"
#define SIZE                                                                                       \
    "how many bytes the text has, or the length in front of it: u8, u16, u24, u32 (also with le "  \
    "or be), varint or ber"
#define PB_TYPES                                                                                   \
    "a type of protobuf: int32, int64, uint32, uint64, sint32, sint64, bool, enum, fixed32, "      \
    "fixed64, sfixed32, sfixed64, float, double, string or bytes"
#define MASK "a whole number in front of `&`, and one above 0 such as 0x7fff behind it"
#define NAMES                                                                                      \
    "\"u32@4\" (u8 .. u64, i8 .. i64, f32, f64, also with le or be), \"dec@1\", \"varint@1\", "    \
    "\"ber@1\", \"text@8:16\", \"after('id=')..until(';')\", \"json(/a/0)\", \"pb(3.1)\", "        \
    "\"size\", \"id\""

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        const char *expected; /* behind: in the place "...": expected */
    } cases[] = {
        {"u8", "`@` and a position, found its end"},
        {"u8@", POSITION ", found its end"},
        {"u8@x", POSITION ", found `x`"},
        {"u8@16777216", POSITION ", found `16777216`"},
        {"u8@-", POSITION ", found `-`"},
        {"u8@1x", "nothing more, found `x`"},
        {"u32@-3", "at least 4 bytes before the end, found `-3`"},
        {"dec@-0", "at least 1 bytes before the end, found `-0`"},
        {"text@0:", SIZE ", found its end"},
        {"text@0:0", SIZE ", found `0`"},
        {"text@0:i16", SIZE ", found `i16`"},
        {"text@0:u64", SIZE ", found `u64`"},
        {"text@-4:5", "no more bytes than there are before the end, found `5`"},
        {"text@0..until", "nothing more, found `..until`"},
        {"after(id=)", "a text such as ('id='), or bytes such as (0x0d0a), found `id=)`"},
        {"after('')", "a text such as ('id='), or bytes such as (0x0d0a), found `'')`"},
        {"after(0x0)", "a text such as ('id='), or bytes such as (0x0d0a), found `0x0)`"},
        {"after('a'", "`)`, found its end"},
        {"json(a)", "a JSON pointer such as /players/0/name, found `a)`"},
        {"json(/a", "`)`, found its end"},
        {"json(/a~2)", "~0 (which is ~) or ~1 (which is /) behind a ~, found `a~2)`"},
        {"json(/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17)", "at most 16 steps, found `/17)`"},
        {"pb()", "the number of a field, 1 to 536870911, such as pb(3.1), found `)`"},
        {"pb(0)", "the number of a field, 1 to 536870911, such as pb(3.1), found `0)`"},
        {"pb(536870912)",
         "the number of a field, 1 to 536870911, such as pb(3.1), found `536870912)`"},
        {"pb(1.)", "the number of a field, 1 to 536870911, such as pb(3.1), found `)`"},
        {"pb(1[x])", "an index such as [0], found `x])`"},
        {"pb(1, int)", PB_TYPES ", found `int)`"},
        {"pb(1", "`)`, found its end"},
        {"dec(u8@0)", "a text, which is made into a number, found `u8@0)`"},
        {"dec(pb(1, int32))", "a text, which is made into a number, found `pb(1, int32))`"},
        {"dec(text@0", "`)`, found its end"},
        {"u8@0/u8@0", "a text in front of `/`, found `u8@0/u8@0`"},
        {"json(/a) > u8@0",
         "a number or a text of the body in front of `>`, found `json(/a) > u8@0`"},
        {"u8@0 > id", "a place in the body behind `/` or `>`, found its end"},
        {"u8@0 & 0", MASK ", found `0`"},
        {"u8@0 & x", MASK ", found `x`"},
        {"f32@0 & 1", MASK ", found `1`"},
        {"text@0 & 1", MASK ", found `1`"},
        {"u8@0>u8@0>u8@0>u8@0>u8@0>u8@0>u8@0>u8@0>u8@0>u8@0",
         "at most 8 of `/`, `>`, dec(), hex() and f64(), found `u8@0`"},
        {"head.key", "a field of the header with this `name` (`framing.header`), found `head.key`"},
        {"status", "the framing \"http\", which has this place, found `status`"},
        {"", NAMES ", found its end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[768];
        struct place place;
        struct error error = {""};
        snprintf(expected, sizeof expected, "in the place \"%s\": expected %s", cases[i].place,
                 cases[i].expected);
        assert_false(parse_read_place(&parse, cases[i].place, &place, &error));
        assert_string_equal(error.text, expected);
        assert_int_equal(place.form, PLACE_NONE);
    }
}

/* However long the text of a place is: its links are counted before they are followed. */
static void test_a_place_that_does_not_end(void **state)
{
    (void)state;
    enum { DEEP = 1000000 };
    static const char *const words[] = {"dec(", "hex(", "u8@0>", "id/"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t bytes = strlen(words[i]);
        char *text = malloc(DEEP * bytes + 1);
        struct place place;
        struct error error = {""};
        assert_non_null(text);
        for (size_t n = 0; n < DEEP; n++) {
            memcpy(text + n * bytes, words[i], bytes + 1);
        }
        assert_false(parse_read_place(&parse, text, &place, &error));
        free(text);
    }
}

static void test_places_are_equal_when_they_read_the_same(void **state)
{
    (void)state;
    static const char *const different[] = {"u16@0",
                                            "u16be@0",
                                            "i16@0",
                                            "u32@0",
                                            "u16@1",
                                            "dec@0",
                                            "text@0",
                                            "text@0:2",
                                            "text@0:3",
                                            "after('a')",
                                            "after('b')",
                                            "f32@0",
                                            "u16@-2",
                                            "u24@0",
                                            "varint@0",
                                            "ber@0",
                                            "text@0:u8",
                                            "text@0:u16",
                                            "text@0:u16be",
                                            "text@0:varint",
                                            "json(/a)",
                                            "json(/b)",
                                            "json(/a/b)",
                                            "pb(1)",
                                            "pb(2)",
                                            "pb(1[0])",
                                            "pb(1.1)",
                                            "pb(1, sint32)",
                                            "pb(1, int32)@1",
                                            "id",
                                            "size",
                                            "u16@0 & 1",
                                            "u16@0 & 2",
                                            "u8@0 > u16@0",
                                            "u8@1 > u16@0",
                                            "text@0/u16@0",
                                            "dec(text@0)",
                                            "hex(text@0)",
                                            "after('a')..until('b')",
                                            "text@0..until('b')"};
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        for (size_t j = 0; j < sizeof different / sizeof different[0]; j++) {
            const struct place a = place_of(different[i]);
            const struct place b = place_of(different[j]);
            assert_int_equal(place_equal(&a, &b), i == j);
        }
    }
    const struct place a = place_of("u16@0");
    const struct place b = place_of("u16le@0");
    assert_true(place_equal(&a, &b));
}

static const char JSON[] =
    " { \"a\" : [ 1, {\"b\\u0062\": \"x\\\"\\n\\u00e9\\ud83d\\ude00\\ud83d\"}, -2.5e1 ], \"\": "
    "true, "
    "\"c/d~\": \"\", \"n\": null, \"big\": 18446744073709551615, \"id\": \"42\" } trailing";

static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        const char *text; /* NULL: not there */
    } cases[] = {
        {"json(/a/0)", "1"},
        {"json(/a/1/bb)", "x\"\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd"},
        {"json(/a/2)", "-2.5e1"},
        {"json(/a/3)", NULL},
        {"json(/a/00)", NULL},
        {"json(/a/x)", NULL},
        {"json(/a/0/0)", NULL},
        {"json(/)", "true"},
        {"json(/c~1d~0)", ""},
        {"json('/n')", "null"},
        {"json(/id)", "42"},
        {"json(/nothing)", NULL},
        {"json(/a/1)@0", "{\"b\\u0062\": \"x\\\"\\n\\u00e9\\ud83d\\ude00\\ud83d\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place place = place_of(cases[i].place);
        struct place_value value = {.bits = 0};
        enum place_status status = status_of(&place, JSON, strlen(JSON), &value);
        assert_int_equal(status, cases[i].text == NULL ? PLACE_ABSENT : PLACE_FOUND);
        uint8_t text[64];
        uint32_t bytes = cases[i].text == NULL ? 0 : place_text_write(&value, text, sizeof text);
        if (cases[i].text == NULL) {
            continue;
        }
        assert_int_equal(bytes, strlen(cases[i].text));
        assert_memory_equal(text, cases[i].text, bytes);
        assert_true(place_text_equals(&value, text, bytes, false));
        assert_true(place_text_hash(&value) == place_hash_bytes(text, bytes));
        for (uint32_t less = 0; less < bytes; less++) {
            assert_false(place_text_equals(&value, text, less, false));
            assert_true(place_text_equals(&value, text, less, true));
            text[less] ^= 1;
            assert_false(place_text_equals(&value, text, bytes, false));
            assert_false(place_text_equals(&value, text, less + 1, true));
            text[less] ^= 1;
        }
        /* Cut anywhere, it is not found with another value; but a number may be shorter. */
        for (size_t cut = 0; cut < strlen(JSON) && text[0] != '-'; cut++) {
            if (status_of(&place, JSON, cut, &value) == PLACE_FOUND) {
                assert_true(place_text_equals(&value, text, bytes, false));
            }
        }
    }
}

static void test_json_that_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{a:1}",
                                        "{\"a\":01}",
                                        "{\"a\":1.}",
                                        "{\"a\":+1}",
                                        "{\"b\":1 \"a\":1}",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":\"\\u12g4\"}",
                                        "{\"a\":\"\n\"}",
                                        "{\"a\":tru}",
                                        "{\"a\":\"x}",
                                        "[1,",
                                        "nothing",
                                        "{\"b\":[1,2}",
                                        "{\"a\":1e}"};
    const struct place place = place_of("json(/a)");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct place_value value;
        if (status_of(&place, wrong[i], strlen(wrong[i]), &value) != PLACE_WRONG) {
            fail_msg("%s", wrong[i]);
        }
    }
    char deep[5000]; /* no stack goes with the nesting */
    struct place_value value;
    memset(deep, '[', sizeof deep);
    assert_int_equal(status_of(&place, deep, sizeof deep, &value), PLACE_WRONG);
}

/* message { int32 n = 1 [-1]; Inner in = 3 { string s = 1 "hi"; sint32 z = 2 [-3]; };
 * repeated uint32 packed = 4 [1, 300, 7]; float f = 5 [0.5]; fixed64 w = 6 [9];
 * repeated string names = 7 ["a", "bc"]; } */
static const uint8_t PROTOBUF[] = {
    0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x1a, 0x06, 0x0a, 0x02, 'h',
    'i',  0x10, 0x05, 0x22, 0x04, 0x01, 0xac, 0x02, 0x07, 0x2d, 0x00, 0x00, 0x00, 0x3f, 0x31, 9,
    0,    0,    0,    0,    0,    0,    0,    0x3a, 0x01, 'a',  0x3a, 0x02, 'b',  'c'};

static void test_protobuf(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        uint64_t bits;
        const char *text; /* NULL: a number */
        enum place_status status;
    } cases[] = {
        {"pb(1)", UINT64_MAX, NULL, PLACE_FOUND},
        {"pb(536870911)", 0, NULL, PLACE_FOUND},
        {"pb(1, int32)", UINT64_MAX, NULL, PLACE_FOUND},
        {"pb(1, uint32)", UINT32_MAX, NULL, PLACE_FOUND},
        {"pb(3.1, string)", 0, "hi", PLACE_FOUND},
        {"pb(3.2,sint32)", (uint64_t)-3, NULL, PLACE_FOUND},
        {"pb(3.2)", 5, NULL, PLACE_FOUND},
        {"pb(4)", 1, NULL, PLACE_FOUND},
        {"pb(4[1])", 300, NULL, PLACE_FOUND},
        {"pb(4[2], uint32)", 7, NULL, PLACE_FOUND},
        {"pb(4[3])", 0, NULL, PLACE_ABSENT},
        {"pb(6)", 9, NULL, PLACE_FOUND},
        {"pb(6, fixed64)", 9, NULL, PLACE_FOUND},
        {"pb(7, string)", 0, "a", PLACE_FOUND},
        {"pb(7[1], string)", 0, "bc", PLACE_FOUND},
        {"pb(7[2], string)", 0, "", PLACE_ABSENT},
        {"pb(9)", 0, NULL, PLACE_FOUND}, /* what is not there is 0 */
        {"pb(9.1, string)", 0, "", PLACE_FOUND},
        {"pb(6, string)", 0, "", PLACE_WRONG},
        {"pb(6, int32)", 0, NULL, PLACE_WRONG},
        {"pb(1.1)", 0, NULL, PLACE_WRONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place place = place_of(cases[i].place);
        struct place_value value = {.bits = 0};
        enum place_status status = status_of(&place, PROTOBUF, sizeof PROTOBUF, &value);
        assert_int_equal(status, cases[i].status);
        if (status == PLACE_FOUND && cases[i].text == NULL) {
            assert_true(value.bits == cases[i].bits);
        } else if (status == PLACE_FOUND) {
            assert_int_equal(value.text_bytes, strlen(cases[i].text));
            assert_true(
                place_text_equals(&value, (const uint8_t *)cases[i].text, value.text_bytes, false));
        }
        for (size_t cut = 0; cut < sizeof PROTOBUF; cut++) {
            status_of(&place, PROTOBUF, cut, &value);
        }
    }
    const struct place place = place_of("pb(5, float)");
    struct place_value value;
    assert_int_equal(status_of(&place, PROTOBUF, sizeof PROTOBUF, &value), PLACE_FOUND);
    assert_true(value.type == VALUE_F32 && value_double(value.bits) == 0.5);
    static const uint8_t wrong[][4] = {{0x00, 0x01}, {0x0f, 0x01}, {0x0a, 0x09, 'x'}, {0x0b, 0x01}};
    const struct place first = place_of("pb(1)");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(status_of(&first, wrong[i], 3, &value), PLACE_WRONG);
    }
}

static void test_texts_that_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        const char *data;
        enum place_status status;
        uint64_t bits;
    } cases[] = {
        {"dec(text@0)", "42", PLACE_FOUND, 42},
        {"dec(text@0)", "-42", PLACE_FOUND, (uint64_t)-42},
        {"dec(text@0)", "42x", PLACE_WRONG, 0},
        {"dec(text@0)", "", PLACE_WRONG, 0},
        {"dec(text@0)", "9223372036854775808", PLACE_WRONG, 0},
        {"dec(after('id=')..until(';'))", "id=7;", PLACE_FOUND, 7},
        {"dec(after('id=')..until(';'))", "id=7", PLACE_ABSENT, 0},
        {"dec(json(/id))", "{\"id\":\"4\\u0032\"}", PLACE_FOUND, 42},
        {"dec(json(/id))", "{\"id\":42}", PLACE_FOUND, 42},
        {"dec(json(/id))", "{\"id\":4.5}", PLACE_WRONG, 0},
        {"hex(text@0)", "0xFf", PLACE_FOUND, 255},
        {"hex(text@0)", "ffffffffffffffff", PLACE_FOUND, UINT64_MAX},
        {"hex(text@0)", "0x", PLACE_WRONG, 0},
        {"hex(text@0)", "1ffffffffffffffff", PLACE_WRONG, 0},
        {"dec(text@0:u8 > until(' '))", "\001x12 ", PLACE_FOUND, 12},
        {"dec(pb(7, string))",
         "\x3a\x02"
         "12",
         PLACE_FOUND, 12},
        {"dec(pb(7))",
         "\x3a\x02"
         "12",
         PLACE_FOUND, 12},
        {"dec(text@0) & 1", "3", PLACE_FOUND, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place place = place_of(cases[i].place);
        struct place_value value = {.bits = 0};
        enum place_status status = status_of(&place, cases[i].data, strlen(cases[i].data), &value);
        if (status != cases[i].status || (status == PLACE_FOUND && value.bits != cases[i].bits)) {
            fail_msg("%s of %s: %d", cases[i].place, cases[i].data, (int)status);
        }
    }
    const struct place place = place_of("f64(json(/x))");
    struct place_value value;
    assert_int_equal(status_of(&place, "{\"x\":-2.5e1}", 12, &value), PLACE_FOUND);
    assert_true(value.type == VALUE_F64 && value_double(value.bits) == -25);
}

/* What is not typed becomes what it is compared with. */
static void test_json_as_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        enum place_status status;
        enum value_type type;
        uint64_t bits;
    } cases[] = {
        {"json(/a/0)", PLACE_FOUND, VALUE_I64, 1},
        {"json(/big)", PLACE_FOUND, VALUE_U64, UINT64_MAX},
        {"json(/a/2)", PLACE_FOUND, VALUE_F64, UINT64_C(0xc039000000000000)},
        {"json(/id)", PLACE_WRONG, VALUE_F64, 0}, /* a string */
        {"json(/n)", PLACE_WRONG, VALUE_F64, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place place = place_of(cases[i].place);
        struct place_value value = {.bits = 0};
        assert_true(place.is_untyped);
        parse_place_as_number(&place);
        assert_int_equal(status_of(&place, JSON, strlen(JSON), &value), cases[i].status);
        if (cases[i].status == PLACE_FOUND) {
            assert_int_equal(value.type, cases[i].type);
            assert_true(value.bits == cases[i].bits);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers_have_a_width_an_order_and_an_end, begin, end),
        cmocka_unit_test_setup_teardown(test_floats, begin, end),
        cmocka_unit_test_setup_teardown(test_texts_have_a_beginning_and_an_end, begin, end),
        cmocka_unit_test_setup_teardown(test_positions_from_the_end, begin, end),
        cmocka_unit_test_setup_teardown(test_json, begin, end),
        cmocka_unit_test_setup_teardown(test_json_that_is_none, begin, end),
        cmocka_unit_test_setup_teardown(test_protobuf, begin, end),
        cmocka_unit_test_setup_teardown(test_texts_that_are_numbers, begin, end),
        cmocka_unit_test_setup_teardown(test_json_as_a_number, begin, end),
        cmocka_unit_test_setup_teardown(test_mistakes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_place_that_does_not_end, begin, end),
        cmocka_unit_test_setup_teardown(test_places_are_equal_when_they_read_the_same, begin, end),
    };
    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
