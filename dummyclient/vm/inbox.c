/* Messages that no step waits for: kept for an expect, or judged as pushes. */
#include "vm/internal.h"

#include "core/clock.h"

#include <string.h>

#define VM_INBOX_CLOCK_ERROR_NS ((uint64_t)(10 * NS_PER_MS))

static struct frame vm_inbox__frame(const struct vm_inbox *inbox, uint32_t index)
{
    const struct vm_mail *mail = &inbox->mails[index];
    return (struct frame){.id = mail->id,
                          .bytes = inbox->bytes + mail->offset,
                          .bytes_count = mail->frame_bytes,
                          .body = inbox->bytes + mail->offset,
                          .body_bytes = mail->bytes_count};
}

/* Takes bytes off the beginning of a message's body. */
static void vm_inbox__shorten(struct vm_inbox *inbox, uint32_t index, uint32_t bytes_count)
{
    struct vm_mail *mail = &inbox->mails[index];
    uint32_t end = mail->offset + bytes_count;
    memmove(inbox->bytes + mail->offset, inbox->bytes + end, inbox->bytes_count - end);
    inbox->bytes_count -= bytes_count;
    mail->bytes_count -= bytes_count;
    for (uint32_t i = index + 1; i < inbox->mails_count; i++) {
        inbox->mails[i].offset -= bytes_count;
    }
}

static void vm_inbox__remove(struct vm_inbox *inbox, uint32_t index)
{
    vm_inbox__shorten(inbox, index, inbox->mails[index].bytes_count);
    inbox->mails_count--;
    memmove(inbox->mails + index, inbox->mails + index + 1,
            (inbox->mails_count - index) * sizeof *inbox->mails);
}

/* No expect has taken the oldest one: it counts as a push. */
static void vm_inbox__give_up(struct vm *vm)
{
    struct vm_inbox *inbox = vm_inbox_of(vm);
    const struct frame frame = vm_inbox__frame(inbox, 0);
    vm->observer->unsolicited(vm->observer->context, &frame, false);
    vm_inbox__remove(inbox, 0);
}

void vm_inbox_clear(struct vm *vm)
{
    const struct vm_inbox *inbox = vm_inbox_of(vm);
    while (inbox != NULL && inbox->mails_count > 0) {
        vm_inbox__give_up(vm);
    }
}

static bool vm_inbox__is_expected(const struct program_behavior *behavior, uint32_t id)
{
    for (uint32_t i = 0; i < behavior->expected_ids_count; i++) {
        if (behavior->expected_ids[i] == id) {
            return true;
        }
    }
    return behavior->expects_any;
}

bool vm_inbox_put(struct vm *vm, const struct frame *frame)
{
    struct vm_inbox *inbox = vm_inbox_of(vm);
    const struct program_behavior *behavior = vm->behavior;
    uint32_t bytes_count = vm->program->inbox_bytes_max > 0 ? frame->body_bytes : 0;
    bool in_reach = behavior->expects_since_connected || vm->busy_count + vm->joining_count > 0;
    if (inbox == NULL || vm->phase == VM_PHASE_FINISHED || !in_reach ||
        bytes_count > vm->program->inbox_bytes_max || !vm_inbox__is_expected(behavior, frame->id)) {
        return false;
    }
    while (inbox->mails_count == VM_MAILS_MAX ||
           inbox->bytes_count + bytes_count > vm->program->inbox_bytes_max) {
        vm_inbox__give_up(vm);
    }
    inbox->mails[inbox->mails_count++] = (struct vm_mail){.id = frame->id,
                                                          .number = vm->mail_number++,
                                                          .frame_bytes = frame->bytes_count,
                                                          .offset = inbox->bytes_count,
                                                          .bytes_count = bytes_count};
    if (bytes_count > 0) {
        memcpy(inbox->bytes + inbox->bytes_count, frame->body, bytes_count);
        inbox->bytes_count += bytes_count;
    }
    return true;
}

bool vm_inbox_feed(struct vm *vm, struct vm_lane *lane)
{
    struct vm_inbox *inbox = vm_inbox_of(vm);
    if (inbox == NULL || inbox->mails_count == 0) {
        return false;
    }
    enum wait_since since = vm->program->code[lane->instruction].wait->since;
    for (uint32_t i = 0; i < inbox->mails_count && lane->replies_left > 0;) {
        const struct frame frame = vm_inbox__frame(inbox, i);
        bool in_pass = (int32_t)(inbox->mails[i].number - lane->mail_number) >= 0;
        if (since == WAIT_SINCE_STEP || (since == WAIT_SINCE_PASS && !in_pass) ||
            !vm_wait_accepts(vm, lane->index, &frame)) {
            i++;
            continue;
        }
        uint32_t taken_bytes = 0;
        lane->replies_left -= vm_wait_judge(vm, lane, &frame, lane->sent_ns, &taken_bytes);
        if (taken_bytes < frame.body_bytes) { /* of a raw stream: the next reply has the rest */
            vm_inbox__shorten(inbox, i, taken_bytes);
            inbox->mails[i].frame_bytes -= taken_bytes;
        } else {
            vm_inbox__remove(inbox, i);
        }
    }
    return lane->replies_left == 0;
}

/* --- Pushes. */

/* From the stamp until now, on the one clock of the run; -1: this run cannot have made it. */
static int64_t vm_inbox__fanout_ns(const struct vm *vm, uint64_t stamp_ns, int64_t received_ns)
{
    int64_t run_ns = received_ns + vm->run_clock_offset_ns;
    if (run_ns >= 0 && stamp_ns <= (uint64_t)run_ns) {
        return run_ns - (int64_t)stamp_ns;
    }
    /* Two machines know that clock only nearly: what was sent just now may seem to come before. */
    return run_ns >= 0 && stamp_ns - (uint64_t)run_ns <= VM_INBOX_CLOCK_ERROR_NS ? 0 : -1;
}

void vm_inbox_check_push(struct vm *vm, const struct frame *frame, int64_t received_ns)
{
    const struct program_behavior *behavior = vm->behavior;
    for (uint32_t i = 0; i < behavior->pushes_count; i++) {
        const struct push *push = &behavior->pushes[i];
        if (push->target != vm->target ||
            !vm_wait_matches(&push->match, push->match.value, frame)) {
            continue;
        }
        uint64_t stamp_ns = 0;
        int64_t fanout_ns = -1;
        bool mismatch = !vm_wait_verify(vm, vm_lane_at(vm, 0), &push->verify, frame);
        if (push->has_fanout) {
            bool whole = message_field(&push->fanout, frame->body, frame->body_bytes, &stamp_ns);
            fanout_ns = whole ? vm_inbox__fanout_ns(vm, stamp_ns, received_ns) : -1;
            mismatch = mismatch || fanout_ns < 0;
        }
        vm->observer->push_checked(vm->observer->context, mismatch, fanout_ns);
        return;
    }
}
