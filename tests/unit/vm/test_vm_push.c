/* The vm: messages that nobody asked for, replies that may be missing, fields that are judged. */
#include "vm_harness.h"

static void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

#define CHAT                                                                                       \
    "'loop': [ { 'request': { 'name': 'chat', 'send': { 'id': 201, 'body': { 'fields': [ { "       \
    "'u64': '${stamp_ns}' }, { 'u32': '${conn}' }, { 'u32': '${iteration}' } ] } }, 'match': { "   \
    "'id': 202, 'field': 'u64@8' }, 'verify': 'same_body' } } ], 'on_push': [ { 'match': { 'id': " \
    "202 }, 'fanout': 'u64@0', 'verify': { 'field': { 'at': 'u32@8', 'less_than': 50 } } } ]"

static void test_fanout_is_from_the_senders_stamp(void **state)
{
    (void)state;
    uint8_t body[16] = {0};
    bench_open("'rate': '1/s'", CHAT, false);
    bench_ready();
    vm_on_arrival(bench.vm, 100 * MS, 100 * MS, 100 * MS);
    bench_send(100 * MS);
    assert_int_equal(bench.sent.body[8], 3);
    memcpy(body, bench.sent.body, 16);
    body[8] = 9; /* another player's line, sent at 100 ms, comes first */
    bench_receive(107 * MS, 202, body, 16);
    assert_int_equal(bench.pushes_count, 1);
    assert_int_equal(bench.fanout_ns, 7 * MS);
    assert_int_equal(bench.unsolicited_count, 1);
    assert_int_equal(bench.requests_count, 0);
    bench_receive(108 * MS, 202, bench.sent.body, 16); /* one's own is the reply, not a push */
    assert_int_equal(bench.requests_count, 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.pushes_count, 1);
    assert_int_equal(bench.pushes_wrong_count, 0);
    put_u64(body, 500 * MS); /* a stamp from the future: not one of this run */
    bench_receive(109 * MS, 202, body, 16);
    assert_int_equal(bench.pushes_wrong_count, 1);
    assert_int_equal(bench.fanout_ns, -1);
    put_u64(body, 100 * MS);
    body[8] = 50; /* verify says no */
    bench_receive(110 * MS, 202, body, 16);
    assert_int_equal(bench.pushes_wrong_count, 2);
    bench_receive(111 * MS, 202, body, 4); /* too short for either */
    assert_int_equal(bench.pushes_wrong_count, 3);
    bench_receive(112 * MS, 203, body, 16); /* no rule's business */
    assert_int_equal(bench.pushes_count, 4);
    assert_int_equal(bench.unsolicited_count, 5);
}

static void test_rules_see_what_an_expect_takes(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'expect': { 'match': { 'id': 7 } } } ], 'on_push': [ { 'match': { "
               "'id': 7 }, 'fanout': 'dec@2' } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 100 * MS, 100 * MS, 100 * MS);
    bench_nothing(100 * MS);
    bench_receive(107 * MS, 7, "t=99000000 hello", 16);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.pushes_count, 1);
    assert_int_equal(bench.fanout_ns, 8 * MS);
    assert_int_equal(bench.unsolicited_count, 0);
}

static void test_optional_expect_may_be_missing(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'expect': { 'match': { 'id': 7 }, 'optional': true, 'within': '50ms' } "
               "}, " BENCH_ECHO("") " ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(60 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_ABSENT);
    bench_receive(61 * MS, 7, "late", 4); /* nobody owed it: a push, not a late reply */
    bench_echo(62 * MS);
    assert_int_equal(bench.unsolicited_count, 1); /* none of this pass's expects has taken it */
    assert_int_equal(bench.late_count, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    vm_on_arrival(bench.vm, 100 * MS, 100 * MS, 100 * MS);
    bench_nothing(100 * MS);
    bench_receive(110 * MS, 7, "here", 4);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_send(110 * MS);
}

static void judge(const char *verify, const void *body, uint32_t bytes, enum vm_outcome outcome)
{
    char behavior[512];
    snprintf(behavior, sizeof behavior,
             "'loop': [ { 'request': { 'send': { 'id': 1 }, 'match': 'any', 'verify': %s } } ]",
             verify);
    bench_open("'rate': '1/s'", behavior, false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 2, body, bytes);
    if (bench_last()->outcome != outcome) {
        fail_msg("%s", verify);
    }
    bench_close(NULL);
}

static void test_fields_are_judged(void **state)
{
    (void)state;
    static const uint8_t body[] = {0xff, 0xff, 0x2c, 0x01, 0, 0, 0, 0x3f, 'n', '=', '-', '4', '2'};
    static const struct {
        const char *verify;
        bool holds;
    } cases[] = {
        {"{ 'field': { 'at': 'i16@0', 'equals': -1 } }", true},
        {"{ 'field': { 'at': 'u16@0', 'equals': 65535 } }", true},
        {"{ 'field': { 'at': 'u16@0', 'equals': '${lane - 1}' } }", false},
        {"{ 'field': { 'at': 'i16@0', 'less_than': 0 } }", true},
        {"{ 'field': { 'at': 'u16@2', 'at_most': 300 } }", true},
        {"{ 'field': { 'at': 'u16@2', 'greater_than': 300 } }", false},
        {"{ 'field': { 'at': 'u16be@2', 'equals': 11265 } }", true},
        {"{ 'field': { 'at': 'f32@4', 'equals': 0.5 } }", true},
        {"{ 'field': { 'at': 'f32@4', 'at_least': 0.25 } }", true},
        {"{ 'field': { 'at': 'f32@4', 'not_equals': 0.5 } }", false},
        {"{ 'field': { 'at': 'dec@10', 'equals': -42 } }", true},
        {"{ 'field': { 'at': 'dec@8', 'equals': 0 } }", false},   /* no digits there */
        {"{ 'field': { 'at': 'u64@6', 'at_least': 0 } }", false}, /* too short */
        {"{ 'field': { 'at': 'u16@2', 'equals': '${lane + 300}' } }", true},
        {"[ { 'field': { 'at': 'u8@0', 'equals': 255 } }, { 'contains': { 'text': 'n=' } } ]",
         true},
        {"[ { 'field': { 'at': 'u8@0', 'equals': 255 } }, { 'contains': { 'text': 'm=' } } ]",
         false},
        {"[ 'none', { 'starts_with': { 'hex': 'ff ff' } } ]", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judge(cases[i].verify, body, sizeof body,
              cases[i].holds ? VM_OUTCOME_OK : VM_OUTCOME_MISMATCH);
    }
}

static void check_body(const char *body, const void *expected, uint32_t bytes)
{
    char behavior[1024];
    snprintf(behavior, sizeof behavior,
             "'loop': [ { 'set': { 'name': 'ann', 'hp': -2, 'x': 0.5 } }, { 'request': { 'send': { "
             "'id': 1, 'body': %s }, 'verify': 'same_body' } } ]",
             body);
    bench_open("'rate': '1/s'", behavior, false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_assert_sent(bytes, expected);
    bench_echo(11 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_close(NULL);
}

static void test_fields_of_a_packet(void **state)
{
    (void)state;
    check_body("{ 'fields': [ { 'u8': 1 }, { 'u16': 2 }, { 'u32be': 3 }, { 'u64': "
               "'18446744073709551615' }, { 'i8': -1 }, { 'i16be': -2 }, { 'i32': '${hp}' }, { "
               "'i64': 5 } ] }",
               "\x01\x02\x00\x00\x00\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xfe\xff"
               "\xff\xff\x05\x00\x00\x00\x00\x00\x00\x00",
               30);
    check_body("{ 'fields': [ { 'f32': 1.5 }, { 'f64be': '${x}' }, { 'f32': 2 } ] }",
               "\x00\x00\xc0\x3f\x3f\xe0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40", 16);
    check_body("{ 'fields': [ { 'string': 'hi ${name}' }, { 'string': '${name}', 'length': 'u8' }, "
               "{ 'string': '${name}', 'length': 'zero' }, { 'string': 'x', 'length': 'none' } ] }",
               "\x06\x00hi ann\x03"
               "annann\x00x",
               17);
    check_body("{ 'fields': [ { 'string': '${name}', 'bytes': 6 }, { 'string': 'ab', 'length': "
               "'u16be', 'bytes': 5 }, { 'bytes': { 'hex': 'ff' } } ] }",
               "ann\x00\x00\x00\x00\x02"
               "ab\x00\x00\x00\xff",
               14);
    check_body("{ 'fields': [ { 'string': '${name}bel', 'bytes': 4, 'length': 'zero' }, { "
               "'string': '${name}bel', 'bytes': 4, 'length': 'u8' }, { 'u8': 9 } ] }",
               "ann\x00\x04"
               "annb\x09",
               10); /* cut */
    check_body("{ 'base64': 'AQD/' }", "\x01\x00\xff", 3);
    check_body("{ 'pattern': { 'bytes': 7, 'text': 'abc' } }", "abcabca", 7);
}

static void test_random_bytes_in_a_packet_are_made_again(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'loop': [ { 'request': { 'send': { 'id': 1, 'body': { 'fields': [ { 'u16': "
        "'${random(1,9)}' }, { 'bytes': { 'random': { 'bytes': [300, 900] } } }, { 'string': "
        "'${random(1,100000)}' } ] } }, 'verify': 'same_body' } } ]",
        false);
    bench_ready();
    uint32_t sizes[20];
    bool differ = false;
    for (int64_t i = 0; i < 20; i++) {
        vm_on_arrival(bench.vm, (10 + i) * MS, (10 + i) * MS, (10 + i) * MS);
        bench_send((10 + i) * MS);
        sizes[i] = bench.sent.body_bytes;
        differ = differ || sizes[i] != sizes[0];
        assert_in_range(sizes[i], 2 + 300 + 2 + 1, 2 + 900 + 2 + 6);
        bench_echo((10 + i) * MS);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    }
    assert_true(differ);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_fanout_is_from_the_senders_stamp),
        TEST(test_rules_see_what_an_expect_takes),
        TEST(test_optional_expect_may_be_missing),
        TEST(test_fields_are_judged),
        TEST(test_fields_of_a_packet),
        TEST(test_random_bytes_in_a_packet_are_made_again),
    };
    return cmocka_run_group_tests_name("vm push", tests, NULL, NULL);
}
