#include "options.h"

#include "text/option_table.h"
#include "text/suggest.h"
#include "text/units.h"
#include "web/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char OPTIONS_ABOUT[] = "dummyserver";

enum { OPTIONS_PID_DIGITS_MAX = 9, OPTIONS_MASK_DIGITS_MAX = 16 };

static struct option_choice options__model_choice(size_t index)
{
    const struct model *model = model_table[index];
    return model != NULL ? (struct option_choice){model->name, model->description}
                         : (struct option_choice){NULL, NULL};
}

static struct option_choice options__handler_choice(size_t index)
{
    const struct handler *handler = handler_at((int)index);
    return handler != NULL ? (struct option_choice){handler->name, handler->description}
                           : (struct option_choice){NULL, NULL};
}

static struct option_choice options__framing_choice(size_t index)
{
    return (struct option_choice){index < SESSION_FRAMINGS ? SESSION_FRAMING_NAMES[index] : NULL,
                                  NULL};
}

static void options__print_limit(const char *name, uint32_t limit)
{
    if (limit > 0) {
        printf(", %s at most %u", name, (unsigned)limit);
    } else {
        printf(", %s unlimited", name);
    }
}

static void options__print_threads(const struct model *model)
{
    if (model->kind == MODEL_BLOCKING) {
        printf(", threads: one or two per connection beside --threads");
    } else if (model->sessions_per_thread_max > 0 &&
               model_sessions_max(model, NULL) > model->sessions_per_thread_max) {
        printf(", threads: --threads and more as needed, up to %d", SERVER_THREADS_MAX);
    } else {
        printf(", threads: --threads");
    }
}

void options_print_models(void)
{
    for (int i = 0; model_table[i] != NULL; i++) {
        const struct model *model = model_table[i];
        printf("%-20s %s%s\n", model->name, model->description, i == 0 ? " (default)" : "");
        printf("%-20s %s", "", model_kind_text(model->kind));
        options__print_threads(model);
        if (model->kind != MODEL_NONE) {
            options__print_limit("sessions per thread", model->sessions_per_thread_max);
            bool of_descriptors = false;
            uint32_t sessions_max = model_sessions_max(model, &of_descriptors);
            options__print_limit("in all", sessions_max == UINT32_MAX ? 0 : sessions_max);
            if (of_descriptors) {
                printf(" (of Wine's descriptors; raise: ulimit -n)");
            }
        }
        printf("\n");
    }
}

static bool options__port(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    int64_t port;
    if (!units_integer(value, 0, 65535, &port, error)) {
        return false;
    }
    if (options->ports_count == SERVERS_PORTS_MAX) {
        error_set(error, "given more than %d times", SERVERS_PORTS_MAX);
        return false;
    }
    options->ports[options->ports_count++] = (uint16_t)port;
    return true;
}

/* An empty one may be a variable of a shell that is not set: to listen everywhere then would be the
 * worst answer. */
static bool options__bind(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    options->server.bind = value;
    if (value[0] == '\0') {
        error_set(error, "expected an address, or * for all of them; found \"\"");
    }
    return value[0] != '\0';
}

static bool options__model(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    const char *names[64];
    size_t count = 0;
    options->server.model = model_find(value);
    if (options->server.model != NULL) {
        return true;
    }
    for (; count < 64 && model_table[count] != NULL; count++) {
        names[count] = model_table[count]->name;
    }
    if (value[0] == '\0') {
        error_set(error, "expected the name of a model; --list-models lists them");
        return false;
    }
    const char *near = suggest_nearest(value, names, count);
    error_set(error, "no model %s on this system%s%s%s; --list-models lists them", value,
              near != NULL ? "; did you mean " : "", near != NULL ? near : "",
              near != NULL ? "?" : "");
    return false;
}

static bool options__handler(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    char names[128] = "";
    size_t bytes = 0;
    options->server.handler = handler_find(value);
    for (int i = 0; handler_at(i) != NULL && bytes < sizeof names; i++) {
        const char *before = i == 0 ? "" : handler_at(i + 1) == NULL ? " or " : ", ";
        int written =
            snprintf(names + bytes, sizeof names - bytes, "%s%s", before, handler_at(i)->name);
        bytes += written > 0 ? (size_t)written : 0;
    }
    if (options->server.handler == NULL) {
        error_set(error, "expected %s, found \"%s\"", names, value);
    }
    return options->server.handler != NULL;
}

static bool options__framing(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    for (int i = 0; i < SESSION_FRAMINGS; i++) {
        if (strcmp(value, SESSION_FRAMING_NAMES[i]) == 0) {
            options->server.framing = (enum session_framing)i;
            return true;
        }
    }
    error_set(error, "expected length, raw or websocket, found \"%s\"", value);
    return false;
}

/* Whether so much can be is server_options_check()'s to say. */
static bool options__max_frame(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    uint64_t bytes;
    if (!units_size_bytes(value, &bytes, error)) {
        return false;
    }
    options->server.frame_bytes_max = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    return true;
}

static bool options__io(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    return cport_backend_parse(value, &options->server.io, error);
}

static bool options__interrupt(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    int64_t process_id;
    if (!units_integer(value, 1, INT32_MAX, &process_id, error)) {
        return false;
    }
    options->action = OPTIONS_INTERRUPT;
    options->process_id = (uint32_t)process_id;
    return true;
}

static bool options__affinity(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    size_t digits = strspn(value, "0123456789");
    const char *mask = value + digits + (value[digits] == ':');
    size_t mask_digits = strspn(mask, "0123456789abcdefABCDEF");
    unsigned long process_id = digits <= OPTIONS_PID_DIGITS_MAX ? strtoul(value, NULL, 10) : 0;
    options->cpu_mask = mask_digits <= OPTIONS_MASK_DIGITS_MAX ? strtoull(mask, NULL, 16) : 0;
    if (process_id == 0 || value[digits] != ':' || mask[mask_digits] != '\0' ||
        options->cpu_mask == 0) {
        error_set(error,
                  "expected a process id and its CPUs as a hexadecimal mask, such as 1234:5 for "
                  "CPUs 0 and 2, found \"%s\"",
                  value);
        return false;
    }
    options->action = OPTIONS_AFFINITY;
    options->process_id = (uint32_t)process_id;
    return true;
}

static bool options__listen(void *context, const char *value, struct error *error)
{
    struct options *options = context;
    char host[WEB_HOST_BYTES_MAX];
    uint16_t port;
    options->listen = value;
    return web_listen_parse(value, host, &port, error);
}

#define AT(member) OPTION_AT(struct options, member)

/* clang-format off */
static const struct option_row OPTIONS_ROWS[] = {
    {"port", 'p', "PORT", OPTION_CALL, .set = options__port,
     .help = "listen on PORT (7777); 0 takes a free one and prints it; repeat it\n"
             "to listen on several"},
    {"listeners", 0, "N", OPTION_INTEGER, AT(listeners), .low = 1, .high = SERVERS_LISTENERS_MAX,
     .help = "N listeners on each port, with threads of their own: accepting, too,\n"
             "by many (Linux, SO_REUSEPORT)"},
    {"reuse-port", 0, NULL, OPTION_FLAG, AT(reuse_port),
     .help = "other processes with this option may listen there, too (Linux)"},
    {"bind", 'b', "ADDR", OPTION_CALL, .set = options__bind,
     .help = "listen on this address (127.0.0.1); * is every IPv4 address of this\n"
             "machine, :: every IPv6 one: only in a network you trust, there is\n"
             "no login. For several, start a server for each"},
    {"tls-cert", 0, "FILE", OPTION_TEXT, AT(tls.cert_path),
     .help = "serve TLS 1.2 and 1.3 with this certificate (PEM; its issuers behind it)"},
    {"tls-key", 0, "FILE", OPTION_TEXT, AT(tls.key_path),
     .help = "its key (PEM, not encrypted); default: it is in the certificate's file"},
    {"tls-ca", 0, "FILE", OPTION_TEXT, AT(tls.ca_path),
     .help = "demand a certificate of clients, from an issuer in FILE (PEM)"},
    {"tls-self-signed", 0, NULL, OPTION_FLAG, AT(tls_self_signed),
     .help = "serve TLS with a key and certificate made for tests (localhost, 127.0.0.1,\n"
             "::1; a year); kept in --tls-cert and --tls-key if these are given, which\n"
             "must not exist: clients trust the former (ca). Else nothing can verify it"},
    {"threads", 't', "N", OPTION_INTEGER, AT(server.threads), .low = 1, .high = SERVER_THREADS_MAX,
     .help = "threads that serve (half of the CPUs; more under Wine)"},
    {"model", 0, "NAME", OPTION_CALL, .set = options__model, .choice = options__model_choice,
     .help = "socket model; --list-models lists them"},
    {"list-models", 0, NULL, OPTION_ANSWER, AT(action), .low = OPTIONS_LIST_MODELS,
     .help = "list the socket models of this system, the default first, and exit"},
    {"handler", 0, "NAME", OPTION_CALL, .set = options__handler,
     .choice = options__handler_choice, .help_lists_choices = true,
     .help = "what the server does with a message:"},
    {"framing", 0, "KIND", OPTION_CALL, .set = options__framing, .choice = options__framing_choice,
     .help = "where a message ends:\n"
             "length: u16 size (header included), u16 id, little-endian (default)\n"
             "raw: no frames, bytes as they arrive\n"
             "websocket: each message of a WebSocket is one (game: has the frames\n"
             "of length in it); --max-frame is up to 16MiB (not game)"},
    {"max-connections", 0, "N", OPTION_INTEGER, AT(server.connections_max),
     .low = 1, .high = 1000000,
     .help = "connections beyond N are reset and counted as rejected\n"
             "(what the descriptor limit allows, at most 100000)"},
    {"max-frame", 0, "BYTES", OPTION_CALL, .set = options__max_frame,
     .help = "longer frames end their connection (65535)"},
    {"idle-timeout", 0, "T", OPTION_DURATION, AT(server.idle_timeout_ns), .low = 1,
     .help = "end connections that send nothing for T (never)"},
    {"send-queue", 0, "BYTES", OPTION_SIZE, AT(server.send_queue_bytes_max),
     .help = "end a connection whose unread replies hold more memory (1MiB)"},
    {"duration", 'd', "T", OPTION_DURATION, AT(server.duration_ns), .low = 1,
     .help = "stop after T (on Ctrl+C); T is 500ms, 30s, 5m, 1h"},
    {"out", 'o', "FILE", OPTION_FILE, AT(out),
     .help = "write the result there, as JSON; - is standard output"},
    {"listen", 0, "HOST:PORT", OPTION_CALL, .set = options__listen,
     .help = "serve a live page of its figures, /metrics for Prometheus and more, as\n"
             "in 127.0.0.1:9901 (port 0: a free one, which is printed)"},
    {"listen-token", 0, "TOKEN", OPTION_NAME, AT(listen_token),
     .high = WEB_TOKEN_TEXT_BYTES_MAX - 1,
     .help = "a page of another machine that has it may read them, too"},
    {"run-id", 0, "ID", OPTION_NAME, AT(run_id), .high = RESULT_RUN_ID_BYTES_MAX - 1,
     .help = "the run's id in the result, to match the client's"},
    {"io", 0, "uring|epoll", OPTION_CALL, .set = options__io,
     .help = "force the port's backend (Linux: uring, epoll where forbidden)"},
    {"busy-poll", 0, NULL, OPTION_FLAG, AT(server.busy_poll),
     .help = "never sleep: the lowest latency of few connections; each thread keeps\n"
             "a CPU busy (model uring; by epoll unless --io says uring)"},
    {"stomp", 0, NULL, OPTION_FLAG, AT(server.stomp),
     .help = "find uses of sessions after their end: each is on separate pages,\n"
             "unmapped when it ends, and such a use crashes immediately (slow)"},
    {"interrupt", 0, "PID", OPTION_CALL, .set = options__interrupt,
     .help = "serve nothing: ask the program of that process id to end, as Ctrl+C in\n"
             "its console does, and exit (Windows has no other command for that)"},
    {"affinity", 0, "PID:MASK", OPTION_CALL, .set = options__affinity,
     .help = "serve nothing: keep the program of that process id, and what it starts\n"
             "from then on, on these CPUs (hexadecimal, as in 5: CPUs 0 and 2), and\n"
             "exit (Windows has no other command for that)"},
    {"quiet", 'q', NULL, OPTION_FLAG, AT(quiet),
     .help = "no summary at the end"},
    {"list-options", 0, NULL, OPTION_ANSWER, AT(action), .low = OPTIONS_LIST_OPTIONS,
     .help = "print the options as JSON, for completions and man pages, and exit"},
    {"version", 0, NULL, OPTION_ANSWER, AT(action), .low = OPTIONS_VERSION,
     .help = "print the version and exit"},
    {"help", 'h', NULL, OPTION_ANSWER, AT(action), .low = OPTIONS_HELP,
     .help = "print this and exit"},
};
/* clang-format on */

/* clang-format off */
static const struct option_habit OPTIONS_HABITS[] = {
    {"host address addr ip H a", "bind", NULL},
    {"workers threads-count cpus", "threads", NULL},
    {"c connections clients max-clients", "max-connections", NULL},
    {"time run-time", "duration", NULL},
    {"timeout keepalive keep-alive", "idle-timeout", NULL},
    {"cert ssl-cert certificate", "tls-cert", NULL},
    {"key ssl-key", "tls-key", NULL},
    {"ca cacert", "tls-ca", NULL},
    {"ssl https", "tls-self-signed", "Or --tls-cert FILE, with a certificate of yours"},
    {"output json result", "out", NULL},
    {"V", "version", NULL},
};
/* clang-format on */

static const struct option_table OPTIONS_TABLE = {
    .about = OPTIONS_ABOUT,
    .summary = "the server of Dummyload's pair",
    .usage = "dummyserver [options]",
    .notes = "Ctrl+C or SIGTERM: accept no more, let connections finish (at most 5 s), write the "
             "result,\n"
             "exit 0. A second one: close everything immediately.\n"
             "\n"
             "Exit status: 0 served and stopped; 1 could not serve, or not write the result; 2 bad "
             "usage.",
    .rows = OPTIONS_ROWS,
    .rows_count = sizeof OPTIONS_ROWS / sizeof OPTIONS_ROWS[0],
    .help_column = 27,
    .habits = OPTIONS_HABITS,
    .habits_count = sizeof OPTIONS_HABITS / sizeof OPTIONS_HABITS[0]};

void options_print_help(void)
{
    option_table_print_help(&OPTIONS_TABLE, stdout);
}

bool options_print_json(void)
{
    return option_table_print_json(&OPTIONS_TABLE, stdout);
}

bool options_want_tls(const struct options *options)
{
    return options->tls.cert_path != NULL || options->tls_self_signed;
}

static bool options__check_listen(const struct options *options, struct error *error)
{
    if (options->listen_token != NULL && options->listen == NULL) {
        error_set(error, "--listen-token opens what --listen serves: give --listen HOST:PORT, too");
        return false;
    }
    return true;
}

static bool options__check_tls(struct options *options, struct error *error)
{
    struct tls_settings *tls = &options->tls;
    tls->is_server = true;
    tls->resume = true;
    tls->verify = tls->ca_path != NULL;
    const char *given = tls->key_path != NULL ? "--tls-key" : tls->verify ? "--tls-ca" : NULL;
    if (!options_want_tls(options) && given != NULL) {
        error_set(error, "%s: there is no TLS without --tls-cert FILE or --tls-self-signed", given);
        return false;
    }
    if (options->tls_self_signed && (tls->cert_path == NULL) != (tls->key_path == NULL)) {
        error_set(error, "--tls-self-signed: give both --tls-cert and --tls-key to keep what is "
                         "made, or none of them");
        return false;
    }
    if (options_want_tls(options) && options->server.model->kind == MODEL_NONE) {
        error_set(error, "model %s has no sockets, and so no TLS", options->server.model->name);
        return false;
    }
    return true;
}

bool options_parse(struct options *options, int argc, char **argv,
                   void (*report)(void *context, const char *line))
{
    struct mistakes mistakes = {.report = report};
    struct option_words words;
    struct error error = {""};
    *options = (struct options){.action = OPTIONS_SERVE, .listeners = 1};
    server_options_default(&options->server);
    option_table_read(&OPTIONS_TABLE, options, argc, argv, &words, &mistakes);
    if (words.answered) {
        return true;
    }
    if (words.count > 0 && !words.unclear) {
        mistakes_report(&mistakes, OPTIONS_ABOUT,
                        "unexpected argument %s; dummyserver takes options only (--help)",
                        words.words[0]);
    }
    if (options->run_id != NULL) {
        snprintf(options->server.run_id, sizeof options->server.run_id, "%s", options->run_id);
    }
    if (mistakes.count == 0 &&
        !(options__check_listen(options, &error) && options__check_tls(options, &error))) {
        mistakes_report(&mistakes, OPTIONS_ABOUT, "%s", error.text);
    }
    if (options->ports_count == 0) {
        options->ports[options->ports_count++] = options->server.port;
    }
    if (mistakes.count == 0 &&
        !(server_options_check(&options->server, &error) &&
          servers_check(&options->server, options->ports_count * options->listeners, &error))) {
        mistakes_report(&mistakes, OPTIONS_ABOUT, "%s", error.text);
    }
    return mistakes.count == 0;
}
