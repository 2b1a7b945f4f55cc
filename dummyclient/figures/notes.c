#include "figures/notes.h"

#include "core/clock.h"
#include "core/pack.h"
#include "scenario/scenario.h"
#include "text/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

bool notes_open(struct notes *notes, struct error *error)
{
    struct note *all = calloc(NOTES_IDS_MAX + NOTES_MARKS_MAX, sizeof *all);
    *notes = (struct notes){.pushes = {.notes = all, .max = NOTES_IDS_MAX}};
    if (all == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for marks");
        return false;
    }
    notes->marks = (struct notes_list){.notes = all + NOTES_IDS_MAX, .max = NOTES_MARKS_MAX};
    return true;
}

void notes_close(struct notes *notes)
{
    free(notes->pushes.notes);
    *notes = (struct notes){0};
}

static void notes__count(struct notes_list *list, const struct note *note)
{
    struct note *notes = list->notes;
    uint32_t at = list->last;
    if (at >= list->count || notes[at].id != note->id || notes[at].second != note->second) {
        /* Newest first: that is where it is, if it is there. */
        for (at = list->count; at-- > 0;) {
            if (notes[at].id == note->id && notes[at].second == note->second) {
                break;
            }
        }
        if (at == UINT32_MAX && list->count == list->max) {
            list->other += note->count;
            return;
        }
        if (at == UINT32_MAX) {
            at = list->count++;
            notes[at] = (struct note){.id = note->id, .second = note->second};
        }
        list->last = at;
    }
    notes[at].count += note->count;
    notes[at].bytes += note->bytes;
    notes[at].answered += note->answered;
}

void notes_push(struct notes *notes, uint32_t id, uint64_t count, uint64_t bytes)
{
    notes__count(&notes->pushes, &(struct note){.id = id, .count = count, .bytes = bytes});
}

void notes_answer(struct notes *notes, uint32_t id)
{
    notes__count(&notes->pushes, &(struct note){.id = id, .answered = 1});
}

void notes_mark(struct notes *notes, uint32_t mark, int64_t second)
{
    notes__count(&notes->marks, &(struct note){.id = mark, .second = second, .count = 1});
}

static void notes__add(struct notes_list *into, const struct notes_list *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        notes__count(into, &from->notes[i]);
    }
    into->other += from->other;
}

void notes_add(struct notes *into, const struct notes *from)
{
    notes__add(&into->pushes, &from->pushes);
    notes__add(&into->marks, &from->marks);
}

static void notes__pack(const struct notes_list *list, struct pack *pack)
{
    pack_u64(pack, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        pack_u64(pack, list->notes[i].id);
        pack_i64(pack, list->notes[i].second);
        pack_u64(pack, list->notes[i].count);
        pack_u64(pack, list->notes[i].bytes);
        pack_u64(pack, list->notes[i].answered);
    }
    pack_u64(pack, list->other);
}

void notes_pack(const struct notes *notes, struct pack *pack)
{
    notes__pack(&notes->pushes, pack);
    notes__pack(&notes->marks, pack);
}

static void notes__unpack_add(struct notes_list *into, uint32_t id_max, struct unpack *from)
{
    uint32_t count = unpack_u32(from, into->max);
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        struct note note = {.id = unpack_u32(from, id_max)};
        note.second = unpack_i64(from);
        note.count = unpack_u64(from);
        note.bytes = unpack_u64(from);
        note.answered = unpack_u64(from);
        notes__count(into, &note);
    }
    into->other += unpack_u64(from);
}

void notes_unpack_add(struct notes *into, struct unpack *from)
{
    notes__unpack_add(&into->pushes, UINT32_MAX, from);
    notes__unpack_add(&into->marks, SCENARIO_MARKS_MAX - 1, from);
}

static int notes__order(const void *a, const void *b)
{
    const struct note *left = a;
    const struct note *right = b;
    if (left->second != right->second) {
        return left->second < right->second ? -1 : 1;
    }
    return (left->id > right->id) - (left->id < right->id);
}

void notes_to_json(struct notes *notes, const char *const *mark_names, struct cJSON *result)
{
    struct cJSON *pushes = json_add_item(result, "pushes", cJSON_CreateArray());
    qsort(notes->pushes.notes, notes->pushes.count, sizeof *notes->pushes.notes, notes__order);
    for (uint32_t i = 0; i < notes->pushes.count; i++) {
        const struct note *push = &notes->pushes.notes[i];
        struct cJSON *item = cJSON_CreateObject();
        json_add_u64(item, "id", push->id);
        json_add_u64(item, "count", push->count);
        json_add_u64(item, "bytes", push->bytes);
        json_append_item(pushes, item);
    }
    json_add_u64(result, "pushes_other", notes->pushes.other);
    struct cJSON *marks = json_add_item(result, "marks", cJSON_CreateArray());
    qsort(notes->marks.notes, notes->marks.count, sizeof *notes->marks.notes, notes__order);
    for (uint32_t i = 0; i < notes->marks.count; i++) {
        const struct note *mark = &notes->marks.notes[i];
        struct cJSON *item = cJSON_CreateObject();
        json_add_i64(item, "t_ns", mark->second * NS_PER_S);
        json_add_text(item, "text", mark_names[mark->id]);
        json_add_u64(item, "count", mark->count);
        json_append_item(marks, item);
    }
    json_add_u64(result, "marks_other", notes->marks.other);
}
