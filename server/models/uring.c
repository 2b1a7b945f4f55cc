/* uring: io_uring (or epoll, with --io epoll) behind the completion port of shared/cport, one port
 * for each thread. models/common/port_loop.c serves; iocp-per-worker is the same over IOCP. */
#include "models/common/port_loop.h"

const struct model MODEL(uring) = {
    .name = "uring",
    .description = "io_uring (or epoll behind the same port): a completion port per thread",
    .kind = MODEL_PROACTOR,
    .chooses_io = true,
    LOOP_MODEL(&port_loop_functions),
};
