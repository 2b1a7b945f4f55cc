#include "sessions/session_memory.h"

#include "system/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SESSION_MEMORY_ALIGNMENT = 16 };

/* Precedes a stomped session. */
struct session_pages {
    void *pages;
    size_t bytes;
};

_Static_assert(sizeof(struct session_pages) <= SESSION_MEMORY_ALIGNMENT,
               "a header that moves the session off its alignment");

static atomic_bool session_memory__stomp;

/* The addresses of the sessions freed last, in turn. */
static struct {
    atomic_flag lock; /* held for a few instructions, in a debugging aid: no mutex to set up */
    struct session_pages kept[SESSION_MEMORY_KEPT];
    uint32_t next;
} session_memory__graves = {.lock = ATOMIC_FLAG_INIT};

void session_memory_set_stomp(bool stomp)
{
    atomic_store(&session_memory__stomp, stomp);
}

static void *session_memory__map(size_t bytes)
{
    const size_t page_bytes = session_pages_size();
    /* At the very end, except for its alignment, before the page without access. */
    bytes = (bytes + SESSION_MEMORY_ALIGNMENT - 1) & ~(size_t)(SESSION_MEMORY_ALIGNMENT - 1);
    struct session_pages header;
    size_t used_bytes =
        (bytes + SESSION_MEMORY_ALIGNMENT + page_bytes - 1) / page_bytes * page_bytes;
    header.bytes = used_bytes + page_bytes;
    header.pages = session_pages_map(header.bytes);
    if (header.pages == NULL) {
        return NULL;
    }
    uint8_t *memory = (uint8_t *)header.pages + used_bytes - bytes;
    *(struct session_pages *)(void *)(memory - SESSION_MEMORY_ALIGNMENT) = header;
    return memory;
}

static void session_memory__unmap(void *memory)
{
    struct session_pages *header =
        (struct session_pages *)(void *)((uint8_t *)memory - SESSION_MEMORY_ALIGNMENT);
    struct session_pages grave = *header;
    session_pages_unmap(grave.pages, grave.bytes);

    while (atomic_flag_test_and_set(&session_memory__graves.lock)) {
        thread_yield();
    }
    uint32_t place = session_memory__graves.next++ % SESSION_MEMORY_KEPT;
    struct session_pages oldest = session_memory__graves.kept[place];
    session_memory__graves.kept[place] = grave;
    atomic_flag_clear(&session_memory__graves.lock);

    if (oldest.pages != NULL) {
        session_pages_release(oldest.pages, oldest.bytes);
    }
}

void *session_memory_alloc(size_t bytes)
{
    if (atomic_load_explicit(&session_memory__stomp, memory_order_relaxed)) {
        return session_memory__map(bytes);
    }
    /* The address of the block precedes the session. */
    uint8_t *whole = calloc(1, bytes + SESSION_LINE_BYTES);
    if (whole == NULL) {
        return NULL;
    }
    uintptr_t past = (uintptr_t)whole % SESSION_LINE_BYTES;
    uint8_t *memory = whole + SESSION_LINE_BYTES - past;
    ((void **)(void *)memory)[-1] = whole;
    return memory;
}

void session_memory_free(void *memory)
{
    if (memory == NULL) {
        return;
    }
    if (atomic_load_explicit(&session_memory__stomp, memory_order_relaxed)) {
        session_memory__unmap(memory);
    } else {
        free(((void **)memory)[-1]);
    }
}
