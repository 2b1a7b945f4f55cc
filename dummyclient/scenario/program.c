#include "scenario/program.h"

#include "core/must.h"
#include "scenario/program_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct program__compiler {
    struct program *program;
    const struct scenario *scenario;
    struct error *error;
    uint32_t counters_open;
};

/* The program step of a request's name: the same name is the same step, whoever plays it. */
static bool program__name_step(struct program__compiler *compiler, const char *name, uint32_t *step)
{
    struct program *program = compiler->program;
    for (*step = 0; *step < program->steps_count; (*step)++) {
        if (strcmp(program->step_names[*step], name) == 0) {
            return true;
        }
    }
    if (program->steps_count == PROGRAM_STEPS_MAX) {
        error_set(compiler->error, "%s: expected at most %d names of requests, found more",
                  compiler->scenario->path, PROGRAM_STEPS_MAX);
        return false;
    }
    program->step_names[program->steps_count++] = name;
    return true;
}

static bool program__body_is_unique(const struct body *body)
{
    return body->type == BODY_RANDOM && body->bytes_min >= 8;
}

static void program__measure_message(struct program *program, const struct body *body)
{
    uint32_t bytes = frame_encoded_bytes(&program->framing, body->bytes_max);
    if (bytes > program->message_bytes_max) {
        program->message_bytes_max = bytes;
    }
}

static const struct message *program__message(struct program *program, const struct send *send)
{
    struct message *message = arena_take(&program->arena, sizeof(*message));
    if (message == NULL) {
        return NULL;
    }
    const struct framing *framing = &program->framing;
    const struct body *body = &send->body;
    message->body = *body;
    message->id = send->id;
    message->unique = program__body_is_unique(body);
    program__measure_message(program, body);
    if (body->bytes_min != body->bytes_max) {
        return message;
    }
    message->frame_bytes = frame_encoded_bytes(framing, body->bytes_min);
    message->head_bytes =
        (uint8_t)frame_write_head(framing, send->id, body->bytes_min, message->head);
    if (body->type != BODY_CONSTANT) {
        return message;
    }
    uint8_t *encoded = arena_take(&program->arena, message->frame_bytes);
    if (encoded != NULL) {
        uint8_t *at = encoded;
        at += frame_write_head(framing, send->id, body->bytes_min, at);
        memcpy(at, body->bytes, body->bytes_min);
        at += body->bytes_min;
        at += frame_write_tail(framing, at);
        must(at == encoded + message->frame_bytes);
    }
    message->encoded = encoded;
    return message;
}

static struct instruction *program__emit(struct program *program, enum instruction_op op)
{
    struct instruction *instruction = &program->code[program->code_count++];
    *instruction = (struct instruction){.op = (uint8_t)op, .step = VM_STEP_NONE};
    return instruction;
}

static bool program__steps(struct program__compiler *compiler, const struct step *step);

static bool program__repeat(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *begin = program__emit(program, OP_REPEAT_BEGIN);
    uint32_t target = program->code_count;
    uint8_t counter = (uint8_t)compiler->counters_open++;
    begin->times = step->times;
    begin->counter = counter;
    if (compiler->counters_open > program->counters_count) {
        program->counters_count = compiler->counters_open;
    }
    bool valid = program__steps(compiler, step->child);
    struct instruction *end = program__emit(program, OP_REPEAT_END);
    end->target = target;
    end->counter = counter;
    compiler->counters_open--;
    return valid;
}

static bool program__step(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *instruction;
    switch (step->type) {
    case STEP_SEND:
        instruction = program__emit(program, OP_SEND);
        instruction->message = program__message(program, &step->send);
        return true;
    case STEP_EXPECT:
        program__emit(program, OP_EXPECT)->wait = &step->wait;
        program__measure_message(program, &step->wait.verify.body);
        return true;
    case STEP_REQUEST:
        instruction = program__emit(program, OP_REQUEST);
        instruction->message = program__message(program, &step->send);
        instruction->wait = &step->wait;
        program__measure_message(program, &step->wait.verify.body);
        return program__name_step(compiler, step->name, &instruction->step);
    case STEP_THINK:
        program__emit(program, OP_THINK)->think = &step->think;
        return true;
    case STEP_REPEAT:
        return program__repeat(compiler, step);
    case STEP_DISCONNECT:
        program__emit(program, OP_DISCONNECT)->disconnect = (uint8_t)step->disconnect;
        return true;
    case STEP_RECONNECT:
        program__emit(program, OP_RECONNECT)->after_ns = step->after_ns;
        return true;
    }
    return false;
}

static bool program__steps(struct program__compiler *compiler, const struct step *step)
{
    bool valid = true;
    for (; step != NULL && valid; step = step->next) {
        valid = program__step(compiler, step);
    }
    return valid;
}

/* One of setup, loop and teardown; returns where it begins. */
static uint32_t program__range(struct program__compiler *compiler, const struct step *step,
                               bool *valid)
{
    uint32_t begin = compiler->program->code_count;
    *valid = program__steps(compiler, step) && *valid;
    program__emit(compiler->program, OP_END);
    return begin;
}

static bool program__behavior(struct program__compiler *compiler,
                              const struct scenario_behavior *behavior, uint32_t index)
{
    struct program *program = compiler->program;
    struct program_behavior *compiled = &program->behaviors[index];
    bool valid = true;
    compiled->name = behavior->name;
    compiled->weight = behavior->weight;
    compiled->has_loop = behavior->loop != NULL;
    compiled->loop_opens = behavior->loop_opens;
    compiled->reconnects = behavior->on_disconnect == ON_DISCONNECT_RECONNECT;
    compiled->setup = program__range(compiler, behavior->setup, &valid);
    compiled->loop = program__range(compiler, behavior->loop, &valid);
    compiled->teardown = program__range(compiler, behavior->teardown, &valid);
    if (behavior->captures_count > program->captures_count) {
        program->captures_count = behavior->captures_count;
    }
    if (valid && compiler->scenario->load.has_rate && !compiled->has_loop) {
        error_set(compiler->error,
                  "%s: `behaviors[%" PRIu32 "].loop`: expected steps, because a rate is a number "
                  "of passes of the loop; found none",
                  compiler->scenario->path, index);
        valid = false;
    }
    return valid;
}

static bool program__open(struct program *program, const struct scenario *scenario)
{
    const struct scenario_tree *tree = (const struct scenario_tree *)scenario;
    /* A step becomes two instructions at most (repeat), a behavior has three ends. */
    size_t code_max = 2u * (size_t)tree->steps_count + 3u * scenario->behaviors_count;
    program->framing = scenario->framing;
    program->lanes_count = scenario->load.in_flight;
    program->behaviors_count = scenario->behaviors_count;
    program->code = arena_take(&program->arena, code_max * sizeof(*program->code));
    program->behaviors =
        arena_take(&program->arena, scenario->behaviors_count * sizeof(*program->behaviors));
    program->step_names =
        arena_take(&program->arena, PROGRAM_STEPS_MAX * sizeof(*program->step_names));
    return !program->arena.failed;
}

struct program *program_compile(const struct scenario *scenario, struct error *error)
{
    must(scenario->load.in_flight >= 1 && scenario->behaviors_count >= 1);
    struct program *program = calloc(1, sizeof(*program));
    if (program == NULL || !program__open(program, scenario)) {
        goto no_memory;
    }
    struct program__compiler compiler = {.program = program, .scenario = scenario, .error = error};
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        if (!program__behavior(&compiler, &scenario->behaviors[i], i)) {
            program_destroy(program);
            return NULL;
        }
    }
    if (program->arena.failed) {
        goto no_memory;
    }
    vm_measure(program);
    return program;

no_memory:
    error_set(error, "%s: there is not enough memory to compile it", scenario->path);
    program_destroy(program);
    return NULL;
}

void program_destroy(struct program *program)
{
    if (program != NULL) {
        arena_close(&program->arena);
        free(program);
    }
}

const struct framing *program_framing(const struct program *program)
{
    return &program->framing;
}

uint32_t program_steps_count(const struct program *program)
{
    return program->steps_count;
}

const char *program_step_name(const struct program *program, uint32_t step)
{
    must(step < program->steps_count);
    return program->step_names[step];
}

uint32_t program_behaviors_count(const struct program *program)
{
    return program->behaviors_count;
}

const char *program_behavior_name(const struct program *program, uint32_t behavior)
{
    must(behavior < program->behaviors_count);
    return program->behaviors[behavior].name;
}

double program_behavior_weight(const struct program *program, uint32_t behavior)
{
    must(behavior < program->behaviors_count);
    return program->behaviors[behavior].weight;
}

uint32_t program_lanes_count(const struct program *program)
{
    return program->lanes_count;
}

uint32_t program_message_bytes_max(const struct program *program)
{
    return program->message_bytes_max;
}

size_t program_vm_bytes(const struct program *program)
{
    return program->vm_bytes;
}

uint32_t program_barriers_count(const struct program *program)
{
    (void)program; /* the language has no barrier step yet */
    return 0;
}
