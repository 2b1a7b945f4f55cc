/* The steps that need nobody else (step.c), and what no request waits for (push.c); for vm*.c
 * only. */
#ifndef DUMMYLOAD_SCENARIO_VM_STEP_H
#define DUMMYLOAD_SCENARIO_VM_STEP_H

#include "vm/internal.h"

/* --- step.c */

/* What a value is made of that is worked out now. */
struct message_scope vm_step_scope(const struct vm *vm, uint32_t index, int64_t now_ns);
/* True when the think, or the wait for a moment, is over already, because the lane is late. */
bool vm_step_think(struct vm *vm, uint32_t index, const struct think *think, int64_t now_ns);
bool vm_step_at(struct vm *vm, uint32_t index, int64_t offset_ns, int64_t now_ns);
void vm_step_set(struct vm *vm, uint32_t index, const struct set *set, int64_t now_ns);
/* choose, if, repeats and jumps: where the lane goes on. */
uint32_t vm_step_jump(struct vm *vm, uint32_t index, int64_t now_ns);
/* Does nothing stand between the lane's step and the end of its pass, now that the run ends? */
bool vm_step_ends_next(const struct vm *vm, uint32_t index);
void vm_step_log(struct vm *vm, uint32_t index, const struct body *text, int64_t now_ns);
/* The pause before the next attempt to connect, drawn. */
int64_t vm_step_back_off_ns(const struct vm *vm, const struct back_off *back_off, int64_t now_ns);

/* --- push.c */

/* Raw framing: the lane's reply takes what it still lacks; returns how many bytes. *complete: that
 * was all of it. */
uint32_t vm_push_feed(struct vm *vm, uint32_t index, const struct frame *run, int64_t received_ns,
                      bool *complete);
/* A message that no request has taken. */
void vm_push_check(struct vm *vm, const struct frame *frame, int64_t received_ns);
/* Bytes of a raw stream. */
void vm_push_stream(struct vm *vm, const struct frame *frame, int64_t first_ns,
                    int64_t received_ns);

#endif
