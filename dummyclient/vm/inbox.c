/* Messages that no step waits for, kept for an expect. */
#include "vm/internal.h"

#include <string.h>

static struct frame vm_inbox__frame(const struct vm_inbox *inbox, uint32_t index)
{
    const struct vm_mail *mail = &inbox->mails[index];
    return (struct frame){.id = mail->id,
                          .bytes = inbox->bytes + mail->offset,
                          .bytes_count = mail->bytes_count,
                          .whole_bytes = mail->whole_bytes,
                          .body = inbox->bytes + mail->offset + mail->body_offset,
                          .body_bytes = mail->body_bytes,
                          .head_bytes = mail->head_bytes,
                          .whole_body_bytes = mail->whole_body_bytes};
}

/* Takes bytes off the beginning of a message's body. */
static void vm_inbox__shorten(struct vm_inbox *inbox, uint32_t index, uint32_t bytes_count)
{
    struct vm_mail *mail = &inbox->mails[index];
    uint32_t end = mail->offset + bytes_count;
    memmove(inbox->bytes + mail->offset, inbox->bytes + end, inbox->bytes_count - end);
    inbox->bytes_count -= bytes_count;
    mail->bytes_count -= bytes_count;
    mail->body_bytes = mail->bytes_count - mail->body_offset;
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

static bool vm_inbox__is_expected(const struct program_behavior *behavior, uint32_t id,
                                  bool claimed)
{
    for (uint32_t i = 0; i < behavior->expected_ids_count; i++) {
        if (behavior->expected_ids[i] == id) {
            return true;
        }
    }
    return claimed ? behavior->expects_any_matched : behavior->expects_any;
}

bool vm_inbox_put(struct vm *vm, const struct frame *frame, bool claimed)
{
    struct vm_inbox *inbox = vm_inbox_of(vm);
    const struct program_behavior *behavior = vm->behavior;
    bool keeps = vm->program->inbox_bytes_max > 0;
    /* A user's codec has no head that a place looks at, and its body may be elsewhere. */
    bool whole = keeps && vm->program->inbox_keeps_heads && vm_framing(vm)->type != FRAMING_CODEC;
    const uint8_t *kept = whole ? frame->bytes : frame->body;
    uint32_t bytes_count = whole ? frame->bytes_count : keeps ? frame->body_bytes : 0;
    bool in_reach = behavior->expects_since_connected || vm->busy_count + vm->joining_count > 0;
    if (inbox == NULL || frame->is_bare || vm->phase == VM_PHASE_FINISHED || !in_reach ||
        bytes_count > vm->program->inbox_bytes_max ||
        !vm_inbox__is_expected(behavior, frame->id, claimed)) {
        return false;
    }
    while (inbox->mails_count == VM_MAILS_MAX ||
           inbox->bytes_count + bytes_count > vm->program->inbox_bytes_max) {
        vm_inbox__give_up(vm);
    }
    inbox->mails[inbox->mails_count++] =
        (struct vm_mail){.id = frame->id,
                         .number = vm->mail_number++,
                         .whole_bytes = frame->whole_bytes,
                         .offset = inbox->bytes_count,
                         .bytes_count = bytes_count,
                         .whole_body_bytes = frame->whole_body_bytes,
                         .body_offset = whole ? (uint32_t)(frame->body - frame->bytes) : 0,
                         .body_bytes = keeps ? frame->body_bytes : 0,
                         .head_bytes = keeps ? frame->head_bytes : 0,
                         .claimed = claimed};
    if (bytes_count > 0) {
        memcpy(inbox->bytes + inbox->bytes_count, kept, bytes_count);
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
            (inbox->mails[i].claimed && vm_wait_is_behind(vm, lane->index)) ||
            !vm_wait_accepts(vm, lane->index, &frame)) {
            i++;
            continue;
        }
        uint32_t taken_bytes = 0;
        lane->replies_left -= vm_wait_judge(vm, lane, &frame, lane->sent_ns, &taken_bytes);
        if (taken_bytes < frame.body_bytes) { /* of a raw stream: the next reply has the rest */
            vm_inbox__shorten(inbox, i, taken_bytes);
            inbox->mails[i].whole_bytes -= taken_bytes;
        } else {
            vm_inbox__remove(inbox, i);
        }
    }
    return lane->replies_left == 0;
}
