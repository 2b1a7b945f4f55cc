/* Pages of stomped sessions on Windows. */
#include "sessions/session_memory.h"

#include "core/must.h"

#include <windows.h>

size_t session_pages_size(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

void *session_pages_map(size_t bytes)
{
    /* Reserved and not committed: no access. */
    void *pages = VirtualAlloc(NULL, bytes, MEM_RESERVE, PAGE_NOACCESS);
    if (pages == NULL) {
        return NULL;
    }
    if (VirtualAlloc(pages, bytes - session_pages_size(), MEM_COMMIT, PAGE_READWRITE) == NULL) {
        VirtualFree(pages, 0, MEM_RELEASE);
        return NULL;
    }
    return pages;
}

void session_pages_unmap(void *pages, size_t bytes)
{
    must(VirtualFree(pages, bytes, MEM_DECOMMIT));
}

void session_pages_release(void *pages, size_t bytes)
{
    (void)bytes;
    must(VirtualFree(pages, 0, MEM_RELEASE));
}
