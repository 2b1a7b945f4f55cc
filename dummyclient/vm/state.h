/* The state of a vm: its memory holds struct vm, its lanes and their waits, in this order; what few
 * connections use is in a second memory (struct vm_seldom). For the vm's files only. */
#pragma once

#include "program/program.h"
#include "vm/aside.h"
#include "vm/inbox.h"
#include "vm/vm.h"

enum {
    VM_INDEX_NONE = 0xffff,
    /* Kinds of late replies that are remembered; neighbours that match alike share a tombstone.
     * When all are taken, the oldest is forgotten: its late reply then counts as unsolicited, or as
     * the next request's where only the order distinguishes them. */
    VM_TOMBSTONES_MAX = 6,
    /* Instructions of one lane without a pause; then it continues at the next vm_next(). Only long
     * overdue thinks reach this number. */
    VM_RUN_MAX = 1000
};

enum vm_lane_state {
    VM_LANE_IDLE,     /* no pass: waits for an arrival, or for the start */
    VM_LANE_SENDING,  /* in the ready list, until its message is taken by vm_next() */
    VM_LANE_FLUSHING, /* a plain send was taken: until vm_on_sent() */
    VM_LANE_WAITING,  /* for a reply, until due_ns */
    VM_LANE_THINKING, /* until due_ns */
    VM_LANE_YIELDED,  /* continues at the next vm_next() */
    VM_LANE_JOINING   /* at a step that waits for all lanes */
};

struct vm_lane {
    int64_t time_ns;    /* intended time of what comes next */
    int64_t free_ns;    /* when the lane was, or will be, free for it: >= time_ns when late */
    int64_t reached_ns; /* when it came to its current step, if that one waits */
    int64_t done_ns;    /* when the last waiting step ended */
    int64_t due_ns;     /* TIME_NEVER_NS: nothing */
    int64_t origin_ns;  /* intended time of the pass, plus what it has thought */
    int64_t sent_ns;    /* of the request in progress */
    int64_t first_ns;
    uint64_t iteration;
    uint64_t sent_key; /* of the last message sent, to make its body again */
    uint64_t sent_iteration;
    int64_t stamp_ns; /* when the last message was made */
    uint32_t instruction;
    uint32_t sent_instruction; /* UINT32_MAX: none yet */
    uint32_t replies_left;
    uint32_t ordinal;     /* draws since the pass began: what a repeat sends differs each time */
    uint32_t message_n;   /* number of its last message on this connection */
    uint32_t mail_number; /* of the first message kept since its pass began */
    uint32_t raw_bytes;   /* raw framing: of the reply, 0: any number; and what has come */
    uint32_t raw_done_bytes;
    uint16_t index;
    uint16_t sent_lane; /* which sent the last message: of what setup has sent, lane 0 */
    uint16_t list_next; /* in the ready or in the idle list */
    uint8_t state;
    bool in_pass : 1;
    bool asked : 1; /* the first request of the pass is over (in setup and teardown: always) */
    bool mismatched : 1;
    bool out : 1;      /* of rows: it begins no further pass */
    uint64_t values[]; /* counters of repeats, variables, perhaps those of the last message */
};

/* An outstanding expectation (indices 0..lanes_count-1, one per lane) or a tombstone (behind them,
 * in struct vm_seldom). They form one list, in the order in which they were begun. */
struct vm_wait {
    uint64_t value; /* what the match's field must be */
    uint32_t instruction;
    uint16_t next;
    uint16_t prev;
    uint32_t count;     /* tombstone: late replies (raw framing: bytes) it still absorbs; 0: free */
    uint32_t message_n; /* tombstone: the number of the message */
};

/* What most connections never touch: it need not become real memory. Behind it are what is
 * sent beside the steps, and the inbox, where there are any. */
struct vm_seldom {
    struct vm_wait tombstones[VM_TOMBSTONES_MAX]; /* undefined until vm->buried */
};

enum vm_phase { VM_PHASE_SETUP, VM_PHASE_LOOP, VM_PHASE_TEARDOWN, VM_PHASE_FINISHED };

enum vm_link {
    VM_LINK_CLOSED,
    VM_LINK_CONNECTING, /* from asking for it to vm_on_connected() */
    VM_LINK_OPEN,
    VM_LINK_HALF,   /* the sending half is shut down */
    VM_LINK_CLOSING /* from asking for it to vm_on_closed() */
};

/* Actions that vm_next() has yet to give: a bit each. */
enum {
    VM_PENDING_RECEIVE = 1 << VM_ACTION_RECEIVE,
    VM_PENDING_DISCONNECT = 1 << VM_ACTION_DISCONNECT,
    VM_PENDING_CONNECT = 1 << VM_ACTION_CONNECT,
    VM_PENDING_READY = 1 << VM_ACTION_READY,
    VM_PENDING_FAILED = 1 << VM_ACTION_FAILED,
    VM_PENDING_BARRIER = 1 << VM_ACTION_BARRIER,
    VM_PENDING_SECURE = 1 << VM_ACTION_SECURE,
    VM_PENDING_FINISHED = 1 << VM_ACTION_FINISHED
};

/* No step that waits for all lanes has been joined for. */
#define VM_JOIN_NONE UINT32_MAX

/* Rarely used fields come first; then, from `wall_offset_ns`, those that every message uses,
 * adjacent to the lanes and the waits that follow: see VM_PAST_LINE_BYTES. */
struct vm {
    struct vm_seldom *seldom;
    uint64_t seed;
    int64_t connect_at_ns;
    int64_t connected_ns;
    int64_t joined_ns;   /* until then no arrival could begin: the lanes were at a join */
    int64_t join_due_ns; /* time limit of the joined step */
    uint32_t failed_step;
    uint32_t join_instruction; /* what all lanes have joined for */
    uint32_t tries;            /* to connect, since the last one that worked */
    uint32_t mail_number;      /* of the next message that is kept */
    uint16_t out_count;
    uint8_t disconnect;
    uint8_t target; /* where it is connected to, or was last */
    bool asides_open;
    bool ready_given;
    bool receives;
    bool started; /* closed loop: from t0 on */

    int64_t wall_offset_ns;
    int64_t run_clock_offset_ns;
    const struct program *program;
    const struct program_behavior *behavior;
    const struct vm_observer *observer;
    uint64_t connection_key; /* the seed and the connection's number, mixed */
    int64_t next_ns;         /* never after the earliest due_ns of a lane; may be before it */
    uint32_t connection;
    uint32_t lane_bytes;      /* of one struct vm_lane with its values */
    uint32_t submitted_count; /* messages taken, and messages stamped, on this connection */
    uint32_t stamped_count;
    uint16_t wait_head;
    uint16_t wait_tail;
    uint16_t ready_head;
    uint16_t ready_tail;
    uint16_t idle_head;  /* in VM_PHASE_LOOP */
    uint16_t busy_count; /* lanes neither idle nor joining */
    uint16_t joining_count;
    uint16_t flushing_count;
    uint32_t waits_offset; /* of the lanes' waits, from the vm */
    uint8_t phase;
    uint8_t link;
    uint8_t pending;
    bool closed_loop : 1;
    bool stopping : 1;
    bool parting : 1; /* the server has said that it ends this connection behind a message */
    bool cut : 1;
    bool buried : 1; /* there are tombstones, or were on this connection */
    bool raw : 1;    /* the target's framing is raw */
    bool asides : 1; /* answers or heartbeats wait to be sent */
    bool traced : 1; /* it tells what it does: vm_trace_...() */
};

static inline struct vm_lane *vm_lane_at(const struct vm *vm, uint32_t index)
{
    const uint8_t *lanes = (const uint8_t *)(vm + 1);
    return (struct vm_lane *)(uintptr_t)(lanes + (size_t)index * vm->lane_bytes);
}

static inline struct vm_wait *vm_wait_at(const struct vm *vm, uint32_t index)
{
    uint32_t lanes_count = vm->program->lanes_count;
    if (index >= lanes_count) {
        return &vm->seldom->tombstones[index - lanes_count];
    }
    const uint8_t *waits = (const uint8_t *)vm + vm->waits_offset;
    return (struct vm_wait *)(uintptr_t)(waits + index * sizeof(struct vm_wait));
}

/* Of the target that the connection is with. */
static inline const struct framing *vm_framing(const struct vm *vm)
{
    return vm->program->targets[vm->target].framing;
}

static inline size_t vm_asides_bytes(const struct program *program)
{
    size_t words = program->answers_vary ? (size_t)VM_ANSWERS_MAX * program->words_count : 0;
    bool any = program->answers || program->beats_max > 0;
    return any ? sizeof(struct vm_asides) + program->beats_max * sizeof(struct vm_beat) +
                     words * sizeof(uint64_t)
               : 0;
}

/* Only where something is sent beside the steps. */
static inline struct vm_asides *vm_asides_of(const struct vm *vm)
{
    return (struct vm_asides *)(void *)(vm->seldom + 1);
}

/* NULL: no expect looks back. */
static inline struct vm_inbox *vm_inbox_of(const struct vm *vm)
{
    uint8_t *behind = (uint8_t *)(vm->seldom + 1) + vm_asides_bytes(vm->program);
    return vm->program->has_inbox ? (struct vm_inbox *)(void *)behind : NULL;
}

static inline uint64_t *vm_lane_variables(const struct vm *vm, struct vm_lane *lane)
{
    return lane->values + vm->program->counters_count;
}

static inline void vm_lane_set_due(struct vm *vm, struct vm_lane *lane, int64_t due_ns)
{
    lane->due_ns = due_ns;
    if (due_ns < vm->next_ns) {
        vm->next_ns = due_ns;
    }
}

/* Only where program->numbers: how many messages the connection has sent; and the number of the
 * lane's last message that says it. */
static inline uint64_t *vm_numbered_count(const struct vm *vm)
{
    return &vm_lane_at(vm, 0)->values[vm->program->counters_count - 1];
}

static inline uint64_t *vm_lane_sequence(const struct vm *vm, struct vm_lane *lane)
{
    return &lane->values[vm->program->counters_count - 2];
}

/* The variables of the lane's last message, as they were. */
static inline uint64_t *vm_lane_sent_variables(const struct vm *vm, struct vm_lane *lane)
{
    return vm_lane_variables(vm, lane) + (vm->program->keeps_sent ? vm->program->words_count : 0);
}
