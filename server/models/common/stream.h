/* Plain non-blocking stream sockets, for the models that wait for readiness or block.
 *
 * No buffering, no waiting: each call is one system call and says what it did. Any thread; a
 * handle is used by one thread at a time, but that stream_shutdown() and
 * stream_interrupt() may come from another, and one may receive while another sends. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "cport/cport.h"
#include "net/address.h"

enum stream_status {
    STREAM_DONE,    /* bytes were moved; receiving 0 bytes is the end of the stream */
    STREAM_BLOCKED, /* nothing could be moved now */
    STREAM_FAILED   /* see the result */
};

/* Listens, bound exclusively, non-blocking; *bound is the address that the system gave. */
bool stream_listen(const struct net_address *address, int backlog, cport_handle *listener,
                   struct net_address *bound, struct error *error);
/* *handle is connected, TCP_NODELAY is set; non-blocking unless blocking is wanted. */
enum stream_status stream_accept(cport_handle listener, bool blocking, cport_handle *handle,
                                 struct net_address *peer, enum cport_result *result);
enum stream_status stream_receive(cport_handle handle, uint8_t *buffer, size_t buffer_bytes,
                                  size_t *bytes, enum cport_result *result);
/* The same for what waits already: it does not block, whatever the socket's mode. */
enum stream_status stream_receive_waiting(cport_handle handle, uint8_t *buffer, size_t buffer_bytes,
                                          size_t *bytes, enum cport_result *result);
enum stream_status stream_send(cport_handle handle, const struct span *spans, int spans_count,
                               size_t *bytes, enum cport_result *result);
/* The sending half: the peer reads the end of the stream. */
void stream_shutdown(cport_handle handle);
/* For blocking sockets, from another thread: one that waits in stream_receive(), or calls it from
 * now on, comes back with an end or a failure; with sending, one in stream_send() too. Receiving
 * alone is ended without a word to the peer, so that a reset can still follow. */
void stream_interrupt(cport_handle handle, bool sending);
void stream_close(cport_handle handle, enum cport_close_mode mode);
/* Why a wait for sockets (poll(), WSAWaitForMultipleEvents() ...) has just failed, which is no
 * time-out; CPORT_OK: it was only interrupted. */
enum cport_result stream_wait_failure(void);
