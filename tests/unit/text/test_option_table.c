/* The reader of command lines: what it takes, and what it says of the rest. */
#include "text/option_table.h"
#include "unit.h"

#include <cjson/cJSON.h>

struct given {
    bool loud;
    bool strict;
    int mode;
    const char *file;
    const char *name;
    const char *list[2];
    uint32_t list_count;
    int64_t number;
    uint32_t small;
    double rate_per_s;
    int64_t duration_ns;
    uint64_t bytes;
    int called;
};

static bool refuse(void *context, const char *value, struct error *error)
{
    struct given *given = context;
    given->called++;
    error_set(error, "not %s", value);
    return false;
}

static struct option_choice choice(size_t index)
{
    static const struct option_choice CHOICES[] = {
        {"one", "first"}, {"two", "second"}, {NULL, NULL}};
    return CHOICES[index];
}

#define AT(member) OPTION_AT(struct given, member)

static const struct option_row rows[] = {
    {.help = "Some"},
    {"loud", 'l', NULL, OPTION_FLAG, AT(loud), .key = "loud", .help = "one\ntwo"},
    {"no-strict", 0, NULL, OPTION_FLAG_OFF, AT(strict), .help = "a"},
    {"mode", 'm', NULL, OPTION_MODE, AT(mode), .low = 3, .help = "b"},
    {"answer", 'a', NULL, OPTION_ANSWER, AT(mode), .low = 4, .help = "c"},
    {"file", 'f', "FILE", OPTION_FILE, AT(file), .help = "d"},
    {"name", 0, "ID", OPTION_NAME, AT(name), .high = 4, .help = "e"},
    {"list", 0, "X", OPTION_LIST, AT(list), .count_place = offsetof(struct given, list_count),
     .high = 2, .help = "f"},
    {"number", 'n', "N", OPTION_INTEGER, AT(number), .low = -1, .high = 9, .help = "g",
     .hint = "how many is --list"},
    {"numb-small", 0, "N", OPTION_INTEGER, AT(small), .high = 7, .key = "small", .help = "h"},
    {"rate", 0, "R", OPTION_RATE, AT(rate_per_s), .help = "i"},
    {"duration", 'd', "T", OPTION_DURATION, AT(duration_ns), .low = 1,
     .high = INT64_C(7200) * 1000000000, .key = "duration_ns", .help = "j"},
    {"size", 0, "BYTES", OPTION_SIZE, AT(bytes), .help = "k"},
    {"call", 0, "X", OPTION_CALL, .set = refuse, .choice = choice, .help_lists_choices = true,
     .help = "l"},
};
static const struct option_habit habits[] = {
    {"pace qps P", "rate", NULL},
    {"z time", "duration", "It has a unit"},
    {"batch b", NULL, "there are no batches"},
};
static const struct option_table table = {.about = "program",
                                          .summary = "does it",
                                          .usage = "program [options]",
                                          .notes = "Exit status: 0 ok.",
                                          .rows = rows,
                                          .rows_count = sizeof rows / sizeof rows[0],
                                          .help_column = 14,
                                          .habits = habits,
                                          .habits_count = sizeof habits / sizeof habits[0]};

static struct given given;
static struct option_words words;
static char said[2048];
static uint32_t said_count;

static void report(void *context, const char *line)
{
    (void)context;
    said_count++;
    strncat(said, line, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

/* line: words with blanks between. */
static void read_line(const char *line)
{
    static char text[256];
    char *argv[32] = {(char[]){"program"}};
    int argc = 1;
    struct mistakes mistakes = {.report = report};
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    given = (struct given){.strict = true};
    said[0] = '\0';
    said_count = 0;
    option_table_read(&table, &given, argc, argv, &words, &mistakes);
    assert_int_equal(mistakes.count, said_count);
}

static void assert_said(const char *line, const char *expected)
{
    read_line(line);
    assert_string_equal(said, expected);
}

static void test_values_come_in_every_form(void **state)
{
    (void)state;
    assert_said("-l --no-strict -m -f x --name a-1. --list 1 --list=2 -n-1 --numb-small 7", "");
    assert_true(given.loud && !given.strict && given.mode == 3 && given.number == -1);
    assert_string_equal(given.file, "x");
    assert_string_equal(given.name, "a-1.");
    assert_int_equal(given.list_count, 2);
    assert_string_equal(given.list[1], "2");
    assert_int_equal(given.small, 7);
    assert_said("--rate 90/m --duration=2h --size 1KiB -lmn 5 -f --", "");
    assert_true(given.rate_per_s == 1.5 && given.bytes == 1024 && given.number == 5);
    assert_true(given.duration_ns == INT64_C(7200) * 1000000000 && given.loud);
    assert_string_equal(given.file, "--");
}

static void test_a_name_may_be_cut_where_it_is_one(void **state)
{
    (void)state;
    assert_said("--dur 5s --lo --numb-s=3 --number 4", "");
    assert_true(given.loud && given.small == 3 && given.number == 4);
    assert_said("--numb 4",
                "program: --numb may be one of --number, --numb-small: write more of it\n");
    assert_said("--n 4", "program: --n may be one of --no-strict, --name, --number, --numb-small: "
                         "write more of it\n");
}

static void test_words_stand_anywhere(void **state)
{
    (void)state;
    assert_said("one -l two -- -m three", "");
    assert_int_equal(words.count, 4);
    assert_string_equal(words.words[1], "two");
    assert_true(given.loud && given.mode == 0 && !words.unclear);
    assert_said("- -l", "");
    assert_string_equal(words.words[0], "-");
}

static void test_every_mistake_is_told(void **state)
{
    (void)state;
    assert_said("--laud --loud=1 -xl --file",
                "program: unknown option --laud; did you mean --loud?\n"
                "program: --loud takes no value\n"
                "program: unknown option -x; see --help\n"
                "program: --file: a value is missing; see --help\n");
    assert_true(words.unclear && given.loud);
    assert_said("-n", "program: -n: a value is missing; see --help\n");
    assert_said("--file=",
                "program: --file: expected the name of a file, or - for standard output; "
                "found \"\"\n");
    assert_said("--name a/b",
                "program: --name: expected 1 to 4 letters of a-z A-Z 0-9 - _ ., found "
                "\"a/b\"\n");
    assert_said("--name 12345", "program: --name: expected 1 to 4 letters of a-z A-Z 0-9 - _ ., "
                                "found \"12345\"\n");
    assert_said("--list 1 --list 2 --list 3", "program: --list: given more than 2 times\n");
    assert_said("-n 10", "program: --number: expected a whole number from -1 to 9, found \"10\"; "
                         "how many is --list\n");
    assert_said("--rate 0", "program: --rate: expected a rate above 0, at most 1000000000/s, found "
                            "\"0\"\n");
    assert_said("--rate 1e15/s", "program: --rate: expected a rate above 0 such as 20000/s, 90/m "
                                 "or 5/h, at most 1000000000/s, found \"1e15/s\"\n");
    assert_said("-d0s", "program: --duration: expected a duration above 0, found \"0s\"\n");
    assert_said("-d 3h", "program: --duration: expected a duration of at most 2h, found \"3h\"\n");
    assert_said("--call me", "program: --call: not me\n");
    assert_int_equal(given.called, 1);
    assert_false(words.unclear);
}

static void test_words_of_other_programs_find_their_option(void **state)
{
    (void)state;
    assert_said("--qps 5", "program: unknown option --qps; did you mean --rate?\n");
    assert_said("--pace=5", "program: unknown option --pace=5; did you mean --rate?\n");
    assert_true(words.unclear);
    assert_said("-P", "program: unknown option -P; did you mean --rate?\n");
    assert_said("-z", "program: unknown option -z; did you mean --duration? It has a unit\n");
    assert_said("--batch", "program: unknown option --batch; there are no batches\n");
    assert_said("-b", "program: unknown option -b; there are no batches\n");
    /* A letter is no word, and part of a word is not the word. */
    assert_said("--P", "program: unknown option --P; see --help\n");
    assert_said("--qp", "program: unknown option --qp; see --help\n");
    assert_said("--zz", "program: unknown option --zz; see --help\n");
    assert_said("-p", "program: unknown option -p; see --help\n");
}

static void test_an_answer_ends_the_reading(void **state)
{
    (void)state;
    assert_said("-la --laud", "");
    assert_true(words.answered && given.mode == 4);
    assert_said("-al", "");
    assert_true(words.answered && !given.loud);
}

enum printed { PRINT_HELP, PRINT_JSON };

static void print_table(enum printed printed, char *text, size_t text_bytes)
{
    FILE *file = fopen("test_option_table.txt", "w+b");
    assert_non_null(file);
    if (printed == PRINT_HELP) {
        option_table_print_help(&table, file);
    } else {
        assert_true(option_table_print_json(&table, file));
    }
    rewind(file);
    size_t bytes = fread(text, 1, text_bytes - 1, file);
    text[bytes] = '\0';
    fclose(file);
    remove("test_option_table.txt");
    assert_true(bytes > 0 && bytes < text_bytes - 1);
}

static void assert_text(const struct cJSON *json, const char *key, const char *expected)
{
    const struct cJSON *text = cJSON_GetObjectItem(json, key);
    assert_true(expected == NULL ? cJSON_IsNull(text) : cJSON_IsString(text));
    if (expected != NULL) {
        assert_string_equal(text->valuestring, expected);
    }
}

static void test_the_table_is_json_too(void **state)
{
    (void)state;
    static char text[8192];
    print_table(PRINT_JSON, text, sizeof text);
    struct cJSON *json = cJSON_Parse(text);
    assert_text(json, "program", "program");
    assert_text(json, "summary", "does it");
    assert_text(json, "usage", "program [options]");
    assert_text(json, "notes", "Exit status: 0 ok.");
    const struct cJSON *options = cJSON_GetObjectItem(json, "options");
    assert_int_equal(cJSON_GetArraySize(options), table.rows_count);
    assert_text(cJSON_GetArrayItem(options, 0), "section", "Some");
    const struct cJSON *loud = cJSON_GetArrayItem(options, 1);
    assert_text(loud, "name", "loud");
    assert_text(loud, "letter", "l");
    assert_text(loud, "argument", NULL);
    assert_text(loud, "help", "one\ntwo");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(loud, "choices")), 0);
    const struct cJSON *call = cJSON_GetArrayItem(options, (int)table.rows_count - 1);
    assert_text(call, "letter", NULL);
    assert_text(call, "argument", "X");
    const struct cJSON *choices = cJSON_GetObjectItem(call, "choices");
    assert_int_equal(cJSON_GetArraySize(choices), 2);
    assert_text(cJSON_GetArrayItem(choices, 1), "word", "two");
    assert_text(cJSON_GetArrayItem(choices, 1), "meaning", "second");
    cJSON_Delete(json);
}

static void test_help_and_echo_follow_from_the_table(void **state)
{
    (void)state;
    char text[1024];
    print_table(PRINT_HELP, text, sizeof text);
    assert_non_null(strstr(text, "program: does it\n\nusage: program [options]\n\n"
                                 "Some\n  -l, --loud  one\n              two\n"
                                 "      --no-strict a\n"));
    assert_non_null(strstr(text, "      --call X l\n"
                                 "                one   first (default)\n"
                                 "                two   second\n"
                                 "\nExit status: 0 ok.\n"));
    read_line("-l --duration 1s --numb-small 2");
    struct cJSON *json = cJSON_CreateObject();
    option_table_to_json(&table, &given, json);
    char *echo = cJSON_PrintUnformatted(json);
    assert_string_equal(echo, "{\"loud\":true,\"small\":2,\"duration_ns\":1000000000}");
    free(echo);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_come_in_every_form),
        cmocka_unit_test(test_a_name_may_be_cut_where_it_is_one),
        cmocka_unit_test(test_words_stand_anywhere),
        cmocka_unit_test(test_every_mistake_is_told),
        cmocka_unit_test(test_words_of_other_programs_find_their_option),
        cmocka_unit_test(test_an_answer_ends_the_reading),
        cmocka_unit_test(test_the_table_is_json_too),
        cmocka_unit_test(test_help_and_echo_follow_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
