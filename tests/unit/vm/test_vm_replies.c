/* The vm: which request a message belongs to, and how it is judged. */
#include "vm_harness.h"

/* A request whose body is always the same, so that nothing but the order tells replies apart. */
#define PLAIN(members)                                                                             \
    "{ 'request': { 'send': { 'id': 1, 'body': { 'text': 'same' } }, 'within': '100ms'" members    \
    " } }"

static void test_corrupted_reply_is_a_mismatch_not_a_timeout(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    uint8_t body[8];
    memcpy(body, bench.sent.body, 8);
    body[7] ^= 1;
    bench_receive(11 * MS, 1, body, 8);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
    bench_send(11 * MS); /* and the loop goes on */
    bench_receive(12 * MS, 1, bench.sent.body, 7);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
    bench_send(12 * MS);
    bench_echo(13 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.unsolicited_count, 0);
}

static void test_message_with_another_id_is_unsolicited(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 2, bench.sent.body, 8);
    assert_int_equal(bench.requests_count, 0);
    assert_int_equal(bench.unsolicited_count, 1);
    assert_int_equal(bench.late_count, 0);
    bench_echo(12 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_match_any_takes_any_id(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " BENCH_ECHO(", 'match': 'any'") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_receive(11 * MS, 77, bench.sent.body, 8);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_what_has_not_been_sent_is_not_answered(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " PLAIN("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_take(10 * MS, VM_ACTION_SEND);
    bench_echo(11 * MS);
    assert_int_equal(bench.requests_count, 0);
    assert_int_equal(bench.unsolicited_count, 1);
    vm_on_sent(bench.vm, 1, 12 * MS);
    bench_echo(13 * MS);
    assert_int_equal(bench.requests_count, 1);
}

static void test_count_awaits_so_many_replies(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'", "'loop': [ " PLAIN(", 'count': 3, 'verify': 'same_body'") " ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    bench_send(10 * MS);
    bench_echo(11 * MS);
    bench_receive(12 * MS, 1, "wrong", 5);
    assert_int_equal(bench.requests_count, 0);
    bench_echo(13 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH); /* one of the three was wrong */
    assert_int_equal(bench_last()->first_ns, 11 * MS - 1);
    assert_int_equal(bench_last()->last_ns, 13 * MS);
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS);
    bench_send(20 * MS);
    bench_echo(21 * MS);
    bench_nothing(120 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    assert_int_equal(bench_last()->first_ns, 21 * MS - 1);
    bench_echo(121 * MS); /* two were missing: two are late, a third is nobody's */
    bench_echo(122 * MS);
    bench_echo(123 * MS);
    assert_int_equal(bench.late_count, 2);
    assert_int_equal(bench.unsolicited_count, 3);
}

static void test_late_reply_is_absorbed_by_its_tombstone(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " PLAIN("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    bench_send(110 * MS); /* the first has timed out, the second is on its way */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_TIMED_OUT);
    bench_echo(120 * MS); /* the first one's */
    assert_int_equal(bench.late_count, 1);
    assert_int_equal(bench.requests_count, 1);
    bench_echo(130 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench_last()->last_ns, 130 * MS); /* not made faster by the late one */
}

static void test_many_late_replies_are_all_absorbed(void **state)
{
    (void)state;
    bench_open("", "'loop': [ " PLAIN("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 0);
    for (int64_t i = 0; i < 40; i++) {
        bench_send(i * 100 * MS);
    }
    assert_int_equal(bench.requests_count, 39);
    for (int i = 0; i < 39; i++) {
        bench_echo(3950 * MS);
    }
    assert_int_equal(bench.late_count, 39);
    assert_int_equal(bench.requests_count, 39);
    bench_echo(3960 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_tombstones_of_other_ids_take_only_theirs(void **state)
{
    (void)state;
    bench_open("'rate': '1/s'",
               "'loop': [ { 'request': { 'send': { 'id': 1 }, 'within': '10ms' } }, "
               "{ 'request': { 'send': { 'id': 2 }, 'within': '10ms' } }, "
               "{ 'request': { 'send': { 'id': 1 }, 'within': '10ms' } }, "
               "{ 'request': { 'send': { 'id': 3 }, 'within': '10ms' } } ]",
               false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    for (int64_t i = 0; i < 4; i++) {
        bench_send((10 + 10 * i) * MS);
    }
    bench_receive(41 * MS, 2, NULL, 0);
    bench_receive(41 * MS, 2, NULL, 0);
    assert_int_equal(bench.late_count, 1);
    assert_int_equal(bench.unsolicited_count, 2);
    for (int i = 0; i < 3; i++) {
        bench_receive(42 * MS, 1, NULL, 0);
    }
    assert_int_equal(bench.late_count, 3);
    bench_receive(43 * MS, 3, NULL, 0);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void test_kinds_of_tombstones_are_bounded(void **state)
{
    (void)state;
    bench_open(
        "'rate': '1/s'",
        "'loop': [ { 'request': { 'send': { 'id': 1, 'body': { 'random': { 'bytes': 8 } } }, "
        "'match': { 'id': 2, 'field': 'u64@0' }, 'within': '10ms' } } ]",
        false);
    bench_ready();
    uint8_t bodies[10][8];
    for (int64_t i = 0; i < 10; i++) {
        vm_on_arrival(bench.vm, (10 + 10 * i) * MS, (10 + 10 * i) * MS, (10 + 10 * i) * MS);
        bench_send((10 + 10 * i) * MS);
        memcpy(bodies[i], bench.sent.body, 8);
        bench_nothing((20 + 10 * i) * MS);
    }
    for (int i = 9; i >= 0; i--) {
        bench_receive(200 * MS, 2, bodies[i], 8);
    }
    /* The newest are kept, the oldest were forgotten. */
    assert_int_equal(bench.unsolicited_count, 10);
    assert_in_range(bench.late_count, 4, 9);
}

static void test_random_body_proves_whose_reply_it_is(void **state)
{
    (void)state;
    /* A reply that the server never sends must not make all later ones look late. */
    bench_open("", "'loop': [ " BENCH_ECHO(", 'within': '100ms'") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    bench_send(10 * MS);
    uint8_t lost[8];
    memcpy(lost, bench.sent.body, 8);
    bench_send(110 * MS);
    bench_echo(111 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    bench_send(111 * MS);
    bench_receive(112 * MS, 1, lost, 8); /* it comes after all */
    assert_int_equal(bench.late_count, 1);
    bench_echo(113 * MS);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_equal(bench.requests_count, 3);
}

static void test_correlation_field_picks_its_own_out_of_pushes(void **state)
{
    (void)state;
    bench_open(
        "'in_flight': 2, 'rate': '1/s'",
        "'loop': [ { 'request': { 'send': { 'id': 201, 'body': { 'random': { 'bytes': 16 } } "
        "}, 'match': { 'id': 202, 'field': 'u64@0' }, 'verify': 'same_body' } } ]",
        false);
    bench_ready();
    vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
    vm_on_arrival(bench.vm, 11 * MS, 11 * MS, 11 * MS);
    assert_false(vm_has_free_lane(bench.vm));
    uint8_t first[16];
    bench_send(11 * MS);
    uint32_t first_lane = bench.action.lane;
    memcpy(first, bench.sent.body, 16);
    bench_send(11 * MS);
    uint8_t other[16] = {0};
    bench_receive(12 * MS, 202, other, 16);
    bench_receive(12 * MS, 202, other, 4); /* too short to hold the field */
    assert_int_equal(bench.unsolicited_count, 2);
    bench_receive(13 * MS, 202, bench.sent.body, 16); /* the second overtakes */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
    assert_int_not_equal(bench_last()->lane, first_lane);
    first[15] ^= 1; /* selected by its field, judged by its body */
    bench_receive(14 * MS, 202, first, 16);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
    assert_int_equal(bench_last()->lane, first_lane);
}

static void test_lanes_take_replies_in_the_order_of_sending(void **state)
{
    (void)state;
    bench_open("'in_flight': 4", "'loop': [ " BENCH_ECHO("") " ]", true);
    bench_ready();
    vm_on_start(bench.vm, 10 * MS);
    uint8_t bodies[4][8];
    uint32_t lanes[4];
    for (int i = 0; i < 4; i++) {
        bench_take(10 * MS, VM_ACTION_SEND);
        memcpy(bodies[i], bench.sent.body, 8);
        lanes[i] = bench.action.lane;
    }
    bench_nothing(10 * MS);
    vm_on_sent(bench.vm, 3, 11 * MS);
    vm_on_sent(bench.vm, UINT32_MAX, 12 * MS);
    for (uint32_t i = 0; i < 4; i++) {
        bench_receive((20 + i) * MS, 1, bodies[i], 8);
        assert_int_equal(bench.requests_count, i + 1);
        assert_int_equal(bench_last()->lane, lanes[i]);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        assert_int_equal(bench_last()->sent_ns, i < 3 ? 11 * MS : 12 * MS);
    }
    for (int i = 0; i < 4; i++) {
        bench_take(24 * MS, VM_ACTION_SEND);
    }
    bench_nothing(24 * MS);
}

static void test_captures_are_set_by_setup_and_kept_per_lane(void **state)
{
    (void)state;
    bench_open("'in_flight': 2, 'rate': '1/s'",
               "'setup': [ { 'request': { 'send': { 'id': 1 }, 'match': { 'id': 2 }, "
               "'capture': { 'session': 'u32be@2' } } } ], "
               "'loop': [ { 'request': { 'send': { 'id': 3, 'body': { 'text': 's=${session}' } }, "
               "'match': { 'id': 4, 'field': { 'at': 'u8@0', 'equals': '${session}' } }, "
               "'capture': { 'session': 'u8@1' } } } ]",
               false);
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, 2 * MS);
    bench_send(2 * MS);
    bench_receive(3 * MS, 2, "\xff\xff\x00\x00\x00\x07", 6);
    bench_take(3 * MS, VM_ACTION_READY);
    for (int i = 0; i < 2; i++) {
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        bench_send(10 * MS);
        assert_int_equal(bench.sent.body_bytes, 3);
        assert_memory_equal(bench.sent.body, "s=7", 3);
    }
    bench_receive(11 * MS, 4, "\x08\x63", 2); /* another session's */
    assert_int_equal(bench.unsolicited_count, 1);
    bench_receive(12 * MS, 4, "\x07\x63", 2);
    assert_int_equal(bench.requests_count, 2);
    vm_on_arrival(bench.vm, 20 * MS, 20 * MS, 20 * MS); /* the lane that got its reply: now 99 */
    bench_send(20 * MS);
    assert_memory_equal(bench.sent.body, "s=99", 4);
    bench_receive(21 * MS, 4, "\x07", 1); /* too short to capture from: not what was agreed */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_MISMATCH);
}

static void test_verify_forms(void **state)
{
    (void)state;
    static const struct {
        const char *verify;
        const char *reply;
        bool good;
    } cases[] = {
        {"{ 'equals': { 'text': 'c${conn}' } }", "c3", true},
        {"{ 'equals': { 'text': 'c${conn}' } }", "c33", false},
        {"{ 'equals': { 'text': 'c${conn}' } }", "c", false},
        {"{ 'equals': 'none' }", "", true},
        {"{ 'equals': 'none' }", "x", false},
        {"{ 'starts_with': { 'text': 'OK ${conn}' } }", "OK 3 and more", true},
        {"{ 'starts_with': { 'text': 'OK ${conn}' } }", "OK 4 and more", false},
        {"{ 'starts_with': { 'hex': '4f4b' } }", "O", false},
        {"{ 'contains': { 'text': 'aab' } }", "xaaab", true},
        {"{ 'contains': { 'text': 'aab' } }", "xaaba", true},
        {"{ 'contains': { 'text': 'aab' } }", "aaa", false},
        {"{ 'contains': { 'text': 'aab' } }", "", false},
        {"{ 'same_body': { 'skip_bytes': 3 } }", "idssame", true},
        {"{ 'same_body': { 'skip_bytes': 3 } }", "idsame", false},
        {"{ 'same_body': { 'skip_bytes': 3 } }", "id", false},
        {"'none'", "anything", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char behavior[512];
        snprintf(behavior, sizeof behavior, "'loop': [ " PLAIN(", 'verify': %s") " ]",
                 cases[i].verify);
        bench_open("'rate': '1/s'", behavior, false);
        bench_ready();
        vm_on_arrival(bench.vm, 10 * MS, 10 * MS, 10 * MS);
        bench_send(10 * MS);
        bench_receive(11 * MS, 1, cases[i].reply, (uint32_t)strlen(cases[i].reply));
        assert_int_equal(bench_last()->outcome,
                         cases[i].good ? VM_OUTCOME_OK : VM_OUTCOME_MISMATCH);
        bench_close(NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, bench_close)
    const struct CMUnitTest tests[] = {
        TEST(test_corrupted_reply_is_a_mismatch_not_a_timeout),
        TEST(test_message_with_another_id_is_unsolicited),
        TEST(test_match_any_takes_any_id),
        TEST(test_what_has_not_been_sent_is_not_answered),
        TEST(test_count_awaits_so_many_replies),
        TEST(test_late_reply_is_absorbed_by_its_tombstone),
        TEST(test_many_late_replies_are_all_absorbed),
        TEST(test_tombstones_of_other_ids_take_only_theirs),
        TEST(test_kinds_of_tombstones_are_bounded),
        TEST(test_random_body_proves_whose_reply_it_is),
        TEST(test_correlation_field_picks_its_own_out_of_pushes),
        TEST(test_lanes_take_replies_in_the_order_of_sending),
        TEST(test_captures_are_set_by_setup_and_kept_per_lane),
        TEST(test_verify_forms),
    };
    return cmocka_run_group_tests_name("vm replies", tests, NULL, NULL);
}
