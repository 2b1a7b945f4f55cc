/* The backends of Linux, best first. */
#include "cport/backend.h"

const struct cport_backend *const cport_backends[] = {&cport_backend_uring, &cport_backend_epoll,
                                                      NULL};
