/* Windows' many numbers for what goes wrong on a socket, as the port's few.
 *
 * An overlapped call fails with a Winsock code; a packet's NTSTATUS comes as one too by
 * WSAGetOverlappedResult(), except where Winsock has no word for it: then as the Win32 code. */
#include "cport/iocp/iocp.h"

struct iocp_error {
    int code;
    enum cport_result result;
};

static const struct iocp_error iocp__errors[] = {
    {0, CPORT_OK},
    {WSA_OPERATION_ABORTED, CPORT_CANCELLED},
    {WSAECONNREFUSED, CPORT_REFUSED},
    {ERROR_CONNECTION_REFUSED, CPORT_REFUSED},
    {WSAECONNRESET, CPORT_RESET},
    {WSAECONNABORTED, CPORT_RESET}, /* also the second failing call after a reset */
    {WSAENETRESET, CPORT_RESET},
    {ERROR_NETNAME_DELETED, CPORT_RESET}, /* AcceptEx: the peer left before it was accepted */
    {ERROR_CONNECTION_ABORTED, CPORT_RESET},
    {WSAENETUNREACH, CPORT_UNREACHABLE},
    {WSAEHOSTUNREACH, CPORT_UNREACHABLE},
    {WSAENETDOWN, CPORT_UNREACHABLE},
    {WSAEHOSTDOWN, CPORT_UNREACHABLE},
    {ERROR_NETWORK_UNREACHABLE, CPORT_UNREACHABLE},
    {ERROR_HOST_UNREACHABLE, CPORT_UNREACHABLE},
    {ERROR_PORT_UNREACHABLE, CPORT_UNREACHABLE},
    {WSAETIMEDOUT, CPORT_TIMED_OUT},
    {ERROR_SEM_TIMEOUT, CPORT_TIMED_OUT},
    {WSAEADDRINUSE, CPORT_ADDRESS_IN_USE},
    {WSAEMFILE, CPORT_LOCAL_DESCRIPTORS},
    {ERROR_TOO_MANY_OPEN_FILES, CPORT_LOCAL_DESCRIPTORS}, /* C000011F, Wine's AcceptEx */
    {ERROR_NO_SYSTEM_RESOURCES, CPORT_LOCAL_MEMORY},
    {ERROR_WORKING_SET_QUOTA, CPORT_LOCAL_MEMORY},
    {ERROR_COMMITMENT_LIMIT, CPORT_LOCAL_MEMORY},
    {ERROR_OUTOFMEMORY, CPORT_LOCAL_MEMORY},
    {WSA_NOT_ENOUGH_MEMORY, CPORT_LOCAL_MEMORY},
    {WSAENOBUFS, CPORT_LOCAL_MEMORY},
    {WSAENOTCONN, CPORT_NOT_CONNECTED},
    {WSAESHUTDOWN, CPORT_NOT_CONNECTED},
    {WSAEDISCON, CPORT_NOT_CONNECTED},
    {WSAEINVAL, CPORT_INVALID},
    {WSAEFAULT, CPORT_INVALID},
    {WSAENOTSOCK, CPORT_INVALID},
    {WSAEISCONN, CPORT_INVALID},
    {WSAEADDRNOTAVAIL, CPORT_INVALID}, /* not an address of this machine; nothing to connect to */
    {WSAEAFNOSUPPORT, CPORT_INVALID},
    {WSAEACCES, CPORT_INVALID}, /* a broadcast address; a port that is reserved */
};

enum cport_result iocp_error_result(int system_error)
{
    for (size_t i = 0; i < sizeof iocp__errors / sizeof iocp__errors[0]; i++) {
        if (iocp__errors[i].code == system_error) {
            return iocp__errors[i].result;
        }
    }
    return CPORT_OTHER;
}

enum cport_result iocp_error_result_of_bind(int system_error)
{
    /* The port asked for was 0, so "in use" says that all of them are. */
    if (system_error == WSAEADDRINUSE || system_error == WSAENOBUFS) {
        return CPORT_LOCAL_PORTS;
    }
    return iocp_error_result(system_error);
}

enum cport_result iocp_error_result_of_connect(int system_error)
{
    /* With SO_REUSE_UNICASTPORT the port is chosen here. */
    if (system_error == WSAENOBUFS) {
        return CPORT_LOCAL_PORTS;
    }
    return iocp_error_result(system_error);
}

void iocp_error_of_listen(struct error *error, const struct net_address *address, int system_error)
{
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    /* A port in use says 10013, not 10048, where its owner holds it exclusively. */
    bool taken = system_error == WSAEADDRINUSE || system_error == WSAEACCES;
    error_set(error, "cannot listen on %s: %s%s", net_address_format(address, text),
              taken ? "another program has the port, or it is reserved: " : "",
              error_system_text(system_error));
}
