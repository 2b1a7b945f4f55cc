/* What the expects of a behavior look back for, so that the vm keeps no other message. */
#include "program/internal.h"

static const struct wait *program__looks_back(const struct instruction *instruction)
{
    bool expects = instruction->op == OP_EXPECT;
    return expects && instruction->wait->since != WAIT_SINCE_STEP ? instruction->wait : NULL;
}

static bool program__reads_body(const struct program *program, const struct wait *wait)
{
    return program->framing.type == FRAMING_RAW || wait->captures_count > 0 ||
           wait->verify.type != VERIFY_NONE || wait->match.source != MATCH_FIELD_NONE;
}

static bool program__is_listed(const uint32_t *ids, uint32_t count, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

void program_list_expected(struct program *program, struct program_behavior *behavior)
{
    uint32_t ids_max = 0;
    for (uint32_t i = behavior->setup; i < program->code_count; i++) {
        ids_max += program__looks_back(&program->code[i]) != NULL;
    }
    uint32_t *ids = ids_max == 0 ? NULL : arena_take(&program->arena, ids_max * sizeof *ids);
    if (ids == NULL) {
        return; /* nothing to list, or no memory: the arena says so at the end */
    }
    program->has_inbox = true;
    behavior->expected_ids = ids;
    for (uint32_t i = behavior->setup; i < program->code_count; i++) {
        const struct wait *wait = program__looks_back(&program->code[i]);
        if (wait == NULL) {
            continue;
        }
        if (program__reads_body(program, wait)) {
            program->inbox_bytes_max = PROGRAM_INBOX_BYTES_MAX;
        }
        if (wait->since == WAIT_SINCE_CONNECTED) {
            behavior->expects_since_connected = true;
        }
        if (wait->match.any_id) {
            behavior->expects_any = true;
        } else if (!program__is_listed(ids, behavior->expected_ids_count, wait->match.id)) {
            ids[behavior->expected_ids_count++] = wait->match.id;
        }
    }
}
