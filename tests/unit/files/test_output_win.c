/* A program that was started without a standard output, as a service or a launcher may do it. */
#include "unit.h"

#include "files/output.h"

#include <windows.h>

static char program_path[MAX_PATH];

/* In the child. */
static int print_something(const char *text)
{
    struct error error = {""};
    output_setup("child");
    fputs(text, stdout);
    if (!output_finish(&error)) {
        return strstr(error.text, "standard output is closed") != NULL ? 1 : 2;
    }
    return 0;
}

/* This program once more, with those handles; its exit code. */
static int run_with(HANDLE output, const char *argument)
{
    char line[MAX_PATH + 32];
    STARTUPINFOA startup = {.cb = sizeof startup,
                            .dwFlags = STARTF_USESTDHANDLES,
                            .hStdInput = INVALID_HANDLE_VALUE,
                            .hStdOutput = output,
                            .hStdError = INVALID_HANDLE_VALUE};
    PROCESS_INFORMATION child;
    DWORD code = 0;
    snprintf(line, sizeof line, "\"%s\" %s", program_path, argument);
    assert_true(CreateProcessA(program_path, line, NULL, NULL, TRUE, DETACHED_PROCESS, NULL, NULL,
                               &startup, &child));
    assert_int_equal(WaitForSingleObject(child.hProcess, INFINITE), WAIT_OBJECT_0);
    GetExitCodeProcess(child.hProcess, &code);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return (int)code;
}

static void test_what_is_printed_without_a_standard_output_is_lost_and_told(void **state)
{
    (void)state;
    assert_int_equal(run_with(INVALID_HANDLE_VALUE, "prints"), 1);
    assert_int_equal(run_with(NULL, "prints"), 1);
}

static void test_who_prints_nothing_needs_no_standard_output(void **state)
{
    (void)state;
    assert_int_equal(run_with(INVALID_HANDLE_VALUE, "silent"), 0);
    assert_int_equal(run_with(NULL, "silent"), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return print_something(strcmp(argv[1], "prints") == 0 ? "lost" : "");
    }
    GetModuleFileNameA(NULL, program_path, sizeof program_path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_printed_without_a_standard_output_is_lost_and_told),
        cmocka_unit_test(test_who_prints_nothing_needs_no_standard_output),
    };
    return cmocka_run_group_tests_name("output_win", tests, NULL, NULL);
}
