/* The vm: a connection that goes from one server to another. */
#include "vm_harness.h"

#define TARGETS                                                                                    \
    "'targets': { 'login': { 'framing': { 'type': 'length', 'size_bytes': 2, 'byte_order': "       \
    "'big', "                                                                                      \
    "'size_includes_header': false, 'id_bytes': 1 } }, "                                           \
    "'game': { 'framing': { 'type': 'delimiter', 'delimiter': '\\n' } }, "                         \
    "'stream': { 'framing': { 'type': 'raw' } } },"
#define LOG_IN                                                                                     \
    "{ 'request': { 'name': 'log in', 'send': { 'id': 1, 'body': { 'text': 'me' } }, "             \
    "'capture': { 'key': 'text@0:4' } } }"
#define PLAY                                                                                       \
    "{ 'request': { 'name': 'play', 'send': { 'body': { 'text': 'key=${key}' } }, "                \
    "'verify': { 'equals': { 'text': 'ok' } } } }"
#define TO(name) "{ 'reconnect': { 'to': '" name "' } }"

enum { LOGIN, GAME, STREAM };

static void connected(int64_t now_ns, uint32_t target)
{
    bench_take(now_ns, VM_ACTION_CONNECT);
    assert_int_equal(vm_target(bench.vm), target);
    vm_on_connected(bench.vm, now_ns);
}

/* The vm goes elsewhere by itself: it closes first. */
static void moved(int64_t now_ns, uint32_t from, uint32_t to)
{
    bench_take(now_ns, VM_ACTION_DISCONNECT);
    assert_int_equal(bench.action.disconnect, DISCONNECT_FIN);
    assert_int_equal(vm_target(bench.vm), from); /* what still comes has its framing */
    assert_true(vm_on_closed(bench.vm, now_ns));
    connected(now_ns, to);
}

static void logged_in(int64_t now_ns)
{
    bench_send(now_ns);
    assert_int_equal(bench.sent.id, 1);
    bench_assert_sent(2, "me");
    bench_receive(now_ns, 1, "k123", 4);
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
}

static void played(int64_t now_ns, const char *answer, enum vm_outcome outcome)
{
    bench_send(now_ns);
    bench_assert_sent(8, "key=k123"); /* what was captured there is known here */
    bench_receive(now_ns, 0, answer, (uint32_t)strlen(answer));
    assert_int_equal(bench_last()->outcome, outcome);
}

static void test_it_goes_from_login_to_game(void **state)
{
    (void)state;
    bench_open_with(TARGETS, "",
                    "'setup': [ " LOG_IN
                    ", " TO("game") " ], 'loop': [ " PLAY
                                    ", { 'think': '1s' } ], 'teardown': [ " PLAY " ]",
                    true);
    connected(MS, LOGIN);
    logged_in(2 * MS);
    moved(3 * MS, LOGIN, GAME);
    bench_take(3 * MS, VM_ACTION_READY);
    vm_on_start(bench.vm, 4 * MS);
    played(4 * MS, "ok", VM_OUTCOME_OK);
    bench_nothing(5 * MS);
    played(1005 * MS, "no", VM_OUTCOME_MISMATCH);
    vm_on_stop(bench.vm, 1006 * MS);
    played(1006 * MS, "ok", VM_OUTCOME_OK); /* teardown, at the same target */
    bench_take(1007 * MS, VM_ACTION_FINISHED);
}

static void test_every_pass_goes_round(void **state)
{
    (void)state;
    bench_open_with(TARGETS, "",
                    "'loop': [ " LOG_IN ", " TO("game") ", " PLAY ", " TO("login") " ]", true);
    connected(MS, LOGIN);
    bench_take(MS, VM_ACTION_READY);
    vm_on_start(bench.vm, 2 * MS);
    for (int64_t now_ns = 3 * MS; now_ns < 6 * MS; now_ns += MS) {
        logged_in(now_ns);
        moved(now_ns, LOGIN, GAME);
        played(now_ns, "ok", VM_OUTCOME_OK);
        moved(now_ns, GAME, LOGIN);
    }
    assert_int_equal(bench.ended_count, 3);
}

static void test_a_reconnect_without_a_name_stays(void **state)
{
    (void)state;
    bench_open_with(TARGETS, "",
                    "'setup': [ " LOG_IN ", " TO("game") " ], 'loop': [ " PLAY
                                                         ", { 'reconnect': 'now' } ]",
                    true);
    connected(MS, LOGIN);
    logged_in(MS);
    moved(MS, LOGIN, GAME);
    bench_take(MS, VM_ACTION_READY);
    vm_on_start(bench.vm, 2 * MS);
    played(2 * MS, "ok", VM_OUTCOME_OK);
    moved(3 * MS, GAME, GAME);
    played(3 * MS, "ok", VM_OUTCOME_OK);
}

static void test_a_lost_connection_begins_where_the_behavior_starts(void **state)
{
    (void)state;
    bench_open_with(TARGETS, "",
                    "'target': 'login', 'on_disconnect': 'reconnect', 'setup': [ " LOG_IN
                    ", " TO("game") " ], 'loop': [ " PLAY " ]",
                    true);
    connected(MS, LOGIN);
    logged_in(MS);
    moved(MS, LOGIN, GAME);
    bench_take(MS, VM_ACTION_READY);
    vm_on_start(bench.vm, 2 * MS);
    bench_send(2 * MS);
    assert_false(vm_on_closed(bench.vm, 3 * MS));
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_LOST);
    connected(3 * MS, LOGIN);
    logged_in(3 * MS);
    moved(3 * MS, LOGIN, GAME);
    played(4 * MS, "ok", VM_OUTCOME_OK);
    /* The same where the move itself fails: */
    assert_true(vm_next(bench.vm, 4 * MS, &bench.action)); /* the next request */
    assert_false(vm_on_closed(bench.vm, 5 * MS));
    connected(5 * MS, LOGIN);
    logged_in(5 * MS);
    bench_take(5 * MS, VM_ACTION_DISCONNECT);
    assert_true(vm_on_closed(bench.vm, 5 * MS));
    bench_take(5 * MS, VM_ACTION_CONNECT);
    assert_int_equal(vm_target(bench.vm), GAME);
    vm_on_connect_failed(bench.vm, 6 * MS);
    bench_take(6 * MS, VM_ACTION_CONNECT);
    assert_int_equal(vm_target(bench.vm), LOGIN);
}

static void test_a_move_with_back_off_tries_its_target_again(void **state)
{
    (void)state;
    bench_open_with(TARGETS, "",
                    "'setup': [ " LOG_IN ", { 'reconnect': { 'to': 'game', 'back_off': { "
                    "'max_attempts': 3 } } } ], 'loop': [ " PLAY " ]",
                    true);
    connected(MS, LOGIN);
    logged_in(MS);
    bench_take(MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, MS);
    for (int i = 0; i < 2; i++) {
        bench_take(MS, VM_ACTION_CONNECT);
        assert_int_equal(vm_target(bench.vm), GAME);
        vm_on_connect_failed(bench.vm, MS);
    }
    bench_take(MS, VM_ACTION_CONNECT);
    vm_on_connected(bench.vm, MS);
    bench_take(MS, VM_ACTION_READY);
    vm_on_start(bench.vm, MS);
    played(MS, "ok", VM_OUTCOME_OK);
}

static void test_a_stream_behind_messages(void **state)
{
    (void)state;
    bench_open_with(
        TARGETS, "",
        "'loop': [ " LOG_IN
        ", " TO("stream") ", { 'request': { 'name': 'raw', 'send': { 'body': { 'text': 'abcd' } }, "
                          "'verify': 'same_body' } }, " TO("login") " ]",
        true);
    connected(MS, LOGIN);
    bench_take(MS, VM_ACTION_READY);
    vm_on_start(bench.vm, MS);
    for (int i = 0; i < 2; i++) {
        logged_in(2 * MS);
        moved(2 * MS, LOGIN, STREAM);
        bench_send(3 * MS);
        bench_receive(3 * MS, 0, "ab", 2);
        uint32_t before = bench.requests_count;
        bench_receive(3 * MS, 0, "cd", 2); /* its end is known by its bytes */
        assert_int_equal(bench.requests_count, before + 1);
        assert_int_equal(bench_last()->outcome, VM_OUTCOME_OK);
        moved(3 * MS, STREAM, LOGIN);
    }
}

static void test_teardown_is_played_at_its_target_only(void **state)
{
    (void)state;
    bench_open_with(TARGETS, "",
                    "'loop': [ " LOG_IN
                    ", " TO("game") ", " PLAY
                                    ", " TO("login") " ], 'teardown': [ { 'send': { 'id': 2 } } ]",
                    true);
    connected(MS, LOGIN);
    bench_take(MS, VM_ACTION_READY);
    vm_on_start(bench.vm, MS);
    logged_in(MS);
    moved(MS, LOGIN, GAME);
    bench_send(MS);
    vm_on_stop(bench.vm, 2 * MS);
    vm_on_drain_end(bench.vm, 3 * MS); /* cut at the game: a log-out means nothing there */
    assert_int_equal(bench_last()->outcome, VM_OUTCOME_CUT);
    bench_take(3 * MS, VM_ACTION_FINISHED);
}

static void test_a_rule_is_about_its_target(void **state)
{
    (void)state;
    bench_open_with(
        TARGETS, "",
        "'setup': [ " LOG_IN ", " TO(
            "game") " ], 'loop': [ " PLAY
                    " ], 'on_push': [ { 'target': 'game', 'verify': { 'equals': { 'text': 'x' } } "
                    "} ]",
        true);
    connected(MS, LOGIN);
    bench_receive(MS, 7, "y", 1);
    assert_int_equal(bench.unsolicited_count, 1);
    assert_int_equal(bench.pushes_count, 0);
    logged_in(MS);
    moved(MS, LOGIN, GAME);
    bench_receive(MS, 0, "y", 1);
    assert_int_equal(bench.pushes_count, 1);
    assert_int_equal(bench.pushes_wrong_count, 1);
}

static void asked_for_an_address(const char *body, uint32_t bytes)
{
    bench_send(MS);
    bench_receive(MS, 1, body, bytes);
    bench_take(MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, MS);
    bench_take(MS, VM_ACTION_CONNECT);
}

#define REDIRECTS                                                                                  \
    "'targets': { 'login': { 'framing': { 'type': 'length', 'size_bytes': 2, 'id_bytes': 1, "      \
    "'size_includes_header': false } }, 'game': { 'allow': [ '10.0.0.0/8:1' ], 'framing': { "      \
    "'type': 'delimiter', 'delimiter': '|' } } },"

static void test_an_address_is_handed_out_as_it_was_captured(void **state)
{
    (void)state;
    struct vm_redirect to;
    bench_open_with(REDIRECTS, "",
                    "'setup': [ { 'request': { 'send': { 'id': 1 }, 'capture': { 'ip': 'u32be@0', "
                    "'port': 'u16be@4' } } }, { 'reconnect': { 'to': { 'host': '${ip}', 'port': "
                    "'${port}' } } }, { 'reconnect': 'now' } ]",
                    true);
    connected(MS, LOGIN);
    assert_false(vm_redirect(bench.vm, &to));
    asked_for_an_address("\x7f\0\0\x01\x1b\x58", 6);
    assert_int_equal(vm_target(bench.vm), GAME);
    assert_true(vm_redirect(bench.vm, &to));
    assert_true(to.has_host && to.has_port);
    assert_string_equal(to.host, "2130706433");
    assert_string_equal(to.port, "7000");
    assert_false(vm_stays(bench.vm));
    vm_on_connected(bench.vm, MS);
    bench_take(MS, VM_ACTION_DISCONNECT);
    vm_on_closed(bench.vm, MS);
    bench_take(MS, VM_ACTION_CONNECT); /* "now": to the same again */
    assert_false(vm_redirect(bench.vm, &to));
    assert_true(vm_stays(bench.vm));
    vm_on_connected(bench.vm, MS);
    bench_take(MS, VM_ACTION_READY);
}

static void test_a_refused_address_is_not_tried_again(void **state)
{
    (void)state;
    struct vm_redirect to;
    bench_open_with(REDIRECTS, "",
                    "'on_disconnect': 'reconnect', 'setup': [ { 'request': { 'send': { 'id': 1 }, "
                    "'capture': { 'ip': 'text@0' } } }, { 'reconnect': { 'to': { 'host': '${ip}', "
                    "'port': '1' }, 'back_off': { 'max_attempts': 9 } } } ]",
                    true);
    connected(MS, LOGIN);
    asked_for_an_address("a\0b", 3);
    assert_true(vm_redirect(bench.vm, &to));
    assert_string_equal(to.host, "a?b"); /* a NUL ends no text early */
    vm_on_redirect_refused(bench.vm, MS);
    bench_take(MS, VM_ACTION_CONNECT);
    assert_int_equal(vm_target(bench.vm), LOGIN); /* where the behavior starts, ... */
    assert_true(bench.action.not_before_ns > MS); /* ... after a pause */
    assert_false(vm_redirect(bench.vm, &to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_it_goes_from_login_to_game, bench_close),
        cmocka_unit_test_teardown(test_every_pass_goes_round, bench_close),
        cmocka_unit_test_teardown(test_a_reconnect_without_a_name_stays, bench_close),
        cmocka_unit_test_teardown(test_a_lost_connection_begins_where_the_behavior_starts,
                                  bench_close),
        cmocka_unit_test_teardown(test_a_move_with_back_off_tries_its_target_again, bench_close),
        cmocka_unit_test_teardown(test_a_stream_behind_messages, bench_close),
        cmocka_unit_test_teardown(test_teardown_is_played_at_its_target_only, bench_close),
        cmocka_unit_test_teardown(test_a_rule_is_about_its_target, bench_close),
        cmocka_unit_test_teardown(test_an_address_is_handed_out_as_it_was_captured, bench_close),
        cmocka_unit_test_teardown(test_a_refused_address_is_not_tried_again, bench_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
