/* The system's text for an errno, and its limits. */
#include "core/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* False: there is none. */
static bool error__limit(int resource, uint64_t *value)
{
    struct rlimit limit;
    bool limited =
        getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    *value = limited ? limit.rlim_cur : 0;
    return limited;
}

const char *error_shortage_hint(enum error_shortage shortage, char text[ERROR_HINT_BYTES_MAX])
{
    uint64_t limit;
    size_t used = 0;
    text[0] = '\0';
    if (shortage == ERROR_SHORT_OF_THREADS && error__limit(RLIMIT_NPROC, &limit)) {
        used = (size_t)snprintf(text, ERROR_HINT_BYTES_MAX,
                                " (this user may have %" PRIu64 " threads in all: ulimit -u; a "
                                "container may allow fewer: pids.max)",
                                limit);
    }
    if (used < ERROR_HINT_BYTES_MAX && error__limit(RLIMIT_AS, &limit)) {
        snprintf(text + used, ERROR_HINT_BYTES_MAX - used,
                 " (this process may use %" PRIu64 " KiB of addresses: ulimit -v; raise it, or use "
                 "fewer threads and connections)",
                 limit / 1024);
    }
    return text;
}

const char *error_system_text(int system_error)
{
    static _Thread_local char text[256 + ERROR_HINT_BYTES_MAX];
    char buffer[256];
    char hint[ERROR_HINT_BYTES_MAX] = "";
    if (system_error == ENOMEM) {
        error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint);
    }
    /* The GNU strerror_r: it may return a constant and leave the buffer alone. */
    snprintf(text, sizeof text, "%s%s", strerror_r(system_error, buffer, sizeof buffer), hint);
    return text;
}
