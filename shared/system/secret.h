/* Random bytes that nobody can guess, from the system. Any thread. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At most 256 bytes. */
bool secret_read(uint8_t *bytes, size_t count, struct error *error);
