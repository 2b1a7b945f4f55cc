/* The live display, on standard error: on a terminal one line, rewritten once a second; elsewhere
 * a line every few seconds. The supervisor's thread only. */
#ifndef DUMMYLOAD_CLIENT_CONSOLE_H
#define DUMMYLOAD_CLIENT_CONSOLE_H

#include "live.h"
#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

enum run_phase { PHASE_CONNECTING, PHASE_WARMUP, PHASE_RUNNING, PHASE_DRAINING, PHASE_ENDED };

struct console {
    const struct plan *plan;
    bool enabled;
    bool terminal;
    bool line_open; /* the cursor stands on a line that will be rewritten */
    int64_t printed_ns;
    struct live_view before; /* as of the last line */
};

void console_open(struct console *console, const struct plan *plan, bool enabled, int64_t now_ns);
/* Prints when a line is due. run_ns: since t0 (connecting: since the origin). */
void console_tick(struct console *console, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns);
/* Removes the live line, so that something else can be printed. */
void console_clear(struct console *console);

#endif
