#include "program/program.h"

#include "core/must.h"
#include "scenario/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct program__compiler {
    struct program *program;
    const struct scenario *scenario;
    struct error *error;
    uint32_t counters_open;
    uint32_t barriers; /* of the behavior */
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
    for (uint32_t i = 0; i < body->parts_count; i++) {
        if (body->parts[i].form == PART_RANDOM && body->parts[i].bytes_min >= 8) {
            return true;
        }
    }
    return body->type == BODY_RANDOM && body->bytes_min >= 8;
}

static bool program__body_has_variables(const struct body *body)
{
    for (uint32_t i = 0; i < body->parts_count; i++) {
        const struct value *value = &body->parts[i].value;
        if (value->left.source == OPERAND_VARIABLE || value->right.source == OPERAND_VARIABLE) {
            return true;
        }
    }
    return false;
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
    struct message *message = arena_take(&program->arena, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    const struct framing *framing = &program->framing;
    const struct body *body = &send->body;
    message->body = *body;
    message->id = send->id;
    message->unique = program__body_is_unique(body);
    message->has_variables = program__body_has_variables(body);
    program->keeps_sent = program->keeps_sent || message->has_variables;
    program__measure_message(program, body);
    message->around_bytes =
        (uint8_t)(frame_encoded_bytes(framing, body->bytes_max) - body->bytes_max);
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
    *instruction = (struct instruction){.op = (uint8_t)op, .step = PROGRAM_STEP_NONE};
    return instruction;
}

static bool program__steps(struct program__compiler *compiler, const struct step *step);

/* The place of a name in a list that the parser has kept short enough. */
static uint8_t program__name(const char **names, uint32_t *count, const char *name)
{
    uint32_t index = 0;
    while (index < *count && strcmp(names[index], name) != 0) {
        index++;
    }
    if (index == *count) {
        names[(*count)++] = name;
    }
    return (uint8_t)index;
}

static bool program__repeat(struct program__compiler *compiler, const struct step *step)
{
    static const enum instruction_op begins[] = {OP_REPEAT_BEGIN, OP_FOR_BEGIN, OP_JUMP};
    static const enum instruction_op ends[] = {OP_REPEAT_END, OP_FOR_END, OP_UNTIL_END};
    struct program *program = compiler->program;
    struct instruction *begin = program__emit(program, begins[step->repeat]);
    uint32_t target = program->code_count;
    uint8_t counter = (uint8_t)compiler->counters_open++;
    begin->times = step->times;
    begin->after_ns = step->after_ns;
    begin->counter = counter;
    begin->target = target;
    if (compiler->counters_open > program->counters_count) {
        program->counters_count = compiler->counters_open;
    }
    bool valid = program__steps(compiler, step->child);
    struct instruction *end = program__emit(program, ends[step->repeat]);
    end->target = target;
    end->counter = counter;
    compiler->counters_open--;
    return valid;
}

static bool program__if(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *test = program__emit(program, OP_IF);
    test->condition = &step->condition;
    bool valid = program__steps(compiler, step->child);
    struct instruction *jump = program__emit(program, OP_JUMP);
    test->target = program->code_count;
    valid = valid && program__steps(compiler, step->other);
    jump->target = program->code_count;
    return valid;
}

static bool program__choose(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *choose = program__emit(program, OP_CHOOSE);
    struct choice *choice = arena_take(&program->arena, sizeof *choice);
    uint32_t *jumps = arena_take(&program->arena, step->branches_count * sizeof *jumps);
    double sum = 0;
    double below = 0;
    bool valid = true;
    if (choice == NULL || jumps == NULL) {
        return true; /* the arena says so at the end */
    }
    choice->count = step->branches_count;
    choice->below = arena_take(&program->arena, choice->count * sizeof *choice->below);
    choice->targets = arena_take(&program->arena, choice->count * sizeof *choice->targets);
    for (uint32_t i = 0; i < choice->count; i++) {
        sum += step->branches[i].weight;
    }
    for (uint32_t i = 0; i < choice->count && !program->arena.failed && valid; i++) {
        below += step->branches[i].weight / sum;
        choice->below[i] = i + 1 == choice->count ? 1 : below;
        choice->targets[i] = program->code_count;
        valid = program__steps(compiler, step->branches[i].steps);
        jumps[i] = program->code_count;
        program__emit(program, OP_JUMP);
    }
    for (uint32_t i = 0; i < choice->count; i++) {
        program->code[jumps[i]].target = program->code_count;
    }
    choose->choice = choice;
    return valid;
}

/* Steps about the connection and the run. */
static bool program__link_step(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *instruction;
    switch (step->type) {
    case STEP_BARRIER:
        instruction = program__emit(program, OP_BARRIER);
        instruction->wait = &step->wait;
        instruction->index =
            program__name(program->barrier_names, &program->barriers_count, step->name);
        compiler->barriers |= UINT32_C(1) << instruction->index;
        return true;
    case STEP_DISCONNECT:
        program__emit(program, OP_DISCONNECT)->disconnect = (uint8_t)step->disconnect;
        return true;
    case STEP_RECONNECT:
        instruction = program__emit(program, OP_RECONNECT);
        instruction->after_ns = step->after_ns;
        instruction->back_off = step->back_off.first_ns > 0 ? &step->back_off : NULL;
        return true;
    case STEP_EXPECT_CLOSE:
        program__emit(program, OP_EXPECT_CLOSE)->wait = &step->wait;
        return true;
    case STEP_AT:
        program__emit(program, OP_AT)->after_ns = step->after_ns;
        return true;
    case STEP_RECEIVE:
        program__emit(program, OP_RECEIVE)->index = step->receives;
        return true;
    case STEP_MARK:
        program__emit(program, OP_MARK)->index =
            program__name(program->mark_names, &program->marks_count, step->name);
        return true;
    default:
        program->logs = true;
        program__emit(program, OP_LOG)->text = &step->text;
        return true;
    }
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
    case STEP_CHOOSE:
        return program__choose(compiler, step);
    case STEP_IF:
        return program__if(compiler, step);
    case STEP_SET:
        program__emit(program, OP_SET)->set = step->sets;
        return true;
    default:
        return program__link_step(compiler, step);
    }
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

/* --- What the expects of a behavior look back for, so that no other message is kept. */

static const struct wait *program__looks_back(const struct instruction *instruction)
{
    bool expects = instruction->op == OP_EXPECT;
    return expects && instruction->wait->since != WAIT_SINCE_STEP ? instruction->wait : NULL;
}

static bool program__reads_body(const struct program *program, const struct wait *wait)
{
    return program->framing.type == FRAMING_RAW || wait->captures_count > 0 ||
           wait->verify.type != VERIFY_NONE || wait->match.source != MATCH_FIELD_NONE;
}

static bool program__is_listed(const uint32_t *ids, uint32_t count, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void program__list_expected(struct program *program, struct program_behavior *behavior)
{
    uint32_t ids_max = 0;
    for (uint32_t i = behavior->setup; i < program->code_count; i++) {
        ids_max += program__looks_back(&program->code[i]) != NULL;
    }
    uint32_t *ids = ids_max == 0 ? NULL : arena_take(&program->arena, ids_max * sizeof *ids);
    if (ids == NULL) {
        return; /* nothing to list, or no memory: the arena says so at the end */
    }
    program->has_inbox = true;
    behavior->expected_ids = ids;
    for (uint32_t i = behavior->setup; i < program->code_count; i++) {
        const struct wait *wait = program__looks_back(&program->code[i]);
        if (wait == NULL) {
            continue;
        }
        if (program__reads_body(program, wait)) {
            program->inbox_bytes_max = PROGRAM_INBOX_BYTES_MAX;
        }
        if (wait->since == WAIT_SINCE_CONNECTED) {
            behavior->expects_since_connected = true;
        }
        if (wait->match.any_id) {
            behavior->expects_any = true;
        } else if (!program__is_listed(ids, behavior->expected_ids_count, wait->match.id)) {
            ids[behavior->expected_ids_count++] = wait->match.id;
        }
    }
}

static bool program__behavior(struct program__compiler *compiler,
                              const struct scenario_behavior *behavior, uint32_t index)
{
    struct program *program = compiler->program;
    struct program_behavior *compiled = &program->behaviors[index];
    const struct scenario_tree *tree = (const struct scenario_tree *)compiler->scenario;
    bool valid = true;
    compiler->barriers = 0;
    compiled->name = behavior->name;
    compiled->weight = behavior->weight;
    compiled->has_loop = behavior->loop != NULL;
    compiled->connects_in_loop = behavior->connects_in_loop;
    compiled->loop_opens = behavior->loop_opens;
    compiled->reconnects = behavior->on_disconnect == ON_DISCONNECT_RECONNECT;
    compiled->setup = program__range(compiler, behavior->setup, &valid);
    compiled->loop = program__range(compiler, behavior->loop, &valid);
    compiled->teardown = program__range(compiler, behavior->teardown, &valid);
    compiled->first_step = UINT32_MAX;
    for (uint32_t i = compiled->teardown; i-- > compiled->loop;) {
        if (program->code[i].op == OP_REQUEST) {
            compiled->first_step = program->code[i].step;
        }
    }
    compiled->barriers = compiler->barriers;
    program__list_expected(program, compiled);
    compiled->back_off = behavior->back_off.first_ns > 0 ? &behavior->back_off : NULL;
    compiled->pushes = behavior->pushes;
    compiled->pushes_count = behavior->pushes_count;
    if (behavior->words_count > program->words_count) {
        program->words_count = behavior->words_count;
    }
    for (uint32_t i = 0; i < tree->tables_count; i++) {
        const struct data_table *table = &tree->tables[i];
        if ((behavior->tables >> i & 1) != 0 && table->pick != DATA_RANDOM &&
            table->when_out != DATA_WRAP) {
            compiled->bounded_tables |= UINT32_C(1) << i;
        }
    }
    return valid;
}

static bool program__open(struct program *program, const struct scenario *scenario)
{
    const struct scenario_tree *tree = (const struct scenario_tree *)scenario;
    /* A step becomes two instructions at most (repeat, if), and one per branch; a behavior has
     * three ends. */
    size_t code_max = 2u * (size_t)tree->steps_count + tree->branches_count +
                      3u * (size_t)scenario->behaviors_count;
    program->framing = scenario->framing;
    program->lanes_count = scenario->load.in_flight;
    program->world =
        (struct value_world){.tables = tree->tables,
                             .tables_count = tree->tables_count,
                             .connections_count = scenario_connections_max(&scenario->load),
                             .lanes_count = scenario->load.in_flight};
    program->behaviors_count = scenario->behaviors_count;
    program->code = arena_take(&program->arena, code_max * sizeof *program->code);
    program->behaviors =
        arena_take(&program->arena, scenario->behaviors_count * sizeof *program->behaviors);
    program->step_names =
        arena_take(&program->arena, PROGRAM_STEPS_MAX * sizeof *program->step_names);
    return !program->arena.failed;
}

struct program *program_compile(const struct scenario *scenario, struct error *error)
{
    must(scenario->load.in_flight >= 1 && scenario->behaviors_count >= 1);
    struct program *program = calloc(1, sizeof *program);
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

/* --- What is wrong with a scenario only in view of its load. */

static bool program__is_used(const struct scenario *scenario, uint32_t table)
{
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        if ((scenario->behaviors[i].tables >> table & 1) != 0) {
            return true;
        }
    }
    return false;
}

/* A row for each connection: known before the first of them connects. */
static void program__check_tables(const struct scenario *scenario, struct mistakes *mistakes)
{
    const struct scenario_tree *tree = (const struct scenario_tree *)scenario;
    uint32_t connections = scenario_connections_max(&scenario->load);
    for (uint32_t i = 0; i < tree->tables_count; i++) {
        const struct data_table *table = &tree->tables[i];
        if (program__is_used(scenario, i) && table->pick == DATA_UNIQUE &&
            table->when_out == DATA_ERROR && table->rows_count < connections) {
            mistakes_tell(mistakes, scenario->path,
                          "`data.%s`: expected a row for each of %" PRIu32
                          " connections, found %" PRIu32 "; add rows, or say \"when_out\": "
                          "\"wrap\" or \"stop\"",
                          table->name, connections, table->rows_count);
        }
    }
}

void program_check(const struct scenario *scenario, struct mistakes *mistakes)
{
    const struct scenario_load *load = &scenario->load;
    bool open = load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        if (open && scenario->behaviors[i].loop == NULL) {
            mistakes_tell(mistakes, scenario->path,
                          "`behaviors[%" PRIu32 "].loop`: expected steps, because a rate is a "
                          "number of passes of the loop; found none",
                          i);
        }
        if (load->in_flight > 1 && scenario->behaviors[i].pushes_of_lane) {
            mistakes_tell(mistakes, scenario->path,
                          "`behaviors[%" PRIu32
                          "].on_push`: a push belongs to no lane, and each of "
                          "the %" PRIu32 " lanes has values of its own: compare with numbers, with "
                          "${conn}, or say \"in_flight\": 1",
                          i, load->in_flight);
        }
    }
    program__check_tables(scenario, mistakes);
}
