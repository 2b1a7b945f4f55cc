#include "play/logbook.h"

#include "core/clock.h"
#include "core/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGBOOK_HEAD_BYTES = 12 /* time, length */, LOGBOOK_LINE_BYTES_MAX = 512 };

bool logbook_open(struct logbook *logbook, struct error *error)
{
    logbook->bytes = malloc(LOGBOOK_BYTES);
    if (logbook->bytes == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the lines of log steps");
        return false;
    }
    return true;
}

void logbook_close(struct logbook *logbook)
{
    free(logbook->bytes);
    logbook->bytes = NULL;
}

static uint64_t logbook__put(struct logbook *logbook, uint64_t at, const void *data, uint32_t bytes)
{
    const uint8_t *from = data;
    for (uint32_t i = 0; i < bytes; i++) {
        logbook->bytes[(at + i) % LOGBOOK_BYTES] = from[i];
    }
    return at + bytes;
}

static uint64_t logbook__get(const struct logbook *logbook, uint64_t at, void *data, uint32_t bytes)
{
    uint8_t *to = data;
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = logbook->bytes[(at + i) % LOGBOOK_BYTES];
    }
    return at + bytes;
}

void logbook_write(struct logbook *logbook, int64_t time_ns, const uint8_t *line, uint32_t bytes)
{
    uint64_t at = atomic_load_explicit(&logbook->written, memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&logbook->read, memory_order_acquire);
    if (logbook->bytes == NULL || at - read + LOGBOOK_HEAD_BYTES + bytes > LOGBOOK_BYTES) {
        atomic_fetch_add_explicit(&logbook->dropped, 1, memory_order_relaxed);
        return;
    }
    at = logbook__put(logbook, at, &time_ns, sizeof time_ns);
    at = logbook__put(logbook, at, &bytes, sizeof bytes);
    at = logbook__put(logbook, at, line, bytes);
    atomic_store_explicit(&logbook->written, at, memory_order_release);
}

bool logbook_has_lines(const struct logbook *logbook)
{
    return logbook->bytes != NULL &&
           (atomic_load(&logbook->written) != atomic_load(&logbook->read) ||
            atomic_load(&logbook->dropped) != logbook->dropped_told);
}

void logbook_print(struct logbook *logbook, int64_t origin_ns,
                   void (*print)(void *context, const char *line), void *context)
{
    uint64_t written = atomic_load_explicit(&logbook->written, memory_order_acquire);
    uint64_t at = atomic_load_explicit(&logbook->read, memory_order_relaxed);
    uint64_t dropped = atomic_load_explicit(&logbook->dropped, memory_order_relaxed);
    while (at < written) {
        int64_t time_ns = 0;
        uint32_t bytes = 0;
        uint8_t line[LOGBOOK_LINE_BYTES_MAX];
        at = logbook__get(logbook, at, &time_ns, sizeof time_ns);
        at = logbook__get(logbook, at, &bytes, sizeof bytes);
        at = logbook__get(logbook, at, line, bytes);
        char shown[LOGBOOK_LINE_BYTES_MAX + 1];
        char text[LOGBOOK_LINE_BYTES_MAX + 48];
        snprintf(text, sizeof text, "%9.3f  %s", (double)(time_ns - origin_ns) / (double)NS_PER_S,
                 printable_bytes(line, bytes, shown, sizeof shown));
        print(context, text);
        atomic_store_explicit(&logbook->read, at, memory_order_release);
    }
    if (dropped > logbook->dropped_told) {
        char text[96];
        snprintf(text, sizeof text,
                 "%" PRIu64 " lines of log steps were left out: too many at a time",
                 dropped - logbook->dropped_told);
        print(context, text);
        logbook->dropped_told = dropped;
    }
}
