/* Notes: what is counted beside the figures: pushes by id, and marks by second.
 *
 * Owned by one thread while it records; added up by the supervisor. Bounded: what does not fit is
 * only counted. Memory is allocated at open only. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct pack;
struct unpack;

enum { NOTES_IDS_MAX = 64, NOTES_MARKS_MAX = 2048 };

struct note {
    uint32_t id;    /* of the message; of the mark */
    int64_t second; /* since the origin; pushes have none, 0 */
    uint64_t count;
    uint64_t bytes;    /* of pushes: whole messages */
    uint64_t answered; /* of them: by a rule of on_push */
};

struct notes_list {
    struct note *notes;
    uint32_t max;
    uint32_t count;
    uint32_t last;  /* index of the last one counted: the next is probably the same */
    uint64_t other; /* what did not fit */
};

struct notes {
    struct notes_list pushes;
    struct notes_list marks;
};

bool notes_open(struct notes *notes, struct error *error);
void notes_close(struct notes *notes);
/* Counts messages of this id that no request waits for. */
void notes_push(struct notes *notes, uint32_t id, uint64_t count, uint64_t bytes);
void notes_answer(struct notes *notes, uint32_t id);
void notes_mark(struct notes *notes, uint32_t mark, int64_t second);
void notes_add(struct notes *into, const struct notes *from);
void notes_pack(const struct notes *notes, struct pack *pack);
void notes_unpack_add(struct notes *into, struct unpack *from);
/* Adds `pushes` and `marks` to the result; mark_names of the program. */
void notes_to_json(struct notes *notes, const char *const *mark_names, struct cJSON *result);
