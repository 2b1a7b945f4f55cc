/* The course of a load: when arrivals and connections are wanted. The plan's is what the scenario
 * says. A touch (somebody steers the run) makes another course, which is the same before the touch
 * to the last bit: so whoever still follows the old one then has done nothing wrong, and n arrivals
 * are n arrivals by both.
 *
 * A touched course is a load with stages, as a scenario has them: playing that scenario is playing
 * the course. Immutable once open; any thread. Times are nanoseconds since t0. */
#pragma once

#include "pacing/pacing.h"
#include "pacing/population.h"

enum touch_kind {
    TOUCH_RATE,        /* value: iterations per second in total, from here on */
    TOUCH_RATE_EACH,   /* the same of each connection */
    TOUCH_SCALE,       /* value: all rates from here on, times this */
    TOUCH_CONNECTIONS, /* value: how many, from here on */
    TOUCH_PAUSE,       /* no arrivals; time passes */
    TOUCH_RESUME,
    TOUCH_END_STAGE, /* the next one begins here; with the last one the run ends */
    TOUCH_END_RUN,
    TOUCH_KINDS
};

struct touch {
    enum touch_kind kind;
    int64_t at_ns;
    double value;
};

struct course {
    uint32_t touches;          /* how often the plan's was touched: no two of a run have the same */
    struct scenario_load load; /* its stages are the course's own */
    struct pacing pacing;      /* the whole load; of it, on each side ... */
    struct pacing shared;      /* ... what any connection of a behavior may play, */
    struct pacing each;        /* ... and what each connection plays (rate_per_connection) */
    struct population population;
    uint32_t sides;
    bool changed; /* by its last touch: without it, all from there on would have been the same */
    int64_t end_ns;
};

/* sides: of a duet each has the whole load. */
bool course_open(struct course *course, const struct scenario_load *load, uint32_t sides,
                 struct error *error);
/* from, touched at a time that is later than 0 and before its end. A stage that is ended at its
 * first moment has 1 ns: it keeps its number. False: no memory. */
bool course_open_touched(struct course *course, const struct course *from,
                         const struct touch *touch, struct error *error);
/* The same once more, with memory of its own. */
bool course_copy(struct course *course, const struct course *from, struct error *error);
void course_close(struct course *course);
/* Does nothing arrive at that time because the run is paused? */
bool course_is_paused(const struct course *course, int64_t time_ns);
/* How many connections are wanted at a time; of a duet those of both sides. */
uint32_t course_connections(const struct course *course, int64_t time_ns);
/* The highest rate of the course from a time on, in total on one side. */
double course_rate_max_per_s(const struct course *course, int64_t from_ns);
/* Can all rates from a time on be played? False: *error says which cannot. */
bool course_check_rates(const struct course *course, int64_t from_ns, struct error *error);
/* A stage's rates and connections at its ends: of a part those of the part. */
struct scenario_stage course_stage(const struct course *course, uint32_t index);
