#include "report/ending.h"

#include "core/clock.h"
#include "files/output.h"
#include "report/openmetrics.h"
#include "report/outputs.h"
#include "report/report.h"
#include "report/summary.h"
#include "show/terminal.h"
#include "system/stop.h"
#include "text/json.h"

#include <cjson/cJSON.h>

#include <stdio.h>

/* For the last records: enough for a slow disk; a reader that does not read would take for ever. A
 * user who has asked to stop does not wait as long. */
static const int64_t ENDING_NDJSON_WITHIN_NS = 10 * NS_PER_S;
static const int64_t ENDING_NDJSON_STOPPED_NS = 1 * NS_PER_S;
/* For readers of the live page that take what they are given. */
static const int64_t ENDING_PAGE_WITHIN_NS = 2 * NS_PER_S;

/* Of the process's only run: a thread that is stuck in printing it may outlive the function. */
static struct ending {
    const struct plan *plan; /* NULL: it came to nothing */
    struct run *run;
    struct verdict *verdict;
    const char *reason;       /* why it did */
    struct error file_error;  /* of the result */
    struct error other_error; /* of the metrics */
    struct error ndjson_error;
    bool failed; /* some of the results could not be written */
} ending;

static void ending__complain(const struct error *error)
{
    if (error->text[0] != '\0') {
        output_complain(error->text);
    }
}

static bool ending__write_result(const char *path, struct error *error)
{
    struct cJSON *result = report_to_json(ending.plan, ending.run, ending.verdict);
    if (result == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY,
                        "no memory for the result: it was not written");
        return false;
    }
    bool written = result_write(result, path, error);
    cJSON_Delete(result);
    return written;
}

/* Those that go to standard output, or those that do not. */
static void ending__write(bool to_stdout)
{
    const struct options *options = ending.plan->options;
    if (options->out_path != NULL && output_is_stdout(options->out_path) == to_stdout) {
        ending.failed |= !ending__write_result(options->out_path, &ending.file_error);
    }
    if (options->openmetrics_path != NULL &&
        output_is_stdout(options->openmetrics_path) == to_stdout) {
        ending.failed |= !openmetrics_write(ending.plan, ending.run, ending.verdict,
                                            options->openmetrics_path, &ending.other_error);
    }
}

static void ending__print_run(void)
{
    const struct options *options = ending.plan->options;
    const struct run *run = ending.run;
    /* Standard output has either a result or the summary. */
    FILE *file = outputs_take_stdout(options) ? stderr : stdout;
    bool played = run->end != RUN_NOT_CONNECTED && run->end != RUN_WORKER_FAILED;
    bool out_is_file = options->out_path != NULL && !output_is_stdout(options->out_path);
    if (run->fallback[0] != '\0' && !options->quiet) {
        output_complain(run->fallback);
    }
    ending__write(true);
    if (!options->quiet && played) {
        struct wrap out = {.file = file, .columns = terminal_columns_of(file)};
        summary_print(ending.plan, run, ending.verdict, &out);
    }
    if (!options->quiet && out_is_file && ending.file_error.text[0] == '\0') {
        fprintf(file, "\n  result        %s\n", options->out_path);
    }
    fflush(stdout);
    ending__complain(&ending.file_error);
    if (out_is_file && ending.file_error.text[0] != '\0' && !outputs_take_stdout(options) &&
        ending__write_result("-", NULL)) {
        output_complain("the result was written to standard output instead");
    }
    ending__complain(&ending.other_error);
    for (uint32_t i = 0; i < ending.verdict->failures_count; i++) {
        output_complain(ending.verdict->failures[i]);
    }
}

static void ending__print(void *context)
{
    (void)context;
    if (ending.reason != NULL) {
        output_complain(ending.reason);
    }
    if (ending.plan != NULL) {
        ending__print_run();
    }
    ending__complain(&ending.ndjson_error);
}

/* The readers of the live page get what became of the run. */
static void ending__end_page(struct web *web, int code)
{
    struct cJSON *end = cJSON_CreateObject();
    json_add_u64(end, "exit_code", (uint64_t)code);
    if (ending.verdict != NULL) {
        struct cJSON *failures = json_add_item(end, "failures", cJSON_CreateArray());
        json_add_bool(end, "valid", ending.verdict->valid);
        for (uint32_t i = 0; i < ending.verdict->failures_count; i++) {
            json_append_item(failures, cJSON_CreateString(ending.verdict->failures[i]));
        }
        struct cJSON *reasons = json_add_item(end, "reasons", cJSON_CreateArray());
        for (uint32_t i = 0; i < ending.verdict->reasons_count; i++) {
            json_append_item(reasons, cJSON_CreateString(ending.verdict->reasons[i]));
        }
        struct json_text thresholds = {0};
        record_add_thresholds(&thresholds, ending.plan, NULL, ending.verdict->thresholds);
        json_add_item(end, "thresholds", json_text_finish(&thresholds));
    } else {
        json_add_text(end, "error", ending.reason);
    }
    char *text = cJSON_PrintUnformatted(end);
    web_close(web, text, ENDING_PAGE_WITHIN_NS);
    cJSON_free(text);
    cJSON_Delete(end);
}

static bool ending__end_feed(struct feed *feed, int code)
{
    bool stopped = stop_requests() > 0;
    if (feed != NULL && feed->web != NULL) {
        ending__end_page(feed->web, code);
    }
    return feed == NULL || feed->ndjson == NULL ||
           ndjson_close(feed->ndjson, stopped ? ENDING_NDJSON_STOPPED_NS : ENDING_NDJSON_WITHIN_NS,
                        &ending.ndjson_error);
}

int ending_play(const struct plan *plan, struct run *run, struct verdict *verdict,
                struct feed *feed)
{
    verdict_reach(verdict, plan, run);
    ending = (struct ending){.plan = plan, .run = run, .verdict = verdict};
    int code = verdict_exit_code(verdict, plan, run);
    /* Before printing, which a slow terminal delays: the process may be killed while it prints. */
    ending__write(false);
    bool whole = ending__end_feed(feed, code);
    if (!output_print(ending__print, NULL)) {
        output_leave(code);
    }
    return (ending.failed || !whole) && code != EXIT_INTERRUPTED ? EXIT_FAILED : code;
}

int ending_fail(const char *reason, struct feed *feed)
{
    ending = (struct ending){.reason = reason};
    ending__end_feed(feed, EXIT_FAILED);
    if (!output_print(ending__print, NULL)) {
        output_leave(EXIT_FAILED);
    }
    return EXIT_FAILED;
}
