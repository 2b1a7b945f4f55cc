/* The mesh: the programs ("ranks") that play one load together, and messages between them. An
 * interface: mpi/mesh_mpi.c fulfils it by MPI, a test by memory; a program that plays alone has
 * none.
 *
 * One thread (the supervisor's). No call waits for another rank, so that one that is dead or
 * stopped holds nobody up. Messages between two ranks come whole; which of two is delivered first
 * is not said. */
#ifndef DUMMYLOAD_CLIENT_FLEET_MESH_H
#define DUMMYLOAD_CLIENT_FLEET_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mesh {
    void *context;
    uint32_t rank; /* this program's, from 0 */
    uint32_t ranks;
    uint32_t ranks_here; /* on this machine, this one included */
    int64_t grace_ns;    /* once one has died or all are told to stop: how long the others live */
    /* Copies the bytes and sees to it that they arrive, while receive() is called now and then.
     * False when memory ran out or the way there is broken. */
    bool (*send)(void *context, uint32_t to, const void *data, size_t bytes);
    /* The next message that has come, or false. *data stays until the next call. */
    bool (*receive)(void *context, uint32_t *from, const uint8_t **data, size_t *bytes);
    /* Has whoever started the ranks given a sign that one has died? May be a mistake. True once. */
    bool (*suspects)(void *context);
    /* Ends all ranks, this one included, also those that answer nothing. Does not return. */
    void (*abort)(void *context, int code);
};

#endif
