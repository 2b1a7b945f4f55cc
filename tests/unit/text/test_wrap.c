/* Lines that are longer than a terminal is wide. */
#include "text/wrap.h"
#include "unit.h"

static char printed[16384];

/* Prints the text in two parts, the first of `split` bytes. */
static void print_at(int columns, const char *text, size_t split)
{
    FILE *file = fopen("test_wrap.txt", "w+b");
    assert_non_null(file);
    struct wrap wrap = {.file = file, .columns = columns};
    wrap_print(&wrap, "%.*s", (int)split, text);
    wrap_print(&wrap, "%s", text + split);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = '\0';
    fclose(file);
    remove("test_wrap.txt");
}

static void test_what_fits_or_is_no_terminal_stays_as_it_is(void **state)
{
    (void)state;
    static const char text[] = "  errors        17 reset\n\n  a path        /a/b/c\n";
    static const int columns[] = {0, 24, 80};
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        print_at(columns[i], text, 5);
        assert_string_equal(printed, text);
    }
}

static void test_lines_break_at_words_below_their_text(void **state)
{
    (void)state;
    print_at(40, "  errors        17 reset, 3 unexpected_close, 1 other\n", 20);
    assert_string_equal(printed, "  errors        17 reset, 3\n"
                                 "                unexpected_close, 1\n"
                                 "                other\n");
    print_at(20, "  errors        17 reset\n", 0);
    assert_string_equal(printed, "  errors        17\n    reset\n"); /* no half for a label */
    print_at(24, "                first: it was so and so\n", 0);
    assert_string_equal(printed, "                first:\n  it was so and so\n");
    print_at(16, "no label in here at all\n", 3);
    assert_string_equal(printed, "no label in here\n  at all\n");
}

static void test_a_long_word_stays_whole(void **state)
{
    (void)state;
    print_at(20, "  result        /a/long/path/to/the/result.json is here\n", 0);
    assert_string_equal(printed, "  result\n    /a/long/path/to/the/result.json\n    is here\n");
}

static void test_every_width_keeps_every_word(void **state)
{
    (void)state;
    static const char text[] = "  response      p50 1.23 ms  p90 2 ms  p99 \xC2\xB5s  (3 late)\n";
    for (int columns = 1; columns < 70; columns++) {
        print_at(columns, text, (size_t)columns % 40);
        char *words[32];
        size_t count = 0;
        size_t longest = 0;
        for (char *line = strtok(printed, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            size_t length = strlen(line);
            longest = length > longest ? length : longest;
        }
        /* The longest word is "response". */
        assert_true(longest <= (size_t)(columns < 12 ? 12 : columns) + 1);
        print_at(columns, text, 0);
        for (char *word = strtok(printed, " \n"); word != NULL; word = strtok(NULL, " \n")) {
            words[count++] = word;
        }
        assert_int_equal(count, 11);
        assert_string_equal(words[0], "response");
        assert_string_equal(words[10], "late)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_or_is_no_terminal_stays_as_it_is),
        cmocka_unit_test(test_lines_break_at_words_below_their_text),
        cmocka_unit_test(test_a_long_word_stays_whole),
        cmocka_unit_test(test_every_width_keeps_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
