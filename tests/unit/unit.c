/* The part of the helpers that is the same on every system. */
#include "unit.h"

#include "core/clock.h"
#include "core/prng.h"

#include <inttypes.h>

const uint8_t *page_end_put(struct page_end *page, const void *data, size_t bytes)
{
    assert_true(bytes <= page->bytes_max);
    uint8_t *begin = page->end - bytes;
    if (bytes > 0) {
        memcpy(begin, data, bytes);
    }
    return begin;
}

static struct page_end unit__page;

const uint8_t *unit_page_put(const void *data, size_t bytes)
{
    return page_end_put(&unit__page, data, bytes);
}

int unit_page_open(void **state)
{
    (void)state;
    page_end_open(&unit__page, 4096);
    return 0;
}

int unit_page_close(void **state)
{
    (void)state;
    page_end_close(&unit__page);
    return 0;
}

uint64_t unit_seed(void)
{
    const char *text = getenv("DUMMYLOAD_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)clock_wall_ns();
    print_message("DUMMYLOAD_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

uint64_t unit_rounds(uint64_t usual)
{
    const char *text = getenv("DUMMYLOAD_TEST_ROUNDS");
    uint64_t asked = text ? strtoull(text, NULL, 10) : 0;
    return asked > usual ? asked : usual;
}

void unit_file_make(struct unit_file *file, const char *name, const char *text)
{
    unit_folder_make(file->folder);
    snprintf(file->path, sizeof file->path, "%s/%s", file->folder, name);
    FILE *stream = fopen(file->path, "wb");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

void unit_file_remove(const struct unit_file *file)
{
    remove(file->path);
    unit_folder_remove(file->folder);
}
