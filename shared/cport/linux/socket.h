/* What the two Linux backends do alike with sockets: opening, options, error translation.
 *
 * Private to shared/cport and the server's models. The functions that make system calls add them to
 * *syscalls. */
#pragma once

#include "cport/backend.h"

/* The one place where errno becomes enum cport_result. 0 is CPORT_OK. */
enum cport_result cport_result_from_errno(int system_error);

/* A bound and listening descriptor that is close-on-exec, or CPORT_HANDLE_NONE with an error. Its
 * TCP_NODELAY passes to every socket accepted from it, so that accepting needs no call for it.
 * type_flags: 0 or SOCK_NONBLOCK. */
cport_handle cport_socket_listen(const struct net_address *address, int backlog, int type_flags,
                                 uint64_t *syscalls, struct error *error);
/* A descriptor ready for connect(): TCP_NODELAY set, bound to local when that is not NULL. On
 * failure CPORT_HANDLE_NONE, the outcome in *result and *system_error. */
cport_handle cport_socket_open(const struct net_address *remote, const struct net_address *local,
                               int type_flags, uint64_t *syscalls, enum cport_result *result,
                               int *system_error);
/* From now on closing resets the connection instead of ending it. */
void cport_socket_set_abort(cport_handle handle, uint64_t *syscalls);
/* Leaves the address as it is where there is none. */
void cport_socket_local_address(cport_handle handle, struct net_address *address);
