#include "core/output.h"

#include <errno.h>
#include <stdio.h>

bool output_finish(struct error *error)
{
    /* fflush() alone forgets what an earlier one could not write. */
    bool torn = ferror(stdout) != 0;
    errno = 0;
    bool flushed = fflush(stdout) == 0;
    if (flushed && !torn) {
        return true;
    }
    error_set(error, "standard output could not be written to its end%s%s", flushed ? "" : ": ",
              flushed ? "" : error_system_text(errno));
    return false;
}
