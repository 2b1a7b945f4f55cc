/* Stop requests from the console: Ctrl+C, Ctrl+Break, the window's close button. */
#include "system/stop.h"

#include "core/clock.h"
#include "core/must.h"
#include "system/keyboard.h"
#include "system/stop_win.h"

#include <stddef.h>

static volatile LONG stop__count;
static volatile LONG64 stop__closing_ns; /* since when; 0: the console is not being closed */
static HANDLE stop__finished_event;

/* One Ctrl+C stops gracefully, a second immediately. Anyone who presses it more often than this
 * wants the process to end, whatever it hangs in: the system's own handler ends it. */
enum { STOP_REQUESTS_MAX = 3 };

/* The system's patience is 5 s. What is left of it after the drain is for ending at once, for a
 * reader that stands still, and for writing. */
static const int64_t STOP_CLOSING_DRAIN_NS = 1 * NS_PER_S;

BOOL WINAPI stop_on_event(DWORD event)
{
    if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) {
        bool takes = InterlockedIncrement(&stop__count) <= STOP_REQUESTS_MAX;
        if (!takes) {
            keyboard_restore();
        }
        return takes;
    }
    /* Close (log-off, shutdown: see stop.h): the process ends as soon as this returns, and without
     * a result. */
    InterlockedCompareExchange64(&stop__closing_ns, clock_now_ns(), 0);
    WaitForSingleObject(stop__finished_event, INFINITE);
    return TRUE;
}

int stop_requests_of(int pressed, int64_t closing_ns, int64_t now_ns)
{
    if (closing_ns == 0) {
        return pressed;
    }
    int asked = now_ns - closing_ns < STOP_CLOSING_DRAIN_NS ? 1 : 2;
    return pressed > asked ? pressed : asked;
}

void stop_setup(void)
{
    if (stop__finished_event == NULL) {
        stop__finished_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    }
    must(stop__finished_event != NULL);
    /* Without a console there is no handler to set; it then fails and nothing is lost. */
    SetConsoleCtrlHandler(stop_on_event, FALSE);
    SetConsoleCtrlHandler(stop_on_event, TRUE);
}

int stop_requests(void)
{
    int pressed = (int)InterlockedCompareExchange(&stop__count, 0, 0);
    int64_t closing_ns = InterlockedCompareExchange64(&stop__closing_ns, 0, 0);
    return closing_ns == 0 ? pressed : stop_requests_of(pressed, closing_ns, clock_now_ns());
}

void stop_finished(void)
{
    if (stop__finished_event != NULL) {
        SetEvent(stop__finished_event);
    }
}
