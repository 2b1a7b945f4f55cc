/* A program: a scenario compiled to flat steps, ready to be played.
 *
 * Data: built once, immutable, shared by all workers; it does not know its players. What is
 * constant in a message (its header, a text without ${...}) is encoded here, once, so that the hot
 * path only copies bytes. */
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "proto/frame.h"
#include "scenario/body.h"
#include "scenario/data.h"
#include "scenario/scenario.h"
#include "text/mistakes.h"

/* Limits: TREE_... in tree.h (steps, nesting, captures, constant bytes) and the ones here. */
enum {
    PROGRAM_STEPS_MAX = 1000, /* named requests, over all behaviors */
    /* Bodies of messages that are kept for expects which have not begun. */
    PROGRAM_INBOX_BYTES_MAX = 4096
};
/* What may take a message before the step does. */
enum {
    PROGRAM_BEHIND_RULES = 1, /* rules of on_push and replies to heartbeats */
    PROGRAM_BEHIND_BEATS = 2  /* replies to heartbeats that are awaited alike: in turn */
};
/* In place of a step: no named request. */
#define PROGRAM_STEP_NONE UINT32_MAX

/* What a lane does next. Everything flows to the next instruction; REPEAT_END jumps back. */
enum instruction_op {
    OP_END, /* of setup, of a pass of the loop, of teardown */
    OP_SEND,
    OP_EXPECT,
    OP_REQUEST,
    OP_THINK,
    OP_REPEAT_BEGIN, /* counter = times */
    OP_REPEAT_END,   /* counter--; while it is not 0: to target */
    OP_FOR_BEGIN,    /* counter = when it is over */
    OP_FOR_END,      /* before that: to target */
    OP_UNTIL_END,    /* until the run is to end: to target */
    OP_JUMP,         /* to target */
    OP_CHOOSE,
    OP_IF, /* unless the condition holds: to target */
    OP_SET,
    OP_AT,
    OP_RECEIVE, /* index: 1 on, 0 off */
    OP_MARK,
    OP_LOG,
    /* Steps that wait for all lanes of the connection. */
    OP_BARRIER,
    OP_DISCONNECT,
    OP_RECONNECT,
    OP_EXPECT_CLOSE,
    OP_SECURE
};

/* choose: branch n begins at targets[n] and is taken below below[n] (and not before). */
struct choice {
    uint32_t count;
    double *below; /* 0..1 */
    uint32_t *targets;
};

/* A message, with everything that does not change encoded once. */
struct message {
    struct body body;
    uint32_t id;
    uint32_t frame_bytes;   /* of a body whose size does not change; 0: it does */
    const uint8_t *encoded; /* the whole frame, when nothing in it changes; else NULL */
    uint8_t head[FRAMING_HEAD_BYTES_MAX]; /* with frame_bytes > 0 */
    uint8_t head_bytes;
    bool seals;                      /* something in its header is worked out when it is sent */
    bool has_values;                 /* ... head_values */
    const struct framing *framing;   /* its target's, or none at all */
    const struct value *head_values; /* of the framing's fields that are no constants */
    /* Two sends are unlikely to have the same body: a reply that carries it is no late reply to an
     * earlier send. */
    bool unique;
    bool is_numbered;   /* ${sequence} is in it */
    bool has_variables; /* ${...} of captured or set names: they may change after it was sent */
};

struct instruction {
    uint8_t op;
    uint8_t counter; /* REPEAT, FOR */
    uint8_t disconnect;
    uint8_t index;    /* BARRIER, MARK; REQUEST, EXPECT: PROGRAM_BEHIND_... */
    uint32_t step;    /* REQUEST: program step; else PROGRAM_STEP_NONE */
    uint32_t target;  /* where it may jump to; REQUEST: at which of the targets it is played */
    uint32_t times;   /* REPEAT_BEGIN */
    int64_t after_ns; /* RECONNECT, AT, FOR_BEGIN */
    const struct message *message;
    const struct wait *wait; /* BARRIER, EXPECT_CLOSE: within and on_timeout */
    union {
        const struct think *think;
        const struct choice *choice;
        const struct condition *condition;
        const struct set *set;
        const struct body *text; /* LOG */
        const struct reconnect *reconnect;
    };
};

/* A server that steps talk to; where the scenario's have no names, all of them. */
struct program_target {
    const char *name; /* NULL: it has none */
    const struct framing *framing;
    const struct value *head_values; /* what they are unless a send says otherwise */
    const struct body *request;      /* of its WebSocket, made for each connection; NULL: none */
    bool tls_by_step;                /* its TLS begins by OP_SECURE, not with the connection */
};

/* A rule of on_push. */
struct program_push {
    const struct push *push;
    const struct message *answer; /* NULL: none */
    bool claims; /* it captures or answers: steps without a match of their own come behind it */
};

/* A heartbeat of `every`. */
struct program_beat {
    const struct beat *beat;
    const struct message *message;
};

struct program_behavior {
    const char *name;
    double weight;
    uint32_t target;          /* where it starts ... */
    uint32_t teardown_target; /* ... and where its teardown is played */
    uint32_t setup;           /* first instructions */
    uint32_t loop;
    uint32_t teardown;
    uint32_t first_step;   /* of the loop's first request; UINT32_MAX: it has none */
    uint32_t first_target; /* where that is sent; UINT32_MAX: it has none, or no name */
    bool has_loop;
    bool connects_in_loop;
    bool loop_opens;
    bool reconnects;                 /* on_disconnect */
    bool may_close;                  /* on_close: the server may, while nothing is awaited */
    const struct back_off *back_off; /* of on_disconnect; NULL: immediately, then the default */
    const struct program_push *pushes;
    uint32_t pushes_count;
    const struct program_beat *beats;
    uint32_t beats_count;
    const struct body *requests; /* of each target; empty: the target's. NULL: all of them */
    bool listens; /* rules, or heartbeats that await a reply: they look at what no request takes */
    uint32_t bounded_tables; /* bit n: it ends, or fails, when table n has no row for it */
    uint32_t barriers;       /* bit n: it may reach barrier n */
    /* Of the second of two twins: added to the numbers of targets and barriers that its code has.
     */
    uint8_t target_offset;
    uint8_t barrier_offset;
    /* What its expects would take of earlier messages. */
    const uint32_t *expected_ids;
    uint32_t expected_ids_count;
    bool expects_any;
    bool expects_any_matched; /* by a match of its own, with a field and no id */
    bool expects_since_connected;
};

struct program {
    struct arena arena;
    struct framing unframed; /* of messages that are nothing but their body */
    struct program_target *targets;
    uint32_t targets_count;
    uint32_t codec_state_bytes; /* the most that the framing of a target remembers of a stream */
    struct value_world world;
    struct instruction *code;
    const char **code_paths; /* of each instruction that is a step: where that is in the scenario */
    uint32_t code_count;
    struct program_behavior *behaviors;
    uint32_t behaviors_count;
    const char **step_names; /* of the requests: each has its own figures in the result */
    uint32_t steps_count;    /* 0..PROGRAM_STEPS_MAX-1 */
    const char *barrier_names[SCENARIO_BARRIERS_MAX];
    uint32_t barriers_count;
    const char *mark_names[SCENARIO_MARKS_MAX]; /* texts of mark steps */
    uint32_t marks_count;
    bool logs;
    uint32_t lanes_count;       /* per connection (in_flight) */
    uint32_t too_large_bytes;   /* of a body that its codec cannot carry; 0: there is none */
    uint32_t message_bytes_max; /* the largest that a step sends or expects, whole frames */
    uint32_t words_count;       /* of variables: the most of any behavior */
    uint32_t counters_count;    /* of repeats; with `numbers` two more, of messages */
    /* A lane keeps the variables of its last message: a reply is compared with it. */
    bool keeps_sent;
    bool numbers; /* a message says its number on the connection */
    bool has_inbox;
    uint32_t inbox_bytes_max; /* of bodies; 0: no expect looks into them */
    bool inbox_keeps_heads;   /* an expect looks at what is in front of the body */
    bool answers;             /* rules of on_push do */
    bool answers_vary;        /* by captured or set names */
    uint32_t beats_max;       /* of any behavior */
    /* How much of a received body is looked at, from its beginning; or REASSEMBLY_ALL_BYTES. */
    uint32_t looked_bytes;
};

/* Reports what cannot be played with this load: too few rows for the connections, a rate without a
 * loop. Overrides are in scenario->load already. */
void program_check(const struct scenario *scenario, struct mistakes *mistakes);
/* Overrides are in scenario->load already when this is called. The program points into the
 * scenario, which outlives it. */
struct program *program_compile(const struct scenario *scenario, struct error *error);
void program_destroy(struct program *program);
/* twin.c: for two servers at once (plan/duet.c). Behavior i becomes 2 i and 2 i + 1: the same code,
 * at target 0 and at target 1, and each with barriers of its own. The program has one target.
 * False, with the reason: it cannot. */
bool program_twin(struct program *program, const char *const names[2], struct error *error);

struct match; /* scenario/tree.h */
/* Do both look at the same parts of a message: an id, a field? */
bool program_match_alike(const struct match *a, const struct match *b);

/* estimate.c: requests of one pass and of setup on the average, as far as the steps say (an `if`
 * counts as half of each side); false when a pass has no fixed length (repeat for a time). */
bool program_estimate(const struct scenario *scenario, uint32_t behavior, double *setup,
                      double *pass);
/* The longest that any behavior's setup may take by its own steps (their `within`, thinks,
 * reconnects), once it is connected; a setup that begins again counts once. */
int64_t program_ready_within_ns(const struct scenario *scenario);

/* looked.c: the most of a received body, from its beginning, that any step or rule looks at;
 * REASSEMBLY_ALL_BYTES: all of it, whatever its size. */
uint32_t program_looked_bytes(const struct program *program);
