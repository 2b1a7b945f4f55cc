/* dummyclient: plays a scenario against a TCP server and measures it. */
#include "client.h"

#include "files/output.h"
#include "init/init.h"
#include "system/command_line.h"

#include <string.h>

int main(int argc, char **argv)
{
    argv = command_line_read(&argc, argv);
    output_setup("dummyclient");
    if (argc > 1 && strcmp(argv[1], "init") == 0) {
        return init_main(argv[0], argc - 1, argv + 1);
    }
    return client_main(argc, argv, NULL);
}
