/* The tree: what a behavior does, as it stands in the file, checked.
 *
 * Plain data in the scenario's arena, immutable once scenario_load() has returned. Bodies, matches
 * and verifies are used as they are by the program and by the vm's hot path; the steps are what
 * program_compile() makes flat. */
#ifndef DUMMYLOAD_SCENARIO_TREE_H
#define DUMMYLOAD_SCENARIO_TREE_H

#include "scenario/arena.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TREE_STEPS_MAX = 10000, /* of all behaviors together */
    TREE_BEHAVIORS_MAX = 256,
    TREE_REPEATS_MAX = 8,     /* repeats inside repeats */
    TREE_CAPTURES_MAX = 64,   /* names per behavior */
    TREE_PARTS_MAX = 256,     /* of one text */
    TREE_NAME_BYTES_MAX = 64, /* of behaviors, requests and captures */
};
/* Constant bytes (texts, hex, patterns) of all steps together. */
#define TREE_CONSTANT_BYTES_MAX (64u * 1024u * 1024u)

/* A piece of a text with ${...} in it. */
enum part_type {
    PART_TEXT,
    PART_CONNECTION,
    PART_ITERATION,
    PART_LANE,
    PART_SEED,
    PART_RANDOM, /* ${random(low,high)} */
    PART_CAPTURE
};

struct part {
    enum part_type type;
    uint32_t bytes_count; /* TEXT */
    const uint8_t *bytes;
    uint64_t low; /* RANDOM */
    uint64_t high;
    uint32_t capture; /* CAPTURE */
};

enum body_type { BODY_CONSTANT, BODY_RANDOM, BODY_TEXT };

struct body {
    enum body_type type;
    bool letters;       /* RANDOM: a-z only, where a delimiter must not occur */
    uint32_t bytes_min; /* what the body can be, whatever is put in */
    uint32_t bytes_max;
    const uint8_t *bytes;     /* CONSTANT: bytes_min of them */
    const struct part *parts; /* TEXT */
    uint32_t parts_count;
};

/* An unsigned number at a place in a body: "u32@4". */
struct field {
    uint32_t offset;
    uint8_t bytes_count; /* 1, 2, 4 or 8 */
    bool big_endian;
};

enum match_field_source {
    MATCH_FIELD_NONE,
    MATCH_FIELD_SENT,   /* the same as `sent` in the body that was sent */
    MATCH_FIELD_VALUE,  /* a constant */
    MATCH_FIELD_CAPTURE /* a captured variable */
};

/* Selects a reply. */
struct match {
    bool any_id;
    uint32_t id;
    enum match_field_source source;
    struct field field;
    struct field sent;
    uint64_t value;
    uint32_t capture;
};

enum verify_type {
    VERIFY_NONE,
    VERIFY_SAME_BODY, /* the body that the lane sent last */
    VERIFY_EQUALS,
    VERIFY_STARTS_WITH,
    VERIFY_CONTAINS
};

/* Judges it. */
struct verify {
    enum verify_type type;
    uint32_t skip_bytes; /* of the reply's body, not compared */
    struct body body;
};

struct capture {
    uint32_t index;
    struct field field;
};

enum on_timeout { ON_TIMEOUT_CONTINUE, ON_TIMEOUT_RECONNECT, ON_TIMEOUT_FAIL };

/* What waits for replies: expect, and the second half of a request. */
struct wait {
    struct match match;
    struct verify verify;
    struct capture *captures;
    uint32_t captures_count;
    uint32_t replies_count; /* 1 and more */
    int64_t within_ns;
    enum on_timeout on_timeout;
};

struct send {
    uint32_t id;
    struct body body;
};

enum think_type { THINK_CONSTANT, THINK_UNIFORM, THINK_EXPONENTIAL };

struct think {
    enum think_type type;
    int64_t low_ns; /* the duration; the lower bound; the mean */
    int64_t high_ns;
};

enum step_type {
    STEP_SEND,
    STEP_EXPECT,
    STEP_REQUEST,
    STEP_THINK,
    STEP_REPEAT,
    STEP_DISCONNECT,
    STEP_RECONNECT
};

enum disconnect_type { DISCONNECT_FIN, DISCONNECT_RST, DISCONNECT_HALF };

struct step {
    struct step *next;
    struct step *child; /* REPEAT: the first step inside */
    enum step_type type;
    enum disconnect_type disconnect;
    const char *name; /* REQUEST */
    struct send send;
    struct wait wait;
    struct think think;
    uint32_t times;   /* REPEAT */
    int64_t after_ns; /* RECONNECT */
};

enum on_disconnect { ON_DISCONNECT_STOP, ON_DISCONNECT_RECONNECT };

struct scenario_behavior {
    const char *name;
    double weight;
    enum on_disconnect on_disconnect;
    struct step *setup; /* NULL: no steps */
    struct step *loop;
    struct step *teardown;
    bool loop_opens; /* the loop begins with a reconnect: it needs no connection to start */
    uint32_t captures_count;
    uint32_t repeats_depth;
};

/* What scenario_load() returns; the public part first. */
struct scenario_tree {
    struct scenario scenario;
    struct arena arena;
    uint32_t steps_count;
};

#endif
