#include "core/zeroed.h"

#include <stdlib.h>

void *zeroed_alloc(size_t count, size_t bytes)
{
    return calloc(count, bytes);
}

void zeroed_free(void *memory)
{
    free(memory);
}
