#include "pacing/pacing.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"

#include <math.h>
#include <stdlib.h>

/* The stream of the generator that Poisson gaps come from ("pacing"). */
static const uint64_t PACING_STREAM = UINT64_C(0x706163696e67);

static double pacing__seconds(int64_t duration_ns)
{
    return (double)duration_ns / (double)NS_PER_S;
}

static double pacing__stage_arrivals(const struct pacing_stage *stage)
{
    double seconds = pacing__seconds(stage->end_ns - stage->start_ns);
    return (stage->rate_from_per_s + stage->rate_to_per_s) / 2 * seconds;
}

double pacing_ramp(const struct scenario_stage *stage, double from, double to, int64_t at_ns)
{
    int64_t whole_ns = stage->ramp_before_ns + stage->duration_ns + stage->ramp_after_ns;
    int64_t passed_ns = stage->ramp_before_ns + at_ns;
    if (from == to || passed_ns >= whole_ns) {
        return to;
    }
    return from + (to - from) * ((double)passed_ns / (double)whole_ns);
}

/* How many connections the stage has at its ends, as planned. held: at the end of the one before,
 * then at its own. */
static double pacing__connections(const struct scenario_stage *stage, double *held)
{
    double first = stage->has_connections ? stage->connections_from : *held;
    double last = stage->has_connections ? stage->connections_to : *held;
    *held = pacing_ramp(stage, first, last, stage->duration_ns);
    return pacing_ramp(stage, first, last, 0);
}

/* The rates of a stage of the load, at the ends of the whole ramp: of its own, or the load's. */
static void pacing__rates(const struct scenario_load *load, enum pacing_part part, uint32_t index,
                          double *from_per_s, double *to_per_s)
{
    const struct scenario_stage *stage = index < load->stages_count ? &load->stages[index] : NULL;
    bool own = stage != NULL && stage->has_rate;
    bool per_connection = own ? stage->per_connection : load->per_connection;
    double held_per_s = load->has_rate ? load->rate_per_s : 0;
    bool other = part != PACING_WHOLE && per_connection != (part == PACING_EACH);
    bool none = other || (stage != NULL && stage->paused);
    *from_per_s = none ? 0 : own ? stage->rate_from_per_s : held_per_s;
    *to_per_s = none ? 0 : own ? stage->rate_to_per_s : held_per_s;
}

/* Of each connection: times the connections. One of the two holds where the other changes. */
static bool pacing__is_multiplied(const struct scenario_load *load, enum pacing_part part,
                                  uint32_t index)
{
    const struct scenario_stage *stage = index < load->stages_count ? &load->stages[index] : NULL;
    bool own = stage != NULL && stage->has_rate;
    return part == PACING_WHOLE && (own ? stage->per_connection : load->per_connection);
}

static void pacing__fill(struct pacing_stage *stage, const struct scenario_load *load,
                         enum pacing_part part, uint32_t index, double *connections)
{
    const struct scenario_stage whole = {.duration_ns = load->duration_ns};
    const struct scenario_stage *from = index < load->stages_count ? &load->stages[index] : &whole;
    int64_t ramp_ns = from->ramp_before_ns + from->duration_ns + from->ramp_after_ns;
    double rate_from_per_s;
    double rate_to_per_s;
    pacing__rates(load, part, index, &rate_from_per_s, &rate_to_per_s);
    stage->end_ns = stage->start_ns + from->duration_ns;
    stage->rate_from_per_s = pacing_ramp(from, rate_from_per_s, rate_to_per_s, 0);
    stage->rate_to_per_s = pacing_ramp(from, rate_from_per_s, rate_to_per_s, from->duration_ns);
    stage->slope_per_s2 = (rate_to_per_s - rate_from_per_s) / pacing__seconds(ramp_ns);
    double connections_from = pacing__connections(from, connections);
    if (pacing__is_multiplied(load, part, index)) {
        stage->rate_from_per_s *= connections_from;
        stage->rate_to_per_s *= *connections;
        stage->slope_per_s2 =
            (stage->rate_to_per_s - stage->rate_from_per_s) / pacing__seconds(from->duration_ns);
    }
}

bool pacing_open(struct pacing *pacing, const struct scenario_load *load, enum pacing_part part,
                 struct error *error)
{
    *pacing = (struct pacing){.arrival = load->arrival, .seed = load->seed};
    uint32_t count = load->stages_count == 0 ? 1 : load->stages_count;
    pacing->stages = calloc(count, sizeof *pacing->stages);
    if (pacing->stages == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u stages", count);
        return false;
    }
    pacing->stages_count = count;
    double connections = load->connections;
    for (uint32_t i = 0; i < count; i++) {
        struct pacing_stage *stage = &pacing->stages[i];
        stage->start_ns = pacing->end_ns;
        stage->arrivals_before = pacing->arrivals_total;
        stage->number = i == 0 ? 0 : stage[-1].number + !load->stages[i].continued;
        pacing__fill(stage, load, part, i, &connections);
        pacing->end_ns = stage->end_ns;
        pacing->arrivals_total += pacing__stage_arrivals(stage);
    }
    return true;
}

void pacing_close(struct pacing *pacing)
{
    free(pacing->stages);
    *pacing = (struct pacing){0};
}

void pacing_multiply(struct pacing *pacing, uint32_t times)
{
    for (uint32_t i = 0; i < pacing->stages_count; i++) {
        pacing->stages[i].rate_from_per_s *= times;
        pacing->stages[i].rate_to_per_s *= times;
        pacing->stages[i].slope_per_s2 *= times;
        pacing->stages[i].arrivals_before *= times;
    }
    pacing->arrivals_total *= times;
}

/* The gap before arrival n in units of the mean gap: exponential, by inversion. */
static double pacing__gap(const struct pacing_cursor *cursor)
{
    return -log1p(-prng_unit(cursor->key, PACING_STREAM, cursor->n));
}

/* How many arrivals are expected before the cursor's. */
static double pacing__place(const struct pacing *pacing, const struct pacing_cursor *cursor)
{
    return pacing->arrival == ARRIVAL_POISSON ? cursor->poisson_sum
                                              : (double)cursor->n + cursor->phase;
}

/* When as many arrivals are expected to have come; the stage's last moment if that is later. */
static int64_t pacing__time_in(const struct pacing_stage *stage, double place)
{
    double within = place - stage->arrivals_before;
    double seconds = 0;
    if (within > 0) {
        /* Solve from * s + slope * s^2 / 2 = within for s, in the form that neither cancels nor
         * divides by a slope of 0. */
        double from = stage->rate_from_per_s;
        double discriminant = from * from + 2 * stage->slope_per_s2 * within;
        seconds = 2 * within / (from + sqrt(discriminant > 0 ? discriminant : 0));
    }
    double offset_ns = seconds * (double)NS_PER_S;
    int64_t length_ns = stage->end_ns - stage->start_ns;
    /* Rounding at the very end must not lead out of the stage. */
    return stage->start_ns + (offset_ns < (double)length_ns ? (int64_t)offset_ns : length_ns - 1);
}

void pacing_locate(const struct pacing *pacing, struct pacing_cursor *cursor)
{
    double place = pacing__place(pacing, cursor);
    if (place >= pacing->arrivals_total) {
        cursor->time_ns = TIME_NEVER_NS;
        return;
    }
    while (cursor->stage + 1 < pacing->stages_count &&
           place >= pacing->stages[cursor->stage + 1].arrivals_before) {
        cursor->stage++;
    }
    cursor->time_ns = pacing__time_in(&pacing->stages[cursor->stage], place);
}

int64_t pacing_time_after(const struct pacing *pacing, const struct pacing_cursor *cursor,
                          double arrivals)
{
    double place = pacing__place(pacing, cursor) + arrivals;
    return pacing__time_in(&pacing->stages[cursor->stage], place);
}

static void pacing__begin(const struct pacing *pacing, struct pacing_cursor *cursor)
{
    if (pacing->arrival == ARRIVAL_POISSON) {
        cursor->poisson_sum = pacing__gap(cursor);
    }
    pacing_locate(pacing, cursor);
}

void pacing_first(const struct pacing *pacing, struct pacing_cursor *cursor)
{
    *cursor = (struct pacing_cursor){.key = pacing->seed};
    pacing__begin(pacing, cursor);
}

void pacing_first_of(const struct pacing *pacing, uint64_t stream, double phase,
                     struct pacing_cursor *cursor)
{
    *cursor = (struct pacing_cursor){.key = prng_mix(pacing->seed, stream), .phase = phase};
    pacing__begin(pacing, cursor);
}

bool pacing_step(const struct pacing *pacing, struct pacing_cursor *cursor)
{
    cursor->n++;
    if (pacing->arrival == ARRIVAL_POISSON) {
        cursor->poisson_sum += pacing__gap(cursor);
    }
    if (pacing__place(pacing, cursor) >= pacing->arrivals_total) {
        cursor->time_ns = TIME_NEVER_NS;
        return false;
    }
    return true;
}

bool pacing_skip(const struct pacing *pacing, struct pacing_cursor *cursor, uint64_t steps)
{
    if (pacing->arrival != ARRIVAL_POISSON) {
        cursor->n += steps - 1;
        return pacing_step(pacing, cursor);
    }
    bool more = true;
    for (uint64_t i = 0; i < steps; i++) {
        more = pacing_step(pacing, cursor); /* past the end, too: a touch may move the end */
    }
    return more;
}

/* A load that was touched often has thousands of stages, and each of as many connections' own
 * arrivals is sought in them: by halves. */
void pacing_relocate(const struct pacing *pacing, struct pacing_cursor *cursor)
{
    double place = pacing__place(pacing, cursor);
    uint32_t low = 0;
    uint32_t high = pacing->stages_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (place >= pacing->stages[middle].arrivals_before) {
            low = middle;
        } else {
            high = middle;
        }
    }
    cursor->stage = low;
    pacing_locate(pacing, cursor);
}

static int64_t pacing__time_of(const struct pacing *pacing, double phase, uint64_t n)
{
    struct pacing_cursor cursor = {.n = n, .phase = phase};
    pacing_relocate(pacing, &cursor);
    return cursor.time_ns;
}

uint64_t pacing_number_at(const struct pacing *pacing, const struct pacing_cursor *cursor,
                          int64_t time_ns)
{
    must(pacing->arrival != ARRIVAL_POISSON);
    double place = ceil(pacing_count(pacing, time_ns) - cursor->phase);
    uint64_t n = place > 0 ? (uint64_t)place : 0;
    /* The arithmetic is that of the times, but not its rounding. */
    while (n > 0 && pacing__time_of(pacing, cursor->phase, n - 1) >= time_ns) {
        n--;
    }
    while (pacing__time_of(pacing, cursor->phase, n) < time_ns) {
        n++;
    }
    return n;
}

void pacing_rewind(const struct pacing *pacing, struct pacing_cursor *cursor, int64_t time_ns)
{
    struct pacing_cursor before = *cursor;
    if (pacing->arrival != ARRIVAL_POISSON) {
        uint64_t n = pacing_number_at(pacing, cursor, time_ns);
        cursor->n = n < cursor->n ? n : cursor->n;
        pacing_relocate(pacing, cursor);
        return;
    }
    while (before.n > 0) {
        before.poisson_sum -= pacing__gap(&before);
        before.n--;
        pacing_relocate(pacing, &before);
        if (before.time_ns < time_ns) {
            return;
        }
        *cursor = before;
    }
}

void pacing_advance(const struct pacing *pacing, struct pacing_cursor *cursor)
{
    if (pacing_step(pacing, cursor)) {
        pacing_locate(pacing, cursor);
    }
}

/* The first one for times before all stages, the last one for times after them. */
static const struct pacing_stage *pacing__nearest(const struct pacing *pacing, int64_t time_ns)
{
    uint32_t low = 0;
    uint32_t high = pacing->stages_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (time_ns < pacing->stages[middle].end_ns) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return &pacing->stages[low];
}

/* NULL: the time is outside of all stages. */
static const struct pacing_stage *pacing__stage_at(const struct pacing *pacing, int64_t time_ns)
{
    const struct pacing_stage *stage = pacing__nearest(pacing, time_ns);
    return time_ns >= stage->start_ns && time_ns < stage->end_ns ? stage : NULL;
}

double pacing_rate_per_s(const struct pacing *pacing, int64_t time_ns)
{
    const struct pacing_stage *stage = pacing__stage_at(pacing, time_ns);
    if (stage == NULL) {
        return 0;
    }
    double part = (double)(time_ns - stage->start_ns) / (double)(stage->end_ns - stage->start_ns);
    return stage->rate_from_per_s + (stage->rate_to_per_s - stage->rate_from_per_s) * part;
}

uint32_t pacing_stage_number(const struct pacing *pacing, int64_t time_ns)
{
    return pacing__nearest(pacing, time_ns)->number;
}

bool pacing_stage_span(const struct pacing *pacing, uint32_t number, int64_t *from_ns,
                       int64_t *until_ns)
{
    bool found = false;
    for (uint32_t i = 0; i < pacing->stages_count; i++) {
        const struct pacing_stage *stage = &pacing->stages[i];
        if (stage->number == number) {
            *from_ns = found ? *from_ns : stage->start_ns;
            *until_ns = stage->end_ns;
            found = true;
        }
    }
    return found;
}

double pacing_count(const struct pacing *pacing, int64_t time_ns)
{
    if (time_ns <= 0) {
        return 0;
    }
    const struct pacing_stage *stage = pacing__stage_at(pacing, time_ns);
    if (stage == NULL) {
        return pacing->arrivals_total;
    }
    double seconds = pacing__seconds(time_ns - stage->start_ns);
    return stage->arrivals_before +
           (stage->rate_from_per_s + pacing_rate_per_s(pacing, time_ns)) / 2 * seconds;
}

uint64_t pacing_due(const struct pacing *pacing, int64_t time_ns)
{
    const struct pacing_cursor first = {.n = 0};
    return pacing->arrival == ARRIVAL_POISSON ? (uint64_t)llround(pacing_count(pacing, time_ns))
                                              : pacing_number_at(pacing, &first, time_ns);
}
