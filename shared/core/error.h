/* An error message for a person: what, where, what was expected, what to do.
 *
 * Control plane only (start-up, configuration, writing results); I/O errors are
 * enum cport_result. The caller owns the struct; functions that fail fill it and return false
 * (or NULL). The first message wins only if the callee keeps it: error_set() overwrites. */
#pragma once

enum { ERROR_TEXT_BYTES_MAX = 1024 };

struct error {
    char text[ERROR_TEXT_BYTES_MAX];
};

#if defined(__MINGW32__)
#define ERROR_PRINTF(format_index, first) __attribute__((format(gnu_printf, format_index, first)))
#elif defined(__GNUC__) || defined(__clang__)
#define ERROR_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define ERROR_PRINTF(format_index, first)
#endif

/* Formats into error->text, cut at the end of the buffer. error may be NULL: then nothing. */
void error_set(struct error *error, const char *format, ...) ERROR_PRINTF(2, 3);

/* What this system has too little of. The message then ends with the limit, its value and how to
 * raise it, where there is one: whoever shows it need not know what it is about. */
enum error_shortage { ERROR_SHORT_OF_MEMORY, ERROR_SHORT_OF_THREADS };
void error_set_short(struct error *error, enum error_shortage shortage, const char *format, ...)
    ERROR_PRINTF(3, 4);
/* That end alone: " (...)", or an empty text. Returns text. */
enum { ERROR_HINT_BYTES_MAX = 256 };
const char *error_shortage_hint(enum error_shortage shortage, char text[ERROR_HINT_BYTES_MAX]);

/* Makes a text that quotes its input one line of UTF-8: control characters, which could also steer
 * the terminal, become '?' (printable.h). error_set() does so itself. */
void error_make_line(char *text);

/* The system's own text for an errno (Linux) or a Win32/Winsock code (Windows), in a buffer of
 * the calling thread, valid until its next call. That of memory has the limit with it. */
const char *error_system_text(int system_error);
