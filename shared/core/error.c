#include "core/error.h"

#include "core/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error__format(struct error *error, const char *format, va_list arguments)
{
    if (vsnprintf(error->text, sizeof error->text, format, arguments) < 0) {
        error->text[0] = '\0';
    }
}

void error_set(struct error *error, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    error__format(error, format, arguments);
    va_end(arguments);
    error_make_line(error->text);
}

void error_set_short(struct error *error, enum error_shortage shortage, const char *format, ...)
{
    char hint[ERROR_HINT_BYTES_MAX];
    if (error == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    error__format(error, format, arguments);
    va_end(arguments);
    size_t bytes = strlen(error->text);
    snprintf(error->text + bytes, sizeof error->text - bytes, "%s",
             error_shortage_hint(shortage, hint));
    error_make_line(error->text);
}

void error_make_line(char *text)
{
    printable_text(text, text, strlen(text) + 1);
}
