/* The connection: its phases, and the steps that all lanes take together. */
#include "vm/due.h"
#include "vm/inbox.h"
#include "vm/internal.h"
#include "vm/wait.h"

#include "core/clock.h"

#include <string.h>

void vm_connect(struct vm *vm, int64_t at_ns)
{
    vm->link = VM_LINK_CONNECTING;
    vm->connect_at_ns = at_ns;
    vm->pending |= VM_PENDING_CONNECT;
}

static void vm_phase__disconnect(struct vm *vm, enum vm_disconnect disconnect)
{
    vm->link = disconnect == VM_DISCONNECT_HALF ? VM_LINK_HALF : VM_LINK_CLOSING;
    vm->disconnect = (uint8_t)disconnect;
    vm->pending |= VM_PENDING_DISCONNECT;
}

/* No lane is playing, nothing is outstanding, nothing is about to be sent. */
void vm_rest(struct vm *vm)
{
    vm->busy_count = 0;
    vm->joining_count = 0;
    vm->flushing_count = 0;
    vm->ready_head = VM_INDEX_NONE;
    vm->ready_tail = VM_INDEX_NONE;
    vm->idle_head = VM_INDEX_NONE;
    vm->join_active = false;
    vm->connects_after_close = false;
    vm->join_due_ns = TIME_NEVER_NS;
    vm->pending &= (uint8_t) ~(VM_PENDING_BARRIER | VM_PENDING_RECEIVE);
    vm->stamped_count = vm->submitted_count;
    vm_wait_clear(vm);
    vm_inbox_clear(vm);
}

void vm_finish(struct vm *vm)
{
    vm->phase = VM_PHASE_FINISHED;
    vm->pending &= VM_PENDING_DISCONNECT | VM_PENDING_FAILED;
    vm->pending |= VM_PENDING_FINISHED;
    vm->next_ns = TIME_NEVER_NS;
    vm_inbox_clear(vm);
}

/* Lane 0 plays setup or teardown. */
void vm_play(struct vm *vm, enum vm_phase phase, uint32_t instruction, int64_t now_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, 0);
    vm->phase = (uint8_t)phase;
    vm->busy_count = 1;
    lane->instruction = instruction;
    lane->ordinal = 0;
    lane->mail_number = vm->mail_number;
    lane->asked = true; /* nothing of it was due before it came to it */
    vm_due_move(lane, now_ns);
    vm_lane_run(vm, 0, now_ns);
}

void vm_tear_down(struct vm *vm, int64_t now_ns)
{
    if (vm->link == VM_LINK_OPEN) {
        vm_play(vm, VM_PHASE_TEARDOWN, vm->behavior->teardown, now_ns);
    } else {
        vm_finish(vm);
    }
}

void vm_start_lanes(struct vm *vm, int64_t now_ns)
{
    if (!vm->behavior->has_loop) {
        return;
    }
    vm->idle_head = VM_INDEX_NONE;
    vm->busy_count = (uint16_t)(vm->program->lanes_count - vm->out_count);
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        if (vm_lane_at(vm, i)->out) {
            continue;
        }
        vm_lane_at(vm, i)->free_ns = now_ns;
        vm_lane_begin_pass(vm, i, now_ns, now_ns);
        vm_lane_run(vm, i, now_ns);
    }
}

/* Every lane goes on from what setup has captured and sent. */
static void vm_phase__hand_over(const struct vm *vm, struct vm_lane *from, struct vm_lane *to)
{
    size_t bytes = vm->program->words_count * sizeof(uint64_t);
    memcpy(vm_lane_variables(vm, to), vm_lane_variables(vm, from), bytes);
    memcpy(vm_lane_sent_variables(vm, to), vm_lane_sent_variables(vm, from), bytes);
    to->sent_instruction = from->sent_instruction;
    to->sent_lane = from->sent_lane;
    to->sent_iteration = from->sent_iteration;
    to->sent_key = from->sent_key;
    to->stamp_ns = from->stamp_ns;
}

void vm_enter_loop(struct vm *vm, int64_t now_ns)
{
    uint32_t lanes_count = vm->program->lanes_count;
    struct vm_lane *first = vm_lane_at(vm, 0);
    vm->phase = VM_PHASE_LOOP;
    vm->idle_head = VM_INDEX_NONE;
    for (uint32_t i = lanes_count; i-- > 0;) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        lane->free_ns = now_ns;
        if (vm_lane_check_rows(vm, i)) {
            lane->list_next = vm->idle_head;
            vm->idle_head = (uint16_t)i;
        }
        if (i > 0) {
            vm_phase__hand_over(vm, first, lane);
        }
    }
    if (vm->stopping) {
        return; /* vm_settle() tears down */
    }
    if (!vm->ready_given) {
        vm->ready_given = true;
        vm->pending |= VM_PENDING_READY;
    }
    if (vm->closed_loop && vm->started) {
        vm_start_lanes(vm, now_ns);
    }
}

/* Gives up whatever all lanes do. */
void vm_abandon(struct vm *vm, enum vm_outcome outcome, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        vm_lane_abandon(vm, i, outcome, now_ns);
    }
    vm_rest(vm);
    vm->next_ns = TIME_NEVER_NS;
}

void vm_restart(struct vm *vm, int64_t now_ns)
{
    bool ending = vm->stopping || vm->phase == VM_PHASE_TEARDOWN;
    vm_abandon(vm, VM_OUTCOME_LOST, now_ns);
    if (ending || !vm_lane_check_rows(vm, 0)) { /* setup has the row of the next pass */
        vm_finish(vm);
        return;
    }
    vm->phase = VM_PHASE_SETUP;
    vm->joins_after = false;
    if (vm->link == VM_LINK_CLOSED) {
        vm_connect(vm, now_ns); /* a barrier waited for without a connection */
        return;
    }
    vm->connects_after_close = true;
    vm->connect_after_ns = 0;
    /* The server has not answered: it need not answer to a FIN either. */
    vm_phase__disconnect(vm, VM_DISCONNECT_RST);
}

/* The connection has ended, or could not be made, where the scenario did not ask for it. */
void vm_lost(struct vm *vm, int64_t connect_at_ns, int64_t now_ns)
{
    bool ending = vm->stopping || vm->phase == VM_PHASE_TEARDOWN;
    vm_abandon(vm, VM_OUTCOME_LOST, now_ns);
    vm->link = VM_LINK_CLOSED;
    vm->pending &= VM_PENDING_READY | VM_PENDING_FAILED;
    if (ending || !vm->behavior->reconnects || !vm_lane_check_rows(vm, 0)) {
        vm_finish(vm);
        return;
    }
    vm->phase = VM_PHASE_SETUP;
    vm->joins_after = false;
    vm_connect(vm, connect_at_ns);
}

/* --- Steps that wait for all lanes. */

void vm_leave_join(struct vm *vm, int64_t now_ns)
{
    vm->join_active = false;
    vm->join_due_ns = TIME_NEVER_NS;
    vm->joined_ns = now_ns;
    vm->pending &= (uint8_t)~VM_PENDING_BARRIER;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        if (lane->state == VM_LANE_JOINING && lane->instruction == vm->join_instruction) {
            vm->joining_count--;
            vm->busy_count++;
            vm_due_wait_ended(lane, now_ns);
            lane->instruction++;
            vm_lane_run(vm, i, now_ns);
        }
    }
}

bool vm_expects_close(const struct vm *vm)
{
    return vm->join_active && (vm->link == VM_LINK_OPEN || vm->link == VM_LINK_HALF) &&
           vm->program->code[vm->join_instruction].op == OP_EXPECT_CLOSE;
}

void vm_expire_join(struct vm *vm, int64_t now_ns)
{
    const struct instruction *instruction = &vm->program->code[vm->join_instruction];
    bool barrier = instruction->op == OP_BARRIER;
    uint32_t index = 0;
    vm->join_due_ns = TIME_NEVER_NS;
    while (vm_lane_at(vm, index)->state != VM_LANE_JOINING) {
        index++;
    }
    vm_lane_report_other(vm, index, barrier ? VM_OUTCOME_BARRIER : VM_OUTCOME_NOT_CLOSED, now_ns);
    if (instruction->wait->on_timeout == ON_TIMEOUT_RECONNECT) {
        vm_restart(vm, now_ns);
        return;
    }
    if (instruction->wait->on_timeout == ON_TIMEOUT_FAIL) {
        vm->pending |= VM_PENDING_FAILED;
        vm->failed_step = VM_STEP_NONE;
    }
    if (barrier) {
        vm_leave_join(vm, now_ns);
    } else {
        vm->joins_after = true; /* the steps behind it count on a closed connection */
        vm_phase__disconnect(vm, VM_DISCONNECT_RST);
    }
}

static void vm_phase__wait(struct vm *vm, const struct instruction *instruction, int64_t now_ns)
{
    vm->join_active = true;
    vm->join_due_ns = now_ns + instruction->wait->within_ns;
    vm->next_ns = vm->join_due_ns < vm->next_ns ? vm->join_due_ns : vm->next_ns;
}

/* Does what the joining lanes stand at; of different steps, the first in the scenario. */
static void vm_phase__join(struct vm *vm, int64_t now_ns)
{
    vm->join_instruction = UINT32_MAX;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        const struct vm_lane *lane = vm_lane_at(vm, i);
        if (lane->state == VM_LANE_JOINING && lane->instruction < vm->join_instruction) {
            vm->join_instruction = lane->instruction;
        }
    }
    const struct instruction *instruction = &vm->program->code[vm->join_instruction];
    bool open = vm->link == VM_LINK_OPEN || vm->link == VM_LINK_HALF;
    if (instruction->op == OP_BARRIER || (instruction->op == OP_EXPECT_CLOSE && open)) {
        vm_phase__wait(vm, instruction, now_ns);
        if (instruction->op == OP_BARRIER) {
            vm->pending |= VM_PENDING_BARRIER;
        }
        return;
    }
    if (instruction->op == OP_RECONNECT) {
        vm->join_active = true;
        vm->joins_after = true;
        vm->connects_after_close = open;
        vm->connect_after_ns = instruction->after_ns;
        if (open) {
            vm_phase__disconnect(vm, VM_DISCONNECT_FIN);
        } else {
            vm_connect(vm, now_ns + instruction->after_ns);
        }
        return;
    }
    if (open && instruction->op == OP_DISCONNECT && instruction->disconnect != DISCONNECT_HALF) {
        vm->join_active = true;
        vm->joins_after = true;
        vm->connects_after_close = false;
        vm_phase__disconnect(vm, instruction->disconnect == DISCONNECT_RST ? VM_DISCONNECT_RST
                                                                           : VM_DISCONNECT_FIN);
        return;
    }
    if (open && instruction->op == OP_DISCONNECT) {
        vm_phase__disconnect(vm, VM_DISCONNECT_HALF);
    }
    vm_leave_join(vm, now_ns);
}

void vm_settle(struct vm *vm, int64_t now_ns)
{
    while (vm->busy_count == 0 && !vm->join_active && vm->phase != VM_PHASE_FINISHED) {
        if (vm->joining_count > 0) {
            vm_phase__join(vm, now_ns);
        } else if (vm->stopping && vm->phase == VM_PHASE_LOOP) {
            vm_tear_down(vm, now_ns);
        } else {
            return;
        }
    }
}
