/* A run and its outcome: why it ended, its moments and its figures. The supervisor fills it, the
 * hosts of a fleet add theirs; judge, show and report read it.
 *
 * Used by the supervisor's thread; after the run by one thread at a time. */
#pragma once

#include "core/error.h"
#include "figures/figures.h"
#include "figures/threshold.h"
#include "plan/plan.h"

struct steer;

/* Why the run ended. */
enum run_end {
    RUN_COMPLETE,
    RUN_INTERRUPTED,   /* Ctrl+C and the like */
    RUN_NOT_CONNECTED, /* no connection could be made at all */
    RUN_ALL_GONE,      /* every connection ended before the run did */
    RUN_STEP_FAILED,   /* a step of the scenario said so */
    RUN_THRESHOLD,     /* a threshold with abort_on_fail failed; see aborted_by */
    RUN_WORKER_FAILED, /* a thread or a port could not be created; see error */
    RUN_RANK_LOST,     /* a program of the fleet died or fell silent; see hosts */
    RUN_RANK_APART     /* one rank could open no connection while others could */
};

/* Why the measuring began when it did. */
enum run_opened {
    RUN_NOT_OPENED,
    RUN_ALL_READY,
    RUN_ALL_SETTLED,   /* those that are not ready have failed */
    RUN_READY_TIME_OUT /* those that are not ready have taken longer than they may */
};

/* Threads of a busy machine are occasionally this late. */
#define RUN_STALL_LEAST_NS (50 * INT64_C(1000000))

/* The outcome. */
struct run {
    enum run_end end;
    struct figures figures;
    const struct course *course; /* the load as it was played: the plan's, or a touched one */
    const struct steer *steer;   /* what somebody has done to it by hand; NULL: nobody could */
    int64_t started_wall_ns;
    int64_t origin_ns; /* start of the run */
    int64_t t0_ns;     /* TIME_NEVER_NS: the load never began */
    int64_t stop_ns;
    int64_t end_ns;
    int64_t window_ns;             /* the length of the measuring window, as it was */
    uint32_t ready_wanted;         /* connections that were to be ready at t0 */
    uint32_t ready_count;          /* those that were */
    uint32_t connections_kept_out; /* of the others: those whose last try the server refused */
    uint64_t errors_before_t0[ERROR_KINDS];
    enum run_opened opened; /* how the window opened; that of the leader in a fleet */
    uint32_t connections_peak;
    int64_t clock_step_ns; /* the largest step of the wall clock against the monotonic one */
    int64_t clock_cost_ns; /* of one reading, as measured before the run */
    int64_t clock_tick_ns; /* the smallest step seen between two readings */
    /* How late the supervisor's ticks were in the window: it sleeps nearly always, so a very late
     * tick means that this program was stalled. hdr NULL: not measured. */
    struct histogram tick_lag;
    const struct threshold *aborted_by;
    uint32_t ends_unfinished; /* workers whose closes did not complete in time */
    struct run_host *hosts;   /* hosts.h: in a fleet, once gathered; else none */
    uint32_t hosts_count;
    int64_t gather_until_ns; /* how long to wait for the others' figures */
    char backend[16];
    char fallback[160];
    struct error error;
};

/* Enters what the course asks for in each second of the series; once, in the run of the leader. */
void run_enter_target(struct run *run, const struct plan *plan);
/* Computes window and rates from figures and moments; to be repeated after figures were added. */
void run_measure(struct run *run, const struct plan *plan);
/* The same of figures that are not (or not yet) a run's: rates of the run and its stages, by the
 * window as it is. */
void run_measure_figures(struct figures *figures, const struct figures_window *window);
struct figures_window run_window(const struct run *run, const struct plan *plan);
/* run_conserve.c: what is due follows from the course alone. Arrivals that were due until the stop
 * and that no worker reported (a rank was lost, a worker failed) are entered as never started,
 * censored at their age. For the figures of the whole. */
void run_conserve(struct run *run, const struct plan *plan);
/* How long this program was stalled in the window: the lateness of its ticks, each less least_ns.
 * */
int64_t run_stalled_ns(const struct run *run, int64_t least_ns);
void run_close(struct run *run);
