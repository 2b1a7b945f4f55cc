/* Stands in for a tool that is not there (winget, vswhere, git), under its name: keeps its command
 * line in NAME.called, prints NAME.says, and exits with 0. For first_steps.test.mjs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static FILE *open_beside(const char *what, const char *mode)
{
    char path[MAX_PATH + 16];
    GetModuleFileNameA(NULL, path, MAX_PATH);
    char *end = strrchr(path, '.');
    snprintf(end, 16, "%s", what);
    return fopen(path, mode);
}

int main(void)
{
    int letter;
    FILE *called = open_beside(".called", "a");
    FILE *says = open_beside(".says", "r");
    if (called != NULL) {
        fprintf(called, "%s\n", GetCommandLineA());
        fclose(called);
    }
    while (says != NULL && (letter = fgetc(says)) != EOF) {
        putchar(letter);
    }
    return EXIT_SUCCESS;
}
