/* The memory of a vm: its lanes, its waits, its inbox; and how it begins. */
#include "vm/due.h"
#include "vm/inbox.h"
#include "vm/wait.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prng.h"

#include <string.h>

static size_t vm_memory__align(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

static size_t vm_memory__waits_offset(const struct program *program)
{
    return sizeof(struct vm) + (size_t)program->lanes_count * program->lane_bytes;
}

static size_t vm_memory__inbox_offset(const struct program *program)
{
    return vm_memory__waits_offset(program) +
           (program->lanes_count + VM_TOMBSTONES_MAX) * sizeof(struct vm_wait);
}

void vm_measure(struct program *program)
{
    uint32_t values_count = program->counters_count + program->words_count;
    values_count += program->keeps_sent ? program->words_count : 0;
    program->lane_bytes =
        (uint32_t)vm_memory__align(sizeof(struct vm_lane) + values_count * sizeof(uint64_t));
    program->vm_bytes = vm_memory__inbox_offset(program);
    if (program->has_inbox) {
        program->vm_bytes += sizeof(struct vm_inbox) + program->inbox_bytes_max;
    }
}

/* Everything but how many passes each lane has had: its rows of data have been played. */
static void vm_memory__forget(struct vm *vm, const struct program *program, size_t bytes)
{
    size_t lanes_at = sizeof *vm;
    memset(vm, 0, lanes_at);
    vm->program = program;
    for (uint32_t i = 0; i < program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        uint64_t iteration = lane->iteration;
        memset(lane, 0, program->lane_bytes);
        lane->iteration = iteration;
        lanes_at += program->lane_bytes;
    }
    memset((uint8_t *)vm + lanes_at, 0, bytes - lanes_at);
}

struct vm *vm_init(void *memory, const struct program *program, const struct vm_identity *identity,
                   const struct vm_observer *observer, int64_t now_ns)
{
    must(identity->behavior < program->behaviors_count);
    /* Most connections never touch the rest of the inbox: it need not become real memory. */
    size_t inbox_offset = vm_memory__inbox_offset(program);
    struct vm *vm = memory;
    if (identity->life == 0) {
        memset(memory, 0, inbox_offset);
    } else {
        vm_memory__forget(vm, program, inbox_offset);
    }
    vm->program = program;
    vm->behavior = &program->behaviors[identity->behavior];
    vm->observer = observer;
    vm->waits = (struct vm_wait *)((uint8_t *)memory + vm_memory__waits_offset(program));
    if (program->has_inbox) {
        vm->inbox = (struct vm_inbox *)((uint8_t *)memory + inbox_offset);
        vm->inbox->mails_count = 0;
        vm->inbox->bytes_count = 0;
    }
    vm->seed = identity->seed;
    vm->connection_key = prng_mix(identity->seed, identity->connection);
    if (identity->life > 0) {
        /* Not the bytes of the life before. */
        vm->connection_key = prng_mix(vm->connection_key, identity->life);
    }
    vm->connection = identity->connection;
    vm->wall_offset_ns = identity->wall_offset_ns;
    vm->run_clock_offset_ns = identity->run_clock_offset_ns;
    vm->closed_loop = identity->closed_loop;
    vm->next_ns = TIME_NEVER_NS;
    for (uint32_t i = 0; i < program->lanes_count; i++) {
        struct vm_lane *lane = vm_lane_at(vm, i);
        lane->due_ns = TIME_NEVER_NS;
        lane->free_ns = now_ns;
        lane->sent_instruction = UINT32_MAX;
    }
    vm_rest(vm);
    if (vm_lane_check_rows(vm, 0)) {
        if (vm->behavior->connects_in_loop) {
            vm_enter_loop(vm, now_ns);
        } else {
            vm_connect(vm, now_ns);
        }
    } else {
        vm_finish(vm); /* no row is left for it: it does not even connect */
    }
    return vm;
}
