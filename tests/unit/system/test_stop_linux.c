#include "unit.h"

#include "system/stop.h"
#include "system/thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_every_signal_counts(void **state)
{
    (void)state;
    stop_setup();
    assert_int_equal(stop_requests(), 0);
    raise(SIGTERM);
    assert_int_equal(stop_requests(), 1);
    raise(SIGINT);
    assert_int_equal(stop_requests(), 2);
    stop_finished();
}

static void check_mask(void *argument)
{
    (void)argument;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    assert_true(sigismember(&set, SIGTERM));
    assert_true(sigismember(&set, SIGINT));
    assert_false(sigismember(&set, SIGSEGV));
}

static void test_threads_do_not_take_the_signals(void **state)
{
    (void)state;
    struct thread thread;
    assert_true(thread_start(&thread, check_mask, NULL, 0, NULL));
    thread_join(&thread);
}

/* A fourth Ctrl+C ends a process that hangs. */
static void test_many_signals_end_the_process(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        stop_setup();
        for (int i = 0; i < 10; i++) {
            raise(SIGINT);
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_take_the_signals),
        cmocka_unit_test(test_every_signal_counts),
        cmocka_unit_test(test_many_signals_end_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
