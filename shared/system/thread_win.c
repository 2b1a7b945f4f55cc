/* Win32 threads and slim reader/writer locks. */
#include "system/thread.h"

#include "core/must.h"

#include <errno.h>
#include <process.h>
#include <windows.h>

static unsigned __stdcall thread__main(void *argument)
{
    struct thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

bool thread_start(struct thread *thread, void (*run)(void *argument), void *argument,
                  uint32_t stack_bytes, struct error *error)
{
    thread->run = run;
    thread->argument = argument;
    /* Without the flag the size is committed memory instead of reserved addresses. */
    unsigned flags = stack_bytes ? STACK_SIZE_PARAM_IS_A_RESERVATION : 0;
    /* The C runtime's own start: CreateThread() would leave its per-thread data uninitialised. */
    thread->handle = _beginthreadex(NULL, stack_bytes, thread__main, thread, flags, NULL);
    if (thread->handle == 0) {
        error_set(error, "cannot start a thread: %s",
                  errno == EAGAIN ? "too many threads" : "no memory or address space left");
        return false;
    }
    return true;
}

void thread_join(struct thread *thread)
{
    HANDLE handle = (HANDLE)thread->handle;
    must(WaitForSingleObject(handle, INFINITE) == WAIT_OBJECT_0);
    CloseHandle(handle);
    thread->handle = 0;
}

void thread_detach(struct thread *thread)
{
    CloseHandle((HANDLE)thread->handle);
    thread->handle = 0;
}

void thread_prefer_latency(void)
{
    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_ABOVE_NORMAL);
}

void thread_give_way(void)
{
    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_LOWEST);
}

void thread_yield(void)
{
    SwitchToThread();
}

int thread_cpu_count(void)
{
    DWORD_PTR process_mask = 0;
    DWORD_PTR system_mask = 0;
    int count = 0;
    /* A mask covers one group of at most 64; with several groups there is no single mask. */
    if (GetActiveProcessorGroupCount() > 1) {
        count = (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    } else if (GetProcessAffinityMask(GetCurrentProcess(), &process_mask, &system_mask)) {
        for (; process_mask; process_mask &= process_mask - 1) {
            count++;
        }
    }
    return count > 0 ? count : 1;
}

int thread_cpu_count_machine(void)
{
    return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

static SRWLOCK *mutex__lock_of(struct mutex *mutex)
{
    _Static_assert(sizeof(SRWLOCK) <= sizeof mutex->u, "struct mutex is too small");
    return (SRWLOCK *)(void *)&mutex->u;
}

void mutex_open(struct mutex *mutex)
{
    InitializeSRWLock(mutex__lock_of(mutex));
}

void mutex_close(struct mutex *mutex)
{
    (void)mutex; /* an SRWLOCK holds nothing */
}

void mutex_lock(struct mutex *mutex)
{
    AcquireSRWLockExclusive(mutex__lock_of(mutex));
}

bool mutex_try_lock(struct mutex *mutex)
{
    return TryAcquireSRWLockExclusive(mutex__lock_of(mutex)) != 0;
}

void mutex_unlock(struct mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex__lock_of(mutex));
}

static CONDITION_VARIABLE *condition__inner(struct condition *condition)
{
    _Static_assert(sizeof(CONDITION_VARIABLE) <= sizeof condition->u,
                   "struct condition is too small");
    return (CONDITION_VARIABLE *)(void *)&condition->u;
}

void condition_open(struct condition *condition)
{
    InitializeConditionVariable(condition__inner(condition));
}

void condition_close(struct condition *condition)
{
    (void)condition; /* a CONDITION_VARIABLE holds nothing */
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    must(
        SleepConditionVariableSRW(condition__inner(condition), mutex__lock_of(mutex), INFINITE, 0));
}

void condition_wake_all(struct condition *condition)
{
    WakeAllConditionVariable(condition__inner(condition));
}
