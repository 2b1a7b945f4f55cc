#include "net/attempt.h"

#include "core/clock.h"
#include "net/reach.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void net_attempt_begin(struct net_attempt *attempt, const struct net_address *address)
{
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    memcpy(&name, address->bytes, address->bytes_count);
    int handle = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    attempt->handle = handle;
    attempt->state = NET_ATTEMPT_FAILED;
    if (handle < 0) {
        return;
    }
    if (connect(handle, (const struct sockaddr *)&name, address->bytes_count) == 0) {
        attempt->state = NET_ATTEMPT_CONNECTED;
    } else if (errno == EINPROGRESS) {
        attempt->state = NET_ATTEMPT_UNDER_WAY;
    }
}

void net_attempts_await(struct net_attempt *attempts, uint32_t count, int64_t within_ns)
{
    struct pollfd descriptors[NET_REACH_ADDRESSES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        bool waits = attempts[i].state == NET_ATTEMPT_UNDER_WAY;
        /* poll(2) leaves out what is negative. */
        descriptors[i] =
            (struct pollfd){.fd = waits ? (int)attempts[i].handle : -1, .events = POLLOUT};
    }
    if (poll(descriptors, count, (int)(within_ns / NS_PER_MS) + 1) <= 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        int code = 0;
        socklen_t bytes = sizeof code;
        if (descriptors[i].fd >= 0 && descriptors[i].revents != 0) {
            getsockopt(descriptors[i].fd, SOL_SOCKET, SO_ERROR, &code, &bytes);
            attempts[i].state = code == 0 ? NET_ATTEMPT_CONNECTED : NET_ATTEMPT_FAILED;
        }
    }
}

void net_attempt_end(struct net_attempt *attempt)
{
    if (attempt->handle >= 0) {
        close((int)attempt->handle);
    }
}
