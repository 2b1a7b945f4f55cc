/* Steering: what somebody does to a run by hand while it goes on: rates, connections, a pause, the
 * end of a stage or of the run, a mark. By POST /control, or by keys of the terminal.
 *
 * An order may be submitted by any thread, which waits until the supervisor's next turn has decided
 * (10 ms). What is accepted is a touch of the load (pacing/course.h) a little in the future, and a
 * mark in the result, with who and when; what is refused has one line that says why.
 *
 * Courses and marks stay until steer_close(): workers, the run and the report read them. */
#pragma once

#include "core/error.h"
#include "pacing/course.h"
#include "plan/plan.h"
#include "system/thread.h"

struct cJSON;
struct json_text;

enum {
    STEER_TOUCHES_MAX = 1000, /* the last one can only end the run */
    STEER_TEXTS_MAX = 1000,   /* marks that are no touches; they take no touch's place */
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

struct steer {
    const struct plan *plan;
    struct mutex mutex; /* of what follows, up to the courses */
    struct condition answered;
    struct steer__request *first; /* waiting, in order */
    struct steer__request *last;
    bool takes_orders;
    bool answers;            /* what was decided is done: whoever waits may go on */
    struct course **courses; /* the supervisor's: one per touch */
    struct touch *touches;
    uint32_t touches_count;
    struct steer_mark *marks;
    uint32_t marks_count;
    struct error refused; /* the last order of the terminal, if it was; for the supervisor */
};

/* How the run stands. Times are on its clock. */
struct steer_moment {
    int64_t now_ns;
    int64_t t0_ns;     /* TIME_NEVER_NS: the load has not begun */
    int64_t stop_ns;   /* TIME_NEVER_NS: not known yet */
    int64_t notice_ns; /* from a decision to its moment */
};

bool steer_open(struct steer *steer, const struct plan *plan, struct error *error);
/* Its lock stays: a thread of the page may still ask, and is told that the run takes no orders. */
void steer_close(struct steer *steer);

/* Reads an order, JSON of one key: {"rate": 500}, {"rate": "+10%"}, {"rate_per_connection": 5},
 * {"connections": 20}, {"pause": true}, {"end": "stage"}, {"mark": "text"}. */
bool steer_read(const char *text, struct steer_order *order, struct error *error);
/* Any thread. False: it is refused, *error says why. *at_ns: from when it holds, since t0. */
bool steer_submit(struct steer *steer, const struct steer_order *order, const char *who,
                  int64_t *at_ns, struct error *error);
/* For web_set_control(); context: the steer. */
bool steer_control(void *context, const char *text, const char *who, struct json_text *answer);

/* The supervisor's: orders are taken from now on, ... */
void steer_begin(struct steer *steer);
/* ... decided in every turn, at most so many, ... Returns whether the load was touched. */
bool steer_turn(struct steer *steer, const struct steer_moment *moment, uint32_t orders_max);
/* ... answered when the run follows what was decided in the turn, ... */
void steer_answer(struct steer *steer);
/* ... and no longer. */
void steer_end(struct steer *steer);
/* The course after so many touches. */
const struct course *steer_course(const struct steer *steer, uint32_t touches);
/* A member of a fleet: what the leader has decided. False: no memory. */
bool steer_follow(struct steer *steer, const struct touch *touch, struct error *error);
/* For the result: what has been done, and the load as it was played. */
struct run;
void steer_add_json(const struct run *run, struct cJSON *result);
/* "rate", "connections", "pause", "resume", "end" or "mark". */
const char *steer_mark_kind(const struct steer_mark *mark);
static inline bool steer_is_steered(const struct steer *steer)
{
    return steer->touches_count > 0;
}
