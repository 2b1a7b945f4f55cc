#include "files/library.h"

#include "core/must.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The system's message begins with the path, as most here do. */
static const char *library__reason(const char *path)
{
    const char *text = dlerror();
    size_t bytes = strlen(path);
    if (text == NULL) {
        return "it cannot be loaded";
    }
    return strncmp(text, path, bytes) == 0 && strncmp(text + bytes, ": ", 2) == 0 ? text + bytes + 2
                                                                                  : text;
}

bool library_open(struct library *library, const char *path, struct error *error)
{
    /* dlopen() searches for a name without a slash. */
    size_t bytes = strlen(path) + sizeof "./";
    char *exact = malloc(bytes);
    library->handle = NULL;
    if (exact == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for its name");
        return false;
    }
    strcpy(exact, strchr(path, '/') == NULL ? "./" : "");
    strcat(exact, path);
    library->handle = dlopen(exact, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        error_set(error, "%s: expected a shared library of this system", library__reason(exact));
    }
    free(exact);
    return library->handle != NULL;
}

bool library_find(const struct library *library, const char *name, void *function,
                  size_t function_bytes)
{
    void *address = dlsym(library->handle, name);
    must(function_bytes == sizeof address);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

void library_close(struct library *library)
{
    if (library->handle != NULL) {
        dlclose(library->handle);
    }
    library->handle = NULL;
}
