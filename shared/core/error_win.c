/* The system's text for a Win32 or Winsock code. */
#include "core/error.h"

#include <stdio.h>
#include <windows.h>

/* Microsoft's compiler has C11's word under its own name only. */
#if defined(_MSC_VER) && !defined(__clang__)
#define ERROR_THREAD_LOCAL __declspec(thread)
#else
#define ERROR_THREAD_LOCAL _Thread_local
#endif

/* FormatMessage ends its sentences with a full stop and a line break. */
static int error__trim(const wchar_t *text, int characters)
{
    while (characters > 0) {
        wchar_t last = text[characters - 1];
        if (last != L'\r' && last != L'\n' && last != L' ' && last != L'.') {
            break;
        }
        characters--;
    }
    return characters;
}

const char *error_shortage_hint(enum error_shortage shortage, char text[ERROR_HINT_BYTES_MAX])
{
    (void)shortage; /* Windows has no such limits but a job's, which only its maker knows */
    text[0] = '\0';
    return text;
}

const char *error_system_text(int system_error)
{
    static ERROR_THREAD_LOCAL char text[512];
    wchar_t wide[256];
    DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    int characters = (int)FormatMessageW(flags, NULL, (DWORD)system_error, 0, wide,
                                         sizeof wide / sizeof wide[0], NULL);
    characters = error__trim(wide, characters);
    /* 12 bytes are left for the number, which can be looked up. */
    int bytes =
        WideCharToMultiByte(CP_UTF8, 0, wide, characters, text, (int)sizeof text - 16, NULL, NULL);
    if (characters == 0 || bytes <= 0) {
        snprintf(text, sizeof text, "Windows error %d", system_error);
    } else {
        snprintf(text + bytes, sizeof text - (size_t)bytes, " (%d)", system_error);
    }
    return text;
}
