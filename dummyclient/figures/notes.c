#include "figures/notes.h"

#include "core/clock.h"
#include "core/pack.h"
#include "scenario/scenario.h"
#include "text/json.h"

#include <cjson/cJSON.h>

#include <stdlib.h>

bool notes_open(struct notes *notes, struct error *error)
{
    *notes = (struct notes){0};
    notes->marks = calloc(NOTES_MARKS_MAX, sizeof *notes->marks);
    if (notes->marks == NULL) {
        error_set(error, "no memory for marks");
        return false;
    }
    return true;
}

void notes_close(struct notes *notes)
{
    free(notes->marks);
    *notes = (struct notes){0};
}

void notes_push(struct notes *notes, uint32_t id, uint64_t count, uint64_t bytes)
{
    uint32_t at = notes->push_last;
    if (at >= notes->pushes_count || notes->pushes[at].id != id) {
        for (at = 0; at < notes->pushes_count && notes->pushes[at].id != id; at++) {
        }
        if (at == NOTES_IDS_MAX) {
            notes->pushes_other += count;
            return;
        }
        if (at == notes->pushes_count) {
            notes->pushes[notes->pushes_count++] = (struct notes_push){.id = id};
        }
        notes->push_last = at;
    }
    notes->pushes[at].count += count;
    notes->pushes[at].bytes += bytes;
}

static bool notes__is(const struct notes_mark *entry, uint32_t mark, int64_t second)
{
    return entry->mark == mark && entry->second == second;
}

void notes_mark(struct notes *notes, uint32_t mark, int64_t second, uint64_t count)
{
    uint32_t at = notes->mark_last;
    if (at >= notes->marks_count || !notes__is(&notes->marks[at], mark, second)) {
        /* Newest first: that is where it is, if it is there. */
        for (at = notes->marks_count; at > 0 && !notes__is(&notes->marks[at - 1], mark, second);) {
            at--;
        }
        if (at == 0 && notes->marks_count == NOTES_MARKS_MAX) {
            notes->marks_other += count;
            return;
        }
        if (at == 0) {
            notes->marks[notes->marks_count++] =
                (struct notes_mark){.mark = mark, .second = second};
            at = notes->marks_count;
        }
        notes->mark_last = --at;
    }
    notes->marks[at].count += count;
}

void notes_add(struct notes *into, const struct notes *from)
{
    for (uint32_t i = 0; i < from->pushes_count; i++) {
        notes_push(into, from->pushes[i].id, from->pushes[i].count, from->pushes[i].bytes);
    }
    for (uint32_t i = 0; i < from->marks_count; i++) {
        notes_mark(into, from->marks[i].mark, from->marks[i].second, from->marks[i].count);
    }
    into->pushes_other += from->pushes_other;
    into->marks_other += from->marks_other;
}

void notes_pack(const struct notes *notes, struct pack *pack)
{
    pack_u64(pack, notes->pushes_count);
    for (uint32_t i = 0; i < notes->pushes_count; i++) {
        pack_u64(pack, notes->pushes[i].id);
        pack_u64(pack, notes->pushes[i].count);
        pack_u64(pack, notes->pushes[i].bytes);
    }
    pack_u64(pack, notes->pushes_other);
    pack_u64(pack, notes->marks_count);
    for (uint32_t i = 0; i < notes->marks_count; i++) {
        pack_u64(pack, notes->marks[i].mark);
        pack_i64(pack, notes->marks[i].second);
        pack_u64(pack, notes->marks[i].count);
    }
    pack_u64(pack, notes->marks_other);
}

void notes_unpack_add(struct notes *into, struct unpack *from)
{
    uint32_t count = unpack_u32(from, NOTES_IDS_MAX);
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        uint32_t id = unpack_u32(from, UINT32_MAX);
        uint64_t pushes = unpack_u64(from);
        notes_push(into, id, pushes, unpack_u64(from));
    }
    into->pushes_other += unpack_u64(from);
    count = unpack_u32(from, NOTES_MARKS_MAX);
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        uint32_t mark = unpack_u32(from, SCENARIO_MARKS_MAX - 1);
        int64_t second = unpack_i64(from);
        notes_mark(into, mark, second, unpack_u64(from));
    }
    into->marks_other += unpack_u64(from);
}

static int notes__by_time(const void *a, const void *b)
{
    const struct notes_mark *left = a;
    const struct notes_mark *right = b;
    if (left->second != right->second) {
        return left->second < right->second ? -1 : 1;
    }
    return (left->mark > right->mark) - (left->mark < right->mark);
}

static int notes__by_id(const void *a, const void *b)
{
    const struct notes_push *left = a;
    const struct notes_push *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

void notes_to_json(struct notes *notes, const char *const *mark_names, struct cJSON *result)
{
    struct cJSON *pushes = json_add_item(result, "pushes", cJSON_CreateArray());
    qsort(notes->pushes, notes->pushes_count, sizeof *notes->pushes, notes__by_id);
    for (uint32_t i = 0; i < notes->pushes_count; i++) {
        struct cJSON *item = cJSON_CreateObject();
        json_add_u64(item, "id", notes->pushes[i].id);
        json_add_u64(item, "count", notes->pushes[i].count);
        json_add_u64(item, "bytes", notes->pushes[i].bytes);
        json_append_item(pushes, item);
    }
    json_add_u64(result, "pushes_other", notes->pushes_other);
    struct cJSON *marks = json_add_item(result, "marks", cJSON_CreateArray());
    qsort(notes->marks, notes->marks_count, sizeof *notes->marks, notes__by_time);
    for (uint32_t i = 0; i < notes->marks_count; i++) {
        struct cJSON *item = cJSON_CreateObject();
        json_add_i64(item, "t_ns", notes->marks[i].second * NS_PER_S);
        json_add_text(item, "text", mark_names[notes->marks[i].mark]);
        json_add_u64(item, "count", notes->marks[i].count);
        json_append_item(marks, item);
    }
    json_add_u64(result, "marks_other", notes->marks_other);
}
