/* must() stays on in release builds: it is made to fire in a process of its own. */
#include "unit.h"

#include "core/error.h"
#include "core/must.h"

static const char *program;

static int run_self(const char *argument)
{
    char command[1024];
    snprintf(command, sizeof command, "\"%s\" %s 2>test_must.txt", program, argument);
    fflush(NULL);
    return system(command);
}

static void test_true_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_self("hold"), 0);
}

static void test_false_ends_the_process_and_names_the_expression(void **state)
{
    (void)state;
    assert_int_not_equal(run_self("fire"), 0);
    FILE *stream = fopen("test_must.txt", "r");
    assert_non_null(stream);
    char text[512] = "";
    size_t bytes = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    remove("test_must.txt");
    text[bytes] = '\0';
    assert_non_null(strstr(text, "must(argument_count == 77) failed"));
    assert_non_null(strstr(text, "test_must.c:"));
}

static void test_error_text_is_cut_not_overrun(void **state)
{
    (void)state;
    static char large[3000];
    memset(large, 'x', sizeof large - 1);
    struct error error;
    error_set(&error, "%s", large);
    assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES_MAX - 1);
    error_set(NULL, "%s", large);
    error_set(&error, "%d of %s", 3, "four");
    assert_string_equal(error.text, "3 of four");
    assert_true(strlen(error_system_text(2)) > 0); /* ENOENT; ERROR_FILE_NOT_FOUND */
}

int main(int argument_count, char **arguments)
{
    program = arguments[0];
    if (argument_count == 2 && strcmp(arguments[1], "hold") == 0) {
        must(argument_count == 2);
        return 0;
    }
    if (argument_count == 2) {
        must(argument_count == 77);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_does_nothing),
        cmocka_unit_test(test_false_ends_the_process_and_names_the_expression),
        cmocka_unit_test(test_error_text_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
