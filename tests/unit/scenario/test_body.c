/* Bodies as bytes: what each form of the language becomes, beside bytes that were worked out by
 * hand; and that what is made again is what was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/message.h"
#include "text/encoding.h"

enum { BYTES_MAX = 8192, WORDS_MAX = 1024 };

/* Variables of each type, captured in this order, behind the one whose value is not looked at. */
static const char form[] =
    "{ 'framing': %s, 'behaviors': [ { 'setup': [ { 'request': { 'send': { }, 'capture': { "
    "'n': 'i32@0', 'u': 'u64@0', 'f': 'f64@0', 't': 'text@0' } } } ], "
    "'loop': [ { 'send': { 'body': %s } } ] } ] }";
static const char little[] = "{ 'type': 'length', 'size_bytes': 4, 'size_includes_header': false }";

static const struct value_world world = {.connections_count = 1, .lanes_count = 1};

struct case_of {
    const char *body;
    const char *hex;
};

static void told(void *context, const char *line)
{
    (void)context;
    fail_msg("%s", line);
}

static struct scenario *body_load(const char *framing, const char *body)
{
    static char text[BYTES_MAX];
    static const struct scenario_variable variables[] = {{"given", "12"}};
    int written = snprintf(text, sizeof text, form, framing, body);
    assert_in_range(written, 1, sizeof text - 1);
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)(*at == '\'' ? '"' : *at);
    }
    struct scenario *scenario = scenario_read("body.json", text, (size_t)written, variables,
                                              strstr(body, "given") != NULL ? 1 : 0, told, NULL);
    assert_non_null(scenario);
    return scenario;
}

/* The text of `t`. */
static struct message_scope body_scope(uint64_t words[WORDS_MAX], const char *text)
{
    memset(words, 0, WORDS_MAX * sizeof words[0]);
    words[0] = (uint64_t)-3;
    words[1] = UINT64_MAX;
    words[2] = value_double_bits(0.1);
    words[3] = strlen(text);
    memcpy(&words[4], text, strlen(text));
    return (struct message_scope){.key = 42,
                                  .seed = 7,
                                  .iteration = 12,
                                  .variables = words,
                                  .world = &world,
                                  .connection = 300};
}

/* Written, compared and measured alike. */
static void body_check_same(const struct body *body, const struct message_scope *scope,
                            const uint8_t *bytes, uint32_t count)
{
    static uint8_t copy[BYTES_MAX];
    memcpy(copy, bytes, count);
    assert_in_range(count, body->bytes_min, body->bytes_max);
    assert_true(message_body_equals(body, scope, copy, count, false));
    assert_false(message_body_equals(body, scope, copy, count + 1, false));
    assert_true(message_body_equals(body, scope, copy, count + 1, true));
    assert_true(count == 0 || !message_body_equals(body, scope, copy, count - 1, true));
    for (uint32_t i = 0; i < count; i++) {
        copy[i] ^= 0x55;
        assert_false(message_body_equals(body, scope, copy, count, false));
        assert_false(message_body_equals(body, scope, copy, count, true));
        assert_false(message_body_holds(body, scope, i, &copy[i], 1));
        copy[i] ^= 0x55;
        assert_true(message_body_holds(body, scope, i, &copy[i], count - i));
    }
}

static void body_check(const struct case_of *of, const char *framing, const char *text)
{
    static uint64_t words[WORDS_MAX];
    static uint8_t expected[BYTES_MAX];
    static uint8_t bytes[BYTES_MAX];
    size_t expected_bytes = 0;
    size_t wrong = 0;
    struct scenario *scenario = body_load(framing, of->body);
    const struct body *body = &scenario->behaviors[0].loop->send.body;
    struct message_scope scope = body_scope(words, text);
    assert_true(encoding_decode_hex(of->hex, expected, &expected_bytes, &wrong));
    uint32_t count = message_body_bytes(body, &scope);
    assert_true(count < sizeof bytes);
    memset(bytes, '#', sizeof bytes);
    message_write_body(body, &scope, bytes);
    assert_int_equal(bytes[count], '#');
    if (count != expected_bytes || memcmp(bytes, expected, count) != 0) {
        print_error("%s: expected %s\nfound", of->body, of->hex);
        for (uint32_t i = 0; i < count; i++) {
            print_error(" %02x", bytes[i]);
        }
        fail_msg("%u bytes", count);
    }
    body_check_same(body, &scope, bytes, count);
    scenario_destroy(scenario);
}

static void body_check_all(const struct case_of *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        body_check(&cases[i], little, "abc");
    }
}

#define CHECK_ALL(cases) body_check_all(cases, sizeof cases / sizeof cases[0])

static void test_numbers_that_are_as_long_as_they_need(void **state)
{
    (void)state;
    static const struct case_of cases[] = {
        {"{ 'fields': [ { 'varint': 0 }, { 'varint': 127 }, { 'varint': 128 } ] }", "00 7f 80 01"},
        {"{ 'fields': [ { 'varint': 300 } ] }", "ac 02"},
        {"{ 'fields': [ { 'varint': '${conn}' } ] }", "ac 02"},
        {"{ 'fields': [ { 'varint': -1 } ] }", "ff ff ff ff ff ff ff ff ff 01"},
        {"{ 'fields': [ { 'varint': '${u}' } ] }", "ff ff ff ff ff ff ff ff ff 01"},
        {"{ 'fields': [ { 'varint': '9223372036854775808' } ] }", "80 80 80 80 80 80 80 80 80 01"},
        {"{ 'fields': [ { 'varint32': -1 }, { 'varint32': 2147483647 }, { 'varint32': 25565 } ] }",
         "ff ff ff ff 0f ff ff ff ff 07 dd c7 01"},
        {"{ 'fields': [ { 'varint32': '${n}' } ] }", "fd ff ff ff 0f"},
        {"{ 'fields': [ { 'zigzag': 0 }, { 'zigzag': -1 }, { 'zigzag': 1 }, { 'zigzag': -2 } ] }",
         "00 01 02 03"},
        {"{ 'fields': [ { 'zigzag': 2147483647 }, { 'zigzag': -2147483648 } ] }",
         "fe ff ff ff 0f ff ff ff ff 0f"},
        {"{ 'fields': [ { 'zigzag': '${n}' } ] }", "05"},
        {"{ 'fields': [ { 'u24': 66051 }, { 'u24be': 66051 }, { 'i24be': -2 } ] }",
         "03 02 01 01 02 03 ff ff fe"},
        {"{ 'fields': [ { 'u24be': '${conn}' }, { 'i24': '${n}' } ] }", "00 01 2c fd ff ff"},
    };
    CHECK_ALL(cases);
}

static void test_lengths_count_the_fields_behind_them(void **state)
{
    (void)state;
    static const struct case_of cases[] = {
        {"{ 'fields': [ { 'length': 'u8', 'of': [ { 'u8': 1 }, { 'u16be': 2 } ] }, { 'u8': 9 } ] }",
         "03 01 00 02 09"},
        {"{ 'fields': [ { 'length': 'u24be', 'plus': 3, 'of': [ { 'hex': 'aabb' } ] } ] }",
         "00 00 05 aa bb"},
        {"{ 'fields': [ { 'length': 'u32', 'plus': -1, 'of': [ { 'u8': '${conn}' } ] } ] }",
         "00 00 00 00 2c"},
        {"{ 'fields': [ { 'length': 'varint', 'of': [ ] } ] }", "00"},
        {"{ 'fields': [ { 'length': 'digits', 'until': ':', 'of': [ { 'string': '${t}', 'length': "
         "'none' } ] }, { 'string': ',', 'length': 'none' } ] }",
         "33 3a 61 62 63 2c"},
        {"{ 'fields': [ { 'length': 'digits', 'bytes': 4, 'of': [ { 'string': '${t}', 'length': "
         "'none' } ] } ] }",
         "30 30 30 33 61 62 63"},
        /* A length inside a length inside a length, each of another form. */
        {"{ 'fields': [ { 'length': 'u16', 'of': [ { 'u8': 1 }, { 'length': 'varint', 'of': [ { "
         "'string': '${t}', 'length': 'u8' }, { 'length': 'ber', 'of': [ { 'varint': '${conn}' } ] "
         "} ] }, { 'u8': 2 } ] } ] }",
         "0a 00 01 07 03 61 62 63 02 ac 02 02"},
        /* Strings of MQTT, Minecraft and .NET. */
        {"{ 'fields': [ { 'string': 'MQTT', 'length': 'u16be' }, { 'string': '${t}', 'length': "
         "'varint' }, { 'string': 'x${conn}', 'length': 'u24' }, { 'string': 'a', 'length': 'ber' "
         "} ] }",
         "00 04 4d 51 54 54 03 61 62 63 04 00 00 78 33 30 30 01 61"},
        /* An anonymous bind of LDAP. */
        {"{ 'fields': [ { 'u8': 48 }, { 'length': 'ber', 'of': [ { 'hex': '02 01' }, { 'u8': "
         "'${iteration}' }, { 'u8': 96 }, { 'length': 'ber', 'of': [ { 'hex': '02 01 03 04 00 80' "
         "}, { 'string': '', 'length': 'ber' } ] } ] } ] }",
         "30 0c 02 01 0c 60 07 02 01 03 04 00 80 00"},
        {"{ 'fields': [ { 'string': '${t}', 'bytes': 5, 'length': 'u8' }, { 'u8': 1 } ] }",
         "03 61 62 63 00 00 01"},
        {"{ 'fields': [ { 'length': 'varint', 'of': [ { 'string': '${t}', 'bytes': 2, 'length': "
         "'varint' } ] } ] }",
         "03 02 61 62"},
    };
    CHECK_ALL(cases);
}

/* The widths of a length change where its number does, and with them those around it. */
static void test_lengths_grow_with_what_they_count(void **state)
{
    (void)state;
    static uint64_t words[WORDS_MAX];
    static uint8_t bytes[BYTES_MAX];
    static char text[BYTES_MAX];
    static const struct {
        const char *format;
        uint32_t text_bytes;
        const char *head;
    } cases[] = {
        {"varint", 125, "7e7d"},     {"varint", 126, "7f7e"},   {"varint", 127, "80017f"},
        {"varint", 128, "82018001"}, {"ber", 125, "7e7d"},      {"ber", 126, "7f7e"},
        {"ber", 127, "81807f"},      {"ber", 128, "8182 8180"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];
        uint8_t head[8];
        size_t head_bytes = 0;
        size_t wrong = 0;
        snprintf(body, sizeof body,
                 "{ 'fields': [ { 'length': '%s', 'of': [ { 'length': '%s', 'of': [ { 'string': "
                 "'${t}', 'length': 'none' } ] } ] } ] }",
                 cases[i].format, cases[i].format);
        memset(text, 'x', cases[i].text_bytes);
        text[cases[i].text_bytes] = '\0';
        struct scenario *scenario = body_load(little, body);
        const struct body *of = &scenario->behaviors[0].loop->send.body;
        struct message_scope scope = body_scope(words, text);
        assert_true(encoding_decode_hex(cases[i].head, head, &head_bytes, &wrong));
        uint32_t count = message_body_bytes(of, &scope);
        message_write_body(of, &scope, bytes);
        if (memcmp(bytes, head, head_bytes) != 0) {
            fail_msg("%s of %u: found %02x %02x %02x", cases[i].format, cases[i].text_bytes,
                     bytes[0], bytes[1], bytes[2]);
        }
        assert_int_equal(count, head_bytes + cases[i].text_bytes);
        body_check_same(of, &scope, bytes, count);
        scenario_destroy(scenario);
    }
}

static void test_what_never_changes_is_written_once(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint32_t parts; /* 0: a constant */
    } cases[] = {
        {"{ 'fields': [ { 'u8': 1 }, { 'length': 'varint', 'of': [ { 'varint': 300 }, { 'string': "
         "'abc' } ] }, { 'f32': 1.5 } ] }",
         0},
        {"{ 'text': 'a${3}b${given}c' }", 0},
        {"{ 'fields': [ { 'u8': 1 }, { 'string': 'abc' }, { 'u8': '${conn}' }, { 'u8': 2 }, { "
         "'u8': 3 } ] }",
         3},
        {"{ 'fields': [ { 'u8': 1 }, { 'length': 'u8', 'of': [ { 'u8': 2 }, { 'length': 'u8', "
         "'of': [ { 'u8': 3 } ] }, { 'varint': '${conn}' } ] } ] }",
         4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario *scenario = body_load(little, cases[i].body);
        const struct body *body = &scenario->behaviors[0].loop->send.body;
        assert_int_equal(body->type, cases[i].parts == 0 ? BODY_CONSTANT : BODY_PARTS);
        assert_int_equal(body->parts_count, cases[i].parts);
        scenario_destroy(scenario);
    }
}

/* Two random parts are not the same one, wherever they were read. */
static void test_random_parts_differ(void **state)
{
    (void)state;
    static uint64_t words[WORDS_MAX];
    uint8_t bytes[64];
    struct scenario *scenario = body_load(
        little,
        "{ 'fields': [ { 'bytes': { 'random': { 'bytes': 8 } } }, { 'bytes': { 'fields': [ "
        "{ 'bytes': { 'random': { 'bytes': 8 } } }, { 'u64': '${random(0,"
        "9223372036854775807)}' } ] } }, { 'u64': '${random(0,9223372036854775807)}' } ] }");
    struct message_scope scope = body_scope(words, "");
    assert_int_equal(message_body_bytes(&scenario->behaviors[0].loop->send.body, &scope), 32);
    message_write_body(&scenario->behaviors[0].loop->send.body, &scope, bytes);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(bytes + 8 * i, bytes + 8 * j, 8);
        }
    }
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_that_are_as_long_as_they_need),
        cmocka_unit_test(test_lengths_count_the_fields_behind_them),
        cmocka_unit_test(test_lengths_grow_with_what_they_count),
        cmocka_unit_test(test_what_never_changes_is_written_once),
        cmocka_unit_test(test_random_parts_differ),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
