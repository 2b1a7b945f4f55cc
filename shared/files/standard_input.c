#include "files/standard_input.h"

#include <stdio.h>
#include <stdlib.h>

enum { STANDARD_INPUT_BYTES_FIRST = 65536 };

/* Room for one byte more than is allowed, to notice it, and for the NUL. */
static bool standard_input__grow(char **data, size_t *capacity, size_t bytes_max,
                                 struct error *error)
{
    size_t wanted = *capacity == 0 ? STANDARD_INPUT_BYTES_FIRST : 2 * *capacity;
    wanted = wanted < bytes_max + 2 ? wanted : bytes_max + 2;
    char *grown = realloc(*data, wanted);
    if (grown == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %zu bytes", wanted);
        return false;
    }
    *data = grown;
    *capacity = wanted;
    return true;
}

bool standard_input_read(size_t bytes_max, char **data, size_t *bytes, struct error *error)
{
    char *text = NULL;
    size_t capacity = 0;
    size_t count = 0;
    bool read = true;
    for (size_t got = 1; got > 0 && read;) {
        read = capacity - count >= 2 || standard_input__grow(&text, &capacity, bytes_max, error);
        got = read ? fread(text + count, 1, capacity - count - 1, stdin) : 0;
        count += got;
        if (count > bytes_max) {
            error_set(error, "larger than the %zu bytes that are read", bytes_max);
            read = false;
        }
    }
    if (read && ferror(stdin)) {
        error_set(error, "cannot be read");
        read = false;
    }
    if (!read) {
        free(text);
        return false;
    }
    text[count] = '\0';
    *data = text;
    *bytes = count;
    return true;
}
