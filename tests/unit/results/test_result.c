#include "unit.h"

#include "core/clock.h"
#include "files/file.h"
#include "results/result.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

static char folder[UNIT_PATH_BYTES_MAX];
static char path[UNIT_PATH_BYTES_MAX + 32];

static int setup(void **state)
{
    (void)state;
    unit_folder_make(folder);
    snprintf(path, sizeof path, "%s/client.json", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove(path);
    unit_folder_remove(folder);
    return 0;
}

static struct cJSON *make_result(void)
{
    struct result_run run = {"20261120-235100-7f3a", "echo",     1795305060123 * NS_PER_MS,
                             30 * NS_PER_S,          UINT64_MAX, false};
    struct cJSON *result = result_create("client", &run);
    assert_non_null(result);
    return result;
}

static char *written(const struct cJSON *result)
{
    struct error error = {""};
    if (!result_write(result, path, &error)) {
        fail_msg("%s", error.text);
    }
    char *text = NULL;
    size_t bytes = 0;
    assert_true(file_read(path, 10 << 20, &text, &bytes, NULL));
    assert_int_equal(text[bytes - 1], '\n');
    return text;
}

static const struct cJSON *get(const struct cJSON *document, const char *a, const char *b)
{
    const struct cJSON *item = cJSON_GetObjectItemCaseSensitive(document, a);
    assert_non_null(item);
    if (b) {
        item = cJSON_GetObjectItemCaseSensitive(item, b);
        assert_non_null(item);
    }
    return item;
}

static void test_integers_above_2_53_survive(void **state)
{
    (void)state;
    struct cJSON *result = make_result();
    struct counters counters;
    memset(&counters, 0, sizeof counters);
    counters.totals[TOTAL_BYTES_SENT] = (UINT64_C(1) << 53) + 1;
    counters.totals[TOTAL_BYTES_RECEIVED] = UINT64_MAX;
    counters.errors[ERROR_KIND_RESET] = 3;
    result_add_counters(result, &counters);
    json_add_i64(result, "least", INT64_MIN);
    char *text = written(result);
    assert_non_null(strstr(text, "9007199254740993"));
    assert_non_null(strstr(text, "\"bytes_received\":\t18446744073709551615"));
    assert_non_null(strstr(text, "\"seed\":\t18446744073709551615"));
    assert_non_null(strstr(text, "-9223372036854775808"));
    assert_null(strstr(text, "e+"));
    struct cJSON *document = cJSON_Parse(text);
    assert_non_null(document);
    assert_true(get(document, "errors", "reset")->valuedouble == 3);
    cJSON_Delete(document);
    free(text);
    cJSON_Delete(result);
}

static void test_head_of_a_result(void **state)
{
    (void)state;
    struct cJSON *result = make_result();
    result_add_resources(result);
    char *text = written(result);
    struct cJSON *document = cJSON_Parse(text);
    assert_non_null(document);
    assert_true(get(document, "schema_version", NULL)->valuedouble == RESULT_SCHEMA_VERSION);
    assert_string_equal(get(document, "side", NULL)->valuestring, "client");
    assert_string_equal(get(document, "run", "id")->valuestring, "20261120-235100-7f3a");
    assert_string_equal(get(document, "run", "started_utc")->valuestring,
                        "2026-11-21T23:51:00.123Z");
    assert_true(get(document, "run", "duration_ns")->valuedouble == 30e9);
    assert_true(cJSON_IsFalse(get(document, "run", "interrupted")));
    assert_true(strlen(get(document, "build", "version")->valuestring) > 0);
    assert_true(strlen(get(document, "build", "commit")->valuestring) > 0);
    assert_true(strlen(get(document, "build", "compiler")->valuestring) > 0);
    assert_true(get(document, "host", "cpus")->valuedouble >= 1);
    assert_true(strlen(get(document, "host", "os")->valuestring) > 0);
    assert_true(get(document, "host", "memory_bytes")->valuedouble > 1 << 20);
    assert_true(get(document, "resources", "rss_max_bytes")->valuedouble > 1 << 16);
    assert_true(get(document, "resources", "cpu_user_s")->valuedouble >= 0);
    cJSON_Delete(document);
    free(text);
    cJSON_Delete(result);
}

static void test_port_statistics(void **state)
{
    (void)state;
    struct cJSON *result = make_result();
    struct cport_stats stats = {
        .polls = 4, .syscalls = 5, .completions = 10, .batch_max = 7, .wait = CPORT_WAIT_YIELDS};
    result_add_port_stats(result, "fake", &stats);
    char *text = written(result);
    struct cJSON *document = cJSON_Parse(text);
    assert_string_equal(get(document, "port", "backend")->valuestring, "fake");
    assert_true(get(document, "port", "batch_mean")->valuedouble == 2.5);
    assert_true(get(document, "port", "batch_max")->valuedouble == 7);
    assert_string_equal(get(document, "port", "wait")->valuestring, "yields");
    assert_true(get(document, "port", "wait_unit_ns")->valuedouble == 1e6);
    cJSON_Delete(document);
    free(text);
    cJSON_Delete(result);
}

static void test_abnormal_connections_are_bounded_and_the_bound_is_stated(void **state)
{
    (void)state;
    static struct result_abnormal kept[RESULT_ABNORMAL_MAX + 5];
    for (int i = 0; i < RESULT_ABNORMAL_MAX + 5; i++) {
        kept[i].bytes_sent = (uint64_t)i;
        kept[i].reason = ERROR_KIND_RESPONSE_LOST;
    }
    result_last_set(&kept[3].received, "HTTP/1.1 400 Bad\r\n", 18);
    struct cJSON *result = make_result();
    result_add_abnormal(result, kept, RESULT_ABNORMAL_MAX + 5, 123456);
    char *text = written(result);
    struct cJSON *document = cJSON_Parse(text);
    const struct cJSON *array = get(document, "abnormal_connections", NULL);
    assert_int_equal(cJSON_GetArraySize(array), RESULT_ABNORMAL_MAX);
    const struct cJSON *third = cJSON_GetArrayItem(array, 3);
    assert_true(get(third, "bytes_sent", NULL)->valuedouble == 3);
    assert_string_equal(get(third, "reason", NULL)->valuestring, "response_lost");
    assert_string_equal(get(third, "local", NULL)->valuestring, "?");
    assert_string_equal(get(third, "last_received", "text")->valuestring, "HTTP/1.1 400 Bad??");
    assert_string_equal(get(third, "last_received", "hex")->valuestring,
                        "485454502f312e3120343030204261640d0a");
    assert_null(cJSON_GetObjectItemCaseSensitive(third, "last_sent"));
    assert_true(get(document, "abnormal_connections_total", NULL)->valuedouble == 123456);
    assert_true(get(document, "abnormal_connections_max", NULL)->valuedouble ==
                RESULT_ABNORMAL_MAX);
    cJSON_Delete(document);
    free(text);
    cJSON_Delete(result);
}

/* Of several threads, whichever comes first with its own. */
static void test_the_first_abnormal_ends_are_listed_in_their_order(void **state)
{
    (void)state;
    enum { THREADS = 3, EACH = 4, MAX = 5 };
    for (int first = 0; first < THREADS; first++) {
        struct result_abnormal list[MAX + 1] = {{.ended_ns = 0}};
        uint32_t count = 0;
        for (int i = 0; i < THREADS * EACH; i++) {
            int thread = (first + i / EACH) % THREADS;
            struct result_abnormal entry = {.ended_ns = thread + i % EACH * THREADS};
            bool kept = abnormal_insert(list, &count, MAX, &entry);
            assert_true(kept || (count == MAX && entry.ended_ns >= list[MAX - 1].ended_ns));
        }
        assert_int_equal(count, MAX);
        for (int i = 0; i < MAX; i++) {
            assert_int_equal(list[i].ended_ns, i);
        }
        assert_int_equal(list[MAX].ended_ns, 0); /* nothing beyond its end is written */
    }
}

static void test_unwritable_path_leaves_nothing(void **state)
{
    (void)state;
    struct cJSON *result = make_result();
    char missing[UNIT_PATH_BYTES_MAX + 64];
    snprintf(missing, sizeof missing, "%s/none/client.json", folder);
    struct error error = {""};
    assert_false(result_write(result, missing, &error));
    assert_non_null(strstr(error.text, missing));
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 0);
    cJSON_Delete(result);
}

static void test_run_ids_differ(void **state)
{
    (void)state;
    char ids[8][RESULT_RUN_ID_BYTES_MAX];
    int equal = 0;
    for (int i = 0; i < 8; i++) {
        result_make_run_id(ids[i]);
        assert_int_equal(strlen(ids[i]), strlen("20261120-235100-7f3a"));
        assert_int_equal(strspn(ids[i], "0123456789abcdef-"), strlen(ids[i]));
        for (int j = 0; j < i; j++) {
            equal += strcmp(ids[i], ids[j]) == 0;
        }
    }
    assert_in_range(equal, 0, 1); /* 28 pairs of 65,536 */
}

static void *fail_allocation(size_t bytes)
{
    (void)bytes;
    return NULL;
}

/* The last test: what could not be added is remembered for the rest of the process. */
static void test_a_document_with_missing_members_is_not_written(void **state)
{
    (void)state;
    struct cJSON *result = make_result();
    cJSON_Hooks hooks = {fail_allocation, free};
    cJSON_InitHooks(&hooks);
    json_add_u64(result, "lost", 1);
    cJSON_InitHooks(NULL);
    struct error error = {""};
    assert_false(result_write(result, path, &error));
    assert_non_null(strstr(error.text, "out of memory"));
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 0);
    cJSON_Delete(result);
}

#define RESULT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESULT_TEST(test_integers_above_2_53_survive),
        RESULT_TEST(test_head_of_a_result),
        RESULT_TEST(test_port_statistics),
        RESULT_TEST(test_abnormal_connections_are_bounded_and_the_bound_is_stated),
        cmocka_unit_test(test_the_first_abnormal_ends_are_listed_in_their_order),
        RESULT_TEST(test_unwritable_path_leaves_nothing),
        cmocka_unit_test(test_run_ids_differ),
        RESULT_TEST(test_a_document_with_missing_members_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
