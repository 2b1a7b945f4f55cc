/* What a program was called with reaches it, whatever the letters. It calls itself. */
#include "unit.h"

#include "system/command_line.h"

static const char *const WORDS[] = {
    "plain",  "",          "two words", "quo\"te",          "back\\",
    "a\\\\b", "게임 서버", "größe",     "\xf0\x9f\x8e\xae", "*.c"};

/* In the program that is called: the code for its exit. */
static int judge(int argc, char **argv)
{
    char **arguments = command_line_read(&argc, argv);
    if (argc != 2 + (int)COUNT_OF(WORDS) || arguments[argc] != NULL) {
        return 2;
    }
    for (size_t i = 0; i < COUNT_OF(WORDS); i++) {
        if (strcmp(arguments[2 + i], WORDS[i]) != 0) {
            return 10 + (int)i;
        }
    }
    return 0;
}

static void test_words_reach_the_program(void **state)
{
    (void)state;
    assert_int_equal(unit_call_self("--words", WORDS, COUNT_OF(WORDS)), 0);
}

static void test_without_words(void **state)
{
    (void)state;
    assert_int_equal(unit_call_self("--words", NULL, 0), 2);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--words") == 0) {
        return judge(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_reach_the_program),
        cmocka_unit_test(test_without_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
