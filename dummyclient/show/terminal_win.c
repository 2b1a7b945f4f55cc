#include "show/terminal.h"

#include <io.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING /* Windows 10 1511 */
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif

static bool terminal__sequences;

static HANDLE terminal__console(void)
{
    return GetStdHandle(STD_ERROR_HANDLE);
}

static void terminal__fill(COORD from, DWORD cells)
{
    DWORD written;
    FillConsoleOutputCharacterA(terminal__console(), ' ', cells, from, &written);
}

/* Wine 8's console accepts the mode, but prints the sequences: they have to be tried. This one
 * changes nothing: where it is understood the cursor does not move. */
static bool terminal__understands(void)
{
    static const char nothing[] = "\x1b[0m";
    CONSOLE_SCREEN_BUFFER_INFO before;
    CONSOLE_SCREEN_BUFFER_INFO after;
    DWORD written;
    HANDLE console = terminal__console();
    if (!GetConsoleScreenBufferInfo(console, &before) ||
        !WriteConsoleA(console, nothing, sizeof nothing - 1, &written, NULL) ||
        !GetConsoleScreenBufferInfo(console, &after)) {
        return false;
    }
    int moved = (after.dwCursorPosition.Y - before.dwCursorPosition.Y) * after.dwSize.X +
                after.dwCursorPosition.X - before.dwCursorPosition.X;
    if (moved > 0) {
        SetConsoleCursorPosition(console, before.dwCursorPosition);
        terminal__fill(before.dwCursorPosition, (DWORD)moved);
    }
    return moved == 0;
}

bool terminal_setup(bool *sequences)
{
    DWORD mode;
    HANDLE console = terminal__console();
    *sequences = false;
    if (!GetConsoleMode(console, &mode)) {
        return false; /* a file or a pipe */
    }
    terminal__sequences = SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0 &&
                          terminal__understands();
    *sequences = terminal__sequences;
    return true;
}

/* Every console that knows sequences, since Windows 10 1607. */
bool terminal_has_whole(void)
{
    return terminal__sequences && terminal_rows() > 0;
}

bool terminal_is_utf8(void)
{
    return GetConsoleOutputCP() == CP_UTF8;
}

int terminal_columns(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (!GetConsoleScreenBufferInfo(terminal__console(), &info)) {
        return 80;
    }
    return info.srWindow.Right - info.srWindow.Left + 1;
}

int terminal_columns_of(FILE *file)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    HANDLE console = (HANDLE)_get_osfhandle(_fileno(file));
    return GetConsoleScreenBufferInfo(console, &info) ? info.srWindow.Right - info.srWindow.Left + 1
                                                      : 0;
}

int terminal_rows(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (!GetConsoleScreenBufferInfo(terminal__console(), &info)) {
        return 0;
    }
    return info.srWindow.Bottom - info.srWindow.Top + 1;
}

void terminal_go_up(struct sink *sink, int lines_count)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (terminal__sequences || !GetConsoleScreenBufferInfo(terminal__console(), &info)) {
        char text[32] = "\r";
        if (lines_count > 0) { /* 0 would be taken for 1 */
            snprintf(text, sizeof text, "\x1b[%dA\r", lines_count);
        }
        sink_write(sink, text, strlen(text), NULL);
        return;
    }
    int line = info.dwCursorPosition.Y - lines_count;
    COORD to = {0, (SHORT)(line < 0 ? 0 : line)};
    SetConsoleCursorPosition(terminal__console(), to);
}

void terminal_clear_below(struct sink *sink)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (terminal__sequences || !GetConsoleScreenBufferInfo(terminal__console(), &info)) {
        sink_write(sink, "\x1b[J", strlen("\x1b[J"), NULL);
        return;
    }
    COORD from = info.dwCursorPosition;
    int lines_count = info.srWindow.Bottom - from.Y + 1;
    int cells = lines_count * info.dwSize.X - from.X;
    terminal__fill(from, (DWORD)(cells > 0 ? cells : 0));
}
