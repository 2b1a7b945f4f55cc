/* A scenario: the JSON file as plain data, checked.
 *
 * Control plane; built once at start, immutable afterwards, read by any thread. Parsing reports
 * every mistake it finds, each with file, JSON path, what was expected and what was found. What
 * the command line overrides is laid over it by plan/plan.c before program_compile(). */
#pragma once

#include "core/error.h"
#include "proto/frame.h"
#include "scenario/body.h"
#include "scenario/value.h"
#include "text/ip_range.h"
#include "tls/tls.h"

struct cJSON;
struct scenario_behavior; /* tree.h: the steps as a tree */

enum {
    SCENARIO_CONNECTIONS_MAX = 1000000, /* of all ranks together */
    SCENARIO_STAGES_MAX = 10000,
    SCENARIO_TARGETS_MAX = 256,
    SCENARIO_NAMED_TARGETS_MAX = 64,
    SCENARIO_ALLOWED_MAX = 64,         /* ranges of one target */
    SCENARIO_REDIRECT_BYTES_MAX = 255, /* of a host or port that is made of captures */
    SCENARIO_THRESHOLDS_MAX = 256,
    SCENARIO_SOURCES_MAX = 256,
    SCENARIO_BARRIERS_MAX = 32,
    SCENARIO_MARKS_MAX = 64
};
#define SCENARIO_CONNECT_TIMEOUT_NS_MAX (INT64_C(86400) * 1000000000)      /* a day */
#define SCENARIO_DURATION_NS_MAX        (30 * INT64_C(86400) * 1000000000) /* 30 days */
#define SCENARIO_FILE_BYTES_MAX         (16u * 1024u * 1024u)

enum scenario_arrival { ARRIVAL_CONSTANT, ARRIVAL_POISSON };
enum disconnect_type { DISCONNECT_FIN, DISCONNECT_RST, DISCONNECT_HALF };
enum scenario_late { LATE_QUEUE, LATE_DROP }; /* what a late arrival does: wait, or be dropped */

/* A number in the header of each message: what it is unless a send says otherwise. */
struct scenario_head_value {
    const char *name; /* NULL: no send can */
    struct number_format format;
    struct value value;
};

/* How messages look at a target. */
struct scenario_protocol {
    struct framing framing;
    struct scenario_head_value head_values[FRAMING_VALUES_MAX];
    uint32_t head_values_count;
    struct body request; /* of a WebSocket: its first lines, where connections differ; else empty */
    /* Its framing, where they have captured names: each behavior has its own (tree.h). */
    const struct cJSON *request_json;
    const char *request_path; /* where that is in the file */
    bool request_read;        /* for some behavior */
    uint32_t tables;          /* bit n: its header, or its request, uses table n */
    bool is_wrong; /* a mistake in it was reported: what depends on it cannot be judged */
};

/* Where a server may send connections to. */
struct scenario_allowed {
    const char *text;
    struct ip_range range;
};

/* How a target is spoken to. Without a name the server's is the target's host. */
struct scenario_tls {
    struct tls_settings settings;
    bool by_step;   /* a step begins it; else it begins with the connection */
    bool by_option; /* --tls says it, not the scenario */
};

struct scenario_target {
    const char *name; /* NULL: it has none, and is one of those that connections use in turn */
    const char *host;
    uint16_t port;
    bool all_addresses; /* each address of the host is a target */
    bool has_address;   /* host and port are its own; else it is where captured addresses lead */
    struct scenario_allowed *allowed; /* where such an address may be */
    uint32_t allowed_count;
    struct scenario_protocol *protocol;
    const struct scenario_tls *tls; /* NULL: plain, or TLS by --tls where is_plain is not said */
    bool is_plain;                  /* "tls": false */
};

/* Rates are iterations per second in total, or of each connection. A stage without a rate
 * (has_rate false) keeps that of the load; without any the loop is closed. A stage without
 * connections keeps the number that the last one ended with.
 *
 * What a hand has done to a stage during the run (pacing/course.h): it is cut into parts, each with
 * the ramps of the whole, which began and end that much before and after the part. In a file all of
 * this is 0. */
struct scenario_stage {
    int64_t duration_ns;
    bool has_rate;
    bool per_connection;
    bool has_connections;
    bool continued; /* a further part of the stage before it */
    bool paused;    /* nothing arrives, whatever the rate */
    int64_t ramp_before_ns;
    int64_t ramp_after_ns;
    double rate_from_per_s;
    double rate_to_per_s;
    uint32_t connections_from;
    uint32_t connections_to;
};

struct scenario_load {
    uint32_t connections;       /* 1..1,000,000; with stages that say how many: at t0 */
    bool has_connections;       /* the file says so itself */
    double connect_rate_per_s;  /* 0: as fast as they come */
    int64_t connect_timeout_ns; /* default 5 s */
    bool has_rate;              /* open loop */
    bool per_connection;        /* rate_per_s is of each connection */
    double rate_per_s;
    int64_t duration_ns;
    int64_t warmup_ns;
    int64_t drain_ns; /* default 5 s */
    struct scenario_stage *stages;
    uint32_t stages_count; /* 0: one stage of duration_ns at rate_per_s */
    enum scenario_arrival arrival;
    enum scenario_late late;
    double catch_up_max_per_s; /* late arrivals begin no faster, in total; 0: no bound */
    uint32_t in_flight;        /* lanes per connection, 1..1024 */
    uint64_t seed;
};

/* An expression, as written. */
struct scenario_threshold {
    const char *text;
    bool abort_on_fail;
};

struct scenario {
    const char *path;
    const char *name;
    struct scenario_target *targets;
    uint32_t targets_count;
    const char **sources; /* local addresses */
    uint32_t sources_count;
    struct scenario_protocol protocol; /* of targets that have none of their own */
    struct scenario_load load;
    struct scenario_behavior *behaviors;
    uint32_t behaviors_count;
    struct scenario_threshold *thresholds;
    uint32_t thresholds_count;
    struct cJSON *document; /* the file: for the plan in the result; texts point into it */
};

/* NAME=VALUE of --set, visible as ${NAME}. */
struct scenario_variable {
    const char *name;
    const char *value;
};

/* Reads and checks path. On failure returns NULL after having written one line per mistake to
 * report (at most 20, then how many more); every line begins with the file's name. codec: of
 * --codec, whose attributes are places. NULL: there is none, and any name may be one of its. */
struct scenario *scenario_load(const char *path, const struct dummyload_codec *codec,
                               const struct scenario_variable *variables, uint32_t variables_count,
                               void (*report)(void *context, const char *line), void *context);
/* The same with the text of the file in memory: bytes of it, and a NUL behind them. */
struct scenario *scenario_read(const char *path, const char *text, size_t bytes,
                               const struct dummyload_codec *codec,
                               const struct scenario_variable *variables, uint32_t variables_count,
                               void (*report)(void *context, const char *line), void *context);
void scenario_destroy(struct scenario *scenario);

/* Have the targets names, so that a step can go to one of them? */
static inline bool scenario_names_targets(const struct scenario *scenario)
{
    return scenario->targets[0].name != NULL;
}

static inline bool scenario_speaks_tls(const struct scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        if (scenario->targets[i].tls != NULL) {
            return true;
        }
    }
    return false;
}

/* The most connections that the load ever has. */
static inline uint32_t scenario_connections_max(const struct scenario_load *load)
{
    uint32_t most = load->connections;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        const struct scenario_stage *stage = &load->stages[i];
        if (!stage->has_connections) {
            continue;
        }
        most = stage->connections_from > most ? stage->connections_from : most;
        most = stage->connections_to > most ? stage->connections_to : most;
    }
    return most;
}
