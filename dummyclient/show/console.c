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
    CONSOLE_WAITING_BYTES_MAX = 1 << 20,
    CONSOLE_LINES_BYTES_MAX = 64 * 1024,
    CONSOLE_LAST_BYTES_MAX = 4 * 1024
};

static const int64_t CONSOLE_TERMINAL_EVERY_NS = 1 * NS_PER_S;
static const int64_t CONSOLE_LOG_EVERY_NS = 5 * NS_PER_S;
/* Whoever starts a run wants to see soon that it does what was meant. */
static const int64_t CONSOLE_LOG_FIRST_NS = 2 * NS_PER_S;

/* What is to be drawn. It becomes text only when it is written, for the terminal's size then. */
struct console__frame {
    struct screen_moment moment;
    struct live_view now;
    struct live_view before;
    struct screen_history history;
    int64_t steps_p99_ns[LIVE_STEPS_MAX];
};

static const char CONSOLE_TAKE_WHOLE[] = "\x1b[?1049h";
static const char CONSOLE_GIVE_BACK[] = "\x1b[H\x1b[J\x1b[?1049l";
static const char CONSOLE_HOME[] = "\x1b[H";
static const char CONSOLE_CLEAR_BELOW[] = "\x1b[J";

/* What the terminal shows. Used by the outlet's thread only, which may outlive the console if the
 * terminal is stopped.
 *
 * Where the terminal can be had whole, the screen has it for itself (the alternate screen of
 * xterm), and what was there comes back at the end: an inline screen leaves parts of itself in the
 * scroll-back when the window gets smaller. Lines that are printed meanwhile go to where they
 * belong, above the prompt, once a second; the last ones are shown below the screen. */
static struct console__shown {
    struct canvas_style style;
    bool terminal;
    bool can_whole;
    bool has_whole;
    struct canvas_shape shape; /* of an inline screen; the cursor is at its end */
    char lines[CONSOLE_LINES_BYTES_MAX];
    size_t lines_bytes;                /* of them, those that are not printed yet */
    char last[CONSOLE_LAST_BYTES_MAX]; /* the last ones, printed or not */
    char output[CONSOLE_LINES_BYTES_MAX + CANVAS_BYTES_MAX + 64];
    size_t output_bytes;
} console__shown;

static void console__draw_text(struct console__shown *shown, const struct console__frame *frame,
                               char text[CANVAS_BYTES_MAX])
{
    struct screen_moment moment = frame->moment;
    moment.now = &frame->now;
    moment.before = &frame->before;
    moment.history = &frame->history;
    moment.steps_p99_ns = frame->moment.steps_p99_ns != NULL ? frame->steps_p99_ns : NULL;
    moment.log = shown->can_whole ? shown->last : NULL;
    shown->style.columns = terminal_columns();
    shown->style.rows = terminal_rows();
    screen_draw(&moment, &shown->style, text, &shown->shape);
}

/* -------- the terminal as a whole -------- */

static void console__append(struct console__shown *shown, const char *text, size_t bytes)
{
    memcpy(shown->output + shown->output_bytes, text, bytes);
    shown->output_bytes += bytes;
}

static void console__append_text(struct console__shown *shown, const char *text)
{
    console__append(shown, text, strlen(text));
}

/* One write: a terminal shows nothing of what is between. */
static void console__flush(struct console__shown *shown, struct sink *sink)
{
    sink_write(sink, shown->output, shown->output_bytes, NULL);
    shown->output_bytes = 0;
}

/* The lines that wait go to where they stay. */
static void console__append_lines(struct console__shown *shown)
{
    if (shown->has_whole) {
        console__append_text(shown, CONSOLE_GIVE_BACK);
        shown->has_whole = false;
    }
    console__append(shown, shown->lines, shown->lines_bytes);
    shown->lines_bytes = 0;
}

/* Keeps the end of what was printed, in whole lines. */
static void console__keep_last(struct console__shown *shown, const char *text, size_t bytes)
{
    size_t room = sizeof shown->last - 1;
    if (bytes > room) {
        text += bytes - room;
        bytes = room;
    }
    size_t kept = strlen(shown->last);
    size_t dropped = kept + bytes > room ? kept + bytes - room : 0;
    memmove(shown->last, shown->last + dropped, kept - dropped);
    memcpy(shown->last + kept - dropped, text, bytes);
    shown->last[kept - dropped + bytes] = '\0';
}

static void console__take_lines(struct console__shown *shown, struct sink *sink, const char *text,
                                size_t bytes)
{
    console__keep_last(shown, text, bytes);
    while (bytes > 0) {
        size_t room = sizeof shown->lines - shown->lines_bytes;
        size_t part = bytes < room ? bytes : room;
        memcpy(shown->lines + shown->lines_bytes, text, part);
        shown->lines_bytes += part;
        text += part;
        bytes -= part;
        if (shown->lines_bytes == sizeof shown->lines) {
            console__append_lines(shown);
            console__flush(shown, sink);
        }
    }
}

static void console__write_whole(struct console__shown *shown, struct sink *sink, const char *text,
                                 size_t bytes, const struct console__frame *frame)
{
    bool ends = text == NULL && frame == NULL;
    if (bytes > 0) {
        console__take_lines(shown, sink, text, bytes);
    }
    if (ends || shown->lines_bytes > 0) {
        if (!ends && frame == NULL && shown->has_whole) {
            return; /* with the next screen */
        }
        console__append_lines(shown);
    }
    if (frame != NULL) {
        static char screen[CANVAS_BYTES_MAX];
        console__draw_text(shown, frame, screen);
        console__append_text(shown, shown->has_whole ? "" : CONSOLE_TAKE_WHOLE);
        console__append_text(shown, CONSOLE_HOME);
        console__append_text(shown, screen);
        console__append_text(shown, CONSOLE_CLEAR_BELOW);
        shown->has_whole = true;
    }
    console__flush(shown, sink);
}

/* -------- a part of the terminal -------- */

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
    static char text[CANVAS_BYTES_MAX];
    struct canvas_shape before = shown->shape;
    console__draw_text(shown, frame, text);
    if (before.lines_count > 0) {
        terminal_go_up(sink, screen_rows_up(&before, shown->style.columns));
    }
    sink_write(sink, text, strlen(text), NULL);
    terminal_clear_below(sink); /* a narrower window may have wrapped the previous screen */
}

/* The outlet's thread. */
static void console__write(void *context, struct sink *sink, const char *text, size_t bytes,
                           const void *frame)
{
    struct console__shown *shown = context;
    if (shown->can_whole) {
        console__write_whole(shown, sink, text, bytes, frame);
        return;
    }
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
    struct canvas_style *style = &shown->style;
    *console = (struct console){
        .plan = plan, .enabled = enabled, .origin_ns = now_ns, .printed_ns = now_ns};
    if (enabled) {
        shown->terminal = terminal_setup(&style->sequences);
        shown->can_whole = shown->terminal && style->sequences && terminal_has_whole();
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

static const int64_t *console__steps_p99(const struct figures *figures,
                                         int64_t steps_p99_ns[LIVE_STEPS_MAX])
{
    for (uint32_t i = 0; figures != NULL && i < figures->steps_count && i < LIVE_STEPS_MAX; i++) {
        const struct histogram *response = &figures->steps[i].latency[LATENCY_RESPONSE];
        steps_p99_ns[i] =
            histogram_count(response) > 0 ? histogram_percentile(response, 99).low_ns : 0;
    }
    return figures != NULL ? steps_p99_ns : NULL;
}

void console_tick(struct console *console, const struct course *course,
                  const struct figures *figures, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns)
{
    static struct console__frame frame; /* large; of the supervisor's thread */
    int64_t every_ns = console->terminal       ? CONSOLE_TERMINAL_EVERY_NS
                       : console->printed_once ? CONSOLE_LOG_EVERY_NS
                                               : CONSOLE_LOG_FIRST_NS;
    int64_t passed_ns = now_ns - console->printed_ns;
    if (!console->enabled || passed_ns < every_ns || phase == PHASE_ENDED) {
        return;
    }
    frame.now = *view;
    frame.before = console->before;
    frame.moment = (struct screen_moment){.plan = console->plan,
                                          .load = screen_load(course, run_ns, passed_ns),
                                          .phase = phase,
                                          .run_ns = run_ns,
                                          .origin_ns = now_ns - console->origin_ns,
                                          .passed_ns = passed_ns,
                                          .now = &frame.now,
                                          .before = &frame.before,
                                          .keys = console->keys};
    if (console->terminal) {
        frame.moment.steps_p99_ns = console__steps_p99(figures, frame.steps_p99_ns);
        screen_remember(&console->history, &frame.moment);
        frame.history = console->history;
        outlet_show(console->outlet, &frame);
    } else {
        char line[CONSOLE_LINE_BYTES_MAX / 2];
        screen_line(&frame.moment, line, sizeof line);
        console_print(console, line);
    }
    console->before = *view;
    console->printed_ns = now_ns;
    console->printed_once = true;
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
