/* What a connection sends beside its steps: answers to pushes, and heartbeats. For the vm's files
 * only. */
#pragma once

#include "program/program.h"

enum {
    VM_ANSWERS_MAX = 16,   /* that wait for room in the driver's queue */
    VM_UNANSWERED_MAX = 16 /* of a heartbeat: sent, and not answered yet */
};

/* One that has been sent, and whose reply is awaited: in time until reply_ns, and late for as long
 * again. */
struct vm_unanswered {
    int64_t reply_ns;
    uint64_t value;     /* what its reply has at the place of the match */
    uint32_t message_n; /* its number on the connection */
    bool left;          /* it has been stamped: before that, nothing is its reply */
    bool late;          /* it has timed out, which has been told */
};

/* A heartbeat of `every`. */
struct vm_beat {
    int64_t send_ns;     /* when the next one is due, by what is known now */
    int64_t interval_ns; /* before the next one */
    uint32_t drawn_count;
    uint16_t unanswered_count;
    bool owed; /* it is to be sent as soon as there is room */
    struct vm_unanswered unanswered[VM_UNANSWERED_MAX]; /* in the order of sending */
};

/* What is sent beside the steps: undefined until vm->asides_open. */
struct vm_asides {
    const struct message *message; /* taken last: it is written next, ... */
    const uint64_t *variables;     /* ... with these values */
    uint64_t key;
    uint64_t sequence; /* of the message, if it says it */
    int64_t stamp_ns;
    int64_t last_sent_ns; /* when anything has left */
    uint32_t taken_count; /* of all: what is random in them differs */
    uint16_t first;       /* answers that have yet to be sent: a ring */
    uint16_t count;
    uint16_t rules[VM_ANSWERS_MAX];
    struct vm_beat
        beats[]; /* program->beats_max; then, of each answer, the variables as they were */
};
