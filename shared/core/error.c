#include "core/error.h"

#include "core/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_set(struct error *error, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(error->text, sizeof error->text, format, arguments) < 0) {
        error->text[0] = '\0';
    }
    va_end(arguments);
    error_make_line(error->text);
}

void error_make_line(char *text)
{
    printable_text(text, text, strlen(text) + 1);
}
