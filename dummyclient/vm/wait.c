/* The waits: which expectation a message belongs to, whether it is right, what is kept of it. */
#include "vm/internal.h"

#include "core/must.h"

#include <string.h>

static void vm_wait__unlink(struct vm *vm, uint16_t index)
{
    struct vm_wait *wait = &vm->waits[index];
    if (wait->prev == VM_INDEX_NONE) {
        vm->wait_head = wait->next;
    } else {
        vm->waits[wait->prev].next = wait->next;
    }
    if (wait->next == VM_INDEX_NONE) {
        vm->wait_tail = wait->prev;
    } else {
        vm->waits[wait->next].prev = wait->prev;
    }
}

static void vm_wait__free_tombstone(struct vm *vm, uint16_t index)
{
    vm_wait__unlink(vm, index);
    vm->waits[index].next = vm->tombstone_free;
    vm->tombstone_free = index;
}

void vm_wait_clear(struct vm *vm)
{
    uint32_t lanes_count = vm->program->lanes_count;
    vm->wait_head = VM_INDEX_NONE;
    vm->wait_tail = VM_INDEX_NONE;
    vm->tombstone_free = (uint16_t)lanes_count;
    for (uint32_t i = 0; i < VM_TOMBSTONES_MAX; i++) {
        bool last = i + 1 == VM_TOMBSTONES_MAX;
        vm->waits[lanes_count + i].next = (uint16_t)(last ? VM_INDEX_NONE : lanes_count + i + 1);
    }
}

static uint64_t vm_wait__value(const struct vm *vm, uint32_t index, const struct match *match)
{
    struct vm_lane *lane = vm_lane_at(vm, index);
    switch (match->source) {
    case MATCH_FIELD_SENT: {
        struct message_scope scope = vm_lane_sent_scope(vm, index);
        const struct message *message = vm->program->code[lane->sent_instruction].message;
        return message_body_field(&message->body, &scope, &match->sent);
    }
    case MATCH_FIELD_VALUE:
        return match->value;
    case MATCH_FIELD_CAPTURE:
        return vm_lane_variables(vm, lane)[match->variable];
    case MATCH_FIELD_NONE:
        break;
    }
    return 0;
}

void vm_wait_add(struct vm *vm, uint32_t index)
{
    struct vm_wait *wait = &vm->waits[index];
    const struct vm_lane *lane = vm_lane_at(vm, index);
    const struct match *match = &vm->program->code[lane->instruction].wait->match;
    wait->instruction = lane->instruction;
    if (match->source != MATCH_FIELD_NONE) {
        wait->value = vm_wait__value(vm, index, match);
    }
    wait->next = VM_INDEX_NONE;
    wait->prev = vm->wait_tail;
    if (vm->wait_tail == VM_INDEX_NONE) {
        vm->wait_head = (uint16_t)index;
    } else {
        vm->waits[vm->wait_tail].next = (uint16_t)index;
    }
    vm->wait_tail = (uint16_t)index;
}

/* Would both take the same messages? */
static bool vm_wait__alike(const struct vm *vm, const struct vm_wait *a, const struct vm_wait *b)
{
    const struct match *x = &vm->program->code[a->instruction].wait->match;
    const struct match *y = &vm->program->code[b->instruction].wait->match;
    if (x == y && x->source == MATCH_FIELD_NONE) {
        return true;
    }
    if (x->any_id != y->any_id || (!x->any_id && x->id != y->id) ||
        (x->source == MATCH_FIELD_NONE) != (y->source == MATCH_FIELD_NONE)) {
        return false;
    }
    return x->source == MATCH_FIELD_NONE ||
           (x->field.offset == y->field.offset && x->field.bytes_count == y->field.bytes_count &&
            x->field.big_endian == y->field.big_endian && x->field.type == y->field.type &&
            x->field.is_digits == y->field.is_digits && x->value_type == y->value_type &&
            a->value == b->value);
}

/* Tombstones that have become neighbours, and are alike, take one place. */
static void vm_wait__merge(struct vm *vm, uint16_t first, uint16_t second)
{
    uint32_t lanes_count = vm->program->lanes_count;
    if (first == VM_INDEX_NONE || second == VM_INDEX_NONE || first < lanes_count ||
        second < lanes_count || !vm_wait__alike(vm, &vm->waits[first], &vm->waits[second])) {
        return;
    }
    vm->waits[first].count += vm->waits[second].count;
    vm_wait__free_tombstone(vm, second);
}

void vm_wait_remove(struct vm *vm, uint32_t index)
{
    uint16_t prev = vm->waits[index].prev;
    uint16_t next = vm->waits[index].next;
    vm_wait__unlink(vm, (uint16_t)index);
    vm_wait__merge(vm, prev, next);
}

/* A free tombstone; the oldest one's when there is none. */
static uint16_t vm_wait__take_tombstone(struct vm *vm)
{
    if (vm->tombstone_free == VM_INDEX_NONE) {
        uint16_t oldest = vm->wait_head;
        while (oldest < vm->program->lanes_count) {
            oldest = vm->waits[oldest].next;
        }
        must(oldest != VM_INDEX_NONE);
        vm_wait__free_tombstone(vm, oldest);
    }
    uint16_t index = vm->tombstone_free;
    vm->tombstone_free = vm->waits[index].next;
    return index;
}

/* How many replies are still to come; in a raw stream, how many bytes. */
static uint32_t vm_wait__owed(const struct vm *vm, uint32_t index)
{
    const struct vm_lane *lane = vm_lane_at(vm, index);
    if (vm->program->framing.type != FRAMING_RAW || lane->raw_bytes == 0) {
        return lane->replies_left;
    }
    uint64_t bytes = (uint64_t)lane->replies_left * lane->raw_bytes - lane->raw_done_bytes;
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

void vm_wait_bury(struct vm *vm, uint32_t index)
{
    uint32_t lanes_count = vm->program->lanes_count;
    uint32_t replies_left = vm_wait__owed(vm, index);
    struct vm_wait *wait = &vm->waits[index];
    const uint16_t neighbours[2] = {wait->prev, wait->next};
    for (int i = 0; i < 2; i++) {
        uint16_t other = neighbours[i];
        if (other != VM_INDEX_NONE && other >= lanes_count &&
            vm_wait__alike(vm, wait, &vm->waits[other])) {
            vm->waits[other].count += replies_left;
            vm_wait_remove(vm, index);
            return;
        }
    }
    uint16_t place = vm_wait__take_tombstone(vm);
    struct vm_wait *tombstone = &vm->waits[place];
    *tombstone = *wait; /* after taking, which may have changed wait's neighbours */
    tombstone->count = replies_left;
    if (tombstone->prev == VM_INDEX_NONE) {
        vm->wait_head = place;
    } else {
        vm->waits[tombstone->prev].next = place;
    }
    if (tombstone->next == VM_INDEX_NONE) {
        vm->wait_tail = place;
    } else {
        vm->waits[tombstone->next].prev = place;
    }
}

bool vm_wait_accepts(const struct vm *vm, uint32_t index, const struct frame *frame)
{
    const struct vm_wait *wait = &vm->waits[index];
    const struct instruction *instruction = &vm->program->code[wait->instruction];
    const struct match *match = &instruction->wait->match;
    if (!match->any_id && frame->id != match->id) {
        return false;
    }
    /* What has not left yet cannot have been answered. */
    if (index < vm->program->lanes_count && instruction->op == OP_REQUEST &&
        vm_lane_at(vm, index)->sent_ns == 0) {
        return false;
    }
    uint64_t value = 0;
    return match->source == MATCH_FIELD_NONE ||
           (message_field(&match->field, frame->body, frame->body_bytes, &value) &&
            value_compare(value, match->field.type, COMPARE_EQUALS, wait->value,
                          match->value_type));
}

/* Does the message carry, beyond doubt, the answer to this lane's own request? */
static bool vm_wait__proves(const struct vm *vm, uint16_t index, const struct frame *frame)
{
    const struct instruction *instruction = &vm->program->code[vm->waits[index].instruction];
    return instruction->op == OP_REQUEST && instruction->message->unique &&
           instruction->wait->verify.type == VERIFY_SAME_BODY &&
           vm_wait_verify(vm, index, &instruction->wait->verify, frame);
}

uint32_t vm_wait_find(struct vm *vm, const struct frame *frame, bool *late)
{
    uint32_t lanes_count = vm->program->lanes_count;
    uint16_t tombstone = VM_INDEX_NONE;
    *late = false;
    for (uint16_t i = vm->wait_head; i != VM_INDEX_NONE; i = vm->waits[i].next) {
        if (!vm_wait_accepts(vm, i, frame)) {
            continue;
        }
        if (i >= lanes_count) {
            tombstone = tombstone == VM_INDEX_NONE ? i : tombstone;
        } else if (tombstone == VM_INDEX_NONE || vm_wait__proves(vm, i, frame)) {
            /* A reply that was never sent must not make every later one look late: where the body
             * tells, it is believed. */
            return i;
        }
    }
    if (tombstone == VM_INDEX_NONE) {
        return VM_INDEX_NONE;
    }
    *late = true;
    if (--vm->waits[tombstone].count == 0) {
        vm_wait__free_tombstone(vm, tombstone);
    }
    return VM_INDEX_NONE;
}

uint32_t vm_wait_find_stream(struct vm *vm, uint32_t *bytes, bool *late)
{
    static const struct frame run = {.bytes_count = 0};
    uint32_t lanes_count = vm->program->lanes_count;
    *late = false;
    for (uint16_t i = vm->wait_head; i != VM_INDEX_NONE; i = vm->waits[i].next) {
        if (!vm_wait_accepts(vm, i, &run)) {
            continue;
        }
        if (i < lanes_count) {
            return i;
        }
        struct vm_wait *tombstone = &vm->waits[i];
        const struct wait *wait = vm->program->code[tombstone->instruction].wait;
        bool counts_bytes = wait->bytes_count > 0 || wait->bytes_as_sent;
        if (counts_bytes && *bytes > tombstone->count) {
            *bytes = tombstone->count;
        }
        tombstone->count -= counts_bytes ? *bytes : 1;
        if (tombstone->count == 0) {
            vm_wait__free_tombstone(vm, i);
        }
        *late = true;
        return VM_INDEX_NONE;
    }
    return VM_INDEX_NONE;
}

static bool vm_wait__verify_one(const struct vm *vm, uint32_t index, const struct verify *verify,
                                const struct frame *frame)
{
    if (frame->body_bytes < verify->skip_bytes) {
        return false;
    }
    const struct vm_lane *lane = vm_lane_at(vm, index);
    const uint8_t *data = frame->body + verify->skip_bytes;
    uint32_t bytes = frame->body_bytes - verify->skip_bytes;
    if (verify->type == VERIFY_SAME_BODY) {
        if (lane->sent_instruction == UINT32_MAX) {
            return false; /* there is nothing that it could be the same as */
        }
        const struct body *body = &vm->program->code[lane->sent_instruction].message->body;
        if (body->type == BODY_CONSTANT) {
            return bytes == body->bytes_min && memcmp(data, body->bytes, bytes) == 0;
        }
        struct message_scope sent = vm_lane_sent_scope(vm, index);
        return message_body_equals(body, &sent, data, bytes, false);
    }
    struct message_scope scope = vm_lane_scope(vm, index);
    uint64_t value = 0;
    switch (verify->type) {
    case VERIFY_EQUALS:
        return message_body_equals(&verify->body, &scope, data, bytes, false);
    case VERIFY_STARTS_WITH:
        return message_body_equals(&verify->body, &scope, data, bytes, true);
    case VERIFY_CONTAINS:
        return message_contains(&verify->body, data, bytes);
    case VERIFY_FIELD:
        return message_field(&verify->field, data, bytes, &value) &&
               value_compare(value, verify->field.type, verify->comparison,
                             value_bits(&verify->value, &scope, 0), verify->value.type);
    case VERIFY_SAME_BODY:
    case VERIFY_NONE:
        break;
    }
    return true;
}

bool vm_wait_verify(const struct vm *vm, uint32_t index, const struct verify *verify,
                    const struct frame *frame)
{
    if (verify->type == VERIFY_NONE && verify->next == NULL) {
        return true;
    }
    for (; verify != NULL; verify = verify->next) {
        if (!vm_wait__verify_one(vm, index, verify, frame)) {
            return false;
        }
    }
    return true;
}

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
