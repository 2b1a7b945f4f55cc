#include "recorder_harness.h"

int recorder_setup(void **state)
{
    static struct fixture fixture;
    struct error error = {""};
    fixture =
        (struct fixture){.behaviors = {{.first_step = 0, .first_target = 1},
                                       {.first_step = UINT32_MAX, .first_target = UINT32_MAX}}};
    fixture.stages[0] = (struct pacing_stage){.start_ns = 0, .end_ns = 1 * NS_PER_S};
    fixture.stages[1] =
        (struct pacing_stage){.number = 1, .start_ns = 1 * NS_PER_S, .end_ns = 3 * NS_PER_S};
    fixture.pacing = (struct pacing){.stages = fixture.stages, .stages_count = 2};
    const struct figures_shape shape = {.steps = 1, .stages = 2, .behaviors = 2, .targets = 2};
    assert_true(
        recorder_open(&fixture.recorder, &shape, &fixture.pacing, 1, T0_NS, &fixture.live, &error));
    fixture.recorder.behaviors = fixture.behaviors;
    fixture.recorder.t0_ns = T0_NS;
    fixture.recorder.window_start_ns = T0_NS;
    fixture.recorder.window_end_ns = T0_NS + 3 * NS_PER_S;
    fixture.recorder.subject_ready = true;
    fixture.recorder.subject_lanes = fixture.lanes;
    *state = &fixture;
    return 0;
}

int recorder_teardown(void **state)
{
    recorder_close(&((struct fixture *)*state)->recorder);
    return 0;
}
