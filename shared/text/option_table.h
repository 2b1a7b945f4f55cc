/* The options of a program as one table: what they are called and take, where that goes, and what
 * --help says of them. Reading a command line, "did you mean", --help and the echo in a result
 * follow from it, and so do, through its JSON, man pages and completions (scripts/lib/shell).
 *
 * Control plane; one thread. No state beside the caller's; texts point into argv, which must
 * stay. */
#pragma once

#include "text/mistakes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cJSON;

enum option_kind {
    OPTION_SECTION,  /* no option: help is a line of --help */
    OPTION_FLAG,     /* bool, takes no value: becomes true */
    OPTION_FLAG_OFF, /* the same: becomes false */
    OPTION_MODE,     /* int, takes no value: becomes low */
    OPTION_ANSWER,   /* the same, and nothing behind it is read */
    OPTION_TEXT,     /* const char *: not empty */
    OPTION_FILE,     /* const char *: not empty */
    OPTION_NAME,     /* const char *: at most high letters that every file system takes */
    OPTION_LIST,     /* const char *[high]; may be repeated; uint32_t at count_place counts them */
    OPTION_INTEGER,  /* int64_t or uint32_t, low..high */
    OPTION_RATE,     /* double, per second, above 0 */
    OPTION_DURATION, /* int64_t, nanoseconds, low..high; high 0: no bound */
    OPTION_SIZE,     /* uint64_t, bytes */
    OPTION_CALL      /* set() reads it */
};

/* A word that an option takes, with one line about it, which may be NULL. */
struct option_choice {
    const char *word;
    const char *meaning;
};

struct option_row {
    const char *name;     /* the long one, without its dashes */
    char letter;          /* the short one; 0: none */
    const char *argument; /* what --help calls its value; NULL: it takes none */
    enum option_kind kind;
    size_t place; /* in the struct of options; OPTION_AT() fills it and place_bytes */
    size_t place_bytes;
    size_t count_place;
    int64_t low;
    int64_t high;
    const char *help; /* lines */
    bool (*set)(void *options, const char *value, struct error *error);
    /* Where only some words are taken: the index-th, the default first, asked for in order until
     * its word is NULL. NULL: any value. */
    struct option_choice (*choice)(size_t index);
    bool help_lists_choices;
    const char *key;  /* in the echo; NULL: it is not echoed */
    const char *hint; /* behind what is wrong with a value; NULL: nothing more */
};

/* What other programs call an option, for whoever comes from there. */
struct option_habit {
    const char *words;  /* with a space between; one letter is a short option, more a long one */
    const char *option; /* the long name here; NULL: there is none, note says why */
    const char *note;   /* NULL: nothing more to say */
};

/* clang-format off */
#define OPTION_AT(type, member) \
    .place = offsetof(type, member), .place_bytes = sizeof(((type *)0)->member)
/* clang-format on */

struct option_table {
    const char *about;   /* the program: messages begin with it */
    const char *summary; /* what it does, behind "PROGRAM: " */
    const char *usage;   /* lines, behind "usage: " */
    const char *notes;   /* what else there is to know, in lines; one begins with "Exit status: ",
                            its items with ';' between them */
    const struct option_row *rows;
    size_t rows_count;
    const char *const *commands; /* words that begin a command line with a table of its own, which
                                    says --list-options, too; NULL at the end; NULL: none */
    int help_column;             /* where the descriptions begin */
    const struct option_habit *habits;
    size_t habits_count;
};

enum { OPTION_WORDS_MAX = 2 };

/* What is on a command line beside options. */
struct option_words {
    const char *words[OPTION_WORDS_MAX];
    uint32_t count; /* may be more than are kept */
    bool unclear;   /* an option was not understood: a word may be its value */
    bool answered;  /* an OPTION_ANSWER was given */
};

/* Is it 1 to bytes_max letters of a-z A-Z 0-9 - _ ., as OPTION_NAME wants it? */
bool option_is_name(const char *value, size_t bytes_max);
/* Reads argv[1] and on into *options. Options and other words come in any order; behind "--" there
 * are words only. A long name may be shortened where that is unique; values: --name VALUE,
 * --name=VALUE, -c VALUE, -cVALUE. Reports every mistake. */
void option_table_read(const struct option_table *table, void *options, int argc, char **argv,
                       struct option_words *words, struct mistakes *mistakes);
/* What --help says. */
void option_table_print_help(const struct option_table *table, FILE *file);
/* What --list-options says: the same as JSON. False: memory ran out, and nothing was printed. */
bool option_table_print_json(const struct option_table *table, FILE *file);
/* Adds every option that has a key (a flag, an integer or a duration), as it is in *options. */
void option_table_to_json(const struct option_table *table, const void *options,
                          struct cJSON *json);
