/* The connection: its phases, the steps that all lanes take together, and what becomes of it. */
#include "vm/internal.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"

#include <string.h>

enum { VM_CONNECTION_STREAM_BACK_OFF = 1 };

void vm_set_target(struct vm *vm, uint32_t target)
{
    vm->target = (uint8_t)target;
    vm->raw = vm->program->targets[target].framing->type == FRAMING_RAW;
}

/* What all lanes have joined for; NULL: they have not. */
static const struct instruction *vm_connection__joined_for(const struct vm *vm)
{
    return vm->join_instruction == VM_JOIN_NONE ? NULL : &vm->program->code[vm->join_instruction];
}

/* To where the reconnect step says; what is no step's begins where the behavior starts. */
static void vm_connection__connect(struct vm *vm, int64_t at_ns)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    if (join == NULL) {
        vm_set_target(vm, vm->behavior->target);
    } else if (join->reconnect->moves) {
        vm_set_target(vm, join->reconnect->target);
    }
    vm->link = VM_LINK_CONNECTING;
    vm->connect_at_ns = at_ns;
    vm->pending |= VM_PENDING_CONNECT;
}

static void vm_connection__disconnect(struct vm *vm, enum disconnect_type disconnect)
{
    if (disconnect == DISCONNECT_RST) {
        vm_aside_drop(vm); /* what else has yet to be sent leaves before the end of our stream */
    }
    vm->link = disconnect == DISCONNECT_HALF ? VM_LINK_HALF : VM_LINK_CLOSING;
    vm->disconnect = (uint8_t)disconnect;
    vm->pending |= VM_PENDING_DISCONNECT;
}

/* No lane is playing, nothing is outstanding, nothing is about to be sent. */
static void vm_connection__reset_lanes(struct vm *vm)
{
    vm->busy_count = 0;
    vm->joining_count = 0;
    vm->flushing_count = 0;
    vm->ready_head = VM_INDEX_NONE;
    vm->ready_tail = VM_INDEX_NONE;
    vm->idle_head = VM_INDEX_NONE;
    vm->join_instruction = VM_JOIN_NONE;
    vm->join_due_ns = TIME_NEVER_NS;
    vm->pending &= (uint8_t) ~(VM_PENDING_BARRIER | VM_PENDING_SECURE | VM_PENDING_RECEIVE);
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
    if (vm->traced && vm->program->code[instruction].op != OP_END) {
        vm_trace_event(vm, now_ns, phase == VM_PHASE_SETUP ? "setup begins" : "teardown begins");
    }
    vm->phase = (uint8_t)phase;
    vm->busy_count = 1;
    lane->instruction = instruction;
    lane->ordinal = 0;
    lane->mail_number = vm->mail_number;
    lane->asked = true; /* nothing of it was due before it came to it */
    vm_due_move(lane, now_ns);
    vm_lane_run(vm, lane, now_ns);
}

static void vm_connection__tear_down(struct vm *vm, int64_t now_ns)
{
    if (vm->link == VM_LINK_OPEN && vm->target == vm->behavior->teardown_target) {
        vm_connection__play(vm, VM_PHASE_TEARDOWN, vm->behavior->teardown, now_ns);
    } else {
        vm_finish(vm);
    }
}

static void vm_connection__start_lanes(struct vm *vm, int64_t now_ns)
{
    if (!vm->behavior->has_loop || !vm_may_begin(vm)) {
        return;
    }
    vm->idle_head = VM_INDEX_NONE;
    vm->busy_count = (uint16_t)(vm->program->lanes_count - vm->out_count);
    /* A lane may give the connection up. */
    for (uint32_t i = 0; i < vm->program->lanes_count && vm->phase == VM_PHASE_LOOP; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        if (!lane->out) {
            lane->free_ns = now_ns;
            vm_lane_begin_pass(vm, lane, now_ns, now_ns);
            vm_lane_run(vm, lane, now_ns);
        }
    }
}

/* Every lane begins with what setup has captured and sent. */
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
    if (vm->program->numbers) {
        *vm_lane_sequence(vm, to) = *vm_lane_sequence(vm, from);
    }
}

void vm_enter_loop(struct vm *vm, int64_t now_ns)
{
    struct vm_lane *first = vm_lane_at(vm, 0);
    vm->phase = VM_PHASE_LOOP;
    vm->idle_head = VM_INDEX_NONE;
    vm_beat_setup_done(vm, now_ns);
    for (uint32_t i = vm->program->lanes_count; i-- > 0;) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        lane->free_ns = now_ns;
        if (vm_lane_check_rows(vm, lane)) {
            lane->list_next = vm->idle_head;
            vm->idle_head = (uint16_t)i;
        }
        if (i > 0) {
            vm_connection__hand_over(vm, first, lane);
        }
    }
    if (vm->stopping) {
        return; /* vm_check_join() tears down */
    }
    if (!vm->ready_given) {
        vm->ready_given = true;
        vm->pending |= VM_PENDING_READY;
    }
    if (vm->closed_loop && vm->started) {
        vm_connection__start_lanes(vm, now_ns);
    }
}

/* Abandons what the lanes are doing. */
static void vm_connection__abandon(struct vm *vm, enum vm_outcome outcome, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        vm_lane_abandon(vm, vm_lane_at(vm, i), outcome, now_ns);
    }
    vm_connection__reset_lanes(vm);
    vm->next_ns = vm_beat_next_ns(vm, now_ns, now_ns);
}

/* What the lanes are doing is lost, and the connection begins again with setup. False: it has ended
 * instead. */
static bool vm_connection__begins_again(struct vm *vm, int64_t now_ns)
{
    bool ending = vm->stopping || vm->phase == VM_PHASE_TEARDOWN;
    vm_connection__abandon(vm, VM_OUTCOME_LOST, now_ns);
    /* Setup has the row of the next pass. */
    if (ending || !vm_lane_check_rows(vm, vm_lane_at(vm, 0))) {
        vm_finish(vm);
        return false;
    }
    vm->phase = VM_PHASE_SETUP;
    return true;
}

void vm_restart(struct vm *vm, int64_t now_ns)
{
    if (!vm_connection__begins_again(vm, now_ns)) {
        return;
    }
    if (vm->link == VM_LINK_CLOSED) {
        vm_connection__connect(vm, now_ns); /* a barrier waited for without a connection */
    } else {
        /* The server has not answered: it need not answer to a FIN either. */
        vm_connection__disconnect(vm, DISCONNECT_RST);
    }
}

/* The connection has ended, or could not be made, where the scenario did not ask for it. */
static void vm_connection__on_disconnect(struct vm *vm, int64_t connect_at_ns, int64_t now_ns)
{
    vm->link = VM_LINK_CLOSED;
    vm->pending &= VM_PENDING_READY | VM_PENDING_FAILED;
    vm->stopping = vm->stopping || !vm->behavior->reconnects;
    if (vm_connection__begins_again(vm, now_ns)) {
        vm_connection__connect(vm, connect_at_ns);
    }
}

/* --- Steps that wait for all lanes. */

/* The joined step is done: its lanes continue. */
static void vm_connection__leave_join(struct vm *vm, int64_t now_ns)
{
    uint32_t instruction = vm->join_instruction;
    if (vm->traced) {
        vm_trace_joined(vm, now_ns);
    }
    vm->join_instruction = VM_JOIN_NONE;
    vm->join_due_ns = TIME_NEVER_NS;
    vm->joined_ns = now_ns;
    vm->pending &= (uint8_t)~VM_PENDING_BARRIER;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        if (lane->state == VM_LANE_JOINING && lane->instruction == instruction) {
            vm->joining_count--;
            vm->busy_count++;
            vm_due_wait_ended(lane, now_ns);
            lane->instruction++;
            vm_lane_run(vm, lane, now_ns);
        }
    }
}

static bool vm_connection__is_open(const struct vm *vm)
{
    return vm->link == VM_LINK_OPEN || vm->link == VM_LINK_HALF;
}

bool vm_expects_close(const struct vm *vm)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    return join != NULL && join->op == OP_EXPECT_CLOSE && vm_connection__is_open(vm);
}

void vm_expire_join(struct vm *vm, int64_t now_ns)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    bool barrier = join->op == OP_BARRIER;
    uint32_t i = 0;
    vm->join_due_ns = TIME_NEVER_NS;
    while (vm_lane_at(vm, i)->state != VM_LANE_JOINING) {
        i++;
    }
    vm_lane_report(vm, vm_lane_at(vm, i), barrier ? VM_OUTCOME_BARRIER : VM_OUTCOME_NOT_CLOSED,
                   now_ns);
    if (join->wait->on_timeout == ON_TIMEOUT_RECONNECT) {
        vm_restart(vm, now_ns);
        return;
    }
    if (join->wait->on_timeout == ON_TIMEOUT_FAIL) {
        vm_fail(vm, PROGRAM_STEP_NONE);
    }
    if (barrier) {
        vm_connection__leave_join(vm, now_ns);
    } else { /* the steps behind it count on a closed connection */
        vm_connection__disconnect(vm, DISCONNECT_RST);
    }
}

/* Carries out the step that the lanes have joined for; of different steps, the first in the
 * scenario. */
static void vm_connection__join(struct vm *vm, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        const struct vm_lane *lane = vm_lane_at(vm, i);
        if (lane->state == VM_LANE_JOINING && lane->instruction < vm->join_instruction) {
            vm->join_instruction = lane->instruction;
        }
    }
    const struct instruction *join = vm_connection__joined_for(vm);
    bool open = vm_connection__is_open(vm);
    if (join->op == OP_BARRIER || (join->op == OP_EXPECT_CLOSE && open)) {
        vm->join_due_ns = now_ns + join->wait->within_ns;
        vm->next_ns = vm->join_due_ns < vm->next_ns ? vm->join_due_ns : vm->next_ns;
        vm->pending |= join->op == OP_BARRIER ? VM_PENDING_BARRIER : 0;
        return;
    }
    if (join->op == OP_RECONNECT && !open) {
        vm_connection__connect(vm, now_ns + join->after_ns);
        return;
    }
    if (join->op == OP_SECURE && open) {
        vm->pending |= VM_PENDING_SECURE;
        return;
    }
    if (open) { /* for a reconnect it is a FIN */
        vm_connection__disconnect(vm, (enum disconnect_type)join->disconnect);
    }
    if (!open || join->disconnect == DISCONNECT_HALF) {
        vm_connection__leave_join(vm, now_ns);
    }
}

void vm_check_join(struct vm *vm, int64_t now_ns)
{
    while (vm->busy_count == 0 && vm->join_instruction == VM_JOIN_NONE &&
           vm->phase != VM_PHASE_FINISHED) {
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
    vm_connection__reset_lanes(vm);
    if (!vm_lane_check_rows(vm, vm_lane_at(vm, 0))) {
        vm_finish(vm); /* without a row it does not connect */
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
    vm->tries = 0;
    vm->connected_ns = now_ns;
    vm->receives = true;
    vm->parting = false;
    if (vm->program->numbers) {
        *vm_numbered_count(vm) = 0;
    }
    vm_inbox_clear(vm);
    if (vm->phase == VM_PHASE_FINISHED) {
        return;
    }
    vm_beat_open(vm, now_ns);
    if (vm->join_instruction != VM_JOIN_NONE) {
        vm_connection__leave_join(vm, now_ns);
    } else {
        vm_connection__play(vm, VM_PHASE_SETUP, vm->behavior->setup, now_ns);
    }
    vm_check_join(vm, now_ns);
}

void vm_on_secured(struct vm *vm, int64_t now_ns)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    if (join != NULL && join->op == OP_SECURE) {
        vm_connection__leave_join(vm, now_ns);
        vm_check_join(vm, now_ns);
    }
}

static int64_t vm_connection__back_off_ns(const struct vm *vm, const struct back_off *back_off,
                                          int64_t now_ns)
{
    double drawn = prng_unit(vm->connection_key, VM_CONNECTION_STREAM_BACK_OFF, (uint64_t)now_ns);
    return back_off_pause_ns(back_off, vm->tries, drawn);
}

/* of_step: the back-off of the step that connects; NULL: the behavior begins again. */
static void vm_connection__failed(struct vm *vm, const struct back_off *of_step, int64_t now_ns)
{
    const struct back_off *back_off = of_step != NULL ? of_step : vm->behavior->back_off;
    back_off = back_off != NULL ? back_off : &BACK_OFF_DEFAULT;
    int64_t at_ns = now_ns + vm_connection__back_off_ns(vm, back_off, now_ns);
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
        vm_connection__on_disconnect(vm, at_ns, now_ns);
    }
}

void vm_on_connect_failed(struct vm *vm, int64_t now_ns)
{
    /* A reconnect step with a back-off tries again itself; otherwise the behavior does, with setup.
     */
    const struct instruction *join = vm_connection__joined_for(vm);
    bool tries = join != NULL && join->reconnect->back_off.first_ns > 0;
    if (vm->link == VM_LINK_CONNECTING) {
        vm_connection__failed(vm, tries ? &join->reconnect->back_off : NULL, now_ns);
    }
}

bool vm_has_failed(const struct vm *vm)
{
    return vm->tries > 0;
}

void vm_on_redirect_refused(struct vm *vm, int64_t now_ns)
{
    if (vm->link == VM_LINK_CONNECTING) {
        vm_connection__failed(vm, NULL, now_ns);
    }
}

struct vm_lane *vm_joined_lane(const struct vm *vm)
{
    uint32_t lane = 0;
    while (vm_lane_at(vm, lane)->state != VM_LANE_JOINING ||
           vm_lane_at(vm, lane)->instruction != vm->join_instruction) {
        lane++;
    }
    return vm_lane_at(vm, lane);
}

static bool vm_connection__text(const struct vm *vm, const struct body *body,
                                char text[SCENARIO_REDIRECT_BYTES_MAX + 1])
{
    if (body->bytes_max == 0) {
        return false;
    }
    struct message_scope scope = vm_lane_scope(vm, vm_joined_lane(vm));
    uint32_t bytes = message_body_bytes(body, &scope);
    must(bytes <= SCENARIO_REDIRECT_BYTES_MAX);
    message_write_body(body, &scope, (uint8_t *)text);
    for (uint32_t i = 0; i < bytes; i++) {
        text[i] = (char)(text[i] == '\0' ? '?' : text[i]);
    }
    text[bytes] = '\0';
    return true;
}

bool vm_stays(const struct vm *vm)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    return join != NULL && !join->reconnect->moves;
}

bool vm_redirect(const struct vm *vm, struct vm_redirect *redirect)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    if (join == NULL || !join->reconnect->redirects) {
        return false;
    }
    redirect->has_host = vm_connection__text(vm, &join->reconnect->host, redirect->host);
    redirect->has_port = vm_connection__text(vm, &join->reconnect->port, redirect->port);
    return true;
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

/* The server has closed. Was that its right: is nothing awaited, and nothing on its way? */
static bool vm_connection__may_close(const struct vm *vm)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    return vm->behavior->may_close && vm->link == VM_LINK_OPEN && !vm_connection__is_waiting(vm) &&
           (join == NULL || join->op != OP_SECURE) && vm->ready_head == VM_INDEX_NONE &&
           vm->flushing_count == 0;
}

/* The lanes go on without a connection: nothing is owed on the next one, and nothing of this one
 * has yet to leave. */
static void vm_connection__closed(struct vm *vm)
{
    vm->link = VM_LINK_CLOSED;
    vm_wait_clear(vm);
    vm->stamped_count = vm->submitted_count;
}

bool vm_on_closed(struct vm *vm, int64_t now_ns)
{
    bool may_close = vm_connection__may_close(vm);
    enum vm_link link = (enum vm_link)vm->link;
    vm_aside_drop(vm);
    vm_beat_close(vm, now_ns);
    if (vm->phase == VM_PHASE_FINISHED) {
        vm->link = VM_LINK_CLOSED;
        return true;
    }
    bool expected = vm_expects_close(vm);
    if (!expected && may_close && vm->behavior->loop_opens && vm->phase == VM_PHASE_LOOP &&
        vm->busy_count + vm->joining_count == 0) {
        vm_connection__closed(vm); /* the next pass begins with its own reconnect */
        return true;
    }
    if (!expected &&
        (link == VM_LINK_OPEN || (link == VM_LINK_HALF && vm_connection__is_waiting(vm)))) {
        const struct back_off *back_off = vm->behavior->back_off;
        vm_evidence_lost(vm);
        int64_t pause_ns = back_off == NULL ? 0 : vm_connection__back_off_ns(vm, back_off, now_ns);
        vm_connection__on_disconnect(vm, now_ns + pause_ns, now_ns);
        return may_close;
    }
    if (link == VM_LINK_CONNECTING || link == VM_LINK_CLOSED) {
        return true;
    }
    vm_connection__closed(vm);
    if (link == VM_LINK_HALF && !expected) {
        return true; /* the server has read our end of stream and ended its own */
    }
    const struct instruction *join = vm_connection__joined_for(vm);
    if (join == NULL) { /* by vm_restart() */
        vm_connection__connect(vm, now_ns);
    } else if (join->op == OP_RECONNECT) {
        vm_connection__connect(vm, now_ns + join->after_ns);
    } else {
        vm_connection__leave_join(vm, now_ns);
    }
    vm_check_join(vm, now_ns);
    return true;
}

uint32_t vm_barrier(const struct vm *vm)
{
    const struct instruction *join = vm_connection__joined_for(vm);
    return join != NULL && join->op == OP_BARRIER ? join->index + vm->behavior->barrier_offset
                                                  : VM_BARRIER_NONE;
}

void vm_on_barrier_open(struct vm *vm, uint32_t barrier, int64_t now_ns)
{
    if (vm_barrier(vm) != barrier) {
        return;
    }
    vm_connection__leave_join(vm, now_ns);
    vm_check_join(vm, now_ns);
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
        vm_check_join(vm, now_ns);
    }
}

void vm_on_stop(struct vm *vm, int64_t now_ns)
{
    if (vm->stopping) {
        return;
    }
    vm->stopping = true;
    if (vm->phase == VM_PHASE_SETUP && !vm_connection__is_open(vm)) {
        vm_connection__abandon(vm, VM_OUTCOME_CUT, now_ns);
        vm_finish(vm);
        return;
    }
    if (vm->phase == VM_PHASE_LOOP) {
        for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
            vm_lane_stop(vm, vm_lane_at(vm, i), now_ns);
        }
        vm_check_join(vm, now_ns);
    }
}

void vm_on_drain_end(struct vm *vm, int64_t now_ns)
{
    if (vm->phase == VM_PHASE_FINISHED) {
        return;
    }
    bool in_loop = vm->phase == VM_PHASE_LOOP;
    vm_connection__abandon(vm, VM_OUTCOME_CUT, now_ns);
    vm->stopping = true;
    vm->cut = true;
    vm->pending &= VM_PENDING_DISCONNECT | VM_PENDING_READY | VM_PENDING_FAILED;
    if (in_loop) {
        vm_connection__tear_down(vm, now_ns);
        vm_check_join(vm, now_ns);
    } else {
        vm_finish(vm);
    }
}
