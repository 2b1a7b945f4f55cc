/* What was played, as a scenario: with the servers that options gave. */
#include "client_harness.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* played: `target` or `targets`, as JSON in ' instead of ". */
static void assert_replays(const char *file, const char **arguments, const char *played)
{
    static struct harness harness;
    char text[1024];
    memset(&harness, 0, sizeof harness);
    snprintf(text, sizeof text,
             "{ 'name': 't', %s, 'load': { 'connections': 4, 'duration': '1s' },"
             "  'behaviors': [ { 'loop': [ { 'think': '1s' } ] } ] }",
             file);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    harness_plan(&harness, text, arguments);
    struct cJSON *json = plan_replay(&harness.plan, &harness.plan.course);
    const struct cJSON *target = cJSON_GetObjectItem(json, "target");
    const struct cJSON *targets = cJSON_GetObjectItem(json, "targets");
    assert_true((target == NULL) != (targets == NULL));
    char *found = cJSON_PrintUnformatted(target != NULL ? target : targets);
    for (char *at = found; *at != '\0'; at++) {
        *at = *at == '"' ? '\'' : *at;
    }
    assert_string_equal(found, played);
    cJSON_free(found);
    cJSON_Delete(json);
    plan_close(&harness.plan);
}

static void test_without_options_it_is_the_files_own(void **state)
{
    (void)state;
    assert_replays("'target': { 'host': 'localhost', 'port': 7000 }", (const char *[]){NULL},
                   "{'host':'localhost','port':7000}");
}

static void test_host_and_port_take_the_place_of_the_files(void **state)
{
    (void)state;
    assert_replays("'target': { 'port': 7000, 'all_addresses': true }",
                   (const char *[]){"--host", "127.0.0.2", NULL},
                   "{'all_addresses':true,'host':'127.0.0.2','port':7000}");
    assert_replays(
        "'targets': [ { 'host': '127.0.0.1', 'port': 1 }, { 'host': '::1', 'port': 2 } ]",
        (const char *[]){"--port", "9", NULL},
        "[{'host':'127.0.0.1','port':9},{'host':'::1','port':9}]");
}

static void test_targets_take_the_place_of_the_files(void **state)
{
    (void)state;
    assert_replays("'target': { 'host': '127.0.0.1', 'port': 7000 }",
                   (const char *[]){"--target", "[::1]:81", NULL}, "{'host':'::1','port':81}");
    assert_replays("'target': { 'host': '127.0.0.1', 'port': 7000 }",
                   (const char *[]){"--target", "127.0.0.1:1", "--target", "127.0.0.1:2", NULL},
                   "[{'host':'127.0.0.1','port':1},{'host':'127.0.0.1','port':2}]");
    assert_replays("'targets': { 'a': { 'host': '127.0.0.1', 'port': 1 }, 'b': { 'port': 2 } }",
                   (const char *[]){"--target", "b=127.0.0.1:3", NULL},
                   "{'a':{'host':'127.0.0.1','port':1},'b':{'host':'127.0.0.1','port':3}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_options_it_is_the_files_own),
        cmocka_unit_test(test_host_and_port_take_the_place_of_the_files),
        cmocka_unit_test(test_targets_take_the_place_of_the_files),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
