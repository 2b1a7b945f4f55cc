/* Values mean what they say: numbers with a sign and without, f32, what is compared with what. */
#include "vm_harness.h"

static void begin(const char *behavior)
{
    bench_open("'rate': '1/s'", behavior, false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
}

/* A request whose answer has this number at its beginning; then the line that is logged. */
#define ASK(members)                                                                               \
    "{ 'request': { 'send': { 'id': 1 }, 'within': '1s', 'match': 'any'" members " } }"

static void answer(uint64_t bits, uint32_t bytes)
{
    uint8_t body[8];
    for (uint32_t i = 0; i < bytes; i++) {
        body[i] = (uint8_t)(bits >> (8 * i));
    }
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, body, bytes);
    assert_int_equal(bench.requests_count, 1);
}

static const struct {
    const char *field;
    uint64_t bits;
    uint32_t bytes;
    const char *steps;
    const char *line;
} lines[] = {
    {"u16@0", 5, 2, "{ 'set': { 'x': '${x - 3}' } }, { 'set': { 'x': '${x - 3}' } }", "-1"},
    {"u8@0", 2, 1, "{ 'set': { 'x': '${x - 3}' } }", "-1"},
    {"u64@0", 2, 8, "{ 'set': { 'x': '${x - 3}' } }", "-1"},
    {"u64@0", UINT64_MAX, 8, "{ 'mark': 'm' }", "18446744073709551615"},
    {"u64@0", UINT64_MAX - 1, 8, "{ 'set': { 'y': '${x + 1}' } }", "18446744073709551614"},
    {"i32@0", UINT64_C(0xffffffff), 4, "{ 'set': { 'x': '${x * 3}' } }", "-3"},
    {"u32@0", UINT64_C(0xffffffff), 4, "{ 'set': { 'x': '${x + 1}' } }", "4294967296"},
    {"f32@0", 0x3dcccccd, 4, "{ 'mark': 'm' }", "0.1"},
    {"f32@0", 0x3dcccccd, 4,
     "{ 'if': { 'value': '${x}', 'equals': 0.1, 'then': [ { 'set': { 'x': 5.5 } } ] } }", "5.5"},
    {"f32@0", 0x3dcccccd, 4,
     "{ 'if': { 'value': '${x}', 'less_than': 0.1, 'then': [ { 'set': { 'x': 5.5 } } ] } }", "0.1"},
    {"u16@0", 1, 2,
     "{ 'set': { 'x': '${x - 2}' } }, { 'if': { 'value': '${x}', 'at_most': 0, 'then': [ { 'set': "
     "{ 'x': 77 } } ] } }",
     "77"},
    {"u64@0", UINT64_MAX, 8,
     "{ 'if': { 'value': '${x}', 'greater_than': 1, 'then': [ { 'set': { 'x': 5 } } ] } }", "5"},
    {"u64@0", UINT64_MAX, 8,
     "{ 'set': { 'y': 0 } }, { 'set': { 'y': '${x}' } }, { 'log': 'y' }, { 'set': { 'z': '${y / "
     "5}' "
     "} }, { 'if': { 'value': '${z}', 'equals': '3689348814741910323', 'then': [ { 'set': { 'x': 1 "
     "} } ] } }",
     "1"},
    {"u64@0", UINT64_MAX - 1, 8, "{ 'set': { 'x': '${x + 1}' } }", "18446744073709551615"},
    {"u8@0", 7, 1,
     "{ 'set': { 'y': '${conn}' } }, { 'set': { 'y': '${y - 4}' } }, { 'set': { 'x': '${y + x}' } "
     "}",
     "6"},
    {"u8@0", 7, 1, "{ 'set': { 'x': '${9223372036854775809 - 2}' } }", "9223372036854775807"},
};

static void test_numbers_keep_their_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char behavior[1024];
        snprintf(behavior, sizeof behavior,
                 "'loop': [ " ASK(", 'capture': { 'x': '%s' }") ", %s, { 'log': '${x}' } ]",
                 lines[i].field, lines[i].steps);
        begin(behavior);
        answer(lines[i].bits, lines[i].bytes);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        assert_string_equal(bench.line, lines[i].line);
        bench_close(NULL);
    }
}

/* Of the wide and what has a sign, one variable cannot hold both: said as a mismatch. */
static void test_number_that_has_no_room_is_a_mismatch(void **state)
{
    (void)state;
    begin("'loop': [ " ASK(", 'capture': { 'x': 'u64@0' }") ", { 'set': { 'x': '${x - 1}' } } ]");
    answer(UINT64_C(1) << 63, 8);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
    bench_close(NULL);
    begin("'loop': [ " ASK(", 'capture': { 'x': 'dec@0' }") " ]");
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, "9223372036854775808", 19);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
}

static const struct {
    const char *match; /* members of `match` or `verify` */
    uint64_t bits;
    uint32_t bytes;
    bool holds;
} matches[] = {
    {"{ 'at': 'f32@0', 'equals': 0.1 }", 0x3dcccccd, 4, true},
    {"{ 'at': 'f32@0', 'equals': 0.1 }", 0x3dccccce, 4, false},
    {"{ 'at': 'f64@0', 'equals': 0.1 }", UINT64_C(0x3fb999999999999a), 8, true},
    {"{ 'at': 'u64@0', 'equals': '18446744073709551615' }", UINT64_MAX, 8, true},
    {"{ 'at': 'u64@0', 'equals': '9007199254740993' }", UINT64_C(9007199254740993), 8, true},
    {"{ 'at': 'u64@0', 'equals': '9007199254740993' }", UINT64_C(9007199254740992), 8, false},
    {"{ 'at': 'i32@0', 'equals': -1 }", UINT64_C(0xffffffff), 4, true},
    {"{ 'at': 'i64@0', 'equals': '-9223372036854775808' }", UINT64_C(1) << 63, 8, true},
    {"{ 'at': 'u64@0', 'equals': '${minus}' }", UINT64_MAX, 8, false},
    {"{ 'at': 'i64@0', 'equals': '${minus}' }", UINT64_MAX, 8, true},
    {"{ 'at': 'u32@0', 'equals': '${minus}' }", UINT64_C(0xffffffff), 4, false},
    {"{ 'at': 'f32@0', 'equals': '${tenth}' }", 0x3dcccccd, 4, true},
};

static void test_match_and_verify_compare_numbers_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof matches / sizeof matches[0]); i++) {
        bool selects = i % 2 == 0;
        char behavior[1024];
        snprintf(behavior, sizeof behavior,
                 "'setup': [ { 'set': { 'minus': '${0 - 1}', 'tenth': 0.1 } } ], 'loop': [ { "
                 "'request': { 'send': { 'id': 1 }, 'match': { 'id': 1 %s%s }, 'verify': %s%s%s "
                 "} } ]",
                 selects ? ", 'field': " : "", selects ? matches[i / 2].match : "",
                 selects ? "'none'" : "{ 'field': ", selects ? "" : matches[i / 2].match,
                 selects ? "" : " }");
        begin(behavior);
        uint8_t body[8];
        for (uint32_t j = 0; j < matches[i / 2].bytes; j++) {
            body[j] = (uint8_t)(matches[i / 2].bits >> (8 * j));
        }
        bench_send(10 * MS);
        bench_receive(11 * MS, 1, body, matches[i / 2].bytes);
        bool holds = bench.requests_count == 1 && bench_last()->outcome == VM_OUTCOME_OK;
        assert_int_equal(holds, matches[i / 2].holds);
        assert_int_equal(bench.requests_count, selects && !holds ? 0 : 1);
        bench_close(NULL);
    }
}

static void test_field_that_was_sent_is_compared_as_a_number(void **state)
{
    (void)state;
    begin("'loop': [ { 'request': { 'send': { 'id': 1, 'body': { 'fields': [ { 'i16': -2 } ] } }, "
          "'match': { 'id': 1, 'field': { 'at': 'i64@0', 'sent': 'i16@0' } } } } ]");
    bench_send(10 * MS);
    bench_receive(11 * MS, 1, "\xfe\xff\x00\x00\x00\x00\x00\x00", 8);
    assert_int_equal(bench.requests_count, 0);
    bench_receive(11 * MS, 1, "\xfe\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_int_equal(bench.requests_count, 1);
}

static void check_number(uint32_t id, const char *text)
{
    assert_int_equal(bench.sent.id, id);
    bench_assert_sent(strlen(text), text);
}

/* Messages are counted in the order of sending, whoever sends them, and anew on each connection. */
static void test_a_message_knows_its_number(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s', 'in_flight': 2",
        "'on_disconnect': 'reconnect', 'setup': [ { 'send': { 'unframed': { 'hex': '04000100' } } "
        "}, { 'send': { 'id': 1, 'body': { 'text': '${sequence}' } } } ], 'loop': [ { "
        "'request': { 'send': { 'id': 2, 'body': { 'text': '#${sequence}' } }, 'verify': "
        "'same_body', 'within': '9s' } } ], 'on_push': [ { 'match': { 'id': 7 }, 'send': { "
        "'id': 8, 'body': { 'fields': [ { 'string': '${sequence}', 'length': 'none' } ] } } "
        "} ], 'every': [ { 'silence': '1s', 'send': { 'id': 9, 'body': { 'text': "
        "'${sequence}' } } } ]",
        false);
    int64_t now_ns = MS;
    bench_take(now_ns, VM_ACTION_CONNECT);
    for (int lives = 0; lives < 2; lives++) {
        vm_on_connected(bench.vm, now_ns);
        bench_send(now_ns); /* not counted */
        bench_send(now_ns);
        check_number(1, "1");
        bench_drive(now_ns);
        for (char number = '2'; number <= '9'; number++) {
            bench_receive(now_ns, 7, "", 0);
            bench_take(now_ns, VM_ACTION_SEND);
            check_number(8, (const char[]){number, '\0'});
        }
        vm_on_arrival(bench.vm, now_ns, now_ns, now_ns);
        bench_send(now_ns);
        check_number(2, "#10");
        vm_on_arrival(bench.vm, now_ns, now_ns, now_ns);
        bench_send(now_ns);
        check_number(2, "#11");
        assert_int_equal(bench_drive(now_ns + 1000 * MS), 1);
        check_number(9, "12");
        uint32_t requests = bench.requests_count;
        bench_receive(now_ns + 1000 * MS, 2, "#10", 3);
        bench_receive(now_ns + 1000 * MS, 2, "#11", 3);
        assert_int_equal(bench.requests_count, requests + 2);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        now_ns += 1001 * MS;
        vm_on_closed(bench.vm, now_ns);
        bench_take(now_ns, VM_ACTION_CONNECT);
    }
}

/* What a match compares with may be worked out, as what a verify compares with. */
static void test_a_match_is_worked_out_when_the_step_begins(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        const char *other;
        const char *right;
    } cases[] = {
        {"{ 'at': 'text@0', 'equals': 'o${conn}-${iteration}' }", "o3-1", "o3-0"},
        {"{ 'at': 'text@0', 'equals': '${text(conn * 2)}' }", "7", "6"},
        {"{ 'at': 'dec@0', 'equals': '${conn * 2 + iteration}' }", "7", "6"},
        {"{ 'at': 'dec@0', 'equals': '${number(t) + 1}' }", "41", "42"},
        {"{ 'at': 'json(/a)', 'equals': '<${t}>' }", "{\"a\":\"41\"}", "{\"a\":\"<41>\"}"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char behavior[512];
        snprintf(behavior, sizeof behavior,
                 "'setup': [ { 'set': { 't': '41' } } ], 'loop': [ { 'request': { 'send': { 'id': "
                 "1 }, 'match': { 'field': %s }, 'within': '1s' } } ]",
                 cases[i].field);
        begin(behavior);
        bench_send(10 * MS);
        bench_receive(11 * MS, 1, cases[i].other, (uint32_t)strlen(cases[i].other));
        assert_int_equal(bench.requests_count, 0);
        bench_receive(12 * MS, 1, cases[i].right, (uint32_t)strlen(cases[i].right));
        assert_int_equal(bench.requests_count, 1);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        bench_close(NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_keep_their_sign),
        TEST(test_number_that_has_no_room_is_a_mismatch),
        TEST(test_match_and_verify_compare_numbers_alike),
        TEST(test_a_match_is_worked_out_when_the_step_begins),
        TEST(test_a_message_knows_its_number),
        TEST(test_field_that_was_sent_is_compared_as_a_number),
    };
    return cmocka_run_group_tests_name("vm_values", tests, NULL, NULL);
}
