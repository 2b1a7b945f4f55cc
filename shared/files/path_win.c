#include "files/path_win.h"

#include <stdlib.h>
#include <windows.h>

/* A folder's path may have 12 characters fewer than a file's (MAX_PATH), for a name of 8.3. */
enum { PATH_SHORT_CHARACTERS_MAX = MAX_PATH - 12 };

/* The path as it was given, in UTF-16. */
static wchar_t *path__read(const char *path, const wchar_t *suffix, struct error *error)
{
    int characters = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
    if (characters <= 1) {
        error_set(error, "\"%s\" is not a file name (expected UTF-8, not empty)", path);
        return NULL;
    }
    wchar_t *wide = malloc(((size_t)characters + wcslen(suffix)) * sizeof *wide);
    if (wide == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the file name %s", path);
        return NULL;
    }
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, characters);
    wcscpy(wide + characters - 1, suffix);
    return wide;
}

static bool path__begins(const wchar_t *path, const wchar_t *with)
{
    return wcsncmp(path, with, wcslen(with)) == 0;
}

/* What has to stand before a whole path that is too long, instead of its first *skipped. */
static const wchar_t *path__prefix(const wchar_t *full, size_t *skipped)
{
    *skipped = 0;
    if (path__begins(full, L"\\\\?\\") || path__begins(full, L"\\\\.\\")) {
        return L"";
    }
    if (path__begins(full, L"\\\\")) { /* \\server\share */
        *skipped = 2;
        return L"\\\\?\\UNC\\";
    }
    return L"\\\\?\\";
}

wchar_t *path_wide(const char *path, const wchar_t *suffix, struct error *error)
{
    static const size_t PREFIX_CHARACTERS_MAX = 8;
    wchar_t *result = NULL;
    wchar_t *given = path__read(path, suffix, error);
    if (given == NULL) {
        return NULL;
    }
    DWORD room = GetFullPathNameW(given, 0, NULL, NULL);
    wchar_t *full = malloc((room + 1) * sizeof *full);
    wchar_t *spelled = malloc((room + 1 + PREFIX_CHARACTERS_MAX) * sizeof *spelled);
    DWORD characters = full == NULL ? 0 : GetFullPathNameW(given, room + 1, full, NULL);
    if (characters == 0 || characters > room || spelled == NULL) {
        error_set(error, "%s: this is no path: %s", path, error_system_text((int)GetLastError()));
        free(spelled);
    } else {
        size_t skipped = 0;
        bool is_long = characters >= PATH_SHORT_CHARACTERS_MAX;
        wcscpy(spelled, is_long ? path__prefix(full, &skipped) : L"");
        wcscat(spelled, full + skipped);
        result = spelled;
    }
    free(full);
    free(given);
    return result;
}

static const wchar_t *path__name(const wchar_t *path)
{
    const wchar_t *name = path;
    for (const wchar_t *at = path; *at != L'\0'; at++) {
        if (*at == L'/' || *at == L'\\') {
            name = at + 1;
        }
    }
    return name;
}

bool path_keeps_name(const char *path, struct error *error)
{
    wchar_t *given = path__read(path, L"", error);
    wchar_t *full = given == NULL ? NULL : path_wide(path, L"", error);
    bool kept = false;
    if (full != NULL) {
        const wchar_t *name = path__name(given);
        bool has_drive = name == given && given[0] != L'\0' && given[1] == L':';
        name += has_drive ? 2 : 0;
        if (wcschr(name, L':') != NULL) {
            error_set(error, "%s: cannot be written: expected a name without a colon", path);
        } else if (wcscmp(name, path__name(full)) != 0 && wcscmp(name, L"..") != 0 &&
                   wcscmp(name, L".") != 0) {
            char other[256] = "another one";
            WideCharToMultiByte(CP_UTF8, 0, path__name(full), -1, other, sizeof other, NULL, NULL);
            error_set(error,
                      "%s: cannot be written: Windows would take \"%s\" for its name: give it "
                      "another one",
                      path, other);
        } else {
            kept = true;
        }
    }
    free(full);
    free(given);
    return kept;
}
