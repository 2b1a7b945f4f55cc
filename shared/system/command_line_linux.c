#include "system/command_line.h"

char **command_line_read(int *argc, char **argv)
{
    (void)argc;
    return argv;
}
