/* The inside of a program: for program.c and the vm only. Immutable once compiled. */
#ifndef DUMMYLOAD_SCENARIO_PROGRAM_INTERNAL_H
#define DUMMYLOAD_SCENARIO_PROGRAM_INTERNAL_H

#include "scenario/program.h"
#include "scenario/tree.h"
#include "scenario/vm.h"

/* What a lane does next. Everything flows to the next instruction; REPEAT_END jumps back. */
enum instruction_op {
    OP_END, /* of setup, of a pass of the loop, of teardown */
    OP_SEND,
    OP_EXPECT,
    OP_REQUEST,
    OP_THINK,
    OP_REPEAT_BEGIN, /* counter = times */
    OP_REPEAT_END,   /* counter--; while it is not 0: to target */
    OP_DISCONNECT,
    OP_RECONNECT
};

/* A message, with everything that does not change encoded once. */
struct message {
    struct body body;
    uint32_t id;
    uint32_t frame_bytes;   /* of a body whose size does not change; 0: it does */
    const uint8_t *encoded; /* the whole frame, when nothing in it changes; else NULL */
    uint8_t head[FRAMING_HEADER_BYTES_MAX]; /* with frame_bytes > 0 */
    uint8_t head_bytes;
    /* No two sends are likely to have the same body: a reply that carries it can be told from a
     * late one to an earlier send. */
    bool unique;
};

struct instruction {
    uint8_t op;
    uint8_t counter; /* REPEAT */
    uint8_t disconnect;
    uint32_t step;    /* REQUEST: program step; else VM_STEP_NONE */
    uint32_t target;  /* REPEAT_END */
    uint32_t times;   /* REPEAT_BEGIN */
    int64_t after_ns; /* RECONNECT */
    const struct message *message;
    const struct wait *wait;
    const struct think *think;
};

struct program_behavior {
    const char *name;
    double weight;
    uint32_t setup; /* first instructions */
    uint32_t loop;
    uint32_t teardown;
    bool has_loop;
    bool loop_opens;
    bool reconnects; /* on_disconnect */
};

struct program {
    struct arena arena;
    struct framing framing;
    struct instruction *code;
    uint32_t code_count;
    struct program_behavior *behaviors;
    uint32_t behaviors_count;
    const char **step_names;
    uint32_t steps_count;
    uint32_t lanes_count;
    uint32_t message_bytes_max;
    uint32_t captures_count; /* the most of any behavior */
    uint32_t counters_count;
    uint32_t lane_bytes; /* struct vm_lane with its counters and captures */
    size_t vm_bytes;
};

/* The sizes above, from the counts; vm.c, which knows the structs. */
void vm_measure(struct program *program);

#endif
