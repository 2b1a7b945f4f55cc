/* select() on Windows: a set is an array of 64 sockets (FD_SETSIZE as winsock2.h has it), so more
 * of them need more threads. */
#include "models/common/select.h"

#include "models/common/model_loop.h"

#include <winsock2.h>

/* Beside them a thread waits for its waker, and the first for the listener. */
enum { SELECT_SESSIONS_PER_THREAD_MAX = FD_SETSIZE - 2 };

static fd_set *set__inner(struct select_set *set)
{
    _Static_assert(sizeof(fd_set) <= sizeof set->storage, "struct select_set is too small");
    return (fd_set *)(void *)set->storage;
}

bool select_can_hold(cport_handle handle)
{
    (void)handle;
    return true;
}

void select_clear(struct select_set *set)
{
    FD_ZERO(set__inner(set));
}

void select_add(struct select_set *set, cport_handle handle)
{
    fd_set *inner = set__inner(set);
    /* Not FD_SET: it looks through the array for a double first. */
    inner->fd_array[inner->fd_count++] = (SOCKET)handle;
}

bool select_has(const struct select_set *set, cport_handle handle)
{
    const fd_set *inner = (const fd_set *)(const void *)set->storage;
    for (u_int i = 0; i < inner->fd_count; i++) {
        if (inner->fd_array[i] == (SOCKET)handle) {
            return true;
        }
    }
    return false;
}

int select_wait(struct select_set *readable, struct select_set *writable, int wait_ms)
{
    struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};
    return select(0, set__inner(readable), set__inner(writable), NULL, &wait);
}

const struct model MODEL(select) = {
    .name = "select",
    .description = "the sets of all sockets are built again for every wait; 64 sockets in a set",
    .kind = MODEL_REACTOR,
    .sessions_per_thread_max = SELECT_SESSIONS_PER_THREAD_MAX,
    LOOP_MODEL(&select_functions),
};
