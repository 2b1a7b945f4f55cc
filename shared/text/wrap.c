#include "text/wrap.h"

#include "core/printable.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { WRAP_CONTINUED = 2 /* more than a line without a label begins with */ };

/* Where what continues a line begins: below the text behind its label, as long as that leaves half
 * of the columns. */
static int wrap__indent(const struct wrap *wrap)
{
    size_t leading = strspn(wrap->line, " ");
    int indent = (int)leading + WRAP_CONTINUED;
    const char *gap = strstr(wrap->line + leading, "  ");
    if (gap != NULL) {
        gap += strspn(gap, " ");
        int columns = printable_columns(wrap->line, (size_t)(gap - wrap->line));
        if (columns <= wrap->columns / 2) {
            return columns;
        }
    }
    return indent <= wrap->columns / 2 ? indent : WRAP_CONTINUED;
}

static void wrap__print_words(const struct wrap *wrap)
{
    int indent = wrap__indent(wrap);
    int columns = 0;
    const char *at = wrap->line;
    for (bool first = true; *at != '\0'; first = false) {
        int spaces = (int)strspn(at, " ");
        size_t bytes = strcspn(at + spaces, " ");
        int word_columns = printable_columns(at + spaces, bytes);
        if (!first && bytes > 0 && columns + spaces + word_columns > wrap->columns) {
            fprintf(wrap->file, "\n%*s", indent, "");
            columns = indent;
        } else {
            fprintf(wrap->file, "%*s", spaces, "");
            columns += spaces;
        }
        fwrite(at + spaces, 1, bytes, wrap->file);
        columns += word_columns;
        at += (size_t)spaces + bytes;
    }
    fputc('\n', wrap->file);
}

static void wrap__put(struct wrap *wrap, const char *text, size_t bytes)
{
    size_t room = sizeof wrap->line - 1 - wrap->bytes;
    bytes = bytes < room ? bytes : room;
    memcpy(wrap->line + wrap->bytes, text, bytes);
    wrap->bytes += bytes;
    wrap->line[wrap->bytes] = '\0';
}

void wrap_print(struct wrap *wrap, const char *format, ...)
{
    char text[WRAP_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *at = text;
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        wrap__put(wrap, at, (size_t)(end - at));
        if (wrap->columns == 0 || printable_columns(wrap->line, wrap->bytes) <= wrap->columns) {
            fprintf(wrap->file, "%s\n", wrap->line);
        } else {
            wrap__print_words(wrap);
        }
        wrap->bytes = 0;
        wrap->line[0] = '\0';
    }
    wrap__put(wrap, at, strlen(at));
}
