#include "run/model.h"

#include "run/server.h"
#include "system/host.h"

#include <string.h>

/* Of Wine's server, for all else that it has open. */
enum { DESCRIPTORS_KEPT = 512 };

const struct model *model_find(const char *name)
{
    for (int i = 0; model_table[i] != NULL; i++) {
        if (strcmp(model_table[i]->name, name) == 0) {
            return model_table[i];
        }
    }
    return NULL;
}

/* Two threads per session, and the sockets of both peers when they play under the same Wine. */
static uint32_t model__sessions_of_descriptors(const struct model *model)
{
    struct host_limits limits;
    host_read_limits(&limits);
    if (model->kind != MODEL_BLOCKING || limits.thread_descriptors == 0 ||
        limits.descriptors_max >= UINT32_MAX) {
        return UINT32_MAX;
    }
    uint64_t each = 2 + 2 * limits.thread_descriptors;
    uint64_t free =
        limits.descriptors_max > DESCRIPTORS_KEPT ? limits.descriptors_max - DESCRIPTORS_KEPT : 0;
    return free >= each ? (uint32_t)(free / each) : 1;
}

uint32_t model_sessions_max(const struct model *model, bool *of_descriptors)
{
    uint32_t descriptors_allow = model__sessions_of_descriptors(model);
    uint32_t sessions_max = model->sessions_max > 0 ? model->sessions_max : UINT32_MAX;
    uint32_t per_thread = model->sessions_per_thread_max;
    if (per_thread > 0 && model->shards_count == 0 &&
        sessions_max / SERVER_THREADS_MAX >= per_thread) {
        sessions_max = per_thread * SERVER_THREADS_MAX;
    }
    if (of_descriptors != NULL) {
        *of_descriptors = descriptors_allow < sessions_max;
    }
    return descriptors_allow < sessions_max ? descriptors_allow : sessions_max;
}

const char *model_kind_text(enum model_kind kind)
{
    switch (kind) {
    case MODEL_PROACTOR:
        return "proactor (waits for completions)";
    case MODEL_REACTOR:
        return "reactor (waits for readiness)";
    case MODEL_BLOCKING:
        return "blocking (a thread per connection)";
    case MODEL_NONE:
        break;
    }
    return "no sockets";
}

enum error_kind model_error_kind(enum cport_result result)
{
    if (cport_result_is_local(result)) {
        return ERROR_KIND_LOCAL_LIMIT;
    }
    switch (result) {
    case CPORT_RESET:
    case CPORT_NOT_CONNECTED: /* a send after the peer's reset was seen */
    case CPORT_UNREACHABLE:
    case CPORT_TIMED_OUT: /* the system gave the connection up */
        return ERROR_KIND_RESET;
    default:
        return ERROR_KIND_OTHER;
    }
}
