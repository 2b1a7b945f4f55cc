/* The waits: which expectation a message belongs to, whether it is right, what is kept of it. */
#include "vm/internal.h"

#include "core/must.h"

#include <string.h>

/* Makes two neighbours in the list; VM_INDEX_NONE: its end. */
static void vm_wait__link(struct vm *vm, uint16_t prev, uint16_t next)
{
    *(prev == VM_INDEX_NONE ? &vm->wait_head : &vm_wait_at(vm, prev)->next) = next;
    *(next == VM_INDEX_NONE ? &vm->wait_tail : &vm_wait_at(vm, next)->prev) = prev;
}

static void vm_wait__free_tombstone(struct vm *vm, uint16_t index)
{
    vm_wait__link(vm, vm_wait_at(vm, index)->prev, vm_wait_at(vm, index)->next);
    vm_wait_at(vm, index)->count = 0;
}

void vm_wait_clear(struct vm *vm)
{
    vm->wait_head = VM_INDEX_NONE;
    vm->wait_tail = VM_INDEX_NONE;
    vm->buried = false;
}

uint64_t vm_wait_sent(const struct vm *vm, struct vm_lane *lane, const struct place *place)
{
    if (place->form == PLACE_ATTRIBUTE) {
        return 0;
    }
    struct message_scope scope = vm_lane_sent_scope(vm, lane);
    const struct message *message = vm->program->code[lane->sent_instruction].message;
    return message_body_place(&message->body, &scope, place);
}

void vm_wait_made(struct vm *vm, const struct vm_lane *lane, const struct frame *frame)
{
    const struct instruction *instruction = &vm->program->code[lane->instruction];
    if (instruction->op != OP_REQUEST || instruction->wait->match.source != MATCH_FIELD_SENT ||
        instruction->wait->match.sent.form != PLACE_ATTRIBUTE) {
        return;
    }
    struct place_value value;
    if (place_read(&instruction->wait->match.sent, instruction->message->framing, frame, &value) ==
        PLACE_FOUND) {
        vm_wait_at(vm, lane->index)->value = value.bits;
    }
}

static uint64_t vm_wait__computed(const struct vm *vm, struct vm_lane *lane,
                                  const struct match *match)
{
    struct message_scope scope = vm_lane_scope(vm, lane);
    uint8_t text[VALUE_TEXT_BYTES_LIMIT];
    if (match->composed != NULL) {
        message_write_body(match->composed, &scope, text);
        return place_hash_bytes(text, message_body_bytes(match->composed, &scope));
    }
    if (match->value_type != VALUE_TEXT) {
        return value_bits(match->computed, &scope, 0);
    }
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = 0;
    const uint8_t *at = value_text(match->computed, &scope, 0, digits, &bytes);
    return place_hash_bytes(at, bytes);
}

static uint64_t vm_wait__value(const struct vm *vm, struct vm_lane *lane, const struct match *match)
{
    const uint64_t *variable = vm_lane_variables(vm, lane) + match->variable;
    switch (match->source) {
    case MATCH_FIELD_SENT:
        return vm_wait_sent(vm, lane, &match->sent);
    case MATCH_FIELD_VALUE:
        return match->value;
    case MATCH_FIELD_CAPTURE:
        return match->value_type == VALUE_TEXT
                   ? place_hash_bytes((const uint8_t *)(variable + 1), (uint32_t)*variable)
                   : *variable;
    case MATCH_FIELD_COMPUTED:
        return vm_wait__computed(vm, lane, match);
    case MATCH_FIELD_NONE:
        break;
    }
    return 0;
}

void vm_wait_add(struct vm *vm, struct vm_lane *lane)
{
    struct vm_wait *wait = vm_wait_at(vm, lane->index);
    const struct match *match = &vm->program->code[lane->instruction].wait->match;
    wait->instruction = lane->instruction;
    if (match->source != MATCH_FIELD_NONE) {
        wait->value = vm_wait__value(vm, lane, match);
    }
    vm_wait__link(vm, vm->wait_tail, lane->index);
    vm_wait__link(vm, lane->index, VM_INDEX_NONE);
}

/* Would both take the same messages? */
static bool vm_wait__alike(const struct vm *vm, const struct vm_wait *a, const struct vm_wait *b)
{
    const struct match *x = &vm->program->code[a->instruction].wait->match;
    const struct match *y = &vm->program->code[b->instruction].wait->match;
    if (x == y && x->source == MATCH_FIELD_NONE) {
        return true;
    }
    if (x->is_bare != y->is_bare || x->any_id != y->any_id || (!x->any_id && x->id != y->id) ||
        (x->source == MATCH_FIELD_NONE) != (y->source == MATCH_FIELD_NONE)) {
        return false;
    }
    return x->source == MATCH_FIELD_NONE ||
           (place_equal(&x->place, &y->place) && x->value_type == y->value_type &&
            x->is_prefix == y->is_prefix && a->value == b->value);
}

/* Saturates: 0 would mean that the tombstone is free. */
static void vm_wait__owe(struct vm_wait *tombstone, uint32_t more)
{
    uint32_t room = UINT32_MAX - tombstone->count;
    tombstone->count += more < room ? more : room;
}

/* Tombstones that have become neighbours, and are alike, become one. */
static void vm_wait__merge(struct vm *vm, uint16_t first, uint16_t second)
{
    uint32_t lanes_count = vm->program->lanes_count;
    if (first == VM_INDEX_NONE || second == VM_INDEX_NONE || first < lanes_count ||
        second < lanes_count ||
        !vm_wait__alike(vm, vm_wait_at(vm, first), vm_wait_at(vm, second))) {
        return;
    }
    vm_wait__owe(vm_wait_at(vm, first), vm_wait_at(vm, second)->count);
    vm_wait__free_tombstone(vm, second);
}

void vm_wait_remove(struct vm *vm, struct vm_lane *lane)
{
    uint16_t prev = vm_wait_at(vm, lane->index)->prev;
    uint16_t next = vm_wait_at(vm, lane->index)->next;
    vm_wait__link(vm, prev, next);
    vm_wait__merge(vm, prev, next);
}

/* A free tombstone; the oldest one's when there is none. */
static uint16_t vm_wait__take_tombstone(struct vm *vm)
{
    uint32_t lanes_count = vm->program->lanes_count;
    if (!vm->buried) {
        memset(vm->seldom->tombstones, 0, sizeof vm->seldom->tombstones);
        vm->buried = true;
    }
    for (uint32_t i = lanes_count; i < lanes_count + VM_TOMBSTONES_MAX; i++) {
        if (vm_wait_at(vm, i)->count == 0) {
            return (uint16_t)i;
        }
    }
    uint16_t oldest = vm->wait_head;
    while (oldest < lanes_count) {
        oldest = vm_wait_at(vm, oldest)->next;
    }
    must(oldest != VM_INDEX_NONE);
    vm_wait__free_tombstone(vm, oldest);
    return oldest;
}

/* How many replies are still to come; in a raw stream, how many bytes. */
static uint32_t vm_wait__owed(const struct vm *vm, struct vm_lane *lane)
{
    if (!vm->raw || lane->raw_bytes == 0) {
        return lane->replies_left;
    }
    uint64_t bytes = (uint64_t)lane->replies_left * lane->raw_bytes - lane->raw_done_bytes;
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

void vm_wait_to_tombstone(struct vm *vm, struct vm_lane *lane)
{
    uint32_t lanes_count = vm->program->lanes_count;
    uint32_t replies_left = vm_wait__owed(vm, lane);
    struct vm_wait *wait = vm_wait_at(vm, lane->index);
    const uint16_t neighbours[2] = {wait->prev, wait->next};
    for (int i = 0; i < 2; i++) {
        uint16_t other = neighbours[i];
        if (other != VM_INDEX_NONE && other >= lanes_count &&
            vm_wait__alike(vm, wait, vm_wait_at(vm, other))) {
            vm_wait__owe(vm_wait_at(vm, other), replies_left);
            vm_wait_remove(vm, lane);
            return;
        }
    }
    uint16_t index = vm_wait__take_tombstone(vm);
    struct vm_wait *tombstone = vm_wait_at(vm, index);
    *tombstone = *wait; /* after taking, which may have changed wait's neighbours */
    tombstone->count = replies_left;
    tombstone->message_n = lane->message_n;
    vm_wait__link(vm, tombstone->prev, index);
    vm_wait__link(vm, index, tombstone->next);
}

bool vm_wait_matches(const struct vm *vm, const struct match *match, uint64_t wanted,
                     const struct frame *frame)
{
    struct place_value found;
    if (match->is_bare != frame->is_bare || (!match->any_id && frame->id != match->id)) {
        return false;
    }
    if (match->source == MATCH_FIELD_NONE) {
        return true;
    }
    if (place_read(&match->place, vm_framing(vm), frame, &found) != PLACE_FOUND) {
        return false;
    }
    if (found.type != VALUE_TEXT) {
        return value_compare(found.bits, found.type, COMPARE_EQUALS, wanted, match->value_type);
    }
    return match->source == MATCH_FIELD_VALUE
               ? place_text_equals(&found, match->text, match->text_bytes, match->is_prefix)
               : place_text_hash(&found) == wanted;
}

bool vm_wait_accepts(const struct vm *vm, uint32_t index, const struct frame *frame)
{
    const struct vm_wait *wait = vm_wait_at(vm, index);
    const struct instruction *instruction = &vm->program->code[wait->instruction];
    /* What has not left yet cannot have been answered. */
    if (index < vm->program->lanes_count && instruction->op == OP_REQUEST &&
        vm_lane_at(vm, index)->sent_ns == 0) {
        return false;
    }
    if (frame->is_push && instruction->op == OP_REQUEST) {
        return false;
    }
    return vm_wait_matches(vm, &instruction->wait->match, wait->value, frame);
}

bool vm_wait_is_behind(const struct vm *vm, uint32_t index)
{
    uint8_t rank = vm->program->code[vm_wait_at(vm, index)->instruction].index;
    return (rank & PROGRAM_BEHIND_RULES) != 0;
}

/* Does the message carry, beyond doubt, the answer to this lane's own request? */
static bool vm_wait__proves(const struct vm *vm, uint16_t index, const struct frame *frame)
{
    const struct instruction *instruction = &vm->program->code[vm_wait_at(vm, index)->instruction];
    return instruction->op == OP_REQUEST && instruction->message->unique &&
           instruction->wait->verify.type == VERIFY_SAME_BODY &&
           vm_wait_verify(vm, vm_lane_at(vm, index), &instruction->wait->verify, frame);
}

/* A late reply; of a raw stream, the bytes that were still to come. Returns how many. */
static uint32_t vm_wait__absorb(struct vm *vm, uint16_t index, uint32_t bytes)
{
    struct vm_wait *tombstone = vm_wait_at(vm, index);
    const struct wait *wait = vm->program->code[tombstone->instruction].wait;
    bool counts_bytes = wait->bytes_count > 0 || wait->bytes_as_sent;
    uint32_t taken_bytes = counts_bytes && bytes > tombstone->count ? tombstone->count : bytes;
    tombstone->count -= counts_bytes ? taken_bytes : 1;
    if (tombstone->count == 0) {
        vm_wait__free_tombstone(vm, index);
    }
    return taken_bytes;
}

struct vm_lane *vm_wait_find(struct vm *vm, const struct frame *frame, uint32_t *taken_bytes,
                             bool *late)
{
    uint32_t lanes_count = vm->program->lanes_count;
    bool raw = vm->raw; /* only the order decides */
    uint16_t tombstone = VM_INDEX_NONE;
    for (uint16_t i = vm->wait_head; i != VM_INDEX_NONE && !(raw && tombstone != VM_INDEX_NONE);
         i = vm_wait_at(vm, i)->next) {
        bool accepts = vm_wait_accepts(vm, i, frame);
        if (!accepts || vm_aside_claims(vm, i, frame)) {
            if (vm->traced && !accepts) {
                vm_trace_refused(vm, i, frame);
            }
            continue;
        }
        if (i >= lanes_count) {
            tombstone = tombstone == VM_INDEX_NONE ? i : tombstone;
        } else if (tombstone == VM_INDEX_NONE || vm_wait__proves(vm, i, frame)) {
            /* A reply that never comes must not make every later one look late: a body that proves
             * whose reply it is has precedence. */
            return vm_lane_at(vm, i);
        }
    }
    *late = tombstone != VM_INDEX_NONE;
    if (*late) {
        *taken_bytes = vm_wait__absorb(vm, tombstone, frame->body_bytes);
    }
    return NULL;
}

/* --- Verification. */

const struct body *vm_wait_body(const struct vm *vm, const struct vm_lane *lane,
                                const struct verify *verify)
{
    if (verify->type != VERIFY_SAME_BODY) {
        return &verify->body;
    }
    return lane->sent_instruction == UINT32_MAX
               ? NULL
               : &vm->program->code[lane->sent_instruction].message->body;
}

struct message_scope vm_wait_scope(const struct vm *vm, struct vm_lane *lane,
                                   const struct verify *verify)
{
    return verify->type == VERIFY_SAME_BODY ? vm_lane_sent_scope(vm, lane)
                                            : vm_lane_scope(vm, lane);
}

static bool vm_wait__place_holds(const struct vm *vm, struct vm_lane *lane,
                                 const struct verify *verify, const struct message_scope *scope,
                                 const struct frame *frame)
{
    struct place_value found;
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = 0;
    if (place_read(&verify->place, vm_framing(vm), frame, &found) != PLACE_FOUND) {
        return false;
    }
    if (verify->sent.form != PLACE_NONE) {
        uint64_t sent = vm_wait_sent(vm, lane, &verify->sent);
        return found.type == VALUE_TEXT ? place_text_hash(&found) == sent
                                        : value_compare(found.bits, found.type, COMPARE_EQUALS,
                                                        sent, verify->sent.field.type);
    }
    if (found.type != VALUE_TEXT) {
        return value_compare(found.bits, found.type, verify->comparison,
                             value_bits(&verify->value, scope, 0), verify->value.type);
    }
    uint8_t room[VALUE_TEXT_BYTES_LIMIT];
    const uint8_t *text = room;
    if (verify->is_composed) {
        message_write_body(&verify->body, scope, room);
        bytes = message_body_bytes(&verify->body, scope);
    } else {
        text = value_text(&verify->value, scope, 0, digits, &bytes);
    }
    bool prefix = verify->comparison == COMPARE_STARTS_WITH;
    return place_text_equals(&found, text, bytes, prefix) !=
           (verify->comparison == COMPARE_NOT_EQUALS);
}

bool vm_wait_holds(const struct vm *vm, struct vm_lane *lane, const struct verify *verify,
                   const struct frame *frame)
{
    if (frame->body_bytes < verify->skip_bytes) {
        return false;
    }
    const uint8_t *data = frame->body + verify->skip_bytes;
    uint32_t bytes = frame->body_bytes - verify->skip_bytes;
    const struct body *body = vm_wait_body(vm, lane, verify);
    struct message_scope scope = vm_wait_scope(vm, lane, verify);
    switch (verify->type) {
    case VERIFY_SAME_BODY:
    case VERIFY_EQUALS:
        return body != NULL && message_body_equals(body, &scope, data, bytes, false);
    case VERIFY_STARTS_WITH:
        return message_body_equals(body, &scope, data, bytes, true);
    case VERIFY_CONTAINS:
        return message_contains(body, data, bytes);
    case VERIFY_FIELD:
        return vm_wait__place_holds(vm, lane, verify, &scope, frame);
    case VERIFY_NONE:
        break;
    }
    return true;
}

bool vm_wait_verify(const struct vm *vm, struct vm_lane *lane, const struct verify *verify,
                    const struct frame *frame)
{
    if (verify->type == VERIFY_NONE && verify->next == NULL) {
        return true;
    }
    for (; verify != NULL; verify = verify->next) {
        if (!vm_wait_holds(vm, lane, verify, frame)) {
            return false;
        }
    }
    return true;
}

/* Raw framing: is this stretch of the reply correct? */
static bool vm_wait__stretch_holds(const struct vm *vm, struct vm_lane *lane,
                                   const struct verify *verify, const uint8_t *data, uint32_t bytes)
{
    const struct body *body = vm_wait_body(vm, lane, verify);
    struct message_scope scope = vm_wait_scope(vm, lane, verify);
    if (verify->type == VERIFY_NONE || body == NULL) {
        return body != NULL;
    }
    uint32_t body_bytes = message_body_bytes(body, &scope);
    bool prefix = verify->type == VERIFY_STARTS_WITH;
    if (prefix ? lane->raw_bytes < body_bytes : lane->raw_bytes != body_bytes) {
        return false;
    }
    if (lane->raw_done_bytes >= body_bytes) {
        return true; /* behind what is compared */
    }
    uint32_t left_bytes = body_bytes - lane->raw_done_bytes;
    return message_body_holds(body, &scope, lane->raw_done_bytes, data,
                              bytes < left_bytes ? bytes : left_bytes);
}

bool vm_wait_is_apart(const struct vm *vm, const struct capture *capture,
                      const struct place_value *found)
{
    uint32_t targets_count = vm->program->targets_count;
    if (*capture->lines_of == 0 && targets_count == 1) {
        return true;
    }
    uint8_t text[VALUE_TEXT_BYTES_LIMIT];
    uint32_t bytes = place_text_write(found, text, sizeof text);
    for (uint32_t i = 0; i < targets_count; i++) {
        const struct framing *framing = vm->program->targets[i].framing;
        bool meant = (*capture->lines_of >> i & 1) != 0 ||
                     (targets_count > 1 && framing->type == FRAMING_DELIMITER);
        if (meant && lines_find_end(framing, text, bytes) < bytes) {
            return false;
        }
    }
    return true;
}

/* Has the variable room for what was found? */
static bool vm_wait__has_room(const struct vm *vm, const struct capture *capture,
                              const struct place_value *found)
{
    if (found->type == VALUE_TEXT) {
        return place_text_write(found, NULL, 0) <= capture->text_bytes_max &&
               vm_wait_is_apart(vm, capture, found);
    }
    /* A variable that may be below 0 has no room for what is above INT64_MAX. */
    return capture->type != VALUE_I64 || found->type == VALUE_I64 ||
           found->bits <= (uint64_t)INT64_MAX;
}

bool vm_wait_captures(const struct vm *vm, const struct capture *capture, const struct frame *frame,
                      struct place_value *found)
{
    return place_read(&capture->place, vm_framing(vm), frame, found) == PLACE_FOUND &&
           vm_wait__has_room(vm, capture, found);
}

bool vm_wait_capture(const struct vm *vm, const struct wait *wait, const struct frame *frame,
                     uint64_t *variables)
{
    bool whole = true;
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        const struct capture *capture = &wait->captures[i];
        uint64_t *words = variables + capture->word;
        struct place_value found;
        if (!vm_wait_captures(vm, capture, frame, &found)) {
            whole = false;
        } else if (found.type == VALUE_TEXT) {
            words[0] = place_text_write(&found, (uint8_t *)(words + 1), capture->text_bytes_max);
        } else {
            words[0] = found.bits;
        }
    }
    return whole;
}

/* Raw framing: the reply takes what it still lacks. True: that was all of it. */
static bool vm_wait__judge_stretch(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                                   int64_t received_ns, uint32_t *taken_bytes)
{
    const struct verify *verify = &vm->program->code[lane->instruction].wait->verify;
    uint32_t left_bytes = lane->raw_bytes - lane->raw_done_bytes;
    if (lane->raw_bytes > 0 && *taken_bytes > left_bytes) {
        *taken_bytes = left_bytes;
    }
    if (!lane->mismatched && !vm_wait__stretch_holds(vm, lane, verify, frame->body, *taken_bytes)) {
        lane->mismatched = true;
        vm_evidence_mismatch(vm, lane, frame, received_ns);
    } else if (lane->raw_done_bytes == 0 && *taken_bytes < lane->raw_bytes) {
        vm_evidence_note(vm, frame, received_ns); /* perhaps the rest never comes */
    }
    lane->raw_done_bytes += *taken_bytes;
    bool whole = lane->raw_done_bytes >= lane->raw_bytes;
    if (vm->traced) {
        vm_trace_stretch(vm, lane, *taken_bytes);
    }
    lane->raw_done_bytes = whole ? 0 : lane->raw_done_bytes;
    return whole;
}

bool vm_wait_judge(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                   int64_t received_ns, uint32_t *taken_bytes)
{
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    bool before = lane->mismatched;
    *taken_bytes = frame->body_bytes;
    if (vm->raw) {
        return vm_wait__judge_stretch(vm, lane, frame, received_ns, taken_bytes);
    }
    if (!vm_wait_verify(vm, lane, &wait->verify, frame)) {
        lane->mismatched = true;
    }
    if (wait->captures_count > 0 &&
        !vm_wait_capture(vm, wait, frame, vm_lane_variables(vm, lane))) {
        lane->mismatched = true;
    }
    if (vm->traced) {
        vm_trace_judged(vm, lane, frame);
    }
    if (lane->mismatched && !before) {
        vm_evidence_mismatch(vm, lane, frame, received_ns);
    }
    return true;
}
