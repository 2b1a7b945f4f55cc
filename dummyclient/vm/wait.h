/* The waits: which expectation a message belongs to. For vm*.c only. */
#ifndef DUMMYLOAD_SCENARIO_VM_WAIT_H
#define DUMMYLOAD_SCENARIO_VM_WAIT_H

#include "vm/internal.h"

void vm_wait_clear(struct vm *vm);
/* Puts the lane's expectation, by its instruction, at the end. */
void vm_wait_add(struct vm *vm, uint32_t index);
void vm_wait_remove(struct vm *vm, uint32_t index);
/* The lane has given up: late replies to it, lane->replies_left of them, are absorbed. */
void vm_wait_bury(struct vm *vm, uint32_t index);
/* The lane that the message is for, or VM_INDEX_NONE; *late: a tombstone took it. */
uint32_t vm_wait_find(struct vm *vm, const struct frame *frame, bool *late);
/* Raw framing: the lane that the stream's next bytes are for. For a tombstone: *bytes, how many of
 * them it takes. */
uint32_t vm_wait_find_stream(struct vm *vm, uint32_t *bytes, bool *late);
bool vm_wait_verify(const struct vm *vm, uint32_t index, const struct verify *verify,
                    const struct frame *frame);
/* Does the match of this wait select the message? */
bool vm_wait_accepts(const struct vm *vm, uint32_t index, const struct frame *frame);

#endif
