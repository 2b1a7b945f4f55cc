/* What serves the models uring and iocp-per-worker: a completion port per thread (port_loop.c). */
#pragma once

#include "models/common/model_loop.h"

extern const struct loop_model port_loop_functions;
