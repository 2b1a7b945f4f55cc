/* Waiting on a completion port until a deadline in nanoseconds.
 *
 * GetQueuedCompletionStatusEx() counts in milliseconds, and a load generator that is up to a
 * millisecond late for each arrival judges itself invalid. So:
 * - With high-resolution timers (Windows 10 1803): the wait is alertable, and a timer's APC ends it
 *   on time. The thread sleeps meanwhile.
 * - Without them, or on Wine, whose server rounds every wait up to milliseconds: whole milliseconds
 *   are waited for, and the rest is passed in naps of a tenth with a look at the port in between.
 */
#include "cport/iocp/iocp.h"

#include "core/clock.h"
#include "core/must.h"

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION /* Windows 10 1803; missing in mingw-w64 10 */
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

/* Under Wine a wait of n ms takes n + 0.15 ms; what is nearer than this is napped through. */
#define IOCP_WAIT_SLACK_NS (200 * NS_PER_US)
/* A nap of any length takes 75 us longer than asked for; the next one would be too long. */
#define IOCP_NAP_NS          (50 * NS_PER_US)
#define IOCP_NAP_OVERHEAD_NS (75 * NS_PER_US)
/* GetQueuedCompletionStatusEx() takes a DWORD; nobody minds looking up once an hour. */
#define IOCP_WAIT_MAX_MS INT64_C(3600000)

/* Wine alone: sleeps in units of 100 ns, and without asking its server. On Windows the same call
 * is no finer than the tick. */
typedef LONG(NTAPI *nt_delay_execution_function)(BOOLEAN alertable, const LARGE_INTEGER *interval);
static nt_delay_execution_function iocp__nt_delay_execution;

static void iocp__nap_wine(int64_t wait_ns)
{
    if (wait_ns <= IOCP_NAP_OVERHEAD_NS) {
        SwitchToThread();
        return;
    }
    int64_t nap_ns = wait_ns - IOCP_NAP_OVERHEAD_NS;
    LARGE_INTEGER interval; /* negative: relative, in 100 ns */
    interval.QuadPart = -((nap_ns < IOCP_NAP_NS ? nap_ns : IOCP_NAP_NS) / 100);
    iocp__nt_delay_execution(FALSE, &interval);
}

static void iocp__nap_yield(int64_t wait_ns)
{
    (void)wait_ns;
    SwitchToThread();
}

void iocp_wait_open(struct iocp_wait *wait, HANDLE port, uint64_t *syscalls)
{
    union {
        FARPROC any;
        nt_delay_execution_function nt_delay_execution;
    } function = {NULL};
    wait->port = port;
    wait->syscalls = syscalls;
    wait->timer = NULL;
    wait->timer_deadline_ns = 0;
    wait->nap = iocp__nap_yield;
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    bool is_wine = ntdll && GetProcAddress(ntdll, "wine_get_version");
    if (is_wine) {
        function.any = GetProcAddress(ntdll, "NtDelayExecution");
    }
    if (function.any) {
        iocp__nt_delay_execution = function.nt_delay_execution;
        wait->nap = iocp__nap_wine;
    } else {
        wait->timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
                                             TIMER_MODIFY_STATE | SYNCHRONIZE);
    }
}

void iocp_wait_close(struct iocp_wait *wait)
{
    if (wait->timer) {
        CloseHandle(wait->timer); /* takes back an APC that is still to come */
    }
    wait->timer = NULL;
}

static ULONG iocp__dequeue(struct iocp_wait *wait, DWORD wait_ms, BOOL alertable)
{
    ULONG count = 0;
    ++*wait->syscalls;
    if (GetQueuedCompletionStatusEx(wait->port, wait->entries, IOCP_BATCH_MAX, &count, wait_ms,
                                    alertable)) {
        return count;
    }
    DWORD code = GetLastError();
    must(code == WAIT_TIMEOUT || code == WAIT_IO_COMPLETION);
    return 0;
}

static DWORD iocp__whole_ms(int64_t wait_ns)
{
    int64_t wait_ms = wait_ns / NS_PER_MS;
    return (DWORD)(wait_ms < IOCP_WAIT_MAX_MS ? wait_ms : IOCP_WAIT_MAX_MS);
}

/* Its coming ends the alertable wait; there is nothing else to do. */
static VOID CALLBACK iocp__timer_fired(LPVOID argument, DWORD low, DWORD high)
{
    struct iocp_wait *wait = argument;
    (void)low;
    (void)high;
    wait->timer_deadline_ns = 0;
}

static ULONG iocp__wait_by_timer(struct iocp_wait *wait, int64_t deadline_ns, int64_t wait_ns)
{
    if (wait->timer_deadline_ns != deadline_ns) {
        LARGE_INTEGER due; /* negative: relative, in 100 ns */
        due.QuadPart = -(wait_ns / 100 + 1);
        ++*wait->syscalls;
        if (SetWaitableTimer(wait->timer, &due, 0, iocp__timer_fired, wait, FALSE)) {
            wait->timer_deadline_ns = deadline_ns;
        }
    }
    /* The time-out is the net below the timer. */
    return iocp__dequeue(wait, iocp__whole_ms(wait_ns) + 1, TRUE);
}

static ULONG iocp__wait_by_naps(struct iocp_wait *wait, int64_t wait_ns)
{
    DWORD wait_ms = wait_ns > IOCP_WAIT_SLACK_NS ? iocp__whole_ms(wait_ns - IOCP_WAIT_SLACK_NS) : 0;
    ULONG count = iocp__dequeue(wait, wait_ms, FALSE);
    if (count == 0 && wait_ms == 0) {
        wait->nap(wait_ns);
    }
    return count;
}

ULONG iocp_wait_entries(struct iocp_wait *wait, int64_t deadline_ns)
{
    if (deadline_ns == TIME_NEVER_NS) {
        return iocp__dequeue(wait, INFINITE, FALSE);
    }
    for (;;) {
        int64_t now_ns = clock_now_ns();
        if (deadline_ns <= now_ns) { /* also INT64_MIN, from which nothing can be taken away */
            return iocp__dequeue(wait, 0, FALSE);
        }
        int64_t wait_ns = deadline_ns - now_ns;
        ULONG count = wait->timer ? iocp__wait_by_timer(wait, deadline_ns, wait_ns)
                                  : iocp__wait_by_naps(wait, wait_ns);
        /* All of these may end a little early: go by the clock alone. */
        if (count > 0) {
            return count;
        }
    }
}
