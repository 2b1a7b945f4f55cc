/* Figures as bytes: everything that figures_add() adds, in its order. */
#include "figures.h"
#include "results/transfer.h"
#include "scenario/scenario.h"

static void figures__pack_errors(const uint64_t *errors, struct pack *pack)
{
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        pack_u64(pack, errors[kind]);
    }
}

static void figures__unpack_errors(uint64_t *errors, struct unpack *from)
{
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        errors[kind] += unpack_u64(from);
    }
}

static void figures__pack_latency(const struct histogram *latency, int kinds, struct pack *pack)
{
    for (int kind = 0; kind < kinds; kind++) {
        histogram_pack(&latency[kind], pack);
    }
}

static void figures__unpack_latency(struct histogram *latency, int kinds, struct unpack *from)
{
    for (int kind = 0; kind < kinds && !from->failed; kind++) {
        histogram_unpack_add(&latency[kind], from);
    }
}

static void figures__pack_parts(const struct figures *figures, struct pack *pack)
{
    pack_u64(pack, figures->steps_count);
    for (uint32_t i = 0; i < figures->steps_count; i++) {
        figures__pack_latency(figures->steps[i].latency, LATENCY_STEP_KINDS, pack);
        figures__pack_errors(figures->steps[i].errors, pack);
    }
    pack_u64(pack, figures->stages_count);
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        const struct figures_stage *stage = &figures->stages[i];
        figures__pack_latency(stage->latency, LATENCY_KINDS, pack);
        figures__pack_errors(stage->errors, pack);
        arrival_counts_pack(&stage->arrivals, pack);
        pack_u64(pack, stage->iterations_started);
    }
    pack_u64(pack, figures->behaviors_count);
    for (uint32_t i = 0; i < figures->behaviors_count; i++) {
        arrival_counts_pack(&figures->behaviors[i], pack);
    }
}

static void figures__unpack_parts(struct figures *into, struct unpack *from)
{
    if (unpack_u64(from) != into->steps_count) {
        unpack_fail(from);
    }
    for (uint32_t i = 0; i < into->steps_count && !from->failed; i++) {
        figures__unpack_latency(into->steps[i].latency, LATENCY_STEP_KINDS, from);
        figures__unpack_errors(into->steps[i].errors, from);
    }
    if (unpack_u64(from) != into->stages_count) {
        unpack_fail(from);
    }
    for (uint32_t i = 0; i < into->stages_count && !from->failed; i++) {
        struct figures_stage *stage = &into->stages[i];
        figures__unpack_latency(stage->latency, LATENCY_KINDS, from);
        figures__unpack_errors(stage->errors, from);
        arrival_counts_unpack_add(&stage->arrivals, from);
        stage->iterations_started += unpack_u64(from);
    }
    if (unpack_u64(from) != into->behaviors_count) {
        unpack_fail(from);
    }
    for (uint32_t i = 0; i < into->behaviors_count && !from->failed; i++) {
        arrival_counts_unpack_add(&into->behaviors[i], from);
    }
}

static void figures__pack_abnormal(const struct figures *figures, struct pack *pack)
{
    pack_u64(pack, figures->abnormal_total);
    pack_u64(pack, figures->abnormal_count);
    for (uint32_t i = 0; i < figures->abnormal_count; i++) {
        abnormal_pack(&figures->abnormal[i], pack);
    }
}

static void figures__unpack_abnormal(struct figures *into, struct unpack *from)
{
    into->abnormal_total += unpack_u64(from);
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
    const uint64_t counts[] = {
        figures->iterations_started, figures->requests_cut, figures->setup_timeouts,
        figures->failed_steps,       figures->clock_reads,  figures->idle_ns,
    };
    counters_pack(&figures->counters, pack);
    figures__pack_latency(figures->latency, LATENCY_KINDS, pack);
    figures__pack_parts(figures, pack);
    port_stats_pack(&figures->port, pack);
    figures__pack_abnormal(figures, pack);
    clean_pack(figures->clean, pack);
    arrival_counts_pack(&figures->arrivals, pack);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        pack_u64(pack, counts[i]);
    }
    pack_i64(pack, figures->sent_error_max_ns);
    figures__pack_notes(&figures->notes, pack);
    series_pack(figures->series, pack);
}

bool figures_unpack_add(struct figures *into, struct unpack *from)
{
    uint64_t *counts[] = {
        &into->iterations_started, &into->requests_cut, &into->setup_timeouts,
        &into->failed_steps,       &into->clock_reads,  &into->idle_ns,
    };
    counters_unpack_add(&into->counters, from);
    figures__unpack_latency(into->latency, LATENCY_KINDS, from);
    figures__unpack_parts(into, from);
    port_stats_unpack_add(&into->port, from);
    figures__unpack_abnormal(into, from);
    clean_unpack_add(into->clean, from);
    arrival_counts_unpack_add(&into->arrivals, from);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        *counts[i] += unpack_u64(from);
    }
    int64_t sent_error_ns = unpack_i64(from);
    if (sent_error_ns > into->sent_error_max_ns) {
        into->sent_error_max_ns = sent_error_ns;
    }
    figures__unpack_notes(&into->notes, from);
    return !from->failed && series_unpack_merge(into->series, from) && !from->failed;
}
