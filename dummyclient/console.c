#include "console.h"

#include "core/clock.h"
#include "core/units.h"
#include "terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONSOLE_LINE_BYTES_MAX = 256 };

static const int64_t CONSOLE_TERMINAL_EVERY_NS = 1 * NS_PER_S;
static const int64_t CONSOLE_LOG_EVERY_NS = 5 * NS_PER_S;

void console_open(struct console *console, const struct plan *plan, bool enabled, int64_t now_ns)
{
    *console = (struct console){
        .plan = plan, .enabled = enabled, .terminal = terminal_is_live(), .printed_ns = now_ns};
}

void console_clear(struct console *console)
{
    if (console->line_open) {
        fprintf(stderr, "\r%*s\r", terminal_columns() - 1, "");
        fflush(stderr);
        console->line_open = false;
    }
}

static void console__print(struct console *console, const char *line)
{
    if (!console->terminal) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    int width = terminal_columns() - 1;
    fprintf(stderr, "\r%-*.*s", width, width, line);
    fflush(stderr);
    console->line_open = true;
}

static uint64_t console__per_second(uint64_t amount, int64_t passed_ns)
{
    return (uint64_t)((double)amount * (double)NS_PER_S / (double)passed_ns + 0.5);
}

static void console__connecting(char *line, size_t bytes, const struct console *console,
                                int64_t run_ns, const struct live_view *view)
{
    char open[UNITS_TEXT_BYTES_MAX];
    char all[UNITS_TEXT_BYTES_MAX];
    char ready[UNITS_TEXT_BYTES_MAX];
    char errors[UNITS_TEXT_BYTES_MAX];
    snprintf(line, bytes, "%5.1fs connecting: %s of %s open, %s ready, %s errors",
             (double)run_ns / (double)NS_PER_S, units_format_count(view->levels[LIVE_OPEN], open),
             units_format_count(console->plan->connections, all),
             units_format_count(view->levels[LIVE_READY], ready),
             units_format_count(counters_errors_sum(&view->counters), errors));
}

static void console__running(char *line, size_t bytes, const struct console *console,
                             enum run_phase phase, int64_t run_ns, const struct live_view *view,
                             int64_t passed_ns)
{
    const struct live_view *before = &console->before;
    const uint64_t *now_totals = view->counters.totals;
    const uint64_t *old_totals = before->counters.totals;
    char numbers[6][UNITS_TEXT_BYTES_MAX];
    char target[UNITS_TEXT_BYTES_MAX + 8] = "";
    uint64_t iterations = now_totals[TOTAL_ITERATIONS] - old_totals[TOTAL_ITERATIONS];
    uint64_t responses = now_totals[TOTAL_RESPONSES] - old_totals[TOTAL_RESPONSES];
    const char *word = phase == PHASE_WARMUP     ? " warm-up"
                       : phase == PHASE_DRAINING ? " draining"
                                                 : "";
    if (console->plan->open_loop && phase != PHASE_DRAINING) {
        double rate_per_s = pacing_rate_per_s(&console->plan->pacing, run_ns);
        snprintf(target, sizeof(target), " of %s",
                 units_format_count((uint64_t)(rate_per_s + 0.5), numbers[5]));
    }
    snprintf(line, bytes, "%5.1fs%s %s conn, %s%s it/s, %s rsp/s, p50 %s p99 %s, %s errors",
             (double)run_ns / (double)NS_PER_S, word,
             units_format_count(view->levels[LIVE_OPEN], numbers[0]),
             units_format_count(console__per_second(iterations, passed_ns), numbers[1]), target,
             units_format_count(console__per_second(responses, passed_ns), numbers[2]),
             units_format_duration(live_percentile_ns(view, before, 50), numbers[3]),
             units_format_duration(live_percentile_ns(view, before, 99), numbers[4]),
             units_format_count(counters_errors_sum(&view->counters), numbers[5]));
}

void console_tick(struct console *console, enum run_phase phase, int64_t run_ns,
                  const struct live_view *view, int64_t now_ns)
{
    int64_t every_ns = console->terminal ? CONSOLE_TERMINAL_EVERY_NS : CONSOLE_LOG_EVERY_NS;
    int64_t passed_ns = now_ns - console->printed_ns;
    if (!console->enabled || passed_ns < every_ns || phase == PHASE_ENDED) {
        return;
    }
    char line[CONSOLE_LINE_BYTES_MAX];
    if (phase == PHASE_CONNECTING) {
        console__connecting(line, sizeof(line), console, run_ns, view);
    } else {
        console__running(line, sizeof(line), console, phase, run_ns, view, passed_ns);
    }
    console__print(console, line);
    console->before = *view;
    console->printed_ns = now_ns;
}
