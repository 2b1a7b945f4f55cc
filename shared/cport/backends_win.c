/* The backend of Windows, and the system calls that need no port. */
#include "cport/backend.h"

#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

const struct cport_backend *const cport_backends[] = {&cport_backend_iocp, NULL};

void cport_system_discard(cport_handle handle, bool reset)
{
    SOCKET socket = (SOCKET)handle;
    if (reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(socket, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    }
    closesocket(socket);
}

void cport_system_local_address(cport_handle handle, struct net_address *address)
{
    struct sockaddr_storage storage;
    int bytes = sizeof storage;
    address->bytes_count = 0;
    if (getsockname((SOCKET)handle, (struct sockaddr *)&storage, &bytes) == 0 && bytes > 0 &&
        (size_t)bytes <= sizeof address->bytes) {
        memcpy(address->bytes, &storage, (size_t)bytes);
        address->bytes_count = (uint16_t)bytes;
    }
}
