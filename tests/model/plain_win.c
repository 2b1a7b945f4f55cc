#include "plain.h"

#include <winsock2.h>

plain_socket plain_open(void)
{
    SOCKET handle = socket(AF_INET, SOCK_STREAM, 0);
    if (handle == INVALID_SOCKET) {
        return PLAIN_NONE;
    }
    const BOOL on = TRUE;
    const DWORD timeout_ms = PLAIN_TIMEOUT_MS;
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, (const char *)&timeout_ms, sizeof timeout_ms);
    setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, (const char *)&timeout_ms, sizeof timeout_ms);
    return (plain_socket)handle;
}

bool plain_connect_to(plain_socket socket, uint16_t port)
{
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect((SOCKET)socket, (const struct sockaddr *)&address, sizeof address) == 0;
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
    const char *at = data;
    while (bytes > 0) {
        int sent = send((SOCKET)socket, at, bytes > 1 << 20 ? 1 << 20 : (int)bytes, 0);
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
    return send((SOCKET)socket, (const char *)&byte, 1, MSG_OOB) == 1;
}

int plain_receive(plain_socket socket, void *data, size_t bytes_max)
{
    int received = recv((SOCKET)socket, data, (int)bytes_max, 0);
    if (received >= 0) {
        return received;
    }
    return WSAGetLastError() == WSAETIMEDOUT ? PLAIN_TIMED_OUT : PLAIN_RESET;
}

void plain_shutdown(plain_socket socket)
{
    shutdown((SOCKET)socket, SD_SEND);
}

void plain_close(plain_socket socket)
{
    closesocket((SOCKET)socket);
}

void plain_reset(plain_socket socket)
{
    const struct linger now = {1, 0};
    setsockopt((SOCKET)socket, SOL_SOCKET, SO_LINGER, (const char *)&now, sizeof now);
    closesocket((SOCKET)socket);
}
