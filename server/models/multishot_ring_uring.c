#include "models/multishot_ring_uring.h"

#include "cport/uring/ring.h"
#include "system/thread.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RING_SOCKETS = 16384, /* sizes the queue of completions */
    RING_BYTES = MULTISHOT_BUFFERS_COUNT * sizeof(struct io_uring_buf),
    MEMORY_BYTES = MULTISHOT_BUFFERS_COUNT * MULTISHOT_BUFFER_BYTES
};

static void *multishot_buffers__map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void multishot_buffers__close(struct multishot_buffers *buffers)
{
    if (buffers->ring != NULL) {
        munmap(buffers->ring, RING_BYTES);
    }
    if (buffers->memory != NULL) {
        munmap(buffers->memory, MEMORY_BYTES);
    }
    memset(buffers, 0, sizeof *buffers);
}

/* 0, or a negative errno; -EINVAL where the kernel is too old. */
static int multishot_buffers__open(struct multishot_buffers *buffers, struct io_uring *ring)
{
    memset(buffers, 0, sizeof *buffers);
    buffers->ring = multishot_buffers__map(RING_BYTES);
    buffers->memory = multishot_buffers__map(MEMORY_BYTES);
    if (buffers->ring == NULL || buffers->memory == NULL) {
        multishot_buffers__close(buffers);
        return -ENOMEM;
    }
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)buffers->ring,
                                            .ring_entries = MULTISHOT_BUFFERS_COUNT,
                                            .bgid = MULTISHOT_BUFFER_GROUP};
    int result = io_uring_register_buf_ring(ring, &registration, 0);
    if (result != 0) {
        multishot_buffers__close(buffers);
        return result;
    }
    io_uring_buf_ring_init(buffers->ring);
    for (unsigned id = 0; id < MULTISHOT_BUFFERS_COUNT; id++) {
        multishot_buffers_return(buffers, id);
    }
    multishot_buffers_give_back(buffers);
    return 0;
}

/* Can this kernel receive with one submission again and again? Tries it. */
static bool multishot_buffers__try(struct multishot_buffers *buffers, struct io_uring *ring)
{
    int pair[2];
    bool goes_on = false;
    struct io_uring_cqe *cqe = NULL;
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    if (sqe == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = MULTISHOT_BUFFER_GROUP;
    if (write(pair[1], "x", 1) == 1 && io_uring_submit_and_wait(ring, 1) >= 0 &&
        io_uring_peek_cqe(ring, &cqe) == 0) {
        /* It stays in flight after its first bytes: the older kernels refuse the flag. */
        goes_on = cqe->res == 1 && (cqe->flags & IORING_CQE_F_MORE) != 0;
        if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
            multishot_buffers_return(buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
            multishot_buffers_give_back(buffers);
        }
        io_uring_cqe_seen(ring, cqe);
    }
    close(pair[0]);
    close(pair[1]);
    return goes_on;
}

bool multishot_ring_open(struct io_uring *ring, struct multishot_buffers *buffers,
                         struct error *error)
{
    bool forbidden;
    if (!uring_ring_open(ring, RING_SOCKETS, &forbidden, error)) {
        return false;
    }
    int result = multishot_buffers__open(buffers, ring);
    if (result != 0) {
        uring_ring_explain(result, &forbidden, error);
        io_uring_queue_exit(ring);
    }
    return result == 0;
}

void multishot_ring_close(struct io_uring *ring, struct multishot_buffers *buffers)
{
    io_uring_queue_exit(ring);
    multishot_buffers__close(buffers);
}

struct trial {
    bool able;
    struct error why;
};

static void trial__run(void *argument)
{
    struct trial *trial = argument;
    struct io_uring ring;
    struct multishot_buffers buffers;
    if (multishot_ring_open(&ring, &buffers, &trial->why)) {
        trial->able = multishot_buffers__try(&buffers, &ring);
        multishot_ring_close(&ring, &buffers);
        error_set(&trial->why, "this kernel's receives end after one message (it needs Linux 6.0)");
    }
}

bool multishot_ring_try(struct error *error)
{
    struct trial trial = {.able = false};
    struct thread thread;
    /* On a thread of its own: the kernel ends a ring by a signal of sorts to the thread that had
     * it, and the next blocking call of an embedding program would fail with EINTR. */
    if (!thread_start(&thread, trial__run, &trial, 0, error)) {
        return false;
    }
    thread_join(&thread);
    if (!trial.able) {
        error_set(error, "model uring-multishot: %s; --model uring or --model epoll serve here",
                  trial.why.text);
    }
    return trial.able;
}

void multishot_ask_peer(cport_handle handle, struct net_address *peer)
{
    struct sockaddr_storage name;
    socklen_t name_bytes = sizeof name;
    if (getpeername((int)handle, (struct sockaddr *)&name, &name_bytes) == 0 &&
        name_bytes <= sizeof peer->bytes) {
        memcpy(peer->bytes, &name, name_bytes);
        peer->bytes_count = (uint16_t)name_bytes;
    }
}
