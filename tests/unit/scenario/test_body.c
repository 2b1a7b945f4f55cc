/* Bodies as bytes: what each form of the language becomes, beside bytes that were worked out by
 * hand; and that what is made again is what was sent. */
#include "body_harness.h"

static void test_numbers_that_are_as_long_as_they_need(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
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
    BODY_CHECK_ALL(cases);
}

static void test_lengths_count_the_fields_behind_them(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
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
    BODY_CHECK_ALL(cases);
}

/* The widths of a length change where its number does, and with them those around it. */
static void test_lengths_grow_with_what_they_count(void **state)
{
    (void)state;
    static uint64_t words[BODY_WORDS_MAX];
    static uint8_t bytes[BODY_BYTES_MAX];
    static char text[BODY_BYTES_MAX];
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
        struct scenario *scenario = body_load(BODY_LITTLE, body);
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
        {"{ 'text': '${text(5)}' }", 0},
        {"{ 'text': '${conn}${text(5)}${conn}' }", 3},
        {"{ 'json': [ '${conn}', '${text(2 + 3)}' ] }", 3},
        {"{ 'text': 'a${3}b${given}c' }", 0},
        {"{ 'fields': [ { 'u8': 1 }, { 'string': 'abc' }, { 'u8': '${conn}' }, { 'u8': 2 }, { "
         "'u8': 3 } ] }",
         3},
        {"{ 'fields': [ { 'u8': 1 }, { 'length': 'u8', 'of': [ { 'u8': 2 }, { 'length': 'u8', "
         "'of': [ { 'u8': 3 } ] }, { 'varint': '${conn}' } ] } ] }",
         4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario *scenario = body_load(BODY_LITTLE, cases[i].body);
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
    static uint64_t words[BODY_WORDS_MAX];
    uint8_t bytes[64];
    struct scenario *scenario = body_load(
        BODY_LITTLE,
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

/* The first ones are those of protobuf.dev/programming-guides/encoding. */
static void test_messages_of_protocol_buffers(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"{ 'pb': { '1': 150 } }", "08 96 01"},
        {"{ 'pb': { '2': 'testing' } }", "12 07 74 65 73 74 69 6e 67"},
        {"{ 'pb': { '3': { '1': 150 } } }", "1a 03 08 96 01"},
        {"{ 'pb': { '4': 'hello', '5': [ 1, 2, 3 ] } }", "22 05 68 65 6c 6c 6f 28 01 28 02 28 03"},
        {"{ 'pb': { '6': { 'packed': [ 3, 270, 86942 ] } } }", "32 06 03 8e 02 9e a7 05"},
        {"{ 'pb': { } }", ""},
        {"{ 'pb': { '1': 0, '2': '', '3': { }, '4': false, '5': [ ] } }",
         "08 00 12 00 1a 00 20 00"},
        {"{ 'pb': { '1': true, '16': 1, '536870911': 1 } }", "08 01 80 01 01 f8 ff ff ff 0f 01"},
        {"{ 'pb': { '1': -1 } }", "08 ff ff ff ff ff ff ff ff ff 01"},
        {"{ 'pb': { '1': { 'int32': -1 }, '2': { 'sint32': -1 }, '3': { 'sint64': 1 } } }",
         "08 ff ff ff ff ff ff ff ff ff 01 10 01 18 02"},
        {"{ 'pb': { '1': { 'uint64': '18446744073709551615' }, '2': { 'uint32': 4294967295 } } }",
         "08 ff ff ff ff ff ff ff ff ff 01 10 ff ff ff ff 0f"},
        {"{ 'pb': { '1': { 'fixed32': 1 }, '2': { 'sfixed32': -2 } } }",
         "0d 01 00 00 00 15 fe ff ff ff"},
        {"{ 'pb': { '1': { 'fixed64': 1 }, '2': { 'sfixed64': -2 } } }",
         "09 01 00 00 00 00 00 00 00 11 fe ff ff ff ff ff ff ff"},
        {"{ 'pb': { '1': { 'double': 1.5 }, '2': { 'float': '${f}' }, '3': { 'double': 2 } } }",
         "09 00 00 00 00 00 00 f8 3f 15 cd cc cc 3d 19 00 00 00 00 00 00 00 40"},
        {"{ 'pb': { '1': { 'bool': true }, '2': { 'enum': 3 }, '3': { 'bool': '${conn & 1}' } } }",
         "08 01 10 03 18 00"},
        {"{ 'pb': { '1': { 'bytes': { 'hex': '00 ff' } }, '2': { 'bytes': { 'pb': { '1': 1 } } } } "
         "}",
         "0a 02 00 ff 12 02 08 01"},
        {"{ 'pb': { '1': { 'packed': [ { 'float': 1 }, { 'float': 0.5 } ] } } }",
         "0a 08 00 00 80 3f 00 00 00 3f"},
        {"{ 'pb': { '1': '${conn}', '2': '${t}', '3': 'a${conn}', '4': { 'string': '${conn}' }, "
         "'5': '${text(n)}', '6': '${u}' } }",
         "08 ac 02 12 03 61 62 63 1a 04 61 33 30 30 22 03 33 30 30 2a 02 2d 33 30 ff ff ff ff ff "
         "ff ff ff ff 01"},
        {"{ 'pb': { '1': { '1': '${t}', '2': { '1': '${conn}', '2': { 'packed': [ '${conn}', 1 ] } "
         "} }, '2': [ { '1': '${t}' }, { '1': 'x' } ] } }",
         "0a 0f 0a 03 61 62 63 12 08 08 ac 02 12 03 ac 02 01 12 05 0a 03 61 62 63 12 03 0a 01 78"},
        {"{ 'fields': [ { 'u16be': 7 }, { 'length': 'varint', 'of': [ { 'pb': { '1': '${t}' } } ] "
         "} "
         "] }",
         "00 07 05 0a 03 61 62 63"},
    };
    BODY_CHECK_ALL(cases);
}

static void check_json(const char *framing, const char *json, const char *text,
                       const char *expected)
{
    static uint64_t words[BODY_WORDS_MAX];
    static char body[BODY_BYTES_MAX];
    static uint8_t bytes[BODY_BYTES_MAX];
    snprintf(body, sizeof body, "{ 'json': %s }", json);
    struct scenario *scenario = body_load(framing, body);
    const struct body *of = &scenario->behaviors[0].loop->send.body;
    struct message_scope scope = body_scope(words, text);
    uint32_t count = message_body_bytes(of, &scope);
    assert_true(count < sizeof bytes);
    message_write_body(of, &scope, bytes);
    bytes[count] = '\0';
    if (strcmp((const char *)bytes, expected) != 0) {
        fail_msg("%s: expected %s, found %s", json, expected, (const char *)bytes);
    }
    body_check_same(of, &scope, bytes, count);
    scenario_destroy(scenario);
}

static void test_json_is_on_one_line_and_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *text;
        const char *expected;
    } cases[] = {
        {"null", "", "null"},
        {"[ ]", "", "[]"},
        {"{ 'a': [ 1, -2.5, true, false, null, { } ], 'b': 'x y' }", "",
         "{\"a\":[1,-2.5,true,false,null,{}],\"b\":\"x y\"}"},
        {"[ 9007199254740992, 1500000000000000, 1e300, 0.1, 1e-7, -0.0 ]", "",
         "[9007199254740992,1500000000000000,1e+300,0.1,1e-07,0]"},
        {"'a\\'b\\\\c\\n\\t\\u0001\\u007f\\u00e9\\ud83d\\ude00/'", "",
         "\"a\\\"b\\\\c\\n\\t\\u0001\x7f\xc3\xa9\xf0\x9f\x98\x80/\""},
        {"'${conn}'", "", "300"},
        {"[ '${n}', '${u}', '${f}', '${n * 2}', '${f / 3}', '${18446744073709551615}', '${1.5}' ]",
         "", "[-3,18446744073709551615,0.1,-6,0.03333333333333333,18446744073709551615,1.5]"},
        {"[ '${text(number(t))}' ]", "0xfffffffffffffff", "[\"1152921504606846975\"]"},
        {"[ '${text(conn)}', ' ${conn}', '${given}', '${number(given)}', '$${conn}' ]", "",
         "[\"300\",\" 300\",\"12\",12,\"${conn}\"]"},
        {"{ 'k${t}': '${t}', 'x': 'a ${t} b' }", "q\"\\\n\x01z",
         "{\"kq\\\"\\\\\\n\\u0001z\":\"q\\\"\\\\\\n\\u0001z\",\"x\":\"a q\\\"\\\\\\n\\u0001z b\"}"},
        {"'${t}'", "\b\f\r\t\x1f \x7f</script>", "\"\\b\\f\\r\\t\\u001f \x7f</script>\""},
        {"'${t}'", "\xc3\xa9 \xf0\x9f\x98\x80", "\"\xc3\xa9 \xf0\x9f\x98\x80\""},
        /* What is no UTF-8: a cut letter, a lone byte, a surrogate, what is longer than it need be.
         */
        {"'${t}'", "a\xc3", "\"a\\ufffd\""},
        {"'${t}'", "\xff\x80z", "\"\\ufffd\\ufffdz\""},
        {"'${t}'", "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"'${t}'", "\xc0\xaf", "\"\\ufffd\\ufffd\""},
        {"{ 'set': { 'no name': 1 }, 'capture': { 'a': 'b' } }", "",
         "{\"set\":{\"no name\":1},\"capture\":{\"a\":\"b\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_json(BODY_LITTLE, cases[i].json, cases[i].text, cases[i].expected);
    }
    check_json("{ 'type': 'delimiter', 'delimiter': '\\n' }", "[ '${t}', '${t}' ]", "x\n",
               "[\"x\\n\",\"x\\n\"]");
}

static void test_a_double_that_is_none_is_null(void **state)
{
    (void)state;
    static uint64_t words[BODY_WORDS_MAX];
    struct scenario *scenario = body_load(BODY_LITTLE, "{ 'json': [ '${f}' ] }");
    const struct body *of = &scenario->behaviors[0].loop->send.body;
    struct message_scope scope = body_scope(words, "");
    static const uint64_t bits[] = {0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        uint8_t bytes[64];
        words[2] = bits[i];
        assert_int_equal(message_body_bytes(of, &scope), 6);
        message_write_body(of, &scope, bytes);
        assert_memory_equal(bytes, "[null]", 6);
    }
    scenario_destroy(scenario);
}

/* The digits of a number that a cell holds as a text may be more than the cell has. */
static void test_the_number_of_a_cell_in_json(void **state)
{
    (void)state;
    static const char text[] = "{ \"framing\": { \"type\": \"raw\" }, \"data\": { \"d\": { "
                               "\"file\": \"test_body.csv\" } }, "
                               "\"behaviors\": [ { \"loop\": [ { \"send\": { \"body\": { \"json\": "
                               "\"${text(number(d.c))}\" } } }, { \"think\": \"1s\" } ] } ] }";
    static const char cells[] = "c,e\n0xfffffffffffffff,1\nx,2\n,3\n";
    static const char *const expected[] = {"\"1152921504606846975\"", "\"0\"", "\"0\""};
    FILE *file = fopen("test_body.csv", "wb");
    assert_non_null(file);
    assert_true(fputs(cells, file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct scenario *scenario =
        scenario_read("body.json", text, sizeof text - 1, NULL, NULL, 0, body_told, NULL);
    remove("test_body.csv");
    assert_non_null(scenario);
    const struct body *body = &scenario->behaviors[0].loop->send.body;
    for (uint32_t i = 0; i < 3; i++) {
        const struct value_world world = {.tables =
                                              ((const struct scenario_tree *)scenario)->tables,
                                          .tables_count = 1,
                                          .connections_count = 1,
                                          .lanes_count = 1};
        const struct message_scope scope = {.world = &world, .iteration = i};
        uint8_t bytes[64];
        uint32_t count = message_body_bytes(body, &scope);
        assert_true(count < sizeof bytes);
        message_write_body(body, &scope, bytes);
        bytes[count] = '\0';
        assert_string_equal(bytes, expected[i]);
        body_check_same(body, &scope, bytes, count);
    }
    scenario_destroy(scenario);
}

/* Lengths are of what is escaped, not of what was captured. */
static void test_lengths_count_what_is_escaped(void **state)
{
    (void)state;
    static const struct body_case of = {
        "{ 'fields': [ { 'length': 'u16be', 'of': [ { 'json': { 'a': '${t}' } } ] } ] }",
        "00 0e 7b 22 61 22 3a 22 5c 75 30 30 30 31 22 7d"};
    body_check(&of, BODY_LITTLE, "\x01");
}

/* Check values of the catalogue, of "123456789", whatever it is made of. */
static void test_checksums_of_fields(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"{ 'fields': [ { 'crc32c': [ { 'hex': '313233343536373839' } ] } ] }",
         "83 92 06 e3 31 32 33 34 35 36 37 38 39"},
        {"{ 'fields': [ { 'crc32c': [ { 'string': '123456789', 'length': 'none' } ], 'byte_order': "
         "'big', 'where': 'behind' } ] }",
         "31 32 33 34 35 36 37 38 39 e3 06 92 83"},
        {"{ 'fields': [ { 'sum8': [ { 'string': '${t}', 'length': 'u8' } ] } ] }",
         "29 03 61 62 63"},
        {"{ 'fields': [ { 'where': 'behind', 'xor8': [ { 'u16be': '${conn}' } ] }, { 'u8': 9 } ] }",
         "01 2c 2d 09"},
        {"{ 'fields': [ { 'digits3': [ { 'string': '${t}', 'length': 'none' } ] } ] }",
         "30 33 38 61 62 63"},
        /* One over another, under a length, and a length under it. */
        {"{ 'fields': [ { 'length': 'u16be', 'of': [ { 'xor8': [ { 'length': 'varint', 'of': [ { "
         "'sum8': [ { 'string': '${t}', 'length': 'none' } ] } ] } ] } ] } ] }",
         "00 06 42 04 26 61 62 63"},
        {"{ 'fields': [ { 'bytes': { 'fields': [ { 'xor8': [ { 'json': { 'a': '${t}' } } ] } ] } } "
         "] }",
         "3d 7b 22 61 22 3a 22 61 62 63 22 7d"},
        {"{ 'fields': [ { 'crc16': [ ] } ] }", "00 00"},
    };
    BODY_CHECK_ALL(cases);
}

/* What is drawn is drawn once: the checksum is of what is sent. */
static void test_a_checksum_of_what_is_drawn(void **state)
{
    (void)state;
    static uint64_t words[BODY_WORDS_MAX];
    uint8_t bytes[64];
    struct scenario *scenario = body_load(
        BODY_LITTLE, "{ 'fields': [ { 'sum8': [ { 'bytes': { 'random': { 'bytes': [1, 40] } } }, { "
                     "'u16': '${random(0,65535)}' } ] } ] }");
    struct message_scope scope = body_scope(words, "");
    const struct body *of = &scenario->behaviors[0].loop->send.body;
    assert_true(of->is_random);
    for (scope.key = 0; scope.key < 100; scope.key++) {
        uint32_t count = message_body_bytes(of, &scope);
        assert_in_range(count, 4, 43);
        message_write_body(of, &scope, bytes);
        uint8_t sum = 0;
        for (uint32_t i = 1; i < count; i++) {
            sum = (uint8_t)(sum + bytes[i]);
        }
        assert_int_equal(bytes[0], sum);
        assert_true(message_body_equals(of, &scope, bytes, count, false));
    }
    scenario_destroy(scenario);
}

static void test_the_number_of_a_message_has_any_form(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"{ 'text': '34=${sequence}|' }", "33 34 3d 31 30 30 30 7c"},
        {"{ 'fields': [ { 'varint': '${sequence}' }, { 'u64be': '${sequence}' } ] }",
         "e8 07 00 00 00 00 00 00 03 e8"},
        {"{ 'fields': [ { 'u8': '${(sequence - 1) % 256}' } ] }", "e7"},
        {"{ 'pb': { '1': '${sequence}' } }", "08 e8 07"},
        {"{ 'json': [ '${sequence}' ] }", "5b 31 30 30 30 5d"},
    };
    BODY_CHECK_ALL(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksums_of_fields),
        cmocka_unit_test(test_a_checksum_of_what_is_drawn),
        cmocka_unit_test(test_the_number_of_a_message_has_any_form),
        cmocka_unit_test(test_numbers_that_are_as_long_as_they_need),
        cmocka_unit_test(test_lengths_count_the_fields_behind_them),
        cmocka_unit_test(test_lengths_grow_with_what_they_count),
        cmocka_unit_test(test_what_never_changes_is_written_once),
        cmocka_unit_test(test_random_parts_differ),
        cmocka_unit_test(test_messages_of_protocol_buffers),
        cmocka_unit_test(test_json_is_on_one_line_and_escaped),
        cmocka_unit_test(test_a_double_that_is_none_is_null),
        cmocka_unit_test(test_the_number_of_a_cell_in_json),
        cmocka_unit_test(test_lengths_count_what_is_escaped),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
