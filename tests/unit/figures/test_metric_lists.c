/* Each list is declared once, in C: here it is compared with what the schema of results tells
 * readers, the scripts among them, and with the names that thresholds know. */
#include "unit.h"

#include "figures/metric.h"
#include "files/file.h"

#include <cjson/cJSON.h>

static struct cJSON *schema;

static int setup(void **state)
{
    struct error error = {""};
    char *text = NULL;
    size_t bytes = 0;
    (void)state;
    if (!file_read(RESULT_SCHEMA, 4 << 20, &text, &bytes, &error)) {
        fail_msg("%s", error.text);
    }
    schema = cJSON_ParseWithLength(text, bytes);
    free(text);
    assert_non_null(schema);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cJSON_Delete(schema);
    return 0;
}

static const struct cJSON *member(const struct cJSON *object, const char *key)
{
    const struct cJSON *found = cJSON_GetObjectItemCaseSensitive(object, key);
    if (found == NULL) {
        fail_msg("the schema does not know \"%s\"", key);
    }
    return found;
}

static const struct cJSON *definition(const char *name)
{
    return member(member(schema, "$defs"), name);
}

static const struct cJSON *properties(const char *name)
{
    return member(definition(name), "properties");
}

static bool lists(const struct cJSON *array, const char *word)
{
    const struct cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (strcmp(item->valuestring, word) == 0) {
            return true;
        }
    }
    return false;
}

/* prefix, KEY, suffix: is it a metric of the run or of the server? */
static void assert_metric(const char *prefix, const char *key, const char *suffix)
{
    static const struct metric_names none = {0};
    char name[128];
    struct metric metric;
    struct error error = {""};
    snprintf(name, sizeof name, "server.%s%s%s", prefix, key, suffix);
    if (!metric_find(name + strlen("server."), &none, &metric, &error) &&
        !metric_find(name, &none, &metric, &error)) {
        fail_msg("%s", error.text);
    }
}

static void test_every_counter_is_in_the_schema(void **state)
{
    (void)state;
    for (int i = 0; i < TOTAL_KINDS; i++) {
        member(properties("totals"), total_key((enum total_kind)i));
        assert_true(lists(member(definition("totals"), "required"), total_key((enum total_kind)i)));
    }
    for (int i = 0; i < ERROR_KINDS; i++) {
        member(properties("error_counts"), error_key((enum error_kind)i));
    }
    assert_int_equal(cJSON_GetArraySize(properties("error_counts")), ERROR_KINDS);
}

static void test_every_latency_is_in_the_schema(void **state)
{
    (void)state;
    for (int i = 0; i < LATENCY_KINDS; i++) {
        member(properties("latencies"), latency_key((enum latency_kind)i));
    }
}

static void test_every_percentile_is_in_the_schema(void **state)
{
    (void)state;
    const struct cJSON *histogram = definition("histogram");
    const struct cJSON *at_least =
        member(member(member(member(histogram, "properties"), "at_least"), "items"), "enum");
    const struct cJSON *property;
    int count = 0;
    for (int i = 0; i < HISTOGRAM_PERCENTILES_COUNT; i++) {
        const char *key = HISTOGRAM_PERCENTILES[i].key;
        member(member(histogram, "properties"), key);
        assert_true(lists(member(histogram, "required"), key));
        assert_true(lists(at_least, key));
        assert_true(i == 0 ||
                    HISTOGRAM_PERCENTILES[i].percentile > HISTOGRAM_PERCENTILES[i - 1].percentile);
    }
    cJSON_ArrayForEach(property, member(histogram, "properties"))
    {
        count += property->string[0] == 'p';
    }
    assert_int_equal(count, HISTOGRAM_PERCENTILES_COUNT);
}

/* What a result has, a threshold can be about. */
static void test_every_figure_of_the_schema_is_a_metric(void **state)
{
    (void)state;
    const struct cJSON *property;
    cJSON_ArrayForEach(property, properties("totals"))
    {
        assert_metric("totals.", property->string, "");
    }
    cJSON_ArrayForEach(property, properties("error_counts"))
    {
        assert_metric("errors.", property->string, "");
    }
    cJSON_ArrayForEach(property, properties("latencies"))
    {
        assert_metric("latency.", property->string, ".p99");
    }
    cJSON_ArrayForEach(property, properties("histogram"))
    {
        if (strchr("msp", property->string[0]) != NULL) {
            assert_metric("latency.response.", property->string, "");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_counter_is_in_the_schema),
        cmocka_unit_test(test_every_latency_is_in_the_schema),
        cmocka_unit_test(test_every_percentile_is_in_the_schema),
        cmocka_unit_test(test_every_figure_of_the_schema_is_a_metric),
    };
    return cmocka_run_group_tests_name("client_lists", tests, setup, teardown);
}
