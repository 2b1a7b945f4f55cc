/* The vm: messages that came in before the expect that takes them. */
#include "vm_harness.h"

#include "core/prng.h"

static void begin_with(const char *root, const char *load, const char *steps)
{
    char behavior[2048];
    snprintf(behavior, sizeof behavior, "'loop': [ %s ]", steps);
    bench_open_with(root, load, behavior, false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
}

static void begin(const char *steps)
{
    begin_with("", "'rate': '1/s'", steps);
}

static void assert_counts(uint32_t requests, uint32_t ended, uint32_t unsolicited)
{
    assert_int_equal(bench.requests_count, requests);
    assert_int_equal(bench.ended_count, ended);
    assert_int_equal(bench.unsolicited_count, unsolicited);
}

static void test_replies_in_another_order_are_not_lost(void **state)
{
    (void)state;
    begin("{ 'send': { 'id': 1 } }, { 'send': { 'id': 2 } },"
          "{ 'expect': { 'match': { 'id': 1 }, 'verify': { 'equals': { 'text': 'A' } } } },"
          "{ 'expect': { 'match': { 'id': 2 }, 'verify': { 'equals': { 'text': 'B' } },"
          "  'capture': { 'x': 'u8@0' } } },"
          "{ 'send': { 'id': 3, 'body': { 'text': '${x}' } } }");
    bench_send(10 * MS);
    bench_send(11 * MS);
    bench_receive(12 * MS, 2, "B", 1);
    assert_counts(0, 0, 0);
    bench_receive(13 * MS, 1, "A", 1); /* the second expect finds what it wants already there */
    assert_counts(2, 0, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bench.requests[i].outcome, VM_OUTCOME_OK);
        assert_int_equal(bench.requests[i].last_ns, 13 * MS);
    }
    bench_send(13 * MS); /* at once: no timer, no further event */
    bench_assert_sent(2, "66");
    bench_nothing(13 * MS);
    assert_counts(2, 1, 0);
}

static void test_what_comes_during_a_think_or_a_request_is_found(void **state)
{
    (void)state;
    begin("{ 'request': { 'name': 'r', 'send': { 'id': 1 } } }, { 'think': '5ms' },"
          "{ 'expect': { 'match': { 'id': 7 }, 'count': 3,"
          "  'verify': { 'equals': { 'text': 'x' } } } }");
    bench_send(10 * MS);
    bench_receive(11 * MS, 7, "x", 1); /* before the reply to the request */
    bench_receive(12 * MS, 1, "", 0);
    assert_counts(1, 0, 0);
    bench_receive(13 * MS, 7, "y", 1); /* while it thinks */
    bench_nothing(17 * MS);
    assert_counts(1, 0, 0);
    bench_receive(18 * MS, 7, "x", 1); /* and the rest when it comes */
    assert_counts(2, 1, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH); /* one of the three was wrong */
}

static void test_a_request_takes_nothing_that_came_before_it(void **state)
{
    (void)state;
    begin("{ 'think': '5ms' }, { 'request': { 'name': 'r', 'send': { 'id': 7 } } },"
          "{ 'expect': { 'match': { 'id': 7 } } }");
    bench_receive(11 * MS, 7, "", 0);
    bench_send(15 * MS);
    assert_counts(0, 0, 0);
    bench_receive(16 * MS, 7, "", 0);
    assert_counts(2, 1, 0); /* its own reply, and for the expect what was there */
}

static void test_a_pass_does_not_see_what_came_before_it(void **state)
{
    (void)state;
    begin("{ 'think': '5ms' }, { 'expect': { 'match': { 'id': 7 }, 'within': '10ms' } }");
    bench_receive(11 * MS, 7, "", 0);
    bench_receive(12 * MS, 7, "", 0);
    bench_receive(12 * MS, 8, "", 0); /* no expect would have it: a push at once */
    assert_counts(0, 0, 1);
    bench_nothing(15 * MS);
    assert_counts(1, 1, 2); /* the pass is over, and with it the second 7 */
    bench_receive(16 * MS, 7, "", 0);
    assert_counts(1, 1, 3); /* nobody plays: a push at once */
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS);
    bench_nothing(25 * MS);
    bench_nothing(35 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
}

/* A user's codec may decode into a room of its own, while another target has heads that are kept.
 */
static void test_a_body_that_is_elsewhere_is_kept(void **state)
{
    (void)state;
    begin_with(
        "'targets': { 'own': { 'framing': { 'type': 'codec' } }, 'game': { 'framing': { 'type': "
        "'length', 'header': [ { 'size': 'u16' }, { 'u8': 5, 'name': 'key' } ] } } },",
        "'rate': '1/s'",
        "{ 'think': '5ms' }, { 'expect': { 'match': 'any', 'verify': { 'equals': { 'text': "
        "'hello' } } } }, { 'reconnect': { 'to': 'game' } }, { 'expect': { 'match': { "
        "'field': { 'at': 'head.key', 'equals': 5 } } } }, { 'reconnect': { 'to': 'own' } }");
    static const uint8_t wire[4];
    static const char room[4096 + 5] = "hello";
    const struct frame frame = {.bytes = wire,
                                .bytes_count = sizeof wire,
                                .whole_bytes = sizeof wire,
                                .body = (const uint8_t *)room,
                                .body_bytes = 5,
                                .whole_body_bytes = 5};
    bench_nothing(10 * MS);
    vm_on_message(bench.vm, &frame, 11 * MS, 12 * MS);
    bench_take(15 * MS, VM_ACTION_DISCONNECT);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_since_step_listens_from_now_on(void **state)
{
    (void)state;
    begin("{ 'think': '5ms' },"
          "{ 'expect': { 'match': { 'id': 7 }, 'since': 'step', 'within': '10ms' } }");
    bench_receive(11 * MS, 7, "", 0);
    assert_counts(0, 0, 1);
    bench_nothing(15 * MS);
    bench_nothing(25 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
}

static void test_since_connected_sees_what_came_between_the_passes(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'on_disconnect': 'reconnect',"
               "'loop': [ { 'expect': { 'match': { 'id': 7 }, 'since': 'connected',"
               "  'within': '10ms' } } ]",
               false);
    bench_ready();
    bench_receive(5 * MS, 7, "", 0);
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    assert_counts(1, 1, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_receive(12 * MS, 7, "", 0);
    assert_false(vm_on_closed(bench.vm, 13 * MS)); /* another connection is another story */
    assert_counts(1, 1, 1);
    bench_take(13 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 14 * MS);
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS);
    bench_nothing(30 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
}

static void test_lanes_see_what_came_in_their_own_pass(void **state)
{
    (void)state;
    begin_with("", "'rate': '1/s', 'in_flight': 2",
               "{ 'think': '5ms' }, { 'expect': { 'match': { 'id': 7 }, 'within': '10ms' } }");
    bench_receive(11 * MS, 7, "", 0);
    vm_on_arrival(bench.vm, 12 * MS, 12 * MS, 12 * MS);
    bench_nothing(15 * MS);
    assert_counts(1, 1, 0); /* the first lane's, whose pass was there when it came */
    bench_receive(16 * MS, 7, "", 0);
    bench_nothing(17 * MS);
    assert_counts(2, 2, 0);
}

static void test_the_oldest_makes_room(void **state)
{
    (void)state;
    uint8_t large[3000] = {0};
    begin("{ 'think': '5ms' }, { 'expect': { 'match': { 'id': 7 }, 'capture': { 'x': 'u8@0' } } },"
          "{ 'send': { 'id': 1, 'body': { 'fields': [ { 'u8': '${x}' } ] } } }");
    for (uint8_t i = 0; i < 20; i++) {
        bench_receive(11 * MS, 7, &i, 1);
    }
    assert_counts(0, 0, 4); /* sixteen are kept */
    bench_send(15 * MS);
    bench_assert_sent(1, "\x04");
    bench_nothing(16 * MS);
    assert_counts(1, 1, 19);
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS);
    for (uint8_t i = 1; i < 4; i++) {
        large[0] = i;
        bench_receive(21 * MS, 7, large, i < 3 ? sizeof large : 1000); /* 4,096 bytes are kept */
    }
    assert_counts(1, 1, 20);
    bench_send(25 * MS);
    bench_assert_sent(1, "\x02");
}

static void test_bodies_that_nothing_looks_into_have_any_size(void **state)
{
    (void)state;
    static const uint8_t large[4000 + 90] = {0};
    begin("{ 'think': '5ms' }, { 'expect': { 'match': { 'id': 7 }, 'count': 2 } }");
    bench_receive(11 * MS, 7, large, sizeof large);
    bench_receive(11 * MS, 7, large, sizeof large);
    bench_nothing(15 * MS);
    assert_counts(1, 1, 0);
}

static void test_bytes_of_a_stream_are_kept_in_order(void **state)
{
    (void)state;
    begin_with("'framing': { 'type': 'raw' },", "'rate': '1/s'",
               "{ 'send': { 'body': { 'text': 'x' } } }, { 'think': '5ms' },"
               "{ 'expect': { 'verify': { 'equals': { 'text': '+PONG' } }, 'count': 2 } },"
               "{ 'expect': { 'verify': { 'equals': { 'text': 'end' } } } }");
    bench_send(10 * MS);
    static const char *const runs[] = {"+P", "ONG+PO", "NGe"};
    for (int i = 0; i < 3; i++) {
        struct frame frame = {.bytes = (const uint8_t *)runs[i],
                              .bytes_count = (uint32_t)strlen(runs[i]),
                              .body = (const uint8_t *)runs[i],
                              .body_bytes = (uint32_t)strlen(runs[i])};
        vm_on_message(bench.vm, &frame, 11 * MS, 11 * MS);
    }
    bench_nothing(15 * MS);
    assert_counts(1, 0, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    struct frame rest = {.bytes = (const uint8_t *)"nd?", .bytes_count = 3};
    rest.body = rest.bytes;
    rest.body_bytes = 3;
    vm_on_message(bench.vm, &rest, 16 * MS, 16 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_counts(2, 1, 1); /* "?" */
}

static void test_what_came_before_the_end_of_the_stream_is_found(void **state)
{
    (void)state;
    begin("{ 'send': { 'id': 1 } }, { 'disconnect': 'half' }, { 'think': '5ms' },"
          "{ 'expect': { 'match': { 'id': 7 } } }, { 'expect': { 'match': { 'id': 7 } } },"
          "{ 'disconnect': 'fin' }, { 'reconnect': 'now' }");
    bench_send(10 * MS);
    bench_take(10 * MS, VM_ACTION_DISCONNECT);
    bench_receive(11 * MS, 7, "", 0);
    assert_true(vm_on_closed(bench.vm, 12 * MS));
    bench_take(15 * MS, VM_ACTION_CONNECT);
    assert_int_equal(bench.requests_count, 2);
    assert_int_equal(bench.requests[0].outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.requests[1].outcome, VM_OUTCOME_LOST);
}

/* Plays a closed loop of three lanes for two seconds against messages that come at random; returns
 * how many were replies. */
static uint64_t play_at_random(uint64_t seed, uint64_t *received)
{
    static const uint8_t body[600] = {0};
    uint64_t draws = 0;
    uint64_t taken = 0;
    for (int64_t now_ns = 10 * MS; now_ns < 2010 * MS; now_ns += MS / 4) {
        struct vm_action action;
        while (vm_next(bench.vm, now_ns, &action)) {
            assert_int_equal(action.type, VM_ACTION_SEND);
            vm_write_message(bench.vm, &action, bench.codec_state, bench.message);
            vm_on_sent(bench.vm, 1, now_ns);
        }
        if (prng_range(seed, 1, draws++, 0, 2) == 0) {
            uint32_t id = (uint32_t)prng_range(seed, 2, draws++, 1, 4);
            bench_receive(now_ns, id, body, (uint32_t)prng_range(seed, 3, draws++, 0, 600));
            (*received)++;
        }
        for (uint32_t i = 0; i < bench.requests_count; i++) {
            enum vm_outcome outcome = bench.requests[i].outcome;
            taken += outcome == VM_OUTCOME_OK || outcome == VM_OUTCOME_MISMATCH;
        }
        bench.requests_count = 0;
        bench.started_count = 0;
        bench.ended_count = 0;
    }
    vm_on_drain_end(bench.vm, 2010 * MS);
    return taken;
}

/* Each message is a reply or a push, and that once: whenever it came, whoever expected it. */
static void test_every_message_is_counted_once(void **state)
{
    (void)state;
    static const char behavior[] =
        "'loop': [ { 'think': { 'uniform': ['1ms', '4ms'] } }, { 'send': { 'id': 1 } },"
        "{ 'choose': ["
        "  { 'steps': [ { 'expect': { 'match': { 'id': 1 }, 'within': '3ms' } } ] },"
        "  { 'steps': [ { 'expect': { 'match': 'any', 'since': 'step', 'within': '2ms' } } ] },"
        "  { 'steps': [ { 'expect': { 'match': { 'id': 2 }, 'within': '1ms', 'optional': true,"
        "    'capture': { 'x': 'u8@0' } } } ] } ] },"
        "{ 'request': { 'send': { 'id': 3 }, 'within': '2ms' } },"
        "{ 'expect': { 'match': { 'id': 3 }, 'since': 'connected', 'within': '2ms' } } ]";
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t received = 0;
        bench_open("'in_flight': 3", behavior, true);
        bench_ready();
        vm_on_start(bench.vm, 10 * MS);
        uint64_t taken = play_at_random(seed, &received);
        assert_true(taken > 100);
        assert_int_equal(received, taken + bench.unsolicited_count);
        bench_close(NULL);
    }
}
static void test_a_second_rule_looks_into_what_is_kept(void **state)
{
    (void)state;
    begin("{ 'think': '5ms' }, { 'expect': { 'match': { 'id': 7 }, 'verify': [ 'none', { 'equals': "
          "{ 'text': 'x' } } ] } }");
    bench_nothing(10 * MS);
    bench_receive(11 * MS, 7, "x", 1);
    bench_nothing(16 * MS);
    assert_counts(1, 1, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

#define TEST(name) cmocka_unit_test_teardown(name, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replies_in_another_order_are_not_lost),
        TEST(test_what_comes_during_a_think_or_a_request_is_found),
        TEST(test_a_request_takes_nothing_that_came_before_it),
        TEST(test_a_pass_does_not_see_what_came_before_it),
        TEST(test_a_body_that_is_elsewhere_is_kept),
        TEST(test_a_second_rule_looks_into_what_is_kept),
        TEST(test_since_step_listens_from_now_on),
        TEST(test_since_connected_sees_what_came_between_the_passes),
        TEST(test_lanes_see_what_came_in_their_own_pass),
        TEST(test_the_oldest_makes_room),
        TEST(test_bodies_that_nothing_looks_into_have_any_size),
        TEST(test_bytes_of_a_stream_are_kept_in_order),
        TEST(test_what_came_before_the_end_of_the_stream_is_found),
        TEST(test_every_message_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
