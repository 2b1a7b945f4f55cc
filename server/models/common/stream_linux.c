/* Stream sockets on Linux. */
#include "models/common/stream.h"

#include "cport/linux/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum stream_status stream__failed(enum cport_result *result)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return STREAM_BLOCKED;
    }
    *result = cport_result_from_errno(errno);
    return STREAM_FAILED;
}

bool stream_listen(const struct net_address *address, int backlog, cport_handle *listener,
                   struct net_address *bound, struct error *error)
{
    uint64_t syscalls = 0;
    *listener = cport_socket_listen(address, backlog, SOCK_NONBLOCK, &syscalls, error);
    if (*listener == CPORT_HANDLE_NONE) {
        return false;
    }
    *bound = *address;
    cport_socket_local_address(*listener, bound);
    return true;
}

enum stream_status stream_accept(cport_handle listener, bool blocking, cport_handle *handle,
                                 struct net_address *peer, enum cport_result *result)
{
    struct sockaddr_storage name;
    socklen_t name_bytes = sizeof name;
    /* TCP_NODELAY comes from the listener. */
    int fd = accept4((int)listener, (struct sockaddr *)&name, &name_bytes,
                     SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK));
    if (fd < 0) {
        return stream__failed(result);
    }
    *handle = fd;
    memset(peer, 0, sizeof *peer);
    if (name_bytes <= sizeof peer->bytes) {
        memcpy(peer->bytes, &name, name_bytes);
        peer->bytes_count = (uint16_t)name_bytes;
    }
    return STREAM_DONE;
}

enum stream_status stream_receive(cport_handle handle, uint8_t *buffer, size_t buffer_bytes,
                                  size_t *bytes, enum cport_result *result)
{
    ssize_t received = recv((int)handle, buffer, buffer_bytes, 0);
    if (received < 0) {
        return stream__failed(result);
    }
    *bytes = (size_t)received;
    return STREAM_DONE;
}

enum stream_status stream_receive_waiting(cport_handle handle, uint8_t *buffer, size_t buffer_bytes,
                                          size_t *bytes, enum cport_result *result)
{
    ssize_t received = recv((int)handle, buffer, buffer_bytes, MSG_DONTWAIT);
    if (received < 0) {
        return stream__failed(result);
    }
    *bytes = (size_t)received;
    return STREAM_DONE;
}

enum stream_status stream_send(cport_handle handle, const struct span *spans, int spans_count,
                               size_t *bytes, enum cport_result *result)
{
    struct iovec parts[CPORT_SPANS_MAX];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)spans_count};
    for (int i = 0; i < spans_count; i++) {
        parts[i].iov_base = (void *)(uintptr_t)spans[i].data;
        parts[i].iov_len = spans[i].bytes;
    }
    ssize_t sent = sendmsg((int)handle, &message, MSG_NOSIGNAL);
    if (sent < 0) {
        return stream__failed(result);
    }
    *bytes = (size_t)sent;
    return STREAM_DONE;
}

enum cport_result stream_wait_failure(void)
{
    return errno == EINTR ? CPORT_OK : cport_result_from_errno(errno);
}

void stream_shutdown(cport_handle handle)
{
    shutdown((int)handle, SHUT_WR);
}

void stream_interrupt(cport_handle handle, bool sending)
{
    /* A send waits because the peer's window is closed: the peer would not see a FIN, which follows
     * the bytes, before a reset. */
    shutdown((int)handle, sending ? SHUT_RDWR : SHUT_RD);
}

void stream_close(cport_handle handle, enum cport_close_mode mode)
{
    if (mode == CPORT_CLOSE_RST) {
        uint64_t syscalls = 0;
        cport_socket_set_abort(handle, &syscalls);
    }
    close((int)handle);
}
