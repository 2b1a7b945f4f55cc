/* Standard input, read whole. Control plane; one thread. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* To its end, at most bytes_max bytes, into *data (NUL-terminated past *bytes; free() it). Messages
 * do not say what was read. */
bool standard_input_read(size_t bytes_max, char **data, size_t *bytes, struct error *error);
/* standard_input_linux.c, standard_input_win.c: does a person type there? */
bool standard_input_is_terminal(void);
