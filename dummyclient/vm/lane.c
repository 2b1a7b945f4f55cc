/* A lane: what each of its steps does, and when it was due. */
#include "vm/internal.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"

#include <string.h>

/* --- When the lane's next action was due, and what has delayed it since.
 *
 * time_ns: when it was due. The delay up to free_ns is caused by others; the rest, until it is
 * sent, by this program. Waits come in any order: the delay that this program had caused before a
 * wait is preserved by moving free_ns forward no further than the wait was long. */

int64_t vm_due_base_ns(const struct vm_lane *lane)
{
    return lane->free_ns > lane->time_ns ? lane->free_ns : lane->time_ns;
}

void vm_due_move(struct vm_lane *lane, int64_t due_ns)
{
    lane->time_ns = due_ns;
    lane->free_ns = due_ns;
    lane->done_ns = due_ns;
}

/* How long this program has delayed the lane already. */
static int64_t vm_due__lag_ns(const struct vm_lane *lane)
{
    int64_t base_ns = vm_due_base_ns(lane);
    return lane->reached_ns > base_ns ? lane->reached_ns - base_ns : 0;
}

void vm_due_wait_ended(struct vm_lane *lane, int64_t end_ns)
{
    if (lane->asked) {
        vm_due_move(lane, end_ns);
        return;
    }
    lane->free_ns = end_ns - vm_due__lag_ns(lane);
    lane->done_ns = end_ns;
}

void vm_due_blocked(const struct vm *vm, struct vm_lane *lane, int64_t sent_ns)
{
    const int64_t *until_ns = vm->observer->blocked_until_ns;
    if (until_ns != NULL && *until_ns <= sent_ns) {
        int64_t free_ns = *until_ns - vm_due__lag_ns(lane);
        lane->free_ns = free_ns > vm_due_base_ns(lane) ? free_ns : lane->free_ns;
    }
}

/* The lane's pass ends before its first request was made: an arrival that has asked nothing. */
static void vm_due__ended(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns)
{
    const struct vm_observer *observer = vm->observer;
    uint32_t step = vm->behavior->first_step;
    if (!lane->asked && step != UINT32_MAX && !vm->closed_loop && observer->never_asked != NULL) {
        observer->never_asked(observer->context, step, vm->behavior->first_target, lane->time_ns,
                              lane->free_ns, now_ns);
    }
}

/* --- Steps. */

static void vm_lane__push_ready(struct vm *vm, struct vm_lane *lane)
{
    lane->list_next = VM_INDEX_NONE;
    if (vm->ready_tail == VM_INDEX_NONE) {
        vm->ready_head = lane->index;
    } else {
        vm_lane_at(vm, vm->ready_tail)->list_next = lane->index;
    }
    vm->ready_tail = lane->index;
}

uint64_t vm_lane_draw(const struct vm *vm, struct vm_lane *lane)
{
    uint64_t place = (uint64_t)lane->instruction << 32 | lane->ordinal++;
    return prng_mix(prng_mix(prng_mix(vm->connection_key, lane->index), lane->iteration), place);
}

struct message_scope vm_lane_sent_scope(const struct vm *vm, struct vm_lane *lane)
{
    struct message_scope scope = vm_lane_scope(vm, lane);
    scope.iteration = lane->sent_iteration;
    scope.variables = vm_lane_sent_variables(vm, lane);
    scope.lane = lane->sent_lane;
    return scope;
}

struct message_scope vm_lane_scope(const struct vm *vm, struct vm_lane *lane)
{
    return (struct message_scope){.key = lane->sent_key,
                                  .seed = vm->seed,
                                  .iteration = lane->iteration,
                                  .variables = vm_lane_variables(vm, lane),
                                  .world = &vm->program->world,
                                  .stamp_ns = lane->stamp_ns,
                                  .wall_offset_ns = vm->wall_offset_ns,
                                  .run_clock_offset_ns = vm->run_clock_offset_ns,
                                  .connection = vm->connection,
                                  .lane = lane->index,
                                  .sequence =
                                      vm->program->numbers ? *vm_lane_sequence(vm, lane) : 0};
}

bool vm_lane_check_rows(struct vm *vm, struct vm_lane *lane)
{
    uint32_t tables = vm->behavior->bounded_tables;
    if (tables == 0 || lane->out) {
        return !lane->out;
    }
    struct message_scope scope = vm_lane_scope(vm, lane);
    for (uint32_t i = 0; i < scope.world->tables_count; i++) {
        bool out = false;
        if ((tables >> i & 1) == 0) {
            continue;
        }
        data_row_or_out(&scope.world->tables[i], &scope, &out);
        if (!out) {
            continue;
        }
        lane->out = true;
        if (scope.world->tables[i].when_out == DATA_ERROR) {
            vm_fail(vm, PROGRAM_STEP_NONE);
            if (vm->observer->ran_out != NULL) {
                vm->observer->ran_out(vm->observer->context, i);
            }
        }
        /* The last lane without rows ends the connection. */
        vm->out_count++;
        vm->stopping = vm->stopping || vm->out_count == vm->program->lanes_count;
        return false;
    }
    return true;
}

/* The step that waited for replies is over. */
static void vm_lane__waited(const struct vm *vm, struct vm_lane *lane, int64_t end_ns)
{
    bool asked = vm->program->code[lane->instruction].op == OP_REQUEST;
    lane->asked = lane->asked || asked;
    vm_due_wait_ended(lane, end_ns);
}

void vm_lane_begin_pass(struct vm *vm, struct vm_lane *lane, int64_t intended_ns, int64_t now_ns)
{
    lane->instruction = vm->behavior->loop;
    lane->ordinal = 0;
    lane->in_pass = true;
    lane->asked = false;
    lane->mail_number = vm->mail_number;
    lane->time_ns = intended_ns;
    lane->done_ns = vm_due_base_ns(lane);
    lane->origin_ns = intended_ns;
    if (vm->traced) {
        vm_trace_pass(vm, lane, now_ns);
    }
    vm->observer->iteration_started(vm->observer->context, lane->index, intended_ns, now_ns);
}

static void vm_lane__idle(struct vm *vm, struct vm_lane *lane)
{
    lane->state = VM_LANE_IDLE;
    lane->due_ns = TIME_NEVER_NS;
    vm->busy_count--;
    if (vm->phase == VM_PHASE_LOOP && !lane->out) {
        lane->list_next = vm->idle_head;
        vm->idle_head = lane->index;
    }
    if (vm->busy_count + vm->joining_count == 0 && !vm->behavior->expects_since_connected) {
        vm_inbox_clear(vm); /* the passes in which the messages came have ended */
    }
}

static void vm_lane__end_pass(struct vm *vm, struct vm_lane *lane, int64_t end_ns, bool complete)
{
    int64_t busy_ns = end_ns - lane->origin_ns;
    vm_due_move(lane, end_ns);
    lane->in_pass = false;
    lane->iteration++;
    vm->observer->iteration_ended(vm->observer->context, lane->index, busy_ns > 0 ? busy_ns : 0,
                                  complete);
}

/* The end of setup, of a pass or of teardown. True when the lane continues immediately. */
static bool vm_lane__end(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    if (vm->phase == VM_PHASE_SETUP) {
        vm_lane__idle(vm, lane);
        vm_enter_loop(vm, now_ns);
        return false;
    }
    if (vm->phase == VM_PHASE_TEARDOWN) {
        vm_lane__idle(vm, lane);
        vm_finish(vm);
        return false;
    }
    int64_t base_ns = vm_due_base_ns(lane);
    vm_lane__end_pass(vm, lane, lane->done_ns > base_ns ? lane->done_ns : base_ns, true);
    bool has_rows = vm_lane_check_rows(vm, lane);
    if (!vm->closed_loop || vm->stopping || !has_rows || !vm_may_begin(vm)) {
        vm_lane__idle(vm, lane);
        return false;
    }
    vm_lane_begin_pass(vm, lane, lane->free_ns, now_ns);
    return true;
}

static void vm_lane__yield(struct vm *vm, struct vm_lane *lane, int64_t due_ns)
{
    lane->state = VM_LANE_YIELDED;
    vm_lane_set_due(vm, lane, due_ns);
}

void vm_lane_report(struct vm *vm, struct vm_lane *lane, enum vm_outcome outcome, int64_t last_ns)
{
    struct vm_request request = {.step = vm->program->code[lane->instruction].step,
                                 .lane = lane->index,
                                 .in_pass = lane->in_pass,
                                 .outcome = outcome,
                                 .intended_ns = lane->time_ns,
                                 .free_ns = lane->free_ns,
                                 .sent_ns = lane->sent_ns,
                                 .first_ns = lane->first_ns,
                                 .last_ns = last_ns};
    if (vm->traced) {
        vm_trace_done(vm, lane, &request);
    }
    vm->observer->request_done(vm->observer->context, &request);
}

/* raw framing: how long the reply is. */
static void vm_lane__measure_reply(struct vm *vm, struct vm_lane *lane, const struct wait *wait)
{
    lane->raw_done_bytes = 0;
    lane->raw_bytes = wait->bytes_count;
    if (wait->bytes_as_sent && lane->sent_instruction != UINT32_MAX) {
        struct message_scope scope = vm_lane_sent_scope(vm, lane);
        lane->raw_bytes =
            message_body_bytes(&vm->program->code[lane->sent_instruction].message->body, &scope);
    }
}

static void vm_lane__wait(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    lane->state = VM_LANE_WAITING;
    lane->first_ns = 0;
    lane->mismatched = false;
    lane->replies_left = wait->replies_count;
    if (vm->raw) {
        vm_lane__measure_reply(vm, lane, wait);
    }
    if (wait->bare != NULL && vm->observer->bare != NULL) {
        vm->observer->bare(vm->observer->context, wait->bare);
    }
    vm_lane_set_due(vm, lane, now_ns + wait->within_ns);
    vm_wait_add(vm, lane);
}

/* All of the replies are here: judged, and no longer waited for. */
static void vm_lane__answered(struct vm *vm, struct vm_lane *lane, int64_t last_ns)
{
    bool mismatched = lane->mismatched;
    vm_wait_remove(vm, lane);
    vm_lane_report(vm, lane, mismatched ? VM_OUTCOME_MISMATCH : VM_OUTCOME_OK, last_ns);
}

/* What the step says about a failure, which has been reported. False: the connection is given up,
 * and all lanes with it. */
static bool vm_lane__goes_on(struct vm *vm, struct vm_lane *lane, enum on_timeout reaction,
                             int64_t now_ns)
{
    if (reaction == ON_TIMEOUT_RECONNECT) {
        lane->state = VM_LANE_YIELDED; /* nothing of it is outstanding any more */
        vm_restart(vm, now_ns);
        return false;
    }
    if (reaction == ON_TIMEOUT_FAIL) {
        vm_fail(vm, vm->program->code[lane->instruction].step);
    }
    return true;
}

/* The same of replies that are all here. */
static bool vm_lane__accepts(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    return !lane->mismatched ||
           vm_lane__goes_on(vm, lane, vm->program->code[lane->instruction].wait->on_mismatch,
                            now_ns);
}

/* True: the lane continues, because the message has come before, or cannot come: the server has
 * ended the stream after our half-close. */
static bool vm_lane__expect(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    lane->sent_ns = now_ns;
    lane->reached_ns = now_ns;
    vm_lane__wait(vm, lane, now_ns);
    if (vm->traced) {
        vm_trace_expects(vm, lane, now_ns);
    }
    if (vm_inbox_feed(vm, lane)) {
        lane->first_ns = now_ns;
        vm_lane__answered(vm, lane, now_ns);
    } else if (vm->link == VM_LINK_CLOSED) {
        vm_wait_remove(vm, lane);
        vm_lane_report(vm, lane, VM_OUTCOME_LOST, now_ns);
    } else {
        return false;
    }
    vm_due_wait_ended(lane, now_ns);
    lane->due_ns = TIME_NEVER_NS;
    return vm_lane__accepts(vm, lane, now_ns);
}

/* One of the steps that wait for all lanes. True: it is skipped. */
static bool vm_lane__join(struct vm *vm, struct vm_lane *lane, enum instruction_op op,
                          int64_t now_ns)
{
    if (vm->cut && op != OP_DISCONNECT) {
        return true;
    }
    if (vm->traced) {
        vm_trace_joins(vm, lane, now_ns);
    }
    lane->state = VM_LANE_JOINING;
    lane->reached_ns = now_ns;
    lane->sent_ns = 0;
    lane->first_ns = 0;
    vm->busy_count--;
    vm->joining_count++;
    return false;
}

/* One instruction. True: the lane continues with the one that it is at now. */
static bool vm_lane__step(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    enum instruction_op op = (enum instruction_op)instruction->op;
    bool continues = true;
    switch (op) {
    case OP_END:
        return vm_lane__end(vm, lane, now_ns);
    case OP_SEND:
    case OP_REQUEST:
        lane->state = VM_LANE_SENDING;
        lane->reached_ns = now_ns;
        lane->sent_ns = 0;
        lane->first_ns = 0;
        vm_lane__push_ready(vm, lane);
        return false;
    case OP_EXPECT:
        continues = vm->cut || vm_lane__expect(vm, lane, now_ns);
        break;
    case OP_THINK:
        continues = vm->cut || vm_step_think(vm, lane, instruction->think, now_ns);
        break;
    case OP_AT:
        continues = vm->cut || vm_step_at(vm, lane, instruction->after_ns, now_ns);
        break;
    case OP_REPEAT_BEGIN:
    case OP_REPEAT_END:
    case OP_FOR_BEGIN:
    case OP_FOR_END:
    case OP_UNTIL_END:
    case OP_JUMP:
    case OP_CHOOSE:
    case OP_IF:
        lane->instruction = vm_step_jump(vm, lane, now_ns);
        return true;
    case OP_SET:
        vm_step_set(vm, lane, instruction->set, now_ns);
        break;
    case OP_RECEIVE:
        vm->receives = instruction->index != 0;
        vm->pending |= VM_PENDING_RECEIVE;
        break;
    case OP_MARK:
        vm->observer->marked(vm->observer->context, instruction->index, now_ns);
        break;
    case OP_LOG:
        vm_step_log(vm, lane, instruction->text, now_ns);
        break;
    case OP_BARRIER:
    case OP_RECONNECT:
    case OP_DISCONNECT:
    case OP_EXPECT_CLOSE:
    case OP_SECURE:
        continues = vm_lane__join(vm, lane, op, now_ns);
        break;
    }
    lane->instruction += continues;
    return continues;
}

void vm_lane_run(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    for (int i = 0; i < VM_RUN_MAX; i++) {
        if (!vm_lane__step(vm, lane, now_ns)) {
            return;
        }
    }
    /* It may continue without end: other connections, and the end of the run, come first. */
    vm_lane__yield(vm, lane, now_ns + 1);
}

static void vm_lane__advance(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    lane->due_ns = TIME_NEVER_NS;
    lane->instruction++;
    vm_lane_run(vm, lane, now_ns);
}

void vm_lane_take(struct vm *vm, struct vm_lane *lane, int64_t now_ns, struct vm_action *action)
{
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    const struct message *message = instruction->message;
    lane->sent_instruction = lane->instruction;
    lane->sent_iteration = lane->iteration;
    lane->sent_lane = lane->index;
    lane->stamp_ns = now_ns;
    if (message->has_variables) {
        memcpy(vm_lane_sent_variables(vm, lane), vm_lane_variables(vm, lane),
               vm->program->words_count * sizeof(uint64_t));
    }
    if (message->encoded == NULL || message->seals) {
        lane->sent_key = vm_lane_draw(vm, lane);
    }
    lane->message_n = vm_submit(vm, lane, message, action);
    action->step = instruction->step;
    if (instruction->op == OP_REQUEST && !vm->cut) {
        vm_lane__wait(vm, lane, now_ns);
    } else if (vm->cut) {
        if (instruction->op == OP_REQUEST) {
            vm_lane_report(vm, lane, VM_OUTCOME_CUT, now_ns);
        }
        /* The lane waits for nothing any more, and continues when this message is written. */
        lane->instruction++;
        vm_lane__yield(vm, lane, now_ns);
    } else {
        lane->state = VM_LANE_FLUSHING;
        vm->flushing_count++;
    }
}

uint32_t vm_lane_reply(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                       int64_t first_ns, int64_t received_ns)
{
    uint32_t taken_bytes = 0;
    bool whole = vm_wait_judge(vm, lane, frame, received_ns, &taken_bytes);
    lane->first_ns = lane->first_ns == 0 ? first_ns : lane->first_ns;
    lane->replies_left -= whole;
    if (lane->replies_left == 0) {
        vm_lane__answered(vm, lane, received_ns);
        vm_lane__waited(vm, lane, received_ns);
        if (vm_lane__accepts(vm, lane, received_ns)) {
            vm_lane__advance(vm, lane, received_ns);
        }
    }
    return taken_bytes;
}

static bool vm_lane__time_out(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    bool optional = instruction->wait->optional;
    int64_t deadline_ns = lane->due_ns;
    if (!optional) {
        vm_evidence_time_out(vm, lane, deadline_ns);
    }
    if (optional && instruction->wait->bare != NULL && vm->observer->bare != NULL) {
        vm->observer->bare(vm->observer->context, NULL);
    }
    if (optional && instruction->op == OP_EXPECT) {
        vm_wait_remove(vm, lane); /* it is not owed: what comes later is a push */
    } else {
        vm_wait_to_tombstone(vm, lane);
    }
    vm_lane_report(vm, lane, optional ? VM_OUTCOME_ABSENT : VM_OUTCOME_TIMED_OUT, deadline_ns);
    vm_lane__waited(vm, lane, deadline_ns);
    if (!vm_lane__goes_on(vm, lane, instruction->wait->on_timeout, now_ns)) {
        return false;
    }
    vm_lane__advance(vm, lane, now_ns);
    return true;
}

bool vm_lane_expire(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    switch ((enum vm_lane_state)lane->state) {
    case VM_LANE_WAITING:
        return vm_lane__time_out(vm, lane, now_ns);
    case VM_LANE_THINKING:
        vm_lane__advance(vm, lane, now_ns);
        return true;
    case VM_LANE_YIELDED:
        lane->due_ns = TIME_NEVER_NS;
        vm_lane_run(vm, lane, now_ns);
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

void vm_lane_abandon(struct vm *vm, struct vm_lane *lane, enum vm_outcome outcome, int64_t now_ns)
{
    bool request = vm->program->code[lane->instruction].op == OP_REQUEST;
    bool asking = request && (lane->state == VM_LANE_WAITING || lane->state == VM_LANE_SENDING);
    if (lane->state == VM_LANE_WAITING || asking) {
        vm_lane_report(vm, lane, outcome, now_ns);
    }
    if (lane->in_pass) {
        if (!asking) {
            vm_due__ended(vm, lane, now_ns);
        }
        vm_lane__end_pass(vm, lane, now_ns, false);
    }
    lane->state = VM_LANE_IDLE;
    lane->due_ns = TIME_NEVER_NS;
    vm_due_move(lane, now_ns);
}

void vm_lane_stop(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    if (lane->state == VM_LANE_THINKING && vm_step_ends_next(vm, lane)) {
        vm_lane__advance(vm, lane, now_ns);
    }
}

void vm_lane_sent(struct vm *vm, struct vm_lane *lane, int64_t sent_ns)
{
    vm_due_blocked(vm, lane, sent_ns);
    if (vm->observer->sent != NULL && lane->in_pass) {
        vm->observer->sent(vm->observer->context, lane->time_ns, lane->free_ns, sent_ns);
    }
    if (lane->in_pass) {
        lane->done_ns = sent_ns;
    } else {
        vm_due_move(lane, sent_ns);
    }
    vm->flushing_count--;
    vm_lane__advance(vm, lane, sent_ns);
}
