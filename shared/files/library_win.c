#include "files/library.h"

#include "core/must.h"
#include "files/path_win.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

bool library_open(struct library *library, const char *path, struct error *error)
{
    /* What it needs itself is searched for beside it and in the system's folder alone. */
    static const DWORD FLAGS = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
    wchar_t *whole = path_wide(path, L"", error);
    library->handle = NULL;
    if (whole == NULL) {
        return false;
    }
    if (GetFileAttributesW(whole) == INVALID_FILE_ATTRIBUTES) {
        error_set(error, "cannot open it: %s", error_system_text((int)GetLastError()));
    } else {
        library->handle = LoadLibraryExW(whole, NULL, FLAGS);
        if (library->handle == NULL) {
            error_set(error, "%s: expected a DLL of this system",
                      error_system_text((int)GetLastError()));
        }
    }
    free(whole);
    return library->handle != NULL;
}

bool library_find(const struct library *library, const char *name, void *function,
                  size_t function_bytes)
{
    FARPROC address = GetProcAddress(library->handle, name);
    must(function_bytes == sizeof address);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

void library_close(struct library *library)
{
    if (library->handle != NULL) {
        FreeLibrary(library->handle);
    }
    library->handle = NULL;
}
