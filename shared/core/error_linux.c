#include "core/error.h"

#include <string.h>

const char *error_system_text(int system_error)
{
    static _Thread_local char buffer[256];
    /* The GNU strerror_r: it may return a constant and leave the buffer alone. */
    return strerror_r(system_error, buffer, sizeof buffer);
}
