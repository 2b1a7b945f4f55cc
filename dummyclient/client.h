/* dummyclient as a function: options, plan, run, result, exit code. Alone (main.c), or as one of
 * several programs that play a load together (mpi/main.c). */
#pragma once

#include "fleet/mesh.h"

/* mesh may be NULL. Returns the exit code. */
int client_main(int argc, char **argv, struct mesh *mesh);
