/* The inside of the vm, for vm*.c only.
 *
 * vm.c         events and actions: what vm.h declares
 * memory.c  where everything stands, and how it begins
 * phase.c   the connection: phases, and the steps that all lanes take together
 * lane.c    the lane: what each step does
 * due.c     when what comes next was due, and who has held it up
 * reply.c   is a reply right, and what is kept of it
 * step.c    the steps that need nobody else: thinks, variables, branches, notes
 * push.c    messages that no request waits for, and raw streams
 * wait.c    the waits: which expectation a message belongs to
 * inbox.c   messages that came before the expect that takes them */
#ifndef DUMMYLOAD_SCENARIO_VM_INTERNAL_H
#define DUMMYLOAD_SCENARIO_VM_INTERNAL_H

#include "program/internal.h"
#include "scenario/message.h"
#include "vm/vm.h"

enum {
    VM_INDEX_NONE = 0xffff,
    /* Kinds of late replies that are waited for at once; replies that match alike and stand next
     * to each other take one place together. When all are taken, the oldest is forgotten: its
     * late reply then counts as unsolicited, or as the next request's where only the order tells
     * them apart. */
    VM_TOMBSTONES_MAX = 6,
    /* Instructions of one lane without a pause; then it goes on at the next vm_next(). Only thinks
     * that are long overdue can make it so long. */
    VM_RUN_MAX = 1000
};

enum vm_lane_state {
    VM_LANE_IDLE,     /* no pass: waits for an arrival, or for the start */
    VM_LANE_SENDING,  /* in the ready list, until its message is taken by vm_next() */
    VM_LANE_FLUSHING, /* a plain send was taken: until vm_on_sent() */
    VM_LANE_WAITING,  /* for a reply, until due_ns */
    VM_LANE_THINKING, /* until due_ns */
    VM_LANE_PARKED,   /* goes on with the next vm_next() */
    VM_LANE_JOINING   /* at a step that waits for all lanes */
};

struct vm_lane {
    int64_t time_ns;    /* intended time of what comes next */
    int64_t free_ns;    /* when the lane was, or will be, free for it: >= time_ns when late */
    int64_t reached_ns; /* when it came to the step it stands at, if that one waits */
    int64_t done_ns;    /* when it was done with the last one that did */
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
    uint32_t sent_lane;        /* which sent it: of what setup has sent, lane 0 */
    uint32_t replies_left;
    uint32_t ordinal;     /* draws since the pass began: what a repeat sends differs each time */
    uint32_t message_n;   /* number of its last message on this connection */
    uint32_t mail_number; /* of the first message kept since its pass began */
    uint32_t raw_bytes;   /* raw framing: of the reply, 0: whatever comes; and what has come */
    uint32_t raw_done_bytes;
    uint16_t list_next; /* in the ready or in the idle list */
    uint8_t state;
    bool in_pass : 1;
    bool asked : 1; /* the first request of the pass is over (in setup and teardown: always) */
    bool mismatched : 1;
    bool out : 1;      /* of rows: it begins no further pass */
    uint64_t values[]; /* counters of repeats, variables, perhaps those of the last message */
};

/* An outstanding expectation (places 0..lanes_count-1, one per lane) or a tombstone (behind
 * them), in the order in which they were begun. */
struct vm_wait {
    uint64_t value; /* what the match's field must be */
    uint32_t instruction;
    uint32_t count; /* tombstone: late replies (raw framing: bytes) that it still absorbs */
    uint16_t next;
    uint16_t prev;
};

enum vm_phase { VM_PHASE_SETUP, VM_PHASE_LOOP, VM_PHASE_TEARDOWN, VM_PHASE_FINISHED };

enum vm_link {
    VM_LINK_CLOSED,
    VM_LINK_CONNECTING, /* from asking for it to vm_on_connected() */
    VM_LINK_OPEN,
    VM_LINK_HALF,   /* the sending half is shut down */
    VM_LINK_CLOSING /* from asking for it to vm_on_closed() */
};

/* Actions that vm_next() has yet to give. */
enum {
    VM_PENDING_DISCONNECT = 1,
    VM_PENDING_CONNECT = 2,
    VM_PENDING_READY = 4,
    VM_PENDING_FAILED = 8,
    VM_PENDING_BARRIER = 16,
    VM_PENDING_RECEIVE = 32,
    VM_PENDING_FINISHED = 64
};

struct vm {
    const struct program *program;
    const struct program_behavior *behavior;
    const struct vm_observer *observer;
    struct vm_wait *waits;
    struct vm_inbox *inbox; /* inbox.h; NULL: no expect looks back */
    uint64_t seed;
    uint64_t connection_key; /* the seed and the connection's number, mixed */
    int64_t next_ns;         /* never after the earliest due_ns of a lane; may be before it */
    int64_t connect_at_ns;
    int64_t connect_after_ns; /* closing now, to connect again so much later */
    int64_t connected_ns;
    int64_t joined_ns;   /* until then no arrival could begin: the lanes stood at a join */
    int64_t join_due_ns; /* what the lanes joined for is given up */
    int64_t wall_offset_ns;
    int64_t run_clock_offset_ns;
    uint32_t connection;
    uint32_t submitted_count; /* messages taken, and messages stamped, on this connection */
    uint32_t stamped_count;
    uint32_t failed_step;
    uint32_t join_instruction;
    uint32_t tries;       /* to connect, since the last one that worked */
    uint32_t mail_number; /* of the next message that is kept */
    uint16_t wait_head;
    uint16_t wait_tail;
    uint16_t tombstone_free;
    uint16_t ready_head;
    uint16_t ready_tail;
    uint16_t idle_head;  /* in VM_PHASE_LOOP */
    uint16_t busy_count; /* lanes neither idle nor joining */
    uint16_t joining_count;
    uint16_t flushing_count;
    uint16_t out_count;
    uint8_t phase;
    uint8_t link;
    uint8_t pending;
    uint8_t disconnect;
    uint8_t connects_failed;
    bool connects_after_close : 1;
    bool joins_after : 1; /* connected or closed, the lanes at the join go on; else setup begins */
    bool join_active : 1;
    bool closed_loop : 1;
    bool started : 1;
    bool stopping : 1;
    bool cut : 1;
    bool ready_given : 1;
    bool receives : 1;
};

static inline struct vm_lane *vm_lane_at(const struct vm *vm, uint32_t index)
{
    const uint8_t *lanes = (const uint8_t *)(vm + 1);
    return (struct vm_lane *)(uintptr_t)(lanes + (size_t)index * vm->program->lane_bytes);
}

static inline uint64_t *vm_lane_variables(const struct vm *vm, struct vm_lane *lane)
{
    return lane->values + vm->program->counters_count;
}

/* Up to when whatever has come in is known. */
static inline int64_t vm_seen_ns(const struct vm *vm, int64_t now_ns)
{
    const int64_t *seen_ns = vm->observer->seen_ns;
    return seen_ns == NULL || *seen_ns > now_ns ? now_ns : *seen_ns;
}

static inline void vm_lane_set_due(struct vm *vm, struct vm_lane *lane, int64_t due_ns)
{
    lane->due_ns = due_ns;
    if (due_ns < vm->next_ns) {
        vm->next_ns = due_ns;
    }
}

/* The variables of the lane's last message, as they were. */
static inline uint64_t *vm_lane_sent_variables(const struct vm *vm, struct vm_lane *lane)
{
    return vm_lane_variables(vm, lane) + (vm->program->keeps_sent ? vm->program->words_count : 0);
}

/* --- lane.c */

/* What the body of the lane's last message was made of; and what ${...} is now. */
struct message_scope vm_lane_sent_scope(const struct vm *vm, uint32_t index);
struct message_scope vm_lane_scope(const struct vm *vm, uint32_t index);
/* A key that no other send or think of the run has. */
uint64_t vm_lane_draw(const struct vm *vm, uint32_t index, struct vm_lane *lane);
/* Plays steps from the lane's instruction until one takes time. The lane counts as busy. */
void vm_lane_run(struct vm *vm, uint32_t index, int64_t now_ns);
void vm_lane_begin_pass(struct vm *vm, uint32_t index, int64_t intended_ns, int64_t now_ns);
/* The lane's message is taken: fills a SEND action. */
void vm_lane_take(struct vm *vm, uint32_t index, int64_t now_ns, struct vm_action *action);
/* One message for the lane's wait. */
void vm_lane_reply(struct vm *vm, uint32_t index, const struct frame *frame, int64_t first_ns,
                   int64_t received_ns);
/* One of its replies is complete, judged already. */
void vm_lane_count_reply(struct vm *vm, uint32_t index, int64_t first_ns, int64_t received_ns);
/* Its deadline, or the end of its think, has come. False when that restarted the connection, and
 * with it all lanes. */
bool vm_lane_expire(struct vm *vm, uint32_t index, int64_t now_ns);
/* Ends what the lane does, with outcome for what is outstanding, and makes it idle. */
void vm_lane_abandon(struct vm *vm, uint32_t index, enum vm_outcome outcome, int64_t now_ns);
/* Stopping: a lane that only thinks before its pass ends need not. */
void vm_lane_stop(struct vm *vm, uint32_t index, int64_t now_ns);
/* A plain send has left. */
void vm_lane_sent(struct vm *vm, uint32_t index, int64_t sent_ns);
/* An outcome that belongs to no request. */
void vm_lane_report_other(struct vm *vm, uint32_t index, enum vm_outcome outcome, int64_t now_ns);
/* Looks whether the lane's next pass has rows of data; false: it is out of them. */
bool vm_lane_check_rows(struct vm *vm, uint32_t index);

/* --- phase.c */

/* Asks for a connection, not before at_ns. */
void vm_connect(struct vm *vm, int64_t at_ns);
/* No lane is playing, nothing is outstanding, nothing is about to be sent. */
void vm_rest(struct vm *vm);
/* Lane 0 plays setup or teardown. */
void vm_play(struct vm *vm, enum vm_phase phase, uint32_t instruction, int64_t now_ns);
/* Closed loop: every lane begins its first pass. */
void vm_start_lanes(struct vm *vm, int64_t now_ns);
/* Setup is done. */
void vm_enter_loop(struct vm *vm, int64_t now_ns);
/* Gives up whatever all lanes do. */
void vm_abandon(struct vm *vm, enum vm_outcome outcome, int64_t now_ns);
void vm_tear_down(struct vm *vm, int64_t now_ns);
void vm_finish(struct vm *vm);
/* The connection is given up after a time-out: close it and begin again with setup. */
void vm_restart(struct vm *vm, int64_t now_ns);
/* It has ended, or could not be made, where the scenario did not ask for it: connect again, not
 * before connect_at_ns, or finish. */
void vm_lost(struct vm *vm, int64_t connect_at_ns, int64_t now_ns);
/* What the lanes joined for is done: they go on. */
void vm_leave_join(struct vm *vm, int64_t now_ns);
/* Did the scenario wait for the server to close? */
bool vm_expects_close(const struct vm *vm);
/* What all lanes wait for has not come in time. */
void vm_expire_join(struct vm *vm, int64_t now_ns);
/* If no lane is running any more: do what all of them wait for, or tear down. */
void vm_settle(struct vm *vm, int64_t now_ns);

/* A table that says when_out: error has no row left: the run is to fail. */
void vm_fail_data(struct vm *vm, uint32_t table);

#endif
