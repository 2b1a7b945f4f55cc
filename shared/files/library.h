/* A shared library that the user names: loaded while the program runs. Control plane.
 *
 * It is exactly the file of this path: no folder is searched for it, neither that of the program
 * nor PATH. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

struct library {
    void *handle; /* NULL: none */
};

bool library_open(struct library *library, const char *path, struct error *error);
/* Stores the address of a function into *function, a pointer of function_bytes. False: it has no
 * such function. */
bool library_find(const struct library *library, const char *name, void *function,
                  size_t function_bytes);
void library_close(struct library *library);
