/* select() on Linux: a set is 1,024 bits, one per descriptor number of the process. A descriptor
 * with a higher number can never be in one, however few are waited for, and threads do not help:
 * they share the numbers. */
#include "models/common/select.h"

#include "models/common/model_loop.h"

#include <string.h>
#include <sys/select.h>

/* Of the 1,024 numbers the standard streams, the listener, a waker per thread and the result file
 * need some. */
enum { SELECT_NUMBERS_KEPT = 24, SELECT_SESSIONS_MAX = FD_SETSIZE - SELECT_NUMBERS_KEPT };

static fd_set *set__inner(struct select_set *set)
{
    _Static_assert(sizeof(fd_set) <= sizeof set->storage, "struct select_set is too small");
    return (fd_set *)(void *)set->storage;
}

bool select_can_hold(cport_handle handle)
{
    return handle < FD_SETSIZE;
}

void select_clear(struct select_set *set)
{
    memset(set->storage, 0, sizeof(fd_set));
    set->highest = 0;
}

void select_add(struct select_set *set, cport_handle handle)
{
    FD_SET((int)handle, set__inner(set));
    set->highest = handle > set->highest ? handle : set->highest;
}

bool select_has(const struct select_set *set, cport_handle handle)
{
    return FD_ISSET((int)handle, (const fd_set *)(const void *)set->storage);
}

int select_wait(struct select_set *readable, struct select_set *writable, int wait_ms)
{
    struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};
    cport_handle highest =
        readable->highest > writable->highest ? readable->highest : writable->highest;
    return select((int)highest + 1, set__inner(readable), set__inner(writable), NULL, &wait);
}

const struct model MODEL(select) = {
    .name = "select",
    .description =
        "the sets of all sockets are built again for every wait; descriptors below 1,024",
    .kind = MODEL_REACTOR,
    .sessions_per_thread_max = SELECT_SESSIONS_MAX,
    .sessions_max = SELECT_SESSIONS_MAX,
    LOOP_MODEL(&select_functions),
};
