#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void page_end_open(struct page_end *page, size_t bytes_max)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable_bytes = (bytes_max + page_bytes - 1) / page_bytes * page_bytes;
    page->mapping_bytes = readable_bytes + page_bytes;
    void *mapping =
        mmap(NULL, page->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapping != MAP_FAILED);
    page->mapping = mapping;
    page->end = page->mapping + readable_bytes;
    page->bytes_max = bytes_max;
    assert_int_equal(mprotect(page->end, page_bytes, PROT_NONE), 0);
}

void page_end_close(struct page_end *page)
{
    munmap(page->mapping, page->mapping_bytes);
}

void unit_folder_make(char path[UNIT_PATH_BYTES_MAX])
{
    snprintf(path, UNIT_PATH_BYTES_MAX, "unit-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

void unit_folder_remove(const char *path)
{
    assert_int_equal(rmdir(path), 0);
}

int unit_folder_read(const char *path, void (*each)(void *context, const char *name), void *context)
{
    int count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return -1;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        count++;
        if (each != NULL) {
            each(context, entry->d_name);
        }
    }
    closedir(folder);
    return count;
}

void unit_remove(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

size_t unit_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2(); /* glibc 2.33 */
    return info.uordblks + info.hblkhd;
}

uint64_t unit_handles(void)
{
    uint64_t open = 0;
    for (int descriptor = 0; descriptor < 64; descriptor++) {
        open |= (uint64_t)(fcntl(descriptor, F_GETFD) >= 0) << descriptor;
    }
    return open;
}

int unit_call_self(const char *first, const char *const *words, size_t words_count)
{
    char **arguments = calloc(words_count + 3, sizeof *arguments);
    assert_non_null(arguments);
    arguments[0] = strdup("self");
    arguments[1] = strdup(first);
    for (size_t i = 0; i < words_count; i++) {
        arguments[2 + i] = strdup(words[i]);
    }
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    for (size_t i = 0; i < words_count + 2; i++) {
        free(arguments[i]);
    }
    free(arguments);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
