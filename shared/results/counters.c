#include "results/counters.h"

#include "core/must.h"

#include <stddef.h>

static const char *const total_keys[TOTAL_KINDS] = {
    [TOTAL_CONNECTS_ATTEMPTED] = "connects_attempted",
    [TOTAL_CONNECTS_OK] = "connects_ok",
    [TOTAL_CONNECTIONS_CLEAN] = "connections_clean",
    [TOTAL_CONNECTIONS_ABNORMAL] = "connections_abnormal",
    [TOTAL_ITERATIONS] = "iterations",
    [TOTAL_REQUESTS] = "requests",
    [TOTAL_RESPONSES] = "responses",
    [TOTAL_MESSAGES_SENT] = "messages_sent",
    [TOTAL_MESSAGES_RECEIVED] = "messages_received",
    [TOTAL_MESSAGES_UNSOLICITED] = "messages_unsolicited",
    [TOTAL_BYTES_SENT] = "bytes_sent",
    [TOTAL_BYTES_RECEIVED] = "bytes_received",
};

static const char *const error_keys[ERROR_KINDS] = {
    [ERROR_KIND_CONNECT_REFUSED] = "connect_refused",
    [ERROR_KIND_CONNECT_TIMEOUT] = "connect_timeout",
    [ERROR_KIND_CONNECT_UNREACHABLE] = "connect_unreachable",
    [ERROR_KIND_CONNECT_OTHER] = "connect_other",
    [ERROR_KIND_RESET] = "reset",
    [ERROR_KIND_UNEXPECTED_CLOSE] = "unexpected_close",
    [ERROR_KIND_RESPONSE_TIMEOUT] = "response_timeout",
    [ERROR_KIND_RESPONSE_LATE] = "response_late",
    [ERROR_KIND_BARRIER_TIMEOUT] = "barrier_timeout",
    [ERROR_KIND_NOT_CLOSED] = "not_closed",
    [ERROR_KIND_RESPONSE_LOST] = "response_lost",
    [ERROR_KIND_MISMATCH] = "mismatch",
    [ERROR_KIND_FRAME_ERROR] = "frame_error",
    [ERROR_KIND_SEND_QUEUE_FULL] = "send_queue_full",
    [ERROR_KIND_IDLE_TIMEOUT] = "idle_timeout",
    [ERROR_KIND_CLOSE_TIMEOUT] = "close_timeout",
    [ERROR_KIND_UNKNOWN_MESSAGE] = "unknown_message",
    [ERROR_KIND_REJECTED] = "rejected",
    [ERROR_KIND_LOCAL_LIMIT] = "local_limit",
    [ERROR_KIND_OTHER] = "other",
};

const char *total_key(enum total_kind kind)
{
    must((unsigned)kind < TOTAL_KINDS);
    return total_keys[kind];
}

const char *error_key(enum error_kind kind)
{
    must((unsigned)kind < ERROR_KINDS);
    return error_keys[kind];
}

void counters_add(struct counters *into, const struct counters *from)
{
    for (size_t i = 0; i < TOTAL_KINDS; i++) {
        into->totals[i] += from->totals[i];
    }
    for (size_t i = 0; i < ERROR_KINDS; i++) {
        into->errors[i] += from->errors[i];
    }
}

bool error_is_event(enum error_kind kind)
{
    return kind != ERROR_KIND_RESPONSE_LATE;
}

uint64_t counters_errors_sum(const struct counters *counters)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ERROR_KINDS; i++) {
        sum += error_is_event((enum error_kind)i) ? counters->errors[i] : 0;
    }
    return sum;
}
