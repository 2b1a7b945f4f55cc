#include "vm/internal.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prefetch.h"
#include "core/prng.h"

#include <string.h>

/* Behind each other, each a multiple of 8 bytes: the vm, its lanes, their waits. */
struct vm__layout {
    size_t lane_bytes;
    size_t waits_offset;
    size_t bytes;
};

static struct vm__layout vm__lay_out(const struct program *program)
{
    uint32_t values_count = program->counters_count + program->words_count;
    struct vm__layout layout = {0};
    values_count += program->keeps_sent ? program->words_count : 0;
    layout.lane_bytes = sizeof(struct vm_lane) + values_count * sizeof(uint64_t);
    layout.waits_offset = sizeof(struct vm) + program->lanes_count * layout.lane_bytes;
    layout.bytes = layout.waits_offset + program->lanes_count * sizeof(struct vm_wait);
    return layout;
}

enum { VM_LINE_BYTES = 64, VM_LINES = 4 };
_Static_assert((offsetof(struct vm, wall_offset_ns) + VM_PAST_LINE_BYTES) % VM_LINE_BYTES == 0,
               "a line");

void vm_fetch(const struct vm *vm)
{
    prefetch(&vm->wall_offset_ns, VM_LINES * VM_LINE_BYTES);
}

size_t vm_memory_bytes(const struct program *program)
{
    return vm__lay_out(program).bytes;
}

size_t vm_seldom_bytes(const struct program *program)
{
    return sizeof(struct vm_seldom) + vm_asides_bytes(program) +
           (program->has_inbox ? sizeof(struct vm_inbox) + program->inbox_bytes_max : 0);
}

struct vm *vm_init(void *memory, void *seldom, const struct program *program,
                   const struct vm_identity *identity, const struct vm_observer *observer,
                   int64_t now_ns)
{
    must(identity->behavior < program->behaviors_count);
    struct vm__layout layout = vm__lay_out(program);
    struct vm *vm = memory;
    memset(vm, 0, sizeof *vm);
    vm->program = program;
    vm->lane_bytes = (uint32_t)layout.lane_bytes;
    memset((uint8_t *)memory + layout.waits_offset, 0, layout.bytes - layout.waits_offset);
    vm->behavior = &program->behaviors[identity->behavior];
    vm->observer = observer;
    vm_set_target(vm, vm->behavior->target);
    vm->waits_offset = (uint32_t)layout.waits_offset;
    vm->seldom = seldom;
    struct vm_inbox *inbox = vm_inbox_of(vm);
    if (inbox != NULL) {
        inbox->mails_count = 0;
        inbox->bytes_count = 0;
    }
    vm->seed = identity->seed;
    vm->connection_key = prng_mix(identity->seed, identity->connection);
    if (identity->generation > 0) {
        /* Not the bytes of the previous generation. */
        vm->connection_key = prng_mix(vm->connection_key, identity->generation);
    }
    vm->connection = identity->connection;
    vm->wall_offset_ns = identity->wall_offset_ns;
    vm->run_clock_offset_ns = identity->run_clock_offset_ns;
    vm->closed_loop = identity->closed_loop;
    vm->traced = identity->traced;
    vm->next_ns = TIME_NEVER_NS;
    for (uint32_t i = 0; i < program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        /* What the previous generation has played: its rows of data. */
        uint64_t iteration = identity->generation > 0 ? lane->iteration : 0;
        memset(lane, 0, layout.lane_bytes);
        lane->iteration = iteration;
        lane->index = (uint16_t)i;
        lane->due_ns = TIME_NEVER_NS;
        lane->free_ns = now_ns;
        lane->sent_instruction = UINT32_MAX;
    }
    vm_begin(vm, now_ns);
    return vm;
}

/* --- Actions. */

/* Up to when all input is known. */
static int64_t vm__seen_ns(const struct vm *vm, int64_t now_ns)
{
    const int64_t *seen_ns = vm->observer->seen_ns;
    return seen_ns == NULL || *seen_ns > now_ns ? now_ns : *seen_ns;
}

/* The earliest that anything is due. A deadline that has passed, but may have been met by input
 * that has not been read yet, is checked again after the next poll. */
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
    int64_t beat_ns = vm_beat_next_ns(vm, seen_ns, now_ns);
    return beat_ns < earliest_ns ? beat_ns : earliest_ns;
}

static void vm__expire(struct vm *vm, int64_t now_ns)
{
    int64_t seen_ns = vm__seen_ns(vm, now_ns);
    if (vm->join_due_ns <= (vm_expects_close(vm) ? seen_ns : now_ns)) {
        vm_expire_join(vm, now_ns);
    }
    bool plays_on = vm_beat_expire(vm, seen_ns, now_ns);
    for (uint32_t i = 0; i < vm->program->lanes_count && plays_on; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        int64_t passed_ns = lane->state == VM_LANE_WAITING ? seen_ns : now_ns;
        if (lane->due_ns <= passed_ns && !vm_lane_expire(vm, lane, now_ns)) {
            break;
        }
    }
    vm_check_join(vm, now_ns);
    vm->next_ns = vm__earliest_ns(vm, seen_ns, now_ns);
}

static void vm__take_pending(struct vm *vm, struct vm_action *action)
{
    uint32_t type = 0;
    while ((vm->pending >> type & 1) == 0) {
        type++;
    }
    vm->pending &= (uint8_t) ~(1u << type);
    *action =
        (struct vm_action){.type = (enum vm_action_type)type,
                           .step = type == VM_ACTION_FAILED ? vm->failed_step : PROGRAM_STEP_NONE,
                           .not_before_ns = vm->connect_at_ns,
                           .disconnect = (enum disconnect_type)vm->disconnect,
                           .receives = vm->receives};
    action->barrier = vm_barrier(vm);
}

bool vm_next_blocked(struct vm *vm, int64_t now_ns, struct vm_action *action)
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
    if (vm->asides &&
        (action->type == VM_ACTION_DISCONNECT || action->type == VM_ACTION_FINISHED)) {
        vm_aside_drop(vm); /* the end does not wait for room */
    }
    return true;
}

bool vm_next(struct vm *vm, int64_t now_ns, struct vm_action *action)
{
    if (now_ns >= vm->next_ns) {
        vm__expire(vm, now_ns);
    }
    if (vm->asides) {
        vm_aside_take(vm, now_ns, action);
        return true;
    }
    if (vm_next_blocked(vm, now_ns, action)) {
        return true;
    }
    if (vm->ready_head != VM_INDEX_NONE) {
        struct vm_lane *lane = vm_lane_at(vm, vm->ready_head);
        vm->ready_head = lane->list_next;
        if (vm->ready_head == VM_INDEX_NONE) {
            vm->ready_tail = VM_INDEX_NONE;
        }
        vm_lane_take(vm, lane, now_ns, action);
        return true;
    }
    return false;
}

int64_t vm_next_time_ns(const struct vm *vm)
{
    return vm->next_ns;
}

static struct message_scope vm__scope(const struct vm *vm, struct vm_lane *lane)
{
    return lane != NULL ? vm_lane_sent_scope(vm, lane) : vm_aside_scope(vm);
}

/* Messages of the framing are counted, in the order of sending; others have no number. */
static void vm__number(struct vm *vm, struct vm_lane *lane, const struct message *message)
{
    if (message->framing == &vm->program->unframed) {
        return;
    }
    uint64_t *count = vm_numbered_count(vm);
    ++*count;
    if (message->is_numbered && lane != NULL) {
        *vm_lane_sequence(vm, lane) = *count;
    } else if (message->is_numbered) {
        vm_asides_of(vm)->sequence = *count;
    }
}

uint32_t vm_submit(struct vm *vm, struct vm_lane *lane, const struct message *message,
                   struct vm_action *action)
{
    uint32_t frame_bytes = message->frame_bytes;
    uint32_t body_bytes = message->body.bytes_min;
    if (vm->program->numbers) {
        vm__number(vm, lane, message);
    }
    if (frame_bytes == 0) {
        struct message_scope scope = vm__scope(vm, lane);
        body_bytes = message_body_bytes(&message->body, &scope);
        frame_bytes = frame_encoded_bytes(message->framing, message->id, body_bytes);
    }
    *action = (struct vm_action){.type = VM_ACTION_SEND,
                                 .lane = lane != NULL ? lane->index : VM_LANE_NONE,
                                 .step = PROGRAM_STEP_NONE,
                                 .message_bytes = frame_bytes,
                                 .body_bytes = body_bytes};
    return vm->submitted_count++;
}

/* Draws of a connection's request, apart from those of its lanes. */
#define VM_REQUEST_PLACE UINT64_C(0x52455155)

/* Draws of a message's header, apart from those of its body. */
#define VM_HEAD_DRAW UINT32_C(0x80000000)

static uint32_t vm__seal(struct vm *vm, struct vm_lane *lane, const struct vm_action *action,
                         const struct message *message, void *codec_state, uint8_t *out)
{
    uint64_t values[FRAMING_VALUES_MAX];
    struct frame_sealing sealing = {.id = message->id,
                                    .body_bytes = action->body_bytes,
                                    .values = values,
                                    .message = out,
                                    .bytes = action->message_bytes};
    if (message->has_values) {
        struct message_scope scope = vm__scope(vm, lane);
        for (uint32_t i = 0; i < FRAMING_VALUES_MAX; i++) {
            values[i] = value_bits(&message->head_values[i], &scope, VM_HEAD_DRAW + i);
        }
    }
    return frame_seal(message->framing, codec_state, &sealing);
}

static void vm__write(struct vm *vm, struct vm_lane *lane, const struct message *message,
                      uint32_t body_bytes, uint8_t *out)
{
    uint8_t *at = out;
    struct message_scope scope = vm__scope(vm, lane);
    if (message->frame_bytes > 0) {
        memcpy(at, message->head, message->head_bytes);
        at += message->head_bytes;
    } else {
        at += frame_write_head(message->framing, message->id, body_bytes, at);
    }
    message_write_body(&message->body, &scope, at);
    at += body_bytes;
    frame_write_tail(message->framing, at);
}

uint32_t vm_write_message(struct vm *vm, const struct vm_action *action, void *codec_state,
                          uint8_t *out)
{
    struct vm_lane *lane = action->lane == VM_LANE_NONE ? NULL : vm_lane_at(vm, action->lane);
    const struct message *message = lane != NULL ? vm->program->code[lane->sent_instruction].message
                                                 : vm_asides_of(vm)->message;
    if (message->encoded != NULL) {
        memcpy(out, message->encoded, message->frame_bytes);
    } else {
        vm__write(vm, lane, message, action->body_bytes, out);
    }
    /* A codec may encrypt: it is told as it was before. */
    bool seals_whole = message->framing->type == FRAMING_CODEC;
    if (vm->traced && seals_whole) {
        vm_trace_sent(vm, lane, message, action, out);
    }
    uint32_t bytes = message->seals ? vm__seal(vm, lane, action, message, codec_state, out)
                                    : action->message_bytes;
    if (message->framing->type == FRAMING_HEADER) {
        uint32_t carrier_bytes = frame_carrier_bytes(message->framing, out);
        const struct frame frame = {.bytes = out + carrier_bytes,
                                    .bytes_count = bytes - carrier_bytes};
        if (lane != NULL) {
            vm_wait_made(vm, lane, &frame);
        } else {
            vm_beat_made(vm, &frame);
        }
    }
    if (vm->traced && !seals_whole) {
        vm_trace_sent(vm, lane, message, action, out);
    }
    frame_mask(message->framing, codec_state, out, bytes);
    return bytes;
}

uint32_t vm_last_sent(struct vm *vm, uint8_t out[VM_LAST_SENT_BYTES_MAX])
{
    struct vm_lane *last = NULL;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        bool sent = lane->sent_instruction != UINT32_MAX;
        if (sent && (last == NULL || (int32_t)(lane->message_n - last->message_n) > 0)) {
            last = lane;
        }
    }
    if (last == NULL) {
        return 0;
    }
    const struct message *message = vm->program->code[last->sent_instruction].message;
    struct message_scope scope = vm_lane_sent_scope(vm, last);
    uint32_t body_bytes = message_body_bytes(&message->body, &scope);
    struct framing inside = *message->framing;
    inside.websocket = NULL; /* the heads of its frames are not shown, however many there are */
    uint32_t bytes = frame_encoded_bytes(&inside, message->id, body_bytes);
    if (bytes == 0 || bytes > VM_LAST_SENT_BYTES_MAX) {
        return 0;
    }
    uint32_t head_bytes = frame_write_head(&inside, message->id, body_bytes, out);
    message_write_body(&message->body, &scope, out + head_bytes);
    frame_write_tail(&inside, out + head_bytes + body_bytes);
    return inside.type == FRAMING_CODEC ? body_bytes : bytes;
}

/* --- Messages and arrivals. */

/* Requests that have now been sent. The waits are in the order of sending, so those not yet stamped
 * are at the end. */
static void vm__stamp(struct vm *vm, int64_t sent_ns)
{
    for (uint16_t i = vm->wait_tail; i != VM_INDEX_NONE; i = vm_wait_at(vm, i)->prev) {
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
    if (vm->behavior->beats_count > 0 && unstamped_count > 0) {
        vm_beat_sent(vm, sent_ns);
    }
    if (vm->flushing_count == 0) {
        return false;
    }
    bool moved = false;
    for (uint32_t i = 0; i < vm->program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        if (lane->state == VM_LANE_FLUSHING && (int32_t)(lane->message_n - vm->stamped_count) < 0) {
            vm_lane_sent(vm, lane, sent_ns);
            moved = true;
        }
    }
    if (moved) {
        vm_check_join(vm, sent_ns);
        vm->next_ns = sent_ns < vm->next_ns ? sent_ns : vm->next_ns;
    }
    return moved;
}

void vm_on_message(struct vm *vm, const struct frame *frame, int64_t first_ns, int64_t received_ns)
{
    bool raw = vm->raw;
    bool counted = false; /* once per message, even if several pieces of it are unsolicited */
    struct frame rest = *frame;
    if (received_ns >= vm->next_ns) {
        vm__expire(vm, received_ns);
    }
    if (vm->traced) {
        vm_trace_received(vm, frame, received_ns);
    }
    vm->parting = vm->parting || frame->closes;
    do {
        uint32_t taken_bytes = rest.body_bytes;
        bool late = false;
        bool claimed = false; /* by a rule */
        bool beats = false;   /* it is the reply to a heartbeat */
        struct vm_lane *lane = vm_wait_find(vm, &rest, &taken_bytes, &late);
        if (vm->behavior->listens && !late &&
            (lane == NULL || vm->program->code[lane->instruction].op == OP_EXPECT)) {
            beats = vm_beat_reply(vm, &rest, received_ns, &late);
            claimed = vm_push_check(vm, &rest, received_ns);
        }
        if (lane != NULL) {
            taken_bytes = vm_lane_reply(vm, lane, &rest, first_ns, received_ns);
            vm_check_join(vm, received_ns);
        } else if (!beats || late) {
            if (vm->wait_head != VM_INDEX_NONE && !raw) {
                vm_evidence_note(vm, &rest, received_ns);
            }
            bool kept = !late && vm_inbox_put(vm, &rest, claimed);
            if (vm->traced && !claimed && !beats) {
                vm_trace_note(vm, late   ? "the late reply to a request that has timed out"
                                  : kept ? "kept for an `expect` that has not begun"
                                         : "no step waits for it: it counts as a push");
            }
            if (late || (!kept && !counted)) {
                counted = true;
                vm->observer->unsolicited(vm->observer->context, &rest, late);
            }
        }
        rest.body += taken_bytes;
        rest.body_bytes -= taken_bytes;
        rest.bytes = rest.body;
        rest.bytes_count = rest.body_bytes;
        rest.whole_bytes = rest.whole_body_bytes = rest.body_bytes;
    } while (raw && rest.body_bytes > 0);
}

/* The first text of the run that does not fit into its line; a space ends what is asked for. */
static struct span vm__wrong_text(const struct body *request, const struct message_scope *scope)
{
    uint8_t lowest = '!';
    for (uint32_t i = 0; i < request->parts_count; i++) {
        const struct value *value = &request->parts[i].value;
        uint8_t digits[VALUE_DIGITS_MAX];
        uint32_t bytes = 0;
        if (value_is_digits(value)) {
            continue;
        }
        const uint8_t *text = value_text(value, scope, request->parts[i].draw, digits, &bytes);
        if (value->operand.source == OPERAND_TEXT) {
            lowest = memchr(text, '\n', bytes) != NULL ? ' ' : lowest;
        }
        for (uint32_t n = 0; n < bytes && value->operand.source == OPERAND_VARIABLE; n++) {
            if (text[n] < lowest || text[n] > '~') {
                return (struct span){text, bytes};
            }
        }
    }
    return (struct span){.bytes = 0};
}

uint32_t vm_write_request(const struct vm *vm, int64_t now_ns,
                          uint8_t out[WEBSOCKET_REQUEST_BYTES_MAX], struct span *wrong)
{
    const struct body *request = vm->program->targets[vm->target].request;
    const struct body *own = vm->behavior->requests;
    bool has_own = own != NULL && own[vm->target].parts_count > 0;
    *wrong = (struct span){.bytes = 0};
    if (request == NULL && !has_own) {
        return 0;
    }
    struct message_scope scope = {.key = prng_mix(vm->connection_key, VM_REQUEST_PLACE),
                                  .seed = vm->seed,
                                  .world = &vm->program->world,
                                  .stamp_ns = now_ns,
                                  .wall_offset_ns = vm->wall_offset_ns,
                                  .run_clock_offset_ns = vm->run_clock_offset_ns,
                                  .connection = vm->connection};
    if (has_own) { /* only a step leads there */
        request = &own[vm->target];
        scope.variables = vm_lane_variables(vm, vm_joined_lane(vm));
        *wrong = vm__wrong_text(request, &scope);
    }
    message_write_body(request, &scope, out);
    return message_body_bytes(request, &scope);
}

uint32_t vm_target(const struct vm *vm)
{
    return vm->target;
}

uint32_t vm_destination(const struct vm *vm)
{
    return vm->target + vm->behavior->target_offset;
}

bool vm_is_out(const struct vm *vm)
{
    return vm->out_count > 0;
}

bool vm_has_free_lane(const struct vm *vm)
{
    return vm->phase == VM_PHASE_LOOP && vm->idle_head != VM_INDEX_NONE && !vm->stopping &&
           vm->joining_count == 0 && vm_may_begin(vm) &&
           (vm->link == VM_LINK_OPEN ||
            (vm->behavior->loop_opens && (vm->link == VM_LINK_CLOSED || vm->link == VM_LINK_HALF)));
}

void vm_on_arrival(struct vm *vm, int64_t intended_ns, int64_t granted_ns, int64_t now_ns)
{
    must(vm_has_free_lane(vm));
    struct vm_lane *lane = vm_lane_at(vm, vm->idle_head);
    vm->idle_head = lane->list_next;
    vm->busy_count++;
    lane->free_ns = lane->free_ns > granted_ns ? lane->free_ns : granted_ns;
    lane->free_ns = lane->free_ns > vm->joined_ns ? lane->free_ns : vm->joined_ns;
    vm_lane_begin_pass(vm, lane, intended_ns, now_ns);
    vm_lane_run(vm, lane, now_ns);
    vm_check_join(vm, now_ns);
}
