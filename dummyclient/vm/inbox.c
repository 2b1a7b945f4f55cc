#include "vm/internal.h"

#include <string.h>

static struct frame vm_inbox__frame(const struct vm_inbox *inbox, uint32_t place)
{
    const struct vm_mail *mail = &inbox->mails[place];
    return (struct frame){.id = mail->id,
                          .bytes = inbox->bytes + mail->offset,
                          .bytes_count = mail->frame_bytes,
                          .body = inbox->bytes + mail->offset,
                          .body_bytes = mail->bytes_count};
}

/* Takes bytes off the beginning of a message's body. */
static void vm_inbox__shorten(struct vm_inbox *inbox, uint32_t place, uint32_t bytes_count)
{
    struct vm_mail *mail = &inbox->mails[place];
    uint32_t end = mail->offset + bytes_count;
    memmove(inbox->bytes + mail->offset, inbox->bytes + end, inbox->bytes_count - end);
    inbox->bytes_count -= bytes_count;
    mail->bytes_count -= bytes_count;
    for (uint32_t i = place + 1; i < inbox->mails_count; i++) {
        inbox->mails[i].offset -= bytes_count;
    }
}

static void vm_inbox__remove(struct vm_inbox *inbox, uint32_t place)
{
    vm_inbox__shorten(inbox, place, inbox->mails[place].bytes_count);
    inbox->mails_count--;
    memmove(inbox->mails + place, inbox->mails + place + 1,
            (inbox->mails_count - place) * sizeof *inbox->mails);
}

/* Nobody has taken the oldest one: it was a push. */
static void vm_inbox__give_up(struct vm *vm)
{
    const struct frame frame = vm_inbox__frame(vm->inbox, 0);
    vm->observer->unsolicited(vm->observer->context, &frame, false);
    vm_inbox__remove(vm->inbox, 0);
}

void vm_inbox_clear(struct vm *vm)
{
    while (vm->inbox != NULL && vm->inbox->mails_count > 0) {
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
    struct vm_inbox *inbox = vm->inbox;
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

/* Raw framing: the reply takes what it lacks of the run. True: something of the run is left. */
static bool vm_inbox__feed_run(struct vm *vm, uint32_t index, uint32_t place)
{
    struct vm_inbox *inbox = vm->inbox;
    const struct vm_lane *lane = vm_lane_at(vm, index);
    while (lane->replies_left > 0 && inbox->mails[place].bytes_count > 0) {
        const struct frame run = vm_inbox__frame(inbox, place);
        bool complete = false;
        uint32_t taken = vm_push_feed(vm, index, &run, lane->sent_ns, &complete);
        if (complete) {
            vm_lane_at(vm, index)->replies_left--;
        }
        vm_inbox__shorten(inbox, place, taken);
        inbox->mails[place].frame_bytes -= taken;
    }
    return inbox->mails[place].bytes_count > 0;
}

bool vm_inbox_feed(struct vm *vm, uint32_t index)
{
    struct vm_inbox *inbox = vm->inbox;
    struct vm_lane *lane = vm_lane_at(vm, index);
    if (inbox == NULL || inbox->mails_count == 0) {
        return false;
    }
    enum wait_since since = vm->program->code[lane->instruction].wait->since;
    bool raw = vm->program->framing.type == FRAMING_RAW;
    for (uint32_t place = 0; place < inbox->mails_count && lane->replies_left > 0;) {
        bool in_pass = (int32_t)(inbox->mails[place].number - lane->mail_number) >= 0;
        if (since == WAIT_SINCE_STEP || (since == WAIT_SINCE_PASS && !in_pass)) {
            place++;
            continue;
        }
        const struct frame frame = vm_inbox__frame(inbox, place);
        if (raw ? vm_inbox__feed_run(vm, index, place) : !vm_wait_accepts(vm, index, &frame)) {
            place++;
            continue;
        }
        if (!raw) {
            vm_reply_judge(vm, index, &frame, lane->sent_ns);
            lane->replies_left--;
        }
        vm_inbox__remove(inbox, place);
    }
    return lane->replies_left == 0;
}
