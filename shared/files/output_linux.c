/* Standard streams that were closed, on Linux. */
#include "files/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool output__closed;

void output_open_closed(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) {
            continue;
        }
        output__closed = output__closed || descriptor == STDOUT_FILENO;
        /* open() takes the lowest that is free: this one. What is printed to a standard output that
         * is closed is lost: writing fails, so that the exit code says so. */
        if (open("/dev/null", descriptor == STDOUT_FILENO ? O_RDONLY : O_RDWR) < 0) {
            _exit(1); /* standard error is closed */
        }
    }
}

bool output_is_closed(void)
{
    return output__closed;
}

/* Terminals take UTF-8 as it comes. */
void output_enter_utf8(void)
{
}

void output_leave_utf8(void)
{
}
