#include "child.h"

#include <stdio.h>
#include <windows.h>

enum child_end child_run(const char *argument)
{
    char program[MAX_PATH];
    char line[MAX_PATH + 64];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION child;
    DWORD code = 0;
    GetModuleFileNameA(NULL, program, sizeof program);
    snprintf(line, sizeof line, "\"%s\" %s", program, argument);
    if (!CreateProcessA(program, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child)) {
        return CHILD_ENDED_OTHERWISE;
    }
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    switch (code) {
    case 0:
        return CHILD_EXITED;
    case CHILD_UNHARMED_CODE:
        return CHILD_UNHARMED;
    case STATUS_ACCESS_VIOLATION:
        return CHILD_ACCESS_VIOLATION;
    default:
        printf("the child has ended with %#lx\n", code);
        return CHILD_ENDED_OTHERWISE;
    }
}

/* Ends the process with the exception's code. */
static LONG WINAPI child__end(EXCEPTION_POINTERS *exception)
{
    TerminateProcess(GetCurrentProcess(), exception->ExceptionRecord->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

void child_setup(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(child__end);
}
