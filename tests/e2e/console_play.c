/* Plays a program in a console, as a user of Windows does:
 *
 *     console_play CODE_PAGE REPORT WORD|- PROGRAM ARGUMENTS...
 *
 * The console has that code page before. With a WORD, once a file of this name is there, the
 * console is "closed": the program gets that event as the system delivers it, by a thread that runs
 * kernelbase's CtrlRoutine(), and is ended after the 5 s that the system has patience. At the end
 * the file REPORT says in JSON which code page the console has, the exit code, and whether the
 * program had to be ended. Exit: 77 where no console can be had. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { PATIENCE_MS = 5000, LOOK_MS = 20, LINE_BYTES_MAX = 32000, EXIT_SKIPPED = 77 };

static void fail(const char *what)
{
    fprintf(stderr, "console_play: %s: error %lu\n", what, GetLastError());
    exit(1);
}

/* Arguments of the tests have neither quotes nor backslashes at their end. */
static char *command_line(int argc, char **argv)
{
    static char line[LINE_BYTES_MAX];
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) {
        bytes += (size_t)snprintf(line + bytes, sizeof line - bytes, "\"%s\" ", argv[i]);
        if (bytes >= sizeof line) {
            fail("the command line is too long");
        }
    }
    return line;
}

static void close_console(HANDLE process)
{
    union {
        FARPROC any;
        LPTHREAD_START_ROUTINE start;
    } routine = {GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine")};
    HANDLE thread = routine.any != NULL
                        ? CreateRemoteThread(process, NULL, 0, routine.start,
                                             (void *)(uintptr_t)CTRL_CLOSE_EVENT, 0, NULL)
                        : NULL;
    if (thread == NULL) {
        fail("the event cannot be sent");
    }
    CloseHandle(thread);
}

static bool has_console(UINT code_page)
{
    return (GetConsoleOutputCP() != 0 || AllocConsole()) && SetConsoleOutputCP(code_page);
}

/* True: it had to be ended. */
static bool close_when_told(HANDLE process, const char *word)
{
    while (GetFileAttributesA(word) == INVALID_FILE_ATTRIBUTES) {
        if (WaitForSingleObject(process, LOOK_MS) == WAIT_OBJECT_0) {
            return false;
        }
    }
    close_console(process);
    if (WaitForSingleObject(process, PATIENCE_MS) != WAIT_TIMEOUT) {
        return false;
    }
    TerminateProcess(process, 1);
    return true;
}

int main(int argc, char **argv)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    bool killed = false;
    DWORD exit_code = 0;
    if (argc < 5) {
        fprintf(stderr, "usage: console_play CODE_PAGE REPORT WORD|- PROGRAM ARGUMENTS...\n");
        return 2;
    }
    if (!has_console((UINT)atoi(argv[1]))) {
        return EXIT_SKIPPED;
    }
    if (!CreateProcessA(NULL, command_line(argc - 4, argv + 4), NULL, NULL, TRUE, 0, NULL, NULL,
                        &startup, &process)) {
        fail("the program cannot be started");
    }
    if (strcmp(argv[3], "-") != 0) {
        killed = close_when_told(process.hProcess, argv[3]);
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &exit_code);
    FILE *report = fopen(argv[2], "w");
    if (report == NULL) {
        fail("the report cannot be written");
    }
    fprintf(report, "{\"code_page\": %u, \"exit\": %lu, \"killed\": %s}\n", GetConsoleOutputCP(),
            exit_code, killed ? "true" : "false");
    fclose(report);
    return 0;
}
