#include "child.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum child_end child_run(const char *argument)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "test_stomp", argument, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return CHILD_ENDED_OTHERWISE;
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSEGV ? CHILD_ACCESS_VIOLATION : CHILD_ENDED_OTHERWISE;
    }
    switch (WEXITSTATUS(status)) {
    case 0:
        return CHILD_EXITED;
    case CHILD_UNHARMED_CODE:
        return CHILD_UNHARMED;
    default:
        return CHILD_ENDED_OTHERWISE;
    }
}

void child_setup(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
}
