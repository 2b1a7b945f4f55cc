/* Steering: what somebody does to a run by hand while it goes on: rates, connections, a pause, the
 * end of a stage or of the run, a mark. By POST /control, or by keys of the terminal.
 *
 * An order may be submitted by any thread, which waits until the supervisor's next turn has decided
 * (10 ms). What is accepted is a touch of the load (pacing/course.h) a little in the future, and a
 * mark in the result, with who and when; what is refused has one line that says why.
 *
 * A touch makes a course. The last one stays until steer_close(), as the marks do: the run and the
 * report read them. Those before it are given back when every worker follows a later one; while too
 * many of them are in use, orders wait. So a run that is touched for days needs no more memory than
 * its load does. */
#pragma once

#include "core/error.h"
#include "fleet/fleet.h"
#include "pacing/course.h"
#include "plan/plan.h"
#include "system/thread.h"

struct cJSON;
struct json_text;

enum {
    /* A scenario that replays them has no more stages. The last two have their use: a run that is
     * paused can go on, and each can be ended. */
    STEER_TOUCHES_MAX = SCENARIO_STAGES_MAX,
    STEER_TEXTS_MAX = 1000, /* marks that are no touches; they take no touch's place */
    /* Touches that some worker may not follow yet: as many as the ranks tell each other. */
    STEER_AHEAD_MAX = FLEET_TOUCHES_MAX,
    STEER_MARKS_MAX = STEER_TOUCHES_MAX + STEER_TEXTS_MAX,
    STEER_TEXT_BYTES_MAX = 128, /* of a mark, and of an order in words */
    STEER_WHO_BYTES_MAX = 64
};

/* Who uses keys. */
#define STEER_TERMINAL "terminal"

enum steer_kind { STEER_TOUCH, STEER_MARK };

/* What somebody wants. touch.at_ns is the supervisor's. */
struct steer_order {
    enum steer_kind kind;
    struct touch touch;
    bool toggles;                    /* TOUCH_PAUSE of a paused run: TOUCH_RESUME */
    char text[STEER_TEXT_BYTES_MAX]; /* the mark's, or the order in words: "rate +10%" */
};

/* What has been done. */
struct steer_mark {
    int64_t at_ns; /* on the run's clock: from when it holds */
    int64_t wall_ns;
    enum steer_kind kind;
    enum touch_kind touch;
    char who[STEER_WHO_BYTES_MAX];
    char text[STEER_TEXT_BYTES_MAX];
};

struct steer__request;

struct steer_touched {
    struct touch touch;
    struct course course; /* what came of it */
};

struct steer {
    const struct plan *plan;
    struct mutex mutex; /* of what follows, up to the courses */
    struct condition answered;
    struct steer__request *first; /* waiting, in order */
    struct steer__request *last;
    struct steer__request *decided; /* wait for their answer */
    bool takes_orders;
    /* The supervisor's. The last touches: number n, from 0, is in place n % (STEER_AHEAD_MAX + 1)
     */
    struct steer_touched touched[STEER_AHEAD_MAX + 1];
    uint32_t touches_count;
    uint32_t oldest; /* the course of so many touches is kept, and those after it */
    struct steer_mark *marks;
    uint32_t marks_count;
    struct error refused; /* the last order of the terminal, if it was; for the supervisor */
};

/* How the run stands. Times are on its clock. */
struct steer_moment {
    int64_t (*clock_ns)(void);
    int64_t origin_ns; /* its beginning */
    int64_t t0_ns;     /* TIME_NEVER_NS: the load has not begun */
    int64_t stop_ns;   /* TIME_NEVER_NS: not known yet */
    int64_t
        notice_ns; /* from a decision to its moment, of which the half is left when it is made */
};

bool steer_open(struct steer *steer, const struct plan *plan, struct error *error);
/* Its lock stays: a thread of the page may still ask, and is told that the run takes no orders. */
void steer_close(struct steer *steer);

/* Reads an order, JSON of one key: {"rate": 500}, {"rate": "+10%"}, {"rate_per_connection": 5},
 * {"connections": 20}, {"pause": true}, {"end": "stage"}, {"mark": "text"}. */
bool steer_read(const char *text, struct steer_order *order, struct error *error);
/* Any thread. False: it is refused, *error says why. *at_ns: from when it holds, since the run's
 * beginning. */
bool steer_submit(struct steer *steer, const struct steer_order *order, const char *who,
                  int64_t *at_ns, struct error *error);
/* For web_set_control(); context: the steer. */
bool steer_control(void *context, const char *text, const char *who, struct json_text *answer);

/* The supervisor's: orders are taken from now on, ... */
void steer_begin(struct steer *steer);
/* ... decided in every turn, up to the first touch: the workers are to know that one before the
 * next is decided. Returns whether there was one: then again, ... */
bool steer_turn(struct steer *steer, const struct steer_moment *moment);
/* ... answered when the run follows what was decided in the turn, ... */
void steer_answer(struct steer *steer);
/* ... and no longer. */
void steer_end(struct steer *steer);
/* Every worker, of all ranks, follows a course of so many touches or more. */
void steer_give_back(struct steer *steer, uint32_t touches);
/* The course after all touches. */
const struct course *steer_course(const struct steer *steer);
/* One of the last STEER_AHEAD_MAX. */
const struct touch *steer_touch_of(const struct steer *steer, uint32_t number);
/* Touches the load; on a member of a fleet: as the leader has decided. False: it cannot be, *error
 * says why. */
bool steer_touch(struct steer *steer, const struct touch *touch, struct error *error);
/* For the result: what has been done, and the load as it was played. */
struct run;
void steer_add_json(const struct run *run, struct cJSON *result);
/* "rate", "connections", "pause", "resume", "end" or "mark". */
const char *steer_mark_kind(const struct steer_mark *mark);
static inline bool steer_is_steered(const struct steer *steer)
{
    return steer->touches_count > 0;
}
