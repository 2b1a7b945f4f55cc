/* Standard streams on Windows: those that were closed, and the code page of the console. */
#include "files/output.h"

#include <io.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
                   {stdout, STD_OUTPUT_HANDLE, "r"},
                   {stderr, STD_ERROR_HANDLE, "w"}};
    for (int i = 0; i < 3; i++) {
        if (output__is_open(streams[i].stream, streams[i].number)) {
            continue;
        }
        output__closed = output__closed || i == 1;
        /* What is printed to a standard output that is closed is lost: it is opened for reading, so
         * that writing fails, and the exit code says so. */
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

/* The console is shared: with the command processor, which goes on with it, and with programs that
 * run at the same time. 0: there is none, or it was UTF-8 before. */
static volatile LONG output__code_page;

void output_leave_utf8(void)
{
    UINT code_page = (UINT)InterlockedExchange(&output__code_page, 0);
    if (code_page != 0) {
        SetConsoleOutputCP(code_page); /* fails only where the console is gone */
    }
}

/* The system's own handler, which is called after this one, ends the process without atexit(). */
static BOOL WINAPI output__on_event(DWORD event)
{
    (void)event;
    output_leave_utf8();
    return FALSE;
}

static void output__on_abort(int number)
{
    (void)number;
    output_leave_utf8();
}

void output_enter_utf8(void)
{
    UINT before = GetConsoleOutputCP(); /* 0: no console */
    if (before == 0 || before == CP_UTF8 || !SetConsoleOutputCP(CP_UTF8)) {
        return;
    }
    InterlockedExchange(&output__code_page, (LONG)before);
    /* stop_setup() comes later, so that its handler is asked before this one. */
    if (atexit(output_leave_utf8) != 0 || !SetConsoleCtrlHandler(output__on_event, TRUE)) {
        output_leave_utf8();
        return;
    }
    signal(SIGABRT, output__on_abort); /* must() */
}
