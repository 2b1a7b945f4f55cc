/* An arena: memory for what a scenario or a program consists of, freed together.
 *
 * Control plane only. One thread while it grows; what was taken stays in place until arena_close()
 * and may be read by any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena_block; /* private */

struct arena {
    struct arena_block *blocks;
    size_t taken_bytes;
    bool failed; /* a take returned NULL: there was no memory */
};

/* Zero-initialise the struct instead of opening it. Zeroed memory, aligned as malloc() does; NULL
 * when there is none, and `failed` then stays set. */
void *arena_take(struct arena *arena, size_t bytes);
/* A copy of bytes_count bytes with a NUL behind it. */
void *arena_copy(struct arena *arena, const void *bytes, size_t bytes_count);
void arena_close(struct arena *arena);
