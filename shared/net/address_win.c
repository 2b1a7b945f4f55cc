/* Addresses on Windows: WSAStartup, GetAddrInfoW, InetNtopW's narrow sister. */
#include "net/address.h"
#include "net/address_list.h"

#include <stdio.h>
#include <string.h>
#include <winsock2.h>
/* Behind winsock2.h, which it needs. */
#include <ws2tcpip.h>

_Static_assert(sizeof(struct sockaddr_in6) == sizeof(((struct net_address *)0)->bytes),
               "net_address holds a sockaddr_in6");

uint16_t net_address_family(bool v4)
{
    return v4 ? AF_INET : AF_INET6;
}

bool net_setup(struct error *error)
{
    WSADATA data;
    /* Counted by the system: a second call costs nothing. Undone when the process ends. */
    int code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code != 0) {
        error_set(error, "cannot start Winsock 2.2: %s", error_system_text(code));
        return false;
    }
    return true;
}

/* getaddrinfo() takes names in the code page of the system; ours are UTF-8. */
static bool address__look_up(const char *host, struct addrinfoW **found, struct error *error)
{
    wchar_t wide[NI_MAXHOST];
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, host, -1, wide, NI_MAXHOST) == 0) {
        error_set(error, "host \"%.100s\" is not a name (expected UTF-8, at most %d bytes)", host,
                  NI_MAXHOST - 1);
        return false;
    }
    struct addrinfoW hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    int code = GetAddrInfoW(wide, NULL, &hints, found);
    if (code != 0) {
        error_set(error, "host \"%s\" does not resolve: %s", host, error_system_text(code));
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
        host = "0.0.0.0"; /* as on Linux; a socket on [::] would not take IPv4 */
    }
    struct addrinfoW *found = NULL;
    if (!address__look_up(host, &found, error)) {
        return false;
    }
    for (struct addrinfoW *at = found; at; at = at->ai_next) {
        if (at->ai_family == AF_INET || at->ai_family == AF_INET6) {
            net_address_add(at->ai_addr, at->ai_addrlen, port, addresses, count_max, count);
        }
    }
    FreeAddrInfoW(found);
    return net_address_found(host, *count, error);
}

/* Only one's own address can be bound. Not with a datagram socket, to which Wine gives any. */
bool net_address_is_here(const struct net_address *address)
{
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    memcpy(&name, address->bytes, address->bytes_count);
    SOCKET handle = socket(name.ss_family, SOCK_STREAM, 0);
    if (handle == INVALID_SOCKET) {
        return false;
    }
    bool here = bind(handle, (const struct sockaddr *)&name, address->bytes_count) == 0;
    closesocket(handle);
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
