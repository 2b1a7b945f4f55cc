/* Between open and close no call waits: a collective call, or a blocking receive, would wait for a
 * dead rank. One thread makes all of them (MPI_THREAD_FUNNELED). */
#include "mpi/mesh_mpi.h"

#include "core/clock.h"

#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* After the last message, before MPI_Finalize(): until the sends have left. */
#define MESH_DRAIN_WITHIN_NS (2 * NS_PER_S)
enum {
    MESH_TAG = 1,
    MESH_ROUNDS_MAX = 64 /* of progress in one call, while a large message is on its way */
};

/* A message in transit. */
struct mesh_mpi__message {
    struct mesh_mpi__message *next;
    MPI_Request request;
    uint32_t from;
    size_t bytes;
    uint8_t data[];
};

struct mesh_mpi {
    struct mesh_mpi__message *sending;
    struct mesh_mpi__message *receiving;
    struct mesh_mpi__message *delivered; /* what the caller reads now */
};

static struct mesh_mpi__message *mesh_mpi__message(size_t bytes)
{
    struct mesh_mpi__message *message = malloc(sizeof *message + bytes);
    if (message != NULL) {
        *message = (struct mesh_mpi__message){.request = MPI_REQUEST_NULL, .bytes = bytes};
    }
    return message;
}

/* Takes the first message whose request is complete out of the list. *failed: it went wrong. */
static struct mesh_mpi__message *mesh_mpi__take_complete(struct mesh_mpi__message **list,
                                                         bool *failed)
{
    for (struct mesh_mpi__message **at = list; *at != NULL; at = &(*at)->next) {
        struct mesh_mpi__message *message = *at;
        int complete = 0;
        int code = MPI_Test(&message->request, &complete, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS || complete) {
            *at = message->next;
            *failed = code != MPI_SUCCESS;
            return message;
        }
    }
    return NULL;
}

static void mesh_mpi__reap(struct mesh_mpi *own)
{
    bool failed = false;
    struct mesh_mpi__message *message;
    while ((message = mesh_mpi__take_complete(&own->sending, &failed)) != NULL) {
        free(message);
    }
}

static bool mesh_mpi__send(void *context, uint32_t to, const void *data, size_t bytes)
{
    struct mesh_mpi *own = context;
    mesh_mpi__reap(own);
    struct mesh_mpi__message *message = bytes > INT_MAX ? NULL : mesh_mpi__message(bytes);
    if (message == NULL) {
        return false;
    }
    memcpy(message->data, data, bytes);
    if (MPI_Isend(message->data, (int)bytes, MPI_BYTE, (int)to, MESH_TAG, MPI_COMM_WORLD,
                  &message->request) != MPI_SUCCESS) {
        free(message);
        return false;
    }
    message->next = own->sending;
    own->sending = message;
    return true;
}

/* Begins to receive a message, which may take a while. */
static void mesh_mpi__begin_receive(struct mesh_mpi *own)
{
    int there = 0;
    MPI_Message handle;
    MPI_Status status;
    int bytes = 0;
    if (MPI_Improbe(MPI_ANY_SOURCE, MESH_TAG, MPI_COMM_WORLD, &there, &handle, &status) !=
            MPI_SUCCESS ||
        !there || MPI_Get_count(&status, MPI_BYTE, &bytes) != MPI_SUCCESS || bytes < 0) {
        return;
    }
    struct mesh_mpi__message *message = mesh_mpi__message((size_t)bytes);
    if (message == NULL) {
        return; /* its sender will count as silent */
    }
    message->from = (uint32_t)status.MPI_SOURCE;
    if (MPI_Imrecv(message->data, bytes, MPI_BYTE, &handle, &message->request) != MPI_SUCCESS) {
        free(message);
        return;
    }
    struct mesh_mpi__message **at = &own->receiving;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = message;
}

/* The next message that is whole. Large ones come and go in pieces, a few with each call into MPI,
 * and small ones wait behind them: 50 reports at the pace of the caller's turns took a minute. */
static struct mesh_mpi__message *mesh_mpi__progress(struct mesh_mpi *own, bool *failed)
{
    struct mesh_mpi__message *message = NULL;
    bool more = true;
    for (int i = 0; i < MESH_ROUNDS_MAX && message == NULL && more; i++) {
        mesh_mpi__reap(own);
        mesh_mpi__begin_receive(own);
        message = mesh_mpi__take_complete(&own->receiving, failed);
        more = own->receiving != NULL || own->sending != NULL;
    }
    return message;
}

static bool mesh_mpi__receive(void *context, uint32_t *from, const uint8_t **data, size_t *bytes)
{
    struct mesh_mpi *own = context;
    bool failed = false;
    free(own->delivered);
    own->delivered = NULL;
    struct mesh_mpi__message *message = mesh_mpi__progress(own, &failed);
    if (message == NULL || failed) {
        free(message);
        return false;
    }
    own->delivered = message;
    *from = message->from;
    *data = message->data;
    *bytes = message->bytes;
    return true;
}

/* When a rank dies, Open MPI continues all others (SIGCONT, in case that they are stopped), then
 * terminates them (SIGTERM, a second later) and kills them (another second): SIGCONT is early
 * enough to find out which rank it was. One for another reason does no harm. */
static volatile sig_atomic_t mesh_mpi__continued;

#ifdef SIGCONT
static void mesh_mpi__on_continue(int number)
{
    (void)number;
    mesh_mpi__continued = 1;
}

static void mesh_mpi__watch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = mesh_mpi__on_continue;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGCONT, &action, NULL);
}
#else
static void mesh_mpi__watch(void)
{
}
#endif

static bool mesh_mpi__suspects(void *context)
{
    (void)context;
    bool suspects = mesh_mpi__continued != 0;
    mesh_mpi__continued = 0;
    return suspects;
}

static void mesh_mpi__abort(void *context, int code)
{
    (void)context;
    MPI_Abort(MPI_COMM_WORLD, code);
    exit(code); /* in case it returns */
}

/* How many ranks there are on this machine. */
static uint32_t mesh_mpi__ranks_here(void)
{
    MPI_Comm here;
    int count = 1;
    if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here) ==
        MPI_SUCCESS) {
        MPI_Comm_size(here, &count);
        MPI_Comm_free(&here);
    }
    return (uint32_t)count;
}

/* Open MPI ends all ranks when one dies: by SIGTERM, and a second later by SIGKILL, unless its
 * parameter odls_base_sigkill_timeout says otherwise, which it hands on in the environment. Where
 * another launcher does so at all, it leaves more time (Slurm 30 s, Kubernetes 30 s). */
static int64_t mesh_mpi__grace_ns(void)
{
    const char *timeout = getenv("OMPI_MCA_odls_base_sigkill_timeout");
    if (timeout != NULL && atoi(timeout) > 0) {
        return atoi(timeout) > 30 ? 30 * NS_PER_S : atoi(timeout) * NS_PER_S;
    }
    return getenv("OMPI_COMM_WORLD_SIZE") != NULL ? 1 * NS_PER_S : 10 * NS_PER_S;
}

bool mesh_mpi_open(struct mesh *mesh, int *argc, char ***argv, struct error *error)
{
    int provided = MPI_THREAD_SINGLE;
    int rank = 0;
    int ranks = 1;
    struct mesh_mpi *own = calloc(1, sizeof *own);
    if (own == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the messages between ranks");
        return false;
    }
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED) {
        error_set(error, "this MPI cannot be used by a program that has threads");
        free(own);
        return false;
    }
    /* An error in sending to a rank must not end this one. */
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    mesh_mpi__watch();
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    *mesh = (struct mesh){.context = own,
                          .rank = (uint32_t)rank,
                          .ranks = (uint32_t)ranks,
                          .ranks_here = mesh_mpi__ranks_here(),
                          .grace_ns = mesh_mpi__grace_ns(),
                          .send = mesh_mpi__send,
                          .receive = mesh_mpi__receive,
                          .suspects = mesh_mpi__suspects,
                          .abort = mesh_mpi__abort};
    return true;
}

void mesh_mpi_close(struct mesh *mesh)
{
    struct mesh_mpi *own = mesh->context;
    int64_t until_ns = clock_now_ns() + MESH_DRAIN_WITHIN_NS;
    uint32_t from;
    const uint8_t *data;
    size_t bytes;
    while (own->sending != NULL && clock_now_ns() < until_ns) {
        mesh_mpi__receive(own, &from, &data, &bytes);
    }
    MPI_Finalize();
    free(own->delivered);
    free(own); /* what was never complete is the library's for good */
    *mesh = (struct mesh){0};
}
