/* The backend of Windows. */
#include "cport/backend.h"

const struct cport_backend *const cport_backends[] = {&cport_backend_iocp, NULL};
