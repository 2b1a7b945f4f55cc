/* Keeps every CPU from sleeping, for as long as it runs: scripts/bench truth.
 *
 * A thread per CPU turns at SCHED_IDLE, below everything else: whatever wants to run runs at once
 * and as before. What goes away is the time that a sleeping CPU takes to wake up, 30 to 100 us in a
 * virtual machine, which is the machine's and would otherwise be in every figure. Ends with
 * SIGTERM, or with the program that started it. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *awake_turn(void *argument)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((int)(long)argument, &set);
    struct sched_param none = {0};
    if (sched_setaffinity(0, sizeof set, &set) != 0 ||
        sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
        perror("keep_awake");
        _exit(1);
    }
    for (;;) {
        __asm__ volatile("" ::: "memory");
    }
    return NULL;
}

int main(void)
{
    cpu_set_t set;
    int count = 0;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        perror("keep_awake");
        return 1;
    }
    for (long cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        pthread_t thread;
        if (CPU_ISSET((int)cpu, &set)) {
            if (pthread_create(&thread, NULL, awake_turn, (void *)cpu) != 0) {
                perror("keep_awake");
                return 1;
            }
            count++;
        }
    }
    printf("%d CPUs stay awake\n", count);
    fflush(stdout);
    for (;;) {
        pause();
    }
}
