/* Names and paths as Windows has them. */
#include "unit.h"

#include "files/file.h"
#include "files/path_win.h"
#include "files/sink.h"

#include <windows.h>

static char folder[UNIT_PATH_BYTES_MAX];

static int setup(void **state)
{
    (void)state;
    unit_folder_make(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unit_folder_remove(folder);
    return 0;
}

static void change_folder(const char *path, BOOL(WINAPI *change)(LPCWSTR path))
{
    wchar_t *wide = path_wide(path, L"", NULL);
    assert_non_null(wide);
    assert_true(change(wide));
    free(wide);
}

static BOOL WINAPI make(LPCWSTR path)
{
    return CreateDirectoryW(path, NULL);
}

static void read_back(const char *path, const char *expected)
{
    struct error error = {""};
    char *data = NULL;
    size_t bytes = 0;
    if (!file_read(path, 1 << 20, &data, &bytes, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(bytes, strlen(expected));
    assert_memory_equal(data, expected, bytes);
    free(data);
}

static void test_path_beyond_max_path(void **state)
{
    (void)state;
    enum { LEVELS = 6 };
    static const char level[] =
        "/게임 서버 a name of some sixty letters, for a path of some length";
    char paths[LEVELS + 1][1024];
    struct error error = {""};
    snprintf(paths[0], sizeof paths[0], "%s", folder);
    for (int i = 1; i <= LEVELS; i++) {
        snprintf(paths[i], sizeof paths[i], "%s%s", paths[i - 1], level);
        change_folder(paths[i], make);
    }
    char path[1024 + 16];
    snprintf(path, sizeof path, "%s/result.json", paths[LEVELS]);
    if (!file_can_write(path, &error) || !file_write_whole(path, "first", 5, &error) ||
        !file_write_whole(path, "second", 6, &error)) {
        fail_msg("%s", error.text);
    }
    read_back(path, "second");
    assert_true(file_is_same(path, path));
    struct sink sink;
    if (!sink_open(&sink, path, &error)) {
        fail_msg("%s", error.text);
    }
    assert_true(sink_write(&sink, "third", 5, &error) && sink_close(&sink, &error));
    read_back(path, "third");
    change_folder(path, DeleteFileW);
    for (int i = LEVELS; i > 0; i--) {
        change_folder(paths[i], RemoveDirectoryW); /* fails where a temporary file is left */
    }
}

static void assert_spelled(const char *path, const wchar_t *beginning)
{
    wchar_t *wide = path_wide(path, L".tmp", NULL);
    assert_non_null(wide);
    assert_int_equal(wcsncmp(wide, beginning, wcslen(beginning)), 0);
    assert_int_equal(wcscmp(wide + wcslen(wide) - 5, L"a.tmp"), 0);
    assert_null(wcschr(wide, L'/'));
    free(wide);
}

/* Wine takes a path of any length as it stands; Windows does where it was told to. */
static void test_a_long_path_is_spelled_for_every_windows(void **state)
{
    (void)state;
    char path[600];
    assert_spelled("C:/folder/a", L"C:\\folder\\a.tmp");
    snprintf(path, sizeof path, "C:/folder/%0300d/a", 1);
    assert_spelled(path, L"\\\\?\\C:\\folder\\0");
    snprintf(path, sizeof path, "//server/share/%0300d/a", 1);
    assert_spelled(path, L"\\\\?\\UNC\\server\\share\\0");
    snprintf(path, sizeof path, "\\\\?\\C:\\%0300d\\a", 1);
    assert_spelled(path, L"\\\\?\\C:\\0");
    snprintf(path, sizeof path, "%0300d/a", 1);
    assert_spelled(path, L"\\\\?\\");
}

/* They would be found under another name, or not at all: told before the run. */
static void test_names_that_windows_does_not_keep(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"result.json.", "result ", "nul.json",   "CON.txt",
                                        "aux.",         "COM1.a",  "10:30.json", "..."};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        char path[UNIT_PATH_BYTES_MAX + 32];
        struct error error = {""};
        struct sink sink;
        snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        assert_false(file_can_write(path, &error));
        assert_non_null(strstr(error.text, NAMES[i]));
        assert_non_null(strstr(error.text, "name"));
        assert_false(sink_open(&sink, path, NULL));
    }
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 0);
}

static void test_a_device_by_its_own_name(void **state)
{
    (void)state;
    struct error error = {""};
    if (!file_can_write("NUL", &error) || !file_write_whole("nul", "x", 1, &error)) {
        fail_msg("%s", error.text);
    }
    char *data = NULL;
    size_t bytes = 0;
    assert_false(file_read("NUL", 100, &data, &bytes, &error));
    assert_non_null(strstr(error.text, "regular file"));
}

static void test_names_not_there_yet_are_compared_as_windows_does(void **state)
{
    (void)state;
    assert_true(file_is_same("sub/../A.json", "a.JSON"));
    assert_false(file_is_same("a.json", "b.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_beyond_max_path),
        cmocka_unit_test(test_a_long_path_is_spelled_for_every_windows),
        cmocka_unit_test(test_names_that_windows_does_not_keep),
        cmocka_unit_test(test_a_device_by_its_own_name),
        cmocka_unit_test(test_names_not_there_yet_are_compared_as_windows_does),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
