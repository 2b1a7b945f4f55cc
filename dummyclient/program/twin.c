/* Twins: each behavior twice, for two targets that are played at the same time. They share their
 * code, whose only target is number 0; what is beside the code says which of the two is meant. */
#include "program/program.h"

#include "core/must.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "chat (a)". NULL: there is no memory. */
static const char *program__twin_name(struct program *program, const char *name, const char *side)
{
    size_t bytes = strlen(name) + strlen(side) + sizeof " ()";
    char *text = arena_take(&program->arena, bytes);
    if (text != NULL) {
        snprintf(text, bytes, "%s (%s)", name, side);
    }
    return text;
}

static void program__twin_barriers(struct program *program, const char *const names[2])
{
    uint32_t count = program->barriers_count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = program->barrier_names[i];
        program->barrier_names[count + i] = program__twin_name(program, name, names[1]);
        program->barrier_names[i] = program__twin_name(program, name, names[0]);
    }
    program->barriers_count = 2 * count;
}

bool program_twin(struct program *program, const char *const names[2], struct error *error)
{
    uint32_t count = program->behaviors_count;
    uint32_t barriers = program->barriers_count;
    must(program->targets_count == 1);
    if (2 * barriers > SCENARIO_BARRIERS_MAX) {
        error_set(error,
                  "expected at most %d barriers, because each server has its own; the scenario has "
                  "%" PRIu32,
                  SCENARIO_BARRIERS_MAX / 2, barriers);
        return false;
    }
    struct program_behavior *twins = arena_take(&program->arena, 2 * count * sizeof *twins);
    for (uint32_t i = 0; i < 2 * count && twins != NULL; i++) {
        const struct program_behavior *of = &program->behaviors[i / 2];
        uint32_t side = i % 2;
        twins[i] = *of;
        twins[i].name = program__twin_name(program, of->name, names[side]);
        twins[i].first_target = of->first_step == UINT32_MAX ? UINT32_MAX : side;
        twins[i].target_offset = (uint8_t)side;
        twins[i].barrier_offset = (uint8_t)(side * barriers);
        twins[i].barriers = of->barriers << twins[i].barrier_offset;
    }
    program->behaviors = twins;
    program__twin_barriers(program, names);
    if (program->arena.failed) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the behaviors of two servers");
        return false;
    }
    program->behaviors_count = 2 * count;
    return true;
}
