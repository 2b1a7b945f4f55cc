#include "pacing/course.h"

#include "core/must.h"
#include "text/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool course__copy_load(struct scenario_load *into, const struct scenario_load *from,
                              uint32_t room, struct error *error)
{
    *into = *from;
    into->stages = calloc((size_t)from->stages_count + room, sizeof *into->stages);
    if (into->stages == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u stages",
                        from->stages_count + room);
        return false;
    }
    if (from->stages_count > 0) {
        memcpy(into->stages, from->stages, from->stages_count * sizeof *into->stages);
    }
    return true;
}

/* Its load is there. */
static bool course__open(struct course *course, uint32_t sides, struct error *error)
{
    const struct scenario_load *load = &course->load;
    course->sides = sides;
    if (!pacing_open(&course->pacing, load, PACING_WHOLE, error) ||
        !pacing_open(&course->shared, load, PACING_SHARED, error) ||
        !pacing_open(&course->each, load, PACING_EACH, error) ||
        !population_open(&course->population, load, error)) {
        course_close(course);
        return false;
    }
    pacing_multiply(&course->pacing, sides);
    course->end_ns = course->pacing.end_ns;
    return true;
}

bool course_open(struct course *course, const struct scenario_load *load, uint32_t sides,
                 struct error *error)
{
    *course = (struct course){0};
    return course__copy_load(&course->load, load, 1, error) && course__open(course, sides, error);
}

bool course_copy(struct course *course, const struct course *from, struct error *error)
{
    *course = (struct course){.touches = from->touches};
    return course__copy_load(&course->load, &from->load, 0, error) &&
           course__open(course, from->sides, error);
}

void course_close(struct course *course)
{
    free(course->load.stages);
    pacing_close(&course->pacing);
    pacing_close(&course->shared);
    pacing_close(&course->each);
    population_close(&course->population);
    *course = (struct course){0};
}

/* --- A touch: the stages are cut, and what is behind the cut is changed. */

static bool course__is_open_loop(const struct scenario_load *load)
{
    return load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
}

/* Every stage says its own rate: so that it can be another one behind the touch. */
static void course__spell_rates(struct scenario_load *load)
{
    bool open = course__is_open_loop(load);
    if (load->stages_count == 0) {
        load->stages[load->stages_count++] =
            (struct scenario_stage){.duration_ns = load->duration_ns};
    }
    for (uint32_t i = 0; i < load->stages_count && open; i++) {
        struct scenario_stage *stage = &load->stages[i];
        if (!stage->has_rate) {
            stage->has_rate = true;
            stage->per_connection = load->per_connection;
            stage->rate_from_per_s = load->rate_per_s;
            stage->rate_to_per_s = load->rate_per_s;
        }
    }
    load->has_rate = false;
}

/* The same of the number of connections. */
static void course__spell_connections(struct scenario_load *load)
{
    double held = load->connections;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        struct scenario_stage *stage = &load->stages[i];
        if (!stage->has_connections) {
            stage->has_connections = true;
            stage->connections_from = (uint32_t)llround(held);
            stage->connections_to = stage->connections_from;
        }
        held =
            pacing_ramp(stage, stage->connections_from, stage->connections_to, stage->duration_ns);
    }
}

/* A stage begins at that time. Returns which. There is room for one more. */
static uint32_t course__cut(struct scenario_load *load, int64_t at_ns)
{
    int64_t start_ns = 0;
    uint32_t i = 0;
    while (i < load->stages_count && at_ns >= start_ns + load->stages[i].duration_ns) {
        start_ns += load->stages[i++].duration_ns;
    }
    if (i == load->stages_count || at_ns == start_ns) {
        return i;
    }
    struct scenario_stage *first = &load->stages[i];
    memmove(first + 1, first, (load->stages_count - i) * sizeof *first);
    load->stages_count++;
    int64_t passed_ns = at_ns - start_ns;
    first[1].continued = true;
    first[1].ramp_before_ns += passed_ns;
    first[1].duration_ns -= passed_ns;
    first[0].ramp_after_ns += first[1].duration_ns;
    first[0].duration_ns = passed_ns;
    return i + 1;
}

/* To the millionth, as a scenario can say it. */
static double course__scaled(double rate_per_s, double factor)
{
    return round(rate_per_s * factor * 1e6) / 1e6;
}

/* Whose a rate of 0 is makes no difference. */
static bool course__is_same(const struct scenario_stage *a, const struct scenario_stage *b)
{
    bool none = a->rate_from_per_s == 0 && a->rate_to_per_s == 0;
    return a->rate_from_per_s == b->rate_from_per_s && a->rate_to_per_s == b->rate_to_per_s &&
           (none || a->per_connection == b->per_connection) &&
           a->connections_from == b->connections_from && a->connections_to == b->connections_to &&
           a->paused == b->paused;
}

/* Returns whether it is another one now. */
static bool course__change(struct scenario_stage *stage, const struct touch *touch)
{
    const struct scenario_stage before = *stage;
    switch (touch->kind) {
    case TOUCH_RATE:
    case TOUCH_RATE_EACH:
        stage->per_connection = touch->kind == TOUCH_RATE_EACH;
        stage->rate_from_per_s = touch->value;
        stage->rate_to_per_s = touch->value;
        break;
    case TOUCH_SCALE:
        stage->rate_from_per_s = course__scaled(stage->rate_from_per_s, touch->value);
        stage->rate_to_per_s = course__scaled(stage->rate_to_per_s, touch->value);
        break;
    case TOUCH_CONNECTIONS:
        stage->connections_from = (uint32_t)touch->value;
        stage->connections_to = (uint32_t)touch->value;
        break;
    case TOUCH_PAUSE:
    case TOUCH_RESUME:
        stage->paused = touch->kind == TOUCH_PAUSE;
        break;
    case TOUCH_END_STAGE:
    case TOUCH_END_RUN:
    case TOUCH_KINDS:
        break;
    }
    return !course__is_same(stage, &before);
}

/* Leaves out the stages from one up to another. */
static void course__remove(struct scenario_load *load, uint32_t from, uint32_t until)
{
    struct scenario_stage *stages = load->stages;
    memmove(&stages[from], &stages[until], (load->stages_count - until) * sizeof *stages);
    load->stages_count -= until - from;
}

/* Returns whether anything comes otherwise than before. */
static bool course__touch_load(struct scenario_load *load, const struct touch *touch)
{
    bool changed = touch->kind == TOUCH_END_STAGE || touch->kind == TOUCH_END_RUN;
    course__spell_rates(load);
    if (touch->kind == TOUCH_CONNECTIONS) {
        course__spell_connections(load);
    }
    uint32_t from = course__cut(load, touch->at_ns);
    if (touch->kind == TOUCH_END_STAGE && from < load->stages_count &&
        !load->stages[from].continued) {
        /* It begins at this moment: without any of it, the next ones would get other numbers. */
        from = course__cut(load, touch->at_ns + 1);
    }
    if (touch->kind == TOUCH_END_STAGE && from < load->stages_count) {
        uint32_t next = from + 1;
        while (next < load->stages_count && load->stages[next].continued) {
            next++;
        }
        course__remove(load, from, next);
    } else if (touch->kind == TOUCH_END_RUN) {
        load->stages_count = from;
    } else {
        for (uint32_t i = from; i < load->stages_count; i++) {
            changed |= course__change(&load->stages[i], touch);
        }
    }
    load->duration_ns = 0;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        load->duration_ns += load->stages[i].duration_ns;
    }
    return changed;
}

bool course_open_touched(struct course *course, const struct course *from,
                         const struct touch *touch, struct error *error)
{
    enum { ROOM = 2 }; /* for the only stage of a load without any, and for the one that is cut */
    must(touch->at_ns > 0 && touch->at_ns < from->end_ns);
    *course = (struct course){0};
    if (!course__copy_load(&course->load, &from->load, ROOM, error)) {
        return false;
    }
    course->changed = course__touch_load(&course->load, touch);
    course->touches = from->touches + 1;
    return course__open(course, from->sides, error);
}

/* --- Questions. */

bool course_is_paused(const struct course *course, int64_t time_ns)
{
    const struct scenario_load *load = &course->load;
    int64_t end_ns = 0;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        end_ns += load->stages[i].duration_ns;
        if (time_ns < end_ns) {
            return load->stages[i].paused;
        }
    }
    return false;
}

uint32_t course_connections(const struct course *course, int64_t time_ns)
{
    return population_wanted(&course->population, time_ns) * course->sides;
}

double course_rate_max_per_s(const struct course *course, int64_t from_ns)
{
    double most_per_s = 0;
    for (uint32_t i = 0; i < course->pacing.stages_count; i++) {
        const struct pacing_stage *stage = &course->pacing.stages[i];
        if (stage->end_ns > from_ns) {
            most_per_s = fmax(most_per_s, fmax(stage->rate_from_per_s, stage->rate_to_per_s));
        }
    }
    return most_per_s / course->sides;
}

bool course_check_rates(const struct course *course, int64_t from_ns, struct error *error)
{
    double most_per_s = course_rate_max_per_s(course, from_ns);
    double catch_up_max_per_s = course->load.catch_up_max_per_s;
    if (catch_up_max_per_s > 0 && catch_up_max_per_s <= most_per_s) {
        error_set(error,
                  "`load.max_catch_up_rate`: expected more than the highest rate, %.10g/s, or what "
                  "is late stays late; found %.10g/s",
                  most_per_s, catch_up_max_per_s);
        return false;
    }
    if (most_per_s > UNITS_RATE_MAX_PER_S) {
        error_set(error, "a rate of %.10g/s in total: expected at most %.10g/s", most_per_s,
                  UNITS_RATE_MAX_PER_S);
        return false;
    }
    return true;
}

struct scenario_stage course_stage(const struct course *course, uint32_t index)
{
    must(index < course->load.stages_count);
    const struct scenario_stage *whole = &course->load.stages[index];
    struct scenario_stage part = *whole;
    double rate_from = whole->paused ? 0 : whole->rate_from_per_s;
    double rate_to = whole->paused ? 0 : whole->rate_to_per_s;
    double first = whole->connections_from;
    double last = whole->connections_to;
    part.rate_from_per_s = pacing_ramp(whole, rate_from, rate_to, 0);
    part.rate_to_per_s = pacing_ramp(whole, rate_from, rate_to, whole->duration_ns);
    part.connections_from = (uint32_t)llround(pacing_ramp(whole, first, last, 0));
    part.connections_to = (uint32_t)llround(pacing_ramp(whole, first, last, whole->duration_ns));
    part.ramp_before_ns = 0;
    part.ramp_after_ns = 0;
    part.continued = false;
    part.paused = false;
    return part;
}
