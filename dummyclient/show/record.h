/* A record: what happened in an interval of the run, as one line of JSON; the common language of
 * --ndjson and of the live page. results/README.md lists its members. One thread. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"
#include "text/json.h"

/* Enough for the numbers of a record, without its lists. */
enum { RECORD_BYTES_LEAST = 4 << 10 };

/* What somebody has done to the run by hand. */
struct record_mark {
    int64_t at_ns;
    const char *kind; /* as in the result */
    const char *text;
    const char *who;
};

/* Of records that follow each other: the end of the last one. */
struct record {
    const struct plan *plan;
    int64_t origin_ns;
    int64_t made_ns;
    uint64_t due; /* until then */
    uint32_t marks_made;
    struct live_view before;
};

/* How the run stands at the end of a record. Times are on the clock of the origin. */
struct record_moment {
    enum run_phase phase;
    int64_t now_ns;
    int64_t t0_ns;                 /* TIME_NEVER_NS: the load has not begun */
    int64_t stop_ns;               /* TIME_NEVER_NS: not known yet */
    const struct course *course;   /* of the load, as it is played */
    const struct live_view *view;  /* sums since the origin */
    const struct figures *figures; /* of the window until now; NULL: there are none, or nobody
                                    * watches them */
    uint32_t marks_count;          /* since the origin */
    struct record_mark (*mark_at)(const void *marks, uint32_t index);
    const void *marks; /* what it is called with */
};

/* As many steps as the probe of a worker copies (play/probe.h) are shown. */
enum { RECORD_STEPS_MAX = 64 };

/* As a record has them. */
const char *record_phase_key(enum run_phase phase);
const char *record_share_key(enum live_share value);
const char *record_share_name(const struct plan *plan, uint32_t share);

void record_begin(struct record *record, const struct plan *plan, int64_t origin_ns);
/* Adds the line of what has happened since the last one, with its end. In at most so many bytes: of
 * more, lists are left out whole, and `left_out` names them. */
void record_make(const struct record *record, const struct record_moment *moment, size_t bytes_max,
                 struct json_text *line);
/* The next one begins here. */
void record_pass(struct record *record, const struct record_moment *moment);
/* Thresholds as an array: the verdicts of a run, or (NULL) as the figures stand. */
void record_add_thresholds(struct json_text *line, const struct plan *plan,
                           const struct figures *figures, const struct threshold_verdict *verdicts);
