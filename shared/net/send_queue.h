/* A send queue: the bytes that wait to be sent on one connection, coalesced, bounded.
 *
 * One thread at a time (a model that shares sessions among threads holds its shard's lock). Bytes
 * are either copied in (small replies coalesce into chunks) or references to an immutable buffer
 * that many receivers share (a broadcast is stored once). An empty queue holds no memory: chunks
 * come from and go back to a pool that the thread (or shard) owns.
 *
 * A queue is bounded by what it holds, not by what is in it: held_bytes counts each chunk with its
 * head and its unused end, and each shared buffer as if no other queue held it, so that the sum
 * over all queues is never less than the memory. send_queue_cost() and shared_buffer_cost() say
 * beforehand what an append would add.
 *
 * Sending: send_queue_peek() fills spans for one gathered send; the spans stay valid, and stay in
 * place, while further bytes are appended; when n bytes have been taken, send_queue_consume(n). */
#pragma once

#include "core/span.h"

#include <stdatomic.h>
#include <stdbool.h>

struct send_chunk; /* private */

/* Chunks are tiny (the first messages of an empty queue: all that a connection has which waits for
 * one reply after the other), small, medium, large (for large messages alone), made to measure
 * (bigger still; not kept), or mere references to a shared buffer. Behind a full chunk comes one of
 * the next size, up to medium: so a queue's unused end is in proportion to what is in it. */
enum send_chunk_kind {
    SEND_CHUNK_TINY,
    SEND_CHUNK_SMALL,
    SEND_CHUNK_MEDIUM,
    SEND_CHUNK_LARGE,
    SEND_CHUNK_SHARED,
    SEND_CHUNK_KINDS
};

/* Free chunks of one thread or shard: at most free_bytes_max of them, and after a peak those that
 * two calls of send_pool_trim() have found unused go back to the system. */
struct send_pool {
    struct send_chunk *free_chunks[SEND_CHUNK_KINDS];
    uint32_t free_count[SEND_CHUNK_KINDS];
    uint32_t spare_count[SEND_CHUNK_KINDS]; /* the fewest free since the last trim */
    uint64_t free_bytes;
    uint64_t free_bytes_max;
    uint64_t chunks_count; /* chunks that exist: free or in a queue of this pool */
};

struct send_queue {
    struct send_chunk *head;
    struct send_chunk *tail;
    uint32_t queued_bytes; /* to be sent */
    uint32_t held_bytes;   /* of memory, for them */
};
/* The most that either may count: the code that appends keeps a bound below it. */
#define SEND_QUEUE_BYTES_MAX ((uint64_t)1024 * 1024 * 1024)

/* Bytes that several queues share: written once, then immutable; freed by the last release. */
struct shared_buffer {
    atomic_uint_fast32_t references;
    uint32_t bytes_count;
    uint8_t bytes[];
};

void send_pool_open(struct send_pool *pool, uint64_t free_bytes_max);
/* All queues that used the pool must have been cleared. */
void send_pool_close(struct send_pool *pool);
/* To be called now and then: frees the chunks that were not needed since the last call. */
void send_pool_trim(struct send_pool *pool);

/* Room for bytes (1..16 MiB) in one piece at the end of the queue: the caller writes all of them
 * before the next call. NULL when there is no memory. */
uint8_t *send_queue_reserve(struct send_queue *queue, struct send_pool *pool, uint32_t bytes);
/* Gives back the last bytes of what was reserved last, while nothing of it has been peeked at. */
void send_queue_shorten(struct send_queue *queue, uint32_t bytes);
bool send_queue_append(struct send_queue *queue, struct send_pool *pool, const uint8_t *data,
                       uint32_t bytes);
/* Takes another reference. */
bool send_queue_append_shared(struct send_queue *queue, struct send_pool *pool,
                              struct shared_buffer *buffer);
/* Returns the number of spans, 0 when empty. */
int send_queue_peek(const struct send_queue *queue, struct span *spans, int spans_max);
void send_queue_consume(struct send_queue *queue, struct send_pool *pool, uint64_t bytes);
/* What held_bytes would grow by: by 0 where the bytes fit behind the last ones. */
uint64_t send_queue_cost(const struct send_queue *queue, uint32_t bytes);
/* The most that one append of bytes can cost. */
uint64_t send_queue_cost_max(uint32_t bytes);
/* Drops everything. */
void send_queue_clear(struct send_queue *queue, struct send_pool *pool);
/* Walks the queue piece by piece, also over bytes consumed already: *whole is the piece as it was
 * put in (one or several whole appends, never a part of one), *taken_bytes how many of its bytes
 * have been consumed (more than 0 for the first piece only). *cursor is NULL at the start; false
 * past the last piece. For telling which messages of a closed connection were sent whole. */
bool send_queue_next_piece(const struct send_queue *queue, const struct send_chunk **cursor,
                           struct span *whole, uint32_t *taken_bytes);

/* What a queue holds that refers to it; without the queue's chunk: the buffer alone. */
uint64_t shared_buffer_cost(const struct shared_buffer *buffer);
/* The same of one with so many bytes. */
uint64_t shared_buffer_cost_of(uint32_t bytes);
uint64_t shared_buffer_bytes(const struct shared_buffer *buffer);
/* With one reference, the caller's; NULL when there is no memory. */
struct shared_buffer *shared_buffer_create(uint32_t bytes);
void shared_buffer_retain(struct shared_buffer *buffer);
void shared_buffer_release(struct shared_buffer *buffer);
