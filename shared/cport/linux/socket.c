/* What the two Linux backends do alike with sockets. */
#include "cport/linux/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* In linux/in.h since 4.2, which does not go together with netinet/in.h. */
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum cport_result cport_result_from_errno(int system_error)
{
    switch (system_error) {
    case 0:
        return CPORT_OK;
    case ECANCELED:
        return CPORT_CANCELLED;
    case ECONNREFUSED:
        return CPORT_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
        return CPORT_RESET;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
        return CPORT_UNREACHABLE;
    case ETIMEDOUT:
        return CPORT_TIMED_OUT;
    case EADDRINUSE:
        return CPORT_ADDRESS_IN_USE;
    case EADDRNOTAVAIL: /* from connect(); cport_socket_open() handles bind()'s */
        return CPORT_LOCAL_PORTS;
    case EMFILE:
    case ENFILE:
        return CPORT_LOCAL_DESCRIPTORS;
    case ENOMEM:
    case ENOBUFS:
        return CPORT_LOCAL_MEMORY;
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
        return CPORT_NOT_CONNECTED;
    case EINVAL:
    case EAFNOSUPPORT:
    case EPROTOTYPE:
    case EFAULT:
    case EBADF:
    case ENOTSOCK:
    case EOPNOTSUPP:
        return CPORT_INVALID;
    default:
        return CPORT_OTHER;
    }
}

/* The family is the first field of every sockaddr; copied, because the bytes have no alignment. */
static int cport_socket__family(const struct net_address *address)
{
    sa_family_t family = AF_UNSPEC;
    if (address->bytes_count >= sizeof family) {
        memcpy(&family, address->bytes, sizeof family);
    }
    return family;
}

static void cport_socket__set_option(int fd, int level, int option, uint64_t *syscalls)
{
    int on = 1;
    ++*syscalls;
    setsockopt(fd, level, option, &on, sizeof on);
}

/* Written before threads start, see cport.h. */
static bool cport_socket__shares_ports;

bool cport_share_ports(void)
{
    cport_socket__shares_ports = true;
    return true;
}

cport_handle cport_socket_listen(const struct net_address *address, int backlog, int type_flags,
                                 uint64_t *syscalls, struct error *error)
{
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    struct sockaddr_storage name = {0};
    memcpy(&name, address->bytes, sizeof address->bytes);
    *syscalls += 3;
    int fd =
        socket(cport_socket__family(address), SOCK_STREAM | SOCK_CLOEXEC | type_flags, IPPROTO_TCP);
    if (fd < 0) {
        error_set(error, "listen on %s: no socket: %s", net_address_format(address, text),
                  error_system_text(errno));
        return CPORT_HANDLE_NONE;
    }
    /* Takes over connections in TIME_WAIT of a server that has just ended; a second live listener
     * still fails, unless both set SO_REUSEPORT. */
    cport_socket__set_option(fd, SOL_SOCKET, SO_REUSEADDR, syscalls);
    if (cport_socket__shares_ports) {
        cport_socket__set_option(fd, SOL_SOCKET, SO_REUSEPORT, syscalls);
    }
    cport_socket__set_option(fd, IPPROTO_TCP, TCP_NODELAY, syscalls);
    cport_socket__set_option(fd, SOL_SOCKET, SO_OOBINLINE, syscalls);
    if (name.ss_family == AF_INET6) {
        cport_socket__set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, syscalls);
    }
    if (bind(fd, (const struct sockaddr *)&name, address->bytes_count) != 0 ||
        listen(fd, backlog) != 0) {
        int system_error = errno;
        const char *way_out = "";
        if (system_error == EADDRINUSE) {
            way_out = "; another program has this port: end it or choose another port";
        } else if (system_error == EACCES) {
            way_out = "; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose another port";
        } else if (system_error == EADDRNOTAVAIL) {
            way_out = "; no interface of this machine has that address";
        }
        error_set(error, "listen on %s: %s%s", net_address_format(address, text),
                  error_system_text(system_error), way_out);
        close(fd);
        return CPORT_HANDLE_NONE;
    }
    return fd;
}

cport_handle cport_socket_open(const struct net_address *remote, const struct net_address *local,
                               int type_flags, uint64_t *syscalls, enum cport_result *result,
                               int *system_error)
{
    ++*syscalls;
    int fd =
        socket(cport_socket__family(remote), SOCK_STREAM | SOCK_CLOEXEC | type_flags, IPPROTO_TCP);
    if (fd < 0) {
        *system_error = errno;
        *result = cport_result_from_errno(errno);
        return CPORT_HANDLE_NONE;
    }
    cport_socket__set_option(fd, IPPROTO_TCP, TCP_NODELAY, syscalls);
    cport_socket__set_option(fd, SOL_SOCKET, SO_OOBINLINE, syscalls);
    if (local != NULL && local->bytes_count != 0) {
        struct sockaddr_storage name = {0};
        memcpy(&name, local->bytes, sizeof local->bytes);
        /* Linux 4.2. Otherwise bind() takes a port before the peer is known, and one local
         * address ends at its 28,232 ports whatever the number of peers. */
        cport_socket__set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, syscalls);
        ++*syscalls;
        if (bind(fd, (const struct sockaddr *)&name, local->bytes_count) != 0) {
            *system_error = errno;
            *result = errno == EADDRNOTAVAIL ? CPORT_INVALID : cport_result_from_errno(errno);
            ++*syscalls;
            close(fd);
            return CPORT_HANDLE_NONE;
        }
    }
    return fd;
}

void cport_socket_set_abort(cport_handle handle, uint64_t *syscalls)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    ++*syscalls;
    setsockopt((int)handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void cport_socket_local_address(cport_handle handle, struct net_address *address)
{
    struct sockaddr_storage name;
    socklen_t bytes = sizeof name;
    if (getsockname((int)handle, (struct sockaddr *)&name, &bytes) == 0 &&
        bytes <= sizeof address->bytes) {
        memcpy(address->bytes, &name, bytes);
        address->bytes_count = (uint16_t)bytes;
    }
}
