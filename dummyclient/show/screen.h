/* The live screen as text: what a run looks like at this moment, in any number of rows and columns.
 * Pure: console.c decides when and where it is shown. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"
#include "show/canvas.h"

enum { SCREEN_SECONDS = 60 };

/* The last minute, second by second. */
struct screen_history {
    uint64_t rate_per_s[SCREEN_SECONDS]; /* of iterations */
    uint64_t p99_ns[SCREEN_SECONDS];     /* 0: no response */
    uint64_t count;                      /* since the beginning; n is in place n % SECONDS */
};

/* What the load asks for at a moment: copied, because a course that was touched is given back, and
 * a terminal that stands still is drawn later. */
struct screen_load {
    double due;     /* arrivals in the time that the rates are about */
    int64_t end_ns; /* since t0 */
    uint32_t stage;
    bool paused;
};

/* A moment: the numbers now and as of the last one, passed_ns ago. run_ns counts from t0, from the
 * origin while connecting; origin_ns from the origin. */
struct screen_moment {
    const struct plan *plan;
    struct screen_load load;
    enum run_phase phase;
    int64_t run_ns;
    int64_t origin_ns;
    int64_t passed_ns;
    const struct live_view *now;
    const struct live_view *before;
    const struct screen_history *history;
    const int64_t *steps_p99_ns; /* of the measuring window; NULL: it is not looked at */
    const char *keys;            /* what keys do; NULL: none do anything */
    const char *log;             /* lines that were printed last, each with its end; NULL: none */
};

/* run_ns, passed_ns: the moment's. */
struct screen_load screen_load(const struct course *course, int64_t run_ns, int64_t passed_ns);
/* Adds the moment to the history. */
void screen_remember(struct screen_history *history, const struct screen_moment *moment);
/* Writes the lines, without an end behind the last; returns how many. Less important lines are left
 * out where they do not fit; in very few rows the most important numbers follow each other. The
 * cursor is at the beginning of the first line; every line clears the previous text. */
int screen_draw(const struct screen_moment *moment, const struct canvas_style *style,
                char text[CANVAS_BYTES_MAX], struct canvas_shape *shape);
/* How many rows above the cursor the drawn text begins, given that a terminal that has become
 * narrower wraps its lines. */
int screen_rows_up(const struct canvas_shape *shape, int columns);
/* The same in one line without colours, for logs. */
void screen_line(const struct screen_moment *moment, char *text, size_t bytes);
