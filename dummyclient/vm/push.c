/* Messages that no request has taken, judged by the rules of on_push; and the answers to them. */
#include "vm/internal.h"

#include "core/clock.h"

#include <string.h>

#define VM_PUSH_CLOCK_ERROR_NS ((uint64_t)(10 * NS_PER_MS))

/* --- Rules. */

/* The rule that applies; NULL: none does. */
static const struct program_push *vm_push__find(const struct vm *vm, const struct frame *frame)
{
    const struct program_behavior *behavior = vm->behavior;
    for (uint32_t i = 0; i < behavior->pushes_count; i++) {
        const struct push *push = behavior->pushes[i].push;
        const struct match *match = &push->wait.match;
        if (push->target == vm->target && vm_wait_matches(vm, match, match->value, frame)) {
            return &behavior->pushes[i];
        }
    }
    return NULL;
}

bool vm_push_claims(const struct vm *vm, const struct frame *frame)
{
    const struct program_push *rule = vm_push__find(vm, frame);
    return rule != NULL && rule->claims;
}

/* From the stamp until now, on the one clock of the run; -1: this run cannot have made it. */
static int64_t vm_push__fanout_ns(const struct vm *vm, uint64_t stamp_ns, int64_t received_ns)
{
    int64_t run_ns = received_ns + vm->run_clock_offset_ns;
    if (run_ns >= 0 && stamp_ns <= (uint64_t)run_ns) {
        return run_ns - (int64_t)stamp_ns;
    }
    /* Two machines know that clock only nearly: what was sent just now may seem to come before. */
    return run_ns >= 0 && stamp_ns - (uint64_t)run_ns <= VM_PUSH_CLOCK_ERROR_NS ? 0 : -1;
}

/* A push belongs to the connection: every lane has what is captured from it. */
static bool vm_push__capture(const struct vm *vm, const struct wait *wait,
                             const struct frame *frame)
{
    bool whole = true;
    for (uint32_t i = 0; i < vm->program->lanes_count && wait->captures_count > 0; i++) {
        whole = vm_wait_capture(vm, wait, frame, vm_lane_variables(vm, vm_lane_at(vm, i))) && whole;
    }
    return whole;
}

/* --- Answers. */

static uint64_t *vm_push__words(const struct vm *vm, uint32_t place)
{
    uint64_t *words = (uint64_t *)(void *)(vm_asides_of(vm)->beats + vm->program->beats_max);
    return words + (size_t)place * vm->program->words_count;
}

/* Our side is open: nothing is owed by a connection that the scenario has closed. */
static void vm_push__answer(struct vm *vm, const struct program_push *rule)
{
    struct vm_asides *asides = vm_asides_of(vm);
    if (vm->link != VM_LINK_OPEN || vm->phase == VM_PHASE_FINISHED) {
        return;
    }
    vm_aside_open(vm);
    if (asides->count == VM_ANSWERS_MAX) {
        vm->observer->answered(vm->observer->context, false);
        return;
    }
    uint32_t place = (uint32_t)(asides->first + asides->count++) % VM_ANSWERS_MAX;
    asides->rules[place] = (uint16_t)(rule - vm->behavior->pushes);
    if (rule->answer->has_variables) {
        memcpy(vm_push__words(vm, place), vm_lane_variables(vm, vm_lane_at(vm, 0)),
               vm->program->words_count * sizeof(uint64_t));
    }
    vm->asides = true;
}

bool vm_push_check(struct vm *vm, const struct frame *frame, int64_t received_ns)
{
    const struct program_push *rule = vm_push__find(vm, frame);
    if (rule == NULL) {
        return false;
    }
    const struct push *push = rule->push;
    struct place_value stamp;
    int64_t fanout_ns = -1;
    bool mismatch = !vm_wait_verify(vm, vm_lane_at(vm, 0), &push->wait.verify, frame);
    if (push->fanout.form != PLACE_NONE) {
        bool found = place_read(&push->fanout, vm_framing(vm), frame, &stamp) == PLACE_FOUND;
        fanout_ns = found ? vm_push__fanout_ns(vm, stamp.bits, received_ns) : -1;
        mismatch = mismatch || fanout_ns < 0;
    }
    mismatch = !vm_push__capture(vm, &push->wait, frame) || mismatch;
    if (vm->traced) {
        vm_trace_note(vm, "rule %u of `on_push` takes it%s",
                      (unsigned)(rule - vm->behavior->pushes) + 1,
                      mismatch ? ": it is not what the rule says" : "");
    }
    bool answers = rule->answer != NULL && !mismatch;
    vm->observer->push_checked(vm->observer->context, frame->id,
                               mismatch  ? VM_PUSH_WRONG
                               : answers ? VM_PUSH_ANSWERED
                                         : VM_PUSH_RIGHT,
                               fanout_ns);
    if (answers) {
        vm_push__answer(vm, rule);
    }
    return rule->claims;
}

const struct message *vm_push_take(struct vm *vm, const uint64_t **variables)
{
    struct vm_asides *asides = vm_asides_of(vm);
    if (asides->count == 0) {
        return NULL;
    }
    uint32_t place = asides->first;
    asides->count--;
    /* An empty ring begins anew, so that most connections touch its first place only. */
    asides->first = asides->count == 0 ? 0 : (uint16_t)((place + 1) % VM_ANSWERS_MAX);
    *variables = vm_push__words(vm, place);
    vm->observer->answered(vm->observer->context, true);
    return vm->behavior->pushes[asides->rules[place]].answer;
}

void vm_push_drop(struct vm *vm)
{
    for (struct vm_asides *asides = vm_asides_of(vm); asides->count > 0; asides->count--) {
        vm->observer->answered(vm->observer->context, false);
    }
}
