/* The clocks on Windows: QueryPerformanceCounter, the precise system time, and a waitable timer. */
#include "core/clock.h"

#include "core/must.h"

#include <windows.h>
/* Behind windows.h, which it needs. */
#include <timeapi.h>

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION /* Windows 10 1803; missing in mingw-w64 10 */
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

/* FILETIME counts 100 ns since 1601-01-01. */
#define CLOCK_FILETIME_UNIX_EPOCH INT64_C(116444736000000000)

static int64_t clock__frequency_hz(void)
{
    /* Constant from boot on, so it does not matter which thread asks first. */
    static volatile LONG64 known_hz;
    int64_t frequency_hz = known_hz;
    if (frequency_hz == 0) {
        LARGE_INTEGER frequency;
        must(QueryPerformanceFrequency(&frequency)); /* cannot fail since Windows XP */
        frequency_hz = frequency.QuadPart;
        known_hz = frequency_hz;
    }
    return frequency_hz;
}

void clock_setup(void)
{
    /* Otherwise waits end on ticks of 15.6 ms. Undone by the system when the process ends. */
    timeBeginPeriod(1);
    must(clock__frequency_hz() > 0);
}

int64_t clock_now_ns(void)
{
    LARGE_INTEGER counter;
    QueryPerformanceCounter(&counter);
    int64_t frequency_hz = clock__frequency_hz();
    int64_t seconds = counter.QuadPart / frequency_hz;
    int64_t rest = counter.QuadPart % frequency_hz;
    /* Whole seconds apart: counter * 10^9 overflows after 15 minutes of uptime at 10 MHz. */
    return seconds * NS_PER_S + rest * NS_PER_S / frequency_hz;
}

int64_t clock_wall_ns(void)
{
    FILETIME time;
    GetSystemTimePreciseAsFileTime(&time); /* Windows 8 */
    int64_t ticks = (int64_t)(((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime);
    return (ticks - CLOCK_FILETIME_UNIX_EPOCH) * 100;
}

/* Sleep() counts in milliseconds and rounds to the tick; it is the last resort. */
static void clock__sleep_coarse(int64_t wait_ns)
{
    int64_t wait_ms = wait_ns / NS_PER_MS;
    Sleep(wait_ms > 60000 ? 60000 : (DWORD)wait_ms);
}

void clock_sleep_until_ns(int64_t until_ns)
{
    int64_t now_ns = clock_now_ns();
    if (until_ns <= now_ns) { /* also INT64_MIN, from which nothing can be taken away */
        return;
    }
    int64_t wait_ns = until_ns - now_ns;
    HANDLE timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
                                          TIMER_MODIFY_STATE | SYNCHRONIZE);
    if (timer == NULL) { /* before Windows 10 1803 */
        timer = CreateWaitableTimerExW(NULL, NULL, 0, TIMER_MODIFY_STATE | SYNCHRONIZE);
    }
    /* Any of these waits may end a little early: go by the clock alone. */
    for (; wait_ns > 0; wait_ns = until_ns - clock_now_ns()) {
        LARGE_INTEGER due;
        due.QuadPart = -(wait_ns / 100 + 1); /* negative: relative, in 100 ns */
        if (timer != NULL && SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE) &&
            WaitForSingleObject(timer, INFINITE) == WAIT_OBJECT_0) {
            continue;
        }
        clock__sleep_coarse(wait_ns);
    }
    if (timer != NULL) {
        CloseHandle(timer);
    }
}
