#include "terminal.h"

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

/* Wine 8's console takes the mode and prints the sequences: only trying tells. This one changes
 * nothing, so where they are understood the cursor stays. */
static bool terminal__understands(void)
{
    static const char nothing[] = "\x1b[0m";
    CONSOLE_SCREEN_BUFFER_INFO before;
    CONSOLE_SCREEN_BUFFER_INFO after;
    DWORD written;
    HANDLE console = terminal__console();
    if (!GetConsoleScreenBufferInfo(console, &before) ||
        !WriteConsoleA(console, nothing, sizeof(nothing) - 1, &written, NULL) ||
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

void terminal_go_up(int lines_count)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    fflush(stderr);
    if (terminal__sequences) {
        fprintf(stderr, "\x1b[%dA\r", lines_count);
    } else if (GetConsoleScreenBufferInfo(terminal__console(), &info)) {
        int line = info.dwCursorPosition.Y - lines_count;
        COORD to = {0, (SHORT)(line < 0 ? 0 : line)};
        SetConsoleCursorPosition(terminal__console(), to);
    }
}

void terminal_clear_below(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    fflush(stderr);
    if (terminal__sequences) {
        fputs("\x1b[J", stderr);
    } else if (GetConsoleScreenBufferInfo(terminal__console(), &info)) {
        COORD from = info.dwCursorPosition;
        int lines_count = info.srWindow.Bottom - from.Y + 1;
        int cells = lines_count * info.dwSize.X - from.X;
        terminal__fill(from, (DWORD)(cells > 0 ? cells : 0));
    }
}

/* As UTF-16, in one piece: the C library hands standard error to the console byte by byte, and a
 * letter of several bytes then comes out as several wrong ones. */
void terminal_write(const char *text)
{
    static wchar_t wide[TERMINAL_TEXT_BYTES_MAX];
    size_t bytes = strlen(text);
    DWORD written;
    bytes = bytes < TERMINAL_TEXT_BYTES_MAX ? bytes : TERMINAL_TEXT_BYTES_MAX;
    int count = MultiByteToWideChar(CP_UTF8, 0, text, (int)bytes, wide, TERMINAL_TEXT_BYTES_MAX);
    fflush(stderr);
    WriteConsoleW(terminal__console(), wide, (DWORD)count, &written, NULL);
}
