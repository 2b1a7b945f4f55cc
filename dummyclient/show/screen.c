#include "show/screen.h"

#include "core/clock.h"
#include "core/printable.h"
#include "text/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char SCREEN_RED[] = "\x1b[31m";
static const char SCREEN_YELLOW[] = "\x1b[33m";
static const char SCREEN_PLAIN[] = "\x1b[0m";
static const char SCREEN_CLEAR_LINE[] = "\x1b[K";

struct screen {
    const struct screen_moment *moment;
    const struct screen_style *style;
    char *text;
    size_t used_bytes;
    struct screen_shape *shape;
    bool one; /* a single line, which has no end */
};

/* The counters that game-server dummies are judged by. */
struct screen_counters {
    uint64_t connect_fail;
    uint64_t unexpected_disconnect;
    uint64_t setup_unanswered;
    uint64_t unanswered; /* the rest */
    uint64_t packet_error;
    uint64_t other;
};

static struct screen_counters screen__count(const struct live_view *view)
{
    const uint64_t *errors = view->counters.errors;
    struct screen_counters counters = {
        .connect_fail = errors[ERROR_KIND_CONNECT_REFUSED] + errors[ERROR_KIND_CONNECT_TIMEOUT] +
                        errors[ERROR_KIND_CONNECT_UNREACHABLE] + errors[ERROR_KIND_CONNECT_OTHER],
        .unexpected_disconnect = errors[ERROR_KIND_RESET] + errors[ERROR_KIND_UNEXPECTED_CLOSE],
        .setup_unanswered = view->setup_timeouts,
        .packet_error = errors[ERROR_KIND_MISMATCH] + errors[ERROR_KIND_FRAME_ERROR]};
    /* Numbers of one moment may be a little apart. */
    uint64_t timeouts = errors[ERROR_KIND_RESPONSE_TIMEOUT];
    counters.unanswered =
        timeouts > counters.setup_unanswered ? timeouts - counters.setup_unanswered : 0;
    uint64_t all = counters_errors_sum(&view->counters);
    uint64_t shown = counters.connect_fail + counters.unexpected_disconnect +
                     counters.setup_unanswered + counters.unanswered + counters.packet_error;
    counters.other = all > shown ? all - shown : 0;
    return counters;
}

static int screen__columns(const struct screen *screen)
{
    int columns = screen->style->columns - 1;
    return columns < SCREEN_COLUMNS_MAX ? columns : SCREEN_COLUMNS_MAX;
}

/* The columns of the letter that begins here: 0 for bytes that continue one. Most of those of four
 * bytes, and of three from U+1100 to U+115F and from U+2E80 to U+FFEF, take two (Unicode Standard
 * Annex 11); to take one of the others for wide does no harm. */
static int screen__letter_columns(const char *at)
{
    unsigned char first = (unsigned char)at[0];
    unsigned char second = first == '\0' ? 0 : (unsigned char)at[1];
    bool wide = first >= 0xF0 || (first == 0xE1 && (second == 0x84 || second == 0x85)) ||
                (first == 0xE2 && second >= 0xBA) || (first >= 0xE3 && first < 0xF0);
    return (first & 0xC0) == 0x80 ? 0 : wide ? 2 : 1;
}

/* How much of a line fits, in columns as a terminal counts. A line that is too long ends behind a
 * whole item: a number that is cut is a wrong one. */
static size_t screen__fitting_bytes(const struct screen *screen, const char *line,
                                    int *columns_used)
{
    int columns_max = screen__columns(screen);
    size_t whole_bytes = 0;
    size_t bytes = 0;
    int whole_columns = 0;
    int columns = 0;
    for (; line[bytes] != '\0'; bytes++) {
        if ((line[bytes] == ',' || line[bytes] == ';' || line[bytes] == ' ') &&
            line[bytes + 1] == ' ') {
            whole_bytes = bytes;
            whole_columns = columns;
        }
        columns += screen__letter_columns(line + bytes);
        if (columns > columns_max) {
            columns -= screen__letter_columns(line + bytes);
            *columns_used = whole_bytes > 0 ? whole_columns : columns;
            return whole_bytes > 0 ? whole_bytes : bytes;
        }
    }
    *columns_used = columns;
    return bytes;
}

static void screen__put(struct screen *screen, const char *color, const char *line)
{
    struct screen_shape *shape = screen->shape;
    if (shape->lines_count == SCREEN_LINES_MAX) {
        return;
    }
    bool colored = color != NULL && screen->style->color;
    bool sequences = screen->style->sequences;
    int columns;
    size_t bytes = screen__fitting_bytes(screen, line, &columns);
    int spaces = sequences ? 0 : screen__columns(screen) - columns;
    int length = snprintf(screen->text + screen->used_bytes, SCREEN_BYTES_MAX - screen->used_bytes,
                          "%s%.*s%*s%s%s%s", colored ? color : "", (int)bytes, line, spaces, "",
                          colored ? SCREEN_PLAIN : "", sequences ? SCREEN_CLEAR_LINE : "",
                          screen->one ? "" : "\n");
    screen->used_bytes += (size_t)length;
    shape->columns[shape->lines_count++] = columns + spaces;
}

static ERROR_PRINTF(3, 4) void screen__print(struct screen *screen, const char *color,
                                             const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    printable_text(line, line, sizeof line); /* names come from a scenario */
    for (char *at = line; *at != '\0' && !screen->style->utf8; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?'; /* some bytes of UTF-8 would be commands */
    }
    screen__put(screen, color, line);
}

/* Items on as many lines as they need; those after the first are indented. Plain ASCII. */
static void screen__put_items(struct screen *screen, const char *color, int indent,
                              const char *label, const char *const *items, int items_count,
                              const char *separator)
{
    char line[512];
    int length = snprintf(line, sizeof line, "%-*s", indent, label);
    for (int i = 0; i < items_count; i++) {
        int wanted = (int)(strlen(items[i]) + strlen(separator));
        if (i > 0 && length + wanted > screen__columns(screen)) {
            screen__put(screen, color, line);
            length = snprintf(line, sizeof line, "%-*s", indent, "");
        } else if (i > 0) {
            length += snprintf(line + length, sizeof line - (size_t)length, "%s", separator);
        }
        length += snprintf(line + length, sizeof line - (size_t)length, "%s", items[i]);
    }
    screen__put(screen, color, line);
}

static uint64_t screen__per_second(const struct screen_moment *moment, enum total_kind kind)
{
    uint64_t amount = moment->now->counters.totals[kind] - moment->before->counters.totals[kind];
    return (uint64_t)((double)amount * (double)NS_PER_S / (double)moment->passed_ns + 0.5);
}

static const char *screen__seconds(int64_t time_ns, char text[UNITS_TEXT_BYTES_MAX])
{
    int64_t seconds = time_ns < 0 ? 0 : (time_ns + NS_PER_S / 2) / NS_PER_S;
    if (seconds >= 3600) {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%" PRId64 "h %02dm", seconds / 3600,
                 (int)(seconds / 60 % 60));
    } else if (seconds >= 60) {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%dm %02ds", (int)(seconds / 60), (int)(seconds % 60));
    } else {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%d s", (int)seconds);
    }
    return text;
}

/* "running, stage 2 of 3" */
static void screen__phase(const struct screen_moment *moment, char *text, size_t bytes)
{
    static const char *const WORDS[] = {"connecting", "warm-up", "running", "draining", "ended"};
    const struct pacing *pacing = &moment->plan->course.pacing;
    bool playing = moment->phase == PHASE_WARMUP || moment->phase == PHASE_RUNNING;
    if (!playing || pacing->stages_count < 2) {
        snprintf(text, bytes, "%s", WORDS[moment->phase]);
        return;
    }
    uint32_t stage = 0;
    while (stage + 1 < pacing->stages_count && moment->run_ns >= pacing->stages[stage].end_ns) {
        stage++;
    }
    snprintf(text, bytes, "%s, stage %" PRIu32 " of %" PRIu32, WORDS[moment->phase], stage + 1,
             pacing->stages_count);
}

static void screen__title(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    const struct plan *plan = moment->plan;
    char phase[64];
    char name[64];
    char passed[UNITS_TEXT_BYTES_MAX];
    char whole[UNITS_TEXT_BYTES_MAX];
    char time[4 * UNITS_TEXT_BYTES_MAX];
    screen__phase(moment, phase, sizeof phase);
    snprintf(name, sizeof name, "%.20s", plan->scenario->name);
    if (moment->phase == PHASE_WARMUP || moment->phase == PHASE_RUNNING) {
        snprintf(time, sizeof time, "%s of %s", screen__seconds(moment->run_ns, passed),
                 screen__seconds(plan->duration_ns, whole));
    } else {
        snprintf(time, sizeof time, "%s", screen__seconds(moment->run_ns, passed));
    }
    char ranks[UNITS_TEXT_BYTES_MAX + 16] = "";
    if (plan->ranks > 1) {
        snprintf(ranks, sizeof ranks, ", %" PRIu32 " ranks", plan->ranks);
    }
    screen__print(screen, NULL, "%s, %.23s%s: %s, %s", name, plan->targets[0].name, ranks, phase,
                  time);
}

static void screen__bar(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    const struct plan *plan = moment->plan;
    const char *full = screen->style->utf8 ? "\xE2\x96\x88" : "#";  /* U+2588 */
    const char *empty = screen->style->utf8 ? "\xE2\x96\x91" : "-"; /* U+2591 */
    double share = moment->phase == PHASE_CONNECTING
                       ? (double)moment->now->gauges[LIVE_SETTLED] / (double)plan->connections
                   : moment->phase == PHASE_DRAINING || moment->phase == PHASE_ENDED
                       ? 1
                       : (double)moment->run_ns / (double)plan->duration_ns;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    char left[UNITS_TEXT_BYTES_MAX + 8] = "";
    if (moment->phase == PHASE_WARMUP || moment->phase == PHASE_RUNNING) {
        char text[UNITS_TEXT_BYTES_MAX];
        snprintf(left, sizeof left, ", %s left",
                 screen__seconds(plan->duration_ns - moment->run_ns, text));
    }
    int cells = screen->style->columns - 22;
    cells = cells < 10 ? 10 : cells > 100 ? 100 : cells;
    char bar[100 * 3 + 16];
    size_t bytes = 0;
    for (int i = 0; i < cells; i++) {
        bytes += (size_t)snprintf(bar + bytes, sizeof bar - bytes, "%s",
                                  (i + 0.5) / cells <= share ? full : empty);
    }
    screen__print(screen, NULL, "%s %3d%%%s", bar, (int)(share * 100 + 0.5), left);
}

/* No response: not a fast one. */
static const char *screen__percentile(const struct screen_moment *moment,
                                      const struct live_view *before, double percentile,
                                      char text[UNITS_TEXT_BYTES_MAX])
{
    int64_t value_ns = live_percentile_ns(moment->now, before, percentile);
    return value_ns > 0 ? units_format_duration(value_ns, text) : "-";
}

static void screen__latency(struct screen *screen, const char *label,
                            const struct live_view *before, const char *of)
{
    static const double PERCENTILES[] = {50, 99, 100};
    char texts[3][UNITS_TEXT_BYTES_MAX];
    const char *values[3];
    for (int i = 0; i < 3; i++) {
        values[i] = screen__percentile(screen->moment, before, PERCENTILES[i], texts[i]);
    }
    screen__print(screen, NULL, "%-13s p50 %-10s p99 %-10s max %-10s %s", label, values[0],
                  values[1], values[2], of);
}

/* Have fewer iterations begun since the last screen than were due? By the verdict's measure, with a
 * tolerance for chance: a Poisson draw is seldom off by three times its deviation. */
static bool screen__is_missed(const struct screen_moment *moment)
{
    const struct pacing *pacing = &moment->plan->course.pacing;
    uint64_t ended = moment->now->counters.totals[TOTAL_ITERATIONS] -
                     moment->before->counters.totals[TOTAL_ITERATIONS];
    double due = pacing_count(pacing, moment->run_ns) -
                 pacing_count(pacing, moment->run_ns - moment->passed_ns);
    double chance = pacing->arrival == ARRIVAL_POISSON ? 3 * sqrt(due) : 1;
    return (double)ended < PLAN_RATE_MET * due - chance;
}

static void screen__rate(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    uint64_t achieved_per_s = screen__per_second(moment, TOTAL_ITERATIONS);
    char achieved[UNITS_TEXT_BYTES_MAX];
    char target[UNITS_TEXT_BYTES_MAX];
    bool playing = moment->phase == PHASE_WARMUP || moment->phase == PHASE_RUNNING;
    units_format_count(achieved_per_s, achieved);
    if (!moment->plan->open_loop || !playing) {
        screen__print(screen, NULL, "%-13s %s/s%s", "iterations", achieved,
                      moment->plan->open_loop ? "" : " (closed loop: as fast as replies come)");
        return;
    }
    double target_per_s = pacing_rate_per_s(&moment->plan->course.pacing, moment->run_ns);
    screen__print(screen, screen__is_missed(moment) ? SCREEN_YELLOW : NULL,
                  "%-13s %s/s of %s/s wanted", "iterations", achieved,
                  units_format_count((uint64_t)(target_per_s + 0.5), target));
}

enum { SCREEN_ITEM_BYTES_MAX = 64 + 2 * UNITS_TEXT_BYTES_MAX };

static void screen__traffic(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    char texts[4][UNITS_TEXT_BYTES_MAX];
    char messages[SCREEN_ITEM_BYTES_MAX];
    char bytes[SCREEN_ITEM_BYTES_MAX];
    snprintf(messages, sizeof messages, "sent %s/s, received %s/s",
             units_format_count(screen__per_second(moment, TOTAL_MESSAGES_SENT), texts[0]),
             units_format_count(screen__per_second(moment, TOTAL_MESSAGES_RECEIVED), texts[1]));
    snprintf(bytes, sizeof bytes, "%s/s out, %s/s in",
             units_format_bytes(screen__per_second(moment, TOTAL_BYTES_SENT), texts[2]),
             units_format_bytes(screen__per_second(moment, TOTAL_BYTES_RECEIVED), texts[3]));
    screen__put_items(screen, NULL, 14, "messages", (const char *const[]){messages, bytes}, 2,
                      "; ");
}

static void screen__errors(struct screen *screen, const struct screen_counters *counters)
{
    enum { PER_LINE = 3, LINES = 2 };
    const struct plan *plan = screen->moment->plan;
    char unanswered[48] = "no reply";
    if (plan->steps_count == 1) {
        snprintf(unanswered, sizeof unanswered, "no reply to %.20s", plan->step_names[0]);
        printable_text(unanswered, unanswered, sizeof unanswered);
    }
    const struct {
        const char *name;
        uint64_t count;
    } all[LINES][PER_LINE] = {{{"connect fail", counters->connect_fail},
                               {"unexpected disconnect", counters->unexpected_disconnect},
                               {"no reply in setup", counters->setup_unanswered}},
                              {{unanswered, counters->unanswered},
                               {"packet error", counters->packet_error},
                               {"other errors", counters->other}}};
    for (int line = 0; line < LINES; line++) {
        char texts[PER_LINE][SCREEN_ITEM_BYTES_MAX];
        const char *items[PER_LINE];
        bool any = false;
        for (int i = 0; i < PER_LINE; i++) {
            char count[UNITS_TEXT_BYTES_MAX];
            snprintf(texts[i], sizeof texts[i], "%s %s", all[line][i].name,
                     units_format_count(all[line][i].count, count));
            items[i] = texts[i];
            any |= all[line][i].count > 0;
        }
        screen__put_items(screen, any ? SCREEN_RED : NULL, 0, "", items, PER_LINE, ", ");
    }
}

static void screen__connections(struct screen *screen, const struct screen_counters *counters)
{
    const uint32_t *gauges = screen->moment->now->gauges;
    char texts[3][UNITS_TEXT_BYTES_MAX];
    screen__print(screen, NULL, "%-13s trying %s, open %s, failed %s", "connections",
                  units_format_count(gauges[LIVE_CONNECTING], texts[0]),
                  units_format_count(gauges[LIVE_OPEN], texts[1]),
                  units_format_count(counters->connect_fail, texts[2]));
}

/* From the whole screen to the one line that fits every terminal. */
enum screen__detail { SCREEN_ALL, SCREEN_MOST, SCREEN_SOME, SCREEN_ONE };

static void screen__draw(struct screen *screen, enum screen__detail detail)
{
    static const struct live_view nothing;
    const struct screen_moment *moment = screen->moment;
    struct screen_counters counters = screen__count(moment->now);
    *screen->shape = (struct screen_shape){.ended = detail != SCREEN_ONE};
    screen->used_bytes = 0;
    screen->text[0] = '\0';
    screen->one = detail == SCREEN_ONE;
    if (detail == SCREEN_ONE) {
        char line[256];
        screen_line(moment, line, sizeof line);
        screen__put(screen, NULL, line + strspn(line, " "));
        return;
    }
    screen__title(screen);
    if (detail == SCREEN_ALL) {
        screen__bar(screen);
    }
    if (detail <= SCREEN_MOST) {
        screen__connections(screen, &counters);
    }
    screen__rate(screen);
    if (detail <= SCREEN_MOST) {
        screen__traffic(screen);
    }
    screen__latency(screen, "response", moment->before, "last second");
    if (detail == SCREEN_ALL) {
        screen__latency(screen, "", &nothing, "so far");
        screen__errors(screen, &counters);
    } else {
        char count[UNITS_TEXT_BYTES_MAX];
        uint64_t errors = counters_errors_sum(&moment->now->counters);
        screen__print(screen, errors > 0 ? SCREEN_RED : NULL, "%-13s %s", "errors",
                      units_format_count(errors, count));
    }
}

int screen_draw(const struct screen_moment *moment, const struct screen_style *style,
                char text[SCREEN_BYTES_MAX], struct screen_shape *shape)
{
    struct screen screen = {.moment = moment, .style = style, .text = text, .shape = shape};
    int rows_max = style->rows > 0 ? style->rows - 1 : SCREEN_LINES_MAX;
    int detail = SCREEN_ALL;
    screen__draw(&screen, SCREEN_ALL);
    while (shape->lines_count > rows_max && detail < SCREEN_ONE) {
        screen__draw(&screen, (enum screen__detail)++ detail);
    }
    return shape->lines_count;
}

int screen_rows_up(const struct screen_shape *shape, int columns)
{
    int rows = shape->ended ? 0 : -1; /* the cursor is in the last line itself */
    for (int i = 0; i < shape->lines_count; i++) {
        int line_columns = shape->columns[i] > 0 ? shape->columns[i] : 1;
        rows += (line_columns + columns - 1) / columns;
    }
    return rows < 0 ? 0 : rows;
}

void screen_line(const struct screen_moment *moment, char *text, size_t bytes)
{
    const struct live_view *now = moment->now;
    char phase[64];
    char target[UNITS_TEXT_BYTES_MAX + 8] = "";
    char numbers[6][UNITS_TEXT_BYTES_MAX];
    double seconds = (double)moment->run_ns / (double)NS_PER_S;
    screen__phase(moment, phase, sizeof phase);
    units_format_count(now->gauges[LIVE_OPEN], numbers[0]);
    units_format_count(counters_errors_sum(&now->counters), numbers[1]);
    if (moment->phase == PHASE_CONNECTING) {
        snprintf(text, bytes, "%5.1fs connecting: %s of %s open, %s ready, %s errors", seconds,
                 numbers[0], units_format_count(moment->plan->connections, numbers[2]),
                 units_format_count(now->gauges[LIVE_READY], numbers[3]), numbers[1]);
        return;
    }
    if (moment->plan->open_loop && moment->phase != PHASE_DRAINING) {
        double rate_per_s = pacing_rate_per_s(&moment->plan->course.pacing, moment->run_ns);
        snprintf(target, sizeof target, " of %s",
                 units_format_count((uint64_t)(rate_per_s + 0.5), numbers[2]));
    }
    snprintf(text, bytes, "%5.1fs %s: %s conn, %s%s it/s, %s rsp/s, p50 %s p99 %s, %s errors",
             seconds, phase, numbers[0],
             units_format_count(screen__per_second(moment, TOTAL_ITERATIONS), numbers[2]), target,
             units_format_count(screen__per_second(moment, TOTAL_RESPONSES), numbers[3]),
             screen__percentile(moment, moment->before, 50, numbers[4]),
             screen__percentile(moment, moment->before, 99, numbers[5]), numbers[1]);
}
