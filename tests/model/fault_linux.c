#include "fault.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FAULT_DESCRIPTORS_MAX = 4096 };

static struct rlimit fault_before;
static int fault_taken[FAULT_DESCRIPTORS_MAX];
static int fault_taken_count;

void fault_no_descriptors_prepare(void)
{
    getrlimit(RLIMIT_NOFILE, &fault_before);
    struct rlimit limit = fault_before;
    if (limit.rlim_cur > FAULT_DESCRIPTORS_MAX) {
        limit.rlim_cur = FAULT_DESCRIPTORS_MAX;
    }
    setrlimit(RLIMIT_NOFILE, &limit);
}

bool fault_no_descriptors_begin(void)
{
    int fd = 0;
    while (fd >= 0 && fault_taken_count < FAULT_DESCRIPTORS_MAX) {
        fd = dup(STDOUT_FILENO);
        if (fd >= 0) {
            fault_taken[fault_taken_count++] = fd;
        }
    }
    return fd < 0 && errno == EMFILE;
}

void fault_no_descriptors_end(void)
{
    while (fault_taken_count > 0) {
        close(fault_taken[--fault_taken_count]);
    }
    setrlimit(RLIMIT_NOFILE, &fault_before);
}
