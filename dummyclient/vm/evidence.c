/* The first failure of each request, in words and bytes. Rare by its nature: once per step. */
#include "vm/internal.h"

#include "text/encoding.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is compared to find the byte that differs; the rest is not. */
enum { VM_EVIDENCE_COMPARED_MAX = 512 };

/* A text that is appended to; what does not fit is left out. */
struct vm_evidence__text {
    char *out;
    size_t used;
};

static ERROR_PRINTF(2, 3) void vm_evidence__add(struct vm_evidence__text *text, const char *format,
                                                ...)
{
    size_t left = VM_EVIDENCE_TEXT_BYTES_MAX - text->used;
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text->out + text->used, left, format, arguments);
    va_end(arguments);
    text->used += bytes < 0 ? 0 : (size_t)bytes < left ? (size_t)bytes : left - 1;
}

static void vm_evidence__add_count(struct vm_evidence__text *text, uint64_t bytes)
{
    char count[UNITS_COUNTED_BYTES_MAX];
    vm_evidence__add(text, "%s", units_format_counted(bytes, "byte", count));
}

static void vm_evidence__add_message(struct vm_evidence__text *text, const struct vm *vm,
                                     uint32_t id, uint64_t body_bytes)
{
    if (framing_has_ids(vm_framing(vm))) {
        vm_evidence__add(text, "a message of id %" PRIu32 " with ", id);
    }
    vm_evidence__add_count(text, body_bytes);
}

static void vm_evidence__add_bytes(struct vm_evidence__text *text, const uint8_t *bytes,
                                   uint32_t count)
{
    char quoted[ENCODING_QUOTE_BYTES_MAX];
    vm_evidence__add(text, "%s", encoding_quote(bytes, count, quoted));
}

static void vm_evidence__add_number(struct vm_evidence__text *text, uint64_t bits,
                                    enum value_type type)
{
    if (value_is_float(type)) {
        vm_evidence__add(text, "%.9g", value_double(bits));
    } else if (type == VALUE_I64) {
        vm_evidence__add(text, "%" PRId64, (int64_t)bits);
    } else {
        vm_evidence__add(text, "%" PRIu64, bits);
    }
}

/* A body of the scenario as it is for this lane: the first bytes. */
static void vm_evidence__add_body(struct vm_evidence__text *text, const struct body *body,
                                  const struct message_scope *scope)
{
    uint8_t bytes[VM_EVIDENCE_COMPARED_MAX];
    uint32_t count = message_body_bytes(body, scope);
    vm_evidence__add_count(text, count);
    vm_evidence__add(text, " ");
    if (body->type == BODY_CONSTANT) {
        vm_evidence__add_bytes(text, body->bytes, count);
    } else if (count <= sizeof bytes) {
        message_write_body(body, scope, bytes);
        vm_evidence__add_bytes(text, bytes, count);
    } else {
        vm_evidence__add(text, "that change");
    }
}

/* A number, or a text in quotes. */
static void vm_evidence__add_value(struct vm_evidence__text *text, const struct value *value,
                                   const struct message_scope *scope)
{
    uint8_t digits[VALUE_DIGITS_MAX];
    uint32_t bytes = 0;
    if (value->type == VALUE_TEXT) {
        const uint8_t *at = value_text(value, scope, 0, digits, &bytes);
        vm_evidence__add_bytes(text, at, bytes);
    } else {
        vm_evidence__add_number(text, value_bits(value, scope, 0), value->type);
    }
}

/* Of at most VALUE_TEXT_BYTES_LIMIT bytes. */
static void vm_evidence__add_text(struct vm_evidence__text *text, const struct body *body,
                                  const struct message_scope *scope)
{
    uint8_t bytes[VALUE_TEXT_BYTES_LIMIT];
    message_write_body(body, scope, bytes);
    vm_evidence__add_bytes(text, bytes, message_body_bytes(body, scope));
}

/* Of a text, only a hash is known. */
static void vm_evidence__add_sent(const struct vm *vm, struct vm_lane *lane,
                                  const struct place *sent, struct vm_evidence__text *text)
{
    if (!place_is_text(sent)) {
        vm_evidence__add_number(text, vm_wait_sent(vm, lane, sent), sent->field.type);
        vm_evidence__add(text, ", as was sent");
    } else {
        vm_evidence__add(text, "what was sent at %s", sent->text);
    }
}

static void vm_evidence__add_verify(const struct vm *vm, struct vm_lane *lane,
                                    const struct verify *verify, struct vm_evidence__text *text)
{
    static const char *const words[] = {"=", "!=", "<", "<=", ">", ">=", "beginning with"};
    const struct body *body = vm_wait_body(vm, lane, verify);
    struct message_scope scope = vm_wait_scope(vm, lane, verify);
    switch (verify->type) {
    case VERIFY_NONE:
        return;
    case VERIFY_SAME_BODY:
        if (body == NULL) {
            vm_evidence__add(text, ", the same as was sent (nothing was)");
            return;
        }
        vm_evidence__add(text, ", the same as was sent: ");
        vm_evidence__add_body(text, body, &scope);
        break;
    case VERIFY_EQUALS:
    case VERIFY_STARTS_WITH:
        vm_evidence__add(text, verify->type == VERIFY_EQUALS ? ", " : ", beginning with ");
        vm_evidence__add_body(text, body, &scope);
        break;
    case VERIFY_CONTAINS:
        vm_evidence__add(text, ", with ");
        vm_evidence__add_bytes(text, verify->body.bytes, verify->body.bytes_min);
        vm_evidence__add(text, " in it");
        break;
    case VERIFY_FIELD:
        vm_evidence__add(text, ", %s %s ", verify->place.text, words[verify->comparison]);
        if (verify->sent.form != PLACE_NONE) {
            vm_evidence__add_sent(vm, lane, &verify->sent, text);
        } else if (verify->is_composed) {
            vm_evidence__add_text(text, &verify->body, &scope);
        } else {
            vm_evidence__add_value(text, &verify->value, &scope);
        }
        break;
    }
    if (verify->skip_bytes > 0) {
        vm_evidence__add(text, " behind the first %" PRIu32, verify->skip_bytes);
    }
}

/* What the match's place is to be, by the wait of this index. */
static void vm_evidence__add_match(const struct vm *vm, uint32_t index, const struct match *match,
                                   struct vm_evidence__text *text)
{
    vm_evidence__add(text, "%s %s ", match->place.text, match->is_prefix ? "beginning with" : "=");
    if (match->value_type != VALUE_TEXT) {
        vm_evidence__add_number(text, vm_wait_at(vm, index)->value, match->value_type);
    } else if (match->source == MATCH_FIELD_VALUE) {
        vm_evidence__add_bytes(text, match->text, match->text_bytes);
    } else { /* of which a hash is kept */
        vm_evidence__add(text, "%s",
                         match->source == MATCH_FIELD_SENT ? "what was sent there"
                                                           : "the text that `equals` says");
    }
}

void vm_evidence_expected(const struct vm *vm, struct vm_lane *lane, char *out)
{
    struct vm_evidence__text text = {.out = out};
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    const struct match *match = &wait->match;
    if (vm->raw) {
        vm_evidence__add_count(&text, lane->raw_bytes);
    } else if (match->is_bare) {
        vm_evidence__add(&text, "bytes without a frame");
    } else if (match->any_id || !framing_has_ids(vm_framing(vm))) {
        vm_evidence__add(&text, "a message");
    } else {
        vm_evidence__add(&text, "a message of id %" PRIu32, match->id);
    }
    if (match->source != MATCH_FIELD_NONE) {
        vm_evidence__add(&text, " with ");
        vm_evidence__add_match(vm, lane->index, match, &text);
    }
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        vm_evidence__add_verify(vm, lane, verify, &text);
    }
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        vm_evidence__add(&text, "%s%s", i == 0 ? ", with " : ", ", wait->captures[i].place.text);
    }
    if (wait->replies_count > 1) {
        vm_evidence__add(&text, " (%" PRIu32 " of them)", wait->replies_count);
    }
}

/* The first byte that differs from the body; bytes when none does, or it is not looked at. */
static uint32_t vm_evidence__differs(const struct body *body, const struct message_scope *scope,
                                     const uint8_t *data, uint32_t bytes)
{
    uint32_t count = message_body_bytes(body, scope);
    uint32_t i = 0;
    if (body->type != BODY_CONSTANT && count > VM_EVIDENCE_COMPARED_MAX) {
        return bytes;
    }
    while (i < bytes && i < count && message_body_holds(body, scope, i, data + i, 1)) {
        i++;
    }
    return i < count || i < bytes ? i : bytes;
}

static const char *const VM_EVIDENCE_GOES_ON[] = {", ", ", "};
static const char *const VM_EVIDENCE_BEGINS[] = {"", "a message "};

/* What is at a place of the message. before: what a place of it is said behind, and what is none.
 */
static void vm_evidence__add_place(const struct vm *vm, const struct place *place,
                                   const struct frame *frame, const char *const before[2],
                                   struct vm_evidence__text *text)
{
    struct place_value found;
    switch (place_read(place, vm_framing(vm), frame, &found)) {
    case PLACE_ABSENT:
        vm_evidence__add(text, "%swithout %s", before[1], place->text);
        return;
    case PLACE_WRONG:
        vm_evidence__add(text, "%swith no %s at %s", before[1],
                         place->form == PLACE_JSON && place_is_text(place)       ? "JSON"
                         : place->form == PLACE_PROTOBUF && place_is_text(place) ? "such field"
                         : place->form == PLACE_TEXT && place_is_text(place)     ? "whole text"
                                                                                 : "such number",
                         place->text);
        return;
    case PLACE_FOUND:
        break;
    }
    vm_evidence__add(text, "%s%s = ", before[0], place->text);
    if (found.type == VALUE_TEXT) {
        uint8_t shown[ENCODING_QUOTED_MAX + 1];
        uint32_t bytes = place_text_write(&found, shown, sizeof shown);
        vm_evidence__add_bytes(text, shown, bytes < sizeof shown ? bytes : (uint32_t)sizeof shown);
        if (bytes > sizeof shown) {
            vm_evidence__add(text, " (%" PRIu32 " bytes)", bytes);
        }
    } else {
        vm_evidence__add_number(text, found.bits, found.type);
    }
}

/* Why a text cannot be captured: it is too long, and what to write then; or ends a message. */
static void vm_evidence__add_room(const struct vm *vm, const struct capture *capture,
                                  const struct place_value *found, struct vm_evidence__text *text)
{
    uint32_t bytes = found->type == VALUE_TEXT ? place_text_write(found, NULL, 0) : 0;
    if (found->type == VALUE_TEXT && bytes <= capture->text_bytes_max &&
        !vm_wait_is_apart(vm, capture, found)) {
        vm_evidence__add(text, ": with an end of line in it, it would end the message that it is "
                               "put into");
    } else if (bytes > capture->text_bytes_max && bytes <= VALUE_TEXT_BYTES_LIMIT) {
        vm_evidence__add(text,
                         ": a capture has room for %" PRIu32 ", more with { \"at\": ..., "
                         "\"bytes_max\": %" PRIu32 " }",
                         capture->text_bytes_max, bytes);
    } else if (bytes > capture->text_bytes_max) {
        vm_evidence__add(text, ": a capture has room for %d at most", VALUE_TEXT_BYTES_LIMIT);
    }
}

/* The first place that was not as expected. */
static void vm_evidence__add_wrong_place(const struct vm *vm, struct vm_lane *lane,
                                         const struct frame *frame, struct vm_evidence__text *text)
{
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        if (!vm_wait_holds(vm, lane, verify, frame)) {
            if (verify->type == VERIFY_FIELD) {
                vm_evidence__add_place(vm, &verify->place, frame, VM_EVIDENCE_GOES_ON, text);
            }
            return;
        }
    }
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        struct place_value found = {.type = VALUE_I64};
        if (!vm_wait_captures(vm, &wait->captures[i], frame, &found)) {
            vm_evidence__add_place(vm, &wait->captures[i].place, frame, VM_EVIDENCE_GOES_ON, text);
            vm_evidence__add_room(vm, &wait->captures[i], &found, text);
            return;
        }
    }
}

static void vm_evidence__add_difference(const struct vm *vm, struct vm_lane *lane,
                                        const struct frame *frame, struct vm_evidence__text *text)
{
    const struct verify *verify = &vm->program->code[lane->instruction].wait->verify;
    const struct body *body = vm_wait_body(vm, lane, verify);
    struct message_scope scope = vm_wait_scope(vm, lane, verify);
    bool whole = verify->type == VERIFY_SAME_BODY || verify->type == VERIFY_EQUALS ||
                 verify->type == VERIFY_STARTS_WITH;
    bool raw = vm->raw; /* only a piece of the stream is known */
    if (!raw) {
        vm_evidence__add_wrong_place(vm, lane, frame, text);
    }
    if (raw || !whole || body == NULL || frame->body_bytes < verify->skip_bytes) {
        return;
    }
    uint32_t bytes = frame->body_bytes - verify->skip_bytes;
    uint32_t at = vm_evidence__differs(body, &scope, frame->body + verify->skip_bytes, bytes);
    if (at < bytes) {
        vm_evidence__add(text, ", another from byte %" PRIu32 " on", verify->skip_bytes + at);
    }
}

void vm_evidence_refusal(const struct vm *vm, uint32_t index, const struct frame *frame, char *out)
{
    struct vm_evidence__text text = {.out = out};
    const struct instruction *instruction = &vm->program->code[vm_wait_at(vm, index)->instruction];
    const struct match *match = &instruction->wait->match;
    if (index < vm->program->lanes_count && instruction->op == OP_REQUEST &&
        vm_lane_at(vm, index)->sent_ns == 0) {
        vm_evidence__add(&text, "its own message has not left yet");
    } else if (frame->is_push && instruction->op == OP_REQUEST) {
        vm_evidence__add(&text, "by its text it is a push, and no reply");
    } else if (!match->any_id && frame->id != match->id) {
        vm_evidence__add(&text, "`match`: expected id %" PRIu32 ", found %" PRIu32, match->id,
                         frame->id);
    } else if (match->source == MATCH_FIELD_NONE) {
        vm_evidence__add(&text, "a rule of `on_push` comes first");
    } else {
        vm_evidence__add(&text, "`match`: expected ");
        vm_evidence__add_match(vm, index, match, &text);
        vm_evidence__add(&text, ", found ");
        vm_evidence__add_place(vm, &match->place, frame, VM_EVIDENCE_BEGINS, &text);
    }
}

void vm_evidence_verdict(const struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                         char *out)
{
    struct vm_evidence__text text = {.out = out};
    out[0] = '\0';
    if (lane->mismatched) {
        vm_evidence_expected(vm, lane, out);
        text.used = strlen(out);
        vm_evidence__add(&text, "; found ");
        vm_evidence__add_message(&text, vm, frame->id, frame->whole_body_bytes);
        vm_evidence__add_difference(vm, lane, frame, &text);
    }
}

/* Where the failure is to be written; NULL: that step has one, or none are kept. */
static struct vm_failed *vm_evidence__slot(const struct vm *vm, struct vm_lane *lane)
{
    const struct vm_evidence *evidence = vm->observer->evidence;
    if (evidence == NULL) {
        return NULL;
    }
    uint32_t step = vm->program->code[lane->instruction].step;
    struct vm_failed *failed =
        &evidence->failed[step < evidence->steps_count ? step
                                                       : evidence->steps_count + EVIDENCE_EXPECTS];
    return failed->happened ? NULL : failed;
}

static void vm_evidence__fill(const struct vm *vm, struct vm_lane *lane, struct vm_failed *failed,
                              enum error_kind kind, int64_t at_ns)
{
    *failed = (struct vm_failed){
        .happened = true, .kind = kind, .at_ns = at_ns, .connection = vm->connection};
    vm_evidence_expected(vm, lane, failed->expected);
}

static void vm_evidence__show(struct vm_failed *failed, const uint8_t *bytes, uint32_t count)
{
    failed->bytes_count = count < VM_EVIDENCE_BYTES_MAX ? count : VM_EVIDENCE_BYTES_MAX;
    memcpy(failed->bytes, bytes, failed->bytes_count);
}

void vm_evidence_note(struct vm *vm, const struct frame *frame, int64_t received_ns)
{
    struct vm_evidence *evidence = vm->observer->evidence;
    if (evidence == NULL) {
        return;
    }
    struct vm_untaken *untaken = &evidence->untaken[vm->connection % VM_UNTAKEN_COUNT];
    uint32_t count = frame->body_bytes;
    count = count < VM_EVIDENCE_BYTES_MAX ? count : VM_EVIDENCE_BYTES_MAX;
    untaken->at_ns = received_ns;
    untaken->vm = vm;
    untaken->id = frame->id;
    untaken->body_bytes = frame->whole_body_bytes;
    untaken->bytes_count = count;
    if (count > 0) {
        memcpy(untaken->bytes, frame->body, count);
    }
}

void vm_evidence_mismatch(struct vm *vm, struct vm_lane *lane, const struct frame *frame,
                          int64_t received_ns)
{
    struct vm_failed *failed = vm_evidence__slot(vm, lane);
    if (failed == NULL) {
        return;
    }
    struct vm_evidence__text text = {.out = failed->found};
    vm_evidence__fill(vm, lane, failed, ERROR_KIND_MISMATCH, received_ns);
    vm_evidence__add_message(&text, vm, frame->id, frame->whole_body_bytes);
    vm_evidence__add_difference(vm, lane, frame, &text);
    vm_evidence__show(failed, frame->body, frame->body_bytes);
}

bool vm_evidence_waiting(const struct vm *vm, struct error *words, struct span *bytes)
{
    const struct vm_observer *observer = vm->observer;
    return observer->waiting != NULL && observer->waiting(observer->context, words, bytes);
}

void vm_evidence_time_out(struct vm *vm, struct vm_lane *lane, int64_t deadline_ns)
{
    struct vm_failed *failed = vm_evidence__slot(vm, lane);
    if (failed == NULL) {
        return;
    }
    const struct wait *wait = vm->program->code[lane->instruction].wait;
    const struct vm_untaken *untaken =
        &vm->observer->evidence->untaken[vm->connection % VM_UNTAKEN_COUNT];
    bool noted = untaken->at_ns != 0 && untaken->vm == vm && untaken->at_ns >= lane->sent_ns &&
                 lane->sent_ns != 0;
    struct vm_evidence__text expected = {.out = failed->expected};
    struct vm_evidence__text text = {.out = failed->found};
    char within[UNITS_TEXT_BYTES_MAX];
    vm_evidence__fill(vm, lane, failed, ERROR_KIND_RESPONSE_TIMEOUT, deadline_ns);
    expected.used = strlen(failed->expected);
    vm_evidence__add(&expected, ", within %s", units_format_duration(wait->within_ns, within));
    if (lane->sent_ns == 0) {
        vm_evidence__add(&text, "nothing: the request could not leave");
        return;
    }
    if (lane->raw_done_bytes > 0) {
        vm_evidence__add_count(&text, lane->raw_done_bytes);
    } else if (noted) {
        vm_evidence__add_message(&text, vm, untaken->id, untaken->body_bytes);
    } else if (lane->replies_left < wait->replies_count) {
        vm_evidence__add(&text, "%" PRIu32 " of them", wait->replies_count - lane->replies_left);
    }
    if (noted) {
        vm_evidence__show(failed, untaken->bytes, untaken->bytes_count);
    }
    struct error waiting;
    struct span bytes;
    if (vm_evidence_waiting(vm, &waiting, &bytes)) {
        vm_evidence__add(&text, "%s%s", text.used > 0 ? ", then " : "", waiting.text);
        vm_evidence__show(failed, bytes.data, (uint32_t)bytes.bytes);
    }
    if (text.used == 0) {
        vm_evidence__add(&text, "nothing");
    }
}

/* The lane that has waited longest for a message; NULL: none does. */
static struct vm_lane *vm_evidence__waiting_lane(const struct vm *vm)
{
    uint32_t index = vm->wait_head;
    while (index != VM_INDEX_NONE && index >= vm->program->lanes_count) { /* a late reply */
        index = vm_wait_at(vm, index)->next;
    }
    return index == VM_INDEX_NONE ? NULL : vm_lane_at(vm, index);
}

void vm_describe(const struct vm *vm, char out[VM_EVIDENCE_TEXT_BYTES_MAX])
{
    static const char *const PHASES[] = {[VM_PHASE_SETUP] = "in setup",
                                         [VM_PHASE_LOOP] = "in the loop",
                                         [VM_PHASE_TEARDOWN] = "in teardown",
                                         [VM_PHASE_FINISHED] = "behind its last step"};
    struct vm_lane *lane = vm_evidence__waiting_lane(vm);
    struct vm_evidence__text text = {.out = out};
    if (lane == NULL) {
        vm_evidence__add(&text, "%s, where no step waited for a message", PHASES[vm->phase]);
        return;
    }
    char name[VM_STEP_NAME_BYTES_MAX];
    char expected[VM_EVIDENCE_TEXT_BYTES_MAX];
    vm_evidence_expected(vm, lane, expected);
    vm_evidence__add(&text, "while %s waited for %s",
                     vm_step_name(vm, lane->instruction, lane->index, name), expected);
}

void vm_evidence_lost(const struct vm *vm)
{
    struct vm_evidence *evidence = vm->observer->evidence;
    if (evidence != NULL && !evidence->failed[evidence->steps_count + EVIDENCE_ENDS].happened) {
        vm_describe(vm, evidence->lost);
    }
}
