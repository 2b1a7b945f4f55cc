#include "results/counters.h"

#include "core/must.h"
#include "core/pack.h"

#define COUNTERS_KEY(name, key) key,
static const char *const TOTAL_KEYS[] = {TOTAL_LIST(COUNTERS_KEY)};
static const char *const ERROR_KEYS[] = {ERROR_LIST(COUNTERS_KEY)};

const char *total_key(enum total_kind kind)
{
    must((unsigned)kind < TOTAL_KINDS);
    return TOTAL_KEYS[kind];
}

const char *error_key(enum error_kind kind)
{
    must((unsigned)kind < ERROR_KINDS);
    return ERROR_KEYS[kind];
}

void counters_add(struct counters *into, const struct counters *from)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        into->numbers[i] += from->numbers[i];
    }
}

void counters_pack(const struct counters *counters, struct pack *pack)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        pack_u64(pack, counters->numbers[i]);
    }
}

void counters_unpack_add(struct counters *into, struct unpack *from)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        into->numbers[i] += unpack_u64(from);
    }
}

bool error_is_event(enum error_kind kind)
{
    return kind != ERROR_KIND_RESPONSE_LATE;
}

bool error_keeps_out(enum error_kind kind)
{
    switch (kind) {
    case ERROR_KIND_CONNECT_REFUSED:
    case ERROR_KIND_CONNECT_TIMEOUT:
    case ERROR_KIND_CONNECT_UNREACHABLE:
    case ERROR_KIND_CONNECT_OTHER:
    case ERROR_KIND_REDIRECT_REFUSED:
    case ERROR_KIND_TLS_HANDSHAKE:
    case ERROR_KIND_CODEC_HANDSHAKE:
    case ERROR_KIND_RESET:
    case ERROR_KIND_UNEXPECTED_CLOSE:
    case ERROR_KIND_WEBSOCKET_CLOSE:
    case ERROR_KIND_FRAME_ERROR:
    case ERROR_KIND_MISMATCH:
        return true;
    default:
        return false;
    }
}

uint64_t counters_errors_sum(const struct counters *counters)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ERROR_KINDS; i++) {
        sum += error_is_event(i) ? counters->errors[i] : 0;
    }
    return sum;
}
