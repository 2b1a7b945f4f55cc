#include "text/option_table.h"

#include "core/must.h"
#include "text/json.h"
#include "text/suggest.h"
#include "text/units.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

enum { OPTION_NAMES_MAX = 64 };

bool option_is_name(const char *value, size_t bytes_max)
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t bytes = strlen(value);
    return bytes > 0 && bytes <= bytes_max && strspn(value, LETTERS) == bytes;
}

static bool option__take_text(const struct option_row *row, const char **place, const char *value,
                              struct error *error)
{
    if (row->kind == OPTION_FILE && value[0] == '\0') {
        error_set(error, "expected the name of a file, or - for standard output; found \"\"");
        return false;
    }
    if (row->kind == OPTION_TEXT && value[0] == '\0') {
        error_set(error, "expected %s, found \"\" (a variable that is not set?)", row->argument);
        return false;
    }
    if (row->kind == OPTION_NAME && !option_is_name(value, (size_t)row->high)) {
        error_set(error, "expected 1 to %" PRId64 " letters of a-z A-Z 0-9 - _ ., found \"%s\"",
                  row->high, value);
        return false;
    }
    *place = value;
    return true;
}

static bool option__take_integer(const struct option_row *row, void *place, const char *value,
                                 struct error *error)
{
    int64_t number;
    if (!units_integer(value, row->low, row->high, &number, error)) {
        return false;
    }
    if (row->place_bytes == sizeof(uint32_t)) {
        *(uint32_t *)place = (uint32_t)number;
    } else {
        *(int64_t *)place = number;
    }
    return true;
}

static bool option__take_rate(double *place, const char *value, struct error *error)
{
    double rate_per_s;
    if (!units_rate_per_s(value, &rate_per_s, error)) {
        return false;
    }
    if (rate_per_s <= 0) {
        error_set(error, "expected a rate above 0, at most 1000000000/s, found \"%s\"", value);
        return false;
    }
    *place = rate_per_s;
    return true;
}

static bool option__take_duration(const struct option_row *row, int64_t *place, const char *value,
                                  struct error *error)
{
    int64_t high_ns = row->high > 0 ? row->high : UNITS_DURATION_NS_MAX;
    int64_t duration_ns;
    if (!units_duration_within_ns(value, high_ns, &duration_ns, error)) {
        return false;
    }
    if (duration_ns < row->low) {
        char low[UNITS_TEXT_BYTES_MAX];
        error_set(error, "expected a duration %s%s, found \"%s\"",
                  row->low > 1 ? "of at least " : "above 0",
                  row->low > 1 ? units_format_duration(row->low, low) : "", value);
        return false;
    }
    *place = duration_ns;
    return true;
}

static bool option__take_list(const struct option_row *row, void *options, const char **list,
                              const char *value, struct error *error)
{
    uint32_t *count = (void *)((char *)options + row->count_place);
    if (*count == row->high) {
        error_set(error, "given more than %" PRId64 " times", row->high);
        return false;
    }
    list[(*count)++] = value;
    return true;
}

static bool option__take(const struct option_row *row, void *options, const char *value,
                         struct error *error)
{
    void *place = (char *)options + row->place;
    switch (row->kind) {
    case OPTION_SECTION:
        break;
    case OPTION_FLAG:
    case OPTION_FLAG_OFF:
        *(bool *)place = row->kind == OPTION_FLAG;
        break;
    case OPTION_MODE:
    case OPTION_ANSWER:
        *(int *)place = (int)row->low;
        break;
    case OPTION_TEXT:
    case OPTION_FILE:
    case OPTION_NAME:
        return option__take_text(row, place, value, error);
    case OPTION_LIST:
        return option__take_list(row, options, place, value, error);
    case OPTION_INTEGER:
        return option__take_integer(row, place, value, error);
    case OPTION_RATE:
        return option__take_rate(place, value, error);
    case OPTION_DURATION:
        return option__take_duration(row, place, value, error);
    case OPTION_SIZE:
        return units_size_bytes(value, place, error);
    case OPTION_CALL:
        return row->set(options, value, error);
    }
    return true;
}

/* The row of that name, or the only one that begins so. */
static const struct option_row *option__find(const struct option_table *table, const char *name,
                                             size_t bytes)
{
    const struct option_row *found = NULL;
    uint32_t count = 0;
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row->name != NULL && strncmp(row->name, name, bytes) == 0) {
            if (row->name[bytes] == '\0') {
                return row;
            }
            found = row;
            count++;
        }
    }
    return count == 1 ? found : NULL;
}

static const struct option_row *option__find_letter(const struct option_table *table, char letter)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        if (table->rows[i].letter == letter) {
            return &table->rows[i];
        }
    }
    return NULL;
}

/* A command line that is being read. */
struct option__reading {
    const struct option_table *table;
    void *options;
    char **argv;
    int argc;
    int at;
    struct option_words *words;
    struct mistakes *mistakes;
};

/* Do several names begin with the word? Reports which. */
static bool option__report_ambiguous(struct option__reading *reading, const char *word)
{
    const struct option_table *table = reading->table;
    size_t bytes = strcspn(word + 2, "=");
    char names[256] = "";
    uint32_t count = 0;
    for (size_t i = 0; i < table->rows_count && bytes > 0; i++) {
        const char *name = table->rows[i].name;
        size_t used = strlen(names);
        if (name != NULL && strncmp(name, word + 2, bytes) == 0) {
            snprintf(names + used, sizeof names - used, "%s--%s", count++ > 0 ? ", " : "", name);
        }
    }
    if (count > 1) {
        mistakes_report(reading->mistakes, table->about, "%.*s may be one of %s: write more of it",
                        (int)bytes + 2, word, names);
        reading->words->unclear = true;
    }
    return count > 1;
}

/* Is it one of the words of the list? */
static bool option__is_listed(const char *list, const char *name)
{
    size_t bytes = strlen(name);
    while (bytes > 0 && *list != '\0') {
        size_t word_bytes = strcspn(list, " ");
        if (word_bytes == bytes && strncmp(list, name, bytes) == 0) {
            return true;
        }
        list += word_bytes;
        list += strspn(list, " ");
    }
    return false;
}

static const struct option_habit *option__find_habit(const struct option_table *table,
                                                     const char *name)
{
    for (size_t i = 0; i < table->habits_count; i++) {
        if (option__is_listed(table->habits[i].words, name)) {
            return &table->habits[i];
        }
    }
    return NULL;
}

/* Called like one of these, or near to one. */
static const char *option__find_nearest(const struct option_table *table, const char *name)
{
    const char *names[OPTION_NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < table->rows_count && count < OPTION_NAMES_MAX; i++) {
        names[count++] = table->rows[i].name;
    }
    return suggest_nearest(name, names, count);
}

/* word: with its dashes, perhaps with a value behind it. */
static void option__report_unknown(struct option__reading *reading, const char *word)
{
    const struct option_table *table = reading->table;
    static const struct option_habit NONE = {.words = ""};
    bool is_long = word[1] == '-';
    char name[SUGGEST_WORD_BYTES_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 1 + is_long, "="), word + 1 + is_long);
    const struct option_habit *habit = option__find_habit(table, name);
    bool meant = habit != NULL && is_long == (name[1] != '\0');
    habit = meant ? habit : &NONE;
    const char *nearest = meant || !is_long ? habit->option : option__find_nearest(table, name);
    bool is_note = habit->note != NULL;
    mistakes_report(reading->mistakes, table->about, "unknown option %s; %s%s%s%s%s", word,
                    nearest != NULL ? "did you mean --"
                    : is_note       ? ""
                                    : "see --help",
                    nearest != NULL ? nearest : "", nearest != NULL ? "?" : "",
                    is_note && nearest != NULL ? " " : "", is_note ? habit->note : "");
    reading->words->unclear = true;
}

/* attached: the value in the option's own word, NULL: the next word. shown: as it was given. */
static void option__read_one(struct option__reading *reading, const struct option_row *row,
                             const char *attached, const char *shown)
{
    struct error reason = {""};
    const char *value = attached;
    if (row->argument != NULL && value == NULL) {
        if (reading->at == reading->argc) {
            mistakes_report(reading->mistakes, reading->table->about,
                            "%s: a value is missing; see --help", shown);
            reading->words->unclear = true;
            return;
        }
        value = reading->argv[reading->at++];
    }
    if (!option__take(row, reading->options, value, &reason)) {
        mistakes_report(reading->mistakes, reading->table->about, "--%s: %s%s%s", row->name,
                        reason.text, row->hint != NULL ? "; " : "",
                        row->hint != NULL ? row->hint : "");
    }
    reading->words->answered = row->kind == OPTION_ANSWER;
}

static void option__read_long(struct option__reading *reading, const char *word)
{
    size_t bytes = strcspn(word, "=");
    const char *attached = word[bytes] == '=' ? word + bytes + 1 : NULL;
    const struct option_row *row = option__find(reading->table, word + 2, bytes - 2);
    if (row == NULL && option__report_ambiguous(reading, word)) {
        return;
    }
    if (row == NULL) {
        option__report_unknown(reading, word);
    } else if (row->argument == NULL && attached != NULL) {
        mistakes_report(reading->mistakes, reading->table->about, "--%s takes no value", row->name);
        reading->words->unclear = true;
    } else {
        option__read_one(reading, row, attached, word);
    }
}

static void option__read_letters(struct option__reading *reading, const char *word)
{
    for (const char *letter = word + 1; *letter != '\0' && !reading->words->answered; letter++) {
        char shown[3] = {'-', *letter, '\0'};
        const struct option_row *row = option__find_letter(reading->table, *letter);
        if (row == NULL) {
            option__report_unknown(reading, shown);
        } else if (row->argument == NULL) {
            option__read_one(reading, row, NULL, shown);
        } else {
            option__read_one(reading, row, letter[1] != '\0' ? letter + 1 : NULL, shown);
            return;
        }
    }
}

void option_table_read(const struct option_table *table, void *options, int argc, char **argv,
                       struct option_words *words, struct mistakes *mistakes)
{
    struct option__reading reading = {table, options, argv, argc, 1, words, mistakes};
    bool words_only = false;
    *words = (struct option_words){.count = 0};
    while (reading.at < argc && !words->answered) {
        const char *word = argv[reading.at++];
        if (words_only || word[0] != '-' || word[1] == '\0') {
            if (words->count < OPTION_WORDS_MAX) {
                words->words[words->count] = word;
            }
            words->count++;
        } else if (strcmp(word, "--") == 0) {
            words_only = true;
        } else if (word[1] == '-') {
            option__read_long(&reading, word);
        } else {
            option__read_letters(&reading, word);
        }
    }
}

static void option__print_choices(const struct option_table *table, const struct option_row *row,
                                  FILE *file)
{
    struct option_choice choice;
    for (size_t i = 0; (choice = row->choice(i)).word != NULL; i++) {
        fprintf(file, "%*s%-5s %s%s\n", table->help_column + 2, "", choice.word, choice.meaning,
                i == 0 ? " (default)" : "");
    }
}

void option_table_print_help(const struct option_table *table, FILE *file)
{
    fprintf(file, "%s: %s\n\nusage: %s\n\n", table->about, table->summary, table->usage);
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row->kind == OPTION_SECTION) {
            fprintf(file, "%s\n", row->help);
            continue;
        }
        char letter[] = {'-', row->letter, ',', '\0'};
        int column =
            fprintf(file, "  %3s --%s%s%s", row->letter != '\0' ? letter : "", row->name,
                    row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
        for (const char *line = row->help; line != NULL; column = 0) {
            size_t bytes = strcspn(line, "\n");
            int blanks = column < table->help_column ? table->help_column - column : 1;
            fprintf(file, "%*s%.*s\n", blanks, "", (int)bytes, line);
            line = line[bytes] == '\n' ? line + bytes + 1 : NULL;
        }
        if (row->help_lists_choices) {
            option__print_choices(table, row, file);
        }
    }
    fprintf(file, "\n%s\n", table->notes);
}

static struct cJSON *option__to_json(const struct option_row *row)
{
    struct cJSON *json = cJSON_CreateObject();
    if (row->kind == OPTION_SECTION) {
        json_add_text(json, "section", row->help + strspn(row->help, "\n"));
        return json;
    }
    char letter[] = {row->letter, '\0'};
    json_add_text(json, "name", row->name);
    json_add_text(json, "letter", row->letter != '\0' ? letter : NULL);
    json_add_text(json, "argument", row->argument);
    json_add_text(json, "help", row->help);
    json_add_bool(json, "help_lists_choices", row->help_lists_choices);
    struct cJSON *choices = json_add_item(json, "choices", cJSON_CreateArray());
    for (size_t i = 0; row->choice != NULL && row->choice(i).word != NULL; i++) {
        struct cJSON *choice = cJSON_CreateObject();
        json_add_text(choice, "word", row->choice(i).word);
        json_add_text(choice, "meaning", row->choice(i).meaning);
        json_append_item(choices, choice);
    }
    return json;
}

bool option_table_print_json(const struct option_table *table, FILE *file)
{
    struct cJSON *json = cJSON_CreateObject();
    json_add_text(json, "program", table->about);
    json_add_text(json, "summary", table->summary);
    json_add_text(json, "usage", table->usage);
    json_add_text(json, "notes", table->notes);
    struct cJSON *commands = json_add_item(json, "commands", cJSON_CreateArray());
    for (const char *const *word = table->commands; word != NULL && *word != NULL; word++) {
        json_append_item(commands, cJSON_CreateString(*word));
    }
    struct cJSON *options = json_add_item(json, "options", cJSON_CreateArray());
    for (size_t i = 0; i < table->rows_count; i++) {
        json_append_item(options, option__to_json(&table->rows[i]));
    }
    char *text = cJSON_Print(json);
    bool whole = text != NULL && !json_out_of_memory();
    if (whole) {
        fprintf(file, "%s\n", text);
    }
    cJSON_free(text);
    cJSON_Delete(json);
    return whole;
}

void option_table_to_json(const struct option_table *table, const void *options, struct cJSON *json)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        const void *place = (const char *)options + row->place;
        if (row->key == NULL) {
            continue;
        }
        if (row->kind == OPTION_FLAG || row->kind == OPTION_FLAG_OFF) {
            json_add_bool(json, row->key, *(const bool *)place);
            continue;
        }
        must(row->kind == OPTION_INTEGER || row->kind == OPTION_DURATION);
        if (row->place_bytes == sizeof(uint32_t)) {
            json_add_u64(json, row->key, *(const uint32_t *)place);
        } else {
            json_add_i64(json, row->key, *(const int64_t *)place);
        }
    }
}
