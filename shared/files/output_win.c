/* Standard streams that were closed, on Windows. */
#include "files/output.h"

#include <io.h>
#include <stdio.h>
#include <windows.h>

static bool output__closed;

static bool output__is_open(FILE *stream, DWORD number)
{
    HANDLE handle = GetStdHandle(number);
    int descriptor = _fileno(stream);
    return handle != NULL && handle != INVALID_HANDLE_VALUE && descriptor >= 0 &&
           _get_osfhandle(descriptor) >= 0;
}

void output_open_closed(void)
{
    const struct {
        FILE *stream;
        DWORD number;
        const char *mode;
    } streams[] = {{stdin, STD_INPUT_HANDLE, "r"},
                   {stdout, STD_OUTPUT_HANDLE, "w"},
                   {stderr, STD_ERROR_HANDLE, "w"}};
    for (int i = 0; i < 3; i++) {
        if (output__is_open(streams[i].stream, streams[i].number)) {
            continue;
        }
        output__closed = output__closed || i == 1;
        FILE *opened = freopen("NUL", streams[i].mode, streams[i].stream);
        if (opened == NULL) {
            continue; /* a program without a console: its prints fail, and nothing is lost */
        }
        SetStdHandle(streams[i].number, (HANDLE)_get_osfhandle(_fileno(streams[i].stream)));
    }
    setvbuf(stderr, NULL, _IONBF, 0);
}

bool output_is_closed(void)
{
    return output__closed;
}
