#include "unit.h"

#include "files/file.h"

static char folder[UNIT_PATH_BYTES_MAX];
static char path[UNIT_PATH_BYTES_MAX + 32];

static int setup(void **state)
{
    (void)state;
    unit_folder_make(folder);
    snprintf(path, sizeof path, "%s/result.json", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove(path);
    unit_folder_remove(folder); /* fails when a temporary file was left behind */
    return 0;
}

static void assert_content(const char *expected, size_t expected_bytes)
{
    char *data = NULL;
    size_t bytes = 0;
    struct error error = {""};
    if (!file_read(path, 1 << 20, &data, &bytes, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(bytes, expected_bytes);
    assert_memory_equal(data, expected, expected_bytes);
    assert_int_equal(data[bytes], '\0');
    free(data);
}

static void test_written_bytes_come_back(void **state)
{
    (void)state;
    static const char data[] = "line\nwith\r\nboth ends, and a \0 inside\x1a";
    assert_true(file_write_whole(path, data, sizeof data, NULL));
    assert_content(data, sizeof data);
    assert_true(file_write_whole(path, "", 0, NULL));
    assert_content("", 0);
}

static void test_large_file_replaces_a_small_one(void **state)
{
    (void)state;
    enum { BYTES = 300001 };
    char *data = malloc(BYTES);
    assert_non_null(data);
    for (int i = 0; i < BYTES; i++) {
        data[i] = (char)(i * 31);
    }
    assert_true(file_write_whole(path, "old", 3, NULL));
    assert_true(file_write_whole(path, data, BYTES, NULL));
    assert_content(data, BYTES);
    free(data);
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 1);
}

static void test_read_takes_at_most_the_limit(void **state)
{
    (void)state;
    assert_true(file_write_whole(path, "12345678", 8, NULL));
    char *data = NULL;
    size_t bytes = 0;
    assert_true(file_read(path, 8, &data, &bytes, NULL));
    assert_int_equal(bytes, 8);
    free(data);
    struct error error = {""};
    assert_false(file_read(path, 7, &data, &bytes, &error));
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "7"));
}

static void test_read_of_nothing_and_of_a_folder_name_the_path(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 0;
    struct error error = {""};
    assert_false(file_read(path, 100, &data, &bytes, &error));
    assert_non_null(strstr(error.text, path));
    assert_false(file_read(folder, 100, &data, &bytes, &error));
    assert_non_null(strstr(error.text, folder));
    assert_non_null(strstr(error.text, "folder"));
}

static void test_write_into_a_missing_folder_fails(void **state)
{
    (void)state;
    char missing[UNIT_PATH_BYTES_MAX + 64];
    snprintf(missing, sizeof missing, "%s/none/result.json", folder);
    struct error error = {""};
    assert_false(file_write_whole(missing, "x", 1, &error));
    assert_non_null(strstr(error.text, missing));
    error.text[0] = '\0';
    assert_false(file_can_write(missing, &error));
    assert_non_null(strstr(error.text, missing));
}

static void test_a_folder_is_not_overwritten(void **state)
{
    (void)state;
    struct error error = {""};
    assert_false(file_write_whole(folder, "x", 1, &error));
    assert_non_null(strstr(error.text, folder));
    assert_false(file_can_write(folder, &error));
    assert_non_null(strstr(error.text, "folder"));
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 0);
}

static void test_can_write_leaves_no_file_and_keeps_the_old_one(void **state)
{
    (void)state;
    assert_true(file_can_write(path, NULL));
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 0);
    assert_true(file_write_whole(path, "old", 3, NULL));
    assert_true(file_can_write(path, NULL));
    assert_content("old", 3);
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 1);
}

static void test_names_outside_ascii(void **state)
{
    (void)state;
    char named[UNIT_PATH_BYTES_MAX + 64];
    snprintf(named, sizeof named, "%s/%s", folder, "\xec\x84\x9c\xeb\xb2\x84-\xc3\xa9.json");
    assert_true(file_write_whole(named, "x", 1, NULL));
    char *data = NULL;
    size_t bytes = 0;
    assert_true(file_read(named, 10, &data, &bytes, NULL));
    assert_int_equal(bytes, 1);
    free(data);
    unit_remove(named);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_written_bytes_come_back),
        FILE_TEST(test_large_file_replaces_a_small_one),
        FILE_TEST(test_read_takes_at_most_the_limit),
        FILE_TEST(test_read_of_nothing_and_of_a_folder_name_the_path),
        FILE_TEST(test_write_into_a_missing_folder_fails),
        FILE_TEST(test_a_folder_is_not_overwritten),
        FILE_TEST(test_can_write_leaves_no_file_and_keeps_the_old_one),
        FILE_TEST(test_names_outside_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
