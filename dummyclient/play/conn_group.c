/* The memory of a worker's connections: a few large blocks, made before the run. */
#include "core/clock.h"
#include "core/must.h"
#include "core/zeroed.h"
#include "play/conn.h"

#include <stdlib.h>

static uint32_t conn__ring_size(uint32_t lanes)
{
    uint32_t size = CONN_MESSAGES_MIN;
    while (size < 2 * lanes && size < CONN_MESSAGES_MAX) {
        size *= 2;
    }
    return size;
}

void conn_open_vm(struct conn *conn)
{
    struct conn_group *group = conn->group;
    struct vm_identity identity = {.seed = group->plan->scenario->load.seed,
                                   .connection = conn->number,
                                   .behavior = conn->taker.behavior,
                                   .closed_loop = !group->plan->open_loop,
                                   .life = conn->generation,
                                   .wall_offset_ns = group->wall_offset_ns,
                                   .run_clock_offset_ns = group->run_clock_offset_ns};
    conn->vm = vm_init(conn->vm, group->plan->program, &identity, &group->recorder->observer,
                       group->now_ns);
}

static void conn__open(struct conn_group *group, uint32_t index, uint32_t number, size_t vm_bytes,
                       uint32_t lane_words)
{
    const struct plan *plan = group->plan;
    struct conn *conn = &group->conns[index];
    conn->group = group;
    conn->number = number;
    conn->wanted = number < plan->connections_at_start;
    conn->life = conn->wanted ? CONN_QUEUED : CONN_PARKED;
    conn->deadline_ns = TIME_NEVER_NS;
    conn->end_reason = ERROR_KIND_NONE;
    conn->socket.handle = CPORT_HANDLE_NONE;
    conn->io_op.owner = conn;
    conn->recv_op.owner = conn;
    conn->close_op.owner = conn;
    conn->lanes = group->lane_memory + (size_t)index * lane_words;
    conn->message_bytes = group->ring_memory + (size_t)index * group->messages_max;
    conn->vm = (struct vm *)(group->vm_memory + (size_t)index * vm_bytes);
    arrivals_seat(group->arrivals, &conn->taker, index, plan->seats[number].behavior);
    conn_open_vm(conn);
    group->behavior_conns[conn->taker.behavior]++;
    if (conn->wanted) {
        group->levels[LIVE_QUEUED]++;
    } else {
        group->behavior_gone[conn->taker.behavior]++;
        arrivals_set_gone(group->arrivals, &conn->taker, true);
    }
}

bool conn_group_open(struct conn_group *group, const struct plan *plan, struct cport *port,
                     struct recorder *recorder, struct arrivals *arrivals, const uint32_t *numbers,
                     uint32_t numbers_count, int64_t run_clock_offset_ns, struct error *error)
{
    uint32_t lanes = plan->program->lanes_count;
    uint32_t lane_words = (lanes + 63) / 64;
    size_t alignment = sizeof(max_align_t);
    size_t vm_bytes = (vm_memory_bytes(plan->program) + alignment - 1) / alignment * alignment;
    *group = (struct conn_group){.port = port,
                                 .plan = plan,
                                 .recorder = recorder,
                                 .arrivals = arrivals,
                                 .messages_max = conn__ring_size(lanes),
                                 .run_clock_offset_ns = run_clock_offset_ns,
                                 .now_ns = cport_now_ns(port)};
    group->seen_ns = group->now_ns;
    recorder->observer.seen_ns = &recorder->subject_seen_ns;
    arrivals->begin = conn_on_arrival;
    group->wall_offset_ns = clock_wall_ns() - group->now_ns;
    send_pool_open(&group->pool);
    group->behavior_conns = calloc(plan->behaviors_count + 1, sizeof *group->behavior_conns);
    group->behavior_gone = calloc(plan->behaviors_count + 1, sizeof *group->behavior_gone);
    group->conns = zeroed_alloc_dense(numbers_count, sizeof *group->conns);
    group->vm_memory = zeroed_alloc_dense(numbers_count, vm_bytes);
    group->lane_memory = calloc(numbers_count, lane_words * sizeof *group->lane_memory);
    group->ring_memory = calloc(numbers_count, group->messages_max * sizeof *group->ring_memory);
    if (group->conns == NULL || group->vm_memory == NULL || group->lane_memory == NULL ||
        group->ring_memory == NULL || group->behavior_conns == NULL ||
        group->behavior_gone == NULL) {
        error_set(error, "no memory for %u connections", numbers_count);
        conn_group_close(group);
        return false;
    }
    if (!timer_heap_open(&group->timers, numbers_count, error)) {
        conn_group_close(group);
        return false;
    }
    for (uint32_t i = 0; i < numbers_count; i++) {
        conn__open(group, i, numbers[i], vm_bytes, lane_words);
        group->conns_count++;
    }
    return true;
}

uint32_t conn_group_present(const struct conn_group *group, uint32_t barrier)
{
    uint32_t present = 0;
    for (uint32_t b = 0; b < group->plan->behaviors_count; b++) {
        bool takes_part = (group->plan->program->behaviors[b].barriers >> barrier & 1) != 0;
        present += takes_part ? group->behavior_conns[b] - group->behavior_gone[b] : 0;
    }
    return present;
}

void conn_group_open_barrier(struct conn_group *group, uint32_t barrier)
{
    for (uint32_t i = 0; i < group->conns_count; i++) {
        struct conn *conn = &group->conns[i];
        if (conn->barrier == barrier + 1) {
            conn_observe(conn);
            vm_on_barrier_open(conn->vm, barrier, group->now_ns);
            conn_pump(conn);
        }
    }
}

void conn_group_close(struct conn_group *group)
{
    for (uint32_t i = 0; i < group->conns_count; i++) {
        struct conn *conn = &group->conns[i];
        must(conn->life == CONN_GONE || !conn_has_begun(conn));
    }
    if (group->timers.nodes != NULL) {
        timer_heap_close(&group->timers);
    }
    send_pool_close(&group->pool);
    zeroed_free(group->conns);
    zeroed_free(group->vm_memory);
    free(group->lane_memory);
    free(group->ring_memory);
    free(group->behavior_conns);
    free(group->behavior_gone);
    *group = (struct conn_group){0};
}
