/* dummyclient-mpi: dummyclient on many machines together, by MPI. */
#include "client.h"

#include "files/output.h"
#include "mpi/mesh_mpi.h"
#include "system/command_line.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    argv = command_line_read(&argc, argv);
    output_setup("dummyclient");
    struct mesh mesh;
    struct error error = {""};
    if (!mesh_mpi_open(&mesh, &argc, &argv, &error)) {
        fprintf(stderr, "dummyclient-mpi: %s\n", error.text);
        return 1;
    }
    int code = client_main(argc, argv, &mesh);
    mesh_mpi_close(&mesh);
    return code;
}
