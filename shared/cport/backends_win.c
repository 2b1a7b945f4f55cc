/* The backend of Windows. */
#include "cport/backend.h"

#include <stddef.h>

const struct cport_backend *const cport_backends[] = {&cport_backend_iocp, NULL};
