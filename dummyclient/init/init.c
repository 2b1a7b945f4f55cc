#include "init/init.h"

#include "files/file.h"
#include "files/output.h"
#include "files/standard_input.h"
#include "init/questions.h"
#include "judge/verdict.h"
#include "scenario/scenario.h"
#include "starter/url.h"
#include "text/option_table.h"
#include "text/units.h"

#include <stdlib.h>
#include <string.h>

#define INIT_ABOUT "dummyclient init"

enum { INIT_PATH_BYTES_MAX = 4096 };

enum init__mode { INIT_WRITE, INIT_HELP, INIT_LIST_OPTIONS };

/* The command line. */
struct init__options {
    int mode; /* enum init__mode */
    bool echo;
    bool redis;
    bool lines;
    const char *http;
    const char *websocket;
    const char *frame;
    bool counts_body;
    const char *target;
    bool tls;
    const char *send;
    int64_t connections;
    double rate_per_s;
    int64_t duration_ns;
    bool force;
    const char *url;
    const char *file;
};

#define AT(member) OPTION_AT(struct init__options, member)

/* clang-format off */
static const struct option_row INIT_ROWS[] = {
    {.help = "The server (one of these; without one, a terminal is asked)"},
    {"echo", 0, NULL, OPTION_FLAG, AT(echo),
     .help = "an echo server with frames: this project's dummyserver"},
    {"http", 0, "URL", OPTION_TEXT, AT(http),
     .help = "a web server: http://HOST:PORT/path, https://HOST/path"},
    {"redis", 0, NULL, OPTION_FLAG, AT(redis),
     .help = "Redis; --target: where it is not on this machine"},
    {"websocket", 0, "URL", OPTION_TEXT, AT(websocket),
     .help = "a WebSocket server: ws://HOST:PORT/path, wss://HOST/path"},
    {"lines", 0, NULL, OPTION_FLAG, AT(lines),
     .help = "a server of text lines: a line is answered by a line"},
    {"frame", 0, "SIZE[,ID]", OPTION_TEXT, AT(frame),
     .help = "a server with a binary header, by the formats of its fields:\n"
             "u8, u16, u24, u32, also with be, as in u16,u16 or u32be"},
    {"size-of-body", 0, NULL, OPTION_FLAG, AT(counts_body),
     .help = "the size of --frame counts the body alone, not the header"},
    {"target", 0, "HOST:PORT", OPTION_TEXT, AT(target),
     .help = "where the server is; default: on this machine"},
    {"tls", 0, NULL, OPTION_FLAG, AT(tls),
     .help = "it speaks TLS"},
    {"send", 0, "TEXT", OPTION_TEXT, AT(send),
     .help = "what it is sent: a line, a message, a command, the body of a POST"},
    {.help = "\nThe load"},
    {"connections", 'c', "N", OPTION_INTEGER, AT(connections),
     .low = 1, .high = SCENARIO_CONNECTIONS_MAX,
     .help = "default: 50"},
    {"rate", 'r', "N", OPTION_RATE, AT(rate_per_s),
     .help = "requests per second; default: as many as the server answers"},
    {"duration", 'd', "T", OPTION_DURATION, AT(duration_ns),
     .low = 1000000, .high = SCENARIO_DURATION_NS_MAX,
     .help = "default: 10s"},
    {.help = "\nOther"},
    {"force", 0, NULL, OPTION_FLAG, AT(force),
     .help = "overwrite the file if it is there"},
    {"list-options", 0, NULL, OPTION_ANSWER, AT(mode), .low = INIT_LIST_OPTIONS,
     .help = "print the options as JSON, for completions and man pages"},
    {"help", 'h', NULL, OPTION_ANSWER, AT(mode), .low = INIT_HELP,
     .help = "print this"},
};

static const struct option_habit INIT_HABITS[] = {
    {"ws wss", "websocket", NULL},
    {"https url uri web", "http", NULL},
    {"tcp text telnet", "lines", NULL},
    {"binary header length framing", "frame", NULL},
    {"host H p port server address", "target", NULL},
    {"f y yes overwrite", "force", NULL},
    {"vus users u clients concurrency", "connections", NULL},
    {"rps qps throughput", "rate", NULL},
    {"o out output", NULL, "the file is a word without an option: dummyclient init FILE"},
};
/* clang-format on */

static const struct option_table INIT_TABLE = {
    .about = INIT_ABOUT,
    .summary = "writes a first scenario, ready to run",
    .usage = "dummyclient init [options] [FILE]\n"
             "\n"
             "  dummyclient init                         asks what is needed\n"
             "  dummyclient init --echo\n"
             "  dummyclient init --http http://127.0.0.1:8080/ --rate 500 web.json\n"
             "  dummyclient init --frame u16,u16 --target 192.0.2.7:7000 game.json\n"
             "\n"
             "FILE is named after the kind of server, such as redis.json, unless it is given; -\n"
             "is standard output. A URL may be given, too: dummyclient init redis://127.0.0.1.",
    .notes = "Exit status: 0 written; 1 not written; 2 bad usage.",
    .rows = INIT_ROWS,
    .rows_count = sizeof INIT_ROWS / sizeof INIT_ROWS[0],
    .help_column = 30,
    .habits = INIT_HABITS,
    .habits_count = sizeof INIT_HABITS / sizeof INIT_HABITS[0]};

static void init__report(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

/* One of the words is a URL, the other the file. */
static void init__read_words(struct init__options *options, const struct option_words *words,
                             struct mistakes *mistakes)
{
    for (uint32_t i = 0; i < words->count && i < OPTION_WORDS_MAX; i++) {
        const char **place = url_is(words->words[i]) ? &options->url : &options->file;
        if (*place != NULL || words->words[i][0] == '\0' || words->count > OPTION_WORDS_MAX) {
            mistakes_report(mistakes, INIT_ABOUT, "expected one FILE, found \"%s\"",
                            words->words[words->count > OPTION_WORDS_MAX ? 1 : i]);
            return;
        }
        *place = words->words[i];
    }
}

/* The kind that was asked for; NULL: none was. */
static const struct starter_kind *init__find_kind(const struct init__options *options,
                                                  const char **url, struct mistakes *mistakes)
{
    const struct {
        bool given;
        const struct starter_kind *kind;
        const char *url;
    } GIVEN[] = {{options->echo, &STARTER_ECHO, NULL},
                 {options->http != NULL, &STARTER_HTTP, options->http},
                 {options->redis, &STARTER_REDIS, NULL},
                 {options->websocket != NULL, &STARTER_WEBSOCKET, options->websocket},
                 {options->lines, &STARTER_LINES, NULL},
                 {options->frame != NULL, &STARTER_FRAME, NULL}};
    const struct starter_kind *kind = NULL;
    int count = options->url != NULL;
    *url = options->url;
    for (size_t i = 0; i < sizeof GIVEN / sizeof GIVEN[0]; i++) {
        if (GIVEN[i].given) {
            count++;
            kind = GIVEN[i].kind;
            *url = GIVEN[i].url;
        }
    }
    if (count > 1) {
        mistakes_report(mistakes, INIT_ABOUT,
                        "give one of --echo, --http, --redis, --websocket, --lines, --frame and a "
                        "URL: each is a server of its own");
    }
    return kind;
}

/* Where the server is. kind: as asked for, or NULL: the URL says it. */
static bool init__read_place(const struct init__options *options, const struct starter_kind *kind,
                             const char *url, struct starter *starter, struct mistakes *mistakes)
{
    struct error error = {""};
    const char *about = url;
    bool right = true;
    if (kind != NULL) {
        starter_set_defaults(starter, kind);
    }
    if (url != NULL && !url_is(url)) {
        error_set(&error, "expected a URL such as %s://127.0.0.1:8080/, found \"%s\"",
                  kind->schemes[0], url);
        about = INIT_ABOUT;
        right = false;
    } else if (url != NULL) {
        right = url_read(url, starter, &error);
        about = strchr(url, '@') == NULL ? url : INIT_ABOUT;
    }
    if (right && kind != NULL && starter->kind != kind) {
        error_set(&error, "expected a URL of %s or %s", kind->schemes[0], kind->schemes[1]);
        right = false;
    }
    if (right && url != NULL && options->target != NULL) {
        about = INIT_ABOUT;
        error_set(&error, "the URL says where the server is: drop --target");
        right = false;
    } else if (right && options->target != NULL) {
        about = INIT_ABOUT ": --target";
        right = url_read_address(options->target, starter, &error);
    }
    if (!right) {
        mistakes_report(mistakes, about, "%s", error.text);
    }
    return right;
}

static void init__read_rest(const struct init__options *options, struct starter *starter,
                            struct mistakes *mistakes)
{
    struct error error = {""};
    starter->tls = starter->tls || options->tls;
    starter->text = options->send;
    if (options->frame != NULL && !starter_read_frame(options->frame, &starter->frame, &error)) {
        mistakes_report(mistakes, INIT_ABOUT ": --frame", "%s", error.text);
    }
    starter->frame.counts_body = options->counts_body;
    if (options->counts_body && options->frame == NULL) {
        mistakes_report(mistakes, INIT_ABOUT, "--size-of-body says what --frame counts: give both");
    }
    if (!starter_check_text(starter->kind, options->send, &error)) {
        mistakes_report(mistakes, INIT_ABOUT ": --send", "%s", error.text);
    }
    if (options->connections > 0) {
        starter->connections = (uint32_t)options->connections;
    }
    if (options->duration_ns > 0) {
        starter->duration_ns = options->duration_ns;
    }
    starter->rate_per_s = options->rate_per_s;
}

/* As a shell would have it on one line. */
static void init__print_word(FILE *file, const char *word)
{
    bool plain = word[strcspn(word, " '\"$`\\&|;<>()*?!#~")] == '\0';
    fprintf(file, plain ? "%s" : "\"%s\"", word);
}

/* The server of this project: where the client was called by a path, it is beside it. */
static void init__print_server(const char *program)
{
    static const char NAME[] = "dummyclient";
    char beside[INIT_PATH_BYTES_MAX] = "";
    const char *name = NULL;
    for (const char *at = strstr(program, NAME); at != NULL; at = strstr(at + 1, NAME)) {
        name = at;
    }
    if (name != NULL && (size_t)(name - program) + sizeof NAME < sizeof beside) {
        snprintf(beside, sizeof beside, "%.*s", (int)(name - program), program);
    }
    size_t used = strlen(beside);
    snprintf(beside + used, sizeof beside - used, "dummyserver%s",
             name != NULL ? name + sizeof NAME - 1 : "");
    init__print_word(stdout, beside);
}

/* What to do with it. */
static void init__print_next(const char *program, const struct starter *starter, const char *path)
{
    static const char *const NEXT[][2] = {{"", "plays it"},
                                          {"--check ", "says what it will do, and connects to "
                                                       "nothing"}};
    const char *server = starter->kind->server;
    printf("%s is written: %u connections to %s, port %u.\n\n", path,
           (unsigned)starter->connections, starter->host, (unsigned)starter->port);
    for (size_t i = 0; i < sizeof NEXT / sizeof NEXT[0]; i++) {
        printf("    ");
        init__print_word(stdout, program);
        printf(" %s", NEXT[i][0]);
        init__print_word(stdout, path);
        printf("\n        %s\n", NEXT[i][1]);
    }
    if (server != NULL && strcmp(starter->host, "127.0.0.1") == 0) {
        printf("\nIs there no server yet? This project's answers:\n\n    ");
        init__print_server(program);
        printf(" --framing %s --port %u%s\n", server, (unsigned)starter->port,
               starter->tls ? " --tls-self-signed" : "");
        if (starter->tls) {
            printf("(and dummyclient --insecure, which does not check its certificate)\n");
        }
    }
    printf("\nThe keys of a scenario: scenarios/README.md.\n");
}

/* Is the text a scenario? If not, what is wrong is reported. */
static bool init__check(const char *text, const char *path)
{
    struct scenario *scenario =
        scenario_read(path, text, strlen(text), NULL, NULL, 0, init__report, NULL);
    scenario_destroy(scenario);
    return scenario != NULL;
}

static int init__write(const char *program, const struct starter *starter, const char *path,
                       bool force)
{
    struct error error = {""};
    char *text = starter_make(starter);
    int code = EXIT_FAILED;
    if (text == NULL) {
        error_set_short(&error, ERROR_SHORT_OF_MEMORY, "no memory to make a scenario");
    } else if (!init__check(text, path)) {
        code = EXIT_USAGE;
    } else if (strcmp(path, "-") == 0) {
        fputs(text, stdout);
        code = EXIT_OK;
    } else if (!force && file_exists(path)) {
        error_set(&error, "%s is there already: give another name, or --force to overwrite it",
                  path);
    } else if (file_write_whole(path, text, strlen(text), &error)) {
        init__print_next(program, starter, path);
        code = EXIT_OK;
    }
    if (error.text[0] != '\0') {
        output_complain(error.text);
    }
    free(text);
    return code;
}

static int init__ask(const char *program, const struct init__options *options)
{
    static struct questions questions; /* large */
    questions.in = stdin;
    questions.out = stderr;
    if (!questions_ask(&questions, options->file)) {
        output_complain("there were no more answers: nothing is written");
        return EXIT_FAILED;
    }
    return init__write(program, &questions.starter, questions.file, options->force);
}

static int init__run(const char *program, const struct init__options *options,
                     struct mistakes *mistakes)
{
    static struct starter starter; /* large */
    char name[64];
    const char *url;
    const struct starter_kind *kind = init__find_kind(options, &url, mistakes);
    if (kind == NULL && url == NULL && mistakes->count == 0) {
        if (standard_input_is_terminal()) {
            return init__ask(program, options);
        }
        mistakes_report(mistakes, INIT_ABOUT,
                        "expected what the server is, and there is no terminal to ask: --echo, "
                        "--http URL, --redis, --websocket URL, --lines or --frame SIZE[,ID]");
    }
    if (mistakes->count == 0 && init__read_place(options, kind, url, &starter, mistakes)) {
        init__read_rest(options, &starter, mistakes);
    }
    if (mistakes->count > 0) {
        return EXIT_USAGE;
    }
    snprintf(name, sizeof name, "%s.json", starter.kind->name);
    return init__write(program, &starter, options->file != NULL ? options->file : name,
                       options->force);
}

int init_main(const char *program, int argc, char **argv)
{
    struct init__options options = {.mode = INIT_WRITE};
    struct mistakes mistakes = {.report = init__report};
    struct option_words words;
    struct error error;
    int code = EXIT_OK;
    option_table_read(&INIT_TABLE, &options, argc, argv, &words, &mistakes);
    if (options.mode == INIT_HELP) {
        option_table_print_help(&INIT_TABLE, stdout);
    } else if (options.mode == INIT_LIST_OPTIONS) {
        code = option_table_print_json(&INIT_TABLE, stdout) ? EXIT_OK : EXIT_FAILED;
    } else {
        if (!words.unclear) {
            init__read_words(&options, &words, &mistakes);
        }
        code = mistakes.count > 0 ? EXIT_USAGE : init__run(program, &options, &mistakes);
    }
    if (!output_finish(&error)) {
        output_complain(error.text);
        code = code == EXIT_USAGE ? code : EXIT_FAILED;
    }
    return code;
}
