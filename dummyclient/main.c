/* dummyclient: plays a scenario against a TCP server and measures it. */
#include "client.h"

#include "files/output.h"
#include "init/init.h"
#include "system/command_line.h"

#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    argv = command_line_read(&argc, argv);
    bool is_init = argc > 1 && strcmp(argv[1], "init") == 0;
    output_setup(is_init ? "dummyclient init" : "dummyclient");
    if (is_init) {
        return init_main(argv[0], argc - 1, argv + 1);
    }
    return client_main(argc, argv, NULL);
}
