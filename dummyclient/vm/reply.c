/* A reply: is it right, and what is kept of it. */
#include "vm/reply.h"

#include "vm/wait.h"

#include <string.h>

static void vm_reply__capture(struct vm *vm, struct vm_lane *lane, const struct wait *wait,
                              const struct frame *frame)
{
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        const struct capture *capture = &wait->captures[i];
        uint64_t *words = vm_lane_variables(vm, lane) + capture->word;
        uint64_t value = 0;
        const uint8_t *text = NULL;
        uint32_t bytes = 0;
        if (capture->form == CAPTURE_NUMBER) {
            /* A variable that may be below 0 has no room for what is above INT64_MAX. */
            if (message_field(&capture->field, frame->body, frame->body_bytes, &value) &&
                (capture->type == capture->field.type || capture->type != VALUE_I64 ||
                 value <= (uint64_t)INT64_MAX)) {
                *words = value;
                continue;
            }
        } else if (message_text(capture, frame->body, frame->body_bytes, &text, &bytes)) {
            words[0] = bytes;
            memcpy(words + 1, text, bytes);
            continue;
        }
        lane->mismatched = true;
    }
}

void vm_reply_judge(struct vm *vm, uint32_t index, const struct frame *frame, int64_t received_ns)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    bool before = lane->mismatched;
    if (!vm_wait_verify(vm, index, &wait->verify, frame)) {
        lane->mismatched = true;
    }
    if (wait->captures_count > 0) {
        vm_reply__capture(vm, lane, wait, frame);
    }
    if (lane->mismatched && !before) {
        vm_evidence_mismatch(vm, index, frame, received_ns);
    }
}
