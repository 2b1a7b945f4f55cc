#include "unit.h"

#include "text/suggest.h"

static const char *const words[] = {"duration",  "connections", "rate", "warmup",
                                    "in_flight", NULL,          "seed", "x"};

static const char *nearest(const char *word)
{
    return suggest_nearest(word, words, COUNT_OF(words));
}

static void test_misspellings_find_their_word(void **state)
{
    (void)state;
    assert_string_equal(nearest("durration"), "duration");
    assert_string_equal(nearest("duratoin"), "duration"); /* swapped */
    assert_string_equal(nearest("duraton"), "duration");
    assert_string_equal(nearest("connection"), "connections");
    assert_string_equal(nearest("CONNECTIONS"), "connections");
    assert_string_equal(nearest("rtae"), "rate");
    assert_string_equal(nearest("in-flight"), "in_flight");
    assert_string_equal(nearest("seeds"), "seed");
}

static void test_other_words_find_none(void **state)
{
    (void)state;
    assert_null(nearest("payload"));
    assert_null(nearest("tear"));
    assert_null(nearest(""));
    assert_null(nearest("durationdurationduration"));
    assert_null(suggest_nearest("rate", words, 0));
}

static void test_long_words_are_near_nothing(void **state)
{
    (void)state;
    char word[200];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const candidates[] = {word, "aaaa"};
    assert_null(suggest_nearest(word, candidates, 2));
    assert_string_equal(suggest_nearest("aaa", candidates, 2), "aaaa");
    word[SUGGEST_WORD_BYTES_MAX] = '\0';
    assert_string_equal(suggest_nearest(word, candidates, 2), word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misspellings_find_their_word),
        cmocka_unit_test(test_other_words_find_none),
        cmocka_unit_test(test_long_words_are_near_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
