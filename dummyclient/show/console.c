#include "show/console.h"

#include "core/clock.h"
#include "files/outlet.h"
#include "files/sink.h"
#include "show/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONSOLE_NOTE_BYTES_MAX = 96,
    CONSOLE_LINE_BYTES_MAX = 640,
    CONSOLE_WAITING_BYTES_MAX = 1 << 20
};

static const int64_t CONSOLE_TERMINAL_EVERY_NS = 1 * NS_PER_S;
static const int64_t CONSOLE_LOG_EVERY_NS = 5 * NS_PER_S;

/* What is to be drawn. It becomes text only when it is written, for the terminal's size then. */
struct console__frame {
    struct screen_moment moment;
    struct live_view now;
    struct live_view before;
};

/* What the terminal shows. Used by the outlet's thread only, which may outlive the console if the
 * terminal is stopped. */
static struct console__shown {
    struct screen_style style;
    bool terminal;
    struct screen_shape shape; /* of the present screen; the cursor is behind it */
} console__shown;

/* Removes the screen, so that something else can be printed. */
static void console__clear(struct console__shown *shown, struct sink *sink)
{
    if (shown->shape.lines_count > 0) {
        terminal_go_up(sink, screen_rows_up(&shown->shape, terminal_columns()));
        terminal_clear_below(sink);
        shown->shape.lines_count = 0;
    }
}

static void console__draw(struct console__shown *shown, struct sink *sink,
                          const struct console__frame *frame)
{
    char text[SCREEN_BYTES_MAX];
    struct screen_moment moment = frame->moment;
    moment.now = &frame->now;
    moment.before = &frame->before;
    shown->style.columns = terminal_columns();
    shown->style.rows = terminal_rows();
    struct screen_shape shape;
    screen_draw(&moment, &shown->style, text, &shape);
    if (shown->shape.lines_count > 0) {
        terminal_go_up(sink, screen_rows_up(&shown->shape, shown->style.columns));
    }
    sink_write(sink, text, strlen(text), NULL);
    terminal_clear_below(sink); /* a narrower window may have wrapped the previous screen */
    shown->shape = shape;
}

/* The outlet's thread. */
static void console__write(void *context, struct sink *sink, const char *text, size_t bytes,
                           const void *frame)
{
    struct console__shown *shown = context;
    if (bytes > 0 || frame == NULL) {
        console__clear(shown, sink);
    }
    if (bytes > 0) {
        sink_write(sink, text, bytes, NULL);
    }
    if (frame != NULL) {
        console__draw(shown, sink, frame);
    }
}

bool console_open(struct console *console, const struct plan *plan, bool enabled, int64_t now_ns,
                  struct error *error)
{
    /* https://no-color.org: present and not empty. */
    const char *no_color = getenv("NO_COLOR");
    struct console__shown *shown = &console__shown;
    struct screen_style *style = &shown->style;
    *console = (struct console){.plan = plan, .enabled = enabled, .printed_ns = now_ns};
    if (enabled) {
        shown->terminal = terminal_setup(&style->sequences);
        if (plan->options->screen && !shown->terminal) {
            shown->terminal = true;
            style->sequences = true; /* the user says that a terminal reads it */
        }
        style->color = style->sequences && (no_color == NULL || no_color[0] == '\0');
        style->utf8 = terminal_is_utf8();
    }
    console->terminal = shown->terminal;
    struct outlet_options options = {.write = console__write,
                                     .context = shown,
                                     .text_bytes_max = CONSOLE_WAITING_BYTES_MAX,
                                     .frame_bytes = sizeof(struct console__frame)};
    sink_standard_error(&options.sink);
    console->outlet = outlet_open(&options, error);
    return console->outlet != NULL;
}

static char *console__left_out(uint64_t count, char text[CONSOLE_NOTE_BYTES_MAX])
{
    snprintf(text, CONSOLE_NOTE_BYTES_MAX,
             "%" PRIu64 " lines were left out here: standard error was not read", count);
    return text;
}

static bool console__put(struct console *console, const char *line)
{
    char text[CONSOLE_LINE_BYTES_MAX];
    int bytes = snprintf(text, sizeof text, "%.*s\n", (int)sizeof text - 2, line);
    return outlet_put(console->outlet, text, (size_t)bytes);
}

void console_print(void *context, const char *line)
{
    struct console *console = context;
    if (console->left_out > 0) {
        char note[CONSOLE_NOTE_BYTES_MAX];
        console__left_out(console->left_out, note);
        console->left_out = console__put(console, note) ? 0 : console->left_out;
    }
    console->left_out += !console__put(console, line);
}

void console_tick(struct console *console, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns)
{
    static struct console__frame frame; /* large; of the supervisor's thread */
    int64_t every_ns = console->terminal ? CONSOLE_TERMINAL_EVERY_NS : CONSOLE_LOG_EVERY_NS;
    int64_t passed_ns = now_ns - console->printed_ns;
    if (!console->enabled || passed_ns < every_ns || phase == PHASE_ENDED) {
        return;
    }
    frame.now = *view;
    frame.before = console->before;
    frame.moment = (struct screen_moment){.plan = console->plan,
                                          .phase = phase,
                                          .run_ns = run_ns,
                                          .passed_ns = passed_ns,
                                          .now = &frame.now,
                                          .before = &frame.before};
    if (console->terminal) {
        outlet_show(console->outlet, &frame);
    } else {
        char line[CONSOLE_LINE_BYTES_MAX / 2];
        screen_line(&frame.moment, line, sizeof line);
        console_print(console, line);
    }
    console->before = *view;
    console->printed_ns = now_ns;
}

void console_close(struct console *console, int64_t within_ns)
{
    bool in_time = outlet_close(console->outlet, within_ns, NULL);
    console->outlet = NULL;
    if (in_time && console->left_out > 0) {
        /* No later line has reported them. */
        char note[CONSOLE_NOTE_BYTES_MAX];
        struct sink sink;
        sink_standard_error(&sink);
        sink.patience_ns = within_ns;
        strcat(console__left_out(console->left_out, note), "\n");
        sink_write(&sink, note, strlen(note), NULL);
    }
}
