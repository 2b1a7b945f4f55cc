#include "plain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PLAIN_DESCRIPTOR_MIN = 1024 };

/* The clients live in the server's process here, but not among its descriptor numbers: a model
 * that waits with select() can serve those below 1,024 only. */
static int plain__move_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, PLAIN_DESCRIPTOR_MIN);
    if (high < 0) {
        return fd;
    }
    close(fd);
    return high;
}

plain_socket plain_open(void)
{
    int fd = plain__move_high(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd < 0) {
        return PLAIN_NONE;
    }
    const int on = 1;
    const struct timeval timeout = {PLAIN_TIMEOUT_MS / 1000, 0};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    return fd;
}

bool plain_connect_to(plain_socket socket, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return connect((int)socket, (const struct sockaddr *)&address, sizeof address) == 0;
}

plain_socket plain_connect(uint16_t port)
{
    plain_socket socket = plain_open();
    if (socket != PLAIN_NONE && !plain_connect_to(socket, port)) {
        plain_close(socket);
        return PLAIN_NONE;
    }
    return socket;
}

bool plain_send(plain_socket socket, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes > 0) {
        ssize_t sent = send((int)socket, at, bytes, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

bool plain_send_urgent(plain_socket socket, uint8_t byte)
{
    return send((int)socket, &byte, 1, MSG_NOSIGNAL | MSG_OOB) == 1;
}

int plain_receive(plain_socket socket, void *data, size_t bytes_max)
{
    ssize_t received = recv((int)socket, data, bytes_max, 0);
    if (received >= 0) {
        return (int)received;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? PLAIN_TIMED_OUT : PLAIN_RESET;
}

void plain_shutdown(plain_socket socket)
{
    shutdown((int)socket, SHUT_WR);
}

void plain_close(plain_socket socket)
{
    close((int)socket);
}

void plain_reset(plain_socket socket)
{
    const struct linger now = {1, 0};
    setsockopt((int)socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close((int)socket);
}
