/* Printing numbers with units for people. */
#include "text/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct units__scale {
    const char *name;
    double factor;
};

/* Three significant digits in the largest unit in which the rounded number is at least 1. */
static void units__format(double value, const struct units__scale *scales, int count, bool whole,
                          char text[UNITS_TEXT_BYTES_MAX])
{
    int place = 0;
    /* 999.5 prints as 1000: that is the next unit's 1.00. */
    while (place + 1 < count && value / scales[place].factor >=
                                    0.9995 * scales[place + 1].factor / scales[place].factor) {
        place++;
    }
    double scaled = value / scales[place].factor;
    int decimals = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
    if (place == 0 && whole) {
        decimals = 0;
    }
    snprintf(text, UNITS_TEXT_BYTES_MAX, "%.*f %s", decimals, scaled, scales[place].name);
}

const char *units_format_duration(int64_t duration_ns, char text[UNITS_TEXT_BYTES_MAX])
{
    static const struct units__scale scales[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    if (duration_ns >= 0) {
        units__format((double)duration_ns, scales, 4, true, text);
        return text;
    }
    char positive[UNITS_TEXT_BYTES_MAX];
    units__format(-(double)duration_ns, scales, 4, true, positive);
    text[0] = '-';
    memcpy(text + 1, positive, UNITS_TEXT_BYTES_MAX - 1);
    text[UNITS_TEXT_BYTES_MAX - 1] = '\0';
    return text;
}

const char *units_format_bytes(uint64_t bytes, char text[UNITS_TEXT_BYTES_MAX])
{
    static const struct units__scale scales[] = {{"B", 1},
                                                 {"KiB", 1024.0},
                                                 {"MiB", 1048576.0},
                                                 {"GiB", 1073741824.0},
                                                 {"TiB", 1099511627776.0}};
    units__format((double)bytes, scales, 5, true, text);
    return text;
}

const char *units_format_count(uint64_t count, char text[UNITS_TEXT_BYTES_MAX])
{
    char digits[24];
    int digits_count = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *out = text;
    for (int i = 0; i < digits_count; i++) {
        if (i > 0 && (digits_count - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

const char *units_format_rate(double rate_per_s, char text[UNITS_TEXT_BYTES_MAX])
{
    if (rate_per_s >= 1000) {
        return units_format_count((uint64_t)(rate_per_s + 0.5), text);
    }
    /* One decimal, unless that would take digits away that a low rate has. */
    double shown = (double)(int64_t)(rate_per_s * 10 + 0.5) / 10;
    double lost = rate_per_s > shown ? rate_per_s - shown : shown - rate_per_s;
    snprintf(text, UNITS_TEXT_BYTES_MAX, lost > rate_per_s / 1000 ? "%.3g" : "%.1f", rate_per_s);
    return text;
}
