/* A recorder of its own: a step, two behaviors, and two stages of 1 s and 2 s, all of which is the
 * window. For cmocka's setup and teardown. */
#pragma once

#include "client_harness.h"

#include "program/program.h"

#define T0_NS (100 * NS_PER_S)

struct fixture {
    struct recorder recorder;
    struct live live;
    struct pacing pacing;
    struct pacing_stage stages[2];
    struct program_behavior behaviors[2]; /* the first asks step 0, the other nothing */
    uint64_t lanes[1];
};

int recorder_setup(void **state);
int recorder_teardown(void **state);
