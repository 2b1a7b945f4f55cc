/* The live screen as text: what a run looks like at this moment, in at most SCREEN_LINES_MAX lines
 * of `columns` columns. Pure: console.c decides when and where it is shown. */
#ifndef DUMMYLOAD_CLIENT_SCREEN_H
#define DUMMYLOAD_CLIENT_SCREEN_H

#include "live.h"
#include "plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum run_phase { PHASE_CONNECTING, PHASE_WARMUP, PHASE_RUNNING, PHASE_DRAINING, PHASE_ENDED };

enum { SCREEN_LINES_MAX = 16, SCREEN_COLUMNS_MAX = 200, SCREEN_BYTES_MAX = 8192 };

struct screen_style {
    int columns;    /* of the terminal; the last one stays empty */
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

/* Writes the lines, each with its line end; returns how many (9 where they are wide enough). What
 * does not fit goes to the next line or is left out: a number is never cut. The cursor stands at
 * the beginning of the first; every line clears what stood there. */
int screen_draw(const struct screen_moment *moment, const struct screen_style *style,
                char text[SCREEN_BYTES_MAX]);
/* The same in one line without colours, for logs. */
void screen_line(const struct screen_moment *moment, char *text, size_t bytes);

#endif
