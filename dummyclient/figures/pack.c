/* Figures as bytes: everything that figures_add() adds. */
#include "figures/figures.h"
#include "results/transfer.h"
#include "scenario/scenario.h"

static void figures__pack_numbers(void *context, uint64_t *numbers, uint32_t count,
                                  enum figures_rule rule)
{
    (void)rule;
    for (uint32_t i = 0; i < count; i++) {
        pack_u64(context, numbers[i]);
    }
}

static void figures__unpack_numbers(void *context, uint64_t *numbers, uint32_t count,
                                    enum figures_rule rule)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = unpack_u64(context);
        if (rule == FIGURES_SUM) {
            numbers[i] += number;
        } else if (number > numbers[i]) {
            numbers[i] = number;
        }
    }
}

static void figures__pack_histogram(void *context, struct histogram *histogram)
{
    histogram_pack(histogram, context);
}

static void figures__unpack_histogram(void *context, struct histogram *histogram)
{
    struct unpack *from = context;
    if (!from->failed) {
        histogram_unpack_add(histogram, from);
    }
}

/* How many there are of each: what arrives must be of the same plan. */
static void figures__shape(const struct figures *figures, uint32_t shape[3])
{
    shape[0] = figures->steps_count;
    shape[1] = figures->stages_count;
    shape[2] = figures->behaviors_count;
}

void figures_numbers_pack(const struct figures *figures, struct pack *pack)
{
    uint32_t shape[3];
    figures__shape(figures, shape);
    for (int i = 0; i < 3; i++) {
        pack_u64(pack, shape[i]);
    }
    figures_numbers((struct figures *)(uintptr_t)figures, figures__pack_numbers, pack);
}

bool figures_numbers_unpack_add(struct figures *into, struct unpack *from)
{
    uint32_t shape[3];
    figures__shape(into, shape);
    for (int i = 0; i < 3; i++) {
        if (unpack_u64(from) != shape[i]) {
            unpack_fail(from);
        }
    }
    if (!from->failed) {
        figures_numbers(into, figures__unpack_numbers, from);
    }
    return !from->failed;
}

static void figures__pack_abnormal(const struct figures *figures, struct pack *pack)
{
    pack_u64(pack, figures->abnormal_count);
    for (uint32_t i = 0; i < figures->abnormal_count; i++) {
        abnormal_pack(&figures->abnormal[i], pack);
    }
}

static void figures__unpack_abnormal(struct figures *into, struct unpack *from)
{
    uint32_t count = unpack_u32(from, UINT32_MAX);
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        struct result_abnormal abnormal;
        if (abnormal_unpack(&abnormal, from) && into->abnormal_count < into->abnormal_max) {
            into->abnormal[into->abnormal_count++] = abnormal;
        }
    }
}

static void figures__pack_notes(const struct notes *notes, struct pack *pack)
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

static void figures__unpack_notes(struct notes *into, struct unpack *from)
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

void figures_pack(struct figures *figures, struct pack *pack)
{
    figures_numbers_pack(figures, pack);
    figures_histograms(figures, figures__pack_histogram, pack);
    figures__pack_abnormal(figures, pack);
    clean_pack(figures->clean, pack);
    figures__pack_notes(&figures->notes, pack);
    evidence_pack(figures->evidence, figures->origin_ns, pack);
    series_pack(figures->series, pack);
}

bool figures_unpack_add(struct figures *into, struct unpack *from)
{
    if (!figures_numbers_unpack_add(into, from)) {
        return false;
    }
    figures_histograms(into, figures__unpack_histogram, from);
    figures__unpack_abnormal(into, from);
    clean_unpack_add(into->clean, from);
    figures__unpack_notes(&into->notes, from);
    evidence_unpack_add(into->evidence, into->origin_ns, from);
    return !from->failed && series_unpack_merge(into->series, from) && !from->failed;
}
