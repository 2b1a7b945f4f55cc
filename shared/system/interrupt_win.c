#include "system/interrupt.h"

#include <windows.h>

/* Only who shares a console may raise its Ctrl+C, and an event for one program of it alone, without
 * a process group that was made for that, there is not: see GenerateConsoleCtrlEvent. */
bool interrupt_process(uint32_t process_id, struct error *error)
{
    FreeConsole(); /* without one it fails, and that is well */
    bool done = AttachConsole(process_id) && SetConsoleCtrlHandler(NULL, TRUE) &&
                GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    if (!done) {
        error_set(error, "cannot interrupt process %lu: %s", (unsigned long)process_id,
                  error_system_text((int)GetLastError()));
    }
    return done;
}
