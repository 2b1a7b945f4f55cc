#include "program/program.h"

#include "core/must.h"
#include "proto/websocket.h"
#include "scenario/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct program__compiler {
    struct program *program;
    uint32_t counters_open;
    uint32_t barriers; /* of the behavior */
};

static bool program__body_is_unique(const struct body *body)
{
    for (uint32_t i = 0; i < body->parts_count; i++) {
        if (body->parts[i].form == PART_RANDOM && body->parts[i].bytes_min >= 8) {
            return true;
        }
    }
    return body->type == BODY_RANDOM && body->bytes_min >= 8;
}

/* Is it in the message? The values of a header that a send does not set have no captured names. */
static bool program__has_source(const struct message *message, enum operand_source source)
{
    for (uint32_t i = 0; i < message->body.parts_count; i++) {
        if (value_has_source(&message->body.parts[i].value, source)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < FRAMING_VALUES_MAX && message->has_values; i++) {
        if (value_has_source(&message->head_values[i], source)) {
            return true;
        }
    }
    return false;
}

static void program__measure_message(struct program *program, const struct framing *framing,
                                     uint32_t id, const struct body *body)
{
    uint32_t bytes = frame_encoded_bytes(framing, id, body->bytes_max);
    if (bytes > program->message_bytes_max) {
        program->message_bytes_max = bytes;
    }
}

static const struct message *program__message(struct program *program,
                                              const struct program_target *target,
                                              const struct send *send)
{
    struct message *message = arena_take(&program->arena, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    const struct framing *framing = send->unframed ? &program->unframed : target->framing;
    const struct body *body = &send->body;
    message->body = *body;
    message->id = send->id;
    message->unique = program__body_is_unique(body);
    if (frame_encoded_bytes(framing, send->id, body->bytes_max) == 0) {
        program->too_large_bytes = body->bytes_max;
    }
    program__measure_message(program, framing, send->id, body);
    message->framing = framing;
    message->seals = framing_seals(framing);
    message->has_values = framing_has_values(framing);
    message->head_values = send->head_values != NULL ? send->head_values : target->head_values;
    message->has_variables = program__has_source(message, OPERAND_VARIABLE);
    message->is_numbered = program__has_source(message, OPERAND_SEQUENCE);
    program->numbers = program->numbers || message->is_numbered;
    bool fragments = framing->websocket != NULL && framing->websocket->fragment_bytes > 0;
    if (body->bytes_min != body->bytes_max || fragments) {
        return message; /* the heads of fragments are as many as they are */
    }
    message->frame_bytes = frame_encoded_bytes(framing, send->id, body->bytes_min);
    message->head_bytes =
        (uint8_t)frame_write_head(framing, send->id, body->bytes_min, message->head);
    if (body->type != BODY_CONSTANT || framing->type == FRAMING_CODEC) {
        return message; /* a codec makes each anew */
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

static void program__steps(struct program__compiler *compiler, const struct step *step);

/* The index of a name in a list that has room for it; behaviors share names. */
static uint32_t program__name(const char **names, uint32_t *count, const char *name)
{
    uint32_t index = 0;
    while (index < *count && strcmp(names[index], name) != 0) {
        index++;
    }
    if (index == *count) {
        names[(*count)++] = name;
    }
    return index;
}

static void program__repeat(struct program__compiler *compiler, const struct step *step)
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
    program__steps(compiler, step->child);
    struct instruction *end = program__emit(program, ends[step->repeat]);
    end->target = target;
    end->counter = counter;
    compiler->counters_open--;
}

static void program__if(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *test = program__emit(program, OP_IF);
    test->condition = &step->condition;
    program__steps(compiler, step->child);
    struct instruction *jump = program__emit(program, OP_JUMP);
    test->target = program->code_count;
    program__steps(compiler, step->other);
    jump->target = program->code_count;
}

static void program__choose(struct program__compiler *compiler, const struct step *step)
{
    struct program *program = compiler->program;
    struct instruction *choose = program__emit(program, OP_CHOOSE);
    struct choice *choice = arena_take(&program->arena, sizeof *choice);
    uint32_t count = step->branches_count;
    uint32_t *jumps = arena_take(&program->arena, count * sizeof *jumps);
    double sum = 0;
    double below = 0;
    if (choice == NULL || jumps == NULL) {
        return; /* the arena says so at the end */
    }
    choice->count = count;
    choice->below = arena_take(&program->arena, count * sizeof *choice->below);
    choice->targets = arena_take(&program->arena, count * sizeof *choice->targets);
    for (uint32_t i = 0; i < count; i++) {
        sum += step->branches[i].weight;
    }
    for (uint32_t i = 0; i < count && !program->arena.failed; i++) {
        below += step->branches[i].weight / sum;
        choice->below[i] = i + 1 == count ? 1 : below;
        choice->targets[i] = program->code_count;
        program__steps(compiler, step->branches[i].steps);
        jumps[i] = program->code_count;
        program__emit(program, OP_JUMP);
    }
    for (uint32_t i = 0; i < count; i++) {
        program->code[jumps[i]].target = program->code_count;
    }
    choose->choice = choice;
}

/* A step that has none inside. */
static void program__simple(struct program__compiler *compiler, const struct step *step,
                            enum instruction_op op)
{
    struct program *program = compiler->program;
    program->code_paths[program->code_count] = step->path;
    struct instruction *instruction = program__emit(program, op);
    const struct program_target *target = &program->targets[step->target];
    instruction->after_ns = step->after_ns;
    instruction->wait = &step->wait;
    if (op == OP_SEND || op == OP_REQUEST) {
        const struct message *message = program__message(program, target, &step->send);
        program->keeps_sent = program->keeps_sent || (message != NULL && message->has_variables);
        instruction->message = message;
    }
    if (op == OP_EXPECT || op == OP_REQUEST) {
        program__measure_message(program, target->framing, (uint32_t)step->wait.match.value,
                                 &step->wait.verify.body);
    }
    if (op == OP_REQUEST) {
        instruction->step = program__name(program->step_names, &program->steps_count, step->name);
        instruction->target = step->target;
    } else if (op == OP_BARRIER) {
        instruction->index =
            (uint8_t)program__name(program->barrier_names, &program->barriers_count, step->name);
        compiler->barriers |= UINT32_C(1) << instruction->index;
    } else if (op == OP_MARK) {
        instruction->index =
            (uint8_t)program__name(program->mark_names, &program->marks_count, step->name);
    } else if (op == OP_RECEIVE) {
        instruction->index = step->receives;
    } else if (op == OP_DISCONNECT) {
        instruction->disconnect = (uint8_t)step->disconnect;
    } else if (op == OP_RECONNECT) {
        instruction->reconnect = &step->reconnect;
    } else if (op == OP_THINK) {
        instruction->think = &step->think;
    } else if (op == OP_SET) {
        instruction->set = step->sets;
    } else if (op == OP_LOG) {
        instruction->text = &step->text;
        program->logs = true;
    }
}

static void program__steps(struct program__compiler *compiler, const struct step *step)
{
    static const uint8_t ops[] = {[STEP_SEND] = OP_SEND,
                                  [STEP_EXPECT] = OP_EXPECT,
                                  [STEP_REQUEST] = OP_REQUEST,
                                  [STEP_THINK] = OP_THINK,
                                  [STEP_SET] = OP_SET,
                                  [STEP_BARRIER] = OP_BARRIER,
                                  [STEP_DISCONNECT] = OP_DISCONNECT,
                                  [STEP_RECONNECT] = OP_RECONNECT,
                                  [STEP_EXPECT_CLOSE] = OP_EXPECT_CLOSE,
                                  [STEP_AT] = OP_AT,
                                  [STEP_RECEIVE] = OP_RECEIVE,
                                  [STEP_MARK] = OP_MARK,
                                  [STEP_LOG] = OP_LOG,
                                  [STEP_SECURE] = OP_SECURE};
    for (; step != NULL; step = step->next) {
        if (step->type == STEP_REPEAT) {
            program__repeat(compiler, step);
        } else if (step->type == STEP_CHOOSE) {
            program__choose(compiler, step);
        } else if (step->type == STEP_IF) {
            program__if(compiler, step);
        } else {
            program__simple(compiler, step, (enum instruction_op)ops[step->type]);
        }
    }
}

/* One of setup, loop and teardown; returns where it begins. */
static uint32_t program__range(struct program__compiler *compiler, const struct step *step)
{
    uint32_t begin = compiler->program->code_count;
    program__steps(compiler, step);
    program__emit(compiler->program, OP_END);
    return begin;
}

/* --- What the expects of a behavior look back for, so that no other message is kept. */

static const struct wait *program__looks_back(const struct instruction *instruction)
{
    bool expects = instruction->op == OP_EXPECT;
    return expects && instruction->wait->since != WAIT_SINCE_STEP ? instruction->wait : NULL;
}

static bool program__reads_body(const struct wait *wait)
{
    bool reads = wait->raw || wait->captures_count > 0 || wait->match.source != MATCH_FIELD_NONE;
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        reads = reads || verify->type != VERIFY_NONE;
    }
    return reads;
}

static bool program__reads_head(const struct wait *wait)
{
    bool reads = place_looks_at_head(&wait->match.place);
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        reads = reads || place_looks_at_head(&verify->place);
    }
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        reads = reads || place_looks_at_head(&wait->captures[i].place);
    }
    return reads;
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
        if (program__reads_body(wait)) {
            program->inbox_bytes_max = PROGRAM_INBOX_BYTES_MAX;
        }
        program->inbox_keeps_heads = program->inbox_keeps_heads || program__reads_head(wait);
        if (wait->since == WAIT_SINCE_CONNECTED) {
            behavior->expects_since_connected = true;
        }
        if (wait->match.any_id) {
            behavior->expects_any = true;
            behavior->expects_any_matched =
                behavior->expects_any_matched || wait->match.is_explicit;
        } else if (!program__is_listed(ids, behavior->expected_ids_count, wait->match.id)) {
            ids[behavior->expected_ids_count++] = wait->match.id;
        }
    }
}

/* --- What is sent beside the steps. */

static void program__pushes(struct program *program, const struct scenario_behavior *behavior,
                            struct program_behavior *compiled)
{
    uint32_t count = behavior->pushes_count;
    struct program_push *pushes = arena_take(&program->arena, (count + 1) * sizeof *pushes);
    if (pushes == NULL) {
        return; /* the arena says so at the end */
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct push *push = &behavior->pushes[i];
        pushes[i] = (struct program_push){
            .push = push, .claims = push->has_answer || push->wait.captures_count > 0};
        if (push->has_answer) {
            pushes[i].answer =
                program__message(program, &program->targets[push->target], &push->answer);
            program->answers = true;
            program->answers_vary = program->answers_vary ||
                                    (pushes[i].answer != NULL && pushes[i].answer->has_variables);
        }
    }
    compiled->pushes = pushes;
    compiled->pushes_count = count;
}

static void program__beats(struct program *program, const struct scenario_behavior *behavior,
                           struct program_behavior *compiled)
{
    uint32_t count = behavior->beats_count;
    struct program_beat *beats = arena_take(&program->arena, (count + 1) * sizeof *beats);
    if (beats == NULL) {
        return;
    }
    compiled->listens = compiled->pushes_count > 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct beat *beat = &behavior->beats[i];
        beats[i] = (struct program_beat){
            .beat = beat,
            .message = program__message(program, &program->targets[beat->target], &beat->send)};
        compiled->listens = compiled->listens || beat->has_reply;
    }
    compiled->beats = beats;
    compiled->beats_count = count;
    program->beats_max = count > program->beats_max ? count : program->beats_max;
}

static bool program__overlap(const struct match *a, const struct match *b)
{
    return a->any_id || b->any_id || a->id == b->id;
}

bool program_match_alike(const struct match *a, const struct match *b)
{
    return a->any_id == b->any_id &&
           (a->source == MATCH_FIELD_NONE) == (b->source == MATCH_FIELD_NONE);
}

static bool program__is_behind_beats(const struct program_behavior *behavior,
                                     const struct match *match)
{
    for (uint32_t i = 0; i < behavior->beats_count; i++) {
        const struct beat *beat = behavior->beats[i].beat;
        if (beat->has_reply && program__overlap(&beat->reply.match, match) &&
            program_match_alike(&beat->reply.match, match)) {
            return true;
        }
    }
    return false;
}

/* Could a rule, or a heartbeat's reply, take the messages of this step first? */
static bool program__is_behind(const struct program_behavior *behavior, const struct match *match)
{
    bool behind = false;
    for (uint32_t i = 0; i < behavior->pushes_count; i++) {
        behind = behind || (behavior->pushes[i].claims &&
                            program__overlap(&behavior->pushes[i].push->wait.match, match));
    }
    for (uint32_t i = 0; i < behavior->beats_count; i++) {
        const struct beat *beat = behavior->beats[i].beat;
        behind = behind || (beat->has_reply && program__overlap(&beat->reply.match, match));
    }
    return behind && !match->is_explicit;
}

static void program__rank_steps(struct program *program, const struct program_behavior *behavior)
{
    for (uint32_t i = behavior->setup; i < program->code_count; i++) {
        struct instruction *instruction = &program->code[i];
        if (instruction->op == OP_REQUEST || instruction->op == OP_EXPECT) {
            const struct match *match = &instruction->wait->match;
            bool rules = program__is_behind(behavior, match);
            bool beats = instruction->op == OP_REQUEST && program__is_behind_beats(behavior, match);
            instruction->index =
                (uint8_t)((rules ? PROGRAM_BEHIND_RULES : 0) | (beats ? PROGRAM_BEHIND_BEATS : 0));
        }
    }
}

static void program__behavior(struct program__compiler *compiler,
                              const struct scenario_behavior *behavior,
                              struct program_behavior *compiled)
{
    struct program *program = compiler->program;
    compiler->barriers = 0;
    compiled->name = behavior->name;
    compiled->weight = behavior->weight;
    compiled->target = behavior->target;
    compiled->teardown_target = behavior->teardown_target;
    compiled->has_loop = behavior->loop != NULL;
    compiled->connects_in_loop = behavior->connects_in_loop;
    compiled->loop_opens = behavior->loop_opens;
    compiled->reconnects = behavior->on_disconnect == ON_DISCONNECT_RECONNECT;
    compiled->may_close = behavior->may_close;
    compiled->setup = program__range(compiler, behavior->setup);
    compiled->loop = program__range(compiler, behavior->loop);
    compiled->teardown = program__range(compiler, behavior->teardown);
    compiled->first_step = UINT32_MAX;
    compiled->first_target = UINT32_MAX;
    for (uint32_t i = compiled->teardown; i-- > compiled->loop;) {
        if (program->code[i].op == OP_REQUEST) {
            bool named = program->targets[program->code[i].target].name != NULL;
            compiled->first_step = program->code[i].step;
            compiled->first_target = named ? program->code[i].target : UINT32_MAX;
        }
    }
    compiled->barriers = compiler->barriers;
    program__list_expected(program, compiled);
    compiled->back_off = behavior->back_off.first_ns > 0 ? &behavior->back_off : NULL;
    program__pushes(program, behavior, compiled);
    program__beats(program, behavior, compiled);
    compiled->requests = behavior->requests;
    program__rank_steps(program, compiled);
    if (behavior->words_count > program->words_count) {
        program->words_count = behavior->words_count;
    }
    for (uint32_t i = 0; i < program->world.tables_count; i++) {
        const struct data_table *table = &program->world.tables[i];
        if ((behavior->tables >> i & 1) != 0 && table->pick != DATA_RANDOM &&
            table->when_out != DATA_WRAP) {
            compiled->bounded_tables |= UINT32_C(1) << i;
        }
    }
}

static void program__open_targets(struct program *program, const struct scenario *scenario)
{
    program->targets_count = scenario_names_targets(scenario) ? scenario->targets_count : 1;
    program->targets =
        arena_take(&program->arena, program->targets_count * sizeof *program->targets);
    for (uint32_t i = 0; i < program->targets_count && program->targets != NULL; i++) {
        const struct scenario_target *target = &scenario->targets[i];
        struct value *values = arena_take(&program->arena, FRAMING_VALUES_MAX * sizeof *values);
        for (uint32_t j = 0; j < target->protocol->head_values_count && values != NULL; j++) {
            values[j] = target->protocol->head_values[j].value;
        }
        program->targets[i] = (struct program_target){
            .name = target->name,
            .framing = &target->protocol->framing,
            .head_values = values,
            .request =
                target->protocol->request.parts_count > 0 ? &target->protocol->request : NULL,
            .tls_by_step = target->tls != NULL && target->tls->by_step};
        uint32_t state_bytes = frame_state_bytes(&target->protocol->framing);
        if (state_bytes > program->codec_state_bytes) {
            program->codec_state_bytes = state_bytes;
        }
    }
}

static bool program__open(struct program *program, const struct scenario *scenario)
{
    const struct scenario_tree *tree = (const struct scenario_tree *)scenario;
    /* A step becomes two instructions at most (repeat, if), and one per branch; a behavior has
     * three ends. */
    size_t code_max = 2u * (size_t)tree->steps_count + tree->branches_count +
                      3u * (size_t)scenario->behaviors_count;
    program->unframed =
        (struct framing){.type = FRAMING_RAW, .frame_bytes_max = FRAMING_FRAME_BYTES_MAX};
    program__open_targets(program, scenario);
    program->lanes_count = scenario->load.in_flight;
    program->world =
        (struct value_world){.tables = tree->tables,
                             .tables_count = tree->tables_count,
                             .connections_count = scenario_connections_max(&scenario->load),
                             .lanes_count = scenario->load.in_flight};
    program->behaviors_count = scenario->behaviors_count;
    program->code = arena_take(&program->arena, code_max * sizeof *program->code);
    program->code_paths = arena_take(&program->arena, code_max * sizeof *program->code_paths);
    program->behaviors =
        arena_take(&program->arena, scenario->behaviors_count * sizeof *program->behaviors);
    program->step_names =
        arena_take(&program->arena, (tree->steps_count + 1) * sizeof *program->step_names);
    return !program->arena.failed;
}

struct program *program_compile(const struct scenario *scenario, struct error *error)
{
    must(scenario->load.in_flight >= 1 && scenario->behaviors_count >= 1);
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL || !program__open(program, scenario)) {
        goto no_memory;
    }
    struct program__compiler compiler = {.program = program};
    for (uint32_t i = 0; i < scenario->behaviors_count; i++) {
        program__behavior(&compiler, &scenario->behaviors[i], &program->behaviors[i]);
    }
    if (program->arena.failed) {
        goto no_memory;
    }
    program->looked_bytes = program_looked_bytes(program);
    program->counters_count += program->numbers ? 2 : 0; /* the last ones: of its messages */
    if (program->too_large_bytes > 0) {
        error_set(error,
                  "%s: a body of %" PRIu32 " bytes is more than the codec takes: make it shorter, "
                  "or raise the codec's message_bytes_max",
                  scenario->path, program->too_large_bytes);
        program_destroy(program);
        return NULL;
    }
    if (program->steps_count > PROGRAM_STEPS_MAX) {
        error_set(error, "%s: expected at most %d names of requests, found more", scenario->path,
                  PROGRAM_STEPS_MAX);
        program_destroy(program);
        return NULL;
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
            mistakes_report(mistakes, scenario->path,
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
            mistakes_report(mistakes, scenario->path,
                            "`behaviors[%" PRIu32 "].loop`: expected steps, because a rate is a "
                            "number of passes of the loop; found none",
                            i);
        }
        if (load->in_flight > 1 && scenario->behaviors[i].moves) {
            mistakes_report(mistakes, scenario->path,
                            "`behaviors[%" PRIu32 "].loop`: it goes to several targets, and "
                            "another of the %" PRIu32 " lanes may begin it at any of them: begin "
                            "it with { \"reconnect\": { \"to\": ... } }, or say \"in_flight\": 1",
                            i, load->in_flight);
        }
        const struct scenario_behavior *behavior = &scenario->behaviors[i];
        if (load->in_flight > 1 && behavior->takes_unframed) {
            mistakes_report(mistakes, scenario->path,
                            "`behaviors[%" PRIu32 "].loop`: `unframed` bytes are in front of the "
                            "next message, which may be another's of the %" PRIu32
                            " lanes: say \"in_flight\": 1",
                            i, load->in_flight);
        }
        if (load->in_flight > 1 && (behavior->pushes_of_lane || behavior->beats_of_lane)) {
            mistakes_report(mistakes, scenario->path,
                            "`behaviors[%" PRIu32 "].%s`: a push belongs to no lane, and each of "
                            "the %" PRIu32 " lanes has its own values: use numbers, ${conn} or "
                            "names that only `setup` and `on_push` give, or say \"in_flight\": 1",
                            i, behavior->pushes_of_lane ? "on_push" : "every", load->in_flight);
        }
    }
    program__check_tables(scenario, mistakes);
}
