/* The memory of a worker's connections, made before the run: for each one block with all that is
 * its own, at a multiple of the cache's line; and for each what is seldom used, elsewhere. */
#include "core/clock.h"
#include "core/must.h"
#include "core/zeroed.h"
#include "play/conn_tls.h"

#include <stdlib.h>

enum { CONN_LINE_BYTES = 64 };

/* A place to the line's beginning, or within one line. */
#define CONN_LINE(member) (offsetof(struct conn, member) / CONN_LINE_BYTES)
#define CONN_AT_LINE(member)                                                                       \
    _Static_assert(offsetof(struct conn, member) % CONN_LINE_BYTES == 0, #member)
CONN_AT_LINE(io_op);
CONN_AT_LINE(group);
CONN_AT_LINE(queue);
CONN_AT_LINE(reassembly);
CONN_AT_LINE(deadline_ns);
_Static_assert(offsetof(struct conn, recv_op) + CPORT_OP_HOT_BYTES <= CONN_LINE_BYTES, "recv_op");
_Static_assert(CONN_LINE(socket.backend[1]) == CONN_LINE(group), "socket");
_Static_assert(CONN_LINE(blocked_until_ns) == CONN_LINE(queue), "queue");
_Static_assert(CONN_LINE(messages_received) == CONN_LINE(reassembly), "reassembly");
_Static_assert(CONN_LINE(deadline_ns) == CONN_LINE(spans[0].bytes), "spans");
_Static_assert(CONN_LINE(taker) == CONN_LINE(taker.listed), "taker");

/* A lane has one message or two on their way out; but what comes in with one receive may want many
 * answers at once. */
static uint32_t conn__ring_size(const struct program *program)
{
    uint32_t size = program->answers ? CONN_MESSAGES_MAX : CONN_MESSAGES_MIN;
    while (size < 2 * program->lanes_count && size < CONN_MESSAGES_MAX) {
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
                                   .traced = conn->traced,
                                   .generation = conn->generation,
                                   .wall_offset_ns = group->wall_offset_ns,
                                   .run_clock_offset_ns = group->run_clock_offset_ns};
    conn->vm = vm_init(conn->vm, (uint8_t *)conn->seldom + group->seldom_vm_offset,
                       group->plan->program, &identity, &group->recorder->observer, group->now_ns);
}

static size_t conn__round_up(size_t bytes)
{
    return (bytes + CONN_LINE_BYTES - 1) / CONN_LINE_BYTES * CONN_LINE_BYTES;
}

/* Offsets in a block, behind the connection: its vm, then what is rarely used. */
struct conn__layout {
    size_t vm;
    size_t codec_state;
    size_t tls;
    size_t more_lanes;
    size_t bytes;
    size_t seldom_vm; /* in the other memory */
    size_t seldom_bytes;
};

static struct conn__layout conn__lay_out(const struct conn_group *group)
{
    const struct program *program = group->plan->program;
    uint32_t lane_words = program->lanes_count > 64 ? (program->lanes_count + 63) / 64 : 0;
    struct conn__layout layout = {.vm = conn__round_up(sizeof(struct conn) - VM_PAST_LINE_BYTES) +
                                        VM_PAST_LINE_BYTES};
    layout.codec_state = (layout.vm + vm_memory_bytes(program) + 15) / 16 * 16;
    layout.tls = layout.codec_state + (program->codec_state_bytes + 7U) / 8 * 8;
    layout.more_lanes = layout.tls + (plan_speaks_tls(group->plan) ? sizeof(struct conn_tls) : 0);
    layout.bytes = conn__round_up(layout.more_lanes + lane_words * sizeof(uint64_t));
    layout.seldom_vm = CONN_SELDOM_BYTES + group->messages_max * sizeof(uint32_t);
    layout.seldom_bytes = layout.seldom_vm + vm_seldom_bytes(program);
    layout.seldom_bytes = (layout.seldom_bytes + 7) / 8 * 8;
    return layout;
}

static void conn__open(struct conn_group *group, uint32_t index, uint32_t connection,
                       const struct conn__layout *layout)
{
    const struct plan *plan = group->plan;
    struct conn *conn = conn_group_at(group, index);
    struct trace_ring *trace = group->recorder->observer.trace;
    uint8_t *block = (uint8_t *)conn;
    conn->group = group;
    conn->number = plan_number(plan, connection);
    conn->traced = trace != NULL && trace_wants(trace->trace, conn->number);
    conn->wanted = connection < plan->connections_at_start;
    conn->state = conn->wanted ? CONN_QUEUED : CONN_PARKED;
    conn->deadline_ns = TIME_NEVER_NS;
    conn->end_reason = ERROR_KIND_NONE;
    conn->socket.handle = CPORT_HANDLE_NONE;
    conn->io_op.owner = conn;
    conn->recv_op.owner = conn;
    conn->seldom = (struct conn_seldom *)(void *)(group->seldoms + index * layout->seldom_bytes);
    conn->vm = (struct vm *)(void *)(block + layout->vm);
    arrivals_seat(group->arrivals, &conn->taker, index, plan_seat_at(plan, connection).behavior);
    conn_open_vm(conn);
    group->behavior_conns[conn->taker.behavior]++;
    if (conn->wanted) {
        group->gauges[LIVE_QUEUED]++;
    } else {
        group->behavior_absent[conn->taker.behavior]++;
        arrivals_set_absent(group->arrivals, &conn->taker, true);
    }
}

static bool conn__alloc(struct conn_group *group, uint32_t count, struct error *error)
{
    const struct plan *plan = group->plan;
    group->behavior_conns = calloc(plan->behaviors_count + 1, sizeof *group->behavior_conns);
    group->behavior_absent = calloc(plan->behaviors_count + 1, sizeof *group->behavior_absent);
    /* One more, for the alignment. */
    group->plain = plan_speaks_tls(plan) ? malloc(CONN_RECORD_BYTES) : NULL;
    group->blocks_memory = zeroed_alloc_dense((size_t)count + 1, group->block_bytes);
    group->seldoms = zeroed_alloc((size_t)count + 1, group->seldom_bytes);
    if (group->blocks_memory == NULL || group->seldoms == NULL || group->behavior_conns == NULL ||
        group->behavior_absent == NULL || (plan_speaks_tls(plan) && group->plain == NULL)) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u connections", count);
        return false;
    }
    uint8_t *memory = group->blocks_memory;
    group->blocks = memory + conn__round_up((uintptr_t)memory) - (uintptr_t)memory;
    return timer_heap_open(&group->timers, count, error);
}

bool conn_group_open(struct conn_group *group, const struct plan *plan, struct cport *port,
                     struct recorder *recorder, struct arrivals *arrivals, const uint32_t *numbers,
                     uint32_t numbers_count, int64_t run_clock_offset_ns, struct error *error)
{
    *group = (struct conn_group){.port = port,
                                 .plan = plan,
                                 .recorder = recorder,
                                 .arrivals = arrivals,
                                 .messages_max = conn__ring_size(plan->program),
                                 .ending_max = CONN_ENDING_MAX / plan->workers_total + 1,
                                 .run_clock_offset_ns = run_clock_offset_ns,
                                 .now_ns = cport_now_ns(port)};
    group->seen_ns = group->now_ns;
    recorder->observer.seen_ns = &recorder->subject_seen_ns;
    arrivals->begin = conn_on_arrival;
    group->wall_offset_ns = clock_wall_ns() - group->now_ns;
    send_pool_open(&group->pool, CONN_POOL_BYTES_MAX);
    if (!codec_worker_open(&group->codec_worker, plan->codec.room_bytes, error)) {
        return false;
    }
    struct conn__layout layout = conn__lay_out(group);
    group->block_bytes = layout.bytes;
    group->more_lanes_offset = plan->program->lanes_count > 64 ? layout.more_lanes : 0;
    group->codec_state_offset = plan->program->codec_state_bytes > 0 ? layout.codec_state : 0;
    group->tls_offset = plan_speaks_tls(plan) ? layout.tls : 0;
    group->seldom_vm_offset = layout.seldom_vm;
    group->seldom_bytes = layout.seldom_bytes;
    if (!conn__alloc(group, numbers_count, error)) {
        conn_group_close(group);
        return false;
    }
    for (uint32_t i = 0; i < numbers_count; i++) {
        conn__open(group, i, numbers[i], &layout);
        group->conns_count++;
    }
    return true;
}

uint32_t conn_group_present(const struct conn_group *group, uint32_t barrier)
{
    uint32_t present = 0;
    for (uint32_t b = 0; b < group->plan->behaviors_count; b++) {
        bool takes_part = (group->plan->program->behaviors[b].barriers >> barrier & 1) != 0;
        present += takes_part ? group->behavior_conns[b] - group->behavior_absent[b] : 0;
    }
    return present;
}

void conn_group_open_barrier(struct conn_group *group, uint32_t barrier)
{
    for (uint32_t i = 0; i < group->conns_count; i++) {
        struct conn *conn = conn_group_at(group, i);
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
        struct conn *conn = conn_group_at(group, i);
        must(conn->state == CONN_ENDED || !conn_has_begun(conn));
    }
    if (group->timers.slots != NULL) {
        timer_heap_close(&group->timers);
    }
    send_pool_close(&group->pool);
    codec_worker_close(&group->codec_worker);
    zeroed_free(group->blocks_memory);
    zeroed_free(group->seldoms);
    free(group->plain);
    free(group->behavior_conns);
    free(group->behavior_absent);
    *group = (struct conn_group){0};
}
