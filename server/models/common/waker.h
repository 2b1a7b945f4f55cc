/* A waker: a handle that a thread waits for beside its sockets, so that another thread can end the
 * wait. For models that wait for readiness.
 *
 * An eventfd on Linux, a datagram socket connected to itself on Windows. One thread waits and
 * clears; any thread wakes. */
#pragma once

#include "core/error.h"
#include "cport/cport.h"

/* Sets *waker to a handle that becomes readable when woken, or to CPORT_HANDLE_NONE. */
bool waker_open(cport_handle *waker, struct error *error);
void waker_close(cport_handle waker);
void waker_wake(cport_handle waker);
/* It was readable: takes all wakes until now. */
void waker_clear(cport_handle waker);
