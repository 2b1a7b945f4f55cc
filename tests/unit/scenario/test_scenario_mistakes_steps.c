/* Steps that are wrong: each says where, what was expected and what was found. */
#include "mistake_harness.h"

static void test_steps(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{}", "[0]`: expected an object with one step, such as { 'think': '1s' } or { 'request': "
               "... }, found an object"},
        {"{ 'requset': { 'send': { 'id': 1 } } }",
         "[0].requset`: unknown step; did you mean `request`?"},
        {"{ 'send': { 'id': 1 }, 'think': '1s' }",
         "[0]`: expected an object with one step, found `send` and `think` in one: give each step "
         "its own object"},
        {"{ 'zzzzzz': 'x' }",
         "[0].zzzzzz`: unknown step; expected one of `send`, `expect`, `request`, `think`, "
         "`repeat`, `choose`, `if`, `set`, `barrier`, `disconnect`, `reconnect`, `expect_close`, "
         "`wait_until_age`, `receive`, `mark`, `log`, `tls`"},
        {"{ 'send': {} }", "[0].send.id`: expected the id of the message, found nothing"},
        {"{ 'send': { 'id': 65536 } }",
         "[0].send.id`: expected a whole number from 0 to 65535, found 65536"},
        {"{ 'request': {} }",
         "[0].request.send`: expected an object with `id` and `body`, found nothing"},
        {"{ 'request': { 'send': { 'id': 1 }, 'within': 500 } }",
         "[0].request.within`: expected a duration with its unit, such as '500ms' or '30s', found "
         "500"},
        {"{ 'request': { 'send': { 'id': 1 }, 'withing': '1s' } }",
         "[0].request.withing`: unknown key; did you mean `within`?"},
        {"{ 'request': { 'send': { 'id': 1 }, 'on_timeout': 'die' } }",
         "[0].request.on_timeout`: expected 'continue', 'reconnect' or 'fail', found 'die'"},
        {"{ 'request': { 'send': { 'id': 1 }, 'count': 0 } }",
         "[0].request.count`: expected a whole number from 1 to 1000000, found 0"},
        {"{ 'think': 200 }",
         "[0].think`: expected a duration such as '200ms', or an object with one of `constant`, "
         "`uniform`, `exponential`, `normal`, `lognormal`, `pareto`, found 200"},
        {"{ 'think': '0s' }", "[0].think`: expected a duration from 1 ns to 24 h, found '0s'"},
        {"{ 'think': { 'uniform': [ '2s', '1s' ] } }",
         "[0].think.uniform`: expected [min, max], found the greater one first"},
        {"{ 'think': { 'gamma': '2s' } }", "[0].think.gamma`: unknown distribution; expected one "
                                           "of `constant`, `uniform`, `exponential`, "
                                           "`normal`, `lognormal`, `pareto`"},
        {"{ 'think': { 'normal': { 'mean': '1s' } } }",
         "[0].think.normal.deviation`: expected a duration, found nothing"},
        {"{ 'think': { 'lognormal': { 'median': '1s', 'sigma': 0 } } }",
         "[0].think.lognormal.sigma`: expected a number above 0, at most 10, "
         "found 0"},
        {"{ 'think': { 'pareto': { 'least': '1s', 'alpha': 2, 'maxx': '2s' } } }",
         "[0].think.pareto.maxx`: unknown key; did you mean `max`?"},
        {"{ 'repeat': { 'times': 2, 'steps': [] } }",
         "[0].repeat.steps`: expected at least one step, found an array of 0"},
        {"{ 'repeat': { 'steps': [ { 'think': '1s' } ] } }",
         "[0].repeat`: expected one of `times`, `for` and `until`, found none"},
        {"{ 'repeat': { 'times': 1, 'for': '1s', 'steps': [ { 'think': '1s' } ] } }",
         "[0].repeat`: expected one of `times`, `for` and `until`, found more"},
        {"{ 'repeat': { 'for': '1s', 'steps': [ { 'mark': 'x' } ] } }",
         "[0].repeat.steps`: expected a step that takes time, such as a request or a think: "
         "without "
         "one it would spin"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_steps("", mistakes[i].text, mistakes[i].expected);
    }
}

static void test_steps_around_steps_and_links(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'set': { 'x': 1 } }",
         "`: expected a step that takes time, such as a request or a think: without one it would "
         "spin"},
        {"{ 'set': { 'x': 1 } }, { 'set': { 'x': 'a${conn}' } }, { 'think': '1s' }",
         "[1].set.x`: `x` is a whole number elsewhere, and a text here"},
        {"{ 'choose': [] }", "[0].choose`: expected an array of 1 to 100 branches { 'weight', "
                             "'steps' }, found an array "
                             "of 0"},
        {"{ 'choose': [ { 'weight': 0, 'steps': [ { 'think': '1s' } ] } ] }",
         "[0].choose[0].weight`: expected a number above 0, at most 1e9, found 0"},
        {"{ 'if': { 'value': '${conn}', 'then': [] } }, { 'think': '1s' }",
         "[0].if`: expected one of `equals`, `not_equals`, `less_than`, `at_most`, `greater_than`, "
         "`at_least`, found none"},
        {"{ 'if': { 'value': 'a', 'less_than': 'b', 'then': [] } }, { 'think': '1s' }",
         "[0].if.less_than`: texts are equal or not: use `equals` or `not_equals`"},
        {"{ 'if': { 'value': '${conn}', 'equals': 'b', 'then': [] } }, { 'think': '1s' }",
         "[0].if.equals`: expected a number, or '${...}' that is one, found 'b'"},
        {"{ 'barrier': '' }", "[0].barrier`: expected a text of 1 to 64 bytes, found ''"},
        {"{ 'barrier': { 'name': 'x', 'within': '0s' } }",
         "[0].barrier.within`: expected a duration from 1.00 ms to 24 h, found '0s'"},
        {"{ 'expect_close': 5 }, { 'reconnect': 'now' }",
         "[0].expect_close`: expected a duration with its unit, such as '500ms' or '30s', found "
         "5"},
        {"{ 'at': 5 }",
         "[0].at`: expected a duration with its unit, such as '500ms' or '30s', found 5"},
        {"{ 'mark': 7 }, { 'think': '1s' }",
         "[0].mark`: expected a text of 1 to 64 bytes, found 7"},
        {"{ 'log': '' }, { 'think': '1s' }", "[0].log`: expected a text, found ''"},
        {"{ 'disconnect': 'soft' }",
         "[0].disconnect`: expected 'fin', 'rst' or 'half', found 'soft'"},
        {"{ 'reconnect': 'later' }", "[0].reconnect`: expected 'now', { 'after': '1s' }, { "
                                     "'to': 'game' } or { 'back_off': { 'first': '100ms' } }, "
                                     "found 'later'"},
        {"{ 'reconnect': { 'back_off': { 'first': '2s', 'most': '1s' } } }",
         "[0].reconnect.back_off`: expected `max` of at least `first`, found less"},
        {"{ 'reconnect': { 'back_off': { 'factor': 0.5 } } }",
         "[0].reconnect.back_off.factor`: expected a number from 1 to 100, found 0.5"},
        {"{ 'reconnect': { 'after': '1' } }",
         "[0].reconnect.after`: expected a duration with its unit, such as '500ms' or '30s', found "
         "'1'"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_steps("", mistakes[i].text, mistakes[i].expected);
    }
}

static void test_steps_that_cannot_work(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'disconnect': 'fin' }, { 'send': { 'id': 1 } }, { 'reconnect': 'now' }",
         "[1].send`: the connection is closed here: put { 'reconnect': 'now' } before it"},
        {"{ 'disconnect': 'half' }, { 'send': { 'id': 1 } }, { 'reconnect': 'now' }",
         "[1].send`: the sending half is closed here: put { 'reconnect': 'now' } before it"},
        {"{ 'send': { 'id': 1 } }, { 'disconnect': 'fin' }",
         "`: the second pass would begin without the connection that the first began with: begin "
         "it with { 'reconnect': 'now' }"},
        {"{ 'repeat': { 'times': 2, 'steps': [ { 'disconnect': 'fin' } ] } }, { 'reconnect': 'now' "
         "}",
         "[0].repeat.steps`: the second round would begin without the connection that the first "
         "began with: begin it with { 'reconnect': 'now' }"},
        {"{ 'expect': { 'verify': 'same_body' } }",
         "[0].expect.verify`: expected a send before it, found none"},
        {"{ 'expect': { 'match': { 'field': 'u8@0' } } }",
         "[0].expect.match.field`: an expect sends nothing to compare with: use `equals`"},
        {"{ 'request': { 'send': { 'id': 1, 'body': { 'text': '${x}' } }, 'capture': { 'x': 'u8@0' "
         "} } }",
         "[0].request.send.body.text`: `${x}` is used before it is captured or "
         "set"},
        {"{ 'if': { 'value': '${conn}', 'equals': 1, 'then': [ { 'set': { 'x': 1 } } ] } }, { "
         "'send': { 'id': 1, 'body': { 'text': '${x}' } } }",
         "[1].send.body.text`: `${x}` is used before it is captured or set"},
        {"{ 'expect_close': '1s' }, { 'send': { 'id': 1 } }, { 'reconnect': 'now' }",
         "[1].send`: the connection is closed here: put { 'reconnect': 'now' } before it"},
        {"{ 'reconnect': 'now' }, { 'choose': [ { 'steps': [ { 'disconnect': 'fin' } ] }, { "
         "'steps': [ { 'think': '1s' } ] } ] }",
         "[1].choose[1]`: the branches leave the connection in different states: let all of them "
         "close it, or none"},
        {"{ 'request': { 'send': { 'id': 1, 'body': { 'text': 'abc' } }, 'match': { 'field': "
         "'u32@0' } } }",
         "[0].request.match.field`: a place alone compares with the same place of what is sent, "
         "which may have only 3 bytes, too few for 'u32@0': name another with { 'at': ..., 'sent': "
         "... }, or a value with 'equals'"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_steps("", mistakes[i].text, mistakes[i].expected);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"'PING'", "`: expected 'none' or an object with one of `text`, `hex`, `base64`, `random`, "
                   "`pattern`, `zero`, `file`, `fields`, `json`, `pb`, found 'PING'"},
        {"{ 'txt': 'a' }", ".txt`: unknown kind of body; did you mean `text`?"},
        {"{ 'hex': '0' }",
         ".hex`: expected pairs of hexadecimal digits (wrong from character 2), found '0'"},
        {"{ 'hex': '00zz' }",
         ".hex`: expected pairs of hexadecimal digits (wrong from character 3), found '00zz'"},
        {"{ 'base64': 'YQ' }",
         ".base64`: expected base64 with its padding (wrong from character 3), found 'YQ'"},
        {"{ 'base64': 'YR==' }",
         ".base64`: expected base64 with its padding (wrong from character 5), found 'YR=='"},
        {"{ 'random': { 'bytes': [9, 2] } }",
         ".random.bytes`: expected [min, max], found the greater one first"},
        {"{ 'random': { 'bytes': '64' } }",
         ".random.bytes`: expected a whole number from 0 to 16777216, found '64'"},
        {"{ 'random': {} }",
         ".random.bytes`: expected a number of bytes, or [min, max], found nothing"},
        {"{ 'pattern': { 'bytes': 4, 'text': 'a', 'hex': '00' } }",
         ".pattern.hex`: expected either this or `text`, found both"},
        {"{ 'text': '${' }", ".text`: expected `}` behind `${`, found the end of the text"},
        {"{ 'text': '${iteraton}' }",
         ".text`: `${iteraton}`: unknown variable; did you mean `${iteration}`?"},
        {"{ 'text': '${rom} ${room}' }",
         ".text`: `${rom}`: unknown variable; did you mean `${room}`?"},
        {"{ 'text': '${user}' }",
         ".text`: `${user}`: unknown variable; expected conn, iteration, lane, seed, now_ms, "
         "stamp_ns, sequence, random(low,high), utc(...), a table.column of `data`, a captured "
         "name or one given by "
         "--set user=VALUE"},
        {"{ 'text': '${conn ** 2}' }",
         ".text`: `${conn ** 2}`: expected a name, a number or `(`, found `* 2`"},
        {"{ 'text': '${random(5,1)}' }", ".text`: expected ${random(low,high)} with whole numbers, "
                                         "low <= high, found `${random(5,1)}`"},
        {"{ 'text': '${users.name}' }",
         ".text`: `${users.name}`: `data` has no table of this name; there is none"},
        {"{ 'fields': [ { 'u8': 256 } ] }",
         ".fields[0].u8`: expected a whole number that fits into u8, found 256"},
        {"{ 'fields': [ { 'i16': -32769 } ] }",
         ".fields[0].i16`: expected a whole number that fits into i16, found -32769"},
        {"{ 'fields': [ { 'u32': 1.5 } ] }", ".fields[0].u32`: expected a whole number, found 1.5"},
        {"{ 'fields': [ { 'string': 'abcd', 'length': 'zero', 'bytes': 4 } ] }",
         ".fields[0]`: the text has 4 bytes, and the field room for 3"},
        {"{ 'zero': { 'bytes': 70000 } }", "`: expected a body of at most 65531 bytes, which the "
                                           "framing can carry, found 70000 bytes"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char steps[512];
        char expected[512];
        snprintf(steps, sizeof steps, "{ 'send': { 'id': 1, 'body': %s } }", mistakes[i].text);
        snprintf(expected, sizeof expected, "[0].send.body%s", mistakes[i].expected);
        check_steps("", steps, expected);
    }
}

static void test_framing_and_steps_must_agree(void **state)
{
    (void)state;
    check_steps("'framing': { 'type': 'raw' },", "{ 'send': { 'id': 1, 'body': { 'text': 'a' } } }",
                "[0].send.id`: the framing has no id (`id_bytes`, or `id` of a header)");
    check_steps("'framing': { 'type': 'raw' },",
                "{ 'request': { 'send': { 'body': { 'text': 'a' } }, 'verify': { 'contains': { "
                "'text': 'b' } } } }",
                "[0].request`: raw framing has no messages to look into: only `same_body`, "
                "`equals` and `starts_with` work, byte after byte");
    check_steps("'framing': { 'type': 'raw' },",
                "{ 'request': { 'send': { 'body': { 'text': 'a' } }, 'verify': { 'starts_with': { "
                "'text': 'b' } } } }",
                "[0].request`: raw framing: expected `bytes`, how long the reply is, beside "
                "`starts_with`");
    check_steps("", "{ 'request': { 'send': { 'id': 1 }, 'bytes': 5 } }",
                "[0].request.bytes`: only raw framing needs it: this framing says where a reply "
                "ends");
    check_steps("'framing': { 'type': 'fixed', 'bytes': 8 },",
                "{ 'send': { 'body': { 'random': { 'bytes': [8, 9] } } } }",
                "[0].send.body`: expected a body of exactly 8 bytes, found 8 to 9 bytes");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': '\\r\\n' },",
                "{ 'request': { 'send': { 'body': { 'text': 'a' } }, 'capture': { 'x': { 'after': "
                "'a', 'until': '!' } } } }, { 'send': { 'body': { 'text': '${x}\\nB' } } }",
                "[1].send.body`: the text beside ${...} has a part of the delimiter at that end, "
                "which a captured text could complete: the message would become two");
    check_steps("'framing': { 'type': 'fixed', 'bytes': 2 },",
                "{ 'send': { 'body': { 'text': 'x' } } }",
                "[0].send.body`: expected a body of exactly 2 bytes, found 1 byte");
    check_steps("'framing': { 'type': 'fixed', 'bytes': 1 },",
                "{ 'send': { 'body': { 'random': { 'bytes': [0, 1] } } } }",
                "[0].send.body`: expected a body of exactly 1 byte, found 0 to 1 byte");
    check_steps("", "{ 'send': { 'id': 1, 'body': { 'text': 'x', 'hex': '00' } } }",
                "[0].send.body`: expected one of these keys, found `text` and `hex`");
    check_steps("", "{ 'send': { 'id': 1, 'body': { 'text': 'x', 'hx': '00' } } }",
                "[0].send.body.hx`: unknown kind of body; did you mean `hex`?");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': '\\r\\n' },",
                "{ 'send': { 'body': { 'text': 'PING\\r\\n' } } }",
                "[0].send.body`: expected a body without the delimiter, which the framing adds; "
                "found it at byte 4");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': '\\r\\n' },",
                "{ 'send': { 'body': { 'text': 'PING ${conn}\\r\\nPING' } } }",
                "[0].send.body`: expected a body without the delimiter, which the framing adds; "
                "found it at byte 0 of a text beside ${...}");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': 'end' },",
                "{ 'send': { 'body': { 'random': { 'bytes': 8 } } } }",
                "[0].send.body.random`: random bodies are letters a-z under this framing, and its "
                "delimiter begins with one: use another kind of body");
}

static void test_matches_and_verifies(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"'match': { 'field': 'text@0' }",
         "match.field`: expected a place such as 'u32@4', 'dec@1' or 'text@8:16' of what is sent, "
         "or a named field of its header; found 'text@0'"},
        {"'match': { 'field': { 'at': 'u8@0', 'starts_with': 'a' } }",
         "match.field.starts_with`: expected a place that is a text, found the number 'u8@0'"},
        {"'match': { 'field': { 'at': 'text@0', 'equals': 1 } }",
         "match.field.equals`: expected a text, because the place is one (for a number write "
         "dec(...) around it), found 1"},
        {"'match': { 'field': { 'at': 'text@0', 'equals': 'a', 'starts_with': 'b' } }",
         "match.field`: expected one of `sent`, `equals` and `starts_with`, found more"},
        {"'match': { 'starts_with': { 'text': 'a${conn}' } }",
         "match.starts_with`: expected constant bytes, at least one"},
        {"'verify': { 'field': { 'at': 'text@0', 'less_than': 'a' } }",
         "verify.field.less_than`: expected `equals`, `not_equals` or `starts_with` for a text "
         "(for "
         "a number write dec(...) around the place)"},
        {"'verify': { 'field': { 'at': 'json(/a)', 'starts_with': 1 } }",
         "verify.field.starts_with`: expected a text, because the place is one (for a number write "
         "dec(...) around it), found 1"},
        {"'match': { 'field': { 'at': 'u8@0' } }",
         "match.field`: expected one of `sent`, `equals` and `starts_with`, found none"},
        {"'match': { 'field': { 'at': 'u8@0', 'equals': '${nobody}' } }",
         "match.field.equals`: `${nobody}`: unknown variable; expected conn, iteration, lane, "
         "seed, "
         "now_ms, stamp_ns, sequence, random(low,high), utc(...), a table.column of `data`, a "
         "captured name or one "
         "given by --set nobody=VALUE"},
        {"'match': { 'idd': 1 }", "match.idd`: unknown key; did you mean `id`?"},
        {"'verify': 'same'", "verify`: expected 'none' or 'same_body', found 'same'"},
        {"'verify': { 'equals': { 'random': { 'bytes': 4 } } }",
         "verify.equals`: nothing random can be expected: use 'same_body'"},
        {"'verify': { 'contains': { 'text': '${conn}' } }",
         "verify.contains`: expected constant bytes, found a text with ${...}"},
        {"'verify': { 'starts_with': 'none' }",
         "verify.starts_with`: expected at least one byte, found none"},
        {"'capture': { 'x': 'u8' }",
         "capture.x`: in the place 'u8': expected `@` and a position, found its end"},
        {"'verify': { 'field': { 'at': 'u8@0', 'equals': 1, 'at_most': 2 } }",
         "verify.field`: expected one comparison, found `equals` and `at_most`"},
        {"'verify': [ 'none', { 'field': { 'equals': 1 } } ]",
         "verify[1].field.at`: expected a place in the message, such as 'u32@4' or 'text@8:16', "
         "found nothing"},
        {"'optional': true, 'on_timeout': 'fail'",
         "optional`: what may be missing cannot end in `on_timeout`: leave one out"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char steps[512];
        char expected[512];
        snprintf(steps, sizeof steps, "{ 'request': { 'send': { 'id': 1 }, %s } }",
                 mistakes[i].text);
        snprintf(expected, sizeof expected, "[0].request.%s", mistakes[i].expected);
        check_steps("", steps, expected);
    }
    check("{ 'behaviors': [ { 'loop': [ { 'request': { 'send': { 'id': 1 }, 'capture': { 'conn': "
          "'u8@0' } } } ] } ] }",
          ": `behaviors[0]`: capture or set `conn`: expected a name of letters, digits and _ that "
          "the "
          "language does not use itself");
}

static void test_file_that_is_not_there(void **state)
{
    (void)state;
    static const char text[] = "{ \"behaviors\": [ { \"loop\": [ { \"send\": { \"id\": 1, "
                               "\"body\": { \"file\": \"no/such.bin\" } } } ] } ] }";
    load(text, sizeof text - 1);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.lines[0], "`behaviors[0].loop[0].send.body.file`: no/such.bin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_steps_around_steps_and_links),
        cmocka_unit_test(test_steps_that_cannot_work),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_file_that_is_not_there),
        cmocka_unit_test(test_framing_and_steps_must_agree),
        cmocka_unit_test(test_matches_and_verifies),
    };
    return cmocka_run_group_tests_name("scenario mistakes, steps", tests, NULL, NULL);
}
