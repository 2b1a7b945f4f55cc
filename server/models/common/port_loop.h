/* What serves the models uring and iocp-per-worker: a completion port per thread (port_loop.c). */
#ifndef DUMMYLOAD_SERVER_MODELS_COMMON_PORT_LOOP_H
#define DUMMYLOAD_SERVER_MODELS_COMMON_PORT_LOOP_H

#include "models/common/model_loop.h"

extern const struct loop_model port_loop_functions;

#endif
