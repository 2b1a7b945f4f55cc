/* Pages of stomped sessions on Linux. */
#include "sessions/session_memory.h"

#include "core/must.h"

#include <sys/mman.h>
#include <unistd.h>

size_t session_pages_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *session_pages_map(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return NULL; /* vm.max_map_count: two mappings per session */
    }
    if (mprotect(pages, bytes - session_pages_size(), PROT_READ | PROT_WRITE) != 0) {
        munmap(pages, bytes);
        return NULL;
    }
    return pages;
}

void session_pages_unmap(void *pages, size_t bytes)
{
    /* A new mapping in the place of the old one: the memory is freed, and the addresses remain
     * reserved. */
    void *reserved = mmap(pages, bytes, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    must(reserved == pages);
}

void session_pages_release(void *pages, size_t bytes)
{
    must(munmap(pages, bytes) == 0);
}
