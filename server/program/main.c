/* dummyserver: options, serve until stopped, write the result. */
#include "core/clock.h"
#include "core/printable.h"
#include "files/file.h"
#include "files/outlet.h"
#include "files/output.h"
#include "live.h"
#include "options.h"
#include "reporting/cpu_log.h"
#include "reporting/report.h"
#include "system/affinity.h"
#include "system/command_line.h"
#include "system/host.h"
#include "system/interrupt.h"
#include "system/stop.h"
#include "web/web.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
static const int64_t STOP_LOOK_NS = 10 * NS_PER_MS;

static int main__fail(const struct error *error, int code)
{
    output_complain(error->text);
    return code;
}

/* A separate thread prints during the run: a stopped reader must delay neither the duration nor
 * Ctrl+C. */
enum { MAIN_LINE_BYTES_MAX = 512, MAIN_WAITING_BYTES_MAX = 64 * 1024 };
static const int64_t MAIN_OUTPUT_WITHIN_NS = 1 * NS_PER_S;

static struct outlet *main__out;
static struct outlet *main__error;

static void main__close_outlet(struct outlet **outlet)
{
    if (*outlet != NULL) {
        outlet_close(*outlet, MAIN_OUTPUT_WITHIN_NS, NULL);
        *outlet = NULL;
    }
}

/* Standard output belongs to the result where that goes there. */
static bool main__open_outlets(bool out_is_result, struct error *error)
{
    struct outlet_options options = {.text_bytes_max = MAIN_WAITING_BYTES_MAX};
    sink_standard_error(&options.sink);
    main__error = outlet_open(&options, error);
    if (!out_is_result) {
        sink_standard_output(&options.sink);
    }
    main__out = outlet_open(&options, error);
    return main__error != NULL && main__out != NULL;
}

static void main__print(struct outlet *outlet, const char *format, ...) ERROR_PRINTF(2, 3);

static void main__print(struct outlet *outlet, const char *format, ...)
{
    char line[MAIN_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    printable_text(line, line, sizeof line);
    size_t bytes = strlen(line);
    line[bytes++] = '\n';
    outlet_put(outlet, line, bytes);
}

/* Scripts wait for this line and take the port from it. */
static void main__print_ready(const struct server *server, uint32_t listeners)
{
    char group[48] = "";
    const struct server_options *options = &server->options;
    char address[NET_ADDRESS_TEXT_BYTES_MAX];
    if (server->io_fallback[0] != '\0') {
        main__print(main__error, "dummyserver: %s", server->io_fallback);
    }
    if (options->model->kind == MODEL_NONE) {
        main__print(main__out,
                    "dummyserver: running without sockets (model null, %u threads, handler %s)",
                    (unsigned)options->threads, options->handler->name);
    } else {
        if (listeners > 1) {
            snprintf(group, sizeof group, "%u listeners, each ", (unsigned)listeners);
        }
        main__print(main__out,
                    "dummyserver: listening on %s (model %s, io %s, %s%u thread%s, handler %s%s)",
                    net_address_format(&server->rules.listening, address), options->model->name,
                    server->io_name, group, (unsigned)options->threads,
                    options->threads == 1 ? "" : "s", options->handler->name,
                    options->tls != NULL ? ", TLS" : "");
    }
}

/* Waits for Ctrl+C, the duration's end or the model's own end. True: it was interrupted. */
static bool main__serve(struct servers *servers, int64_t duration_ns, struct cpu_log *cpu_log,
                        struct server_live *live)
{
    int64_t end_ns = duration_ns > 0 ? clock_now_ns() + duration_ns : TIME_NEVER_NS;
    bool interrupted = false;
    while (!servers_ended(servers)) {
        int requests = stop_requests();
        if (requests >= 2) {
            servers_stop(servers, SERVER_STOP_NOW);
        } else if (requests == 1) {
            servers_stop(servers, SERVER_STOP_DRAIN);
        } else if (clock_now_ns() >= end_ns) {
            servers_stop(servers, SERVER_STOP_DRAIN);
        }
        interrupted = interrupted || requests > 0;
        cpu_log_tick(cpu_log, clock_now_ns());
        server_live_tick(live, clock_now_ns());
        clock_sleep_until_ns(clock_now_ns() + STOP_LOOK_NS);
    }
    servers_join(servers);
    return interrupted;
}

/* Connections that were not accepted for lack of descriptors or memory: what to do about it. */
static void main__report_limits(const struct report *report)
{
    uint64_t count = report->total->counters.errors[ERROR_KIND_LOCAL_LIMIT];
    if (count > 0) {
        struct host_limits limits;
        host_read_limits(&limits);
        fprintf(stderr,
                "dummyserver: %" PRIu64 " times a limit of this machine was reached: %" PRIu64
                " descriptors (raise it: ulimit -n), or memory ran out\n",
                count, limits.descriptors_max);
    }
}

/* Of the process's only run: a thread that is stuck in printing it may outlive the function. */
static struct main__ending {
    const struct options *options;
    struct report report;
    struct error error;
    bool failed;
} main__ending;

static void main__write_result(const char *path)
{
    if (!report_write(&main__ending.report, path, &main__ending.error)) {
        main__ending.failed = true;
    }
}

static void main__print_end(void *context)
{
    const struct options *options = main__ending.options;
    (void)context;
    if (output_is_stdout(options->out)) {
        main__write_result(options->out);
    }
    if (main__ending.failed) {
        main__fail(&main__ending.error, EXIT_FAILED);
    }
    if (!options->quiet) {
        report_print(&main__ending.report, stderr);
    }
    main__report_limits(&main__ending.report);
}

static int main__report(const struct options *options, struct servers *servers, bool interrupted,
                        const struct cpu_log *cpu_log)
{
    struct error error;
    struct report *report = &main__ending.report;
    main__ending.options = options;
    if (!report_open(report, servers, interrupted, &error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    report->cpu_log = cpu_log;
    if (options->out != NULL && !output_is_stdout(options->out)) {
        main__write_result(options->out);
    }
    main__close_outlet(&main__out);
    main__close_outlet(&main__error);
    bool printed = output_print(main__print_end, NULL);
    int code = main__ending.failed ? EXIT_FAILED : EXIT_OK;
    if (!printed) {
        output_leave(code);
    }
    report_close(report);
    return code;
}

/* What cannot be written, or would be mixed with something else, is said before the server serves.
 */
static bool main__check_out(const char *out, struct error *error)
{
    return out == NULL || (output_is_free("--out", out, error) &&
                           (output_is_stdout(out) || file_can_write(out, error)));
}

/* A key that exists is not made anew: it may be the only one to a certificate in use. */
static bool main__make_certificate(const struct tls_settings *tls, struct error *error)
{
    const char *paths[] = {tls->cert_path, tls->key_path};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (file_exists(paths[i])) {
            error_set(error,
                      "--tls-self-signed: %s exists: serve with it (without --tls-self-signed), or "
                      "remove it",
                      paths[i]);
            return false;
        }
    }
    return tls_self_signed(tls->cert_path, tls->key_path, NULL, 0, error);
}

/* *context: NULL, where none is wanted. */
static bool main__open_tls(const struct options *options, struct tls_context **context,
                           struct error *error)
{
    struct tls_settings tls = options->tls;
    *context = NULL;
    if (!options_want_tls(options)) {
        return true;
    }
    tls.self_signed = options->tls_self_signed && tls.cert_path == NULL;
    if (options->tls_self_signed && !tls.self_signed && !main__make_certificate(&tls, error)) {
        return false;
    }
    *context = tls_context_create(&tls, NULL, error);
    return *context != NULL;
}

static int main__run(const struct options *options)
{
    struct error error;
    struct server_options server_options = options->server;
    if (!main__check_out(options->out, &error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    if (!net_setup(&error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    host_raise_limits();
    if (server_shortage(&options->server, &error)) {
        fprintf(stderr, "dummyserver: warning: %s\n", error.text);
    }
    stop_setup();
    struct servers servers;
    if ((options->listeners > 1 || options->reuse_port) && !cport_share_ports()) {
        error_set(&error, "--listeners and --reuse-port are Linux's (SO_REUSEPORT): give several "
                          "--port instead");
        return main__fail(&error, EXIT_USAGE);
    }
    static struct server_live live;
    server_options.watched = options->listen != NULL;
    if (!main__open_outlets(output_is_stdout(options->out), &error) ||
        (options->listen != NULL &&
         !server_live_open(&live, options->listen, options->listen_token, &error)) ||
        !main__open_tls(options, &server_options.tls, &error) ||
        !servers_open(&servers, &server_options, options->ports, options->ports_count,
                      options->listeners, &error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    for (uint32_t i = 0; i < servers.count; i += options->listeners) {
        main__print_ready(servers.all[i], options->listeners);
    }
    if (live.web != NULL) {
        server_live_begin(&live, &servers);
        const char *token = web_token(live.web);
        main__print(main__error, "dummyserver: live figures at %s%s%s", web_url(live.web),
                    token == NULL ? "" : "?token=", token == NULL ? "" : token);
    }
    static struct cpu_log cpu_log;
    cpu_log_open(&cpu_log, servers.all[0]->origin_ns);
    bool interrupted = main__serve(&servers, options->server.duration_ns, &cpu_log, &live);
    server_live_close(&live);
    int code = main__report(options, &servers, interrupted, &cpu_log);
    servers_close(&servers);
    tls_context_destroy(server_options.tls);
    stop_finished();
    return code;
}

static void main__tell(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static int main__parse_and_run(int argc, char **argv)
{
    struct options options;
    struct error error;
    if (!options_parse(&options, argc, argv, main__tell)) {
        return EXIT_USAGE;
    }
    switch (options.action) {
    case OPTIONS_HELP:
        options_print_help();
        return EXIT_OK;
    case OPTIONS_VERSION:
        printf("dummyserver %s\n", DUMMYLOAD_VERSION);
        return EXIT_OK;
    case OPTIONS_LIST_OPTIONS:
        return options_print_json() ? EXIT_OK : EXIT_FAILED;
    case OPTIONS_LIST_MODELS:
        options_print_models();
        return EXIT_OK;
    case OPTIONS_INTERRUPT:
        return interrupt_process(options.process_id, &error) ? EXIT_OK
                                                             : main__fail(&error, EXIT_FAILED);
    case OPTIONS_AFFINITY:
        return affinity_set(options.process_id, options.cpu_mask, &error)
                   ? EXIT_OK
                   : main__fail(&error, EXIT_FAILED);
    case OPTIONS_SERVE:
        break;
    }
    return main__run(&options);
}

int main(int argc, char **argv)
{
    struct error error;
    argv = command_line_read(&argc, argv);
    output_setup("dummyserver");
    clock_setup();
    int code = main__parse_and_run(argc, argv);
    if (!output_finish(&error)) {
        return main__fail(&error, code == EXIT_OK ? EXIT_FAILED : code);
    }
    return code;
}
