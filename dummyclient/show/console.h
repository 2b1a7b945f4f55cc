/* The live display, on standard error: on a terminal a screen, redrawn once a second, that is gone
 * at the end; elsewhere a line every few seconds; and the lines of log steps. A separate thread
 * writes: a stopped terminal does not block the supervisor, whose thread calls these. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"
#include "show/screen.h"

struct outlet;

struct console {
    const struct plan *plan;
    bool enabled;
    bool terminal;
    const char *keys; /* what keys do, for the screen's last line; NULL: none do anything */
    int64_t origin_ns;
    int64_t printed_ns;
    bool printed_once;
    struct live_view before; /* as of the last screen or line */
    struct screen_history history;
    struct outlet *outlet;
    uint64_t left_out; /* lines that did not fit */
};

/* Once per process. False: no thread or no memory for it. */
bool console_open(struct console *console, const struct plan *plan, bool enabled, int64_t now_ns,
                  struct error *error);
/* Shows what is due. course: of the load, as it is played. figures: of the measuring window; NULL:
 * they are not looked at. run_ns: since t0 (connecting: since the origin). */
void console_tick(struct console *console, const struct course *course,
                  const struct figures *figures, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns);
/* A line, without its end: it stays in the terminal (while the screen is there, it is also shown
 * below it). Counted where there is no room for it.
 * console: a struct console (logbook_print() takes this as it is). */
void console_print(void *console, const char *line);
/* Writes what is pending, within the time limit, and removes the screen. */
void console_close(struct console *console, int64_t within_ns);
