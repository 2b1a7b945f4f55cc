/* Pacing: the intended time of the n-th arrival. Pure arithmetic; any thread.
 *
 * Times are nanoseconds since t0. Constant and ramped stages are in closed form from the origin
 * (wrk2's multiplication, not an accumulated interval), so they never drift and never burst;
 * Poisson gaps come from a counter-based generator of (seed, n), so that every worker sees the
 * same sequence and takes its own share. */
#pragma once

#include "core/error.h"
#include "scenario/scenario.h"

struct pacing_stage {
    int64_t start_ns;
    int64_t end_ns;
    double rate_from_per_s;
    double rate_to_per_s;
    double slope_per_s2;    /* how much the rate changes in a second */
    double arrivals_before; /* expected arrivals before start_ns */
    uint32_t number;        /* of the load's stages: a touched one has several parts (course.h) */
};

struct pacing {
    struct pacing_stage *stages;
    uint32_t stages_count;
    enum scenario_arrival arrival;
    uint64_t seed;
    int64_t end_ns;
    double arrivals_total; /* expected arrivals before end_ns */
};

/* Which arrivals of the load: all (the target), those that any connection may play, or those of one
 * connection (rate_per_connection). */
enum pacing_part { PACING_WHOLE, PACING_SHARED, PACING_EACH };

/* Walks the arrivals of one stream in order; Poisson needs the walk. */
struct pacing_cursor {
    uint64_t n;         /* number of the arrival that time_ns belongs to */
    int64_t time_ns;    /* TIME_NEVER_NS past the end */
    double poisson_sum; /* sum of unit-rate gaps up to n */
    double phase; /* even arrivals: the first one's place, in parts of a gap, 0 <= phase < 1 */
    uint64_t key; /* of the stream's gaps */
    uint32_t stage;
};

bool pacing_open(struct pacing *pacing, const struct scenario_load *load, enum pacing_part part,
                 struct error *error);
void pacing_close(struct pacing *pacing);
/* The same load, several times at once. */
void pacing_multiply(struct pacing *pacing, uint32_t times);
/* The first arrival of the one stream that all share. */
void pacing_first(const struct pacing *pacing, struct pacing_cursor *cursor);
/* The first arrival of one of many streams. phase keeps even ones from beginning together. */
void pacing_first_of(const struct pacing *pacing, uint64_t stream, double phase,
                     struct pacing_cursor *cursor);
/* The next arrival. */
void pacing_advance(const struct pacing *pacing, struct pacing_cursor *cursor);
/* pacing_advance() in two halves, for walks that take few of the arrivals: go to the next arrival
 * without working out its time (false: past the end, time_ns is TIME_NEVER_NS), then its time. */
bool pacing_step(const struct pacing *pacing, struct pacing_cursor *cursor);
void pacing_locate(const struct pacing *pacing, struct pacing_cursor *cursor);
/* The time at which so many arrivals more are expected than before the cursor's (a half: halfway to
 * the next one, where they are even), but no later than the last moment of its stage. */
int64_t pacing_time_after(const struct pacing *pacing, const struct pacing_cursor *cursor,
                          double arrivals);
/* How many arrivals are due before a time; of random ones as many as are expected. */
uint64_t pacing_due(const struct pacing *pacing, int64_t time_ns);
/* Works out its time again, by another load that was the same before the cursor's arrival. */
void pacing_relocate(const struct pacing *pacing, struct pacing_cursor *cursor);
/* Back to the first arrival of its stream at time_ns or later, if the cursor is beyond it. */
void pacing_rewind(const struct pacing *pacing, struct pacing_cursor *cursor, int64_t time_ns);
/* Skips `steps` arrivals; O(1) where arrivals are even. */
bool pacing_skip(const struct pacing *pacing, struct pacing_cursor *cursor, uint64_t steps);
/* Even arrivals only: the number of the first one of the cursor's stream at time_ns or later. */
uint64_t pacing_number_at(const struct pacing *pacing, const struct pacing_cursor *cursor,
                          int64_t time_ns);
/* Expected arrivals before a time: the integral of the rate. */
double pacing_count(const struct pacing *pacing, int64_t time_ns);
/* The target rate at a time, for the display. */
double pacing_rate_per_s(const struct pacing *pacing, int64_t time_ns);
/* Which of the load's stages a time belongs to; times after all of them to the last. */
uint32_t pacing_stage_number(const struct pacing *pacing, int64_t time_ns);
/* From when until when a stage of the load is played; false: it is not, it was ended before. */
bool pacing_stage_span(const struct pacing *pacing, uint32_t number, int64_t *from_ns,
                       int64_t *until_ns);

/* What changes in a stage from `from` to `to`, at a time since its start. A part of a stage has the
 * ramp of the whole. */
double pacing_ramp(const struct scenario_stage *stage, double from, double to, int64_t at_ns);
