/* dummyclient: plays a scenario against a TCP server and measures it. */
#include "core/clock.h"
#include "core/file.h"
#include "core/host.h"
#include "core/stop.h"
#include "net/address.h"
#include "options.h"
#include "plan.h"
#include "report.h"
#include "summary.h"
#include "supervisor.h"
#include "verdict.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <string.h>

#ifndef DUMMYLOAD_VERSION
#define DUMMYLOAD_VERSION "0.1.0"
#endif

static void main__complain(const char *text)
{
    char hint[HOST_HINT_BYTES_MAX];
    fprintf(stderr, "dummyclient: %s%s\n", text, host_limits_hint(text, hint));
}

static void main__report(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static bool main__is_file(const char *path)
{
    return path != NULL && strcmp(path, "-") != 0;
}

/* What cannot be written is said before the run, not after it. */
static bool main__check_outputs(const struct options *options)
{
    const char *paths[] = {options->out_path, options->ndjson_path, options->openmetrics_path};
    struct error error = {""};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (main__is_file(paths[i]) && !file_can_write(paths[i], &error)) {
            main__complain(error.text);
            return false;
        }
    }
    return true;
}

/* Writes the result; where it goes to standard output, nothing else does. */
static bool main__write_result(const struct plan *plan, struct run *run,
                               const struct verdict *verdict)
{
    const struct options *options = plan->options;
    struct error error = {""};
    if (options->out_path != NULL) {
        struct cJSON *result = report_to_json(plan, run, verdict);
        if (result == NULL) {
            main__complain("no memory for the result: it was not written");
            return false;
        }
        bool written = result_write(result, options->out_path, &error);
        if (!written) {
            main__complain(error.text);
            if (main__is_file(options->out_path) && result_write(result, "-", &error)) {
                main__complain("the result stands on standard output instead");
            }
        }
        cJSON_Delete(result);
        if (!written) {
            return false;
        }
    }
    if (options->openmetrics_path != NULL &&
        !report_write_openmetrics(plan, run, verdict, options->openmetrics_path, &error)) {
        main__complain(error.text);
        return false;
    }
    return true;
}

static int main__finish(const struct plan *plan, struct run *run)
{
    static struct verdict verdict; /* large: a line per threshold */
    const struct options *options = plan->options;
    verdict_reach(&verdict, plan, run);
    bool to_stdout = options->out_path != NULL && strcmp(options->out_path, "-") == 0;
    bool played = run->end != RUN_NOT_CONNECTED && run->end != RUN_WORKER_FAILED;
    if (!options->quiet && played) {
        summary_print(plan, run, &verdict, to_stdout ? stderr : stdout);
    }
    bool written = main__write_result(plan, run, &verdict);
    if (!options->quiet && written && main__is_file(options->out_path)) {
        printf("\n  result        %s\n", options->out_path);
    }
    fflush(stdout);
    for (uint32_t i = 0; i < verdict.failures_count; i++) {
        main__complain(verdict.failures[i]);
    }
    int code = verdict_exit_code(&verdict, plan, run);
    bool worse = !written && code != EXIT_INTERRUPTED;
    return worse ? EXIT_FAILED : code;
}

static int main__run(const struct plan *plan)
{
    const struct options *options = plan->options;
    struct error error = {""};
    static struct run run;
    FILE *ndjson = NULL;
    char shortage[512];
    if (!main__check_outputs(options)) {
        return EXIT_FAILED;
    }
    if (plan_shortage(plan, shortage, sizeof(shortage))) {
        fprintf(stderr, "dummyclient: warning: %s\n", shortage);
    }
    if (options->ndjson_path != NULL) {
        bool to_stdout = strcmp(options->ndjson_path, "-") == 0;
        ndjson = to_stdout ? stdout : fopen(options->ndjson_path, "w");
        if (ndjson == NULL) {
            fprintf(stderr, "dummyclient: %s: cannot be opened for writing\n",
                    options->ndjson_path);
            return EXIT_FAILED;
        }
    }
    bool progress = options->progress && !options->quiet;
    int code = EXIT_FAILED;
    if (supervisor_run(&run, plan, progress, ndjson, &error)) {
        if (run.fallback[0] != '\0' && !options->quiet) {
            fprintf(stderr, "dummyclient: %s\n", run.fallback);
        }
        code = main__finish(plan, &run);
        run_close(&run);
    } else {
        main__complain(error.text);
    }
    /* fclose() alone forgets what an earlier flush could not write. */
    bool torn = ndjson != NULL && ferror(ndjson) != 0;
    if (ndjson != NULL && ((ndjson != stdout && fclose(ndjson) != 0) || torn)) {
        fprintf(stderr, "dummyclient: %s: could not be written to its end\n", options->ndjson_path);
        code = code == EXIT_OK ? EXIT_FAILED : code;
    }
    return code;
}

int main(int argc, char **argv)
{
    static struct options options;
    static struct plan plan;
    struct error error = {""};
    if (!options_parse(&options, argc, argv, &error)) {
        main__complain(error.text);
        return EXIT_USAGE;
    }
    if (options.mode == OPTIONS_HELP) {
        options_print_help(stdout);
        return EXIT_OK;
    }
    if (options.mode == OPTIONS_VERSION) {
        printf("dummyclient %s\n", DUMMYLOAD_VERSION);
        return EXIT_OK;
    }
    clock_setup();
    if (!net_setup(&error)) {
        main__complain(error.text);
        return EXIT_FAILED;
    }
    if (!plan_open(&plan, &options, main__report, NULL, &error)) {
        if (error.text[0] != '\0') {
            main__complain(error.text);
        }
        return EXIT_USAGE;
    }
    int code = EXIT_OK;
    if (options.mode == OPTIONS_CHECK) {
        plan_print(&plan, stdout);
    } else {
        stop_setup(NULL, NULL);
        code = main__run(&plan);
    }
    plan_close(&plan);
    stop_finished();
    return code;
}
