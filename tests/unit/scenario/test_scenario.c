/* Scenarios that are right: what they become. Mistakes are in test_scenario_mistakes.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "program/program.h"
#include "scenario/tree.h"
#include "text/encoding.h"

#define PATH "test_scenario.scenario.json"

static void report(void *context, const char *line)
{
    (void)context;
    print_message("%s\n", line);
}

/* ' stands for ". */
static struct scenario *load_with(const char *text, const struct scenario_variable *variables,
                                  uint32_t variables_count)
{
    FILE *file = fopen(PATH, "wb");
    assert_non_null(file);
    for (; *text != '\0'; text++) {
        fputc(*text == '\'' ? '"' : *text, file);
    }
    assert_int_equal(fclose(file), 0);
    struct scenario *scenario = scenario_load(PATH, NULL, variables, variables_count, report, NULL);
    remove(PATH);
    assert_non_null(scenario);
    return scenario;
}

static struct scenario *load(const char *text)
{
    return load_with(text, NULL, 0);
}

static void test_defaults(void **state)
{
    (void)state;
    struct scenario *scenario = load("{ 'behaviors': [ {} ] }");
    struct framing pair;
    framing_default(&pair);
    assert_string_equal(scenario->name, "scenario");
    assert_string_equal(scenario->path, PATH);
    assert_int_equal(scenario->targets_count, 1);
    assert_string_equal(scenario->targets[0].host, "127.0.0.1");
    assert_int_equal(scenario->targets[0].port, 7777);
    assert_int_equal(scenario->protocol.framing.type, pair.type);
    assert_int_equal(scenario->protocol.framing.header_bytes, pair.header_bytes);
    assert_int_equal(scenario->protocol.framing.id_bytes, pair.id_bytes);
    assert_int_equal(scenario->protocol.framing.frame_bytes_max, pair.frame_bytes_max);
    const struct scenario_load *load = &scenario->load;
    assert_int_equal(load->connections, 1);
    assert_true(load->connect_rate_per_s == 0);
    assert_int_equal(load->connect_timeout_ns, 5 * NS_PER_S);
    assert_false(load->has_rate);
    assert_int_equal(load->duration_ns, 10 * NS_PER_S);
    assert_int_equal(load->warmup_ns, 0);
    assert_int_equal(load->drain_ns, 5 * NS_PER_S);
    assert_int_equal(load->in_flight, 1);
    assert_int_equal(load->seed, 1);
    assert_int_equal(load->arrival, ARRIVAL_CONSTANT);
    assert_int_equal(scenario->behaviors_count, 1);
    assert_string_equal(scenario->behaviors[0].name, "behavior-1");
    assert_true(scenario->behaviors[0].weight == 1);
    assert_null(scenario->behaviors[0].loop);
    assert_non_null(scenario->document);
    scenario_destroy(scenario);
}

static void test_load_is_read(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("\xef\xbb\xbf{ 'name': 'n', 'target': { 'host': 'example', 'port': 1 }, 'load': { "
             "'connections': 5, 'connect_rate': '90/m', 'connect_timeout': '250ms', 'stages': [ "
             "{ 'duration': '2s', 'rate': { 'from': '0/s', 'to': '20/s' } }, { 'duration': '3s', "
             "'rate': '20/s' } ], 'arrival': 'poisson', 'warmup': '1s', 'drain': '0s', "
             "'in_flight': 3, 'seed': 9007199254740992 }, 'thresholds': [ 'a', 'b' ], "
             "'behaviors': [ { 'name': 'x', 'weight': 0.5 }, { 'weight': 3 } ] }");
    const struct scenario_load *load = &scenario->load;
    assert_string_equal(scenario->targets[0].host, "example");
    assert_int_equal(scenario->targets[0].port, 1);
    assert_true(load->connect_rate_per_s == 1.5);
    assert_int_equal(load->connect_timeout_ns, 250 * NS_PER_MS);
    assert_int_equal(load->stages_count, 2);
    assert_true(load->stages[0].has_rate && load->stages[1].has_rate);
    assert_true(load->stages[0].rate_from_per_s == 0 && load->stages[0].rate_to_per_s == 20);
    assert_true(load->stages[1].rate_from_per_s == 20 && load->stages[1].rate_to_per_s == 20);
    assert_false(load->stages[1].has_connections);
    assert_int_equal(load->duration_ns, 5 * NS_PER_S);
    assert_int_equal(load->drain_ns, 0);
    assert_true(load->seed == UINT64_C(9007199254740992));
    assert_int_equal(scenario->thresholds_count, 2);
    assert_string_equal(scenario->thresholds[1].text, "b");
    assert_true(scenario->behaviors[1].weight == 3);
    assert_string_equal(scenario->behaviors[1].name, "behavior-2");
    scenario_destroy(scenario);
}

static void test_framings_are_read(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("{ 'framing': { 'type': 'length', 'size_bytes': 4, 'size_offset': 2, 'id_bytes': 2, "
             "'id_offset': 0, 'byte_order': 'big', 'size_includes_header': false, "
             "'frame_bytes_max': 1000 }, 'behaviors': [ {} ] }");
    assert_int_equal(scenario->protocol.framing.header_bytes, 6);
    assert_int_equal(scenario->protocol.framing.size_offset, 2);
    assert_int_equal(scenario->protocol.framing.id_offset, 0);
    assert_true(scenario->protocol.framing.big_endian);
    assert_int_equal(scenario->protocol.framing.frame_bytes_max, 1000);
    scenario_destroy(scenario);
    scenario = load("{ 'framing': { 'type': 'delimiter', 'delimiter': { 'hex': '00 ff' } }, "
                    "'behaviors': [ {} ] }");
    assert_int_equal(scenario->protocol.framing.type, FRAMING_DELIMITER);
    assert_int_equal(scenario->protocol.framing.delimiter_bytes, 2);
    assert_memory_equal(scenario->protocol.framing.delimiter, "\x00\xff", 2);
    scenario_destroy(scenario);
    scenario = load("{ 'framing': { 'type': 'fixed', 'bytes': 8 }, 'behaviors': [ { 'loop': [ "
                    "{ 'send': { 'body': { 'random': { 'bytes': 8 } } } } ] } ] }");
    assert_int_equal(scenario->protocol.framing.fixed_bytes, 8);
    scenario_destroy(scenario);
    scenario = load("{ 'framing': { 'type': 'raw' }, 'behaviors': [ {} ] }");
    assert_int_equal(scenario->protocol.framing.type, FRAMING_RAW);
    scenario_destroy(scenario);
}

static void check_body(const char *body, const char *bytes, uint32_t bytes_count)
{
    char text[512];
    snprintf(text, sizeof text,
             "{ 'behaviors': [ { 'loop': [ { 'send': { 'id': 1, 'body': %s } } ] } ] }", body);
    static const struct scenario_variable variables[] = {{"who", "me"}};
    bool uses = strstr(body, "${who}") != NULL;
    struct scenario *scenario = load_with(text, variables, uses ? 1 : 0);
    const struct body *read = &scenario->behaviors[0].loop->send.body;
    assert_int_equal(read->type, BODY_CONSTANT);
    assert_int_equal(read->bytes_min, bytes_count);
    assert_int_equal(read->bytes_max, bytes_count);
    assert_memory_equal(read->bytes, bytes, bytes_count);
    scenario_destroy(scenario);
}

static void test_constant_bodies(void **state)
{
    (void)state;
    check_body("'none'", "", 0);
    check_body("{ 'text': '' }", "", 0);
    check_body("{ 'text': 'a\\u00e9\\n' }", "a\xc3\xa9\n", 4);
    check_body("{ 'text': 'i am ${who}!' }", "i am me!", 8);
    check_body("{ 'text': 'cost: $5 $${conn} $' }", "cost: $5 ${conn} $", 18);
    check_body("{ 'hex': '00 0aFf' }", "\x00\x0a\xff", 3);
    check_body("{ 'base64': '' }", "", 0);
    check_body("{ 'base64': 'AP+/' }", "\x00\xff\xbf", 3);
    check_body("{ 'base64': 'AP8=' }", "\x00\xff", 2);
    check_body("{ 'base64': 'YWJjZA==' }", "abcd", 4);
    check_body("{ 'zero': { 'bytes': 3 } }", "\0\0\0", 3);
    check_body("{ 'pattern': { 'bytes': 3 } }", "\0\1\2", 3);
    check_body("{ 'pattern': { 'bytes': 5, 'text': 'ab' } }", "ababa", 5);
    check_body("{ 'pattern': { 'bytes': 4, 'hex': '010203' } }", "\1\2\3\1", 4);
}

static void test_variable_bodies_know_their_sizes(void **state)
{
    (void)state;
    struct scenario *scenario = load(
        "{ 'behaviors': [ { 'loop': [ { 'send': { 'id': 1, 'body': { 'random': { 'bytes': [2, 9] } "
        "} } }, { 'send': { 'id': 1, 'body': { 'text': 'x${random(5,123)}y${conn}' } } } ] } ] }");
    const struct step *step = scenario->behaviors[0].loop;
    assert_int_equal(step->send.body.type, BODY_RANDOM);
    assert_int_equal(step->send.body.bytes_min, 2);
    assert_int_equal(step->send.body.bytes_max, 9);
    assert_int_equal(step->next->send.body.type, BODY_PARTS);
    assert_int_equal(step->next->send.body.bytes_min, 4);
    assert_int_equal(step->next->send.body.bytes_max, 15);
    struct error error;
    struct program *program = program_compile(scenario, &error);
    assert_non_null(program);
    assert_int_equal(program->message_bytes_max, 19);
    program_destroy(program);
    scenario_destroy(scenario);
}

static void test_same_names_are_the_same_step(void **state)
{
    (void)state;
    struct scenario *scenario = load(
        "{ 'load': { 'in_flight': 2 }, 'behaviors': [ { 'name': 'a', 'weight': 2, 'setup': [ "
        "{ 'request': { 'name': 'login', 'send': { 'id': 1 } } } ] }, { 'loop': [ { 'request': "
        "{ 'name': 'login', 'send': { 'id': 1 } } }, { 'request': { 'send': { 'id': 1 } } } ] "
        "} ] }");
    struct error error;
    struct program *program = program_compile(scenario, &error);
    assert_non_null(program);
    assert_int_equal(program->steps_count, 2);
    assert_string_equal(program->step_names[0], "login");
    assert_string_equal(program->step_names[1], "request-3");
    assert_int_equal(program->behaviors_count, 2);
    assert_string_equal(program->behaviors[0].name, "a");
    assert_true(program->behaviors[0].weight == 2);
    assert_int_equal(program->lanes_count, 2);
    program_destroy(program);
    scenario_destroy(scenario);
}

static char last_line[512];

static void report_last(void *context, const char *line)
{
    (void)context;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static void test_rate_needs_a_loop(void **state)
{
    (void)state;
    struct scenario *scenario = load("{ 'behaviors': [ { 'name': 'idle' } ] }");
    scenario->load.has_rate = true; /* --rate */
    scenario->load.rate_per_s = 5;
    struct mistakes mistakes = {.report = report_last};
    program_check(scenario, &mistakes);
    assert_int_equal(mistakes.count, 1);
    assert_string_equal(last_line,
                        PATH ": `behaviors[0].loop`: expected steps, because a rate is a number of "
                             "passes of the loop; found none");
    scenario_destroy(scenario);
}

static void test_every_scenario_of_ours_is_right(void **state)
{
    (void)state;
    static const char *const names[] = {
        "echo",  "echo-closed-loop",        "echo-variable", "connect-only",
        "chat",  "connect-echo-disconnect", "game-lobby",    "redis-ping",
        "churn",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[640];
        snprintf(path, sizeof path, "%s/%s.json", SCENARIOS_FOLDER, names[i]);
        struct scenario *scenario = scenario_load(path, NULL, NULL, 0, report, NULL);
        assert_non_null(scenario);
        assert_string_equal(scenario->name, names[i]);
        struct error error;
        struct program *program = program_compile(scenario, &error);
        assert_non_null(program);
        program_destroy(program);
        scenario_destroy(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_load_is_read),
        cmocka_unit_test(test_framings_are_read),
        cmocka_unit_test(test_constant_bodies),
        cmocka_unit_test(test_variable_bodies_know_their_sizes),
        cmocka_unit_test(test_same_names_are_the_same_step),
        cmocka_unit_test(test_rate_needs_a_loop),
        cmocka_unit_test(test_every_scenario_of_ours_is_right),
    };
    return cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
