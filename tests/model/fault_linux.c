#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAULT_DESCRIPTORS_MAX = 4096, FAULT_SEND_BUFFER_BYTES = 4096 };

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

static atomic_int fault_refusals_left;
static atomic_int fault_refusals_count;

void fault_ring_full(int times)
{
    atomic_store(&fault_refusals_left, times);
    atomic_store(&fault_refusals_count, 0);
}

int fault_ring_full_count(void)
{
    return atomic_load(&fault_refusals_count);
}

/* The linker puts it in the place of liburing's (-Wl,--wrap, see CMakeLists.txt). */
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int __wrap_io_uring_submit(struct io_uring *ring)
{
    if (atomic_load(&fault_refusals_left) > 0 && io_uring_sq_space_left(ring) == 0) {
        atomic_fetch_sub(&fault_refusals_left, 1);
        atomic_fetch_add(&fault_refusals_count, 1);
        return -EAGAIN;
    }
    return __real_io_uring_submit(ring);
}

static atomic_int fault_waits_left;
static atomic_int fault_waits_failed;

void fault_waits(int times)
{
    atomic_store(&fault_waits_failed, 0);
    atomic_store(&fault_waits_left, times);
}

int fault_waits_count(void)
{
    return atomic_load(&fault_waits_failed);
}

static bool fault__wait_fails(void)
{
    if (atomic_load(&fault_waits_left) <= 0 || atomic_fetch_sub(&fault_waits_left, 1) <= 0) {
        return false;
    }
    atomic_fetch_add(&fault_waits_failed, 1);
    errno = ENOMEM;
    return true;
}

int __real_poll(struct pollfd *entries, nfds_t count, int wait_ms);
int __wrap_poll(struct pollfd *entries, nfds_t count, int wait_ms);
int __real_select(int count, fd_set *readable, fd_set *writable, fd_set *failed,
                  struct timeval *wait);
int __wrap_select(int count, fd_set *readable, fd_set *writable, fd_set *failed,
                  struct timeval *wait);
int __real_epoll_wait(int epoll, struct epoll_event *events, int events_max, int wait_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int events_max, int wait_ms);

int __wrap_poll(struct pollfd *entries, nfds_t count, int wait_ms)
{
    return fault__wait_fails() ? -1 : __real_poll(entries, count, wait_ms);
}

int __wrap_select(int count, fd_set *readable, fd_set *writable, fd_set *failed,
                  struct timeval *wait)
{
    return fault__wait_fails() ? -1 : __real_select(count, readable, writable, failed, wait);
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int events_max, int wait_ms)
{
    return fault__wait_fails() ? -1 : __real_epoll_wait(epoll, events, events_max, wait_ms);
}

bool fault_blocking_sends_forget(void)
{
    return false;
}

static atomic_bool fault_small_buffers;

void fault_small_send_buffers(bool small)
{
    atomic_store(&fault_small_buffers, small);
}

int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes);

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
    const int small_bytes = FAULT_SEND_BUFFER_BYTES;
    if (atomic_load(&fault_small_buffers) && level == IPPROTO_TCP && option == TCP_NODELAY) {
        __real_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small_bytes, sizeof small_bytes);
    }
    return __real_setsockopt(fd, level, option, value, bytes);
}

bool fault_reports_twice(bool twice)
{
    (void)twice;
    return false;
}

void fault_descriptors_spare(int count)
{
    for (int i = 0; i < count && fault_taken_count > 0; i++) {
        close(fault_taken[--fault_taken_count]);
    }
}

bool fault_descriptors_are_whole(void)
{
    bool whole = fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 &&
                 fcntl(STDERR_FILENO, F_GETFD) >= 0;
    for (int i = 0; i < fault_taken_count; i++) {
        whole = whole && fcntl(fault_taken[i], F_GETFD) >= 0;
    }
    return whole;
}

void fault_no_descriptors_end(void)
{
    while (fault_taken_count > 0) {
        close(fault_taken[--fault_taken_count]);
    }
    setrlimit(RLIMIT_NOFILE, &fault_before);
}
