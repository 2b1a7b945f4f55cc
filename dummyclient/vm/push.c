/* Messages that no request waits for, and raw streams. */
#include "vm/internal.h"

#include "core/clock.h"

#define VM_PUSH_CLOCK_ERROR_NS ((uint64_t)(10 * NS_PER_MS))

static bool vm_push__matches(const struct push *push, const struct frame *frame)
{
    const struct match *match = &push->match;
    uint64_t value = 0;
    if (!match->any_id && frame->id != match->id) {
        return false;
    }
    return match->source == MATCH_FIELD_NONE ||
           (message_field(&match->field, frame->body, frame->body_bytes, &value) &&
            value_compare(value, match->field.type, COMPARE_EQUALS, match->value,
                          match->value_type));
}

/* From the stamp until now, on the one clock of the run; -1: this run cannot have made it. */
static int64_t vm_push__fanout_ns(const struct vm *vm, uint64_t stamp_ns, int64_t received_ns)
{
    int64_t run_ns = received_ns + vm->run_clock_offset_ns;
    if (run_ns >= 0 && stamp_ns <= (uint64_t)run_ns) {
        return run_ns - (int64_t)stamp_ns;
    }
    /* Two machines know that clock only nearly: what was sent just now may seem to come before. */
    return run_ns >= 0 && stamp_ns - (uint64_t)run_ns <= VM_PUSH_CLOCK_ERROR_NS ? 0 : -1;
}

void vm_push_check(struct vm *vm, const struct frame *frame, int64_t received_ns)
{
    const struct program_behavior *behavior = vm->behavior;
    for (uint32_t i = 0; i < behavior->pushes_count; i++) {
        const struct push *push = &behavior->pushes[i];
        if (!vm_push__matches(push, frame)) {
            continue;
        }
        uint64_t stamp_ns = 0;
        int64_t fanout_ns = -1;
        bool mismatch = !vm_wait_verify(vm, 0, &push->verify, frame);
        if (push->has_fanout) {
            bool whole = message_field(&push->fanout, frame->body, frame->body_bytes, &stamp_ns);
            fanout_ns = whole ? vm_push__fanout_ns(vm, stamp_ns, received_ns) : -1;
            mismatch = mismatch || fanout_ns < 0;
        }
        vm->observer->push_checked(vm->observer->context, mismatch, fanout_ns);
        return;
    }
}

/* Does this stretch of the reply look as it should? */
static bool vm_push__stretch_holds(struct vm *vm, uint32_t index, const uint8_t *data,
                                   uint32_t bytes)
{
    const struct vm_lane *lane = vm_lane_at(vm, index);
    const struct verify *verify = &vm->program->code[lane->instruction].wait->verify;
    const struct body *body = &verify->body;
    struct message_scope scope = vm_lane_scope(vm, index);
    if (verify->type == VERIFY_NONE) {
        return true;
    }
    if (verify->type == VERIFY_SAME_BODY) {
        if (lane->sent_instruction == UINT32_MAX) {
            return false; /* there is nothing that it could be the same as */
        }
        scope = vm_lane_sent_scope(vm, index);
        body = &vm->program->code[lane->sent_instruction].message->body;
    }
    uint32_t body_bytes = message_body_bytes(body, &scope);
    bool prefix = verify->type == VERIFY_STARTS_WITH;
    if (prefix ? lane->raw_bytes < body_bytes : lane->raw_bytes != body_bytes) {
        return false;
    }
    if (lane->raw_done_bytes >= body_bytes) {
        return true; /* behind what is compared */
    }
    uint32_t left_bytes = body_bytes - lane->raw_done_bytes;
    return message_body_holds(body, &scope, lane->raw_done_bytes, data,
                              bytes < left_bytes ? bytes : left_bytes);
}

uint32_t vm_push_feed(struct vm *vm, uint32_t index, const struct frame *run, int64_t received_ns,
                      bool *complete)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    uint32_t bytes = run->body_bytes;
    uint32_t left_bytes = lane->raw_bytes - lane->raw_done_bytes;
    uint32_t taken_bytes = lane->raw_bytes == 0 || bytes < left_bytes ? bytes : left_bytes;
    if (!lane->mismatched && !vm_push__stretch_holds(vm, index, run->body, taken_bytes)) {
        lane->mismatched = true;
        vm_evidence_mismatch(vm, index, run, received_ns);
    } else if (lane->raw_done_bytes == 0 && taken_bytes < lane->raw_bytes) {
        vm_evidence_note(vm, run, received_ns); /* a beginning, perhaps of no more */
    }
    lane->raw_done_bytes += taken_bytes;
    *complete = lane->raw_done_bytes >= lane->raw_bytes;
    if (*complete) {
        lane->raw_done_bytes = 0;
    }
    return taken_bytes;
}

static uint32_t vm_push__feed_lane(struct vm *vm, uint32_t index, const struct frame *run,
                                   int64_t first_ns, int64_t received_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    bool complete = false;
    uint32_t taken_bytes = vm_push_feed(vm, index, run, received_ns, &complete);
    if (lane->first_ns == 0) {
        lane->first_ns = first_ns;
    }
    if (complete) {
        vm_lane_count_reply(vm, index, first_ns, received_ns);
    }
    return taken_bytes;
}

void vm_push_stream(struct vm *vm, const struct frame *frame, int64_t first_ns, int64_t received_ns)
{
    struct frame rest = *frame;
    bool counted = false;
    while (rest.body_bytes > 0) {
        uint32_t taken_bytes = rest.body_bytes;
        bool late = false;
        uint32_t index = vm_wait_find_stream(vm, &taken_bytes, &late);
        if (index != VM_INDEX_NONE) {
            taken_bytes = vm_push__feed_lane(vm, index, &rest, first_ns, received_ns);
            vm_settle(vm, received_ns);
        } else if (!late && vm_inbox_put(vm, &rest)) {
            return;
        } else if (!counted || late) {
            counted = true; /* a run counts once, however many pieces of it nobody wants */
            vm->observer->unsolicited(vm->observer->context, &rest, late);
        }
        rest.body += taken_bytes;
        rest.body_bytes -= taken_bytes;
        rest.bytes = rest.body;
        rest.bytes_count = rest.body_bytes;
    }
}
