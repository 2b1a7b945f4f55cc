/* Sinks on Windows: handles. A console's text is UTF-16. */
#include "files/path_win.h"
#include "files/sink.h"
#include "files/sink_piece.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

void sink_standard_output(struct sink *sink)
{
    *sink = (struct sink){.handle = (intptr_t)GetStdHandle(STD_OUTPUT_HANDLE)};
}

void sink_standard_error(struct sink *sink)
{
    *sink = (struct sink){.handle = (intptr_t)GetStdHandle(STD_ERROR_HANDLE)};
}

/* The C library hands standard error to the console byte by byte, and a letter of several bytes
 * then comes out as several wrong ones: here it goes as UTF-16, in one piece. */
static bool sink__write_console(HANDLE handle, const char *text, size_t bytes)
{
    wchar_t wide[SINK_PIECE_BYTES_MAX];
    DWORD written;
    int count = MultiByteToWideChar(CP_UTF8, 0, text, (int)bytes, wide, SINK_PIECE_BYTES_MAX);
    return count > 0 && WriteConsoleW(handle, wide, (DWORD)count, &written, NULL);
}

bool sink_write(struct sink *sink, const void *data, size_t bytes, struct error *error)
{
    HANDLE handle = (HANDLE)sink->handle;
    DWORD mode;
    bool console = GetConsoleMode(handle, &mode) != 0;
    const char *at = data;
    while (bytes > 0) {
        DWORD written = (DWORD)sink_piece_bytes(at, bytes);
        if (sink->given_up != NULL && atomic_load(sink->given_up)) {
            error_set(error, "it is not read");
            return false;
        }
        bool done = console ? sink__write_console(handle, at, written)
                            : WriteFile(handle, at, written, &written, NULL) != 0;
        if (!done) {
            error_set(error, "%s", error_system_text((int)GetLastError()));
            return false;
        }
        at += written;
        bytes -= written;
    }
    return true;
}

bool sink_open(struct sink *sink, const char *path, struct error *error)
{
    if (strcmp(path, "-") == 0) {
        sink_standard_output(sink);
        return true;
    }
    *sink = (struct sink){.own = true};
    wchar_t *wide = path_keeps_name(path, error) ? path_wide(path, L"", error) : NULL;
    if (wide == NULL) {
        return false;
    }
    HANDLE handle = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                                CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD code = GetLastError();
    free(wide);
    if (handle == INVALID_HANDLE_VALUE) {
        error_set(error, "%s: cannot be opened for writing: %s", path,
                  error_system_text((int)code));
        return false;
    }
    sink->handle = (intptr_t)handle;
    return true;
}

bool sink_close(struct sink *sink, struct error *error)
{
    if (sink->own && !CloseHandle((HANDLE)sink->handle)) {
        error_set(error, "%s", error_system_text((int)GetLastError()));
        return false;
    }
    return true;
}
