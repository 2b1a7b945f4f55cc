/* What the models of Windows share: events, the listener's event, overlapped operations.
 *
 * An overlapped call ends in one of three ways: done and pending (either way the operation comes
 * back: 0), failed (it does not: the error). */
#pragma once

#include "models/common/model_loop.h"

#include "cport/iocp/iocp.h"

bool winsock_event_open(WSAEVENT *event, struct error *error);
/* WSACloseEvent() of what is one. */
void winsock_event_close(WSAEVENT event);

/* -------- the listener's event (index 0) -------- */

/* Makes the event be set when a peer connects. Does nothing in the other threads. */
bool winsock_listener_watch(struct loop_thread *thread, WSAEVENT event, struct error *error);
/* The event is set, or base.look_ns has come: accepts, and sets base.look_ns. */
void winsock_listener_accept(struct loop_thread *thread, WSAEVENT event, int64_t now_ns);

/* -------- readiness that is reported once -------- */

struct winsock_reported {
    bool readable; /* and not yet read to the end */
    bool closed;   /* nothing follows what is still to be read */
};
/* Receives if the socket is readable and the session wants bytes. */
void winsock_receive_reported(struct loop_thread *thread, struct loop_conn *conn,
                              struct winsock_reported *reported, int64_t polled_ns);

/* -------- overlapped operations -------- */

/* How a Winsock or Win32 code counts. */
enum error_kind winsock_error_kind(int code);
/* 0, or the error of an overlapped call, to be asked right behind it. */
int winsock_started(struct recorder *recorder, bool done);
/* routine may be NULL. 0, or the error. */
int winsock_recv(struct recorder *recorder, SOCKET socket, uint8_t *buffer, uint32_t buffer_bytes,
                 OVERLAPPED *overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
int winsock_send(struct recorder *recorder, SOCKET socket, const struct span *spans,
                 int spans_count, OVERLAPPED *overlapped,
                 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
/* iocp_socket_start_accept(), for a listener on address: 0, or the error. */
int winsock_accept(struct recorder *recorder, const struct iocp_functions *functions,
                   SOCKET listener, const struct net_address *address, SOCKET *accepted,
                   void *addresses, OVERLAPPED *overlapped);
/* Makes the connection's operations complete as cancelled, or as done, if they were faster. Where
 * only closing the socket cancels, it is closed. */
void winsock_cancel(struct loop_conn *conn, enum cport_close_mode mode);
/* A receive or a send has completed, or failed to start: code is 0 or its error. */
void winsock_received(struct session *session, int code, const uint8_t *data, uint32_t bytes,
                      int64_t polled_ns);
void winsock_sent(struct session *session, int code, uint32_t bytes);
