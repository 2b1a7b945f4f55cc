/* Steps of a lane alone: thinks, variables, branches, notes. */
#include "vm/internal.h"

#include "core/must.h"
#include "core/prng.h"

#include <string.h>

struct message_scope vm_step_scope(const struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    struct message_scope scope = vm_lane_scope(vm, lane);
    scope.key = vm_lane_draw(vm, lane);
    scope.stamp_ns = now_ns;
    return scope;
}

static int64_t vm_step__think_ns(const struct vm *vm, struct vm_lane *lane,
                                 const struct think *think)
{
    bool drawn = think->type != THINK_CONSTANT; /* a draw would change those that follow */
    return think_draw_ns(think, drawn ? vm_lane_draw(vm, lane) : 0);
}

/* The lane does nothing until it is free. */
static bool vm_step__pause(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    if (lane->free_ns <= now_ns) {
        return true;
    }
    lane->state = VM_LANE_THINKING;
    vm_lane_set_due(vm, lane, lane->free_ns);
    if (vm->traced) {
        vm_trace_pauses(vm, lane, now_ns);
    }
    return false;
}

bool vm_step_think(struct vm *vm, struct vm_lane *lane, const struct think *think, int64_t now_ns)
{
    int64_t think_ns = vm_step__think_ns(vm, lane, think);
    /* A late lane thinks as long as a punctual one: from when it was free. */
    int64_t begin_ns = vm_due_base_ns(lane);
    lane->time_ns += think_ns;
    lane->origin_ns += think_ns;
    lane->free_ns = begin_ns + think_ns;
    return vm_step__pause(vm, lane, now_ns);
}

bool vm_step_at(struct vm *vm, struct vm_lane *lane, int64_t offset_ns, int64_t now_ns)
{
    int64_t at_ns = vm->connected_ns + offset_ns;
    int64_t begin_ns = vm_due_base_ns(lane);
    /* The next action is due at that moment, even where the lane is not free then. */
    lane->time_ns = at_ns;
    lane->free_ns = begin_ns > at_ns ? begin_ns : at_ns;
    lane->origin_ns += lane->free_ns - begin_ns;
    return vm_step__pause(vm, lane, now_ns);
}

void vm_step_set(struct vm *vm, struct vm_lane *lane, const struct set *set, int64_t now_ns)
{
    for (; set != NULL; set = set->next) {
        struct message_scope scope = vm_step_scope(vm, lane, now_ns);
        uint64_t *words = vm_lane_variables(vm, lane) + set->word;
        if (set->type != VALUE_TEXT) {
            *words = value_bits(&set->value, &scope, 0);
            continue;
        }
        uint8_t text[VALUE_SET_BYTES_MAX]; /* the old text may be a part of the new one */
        uint32_t bytes = message_body_bytes(&set->body, &scope);
        must(bytes <= sizeof text);
        message_write_body(&set->body, &scope, text);
        words[0] = bytes < set->text_bytes_max ? bytes : set->text_bytes_max;
        memcpy(words + 1, text, words[0]);
    }
}

void vm_step_log(struct vm *vm, struct vm_lane *lane, const struct body *text, int64_t now_ns)
{
    uint8_t line[512];
    struct message_scope scope = vm_step_scope(vm, lane, now_ns);
    uint32_t bytes = message_body_bytes(text, &scope);
    must(bytes <= sizeof line);
    message_write_body(text, &scope, line);
    vm->observer->logged(vm->observer->context, line, bytes, now_ns);
}

static bool vm_step__holds(struct vm *vm, struct vm_lane *lane, const struct condition *condition,
                           int64_t now_ns)
{
    struct message_scope scope = vm_step_scope(vm, lane, now_ns);
    const struct value *left = &condition->left;
    const struct value *right = &condition->right;
    if (left->type == VALUE_TEXT) {
        bool equal = value_text_equals(left, right, &scope);
        return equal == (condition->comparison == COMPARE_EQUALS);
    }
    return value_compare(value_bits(left, &scope, 0), left->type, condition->comparison,
                         value_bits(right, &scope, 1), right->type);
}

static uint32_t vm_step__choose(struct vm *vm, struct vm_lane *lane, const struct choice *choice)
{
    uint64_t key = vm_lane_draw(vm, lane);
    double drawn = prng_unit(key, 0, 0);
    uint32_t branch = 0;
    while (branch + 1 < choice->count && drawn >= choice->below[branch]) {
        branch++;
    }
    return choice->targets[branch];
}

/* May no further round of a loop begin? A run ends by its plan, even before vm_on_stop(), which
 * comes later where arrivals that were due before the stop have yet to begin (open loop). */
static bool vm_step__is_ending(const struct vm *vm, int64_t now_ns)
{
    const int64_t *end_ns = vm->observer->end_ns;
    if (vm->phase == VM_PHASE_TEARDOWN) {
        return vm->cut;
    }
    bool over = !vm->closed_loop && end_ns != NULL && now_ns >= *end_ns;
    return vm->stopping || vm->cut || over;
}

uint32_t vm_step_jump(struct vm *vm, struct vm_lane *lane, int64_t now_ns)
{
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    uint64_t *counter = &lane->values[instruction->counter];
    uint32_t next = lane->instruction + 1;
    int64_t base_ns = vm_due_base_ns(lane);
    int64_t begin_ns = base_ns > lane->done_ns ? base_ns : lane->done_ns;
    switch ((enum instruction_op)instruction->op) {
    case OP_REPEAT_BEGIN:
        *counter = instruction->times;
        return next;
    case OP_REPEAT_END:
        return --*counter > 0 ? instruction->target : next;
    case OP_FOR_BEGIN:
        *counter = (uint64_t)(begin_ns + instruction->after_ns);
        return next;
    case OP_FOR_END:
        /* A drain does not wait for a round that has not begun; teardown is played to its end. */
        return now_ns < (int64_t)*counter && !vm_step__is_ending(vm, now_ns) ? instruction->target
                                                                             : next;
    case OP_UNTIL_END:
        return vm->stopping || vm_step__is_ending(vm, now_ns) ? next : instruction->target;
    case OP_JUMP:
        return instruction->target;
    case OP_CHOOSE:
        return vm_step__choose(vm, lane, instruction->choice);
    case OP_IF:
        return vm_step__holds(vm, lane, instruction->condition, now_ns) ? next
                                                                        : instruction->target;
    default:
        must(false);
        return next;
    }
}

bool vm_step_ends_next(const struct vm *vm, struct vm_lane *lane)
{
    const struct instruction *code = vm->program->code;
    uint32_t at = lane->instruction + 1;
    while (code[at].op != OP_END) {
        switch ((enum instruction_op)code[at].op) {
        case OP_REPEAT_END:
            if (lane->values[code[at].counter] > 1) {
                return false;
            }
            at++;
            break;
        case OP_FOR_END:
        case OP_UNTIL_END:
            at++;
            break;
        case OP_JUMP: /* over the rest of an `if` or `choose`; a repeat until the end begins so */
            if (code[at].target <= at + 1) {
                return false;
            }
            at = code[at].target;
            break;
        default:
            return false;
        }
    }
    return true;
}
