#include "conduct/steer.h"

#include "core/clock.h"
#include "core/must.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Touches at the least distance from each other: no part of a stage is empty. */
static const int64_t STEER_APART_NS = 1000;

/* An order that waits; on the stack of the thread that submits it. */
struct steer__request {
    const struct steer_order *order;
    const char *who;
    struct steer__request *next;
    struct error error;
    int64_t at_ns;
    bool answered;
    bool accepted;
};

bool steer_open(struct steer *steer, const struct plan *plan, struct error *error)
{
    *steer = (struct steer){.plan = plan};
    mutex_open(&steer->mutex);
    condition_open(&steer->answered);
    steer->marks = calloc(STEER_MARKS_MAX, sizeof *steer->marks);
    if (steer->marks == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the marks of a run");
    }
    return steer->marks != NULL;
}

void steer_close(struct steer *steer)
{
    steer_give_back(steer, steer->touches_count + 1);
    free(steer->marks);
    steer->marks = NULL;
    steer->touches_count = 0;
    steer->marks_count = 0;
}

static struct steer_touched *steer__at(struct steer *steer, uint32_t number)
{
    return &steer->touched[number % (STEER_AHEAD_MAX + 1)];
}

void steer_give_back(struct steer *steer, uint32_t touches)
{
    must(touches <= steer->touches_count + 1);
    for (; steer->oldest < touches; steer->oldest++) {
        if (steer->oldest > 0) { /* that without touches is the plan's */
            course_close(&steer__at(steer, steer->oldest - 1)->course);
        }
    }
}

const struct course *steer_course(const struct steer *steer)
{
    uint32_t last = (steer->touches_count - 1) % (STEER_AHEAD_MAX + 1);
    return steer->touches_count == 0 ? &steer->plan->course : &steer->touched[last].course;
}

const struct touch *steer_touch_of(const struct steer *steer, uint32_t number)
{
    must(number < steer->touches_count && number + STEER_AHEAD_MAX >= steer->touches_count);
    return &steer->touched[number % (STEER_AHEAD_MAX + 1)].touch;
}

/* --- Any thread. */

bool steer_submit(struct steer *steer, const struct steer_order *order, const char *who,
                  int64_t *at_ns, struct error *error)
{
    struct steer__request request = {.order = order, .who = who};
    mutex_lock(&steer->mutex);
    if (steer->takes_orders) {
        if (steer->first == NULL) {
            steer->first = &request;
        } else {
            steer->last->next = &request;
        }
        steer->last = &request;
        while (!request.answered) {
            condition_wait(&steer->answered, &steer->mutex);
        }
    } else {
        error_set(&request.error, "the run takes no orders: it has ended, or does not go on yet");
    }
    mutex_unlock(&steer->mutex);
    *at_ns = request.at_ns;
    *error = request.error;
    return request.accepted;
}

/* --- The supervisor's thread. */

/* Is the order possible at all, whenever it comes? */
static bool steer__is_possible(const struct steer *steer, const struct touch *touch,
                               struct error *error)
{
    const struct plan *plan = steer->plan;
    uint32_t connections = plan_number(plan, plan->connections);
    bool rates =
        touch->kind == TOUCH_RATE || touch->kind == TOUCH_RATE_EACH || touch->kind == TOUCH_SCALE;
    if (rates && !plan->open_loop) {
        error_set(error, "a closed loop has no rate: it goes as fast as replies come; give "
                         "`load.rate` or --rate to steer one");
    } else if (!plan->open_loop && (touch->kind == TOUCH_PAUSE || touch->kind == TOUCH_RESUME)) {
        error_set(error, "a closed loop has no arrivals to be paused: lower `connections`, or "
                         "give `load.rate` or --rate");
    } else if (touch->kind == TOUCH_RATE_EACH && plan->course.each.arrivals_total <= 0) {
        error_set(error, "the scenario has no rate per connection: expected `rate`, in total");
    } else if (touch->kind == TOUCH_CONNECTIONS && touch->value > connections) {
        error_set(error,
                  "`connections`: expected at most %" PRIu32 ": the run has memory for as many as "
                  "its scenario ever wants; begin it with a higher --connections",
                  connections);
    } else {
        return true;
    }
    return false;
}

/* Why a touch that changes nothing is none. */
static const char *const STEER_SAME[TOUCH_KINDS] = {
    [TOUCH_RATE] = "the rate is that already, to the end",
    [TOUCH_RATE_EACH] = "the rate of each connection is that already, to the end",
    [TOUCH_SCALE] = ("no rate would be another one (0 stays 0): order one in numbers, such as "
                     "{\"rate\": 100}, by POST /control (--listen)"),
    [TOUCH_CONNECTIONS] = "there are as many connections already, to the end",
    [TOUCH_PAUSE] = "the run is paused already",
    [TOUCH_RESUME] = "the run is not paused",
};

/* How many of the last places are not for it. */
static uint32_t steer__places_kept(const struct touch *touch)
{
    return touch->kind == TOUCH_END_RUN ? 0 : touch->kind == TOUCH_RESUME ? 1 : 2;
}

/* Is the load that would come of it another one, that can be played, and replayed? */
static bool steer__fits(const struct course *course, const struct touch *touch, struct error *error)
{
    if (!course->changed) {
        error_set(error, "%s", STEER_SAME[touch->kind]);
        return false;
    }
    if (!course_check_rates(course, touch->at_ns, error)) {
        return false;
    }
    if (course->load.stages_count + steer__places_kept(touch) > SCENARIO_STAGES_MAX ||
        course->touches + steer__places_kept(touch) > STEER_TOUCHES_MAX) {
        error_set(error,
                  "the run has been touched so often that a scenario, which has %d stages at most, "
                  "could not replay it: end it, or let it go on",
                  SCENARIO_STAGES_MAX);
        return false;
    }
    return true;
}

bool steer_touch(struct steer *steer, const struct touch *touch, struct error *error)
{
    struct steer_touched *touched = steer__at(steer, steer->touches_count);
    must(steer->touches_count - steer->oldest < STEER_AHEAD_MAX);
    if (!course_open_touched(&touched->course, steer_course(steer), touch, error)) {
        return false;
    }
    if (!steer__fits(&touched->course, touch, error)) {
        course_close(&touched->course);
        return false;
    }
    touched->touch = *touch;
    steer->touches_count++;
    return true;
}

/* When a touch of now holds, since t0. False: the load does not go on then. */
static bool steer__moment(const struct steer *steer, const struct steer_moment *moment,
                          int64_t notice_ns, struct touch *touch, struct error *error)
{
    if (moment->t0_ns == TIME_NEVER_NS) {
        error_set(error, "the load has not begun: the run is still connecting%s",
                  touch->kind == TOUCH_END_RUN ? "; Ctrl+C ends it" : "");
        return false;
    }
    int64_t at_ns = time_later_ns(moment->clock_ns() + notice_ns - moment->t0_ns, STEER_APART_NS);
    if (steer->touches_count > 0) {
        int64_t last_ns = steer_touch_of(steer, steer->touches_count - 1)->at_ns;
        at_ns = time_later_ns(at_ns, last_ns + STEER_APART_NS);
    }
    if (moment->t0_ns + at_ns >= moment->stop_ns || at_ns >= steer_course(steer)->end_ns) {
        error_set(error, "the load has ended");
        return false;
    }
    touch->at_ns = at_ns;
    return true;
}

/* The workers must know of a touch before it holds. Where this thread has lost its CPU meanwhile,
 * or the course took long to make, it holds later. */
static bool steer__touch_in_time(struct steer *steer, const struct steer_moment *moment,
                                 struct touch *touch, struct error *error)
{
    int64_t notice_ns = moment->notice_ns;
    for (;;) {
        if (!steer__moment(steer, moment, notice_ns, touch, error) ||
            !steer_touch(steer, touch, error)) {
            return false;
        }
        int64_t left_ns = moment->t0_ns + touch->at_ns - moment->clock_ns();
        if (left_ns >= moment->notice_ns / 2) {
            return true;
        }
        steer->touches_count--;
        course_close(&steer__at(steer, steer->touches_count)->course);
        notice_ns *= 2;
    }
}

static bool steer__decide(struct steer *steer, const struct steer_moment *moment,
                          struct steer__request *request)
{
    const struct steer_order *order = request->order;
    struct touch touch = order->touch;
    int64_t now_ns = moment->clock_ns();
    bool resumes =
        order->toggles && moment->t0_ns != TIME_NEVER_NS &&
        course_is_paused(steer_course(steer), now_ns + moment->notice_ns - moment->t0_ns);
    touch.kind = resumes ? TOUCH_RESUME : touch.kind;
    struct steer_mark mark = {.kind = order->kind, .touch = touch.kind, .at_ns = now_ns};
    if (order->kind == STEER_MARK && steer->marks_count - steer->touches_count == STEER_TEXTS_MAX) {
        error_set(&request->error,
                  "the run has %d marks with a text already, and takes no more of them",
                  STEER_TEXTS_MAX);
        return false;
    }
    if (order->kind == STEER_TOUCH) {
        if (!steer__is_possible(steer, &touch, &request->error) ||
            !steer__touch_in_time(steer, moment, &touch, &request->error)) {
            return false;
        }
        mark.at_ns = moment->t0_ns + touch.at_ns;
    }
    mark.wall_ns = mark.at_ns + clock_wall_offset_ns();
    snprintf(mark.who, sizeof mark.who, "%s", request->who);
    snprintf(mark.text, sizeof mark.text, "%s", resumes ? "resume" : order->text);
    steer->marks[steer->marks_count++] = mark;
    request->at_ns = mark.at_ns - moment->origin_ns;
    return true;
}

void steer_begin(struct steer *steer)
{
    mutex_lock(&steer->mutex);
    steer->takes_orders = true;
    mutex_unlock(&steer->mutex);
}

bool steer_turn(struct steer *steer, const struct steer_moment *moment)
{
    mutex_lock(&steer->mutex);
    uint32_t touches = steer->touches_count;
    while (steer->first != NULL && steer->touches_count == touches &&
           steer->touches_count - steer->oldest < STEER_AHEAD_MAX) {
        struct steer__request *request = steer->first;
        steer->first = request->next;
        request->accepted = steer__decide(steer, moment, request);
        if (!request->accepted && strcmp(request->who, STEER_TERMINAL) == 0) {
            steer->refused = request->error;
        }
        request->next = steer->decided;
        steer->decided = request;
    }
    mutex_unlock(&steer->mutex);
    return steer->touches_count > touches;
}

void steer_answer(struct steer *steer)
{
    mutex_lock(&steer->mutex);
    while (steer->decided != NULL) {
        steer->decided->answered = true;
        steer->decided = steer->decided->next;
    }
    condition_wake_all(&steer->answered);
    mutex_unlock(&steer->mutex);
}

void steer_end(struct steer *steer)
{
    mutex_lock(&steer->mutex);
    steer->takes_orders = false;
    while (steer->first != NULL) {
        struct steer__request *request = steer->first;
        error_set(&request->error, "the run has ended");
        steer->first = request->next;
        request->next = steer->decided;
        steer->decided = request;
    }
    mutex_unlock(&steer->mutex);
    steer_answer(steer);
}
