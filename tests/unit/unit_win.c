#include "unit.h"

#include <direct.h>
#include <windows.h>

void page_end_open(struct page_end *page, size_t bytes_max)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    size_t page_bytes = info.dwPageSize;
    size_t readable_bytes = (bytes_max + page_bytes - 1) / page_bytes * page_bytes;
    page->mapping_bytes = readable_bytes + page_bytes;
    page->mapping =
        VirtualAlloc(NULL, page->mapping_bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    assert_non_null(page->mapping);
    page->end = page->mapping + readable_bytes;
    page->bytes_max = bytes_max;
    DWORD previous;
    assert_true(VirtualProtect(page->end, page_bytes, PAGE_NOACCESS, &previous));
}

void page_end_close(struct page_end *page)
{
    VirtualFree(page->mapping, 0, MEM_RELEASE);
}

void unit_folder_make(char path[UNIT_PATH_BYTES_MAX])
{
    for (unsigned i = 0;; i++) {
        snprintf(path, UNIT_PATH_BYTES_MAX, "unit-test-%lu-%u", GetCurrentProcessId(), i);
        if (_mkdir(path) == 0) {
            return;
        }
        assert_true(i < 1000);
    }
}

void unit_folder_remove(const char *path)
{
    assert_int_equal(_rmdir(path), 0);
}

int unit_folder_read(const char *path, void (*each)(void *context, const char *name), void *context)
{
    char pattern[UNIT_PATH_BYTES_MAX];
    WIN32_FIND_DATAA found;
    int count = 0;
    DWORD attributes = GetFileAttributesA(path);
    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
        return -1;
    }
    snprintf(pattern, sizeof pattern, "%s/*", path);
    HANDLE search = FindFirstFileA(pattern, &found);
    assert_true(search != INVALID_HANDLE_VALUE);
    do {
        if (found.cFileName[0] == '.') {
            continue;
        }
        count++;
        if (each != NULL) {
            each(context, found.cFileName);
        }
    } while (FindNextFileA(search, &found));
    assert_int_equal(GetLastError(), ERROR_NO_MORE_FILES);
    FindClose(search);
    return count;
}

void unit_remove(const char *path)
{
    wchar_t wide[UNIT_PATH_BYTES_MAX];
    assert_true(MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, UNIT_PATH_BYTES_MAX) > 0);
    assert_true(DeleteFileW(wide));
}

size_t unit_heap_bytes(void)
{
    return 0;
}

uint64_t unit_handles(void)
{
    return 0;
}

enum { UNIT_LINE_CHARACTERS_MAX = 4096 };

/* A word as the C runtime and CommandLineToArgvW take it apart: see "Parsing C command-line
 * arguments". */
static void unit__add_word(wchar_t line[UNIT_LINE_CHARACTERS_MAX], const char *word)
{
    wchar_t wide[UNIT_PATH_BYTES_MAX];
    assert_true(MultiByteToWideChar(CP_UTF8, 0, word, -1, wide, UNIT_PATH_BYTES_MAX) > 0);
    wchar_t *to = line + wcslen(line);
    assert_true(to + 2 * wcslen(wide) + 8 < line + UNIT_LINE_CHARACTERS_MAX);
    *to++ = L' ';
    *to++ = L'"';
    for (const wchar_t *at = wide;; at++) {
        size_t slashes = wcsspn(at, L"\\");
        at += slashes;
        bool before_quote = *at == L'"' || *at == L'\0';
        for (size_t i = 0; i < slashes * (before_quote ? 2 : 1); i++) {
            *to++ = L'\\';
        }
        if (*at == L'\0') {
            break;
        }
        if (*at == L'"') {
            *to++ = L'\\';
        }
        *to++ = *at;
    }
    *to++ = L'"';
    *to = L'\0';
}

int unit_call_self(const char *first, const char *const *words, size_t words_count)
{
    wchar_t program[UNIT_PATH_BYTES_MAX];
    wchar_t line[UNIT_LINE_CHARACTERS_MAX] = L"self";
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION child;
    DWORD code = 0;
    unit__add_word(line, first);
    for (size_t i = 0; i < words_count; i++) {
        unit__add_word(line, words[i]);
    }
    assert_true(GetModuleFileNameW(NULL, program, UNIT_PATH_BYTES_MAX) > 0);
    assert_true(CreateProcessW(program, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child));
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return (int)code;
}
