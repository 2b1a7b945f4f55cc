#include "files/standard_input.h"

#include <unistd.h>

bool standard_input_is_terminal(void)
{
    return isatty(STDIN_FILENO) == 1;
}
