/* A recorder of its own: a step, two behaviors, and two stages of 1 s and 2 s, all of which is the
 * window. For cmocka's setup and teardown. */
#ifndef DUMMYLOAD_TESTS_RECORDER_HARNESS_H
#define DUMMYLOAD_TESTS_RECORDER_HARNESS_H

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

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error = {""};
    fixture = (struct fixture){.behaviors = {{.first_step = 0}, {.first_step = UINT32_MAX}}};
    fixture.stages[0] = (struct pacing_stage){.start_ns = 0, .end_ns = 1 * NS_PER_S};
    fixture.stages[1] = (struct pacing_stage){.start_ns = 1 * NS_PER_S, .end_ns = 3 * NS_PER_S};
    fixture.pacing = (struct pacing){.stages = fixture.stages, .stages_count = 2};
    assert_true(
        recorder_open(&fixture.recorder, 1, 2, &fixture.pacing, 1, T0_NS, &fixture.live, &error));
    fixture.recorder.behaviors = fixture.behaviors;
    fixture.recorder.t0_ns = T0_NS;
    fixture.recorder.window_start_ns = T0_NS;
    fixture.recorder.window_end_ns = T0_NS + 3 * NS_PER_S;
    fixture.recorder.subject_ready = true;
    fixture.recorder.subject_lanes = fixture.lanes;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    recorder_close(&((struct fixture *)*state)->recorder);
    return 0;
}

#endif
