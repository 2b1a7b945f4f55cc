/* The mesh by MPI (mpi-forum.org, MPI 3.1): messages of MPI_COMM_WORLD. */
#pragma once

#include "core/error.h"
#include "fleet/mesh.h"

/* MPI_Init_thread(). Once per process, before it starts threads. */
bool mesh_mpi_open(struct mesh *mesh, int *argc, char ***argv, struct error *error);
/* MPI_Finalize(), which waits for all ranks: only where all of them are known to come to it. */
void mesh_mpi_close(struct mesh *mesh);
