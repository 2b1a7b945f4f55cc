/* The vm: rules of on_push that answer, in every state of a connection. */
#include "vm_harness.h"

#define RULE                                                                                       \
    "'on_push': [ { 'match': { 'id': 7 }, 'capture': { 'nonce': 'u8@0' }, 'send': { 'id': 8, "     \
    "'body': { 'fields': [ { 'u8': '${nonce}' } ] } } } ]"

/* The server pings: the answer is there at once, and takes no lane. */
static void ping(int64_t now_ns, uint8_t nonce)
{
    uint32_t answers = bench.answers_count;
    bench_receive(now_ns, 7, &nonce, 1);
    bench_send(now_ns);
    assert_int_equal(bench.action.lane, VM_LANE_NONE);
    assert_int_equal(bench.action.step, PROGRAM_STEP_NONE);
    assert_int_equal(bench.sent.id, 8);
    bench_assert_sent(1, &nonce);
    assert_int_equal(bench.answers_count, answers + 1);
    assert_int_equal(bench.unsent_count, 0);
}

static void test_a_push_is_answered_in_every_state(void **state)
{
    (void)state;
    static const struct bench_state cases[] = {
        {"think in setup", "'rate': '1/s'",
         "'setup': [ { 'think': '1s' } ], 'loop': [ { 'think': '1s' } ]", false, false, false},
        {"request in setup", "'rate': '1/s'",
         "'setup': [ " BENCH_ECHO("") " ], 'loop': [ { 'think': '1s' } ]", false, false, false},
        {"expect in setup", "'rate': '1/s'",
         "'setup': [ { 'expect': {} } ], 'loop': [ { 'think': '1s' } ]", false, false, false},
        {"barrier in setup", "'rate': '1/s'",
         "'setup': [ { 'barrier': 'in' } ], 'loop': [ { 'think': '1s' } ]", false, false, false},
        {"before the first arrival", "'rate': '1/s', 'in_flight': 3",
         "'loop': [ " BENCH_ECHO("") " ]", false, false, false},
        {"before the start", "'in_flight': 3", "'loop': [ " BENCH_ECHO("") " ]", true, false,
         false},
        {"request", "'rate': '1/s', 'in_flight': 3", "'loop': [ " BENCH_ECHO("") " ]", false, true,
         false},
        {"think", "'rate': '1/s', 'in_flight': 3", "'loop': [ { 'think': '1s' } ]", false, true,
         false},
        {"expect", "'rate': '1/s'", "'loop': [ { 'expect': {} } ]", false, true, false},
        {"expect of another id", "'rate': '1/s'",
         "'loop': [ { 'expect': { 'match': { 'id': 9 } } } ]", false, true, false},
        {"barrier", "'rate': '1/s'", "'loop': [ { 'barrier': 'in' } ]", false, true, false},
        {"expect_close", "'rate': '1/s'",
         "'loop': [ { 'reconnect': 'now' }, { 'expect_close': '1s' } ]", false, true, false},
        {"receive off", "'rate': '1/s'",
         "'loop': [ { 'receive': 'off' }, { 'think': '1s' }, { 'receive': 'on' } ]", false, true,
         false},
        {"drain", "'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ]", false, true, true},
        {"teardown", "'rate': '1/s'",
         "'loop': [ { 'think': '1s' } ], 'teardown': [ " BENCH_ECHO("") " ]", false, false, true},
        {"no loop", "'connections': 1", "'setup': []", true, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_reach(&cases[i], RULE);
        uint32_t requests = bench.requests_count;
        ping(5 * MS, 0x21);
        ping(5 * MS, 0xfe);
        bench_nothing(5 * MS);
        assert_int_equal(bench.pushes_count, 2);
        assert_int_equal(bench.pushes_wrong_count, 0);
        assert_int_equal(bench.unsolicited_count, 2);
        assert_int_equal(bench.requests_count, requests);
        bench_close(NULL);
    }
}

static void test_an_answer_changes_nothing_for_the_lanes(void **state)
{
    (void)state;
    uint8_t body[8];
    bench_open("'rate': '1/s'", "'loop': [ " BENCH_ECHO("") " ], " RULE, false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    memcpy(body, bench.sent.body, sizeof body);
    ping(11 * MS, 5);
    assert_int_equal(bench.requests_count, 0);
    bench_receive(13 * MS, 1, body, sizeof body);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench_last()->sent_ns, 10 * MS);
    assert_int_equal(bench_last()->last_ns, 13 * MS);
}

#define LINES "'framing': { 'type': 'delimiter', 'delimiter': '\\n' },"
#define PING_RULE                                                                                  \
    "'on_push': [ { 'match': { 'field': { 'at': 'u32be@0', 'equals': 1346981447 } }, 'send': { "   \
    "'body': { 'text': 'PONG' } } } ]"

static void test_a_rule_comes_before_a_request_without_a_match(void **state)
{
    (void)state;
    bench_open_with(LINES, "'rate': '1/s'",
                    "'loop': [ { 'request': { 'send': { 'body': { 'text': 'get' } } } }, { "
                    "'expect': { 'match': 'any' } } ], " PING_RULE,
                    false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 0, "PING", 4);
    bench_send(11 * MS);
    bench_assert_sent(4, "PONG");
    assert_int_equal(bench.requests_count, 0);
    bench_receive(12 * MS, 0, "got", 3);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_nothing(12 * MS);
    bench_receive(13 * MS, 0, "PING", 4); /* nor does the expect take it, */
    bench_send(13 * MS);
    assert_int_equal(bench.requests_count, 1);
    bench_receive(14 * MS, 0, "news", 4);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench.answers_count, 2);
    bench_receive(15 * MS, 0, "PING", 4); /* ... nor one that looks back */
    bench_send(15 * MS);
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS);
    bench_send(20 * MS);
    bench_receive(21 * MS, 0, "PING", 4);
    bench_send(21 * MS);
    bench_receive(22 * MS, 0, "got", 3);
    bench_nothing(22 * MS);
    assert_int_equal(bench.requests_count, 3);
}

static void test_a_match_of_its_own_comes_before_the_rules(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'request': { 'send': { 'id': 1 }, 'match': { 'id': 7 } } }, { 'think': "
               "'10ms' }, { 'expect': { 'match': { 'id': 7 } } } ], " RULE,
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 7, "\x01", 1); /* the request's reply: no rule sees it */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_nothing(11 * MS);
    assert_int_equal(bench.pushes_count, 0);
    ping(12 * MS, 2); /* an expect may take what a rule has answered */
    bench_nothing(21 * MS);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.ended_count, 1);
}

static void test_answers_wait_for_room_in_order(void **state)
{
    (void)state;
    enum { PINGS = 20, KEPT = 16 };
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ], " RULE, false);
    bench_ready();
    for (uint8_t i = 0; i < PINGS; i++) {
        bench_receive(10 * MS, 7, &i, 1);
        assert_false(vm_next_blocked(bench.vm, 10 * MS, &bench.action));
    }
    assert_int_equal(bench.unsent_count, PINGS - KEPT);
    for (uint8_t i = 0; i < KEPT; i++) {
        bench_send(11 * MS);
        bench_assert_sent(1, &i); /* each with what its own message said */
    }
    bench_nothing(11 * MS);
    assert_int_equal(bench.answers_count, KEPT);
    for (uint8_t i = 0; i < 2 * KEPT; i++) {
        uint8_t nonce = (uint8_t)(100 + i);
        bench_receive(12 * MS, 7, &nonce, 1);
        bench_send(12 * MS);
        bench_assert_sent(1, &nonce);
    }
    assert_int_equal(bench.answers_count, 3 * KEPT);
}

static void test_answers_leave_before_our_end(void **state)
{
    (void)state;
    static const char *const ends[] = {"fin", "half"};
    for (size_t i = 0; i < 2; i++) {
        char behavior[512];
        snprintf(behavior, sizeof behavior,
                 "'loop': [ { 'reconnect': 'now' }, { 'think': '5ms' }, { 'disconnect': '%s' } ], "
                 "%s",
                 ends[i], RULE);
        bench_open("'rate': '1/s'", behavior, false);
        bench_drive(2 * MS);
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        bench_drive(10 * MS);
        bench_receive(14 * MS, 7, "\x09", 1);
        bench_send(15 * MS); /* the disconnect is due, too */
        assert_int_equal(bench.sent.id, 8);
        bench_take(15 * MS, VM_ACTION_DISCONNECT);
        bench_receive(16 * MS, 7, "\x0a", 1); /* our side is closed: nothing is owed any more */
        bench_nothing(16 * MS);
        assert_int_equal(bench.answers_count, 1);
        assert_int_equal(bench.unsent_count, 0);
        bench_close(NULL);
    }
}

static void test_the_end_does_not_wait_for_room(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ], " RULE, false);
    bench_ready();
    bench_receive(10 * MS, 7, "\x01", 1);
    vm_on_stop(bench.vm, 11 * MS);
    assert_true(vm_next_blocked(bench.vm, 11 * MS, &bench.action));
    assert_int_equal(bench.action.type, VM_ACTION_FINISHED);
    assert_int_equal(bench.unsent_count, 1);
    bench_receive(12 * MS, 7, "\x01", 1);
    bench_nothing(12 * MS);
    assert_int_equal(bench.answers_count + bench.unsent_count, 1);
}

static void test_what_waits_is_lost_with_the_connection(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'on_disconnect': 'reconnect', 'loop': [ { 'think': '1s' } ], " RULE, false);
    bench_ready();
    bench_receive(10 * MS, 7, "\x01", 1);
    bench_receive(10 * MS, 7, "\x02", 1);
    assert_false(vm_on_closed(bench.vm, 11 * MS));
    assert_int_equal(bench.unsent_count, 2);
    bench_take(11 * MS, VM_ACTION_CONNECT);
    bench_nothing(11 * MS);
    vm_on_connected(bench.vm, 12 * MS);
    bench_nothing(12 * MS);
    uint32_t answers = bench.answers_count;
    bench_receive(13 * MS, 7, "\x03", 1);
    bench_send(13 * MS);
    assert_int_equal(bench.sent.body[0], 3);
    assert_int_equal(bench.answers_count, answers + 1);
}

static void test_lanes_have_what_a_rule_captures(void **state)
{
    (void)state;
    bench_open("'rate': '1/s', 'in_flight': 2",
               "'setup': [ { 'set': { 'who': 'ann' } } ], 'loop': [ { 'request': { 'send': { 'id': "
               "1, 'body': { 'text': '${nonce} ${who}' } }, 'match': 'any' } } ], 'on_push': [ { "
               "'match': { 'id': 7 }, 'capture': { 'nonce': 'u8@0' }, 'send': { 'id': 8, 'body': { "
               "'text': '${who} ${nonce} ${conn}' } } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_assert_sent(5, "0 ann"); /* nothing has been captured yet */
    bench_receive(11 * MS, 7, "\x07", 1);
    bench_send(11 * MS);
    bench_assert_sent(7, "ann 7 3");
    vm_on_arrival(bench.vm, 12 * MS, 12 * MS, 12 * MS);
    bench_send(12 * MS);
    assert_int_equal(bench.action.lane, 1);
    bench_assert_sent(5, "7 ann");
    bench_receive(13 * MS, 9, "", 0);
    vm_on_arrival(bench.vm, 14 * MS, 14 * MS, 14 * MS);
    bench_send(14 * MS);
    assert_int_equal(bench.action.lane, 0);
    bench_assert_sent(5, "7 ann");
}

static void test_a_wrong_push_gets_no_answer(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '1s' } ], 'on_push': [ { 'match': { 'id': 7 }, 'verify': { "
               "'field': { 'at': 'u8@0', 'less_than': 9 } }, 'capture': { 'n': 'u16@0' }, 'send': "
               "{ 'id': 8 } } ]",
               false);
    bench_ready();
    bench_receive(10 * MS, 7, "\x09\x01", 2); /* verify does not hold */
    bench_nothing(10 * MS);
    bench_receive(11 * MS, 7, "\x01", 1); /* there is nothing to capture */
    bench_nothing(11 * MS);
    assert_int_equal(bench.pushes_wrong_count, 2);
    assert_int_equal(bench.answers_count + bench.unsent_count, 0);
    bench_receive(12 * MS, 7, "\x01\x01", 2);
    bench_send(12 * MS);
    assert_int_equal(bench.answers_count, 1);
}

static void test_answers_have_their_place_in_the_sequence(void **state)
{
    (void)state;
    bench_open_with("'framing': { 'type': 'length', 'header': [ { 'size': 'u16' }, { 'id': 'u8' }, "
                    "{ 'sequence': 'u8' } ] },",
                    "'rate': '1/s'", "'loop': [ { 'request': { 'send': { 'id': 1 } } } ], " RULE,
                    false);
    bench_ready();
    for (uint8_t i = 0; i < 6; i++) {
        if (i % 2 == 0) {
            vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        } else {
            bench_receive(10 * MS, 7, "\x01", 1);
        }
        bench_send(10 * MS);
        assert_int_equal(bench.message[3], i);
        if (i % 2 == 0) {
            bench_receive(10 * MS, 1, "", 0);
        }
    }
}

static void test_random_answers_differ(void **state)
{
    (void)state;
    uint8_t first[8];
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '1s' } ], 'on_push': [ { 'match': 'any', 'send': { 'id': 8, "
               "'body': { 'random': { 'bytes': 8 } } } } ]",
               false);
    bench_ready();
    bench_receive(10 * MS, 7, "", 0);
    bench_send(10 * MS);
    memcpy(first, bench.sent.body, sizeof first);
    bench_receive(11 * MS, 7, "", 0);
    bench_send(11 * MS);
    assert_memory_not_equal(bench.sent.body, first, sizeof first);
}

static void test_only_scenarios_with_answers_pay_for_them(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ]", false);
    size_t memory = vm_memory_bytes(bench.program);
    size_t seldom = vm_seldom_bytes(bench.program);
    bench_close(NULL);
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '1s' } ], 'on_push': [ { 'match': { 'id': 7 }, 'fanout': "
               "'u64@0' } ]",
               false);
    assert_int_equal(vm_memory_bytes(bench.program), memory);
    assert_int_equal(vm_seldom_bytes(bench.program), seldom);
    bench_close(NULL);
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '1s' } ], 'on_push': [ { 'match': { 'id': 7 }, 'send': { "
               "'id': 8 } } ]",
               false);
    assert_int_equal(vm_memory_bytes(bench.program), memory);
    assert_true(vm_seldom_bytes(bench.program) > seldom);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_push_is_answered_in_every_state),
        TEST(test_an_answer_changes_nothing_for_the_lanes),
        TEST(test_a_rule_comes_before_a_request_without_a_match),
        TEST(test_a_match_of_its_own_comes_before_the_rules),
        TEST(test_answers_wait_for_room_in_order),
        TEST(test_answers_leave_before_our_end),
        TEST(test_the_end_does_not_wait_for_room),
        TEST(test_what_waits_is_lost_with_the_connection),
        TEST(test_lanes_have_what_a_rule_captures),
        TEST(test_a_wrong_push_gets_no_answer),
        TEST(test_answers_have_their_place_in_the_sequence),
        TEST(test_random_answers_differ),
        TEST(test_only_scenarios_with_answers_pay_for_them),
    };
    return cmocka_run_group_tests_name("vm answers", tests, NULL, NULL);
}
