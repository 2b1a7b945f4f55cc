/* Faults of the machine, made on purpose. One at a time, by the test's own thread. */
#pragma once

#include <stdbool.h>

/* Before the server starts: io_uring takes the limit of descriptors from when an accept was
 * submitted. */
void fault_no_descriptors_prepare(void);
/* From now on this process gets no new socket, by accepting or by making one: it has no descriptor
 * left. (Linux: really. Windows, where a process has millions: accept() and WSASocketW() of this
 * program answer WSAEMFILE.) False: the fault cannot be made. */
bool fault_no_descriptors_begin(void);
/* The kernel takes nothing of a full submission queue of io_uring, so many times from now on. Any
 * thread. (Windows: nothing.) */
void fault_ring_full(int times);
/* How often it did not, until now. */
int fault_ring_full_count(void);
/* So many waits for sockets fail from now on, for lack of memory: poll(), select(), epoll_wait(),
 * WSAWaitForMultipleEvents(), MsgWaitForMultipleObjectsEx(). Any thread's. */
void fault_waits(int times);
/* How many did, until now. */
int fault_waits_count(void);
/* A blocking send that is interrupted does not say how much it has moved. (Windows.) */
bool fault_blocking_sends_forget(void);
/* Sockets that get TCP_NODELAY from now on have small send buffers as well: little of what was sent
 * is lost when they are reset. (Linux: accepted ones inherit both from their listener.) */
void fault_small_send_buffers(bool small);
/* From now on each report of a socket comes twice in a turn, as that from before a receive and that
 * of the rest may. False: this system's reports are asked for, and name a socket once. */
bool fault_reports_twice(bool twice);
/* Of those taken, so many are free again. (Windows: none is.) */
void fault_descriptors_spare(int count);
/* Is everything else open that was open before? */
bool fault_descriptors_are_whole(void);
/* There are descriptors again. */
void fault_no_descriptors_end(void);
