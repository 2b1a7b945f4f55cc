/* Where sessions live. Ordinarily the heap; with stomping on (--stomp), each session alone on
 * separate pages, so that a use after its end crashes immediately instead of corrupting silently.
 *
 * A completion that still names a freed session is the classic defect of completion servers: the
 * memory has been given to the next session by then, and that one is corrupted. Stomping costs a
 * few system calls per connection and at least two pages, so it is for tests and for finding such a
 * defect.
 *
 * With stomping on:
 *     a session ends where its pages end, and a page without access behind it: writing past it
 *     crashes;
 *     freed pages are unmapped immediately, and their addresses not reused until
 *     SESSION_MEMORY_KEPT more sessions were freed: any use crashes.
 *
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SESSION_MEMORY_KEPT = 1024, SESSION_LINE_BYTES = 64 };

/* Memory of one session, zeroed and aligned for any type, at a line of the cache (not with stomping
 * on); NULL when there is none. */
void *session_memory_alloc(size_t bytes);
/* memory comes from session_memory_alloc(), or is NULL. */
void session_memory_free(void *memory);
/* For the whole process, and while no session exists. */
void session_memory_set_stomp(bool stomp);

/* -------- session_memory_linux.c, session_memory_win.c -------- */

size_t session_pages_size(void);
/* Addresses of bytes (a multiple of the page size), all but the last page of it usable and zeroed;
 * NULL when there is no memory. */
void *session_pages_map(size_t bytes);
/* Takes the memory away; the addresses stay reserved and crash who uses them. */
void session_pages_unmap(void *pages, size_t bytes);
/* After session_pages_unmap(): gives the addresses back. */
void session_pages_release(void *pages, size_t bytes);
