/* The command line of dummyclient, as it was typed: nothing is resolved or looked up yet.
 *
 * Start-up only, one thread. The strings point into argv, which must stay. */
#pragma once

#include "core/error.h"
#include "cport/cport.h"
#include "scenario/scenario.h"
#include "trace/trace.h"

#include <stdio.h>

struct cJSON;

/* What messages about the command line begin with. */
#define OPTIONS_ABOUT "dummyclient"

enum {
    OPTIONS_TARGETS_MAX = SCENARIO_TARGETS_MAX,
    OPTIONS_SOURCES_MAX = 256,
    OPTIONS_VARIABLES_MAX = 256,
    OPTIONS_THRESHOLDS_MAX = SCENARIO_THRESHOLDS_MAX,
    OPTIONS_TEXT_BYTES_MAX = 64,
    OPTIONS_THREADS_MAX = 256
};

/* What to do instead of a run. */
enum options_mode {
    OPTIONS_RUN,
    OPTIONS_CHECK,
    OPTIONS_PRINT,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_LIST_OPTIONS
};

/* A value that may have been left out is negative (numbers) or NULL (texts) then. */
struct options {
    enum options_mode mode;
    const char *scenario_path; /* or "-", or a URL: starter/source.h */
    const char *send;          /* to the server of a URL */
    const char *codec_path;
    bool tls; /* of targets that say nothing about it */
    bool insecure;
    const char *tls_ca_path;
    const char *host;
    int64_t port;
    const char *targets[OPTIONS_TARGETS_MAX]; /* HOST:PORT */
    uint32_t targets_count;
    const char *duet; /* HOST:PORT,HOST:PORT: two servers, compared under the same load */
    const char *sources[OPTIONS_SOURCES_MAX]; /* one or more addresses with commas between */
    uint32_t sources_count;
    struct scenario_variable variables[OPTIONS_VARIABLES_MAX];
    char variable_names[OPTIONS_VARIABLES_MAX][OPTIONS_TEXT_BYTES_MAX];
    uint32_t variables_count;
    bool set_refused; /* a variable is missing: the scenario cannot be judged */
    const char *thresholds[OPTIONS_THRESHOLDS_MAX];
    uint32_t thresholds_count;
    int64_t connections;
    double connect_rate_per_s;
    int64_t connect_timeout_ns;
    bool rate_max; /* --rate max: a closed loop */
    double rate_per_s;
    double rate_per_connection_per_s;
    int64_t duration_ns;
    int64_t warmup_ns;
    int64_t threads;
    bool has_seed;
    uint64_t seed;
    const char *out_path;
    const char *ndjson_path;
    const char *openmetrics_path;
    const char *listen;        /* HOST:PORT of the live page */
    const char *listen_token;  /* what control needs there */
    const char *listen_server; /* the server's live page, shown beside it */
    bool traces;               /* --trace */
    uint32_t traced;           /* the connection, or TRACE_FIRST_FAILURE */
    const char *trace_path;    /* NULL: standard error */
    const char *run_id;
    enum cport_backend_kind backend;
    int64_t spin_ns; /* so long before a due time the waiting becomes polling; 0: not */
    bool busy_poll;  /* never waits */
    bool strict;
    bool quiet;    /* no summary, no progress: errors only */
    bool progress; /* the live line */
    bool keys;     /* of the terminal steer the run */
    bool screen;   /* the live screen, terminal or not */
    /* Not of the command line: this program's rank, and the number of ranks on its machine. */
    uint32_t rank;
    uint32_t ranks;
    uint32_t ranks_here;
};

/* False, with a line to report for each mistake. scenario_path is set then where it is certain, so
 * that the scenario's mistakes can be reported, too. */
bool options_parse(struct options *options, int argc, char **argv,
                   void (*report)(void *context, const char *line), void *context);
void options_print_help(FILE *file);
/* The same as JSON. False: memory ran out. */
bool options_print_json(FILE *file);
/* Adds those that the plan's JSON says as they were given. */
void options_to_json(const struct options *options, struct cJSON *json);
