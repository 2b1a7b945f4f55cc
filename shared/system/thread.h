/* Threads and locks: pthreads on Linux, Win32 threads on Windows (mingw's default gcc has no C11
 * threads). Control plane and server models; a client worker takes no lock between start and
 * stop. Atomics are <stdatomic.h> directly. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct thread {
    uintptr_t handle;
    void (*run)(void *argument);
    void *argument;
};

struct mutex {
    union {
        uint64_t storage[8]; /* pthread_mutex_t or SRWLOCK; sizes are checked where it is filled */
        void *align;
    } u;
};

/* Something to wait for, beside a mutex that guards what it is. */
struct condition {
    union {
        uint64_t storage[8]; /* pthread_cond_t or CONDITION_VARIABLE */
        void *align;
    } u;
};

/* Starts run(argument). The struct must stay in place until thread_join() has returned.
 * stack_bytes 0 means the system's default. Fails when the system has no thread left. */
bool thread_start(struct thread *thread, void (*run)(void *argument), void *argument,
                  uint32_t stack_bytes, struct error *error);
void thread_join(struct thread *thread);
/* Instead of thread_join(): the thread is not waited for. The struct must stay in place all the
 * same. */
void thread_detach(struct thread *thread);
void thread_yield(void);
/* Asks the system to wake the calling thread exactly when its waits end (and, on Windows, to let it
 * run soon), as far as that takes no privilege. A wish: what is refused is left as it was. */
void thread_prefer_latency(void);
/* The opposite: the calling thread runs when others do not want the CPU. */
void thread_give_way(void);
/* CPUs this process may run on, at least 1. */
int thread_cpu_count(void);
/* CPUs of the machine. */
int thread_cpu_count_machine(void);

void mutex_open(struct mutex *mutex);
void mutex_close(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
/* False: another thread has it. */
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

void condition_open(struct condition *condition);
void condition_close(struct condition *condition);
/* With the mutex held: lets it go, waits for condition_wake_all(), takes it again. May return
 * without a wake: look at what you wait for. */
void condition_wait(struct condition *condition, struct mutex *mutex);
void condition_wake_all(struct condition *condition);
