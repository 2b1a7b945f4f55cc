/* The tree: the steps of a behavior as in the file, checked.
 *
 * Plain data in the scenario's arena, immutable once scenario_load() has returned. Bodies, matches
 * and verifies are used as they are by the program and by the vm's hot path; the steps are what
 * program_compile() makes flat. */
#pragma once

#include "core/arena.h"
#include "scenario/back_off.h"
#include "scenario/body.h"
#include "scenario/data.h"
#include "scenario/place.h"
#include "scenario/scenario.h"
#include "scenario/think.h"
#include "scenario/wait.h"

enum {
    TREE_STEPS_MAX = 10000, /* of all behaviors together */
    TREE_BEHAVIORS_MAX = 256,
    TREE_NESTING_MAX = 8,                      /* repeat, if and choose inside each other */
    TREE_VARIABLES_MAX = 64,                   /* names per behavior */
    TREE_BRANCHES_MAX = 100,                   /* of one choose */
    TREE_PUSHES_MAX = 16,                      /* rules of one behavior */
    TREE_BEATS_MAX = 8,                        /* heartbeats of one behavior */
    TREE_BARRIERS_MAX = SCENARIO_BARRIERS_MAX, /* names */
    TREE_MARKS_MAX = SCENARIO_MARKS_MAX,       /* names */
    TREE_PARTS_MAX = 4096,                     /* of one body */
    TREE_LENGTHS_MAX = 16,                     /* lengths inside each other */
    TREE_NAME_BYTES_MAX = 64,                  /* of behaviors, requests and captures */
};
/* Constant bytes (texts, hex, patterns) of all steps together. */
#define TREE_CONSTANT_BYTES_MAX (64u * 1024u * 1024u)

struct send {
    uint32_t id;
    bool unframed; /* the body is the whole message */
    struct body body;
    struct value *head_values; /* of the framing's; NULL: as the framing says */
};

/* set: a number or a text into a variable. */
struct set {
    struct set *next;
    uint32_t word;
    uint32_t text_bytes_max; /* of a text: the variable's room */
    enum value_type type;
    struct value value; /* a number */
    struct body body;   /* a text */
};

/* if: two numbers, or two texts (equal or not). */
struct condition {
    struct value left;
    enum comparison comparison;
    struct value right;
};

struct step;

struct branch {
    double weight;
    struct step *steps;
};

enum repeat_type { REPEAT_TIMES, REPEAT_FOR, REPEAT_UNTIL_END };

enum step_type {
    STEP_SEND,
    STEP_EXPECT,
    STEP_REQUEST,
    STEP_THINK,
    STEP_REPEAT,
    STEP_CHOOSE,
    STEP_IF,
    STEP_SET,
    STEP_BARRIER,
    STEP_DISCONNECT,
    STEP_RECONNECT,
    STEP_EXPECT_CLOSE,
    STEP_AT,
    STEP_RECEIVE,
    STEP_MARK,
    STEP_LOG,
    STEP_SECURE
};

/* reconnect: where to, and how often it is tried. */
struct reconnect {
    bool moves;       /* to `target`; else to where the connection is, or was last */
    uint32_t target;  /* of the scenario's */
    bool redirects;   /* to an address that is made of these texts, if the target allows it */
    struct body host; /* of no bytes at most: the target's own */
    struct body port;
    struct back_off back_off; /* first_ns 0: none */
};

struct step {
    struct step *next;
    struct step *child; /* REPEAT: the first step inside; IF: then */
    struct step *other; /* IF: else */
    enum step_type type;
    enum disconnect_type disconnect;
    uint32_t target;  /* where the connection is, of the scenario's; 0: they have no names */
    const char *path; /* where it is in the scenario: "behaviors[0].loop[2]" */
    const char *name; /* REQUEST, BARRIER, MARK */
    struct send send;
    struct wait wait; /* BARRIER and EXPECT_CLOSE: within and on_timeout */
    struct think think;
    enum repeat_type repeat;
    bool receives;           /* RECEIVE */
    uint32_t times;          /* REPEAT */
    int64_t after_ns;        /* RECONNECT, AT; REPEAT for */
    struct branch *branches; /* CHOOSE */
    uint32_t branches_count;
    struct condition condition;
    struct set *sets;
    struct reconnect reconnect;
    struct body text; /* LOG */
};

/* What is done with messages that no request waits for: the first that matches. */
struct push {
    uint32_t target;     /* whose messages it is about, as in struct step */
    struct wait wait;    /* its match, verify and captures */
    struct place fanout; /* where ${stamp_ns} is, if the rule measures it */
    bool has_answer;
    struct send answer;
};

/* How long: as the scenario says, or a number that the run knows, in units. */
struct interval {
    int64_t ns;
    int64_t unit_ns; /* 0: `ns` */
    struct value value;
};

/* A message that is sent again and again while the connection is open. */
struct beat {
    uint32_t target; /* on whose connections, as in struct step */
    bool by_silence; /* when nothing has been sent for so long; else so often */
    bool after_setup;
    struct interval interval;
    struct send send;
    bool has_reply;
    struct wait reply; /* its match, within and on_timeout */
};

enum on_disconnect { ON_DISCONNECT_STOP, ON_DISCONNECT_RECONNECT };

struct scenario_behavior {
    const char *name;
    double weight;
    uint32_t target;          /* where it starts; of the scenario's, 0: they have no names */
    uint32_t teardown_target; /* where the connection is when teardown begins */
    bool moves;               /* in its loop, which does not begin with a reconnect to a target */
    bool takes_unframed;      /* its loop waits for bytes without a frame */
    enum on_disconnect on_disconnect;
    bool may_close;             /* on_close: the server may, while nothing is awaited */
    enum on_timeout on_timeout; /* of the steps that say nothing themselves */
    enum on_timeout on_mismatch;
    struct back_off back_off; /* first_ns 0: the usual one */
    struct push *pushes;
    uint32_t pushes_count;
    bool pushes_of_lane; /* they compare with values of a lane, or send them */
    struct beat *beats;
    uint32_t beats_count;
    bool beats_of_lane;
    uint32_t tables;    /* bit n: it uses table n */
    struct step *setup; /* NULL: no steps */
    struct step *loop;
    struct step *teardown;
    bool connects_in_loop; /* not before the loop's first reconnect */
    bool loop_opens;       /* the loop begins with a reconnect: it needs no connection to start */
    uint32_t words_count;  /* of its variables */
    /* Of each target whose WebSocket is asked for with captured names, its first lines; else empty.
     * NULL: there is none. */
    struct body *requests;
};

/* What scenario_load() returns; the public part first. */
struct scenario_tree {
    struct scenario scenario;
    struct arena arena;
    struct data_table tables[DATA_TABLES_MAX];
    uint32_t tables_count;
    uint32_t steps_count;
    uint32_t branches_count;       /* of choose */
    struct scenario_target target; /* where there are no `targets` */
};
