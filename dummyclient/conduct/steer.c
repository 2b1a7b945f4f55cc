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
    bool decided;
    bool accepted;
};

bool steer_open(struct steer *steer, const struct plan *plan, struct error *error)
{
    *steer = (struct steer){.plan = plan};
    mutex_open(&steer->mutex);
    condition_open(&steer->answered);
    steer->courses = calloc(STEER_TOUCHES_MAX, sizeof *steer->courses);
    steer->touches = calloc(STEER_TOUCHES_MAX, sizeof *steer->touches);
    steer->marks = calloc(STEER_MARKS_MAX, sizeof *steer->marks);
    if (steer->courses == NULL || steer->touches == NULL || steer->marks == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the marks of a run");
        steer_close(steer);
        return false;
    }
    return true;
}

void steer_close(struct steer *steer)
{
    for (uint32_t i = 0; i < steer->touches_count; i++) {
        course_close(steer->courses[i]);
        free(steer->courses[i]);
    }
    free(steer->courses);
    free(steer->touches);
    free(steer->marks);
    steer->courses = NULL;
    steer->touches = NULL;
    steer->marks = NULL;
    steer->touches_count = 0;
    steer->marks_count = 0;
}

const struct course *steer_course(const struct steer *steer, uint32_t touches)
{
    must(touches <= steer->touches_count);
    return touches == 0 ? &steer->plan->course : steer->courses[touches - 1];
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
        while (!request.decided || !steer->answers) {
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

/* Is the load that would come of it one that can be played? */
static bool steer__fits(const struct course *course, int64_t at_ns, struct error *error)
{
    double most_per_s = course_rate_max_per_s(course, at_ns);
    double catch_up_max_per_s = course->load.catch_up_max_per_s;
    if (catch_up_max_per_s > 0 && most_per_s >= catch_up_max_per_s) {
        error_set(error,
                  "a rate of %.10g/s: expected less than `load.max_catch_up_rate`, %.10g/s, or "
                  "what is late stays late",
                  most_per_s, catch_up_max_per_s);
    } else if (most_per_s > 1e9) {
        error_set(error, "a rate of %.10g/s: expected at most 1000000000/s", most_per_s);
    } else if (course->load.stages_count > SCENARIO_STAGES_MAX) {
        error_set(error,
                  "the run has been touched so often that its load has %d stages, and a "
                  "scenario has no more: end it, or let it go on",
                  SCENARIO_STAGES_MAX);
    } else {
        return true;
    }
    return false;
}

static bool steer__touch(struct steer *steer, const struct touch *touch, struct error *error)
{
    bool ends = touch->kind == TOUCH_END_RUN;
    if (steer->touches_count + !ends >= STEER_TOUCHES_MAX) {
        error_set(error, "the run has been touched %" PRIu32 " times: end it, or let it go on",
                  steer->touches_count);
        return false;
    }
    struct course *course = calloc(1, sizeof *course);
    const struct course *from = steer_course(steer, steer->touches_count);
    if (course == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for another load");
        return false;
    }
    if (!course_open_touched(course, from, touch, error)) {
        free(course);
        return false;
    }
    if (!steer__fits(course, touch->at_ns, error)) {
        course_close(course);
        free(course);
        return false;
    }
    steer->courses[steer->touches_count] = course;
    steer->touches[steer->touches_count++] = *touch;
    return true;
}

/* When a touch of now holds, since t0. False: the load does not go on then. */
static bool steer__moment(const struct steer *steer, const struct steer_moment *moment,
                          int64_t *at_ns, struct error *error)
{
    if (moment->t0_ns == TIME_NEVER_NS) {
        error_set(error, "the load has not begun: the run is still connecting");
        return false;
    }
    *at_ns = time_later_ns(moment->now_ns + moment->notice_ns - moment->t0_ns, STEER_APART_NS);
    if (steer->touches_count > 0) {
        int64_t last_ns = steer->touches[steer->touches_count - 1].at_ns;
        *at_ns = time_later_ns(*at_ns, last_ns + STEER_APART_NS);
    }
    if (moment->t0_ns + *at_ns >= moment->stop_ns ||
        *at_ns >= steer_course(steer, steer->touches_count)->end_ns) {
        error_set(error, "the load has ended");
        return false;
    }
    return true;
}

static bool steer__decide(struct steer *steer, const struct steer_moment *moment,
                          struct steer__request *request)
{
    const struct steer_order *order = request->order;
    struct touch touch = order->touch;
    const struct course *course = steer_course(steer, steer->touches_count);
    bool resumes = order->toggles && moment->t0_ns != TIME_NEVER_NS &&
                   course_is_paused(course, moment->now_ns + moment->notice_ns - moment->t0_ns);
    touch.kind = resumes ? TOUCH_RESUME : touch.kind;
    struct steer_mark mark = {.kind = order->kind, .touch = touch.kind, .at_ns = moment->now_ns};
    if (order->kind == STEER_MARK && steer->marks_count - steer->touches_count == STEER_TEXTS_MAX) {
        error_set(&request->error,
                  "the run has %d marks with a text already, and takes no more of them",
                  STEER_TEXTS_MAX);
        return false;
    }
    if (order->kind == STEER_TOUCH) {
        if (!steer__is_possible(steer, &touch, &request->error) ||
            !steer__moment(steer, moment, &touch.at_ns, &request->error) ||
            !steer__touch(steer, &touch, &request->error)) {
            return false;
        }
        mark.at_ns = moment->t0_ns + touch.at_ns;
    }
    mark.wall_ns = mark.at_ns + clock_wall_offset_ns();
    snprintf(mark.who, sizeof mark.who, "%s", request->who);
    snprintf(mark.text, sizeof mark.text, "%s", resumes ? "resume" : order->text);
    steer->marks[steer->marks_count++] = mark;
    request->at_ns = moment->t0_ns == TIME_NEVER_NS ? 0 : mark.at_ns - moment->t0_ns;
    return true;
}

void steer_begin(struct steer *steer)
{
    mutex_lock(&steer->mutex);
    steer->takes_orders = true;
    mutex_unlock(&steer->mutex);
}

bool steer_turn(struct steer *steer, const struct steer_moment *moment, uint32_t orders_max)
{
    mutex_lock(&steer->mutex);
    uint32_t touches = steer->touches_count;
    steer->answers = false;
    for (; steer->first != NULL && orders_max > 0; orders_max--) {
        struct steer__request *request = steer->first;
        steer->first = request->next;
        request->accepted = steer__decide(steer, moment, request);
        if (!request->accepted && strcmp(request->who, STEER_TERMINAL) == 0) {
            steer->refused = request->error;
        }
        request->decided = true;
    }
    mutex_unlock(&steer->mutex);
    return steer->touches_count > touches;
}

void steer_answer(struct steer *steer)
{
    mutex_lock(&steer->mutex);
    steer->answers = true;
    condition_wake_all(&steer->answered);
    mutex_unlock(&steer->mutex);
}

void steer_end(struct steer *steer)
{
    mutex_lock(&steer->mutex);
    steer->takes_orders = false;
    for (struct steer__request *request = steer->first; request != NULL; request = request->next) {
        error_set(&request->error, "the run has ended");
        request->decided = true;
    }
    steer->first = NULL;
    mutex_unlock(&steer->mutex);
    steer_answer(steer);
}

bool steer_follow(struct steer *steer, const struct touch *touch, struct error *error)
{
    return steer__touch(steer, touch, error);
}
