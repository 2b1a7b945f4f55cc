/* What the unit tests share: cmocka with the headers it wants before it, and memory that ends at
 * the end of a page. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof array / sizeof *(array))

/* A buffer whose last byte is the last of a readable page: one byte beyond it is a crash, with
 * every compiler and without sanitizers. */
struct page_end {
    uint8_t *mapping;
    size_t mapping_bytes;
    uint8_t *end; /* behind the last byte */
    size_t bytes_max;
};

void page_end_open(struct page_end *page, size_t bytes_max);
void page_end_close(struct page_end *page);
/* Copies data to the end of the page and returns where it begins. */
const uint8_t *page_end_put(struct page_end *page, const void *data, size_t bytes);
/* One for a group of tests, of up to 4096 bytes: with its functions as the group's setup and
 * teardown. */
const uint8_t *unit_page_put(const void *data, size_t bytes);
int unit_page_open(void **state);
int unit_page_close(void **state);

/* Bytes in use of this program's heap; 0 where the system does not tell. */
size_t unit_heap_bytes(void);
/* The lowest 64 descriptors of this program, a bit for each that is open; Windows: 0. */
uint64_t unit_handles(void);

/* The seed of a randomised test: DUMMYLOAD_TEST_SEED, or a new one; printed, so that a failure can
 * be repeated. */
uint64_t unit_seed(void);
/* How many rounds of a randomised test to play: the usual number, or more where the environment
 * asks for more (DUMMYLOAD_TEST_ROUNDS). */
uint64_t unit_rounds(uint64_t usual);

/* Calls this program once more, with first and words (UTF-8); its exit code. */
int unit_call_self(const char *first, const char *const *words, size_t words_count);

/* A new folder for files of the test, below the working folder; remove it empty. */
enum { UNIT_PATH_BYTES_MAX = 512 };
void unit_folder_make(char path[UNIT_PATH_BYTES_MAX]);
void unit_folder_remove(const char *path);
/* A file with this text, alone in a new folder; remove both. */
struct unit_file {
    char folder[UNIT_PATH_BYTES_MAX];
    char path[UNIT_PATH_BYTES_MAX + 16];
};
void unit_file_make(struct unit_file *file, const char *name, const char *text);
void unit_file_remove(const struct unit_file *file);
/* Removes a file whose name may have letters outside ASCII (UTF-8). */
void unit_remove(const char *path);
/* Calls for each file in a folder, but hidden ones; each may be NULL. Returns how many there are,
 * -1 when it is not a folder. */
int unit_folder_read(const char *path, void (*each)(void *context, const char *name),
                     void *context);
