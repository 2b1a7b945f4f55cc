/* The live screen as text: what a run looks like at this moment, in at most SCREEN_LINES_MAX lines
 * of `columns` columns. Pure: console.c decides when and where it is shown. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"

enum { SCREEN_LINES_MAX = 16, SCREEN_COLUMNS_MAX = 200, SCREEN_BYTES_MAX = 8192 };

struct screen_style {
    int columns;    /* of the terminal; the last one stays empty */
    int rows;       /* of it: what does not fit is left out; 0: not known, plenty */
    bool sequences; /* ANSI sequences: lines clear what is behind them; else spaces do */
    bool color;
    bool utf8;
};

/* A moment: the numbers now and as of the last one, passed_ns ago. run_ns counts from t0, from the
 * origin while connecting. */
struct screen_moment {
    const struct plan *plan;
    enum run_phase phase;
    int64_t run_ns;
    int64_t passed_ns;
    const struct live_view *now;
    const struct live_view *before;
};

/* What was drawn: to find the way back to its beginning. */
struct screen_shape {
    int lines_count;
    int columns[SCREEN_LINES_MAX]; /* of each line */
    bool ended;                    /* the last line, too: the cursor is below it */
};

/* Writes the lines, each with its line end; returns how many (9 where there is room for them). What
 * does not fit goes to the next line or is left out: a number is never cut. With less rows than
 * lines the less important lines are left out; what is left has a row below it for the cursor, or
 * is one line without an end. The cursor is at the beginning of the first; every line clears the
 * previous text. */
int screen_draw(const struct screen_moment *moment, const struct screen_style *style,
                char text[SCREEN_BYTES_MAX], struct screen_shape *shape);
/* How many rows above the cursor the drawn text begins, given that a terminal that has become
 * narrower wraps its lines. */
int screen_rows_up(const struct screen_shape *shape, int columns);
/* The same in one line without colours, for logs. */
void screen_line(const struct screen_moment *moment, char *text, size_t bytes);
