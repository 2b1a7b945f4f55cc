#include "net/attempt.h"

#include "core/clock.h"

#include <string.h>
#include <winsock2.h>

void net_attempt_begin(struct net_attempt *attempt, const struct net_address *address)
{
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    memcpy(&name, address->bytes, address->bytes_count);
    SOCKET handle = socket(name.ss_family, SOCK_STREAM, 0);
    u_long on = 1;
    attempt->handle = (intptr_t)handle;
    attempt->state = NET_ATTEMPT_FAILED;
    if (handle == INVALID_SOCKET || ioctlsocket(handle, FIONBIO, &on) != 0) {
        return;
    }
    if (connect(handle, (const struct sockaddr *)&name, address->bytes_count) == 0) {
        attempt->state = NET_ATTEMPT_CONNECTED;
    } else if (WSAGetLastError() == WSAEWOULDBLOCK) {
        attempt->state = NET_ATTEMPT_UNDER_WAY;
    }
}

/* select(): before Windows 10 2004, WSAPoll() did not report connects that fail. */
void net_attempts_await(struct net_attempt *attempts, uint32_t count, int64_t within_ns)
{
    fd_set connected;
    fd_set failed;
    FD_ZERO(&connected);
    FD_ZERO(&failed);
    for (uint32_t i = 0; i < count; i++) {
        if (attempts[i].state == NET_ATTEMPT_UNDER_WAY) {
            FD_SET((SOCKET)attempts[i].handle, &connected);
            FD_SET((SOCKET)attempts[i].handle, &failed);
        }
    }
    struct timeval limit = {.tv_sec = (long)(within_ns / NS_PER_S),
                            .tv_usec = (long)(within_ns % NS_PER_S / NS_PER_US) + 1};
    if (select(0, NULL, &connected, &failed, &limit) <= 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (attempts[i].state != NET_ATTEMPT_UNDER_WAY) {
            continue;
        }
        if (FD_ISSET((SOCKET)attempts[i].handle, &failed)) {
            attempts[i].state = NET_ATTEMPT_FAILED;
        } else if (FD_ISSET((SOCKET)attempts[i].handle, &connected)) {
            attempts[i].state = NET_ATTEMPT_CONNECTED;
        }
    }
}

void net_attempt_end(struct net_attempt *attempt)
{
    if ((SOCKET)attempt->handle != INVALID_SOCKET) {
        closesocket((SOCKET)attempt->handle);
    }
}
