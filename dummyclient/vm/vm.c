#include "vm/vm.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"
#include "vm/due.h"
#include "vm/inbox.h"
#include "vm/internal.h"
#include "vm/step.h"
#include "vm/wait.h"

#include <string.h>

/* Where the scenario says nothing else. */
static const struct back_off VM_BACK_OFF = {
    .first_ns = 100 * NS_PER_MS, .most_ns = 5 * NS_PER_S, .factor = 2};

/* The earliest that anything is due. A deadline that has passed, and of which nobody knows yet
 * whether it was missed, is looked at again at the next look at what has come in. */
static int64_t vm__earliest_ns(const struct vm *vm, int64_t seen_ns, int64_t now_ns)
{
    bool join_held = vm_expects_close(vm) && vm->join_due_ns > seen_ns;
    int64_t earliest_ns = join_held && vm->join_due_ns <= now_ns ? now_ns + 1 : vm->join_due_ns;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        const struct vm_lane *lane = vm_lane_at(vm, i);
        bool held = lane->state == VM_LANE_WAITING && lane->due_ns > seen_ns;
        int64_t due_ns = held && lane->due_ns <= now_ns ? now_ns + 1 : lane->due_ns;
        earliest_ns = due_ns < earliest_ns ? due_ns : earliest_ns;
    }
    return earliest_ns;
}

static void vm__expire(struct vm *vm, int64_t now_ns)
{
    int64_t seen_ns = vm_seen_ns(vm, now_ns);
    if (vm->join_due_ns <= (vm_expects_close(vm) ? seen_ns : now_ns)) {
        vm_expire_join(vm, now_ns);
    }
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        const struct vm_lane *lane = vm_lane_at(vm, i);
        int64_t passed_ns = lane->state == VM_LANE_WAITING ? seen_ns : now_ns;
        if (lane->due_ns <= passed_ns && !vm_lane_expire(vm, i, now_ns)) {
            break;
        }
    }
    vm_settle(vm, now_ns);
    vm->next_ns = vm__earliest_ns(vm, seen_ns, now_ns);
}

static void vm__take_pending(struct vm *vm, struct vm_action *action)
{
    static const uint8_t order[] = {VM_PENDING_RECEIVE, VM_PENDING_DISCONNECT, VM_PENDING_CONNECT,
                                    VM_PENDING_READY,   VM_PENDING_FAILED,     VM_PENDING_BARRIER,
                                    VM_PENDING_FINISHED};
    int i = 0;
    while ((vm->pending & order[i]) == 0) {
        i++;
    }
    vm->pending &= (uint8_t)~order[i];
    *action = (struct vm_action){.step = VM_STEP_NONE};
    switch (order[i]) {
    case VM_PENDING_DISCONNECT:
        action->type = VM_ACTION_DISCONNECT;
        action->disconnect = (enum vm_disconnect)vm->disconnect;
        break;
    case VM_PENDING_CONNECT:
        action->type = VM_ACTION_CONNECT;
        action->not_before_ns = vm->connect_at_ns;
        break;
    case VM_PENDING_READY:
        action->type = VM_ACTION_READY;
        break;
    case VM_PENDING_RECEIVE:
        action->type = VM_ACTION_RECEIVE;
        action->receives = vm->receives;
        break;
    case VM_PENDING_BARRIER:
        action->type = VM_ACTION_BARRIER;
        action->barrier = vm_barrier(vm);
        break;
    case VM_PENDING_FAILED:
        action->type = VM_ACTION_FAILED;
        action->step = vm->failed_step;
        break;
    default:
        action->type = VM_ACTION_FINISHED;
        break;
    }
}

bool vm_next_held(struct vm *vm, int64_t now_ns, struct vm_action *action)
{
    if (now_ns >= vm->next_ns) {
        vm__expire(vm, now_ns);
    }
    /* FINISHED waits for what teardown still sends. */
    bool sends = vm->ready_head != VM_INDEX_NONE;
    if ((vm->pending & ~(sends ? VM_PENDING_FINISHED : 0)) == 0) {
        return false;
    }
    vm__take_pending(vm, action);
    return true;
}

bool vm_next(struct vm *vm, int64_t now_ns, struct vm_action *action)
{
    if (vm_next_held(vm, now_ns, action)) {
        return true;
    }
    if (vm->ready_head != VM_INDEX_NONE) {
        uint16_t index = vm->ready_head;
        vm->ready_head = vm_lane_at(vm, index)->list_next;
        if (vm->ready_head == VM_INDEX_NONE) {
            vm->ready_tail = VM_INDEX_NONE;
        }
        vm_lane_take(vm, index, now_ns, action);
        return true;
    }
    return false;
}

int64_t vm_next_time_ns(const struct vm *vm)
{
    return vm->next_ns;
}

void vm_write_message(struct vm *vm, const struct vm_action *action, uint8_t *out)
{
    const struct vm_lane *lane = vm_lane_at(vm, action->lane);
    const struct message *message = vm->program->code[lane->sent_instruction].message;
    if (message->encoded != NULL) {
        memcpy(out, message->encoded, message->frame_bytes);
        return;
    }
    const struct framing *framing = &vm->program->framing;
    struct message_scope scope = vm_lane_sent_scope(vm, action->lane);
    /* vm_lane_take() has worked it out already. */
    uint32_t body_bytes = action->message_bytes - message->around_bytes;
    uint8_t *at = out;
    if (message->frame_bytes > 0) {
        memcpy(at, message->head, message->head_bytes);
        at += message->head_bytes;
    } else {
        at += frame_write_head(framing, message->id, body_bytes, at);
    }
    message_write_body(&message->body, &scope, at);
    at += body_bytes;
    at += frame_write_tail(framing, at);
    must(at == out + action->message_bytes);
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
        vm_leave_join(vm, now_ns);
    } else {
        vm_play(vm, VM_PHASE_SETUP, vm->behavior->setup, now_ns);
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
        vm_connect(vm, at_ns);
    } else if (given_up) {
        vm_abandon(vm, VM_OUTCOME_LOST, now_ns);
        vm_finish(vm);
    } else {
        vm_lost(vm, at_ns, now_ns);
    }
}

/* Requests that have now been sent. They were begun in this order, so those not yet stamped stand
 * at the end of the waits. */
static void vm__stamp(struct vm *vm, int64_t sent_ns)
{
    for (uint16_t i = vm->wait_tail; i != VM_INDEX_NONE; i = vm->waits[i].prev) {
        if (i >= vm->program->lanes_count) {
            continue;
        }
        struct vm_lane *lane = vm_lane_at(vm, i);
        const struct instruction *instruction = &vm->program->code[lane->instruction];
        if (instruction->op != OP_REQUEST) {
            continue;
        }
        if (lane->sent_ns != 0) {
            return;
        }
        if ((int32_t)(lane->message_n - vm->stamped_count) < 0) {
            lane->sent_ns = sent_ns;
            vm_due_blocked(vm, lane, sent_ns);
            /* Later than before: next_ns stays a time that is not after it. */
            lane->due_ns = sent_ns + instruction->wait->within_ns;
        }
    }
}

bool vm_on_sent(struct vm *vm, uint32_t messages_count, int64_t sent_ns)
{
    uint32_t unstamped_count = vm->submitted_count - vm->stamped_count;
    vm->stamped_count += messages_count < unstamped_count ? messages_count : unstamped_count;
    vm__stamp(vm, sent_ns);
    if (vm->flushing_count == 0) {
        return false;
    }
    bool moved = false;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        const struct vm_lane *lane = vm_lane_at(vm, i);
        if (lane->state == VM_LANE_FLUSHING && (int32_t)(lane->message_n - vm->stamped_count) < 0) {
            vm_lane_sent(vm, i, sent_ns);
            moved = true;
        }
    }
    if (moved) {
        vm_settle(vm, sent_ns);
        vm->next_ns = sent_ns < vm->next_ns ? sent_ns : vm->next_ns;
    }
    return moved;
}

void vm_on_message(struct vm *vm, const struct frame *frame, int64_t first_ns, int64_t received_ns)
{
    if (received_ns >= vm->next_ns) {
        vm__expire(vm, received_ns);
    }
    if (vm->program->framing.type == FRAMING_RAW) {
        vm_push_stream(vm, frame, first_ns, received_ns);
        return;
    }
    bool late = false;
    uint32_t index = vm_wait_find(vm, frame, &late);
    if (vm->behavior->pushes_count > 0 && !late &&
        (index == VM_INDEX_NONE ||
         vm->program->code[vm_lane_at(vm, index)->instruction].op == OP_EXPECT)) {
        vm_push_check(vm, frame, received_ns);
    }
    if (index == VM_INDEX_NONE) {
        if (vm->wait_head != VM_INDEX_NONE) {
            vm_evidence_note(vm, frame, received_ns);
        }
        if (late || !vm_inbox_put(vm, frame)) {
            vm->observer->unsolicited(vm->observer->context, frame, late);
        }
        return;
    }
    vm_lane_reply(vm, index, frame, first_ns, received_ns);
    vm_settle(vm, received_ns);
}

static bool vm__is_waiting(const struct vm *vm)
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
    if (!expected && (link == VM_LINK_OPEN || (link == VM_LINK_HALF && vm__is_waiting(vm)))) {
        const struct back_off *back_off = vm->behavior->back_off;
        vm_lost(vm, back_off == NULL ? now_ns : now_ns + vm_step_back_off_ns(vm, back_off, now_ns),
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
        vm_connect(vm, now_ns + vm->connect_after_ns);
    } else if (vm->join_active) {
        vm_leave_join(vm, now_ns);
    }
    vm_settle(vm, now_ns);
    return true;
}

bool vm_is_out(const struct vm *vm)
{
    return vm->out_count > 0;
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
    vm_leave_join(vm, now_ns);
    vm_settle(vm, now_ns);
    vm->next_ns = now_ns < vm->next_ns ? now_ns : vm->next_ns;
}

bool vm_has_free_lane(const struct vm *vm)
{
    return vm->phase == VM_PHASE_LOOP && vm->idle_head != VM_INDEX_NONE && !vm->stopping &&
           vm->joining_count == 0 &&
           (vm->link == VM_LINK_OPEN ||
            (vm->behavior->loop_opens && (vm->link == VM_LINK_CLOSED || vm->link == VM_LINK_HALF)));
}

void vm_on_arrival(struct vm *vm, int64_t intended_ns, int64_t granted_ns, int64_t now_ns)
{
    must(vm_has_free_lane(vm));
    uint16_t index = vm->idle_head;
    vm->idle_head = vm_lane_at(vm, index)->list_next;
    vm->busy_count++;
    struct vm_lane *lane = vm_lane_at(vm, index);
    lane->free_ns = lane->free_ns > granted_ns ? lane->free_ns : granted_ns;
    lane->free_ns = lane->free_ns > vm->joined_ns ? lane->free_ns : vm->joined_ns;
    vm_lane_begin_pass(vm, index, intended_ns, now_ns);
    vm_lane_run(vm, index, now_ns);
    vm_settle(vm, now_ns);
}

void vm_on_start(struct vm *vm, int64_t now_ns)
{
    if (!vm->closed_loop || vm->started || vm->stopping) {
        return;
    }
    vm->started = true;
    if (vm->phase == VM_PHASE_LOOP) {
        vm_start_lanes(vm, now_ns);
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
        vm_abandon(vm, VM_OUTCOME_CUT, now_ns);
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
    vm_abandon(vm, VM_OUTCOME_CUT, now_ns);
    vm->stopping = true;
    vm->cut = true;
    vm->pending &= VM_PENDING_DISCONNECT | VM_PENDING_READY | VM_PENDING_FAILED;
    if (tears_down) {
        vm_tear_down(vm, now_ns);
        vm_settle(vm, now_ns);
    } else {
        vm_finish(vm);
    }
}
