/* Stop requests from the console: Ctrl+C, Ctrl+Break, the window's close button, log-off. */
#include "system/stop.h"

#include "core/must.h"

#include <stddef.h>
#include <windows.h>

static volatile LONG stop__count;
static HANDLE stop__finished_event;

/* The system calls this on a separate thread. See HandlerRoutine in Microsoft's console
 * documentation. */
static BOOL WINAPI stop__handle(DWORD event)
{
    InterlockedIncrement(&stop__count);
    if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) {
        return TRUE;
    }
    /* Close, log-off, shutdown: the process ends as soon as this returns, and without a result.
     * The system's own patience is 5 s (close) and bounds this wait. */
    WaitForSingleObject(stop__finished_event, INFINITE);
    return TRUE;
}

void stop_setup(void)
{
    if (stop__finished_event == NULL) {
        stop__finished_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    }
    must(stop__finished_event != NULL);
    /* Without a console there is no handler to set; it then fails and nothing is lost. */
    SetConsoleCtrlHandler(stop__handle, FALSE);
    SetConsoleCtrlHandler(stop__handle, TRUE);
}

int stop_requests(void)
{
    return (int)InterlockedCompareExchange(&stop__count, 0, 0);
}

void stop_finished(void)
{
    if (stop__finished_event != NULL) {
        SetEvent(stop__finished_event);
    }
}
