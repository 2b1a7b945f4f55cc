/* Packing: numbers and texts as bytes that a program on another machine reads: small numbers take
 * few of them, and neither byte order nor the layout of a struct plays a part.
 *
 * Numbers are LEB128 (seven bits a byte, the lowest first; signed ones zigzag before that).
 * One thread per struct. Control plane: packing allocates. */
#pragma once

#include "core/span.h"

#include <stdbool.h>

/* Grows as it is filled; {0} is an empty one. */
struct pack {
    uint8_t *data;
    size_t bytes;
    size_t capacity_bytes;
    bool failed; /* memory ran out: what was packed since is missing */
};

void pack_close(struct pack *pack);
void pack_u64(struct pack *pack, uint64_t value);
void pack_i64(struct pack *pack, int64_t value);
/* Exactly, bit by bit. */
void pack_double(struct pack *pack, double value);
/* With their number. */
void pack_bytes(struct pack *pack, const void *data, size_t bytes);
/* As they are. */
void pack_raw(struct pack *pack, const void *data, size_t bytes);
/* With its length; up to its NUL. */
void pack_text(struct pack *pack, const char *text);

/* Reads what was packed, which is the caller's and stays. What cannot be (the end comes too soon, a
 * number is too large) sets failed, and everything from there on reads as 0 or empty. */
struct unpack {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

void unpack_open(struct unpack *unpack, const void *data, size_t bytes);
uint64_t unpack_u64(struct unpack *unpack);
/* Fails above max. */
uint32_t unpack_u32(struct unpack *unpack, uint32_t max);
int64_t unpack_i64(struct unpack *unpack);
double unpack_double(struct unpack *unpack);
bool unpack_bool(struct unpack *unpack);
/* Borrowed from what is read. */
struct span unpack_bytes(struct unpack *unpack);
/* Fails when the text and its NUL do not fit; text is then empty. */
void unpack_text(struct unpack *unpack, char *text, size_t bytes);
void unpack_fail(struct unpack *unpack);
/* Everything was read, and nothing failed. */
bool unpack_is_done(const struct unpack *unpack);
