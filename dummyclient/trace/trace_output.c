#include "trace/trace_output.h"

#include "core/clock.h"
#include "files/outlet.h"
#include "files/output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void trace_output__put(struct trace_output *output, const char *text, size_t bytes)
{
    if (output->full) {
        return;
    }
    output->full =
        output->bytes + bytes > TRACE_OUTPUT_BYTES_MAX || !outlet_put(output->outlet, text, bytes);
    output->bytes += bytes;
    if (output->full) {
        static const char END[] = "the trace ends here: it has 64 MiB\n";
        atomic_store(&output->trace.connection, TRACE_NOBODY);
        outlet_put(output->outlet, END, sizeof END - 1);
    }
}

static ERROR_PRINTF(2, 3) void trace_output__print(struct trace_output *output, const char *format,
                                                   ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    trace_output__put(output, line, bytes < (int)sizeof line ? (size_t)bytes : sizeof line - 1);
}

bool trace_output_open(struct trace_output *output, const char *path, uint32_t connection,
                       uint32_t workers_count, uint32_t rank, struct error *error)
{
    /* What is waiting is never more than all of it, and the line about its end. */
    struct outlet_options options = {.text_bytes_max = TRACE_OUTPUT_BYTES_MAX + 256};
    *output = (struct trace_output){.name = path == NULL             ? "standard error"
                                            : output_is_stdout(path) ? "standard output"
                                                                     : path,
                                    .rank = rank};
    if (!trace_open(&output->trace, connection, workers_count, error)) {
        return false;
    }
    if (path == NULL) {
        sink_standard_error(&options.sink);
    } else if (!sink_open(&options.sink, path, error)) {
        trace_close(&output->trace);
        return false;
    }
    output->outlet = outlet_open(&options, error);
    if (output->outlet == NULL) {
        sink_close(&options.sink, NULL);
        trace_close(&output->trace);
    }
    return output->outlet != NULL;
}

void trace_output_begin(struct trace_output *output, int64_t origin_ns)
{
    output->clock = (struct trace_clock){.origin_ns = origin_ns, .from_ns = origin_ns};
}

/* Before the first record. */
static void trace_output__introduce(struct trace_output *output, const struct trace_record *first)
{
    char rank[32] = "";
    if (output->rank > 0) {
        snprintf(rank, sizeof rank, " (rank %" PRIu32 ")", output->rank);
    }
    trace_output__print(output,
                        "connection %" PRIu32 "%s: seconds since it began to connect; -> sent, <- "
                        "received\n",
                        first->connection, rank);
    if (first->kind != TRACE_CONNECT) {
        trace_output__print(output, "             what was before is not known any more: seconds "
                                    "since the run began\n");
    }
    output->any = true;
}

static void trace_output__drain(struct trace_output *output, struct trace_ring *ring)
{
    struct trace_record record;
    char text[TRACE_TEXT_BYTES_MAX + 1];
    uint8_t data[TRACE_KEPT_BYTES];
    char lines[TRACE_LINES_BYTES_MAX];
    while (trace_take(ring, &record, text, data)) {
        if (!output->any) {
            trace_output__introduce(output, &record);
        }
        size_t bytes = trace_text(&output->clock, &record, text, data, lines);
        trace_output__put(output, lines, bytes);
    }
    uint64_t left_out = trace_left_out(ring);
    if (left_out > 0) {
        trace_output__print(output,
                            "             %" PRIu64 " lines are left out here: they came faster "
                            "than they could be written\n",
                            left_out);
    }
}

void trace_output_tick(struct trace_output *output)
{
    for (uint32_t i = 0; output != NULL && i < output->trace.rings_count; i++) {
        trace_output__drain(output, &output->trace.rings[i]);
    }
}

bool trace_output_close(struct trace_output *output, int64_t within_ns, struct error *error)
{
    struct error reason;
    uint32_t connection = atomic_load(&output->trace.connection);
    if (connection == TRACE_FIRST_FAILURE) {
        trace_output__print(output, "no connection has failed: there is nothing to trace\n");
    } else if (!output->any && output->rank == 0) {
        trace_output__print(output, "connection %" PRIu32 " has done nothing in this run\n",
                            connection);
    }
    bool whole = outlet_close(output->outlet, within_ns, &reason);
    output->outlet = NULL;
    trace_close(&output->trace);
    if (!whole) {
        error_set(error, "--trace: %s: %s", output->name, reason.text);
    }
    return whole;
}
