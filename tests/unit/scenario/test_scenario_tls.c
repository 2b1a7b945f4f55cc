/* `tls` of a target, and the step that begins it. */
#include "mistake_harness.h"

#include "scenario/tree.h"

#define LOOP            "'loop': [ { 'think': '1s' } ]"
#define START           "{ 'tls': 'start' }"
#define AGAIN           "{ 'reconnect': 'now' }"
#define IDLE            "{ 'send': { 'id': 1 } }"
#define STEP            "'target': { 'tls': { 'start': 'step' } }"
#define BEHAVIOR(steps) "'behaviors': [ { " steps " } ] }"

static struct scenario *read_right(const char *quoted)
{
    char text[4096];
    snprintf(text, sizeof text, "%s", quoted);
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)(*at == '\'' ? '"' : *at);
    }
    told.count = 0;
    struct scenario *scenario =
        scenario_read("folder/s.json", text, strlen(text), NULL, NULL, 0, report, NULL);
    if (scenario == NULL) {
        fail_msg("%s", told.lines[0]);
    }
    return scenario;
}

static void test_what_it_says(void **state)
{
    (void)state;
    struct scenario *scenario = read_right(
        "{ 'targets': { 'a': { 'tls': true }, 'b': {}, 'c': { 'tls': false }, 'd': { 'tls': { "
        "'server_name': 'x.org', 'ca': 'ca.pem', 'cert': '/etc/c.pem', 'key': 'k.pem', 'alpn': [ "
        "'h2', 'http/1.1' ], 'min_version': '1.3', 'max_version': '1.3', 'ciphers': 'A:B', "
        "'resume': true } } }, " BEHAVIOR(LOOP));
    const struct scenario_target *targets = scenario->targets;
    assert_true(targets[0].tls->settings.verify);
    assert_null(targets[0].tls->settings.server_name);
    assert_int_equal(targets[0].tls->settings.version_min, TLS_VERSION_NONE);
    assert_false(targets[0].tls->settings.resume || targets[0].tls->by_step);
    assert_true(targets[1].tls == NULL && !targets[1].is_plain);
    assert_true(targets[2].tls == NULL && targets[2].is_plain);
    const struct tls_settings *settings = &targets[3].tls->settings;
    assert_string_equal(settings->server_name, "x.org");
    assert_string_equal(settings->ca_path, "folder/ca.pem");
    assert_string_equal(settings->cert_path, "/etc/c.pem");
    assert_string_equal(settings->key_path, "folder/k.pem");
    assert_string_equal(settings->alpn, "h2,http/1.1");
    assert_string_equal(settings->ciphers, "A:B");
    assert_int_equal(settings->version_min, TLS_VERSION_1_3);
    assert_int_equal(settings->version_max, TLS_VERSION_1_3);
    assert_true(settings->resume && settings->verify && !settings->is_server);
    scenario_destroy(scenario);
}

static void test_a_step_may_begin_it(void **state)
{
    (void)state;
    static const char *const right[] = {
        "{ " STEP ", " BEHAVIOR("'setup': [ " START " ], " LOOP),
        "{ " STEP
        ", " BEHAVIOR("'setup': [ " START " ], 'loop': [ " IDLE ", " AGAIN ", " START " ]"),
        "{ " STEP ", " BEHAVIOR("'loop': [ " AGAIN ", " START ", " IDLE " ]"),
        "{ " STEP
        ", " BEHAVIOR("'setup': [ { 'if': { 'value': '${conn}', 'equals': 1, 'then': [ " START
                      " ], 'else': [ " IDLE ", " START " ] } } ], " LOOP),
        "{ 'targets': [ { 'tls': { 'start': 'step' } }, { 'tls': { 'start': 'step' } } "
        "], " BEHAVIOR("'setup': [ " START " ], " LOOP),
        "{ 'targets': { 'a': {}, 'b': { 'tls': { 'start': 'step' } } }, " BEHAVIOR(
            "'setup': [ { 'reconnect': { 'to': 'b' } }, " START " ], " LOOP),
    };
    for (size_t i = 0; i < COUNT(right); i++) {
        scenario_destroy(read_right(right[i]));
    }
}

static void test_wrong_settings(void **state)
{
    (void)state;
#define TLS(keys) "{ 'target': { 'tls': " keys " }, " BEHAVIOR(LOOP)
    static const struct mistake mistakes[] = {
        {TLS("'yes'"), ": `target.tls`: expected true, false, or an object such as { 'ca': "
                       "'ca.pem' }, found 'yes'"},
        {TLS("{ 'verfy': false }"), ": `target.tls.verfy`: unknown key; did you mean `verify`?"},
        {TLS("{ 'verify': 'no' }"), ": `target.tls.verify`: expected true or false, found 'no'"},
        {TLS("{ 'verify': false, 'ca': 'c.pem' }"),
         ": `target.tls.ca`: it says whom to trust, and 'verify': false that nothing is checked: "
         "leave one of them out"},
        {TLS("{ 'key': 'k.pem' }"),
         ": `target.tls.key`: a key without its certificate: give `cert`, too"},
        {TLS("{ 'min_version': '1.1' }"),
         ": `target.tls.min_version`: expected '1.2' or '1.3', found '1.1'; did you mean '1.2'?"},
        {TLS("{ 'min_version': '1.3', 'max_version': '1.2' }"),
         ": `target.tls.max_version`: expected at least `min_version`, found less"},
        {TLS("{ 'alpn': 'h2,http/1.1' }"), ": `target.tls.alpn`: expected the name of a protocol, "
                                           "such as 'h2' (at most 255 visible characters), "
                                           "or an array of them, found "
                                           "'h2,http/1.1'"},
        {TLS("{ 'alpn': [] }"),
         ": `target.tls.alpn`: expected 1 to 16 names of protocols, found 0"},
        {TLS("{ 'alpn': [ 'h2', 1 ] }"), ": `target.tls.alpn[1]`: expected the name of a protocol, "
                                         "such as 'h2' (at most 255 visible characters), "
                                         "or an array of them, found 1"},
        {TLS("{ 'start': 'later' }"),
         ": `target.tls.start`: expected 'connect' or 'step', found 'later'"},
        {"{ 'targets': [ { 'tls': { 'start': 'step' } }, { 'tls': true } ], " BEHAVIOR(LOOP),
         ": `targets`: the steps are the same at all of them: let TLS begin by a step ('start': "
         "'step') at each of them, or at none"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check(mistakes[i].text, mistakes[i].expected);
    }
}

static void test_wrong_steps(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{ " BEHAVIOR("'setup': [ " START " ], " LOOP),
         ": `behaviors[0].setup[0].tls`: the target has no `tls`: say 'tls': { 'start': 'step' } "
         "there"},
        {"{ 'target': { 'tls': true }, " BEHAVIOR("'setup': [ " START " ], " LOOP),
         ": `behaviors[0].setup[0].tls`: TLS begins with the connection here: say 'start': 'step' "
         "in the `tls` of the target, or leave the step out"},
        {"{ " STEP ", " BEHAVIOR("'setup': [ " START ", " START " ], " LOOP),
         ": `behaviors[0].setup[1].tls`: TLS has begun on this connection already"},
        {"{ " STEP ", " BEHAVIOR("'setup': [ { 'tls': 'stop' } ], " LOOP),
         ": `behaviors[0].setup[0].tls`: expected 'start', found 'stop'"},
        {"{ " STEP ", " BEHAVIOR("'setup': [ { 'disconnect': 'half' }, " START " ], " LOOP),
         ": `behaviors[0].setup[1].tls`: the sending half is closed here: put { "
         "'reconnect': 'now' } before it"},
        {"{ " STEP ", " BEHAVIOR(LOOP),
         ": `behaviors[0]`: a step is to begin TLS at `target`, and none does: add { 'tls': "
         "'start' }"},
        {"{ " STEP ", " BEHAVIOR("'loop': [ " START ", " IDLE " ]"),
         ": `behaviors[0].loop`: the second pass would begin with TLS, and the first began "
         "without: begin it with { 'reconnect': 'now' }, and let { 'tls': 'start' } follow"},
        {"{ " STEP ", " BEHAVIOR("'setup': [ " START " ], 'loop': [ " IDLE ", " AGAIN " ]"),
         ": `behaviors[0].loop`: the second pass would begin without TLS, and the first began "
         "with: begin it with { 'reconnect': 'now' }, and let { 'tls': 'start' } follow"},
        {"{ " STEP
         ", " BEHAVIOR("'setup': [ { 'repeat': { 'times': 2, 'steps': [ " START " ] } } ], " LOOP),
         ": `behaviors[0].setup[0].repeat.steps`: the second round would begin with TLS, and the "
         "first began without: begin it with { 'reconnect': 'now' }, and let { 'tls': 'start' } "
         "follow"},
        {"{ " STEP
         ", " BEHAVIOR("'setup': [ { 'if': { 'value': '${conn}', 'equals': 1, 'then': [ " START
                       " ] } } ], " LOOP),
         ": `behaviors[0].setup[0].if`: some branches begin TLS, and others do not: let all of "
         "them begin it, or none"},
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        check(mistakes[i].text, mistakes[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says),
        cmocka_unit_test(test_a_step_may_begin_it),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_wrong_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
