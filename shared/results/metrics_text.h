/* Metrics as text, for the final figures (--openmetrics) and the live ones (/metrics): the same
 * names in both. Of the two formats only the lines about types differ. The names of families are
 * given without the program's. Any thread. */
#pragma once

#include "results/counters.h"
#include "results/histogram.h"
#include "text/json.h"

enum metrics_format {
    METRICS_OPENMETRICS, /* a counter's family is without _total */
    METRICS_PROMETHEUS   /* text format 0.0.4: it is with it */
};

struct metrics_text {
    struct json_text *text;
    const char *prefix; /* "dummyload", "dummyserver" */
    enum metrics_format format;
    const char *run_id;
};

/* "run_id="...",target="...", to stand between braces. word: NULL for the run_id alone. */
enum { METRICS_LABELS_BYTES_MAX = 1024 };
void metrics_label(const struct metrics_text *metrics, const char *word, const char *name,
                   char labels[METRICS_LABELS_BYTES_MAX]);
/* The lines in front of a family's samples; of a counter without _total. */
void metrics_add_type(const struct metrics_text *metrics, const char *family, const char *type);
/* A family of one sample. */
void metrics_add_gauge(const struct metrics_text *metrics, const char *family, double value);
/* Totals and errors of the run. */
void metrics_add_counters(const struct metrics_text *metrics, const struct counters *counters);
/* Percentiles and the count; labels: as between braces, without the quantile. */
void metrics_add_summary(const struct metrics_text *metrics, const char *family, const char *labels,
                         const struct histogram *histogram);
