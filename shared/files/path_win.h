/* Paths as Windows takes them. Private to the files and sinks of this system; control plane. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <wchar.h>

/* The whole path of path (UTF-8) with a suffix, from its drive on. One that is too long for the
 * calls of old is spelled as they take it nevertheless (\\?\), whatever this machine's
 * LongPathsEnabled says: see "Maximum Path Length Limitation". Free with free(). */
wchar_t *path_wide(const char *path, const wchar_t *suffix, struct error *error);
/* Would a file that is made there have this name? Windows drops dots and spaces at its end, takes
 * nul.json for a device, and what follows a colon for a part of another file. */
bool path_keeps_name(const char *path, struct error *error);
