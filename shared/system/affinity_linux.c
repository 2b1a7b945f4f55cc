#include "system/affinity.h"

#include <errno.h>
#include <sched.h>

enum { AFFINITY_BITS = 64 };

bool affinity_set(uint32_t process_id, uint64_t mask, struct error *error)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (int i = 0; i < AFFINITY_BITS; i++) {
        if ((mask >> i & 1) != 0) {
            CPU_SET(i, &cpus);
        }
    }
    if (sched_setaffinity((pid_t)process_id, sizeof cpus, &cpus) == 0) {
        return true;
    }
    error_set(error, "cannot put process %lu on CPUs %#llx: %s", (unsigned long)process_id,
              (unsigned long long)mask, error_system_text(errno));
    return false;
}
