/* ${utc(...)}: the time of day as a protocol writes it. Pure; any thread. */
#pragma once

#include "scenario/value.h"

/* How many bytes a picture such as "%Y%m%d-%H:%M:%S.%3f" becomes, always; 0: it is none, or has
 * more than VALUE_DIGITS_MAX. */
uint32_t utc_bytes(const uint8_t *picture, uint32_t bytes);
/* The picture, which is one, of a Unix time of the years 0 to 9999. Returns utc_bytes(). */
uint32_t utc_write(const uint8_t *picture, uint32_t bytes, int64_t unix_ns,
                   uint8_t out[VALUE_DIGITS_MAX]);
