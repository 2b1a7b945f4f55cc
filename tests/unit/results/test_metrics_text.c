/* Metrics as text: each family has its program's name, and says what it is. */
#include "unit.h"

#include "results/metrics_text.h"

static struct json_text text;

static int reset(void **state)
{
    (void)state;
    free(text.text);
    text = (struct json_text){0};
    return 0;
}

static void test_samples_have_the_name_of_their_family(void **state)
{
    const struct counters counters = {.totals = {1}};
    const struct metrics_text metrics = {
        .text = &text, .prefix = "dummyserver", .format = METRICS_PROMETHEUS, .run_id = "a"};
    char family[128] = "";
    uint32_t types = 0;
    uint32_t helps = 0;
    (void)state;
    metrics_add_counters(&metrics, &counters);
    for (char *line = strtok(text.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(line, "# TYPE %127s counter", family), 1);
            types++;
        } else if (strncmp(line, "# HELP ", 7) == 0) {
            helps++;
        } else {
            assert_memory_equal(line, family, strlen(family));
            assert_int_equal(line[strlen(family)], '{');
        }
    }
    assert_memory_equal(family, "dummyserver_", 12);
    assert_true(types > TOTAL_KINDS);
    assert_int_equal(helps, types); /* a new counter needs a line in METRICS_HELP */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_samples_have_the_name_of_their_family, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
