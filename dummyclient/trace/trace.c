#include "trace/trace.h"

#include "core/zeroed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool trace_open(struct trace *trace, uint32_t connection, uint32_t workers_count,
                struct error *error)
{
    bool history = connection == TRACE_FIRST_FAILURE;
    *trace = (struct trace){.rings = calloc(workers_count, sizeof *trace->rings)};
    atomic_init(&trace->connection, connection);
    for (; trace->rings != NULL && trace->rings_count < workers_count; trace->rings_count++) {
        struct trace_ring *ring = &trace->rings[trace->rings_count];
        ring->trace = trace;
        ring->capacity_bytes = history ? TRACE_HISTORY_BYTES : TRACE_RING_BYTES;
        ring->bytes = zeroed_alloc(1, ring->capacity_bytes);
        atomic_init(&ring->is_open, !history);
        if (ring->bytes == NULL) {
            break;
        }
    }
    if (trace->rings == NULL || trace->rings_count < workers_count) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the trace");
        trace_close(trace);
        return false;
    }
    return true;
}

void trace_close(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->rings_count; i++) {
        zeroed_free(trace->rings[i].bytes);
    }
    free(trace->rings);
    *trace = (struct trace){.rings = NULL};
}

/* --- Bytes in a ring. */

static void trace__put(struct trace_ring *ring, uint64_t at, const void *data, size_t bytes)
{
    size_t place = (size_t)(at & (ring->capacity_bytes - 1));
    size_t first = (size_t)ring->capacity_bytes - place;
    first = first < bytes ? first : bytes;
    memcpy(ring->bytes + place, data, first);
    memcpy(ring->bytes, (const uint8_t *)data + first, bytes - first);
}

static void trace__get(const struct trace_ring *ring, uint64_t at, void *data, size_t bytes)
{
    size_t place = (size_t)(at & (ring->capacity_bytes - 1));
    size_t first = (size_t)ring->capacity_bytes - place;
    first = first < bytes ? first : bytes;
    memcpy(data, ring->bytes + place, first);
    memcpy((uint8_t *)data + first, ring->bytes, bytes - first);
}

static uint64_t trace__record_bytes(const struct trace_record *record)
{
    return sizeof *record + record->text_bytes + record->kept_bytes;
}

/* --- The worker's side. */

/* A history gives its oldest records for the new one; what is read by others has room for it, or
 * not. A quarter of a history stays free: it is there when the history begins to be read. */
static bool trace__make_room(struct trace_ring *ring, uint64_t written, uint64_t bytes)
{
    bool is_open = atomic_load_explicit(&ring->is_open, memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
    if (is_open) {
        return written - read + bytes <= ring->capacity_bytes;
    }
    while (written - read + bytes > ring->capacity_bytes / 4 * 3) {
        struct trace_record oldest;
        trace__get(ring, read, &oldest, sizeof oldest);
        read += trace__record_bytes(&oldest);
    }
    atomic_store_explicit(&ring->read, read, memory_order_relaxed);
    return true;
}

static void trace__write(struct trace_ring *ring, struct trace_record *record, struct span data,
                         const char *format, va_list arguments)
{
    char text[TRACE_TEXT_BYTES_MAX + 1];
    if (!trace_wants(ring->trace, record->connection)) {
        return;
    }
    int bytes = vsnprintf(text, sizeof text, format, arguments);
    uint64_t at = atomic_load_explicit(&ring->written, memory_order_relaxed);
    record->text_bytes = (uint16_t)(bytes < 0                  ? 0
                                    : bytes < (int)sizeof text ? bytes
                                                               : TRACE_TEXT_BYTES_MAX);
    record->kept_bytes = (uint16_t)(data.bytes < TRACE_KEPT_BYTES ? data.bytes : TRACE_KEPT_BYTES);
    if (!trace__make_room(ring, at, trace__record_bytes(record))) {
        atomic_fetch_add_explicit(&ring->left_out, 1, memory_order_relaxed);
        return;
    }
    trace__put(ring, at, record, sizeof *record);
    trace__put(ring, at + sizeof *record, text, record->text_bytes);
    if (record->kept_bytes > 0) {
        trace__put(ring, at + sizeof *record + record->text_bytes, data.data, record->kept_bytes);
    }
    atomic_store_explicit(&ring->written, at + trace__record_bytes(record), memory_order_release);
}

void trace_event(struct trace_ring *ring, enum trace_kind kind, uint32_t connection,
                 int64_t time_ns, const char *format, ...)
{
    struct trace_record record = {.kind = kind, .connection = connection, .time_ns = time_ns};
    va_list arguments;
    ring->time_ns = time_ns;
    va_start(arguments, format);
    trace__write(ring, &record, (struct span){.bytes = 0}, format, arguments);
    va_end(arguments);
}

void trace_note(struct trace_ring *ring, uint32_t connection, const char *format, ...)
{
    struct trace_record record = {
        .kind = TRACE_NOTE, .connection = connection, .time_ns = ring->time_ns};
    va_list arguments;
    va_start(arguments, format);
    trace__write(ring, &record, (struct span){.bytes = 0}, format, arguments);
    va_end(arguments);
}

void trace_message(struct trace_ring *ring, enum trace_kind kind, uint32_t connection,
                   int64_t time_ns, struct span data, uint64_t whole_bytes, const char *format, ...)
{
    struct trace_record record = {
        .kind = kind, .connection = connection, .time_ns = time_ns, .bytes = whole_bytes};
    va_list arguments;
    ring->time_ns = time_ns;
    va_start(arguments, format);
    trace__write(ring, &record, data, format, arguments);
    va_end(arguments);
}

void trace_fail(struct trace_ring *ring, uint32_t connection, const char *failure)
{
    uint32_t unknown = TRACE_FIRST_FAILURE;
    if (atomic_compare_exchange_strong(&ring->trace->connection, &unknown, connection)) {
        trace_note(ring, connection, "the first failure of this run: %s", failure);
        atomic_store_explicit(&ring->is_open, true, memory_order_release);
    }
}

/* --- The reader's side. */

bool trace_take(struct trace_ring *ring, struct trace_record *record, char *text, uint8_t *data)
{
    if (!atomic_load_explicit(&ring->is_open, memory_order_acquire)) {
        return false;
    }
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    uint32_t wanted = atomic_load_explicit(&ring->trace->connection, memory_order_relaxed);
    bool found = false;
    while (read < written && !found) {
        trace__get(ring, read, record, sizeof *record);
        found = record->connection == wanted;
        if (found) {
            trace__get(ring, read + sizeof *record, text, record->text_bytes);
            text[record->text_bytes] = '\0';
            trace__get(ring, read + sizeof *record + record->text_bytes, data, record->kept_bytes);
        }
        read += trace__record_bytes(record);
    }
    atomic_store_explicit(&ring->read, read, memory_order_release);
    return found;
}

uint64_t trace_left_out(struct trace_ring *ring)
{
    uint64_t left_out = atomic_load_explicit(&ring->left_out, memory_order_relaxed);
    uint64_t more = left_out - ring->left_out_told;
    ring->left_out_told = left_out;
    return more;
}
