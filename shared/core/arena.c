#include "core/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 16 * 1024, ARENA_ALIGN_BYTES = 16 };

struct arena_block {
    struct arena_block *next;
    size_t used_bytes;
    size_t capacity_bytes;
    size_t padding; /* keeps the bytes behind the struct aligned on 32-bit systems, too */
};

static struct arena_block *arena__grow(struct arena *arena, size_t bytes)
{
    size_t capacity_bytes = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
    struct arena_block *block = calloc(1, sizeof *block + capacity_bytes);
    if (block == NULL) {
        return NULL;
    }
    block->capacity_bytes = capacity_bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t rounded_bytes = (bytes + ARENA_ALIGN_BYTES - 1) / ARENA_ALIGN_BYTES * ARENA_ALIGN_BYTES;
    if (rounded_bytes < bytes || rounded_bytes > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->capacity_bytes - block->used_bytes < rounded_bytes) {
        block = arena__grow(arena, rounded_bytes);
        if (block == NULL) {
            arena->failed = true;
            return NULL;
        }
    }
    void *memory = (uint8_t *)(block + 1) + block->used_bytes;
    block->used_bytes += rounded_bytes;
    arena->taken_bytes += rounded_bytes;
    return memory;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t bytes_count)
{
    uint8_t *copy = arena_take(arena, bytes_count + 1);
    if (copy != NULL && bytes_count > 0) {
        memcpy(copy, bytes, bytes_count);
    }
    return copy;
}

void arena_close(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    *arena = (struct arena){0};
}
