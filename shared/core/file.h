/* Files read and written whole. Control plane; any thread. */
#ifndef DUMMYLOAD_CORE_FILE_H
#define DUMMYLOAD_CORE_FILE_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads a regular file of at most bytes_max bytes into *data (NUL-terminated past *bytes; free
 * with free()). Paths are UTF-8 on both systems. */
bool file_read(const char *path, size_t bytes_max, char **data, size_t *bytes, struct error *error);
/* Writes the file whole or not at all: a temporary file beside it, flushed to the disk, then
 * renamed over it. On failure the old file is untouched and the temporary one is removed. */
bool file_write_whole(const char *path, const char *data, size_t bytes, struct error *error);
/* True if the folder of path exists and a file can be made in it; tried by making one. For
 * telling an unwritable --out before the run, not after it. */
bool file_can_write(const char *path, struct error *error);

#endif
