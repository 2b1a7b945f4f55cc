#include "show/screen.h"

#include "core/clock.h"
#include "core/printable.h"
#include "text/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SCREEN_NAME_BYTES_MAX = 21,
    SCREEN_BAR_MIN = 10,
    SCREEN_BAR_MAX = 100,
    SCREEN_ROWS_UNKNOWN = 16, /* drawn where the number of rows is not known */
    SCREEN_FAILURES = 5,
    SCREEN_UNANSWERED = 3 /* requests without reply that are named */
};

/* A block is drawn where its rows fit, in the order of their ranks. Lists use the rows that are
 * left: at most rows_max. */
struct screen {
    const struct screen_moment *moment;
    struct canvas canvas;
    int rows_max;
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
        errors[ERROR_KIND_RESPONSE_LOST] +
        (timeouts > counters.setup_unanswered ? timeouts - counters.setup_unanswered : 0);
    uint64_t all = counters_errors_sum(&view->counters);
    uint64_t shown = counters.connect_fail + counters.unexpected_disconnect +
                     counters.setup_unanswered + counters.unanswered + counters.packet_error;
    counters.other = all > shown ? all - shown : 0;
    return counters;
}

static bool screen__is_playing(const struct screen_moment *moment)
{
    return moment->phase == PHASE_WARMUP || moment->phase == PHASE_RUNNING;
}

static uint64_t screen__rate(const struct screen_moment *moment, uint64_t amount)
{
    return (uint64_t)((double)amount * (double)NS_PER_S / (double)moment->passed_ns + 0.5);
}

static uint64_t screen__per_second(const struct screen_moment *moment, enum total_kind kind)
{
    return screen__rate(moment,
                        moment->now->counters.totals[kind] - moment->before->counters.totals[kind]);
}

struct screen_load screen_load(const struct course *course, int64_t run_ns, int64_t passed_ns)
{
    const struct pacing *pacing = &course->pacing;
    return (struct screen_load){.due = pacing_count(pacing, run_ns) -
                                       pacing_count(pacing, run_ns - passed_ns),
                                .end_ns = course->end_ns,
                                .stage = pacing_stage_number(pacing, run_ns),
                                .paused = course_is_paused(course, run_ns)};
}

/* The rate of what was due, not that of this moment: a stage or a hand may have changed it
 * meanwhile. */
static uint64_t screen__wanted_per_s(const struct screen_moment *moment)
{
    /* The first time may have begun before the load did. */
    int64_t time_ns = moment->passed_ns < moment->run_ns ? moment->passed_ns : moment->run_ns;
    return time_ns > 0 ? (uint64_t)(moment->load.due * (double)NS_PER_S / (double)time_ns + 0.5)
                       : 0;
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
    const struct pacing *planned = &moment->plan->course.pacing;
    bool playing = screen__is_playing(moment);
    bool paused = playing && moment->load.paused;
    int used = snprintf(text, bytes, "%s", paused ? "paused" : WORDS[moment->phase]);
    if (playing && planned->stages_count > 1) {
        snprintf(text + used, bytes - (size_t)used, ", stage %" PRIu32 " of %" PRIu32,
                 moment->load.stage + 1, planned->stages_count);
    }
}

/* "running, stage 2 of 3, 12 s of 30 s" */
static void screen__progress(const struct screen_moment *moment, char *text, size_t bytes)
{
    char phase[64];
    char passed[UNITS_TEXT_BYTES_MAX];
    char whole[UNITS_TEXT_BYTES_MAX];
    bool playing = screen__is_playing(moment);
    screen__phase(moment, phase, sizeof phase);
    snprintf(text, bytes, "%s, %s%s%s", phase, screen__seconds(moment->run_ns, passed),
             playing ? " of " : "", playing ? screen__seconds(moment->load.end_ns, whole) : "");
}

/* The name of the scenario and the target, where there is room for them on the line. */
static void screen__title(struct screen *screen)
{
    const struct plan *plan = screen->moment->plan;
    char progress[128];
    char name[SCREEN_NAME_BYTES_MAX];
    char target[SCREEN_NAME_BYTES_MAX + 3];
    char ranks[UNITS_TEXT_BYTES_MAX + 16] = "";
    char whole[256];
    struct canvas_items items = {.count = 0};
    screen__progress(screen->moment, progress, sizeof progress);
    printable_text(plan->scenario->name, name, sizeof name);
    printable_text(plan->targets[0].name, target, sizeof target);
    if (plan->ranks > 1) {
        snprintf(ranks, sizeof ranks, ", %" PRIu32 " ranks", plan->ranks);
    }
    snprintf(whole, sizeof whole, "%s, %s%s: %s", name, target, ranks, progress);
    if (canvas_width(whole) > canvas_columns(&screen->canvas)) {
        snprintf(whole, sizeof whole, "%s: %s", name, progress);
    }
    if (canvas_width(whole) > canvas_columns(&screen->canvas)) {
        snprintf(whole, sizeof whole, "%s", progress);
    }
    canvas_add(&items, "%s", whole);
    canvas_put(&screen->canvas, CANVAS_PLAIN, "", &items);
}

static void screen__bar(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    const struct plan *plan = moment->plan;
    bool utf8 = screen->canvas.style->utf8;
    const char *full = utf8 ? "\xE2\x96\x88" : "#";  /* U+2588 */
    const char *empty = utf8 ? "\xE2\x96\x91" : "-"; /* U+2591 */
    double share = moment->phase == PHASE_CONNECTING
                       ? (double)moment->now->gauges[LIVE_SETTLED] / (double)plan->connections
                   : screen__is_playing(moment)
                       ? (double)moment->run_ns / (double)moment->load.end_ns
                       : 1;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    char left[UNITS_TEXT_BYTES_MAX + 16] = "";
    int bytes = snprintf(left, sizeof left, " %d%%", (int)(share * 100 + 0.5));
    if (screen__is_playing(moment)) {
        char text[UNITS_TEXT_BYTES_MAX];
        snprintf(left + bytes, sizeof left - (size_t)bytes, ", %s left",
                 screen__seconds(moment->load.end_ns - moment->run_ns, text));
    }
    int cells = canvas_columns(&screen->canvas) - (int)strlen(" 100%, 59m 59s left");
    cells = cells > SCREEN_BAR_MAX ? SCREEN_BAR_MAX : cells;
    if (cells < SCREEN_BAR_MIN) {
        return;
    }
    char bar[SCREEN_BAR_MAX * 3 + sizeof left];
    size_t used = 0;
    for (int i = 0; i < cells; i++) {
        used += (size_t)snprintf(bar + used, sizeof bar - used, "%s",
                                 (i + 0.5) / cells <= share ? full : empty);
    }
    snprintf(bar + used, sizeof bar - used, "%s", left);
    canvas_put_line(&screen->canvas, CANVAS_PLAIN, bar);
}

static void screen__connections(struct screen *screen)
{
    const uint32_t *gauges = screen->moment->now->gauges;
    struct screen_counters counters = screen__count(screen->moment->now);
    struct canvas_items items = {.count = 0};
    char text[UNITS_TEXT_BYTES_MAX];
    canvas_add(&items, "trying %s", units_format_count(gauges[LIVE_CONNECTING], text));
    canvas_add(&items, "open %s", units_format_count(gauges[LIVE_OPEN], text));
    canvas_add(&items, "failed %s", units_format_count(counters.connect_fail, text));
    canvas_put(&screen->canvas, CANVAS_PLAIN, "connections", &items);
}

/* Have fewer iterations begun since the last screen than were due? By the verdict's measure, with a
 * tolerance for chance: a Poisson draw is seldom off by three times its deviation. */
static bool screen__is_missed(const struct screen_moment *moment)
{
    const struct pacing *pacing = &moment->plan->course.pacing;
    if (!moment->plan->open_loop || !screen__is_playing(moment)) {
        return false;
    }
    uint64_t ended = moment->now->counters.totals[TOTAL_ITERATIONS] -
                     moment->before->counters.totals[TOTAL_ITERATIONS];
    double due = moment->load.due;
    double chance = pacing->arrival == ARRIVAL_POISSON ? 3 * sqrt(due) : 1;
    return (double)ended < PLAN_RATE_MET * due - chance;
}

static void screen__add_rate(const struct screen_moment *moment, struct canvas_items *items,
                             const char *behind)
{
    char achieved[UNITS_TEXT_BYTES_MAX];
    char target[UNITS_TEXT_BYTES_MAX];
    units_format_count(screen__per_second(moment, TOTAL_ITERATIONS), achieved);
    if (moment->plan->open_loop && screen__is_playing(moment)) {
        canvas_add(items, "%s/s of %s/s%s", achieved,
                   units_format_count(screen__wanted_per_s(moment), target), behind);
    } else {
        canvas_add(items, "%s/s", achieved);
    }
}

static void screen__iterations(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    struct canvas_items items = {.count = 0};
    screen__add_rate(moment, &items, " wanted");
    if (!moment->plan->open_loop) {
        canvas_add(&items, "closed loop: as fast as replies come");
    }
    canvas_put(&screen->canvas, screen__is_missed(moment) ? CANVAS_YELLOW : CANVAS_PLAIN,
               "iterations", &items);
}

static void screen__messages(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    struct canvas_items items = {.count = 0};
    char text[UNITS_TEXT_BYTES_MAX];
    canvas_add(&items, "sent %s/s",
               units_format_count(screen__per_second(moment, TOTAL_MESSAGES_SENT), text));
    canvas_add(&items, "received %s/s",
               units_format_count(screen__per_second(moment, TOTAL_MESSAGES_RECEIVED), text));
    canvas_add(&items, "%s/s out",
               units_format_bytes(screen__per_second(moment, TOTAL_BYTES_SENT), text));
    canvas_add(&items, "%s/s in",
               units_format_bytes(screen__per_second(moment, TOTAL_BYTES_RECEIVED), text));
    canvas_put(&screen->canvas, CANVAS_PLAIN, "messages", &items);
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
                            const struct live_view *before)
{
    struct canvas_items items = {.count = 0};
    char text[UNITS_TEXT_BYTES_MAX];
    canvas_add(&items, "p99 %s", screen__percentile(screen->moment, before, 99, text));
    canvas_add(&items, "p50 %s", screen__percentile(screen->moment, before, 50, text));
    canvas_add(&items, "max %s", screen__percentile(screen->moment, before, 100, text));
    canvas_put(&screen->canvas, CANVAS_PLAIN, label, &items);
}

static void screen__latest(struct screen *screen)
{
    screen__latency(screen, "response", screen->moment->before);
}

static void screen__so_far(struct screen *screen)
{
    static const struct live_view nothing;
    screen__latency(screen, "so far", &nothing);
}

static enum canvas_color screen__color_of(uint64_t errors)
{
    return errors > 0 ? CANVAS_RED : CANVAS_PLAIN;
}

static void screen__errors_sum(struct screen *screen)
{
    uint64_t errors = counters_errors_sum(&screen->moment->now->counters);
    struct canvas_items items = {.count = 0};
    char count[UNITS_TEXT_BYTES_MAX];
    canvas_add(&items, "%s", units_format_count(errors, count));
    canvas_put(&screen->canvas, screen__color_of(errors), "errors", &items);
}

/* Which requests got no reply, by their names: those that most often got none. */
static void screen__add_unanswered(const struct screen_moment *moment, uint64_t all,
                                   struct canvas_items *items)
{
    const struct plan *plan = moment->plan;
    const struct live_view *now = moment->now;
    uint64_t shown = 0;
    bool used[LIVE_STEPS_MAX] = {false};
    char count[UNITS_TEXT_BYTES_MAX];
    for (int i = 0; i < SCREEN_UNANSWERED && plan->steps_count > 1; i++) {
        uint32_t most = LIVE_STEPS_MAX;
        for (uint32_t s = 0; s < now->steps_count && s < plan->steps_count; s++) {
            uint64_t unanswered = now->steps[s][LIVE_STEP_UNANSWERED];
            if (!used[s] && unanswered > 0 &&
                (most == LIVE_STEPS_MAX || unanswered > now->steps[most][LIVE_STEP_UNANSWERED])) {
                most = s;
            }
        }
        if (most == LIVE_STEPS_MAX) {
            break;
        }
        used[most] = true;
        shown += now->steps[most][LIVE_STEP_UNANSWERED];
        canvas_add(items, "no reply to %.40s %s", plan->step_names[most],
                   units_format_count(now->steps[most][LIVE_STEP_UNANSWERED], count));
    }
    if (shown == 0 || all > shown) {
        bool single = plan->steps_count == 1;
        canvas_add(items, "no reply%s%.40s %s",
                   single      ? " to "
                   : shown > 0 ? " to others"
                               : "",
                   single ? plan->step_names[0] : "",
                   units_format_count(all > shown ? all - shown : 0, count));
    }
}

static void screen__errors(struct screen *screen)
{
    struct screen_counters counters = screen__count(screen->moment->now);
    uint64_t all = counters_errors_sum(&screen->moment->now->counters);
    struct canvas_items items = {.count = 0};
    char count[UNITS_TEXT_BYTES_MAX];
    canvas_add(&items, "connect fail %s", units_format_count(counters.connect_fail, count));
    canvas_add(&items, "unexpected disconnect %s",
               units_format_count(counters.unexpected_disconnect, count));
    canvas_add(&items, "no reply in setup %s",
               units_format_count(counters.setup_unanswered, count));
    screen__add_unanswered(screen->moment, counters.unanswered, &items);
    canvas_add(&items, "packet error %s", units_format_count(counters.packet_error, count));
    canvas_add(&items, "other errors %s", units_format_count(counters.other, count));
    char label[UNITS_TEXT_BYTES_MAX + 8];
    snprintf(label, sizeof label, "errors %s", units_format_count(all, count));
    canvas_put(&screen->canvas, screen__color_of(all), label, &items);
}

/* A letter per second, the present one at the right; nothing (a space) where there was nothing. */
static void screen__spark(struct screen *screen, const char *label, const uint64_t *values,
                          const char *most_text, uint64_t most)
{
    static const char *const BLOCKS[] = {"\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83",
                                         "\xE2\x96\x84", "\xE2\x96\x85", "\xE2\x96\x86",
                                         "\xE2\x96\x87", "\xE2\x96\x88"}; /* U+2581 .. U+2588 */
    static const char *const LETTERS[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    enum { LEVELS = sizeof BLOCKS / sizeof BLOCKS[0] };
    const struct screen_history *history = screen->moment->history;
    const char *const *levels = screen->canvas.style->utf8 ? BLOCKS : LETTERS;
    char line[SCREEN_SECONDS * 3 + 3 * UNITS_TEXT_BYTES_MAX];
    char behind[2 * UNITS_TEXT_BYTES_MAX];
    int columns = canvas_columns(&screen->canvas);
    snprintf(behind, sizeof behind, " up to %s", most_text);
    size_t bytes = (size_t)snprintf(line, sizeof line, "%-13s ", label);
    int cells = columns - (int)bytes - (int)strlen(behind);
    cells = cells > SCREEN_SECONDS ? SCREEN_SECONDS : cells;
    if (cells < SCREEN_BAR_MIN || most == 0) {
        return;
    }
    for (int i = cells; i > 0; i--) {
        /* Places that nothing was written to yet are 0. */
        uint64_t at = history->count + SCREEN_SECONDS - (uint64_t)i;
        uint64_t value = values[at % SCREEN_SECONDS];
        double share = (double)value / (double)most;
        int level = (int)(share * LEVELS);
        level = level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
        bytes += (size_t)snprintf(line + bytes, sizeof line - bytes, "%s",
                                  value > 0 ? levels[level] : " ");
    }
    snprintf(line + bytes, sizeof line - bytes, "%s", behind);
    canvas_put_line(&screen->canvas, CANVAS_PLAIN, line);
}

static uint64_t screen__most(const uint64_t *values)
{
    uint64_t most = 0;
    for (int i = 0; i < SCREEN_SECONDS; i++) {
        most = values[i] > most ? values[i] : most;
    }
    return most;
}

static void screen__spark_rate(struct screen *screen)
{
    const struct screen_history *history = screen->moment->history;
    if (history != NULL) {
        uint64_t most = screen__most(history->rate_per_s);
        char count[UNITS_TEXT_BYTES_MAX];
        char text[UNITS_TEXT_BYTES_MAX + 4];
        snprintf(text, sizeof text, "%s/s", units_format_count(most, count));
        screen__spark(screen, "rate", history->rate_per_s, text, most);
    }
}

static void screen__spark_p99(struct screen *screen)
{
    const struct screen_history *history = screen->moment->history;
    if (history != NULL) {
        uint64_t most = screen__most(history->p99_ns);
        char text[UNITS_TEXT_BYTES_MAX];
        screen__spark(screen, "p99", history->p99_ns, units_format_duration((int64_t)most, text),
                      most);
    }
}

/* A list with a headline, as long as there is room: with fewer rows than it has lines, the last one
 * says how many more there are. */
struct screen__list {
    const char *headline;
    uint32_t count;
    void (*put)(struct screen *screen, uint32_t i);
};

static void screen__put_list(struct screen *screen, const struct screen__list *list)
{
    struct canvas *canvas = &screen->canvas;
    int end = canvas->lines_count + screen->rows_max;
    if (list->count == 0 || screen->rows_max < 2) {
        return;
    }
    canvas_put_line(canvas, CANVAS_DIM, list->headline);
    for (uint32_t i = 0; i < list->count; i++) {
        /* How many lines it takes, drawn on nothing. */
        struct screen probe = {.moment = screen->moment, .canvas = *canvas};
        probe.canvas.text = NULL;
        probe.canvas.lines_max = CANVAS_LINES_MAX;
        list->put(&probe, i);
        bool last = i + 1 == list->count;
        bool fits = probe.canvas.lines_count <= end - (last ? 0 : 1);
        if (!fits && i == 0) {
            canvas->lines_count--; /* while lines are counted: such a list is never drawn */
            return;
        }
        if (!fits) {
            char text[UNITS_TEXT_BYTES_MAX + 16];
            snprintf(text, sizeof text, "and %" PRIu32 " more", list->count - i);
            canvas_put_line(canvas, CANVAS_DIM, text);
            return;
        }
        list->put(screen, i);
    }
}

static void screen__put_counted(struct screen *screen, const char *name, uint64_t per_s,
                                int64_t p99_ns, uint64_t unanswered, uint64_t errors)
{
    struct canvas_items items = {.count = 0};
    char text[UNITS_TEXT_BYTES_MAX];
    canvas_add(&items, "%s/s", units_format_count(per_s, text));
    if (p99_ns > 0) {
        canvas_add(&items, "p99 so far %s", units_format_duration(p99_ns, text));
    }
    if (unanswered > 0) {
        canvas_add(&items, "no reply %s", units_format_count(unanswered, text));
    }
    if (errors > unanswered) {
        canvas_add(&items, "%s %s", unanswered > 0 ? "other errors" : "errors",
                   units_format_count(errors - unanswered, text));
    }
    canvas_put(&screen->canvas, screen__color_of(errors), name, &items);
}

static void screen__put_step(struct screen *screen, uint32_t i)
{
    const struct screen_moment *moment = screen->moment;
    const uint64_t *now = moment->now->steps[i];
    screen__put_counted(screen, moment->plan->step_names[i],
                        screen__rate(moment, now[LIVE_STEP_REQUESTS] -
                                                 moment->before->steps[i][LIVE_STEP_REQUESTS]),
                        moment->steps_p99_ns != NULL ? moment->steps_p99_ns[i] : 0,
                        now[LIVE_STEP_UNANSWERED], now[LIVE_STEP_ERRORS]);
}

static void screen__steps(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    uint32_t count = moment->now->steps_count;
    count = count < moment->plan->steps_count ? count : moment->plan->steps_count;
    screen__put_list(screen, &(struct screen__list){.headline = "by request",
                                                    .count = count > 1 ? count : 0,
                                                    .put = screen__put_step});
}

static void screen__put_share(struct screen *screen, const char *name, uint32_t share)
{
    const struct screen_moment *moment = screen->moment;
    const uint64_t *now = moment->now->shares[share];
    const uint64_t *before = moment->before->shares[share];
    screen__put_counted(
        screen, name,
        screen__rate(moment, now[LIVE_SHARE_ITERATIONS] - before[LIVE_SHARE_ITERATIONS]), 0, 0,
        now[LIVE_SHARE_ERRORS]);
}

static void screen__put_target(struct screen *screen, uint32_t i)
{
    screen__put_share(screen, screen->moment->plan->target_names[i], i);
}

static void screen__put_behavior(struct screen *screen, uint32_t i)
{
    const struct plan *plan = screen->moment->plan;
    screen__put_share(screen, plan->program->behaviors[i].name, plan->target_names_count + i);
}

static void screen__targets(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    bool apart = moment->now->shares_count >= moment->plan->target_names_count;
    screen__put_list(screen,
                     &(struct screen__list){.headline = "by target",
                                            .count = apart ? moment->plan->target_names_count : 0,
                                            .put = screen__put_target});
}

static void screen__behaviors(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    uint32_t count = figures_behaviors_apart(moment->plan->program->behaviors_count);
    bool apart = moment->now->shares_count >= moment->plan->target_names_count + count;
    screen__put_list(screen, &(struct screen__list){.headline = "by behavior",
                                                    .count = apart ? count : 0,
                                                    .put = screen__put_behavior});
}

static void screen__put_failure(struct screen *screen, uint32_t i)
{
    const struct screen_moment *moment = screen->moment;
    const struct live_failure *failure = &moment->now->failures[i];
    struct canvas_items items = {.count = 0};
    char text[UNITS_TEXT_BYTES_MAX];
    char label[UNITS_TEXT_BYTES_MAX + 8];
    bool named = failure->step < moment->plan->steps_count;
    snprintf(label, sizeof label, "%s ago",
             screen__seconds(moment->origin_ns - failure->at_ns, text));
    canvas_add(&items, "connection %" PRIu32, failure->connection);
    canvas_add(&items, "%s%s%.40s", error_key(failure->kind), named ? " in " : "",
               named ? moment->plan->step_names[failure->step] : "");
    canvas_put(&screen->canvas, CANVAS_RED, label, &items);
}

static void screen__failures(struct screen *screen)
{
    uint32_t count = screen->moment->now->failures_count;
    screen__put_list(
        screen, &(struct screen__list){.headline = "last errors",
                                       .count = count < SCREEN_FAILURES ? count : SCREEN_FAILURES,
                                       .put = screen__put_failure});
}

static void screen__keys(struct screen *screen)
{
    if (screen->moment->keys != NULL) {
        canvas_put_line(&screen->canvas, CANVAS_DIM, screen->moment->keys);
    }
}

/* The last lines, below an empty one. */
static void screen__log(struct screen *screen)
{
    const char *log = screen->moment->log;
    size_t end = log == NULL ? 0 : strlen(log);
    size_t from = end;
    for (int lines = 0; lines < screen->rows_max - 1 && from > 0; lines++) {
        from--;
        while (from > 0 && log[from - 1] != '\n') {
            from--;
        }
    }
    if (from == end) {
        return;
    }
    canvas_put_line(&screen->canvas, CANVAS_PLAIN, "");
    while (from < end) {
        char line[512];
        size_t bytes = strcspn(log + from, "\n");
        snprintf(line, sizeof line, "%.*s", (int)bytes, log + from);
        canvas_put_line(&screen->canvas, CANVAS_PLAIN, printable_text(line, line, sizeof line));
        from += bytes + 1;
    }
}

/* What does not fit is left out whole; in the order of the screen. rank: 0 is drawn first. */
static const struct screen__block {
    void (*draw)(struct screen *screen);
    int rank;
} SCREEN_BLOCKS[] = {{screen__title, 0},      {screen__bar, 7},         {screen__connections, 6},
                     {screen__iterations, 1}, {screen__spark_rate, 10}, {screen__messages, 5},
                     {screen__latest, 2},     {screen__spark_p99, 11},  {screen__so_far, 8},
                     {screen__errors_sum, 3}, {screen__errors, 9},      {screen__failures, 12},
                     {screen__steps, 14},     {screen__behaviors, 15},  {screen__targets, 16},
                     {screen__keys, 4},       {screen__log, 13}};
enum { SCREEN_BLOCKS_COUNT = sizeof SCREEN_BLOCKS / sizeof SCREEN_BLOCKS[0], SCREEN_NEEDED = 4 };

/* How many lines a block takes where a list may have rows_max. */
static int screen__count_rows(const struct screen *screen, int block, int rows_max)
{
    struct screen probe = {
        .moment = screen->moment, .canvas = screen->canvas, .rows_max = rows_max};
    probe.canvas.text = NULL;
    probe.canvas.lines_max = CANVAS_LINES_MAX;
    SCREEN_BLOCKS[block].draw(&probe);
    return probe.canvas.lines_count;
}

static int screen__block_of_rank(int rank)
{
    int block = 0;
    while (SCREEN_BLOCKS[block].rank != rank) {
        block++;
    }
    return block;
}

/* What a list may have of the rows that are left: half, where others come after it. */
static int screen__share(const struct screen *screen, int block, int rows_left)
{
    bool others = screen->moment->now->shares_count > 0;
    bool halved = SCREEN_BLOCKS[block].draw == screen__log ||
                  (SCREEN_BLOCKS[block].draw == screen__steps && others);
    return halved ? rows_left / 2 : rows_left;
}

/* rows[i]: what block i gets, 0: it is left out. False: not even what is needed fits. */
static bool screen__deal(const struct screen *screen, int rows[SCREEN_BLOCKS_COUNT])
{
    int left = screen->canvas.lines_max;
    for (int rank = 0; rank < SCREEN_BLOCKS_COUNT; rank++) {
        int block = screen__block_of_rank(rank);
        int sum = screen__block_of_rank(3);
        /* The kinds of errors take the place of their sum. */
        bool instead = SCREEN_BLOCKS[block].draw == screen__errors;
        int most = left + (instead ? rows[sum] : 0);
        int wanted = screen__count_rows(screen, block, screen__share(screen, block, most));
        rows[block] = wanted <= most ? wanted : 0;
        if (wanted > most && rank < SCREEN_NEEDED) {
            return false;
        }
        if (instead && rows[block] > 0) {
            left += rows[sum];
            rows[sum] = 0;
        }
        left -= rows[block];
    }
    return true;
}

/* The numbers, one behind the other, the most important ones first. */
static void screen__compact(struct screen *screen)
{
    const struct screen_moment *moment = screen->moment;
    uint64_t errors = counters_errors_sum(&moment->now->counters);
    struct canvas_items items = {.count = 0};
    char text[UNITS_TEXT_BYTES_MAX];
    char phase[64];
    screen__phase(moment, phase, sizeof phase);
    screen__add_rate(moment, &items, "");
    canvas_add(&items, "p99 %s", screen__percentile(moment, moment->before, 99, text));
    canvas_add(&items, "errors %s", units_format_count(errors, text));
    canvas_add(&items, "received %s/s",
               units_format_count(screen__per_second(moment, TOTAL_MESSAGES_RECEIVED), text));
    canvas_add(&items, "%.*s %s", (int)strcspn(phase, ","), phase,
               screen__seconds(moment->run_ns, text));
    canvas_add(&items, "open %s", units_format_count(moment->now->gauges[LIVE_OPEN], text));
    canvas_add(&items, "p50 %s", screen__percentile(moment, moment->before, 50, text));
    canvas_put(&screen->canvas, screen__color_of(errors), "", &items);
}

int screen_draw(const struct screen_moment *moment, const struct canvas_style *style,
                char text[CANVAS_BYTES_MAX], struct canvas_shape *shape)
{
    int rows_max = style->rows > 0 ? style->rows : SCREEN_ROWS_UNKNOWN;
    rows_max = rows_max < CANVAS_LINES_MAX ? rows_max : CANVAS_LINES_MAX;
    struct screen screen = {
        .moment = moment,
        .canvas = {.style = style, .text = text, .shape = shape, .lines_max = rows_max}};
    int rows[SCREEN_BLOCKS_COUNT] = {0};
    text[0] = '\0';
    shape->lines_count = 0;
    if (!screen__deal(&screen, rows)) {
        screen__compact(&screen);
        return shape->lines_count;
    }
    for (int i = 0; i < SCREEN_BLOCKS_COUNT; i++) {
        screen.rows_max = rows[i];
        if (rows[i] > 0) {
            SCREEN_BLOCKS[i].draw(&screen);
        }
    }
    return shape->lines_count;
}

int screen_rows_up(const struct canvas_shape *shape, int columns)
{
    int rows = -1; /* the cursor is in the last line itself */
    for (int i = 0; i < shape->lines_count; i++) {
        int line_columns = shape->columns[i] > 0 ? shape->columns[i] : 1;
        rows += (line_columns + columns - 1) / columns;
    }
    return rows < 0 ? 0 : rows;
}

void screen_remember(struct screen_history *history, const struct screen_moment *moment)
{
    uint64_t at = history->count++ % SCREEN_SECONDS;
    history->rate_per_s[at] = screen__per_second(moment, TOTAL_ITERATIONS);
    history->p99_ns[at] = (uint64_t)live_percentile_ns(moment->now, moment->before, 99);
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
        snprintf(target, sizeof target, " of %s",
                 units_format_count(screen__wanted_per_s(moment), numbers[2]));
    }
    snprintf(text, bytes, "%5.1fs %s: %s conn, %s%s it/s, %s rsp/s, p50 %s p99 %s, %s errors",
             seconds, phase, numbers[0],
             units_format_count(screen__per_second(moment, TOTAL_ITERATIONS), numbers[2]), target,
             units_format_count(screen__per_second(moment, TOTAL_RESPONSES), numbers[3]),
             screen__percentile(moment, moment->before, 50, numbers[4]),
             screen__percentile(moment, moment->before, 99, numbers[5]), numbers[1]);
}
