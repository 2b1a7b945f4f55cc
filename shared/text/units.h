/* Numbers with units, as people type them: 500ms, 30s, 1h; 1000/s; 64KiB; 20%.
 *
 * Each returns false and names what was expected when the text is not wholly such a value, has no
 * unit where one is needed, or is out of range. Pure; any thread. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

/* "500us", "1.5s", "10m", "1h"; units ns us ms s m h; the unit is required. From 0 to
 * UNITS_DURATION_NS_MAX, ten years, or to high_ns. */
static const int64_t UNITS_DURATION_NS_MAX = INT64_C(10) * 365 * 86400 * 1000000000;
bool units_duration_ns(const char *text, int64_t *duration_ns, struct error *error);
bool units_duration_within_ns(const char *text, int64_t high_ns, int64_t *duration_ns,
                              struct error *error);
#define UNITS_RATE_MAX_PER_S 1e9
/* "20000/s", "90/m", "5/h", or a bare number (per second). 0..UNITS_RATE_MAX_PER_S. */
bool units_rate_per_s(const char *text, double *rate_per_s, struct error *error);
/* Written so, however long or high it is. */
bool units_is_duration(const char *text);
bool units_is_rate(const char *text);
/* "4096", "64KiB", "1MiB", "16kB"; 0..2^40. */
bool units_size_bytes(const char *text, uint64_t *size_bytes, struct error *error);
/* A whole decimal number in [low, high], nothing before or behind it. */
bool units_integer(const char *text, int64_t low, int64_t high, int64_t *value,
                   struct error *error);

/* A duration for a person, three significant digits: "1.23 ms". */
enum { UNITS_TEXT_BYTES_MAX = 32 };
const char *units_format_duration(int64_t duration_ns, char text[UNITS_TEXT_BYTES_MAX]);
/* "12.3 MiB". */
const char *units_format_bytes(uint64_t bytes, char text[UNITS_TEXT_BYTES_MAX]);
/* "1,234,567". */
const char *units_format_count(uint64_t count, char text[UNITS_TEXT_BYTES_MAX]);
/* A number of things by the singular of their name: "1 byte", "64 bytes". */
enum { UNITS_COUNTED_BYTES_MAX = 64 };
const char *units_format_counted(uint64_t count, const char *noun,
                                 char text[UNITS_COUNTED_BYTES_MAX]);
/* Per second, without the unit: "20,000", "123.4", "5.0", "0.05", "0.0167". */
const char *units_format_rate(double rate_per_s, char text[UNITS_TEXT_BYTES_MAX]);
/* As it was given: "1000001", "0.0166667", "0.0000001". */
const char *units_format_exact_rate(double rate_per_s, char text[UNITS_TEXT_BYTES_MAX]);
