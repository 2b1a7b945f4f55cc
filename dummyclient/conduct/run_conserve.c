/* Arrivals that no worker reported: counted from the course of the load, and entered as never
 * begun. */
#include "conduct/hosts.h"
#include "conduct/run.h"
#include "core/clock.h"

#include <math.h>
#include <stdlib.h>

/* Poisson arrivals are counted one by one, up to this number (which takes half a second). */
static const double CONSERVE_WALK_MAX = 20e6;

/* The arrivals of the course, asked for in the order of time. */
struct conserve__due {
    const struct pacing *pacing;
    struct pacing_cursor cursor;
    uint64_t times; /* the same arrivals on each side */
    bool walks;
    bool counts; /* by the integral of the rate: each connection draws its own */
};

/* How many are due before time_ns, since t0. */
static uint64_t conserve__due_before(struct conserve__due *due, int64_t time_ns)
{
    const struct pacing *pacing = due->pacing;
    double expected = pacing_count(pacing, time_ns);
    if (due->counts) {
        return (uint64_t)llround(expected);
    }
    if (due->walks) {
        while (due->cursor.time_ns < time_ns) {
            pacing_advance(pacing, &due->cursor);
        }
        return due->cursor.n * due->times;
    }
    return pacing_number_at(pacing, &due->cursor, time_ns) * due->times;
}

static struct conserve__due conserve__open(const struct course *course)
{
    struct conserve__due due = {.pacing = &course->shared, .times = course->sides};
    due.walks = course->pacing.arrival == ARRIVAL_POISSON;
    due.counts = course->each.arrivals_total > 0 ||
                 (due.walks && course->pacing.arrivals_total > CONSERVE_WALK_MAX);
    if (due.counts) {
        due.pacing = &course->pacing;
    }
    pacing_first(due.pacing, &due.cursor);
    return due;
}

/* Are reports of workers or ranks missing? Where the plan's count is not exact, arrivals are
 * entered only then. */
static bool conserve__is_partial(const struct run *run)
{
    bool partial = run->end == RUN_WORKER_FAILED || run->ends_unfinished > 0;
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        partial |= run->hosts[i].lost || !run->hosts[i].reported;
    }
    return partial;
}

/* The behavior that lacks the most of its share takes the next ones. */
static uint32_t conserve__behavior(const struct plan *plan, const struct figures *figures,
                                   double due_all, uint64_t *lacking)
{
    uint32_t most = 0;
    double most_lacking = -1;
    for (uint32_t i = 0; i < figures->behaviors_count; i++) {
        double lacks = plan_weight_share(plan, i) * due_all / plan->sides -
                       (double)figures->behaviors[i].intended;
        if (lacks > most_lacking) {
            most = i;
            most_lacking = lacks;
        }
    }
    *lacking = most_lacking < 1 ? 1 : (uint64_t)most_lacking;
    return most;
}

/* Enters count arrivals that were due in [from_ns, until_ns). */
static void conserve__enter(struct run *run, const struct plan *plan, int64_t from_ns,
                            int64_t until_ns, uint64_t count, uint64_t due_all)
{
    struct figures_window window = run_window(run, plan);
    int64_t now_ns = run->end_ns > until_ns ? run->end_ns : until_ns;
    for (uint32_t turn = 0; count > 0; turn++) {
        uint64_t part;
        uint32_t behavior = conserve__behavior(plan, &run->figures, (double)due_all, &part);
        bool last = turn + 1 >= run->figures.behaviors_count;
        part = part < count && !last ? part : count;
        struct spread due = {.first_ns = from_ns, .last_ns = until_ns - 1, .count = part};
        figures_arrivals(&run->figures, &window, behavior, ARRIVAL_NEVER_STARTED, &due, now_ns);
        count -= part;
    }
}

/* A piece of the run: of one second of the series, of one stage, wholly in the window or outside.
 */
struct conserve__piece {
    int64_t from_ns;
    int64_t until_ns;
    uint64_t due;
};

static int64_t conserve__piece_end_ns(const struct run *run, const struct plan *plan,
                                      int64_t from_ns, int64_t period_ns)
{
    struct figures_window window = run_window(run, plan);
    const int64_t edges[] = {window.start_ns, window.end_ns};
    int64_t until_ns = from_ns + period_ns - (from_ns - run->origin_ns) % period_ns;
    for (int i = 0; i < 2; i++) {
        until_ns = edges[i] > from_ns && edges[i] < until_ns ? edges[i] : until_ns;
    }
    for (uint32_t i = 0; i < run->course->pacing.stages_count; i++) {
        int64_t edge_ns = run->t0_ns + run->course->pacing.stages[i].end_ns;
        until_ns = edge_ns > from_ns && edge_ns < until_ns ? edge_ns : until_ns;
    }
    return until_ns;
}

static uint32_t conserve__cut(const struct run *run, const struct plan *plan, uint32_t pieces_max,
                              struct conserve__piece *pieces)
{
    struct conserve__due due = conserve__open(run->course);
    int64_t period_ns = series_period_ns(run->figures.series);
    int64_t from_ns = run->t0_ns;
    uint64_t before = 0;
    uint32_t count = 0;
    while (from_ns < run->stop_ns && count < pieces_max) {
        int64_t until_ns = conserve__piece_end_ns(run, plan, from_ns, period_ns);
        uint64_t until = conserve__due_before(&due, until_ns - run->t0_ns);
        pieces[count++] = (struct conserve__piece){from_ns, until_ns, until - before};
        before = until;
        from_ns = until_ns;
    }
    return count;
}

/* The counts that a piece of the window belongs to: its stage's, or the run's. */
static const struct arrival_counts *conserve__counts(const struct run *run, const struct plan *plan,
                                                     int64_t from_ns)
{
    struct figures_window window = run_window(run, plan);
    const struct figures *figures = &run->figures;
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        int64_t start_ns;
        int64_t end_ns;
        if (figures_stage_span(&window, figures->stages_count, i, &start_ns, &end_ns) &&
            from_ns >= start_ns && from_ns < end_ns) {
            return &figures->stages[i].arrivals;
        }
    }
    return &figures->arrivals;
}

static uint64_t conserve__less(uint64_t due, uint64_t reported)
{
    return due > reported ? due - reported : 0;
}

/* How many arrivals the second lacks whose last piece this is. */
static uint64_t conserve__second_lacks(const struct run *run, const struct conserve__piece *pieces,
                                       uint32_t last, int64_t *second_ns)
{
    int64_t period_ns = series_period_ns(run->figures.series);
    int64_t from_ns = pieces[last].from_ns;
    uint64_t due = 0;
    *second_ns = from_ns - (from_ns - run->origin_ns) % period_ns;
    for (uint32_t i = last + 1; i-- > 0 && pieces[i].from_ns >= *second_ns;) {
        due += pieces[i].due;
    }
    return conserve__less(due, series_due(run->figures.series, from_ns));
}

/* The same of the piece's stage. */
static uint64_t conserve__stage_lacks(const struct run *run, const struct plan *plan,
                                      const struct conserve__piece *pieces, uint32_t last,
                                      const struct arrival_counts *counts)
{
    struct figures_window window = run_window(run, plan);
    uint64_t due = 0;
    for (uint32_t i = last + 1; i-- > 0 && pieces[i].from_ns >= window.start_ns &&
                                conserve__counts(run, plan, pieces[i].from_ns) == counts;) {
        due += pieces[i].due;
    }
    return conserve__less(due, counts->intended);
}

/* From the last piece to the first. A second may belong to two stages, or partly to the window, but
 * only its sum of reported arrivals is known. The later stage, whose other pieces are complete,
 * takes what it lacks; the remainder goes to the earlier stage, and at last to the warm-up. */
static void conserve__fill(struct run *run, const struct plan *plan, uint64_t due_all)
{
    struct figures_window window = run_window(run, plan);
    struct series *series = run->figures.series;
    uint32_t pieces_max = SERIES_ENTRIES_MAX + run->course->pacing.stages_count + 4;
    struct conserve__piece *pieces = calloc(pieces_max, sizeof *pieces);
    if (pieces == NULL) {
        return;
    }
    /* If the last second makes the series fold its entries, then before they are counted. */
    series_add(series, run->stop_ns - 1, SERIES_NEVER_STARTED, 0);
    uint32_t count = conserve__cut(run, plan, pieces_max, pieces);
    uint64_t second_lacks = 0;
    int64_t second_ns = INT64_MAX;
    uint64_t stage_lacks = 0;
    const struct arrival_counts *of = NULL;
    for (uint32_t i = count; i-- > 0;) {
        struct conserve__piece *piece = &pieces[i];
        bool in_window = piece->from_ns >= window.start_ns;
        if (piece->from_ns < second_ns) {
            second_lacks = conserve__second_lacks(run, pieces, i, &second_ns);
        }
        const struct arrival_counts *counts = conserve__counts(run, plan, piece->from_ns);
        if (in_window && counts != of) {
            stage_lacks = conserve__stage_lacks(run, plan, pieces, i, counts);
            of = counts;
        }
        uint64_t lacks = piece->due < second_lacks ? piece->due : second_lacks;
        lacks = in_window && stage_lacks < lacks ? stage_lacks : lacks;
        conserve__enter(run, plan, piece->from_ns, piece->until_ns, lacks, due_all);
        second_lacks -= lacks;
        stage_lacks -= in_window ? lacks : 0;
    }
    free(pieces);
}

void run_conserve(struct run *run, const struct plan *plan)
{
    struct conserve__due due = conserve__open(run->course);
    struct figures_window window = run_window(run, plan);
    if (!plan->open_loop || (due.counts && !conserve__is_partial(run))) {
        return;
    }
    uint64_t before = conserve__due_before(&due, window.start_ns - run->t0_ns);
    uint64_t due_all = conserve__due_before(&due, window.end_ns - run->t0_ns) - before;
    if (due_all > run->figures.arrivals.intended) {
        conserve__fill(run, plan, due_all);
    }
}
