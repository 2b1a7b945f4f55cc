/* The command line of Windows is UTF-16. main()'s arguments are what the C runtime could keep of it
 * in the code page of the process: "게임" is "??" in all but a few. The programs' manifest asks for
 * UTF-8, which Windows before 10 1903 (so Server 2019 as well) does not know. */
#include "system/command_line.h"

#include <stdlib.h>
#include <windows.h>
/* Behind windows.h, which it needs. */
#include <shellapi.h>

static char *command_line__utf8(const wchar_t *wide)
{
    int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = bytes > 0 ? malloc((size_t)bytes) : NULL;
    if (text != NULL) {
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, bytes, NULL, NULL);
    }
    return text;
}

char **command_line_read(int *argc, char **argv)
{
    int count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **arguments = wide != NULL ? calloc((size_t)count + 1, sizeof *arguments) : NULL;
    for (int i = 0; arguments != NULL && i < count; i++) {
        arguments[i] = command_line__utf8(wide[i]);
        if (arguments[i] == NULL) {
            arguments = NULL; /* no memory for a few words: what comes next will say so */
        }
    }
    LocalFree(wide);
    if (arguments == NULL) {
        return argv;
    }
    *argc = count;
    return arguments;
}
