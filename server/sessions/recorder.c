#include "sessions/recorder.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

bool recorder_open(struct recorder *recorder, int64_t origin_ns, uint32_t abnormal_max,
                   struct error *error)
{
    memset(recorder, 0, sizeof *recorder);
    recorder->origin_ns = origin_ns;
    recorder->abnormal_max = abnormal_max;
    if (!histogram_open(&recorder->receive_to_reply, 3, error)) {
        return false;
    }
    if (!histogram_open(&recorder->queue_wait, 3, error)) {
        goto no_queue_wait;
    }
    recorder->series = series_create(origin_ns, SERIES_CELLS_MAX, error);
    if (recorder->series == NULL) {
        goto no_series;
    }
    recorder->abnormal = calloc(abnormal_max > 0 ? abnormal_max : 1, sizeof *recorder->abnormal);
    if (recorder->abnormal == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        goto no_abnormal;
    }
    recorder->clean = calloc(1, sizeof *recorder->clean);
    if (recorder->clean == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        goto no_clean;
    }
    return true;

no_clean:
    free(recorder->abnormal);
no_abnormal:
    series_destroy(recorder->series);
no_series:
    histogram_close(&recorder->queue_wait);
no_queue_wait:
    histogram_close(&recorder->receive_to_reply);
    return false;
}

void recorder_close(struct recorder *recorder)
{
    free(recorder->live);
    free(recorder->clean);
    free(recorder->abnormal);
    series_destroy(recorder->series);
    histogram_close(&recorder->queue_wait);
    histogram_close(&recorder->receive_to_reply);
}

static void recorder__flush_total(struct recorder *recorder, int64_t now_ns, enum total_kind total,
                                  enum series_value value)
{
    uint64_t amount = recorder->counters.totals[total] - recorder->flushed.totals[total];
    if (amount > 0) {
        series_add(recorder->series, now_ns, value, amount);
        recorder->flushed.totals[total] += amount;
    }
}

void recorder_flush(struct recorder *recorder, int64_t now_ns)
{
    recorder__flush_total(recorder, now_ns, TOTAL_BYTES_SENT, SERIES_BYTES_SENT);
    recorder__flush_total(recorder, now_ns, TOTAL_BYTES_RECEIVED, SERIES_BYTES_RECEIVED);
    recorder__flush_total(recorder, now_ns, TOTAL_MESSAGES_SENT, SERIES_MESSAGES_SENT);
    recorder__flush_total(recorder, now_ns, TOTAL_MESSAGES_RECEIVED, SERIES_MESSAGES_RECEIVED);
    /* At the end of every poll: nearly always there is nothing new. */
    if (memcmp(recorder->flushed.errors, recorder->counters.errors,
               sizeof recorder->flushed.errors) != 0) {
        series_add_errors(recorder->series, now_ns, &recorder->counters, &recorder->flushed);
        memcpy(recorder->flushed.errors, recorder->counters.errors,
               sizeof recorder->flushed.errors);
    }
    for (int i = 0; recorder->live != NULL && i < COUNTERS; i++) {
        atomic_store_explicit(&recorder->live[i], recorder->counters.numbers[i],
                              memory_order_relaxed);
    }
}

bool recorder_watch(struct recorder *recorder, struct error *error)
{
    recorder->live = calloc(COUNTERS, sizeof *recorder->live);
    if (recorder->live == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
    }
    return recorder->live != NULL;
}

void recorder_read_live(const struct recorder *recorder, struct counters *sum)
{
    for (int i = 0; recorder->live != NULL && i < COUNTERS; i++) {
        sum->numbers[i] += atomic_load_explicit(&recorder->live[i], memory_order_relaxed);
    }
}

void recorder_set_connections(struct recorder *recorder, int64_t now_ns, uint64_t connections)
{
    series_set(recorder->series, now_ns, SERIES_CONNECTIONS, connections);
}

void recorder_add_abnormal(struct recorder *recorder, const struct result_abnormal *entry)
{
    recorder->abnormal_total++;
    if (recorder->abnormal_count == recorder->abnormal_max) {
        return; /* entries after this ended later */
    }
    struct result_abnormal kept = *entry;
    kept.opened_ns -= recorder->origin_ns;
    kept.ended_ns = clock_now_ns() - recorder->origin_ns;
    abnormal_insert(recorder->abnormal, &recorder->abnormal_count, recorder->abnormal_max, &kept);
}

static void port__merge(struct cport_stats *into, const struct cport_stats *from)
{
    into->polls += from->polls;
    into->syscalls += from->syscalls;
    into->completions += from->completions;
    into->immediate += from->immediate;
    if (from->batch_max > into->batch_max) {
        into->batch_max = from->batch_max;
    }
    if (from->wait > into->wait) {
        into->wait = from->wait;
    }
}

bool recorder_merge(struct recorder *into, const struct recorder *from)
{
    counters_add(&into->counters, &from->counters);
    histogram_add(&into->receive_to_reply, &from->receive_to_reply);
    histogram_add(&into->queue_wait, &from->queue_wait);
    port__merge(&into->port, &from->port);
    for (uint32_t i = 0; i < from->abnormal_count; i++) {
        abnormal_insert(into->abnormal, &into->abnormal_count, into->abnormal_max,
                        &from->abnormal[i]);
    }
    into->abnormal_total += from->abnormal_total;
    clean_merge(into->clean, from->clean);
    tls_stats_add(&into->tls, &from->tls);
    return series_merge(into->series, from->series);
}
