/* The recorder: turns what happens on a worker's connections into figures. It is the vm's
 * observer; one per worker, used by its thread alone. No allocation, no lock, no print.
 *
 * Latency, rate and steps cover what was intended inside the window; counters cover everything. */
#pragma once

#include "figures/figures.h"
#include "figures/live.h"
#include "pacing/pacing.h"
#include "play/logbook.h"
#include "proto/reassembly.h"
#include "tls/tls.h"
#include "vm/vm.h"

struct recorder {
    struct figures figures;
    struct live *live;
    struct logbook logbook; /* opened by the worker where the scenario logs */
    struct vm_observer observer;
    int64_t t0_ns;           /* TIME_NEVER_NS until it is known */
    int64_t window_start_ns; /* the same */
    int64_t window_end_ns;
    const struct pacing *pacing;              /* its stages */
    const struct program_behavior *behaviors; /* of the program; set by the worker */
    uint32_t stage_hint;
    int64_t now_ns; /* of the turn: set by the worker after each poll */
    /* The connection whose vm is being called. */
    bool subject_ready;
    uint32_t subject_connection;
    struct figures_share *subject_shares[2]; /* its target's and its behavior's, if told apart */
    uint32_t subject_shares_count;
    int64_t subject_blocked_until_ns; /* its socket took no bytes until then */
    int64_t subject_seen_ns;          /* what had come by then has been handled */
    struct reassembly *subject_received;
    uint64_t *subject_lanes; /* a bit per lane: its iteration began inside the window */
    bool *subject_kept_out; /* becomes true, if not ready, by an error that keeps it out; or NULL */
    /* What is in the series of the run already; of a share: struct figures_second. */
    struct counters series_counters;
    int64_t series_second; /* since the origin: of the last turn */
    int64_t origin_ns;
};

/* live must outlive the recorder, pacing until recorder_follow(). */
bool recorder_open(struct recorder *recorder, const struct figures_shape *shape,
                   const struct pacing *pacing, uint32_t abnormal_max, int64_t origin_ns,
                   struct live *live, struct error *error);
void recorder_close(struct recorder *recorder);
/* The load has been touched: stages are those of another pacing from now on. */
static inline void recorder_follow(struct recorder *recorder, const struct pacing *pacing)
{
    recorder->pacing = pacing;
    recorder->stage_hint = 0;
}

static inline bool recorder_in_window(const struct recorder *recorder, int64_t intended_ns)
{
    return intended_ns >= recorder->window_start_ns && intended_ns < recorder->window_end_ns;
}

/* The stage that a time belongs to; NULL when stages are not kept apart. */
struct figures_stage *recorder_stage(struct recorder *recorder, int64_t time_ns);

/* Of the run alone: bytes and messages, which come too often to be counted twice. What belongs to
 * whom is known when the connection ends (recorder_carried()). */
static inline void recorder_count(struct recorder *recorder, enum total_kind kind, uint64_t amount)
{
    recorder->figures.counters.totals[kind] += amount;
}

/* Of what the subject belongs to. */
static inline void recorder_count_shares(struct recorder *recorder, enum total_kind kind,
                                         uint64_t amount)
{
    for (uint32_t i = 0; i < recorder->subject_shares_count; i++) {
        recorder->subject_shares[i]->counters.totals[kind] += amount;
    }
}

/* Of the run, and of what the subject belongs to. */
static inline void recorder_count_subject(struct recorder *recorder, enum total_kind kind,
                                          uint64_t amount)
{
    recorder_count(recorder, kind, amount);
    recorder_count_shares(recorder, kind, amount);
}

static inline void recorder_error_of_step(struct recorder *recorder, enum error_kind kind,
                                          uint32_t step)
{
    live_fail(recorder->live,
              &(struct live_failure){.at_ns = recorder->now_ns - recorder->origin_ns,
                                     .connection = recorder->subject_connection,
                                     .step = step,
                                     .kind = kind});
    recorder->figures.counters.errors[kind]++;
    for (uint32_t i = 0; i < recorder->subject_shares_count; i++) {
        recorder->subject_shares[i]->counters.errors[kind]++;
    }
    if (!recorder->subject_ready && recorder->subject_kept_out != NULL && error_keeps_out(kind)) {
        *recorder->subject_kept_out = true;
    }
    if (recorder->observer.trace != NULL) {
        trace_fail(recorder->observer.trace, recorder->subject_connection, error_key(kind));
    }
}

static inline void recorder_error(struct recorder *recorder, enum error_kind kind)
{
    recorder_error_of_step(recorder, kind, LIVE_STEP_NONE);
}

/* The subject is at this target, and plays this behavior. */
static inline void recorder_observe_shares(struct recorder *recorder, uint32_t target,
                                           uint32_t behavior)
{
    const struct figures *figures = &recorder->figures;
    uint32_t count = 0;
    if (figures->targets_count > 0) {
        recorder->subject_shares[count++] = &figures->targets[target];
    }
    if (figures->players_count > 0) {
        recorder->subject_shares[count++] = &figures->players[behavior];
    }
    recorder->subject_shares_count = count;
}

/* One more connection of this target and this behavior is open, or one less. */
static inline void recorder_open_changed(struct recorder *recorder, uint32_t target,
                                         uint32_t behavior, bool is_open)
{
    const struct figures *figures = &recorder->figures;
    uint32_t change = is_open ? 1 : UINT32_MAX;
    if (figures->targets_count > 0) {
        figures->targets[target].second->open += change;
    }
    if (figures->players_count > 0) {
        figures->players[behavior].second->open += change;
    }
}

static inline void recorder_observe_ready(struct recorder *recorder, bool ready)
{
    recorder->subject_ready = ready;
}

void recorder_connected(struct recorder *recorder, int64_t connect_ns);
/* A connect that failed or timed out: censored at its age. The error is counted separately. */
void recorder_connect_failed(struct recorder *recorder, int64_t age_ns);
/* The codec's handshake is over, this long after the connect. */
void recorder_greeted(struct recorder *recorder, int64_t greeting_ns);
/* The connection has ended within it: censored at its age. */
void recorder_not_greeted(struct recorder *recorder, int64_t age_ns);
/* The handshake of TLS is over, this long after its beginning. */
void recorder_secured(struct recorder *recorder, int64_t handshake_ns, const struct tls *tls);
/* The connection has ended within it: censored at its age. An error is counted separately. */
void recorder_not_secured(struct recorder *recorder, int64_t age_ns);
void recorder_poll_gap(struct recorder *recorder, int64_t gap_ns);
/* This program was idle for this part of the time until now. */
void recorder_idle(struct recorder *recorder, int64_t idle_ns);
/* The outcome of an arrival. Each is reported exactly once: it began, or it was dropped as late, or
 * the run ended before it began. The latter two are censored at their age. */
void recorder_begun(struct recorder *recorder, uint32_t behavior, int64_t intended_ns);
void recorder_dropped(struct recorder *recorder, uint32_t behavior, int64_t intended_ns,
                      int64_t now_ns);
/* count arrivals, due at even distances from first_ns to last_ns, both included. The cost does not
 * grow with count. */
void recorder_never_started(struct recorder *recorder, uint32_t behavior, int64_t first_ns,
                            int64_t last_ns, uint64_t count, int64_t now_ns);
/* Of failures that belong to no step, the first of each place is kept: what was expected, what was
 * found, and the bytes. */
bool recorder_lacks(const struct recorder *recorder, enum evidence_place place);
void recorder_explain(struct recorder *recorder, enum evidence_place place, enum error_kind kind,
                      uint32_t connection, const char *expected, const char *found,
                      struct span bytes);
void recorder_abnormal(struct recorder *recorder, const struct result_abnormal *abnormal);
/* A connection has ended, in whatever way: its bytes and messages belong to its target and its
 * behavior. */
void recorder_carried(struct recorder *recorder, const struct clean_group *carried);
/* A connection that ended cleanly, and what it carried. */
void recorder_clean(struct recorder *recorder, uint16_t local_port,
                    const struct clean_group *carried);
/* At the beginning of a turn in another second than the last (and once at the end): moves what was
 * counted since into the series. gauges as in figures/live.h. */
bool recorder_second_passed(const struct recorder *recorder, int64_t now_ns);
void recorder_series(struct recorder *recorder, int64_t now_ns, const uint32_t *gauges);
