/* A reply: is it right, and what is kept of it (reply.c); for vm*.c only. */
#ifndef DUMMYLOAD_SCENARIO_VM_REPLY_H
#define DUMMYLOAD_SCENARIO_VM_REPLY_H

#include "vm/internal.h"

/* Judges one of the lane's replies and captures from it. */
void vm_reply_judge(struct vm *vm, uint32_t index, const struct frame *frame, int64_t received_ns);

#endif
