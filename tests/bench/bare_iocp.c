/* The physical limit on Windows: an IOCP echo pair with nothing in it.
 *
 *     bare_iocp server PORT SECONDS
 *     bare_iocp client PORT CONNECTIONS SECONDS BYTES
 *
 * One thread, one receive or one send in flight per connection, a buffer per connection, no
 * framing, no measuring, no checks of what comes back. scripts/bench compares the pair with it.
 * Prints one JSON line: round trips per second and CPU seconds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>
/* Behind winsock2.h, which they need. */
#include <mswsock.h>
#include <windows.h>
#include <ws2tcpip.h>

enum { BARE_BATCH = 256, BARE_SERVER_BYTES = 4096, BARE_ADDRESS_BYTES = sizeof(SOCKADDR_IN) + 16 };
enum bare_io { BARE_ACCEPT, BARE_RECV, BARE_SEND };

struct bare_connection {
    OVERLAPPED overlapped; /* first, so that a completion's OVERLAPPED is its connection */
    SOCKET socket;
    enum bare_io io;
    uint32_t pending_bytes; /* client: bytes of the echo still to come */
    char *buffer;
};

static HANDLE port;
static LPFN_ACCEPTEX accept_ex;
static SOCKET listener;
static uint32_t buffer_bytes;
static uint64_t round_trips_count;

static void bare__die(const char *what, int error)
{
    fprintf(stderr, "bare_iocp: %s: error %d\n", what, error);
    exit(1);
}

static double bare__now_s(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart / (double)frequency.QuadPart;
}

static struct bare_connection *bare__connection(SOCKET socket_handle)
{
    struct bare_connection *connection = calloc(1, sizeof *connection);
    BOOL on = TRUE;
    if (connection == NULL || (connection->buffer = calloc(1, buffer_bytes)) == NULL) {
        bare__die("memory", 0);
    }
    /* One frame of the pair, as in bare_uring: u16 size, u16 id, little-endian. */
    connection->buffer[0] = (char)buffer_bytes;
    connection->buffer[1] = (char)(buffer_bytes >> 8);
    connection->buffer[2] = 1;
    connection->socket = socket_handle;
    setsockopt(socket_handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    CreateIoCompletionPort((HANDLE)socket_handle, port, 0, 0);
    return connection;
}

static void bare__close(struct bare_connection *connection)
{
    closesocket(connection->socket);
    free(connection->buffer);
    free(connection);
}

static void bare__recv(struct bare_connection *connection)
{
    WSABUF buffer = {buffer_bytes, connection->buffer};
    DWORD flags = 0;
    connection->io = BARE_RECV;
    memset(&connection->overlapped, 0, sizeof connection->overlapped);
    if (WSARecv(connection->socket, &buffer, 1, NULL, &flags, &connection->overlapped, NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        bare__close(connection);
    }
}

static void bare__send(struct bare_connection *connection, uint32_t bytes)
{
    WSABUF buffer = {bytes, connection->buffer};
    connection->io = BARE_SEND;
    memset(&connection->overlapped, 0, sizeof connection->overlapped);
    if (WSASend(connection->socket, &buffer, 1, NULL, 0, &connection->overlapped, NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        bare__close(connection);
    }
}

/* The accepted socket waits in the connection that its accept belongs to. */
static void bare__accept(void)
{
    struct bare_connection *connection = calloc(1, sizeof *connection);
    DWORD received;
    if (connection == NULL || (connection->buffer = calloc(1, buffer_bytes)) == NULL) {
        bare__die("memory", 0);
    }
    connection->io = BARE_ACCEPT;
    connection->socket = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (!accept_ex(listener, connection->socket, connection->buffer, 0, BARE_ADDRESS_BYTES,
                   BARE_ADDRESS_BYTES, &received, &connection->overlapped) &&
        WSAGetLastError() != WSA_IO_PENDING) {
        bare__die("AcceptEx", WSAGetLastError());
    }
}

static void bare__on_server(struct bare_connection *connection, DWORD bytes)
{
    BOOL on = TRUE;
    if (connection->io == BARE_ACCEPT) {
        setsockopt(connection->socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                   (const char *)&listener, sizeof listener);
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
        CreateIoCompletionPort((HANDLE)connection->socket, port, 0, 0);
        bare__recv(connection);
        bare__accept();
    } else if (bytes == 0) {
        bare__close(connection);
    } else if (connection->io == BARE_RECV) {
        bare__send(connection, bytes);
    } else {
        bare__recv(connection);
    }
}

static void bare__on_client(struct bare_connection *connection, DWORD bytes)
{
    if (bytes == 0) {
        bare__die("the connection ended", WSAECONNRESET);
    }
    if (connection->io == BARE_SEND) {
        connection->pending_bytes = buffer_bytes;
        bare__recv(connection);
        return;
    }
    connection->pending_bytes -= bytes;
    if (connection->pending_bytes > 0) {
        bare__recv(connection);
        return;
    }
    round_trips_count++;
    bare__send(connection, buffer_bytes);
}

static void bare__loop(double seconds, void (*on)(struct bare_connection *, DWORD))
{
    static OVERLAPPED_ENTRY entries[BARE_BATCH];
    const double end_s = bare__now_s() + seconds;
    while (bare__now_s() < end_s) {
        ULONG count = 0;
        if (!GetQueuedCompletionStatusEx(port, entries, BARE_BATCH, &count, 50, FALSE)) {
            continue;
        }
        for (ULONG i = 0; i < count; i++) {
            on((struct bare_connection *)(void *)entries[i].lpOverlapped,
               entries[i].dwNumberOfBytesTransferred);
        }
    }
}

static SOCKADDR_IN bare__address(int port_number)
{
    SOCKADDR_IN address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((u_short)port_number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void bare__serve(int port_number, double seconds)
{
    SOCKADDR_IN address = bare__address(port_number);
    GUID guid = WSAID_ACCEPTEX;
    DWORD bytes;
    buffer_bytes = BARE_SERVER_BYTES;
    listener = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (bind(listener, (SOCKADDR *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
        bare__die("listen", WSAGetLastError());
    }
    if (WSAIoctl(listener, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof guid, &accept_ex,
                 sizeof accept_ex, &bytes, NULL, NULL) != 0) {
        bare__die("AcceptEx", WSAGetLastError());
    }
    CreateIoCompletionPort((HANDLE)listener, port, 0, 0);
    for (int i = 0; i < 64; i++) {
        bare__accept();
    }
    printf("listening on 127.0.0.1:%d\n", port_number);
    fflush(stdout);
    bare__loop(seconds, bare__on_server);
}

static void bare__connect_all(int port_number, int connections_count)
{
    SOCKADDR_IN address = bare__address(port_number);
    for (int i = 0; i < connections_count; i++) {
        SOCKET handle = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
        if (connect(handle, (SOCKADDR *)&address, sizeof address) != 0) {
            bare__die("connect", WSAGetLastError());
        }
        bare__send(bare__connection(handle), buffer_bytes);
    }
}

static void bare__report(double seconds)
{
    FILETIME created, ended, kernel, user;
    GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
    printf("{\"round_trips_per_s\": %.1f, \"cpu_s\": %.3f, \"seconds\": %.3f}\n",
           (double)round_trips_count / seconds,
           ((double)kernel.dwLowDateTime + (double)user.dwLowDateTime) * 1e-7, seconds);
}

int main(int argc, char **argv)
{
    WSADATA data;
    double start_s;
    if (argc < 4) {
        fprintf(stderr, "usage: bare_iocp server PORT SECONDS\n"
                        "       bare_iocp client PORT CONNECTIONS SECONDS BYTES\n");
        return 2;
    }
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        bare__die("WSAStartup", WSAGetLastError());
    }
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    start_s = bare__now_s();
    if (strcmp(argv[1], "server") == 0) {
        bare__serve(atoi(argv[2]), atof(argv[3]));
    } else if (argc == 6) {
        buffer_bytes = (uint32_t)atoi(argv[5]);
        bare__connect_all(atoi(argv[2]), atoi(argv[3]));
        start_s = bare__now_s();
        bare__loop(atof(argv[4]), bare__on_client);
    }
    bare__report(bare__now_s() - start_s);
    return 0;
}
