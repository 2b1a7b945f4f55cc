/* The send queue: a list of chunks. An append is never split over two chunks, so that every chunk
 * begins at a message's beginning. */
#include "net/send_queue.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* Payload sizes chosen so that a chunk with its header and malloc's fits a round size, and so that
 * a large one takes the largest frame of a 16-bit size field. Thousands of queues with one message
 * each would touch a page for each, all at the same few places of the cache, if the first chunk
 * were a page; tiny ones are an odd number of cache lines long, and begin at one. A gathered send
 * takes 16 spans: a backlog of medium ones fills it. */
enum {
    CHUNK_TINY_BYTES = 488,
    CHUNK_SMALL_BYTES = 4016,
    CHUNK_MEDIUM_BYTES = 16304,
    CHUNK_LARGE_BYTES = 65536
};
enum { CHUNK_LINE_BYTES = 64, CHUNK_LEAD_BYTES_MAX = 48 };
enum { MALLOC_HEAD_BYTES = 16 }; /* what an allocation costs besides */

enum { CHUNK_KIND_MEASURED = SEND_CHUNK_KINDS }; /* not pooled */

static const uint32_t CHUNK_BYTES[SEND_CHUNK_KINDS] = {
    [SEND_CHUNK_TINY] = CHUNK_TINY_BYTES,
    [SEND_CHUNK_SMALL] = CHUNK_SMALL_BYTES,
    [SEND_CHUNK_MEDIUM] = CHUNK_MEDIUM_BYTES,
    [SEND_CHUNK_LARGE] = CHUNK_LARGE_BYTES,
    [SEND_CHUNK_SHARED] = 0,
};

struct send_chunk {
    struct send_chunk *next;
    struct shared_buffer *shared; /* NULL: the bytes stand in data[] */
    uint32_t begin;               /* first byte not consumed */
    uint32_t end;                 /* end of the bytes written */
    uint32_t capacity_bytes;
    uint16_t kind;       /* enum send_chunk_kind or CHUNK_KIND_MEASURED */
    uint16_t lead_bytes; /* unused ones before it, up to the cache's line: tiny ones only */
    uint8_t data[];
};

/* The memory that a chunk is, unused bytes and heads included. */
static uint32_t chunk__held_bytes(uint32_t kind, uint32_t capacity_bytes)
{
    uint32_t lead_bytes = kind == SEND_CHUNK_TINY ? CHUNK_LEAD_BYTES_MAX : 0;
    return (uint32_t)sizeof(struct send_chunk) + MALLOC_HEAD_BYTES + lead_bytes + capacity_bytes;
}

static struct send_chunk *chunk__create(uint32_t kind, uint32_t capacity_bytes)
{
    size_t lead_bytes_max = kind == SEND_CHUNK_TINY ? CHUNK_LEAD_BYTES_MAX : 0;
    uint8_t *memory = malloc(lead_bytes_max + sizeof(struct send_chunk) + capacity_bytes);
    if (memory == NULL) {
        return NULL;
    }
    /* malloc() aligns to 16 bytes: the lead is at most three times that. */
    size_t lead_bytes = (0 - (uintptr_t)memory) % CHUNK_LINE_BYTES;
    lead_bytes = lead_bytes < lead_bytes_max ? lead_bytes : lead_bytes_max;
    struct send_chunk *chunk = (struct send_chunk *)(void *)(memory + lead_bytes);
    chunk->capacity_bytes = capacity_bytes;
    chunk->kind = (uint16_t)kind;
    chunk->lead_bytes = (uint16_t)lead_bytes;
    return chunk;
}

static void chunk__free(struct send_chunk *chunk)
{
    free((uint8_t *)chunk - chunk->lead_bytes);
}

/* The first of the free ones of a kind, which is not free any more; NULL: there is none. */
static struct send_chunk *pool__take(struct send_pool *pool, uint32_t kind)
{
    struct send_chunk *chunk = pool->free_chunks[kind];
    if (chunk == NULL) {
        return NULL;
    }
    pool->free_chunks[kind] = chunk->next;
    pool->free_bytes -= chunk__held_bytes(kind, chunk->capacity_bytes);
    pool->free_count[kind]--;
    if (pool->free_count[kind] < pool->spare_count[kind]) {
        pool->spare_count[kind] = pool->free_count[kind];
    }
    return chunk;
}

static struct send_chunk *chunk__take(struct send_pool *pool, uint32_t kind,
                                      uint32_t capacity_bytes)
{
    struct send_chunk *chunk = kind < SEND_CHUNK_KINDS ? pool__take(pool, kind) : NULL;
    if (chunk == NULL) {
        chunk = chunk__create(kind, capacity_bytes);
        if (chunk == NULL) {
            return NULL;
        }
        pool->chunks_count++;
    }
    chunk->next = NULL;
    chunk->shared = NULL;
    chunk->begin = 0;
    chunk->end = 0;
    return chunk;
}

static void pool__free(struct send_pool *pool, struct send_chunk *chunk)
{
    chunk__free(chunk);
    pool->chunks_count--;
}

/* Releases a chunk that its queue has done with. */
static void chunk__give_back(struct send_queue *queue, struct send_pool *pool,
                             struct send_chunk *chunk)
{
    uint32_t kind = chunk->kind;
    uint32_t held_bytes = chunk__held_bytes(kind, chunk->capacity_bytes);
    queue->held_bytes -= held_bytes;
    if (chunk->shared != NULL) {
        queue->held_bytes -= (uint32_t)shared_buffer_bytes(chunk->shared);
        shared_buffer_release(chunk->shared);
        chunk->shared = NULL;
    }
    if (kind >= SEND_CHUNK_KINDS || pool->free_bytes + held_bytes > pool->free_bytes_max) {
        pool__free(pool, chunk);
        return;
    }
    chunk->next = pool->free_chunks[kind];
    pool->free_chunks[kind] = chunk;
    pool->free_count[kind]++;
    pool->free_bytes += held_bytes;
}

static const uint8_t *chunk__bytes(const struct send_chunk *chunk)
{
    return chunk->shared != NULL ? chunk->shared->bytes : chunk->data;
}

static void queue__push(struct send_queue *queue, struct send_chunk *chunk)
{
    queue->held_bytes += chunk__held_bytes(chunk->kind, chunk->capacity_bytes);
    if (queue->tail == NULL) {
        queue->head = chunk;
    } else {
        queue->tail->next = chunk;
    }
    queue->tail = chunk;
}

void send_pool_open(struct send_pool *pool, uint64_t free_bytes_max)
{
    memset(pool, 0, sizeof *pool);
    pool->free_bytes_max = free_bytes_max;
}

void send_pool_trim(struct send_pool *pool)
{
    for (uint32_t kind = 0; kind < SEND_CHUNK_KINDS; kind++) {
        for (uint32_t count = pool->spare_count[kind]; count > 0; count--) {
            pool__free(pool, pool__take(pool, kind));
        }
        pool->spare_count[kind] = pool->free_count[kind];
    }
}

void send_pool_close(struct send_pool *pool)
{
    for (uint32_t kind = 0; kind < SEND_CHUNK_KINDS; kind++) {
        struct send_chunk *chunk;
        while ((chunk = pool__take(pool, kind)) != NULL) {
            pool__free(pool, chunk);
        }
    }
    must(pool->chunks_count == 0);
}

/* Of the chunk that comes behind the queue's last one. */
static uint32_t queue__next_kind(const struct send_queue *queue, uint32_t bytes)
{
    const struct send_chunk *tail = queue->tail;
    uint32_t kind = SEND_CHUNK_TINY;
    if (tail != NULL && tail->shared == NULL) {
        kind = tail->kind < SEND_CHUNK_MEDIUM ? tail->kind + 1U : SEND_CHUNK_MEDIUM;
    }
    while (kind <= SEND_CHUNK_LARGE && CHUNK_BYTES[kind] < bytes) {
        kind++;
    }
    return kind <= SEND_CHUNK_LARGE ? kind : CHUNK_KIND_MEASURED;
}

static bool queue__fits_behind(const struct send_queue *queue, uint32_t bytes)
{
    const struct send_chunk *tail = queue->tail;
    return tail != NULL && tail->shared == NULL && tail->capacity_bytes - tail->end >= bytes;
}

static uint32_t kind__capacity_bytes(uint32_t kind, uint32_t bytes)
{
    return kind < SEND_CHUNK_KINDS ? CHUNK_BYTES[kind] : bytes;
}

uint64_t send_queue_cost(const struct send_queue *queue, uint32_t bytes)
{
    if (queue__fits_behind(queue, bytes)) {
        return 0;
    }
    uint32_t kind = queue__next_kind(queue, bytes);
    return chunk__held_bytes(kind, kind__capacity_bytes(kind, bytes));
}

uint64_t send_queue_cost_max(uint32_t bytes)
{
    uint32_t capacity_bytes = bytes;
    if (bytes <= CHUNK_LARGE_BYTES) {
        capacity_bytes = bytes <= CHUNK_MEDIUM_BYTES ? CHUNK_MEDIUM_BYTES : CHUNK_LARGE_BYTES;
    }
    return chunk__held_bytes(CHUNK_KIND_MEASURED, capacity_bytes);
}

uint8_t *send_queue_reserve(struct send_queue *queue, struct send_pool *pool, uint32_t bytes)
{
    if (!queue__fits_behind(queue, bytes)) {
        uint32_t kind = queue__next_kind(queue, bytes);
        struct send_chunk *chunk = chunk__take(pool, kind, kind__capacity_bytes(kind, bytes));
        if (chunk == NULL) {
            return NULL;
        }
        queue__push(queue, chunk);
    }
    struct send_chunk *chunk = queue->tail;
    uint8_t *place = chunk->data + chunk->end;
    chunk->end += bytes;
    queue->queued_bytes += bytes;
    return place;
}

void send_queue_shorten(struct send_queue *queue, uint32_t bytes)
{
    must(bytes <= queue->tail->end - queue->tail->begin);
    queue->tail->end -= bytes;
    queue->queued_bytes -= bytes;
}

bool send_queue_append(struct send_queue *queue, struct send_pool *pool, const uint8_t *data,
                       uint32_t bytes)
{
    if (bytes == 0) {
        return true;
    }
    uint8_t *place = send_queue_reserve(queue, pool, bytes);
    if (place == NULL) {
        return false;
    }
    memcpy(place, data, bytes);
    return true;
}

bool send_queue_append_shared(struct send_queue *queue, struct send_pool *pool,
                              struct shared_buffer *buffer)
{
    if (buffer->bytes_count == 0) {
        return true;
    }
    struct send_chunk *chunk = chunk__take(pool, SEND_CHUNK_SHARED, 0);
    if (chunk == NULL) {
        return false;
    }
    shared_buffer_retain(buffer);
    chunk->shared = buffer;
    chunk->end = buffer->bytes_count;
    queue__push(queue, chunk);
    queue->held_bytes += (uint32_t)shared_buffer_bytes(buffer);
    queue->queued_bytes += buffer->bytes_count;
    return true;
}

int send_queue_peek(const struct send_queue *queue, struct span *spans, int spans_max)
{
    int count = 0;
    for (const struct send_chunk *chunk = queue->head; chunk != NULL && count < spans_max;
         chunk = chunk->next) {
        spans[count].data = chunk__bytes(chunk) + chunk->begin;
        spans[count].bytes = chunk->end - chunk->begin;
        count++;
    }
    return count;
}

void send_queue_consume(struct send_queue *queue, struct send_pool *pool, uint64_t bytes)
{
    must(bytes <= queue->queued_bytes);
    queue->queued_bytes -= (uint32_t)bytes;
    while (bytes > 0) {
        struct send_chunk *chunk = queue->head;
        uint32_t left_bytes = chunk->end - chunk->begin;
        if (bytes < left_bytes) {
            chunk->begin += (uint32_t)bytes;
            return;
        }
        bytes -= left_bytes;
        queue->head = chunk->next;
        if (queue->head == NULL) {
            queue->tail = NULL;
        }
        chunk__give_back(queue, pool, chunk);
    }
}

void send_queue_clear(struct send_queue *queue, struct send_pool *pool)
{
    while (queue->head != NULL) {
        struct send_chunk *chunk = queue->head;
        queue->head = chunk->next;
        chunk__give_back(queue, pool, chunk);
    }
    queue->tail = NULL;
    queue->queued_bytes = 0;
}

bool send_queue_next_piece(const struct send_queue *queue, const struct send_chunk **cursor,
                           struct span *whole, uint32_t *taken_bytes)
{
    const struct send_chunk *chunk = *cursor == NULL ? queue->head : (*cursor)->next;
    if (chunk == NULL) {
        return false;
    }
    *cursor = chunk;
    whole->data = chunk__bytes(chunk);
    whole->bytes = chunk->end;
    *taken_bytes = chunk->begin;
    return true;
}

static uint64_t buffer__held_bytes(uint32_t bytes)
{
    return sizeof(struct shared_buffer) + MALLOC_HEAD_BYTES + (uint64_t)bytes;
}

uint64_t shared_buffer_bytes(const struct shared_buffer *buffer)
{
    return buffer__held_bytes(buffer->bytes_count);
}

uint64_t shared_buffer_cost_of(uint32_t bytes)
{
    return chunk__held_bytes(SEND_CHUNK_SHARED, 0) + buffer__held_bytes(bytes);
}

uint64_t shared_buffer_cost(const struct shared_buffer *buffer)
{
    return shared_buffer_cost_of(buffer->bytes_count);
}

struct shared_buffer *shared_buffer_create(uint32_t bytes)
{
    struct shared_buffer *buffer = malloc(sizeof *buffer + bytes);
    if (buffer == NULL) {
        return NULL;
    }
    atomic_init(&buffer->references, 1);
    buffer->bytes_count = bytes;
    return buffer;
}

void shared_buffer_retain(struct shared_buffer *buffer)
{
    atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
}

void shared_buffer_release(struct shared_buffer *buffer)
{
    /* acquire: the thread that frees must see the end of every other thread's reads. */
    if (atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) == 1) {
        free(buffer);
    }
}
