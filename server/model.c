#include "model.h"

#include "server.h"

#include <stddef.h>
#include <string.h>

const struct model *model_find(const char *name)
{
    for (int i = 0; model_table[i] != NULL; i++) {
        if (strcmp(model_table[i]->name, name) == 0) {
            return model_table[i];
        }
    }
    return NULL;
}

uint32_t model_sessions_max(const struct model *model)
{
    uint32_t sessions_max = model->sessions_max > 0 ? model->sessions_max : UINT32_MAX;
    uint32_t per_thread = model->sessions_per_thread_max;
    if (per_thread > 0 && model->shards_count == 0 &&
        sessions_max / SERVER_THREADS_MAX >= per_thread) {
        sessions_max = per_thread * SERVER_THREADS_MAX;
    }
    return sessions_max;
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
