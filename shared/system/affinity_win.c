#include "system/affinity.h"

#include <windows.h>

/* Of the process's own group of CPUs, 64 at most. What it starts inherits it. */
bool affinity_set(uint32_t process_id, uint64_t mask, struct error *error)
{
    HANDLE process = OpenProcess(PROCESS_SET_INFORMATION, FALSE, process_id);
    bool done = process != NULL && SetProcessAffinityMask(process, (DWORD_PTR)mask);
    if (!done) {
        error_set(error, "cannot put process %lu on CPUs %#llx: %s", (unsigned long)process_id,
                  (unsigned long long)mask, error_system_text((int)GetLastError()));
    }
    if (process != NULL) {
        CloseHandle(process);
    }
    return done;
}
