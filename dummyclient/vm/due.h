/* When what a lane does next was due, and who has held it up since (due.c); for vm*.c only.
 *
 * time_ns: when it was due. From there to free_ns others held it up; what is left until it is sent,
 * this program did. Waits come in any order: what this program had lost before one of them is kept
 * apart by moving free_ns forward no further than the wait was long. */
#ifndef DUMMYLOAD_SCENARIO_VM_DUE_H
#define DUMMYLOAD_SCENARIO_VM_DUE_H

#include "vm/internal.h"

/* From when the lane could have done what it stands at: due, and free for it. */
int64_t vm_due_base_ns(const struct vm_lane *lane);
/* What comes next is due at that moment: the lane has waited for it by its nature. */
void vm_due_move(struct vm_lane *lane, int64_t due_ns);
/* The lane has waited since reached_ns. Before the first request of a pass that was for others:
 * what comes next is due when it was. Behind it the scenario goes on from here. */
void vm_due_wait_ended(struct vm_lane *lane, int64_t end_ns);
/* What the lane sends could not leave before what the socket was still busy with. */
void vm_due_blocked(const struct vm *vm, struct vm_lane *lane, int64_t sent_ns);

/* The lane's pass ends without being complete: tells of an arrival that has made no request, and is
 * not at its first one (asking). */
void vm_due_ended(const struct vm *vm, const struct vm_lane *lane, bool asking, int64_t now_ns);

#endif
