/* The verdict on a run: is the measurement valid (that judges this program alone, never the
 * server), do the thresholds hold, did the run fail, and with which status does the program end.
 *
 * Pure; after the run. */
#pragma once

#include "conduct/hosts.h"
#include "conduct/run.h"
#include "figures/threshold.h"
#include "plan/plan.h"

enum {
    VERDICT_REASONS_MAX = HOSTS_REASONS_MAX,
    VERDICT_REASON_BYTES_MAX = HOSTS_REASON_BYTES_MAX,
    VERDICT_FAILURES_MAX = 8,
    VERDICT_FAILURE_BYTES_MAX = 768
};

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INVALID = 3,
    EXIT_THRESHOLD = 99,
    EXIT_INTERRUPTED = 130
};

struct verdict {
    bool valid;
    char reasons[VERDICT_REASONS_MAX][VERDICT_REASON_BYTES_MAX]; /* why it is not valid */
    uint32_t reasons_count;
    const char *limited_by; /* "client", "server_or_connections", or NULL */
    char failures[VERDICT_FAILURES_MAX][VERDICT_FAILURE_BYTES_MAX]; /* why the run failed */
    uint32_t failures_count;
    struct threshold_verdict thresholds[SCENARIO_THRESHOLDS_MAX + OPTIONS_THRESHOLDS_MAX];
    uint32_t thresholds_count;
    uint32_t thresholds_failed;
};

/* Connections that were not ready when the window opened: those still in setup, and those that the
 * server did not let in (none answers, or it ended the handshake or the setup). */
struct verdict_unready {
    uint32_t in_setup;
    uint32_t failed;
};
struct verdict_unready verdict_unready(const struct run *run);

void verdict_reach(struct verdict *verdict, const struct plan *plan, const struct run *run);
/* A rank of a fleet, its own share alone. */
void verdict_judge_share(struct host_judgement *own, const struct plan *plan,
                         const struct run *run);
/* In this order: interrupted, failed, not valid (with --strict, or a rank was lost), a threshold
 * did not hold. */
int verdict_exit_code(const struct verdict *verdict, const struct plan *plan,
                      const struct run *run);
