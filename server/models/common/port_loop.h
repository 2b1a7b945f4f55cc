/* What serves the models uring and iocp-per-worker: a completion port per thread (port_loop.c). The
 * functions are those of struct model. */
#ifndef DUMMYLOAD_SERVER_MODELS_COMMON_PORT_LOOP_H
#define DUMMYLOAD_SERVER_MODELS_COMMON_PORT_LOOP_H

#include "run/server.h"

bool port_loop_open(struct server *server, struct error *error);
void port_loop_run(struct server *server, uint32_t index);
void port_loop_wake(struct server *server);
void port_loop_close(struct server *server);

#endif
