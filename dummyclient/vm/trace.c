/* What a traced connection does, in words. Nothing here is on the path of other connections. */
#include "vm/internal.h"

#include "text/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static bool vm_trace__is_wanted(const struct vm *vm)
{
    return trace_wants(vm->observer->trace->trace, vm->connection);
}

void vm_trace_event(const struct vm *vm, int64_t now_ns, const char *format, ...)
{
    char text[TRACE_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace_event(vm->observer->trace, TRACE_EVENT, vm->connection, now_ns, "%s", text);
}

void vm_trace_note(const struct vm *vm, const char *format, ...)
{
    char text[TRACE_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace_note(vm->observer->trace, vm->connection, "%s", text);
}

const char *vm_step_name(const struct vm *vm, uint32_t instruction, uint32_t lane,
                         char name[VM_STEP_NAME_BYTES_MAX])
{
    static const char *const NAMES[] = {
        [OP_SEND] = "send",           [OP_EXPECT] = "expect",
        [OP_BARRIER] = "barrier",     [OP_DISCONNECT] = "disconnect",
        [OP_RECONNECT] = "reconnect", [OP_EXPECT_CLOSE] = "expect_close",
        [OP_SECURE] = "tls"};
    const struct instruction *code = &vm->program->code[instruction];
    bool named = code->op == OP_REQUEST && code->step != PROGRAM_STEP_NONE;
    char of_lane[24] = "";
    if (vm->program->lanes_count > 1) {
        snprintf(of_lane, sizeof of_lane, " of lane %" PRIu32, lane);
    }
    const char *path = vm->program->code_paths[instruction];
    snprintf(name, VM_STEP_NAME_BYTES_MAX, "`%.64s`%s%.64s%s%s",
             named ? vm->program->step_names[code->step] : NAMES[code->op],
             named || path == NULL ? "" : " (", named || path == NULL ? "" : path,
             named || path == NULL ? "" : ")", of_lane);
    return name;
}

/* What the codec made of a message. */
static const char *vm_trace__message(const struct vm *vm, uint32_t id, bool framed, uint64_t bytes,
                                     uint64_t body_bytes, char text[VM_STEP_NAME_BYTES_MAX])
{
    char of_id[24] = "";
    char body[48] = "";
    if (framed && framing_has_ids(vm_framing(vm))) {
        snprintf(of_id, sizeof of_id, ", id %" PRIu32, id);
    }
    if (framed && body_bytes != bytes) {
        snprintf(body, sizeof body, ", body %" PRIu64, body_bytes);
    }
    char count[UNITS_COUNTED_BYTES_MAX];
    snprintf(text, VM_STEP_NAME_BYTES_MAX, "%s%s%s%s", units_format_counted(bytes, "byte", count),
             of_id, body, framed ? "" : ", unframed");
    return text;
}

void vm_trace_sent(const struct vm *vm, struct vm_lane *lane, const struct message *message,
                   const struct vm_action *action, const uint8_t *bytes)
{
    char text[VM_STEP_NAME_BYTES_MAX];
    char name[VM_STEP_NAME_BYTES_MAX] = "a rule of `on_push`";
    bool framed = message->framing != &vm->program->unframed;
    /* A codec may encrypt: what it is given is shown. */
    bool plain = message->framing->type == FRAMING_CODEC;
    uint32_t carrier_bytes = frame_carrier_bytes(message->framing, bytes);
    uint32_t shown_bytes = plain ? action->body_bytes : action->message_bytes - carrier_bytes;
    bytes += carrier_bytes;
    if (!vm_trace__is_wanted(vm)) {
        return;
    }
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        if (message == vm->behavior->beats[i].message) {
            snprintf(name, sizeof name, "heartbeat %u of `every`", (unsigned)i + 1);
        }
    }
    if (lane != NULL) {
        vm_step_name(vm, lane->sent_instruction, lane->index, name);
    }
    trace_message(vm->observer->trace, TRACE_SENT, vm->connection,
                  lane != NULL ? lane->stamp_ns : vm_aside_scope(vm).stamp_ns,
                  (struct span){.data = bytes, .bytes = shown_bytes}, shown_bytes, "%s, by %s",
                  vm_trace__message(vm, message->id, framed, shown_bytes, action->body_bytes, text),
                  name);
}

void vm_trace_received(const struct vm *vm, const struct frame *frame, int64_t received_ns)
{
    char text[VM_STEP_NAME_BYTES_MAX];
    if (!vm_trace__is_wanted(vm)) {
        return;
    }
    trace_message(
        vm->observer->trace, TRACE_RECEIVED, vm->connection, received_ns,
        (struct span){.data = frame->bytes, .bytes = frame->bytes_count}, frame->whole_bytes, "%s",
        vm_trace__message(vm, frame->id, true, frame->whole_bytes, frame->whole_body_bytes, text));
}

void vm_trace_refused(const struct vm *vm, uint32_t index, const struct frame *frame)
{
    char why[VM_EVIDENCE_TEXT_BYTES_MAX];
    char name[VM_STEP_NAME_BYTES_MAX];
    if (!vm_trace__is_wanted(vm)) {
        return;
    }
    bool late = index >= vm->program->lanes_count; /* a tombstone */
    vm_evidence_refusal(vm, index, frame, why);
    vm_trace_note(vm, "%s%s does not take it: %s", late ? "the late reply to " : "",
                  vm_step_name(vm, vm_wait_at(vm, index)->instruction, index, name), why);
}

void vm_trace_judged(const struct vm *vm, struct vm_lane *lane, const struct frame *frame)
{
    char why[VM_EVIDENCE_TEXT_BYTES_MAX];
    char name[VM_STEP_NAME_BYTES_MAX];
    if (!vm_trace__is_wanted(vm)) {
        return;
    }
    vm_evidence_verdict(vm, lane, frame, why);
    vm_trace_note(vm, "%s takes it%s%s", vm_step_name(vm, lane->instruction, lane->index, name),
                  why[0] != '\0' ? ": expected " : "", why);
}

void vm_trace_stretch(const struct vm *vm, struct vm_lane *lane, uint32_t bytes)
{
    char name[VM_STEP_NAME_BYTES_MAX];
    char of[32] = "";
    if (lane->raw_bytes > 0) {
        snprintf(of, sizeof of, " of its %" PRIu32, lane->raw_bytes);
    }
    vm_trace_note(vm, "%s takes %" PRIu32 "%s%s",
                  vm_step_name(vm, lane->instruction, lane->index, name), bytes, of,
                  lane->mismatched ? ": they are not what `verify` says" : "");
}

void vm_trace_done(const struct vm *vm, struct vm_lane *lane, const struct vm_request *request)
{
    static const char *const OUTCOMES[] = {[VM_OUTCOME_OK] = "is done",
                                           [VM_OUTCOME_MISMATCH] = "has the wrong reply",
                                           [VM_OUTCOME_TIMED_OUT] = "has timed out",
                                           [VM_OUTCOME_LOST] = "has lost its connection",
                                           [VM_OUTCOME_CUT] = "is cut by the end of the run",
                                           [VM_OUTCOME_ABSENT] = "ends without its optional reply",
                                           [VM_OUTCOME_BARRIER] = "has timed out",
                                           [VM_OUTCOME_NOT_CLOSED] = "has timed out"};
    char name[VM_STEP_NAME_BYTES_MAX];
    char expected[VM_EVIDENCE_TEXT_BYTES_MAX] = "";
    struct error waiting = {""};
    struct span bytes;
    char passed[UNITS_TEXT_BYTES_MAX];
    if (!vm_trace__is_wanted(vm)) {
        return;
    }
    vm_step_name(vm, lane->instruction, lane->index, name);
    if (request->outcome == VM_OUTCOME_TIMED_OUT) {
        vm_evidence_expected(vm, lane, expected);
        vm_evidence_waiting(vm, &waiting, &bytes);
    }
    if (request->sent_ns == 0) {
        vm_trace_event(vm, request->last_ns, "%s %s", name, OUTCOMES[request->outcome]);
        return;
    }
    vm_trace_event(vm, request->last_ns, "%s %s, %s after it %s%s%s%s%.200s", name,
                   OUTCOMES[request->outcome],
                   units_format_duration(request->last_ns - request->sent_ns, passed),
                   vm->program->code[lane->instruction].op == OP_REQUEST ? "was sent" : "began",
                   expected[0] != '\0' ? ": it waited for " : "", expected,
                   waiting.text[0] != '\0' ? "; what has come is " : "", waiting.text);
}

void vm_trace_pass(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns)
{
    if (vm->program->lanes_count > 1) {
        vm_trace_event(vm, now_ns, "lane %u begins pass %" PRIu64, (unsigned)lane->index,
                       lane->iteration);
    } else {
        vm_trace_event(vm, now_ns, "pass %" PRIu64 " begins", lane->iteration);
    }
}

void vm_trace_expects(const struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    char name[VM_STEP_NAME_BYTES_MAX];
    char expected[VM_EVIDENCE_TEXT_BYTES_MAX];
    if (!vm_trace__is_wanted(vm)) {
        return;
    }
    vm_evidence_expected(vm, lane, expected);
    vm_trace_event(vm, now_ns, "%s waits for %s",
                   vm_step_name(vm, lane->instruction, lane->index, name), expected);
}

void vm_trace_pauses(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns)
{
    char passed[UNITS_TEXT_BYTES_MAX];
    bool thinks = vm->program->code[lane->instruction].op == OP_THINK;
    vm_trace_event(vm, now_ns, "%s for %s", thinks ? "thinks" : "waits (`wait_until_age`)",
                   units_format_duration(lane->free_ns - now_ns, passed));
}

void vm_trace_joins(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns)
{
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    char name[VM_STEP_NAME_BYTES_MAX];
    if (instruction->op == OP_BARRIER) {
        vm_trace_event(vm, now_ns, "waits at the barrier `%s`",
                       vm->program->barrier_names[instruction->index]);
    } else {
        vm_trace_event(vm, now_ns, "comes to %s",
                       vm_step_name(vm, lane->instruction, lane->index, name));
    }
}

void vm_trace_joined(const struct vm *vm, int64_t now_ns)
{
    const struct instruction *instruction = &vm->program->code[vm->join_instruction];
    if (instruction->op == OP_BARRIER) {
        vm_trace_event(vm, now_ns, "goes on behind the barrier `%s`",
                       vm->program->barrier_names[instruction->index]);
    }
}
