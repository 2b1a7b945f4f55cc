/* Addresses on Linux: getaddrinfo and inet_ntop. */
#include "net/address.h"
#include "net/address_list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct sockaddr_in6) == sizeof(((struct net_address *)0)->bytes),
               "net_address holds a sockaddr_in6");

uint16_t net_address_family(bool v4)
{
    return v4 ? AF_INET : AF_INET6;
}

bool net_setup(struct error *error)
{
    /* A send to a closed connection must fail, and not end the process. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        error_set(error, "cannot ignore SIGPIPE: %s", error_system_text(errno));
        return false;
    }
    return true;
}

bool net_address_resolve_all(const char *host, uint16_t port, struct net_address *addresses,
                             uint32_t count_max, uint32_t *count, struct error *error)
{
    *count = 0;
    memset(addresses, 0, sizeof *addresses);
    if (host[0] == '\0' || strcmp(host, "*") == 0) {
        host = "0.0.0.0"; /* as on Windows: whether [::] takes IPv4 depends on a sysctl */
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, NULL, &hints, &found);
    if (result != 0) {
        error_set(error, "host \"%s\" does not resolve: %s", host,
                  result == EAI_SYSTEM ? error_system_text(errno) : gai_strerror(result));
        return false;
    }
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (at->ai_family == AF_INET || at->ai_family == AF_INET6) {
            net_address_add(at->ai_addr, at->ai_addrlen, port, addresses, count_max, count);
        }
    }
    freeaddrinfo(found);
    return net_address_found(host, *count, error);
}

/* Only one's own address can be bound. A datagram socket: no port of a connection is taken. */
bool net_address_is_here(const struct net_address *address)
{
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    memcpy(&name, address->bytes, address->bytes_count);
    int socket_fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) {
        return false;
    }
    bool here = bind(socket_fd, (const struct sockaddr *)&name, address->bytes_count) == 0;
    close(socket_fd);
    return here;
}

const char *net_address_format(const struct net_address *address,
                               char text[NET_ADDRESS_TEXT_BYTES_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    union {
        struct sockaddr common;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    memset(&name, 0, sizeof name);
    memcpy(&name, address->bytes, sizeof address->bytes);
    int port = net_address_port(address);
    if (address->bytes_count == sizeof name.v4 && name.common.sa_family == AF_INET) {
        inet_ntop(AF_INET, &name.v4.sin_addr, host, sizeof host);
        snprintf(text, NET_ADDRESS_TEXT_BYTES_MAX, "%s:%d", host, port);
    } else if (address->bytes_count == sizeof name.v6 && name.common.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &name.v6.sin6_addr, host, sizeof host);
        snprintf(text, NET_ADDRESS_TEXT_BYTES_MAX, "[%s]:%d", host, port);
    } else {
        snprintf(text, NET_ADDRESS_TEXT_BYTES_MAX, "?");
    }
    return text;
}
