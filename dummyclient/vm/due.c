/* When what a lane does next was due, and who has held it up since. */
#include "vm/due.h"

int64_t vm_due_base_ns(const struct vm_lane *lane)
{
    return lane->free_ns > lane->time_ns ? lane->free_ns : lane->time_ns;
}

void vm_due_move(struct vm_lane *lane, int64_t due_ns)
{
    lane->time_ns = due_ns;
    lane->free_ns = due_ns;
    lane->done_ns = due_ns;
}

/* How long this program has held the lane up already. */
static int64_t vm_due__lag_ns(const struct vm_lane *lane)
{
    int64_t base_ns = vm_due_base_ns(lane);
    return lane->reached_ns > base_ns ? lane->reached_ns - base_ns : 0;
}

void vm_due_wait_ended(struct vm_lane *lane, int64_t end_ns)
{
    if (lane->asked) {
        vm_due_move(lane, end_ns);
        return;
    }
    lane->free_ns = end_ns - vm_due__lag_ns(lane);
    lane->done_ns = end_ns;
}

void vm_due_blocked(const struct vm *vm, struct vm_lane *lane, int64_t sent_ns)
{
    const int64_t *until_ns = vm->observer->blocked_until_ns;
    if (until_ns != NULL && *until_ns <= sent_ns) {
        int64_t free_ns = *until_ns - vm_due__lag_ns(lane);
        lane->free_ns = free_ns > vm_due_base_ns(lane) ? free_ns : lane->free_ns;
    }
}

void vm_due_ended(const struct vm *vm, const struct vm_lane *lane, bool asking, int64_t now_ns)
{
    const struct vm_observer *observer = vm->observer;
    uint32_t step = vm->behavior->first_step;
    if (!lane->asked && !asking && step != UINT32_MAX && !vm->closed_loop &&
        observer->never_asked != NULL) {
        observer->never_asked(observer->context, step, lane->time_ns, lane->free_ns, now_ns);
    }
}

void vm_fail_data(struct vm *vm, uint32_t table)
{
    vm->pending |= VM_PENDING_FAILED;
    vm->failed_step = VM_STEP_NONE;
    if (vm->observer->ran_out != NULL) {
        vm->observer->ran_out(vm->observer->context, table);
    }
}
