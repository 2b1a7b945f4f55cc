/* Several targets: what `targets` says, and at which of them a step is. */
#include "mistake_harness.h"

#include "scenario/tree.h"

#define LOGIN                                                                                      \
    "'login': { 'port': 7000, 'framing': { 'type': 'length', 'byte_order': 'big', 'header': "      \
    "[{ 'size': 'u16', 'plus': 2 }, { 'id': 'u8' }, { 'u8': 7, 'name': 'key' }] } }"
#define GAME "'game': { 'port': 7001, 'framing': { 'type': 'delimiter', 'delimiter': '\\n' } }"
#define TARGETS                                                                                    \
    "'targets': { " LOGIN ", " GAME ", 'other': { 'host': '127.0.0.2', 'port': 7002 } },"
#define TO_GAME  "{ 'reconnect': { 'to': 'game' } }"
#define TO_LOGIN "{ 'reconnect': { 'to': 'login' } }"
/* Each is right at one target only. */
#define AT_LOGIN "{ 'request': { 'send': { 'id': 1, 'head': { 'key': 3 } } } }"
#define AT_GAME  "{ 'request': { 'send': { 'body': { 'text': 'x' } } } }"
#define AT_OTHER "{ 'request': { 'send': { 'id': 65535 } } }"

/* Asks for an address. */
#define ASKS                                                                                       \
    "{ 'request': { 'send': { 'id': 1 }, 'capture': { 'ip': 'u32be@0', 'port': 'u16@4' } } }"

static struct scenario *read_right(const char *quoted)
{
    char text[4096];
    snprintf(text, sizeof text, "%s", quoted);
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)(*at == '\'' ? '"' : *at);
    }
    told.count = 0;
    struct scenario *scenario =
        scenario_read(MISTAKE_PATH, text, strlen(text), NULL, NULL, 0, report, NULL);
    if (scenario == NULL) {
        fail_msg("%s", told.lines[0]);
    }
    return scenario;
}

static struct scenario *right(const char *behavior)
{
    char text[4096];
    snprintf(text, sizeof text, "{ " TARGETS " 'behaviors': [ { %s } ] }", behavior);
    return read_right(text);
}

static void test_each_target_has_its_framing(void **state)
{
    (void)state;
    struct scenario *scenario = right("'loop': [ { 'think': '1s' } ]");
    assert_true(scenario_names_targets(scenario));
    assert_int_equal(scenario->targets_count, 3);
    assert_string_equal(scenario->targets[1].name, "game");
    assert_int_equal(scenario->targets[0].protocol->framing.type, FRAMING_HEADER);
    assert_int_equal(scenario->targets[0].protocol->head_values_count, 1);
    assert_int_equal(scenario->targets[1].protocol->framing.type, FRAMING_DELIMITER);
    assert_ptr_equal(scenario->targets[2].protocol, &scenario->protocol);
    assert_string_equal(scenario->targets[2].host, "127.0.0.2");
    scenario_destroy(scenario);
}

static void test_steps_are_read_by_the_framing_of_their_target(void **state)
{
    (void)state;
    static const char *const behaviors[] = {
        "'loop': [ " AT_LOGIN ", " TO_GAME ", " AT_GAME ", { 'reconnect': 'now' }, " AT_GAME
        ", " TO_LOGIN " ]",
        "'setup': [ " AT_LOGIN ", " TO_GAME " ], 'loop': [ " AT_GAME " ], 'teardown': [ " AT_GAME
        " ]",
        "'target': 'other', 'loop': [ " AT_OTHER " ], 'teardown': [ " AT_OTHER " ]",
        "'loop': [ " TO_LOGIN ", " AT_LOGIN ", " TO_GAME ", " AT_GAME " ]",
        "'loop': [ " AT_LOGIN ", { 'repeat': { 'times': 2, 'steps': [ " TO_GAME ", " AT_GAME ", "
        "{ 'reconnect': { 'to': 'other' } }, " AT_OTHER " ] } }, " AT_OTHER ", " TO_LOGIN " ]",
        "'loop': [ { 'if': { 'value': '${conn}', 'equals': 0, 'then': [ " TO_GAME ", " AT_GAME
        " ], 'else': [ " AT_LOGIN ", " TO_GAME " ] } }, " AT_GAME ", " TO_LOGIN " ]",
        "'loop': [ { 'choose': [ { 'steps': [ " AT_LOGIN " ] }, { 'steps': [ " TO_GAME ", " AT_GAME
        ", " TO_LOGIN " ] } ] }, " AT_LOGIN " ]",
        "'connect': 'in_loop', 'loop': [ " TO_GAME ", " AT_GAME " ]",
        "'loop': [ " AT_LOGIN ", " TO_GAME ", " AT_GAME ", " TO_LOGIN " ], "
        "'on_push': [ { 'target': 'login', 'match': { 'id': 9 } }, { 'target': 'game' } ]",
    };
    for (size_t i = 0; i < COUNT(behaviors); i++) {
        scenario_destroy(right(behaviors[i]));
    }
}

static void test_a_step_knows_its_target(void **state)
{
    (void)state;
    struct scenario *scenario =
        right("'target': 'other', 'setup': [ " AT_OTHER ", " TO_GAME ", " AT_GAME
              " ], 'loop': [ " AT_GAME " ], 'teardown': [ " AT_GAME " ]");
    const struct scenario_behavior *behavior = &scenario->behaviors[0];
    const struct step *step = behavior->setup;
    assert_int_equal(behavior->target, 2);
    assert_int_equal(behavior->teardown_target, 1);
    assert_false(behavior->moves);
    assert_int_equal(step->target, 2);
    assert_int_equal(step->next->target, 2);
    assert_true(step->next->reconnect.moves);
    assert_int_equal(step->next->reconnect.target, 1);
    assert_int_equal(step->next->next->target, 1);
    assert_int_equal(behavior->loop->target, 1);
    scenario_destroy(scenario);
    scenario = right("'loop': [ " AT_LOGIN ", " TO_GAME ", " AT_GAME ", " TO_LOGIN " ]");
    assert_true(scenario->behaviors[0].moves); /* not for two lanes */
    scenario_destroy(scenario);
    scenario = right("'loop': [ " TO_LOGIN ", " AT_LOGIN ", " TO_GAME ", " AT_GAME " ]");
    assert_false(scenario->behaviors[0].moves);
    scenario_destroy(scenario);
}

static void test_captured_addresses(void **state)
{
    (void)state;
    static const char *const right_ones[] = {
        "'targets': { 'login': {}, 'game': { 'allow': [ '10.0.0.0/8:7000-7999', 'a.example:1' ] } "
        "}, "
        "'behaviors': [ { 'setup': [ " ASKS ", { 'reconnect': { 'to': { 'host': '${ip}', 'port': "
        "'${port}' } } }, { 'reconnect': 'now' } ] } ]",
        "'targets': { 'login': {}, 'game': { 'port': 1, 'allow': [ '[::1]:1' ] }, 'b': { 'allow': "
        "[ "
        "'127.0.0.1:1' ] } }, 'behaviors': [ { 'setup': [ " ASKS ", { 'reconnect': { 'to': { "
        "'target': 'game', 'port': '${port}' } } }, { 'reconnect': { 'to': 'game' } } ] } ]",
        "'target': { 'allow': [ '127.0.0.0/8:7000-7001' ] }, 'behaviors': [ { 'setup': [ " ASKS
        ", { 'reconnect': { 'to': { 'port': '700${port}' } } } ] } ]",
    };
    for (size_t i = 0; i < COUNT(right_ones); i++) {
        char text[2048];
        snprintf(text, sizeof text, "{ %s }", right_ones[i]);
        scenario_destroy(read_right(text));
    }
#define ALLOWED "'targets': { 'login': {}, 'game': { 'allow': [ '10.0.0.0/8:1' ] } },"
    static const struct mistake mistakes[] = {
        {"'targets': { 'login': {}, 'game': { 'allow': [ '10.0.0.0/8' ] } }, 'behaviors': [ {} ]",
         ": `targets.game.allow[0]`: expected an address, a range of them or a name with its "
         "ports, "
         "such as '10.0.0.0/8:7000-7999', '[2001:db8::/32]:7777' or 'game.example:7777', "
         "found '10.0.0.0/8'"},
        {"'target': { 'allow': [ 7 ] }, 'behaviors': [ {} ]",
         ": `target.allow[0]`: expected a text such as '10.0.0.0/8:7000-7999', found 7"},
        {"'targets': [ { 'allow': [ '10.0.0.0/8:1' ] } ], 'behaviors': [ {} ]",
         ": `targets[0].allow`: unknown key; the keys here are `host`, `port`, `all_addresses`, "
         "`tls`"},
        {ALLOWED
         "'behaviors': [ { 'setup': [ { 'reconnect': { 'to': { 'host': '${ip}', 'port': '1' "
         "} } } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to.host`: `${ip}`: unknown variable; expected conn, "
         "iteration, lane, seed, now_ms, stamp_ns, sequence, random(low,high), utc(...), a "
         "table.column of `data`, a captured name or one given by --set ip=VALUE"},
        {ALLOWED "'behaviors': [ { 'setup': [ { 'reconnect': { 'to': { 'port': '1' } } } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to`: expected `host` and `port`, because `game` has "
         "neither"},
        {ALLOWED
         "'behaviors': [ { 'setup': [ { 'reconnect': { 'to': { 'target': 'game' } } } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to`: expected `host` or `port`, or both"},
        {ALLOWED "'behaviors': [ { 'setup': [ { 'reconnect': { 'to': { 'target': 'login', 'port': "
                 "'1' } } } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to`: `login` has no `allow`: it has to say which "
         "addresses a server may send connections to, such as ['10.0.0.0/8:7000-7999']"},
        {ALLOWED "'behaviors': [ { 'setup': [ { 'reconnect': { 'to': 'game' } } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to`: the target 'game' has no address of its own, "
         "only "
         "an `allow`: expected { 'host', 'port' } as captured, or its `port`"},
        {"'targets': { 'game': { 'allow': [ '10.0.0.0/8:1' ] } }, 'behaviors': [ { 'loop': [] } ]",
         ": `behaviors[0]`: the target 'game' has no address of its own, only an `allow`: expected "
         "{ "
         "'host', 'port' } as captured, or its `port`"},
        {"'behaviors': [ { 'setup': [ { 'reconnect': { 'to': { 'port': '1' } } } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to`: no target says which addresses a server may send "
         "connections to: give one an `allow`, such as ['10.0.0.0/8:7000-7999']"},
        {"'targets': { 'a': { 'allow': [ '10.0.0.0/8:1' ], 'port': 1 }, 'b': { 'allow': [ "
         "'10.0.0.0/8:1' ] } }, 'behaviors': [ { 'setup': [ { 'reconnect': { 'to': { 'port': '1' } "
         "} } ] } ]",
         ": `behaviors[0].setup[0].reconnect.to`: several targets have an `allow`: say which is "
         "meant (`target`)"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char text[2048];
        snprintf(text, sizeof text, "{ %s }", mistakes[i].text);
        check(text, mistakes[i].expected);
    }
}

/* --- What is wrong. */

static void test_steps_at_another_target(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {TO_GAME ", { 'send': { 'id': 1 } }, " TO_LOGIN,
         "[1].send.id`: the framing has no id (`id_bytes`, or `id` of a header)"},
        {AT_LOGIN ", " TO_GAME ", " TO_LOGIN ", " AT_GAME,
         "[3].request.send.id`: expected the id of the message, found nothing"},
        {AT_LOGIN ", { 'request': { 'send': { 'id': 256 } } }",
         "[1].request.send.id`: expected a whole number from 0 to 255, found 256"},
        {TO_GAME ", " AT_GAME ", { 'send': { 'body': { 'text': 'a\\nb' } } }, " TO_LOGIN,
         "[2].send.body`: expected a body without the delimiter, which the framing adds; found it "
         "at byte 1"},
        {"{ 'set': { 'x': 'a\\nb' } }, { 'think': '1s' }",
         "[0].set.x`: expected a body without the delimiter, which the framing adds; found it at "
         "byte 1"},
        {AT_LOGIN ", " TO_GAME ", " AT_GAME,
         "`: the second pass would begin at the target 'game', and the first began at 'login': "
         "begin or end it with { 'reconnect': { 'to': 'login' } }"},
        {"{ 'reconnect': 'now' }, " AT_LOGIN ", " TO_GAME ", " AT_GAME,
         "`: the second pass would begin at the target 'game', and the first began at 'login': "
         "begin or end it with { 'reconnect': { 'to': 'login' } }"},
        {"{ 'repeat': { 'times': 2, 'steps': [ " AT_LOGIN ", " TO_GAME " ] } }, " TO_LOGIN,
         "[0].repeat.steps`: the second round would begin at the target 'game', and the first "
         "began "
         "at 'login': begin or end it with { 'reconnect': { 'to': 'login' } }"},
        {"{ 'if': { 'value': '${conn}', 'equals': 0, 'then': [ " TO_GAME " ] } }, " TO_LOGIN,
         "[0].if`: the branches leave the connection at different targets, 'game' and 'login': let "
         "all of them end at one"},
        {"{ 'reconnect': { 'to': 'gmae' } }",
         "[0].reconnect.to`: `targets` has no 'gmae'; did you mean 'game'?"},
        {"{ 'reconnect': { 'to': 7 } }",
         "[0].reconnect.to`: expected the name of a target, found 7"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_steps(TARGETS, mistakes[i].text, mistakes[i].expected);
    }
    check_steps("", "{ 'reconnect': { 'to': 'game' } }, " AT_OTHER,
                "[0].reconnect.to`: no target has a name: expected `targets` as an object, such as "
                "{ 'login': { 'port': 7000 } }");
}

static void test_wrong_targets(void **state)
{
    (void)state;
#define IDLE "'behaviors': [ { 'loop': [ { 'think': '1s' } ] } ] }"
    static const struct mistake mistakes[] = {
        {"{ 'targets': {}, " IDLE,
         ": `targets`: expected an object of targets by their names, such as { 'login': { 'port': "
         "7000 } }, or an array of targets that connections use in turn, found an object"},
        {"{ 'targets': { 'a b': {} }, " IDLE,
         ": `targets.a b`: expected a name of 1 to 64 letters, digits, _ and -"},
        {"{ 'targets': { 'a': { 'prot': 1 } }, " IDLE,
         ": `targets.a.prot`: unknown key; did you mean `port`?"},
        {"{ 'targets': { 'a': {} }, 'target': {}, " IDLE,
         ": `targets`: expected either this or `target`, found both"},
        {"{ 'targets': { 'a': { 'framing': { 'type': 'lenght' } } }, 'behaviors': [ { 'loop': [ { "
         "'send': { 'id': 1, 'body': { 'text': 'x' } } } ] } ] }",
         ": `targets.a.framing.type`: expected 'length', 'delimiter', 'fixed', 'raw', 'by_id', "
         "'http', 'resp', 'lines', 'codec' or 'websocket', found 'lenght'; did you mean 'length'?"},
        {"{ 'targets': { 'a': { 'port': 0 } }, 'behaviors': [ { 'loop': [ { 'reconnect': { 'to': "
         "'b' } } ] } ] }",
         ": `targets.a.port`: expected a whole number from 1 to 65535, found 0"},
        {"{ 'targets': { 'a': {} }, 'server': { 'target': 'zzz' }, " IDLE,
         ": `server.target`: `targets` has no 'zzz'"},
        {"{ 'targets': [ { 'framing': { 'type': 'raw' } } ], " IDLE,
         ": `targets[0].framing`: unknown key; the keys here are `host`, `port`, `all_addresses`, "
         "`tls`"},
        {"{ " TARGETS " 'behaviors': [ { 'target': 'x', 'loop': [ { 'think': '1s' } ] } ] }",
         ": `behaviors[0].target`: `targets` has no 'x'"},
        {"{ " TARGETS " 'behaviors': [ { 'loop': [ " TO_GAME ", " TO_LOGIN " ], 'on_push': [ {} ] "
         "} ] }",
         ": `behaviors[0].on_push[0].target`: expected whose messages the rule is about: the "
         "behavior goes to several targets, found nothing"},
        {"{ " TARGETS " 'behaviors': [ { 'loop': [ { 'think': '1s' } ], 'on_push': [ { 'target': "
         "'game' } ] } ] }",
         ": `behaviors[0].on_push[0].target`: the behavior never goes to this target"},
        {"{ " TARGETS " 'behaviors': [ { 'loop': [ " TO_GAME ", " TO_LOGIN " ], 'on_push': [ { "
         "'target': 'game', 'match': { 'id': 1 } } ] } ] }",
         ": `behaviors[0].on_push[0].match.id`: the framing has no id (`id_bytes`, or `id` of a "
         "header)"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check(mistakes[i].text, mistakes[i].expected);
    }
}

/* HTTP reads what is sent only where it could be a HEAD, or what is known only when it is sent. */
static void test_requests_that_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bodies[2];
        bool read;
    } cases[] = {
        {{"{ 'text': 'GET / HTTP/1.1' }", "{ 'text': 'POST / HTTP/1.1' }"}, false},
        {{"{ 'text': 'GET /${random(1,9)}?c=${conn} HTTP/1.1' }",
          "{ 'text': 'GET /${iteration + 1} x' }"},
         false},
        {{"{ 'fields': [ { 'string': 'PUT / ', 'length': 'none' }, { 'length': 'digits', 'until': "
          "' ', 'of': [ { 'string': 'x', 'length': 'none' }, { 'string': '${conn}', 'length': "
          "'none' } ] } ] }",
          "{ 'text': 'GET / x' }"},
         false},
        {{"{ 'text': 'GET / HTTP/1.1' }", "{ 'text': 'HEAD / HTTP/1.1' }"}, true},
        {{"{ 'text': 'GET /${conn} HEAD / x' }", "{ 'text': 'GET / x' }"}, true},
        {{"{ 'text': 'GET /${word} x' }", "{ 'text': 'GET / x' }"}, true},
        {{"{ 'text': '${conn}GET / x' }", "{ 'text': 'GET / x' }"}, true},
        {{"{ 'random': { 'bytes': 9 } }", "{ 'text': 'GET / x' }"}, true},
        {{"{ 'fields': [ { 'string': 'GET / HE', 'length': 'none' }, { 'string': 'AD ${conn}', "
          "'bytes': 9 } ] }",
          "{ 'text': 'GET / x' }"},
         true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 "{ 'framing': { 'type': 'http' }, 'behaviors': [ { 'setup': [ { 'set': { 'word': "
                 "'x' } } ], 'loop': [ { 'send': { 'body': %s } } ] }, { 'loop': [ { "
                 "'request': { 'send': { 'body': %s } } } ] } ] }",
                 cases[i].bodies[0], cases[i].bodies[1]);
        struct scenario *scenario = read_right(text);
        if (framing_seals(&scenario->protocol.framing) != cases[i].read) {
            fail_msg("%s", text);
        }
        scenario_destroy(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_target_has_its_framing),
        cmocka_unit_test(test_steps_are_read_by_the_framing_of_their_target),
        cmocka_unit_test(test_a_step_knows_its_target),
        cmocka_unit_test(test_captured_addresses),
        cmocka_unit_test(test_steps_at_another_target),
        cmocka_unit_test(test_wrong_targets),
        cmocka_unit_test(test_requests_that_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
