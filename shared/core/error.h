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

/* Makes a text that quotes its input one line of UTF-8: control characters, which could also steer
 * the terminal, become '?' (printable.h). error_set() does so itself. */
void error_make_line(char *text);

/* The system's own text for an errno (Linux) or a Win32/Winsock code (Windows), in a buffer of
 * the calling thread, valid until its next call. */
const char *error_system_text(int system_error);
