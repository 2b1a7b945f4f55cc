#include "system/thread.h"

#include "core/must.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct mutex *)0)->u.storage),
               "struct mutex is too small for a pthread_mutex_t");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(((struct condition *)0)->u.storage),
               "struct condition is too small for a pthread_cond_t");
_Static_assert(sizeof(pthread_t) <= sizeof(uintptr_t), "a pthread_t does not fit");

enum { THREAD_TIMER_SLACK_NS = 1000 };

static void *thread__main(void *argument)
{
    struct thread *thread = argument;
    /* Linux may be 50 us late for a time limit, to wake fewer CPUs. We are a clock to others. */
    prctl(PR_SET_TIMERSLACK, THREAD_TIMER_SLACK_NS);
    thread->run(thread->argument);
    return NULL;
}

bool thread_start(struct thread *thread, void (*run)(void *argument), void *argument,
                  uint32_t stack_bytes, struct error *error)
{
    thread->run = run;
    thread->argument = argument;

    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code) {
        error_set_short(error, ERROR_SHORT_OF_THREADS, "cannot start a thread: %s",
                        error_system_text(code));
        return false;
    }
    if (stack_bytes > 0) {
        long page_bytes = sysconf(_SC_PAGESIZE);
        size_t bytes = stack_bytes < 65536 ? 65536 : stack_bytes;
        bytes = (bytes + (size_t)page_bytes - 1) / (size_t)page_bytes * (size_t)page_bytes;
        pthread_attr_setstacksize(&attributes, bytes);
    }
    /* Signals that ask the process to stop go to the main thread, so that no worker's system call
     * is interrupted. What the thread's own code raises cannot be blocked usefully. */
    sigset_t blocked;
    sigset_t previous;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGABRT);
    sigdelset(&blocked, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &blocked, &previous);
    pthread_t handle;
    code = pthread_create(&handle, &attributes, thread__main, thread);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    if (code) {
        error_set_short(error, ERROR_SHORT_OF_THREADS, "cannot start a thread: %s",
                        error_system_text(code));
        return false;
    }
    thread->handle = (uintptr_t)handle;
    return true;
}

void thread_join(struct thread *thread)
{
    int code = pthread_join((pthread_t)thread->handle, NULL);
    must(code == 0);
}

void thread_detach(struct thread *thread)
{
    int code = pthread_detach((pthread_t)thread->handle);
    must(code == 0);
}

void thread_prefer_latency(void)
{
    /* Otherwise timed waits end up to 50 us late. A shorter slice (sched_setattr(2), Linux 6.12)
     * was tried: it did not lower the lags beside a busy server, and cost throughput. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

void thread_give_way(void)
{
    /* On Linux a nice value is a thread's, and 0 is the calling one (setpriority(2), NOTES). */
    setpriority(PRIO_PROCESS, 0, 15);
}

void thread_yield(void)
{
    sched_yield();
}

int thread_cpu_count(void)
{
    cpu_set_t set; /* 1,024 CPUs; with more the call fails and the system's count serves */
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0) {
            return count;
        }
    }
    return thread_cpu_count_machine();
}

int thread_cpu_count_machine(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

static pthread_mutex_t *mutex__inner(struct mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex->u.storage;
}

void mutex_open(struct mutex *mutex)
{
    must(pthread_mutex_init(mutex__inner(mutex), NULL) == 0);
}

void mutex_close(struct mutex *mutex)
{
    must(pthread_mutex_destroy(mutex__inner(mutex)) == 0);
}

void mutex_lock(struct mutex *mutex)
{
    must(pthread_mutex_lock(mutex__inner(mutex)) == 0);
}

bool mutex_try_lock(struct mutex *mutex)
{
    return pthread_mutex_trylock(mutex__inner(mutex)) == 0;
}

void mutex_unlock(struct mutex *mutex)
{
    must(pthread_mutex_unlock(mutex__inner(mutex)) == 0);
}

static pthread_cond_t *condition__inner(struct condition *condition)
{
    return (pthread_cond_t *)(void *)condition->u.storage;
}

void condition_open(struct condition *condition)
{
    must(pthread_cond_init(condition__inner(condition), NULL) == 0);
}

void condition_close(struct condition *condition)
{
    must(pthread_cond_destroy(condition__inner(condition)) == 0);
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    must(pthread_cond_wait(condition__inner(condition), mutex__inner(mutex)) == 0);
}

void condition_wake_all(struct condition *condition)
{
    must(pthread_cond_broadcast(condition__inner(condition)) == 0);
}
