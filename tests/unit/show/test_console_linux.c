/* The console beside a reader that is late. */
#include "core/clock.h"
#include "show/console.h"
#include "system/thread.h"
#include "unit.h"

#include <unistd.h>

enum { LINES_MAX = 20000, READ_BYTES_MAX = 4 << 20 };

static struct reader {
    int descriptor;
    char *text;
    size_t bytes;
} reader;

static void reader_run(void *argument)
{
    struct reader *own = argument;
    for (ssize_t got = 1; got > 0; own->bytes += (size_t)got) {
        got = read(own->descriptor, own->text + own->bytes, READ_BYTES_MAX - own->bytes);
        assert_true(got >= 0);
    }
}

/* No line comes after them that could say so. */
static void test_lines_left_out_at_the_very_end_are_told(void **state)
{
    (void)state;
    int pipes[2];
    struct console console;
    struct thread thread;
    struct error error;
    char line[101];
    int own_error = dup(STDERR_FILENO);
    assert_true(own_error >= 0 && pipe(pipes) == 0);
    dup2(pipes[1], STDERR_FILENO);
    close(pipes[1]);
    bool opened = console_open(&console, NULL, false, clock_now_ns(), &error);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    uint64_t given = 0;
    for (; opened && given < LINES_MAX; given++) {
        console_print(&console, line);
    }
    reader = (struct reader){.descriptor = pipes[0], .text = calloc(1, READ_BYTES_MAX + 1)};
    bool started = thread_start(&thread, reader_run, &reader, 0, &error);
    console_close(&console, 30 * NS_PER_S);
    dup2(own_error, STDERR_FILENO); /* the pipe's end */
    close(own_error);
    assert_true(opened && started);
    thread_join(&thread);
    close(pipes[0]);
    uint64_t got = 0;
    uint64_t left_out = 0;
    char *last = NULL;
    for (char *at = strtok(reader.text, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        got += at[0] == 'x';
        left_out += at[0] == 'x' ? 0 : strtoull(at, NULL, 10);
        last = at;
    }
    assert_true(last != NULL &&
                strstr(last, " lines were left out here: standard error was not read") != NULL);
    assert_true(got > 0 && got + left_out == given);
    free(reader.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_left_out_at_the_very_end_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
