/* Heartbeats: messages that are sent on a period, or when nothing else has been sent for a time.
 *
 * They begin when the connection is made, or when setup is done, and end with our side of it. None
 * is made up for: while one waits for room, those that are due are left out. Whether the one before
 * was answered changes nothing: each has its own time for its reply. */
#include "vm/internal.h"

#include "core/clock.h"
#include "core/prng.h"

#include <string.h>

/* Draws of their phases, apart from those of the lanes and of what they carry. */
#define VM_BEAT_STREAM (UINT32_MAX - 1)
/* A silence is shortened by up to so much, so that connections which fell silent together do not
 * speak together; it is never longer than it says. */
#define VM_BEAT_SPREAD 0.1
#define VM_BEAT_NS_MAX (INT64_C(86400) * NS_PER_S)

static double vm_beat__draw(const struct vm *vm, uint32_t index, uint32_t count)
{
    return prng_unit(prng_mix(vm->connection_key, VM_BEAT_STREAM), index, count);
}

static bool vm_beat__runs(const struct vm *vm, uint32_t index)
{
    const struct beat *rule = vm->behavior->beats[index].beat;
    return vm->link == VM_LINK_OPEN && vm->phase != VM_PHASE_FINISHED &&
           rule->target == vm->target && !(rule->after_setup && vm->phase == VM_PHASE_SETUP);
}

/* How long it is until the next one; 0: there is none. What the run knows has the bounds of what a
 * scenario may say. */
static int64_t vm_beat__interval_ns(const struct vm *vm, uint32_t index, uint32_t draw)
{
    const struct interval *interval = &vm->behavior->beats[index].beat->interval;
    if (interval->unit_ns == 0) {
        return interval->ns;
    }
    struct message_scope scope = vm_lane_scope(vm, vm_lane_at(vm, 0));
    scope.key = prng_mix(prng_mix(vm->connection_key, VM_BEAT_STREAM), index);
    uint64_t bits = value_bits(&interval->value, &scope, draw);
    double ns = value_as_double(bits, interval->value.type) * (double)interval->unit_ns;
    if (!(ns > 0)) {
        return 0;
    }
    return ns < (double)NS_PER_MS        ? NS_PER_MS
           : ns > (double)VM_BEAT_NS_MAX ? VM_BEAT_NS_MAX
                                         : (int64_t)ns;
}

/* When the next one is due after this moment. */
static void vm_beat__schedule(const struct vm *vm, uint32_t index, int64_t now_ns)
{
    struct vm_beat *beat = &vm_asides_of(vm)->beats[index];
    uint32_t draw = beat->drawn_count++;
    int64_t interval_ns = vm_beat__interval_ns(vm, index, draw);
    beat->interval_ns = interval_ns;
    if (interval_ns == 0) {
        beat->send_ns = TIME_NEVER_NS;
        return;
    }
    if (!vm->behavior->beats[index].beat->by_silence) {
        int64_t late_ns = now_ns - beat->send_ns;
        beat->send_ns = now_ns + interval_ns - late_ns % interval_ns;
        return;
    }
    double drawn = vm_beat__draw(vm, index, draw);
    beat->interval_ns -= (int64_t)(VM_BEAT_SPREAD * drawn * (double)interval_ns);
    beat->send_ns = now_ns + beat->interval_ns;
}

/* Those that begin now. */
static void vm_beat__begin(struct vm *vm, bool after_setup, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        const struct beat *rule = vm->behavior->beats[i].beat;
        struct vm_beat *beat = &vm_asides_of(vm)->beats[i];
        if (rule->after_setup != after_setup) {
            continue;
        }
        beat->send_ns = now_ns;
        vm_beat__schedule(vm, i, now_ns);
        if (!rule->by_silence && beat->interval_ns > 0) {
            /* The first one at any moment of the first period. */
            double drawn = vm_beat__draw(vm, i, beat->drawn_count++);
            beat->send_ns = now_ns + (int64_t)(drawn * (double)beat->interval_ns);
        }
        vm->next_ns = beat->send_ns < vm->next_ns ? beat->send_ns : vm->next_ns;
    }
}

void vm_beat_open(struct vm *vm, int64_t now_ns)
{
    if (vm->behavior->beats_count == 0) {
        return;
    }
    vm_aside_open(vm);
    struct vm_asides *asides = vm_asides_of(vm);
    asides->last_sent_ns = now_ns;
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        struct vm_beat *beat = &asides->beats[i];
        beat->owed = false;
        beat->unanswered_count = 0;
        beat->send_ns = TIME_NEVER_NS;
    }
    vm_beat__begin(vm, false, now_ns);
    if (vm->phase != VM_PHASE_SETUP) {
        vm_beat__begin(vm, true, now_ns);
    }
}

void vm_beat_setup_done(struct vm *vm, int64_t now_ns)
{
    if (vm->link == VM_LINK_OPEN) {
        vm_beat__begin(vm, true, now_ns);
    }
}

/* When it times out; and then, until when a late reply is awaited. */
static int64_t vm_beat__ends_ns(const struct vm *vm, uint32_t index,
                                const struct vm_unanswered *unanswered)
{
    int64_t within_ns = vm->behavior->beats[index].beat->reply.within_ns;
    return unanswered->reply_ns + (unanswered->late ? within_ns : 0);
}

static void vm_beat__remove(struct vm_beat *beat, uint32_t n)
{
    beat->unanswered_count--;
    memmove(&beat->unanswered[n], &beat->unanswered[n + 1],
            (beat->unanswered_count - n) * sizeof beat->unanswered[0]);
}

int64_t vm_beat_next_ns(const struct vm *vm, int64_t seen_ns, int64_t now_ns)
{
    int64_t earliest_ns = TIME_NEVER_NS;
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        if (!vm_beat__runs(vm, i)) {
            continue;
        }
        const struct vm_beat *beat = &vm_asides_of(vm)->beats[i];
        earliest_ns = beat->send_ns < earliest_ns ? beat->send_ns : earliest_ns;
        for (uint32_t n = 0; n < beat->unanswered_count; n++) {
            int64_t ends_ns = vm_beat__ends_ns(vm, i, &beat->unanswered[n]);
            bool held = ends_ns > seen_ns && ends_ns <= now_ns;
            ends_ns = held ? now_ns + 1 : ends_ns;
            earliest_ns = ends_ns < earliest_ns ? ends_ns : earliest_ns;
        }
    }
    return earliest_ns;
}

/* Its reply has not come. False when that restarted the connection. */
static bool vm_beat__time_out(struct vm *vm, uint32_t index, struct vm_unanswered *unanswered,
                              int64_t now_ns)
{
    const struct wait *reply = &vm->behavior->beats[index].beat->reply;
    enum on_timeout on_timeout = reply->on_timeout;
    if (vm->traced) {
        vm_trace_event(vm, now_ns, "heartbeat %u of `every` has timed out", (unsigned)index + 1);
    }
    vm->observer->heartbeat(vm->observer->context, VM_BEAT_TIMED_OUT,
                            unanswered->reply_ns - reply->within_ns, unanswered->reply_ns);
    unanswered->late = true;
    if (on_timeout == ON_TIMEOUT_RECONNECT) {
        vm_restart(vm, now_ns);
        return false;
    }
    if (on_timeout == ON_TIMEOUT_FAIL) {
        vm_fail(vm, PROGRAM_STEP_NONE);
    }
    return true;
}

/* The same of all whose time is over; and those that are late for as long again are given up. */
static bool vm_beat__expire_replies(struct vm *vm, uint32_t index, int64_t seen_ns, int64_t now_ns)
{
    struct vm_beat *beat = &vm_asides_of(vm)->beats[index];
    for (uint32_t n = 0; n < beat->unanswered_count;) {
        struct vm_unanswered *unanswered = &beat->unanswered[n];
        if (vm_beat__ends_ns(vm, index, unanswered) > seen_ns) {
            n++;
        } else if (unanswered->late) {
            vm_beat__remove(beat, n);
        } else if (!vm_beat__time_out(vm, index, unanswered, now_ns)) {
            return false;
        }
    }
    return true;
}

/* Can it be remembered that it was sent? One that is late makes room. */
static bool vm_beat__has_room(const struct vm *vm, uint32_t index)
{
    const struct vm_beat *beat = &vm_asides_of(vm)->beats[index];
    return !vm->behavior->beats[index].beat->has_reply ||
           beat->unanswered_count < VM_UNANSWERED_MAX || beat->unanswered[0].late;
}

bool vm_beat_expire(struct vm *vm, int64_t seen_ns, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        if (!vm_beat__runs(vm, i)) {
            continue;
        }
        const struct vm_asides *asides = vm_asides_of(vm);
        struct vm_beat *beat = &vm_asides_of(vm)->beats[i];
        int64_t silent_ns = asides->last_sent_ns + beat->interval_ns;
        if (!vm_beat__expire_replies(vm, i, seen_ns, now_ns)) {
            return false;
        }
        if (beat->send_ns > now_ns) {
            continue;
        }
        if (vm->behavior->beats[i].beat->by_silence && silent_ns > now_ns) {
            beat->send_ns = silent_ns; /* something has been sent since */
            continue;
        }
        vm_beat__schedule(vm, i, now_ns);
        beat->owed = beat->owed || vm_beat__has_room(vm, i);
        vm->asides = vm->asides || beat->owed;
    }
    return true;
}

void vm_beat_sent(struct vm *vm, int64_t sent_ns)
{
    struct vm_asides *asides = vm_asides_of(vm);
    asides->last_sent_ns = sent_ns;
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        struct vm_beat *beat = &asides->beats[i];
        for (uint32_t n = beat->unanswered_count; n > 0 && !beat->unanswered[n - 1].left; n--) {
            struct vm_unanswered *unanswered = &beat->unanswered[n - 1];
            if ((int32_t)(unanswered->message_n - vm->stamped_count) < 0) {
                unanswered->left = true;
                unanswered->reply_ns = sent_ns + vm->behavior->beats[i].beat->reply.within_ns;
            }
        }
    }
}

void vm_beat_close(struct vm *vm, int64_t now_ns)
{
    for (uint32_t i = 0; i < vm->behavior->beats_count && vm->asides_open; i++) {
        struct vm_beat *beat = &vm_asides_of(vm)->beats[i];
        int64_t within_ns = vm->behavior->beats[i].beat->reply.within_ns;
        for (uint32_t n = 0; n < beat->unanswered_count; n++) {
            if (!beat->unanswered[n].late) {
                vm->observer->heartbeat(vm->observer->context, VM_BEAT_LOST,
                                        beat->unanswered[n].reply_ns - within_ns, now_ns);
            }
        }
        beat->unanswered_count = 0;
    }
}

/* The oldest of this heartbeat that awaits the message; NULL: none does. */
static struct vm_unanswered *vm_beat__awaits(const struct vm *vm, uint32_t index,
                                             const struct frame *frame)
{
    const struct match *match = &vm->behavior->beats[index].beat->reply.match;
    struct vm_beat *beat = &vm_asides_of(vm)->beats[index];
    for (uint32_t n = 0; n < beat->unanswered_count; n++) {
        struct vm_unanswered *unanswered = &beat->unanswered[n];
        if ((unanswered->left || unanswered->late) &&
            vm_wait_matches(vm, match, unanswered->value, frame)) {
            return unanswered;
        }
    }
    return NULL;
}

/* Of a request and a heartbeat that are awaited alike, what was sent first is answered first. */
static bool vm_beat__is_before(const struct vm *vm, uint32_t beat_n, uint32_t index)
{
    uint32_t request_n = index < vm->program->lanes_count ? vm_lane_at(vm, index)->message_n
                                                          : vm_wait_at(vm, index)->message_n;
    return (int32_t)(beat_n - request_n) < 0;
}

bool vm_beat_claims(const struct vm *vm, uint32_t index, const struct frame *frame)
{
    const struct instruction *step = &vm->program->code[vm_wait_at(vm, index)->instruction];
    for (uint32_t i = 0; vm->asides_open && i < vm->behavior->beats_count; i++) {
        const struct match *reply = &vm->behavior->beats[i].beat->reply.match;
        const struct vm_unanswered *unanswered = vm_beat__awaits(vm, i, frame);
        if (unanswered == NULL) {
            continue;
        }
        bool alike = step->op == OP_REQUEST && program_match_alike(reply, &step->wait->match);
        if (alike ? vm_beat__is_before(vm, unanswered->message_n, index)
                  : vm_wait_is_behind(vm, index)) {
            return true;
        }
    }
    return false;
}

bool vm_beat_reply(struct vm *vm, const struct frame *frame, int64_t received_ns, bool *late)
{
    struct vm_unanswered *unanswered = NULL;
    uint32_t i = 0;
    for (; vm->asides_open && i < vm->behavior->beats_count && unanswered == NULL; i++) {
        unanswered = vm_beat__awaits(vm, i, frame);
    }
    if (unanswered == NULL) {
        return false;
    }
    struct vm_beat *beat = &vm_asides_of(vm)->beats[i - 1];
    int64_t sent_ns = unanswered->reply_ns - vm->behavior->beats[i - 1].beat->reply.within_ns;
    *late = unanswered->late;
    vm_beat__remove(beat, (uint32_t)(unanswered - beat->unanswered));
    if (vm->traced) {
        vm_trace_note(vm, "the %sreply to heartbeat %u of `every`", *late ? "late " : "",
                      (unsigned)i);
    }
    if (!*late) {
        vm->observer->heartbeat(vm->observer->context, VM_BEAT_ANSWERED, sent_ns, received_ns);
    }
    return true;
}

const struct message *vm_beat_take(struct vm *vm, int64_t now_ns)
{
    uint32_t i = 0;
    while (!vm_asides_of(vm)->beats[i].owed) {
        i++;
    }
    struct vm_beat *beat = &vm_asides_of(vm)->beats[i];
    const struct program_beat *of = &vm->behavior->beats[i];
    beat->owed = false;
    if (of->beat->has_reply) { /* its time counts from when the message is stamped */
        int64_t reply_ns = now_ns + of->beat->reply.within_ns;
        if (beat->unanswered_count == VM_UNANSWERED_MAX) {
            vm_beat__remove(beat, 0);
        }
        beat->unanswered[beat->unanswered_count++] =
            (struct vm_unanswered){.reply_ns = reply_ns,
                                   .value = of->beat->reply.match.value,
                                   .message_n = vm->submitted_count};
        vm->next_ns = reply_ns < vm->next_ns ? reply_ns : vm->next_ns;
    }
    vm->observer->heartbeat(vm->observer->context, VM_BEAT_SENT, now_ns, now_ns);
    return of->message;
}

/* The one whose message was taken last, if its reply is known by something that it carries; NULL:
 * it is not, or the last one was an answer. */
static struct vm_unanswered *vm_beat__carrier(const struct vm *vm, const struct match **match)
{
    const struct vm_asides *asides = vm_asides_of(vm);
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        const struct program_beat *of = &vm->behavior->beats[i];
        *match = &of->beat->reply.match;
        if (of->message == asides->message && (*match)->source == MATCH_FIELD_SENT) {
            struct vm_beat *beat = &vm_asides_of(vm)->beats[i];
            return &beat->unanswered[beat->unanswered_count - 1];
        }
    }
    return NULL;
}

void vm_beat_taken(struct vm *vm)
{
    const struct match *match = NULL;
    struct vm_unanswered *unanswered = vm_beat__carrier(vm, &match);
    if (unanswered != NULL && match->sent.form != PLACE_ATTRIBUTE) {
        struct message_scope scope = vm_aside_scope(vm);
        unanswered->value =
            message_body_place(&vm_asides_of(vm)->message->body, &scope, &match->sent);
    }
}

void vm_beat_made(struct vm *vm, const struct frame *frame)
{
    const struct match *match = NULL;
    struct vm_unanswered *unanswered = vm_beat__carrier(vm, &match);
    struct place_value value;
    if (unanswered != NULL && match->sent.form == PLACE_ATTRIBUTE &&
        place_read(&match->sent, vm_asides_of(vm)->message->framing, frame, &value) ==
            PLACE_FOUND) {
        unanswered->value = value.bits;
    }
}

bool vm_beat_is_owed(const struct vm *vm)
{
    uint32_t i = 0;
    while (i < vm->behavior->beats_count && !vm_asides_of(vm)->beats[i].owed) {
        i++;
    }
    return i < vm->behavior->beats_count;
}

void vm_beat_drop(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->behavior->beats_count; i++) {
        vm_asides_of(vm)->beats[i].owed = false;
    }
}
