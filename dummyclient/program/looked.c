/* How much of a message the steps look at, from the beginning of its body: what is behind it need
 * not be kept. */
#include "program/program.h"
#include "proto/reassembly.h"
#include "scenario/tree.h"

/* A message that is not what was expected is shown by its beginning. */
enum { LOOKED_BYTES_MIN = 256 };

_Static_assert(PLACE_REACH_ALL == REASSEMBLY_ALL_BYTES, "all is all");

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
        return place_reach(&verify->place);
    }
    return 0;
}

static void looked__at(uint64_t end, uint32_t *most)
{
    uint32_t bytes = end < REASSEMBLY_ALL_BYTES ? (uint32_t)end : REASSEMBLY_ALL_BYTES;
    *most = bytes > *most ? bytes : *most;
}

static void looked__wait(const struct wait *wait, uint32_t *most)
{
    if (wait->match.source != MATCH_FIELD_NONE) {
        looked__at(place_reach(&wait->match.place), most);
    }
    for (const struct verify *verify = &wait->verify; verify != NULL; verify = verify->next) {
        looked__at(looked__verify_end(verify), most);
    }
    for (uint32_t i = 0; i < wait->captures_count; i++) {
        looked__at(place_reach(&wait->captures[i].place), most);
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
            looked__at(place_reach(&push->fanout), &most);
        }
        for (uint32_t n = 0; n < program->behaviors[i].beats_count; n++) {
            looked__wait(&program->behaviors[i].beats[n].beat->reply, &most);
        }
    }
    return most;
}
