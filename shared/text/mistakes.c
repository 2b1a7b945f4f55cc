#include "text/mistakes.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void mistakes_report(struct mistakes *mistakes, const char *about, const char *format, ...)
{
    char line[ERROR_TEXT_BYTES_MAX + 512];
    int bytes = snprintf(line, sizeof line, "%.500s: ", about);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + bytes, sizeof line - (size_t)bytes, format, arguments);
    va_end(arguments);
    error_make_line(line);
    mistakes->count++;
    mistakes->report(mistakes->context, line);
}
