/* Wait completion packets where the system has none (Wine 8), for the suite of the port that waits
 * by them. As documented: an association ends with its packet's being taken from the port, and
 * until then another is an error; what it waits for may be set anew meanwhile. */
#pragma once

#include <stdbool.h>

/* Before any port is made. False: they cannot be put in the place of the system's. */
bool packets_emulate(void);
