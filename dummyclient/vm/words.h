/* What a vm says to people: why a step failed, and what a traced connection does. For the vm's
 * files only. */
#pragma once

#include "vm/state.h"

/* --- evidence.c */

/* A message that no step has taken, while some wait. */
void vm_evidence_note(struct vm *vm, const struct frame *frame, int64_t received_ns);
/* The lane's wait got the wrong answer: this frame (raw framing: stretch of the stream). */
void vm_evidence_mismatch(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                          int64_t received_ns);
/* It got none. */
void vm_evidence_time_out(struct vm *vm, struct vm_lane *lane, int64_t deadline_ns);
/* In words (VM_EVIDENCE_TEXT_BYTES_MAX bytes): what the lane waits for; why the wait does not take
 * the message; what is wrong with the reply that the lane has taken. */
void vm_evidence_expected(const struct vm *vm, struct vm_lane *lane, char *out);
/* A step, as a person finds it in the scenario. Returns name. */
enum { VM_STEP_NAME_BYTES_MAX = 192 };
const char *vm_step_name(const struct vm *vm, uint32_t instruction, uint32_t lane,
                         char name[VM_STEP_NAME_BYTES_MAX]);
/* Keeps what the vm is doing while its connection has gone. */
void vm_evidence_lost(const struct vm *vm);
/* As the observer's `waiting`. */
bool vm_evidence_waiting(const struct vm *vm, struct error *words, struct span *bytes);
void vm_evidence_refusal(const struct vm *vm, uint32_t index, const struct frame *frame, char *out);
void vm_evidence_verdict(const struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                         char *out);

/* --- trace.c. All are called only where vm->traced. */

void vm_trace_event(const struct vm *vm, int64_t now_ns, const char *format, ...)
    ERROR_PRINTF(3, 4);
/* What became of the last event. */
void vm_trace_note(const struct vm *vm, const char *format, ...) ERROR_PRINTF(2, 3);
/* lane NULL: an answer of on_push, or a heartbeat. */
void vm_trace_sent(const struct vm *vm, struct vm_lane *lane, const struct message *message,
                   const struct vm_action *action, const uint8_t *bytes);
void vm_trace_received(const struct vm *vm, const struct frame *frame, int64_t received_ns);
/* The wait does not take the message. */
void vm_trace_refused(const struct vm *vm, uint32_t index, const struct frame *frame);
/* The lane has taken it; of a raw stream, so many bytes. */
void vm_trace_judged(const struct vm *vm, struct vm_lane *lane, const struct frame *frame);
void vm_trace_stretch(const struct vm *vm, struct vm_lane *lane, uint32_t bytes);
void vm_trace_done(const struct vm *vm, struct vm_lane *lane, const struct vm_request *request);
void vm_trace_pass(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns);
void vm_trace_expects(const struct vm *vm, struct vm_lane *lane, int64_t now_ns);
void vm_trace_pauses(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns);
/* A step for all lanes: one has come to it; all have, and it is over. */
void vm_trace_joins(const struct vm *vm, const struct vm_lane *lane, int64_t now_ns);
void vm_trace_joined(const struct vm *vm, int64_t now_ns);
