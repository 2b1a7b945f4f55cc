/* A borrowed run of bytes. The provider of a span documents how long it stays valid. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *data;
    size_t bytes;
};
