#include "scenario/vm_internal.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"

#include <math.h>
#include <string.h>

/* Exponential thinks have no bound of their own. */
#define VM_THINK_NS_MAX (INT64_C(86400) * NS_PER_S)

static void vm_lane__push_ready(struct vm *vm, uint32_t index)
{
    vm_lane_at(vm, index)->list_next = VM_INDEX_NONE;
    if (vm->ready_tail == VM_INDEX_NONE) {
        vm->ready_head = (uint16_t)index;
    } else {
        vm_lane_at(vm, vm->ready_tail)->list_next = (uint16_t)index;
    }
    vm->ready_tail = (uint16_t)index;
}

/* A key that no other send or think of the run has. */
static uint64_t vm_lane__draw(const struct vm *vm, uint32_t index, struct vm_lane *lane)
{
    uint64_t place = (uint64_t)lane->instruction << 32 | lane->ordinal++;
    return prng_mix(prng_mix(prng_mix(vm->connection_key, index), lane->iteration), place);
}

struct message_scope vm_lane_scope(const struct vm *vm, uint32_t index)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    return (struct message_scope){.key = lane->sent_key,
                                  .seed = vm->seed,
                                  .iteration = lane->sent_iteration,
                                  .captures = vm_lane_captures(vm, lane),
                                  .connection = vm->connection,
                                  .lane = index};
}

void vm_lane_begin_pass(struct vm *vm, uint32_t index, int64_t intended_ns, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    lane->instruction = vm->behavior->loop;
    lane->ordinal = 0;
    lane->in_pass = true;
    lane->time_ns = intended_ns;
    lane->origin_ns = intended_ns;
    vm->observer->iteration_started(vm->observer->context, index, intended_ns, now_ns);
}

static void vm_lane__idle(struct vm *vm, uint32_t index)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    lane->state = VM_LANE_IDLE;
    lane->due_ns = TIME_NEVER_NS;
    vm->busy_count--;
    if (vm->phase == VM_PHASE_LOOP) {
        lane->list_next = vm->idle_head;
        vm->idle_head = (uint16_t)index;
    }
}

static void vm_lane__end_pass(struct vm *vm, uint32_t index, int64_t end_ns, bool complete)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    int64_t busy_ns = end_ns - lane->origin_ns;
    lane->in_pass = false;
    lane->iteration++;
    vm->observer->iteration_ended(vm->observer->context, index, busy_ns > 0 ? busy_ns : 0,
                                  complete);
}

/* The end of setup, of a pass or of teardown. True when the lane goes on at once. */
static bool vm_lane__end(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    if (vm->phase == VM_PHASE_SETUP) {
        vm_lane__idle(vm, index);
        vm_enter_loop(vm, now_ns);
        return false;
    }
    if (vm->phase == VM_PHASE_TEARDOWN) {
        vm_lane__idle(vm, index);
        vm_finish(vm);
        return false;
    }
    vm_lane__end_pass(vm, index, lane->time_ns, true);
    if (!vm->closed_loop || vm->stopping) {
        vm_lane__idle(vm, index);
        return false;
    }
    vm_lane_begin_pass(vm, index, lane->free_ns, now_ns);
    return true;
}

static int64_t vm_lane__think_ns(const struct vm *vm, uint32_t index, struct vm_lane *lane,
                                 const struct think *think)
{
    if (think->type == THINK_CONSTANT) {
        return think->low_ns;
    }
    uint64_t key = vm_lane__draw(vm, index, lane);
    if (think->type == THINK_UNIFORM) {
        return (int64_t)prng_range(key, 0, 0, (uint64_t)think->low_ns, (uint64_t)think->high_ns);
    }
    double drawn_ns = -log1p(-prng_unit(key, 0, 0)) * (double)think->low_ns;
    return drawn_ns < (double)VM_THINK_NS_MAX ? (int64_t)drawn_ns : VM_THINK_NS_MAX;
}

/* True when the think is over already, because the lane is late. */
static bool vm_lane__think(struct vm *vm, uint32_t index, const struct think *think, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    int64_t think_ns = vm_lane__think_ns(vm, index, lane, think);
    /* A player who is late thinks as long as one who is not: from when it was free. */
    int64_t begin_ns = lane->free_ns > lane->time_ns ? lane->free_ns : lane->time_ns;
    lane->time_ns += think_ns;
    lane->origin_ns += think_ns;
    lane->free_ns = begin_ns + think_ns;
    if (lane->free_ns <= now_ns) {
        return true;
    }
    lane->state = VM_LANE_THINKING;
    vm_lane_set_due(vm, lane, lane->free_ns);
    return false;
}

static void vm_lane__park(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    lane->state = VM_LANE_PARKED;
    vm_lane_set_due(vm, lane, now_ns);
}

static void vm_lane__report(struct vm *vm, uint32_t index, enum vm_outcome outcome, int64_t last_ns)
{
    const struct vm_lane *lane = vm_lane_at(vm, index);
    struct vm_request request = {.step = vm->program->code[lane->instruction].step,
                                 .lane = index,
                                 .outcome = outcome,
                                 .intended_ns = lane->time_ns,
                                 .free_ns = lane->free_ns,
                                 .sent_ns = lane->sent_ns,
                                 .first_ns = lane->first_ns,
                                 .last_ns = last_ns};
    vm->observer->request_done(vm->observer->context, &request);
}

static void vm_lane__wait(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    lane->state = VM_LANE_WAITING;
    lane->first_ns = 0;
    lane->mismatched = false;
    lane->replies_left = wait->replies_count;
    vm_lane_set_due(vm, lane, now_ns + wait->within_ns);
    vm_wait_add(vm, index);
}

/* An expect, begun where the server has ended the stream after our half-close: nothing can come
 * any more. True: the lane goes on. */
static bool vm_lane__expect(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    lane->sent_ns = now_ns;
    if (vm->link == VM_LINK_CLOSED) {
        lane->first_ns = 0;
        vm_lane__report(vm, index, VM_OUTCOME_LOST, now_ns);
        return true;
    }
    vm_lane__wait(vm, index, now_ns);
    return false;
}

/* One instruction. True: the lane goes on with the one it now stands at. */
static bool vm_lane__step(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    bool goes_on = true;
    switch ((enum instruction_op)instruction->op) {
    case OP_END:
        return vm_lane__end(vm, index, now_ns);
    case OP_SEND:
    case OP_REQUEST:
        lane->state = VM_LANE_SENDING;
        lane->sent_ns = 0;
        lane->first_ns = 0;
        vm_lane__push_ready(vm, index);
        return false;
    case OP_EXPECT:
        goes_on = vm->cut || vm_lane__expect(vm, index, now_ns);
        break;
    case OP_THINK:
        goes_on = vm->cut || vm_lane__think(vm, index, instruction->think, now_ns);
        break;
    case OP_REPEAT_BEGIN:
        lane->values[instruction->counter] = instruction->times;
        break;
    case OP_REPEAT_END:
        if (--lane->values[instruction->counter] > 0) {
            lane->instruction = instruction->target;
            return true;
        }
        break;
    case OP_RECONNECT:
    case OP_DISCONNECT:
        if (!vm->cut || instruction->op == OP_DISCONNECT) {
            lane->state = VM_LANE_JOINING;
            vm->busy_count--;
            vm->joining_count++;
            goes_on = false;
        }
        break;
    }
    lane->instruction += goes_on;
    return goes_on;
}

void vm_lane_run(struct vm *vm, uint32_t index, int64_t now_ns)
{
    for (int i = 0; i < VM_RUN_MAX; i++) {
        if (!vm_lane__step(vm, index, now_ns)) {
            return;
        }
    }
    vm_lane__park(vm, vm_lane_at(vm, index), now_ns);
}

static void vm_lane__go_on(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    lane->due_ns = TIME_NEVER_NS;
    lane->instruction++;
    vm_lane_run(vm, index, now_ns);
}

void vm_lane_take(struct vm *vm, uint32_t index, int64_t now_ns, struct vm_action *action)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    const struct message *message = instruction->message;
    lane->sent_instruction = lane->instruction;
    lane->sent_iteration = lane->iteration;
    uint32_t frame_bytes = message->frame_bytes;
    if (message->encoded == NULL) {
        lane->sent_key = vm_lane__draw(vm, index, lane);
    }
    if (frame_bytes == 0) {
        struct message_scope scope = vm_lane_scope(vm, index);
        frame_bytes =
            frame_encoded_bytes(&vm->program->framing, message_body_bytes(&message->body, &scope));
    }
    *action = (struct vm_action){.type = VM_ACTION_SEND,
                                 .lane = index,
                                 .step = instruction->step,
                                 .message_bytes = frame_bytes};
    lane->message_n = vm->submitted_count++;
    if (instruction->op == OP_REQUEST && !vm->cut) {
        vm_lane__wait(vm, index, now_ns);
    } else if (vm->cut) {
        /* Nothing is waited for any more; it goes on when this message has been written. */
        lane->instruction++;
        vm_lane__park(vm, lane, now_ns);
    } else {
        lane->state = VM_LANE_FLUSHING;
        vm->flushing_count++;
    }
}

static void vm_lane__capture(struct vm *vm, struct vm_lane *lane, const struct wait *wait,
                             const struct frame *frame)
{
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        const struct capture *capture = &wait->captures[i];
        uint64_t value = 0;
        if (message_field(&capture->field, frame->body, frame->body_bytes, &value)) {
            vm_lane_captures(vm, lane)[capture->index] = value;
        } else {
            lane->mismatched = true;
        }
    }
}

void vm_lane_reply(struct vm *vm, uint32_t index, const struct frame *frame, int64_t first_ns,
                   int64_t received_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    if (!vm_wait_verify(vm, index, &wait->verify, frame)) {
        lane->mismatched = true;
    }
    if (wait->captures_count > 0) {
        vm_lane__capture(vm, lane, wait, frame);
    }
    if (lane->first_ns == 0) {
        lane->first_ns = first_ns;
    }
    if (--lane->replies_left > 0) {
        return;
    }
    vm_wait_remove(vm, index);
    vm_lane__report(vm, index, lane->mismatched ? VM_OUTCOME_MISMATCH : VM_OUTCOME_OK, received_ns);
    lane->time_ns = received_ns;
    lane->free_ns = received_ns;
    vm_lane__go_on(vm, index, received_ns);
}

static bool vm_lane__time_out(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    enum on_timeout on_timeout = instruction->wait->on_timeout;
    int64_t deadline_ns = lane->due_ns;
    vm_wait_bury(vm, index);
    vm_lane__report(vm, index, VM_OUTCOME_TIMED_OUT, deadline_ns);
    lane->time_ns = deadline_ns;
    lane->free_ns = deadline_ns;
    if (on_timeout == ON_TIMEOUT_RECONNECT) {
        lane->state = VM_LANE_PARKED; /* reported: nothing is outstanding any more */
        vm_restart(vm, now_ns);
        return false;
    }
    if (on_timeout == ON_TIMEOUT_FAIL) {
        vm->pending |= VM_PENDING_FAILED;
        vm->failed_step = instruction->step;
    }
    vm_lane__go_on(vm, index, now_ns);
    return true;
}

bool vm_lane_expire(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    switch ((enum vm_lane_state)lane->state) {
    case VM_LANE_WAITING:
        return vm_lane__time_out(vm, index, now_ns);
    case VM_LANE_THINKING:
        vm_lane__go_on(vm, index, now_ns);
        return true;
    case VM_LANE_PARKED:
        lane->due_ns = TIME_NEVER_NS;
        vm_lane_run(vm, index, now_ns);
        return true;
    case VM_LANE_IDLE:
    case VM_LANE_SENDING:
    case VM_LANE_FLUSHING:
    case VM_LANE_JOINING:
        break;
    }
    must(!"a lane that waits for nothing has no due time");
    return true;
}

void vm_lane_abandon(struct vm *vm, uint32_t index, enum vm_outcome outcome, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    bool request = vm->program->code[lane->instruction].op == OP_REQUEST;
    if (lane->state == VM_LANE_WAITING || (lane->state == VM_LANE_SENDING && request)) {
        vm_lane__report(vm, index, outcome, now_ns);
    }
    if (lane->in_pass) {
        vm_lane__end_pass(vm, index, now_ns, false);
    }
    lane->state = VM_LANE_IDLE;
    lane->due_ns = TIME_NEVER_NS;
    lane->free_ns = now_ns;
}

void vm_lane_stop(struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    if (lane->state == VM_LANE_THINKING && vm->program->code[lane->instruction + 1].op == OP_END) {
        vm_lane__go_on(vm, index, now_ns);
    }
}

void vm_lane_sent(struct vm *vm, uint32_t index, int64_t sent_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    lane->time_ns = sent_ns;
    lane->free_ns = sent_ns;
    vm->flushing_count--;
    vm_lane__go_on(vm, index, sent_ns);
}
