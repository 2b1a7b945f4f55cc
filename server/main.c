/* dummyserver: options, serve until stopped, write the result. */
#include "core/clock.h"
#include "core/file.h"
#include "core/host.h"
#include "core/output.h"
#include "core/stop.h"
#include "cpu_log.h"
#include "options.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
#define STOP_LOOK_NS (10 * NS_PER_MS)

static int main__fail(const struct error *error, int code)
{
    char hint[HOST_HINT_BYTES_MAX];
    fprintf(stderr, "dummyserver: %s%s\n", error->text, host_limits_hint(error->text, hint));
    return code;
}

/* Scripts wait for this line and take the port from it. */
static void main__print_ready(const struct server *server, uint32_t listeners, FILE *out)
{
    char group[48] = "";
    const struct server_options *options = &server->options;
    char address[NET_ADDRESS_TEXT_BYTES_MAX];
    if (server->io_fallback[0] != '\0') {
        fprintf(stderr, "dummyserver: %s\n", server->io_fallback);
    }
    if (options->model->kind == MODEL_NONE) {
        fprintf(out, "dummyserver: running without sockets (model null, %u threads, handler %s)\n",
                (unsigned)options->threads, options->handler->name);
    } else {
        if (listeners > 1) {
            snprintf(group, sizeof group, "%u listeners, each ", (unsigned)listeners);
        }
        fprintf(out, "dummyserver: listening on %s (model %s, io %s, %s%u thread%s, handler %s)\n",
                net_address_format(&server->rules.listening, address), options->model->name,
                server->io_name, group, (unsigned)options->threads,
                options->threads == 1 ? "" : "s", options->handler->name);
    }
    fflush(out);
}

/* Waits for Ctrl+C, the duration's end or the model's own end. True: it was interrupted. */
static bool main__serve(struct servers *servers, int64_t duration_ns, struct cpu_log *cpu_log)
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
        clock_sleep_until_ns(clock_now_ns() + STOP_LOOK_NS);
    }
    servers_join(servers);
    return interrupted;
}

/* Connections that were not taken for want of descriptors or memory: the way out. */
static void main__tell_limits(const struct report *report)
{
    uint64_t count = report->total->counters.errors[ERROR_KIND_LOCAL_LIMIT];
    if (count > 0) {
        struct host_limits limits;
        host_read_limits(&limits);
        fprintf(stderr,
                "dummyserver: %" PRIu64 " times this machine's own limits stood in the way: of "
                "descriptors there may be %" PRIu64 " (raise it: ulimit -n), or memory ran out\n",
                count, limits.descriptors_max);
    }
}

static int main__report(const struct options *options, struct servers *servers, bool interrupted,
                        const struct cpu_log *cpu_log)
{
    struct error error;
    struct report report;
    if (!report_open(&report, servers, interrupted, &error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    report.cpu_log = cpu_log;
    int code = EXIT_OK;
    if (options->out != NULL && !report_write(&report, options->out, &error)) {
        code = main__fail(&error, EXIT_FAILED);
    }
    if (!options->quiet) {
        report_print(&report, stderr);
    }
    main__tell_limits(&report);
    report_close(&report);
    return code;
}

static int main__run(const struct options *options)
{
    struct error error;
    if (options->out != NULL && strcmp(options->out, "-") != 0 &&
        !file_can_write(options->out, &error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    if (!net_setup(&error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    host_raise_limits();
    if (server_shortage(&options->server, &error)) {
        fprintf(stderr, "dummyserver: warning: %s\n", error.text);
    }
    stop_setup(NULL, NULL);
    struct servers servers;
    if ((options->listeners > 1 || options->reuse_port) && !cport_share_ports()) {
        error_set(&error, "--listeners and --reuse-port are Linux's (SO_REUSEPORT): give several "
                          "--port instead");
        return main__fail(&error, EXIT_USAGE);
    }
    if (!servers_open(&servers, &options->server, options->ports, options->ports_count,
                      options->listeners, &error)) {
        return main__fail(&error, EXIT_FAILED);
    }
    /* With --out - standard output belongs to the result. */
    bool out_is_result = options->out != NULL && strcmp(options->out, "-") == 0;
    for (uint32_t i = 0; i < servers.count; i += options->listeners) {
        main__print_ready(servers.all[i], options->listeners, out_is_result ? stderr : stdout);
    }
    static struct cpu_log cpu_log;
    cpu_log_open(&cpu_log, servers.all[0]->origin_ns);
    bool interrupted = main__serve(&servers, options->server.duration_ns, &cpu_log);
    int code = main__report(options, &servers, interrupted, &cpu_log);
    servers_close(&servers);
    stop_finished();
    return code;
}

static int main__obey(int argc, char **argv)
{
    struct options options;
    struct error error;
    switch (options_parse(&options, argc, argv, &error)) {
    case OPTIONS_HELP:
        options_print_help();
        return EXIT_OK;
    case OPTIONS_VERSION:
        printf("dummyserver %s\n", DUMMYLOAD_VERSION);
        return EXIT_OK;
    case OPTIONS_LIST_MODELS:
        options_print_models();
        return EXIT_OK;
    case OPTIONS_BAD:
        return main__fail(&error, EXIT_USAGE);
    case OPTIONS_SERVE:
        break;
    }
    return main__run(&options);
}

int main(int argc, char **argv)
{
    struct error error;
    output_setup();
    clock_setup();
    int code = main__obey(argc, argv);
    if (!output_finish(&error)) {
        return main__fail(&error, code == EXIT_OK ? EXIT_FAILED : code);
    }
    return code;
}
