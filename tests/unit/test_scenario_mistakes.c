/* Scenarios that are wrong: every mistake is told, with its place, what was expected and what was
 * found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/scenario.h"

#define PATH "test_scenario_mistakes.scenario.json"
enum { LINES_MAX = 32, LINE_BYTES_MAX = 1024 };

static struct {
    char lines[LINES_MAX][LINE_BYTES_MAX];
    uint32_t count;
} told;

static void report(void *context, const char *line)
{
    (void)context;
    assert_true(told.count < LINES_MAX);
    snprintf(told.lines[told.count++], LINE_BYTES_MAX, "%s", line);
}

static void load(const char *text, size_t bytes)
{
    FILE *file = fopen(PATH, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    told.count = 0;
    static const struct scenario_variable variables[] = {{"room", "1"}};
    bool uses = strstr(text, "room") != NULL || strstr(text, "rom}") != NULL;
    struct scenario *scenario = scenario_load(PATH, variables, uses ? 1 : 0, report, NULL);
    remove(PATH);
    if (scenario != NULL) {
        scenario_destroy(scenario);
        fail_msg("taken for right: %.*s", (int)bytes, text);
    }
}

/* ' stands for ", in text and in expected. */
static void check(const char *text, const char *expected)
{
    char json[4096];
    char line[LINE_BYTES_MAX];
    size_t bytes = strlen(text);
    assert_true(bytes < sizeof json);
    for (size_t i = 0; i <= bytes; i++) {
        json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    }
    load(json, bytes);
    snprintf(line, sizeof line, PATH "%s", expected);
    for (char *at = line; *at != '\0'; at++) {
        *at = (char)(*at == '\'' ? '"' : *at);
    }
    assert_string_equal(told.lines[0], line);
    if (told.count > 1) {
        fail_msg("one mistake too many: %s", told.lines[1]);
    }
}

struct mistake {
    const char *text;
    const char *expected;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_document(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"[]", ": expected an object, found an array of 0"},
        {"{}", ": `behaviors`: expected an array of 1 to 256 behaviors, found nothing"},
        {"{ 'behaviour': [], 'behaviors': [ {} ] }",
         ": `behaviour`: unknown key; did you mean `behaviors`?"},
        {"{ 'zzz': 1, 'behaviors': [ {} ] }",
         ": `zzz`: unknown key; the keys here are `$schema`, `name`, `description`, `target`, "
         "`targets`, `sources`, `framing`, `load`, `data`, `behaviors`, `thresholds`"},
        {"{ 'Name': 'x', 'behaviors': [ {} ] }", ": `Name`: unknown key; did you mean `name`?"},
        {"{ 'name': 'x', 'name': 'y', 'behaviors': [ {} ] }",
         ": `name`: expected this key once, found it again"},
        {"{ 'name': '', 'behaviors': [ {} ] }", ": `name`: expected a text, found ''"},
        {"{ 'target': { 'port': 70000 }, 'behaviors': [ {} ] }",
         ": `target.port`: expected a whole number from 1 to 65535, found 70000"},
        {"{ 'target': { 'port': '7777' }, 'behaviors': [ {} ] }",
         ": `target.port`: expected a whole number from 1 to 65535, found '7777'"},
        {"{ 'target': '127.0.0.1', 'behaviors': [ {} ] }",
         ": `target`: expected an object, found '127.0.0.1'"},
        {"{ 'thresholds': [ 'a', 5 ], 'behaviors': [ {} ] }",
         ": `thresholds[1]`: expected a text such as 'latency.response.p99 < 20ms', found 5"},
        {"{ 'behaviors': [ { 'name': 'a' }, { 'name': 'a' } ] }",
         ": `behaviors[1]`: expected a name of its own, found 'a' again"},
        {"{ 'behaviors': [ { 'weight': 0 } ] }",
         ": `behaviors[0].weight`: expected a number above 0, at most 1e9, found 0"},
        {"{ 'behaviors': [ { 'on_disconnect': 'stopp' } ] }",
         ": `behaviors[0].on_disconnect`: expected 'stop' or 'reconnect', found 'stopp'; did you "
         "mean 'stop'?"},
        {"{ 'behaviors': [ null ] }", ": `behaviors[0]`: expected an object, found null"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check(mistakes[i].text, mistakes[i].expected);
    }
}

static void check_load(const char *load_text, const char *expected)
{
    char text[1024];
    snprintf(text, sizeof text, "{ 'load': { %s }, 'behaviors': [ {} ] }", load_text);
    check(text, expected);
}

static void test_load(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"'conections': 5", ": `load.conections`: unknown key; did you mean `connections`?"},
        {"'connections': 0",
         ": `load.connections`: expected a whole number from 1 to 1000000, found 0"},
        {"'connections': 1.5",
         ": `load.connections`: expected a whole number from 1 to 1000000, found 1.5"},
        {"'duration': 30", ": `load.duration`: expected a duration with its unit, such as '500ms' "
                           "or '30s', found 30"},
        {"'duration': '30'", ": `load.duration`: expected a duration with its unit, such as "
                             "'500ms' or '30s', found '30'"},
        {"'duration': '0s'",
         ": `load.duration`: expected a duration from 1.00 ms to 720 h, found '0s'"},
        {"'rate': 2000",
         ": `load.rate`: expected a rate with its unit, such as '2000/s' or '90/m', found 2000"},
        {"'rate': '2000'",
         ": `load.rate`: expected a rate with its unit, such as '2000/s' or '90/m', found '2000'"},
        {"'rate': '5/s', 'stages': [ { 'duration': '1s', 'rate': '1/s' } ]",
         ": `load.stages`: the stages have rates, and `load.rate` says another"},
        {"'stages': []", ": `load.stages`: expected an array of 1 to 1000 stages, found an array "
                         "of 0"},
        {"'stages': [ { 'duration': '1s' } ]",
         ": `load.stages[0]`: expected `rate`, `rate_per_connection` or `connections`, found none "
         "of them"},
        {"'stages': [ { 'duration': '1s', 'rate': { 'from': '1/s', 'too': '2/s', 'to': '2/s' } } ]",
         ": `load.stages[0].rate.too`: unknown key; did you mean `to`?"},
        {"'stages': [ { 'duration': '1s', 'connections': 5 }, { 'duration': '1s', 'rate': '1/s' } "
         "]",
         ": `load.stages`: 1 of 2 stages have a rate: give all of them one, or none (`rate` then "
         "holds for all, or the loop is closed)"},
        {"'stages': [ { 'duration': '1s', 'connections': { 'from': 1, 'to': 2 }, "
         "'rate_per_connection': { 'from': '1/s', 'to': '2/s' } } ]",
         ": `load.stages[0]`: both the connections and the rate of each of them change here: let "
         "one of them hold"},
        {"'stages': [ { 'duration': '1s', 'connections': 0 } ]",
         ": `load.stages`: expected a connection in one of the stages, found none"},
        {"'stages': [ { 'duration': '1s', 'connections': { 'from': 0 } } ]",
         ": `load.stages[0].connections.to`: expected a number of connections, found nothing"},
        {"'rate': '1/s', 'rate_per_connection': '1/s'",
         ": `load.rate_per_connection`: expected either this or `rate`, found both"},
        {"'late': 'drop'", ": `load.late`: only a load with a rate has late arrivals: add `rate`"},
        {"'rate': '1/s', 'late': 'skip'",
         ": `load.late`: expected 'queue' or 'drop', found 'skip'"},
        {"'warmup': '10s'",
         ": `load.warmup`: expected less than the duration of the run, found '10s'"},
        {"'arrival': 'poison'", ": `load.arrival`: expected 'constant' or 'poisson', found "
                                "'poison'; did you mean 'poisson'?"},
        {"'in_flight': 1025",
         ": `load.in_flight`: expected a whole number from 1 to 1024, found 1025"},
        {"'seed': -1",
         ": `load.seed`: expected a whole number from 0 to 9007199254740992, found -1"},
        {"'seed': 1e999",
         ": `load.seed`: expected a whole number from 0 to 9007199254740992, found inf"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_load(mistakes[i].text, mistakes[i].expected);
    }
}

static void check_framing(const char *framing_text, const char *expected)
{
    char text[1024];
    snprintf(text, sizeof text, "{ 'framing': %s, 'behaviors': [ {} ] }", framing_text);
    check(text, expected);
}

static void test_framing(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{}", ": `framing.type`: expected 'length', 'delimiter', 'fixed' or 'raw', found nothing"},
        {"{ 'type': 'lenght' }", ": `framing.type`: expected 'length', 'delimiter', 'fixed' or "
                                 "'raw', found 'lenght'; did you mean 'length'?"},
        {"{ 'type': 'length', 'size_bytes': 3, 'size_includes_header': true }",
         ": `framing.size_bytes`: expected 1, 2 or 4, found 3"},
        {"{ 'type': 'length', 'size_bytes': 2 }",
         ": `framing.size_includes_header`: expected true or false, found nothing"},
        {"{ 'type': 'length', 'size_bytes': 2, 'size_includes_header': 1 }",
         ": `framing.size_includes_header`: expected true or false, found 1"},
        {"{ 'type': 'delimiter', 'delimiter': '' }",
         ": `framing.delimiter`: expected 1 to 16 bytes as a text such as '\\r\\n', or { 'hex': "
         "'0d0a' }, found ''"},
        {"{ 'type': 'raw', 'bytes': 4 }",
         ": `framing.bytes`: unknown key; the keys here are `type`"},
        {"{ 'type': 'fixed' }",
         ": `framing.bytes`: expected the size of every message, found nothing"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_framing(mistakes[i].text, mistakes[i].expected);
    }
}

/* Steps of the loop. */
static void check_steps(const char *framing, const char *steps, const char *expected)
{
    char text[2048];
    char line[LINE_BYTES_MAX];
    snprintf(text, sizeof text, "{ %s 'behaviors': [ { 'loop': [ %s ] } ] }", framing, steps);
    snprintf(line, sizeof line, ": `behaviors[0].loop%s", expected);
    check(text, line);
}

static void test_steps(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{}", "[0]`: expected an object with one step, such as { 'think': '1s' } or { 'request': "
               "... }, found an object"},
        {"{ 'requset': {} }", "[0].requset`: unknown key; did you mean `request`?"},
        {"{ 'zzzzzz': 'x' }",
         "[0].zzzzzz`: unknown key; the keys here are `send`, `expect`, `request`, `think`, "
         "`repeat`, `choose`, `if`, `set`, `barrier`, `disconnect`, `reconnect`, `expect_close`, "
         "`at`, `receive`, `mark`, `log`"},
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
         "[0].think.uniform`: expected the least duration first, found the greater one"},
        {"{ 'think': { 'gamma': '2s' } }",
         "[0].think.gamma`: unknown key; the keys here are `constant`, `uniform`, `exponential`, "
         "`normal`, `lognormal`, `pareto`"},
        {"{ 'think': { 'normal': { 'mean': '1s' } } }",
         "[0].think.normal.deviation`: expected a duration, found nothing"},
        {"{ 'think': { 'lognormal': { 'median': '1s', 'sigma': 0 } } }",
         "[0].think.lognormal.sigma`: expected a number above 0, at most 100 (lognormal: 10), "
         "found 0"},
        {"{ 'think': { 'pareto': { 'least': '1s', 'alpha': 2, 'moste': '2s' } } }",
         "[0].think.pareto.moste`: unknown key; did you mean `most`?"},
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
         "[0].expect_close`: expected an object, found 5"},
        {"{ 'at': 5 }",
         "[0].at`: expected a duration with its unit, such as '500ms' or '30s', found 5"},
        {"{ 'mark': 7 }, { 'think': '1s' }",
         "[0].mark`: expected a text of 1 to 64 bytes, found 7"},
        {"{ 'log': '' }, { 'think': '1s' }", "[0].log`: expected a text, found ''"},
        {"{ 'disconnect': 'soft' }",
         "[0].disconnect`: expected 'fin', 'rst' or 'half', found 'soft'"},
        {"{ 'reconnect': 'later' }", "[0].reconnect`: expected 'now', { 'after': '1s' } or { "
                                     "'back_off': { 'first': '100ms' } }, "
                                     "found 'later'"},
        {"{ 'reconnect': { 'back_off': { 'first': '2s', 'most': '1s' } } }",
         "[0].reconnect.back_off`: expected `most` of at least `first`, found less"},
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
         "[0].request.match.field`: expected a place within the body that is sent (3 bytes at "
         "least), found 4 bytes at 0"},
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
                   "`pattern`, `zero`, `file`, `fields`, found 'PING'"},
        {"{ 'txt': 'a' }", ".txt`: unknown key; did you mean `text`?"},
        {"{ 'hex': '0' }",
         ".hex`: expected pairs of hexadecimal digits (wrong from character 2), found '0'"},
        {"{ 'hex': '00zz' }",
         ".hex`: expected pairs of hexadecimal digits (wrong from character 3), found '00zz'"},
        {"{ 'base64': 'YQ' }",
         ".base64`: expected base64 with its padding (wrong from character 3), found 'YQ'"},
        {"{ 'base64': 'YR==' }",
         ".base64`: expected base64 with its padding (wrong from character 5), found 'YR=='"},
        {"{ 'random': { 'bytes': [9, 2] } }",
         ".random.bytes`: expected [least, most], found [9, 2]"},
        {"{ 'random': { 'bytes': '64' } }",
         ".random.bytes`: expected a whole number from 0 to 16777216, found '64'"},
        {"{ 'random': {} }",
         ".random.bytes`: expected a number of bytes, or [least, most], found nothing"},
        {"{ 'pattern': { 'bytes': 4, 'text': 'a', 'hex': '00' } }",
         ".pattern.hex`: expected either this or `text`, found both"},
        {"{ 'text': '${' }", ".text`: expected `}` behind `${`, found the end of the text"},
        {"{ 'text': '${iteraton}' }",
         ".text`: `${iteraton}`: unknown variable; did you mean `${iteration}`?"},
        {"{ 'text': '${rom} ${room}' }",
         ".text`: `${rom}`: unknown variable; did you mean `${room}`?"},
        {"{ 'text': '${user}' }",
         ".text`: `${user}`: unknown variable; expected conn, iteration, lane, seed, now_ms, "
         "stamp_ns, random(low,high), a table.column of `data`, a captured name or one given by "
         "--set user=VALUE"},
        {"{ 'text': '${random(5,1)}' }", ".text`: expected ${random(low,high)} with whole numbers, "
                                         "low <= high, found `${random(5,1)}`"},
        {"{ 'text': '${conn + 1 + 2}' }",
         ".text`: expected one operation in `${conn + 1 + 2}`, found more: use `set`"},
        {"{ 'text': '${users.name}' }",
         ".text`: `${users.name}`: `data` has no table of this name"},
        {"{ 'file': 'no/such.bin' }",
         ".file`: no/such.bin: cannot open: No such file or directory"},
        {"{ 'fields': [ { 'u8': 256 } ] }",
         ".fields[0].u8`: expected a whole number that fits into u8, found 256"},
        {"{ 'fields': [ { 'i16': -32769 } ] }",
         ".fields[0].i16`: expected a whole number that fits into i16, found -32769"},
        {"{ 'fields': [ { 'u32': 1.5 } ] }", ".fields[0].u32`: expected a whole number, found 1.5"},
        {"{ 'fields': [ { 'u24': 1 } ] }",
         ".fields[0]`: expected one of u8 .. u64, i8 .. i64, f32, f64 (also with le or be), "
         "`string` or `bytes`, found `u24`"},
        {"{ 'fields': [ { 'string': 'abc', 'length': 'i8' } ] }",
         ".fields[0].length`: expected 'u8', 'u16' or 'u32' (also with le or be), 'zero' or "
         "'none', found 'i8'"},
        {"{ 'fields': [ { 'string': 'abcd', 'length': 'zero', 'bytes': 4 } ] }",
         ".fields[0]`: the text has 4 bytes, and the field room for 3"},
        {"{ 'zero': { 'bytes': 70000 } }",
         "`: expected a body that the framing can carry, found 70000 bytes"},
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
                "[0].send.id`: the framing has no id (`id_bytes`)");
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
                "{ 'send': { 'body': { 'text': 'PING\\r\\n' } } }",
                "[0].send.body`: expected a body without the delimiter, which the framing adds; "
                "found it at byte 4");
    check_steps("'framing': { 'type': 'delimiter', 'delimiter': 'end' },",
                "{ 'send': { 'body': { 'random': { 'bytes': 8 } } } }",
                "[0].send.body.random`: random bodies are letters a-z under this framing, and its "
                "delimiter begins with one: use another kind of body");
}

static void test_matches_and_verifies(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"'match': { 'field': 'u24@0' }",
         "match.field`: expected a number and its place in the body, such as 'u32@4', "
         "'i16be@0' or 'dec@1', found 'u24@0'"},
        {"'match': { 'field': { 'at': 'u8@0' } }",
         "match.field`: expected one of `sent` and `equals`, found neither"},
        {"'match': { 'field': { 'at': 'u8@0', 'equals': '${nobody}' } }",
         "match.field.equals`: `${nobody}`: unknown variable; expected conn, iteration, lane, "
         "seed, "
         "now_ms, stamp_ns, random(low,high), a table.column of `data`, a captured name or one "
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
         "capture.x`: expected a number and its place in the body, such as 'u32@4', 'i16be@0' "
         "or 'dec@1', found 'u8'"},
        {"'capture': { 'x': 'text@0:129' }",
         "capture.x`: expected a text and its place, 'text@5' (to the end) or 'text@5:8' (8 bytes, "
         "at most 128), found 'text@0:129'"},
        {"'verify': { 'field': { 'at': 'u8@0', 'equals': 1, 'at_most': 2 } }",
         "verify.field`: expected one comparison, found `equals` and `at_most`"},
        {"'verify': [ 'none', { 'field': { 'equals': 1 } } ]",
         "verify[1].field.at`: expected a number and its place, such as 'u32@4', found nothing"},
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

static void test_all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    static const char text[] = "{ \"nam\": 1, \"load\": { \"rate\": 5 }, \"behaviors\": [ { "
                               "\"loop\": [ { \"think\": 1 }, { \"sned\": {} } ] } ] }";
    load(text, sizeof text - 1);
    assert_int_equal(told.count, 4);
    assert_non_null(strstr(told.lines[0], "`nam`"));
    assert_non_null(strstr(told.lines[1], "`load.rate`"));
    assert_non_null(strstr(told.lines[2], "`behaviors[0].loop[0].think`"));
    assert_non_null(strstr(told.lines[3], "`behaviors[0].loop[1].sned`"));
}

static void test_more_than_twenty_mistakes_are_counted(void **state)
{
    (void)state;
    char text[4096] = "{ \"behaviors\": [ { \"loop\": [ {\"x\":1}";
    for (int i = 0; i < 29; i++) {
        strcat(text, ", {\"x\":1}");
    }
    strcat(text, " ] } ] }");
    load(text, strlen(text));
    assert_int_equal(told.count, 21);
    assert_string_equal(told.lines[20], PATH ": and 10 more");
}

static void test_set_that_nothing_uses_is_a_mistake(void **state)
{
    (void)state;
    /* load() sets `room` when the word stands in the text. */
    check("{ 'name': 'room', 'behaviors': [ {} ] }",
          ": --set room: no ${room} stands in this scenario");
}

static void test_unreadable_files(void **state)
{
    (void)state;
    told.count = 0;
    assert_null(scenario_load("no/such/file.json", NULL, 0, report, NULL));
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.lines[0], "no/such/file.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_steps_that_cannot_work),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_framing_and_steps_must_agree),
        cmocka_unit_test(test_matches_and_verifies),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_more_than_twenty_mistakes_are_counted),
        cmocka_unit_test(test_set_that_nothing_uses_is_a_mistake),
        cmocka_unit_test(test_unreadable_files),
    };
    return cmocka_run_group_tests_name("scenario mistakes", tests, NULL, NULL);
}
