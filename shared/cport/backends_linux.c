/* The backends of Linux, best first, and the system calls that need no port. */
#include "cport/backend.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const struct cport_backend *const cport_backends[] = {&cport_backend_uring, &cport_backend_epoll,
                                                      NULL};

void cport_system_discard(cport_handle handle, bool reset)
{
    if (reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt((int)handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close((int)handle);
}

void cport_system_local_address(cport_handle handle, struct net_address *address)
{
    struct sockaddr_storage storage;
    socklen_t bytes = sizeof storage;
    address->bytes_count = 0;
    if (getsockname((int)handle, (struct sockaddr *)&storage, &bytes) == 0 &&
        bytes <= sizeof address->bytes) {
        memcpy(address->bytes, &storage, bytes);
        address->bytes_count = (uint16_t)bytes;
    }
}
