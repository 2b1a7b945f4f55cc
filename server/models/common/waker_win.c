/* Wakers on Windows: select() knows sockets alone, so a waker is a datagram socket on the loopback
 * interface, connected to itself. */
#include "models/common/waker.h"

#include <string.h>
#include <winsock2.h>

bool waker_open(cport_handle *waker, struct error *error)
{
    struct sockaddr_in address;
    int address_bytes = sizeof address;
    u_long on = 1;
    *waker = CPORT_HANDLE_NONE;
    SOCKET handle = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
                               WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (handle == INVALID_SOCKET ||
        bind(handle, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(handle, (struct sockaddr *)&address, &address_bytes) != 0 ||
        /* Connected, so that it receives only its own datagrams. */
        connect(handle, (const struct sockaddr *)&address, sizeof address) != 0 ||
        ioctlsocket(handle, (long)FIONBIO, &on) != 0) {
        error_set(error, "cannot make a socket for waking: %s",
                  error_system_text(WSAGetLastError()));
        if (handle != INVALID_SOCKET) {
            closesocket(handle);
        }
        return false;
    }
    *waker = (cport_handle)handle;
    return true;
}

void waker_close(cport_handle waker)
{
    if (waker != CPORT_HANDLE_NONE) {
        closesocket((SOCKET)waker);
    }
}

void waker_wake(cport_handle waker)
{
    const char byte = 0;
    /* Fails only when its buffer is full of wakes: then it is readable already. */
    (void)send((SOCKET)waker, &byte, 1, 0);
}

void waker_clear(cport_handle waker)
{
    char bytes[16];
    while (recv((SOCKET)waker, bytes, sizeof bytes, 0) >= 0) {
    }
}
