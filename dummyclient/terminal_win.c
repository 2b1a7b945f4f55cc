#include "terminal.h"

#include <windows.h>

#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING /* Windows 10 1511 */
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif

bool terminal_setup(void)
{
    HANDLE console = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode;
    /* A console that knows no ANSI sequences (before Windows 10) gets lines, like a file. */
    return GetConsoleMode(console, &mode) != 0 &&
           SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

bool terminal_is_utf8(void)
{
    return GetConsoleOutputCP() == CP_UTF8;
}

int terminal_columns(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &info)) {
        return 80;
    }
    return info.srWindow.Right - info.srWindow.Left + 1;
}
