/* Sockets for a completion port: opened, bound and given their options. */
#include "cport/iocp/iocp.h"

#include <stdlib.h>
#include <string.h>

/* Missing in mingw-w64 10. */
#ifndef SIO_TCP_INITIAL_RTO /* Windows 8 */
#define SIO_TCP_INITIAL_RTO _WSAIOW(IOC_VENDOR, 17)
#endif
#ifndef SO_REUSE_UNICASTPORT /* Windows 10 */
#define SO_REUSE_UNICASTPORT 0x3007
#endif
#ifndef SO_PORT_SCALABILITY /* Windows 7 */
#define SO_PORT_SCALABILITY 0x3006
#endif

/* False: an older system may not know it. */
static bool iocp_socket__set_option(SOCKET handle, int level, int name, int value,
                                    uint64_t *syscalls)
{
    ++*syscalls;
    return setsockopt(handle, level, name, (const char *)&value, sizeof value) == 0;
}

bool cport_share_ports(void)
{
    return false; /* SO_REUSEADDR lets a second listener in, but connections are not spread */
}

SOCKET iocp_socket_open(int family, uint64_t *syscalls)
{
    ++*syscalls;
    /* Without WSA_FLAG_NO_HANDLE_INHERIT a child process would keep connections open. */
    SOCKET handle = WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                               WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (handle != INVALID_SOCKET) { /* a peer's urgent data stays in the stream */
        iocp_socket__set_option(handle, SOL_SOCKET, SO_OOBINLINE, 1, syscalls);
    }
    return handle;
}

void iocp_socket_set_nodelay(SOCKET handle, uint64_t *syscalls)
{
    /* It fails on a connection that is reset by now; its next operation tells. */
    iocp_socket__set_option(handle, IPPROTO_TCP, TCP_NODELAY, 1, syscalls);
}

void iocp_socket_set_abort(SOCKET handle, uint64_t *syscalls)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    ++*syscalls;
    setsockopt(handle, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
}

int iocp_socket_listen(SOCKET *listener, const struct net_address *address, int backlog,
                       uint64_t *syscalls)
{
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    memcpy(&name, address->bytes, address->bytes_count);
    SOCKET handle = iocp_socket_open(name.ss_family, syscalls);
    if (handle == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    *syscalls += 2;
    /* Without the first another program may take over the port with SO_REUSEADDR. More than 200 are
     * only granted to those who ask by SOMAXCONN_HINT(n), which is -n. */
    if (!iocp_socket__set_option(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1, syscalls) ||
        (name.ss_family == AF_INET6 &&
         !iocp_socket__set_option(handle, IPPROTO_IPV6, IPV6_V6ONLY, 1, syscalls)) ||
        bind(handle, (const struct sockaddr *)&name, address->bytes_count) != 0 ||
        listen(handle, backlog > 200 ? -backlog : backlog) != 0) {
        int code = WSAGetLastError();
        closesocket(handle);
        return code;
    }
    *listener = handle;
    return 0;
}

int iocp_socket_bind(SOCKET handle, int family, const struct net_address *local, uint64_t *syscalls)
{
    struct sockaddr_storage name = {.ss_family = (ADDRESS_FAMILY)family};
    int name_bytes = (int)sizeof(struct sockaddr_in6);
    if (family == AF_INET) {
        name_bytes = (int)sizeof(struct sockaddr_in);
    }
    bool own = local != NULL && local->bytes_count > 0;
    if (own) {
        memcpy(&name, local->bytes, local->bytes_count);
        name_bytes = local->bytes_count;
    }
    /* The port is chosen when the destination is known: a range for each destination. Before
     * Windows 10 at least one for each local address. (Microsoft: where there are both, prefer the
     * first.) Without them there is one range for all, and a full one is a result. */
    if (!iocp_socket__set_option(handle, SOL_SOCKET, SO_REUSE_UNICASTPORT, 1, syscalls) && own) {
        iocp_socket__set_option(handle, SOL_SOCKET, SO_PORT_SCALABILITY, 1, syscalls);
    }
    ++*syscalls;
    return bind(handle, (const struct sockaddr *)&name, name_bytes) == 0 ? 0 : WSAGetLastError();
}

static bool iocp_socket__is_loopback(const struct sockaddr_storage *name)
{
    if (name->ss_family == AF_INET) {
        return ((const struct sockaddr_in *)name)->sin_addr.S_un.S_un_b.s_b1 == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)name)->sin6_addr);
}

typedef LONG(WINAPI *rtl_get_version_function)(OSVERSIONINFOW *version);

/* SYNs that are not repeated can be asked for since Windows 8, but are safe since 10 1709 only:
 * libuv met crashes of the system before (its issue 2896 and what followed). */
enum { IOCP_BUILD_1709 = 16299 };

static DWORD iocp_socket__build(void)
{
    static volatile LONG known; /* the same for all threads: it does not matter which asks first */
    union {
        FARPROC any;
        rtl_get_version_function get_version;
    } function = {NULL};
    if (known == 0) {
        OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
        HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
        function.any = ntdll != NULL ? GetProcAddress(ntdll, "RtlGetVersion") : NULL;
        bool told = function.any != NULL && function.get_version(&version) == 0;
        known = told ? (LONG)version.dwBuildNumber : 1;
    }
    return (DWORD)known;
}

void iocp_socket_believe_refusals(SOCKET handle, const struct sockaddr_storage *remote,
                                  uint64_t *syscalls)
{
    /* TCP_INITIAL_RTO_PARAMETERS: leave the time-out as it is, do not repeat. */
    struct {
        USHORT rtt_ms;
        UCHAR syn_retransmissions_max;
    } parameters = {(USHORT)-1, (UCHAR)-2};
    DWORD bytes = 0;
    if (!iocp_socket__is_loopback(remote) || iocp_socket__build() < IOCP_BUILD_1709) {
        return;
    }
    ++*syscalls;
    /* Where it fails a refusal takes 2 s, and is one all the same. */
    WSAIoctl(handle, SIO_TCP_INITIAL_RTO, &parameters, sizeof parameters, NULL, 0, &bytes, NULL,
             NULL);
}

bool iocp_socket_cancel_all(SOCKET handle, uint64_t *syscalls)
{
    ++*syscalls;
    /* Not found: all have completed, and their packets are under way. */
    return CancelIoEx((HANDLE)handle, NULL) || GetLastError() == ERROR_NOT_FOUND;
}

int iocp_socket_error_of(SOCKET handle, OVERLAPPED *overlapped)
{
    DWORD bytes = 0;
    DWORD flags = 0;
    if (overlapped->Internal == 0) { /* an NTSTATUS; 0 is success */
        return 0;
    }
    if (handle == INVALID_SOCKET) {
        return WSA_OPERATION_ABORTED;
    }
    return WSAGetOverlappedResult(handle, overlapped, &bytes, FALSE, &flags) ? 0
                                                                             : WSAGetLastError();
}

void iocp_socket_local_address(cport_handle handle, struct net_address *address)
{
    struct sockaddr_storage name;
    int bytes = sizeof name;
    if (getsockname((SOCKET)handle, (struct sockaddr *)&name, &bytes) == 0 && bytes > 0 &&
        (size_t)bytes <= sizeof address->bytes) {
        memcpy(address->bytes, &name, (size_t)bytes);
        address->bytes_count = (uint16_t)bytes;
    }
}

bool iocp_socket_skip_is_safe(void)
{
    DWORD bytes = 0;
    if (WSAEnumProtocolsW(NULL, NULL, &bytes) != SOCKET_ERROR || WSAGetLastError() != WSAENOBUFS) {
        return false;
    }
    WSAPROTOCOL_INFOW *protocols = malloc(bytes);
    if (!protocols) {
        return false;
    }
    int count = WSAEnumProtocolsW(NULL, protocols, &bytes);
    bool safe = count > 0;
    for (int i = 0; i < count; i++) {
        if (protocols[i].iProtocol == IPPROTO_TCP) {
            safe = safe && (protocols[i].dwServiceFlags1 & XP1_IFS_HANDLES) != 0;
        }
    }
    free(protocols);
    return safe;
}

static bool iocp_socket__load(SOCKET handle, GUID id, void *function, DWORD function_bytes)
{
    DWORD bytes = 0;
    return WSAIoctl(handle, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, function,
                    function_bytes, &bytes, NULL, NULL) == 0;
}

int iocp_socket_load_functions(struct iocp_functions *functions, uint64_t *syscalls)
{
    const GUID accept_ex = WSAID_ACCEPTEX;
    const GUID addresses = WSAID_GETACCEPTEXSOCKADDRS;
    const GUID connect_ex = WSAID_CONNECTEX;
    SOCKET handle = iocp_socket_open(AF_INET, syscalls);
    if (handle == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    *syscalls += 3;
    bool ok =
        iocp_socket__load(handle, accept_ex, &functions->accept_ex, sizeof functions->accept_ex) &&
        iocp_socket__load(handle, addresses, &functions->get_accept_ex_sockaddrs,
                          sizeof functions->get_accept_ex_sockaddrs) &&
        iocp_socket__load(handle, connect_ex, &functions->connect_ex, sizeof functions->connect_ex);
    int code = ok ? 0 : WSAGetLastError();
    closesocket(handle);
    return code;
}

int iocp_socket_start_accept(const struct iocp_functions *functions, SOCKET listener, int family,
                             SOCKET *accepted, void *addresses, OVERLAPPED *overlapped,
                             uint64_t *syscalls)
{
    DWORD bytes = 0;
    *accepted = iocp_socket_open(family, syscalls);
    if (*accepted == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    ++*syscalls;
    /* Receive length 0: with a length, a client that connects and is silent holds the accept. */
    if (functions->accept_ex(listener, *accepted, addresses, 0, IOCP_ACCEPT_ADDRESS_BYTES,
                             IOCP_ACCEPT_ADDRESS_BYTES, &bytes, overlapped)) {
        return 0;
    }
    int code = WSAGetLastError();
    if (code != WSA_IO_PENDING) {
        ++*syscalls;
        closesocket(*accepted);
        *accepted = INVALID_SOCKET;
    }
    return code;
}

int iocp_socket_finish_accept(const struct iocp_functions *functions, SOCKET listener,
                              SOCKET accepted, void *addresses, struct net_address *peer,
                              uint64_t *syscalls)
{
    struct sockaddr *names[2] = {NULL, NULL}; /* the local one, the peer's */
    int bytes[2] = {0, 0};
    functions->get_accept_ex_sockaddrs(addresses, 0, IOCP_ACCEPT_ADDRESS_BYTES,
                                       IOCP_ACCEPT_ADDRESS_BYTES, &names[0], &bytes[0], &names[1],
                                       &bytes[1]);
    peer->bytes_count = 0;
    if (names[1] != NULL && bytes[1] > 0 && (size_t)bytes[1] <= sizeof peer->bytes) {
        memcpy(peer->bytes, names[1], (size_t)bytes[1]);
        peer->bytes_count = (uint16_t)bytes[1];
    }
    /* Until then the socket has no addresses and shutdown() fails; Wine does not mind. */
    ++*syscalls;
    return setsockopt(accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listener,
                      sizeof listener) == 0
               ? 0
               : WSAGetLastError();
}
