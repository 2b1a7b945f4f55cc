#include "files/file_inputs.h"

#include "files/file.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Beyond these none is remembered: a scenario has one file for each of its tables and bodies. */
enum { FILE_INPUTS_MAX = 256 };

static char *_Atomic file_inputs__paths[FILE_INPUTS_MAX];
static atomic_uint file_inputs__count;

void file_inputs_add(const char *path)
{
    unsigned at = atomic_fetch_add(&file_inputs__count, 1);
    if (at >= FILE_INPUTS_MAX) {
        atomic_store(&file_inputs__count, FILE_INPUTS_MAX);
        return;
    }
    size_t bytes = strlen(path) + 1;
    char *copy = malloc(bytes);
    if (copy != NULL) {
        memcpy(copy, path, bytes);
        atomic_store(&file_inputs__paths[at], copy);
    }
}

const char *file_inputs_find(const char *path)
{
    for (int i = 0; i < FILE_INPUTS_MAX; i++) {
        const char *input = atomic_load(&file_inputs__paths[i]);
        if (input != NULL && file_is_same(path, input)) {
            return input;
        }
    }
    return NULL;
}
