/* What select.c needs of its system: sets of sockets, and the wait. The sets differ (Linux: bits by
 * descriptor number; Windows: an array of sockets), and so do their limits, which stand with the
 * model's entry in select_linux.c and select_win.c. */
#pragma once

#include "cport/cport.h"
#include "run/server.h"

struct select_set {
    uint64_t storage[66]; /* fd_set; its size is checked where it is filled */
    cport_handle highest; /* in the set */
};

/* May the handle be put into a set at all? (As long as the set has room.) */
bool select_can_hold(cport_handle handle);
void select_clear(struct select_set *set);
void select_add(struct select_set *set, cport_handle handle);
bool select_has(const struct select_set *set, cport_handle handle);
/* Waits until a handle of the sets is ready; leaves the ready ones in them. How many, or -1: then
 * the sets are worthless. */
int select_wait(struct select_set *readable, struct select_set *writable, int wait_ms);

/* For the model's entry. */
extern const struct loop_model select_functions;
