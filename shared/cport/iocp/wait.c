/* Waiting on a completion port until a deadline in nanoseconds.
 *
 * GetQueuedCompletionStatusEx() counts in milliseconds, and a load generator that is up to a
 * millisecond late for each arrival judges itself invalid. So, the first of these that works here:
 * - packet: a high-resolution timer (Windows 10 1803) is associated with the port, and a packet
 *   comes on time (NtAssociateWaitCompletionPacket, Windows 8). The thread sleeps meanwhile.
 * - apc: the wait is alertable, and the timer's procedure call ends it.
 * - yields: without such timers whole milliseconds are waited for, and the thread stays awake for
 *   the rest, looking at the port again and again.
 * On Wine, whose server rounds every wait up to milliseconds, it is naps: the rest is slept through
 * in tenths of a millisecond, which Wine does without asking its server. (On Windows the same call
 * is no finer than the tick.)
 * Each ends where the clock says so. A timer that cannot be set any more is given up for yields. */
#include "cport/iocp/iocp.h"

#include "core/clock.h"
#include "core/must.h"
#include "system/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION /* Windows 10 1803; missing in mingw-w64 10 */
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

/* Under Wine a wait of n ms takes n + 0.15 ms; what is nearer than this is napped through. */
#define IOCP_NAPS_SLACK_NS (200 * NS_PER_US)
/* On Windows it ends with a tick, which is a millisecond (clock_setup()), so up to one later. */
#define IOCP_YIELDS_SLACK_NS NS_PER_MS
/* A nap of any length takes 75 us longer than asked for; the next one would be too long. */
#define IOCP_NAP_NS          (50 * NS_PER_US)
#define IOCP_NAP_OVERHEAD_NS (75 * NS_PER_US)
/* GetQueuedCompletionStatusEx() takes a DWORD; waking up once an hour costs nothing. */
#define IOCP_WAIT_MAX_MS INT64_C(3600000)

/* For tests, and for those who distrust one of the ways on their system. */
#define IOCP_WAIT_VARIABLE "DUMMYLOAD_IOCP_WAIT"

static const struct {
    enum cport_wait kind;
    const char *name;
} iocp__waits[] = {{CPORT_WAIT_TIMER_PACKET, "packet"},
                   {CPORT_WAIT_TIMER_APC, "apc"},
                   {CPORT_WAIT_NAPS, "naps"},
                   {CPORT_WAIT_YIELDS, "yields"}};
enum { IOCP_WAITS_COUNT = sizeof iocp__waits / sizeof iocp__waits[0] };

typedef LONG(NTAPI *nt_create_packet_function)(HANDLE *packet, ULONG access, void *attributes);

/* To be found by name, as documented: there is no import library. */
static FARPROC iocp__ntdll(const char *name)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    return ntdll != NULL ? GetProcAddress(ntdll, name) : NULL;
}

/* ---- the timer -------------------------------------------------------------------------- */

/* Its coming ends the alertable wait; there is nothing else to do. */
static VOID CALLBACK iocp__timer_called(LPVOID argument, DWORD low, DWORD high)
{
    struct iocp_wait *wait = argument;
    (void)low;
    (void)high;
    wait->timer_deadline_ns = 0;
}

void iocp_wait_fired(struct iocp_wait *wait)
{
    wait->packet_associated = false;
    wait->timer_deadline_ns = 0;
}

static bool iocp__arm_timer(struct iocp_wait *wait, int64_t wait_ns)
{
    bool calls = wait->kind == CPORT_WAIT_TIMER_APC;
    LARGE_INTEGER due; /* negative: relative, in 100 ns */
    due.QuadPart = -(wait_ns / 100 + 1);
    wait->stats->syscalls++;
    if (!SetWaitableTimer(wait->timer, &due, 0, calls ? iocp__timer_called : NULL, wait, FALSE)) {
        return false;
    }
    /* An association waits for the timer, whenever it is set to, and lasts until its packet is
     * taken from the port; until then another is an error. */
    if (!calls && !wait->packet_associated) {
        wait->stats->syscalls++;
        wait->packet_associated = wait->nt_associate(wait->packet, wait->port, wait->timer,
                                                     (void *)IOCP_KEY_TIMER, NULL, 0, 0, NULL) == 0;
        return wait->packet_associated;
    }
    return true;
}

static bool iocp__open_timer(struct iocp_wait *wait)
{
    wait->timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
                                         TIMER_MODIFY_STATE | SYNCHRONIZE);
    return wait->timer != NULL;
}

static void iocp__close_timer(struct iocp_wait *wait)
{
    if (wait->timer != NULL) {
        CancelWaitableTimer(wait->timer); /* takes back a procedure call that is still to come */
        CloseHandle(wait->timer);
    }
    if (wait->packet != NULL) {
        CloseHandle(wait->packet);
    }
    wait->timer = NULL;
    wait->packet = NULL;
    wait->packet_associated = false;
    wait->timer_deadline_ns = 0;
}

static bool iocp__open_packet(struct iocp_wait *wait)
{
    union {
        FARPROC any;
        nt_create_packet_function create;
        nt_associate_packet_function associate;
    } create = {iocp__ntdll("NtCreateWaitCompletionPacket")},
      associate = {iocp__ntdll("NtAssociateWaitCompletionPacket")};
    if (create.any == NULL || associate.any == NULL || !iocp__open_timer(wait)) {
        return false;
    }
    wait->nt_associate = associate.associate;
    return create.create(&wait->packet, GENERIC_ALL, NULL) == 0;
}

static bool iocp__open_naps(struct iocp_wait *wait)
{
    union {
        FARPROC any;
        nt_delay_execution_function delay_execution;
    } function = {host_is_wine() ? iocp__ntdll("NtDelayExecution") : NULL};
    wait->nt_delay_execution = function.delay_execution;
    return function.any != NULL;
}

/* ---- opening ---------------------------------------------------------------------------- */

static void iocp__choose(struct iocp_wait *wait, enum cport_wait kind)
{
    wait->kind = kind;
    wait->stats->wait = (uint64_t)kind;
}

/* Tries it out: what fails here need not fail in the middle of a run. */
static bool iocp__try(struct iocp_wait *wait, enum cport_wait kind)
{
    const int64_t far_ns = 3600 * NS_PER_S;
    bool works = true;
    iocp__choose(wait, kind);
    switch (kind) {
    case CPORT_WAIT_TIMER_PACKET:
        works = iocp__open_packet(wait) && iocp__arm_timer(wait, far_ns);
        break;
    case CPORT_WAIT_TIMER_APC:
        works = iocp__open_timer(wait) && iocp__arm_timer(wait, far_ns);
        break;
    case CPORT_WAIT_NAPS:
        works = iocp__open_naps(wait);
        break;
    default:
        break;
    }
    if (!works) {
        iocp__close_timer(wait);
    }
    return works;
}

static bool iocp__open_named(struct iocp_wait *wait, const char *name, struct error *error)
{
    for (int i = 0; i < IOCP_WAITS_COUNT; i++) {
        if (strcmp(iocp__waits[i].name, name) != 0) {
            continue;
        }
        if (iocp__try(wait, iocp__waits[i].kind)) {
            return true;
        }
        error_set(error, IOCP_WAIT_VARIABLE "=%s: this system cannot wait like that; leave it out",
                  name);
        return false;
    }
    error_set(error, IOCP_WAIT_VARIABLE "=%s: expected packet, apc, yields, or on Wine naps", name);
    return false;
}

bool iocp_wait_open(struct iocp_wait *wait, HANDLE port, struct cport_stats *stats,
                    char fallback[CPORT_FALLBACK_BYTES_MAX], struct error *error)
{
    memset(wait, 0, offsetof(struct iocp_wait, entries));
    wait->port = port;
    wait->stats = stats;
    const char *name = getenv(IOCP_WAIT_VARIABLE);
    if (name != NULL && name[0] != '\0') {
        return iocp__open_named(wait, name, error);
    }
    if (host_is_wine()
            ? iocp__try(wait, CPORT_WAIT_NAPS)
            : iocp__try(wait, CPORT_WAIT_TIMER_PACKET) || iocp__try(wait, CPORT_WAIT_TIMER_APC)) {
        return true;
    }
    snprintf(fallback, CPORT_FALLBACK_BYTES_MAX,
             "no high-resolution timer here (Windows 10 1803 or later has them): waits end awake, "
             "at the cost of up to 2 ms of CPU each");
    return iocp__try(wait, CPORT_WAIT_YIELDS);
}

void iocp_wait_close(struct iocp_wait *wait)
{
    iocp__close_timer(wait);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static ULONG iocp__dequeue(struct iocp_wait *wait, DWORD wait_ms, BOOL alertable)
{
    ULONG count = 0;
    wait->stats->syscalls++;
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

static void iocp__nap(struct iocp_wait *wait, int64_t wait_ns)
{
    if (wait->kind != CPORT_WAIT_NAPS || wait_ns <= IOCP_NAP_OVERHEAD_NS) {
        SwitchToThread();
        return;
    }
    int64_t nap_ns = wait_ns - IOCP_NAP_OVERHEAD_NS;
    LARGE_INTEGER interval; /* negative: relative, in 100 ns */
    interval.QuadPart = -((nap_ns < IOCP_NAP_NS ? nap_ns : IOCP_NAP_NS) / 100);
    wait->nt_delay_execution(FALSE, &interval);
}

static ULONG iocp__wait_by_naps(struct iocp_wait *wait, int64_t wait_ns)
{
    int64_t slack_ns = wait->kind == CPORT_WAIT_NAPS ? IOCP_NAPS_SLACK_NS : IOCP_YIELDS_SLACK_NS;
    DWORD wait_ms = wait_ns > slack_ns ? iocp__whole_ms(wait_ns - slack_ns) : 0;
    ULONG count = iocp__dequeue(wait, wait_ms, FALSE);
    if (count == 0 && wait_ms == 0) {
        iocp__nap(wait, wait_ns);
    }
    return count;
}

static ULONG iocp__wait_by_timer(struct iocp_wait *wait, int64_t deadline_ns, int64_t wait_ns)
{
    if (wait->timer_deadline_ns != deadline_ns) {
        if (!iocp__arm_timer(wait, wait_ns)) {
            iocp__close_timer(wait);
            iocp__choose(wait, CPORT_WAIT_YIELDS); /* from now on; the result says so */
            return 0;
        }
        wait->timer_deadline_ns = deadline_ns;
    }
    /* The time-out is the net below the timer. */
    return iocp__dequeue(wait, iocp__whole_ms(wait_ns) + 1, wait->kind == CPORT_WAIT_TIMER_APC);
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
        ULONG count = wait->timer != NULL ? iocp__wait_by_timer(wait, deadline_ns, wait_ns)
                                          : iocp__wait_by_naps(wait, wait_ns);
        /* All of these may end a little early: go by the clock alone. */
        if (count > 0) {
            return count;
        }
    }
}
