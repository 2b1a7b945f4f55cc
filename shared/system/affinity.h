/* On which CPUs another program runs. Control plane. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The program with this process id, and what it starts from now on, runs on the CPUs of the mask
 * only (bit n: CPU n; not 0). Its threads that run already: all of them on Windows, the first one
 * on Linux. False: there is none, it is not the user's, or it may have no such CPU (on Linux: none
 * of them); then nothing has changed. */
bool affinity_set(uint32_t process_id, uint64_t mask, struct error *error);
