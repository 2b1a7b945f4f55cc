#include "options/options.h"

#include "text/mistakes.h"
#include "text/suggest.h"
#include "text/units.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum option_code {
    OPTION_RATE_PER_CONNECTION = 256,
    OPTION_CONNECT_RATE,
    OPTION_TARGET,
    OPTION_WARMUP,
    OPTION_SEED,
    OPTION_SET,
    OPTION_SOURCE,
    OPTION_NDJSON,
    OPTION_RUN_ID,
    OPTION_OPENMETRICS,
    OPTION_THRESHOLD,
    OPTION_NO_STRICT,
    OPTION_CHECK,
    OPTION_IO,
    OPTION_SPIN,
    OPTION_BUSY_POLL,
    OPTION_NO_PROGRESS,
    OPTION_SCREEN,
    OPTION_VERSION,
    OPTION_HELP
};

static const char OPTIONS_ABOUT[] = "dummyclient";

static const char OPTIONS_SHORT[] = "+:H:p:c:r:d:t:o:qh";

static const struct option OPTIONS_LONG[] = {
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"target", required_argument, NULL, OPTION_TARGET},
    {"connections", required_argument, NULL, 'c'},
    {"connect-rate", required_argument, NULL, OPTION_CONNECT_RATE},
    {"rate", required_argument, NULL, 'r'},
    {"rate-per-connection", required_argument, NULL, OPTION_RATE_PER_CONNECTION},
    {"duration", required_argument, NULL, 'd'},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"threads", required_argument, NULL, 't'},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"set", required_argument, NULL, OPTION_SET},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {"out", required_argument, NULL, 'o'},
    {"ndjson", required_argument, NULL, OPTION_NDJSON},
    {"run-id", required_argument, NULL, OPTION_RUN_ID},
    {"openmetrics", required_argument, NULL, OPTION_OPENMETRICS},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"no-strict", no_argument, NULL, OPTION_NO_STRICT},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"io", required_argument, NULL, OPTION_IO},
    {"spin", required_argument, NULL, OPTION_SPIN},
    {"busy-poll", no_argument, NULL, OPTION_BUSY_POLL},
    {"quiet", no_argument, NULL, 'q'},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"screen", no_argument, NULL, OPTION_SCREEN},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0}};

static const char *options__long_name(int code)
{
    for (const struct option *option = OPTIONS_LONG; option->name != NULL; option++) {
        if (option->val == code) {
            return option->name;
        }
    }
    return "?";
}

static void options__set_defaults(struct options *options)
{
    *options = (struct options){.port = -1,
                                .connections = -1,
                                .connect_rate_per_s = -1,
                                .rate_per_s = -1,
                                .rate_per_connection_per_s = -1,
                                .duration_ns = -1,
                                .warmup_ns = -1,
                                .threads = -1,
                                .strict = true,
                                .progress = true,
                                .ranks = 1,
                                .ranks_here = 1};
}

static bool options__push(const char **list, uint32_t *count, uint32_t count_max, const char *value,
                          struct error *error)
{
    if (*count == count_max) {
        error_set(error, "given more than %u times", count_max);
        return false;
    }
    list[(*count)++] = value;
    return true;
}

static bool options__seed(struct options *options, const char *value, struct error *error)
{
    char *end;
    options->seed = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' ||
        (options->seed == UINT64_MAX && strcmp(value, "18446744073709551615") != 0)) {
        error_set(error, "expected a whole number from 0 to 2^64 - 1, found \"%s\"", value);
        return false;
    }
    options->has_seed = true;
    return true;
}

static bool options__variable(struct options *options, const char *value, struct error *error)
{
    const char *equals = strchr(value, '=');
    size_t bytes = equals == NULL ? 0 : (size_t)(equals - value);
    if (bytes == 0 || bytes >= OPTIONS_TEXT_BYTES_MAX) {
        error_set(error, "expected NAME=VALUE with a name of 1 to %d letters, found \"%s\"",
                  OPTIONS_TEXT_BYTES_MAX - 1, value);
        return false;
    }
    if (options->variables_count == OPTIONS_VARIABLES_MAX) {
        error_set(error, "given more than %d times", OPTIONS_VARIABLES_MAX);
        return false;
    }
    uint32_t index = options->variables_count++;
    memcpy(options->variable_names[index], value, bytes);
    options->variables[index].name = options->variable_names[index];
    options->variables[index].value = equals + 1;
    return true;
}

/* A run id becomes part of file names: keep it to letters that every file system takes. */
static bool options__run_id(struct options *options, const char *value, struct error *error)
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t bytes = strlen(value);
    if (bytes == 0 || bytes >= OPTIONS_TEXT_BYTES_MAX || strspn(value, LETTERS) != bytes) {
        error_set(error, "expected 1 to %d letters of a-z A-Z 0-9 - _ ., found \"%s\"",
                  OPTIONS_TEXT_BYTES_MAX - 1, value);
        return false;
    }
    options->run_id = value;
    return true;
}

static bool options__backend(struct options *options, const char *value, struct error *error)
{
    static const struct {
        const char *name;
        enum cport_backend_kind backend;
    } BACKENDS[] = {{"uring", CPORT_BACKEND_URING},
                    {"epoll", CPORT_BACKEND_EPOLL},
                    {"iocp", CPORT_BACKEND_IOCP}};
    for (size_t i = 0; i < sizeof(BACKENDS) / sizeof(BACKENDS[0]); i++) {
        if (strcmp(value, BACKENDS[i].name) == 0) {
            options->backend = BACKENDS[i].backend;
            if (!cport_backend_exists(options->backend)) {
                error_set(error, "%s does not exist on this system; leave --io out", value);
                return false;
            }
            return true;
        }
    }
    error_set(error, "expected uring or epoll (Linux) or iocp (Windows), found \"%s\"", value);
    return false;
}

static bool options__rate(double *rate_per_s, const char *value, struct error *error)
{
    if (!units_rate_per_s(value, rate_per_s, error)) {
        return false;
    }
    if (*rate_per_s <= 0) {
        error_set(error, "expected a rate above 0, found \"%s\"", value);
        return false;
    }
    return true;
}

static bool options__duration(int64_t *duration_ns, bool zero_allowed, const char *value,
                              struct error *error)
{
    if (!units_duration_ns(value, duration_ns, error)) {
        return false;
    }
    if (*duration_ns == 0 && !zero_allowed) {
        error_set(error, "expected a duration above 0, found \"%s\"", value);
        return false;
    }
    if (*duration_ns > SCENARIO_DURATION_NS_MAX) {
        error_set(error, "expected at most 720h (30 days), found \"%s\"", value);
        return false;
    }
    return true;
}

/* The options that say what load to play. */
static bool options__take_load(struct options *options, int code, const char *value,
                               struct error *error)
{
    switch (code) {
    case 'H':
        options->host = value;
        return true;
    case 'p':
        return units_integer(value, 1, 65535, &options->port, error);
    case OPTION_TARGET:
        return options__push(options->targets, &options->targets_count, OPTIONS_TARGETS_MAX, value,
                             error);
    case OPTION_SOURCE:
        return options__push(options->sources, &options->sources_count, OPTIONS_SOURCES_MAX, value,
                             error);
    case 'c':
        return units_integer(value, 1, SCENARIO_CONNECTIONS_MAX, &options->connections, error);
    case OPTION_CONNECT_RATE:
        return options__rate(&options->connect_rate_per_s, value, error);
    case 'r':
        return options__rate(&options->rate_per_s, value, error);
    case OPTION_RATE_PER_CONNECTION:
        return options__rate(&options->rate_per_connection_per_s, value, error);
    case 'd':
        return options__duration(&options->duration_ns, false, value, error);
    case OPTION_WARMUP:
        return options__duration(&options->warmup_ns, true, value, error);
    case 't':
        return units_integer(value, 1, OPTIONS_THREADS_MAX, &options->threads, error);
    case OPTION_SEED:
        return options__seed(options, value, error);
    case OPTION_SET:
        return options__variable(options, value, error);
    default:
        error_set(error, "not an option");
        return false;
    }
}

static bool options__path(const char **path, const char *value, struct error *error)
{
    if (value[0] == '\0') {
        error_set(error, "expected the name of a file, or - for standard output; found \"\"");
        return false;
    }
    *path = value;
    return true;
}

/* The options that say where results go and what judges them; the rest is load. */
static bool options__take(struct options *options, int code, const char *value, struct error *error)
{
    switch (code) {
    case 'o':
        return options__path(&options->out_path, value, error);
    case OPTION_NDJSON:
        return options__path(&options->ndjson_path, value, error);
    case OPTION_OPENMETRICS:
        return options__path(&options->openmetrics_path, value, error);
    case OPTION_RUN_ID:
        return options__run_id(options, value, error);
    case OPTION_THRESHOLD:
        return options__push(options->thresholds, &options->thresholds_count,
                             OPTIONS_THRESHOLDS_MAX, value, error);
    case OPTION_NO_STRICT:
        options->strict = false;
        return true;
    case OPTION_CHECK:
        options->mode = OPTIONS_CHECK;
        return true;
    case OPTION_IO:
        return options__backend(options, value, error);
    case OPTION_SPIN:
        return options__duration(&options->spin_ns, true, value, error);
    case OPTION_BUSY_POLL:
        options->busy_poll = true;
        return true;
    case 'q':
        options->quiet = true;
        return true;
    case OPTION_NO_PROGRESS:
        options->progress = false;
        return true;
    case OPTION_SCREEN:
        options->screen = true;
        return true;
    default:
        return options__take_load(options, code, value, error);
    }
}

static void options__unknown(const char *word, struct error *error)
{
    const char *names[sizeof(OPTIONS_LONG) / sizeof(OPTIONS_LONG[0])];
    size_t count = 0;
    for (const struct option *option = OPTIONS_LONG; option->name != NULL; option++) {
        names[count++] = option->name;
    }
    char name[OPTIONS_TEXT_BYTES_MAX];
    const char *letters = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(letters, "="), letters);
    const char *nearest = strncmp(word, "--", 2) == 0 ? suggest_nearest(name, names, count) : NULL;
    if (nearest != NULL) {
        error_set(error, "unknown option %s; did you mean --%s?", word, nearest);
    } else {
        error_set(error, "unknown option %s; see --help", word);
    }
}

/* getopt's '?' and ':': which option it was, and why. */
static void options__refused(char **argv, int result, struct error *error)
{
    const char *word = argv[optind - 1];
    bool is_long = strncmp(word, "--", 2) == 0;
    if (result == ':') {
        error_set(error, "%s%s: a value is missing; see --help", is_long ? "" : "-",
                  is_long ? word : (char[]){(char)optopt, '\0'});
        return;
    }
    if (is_long && optopt != 0 && strncmp(word + 2, options__long_name(optopt), 2) == 0) {
        error_set(error, "--%s takes no value", options__long_name(optopt));
        return;
    }
    char letter[3] = {'-', (char)optopt, '\0'};
    options__unknown(optopt == 0 ? word : letter, error);
}

/* One option. Tells what is wrong with it. */
static void options__read(struct options *options, int code, char **argv, struct mistakes *mistakes,
                          bool *scenario_unclear)
{
    struct error reason = {""};
    if (code == '?' || code == ':') {
        options__refused(argv, code, &reason);
        mistakes_tell(mistakes, OPTIONS_ABOUT, "%s", reason.text);
        *scenario_unclear = true; /* its value may look like the scenario */
    } else if (!options__take(options, code, optarg, &reason)) {
        mistakes_tell(mistakes, OPTIONS_ABOUT, "--%s: %s", options__long_name(code), reason.text);
        *scenario_unclear = *scenario_unclear || code == OPTION_SET;
    }
}

/* What excludes each other. */
static void options__compare(const struct options *options, struct mistakes *mistakes)
{
    if (options->rate_per_s > 0 && options->rate_per_connection_per_s > 0) {
        mistakes_tell(mistakes, OPTIONS_ABOUT,
                      "--rate and --rate-per-connection exclude each other: give one");
    }
    if (options->targets_count > 0 && (options->host != NULL || options->port >= 0)) {
        mistakes_tell(mistakes, OPTIONS_ABOUT,
                      "--target says host and port already: drop --host and --port");
    }
}

static void options__take_scenario(struct options *options, const char *word,
                                   struct mistakes *mistakes, bool *scenario_unclear)
{
    if (options->scenario_path == NULL) {
        options->scenario_path = word;
    } else if (!*scenario_unclear) {
        mistakes_tell(mistakes, OPTIONS_ABOUT, "one scenario at a time: \"%s\" comes after \"%s\"",
                      word, options->scenario_path);
        *scenario_unclear = true;
    }
}

bool options_parse(struct options *options, int argc, char **argv,
                   void (*report)(void *context, const char *line), void *context)
{
    struct mistakes mistakes = {.report = report, .context = context};
    bool scenario_unclear = false;
    options__set_defaults(options);
    opterr = 0;
    optind = 1;
    /* Options and the scenario in any order, the same with every getopt: take options until the
     * first other word, take that, go on. Behind "--" there are no more options, and getopt is not
     * asked any more: glibc's would begin anew. */
    bool words_only = false;
    for (;;) {
        int at = optind;
        int code = words_only ? -1 : getopt_long(argc, argv, OPTIONS_SHORT, OPTIONS_LONG, NULL);
        if (code == 'h' || code == OPTION_HELP || code == OPTION_VERSION) {
            options->mode = code == OPTION_VERSION ? OPTIONS_VERSION : OPTIONS_HELP;
            return true;
        }
        if (code != -1) {
            options__read(options, code, argv, &mistakes, &scenario_unclear);
            continue;
        }
        if (!words_only && at < argc && strcmp(argv[at], "--") == 0) {
            words_only = true;
            optind = at + 1;
        }
        if (optind >= argc) {
            break;
        }
        options__take_scenario(options, argv[optind++], &mistakes, &scenario_unclear);
    }
    if (options->scenario_path == NULL && !scenario_unclear) {
        mistakes_tell(&mistakes, OPTIONS_ABOUT,
                      "no scenario given; try: dummyclient scenarios/echo.json");
    }
    options__compare(options, &mistakes);
    if (scenario_unclear) {
        options->scenario_path = NULL;
    }
    return mistakes.count == 0;
}
