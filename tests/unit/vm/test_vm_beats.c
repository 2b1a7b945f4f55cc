/* The vm: heartbeats, in every state of a connection. */
#include "vm_harness.h"

#define PERIOD  "'every': [ { 'period': '100ms', 'send': { 'id': 5, 'body': { 'text': 'hb' } } } ]"
#define SILENCE "'every': [ { 'silence': '100ms', 'send': { 'id': 5 } } ]"
#define REPLIED(members)                                                                           \
    "'every': [ { 'period': '100ms', 'send': { 'id': 5 }, 'reply': { 'match': { 'id': 6 }, "       \
    "'within': '50ms'" members " } } ]"

/* The moment of the next heartbeat, which must come before the end. */
static int64_t next_beat(int64_t end_ns)
{
    for (int64_t at_ns = vm_next_time_ns(bench.vm); at_ns <= end_ns;
         at_ns = vm_next_time_ns(bench.vm)) {
        if (bench_drive(at_ns) > 0) {
            return at_ns;
        }
    }
    fail_msg("no heartbeat");
    return 0;
}

static void test_they_come_in_every_state(void **state)
{
    (void)state;
    static const struct bench_state cases[] = {
        {"think in setup", "'rate': '1/s'",
         "'setup': [ { 'think': '9s' } ], 'loop': [ { 'think': '9s' } ]", false, false, false},
        {"request in setup", "'rate': '1/s'",
         "'setup': [ " BENCH_ECHO(", 'within': '9s'") " ], 'loop': [ { 'think': '1s' } ]", false,
         false, false},
        {"barrier in setup", "'rate': '1/s'",
         "'setup': [ { 'barrier': 'in' } ], 'loop': [ { 'think': '1s' } ]", false, false, false},
        {"before the first arrival", "'rate': '1/s', 'in_flight': 3",
         "'loop': [ " BENCH_ECHO("") " ]", false, false, false},
        {"before the start", "'in_flight': 3", "'loop': [ " BENCH_ECHO("") " ]", true, false,
         false},
        {"request", "'rate': '1/s', 'in_flight': 3",
         "'loop': [ " BENCH_ECHO(", 'within': '9s'") " ]", false, true, false},
        {"think", "'rate': '1/s', 'in_flight': 3", "'loop': [ { 'think': '9s' } ]", false, true,
         false},
        {"barrier", "'rate': '1/s'", "'loop': [ { 'barrier': 'in' } ]", false, true, false},
        {"expect_close", "'rate': '1/s'",
         "'loop': [ { 'reconnect': 'now' }, { 'expect_close': '9s' } ]", false, true, false},
        {"receive off", "'rate': '1/s'",
         "'loop': [ { 'receive': 'off' }, { 'think': '9s' }, { 'receive': 'on' } ]", false, true,
         false},
        {"drain", "'rate': '1/s'", "'loop': [ " BENCH_ECHO(", 'within': '9s'") " ]", false, true,
         true},
        {"teardown", "'rate': '1/s'",
         "'loop': [ { 'think': '1s' } ], 'teardown': [ " BENCH_ECHO(", 'within': '9s'") " ]", false,
         false, true},
        {"no loop", "'connections': 1", "'setup': []", true, false, false},
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
        bench_reach(&cases[i / 2], i % 2 == 0 ? PERIOD : SILENCE);
        uint32_t requests = bench.requests_count;
        int64_t last_ns = 3 * MS;
        for (int beat = 0; beat < 5; beat++) {
            int64_t at_ns = next_beat(last_ns + 100 * MS);
            assert_int_equal(bench.sent.id, 5);
            assert_true(beat == 0 || i % 2 != 0 || at_ns == last_ns + 100 * MS);
            assert_true(beat == 0 || i % 2 == 0 || at_ns >= last_ns + 90 * MS);
            last_ns = at_ns;
        }
        assert_int_equal(bench.requests_count, requests);
        assert_true(bench.beats[VM_BEAT_SENT] >= 5);
        bench_close(NULL);
    }
}

static void test_phases_differ(void **state)
{
    (void)state;
    int64_t first_ns[20];
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ], " PERIOD, false);
    for (uint32_t i = 0; i < 20; i++) {
        bench.identity.connection = i / 2; /* each twice: a connection's phase is its own */
        bench.vm = vm_init(bench.memory, bench.seldom, bench.program, &bench.identity,
                           &bench.observer, MS);
        bench_drive(2 * MS);
        first_ns[i] = next_beat(102 * MS);
        assert_true(i % 2 == 0 || first_ns[i] == first_ns[i - 1]);
        for (uint32_t j = 0; j < i / 2 * 2; j++) {
            assert_int_not_equal(first_ns[i], first_ns[j]);
        }
    }
}

static void test_what_is_sent_breaks_the_silence(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'send': { 'id': 1 } } ], " SILENCE, false);
    bench_ready();
    int64_t now_ns = 2 * MS;
    for (int i = 0; i < 20; i++) {
        now_ns += 80 * MS;
        assert_int_equal(bench_drive(now_ns), 0);
        vm_on_arrival(bench.vm, now_ns, now_ns, now_ns);
        assert_int_equal(bench_drive(now_ns), 0);
    }
    int64_t beat_ns = next_beat(now_ns + 100 * MS);
    assert_in_range(beat_ns, now_ns + 90 * MS, now_ns + 100 * MS);
    beat_ns = next_beat(beat_ns + 100 * MS); /* a heartbeat is something sent */
    assert_int_equal(bench.beats[VM_BEAT_SENT], 2);
}

static void test_none_is_made_up_for(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ], " PERIOD, false);
    bench_ready();
    int64_t first_ns = next_beat(102 * MS);
    assert_int_equal(bench_drive(first_ns + 1050 * MS), 1); /* this program stood still */
    assert_int_equal(next_beat(first_ns + 1100 * MS), first_ns + 1100 * MS);
    for (int64_t i = 12; i < 20; i++) { /* there is no room */
        struct vm_action action;
        assert_false(vm_next_blocked(bench.vm, first_ns + i * 100 * MS, &action));
    }
    assert_int_equal(bench_drive(first_ns + 1950 * MS), 1);
}

static void test_they_end_with_the_connection_and_begin_with_the_next(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'on_disconnect': { 'reconnect': { 'first': '1s' } }, 'loop': [ { 'think': '1s' } "
               "], " PERIOD,
               false);
    bench_ready();
    next_beat(102 * MS);
    assert_false(vm_on_closed(bench.vm, 110 * MS));
    bench_take(110 * MS, VM_ACTION_CONNECT);
    bench_nothing(900 * MS);
    assert_true(vm_next_time_ns(bench.vm) == TIME_NEVER_NS);
    vm_on_connected(bench.vm, 1000 * MS);
    next_beat(1100 * MS);
    vm_on_stop(bench.vm, 1101 * MS);
    bench_take(1101 * MS, VM_ACTION_FINISHED);
    bench_nothing(5000 * MS);
    assert_true(vm_next_time_ns(bench.vm) == TIME_NEVER_NS);
}

static void test_a_half_closed_connection_has_none(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'reconnect': 'now' }, { 'disconnect': 'half' }, { 'expect': { "
               "'within': '1s' } } ], " PERIOD,
               false);
    bench_drive(2 * MS);
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_take(3 * MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, 3 * MS);
    bench_take(3 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 4 * MS);
    bench_take(4 * MS, VM_ACTION_DISCONNECT);
    bench_nothing(500 * MS);
    assert_int_equal(bench.beats[VM_BEAT_SENT], 0);
}

static void test_a_reply_is_no_push(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'expect': {} } ], " REPLIED(""), false);
    bench_ready();
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_nothing(3 * MS);
    int64_t at_ns = next_beat(102 * MS);
    bench_receive(at_ns + MS, 6, "", 0); /* nor does the expect take it */
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
    assert_int_equal(bench.beat_ended_ns - bench.beat_sent_ns, MS);
    assert_int_equal(bench.unsolicited_count + bench.requests_count, 0);
    assert_int_equal(bench_drive(at_ns + 99 * MS), 0); /* it does not time out */
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 0);
    bench_receive(at_ns + 99 * MS, 6, "", 0); /* none is awaited: it is as any other message */
    assert_int_equal(bench.requests_count, 1);
}

static void test_a_reply_that_does_not_come_is_seen(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '9s' } ], " REPLIED(""), false);
    bench_ready();
    int64_t at_ns = next_beat(102 * MS);
    bench_nothing(at_ns + 49 * MS);
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 0);
    bench_nothing(at_ns + 60 * MS);
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 1);
    assert_int_equal(bench.beat_sent_ns, at_ns);
    assert_int_equal(bench.beat_ended_ns, at_ns + 50 * MS);
    bench_receive(at_ns + 61 * MS, 6, "", 0);
    assert_int_equal(bench.unsolicited_count, 1);
    assert_int_equal(next_beat(at_ns + 100 * MS), at_ns + 100 * MS);
}

/* A server that answers each heartbeat after the next one has left is not a fast one. */
static void test_a_late_reply_answers_no_other(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'expect': {} } ], 'every': [ { 'period': '100ms', 'send': { 'id': 5 }, "
               "'reply': { 'match': { 'id': 6 }, 'within': '55ms' } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_nothing(3 * MS);
    int64_t at_ns = next_beat(102 * MS);
    bench_nothing(at_ns + 60 * MS);
    for (uint32_t i = 1; i <= 3; i++) {
        at_ns = next_beat(at_ns + 100 * MS);
        bench_receive(at_ns + MS, 6, "", 0); /* to the one before */
        assert_int_equal(bench.late_count, i);
        bench_nothing(at_ns + 60 * MS);
        assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 1 + i);
    }
    bench_receive(at_ns + 61 * MS, 6, "", 0);
    at_ns = next_beat(at_ns + 100 * MS);
    bench_receive(at_ns + MS, 6, "", 0); /* now it keeps up */
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
    assert_int_equal(bench.late_count, 4);
    assert_int_equal(bench.requests_count, 0); /* the expect takes none of them */
}

/* A server that closes instead of answering has not answered. */
static void test_what_the_end_leaves_unanswered_is_told(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'on_disconnect': 'reconnect', 'loop': [ { 'think': '9s' } ], " REPLIED(""), false);
    bench_ready();
    int64_t at_ns = next_beat(102 * MS);
    assert_false(vm_on_closed(bench.vm, at_ns + 20 * MS));
    assert_int_equal(bench.beats[VM_BEAT_LOST], 1);
    assert_int_equal(bench.beat_sent_ns, at_ns);
    assert_int_equal(bench.beat_ended_ns, at_ns + 20 * MS);
    bench_take(at_ns + 20 * MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, at_ns + 30 * MS);
    at_ns = next_beat(at_ns + 130 * MS);
    bench_receive(at_ns + MS, 6, "", 0);
    vm_on_stop(bench.vm, at_ns + 2 * MS);
    assert_true(vm_on_closed(bench.vm, at_ns + 3 * MS)); /* nothing is awaited */
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
    assert_int_equal(bench.beats[VM_BEAT_LOST], 1);
}

static void test_a_silent_server_is_left(void **state)
{
    (void)state;
    bench_open("'rate': '1/s', 'in_flight': 2",
               "'on_disconnect': 'reconnect', 'loop': [ " BENCH_ECHO(
                   ", 'within': '9s'") " ], " REPLIED(", 'on_timeout': 'reconnect'"),
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 3 * MS, 3 * MS, 3 * MS);
    bench_send(3 * MS);
    int64_t at_ns = next_beat(102 * MS);
    bench_take(at_ns + 50 * MS, VM_ACTION_DISCONNECT);
    assert_int_equal(bench.action.disconnect, DISCONNECT_RST);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_LOST);
    assert_true(vm_on_closed(bench.vm, at_ns + 51 * MS));
    bench_take(at_ns + 51 * MS, VM_ACTION_CONNECT);
    bench_close(NULL);
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '9s' } ], " REPLIED(", 'on_timeout': 'fail'"),
               false);
    bench_ready();
    at_ns = next_beat(102 * MS);
    bench_take(at_ns + 50 * MS, VM_ACTION_FAILED);
}

/* Each has its own time, whatever has become of the one before. */
static void test_they_do_not_wait_for_replies(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '9s' } ], 'every': [ { 'period': '10ms', 'send': { 'id': 5 }, "
               "'reply': { 'match': { 'id': 6 }, 'within': '95ms' } } ]",
               false);
    bench_ready();
    int64_t first_ns = next_beat(12 * MS);
    for (int64_t i = 1; i < 9; i++) {
        assert_int_equal(next_beat(first_ns + i * 10 * MS), first_ns + i * 10 * MS);
    }
    for (int64_t i = 0; i < 9; i++) { /* in the order of sending */
        bench_receive(first_ns + 81 * MS, 6, "", 0);
        assert_int_equal(bench.beat_sent_ns, first_ns + i * 10 * MS);
    }
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 9);
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 0);
}

/* One whose reply never comes makes no later one late. */
static void test_a_lost_reply_is_one(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '9s' } ], 'every': [ { 'period': '100ms', 'send': { 'id': 5 "
               "}, 'reply': { 'match': { 'id': 6 }, 'within': '20ms' } } ]",
               false);
    bench_ready();
    int64_t at_ns = next_beat(102 * MS);
    for (int i = 0; i < 5; i++) {
        at_ns = next_beat(at_ns + 100 * MS);
        bench_receive(at_ns + MS, 6, "", 0);
    }
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 1);
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 5);
    assert_int_equal(bench.late_count, 0);
}

/* Where a reply says which one it is to, each is known: those that never come, and late ones. */
static void test_a_reply_may_say_which_it_is_to(void **state)
{
    (void)state;
    static const char *const sends[] = {
        "{ 'id': 5, 'body': { 'fields': [ { 'u32': '${sequence}' } ] } }, 'reply': { 'match': { "
        "'field': 'u32@0' }",
        "{ 'id': 5, 'body': { 'text': '[${sequence}]' } }, 'reply': { 'match': { 'field': { 'at': "
        "'after(0x6b)', 'sent': 'text@0:3' } }"};
    for (int i = 0; i < 2; i++) {
        char behavior[512];
        uint8_t sent[8][8];
        uint32_t bytes = i == 0 ? 4 : 3;
        snprintf(behavior, sizeof behavior,
                 "'loop': [ { 'think': '9s' } ], 'every': [ { 'period': '10ms', 'send': %s, "
                 "'within': '35ms' } } ]",
                 sends[i]);
        bench_open("'rate': '1/s'", behavior, false);
        bench_ready();
        int64_t at_ns = next_beat(12 * MS);
        for (int n = 0; n < 8; n++) {
            sent[n][0] = 'k';
            memcpy(sent[n] + i, bench.message + 4, bytes);
            at_ns = n < 7 ? next_beat(at_ns + 10 * MS) : at_ns;
        } /* the first four have timed out, as has the first of them long ago */
        assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 4);
        bench_receive(at_ns, 6, sent[6], bytes + (uint32_t)i);
        assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
        assert_int_equal(bench.beat_sent_ns, at_ns - 10 * MS);
        bench_receive(at_ns, 6, sent[2], bytes + (uint32_t)i);
        assert_int_equal(bench.late_count, 1);
        bench_receive(at_ns, 6, sent[2], bytes + (uint32_t)i); /* again: nobody's */
        bench_receive(at_ns, 6, "kxxx", 4);
        assert_int_equal(bench.late_count, 1);
        assert_int_equal(bench.unsolicited_count, 3);
        bench_receive(at_ns, 6, sent[4], bytes + (uint32_t)i);
        assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 2);
        bench_close(NULL);
    }
}

static void test_a_field_of_the_header_may_say_it(void **state)
{
    (void)state;
    bench_open_with("'framing': { 'type': 'length', 'byte_order': 'big', 'header': [ { "
                    "'sequence': 'u16', 'name': 'n' }, { 'size': 'u16' } ] },",
                    "'rate': '1/s'",
                    "'loop': [ { 'think': '9s' } ], 'every': [ { 'period': '10ms', 'send': { "
                    "'body': { 'text': 'x' } }, 'reply': { 'match': { 'field': 'head.n' } } } ]",
                    false);
    bench_ready();
    int64_t at_ns = next_beat(12 * MS);
    next_beat(at_ns + 10 * MS);
    at_ns = next_beat(at_ns + 20 * MS);
    uint8_t reply[4] = {0, 1, 0, 0};
    struct frame frame;
    size_t needed = 0;
    const struct framing *framing = bench.program->targets[0].framing;
    assert_int_equal(frame_decode(framing, reply, sizeof reply, &frame, &needed), FRAME_COMPLETE);
    vm_on_message(bench.vm, &frame, at_ns, at_ns);
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
    assert_int_equal(bench.beat_sent_ns, at_ns - 10 * MS);
    vm_on_message(bench.vm, &frame, at_ns, at_ns);
    assert_int_equal(bench.unsolicited_count, 1);
}

/* So many are remembered; then those that are due are left out. */
static void test_a_silent_server_is_asked_so_often(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'think': '9s' } ], 'every': [ { 'period': '10ms', 'send': { 'id': 5 }, "
               "'reply': { 'match': { 'id': 6 }, 'within': '1s' } } ]",
               false);
    bench_ready();
    int64_t at_ns = next_beat(12 * MS);
    for (int64_t i = 1; i < 99; i++) {
        bench_drive(at_ns + i * 10 * MS);
    }
    assert_int_equal(bench.beats[VM_BEAT_SENT], 16);
    for (int64_t i = 99; i < 200; i++) { /* those that have timed out make room */
        bench_drive(at_ns + i * 10 * MS);
    }
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 16);
    assert_int_equal(bench.beats[VM_BEAT_SENT], 32);
    assert_false(vm_on_closed(bench.vm, at_ns + 2000 * MS));
    assert_int_equal(bench.beats[VM_BEAT_LOST], 16);
}

static void test_they_carry_what_setup_has(void **state)
{
    (void)state;
    bench_open("'rate': '1/s', 'in_flight': 2",
               "'setup': [ { 'set': { 'who': 'ann' } } ], 'loop': [ { 'think': '9s' } ], 'every': "
               "[ { 'period': '10ms', 'send': { 'id': 5, 'body': { 'text': '${who} ${conn}' } } }, "
               "{ 'silence': '1s', 'send': { 'id': 6 } } ]",
               false);
    bench_ready();
    next_beat(12 * MS);
    bench_assert_sent(5, "ann 3");
}

static void test_they_wait_for_the_end_of_setup(void **state)
{
    (void)state;
    static const char *const intervals[] = {"period", "silence"};
    for (size_t i = 0; i < 2; i++) {
        char behavior[512];
        snprintf(behavior, sizeof behavior,
                 "'on_disconnect': 'reconnect', 'setup': [ " BENCH_ECHO(
                     ", 'within': '9s'") " ], 'loop': [ { 'think': '9s' } ], 'every': [ { "
                                         "'%s': '100ms', 'from': 'after_setup', 'send': { 'id': 5 "
                                         "} } ]",
                 intervals[i]);
        bench_open("'rate': '1/s'", behavior, false);
        bench_take(MS, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, MS);
        int64_t at_ns = MS;
        for (int lives = 0; lives < 2; lives++) {
            bench_send(at_ns);
            assert_int_equal(bench_drive(at_ns + 5000 * MS), 0);
            at_ns += 5000 * MS;
            bench_echo(at_ns);
            next_beat(at_ns + 100 * MS);
            at_ns = next_beat(at_ns + 300 * MS);
            assert_int_equal(bench.sent.id, 5);
            assert_false(vm_on_closed(bench.vm, at_ns)); /* the next setup is waited for, too */
            bench_take(at_ns, VM_ACTION_CONNECT);
            vm_on_connected(bench.vm, at_ns);
        }
        bench_close(NULL);
    }
}

/* A number of the server's, within the bounds of what a scenario may say. */
static void test_their_period_may_be_captured(void **state)
{
    (void)state;
    static const struct {
        uint32_t captured;
        int64_t period_ns;
    } cases[] = {{200, 200 * MS}, {0, TIME_NEVER_NS}, {UINT32_MAX, INT64_C(86400) * NS_PER_S}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t number = cases[i].captured;
        uint8_t body[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                           (uint8_t)(number >> 24)};
        bench_open("'rate': '1/s'",
                   "'setup': [ { 'expect': { 'within': '9s', 'capture': { 'hb': 'u32@0' } } } ], "
                   "'loop': [ { 'think': '1h' } ], 'every': [ { 'period': '${hb}ms', 'from': "
                   "'after_setup', 'send': { 'id': 5 } } ]",
                   false);
        bench_take(MS, VM_ACTION_CONNECT);
        vm_on_connected(bench.vm, MS);
        bench_receive(MS, 3, body, sizeof body);
        bench_drive(MS);
        if (cases[i].period_ns == TIME_NEVER_NS) {
            assert_int_equal(bench_drive(INT64_C(400000) * NS_PER_S), 0);
        } else {
            int64_t first_ns = next_beat(MS + cases[i].period_ns);
            assert_true(next_beat(first_ns + cases[i].period_ns) == first_ns + cases[i].period_ns);
        }
        bench_close(NULL);
    }
}

/* Where a reply may be to a request or to a heartbeat, the one that was sent first has it. */
static void test_replies_that_are_alike_come_in_order(void **state)
{
    (void)state;
    static const char *const replies[][2] = {
        {"", "{ 'id': 5 }"}, /* a request has the id that it sent */
        {"'match': { 'id': 5 },", "{ 'id': 5 }"},
        {"'match': 'any',", "'any'"},
        {"'match': { 'field': { 'at': 'u8@0', 'equals': 1 } },",
         "{ 'field': { 'at': 'u8@0', 'equals': 1 } }"}};
    for (size_t i = 0; i < 2 * (sizeof replies / sizeof replies[0]); i++) {
        char behavior[512];
        bool beat_first = i % 2 != 0;
        snprintf(behavior, sizeof behavior,
                 "'loop': [ { 'request': { 'send': { 'id': 5 }, %s 'within': '9s' } } ], 'every': "
                 "[ { 'period': '100ms', 'send': { 'id': 5, 'body': { 'hex': '01' } }, 'reply': { "
                 "'match': %s, 'within': '9s' } } ]",
                 replies[i / 2][0], replies[i / 2][1]);
        bench_open("'rate': '1/s'", behavior, false);
        bench_ready();
        int64_t at_ns = beat_first ? next_beat(102 * MS) : 2 * MS;
        vm_on_arrival(bench.vm, at_ns, at_ns, at_ns);
        bench_drive(at_ns);
        at_ns = beat_first ? at_ns : next_beat(102 * MS);
        bench_receive(at_ns, 5, "\1", 1);
        assert_int_equal(bench.beats[VM_BEAT_ANSWERED], beat_first);
        assert_int_equal(bench.requests_count, !beat_first);
        bench_receive(at_ns, 5, "\1", 1);
        assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
        assert_int_equal(bench.requests_count, 1);
        assert_int_equal(bench.unsolicited_count, 0);
        bench_close(NULL);
    }
}

/* The same of those that have been given up. */
static void test_late_replies_that_are_alike_come_in_order(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'request': { 'send': { 'id': 5 }, 'within': '60ms' } } ], 'every': [ { "
               "'period': '100ms', 'send': { 'id': 5 }, 'reply': { 'match': { 'id': 5 }, "
               "'within': '60ms' } } ]",
               false);
    bench_ready();
    int64_t at_ns = next_beat(102 * MS);
    vm_on_arrival(bench.vm, at_ns, at_ns, at_ns);
    bench_drive(at_ns);
    bench_drive(at_ns + 70 * MS);
    assert_int_equal(bench.beats[VM_BEAT_TIMED_OUT], 1);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    at_ns = next_beat(at_ns + 100 * MS);
    bench_receive(at_ns, 5, "", 0);
    bench_receive(at_ns, 5, "", 0);
    assert_int_equal(bench.late_count, 2);
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 0);
    bench_receive(at_ns, 5, "", 0);
    assert_int_equal(bench.beats[VM_BEAT_ANSWERED], 1);
}

static void test_only_scenarios_with_heartbeats_pay_for_them(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ]", false);
    size_t memory = vm_memory_bytes(bench.program);
    size_t seldom = vm_seldom_bytes(bench.program);
    bench_close(NULL);
    bench_open("'rate': '1/s'", "'loop': [ { 'think': '1s' } ], " PERIOD, false);
    assert_int_equal(vm_memory_bytes(bench.program), memory);
    assert_true(vm_seldom_bytes(bench.program) > seldom);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_they_come_in_every_state),
        TEST(test_phases_differ),
        TEST(test_what_is_sent_breaks_the_silence),
        TEST(test_none_is_made_up_for),
        TEST(test_they_end_with_the_connection_and_begin_with_the_next),
        TEST(test_a_half_closed_connection_has_none),
        TEST(test_a_reply_is_no_push),
        TEST(test_a_reply_that_does_not_come_is_seen),
        TEST(test_a_late_reply_answers_no_other),
        TEST(test_what_the_end_leaves_unanswered_is_told),
        TEST(test_a_silent_server_is_left),
        TEST(test_they_do_not_wait_for_replies),
        TEST(test_a_lost_reply_is_one),
        TEST(test_a_reply_may_say_which_it_is_to),
        TEST(test_a_field_of_the_header_may_say_it),
        TEST(test_a_silent_server_is_asked_so_often),
        TEST(test_they_carry_what_setup_has),
        TEST(test_they_wait_for_the_end_of_setup),
        TEST(test_their_period_may_be_captured),
        TEST(test_replies_that_are_alike_come_in_order),
        TEST(test_late_replies_that_are_alike_come_in_order),
        TEST(test_only_scenarios_with_heartbeats_pay_for_them),
    };
    return cmocka_run_group_tests_name("vm beats", tests, NULL, NULL);
}
