/* How much of a message the steps look at, from the beginning of its body: what is behind it need
 * not be kept. */
#include "program/program.h"
#include "proto/reassembly.h"
#include "scenario/tree.h"

enum {
    LOOKED_BYTES_MIN = 256, /* a message that is not what was expected is shown by its beginning */
    LOOKED_DIGITS_BYTES_MAX = 64 /* more than any number has */
};

static uint64_t looked__field_end(const struct field *field)
{
    return (uint64_t)field->offset +
           (field->is_digits ? LOOKED_DIGITS_BYTES_MAX : (uint64_t)field->bytes_count);
}

static uint64_t looked__verify_end(const struct verify *verify)
{
    switch (verify->type) {
    case VERIFY_NONE:
        break;
    case VERIFY_SAME_BODY:
    case VERIFY_CONTAINS:
        return REASSEMBLY_ALL_BYTES;
    case VERIFY_EQUALS:
        return (uint64_t)verify->body.bytes_max + 1; /* whether there is more */
    case VERIFY_STARTS_WITH:
        return verify->body.bytes_max;
    case VERIFY_FIELD:
        return looked__field_end(&verify->field);
    }
    return 0;
}

static uint64_t looked__capture_end(const struct capture *capture)
{
    switch (capture->form) {
    case CAPTURE_NUMBER:
        return looked__field_end(&capture->field);
    case CAPTURE_TEXT:
        return capture->bytes_count == 0 ? REASSEMBLY_ALL_BYTES
                                         : (uint64_t)capture->field.offset + capture->bytes_count;
    case CAPTURE_BETWEEN:
        break;
    }
    return REASSEMBLY_ALL_BYTES;
}

static void looked__at(uint64_t end, uint32_t *most)
{
    uint32_t bytes = end < REASSEMBLY_ALL_BYTES ? (uint32_t)end : REASSEMBLY_ALL_BYTES;
    *most = bytes > *most ? bytes : *most;
}

static void looked__wait(const struct wait *wait, uint32_t *most)
{
    if (wait->match.source != MATCH_FIELD_NONE) {
        looked__at(looked__field_end(&wait->match.field), most);
    }
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        looked__at(looked__verify_end(verify), most);
    }
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        looked__at(looked__capture_end(&wait->captures[i]), most);
    }
}

uint32_t program_looked_bytes(const struct program *program)
{
    uint32_t most = LOOKED_BYTES_MIN;
    for (uint32_t i = 0; i < program->code_count; i++) {
        const struct instruction *instruction = &program->code[i];
        if (instruction->op == OP_EXPECT || instruction->op == OP_REQUEST) {
            looked__wait(instruction->wait, &most);
        }
    }
    for (uint32_t i = 0; i < program->behaviors_count; i++) {
        for (uint32_t n = 0; n < program->behaviors[i].pushes_count; n++) {
            const struct push *push = program->behaviors[i].pushes[n].push;
            looked__wait(&push->wait, &most);
            looked__at(push->has_fanout ? looked__field_end(&push->fanout) : 0, &most);
        }
    }
    return most;
}
