#include "files/standard_input.h"

#include <windows.h>

/* The null device counts as a terminal for _isatty(); it has no console mode. */
bool standard_input_is_terminal(void)
{
    DWORD mode;
    return GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &mode) != 0;
}
