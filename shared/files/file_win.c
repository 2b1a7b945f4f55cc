/* Files on Windows: UTF-8 paths, and replacement by MoveFileEx. */
#include "files/file.h"

#include "files/file_inputs.h"
#include "files/path_win.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

/* How long a file that another program holds open (a virus scanner, a viewer) is waited for. */
enum { FILE_REPLACE_ATTEMPTS_MAX = 20, FILE_REPLACE_PAUSE_MS = 50 };

/* The name of a temporary file beside path: of this process and thread, so that no
 * other writes it at the same time. */
static wchar_t *file__temporary_path(const char *path, struct error *error)
{
    wchar_t suffix[48];
    _snwprintf(suffix, sizeof suffix / sizeof suffix[0], L".%lu-%lu.tmp",
               (unsigned long)GetCurrentProcessId(), (unsigned long)GetCurrentThreadId());
    return path_wide(path, suffix, error);
}

static void file__fail(struct error *error, const char *what, const char *path)
{
    DWORD code = GetLastError();
    error_set(error, "%s: %s: %s", path, what, error_system_text((int)code));
}

enum file_kind { FILE_KIND_MISSING, FILE_KIND_REGULAR, FILE_KIND_FOLDER, FILE_KIND_OTHER };

/* Other: NUL, CON, a pipe. Nothing can be renamed over those. */
static enum file_kind file__kind(const wchar_t *path)
{
    if (wcsncmp(path, L"\\\\.\\", 4) == 0) {
        return FILE_KIND_OTHER;
    }
    DWORD attributes = GetFileAttributesW(path);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        return FILE_KIND_MISSING;
    }
    if (attributes & FILE_ATTRIBUTE_DIRECTORY) {
        return FILE_KIND_FOLDER;
    }
    HANDLE file = CreateFileW(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return FILE_KIND_REGULAR; /* opening it for real will say why */
    }
    bool is_regular = GetFileType(file) == FILE_TYPE_DISK;
    CloseHandle(file);
    return is_regular ? FILE_KIND_REGULAR : FILE_KIND_OTHER;
}

static bool file__read_open(HANDLE file, const char *path, size_t bytes_max, char **data,
                            size_t *bytes, struct error *error)
{
    LARGE_INTEGER size;
    if (GetFileType(file) != FILE_TYPE_DISK) {
        error_set(error, "%s: cannot read: this is not a regular file", path);
        return false;
    }
    if (!GetFileSizeEx(file, &size)) {
        file__fail(error, "cannot read", path);
        return false;
    }
    if ((uint64_t)size.QuadPart > bytes_max) {
        error_set(error, "%s has %lld bytes; at most %zu are read", path, (long long)size.QuadPart,
                  bytes_max);
        return false;
    }
    size_t want_bytes = (size_t)size.QuadPart;
    char *text = malloc(want_bytes + 1);
    if (text == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the %zu bytes of %s",
                        want_bytes, path);
        return false;
    }
    size_t have_bytes = 0;
    while (have_bytes < want_bytes) {
        size_t rest_bytes = want_bytes - have_bytes;
        DWORD piece_bytes = rest_bytes > 0x40000000 ? 0x40000000 : (DWORD)rest_bytes;
        if (!ReadFile(file, text + have_bytes, piece_bytes, &piece_bytes, NULL)) {
            file__fail(error, "cannot read", path);
            free(text);
            return false;
        }
        if (piece_bytes == 0) { /* it has become shorter */
            break;
        }
        have_bytes += piece_bytes;
    }
    text[have_bytes] = '\0';
    *data = text;
    *bytes = have_bytes;
    return true;
}

bool file_read(const char *path, size_t bytes_max, char **data, size_t *bytes, struct error *error)
{
    wchar_t *wide = path_wide(path, L"", error);
    if (wide == NULL) {
        return false;
    }
    bool ok = false;
    HANDLE file = INVALID_HANDLE_VALUE;
    if (file__kind(wide) == FILE_KIND_FOLDER) {
        /* CreateFile would say "access denied", which sends people to look for permissions. */
        error_set(error, "%s: this is a folder, expected a file", path);
        goto done;
    }
    file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        file__fail(error, "cannot read", path);
        goto done;
    }
    ok = file__read_open(file, path, bytes_max, data, bytes, error);
    CloseHandle(file);
    if (ok) {
        file_inputs_add(path);
    }
done:
    free(wide);
    return ok;
}

static bool file__write_all(HANDLE file, const char *data, size_t bytes)
{
    while (bytes > 0) {
        DWORD piece_bytes = bytes > 0x40000000 ? 0x40000000 : (DWORD)bytes;
        DWORD written_bytes = 0;
        if (!WriteFile(file, data, piece_bytes, &written_bytes, NULL)) {
            return false;
        }
        data += written_bytes;
        bytes -= written_bytes;
    }
    return true;
}

static bool file__replace(const wchar_t *from, const wchar_t *to)
{
    for (int attempt = 1;; attempt++) {
        if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
            return true;
        }
        DWORD code = GetLastError();
        bool held = code == ERROR_SHARING_VIOLATION || code == ERROR_ACCESS_DENIED;
        if (!held || attempt == FILE_REPLACE_ATTEMPTS_MAX) {
            SetLastError(code);
            return false;
        }
        Sleep(FILE_REPLACE_PAUSE_MS);
    }
}

/* Into a new file that then replaces the old one. */
static bool file__write_beside(const char *path, const wchar_t *final, const char *data,
                               size_t bytes, struct error *error)
{
    wchar_t *temporary = file__temporary_path(path, error);
    if (temporary == NULL) {
        return false;
    }
    bool ok = false;
    HANDLE file =
        CreateFileW(temporary, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        file__fail(error, "cannot write", path);
        goto done;
    }
    ok = file__write_all(file, data, bytes) &&
         FlushFileBuffers(file); /* on the disk before the old file goes */
    if (!ok) {
        file__fail(error, "cannot write", path);
    }
    CloseHandle(file);
    if (ok && !file__replace(temporary, final)) {
        file__fail(error, "cannot write", path);
        ok = false;
    }
    if (!ok) {
        DeleteFileW(temporary);
    }
done:
    free(temporary);
    return ok;
}

static bool file__write_device(const char *path, const wchar_t *final, const char *data,
                               size_t bytes, struct error *error)
{
    HANDLE file = CreateFileW(final, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    bool ok = file != INVALID_HANDLE_VALUE && file__write_all(file, data, bytes);
    if (!ok) {
        file__fail(error, "cannot write", path);
    }
    if (file != INVALID_HANDLE_VALUE) {
        CloseHandle(file);
    }
    return ok;
}

bool file_write_whole(const char *path, const char *data, size_t bytes, struct error *error)
{
    bool ok = false;
    wchar_t *final = path_wide(path, L"", error);
    if (final == NULL) {
        return false;
    }
    switch (file__kind(final)) {
    case FILE_KIND_FOLDER:
        error_set(error, "%s: cannot write: this is a folder, expected a file", path);
        break;
    case FILE_KIND_OTHER:
        ok = file__write_device(path, final, data, bytes, error);
        break;
    case FILE_KIND_REGULAR:
    case FILE_KIND_MISSING:
        ok = file__write_beside(path, final, data, bytes, error);
        break;
    }
    free(final);
    return ok;
}

bool file_write_for(enum file_readers readers, const char *path, const char *data, size_t bytes,
                    struct error *error)
{
    (void)readers; /* a new file takes the permissions of its folder */
    return file_write_whole(path, data, bytes, error);
}

static bool file__try_beside(const char *path, struct error *error)
{
    wchar_t *temporary = file__temporary_path(path, error);
    if (temporary == NULL) {
        return false;
    }
    HANDLE file = CreateFileW(temporary, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    bool ok = file != INVALID_HANDLE_VALUE;
    if (ok) {
        CloseHandle(file);
    } else {
        file__fail(error, "cannot be written", path);
    }
    free(temporary);
    return ok;
}

bool file_can_write(const char *path, struct error *error)
{
    bool ok = false;
    wchar_t *final = path_keeps_name(path, error) ? path_wide(path, L"", error) : NULL;
    if (final == NULL) {
        return false;
    }
    size_t length = wcslen(final);
    enum file_kind kind = file__kind(final);
    if (kind == FILE_KIND_FOLDER || final[length - 1] == L'/' || final[length - 1] == L'\\') {
        error_set(error, "%s: cannot be written: expected the name of a file, this is a folder",
                  path);
    } else if (kind == FILE_KIND_REGULAR && (GetFileAttributesW(final) & FILE_ATTRIBUTE_READONLY)) {
        error_set(error, "%s: cannot be written: the file is read-only", path);
    } else {
        ok = kind == FILE_KIND_OTHER || file__try_beside(path, error);
    }
    free(final);
    return ok;
}

/* What a file is known by, whatever it is called. */
static bool file__identify(HANDLE file, BY_HANDLE_FILE_INFORMATION *information)
{
    return file != INVALID_HANDLE_VALUE && GetFileType(file) == FILE_TYPE_DISK &&
           GetFileInformationByHandle(file, information);
}

static bool file__identify_path(const wchar_t *path, BY_HANDLE_FILE_INFORMATION *information)
{
    HANDLE file =
        CreateFileW(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                    OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS, NULL);
    bool known = file__identify(file, information);
    if (file != INVALID_HANDLE_VALUE) {
        CloseHandle(file);
    }
    return known;
}

static bool file__same_information(const BY_HANDLE_FILE_INFORMATION *a,
                                   const BY_HANDLE_FILE_INFORMATION *b)
{
    return a->dwVolumeSerialNumber == b->dwVolumeSerialNumber &&
           a->nFileIndexHigh == b->nFileIndexHigh && a->nFileIndexLow == b->nFileIndexLow;
}

bool file_exists(const char *path)
{
    wchar_t *wide = path_wide(path, L"", NULL);
    bool exists = wide != NULL && file__kind(wide) != FILE_KIND_MISSING;
    free(wide);
    return exists;
}

bool file_is_same(const char *a, const char *b)
{
    wchar_t *one = path_wide(a, L"", NULL);
    wchar_t *other = path_wide(b, L"", NULL);
    bool same = false;
    if (one != NULL && other != NULL) {
        BY_HANDLE_FILE_INFORMATION of_one;
        BY_HANDLE_FILE_INFORMATION of_other;
        bool there = file__identify_path(one, &of_one) && file__identify_path(other, &of_other);
        /* Names that are not there yet: as Windows spells them out, letters of either case. */
        same = there ? file__same_information(&of_one, &of_other)
                     : file__kind(one) != FILE_KIND_OTHER && _wcsicmp(one, other) == 0;
    }
    free(one);
    free(other);
    return same;
}

enum file_standard_use file_is_standard(const char *path, enum file_standard stream)
{
    BY_HANDLE_FILE_INFORMATION of_path;
    BY_HANDLE_FILE_INFORMATION of_stream;
    wchar_t *wide = path_wide(path, L"", NULL);
    HANDLE handle =
        GetStdHandle(stream == FILE_STANDARD_OUTPUT ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE);
    bool same = wide != NULL && file__identify_path(wide, &of_path) &&
                file__identify(handle, &of_stream) && file__same_information(&of_path, &of_stream);
    free(wide);
    return same ? FILE_STANDARD_FILE : FILE_STANDARD_NOT;
}
