#include "options.h"

#include "text/suggest.h"
#include "text/units.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_MODEL = 256,
    OPTION_LIST_MODELS,
    OPTION_HANDLER,
    OPTION_FRAMING,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_FRAME,
    OPTION_IDLE_TIMEOUT,
    OPTION_SEND_QUEUE,
    OPTION_RUN_ID,
    OPTION_IO,
    OPTION_BUSY_POLL,
    OPTION_STOMP,
    OPTION_LISTENERS,
    OPTION_REUSE_PORT,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"bind", required_argument, NULL, 'b'},
    {"threads", required_argument, NULL, 't'},
    {"duration", required_argument, NULL, 'd'},
    {"out", required_argument, NULL, 'o'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"list-models", no_argument, NULL, OPTION_LIST_MODELS},
    {"handler", required_argument, NULL, OPTION_HANDLER},
    {"framing", required_argument, NULL, OPTION_FRAMING},
    {"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},
    {"max-frame", required_argument, NULL, OPTION_MAX_FRAME},
    {"idle-timeout", required_argument, NULL, OPTION_IDLE_TIMEOUT},
    {"send-queue", required_argument, NULL, OPTION_SEND_QUEUE},
    {"run-id", required_argument, NULL, OPTION_RUN_ID},
    {"io", required_argument, NULL, OPTION_IO},
    {"busy-poll", no_argument, NULL, OPTION_BUSY_POLL},
    {"stomp", no_argument, NULL, OPTION_STOMP},
    {"listeners", required_argument, NULL, OPTION_LISTENERS},
    {"reuse-port", no_argument, NULL, OPTION_REUSE_PORT},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "dummyserver: the server of Dummyload's pair\n"
    "\n"
    "usage: dummyserver [options]\n"
    "\n"
    "  -p, --port PORT          listen on PORT (7777); 0 takes a free one and prints it; repeat "
    "it\n"
    "                           to listen on several\n"
    "      --listeners N        N listeners on each port, with threads of their own: accepting, "
    "too,\n"
    "                           by many (Linux, SO_REUSEPORT)\n"
    "      --reuse-port         other processes with this option may listen there, too (Linux)\n"
    "  -b, --bind ADDR          listen on this address (127.0.0.1); * is every address of this\n"
    "                           machine: only in a network you trust, there is no login and no "
    "TLS\n"
    "  -t, --threads N          threads that serve (half of the CPUs; more under Wine)\n"
    "      --model NAME         socket model; --list-models tells which there are\n"
    "      --list-models        list the socket models of this system, the default first, and "
    "exit\n"
    "      --handler NAME       what the server does with a message:\n";

static const char help_text_rest[] =
    "      --framing KIND       length: u16 size (header included), u16 id, little-endian "
    "(default)\n"
    "                           raw: no frames, bytes as they arrive\n"
    "      --max-connections N  connections beyond N are reset and counted as rejected\n"
    "                           (what the descriptor limit allows, at most 100000)\n"
    "      --max-frame BYTES    longer frames end their connection (65535)\n"
    "      --idle-timeout T     end connections that send nothing for T (never)\n"
    "      --send-queue BYTES   end a connection that leaves more than this unread (1MiB)\n"
    "  -d, --duration T         stop after T (on Ctrl+C); T is 500ms, 30s, 5m, 1h\n"
    "  -o, --out FILE           write the result there, as JSON; - is standard output\n"
    "      --run-id ID          the run's id in the result, to match the client's\n"
    "      --io uring|epoll     force the port's backend (Linux: uring, epoll where forbidden)\n"
    "      --busy-poll          never sleep: the lowest latency of few connections; each thread "
    "keeps\n"
    "                           a CPU busy (model uring; by epoll unless --io says uring)\n"
    "      --stomp              find uses of sessions after their end: each has pages of its own,\n"
    "                           unmapped when it ends, and such a use crashes at once (slow)\n"
    "  -q, --quiet              no summary at the end\n"
    "      --version            print the version and exit\n"
    "  -h, --help               print this and exit\n"
    "\n"
    "Ctrl+C or SIGTERM: accept no more, let connections finish (at most 5 s), write the result,\n"
    "exit 0. A second one: close everything at once.\n"
    "exit: 0 served and stopped; 1 could not serve, or not write the result; 2 bad usage\n";

void options_print_help(void)
{
    fputs(help_text, stdout);
    const struct handler *handler;
    for (int i = 0; (handler = handler_at(i)) != NULL; i++) {
        printf("                             %-5s %s%s\n", handler->name, handler->description,
               i == 0 ? " (default)" : "");
    }
    fputs(help_text_rest, stdout);
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

static bool options__parse_io(const char *text, enum cport_backend_kind *io)
{
    if (strcmp(text, "uring") == 0) {
        *io = CPORT_BACKEND_URING;
    } else if (strcmp(text, "epoll") == 0) {
        *io = CPORT_BACKEND_EPOLL;
    } else {
        return false;
    }
    return true;
}

/* option: value's text: what was wrong with it. */
static bool options__bad_value(const char *option, const char *text, const struct error *why,
                               struct error *error)
{
    error_set(error, "--%s %s: %s", option, text, why->text);
    return false;
}

static bool options__parse_integer(const char *option, const char *text, int64_t low, int64_t high,
                                   int64_t *value, struct error *error)
{
    struct error why;
    return units_integer(text, low, high, value, &why) ||
           options__bad_value(option, text, &why, error);
}

static bool options__parse_duration(const char *option, const char *text, int64_t *duration_ns,
                                    struct error *error)
{
    struct error why;
    if (!units_duration_ns(text, duration_ns, &why)) {
        return options__bad_value(option, text, &why, error);
    }
    if (*duration_ns == 0) {
        error_set(error, "--%s %s: must be more than 0; leave the option out for no limit", option,
                  text);
        return false;
    }
    return true;
}

static bool options__parse_size(const char *option, const char *text, uint64_t *bytes,
                                struct error *error)
{
    struct error why;
    return units_size_bytes(text, bytes, &why) || options__bad_value(option, text, &why, error);
}

static bool options__parse_model(const char *text, const struct model **model, struct error *error)
{
    const char *names[64];
    size_t count = 0;
    *model = model_find(text);
    if (*model != NULL) {
        return true;
    }
    for (; count < 64 && model_table[count] != NULL; count++) {
        names[count] = model_table[count]->name;
    }
    const char *near = suggest_nearest(text, names, count);
    error_set(error, "--model %s: no such model on this system%s%s%s; --list-models tells them",
              text, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
              near != NULL ? "?" : "");
    return false;
}

/* An empty one may be a variable of a shell that is not set: to listen everywhere then, or to fail
 * at the end, would be the worst answer. */
static bool options__parse_name(const char *option, const char *expected, const char *text,
                                struct error *error)
{
    if (text[0] == '\0') {
        error_set(error, "--%s: expected %s; found \"\"", option, expected);
    }
    return text[0] != '\0';
}

static bool options__parse_run_id(const char *text, char id[RESULT_RUN_ID_BYTES_MAX],
                                  struct error *error)
{
    /* It becomes part of file names, as the client's does. */
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t bytes = strlen(text);
    if (bytes == 0 || bytes >= RESULT_RUN_ID_BYTES_MAX || strspn(text, letters) != bytes) {
        error_set(error, "--run-id %s: must have 1..%d letters of a-z A-Z 0-9 - _ .", text,
                  RESULT_RUN_ID_BYTES_MAX - 1);
        return false;
    }
    memcpy(id, text, bytes + 1);
    return true;
}

static bool options__apply_limit(struct server_options *server, int option, const char *text,
                                 struct error *error)
{
    int64_t number = 0;
    uint64_t bytes = 0;
    switch (option) {
    case OPTION_MAX_CONNECTIONS:
        if (!options__parse_integer("max-connections", text, 1, 1000000, &number, error)) {
            return false;
        }
        server->connections_max = (uint32_t)number;
        return true;
    case OPTION_MAX_FRAME:
        if (!options__parse_size("max-frame", text, &bytes, error)) {
            return false;
        }
        server->frame_bytes_max = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
        return true;
    case OPTION_IDLE_TIMEOUT:
        return options__parse_duration("idle-timeout", text, &server->idle_timeout_ns, error);
    default:
        return options__parse_size("send-queue", text, &server->send_queue_bytes_max, error);
    }
}

static void options__unknown_handler(const char *text, struct error *error)
{
    char names[128] = "";
    size_t bytes = 0;
    for (int i = 0; handler_at(i) != NULL && bytes < sizeof names; i++) {
        const char *before = i == 0 ? "" : handler_at(i + 1) == NULL ? " or " : ", ";
        int written =
            snprintf(names + bytes, sizeof names - bytes, "%s%s", before, handler_at(i)->name);
        bytes += written > 0 ? (size_t)written : 0;
    }
    error_set(error, "--handler %s: must be %s", text, names);
}

static bool options__apply_kind(struct server_options *server, int option, const char *text,
                                struct error *error)
{
    switch (option) {
    case OPTION_MODEL:
        return options__parse_model(text, &server->model, error);
    case OPTION_HANDLER:
        server->handler = handler_find(text);
        if (server->handler == NULL) {
            options__unknown_handler(text, error);
        }
        return server->handler != NULL;
    case OPTION_FRAMING:
        server->raw = strcmp(text, "raw") == 0;
        if (!server->raw && strcmp(text, "length") != 0) {
            error_set(error, "--framing %s: must be length or raw", text);
            return false;
        }
        return true;
    default:
        if (!options__parse_io(text, &server->io)) {
            error_set(error, "--io %s: must be uring or epoll", text);
            return false;
        }
        return true;
    }
}

static bool options__apply(struct options *options, int option, const char *text,
                           struct error *error)
{
    struct server_options *server = &options->server;
    int64_t number = 0;
    switch (option) {
    case 'p':
        if (!options__parse_integer("port", text, 0, 65535, &number, error)) {
            return false;
        }
        if (options->ports_count == SERVERS_PORTS_MAX) {
            error_set(error, "--port: given more than %d times", SERVERS_PORTS_MAX);
            return false;
        }
        options->ports[options->ports_count++] = (uint16_t)number;
        return true;
    case 'b':
        server->bind = text;
        return options__parse_name("bind", "an address, or * for all of them", text, error);
    case 't':
        if (!options__parse_integer("threads", text, 1, SERVER_THREADS_MAX, &number, error)) {
            return false;
        }
        server->threads = (uint32_t)number;
        return true;
    case 'd':
        return options__parse_duration("duration", text, &server->duration_ns, error);
    case 'o':
        options->out = text;
        return options__parse_name("out", "the name of a file, or - for standard output", text,
                                   error);
    case 'q':
        options->quiet = true;
        return true;
    case OPTION_BUSY_POLL:
        server->busy_poll = true;
        return true;
    case OPTION_STOMP:
        server->stomp = true;
        return true;
    case OPTION_LISTENERS:
        if (!options__parse_integer("listeners", text, 1, SERVERS_LISTENERS_MAX, &number, error)) {
            return false;
        }
        options->listeners = (uint32_t)number;
        return true;
    case OPTION_REUSE_PORT:
        options->reuse_port = true;
        return true;
    case OPTION_RUN_ID:
        return options__parse_run_id(text, server->run_id, error);
    case OPTION_MAX_CONNECTIONS:
    case OPTION_MAX_FRAME:
    case OPTION_IDLE_TIMEOUT:
    case OPTION_SEND_QUEUE:
        return options__apply_limit(server, option, text, error);
    default:
        return options__apply_kind(server, option, text, error);
    }
}

/* getopt has no better words than "unknown option": says which, and the nearest there is. */
static void options__unknown(const char *word, struct error *error)
{
    const char *names[64];
    size_t count = 0;
    for (; long_options[count].name != NULL; count++) {
        names[count] = long_options[count].name;
    }
    char name[SUGGEST_WORD_BYTES_MAX];
    const char *letters = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(letters, "="), letters);
    const char *near =
        word[0] == '-' && word[1] == '-' ? suggest_nearest(name, names, count) : NULL;
    if (near != NULL) {
        error_set(error, "unknown option %s; did you mean --%s? --help lists them all", word, near);
    } else {
        error_set(error, "unknown option %s; --help lists them all", word);
    }
}

static enum options_action options__action(int option)
{
    switch (option) {
    case 'h':
        return OPTIONS_HELP;
    case OPTION_VERSION:
        return OPTIONS_VERSION;
    case OPTION_LIST_MODELS:
        return OPTIONS_LIST_MODELS;
    default:
        return OPTIONS_SERVE;
    }
}

enum options_action options_parse(struct options *options, int argc, char **argv,
                                  struct error *error)
{
    memset(options, 0, sizeof *options);
    server_options_default(&options->server);
    options->listeners = 1;
    opterr = 0;
    for (;;) {
        int at = optind;
        int option = getopt_long(argc, argv, ":p:b:t:d:o:qh", long_options, NULL);
        if (option == -1) {
            break;
        }
        if (option == ':') {
            error_set(error, "option %s needs a value; --help lists them all", argv[at]);
            return OPTIONS_BAD;
        }
        if (option == '?') {
            options__unknown(argv[at], error);
            return OPTIONS_BAD;
        }
        if (options__action(option) != OPTIONS_SERVE) {
            return options__action(option);
        }
        if (!options__apply(options, option, optarg, error)) {
            return OPTIONS_BAD;
        }
    }
    if (optind < argc) {
        error_set(error, "unexpected argument %s; dummyserver takes options only (--help)",
                  argv[optind]);
        return OPTIONS_BAD;
    }
    if (options->ports_count == 0) {
        options->ports[options->ports_count++] = options->server.port;
    }
    bool good = server_options_check(&options->server, error) &&
                servers_check(&options->server, options->ports_count * options->listeners, error);
    return good ? OPTIONS_SERVE : OPTIONS_BAD;
}
