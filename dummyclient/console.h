/* The live display, on standard error: on a terminal a screen, drawn anew once a second; elsewhere
 * a line every few seconds. The supervisor's thread only. */
#ifndef DUMMYLOAD_CLIENT_CONSOLE_H
#define DUMMYLOAD_CLIENT_CONSOLE_H

#include "live.h"
#include "plan.h"
#include "screen.h"

#include <stdbool.h>
#include <stdint.h>

struct console {
    const struct plan *plan;
    bool enabled;
    bool terminal;
    struct screen_style style;
    int lines_count; /* of the screen that stands there now; the cursor is below it */
    int64_t printed_ns;
    struct live_view before; /* as of the last screen or line */
};

void console_open(struct console *console, const struct plan *plan, bool enabled, int64_t now_ns);
/* Shows what is due. run_ns: since t0 (connecting: since the origin). */
void console_tick(struct console *console, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns);
/* Removes the screen, so that something else can be printed. */
void console_clear(struct console *console);

#endif
