/* Asking another program to end, as Ctrl+C in its console would. Control plane. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The program with this process id; on Windows, and whatever else shares its console, which must be
 * another one than the caller's. It returns when the request is made: the program may take its
 * time. */
bool interrupt_process(uint32_t process_id, struct error *error);
