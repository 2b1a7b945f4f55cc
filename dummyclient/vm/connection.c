/* The connection: its phases, the steps that all lanes take together, and what becomes of it. */
#include "vm/internal.h"

#include "core/clock.h"

#include <string.h>

/* Where the scenario says nothing else. */
static const struct back_off VM_BACK_OFF = {
    .first_ns = 100 * NS_PER_MS, .most_ns = 5 * NS_PER_S, .factor = 2};

static void vm_connection__connect(struct vm *vm, int64_t at_ns)
{
    vm->link = VM_LINK_CONNECTING;
    vm->connect_at_ns = at_ns;
    vm->pending |= VM_PENDING_CONNECT;
}

static void vm_connection__disconnect(struct vm *vm, enum vm_disconnect disconnect)
{
    vm->link = disconnect == VM_DISCONNECT_HALF ? VM_LINK_HALF : VM_LINK_CLOSING;
    vm->disconnect = (uint8_t)disconnect;
    vm->pending |= VM_PENDING_DISCONNECT;
}

/* No lane is playing, nothing is outstanding, nothing is about to be sent. */
static void vm_connection__rest(struct vm *vm)
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
static void vm_connection__play(struct vm *vm, enum vm_phase phase, uint32_t instruction,
                                int64_t now_ns)
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

static void vm_connection__tear_down(struct vm *vm, int64_t now_ns)
{
    if (vm->link == VM_LINK_OPEN) {
        vm_connection__play(vm, VM_PHASE_TEARDOWN, vm->behavior->teardown, now_ns);
    } else {
        vm_finish(vm);
    }
}

static void vm_connection__start_lanes(struct vm *vm, int64_t now_ns)
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
static void vm_connection__hand_over(const struct vm *vm, struct vm_lane *from, struct vm_lane *to)
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
            vm_connection__hand_over(vm, first, lane);
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
        vm_connection__start_lanes(vm, now_ns);
    }
}

/* Gives up whatever all lanes do. */
static void vm_connection__abandon(struct vm *vm, enum vm_outcome outcome, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        vm_lane_abandon(vm, i, outcome, now_ns);
    }
    vm_connection__rest(vm);
    vm->next_ns = TIME_NEVER_NS;
}

void vm_restart(struct vm *vm, int64_t now_ns)
{
    bool ending = vm->stopping || vm->phase == VM_PHASE_TEARDOWN;
    vm_connection__abandon(vm, VM_OUTCOME_LOST, now_ns);
    if (ending || !vm_lane_check_rows(vm, 0)) { /* setup has the row of the next pass */
        vm_finish(vm);
        return;
    }
    vm->phase = VM_PHASE_SETUP;
    vm->joins_after = false;
    if (vm->link == VM_LINK_CLOSED) {
        vm_connection__connect(vm, now_ns); /* a barrier waited for without a connection */
        return;
    }
    vm->connects_after_close = true;
    vm->connect_after_ns = 0;
    /* The server has not answered: it need not answer to a FIN either. */
    vm_connection__disconnect(vm, VM_DISCONNECT_RST);
}

/* The connection has ended, or could not be made, where the scenario did not ask for it. */
static void vm_connection__lost(struct vm *vm, int64_t connect_at_ns, int64_t now_ns)
{
    bool ending = vm->stopping || vm->phase == VM_PHASE_TEARDOWN;
    vm_connection__abandon(vm, VM_OUTCOME_LOST, now_ns);
    vm->link = VM_LINK_CLOSED;
    vm->pending &= VM_PENDING_READY | VM_PENDING_FAILED;
    if (ending || !vm->behavior->reconnects || !vm_lane_check_rows(vm, 0)) {
        vm_finish(vm);
        return;
    }
    vm->phase = VM_PHASE_SETUP;
    vm->joins_after = false;
    vm_connection__connect(vm, connect_at_ns);
}

/* --- Steps that wait for all lanes. */

static void vm_connection__leave_join(struct vm *vm, int64_t now_ns)
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
        vm->failed_step = PROGRAM_STEP_NONE;
    }
    if (barrier) {
        vm_connection__leave_join(vm, now_ns);
    } else {
        vm->joins_after = true; /* the steps behind it count on a closed connection */
        vm_connection__disconnect(vm, VM_DISCONNECT_RST);
    }
}

static void vm_connection__wait(struct vm *vm, const struct instruction *instruction,
                                int64_t now_ns)
{
    vm->join_active = true;
    vm->join_due_ns = now_ns + instruction->wait->within_ns;
    vm->next_ns = vm->join_due_ns < vm->next_ns ? vm->join_due_ns : vm->next_ns;
}

/* Does what the joining lanes stand at; of different steps, the first in the scenario. */
static void vm_connection__join(struct vm *vm, int64_t now_ns)
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
        vm_connection__wait(vm, instruction, now_ns);
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
            vm_connection__disconnect(vm, VM_DISCONNECT_FIN);
        } else {
            vm_connection__connect(vm, now_ns + instruction->after_ns);
        }
        return;
    }
    if (open && instruction->op == OP_DISCONNECT && instruction->disconnect != DISCONNECT_HALF) {
        vm->join_active = true;
        vm->joins_after = true;
        vm->connects_after_close = false;
        vm_connection__disconnect(
            vm, instruction->disconnect == DISCONNECT_RST ? VM_DISCONNECT_RST : VM_DISCONNECT_FIN);
        return;
    }
    if (open && instruction->op == OP_DISCONNECT) {
        vm_connection__disconnect(vm, VM_DISCONNECT_HALF);
    }
    vm_connection__leave_join(vm, now_ns);
}

void vm_settle(struct vm *vm, int64_t now_ns)
{
    while (vm->busy_count == 0 && !vm->join_active && vm->phase != VM_PHASE_FINISHED) {
        if (vm->joining_count > 0) {
            vm_connection__join(vm, now_ns);
        } else if (vm->stopping && vm->phase == VM_PHASE_LOOP) {
            vm_connection__tear_down(vm, now_ns);
        } else {
            return;
        }
    }
}

void vm_begin(struct vm *vm, int64_t now_ns)
{
    vm_connection__rest(vm);
    if (!vm_lane_check_rows(vm, 0)) {
        vm_finish(vm); /* no row is left for it: it does not even connect */
    } else if (vm->behavior->connects_in_loop) {
        vm_enter_loop(vm, now_ns);
    } else {
        vm_connection__connect(vm, now_ns);
    }
}

/* --- Events. */

void vm_on_connected(struct vm *vm, int64_t now_ns)
{
    if (vm->link != VM_LINK_CONNECTING) {
        return;
    }
    vm->link = VM_LINK_OPEN;
    vm->connects_failed = 0;
    vm->tries = 0;
    vm->connected_ns = now_ns;
    vm->receives = true;
    vm_inbox_clear(vm);
    if (vm->phase == VM_PHASE_FINISHED) {
        return;
    }
    if (vm->joins_after) {
        vm_connection__leave_join(vm, now_ns);
    } else {
        vm_connection__play(vm, VM_PHASE_SETUP, vm->behavior->setup, now_ns);
    }
    vm_settle(vm, now_ns);
}

void vm_on_connect_failed(struct vm *vm, int64_t now_ns)
{
    if (vm->link != VM_LINK_CONNECTING) {
        return;
    }
    /* A reconnect step with a back-off goes on trying by itself; otherwise it is the behavior that
     * comes back, with setup. */
    const struct back_off *of_step =
        vm->joins_after ? vm->program->code[vm->join_instruction].back_off : NULL;
    const struct back_off *back_off = of_step;
    if (back_off == NULL) {
        back_off = vm->behavior->back_off != NULL ? vm->behavior->back_off : &VM_BACK_OFF;
    }
    int64_t at_ns = now_ns + vm_step_back_off_ns(vm, back_off, now_ns);
    vm->connects_failed += vm->connects_failed < UINT8_MAX;
    vm->tries++;
    vm->link = VM_LINK_CLOSED;
    bool given_up = back_off->tries > 0 && vm->tries >= back_off->tries;
    if (vm->phase == VM_PHASE_FINISHED) {
        return;
    }
    if (of_step != NULL && !given_up && !vm->stopping) {
        vm_connection__connect(vm, at_ns);
    } else if (given_up) {
        vm_connection__abandon(vm, VM_OUTCOME_LOST, now_ns);
        vm_finish(vm);
    } else {
        vm_connection__lost(vm, at_ns, now_ns);
    }
}

static bool vm_connection__is_waiting(const struct vm *vm)
{
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        if (vm_lane_at(vm, i)->state == VM_LANE_WAITING) {
            return true;
        }
    }
    return false;
}

bool vm_on_closed(struct vm *vm, int64_t now_ns)
{
    enum vm_link link = (enum vm_link)vm->link;
    if (vm->phase == VM_PHASE_FINISHED) {
        vm->link = VM_LINK_CLOSED;
        return true;
    }
    bool expected = vm_expects_close(vm);
    if (!expected &&
        (link == VM_LINK_OPEN || (link == VM_LINK_HALF && vm_connection__is_waiting(vm)))) {
        const struct back_off *back_off = vm->behavior->back_off;
        vm_connection__lost(
            vm, back_off == NULL ? now_ns : now_ns + vm_step_back_off_ns(vm, back_off, now_ns),
            now_ns);
        return false;
    }
    if (link == VM_LINK_CONNECTING || link == VM_LINK_CLOSED) {
        return true;
    }
    vm->link = VM_LINK_CLOSED;
    vm_wait_clear(vm);
    vm->stamped_count = vm->submitted_count;
    if (link == VM_LINK_HALF && !expected) {
        return true; /* the server has read our end of stream and ended its own */
    }
    if (vm->connects_after_close) {
        vm->connects_after_close = false;
        vm_connection__connect(vm, now_ns + vm->connect_after_ns);
    } else if (vm->join_active) {
        vm_connection__leave_join(vm, now_ns);
    }
    vm_settle(vm, now_ns);
    return true;
}

uint32_t vm_barrier(const struct vm *vm)
{
    const struct instruction *instruction = &vm->program->code[vm->join_instruction];
    return vm->join_active && instruction->op == OP_BARRIER ? instruction->index : VM_BARRIER_NONE;
}

void vm_on_barrier_open(struct vm *vm, uint32_t barrier, int64_t now_ns)
{
    if (vm_barrier(vm) != barrier) {
        return;
    }
    vm_connection__leave_join(vm, now_ns);
    vm_settle(vm, now_ns);
    vm->next_ns = now_ns < vm->next_ns ? now_ns : vm->next_ns;
}

void vm_on_start(struct vm *vm, int64_t now_ns)
{
    if (!vm->closed_loop || vm->started || vm->stopping) {
        return;
    }
    vm->started = true;
    if (vm->phase == VM_PHASE_LOOP) {
        vm_connection__start_lanes(vm, now_ns);
        vm_settle(vm, now_ns);
    }
}

void vm_on_stop(struct vm *vm, int64_t now_ns)
{
    if (vm->stopping) {
        return;
    }
    vm->stopping = true;
    if (vm->phase == VM_PHASE_SETUP && (vm->link != VM_LINK_OPEN && vm->link != VM_LINK_HALF)) {
        vm_connection__abandon(vm, VM_OUTCOME_CUT, now_ns);
        vm_finish(vm);
        return;
    }
    if (vm->phase == VM_PHASE_LOOP) {
        for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
            vm_lane_stop(vm, i, now_ns);
        }
        vm_settle(vm, now_ns);
    }
}

void vm_on_cut(struct vm *vm, int64_t now_ns)
{
    if (vm->phase == VM_PHASE_FINISHED) {
        return;
    }
    bool tears_down = vm->phase == VM_PHASE_LOOP && vm->link == VM_LINK_OPEN;
    vm_connection__abandon(vm, VM_OUTCOME_CUT, now_ns);
    vm->stopping = true;
    vm->cut = true;
    vm->pending &= VM_PENDING_DISCONNECT | VM_PENDING_READY | VM_PENDING_FAILED;
    if (tears_down) {
        vm_connection__tear_down(vm, now_ns);
        vm_settle(vm, now_ns);
    } else {
        vm_finish(vm);
    }
}
