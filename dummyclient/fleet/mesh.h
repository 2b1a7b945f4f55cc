/* The mesh: the programs ("ranks") that play one load together, and messages between them. An
 * interface: mpi/mesh_mpi.c implements it by MPI, a test by memory; a single program has none.
 *
 * One thread (the supervisor's). No call waits for another rank, so a dead or stopped rank blocks
 * no other. Messages between two ranks arrive whole, in no guaranteed order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mesh {
    void *context;
    uint32_t rank; /* this program's, from 0 */
    uint32_t ranks;
    uint32_t ranks_here; /* on this machine, this one included */
    int64_t grace_ns;    /* how long the others live once one has died or a stop was sent to all */
    /* Copies the bytes and delivers them while receive() is called now and then. False when memory
     * ran out or the connection is broken. */
    bool (*send)(void *context, uint32_t to, const void *data, size_t bytes);
    /* The next message that has arrived, or false. *data is valid until the next call. */
    bool (*receive)(void *context, uint32_t *from, const uint8_t **data, size_t *bytes);
    /* Has the launcher indicated that a rank has died? May be wrong. True once. */
    bool (*suspects)(void *context);
    /* Ends all ranks, this one included, also those that answer nothing. Does not return. */
    void (*abort)(void *context, int code);
};
