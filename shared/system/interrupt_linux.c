#include "system/interrupt.h"

#include <errno.h>
#include <signal.h>

bool interrupt_process(uint32_t process_id, struct error *error)
{
    if (kill((pid_t)process_id, SIGINT) == 0) {
        return true;
    }
    error_set(error, "cannot interrupt process %lu: %s", (unsigned long)process_id,
              error_system_text(errno));
    return false;
}
