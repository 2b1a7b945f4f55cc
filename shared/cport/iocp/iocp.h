/* The parts of the IOCP backend: the port itself, how it waits, how it names errors, and the
 * memory that receives land in. Private to cport_*_iocp.c; everything on the port's own thread. */
#pragma once

#include "cport/backend.h"

#include <winsock2.h>
/* Behind winsock2.h, which they need. */
#include <mswsock.h>
#include <windows.h>
#include <ws2tcpip.h>

/* ---- waiting ---------------------------------------------------------------------------- */

enum { IOCP_BATCH_MAX = 256 };

/* What a packet is about: an operation, somebody's wake, the timer of a wait. */
enum { IOCP_KEY_SOCKET, IOCP_KEY_WAKE, IOCP_KEY_TIMER };

/* Of ntdll; an NTSTATUS is a LONG, 0 is success. */
typedef LONG(NTAPI *nt_delay_execution_function)(BOOLEAN alertable, const LARGE_INTEGER *interval);
typedef LONG(NTAPI *nt_associate_packet_function)(HANDLE packet, HANDLE port, HANDLE target,
                                                  void *key, void *apc_context, LONG status,
                                                  ULONG_PTR information, BOOLEAN *signaled);

/* GetQueuedCompletionStatusEx() with a deadline finer than its milliseconds: see wait.c. */
struct iocp_wait {
    enum cport_wait kind;
    HANDLE port;
    HANDLE timer;  /* high resolution; NULL: not by a timer */
    HANDLE packet; /* CPORT_WAIT_TIMER_PACKET */
    bool packet_associated;
    int64_t timer_deadline_ns; /* what it is set to; 0: nothing that is waited for */
    nt_associate_packet_function nt_associate;
    nt_delay_execution_function nt_delay_execution; /* CPORT_WAIT_NAPS */
    struct cport_stats *stats;
    OVERLAPPED_ENTRY entries[IOCP_BATCH_MAX];
};

/* fallback: a line for the user, where this system has no timer to wait by. */
bool iocp_wait_open(struct iocp_wait *wait, HANDLE port, struct cport_stats *stats,
                    char fallback[CPORT_FALLBACK_BYTES_MAX], struct error *error);
void iocp_wait_close(struct iocp_wait *wait);
/* Returns the number of entries, 0 when the deadline has come first. */
ULONG iocp_wait_entries(struct iocp_wait *wait, int64_t deadline_ns);
/* A packet of IOCP_KEY_TIMER was among them. */
void iocp_wait_fired(struct iocp_wait *wait);

/* ---- sockets ---------------------------------------------------------------------------- */

/* Winsock hands these out at run time. */
struct iocp_functions {
    LPFN_ACCEPTEX accept_ex;
    LPFN_GETACCEPTEXSOCKADDRS get_accept_ex_sockaddrs;
    LPFN_CONNECTEX connect_ex;
};

/* Those that return an int: 0, or the error. All add their system calls to *syscalls. */
int iocp_socket_load_functions(struct iocp_functions *functions, uint64_t *syscalls);
/* AcceptEx() needs 16 bytes more than an address has, for each of two. */
enum {
    IOCP_ACCEPT_ADDRESS_BYTES = sizeof(struct sockaddr_in6) + 16,
    IOCP_ACCEPT_BYTES = 2 * IOCP_ACCEPT_ADDRESS_BYTES
};
/* Opens *accepted and starts AcceptEx() into it; addresses has IOCP_ACCEPT_BYTES. Also returns
 * WSA_IO_PENDING. After an error *accepted is INVALID_SOCKET. */
int iocp_socket_start_accept(const struct iocp_functions *functions, SOCKET listener, int family,
                             SOCKET *accepted, void *addresses, OVERLAPPED *overlapped,
                             uint64_t *syscalls);
/* After a successful accept: sets the socket's addresses, and returns the peer's. */
int iocp_socket_finish_accept(const struct iocp_functions *functions, SOCKET listener,
                              SOCKET accepted, void *addresses, struct net_address *peer,
                              uint64_t *syscalls);
/* INVALID_SOCKET on failure; then ask WSAGetLastError(). */
SOCKET iocp_socket_open(int family, uint64_t *syscalls);
/* Opens, binds exclusively and listens. */
int iocp_socket_listen(SOCKET *listener, const struct net_address *address, int backlog,
                       uint64_t *syscalls);
/* ConnectEx() needs a bound socket, otherwise 10022. local: NULL or unset is the system's choice.
 */
int iocp_socket_bind(SOCKET handle, int family, const struct net_address *local,
                     uint64_t *syscalls);
/* Leaves the address as it is where there is none. */
void iocp_socket_local_address(cport_handle handle, struct net_address *address);
void iocp_socket_set_nodelay(SOCKET handle, uint64_t *syscalls);
/* From now on closing resets the connection instead of ending it. */
void iocp_socket_set_abort(SOCKET handle, uint64_t *syscalls);
/* What is in flight comes back cancelled, or done, if it was faster. False: the provider's handle
 * is none of the system's (a layered one), and only closing the socket cancels. */
bool iocp_socket_cancel_all(SOCKET handle, uint64_t *syscalls);
/* An operation on the socket has come back: 0, or its error. INVALID_SOCKET: it was closed, which
 * has cancelled the operation. */
int iocp_socket_error_of(SOCKET handle, OVERLAPPED *overlapped);
/* SYNs get lost on real networks and are then repeated; on loopback the only thing that repeats
 * them is Windows' disbelief in a refusal, which costs 2 s. Does nothing on other addresses. */
void iocp_socket_believe_refusals(SOCKET handle, const struct sockaddr_storage *remote,
                                  uint64_t *syscalls);
/* SKIP is safe only where every provider's sockets are real system handles: a layered provider
 * without XP1_IFS_HANDLES posts its packets nevertheless (Microsoft, support article 2568167). */
bool iocp_socket_skip_is_safe(void);

/* ---- errors ----------------------------------------------------------------------------- */

/* A Winsock or Win32 code as a completion's result. */
enum cport_result iocp_error_result(int system_error);
/* The same for bind() and ConnectEx(), where "no buffers" means that no port is free. */
enum cport_result iocp_error_result_of_bind(int system_error);
enum cport_result iocp_error_result_of_connect(int system_error);
/* Says that, and why, the address could not be listened on. */
void iocp_error_of_listen(struct error *error, const struct net_address *address, int system_error);
