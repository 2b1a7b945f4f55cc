#include "unit.h"

#include "results/clean.h"

#include <cjson/cJSON.h>

static struct cJSON *read_back(const struct clean *clean)
{
    struct cJSON *result = cJSON_CreateObject();
    clean_add_json(result, clean);
    char *text = cJSON_PrintUnformatted(result);
    struct cJSON *parsed = cJSON_Parse(text);
    assert_non_null(parsed);
    cJSON_free(text);
    cJSON_Delete(result);
    return parsed;
}

static double figure(const struct cJSON *result, int row, int column)
{
    const struct cJSON *sums = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(result, "clean_connections"), "sums");
    assert_true(cJSON_IsArray(sums));
    const struct cJSON *item = cJSON_GetArrayItem(cJSON_GetArrayItem(sums, row), column);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void test_connections_stand_in_the_group_of_their_port(void **state)
{
    (void)state;
    static struct clean first;
    static struct clean second;
    const struct clean_group carried = {1, 100, 200, 3, 4};
    clean_count(&first, 40000, &carried);
    clean_count(&first, 40000 + CLEAN_GROUPS, &carried); /* the same group */
    clean_count(&second, 40001, &carried);
    clean_count(&second, 40000, &carried);
    clean_merge(&first, &second);
    struct cJSON *result = read_back(&first);
    static const double expected[2][6] = {{40000 % CLEAN_GROUPS, 3, 300, 600, 9, 12},
                                          {40001 % CLEAN_GROUPS, 1, 100, 200, 3, 4}};
    for (int row = 0; row < 2; row++) {
        for (int column = 0; column < 6; column++) {
            assert_true(figure(result, row, column) == expected[row][column]);
        }
    }
    cJSON_Delete(result);
}

static void test_no_connection_at_all(void **state)
{
    (void)state;
    static struct clean none;
    struct cJSON *result = read_back(&none);
    const struct cJSON *object = cJSON_GetObjectItemCaseSensitive(result, "clean_connections");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(object, "sums")), 0);
    assert_true(cJSON_GetObjectItemCaseSensitive(object, "groups")->valuedouble == CLEAN_GROUPS);
    cJSON_Delete(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_stand_in_the_group_of_their_port),
        cmocka_unit_test(test_no_connection_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
