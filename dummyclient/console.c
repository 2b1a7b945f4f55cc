#include "console.h"

#include "core/clock.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONSOLE_LINE_BYTES_MAX = 256 };

static const int64_t CONSOLE_TERMINAL_EVERY_NS = 1 * NS_PER_S;
static const int64_t CONSOLE_LOG_EVERY_NS = 5 * NS_PER_S;

void console_open(struct console *console, const struct plan *plan, bool enabled, int64_t now_ns)
{
    /* https://no-color.org: present and not empty. */
    const char *no_color = getenv("NO_COLOR");
    *console = (struct console){.plan = plan, .enabled = enabled, .printed_ns = now_ns};
    if (enabled) {
        console->terminal = terminal_setup(&console->style.sequences);
        if (plan->options->screen && !console->terminal) {
            console->terminal = true;
            console->style.sequences = true; /* whoever asks for it there has a terminal behind */
        }
        console->style.color =
            console->style.sequences && (no_color == NULL || no_color[0] == '\0');
        console->style.utf8 = terminal_is_utf8();
    }
}

/* To the beginning of the first line of what stands there. */
static void console__go_up(const struct console *console)
{
    if (console->lines_count > 0) {
        terminal_go_up(console->lines_count);
    }
}

void console_clear(struct console *console)
{
    if (console->lines_count > 0) {
        console__go_up(console);
        terminal_clear_below();
        fflush(stderr);
        console->lines_count = 0;
    }
}

static void console__draw(struct console *console, const struct screen_moment *moment)
{
    char text[SCREEN_BYTES_MAX];
    console->style.columns = terminal_columns();
    int lines_count = screen_draw(moment, &console->style, text);
    console__go_up(console);
    /* What is left below after the window has become narrower and lines were wrapped. */
    terminal_write(text);
    terminal_clear_below();
    fflush(stderr);
    console->lines_count = lines_count;
}

void console_tick(struct console *console, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns)
{
    int64_t every_ns = console->terminal ? CONSOLE_TERMINAL_EVERY_NS : CONSOLE_LOG_EVERY_NS;
    int64_t passed_ns = now_ns - console->printed_ns;
    if (!console->enabled || passed_ns < every_ns || phase == PHASE_ENDED) {
        return;
    }
    struct screen_moment moment = {.plan = console->plan,
                                   .phase = phase,
                                   .run_ns = run_ns,
                                   .passed_ns = passed_ns,
                                   .now = view,
                                   .before = &console->before};
    if (console->terminal) {
        console__draw(console, &moment);
    } else {
        char line[CONSOLE_LINE_BYTES_MAX];
        screen_line(&moment, line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
    console->before = *view;
    console->printed_ns = now_ns;
}
