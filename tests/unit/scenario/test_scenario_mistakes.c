/* Scenarios that are wrong: every mistake is told, with its place, what was expected and what was
 * found. Steps are in test_scenario_mistakes_steps.c. */
#include "mistake_harness.h"

static void test_document(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"[]", ": expected an object, found an array of 0"},
        {"{}", ": `behaviors`: expected an array of 1 to 256 behaviors, found nothing"},
        {"{ 'behaviour': [], 'behaviors': [ {} ] }",
         ": `behaviour`: unknown key; did you mean `behaviors`?"},
        {"{ 'zzz': 1, 'behaviors': [ {} ] }",
         ": `zzz`: unknown key; the keys here are `$schema`, `name`, `description`, `sources`, "
         "`data`, `framing`, `target`, `targets`, `server`, `load`, `behaviors`, `thresholds`"},
        {"{ 'Name': 'x', 'behaviors': [ {} ] }", ": `Name`: unknown key; did you mean `name`?"},
        {"{ 'name': 'x', 'name': 'y', 'behaviors': [ {} ] }",
         ": `name`: expected this key once, found it again"},
        {"{ 'name': '', 'behaviors': [ {} ] }",
         ": `name`: expected a text that is not empty, found ''"},
        {"{ 'target': { 'port': 70000 }, 'behaviors': [ {} ] }",
         ": `target.port`: expected a whole number from 1 to 65535, found 70000"},
        {"{ 'target': { 'port': '7777' }, 'behaviors': [ {} ] }",
         ": `target.port`: expected a whole number from 1 to 65535, found '7777'"},
        {"{ 'target': '127.0.0.1', 'behaviors': [ {} ] }",
         ": `target`: expected an object, found '127.0.0.1'"},
        {"{ 'server': { 'handler': 'chat --x' }, 'behaviors': [ {} ] }",
         ": `server.handler`: expected the name of a handler of dummyserver, such as 'echo', "
         "found 'chat --x'"},
        {"{ 'server': { 'framing': 'lenght' }, 'behaviors': [ {} ] }",
         ": `server.framing`: expected 'length', 'raw' or 'websocket', found 'lenght'; did you "
         "mean 'length'?"},
        {"{ 'server': { 'handel': 'chat' }, 'behaviors': [ {} ] }",
         ": `server.handel`: unknown key; did you mean `handler`?"},
        {"{ 'server': 'chat', 'behaviors': [ {} ] }",
         ": `server`: expected an object, found 'chat'"},
        {"{ 'thresholds': [ 'a', 5 ], 'behaviors': [ {} ] }",
         ": `thresholds[1]`: expected a text such as 'latency.response.p99 < 20ms', found 5"},
        {"{ 'behaviors': [ { 'name': 'a' }, { 'name': 'a' } ] }",
         ": `behaviors[1]`: expected a name that no other behavior has, found 'a' again"},
        {"{ 'behaviors': [ { 'weight': 0 } ] }",
         ": `behaviors[0].weight`: expected a number above 0, at most 1e9, found 0"},
        {"{ 'behaviors': [ { 'on_disconnect': 'stopp' } ] }",
         ": `behaviors[0].on_disconnect`: expected 'stop' or 'reconnect', found 'stopp'; did you "
         "mean 'stop'?"},
        {"{ 'behaviors': [ { 'setup': [ { 'barrier': 'in' } ] }, { 'loop': [ { 'barrier': 'in' } ] "
         "} "
         "] }",
         ": `behaviors[1]`: the barrier 'in' is in a `setup` and in a `loop` or `teardown`, which "
         "begin when every setup is done: use two barriers"},
        {"{ 'behaviors': [ { 'setup': [ { 'barrier': 'in' } ], 'loop': [ { 'barrier': 'in' } ] } "
         "] }",
         ": `behaviors[0]`: the barrier 'in' is in a `setup` and in a `loop` or `teardown`, which "
         "begin when every setup is done: use two barriers"},
        {"{ 'behaviors': [ { 'on_disconnect': true } ] }",
         ": `behaviors[0].on_disconnect`: expected 'stop', 'reconnect' or { 'reconnect': { "
         "'first': '100ms' } }, found true"},
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

/* What is written well and out of range has no missing unit. */
static void test_load_limits(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"'connect_timeout': '99999h'",
         ": `load.connect_timeout`: expected a duration from 1.00 ms to 24 h, found '99999h'"},
        {"'rate': '99999999999999/s'", ": `load.rate`: expected a rate above 0, at most "
                                       "1000000000/s, found '99999999999999/s'"},
        {"'rate': '12345678901234567/s'", ": `load.rate`: expected a rate above 0, at most "
                                          "1000000000/s, found '12345678901234567/s'"},
        {"'duration': '1234567890123456789s'", ": `load.duration`: expected a duration from 1.00 "
                                               "ms to 720 h, found '1234567890123456789s'"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_load(mistakes[i].text, mistakes[i].expected);
    }
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
        {"'rate': '0/s'",
         ": `load.rate`: expected a rate above 0, at most 1000000000/s, found '0/s'"},
        {"'rate_per_connection': '0/s'", ": `load.rate_per_connection`: expected a rate above 0, "
                                         "at most 1000000000/s, found '0/s'"},
        {"'connect_rate': '0/s'",
         ": `load.connect_rate`: expected a rate above 0, at most 1000000000/s, found '0/s'"},
        {"'rate': '5/s', 'max_catch_up_rate': '0/s'",
         ": `load.max_catch_up_rate`: expected a rate above 0, at most 1000000000/s, found '0/s'"},
        {"'stages': [ { 'duration': '1s', 'rate': '0/s' } ]",
         ": `load.stages`: expected a rate above 0 in one of the stages, found none"},
        {"'stages': []", ": `load.stages`: expected an array of 1 to 10000 stages, found an array "
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
        {"{ 'tpye': 'raw' }", ": `framing.tpye`: unknown key; did you mean `type`?"},
        {"{}", ": `framing.type`: expected 'length', 'delimiter', 'fixed', 'raw', "
               "'by_id', 'http', 'resp', 'lines', 'codec' or 'websocket', found nothing"},
        {"{ 'type': 'lenght' }",
         ": `framing.type`: expected 'length', 'delimiter', 'fixed', 'raw', "
         "'by_id', 'http', 'resp', 'lines', 'codec' or 'websocket', found 'lenght'; did you mean "
         "'length'?"},
        {"{ 'type': 'length', 'size_bytes': 5, 'size_includes_header': true }",
         ": `framing.size_bytes`: expected a whole number from 1 to 4, found 5"},
        {"{ 'type': 'length', 'size_bytes': 0, 'size_includes_header': true }",
         ": `framing.size_bytes`: expected a whole number from 1 to 4, found 0"},
        {"{ 'type': 'length', 'size_bytes': 2 }",
         ": `framing.size_includes_header`: expected true or false, found nothing"},
        {"{ 'type': 'length', 'size_bytes': 2, 'size_includes_header': 1 }",
         ": `framing.size_includes_header`: expected true or false, found 1"},
        {"{ 'type': 'delimiter', 'delimiter': '' }",
         ": `framing.delimiter`: expected 1 to 16 bytes as a text such as '\\r\\n', or { 'hex': "
         "'0d0a' }, found ''"},
        {"{ 'type': 'delimiter', 'delimiter': {} }",
         ": `framing.delimiter.hex`: expected pairs of hexadecimal digits, found nothing"},
        {"{ 'type': 'raw', 'bytes': 4 }",
         ": `framing.bytes`: unknown key; the keys here are `type`"},
        {"{ 'type': 'length', 'header': [ ] }",
         ": `framing`: expected a header with one `size` and at most one `id`, found 0 of "
         "`size` and 0 of `id`"},
        {"{ 'type': 'length', 'header': [ { 'size': 'u17' } ] }",
         ": `framing.header[0].size`: expected 'u8', 'u16', 'u24' or 'u32' (also with le or be), "
         "'varint', 'zigzag', 'ber' or 'digits', found 'u17'"},
        {"{ 'type': 'length', 'header': [ { 'size': 'digits' } ] }",
         ": `framing.header[0]`: expected `bytes` (how many digits) or `until` (the character "
         "behind them) beside 'digits'"},
        {"{ 'type': 'length', 'header': [ { 'u8': 256 }, { 'size': 'u8' } ] }",
         ": `framing.header[0].u8`: expected a whole number that fits into u8, found 256"},
        {"{ 'type': 'length', 'header': [ { 'crc32': 'bdoy' }, { 'size': 'u8' } ] }",
         ": `framing.header[0].crc32`: expected what it is over: 'body', 'header', "
         "'header_and_body', 'before', 'after' or 'message', found 'bdoy'"},
        {"{ 'type': 'length', 'header': [ { 'size': 'u8', 'pluss': 1 } ] }",
         ": `framing.header[0].pluss`: unknown key; did you mean `plus`?"},
        {"{ 'type': 'length', 'header': [ { 'size': 'u8' }, { 'sequence': 'u8', 'first': 256 } ] }",
         ": `framing.header[1]`: expected a `first` below `last`, and both within its width"},
        {"{ 'type': 'by_id', 'id': 'u16' }",
         ": `framing.sizes`: expected how long the messages of each id are (or `sizes_file`), "
         "found nothing"},
        {"{ 'type': 'by_id', 'id': 'u16', 'sizes': { '0x64': 1 } }",
         ": `framing.sizes.0x64`: expected the bytes of the whole message (the id included, 2 and "
         "more), or -1 where a size follows the id, found 1"},
        {"{ 'type': 'by_id', 'id': 'u16', 'sizes': { '100': -1 } }",
         ": `framing.sizes.100`: -1 says that a size follows the id: expected its format as "
         "`size` of the framing"},
        {"{ 'type': 'by_id', 'id': 'u16', 'sizes': { '100': 5, '0x64': 6 } }",
         ": `framing`: the id 100 (0x0064) is listed twice"},
        {"{ 'type': 'fixed' }",
         ": `framing.bytes`: expected the size of every message, found nothing"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_framing(mistakes[i].text, mistakes[i].expected);
    }
}

static void test_rules_of_lines(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ 'type': 'lines' }", ": `framing.delimiter`: expected what ends a message or a line, "
                                "such as '\\r\\n', found nothing"},
        {"{ 'type': 'lines', 'delimiter': '|', 'rules': [ { 'starts_wiht': 'a' } ] }",
         ": `framing.rules[0].starts_wiht`: unknown key; did you mean `starts_with`?"},
        {"{ 'type': 'lines', 'delimiter': '|', 'rules': [ { 'like': '' } ] }",
         ": `framing.rules[0].like`: expected a text of 1 to 64 bytes, found ''"},
        {"{ 'type': 'lines', 'delimiter': '|', 'rules': [ { 'size': 5 } ] }",
         ": `framing.rules[0].size`: expected where the line says how many bytes follow: "
         "'last_number', { 'word': 3 } (from 0) or { 'after': 'content-length:' }, found 5"},
        {"{ 'type': 'lines', 'delimiter': '|', 'rules': [ { 'until': 5 } ] }",
         ": `framing.rules[0].until`: expected the last line, such as 'END' ('': an empty one), "
         "{ 'starts_with': ... } or { 'like': '### ' }, found 5"},
        {"{ 'type': 'lines', 'delimiter': '|', 'rules': [ { 'goes_on': true } ] }",
         ": `framing.rules[0]`: `goes_on` (the line goes on behind the payload) needs `size`, and "
         "neither `until` nor `end`"},
        {"{ 'type': 'lines', 'delimiter': '|', 'rules': [ { 'until': 'a', 'end': '' } ] }",
         ": `framing.rules[0]`: `end` is of a payload: it needs `size`, or `until` and at least "
         "one byte that ends what follows these lines"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check_framing(mistakes[i].text, mistakes[i].expected);
    }
}

/* What depends on the framing cannot be judged until it is right. */
static void test_one_wrong_framing_is_one_mistake(void **state)
{
    (void)state;
    static const char *const framings[] = {
        "{ 'type': 'lenght' }",
        "{ 'tpye': 'raw' }",
        "{ 'type': 'raw', 'bytes': 4 }",
        "{ 'type': 'length', 'size_bytes': 0, 'size_includes_header': true }",
        "{ 'type': 'length', 'size_bytes': 5, 'size_includes_header': true }",
        "{ 'type': 'length', 'size_bytes': 2, 'size_includes_header': true, 'id_bytes': 9 }",
        "{ 'type': 'length', 'size_bytes': 2, 'id_bytes': 1 }",
        "{ 'type': 'length', 'size_bytes': 2, 'size_includes_header': true, 'header_bytes': 1 }",
        "{ 'type': 'delimiter' }",
        "{ 'type': 'delimiter', 'delimiter': '' }",
        "{ 'type': 'delimiter', 'delimiter': 'a', 'size_bytes': 2 }",
        "{ 'type': 'fixed' }",
        "{ 'type': 'fixed', 'bytes': 0 }",
    };
    static const char *const steps =
        "{ 'request': { 'send': { 'body': { 'text': 'abc' } }, 'bytes': 4 } },"
        "{ 'request': { 'send': { 'id': 70000, 'body': { 'random': { 'bytes': 5 } } },"
        "  'match': { 'id': 99999, 'field': { 'at': 'u8@0', 'equals': 1 } },"
        "  'capture': { 'x': 'u16@0' } } },"
        "{ 'send': { 'id': 1, 'body': { 'text': 'a${x}' } } }";
    for (size_t i = 0; i < COUNT(framings); i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 "{ 'framing': %s, 'behaviors': [ { 'on_push': [ { 'match': { 'id': 99999 } } ], "
                 "'loop': [ %s ] } ] }",
                 framings[i], steps);
        for (char *at = text; *at != '\0'; at++) {
            *at = (char)(*at == '\'' ? '"' : *at);
        }
        load(text, strlen(text));
        if (told.count != 1 || strstr(told.lines[0], "`framing") == NULL) {
            fail_msg("%s: %u mistakes: %s; %s", framings[i], told.count, told.lines[0],
                     told.count > 1 ? told.lines[1] : "");
        }
    }
}

/* Steps of the loop. */
static void test_all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    static const char text[] = "{ \"nam\": 1, \"load\": { \"rate\": 5 }, \"behaviors\": [ { "
                               "\"loop\": [ { \"think\": 1 }, { \"sned\": {} } ] } ] }";
    load(text, sizeof text - 1);
    static const char *const places[] = {
        "`nam`: unknown key; did you mean `name`?",
        "`name`: expected a text, found 1", /* what stands there is looked at all the same */
        "`load.rate`",
        "`behaviors[0].loop[0].think`",
        "`behaviors[0].loop[1].sned`: unknown step; did you mean `send`?",
        "`behaviors[0].loop[1].send.id`",
    };
    assert_int_equal(told.count, COUNT(places));
    for (size_t i = 0; i < COUNT(places); i++) {
        assert_non_null(strstr(told.lines[i], places[i]));
    }
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
    assert_string_equal(told.lines[20], MISTAKE_PATH ": and 10 more");
}

static void test_set_that_nothing_uses_is_a_mistake(void **state)
{
    (void)state;
    /* load() sets `room` when the text contains the word. */
    check("{ 'name': 'room', 'behaviors': [ {} ] }",
          ": --set room: this scenario does not use ${room}");
}

static void test_unreadable_files(void **state)
{
    (void)state;
    told.count = 0;
    assert_null(scenario_load("no/such/file.json", NULL, NULL, 0, report, NULL));
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.lines[0], "no/such/file.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_limits),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_rules_of_lines),
        cmocka_unit_test(test_one_wrong_framing_is_one_mistake),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_more_than_twenty_mistakes_are_counted),
        cmocka_unit_test(test_set_that_nothing_uses_is_a_mistake),
        cmocka_unit_test(test_unreadable_files),
    };
    return cmocka_run_group_tests_name("scenario mistakes", tests, NULL, NULL);
}
