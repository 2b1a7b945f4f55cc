/* Files read and written whole. Control plane; any thread. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads a regular file of at most bytes_max bytes into *data (NUL-terminated past *bytes; free
 * with free()). Paths are UTF-8 on both systems. */
bool file_read(const char *path, size_t bytes_max, char **data, size_t *bytes, struct error *error);
/* Writes the file whole or not at all: a temporary file beside it, flushed to the disk, then
 * renamed over it; who may read the old one may read the new one. On failure the old file is
 * untouched and the temporary one is removed. What is no regular file (a device, a FIFO, and on
 * Linux a descriptor of this process such as /dev/stdout) is written through, never replaced. */
bool file_write_whole(const char *path, const char *data, size_t bytes, struct error *error);
enum file_readers {
    FILE_READERS_ALL,  /* as above */
    FILE_READERS_OWNER /* this user alone, whoever could read the old file; on Windows those that
                          the folder lets */
};
/* The same for a secret. */
bool file_write_for(enum file_readers readers, const char *path, const char *data, size_t bytes,
                    struct error *error);
/* True if the folder of path exists and a file can be made in it; tried by making one. For telling
 * an unwritable --out before the run, not after it. A FIFO is opened and kept for the later writer;
 * one without a reader is only waited for briefly. */
bool file_can_write(const char *path, struct error *error);
/* Is there anything of that name, of whatever kind? */
bool file_exists(const char *path);
/* Do both lead to one file, however they are spelled and over whatever links? Also where it is not
 * there yet. Character devices (the null device) belong to no single user: false. */
bool file_is_same(const char *a, const char *b);

enum file_standard { FILE_STANDARD_OUTPUT = 1, FILE_STANDARD_ERROR = 2 };
enum file_standard_use {
    FILE_STANDARD_NOT,
    FILE_STANDARD_ITSELF, /* path is that stream: /dev/stdout, /dev/fd/1 */
    FILE_STANDARD_FILE    /* it is the regular file that the stream goes to */
};
/* What path has to do with that stream of this process. */
enum file_standard_use file_is_standard(const char *path, enum file_standard stream);
