/* The files that this process has read: what it writes must not take the place of one of them.
 *
 * Any thread. */
#pragma once

/* Called by file_read(). */
void file_inputs_add(const char *path);
/* One of them that path leads to as well, as it was called when it was read; NULL: none. */
const char *file_inputs_find(const char *path);
