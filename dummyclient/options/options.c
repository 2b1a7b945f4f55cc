#include "options/options.h"

#include "core/clock.h"
#include "text/option_table.h"
#include "text/units.h"
#include "web/request.h"

#include <stdlib.h>
#include <string.h>

static void options__set_defaults(struct options *options)
{
    *options = (struct options){.port = -1,
                                .connections = -1,
                                .connect_rate_per_s = -1,
                                .connect_timeout_ns = -1,
                                .rate_per_s = -1,
                                .rate_per_connection_per_s = -1,
                                .duration_ns = -1,
                                .warmup_ns = -1,
                                .threads = -1,
                                .strict = true,
                                .progress = true,
                                .keys = true,
                                .ranks = 1,
                                .ranks_here = 1};
}

static bool options__seed(void *context, const char *value, struct error *error)
{
    struct options *options = context;
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

/* N, or max. The last one given holds. */
static bool options__rate(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    double rate_per_s = -1;
    struct error reason;
    options->rate_max = strcmp(value, "max") == 0;
    if (!options->rate_max && (!units_rate_per_s(value, &rate_per_s, &reason) || rate_per_s <= 0)) {
        error_set(error,
                  "expected a rate above 0 such as 20000/s, 90/m or 5/h, at most 1000000000/s, or "
                  "max: as many as the server answers; found \"%s\"",
                  value);
        return false;
    }
    options->rate_per_s = rate_per_s;
    return true;
}

static bool options__set(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    const char *equals = strchr(value, '=');
    size_t bytes = equals == NULL ? 0 : (size_t)(equals - value);
    if (bytes == 0 || bytes >= OPTIONS_TEXT_BYTES_MAX) {
        error_set(error, "expected NAME=VALUE with a name of 1 to %d bytes, found \"%s\"",
                  OPTIONS_TEXT_BYTES_MAX - 1, value);
        options->set_refused = true;
        return false;
    }
    if (options->variables_count == OPTIONS_VARIABLES_MAX) {
        error_set(error, "given more than %d times", OPTIONS_VARIABLES_MAX);
        options->set_refused = true;
        return false;
    }
    uint32_t index = options->variables_count++;
    memcpy(options->variable_names[index], value, bytes);
    options->variables[index].name = options->variable_names[index];
    options->variables[index].value = equals + 1;
    return true;
}

/* N or first-failure, and perhaps :FILE. */
static bool options__trace(void *context, const char *value, struct error *error)
{
    static const char FIRST[] = "first-failure";
    struct options *options = context;
    char number[16];
    int64_t connection = 0;
    size_t bytes = strcspn(value, ":");
    snprintf(number, sizeof number, "%.*s", (int)(bytes < sizeof number ? bytes : 0), value);
    bool first = strcmp(number, FIRST) == 0;
    if ((!first && !units_integer(number, 0, SCENARIO_CONNECTIONS_MAX - 1, &connection, NULL)) ||
        (value[bytes] == ':' && value[bytes + 1] == '\0')) {
        error_set(error,
                  "expected the number of a connection, from 0, or first-failure, and perhaps "
                  ":FILE, as in 0:trace.txt; found \"%s\"",
                  value);
        return false;
    }
    options->traces = true;
    options->traced = first ? TRACE_FIRST_FAILURE : (uint32_t)connection;
    options->trace_path = value[bytes] == ':' ? value + bytes + 1 : NULL;
    return true;
}

static bool options__io(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    return cport_backend_parse(value, &options->backend, error);
}

static bool options__listen(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    char host[WEB_HOST_BYTES_MAX];
    uint16_t port;
    options->listen = value;
    return web_listen_parse(value, host, &port, error);
}

static bool options__listen_server(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    char url[WEB_URL_BYTES_MAX];
    options->listen_server = value;
    return web_peer_parse(value, url, error);
}

#define AT(member) OPTION_AT(struct options, member)
#define LIST_AT(member)                                                                            \
    OPTION_AT(struct options, member),                                                             \
        .count_place = offsetof(struct options, member##_count),                                   \
        .high = sizeof(((struct options *)0)->member) / sizeof(const char *)

/* clang-format off */
static const struct option_row OPTIONS_ROWS[] = {
    {.help = "The load (each overrides what the scenario says)"},
    {"host", 'H', "HOST", OPTION_TEXT, AT(host),
     .help = "the server's name or address"},
    {"port", 'p', "PORT", OPTION_INTEGER, AT(port), .low = 1, .high = 65535,
     .help = "the server's port"},
    {"target", 0, "HOST:PORT", OPTION_LIST, LIST_AT(targets),
     .help = "the same in one; repeat it to spread the connections;\n"
             "NAME=HOST:PORT for a target with a name"},
    {"send", 0, "TEXT", OPTION_TEXT, AT(send),
     .help = "what the server of a URL is sent: a line (tcp, tls), the message\n"
             "(ws), the command (redis) or the body of a POST (http)"},
    {"duet", 0, "A,B", OPTION_TEXT, AT(duet),
     .help = "two servers (HOST:PORT,HOST:PORT) at the same time, each with the\n"
             "whole load: every connection and arrival exists once for a and\n"
             "once for b, with the same draws; connections and rates given\n"
             "here or in the scenario are each side's"},
    {"source", 0, "IP[,IP...]", OPTION_LIST, LIST_AT(sources),
     .help = "local addresses to connect from, in turn (more ports)"},
    {"connections", 'c', "N", OPTION_INTEGER, AT(connections),
     .low = 1, .high = SCENARIO_CONNECTIONS_MAX,
     .help = "connections in total; scales stages that say how many"},
    {"connect-rate", 0, "N", OPTION_RATE, AT(connect_rate_per_s),
     .help = "new connections per second in total"},
    {"connect-timeout", 0, "T", OPTION_DURATION, AT(connect_timeout_ns),
     .low = NS_PER_MS, .high = SCENARIO_CONNECT_TIMEOUT_NS_MAX,
     .help = "how long one connect may take, and for how long a server may refuse\n"
             "all of them, as one that is just being started; default: 5s"},
    {"rate", 'r', "N|max", OPTION_CALL, .set = options__rate,
     .help = "iterations per second in total (open loop); also 90/m; max: as\n"
             "many as the server answers (closed loop)"},
    {"rate-per-connection", 0, "N", OPTION_RATE, AT(rate_per_connection_per_s),
     .help = "iterations per second of each connection (open loop)"},
    {"duration", 'd', "T", OPTION_DURATION, AT(duration_ns),
     .low = NS_PER_MS, .high = SCENARIO_DURATION_NS_MAX,
     .help = "how long, from when all connections are ready; stretches\n"
             "the stages"},
    {"warmup", 0, "T", OPTION_DURATION, AT(warmup_ns), .high = SCENARIO_DURATION_NS_MAX,
     .help = "the first T of the duration stay out of the figures"},
    {"threads", 't', "N", OPTION_INTEGER, AT(threads), .low = 1, .high = OPTIONS_THREADS_MAX,
     .help = "worker threads; default: half of the CPUs (more under Wine)",
     .hint = "how long the run takes is --duration (-d)"},
    {"seed", 0, "N", OPTION_CALL, .set = options__seed,
     .help = "the same seed plays the same run"},
    {"set", 0, "NAME=VALUE", OPTION_CALL, .set = options__set,
     .help = "a variable of the scenario, seen there as ${NAME}"},
    {"tls", 0, NULL, OPTION_FLAG, AT(tls),
     .help = "speak TLS with the targets whose `tls` the scenario does not say"},
    {"tls-ca", 0, "FILE", OPTION_TEXT, AT(tls_ca_path),
     .help = "the issuers to trust (PEM), of targets without a `ca`; default:\n"
             "those of the system"},
    {"insecure", 0, NULL, OPTION_FLAG, AT(insecure), .key = "insecure",
     .help = "do not check certificates: anyone may answer; the result says so"},
    {"codec", 0, "FILE", OPTION_TEXT, AT(codec_path),
     .help = "your own codec, a shared library (.so, .dll): what the framing\n"
             "\"codec\" of the scenario is"},
    {"io", 0, "uring|epoll", OPTION_CALL, .set = options__io,
     .help = "which interface of Linux to use; default: the best one"},
    {.help = "\nThe result"},
    {"out", 'o', "FILE", OPTION_FILE, AT(out_path),
     .help = "write the result as JSON"},
    {"ndjson", 0, "FILE", OPTION_FILE, AT(ndjson_path),
     .help = "one JSON object per second while it runs"},
    {"openmetrics", 0, "FILE", OPTION_FILE, AT(openmetrics_path),
     .help = "the final figures as OpenMetrics text\n"
             "(one of the three may be -, standard output; the summary goes\n"
             "to standard error then)"},
    {"listen", 0, "HOST:PORT", OPTION_CALL, .set = options__listen,
     .help = "serve a live page of the run, /metrics for Prometheus and more, as\n"
             "in 127.0.0.1:9900 (port 0: a free one, which is printed)"},
    {"listen-token", 0, "TOKEN", OPTION_NAME, AT(listen_token), .high = OPTIONS_TEXT_BYTES_MAX - 1,
     .help = "what controlling the run from there needs; default: none on a\n"
             "loopback address, else one is made up and printed"},
    {"listen-server", 0, "HOST:PORT", OPTION_CALL, .set = options__listen_server,
     .help = "where dummyserver --listen serves its figures: the page shows them, too"},
    {"run-id", 0, "ID", OPTION_NAME, AT(run_id), .high = OPTIONS_TEXT_BYTES_MAX - 1,
     .help = "ties this result to the server's; default: made up"},
    {"threshold", 0, "EXPR", OPTION_LIST, LIST_AT(thresholds),
     .help = "fail unless it holds, as in 'latency.response.p99 < 20ms'\n"
             "(repeat it; metric, one of < <= > >= ==, value)"},
    {"no-strict", 0, NULL, OPTION_FLAG_OFF, AT(strict), .key = "strict",
     .help = "an invalid measurement only warns"},
    {.help = "\nPrecision, for CPU time"},
    {"spin", 0, "T", OPTION_DURATION, AT(spin_ns),
     .high = SCENARIO_DURATION_NS_MAX, .key = "spin_ns",
     .help = "poll instead of sleeping in the last T before a due time: sends\n"
             "leave on time, not when the system wakes us; 200us is enough\n"
             "(costs up to T of a CPU per due time and thread)"},
    {"busy-poll", 0, NULL, OPTION_FLAG, AT(busy_poll), .key = "busy_poll",
     .help = "never sleep: the lowest latency of single connections\n"
             "(each thread keeps a CPU busy; Linux: by epoll unless --io)"},
    {.help = "\nOther"},
    {"check", 0, NULL, OPTION_MODE, AT(mode), .low = OPTIONS_CHECK,
     .help = "validate and print the plan, connect to nothing"},
    {"print-scenario", 0, NULL, OPTION_MODE, AT(mode), .low = OPTIONS_PRINT,
     .help = "print the scenario, such as one that is made of a URL"},
    {"trace", 0, "N[:FILE]", OPTION_CALL, .set = options__trace,
     .help = "every message of connection N (from 0), and what became of it,\n"
             "to FILE or, without the live screen, to standard error; N may be\n"
             "first-failure: the first connection that fails"},
    {"quiet", 'q', NULL, OPTION_FLAG, AT(quiet),
     .help = "print nothing but errors, and of --listen what was made up"},
    {"no-progress", 0, NULL, OPTION_FLAG_OFF, AT(progress),
     .help = "no live screen or lines"},
    {"no-keys", 0, NULL, OPTION_FLAG_OFF, AT(keys),
     .help = "leave the terminal's keys alone: else + and - change the\n"
             "rate by 10%, space pauses, m marks and q ends the run"},
    {"screen", 0, NULL, OPTION_FLAG, AT(screen),
     .help = "the live screen although this seems to be no terminal"},
    {"list-options", 0, NULL, OPTION_ANSWER, AT(mode), .low = OPTIONS_LIST_OPTIONS,
     .help = "print the options as JSON, for completions and man pages"},
    {"version", 0, NULL, OPTION_ANSWER, AT(mode), .low = OPTIONS_VERSION,
     .help = "print the version"},
    {"help", 'h', NULL, OPTION_ANSWER, AT(mode), .low = OPTIONS_HELP,
     .help = "print this"},
};
/* clang-format on */

/* wrk, hey, ab, k6, Locust, JMeter, curl and their like. */
/* clang-format off */
static const struct option_habit OPTIONS_HABITS[] = {
    {"rps qps tps R throughput requests-per-second arrival-rate", "rate", NULL},
    {"concurrency users vus clients conns concurrent", "connections", NULL},
    {"time timelimit time-limit run-time runtime length z", "duration", NULL},
    {"n N i requests iterations num count loops", "duration",
     "A run ends by time, not after a number of requests"},
    {"ramp-up rampup ramp spawn-rate hatch-rate", "connect-rate",
     "More than that: `stages` of the scenario"},
    {"workers cpus", "threads", NULL},
    {"timeout request-timeout", "connect-timeout",
     "How long a reply may take, `within` of the scenario says"},
    {"server address ip", "host", NULL},
    {"k skip-tls-verify insecure-skip-tls-verify no-verify", "insecure", NULL},
    {"ca cacert ca-file", "tls-ca", NULL},
    {"ssl https secure", "tls", NULL},
    {"json output output-file report result save summary-export", "out", NULL},
    {"v verbose debug log", "trace", NULL},
    {"dry-run validate plan", "check", NULL},
    {"assert fail-if sla", "threshold", NULL},
    {"env e var param", "set", NULL},
    {"V", "version", NULL},
    {"silent", "quiet", NULL},
    {"s f file script config scenario url uri u U", NULL,
     "the scenario, or a URL, is a word without an option: dummyclient scenario.json"},
    {"body data payload m message", "send", NULL},
};
/* clang-format on */

static const char *const OPTIONS_COMMANDS[] = {"init", NULL};

static const struct option_table OPTIONS_TABLE = {
    .about = OPTIONS_ABOUT,
    .summary = "plays a scenario against a TCP server and measures it",
    .usage = "dummyclient [options] SCENARIO.json | URL | -\n"
             "\n"
             "  dummyclient scenarios/echo.json --connections 5000 --rate 20000 --duration 30s\n"
             "  dummyclient redis://127.0.0.1:6379\n"
             "  dummyclient http://127.0.0.1:8080/path --rate 500\n"
             "  dummyclient tcp://127.0.0.1:7000 --send PING\n"
             "\n"
             "A URL (redis, rediss, http, https, ws, wss, tcp, tls) plays a scenario that is made\n"
             "of it: 50 connections, 10 s, a closed loop unless --rate is given. - reads the\n"
             "scenario from standard input. `dummyclient init` writes one of your own, and\n"
             "`dummyclient init --help` says how.",
    .notes =
        "T is a number with its unit: 500ms, 30s, 5m, 1h.\n"
        "\n"
        "dummyclient-mpi, started by mpirun or srun, takes the same options: they mean the load "
        "of all\n"
        "its ranks together (--threads: of each), and rank 0 writes the one result.\n"
        "\n"
        "Ctrl+C ends the run early and writes what was measured; a second one ends it now.\n"
        "\n"
        "Exit status: 0 ok; 1 the run failed; 2 bad usage or scenario; 3 the measurement is\n"
        "invalid; 99 a threshold failed; 130 interrupted.",
    .rows = OPTIONS_ROWS,
    .rows_count = sizeof OPTIONS_ROWS / sizeof OPTIONS_ROWS[0],
    .commands = OPTIONS_COMMANDS,
    .help_column = 30,
    .habits = OPTIONS_HABITS,
    .habits_count = sizeof OPTIONS_HABITS / sizeof OPTIONS_HABITS[0]};

void options_print_help(FILE *file)
{
    option_table_print_help(&OPTIONS_TABLE, file);
}

bool options_print_json(FILE *file)
{
    return option_table_print_json(&OPTIONS_TABLE, file);
}

void options_to_json(const struct options *options, struct cJSON *json)
{
    option_table_to_json(&OPTIONS_TABLE, options, json);
}

/* What excludes each other. */
static void options__compare(const struct options *options, struct mistakes *mistakes)
{
    if ((options->rate_per_s > 0 || options->rate_max) && options->rate_per_connection_per_s > 0) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--rate and --rate-per-connection exclude each other: give one");
    }
    if (options->insecure && options->tls_ca_path != NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--insecure checks no certificate, and --tls-ca says whom to trust: give "
                        "one");
    }
    if (options->duet != NULL &&
        (options->targets_count > 0 || options->host != NULL || options->port >= 0)) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--duet says both servers already: drop --target, --host and --port");
    }
    if (options->duet != NULL && options->traces) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--trace follows one connection, and in a duet each exists twice: trace "
                        "one server with --target HOST:PORT instead of --duet");
    }
    if (options->targets_count > 0 && (options->host != NULL || options->port >= 0)) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--target says host and port already: drop --host and --port");
    }
    if (options->listen_token != NULL && options->listen == NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--listen-token is what --listen demands: give --listen HOST:PORT, too");
    }
    if (options->listen_server != NULL && options->listen == NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--listen-server is shown by the page of --listen: give --listen "
                        "HOST:PORT, too");
    }
}

bool options_parse(struct options *options, int argc, char **argv,
                   void (*report)(void *context, const char *line), void *context)
{
    struct mistakes mistakes = {.report = report, .context = context};
    struct option_words words;
    options__set_defaults(options);
    option_table_read(&OPTIONS_TABLE, options, argc, argv, &words, &mistakes);
    if (words.answered) {
        return true;
    }
    bool unclear = words.unclear || options->set_refused;
    if (words.count == 0 && !unclear) {
        mistakes_report(&mistakes, OPTIONS_ABOUT,
                        "no scenario given; try: dummyclient scenarios/echo.json, dummyclient "
                        "redis://127.0.0.1:6379, or dummyclient init to make one");
    } else if (words.count > 0 && words.words[0][0] == '\0' && !unclear) {
        mistakes_report(&mistakes, OPTIONS_ABOUT,
                        "the name of the scenario is empty (a variable that is not set?)");
    } else if (words.count > 1 && !unclear) {
        mistakes_report(&mistakes, OPTIONS_ABOUT,
                        "one scenario at a time: \"%s\" comes after \"%s\" (where the server is, "
                        "--target HOST:PORT says, or --host and --port)",
                        words.words[1], words.words[0]);
    } else if (words.count == 1 && !unclear) {
        options->scenario_path = words.words[0];
    }
    options__compare(options, &mistakes);
    return mistakes.count == 0;
}
