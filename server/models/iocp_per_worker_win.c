/* iocp-per-worker: a completion port for each thread, so that sessions are shared by none.
 * models/common/port_loop.c serves; model uring is the same over io_uring. */
#include "models/common/port_loop.h"

const struct model MODEL(iocp_per_worker) = {
    .name = "iocp-per-worker",
    .description = "a completion port per thread, sessions shared by none",
    .kind = MODEL_PROACTOR,
    LOOP_MODEL(&port_loop_functions),
};
