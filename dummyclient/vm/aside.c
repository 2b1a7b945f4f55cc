/* What is sent beside the steps: answers and heartbeats on their way out. */
#include "vm/internal.h"

#include "core/clock.h"
#include "core/prng.h"

/* Draws of what is sent beside the steps, apart from those of the lanes. */
#define VM_ASIDE_STREAM UINT32_MAX

void vm_aside_open(struct vm *vm)
{
    struct vm_asides *asides = vm_asides_of(vm);
    if (vm->asides_open) {
        return;
    }
    *asides = (struct vm_asides){0};
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        asides->beats[i] = (struct vm_beat){.send_ns = TIME_NEVER_NS};
    }
    vm->asides_open = true;
}

void vm_aside_take(struct vm *vm, int64_t now_ns, struct vm_action *action)
{
    struct vm_asides *asides = vm_asides_of(vm);
    asides->variables = vm_lane_variables(vm, vm_lane_at(vm, 0));
    asides->message = vm_push_take(vm, &asides->variables);
    if (asides->message == NULL) {
        asides->message = vm_beat_take(vm, now_ns);
    }
    asides->key = prng_mix(prng_mix(vm->connection_key, VM_ASIDE_STREAM), asides->taken_count++);
    asides->stamp_ns = now_ns;
    vm->asides = asides->count > 0 || vm_beat_is_owed(vm);
    vm_submit(vm, NULL, asides->message, action);
    vm_beat_taken(vm);
}

struct message_scope vm_aside_scope(const struct vm *vm)
{
    const struct vm_asides *asides = vm_asides_of(vm);
    struct message_scope scope = vm_lane_scope(vm, vm_lane_at(vm, 0));
    scope.key = asides->key;
    scope.stamp_ns = asides->stamp_ns;
    scope.variables = asides->variables;
    scope.sequence = asides->sequence;
    return scope;
}

void vm_aside_drop(struct vm *vm)
{
    if (vm->asides) {
        vm_push_drop(vm);
        vm_beat_drop(vm);
        vm->asides = false;
    }
}

bool vm_aside_claims(const struct vm *vm, uint32_t index, const struct frame *frame)
{
    if (vm->program->code[vm_wait_at(vm, index)->instruction].index == 0) {
        return false;
    }
    return vm_beat_claims(vm, index, frame) ||
           (vm_wait_is_behind(vm, index) && vm_push_claims(vm, frame));
}
