#include "text/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct units__name {
    const char *name;
    double factor;
};

/* Digits, perhaps a point and more digits: no sign, no exponent, no hexadecimal, no "inf", which
 * strtod() would all take. *exact: at most 15 digits, which a double holds exactly. Returns what
 * follows, or NULL. */
static const char *units__number(const char *text, double *value, bool *exact)
{
    double mantissa = 0;
    double divisor = 1;
    int digits = 0;
    int before_point = 0;
    bool point = false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            before_point = digits;
            continue;
        }
        digits++;
        mantissa = mantissa * 10 + (*text - '0');
        if (point) {
            divisor *= 10;
        }
    }
    if (digits == 0 || (point && (before_point == 0 || before_point == digits))) {
        return NULL;
    }
    *value = mantissa / divisor;
    *exact = digits <= 15;
    return text;
}

static bool units__is_exact(bool exact, const char *text, struct error *error)
{
    if (!exact) {
        error_set(error, "expected a number of at most 15 digits, found \"%s\"", text);
    }
    return exact;
}

static const struct units__name *units__find(const struct units__name *names, const char *name)
{
    for (; names->name; names++) {
        if (strcmp(names->name, name) == 0) {
            return names;
        }
    }
    return NULL;
}

static const struct units__name units__times[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {NULL, 0}};
static const struct units__name units__rates[] = {
    {"", 1}, {"/s", 1}, {"/m", 60}, {"/h", 3600}, {NULL, 0}};

static bool units__is(const char *text, const struct units__name *names)
{
    double number;
    bool exact;
    const char *rest = units__number(text, &number, &exact);
    return rest != NULL && units__find(names, rest) != NULL;
}

bool units_is_duration(const char *text)
{
    return units__is(text, units__times);
}

bool units_is_rate(const char *text)
{
    return units__is(text, units__rates);
}

/* As it would be typed. */
static void units__format_bound(int64_t bound_ns, char text[UNITS_TEXT_BYTES_MAX])
{
    static const int64_t S_NS = 1000000000;
    static const int64_t H_NS = 3600 * S_NS;
    if (bound_ns >= 48 * H_NS && bound_ns % (24 * H_NS) == 0) {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%" PRId64 "h (%" PRId64 " days)", bound_ns / H_NS,
                 bound_ns / H_NS / 24);
    } else if (bound_ns % H_NS == 0) {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%" PRId64 "h", bound_ns / H_NS);
    } else if (bound_ns % S_NS == 0) {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%" PRId64 "s", bound_ns / S_NS);
    } else {
        units_format_duration(bound_ns, text);
    }
}

bool units_duration_ns(const char *text, int64_t *duration_ns, struct error *error)
{
    return units_duration_within_ns(text, UNITS_DURATION_NS_MAX, duration_ns, error);
}

bool units_duration_within_ns(const char *text, int64_t high_ns, int64_t *duration_ns,
                              struct error *error)
{
    double number;
    bool exact = true;
    const char *rest = units__number(text, &number, &exact);
    if (rest == NULL) {
        error_set(error, "expected a duration such as 500ms, 30s or 5m, found \"%s\"", text);
        return false;
    }
    const struct units__name *unit = units__find(units__times, rest);
    if (unit == NULL) {
        error_set(error, "expected a duration with one of the units ns us ms s m h, found \"%s\"%s",
                  text, *rest ? "" : " (no unit)");
        return false;
    }
    double value_ns = number * unit->factor;
    if (value_ns > (double)high_ns) {
        char bound[UNITS_TEXT_BYTES_MAX];
        units__format_bound(high_ns, bound);
        error_set(error, "expected a duration of at most %s, found \"%s\"", bound, text);
        return false;
    }
    if (!units__is_exact(exact, text, error)) {
        return false;
    }
    if (number > 0 && value_ns < 0.5) {
        error_set(error, "expected a duration of whole nanoseconds, found \"%s\"", text);
        return false;
    }
    *duration_ns = (int64_t)llround(value_ns);
    return true;
}

bool units_rate_per_s(const char *text, double *rate_per_s, struct error *error)
{
    double number;
    bool exact = true;
    const char *rest = units__number(text, &number, &exact);
    const struct units__name *unit = rest ? units__find(units__rates, rest) : NULL;
    if (unit == NULL) {
        error_set(error,
                  "expected a rate above 0 such as 20000/s, 90/m or 5/h, at most 1000000000/s, "
                  "found \"%s\"",
                  text);
        return false;
    }
    double value = number / unit->factor;
    if (value > UNITS_RATE_MAX_PER_S) {
        error_set(error, "expected a rate above 0, at most 1000000000/s, found \"%s\"", text);
        return false;
    }
    if (!units__is_exact(exact, text, error)) {
        return false;
    }
    *rate_per_s = value;
    return true;
}

bool units_size_bytes(const char *text, uint64_t *size_bytes, struct error *error)
{
    static const struct units__name names[] = {{"", 1},          {"B", 1},
                                               {"kB", 1e3},      {"MB", 1e6},
                                               {"GB", 1e9},      {"KiB", 1024},
                                               {"MiB", 1048576}, {"GiB", 1073741824},
                                               {"TB", 1e12},     {"TiB", 1099511627776.0},
                                               {NULL, 0}};
    double number;
    bool exact = true;
    const char *rest = units__number(text, &number, &exact);
    const struct units__name *unit = rest ? units__find(names, rest) : NULL;
    if (unit == NULL) {
        error_set(error, "expected a size such as 4096, 64KiB, 1MiB or 16kB, found \"%s\"", text);
        return false;
    }
    double value = number * unit->factor;
    if (value > 1099511627776.0) {
        error_set(error, "expected a size of at most 1TiB, found \"%s\"", text);
        return false;
    }
    if (!units__is_exact(exact, text, error)) {
        return false;
    }
    if (value != floor(value)) {
        error_set(error, "expected a size of whole bytes, found \"%s\"", text);
        return false;
    }
    *size_bytes = (uint64_t)value;
    return true;
}

bool units_integer(const char *text, int64_t low, int64_t high, int64_t *value, struct error *error)
{
    const char *digit = text;
    bool negative = *digit == '-';
    if (negative) {
        digit++;
    }
    /* Summed up as a negative number: INT64_MIN has no positive twin. */
    int64_t sum = 0;
    bool fits = *digit != '\0';
    for (; fits && *digit; digit++) {
        int next = *digit - '0';
        fits = next >= 0 && next <= 9 && sum >= (INT64_MIN + next) / 10;
        if (fits) {
            sum = sum * 10 - next;
        }
    }
    if (fits && !negative && sum == INT64_MIN) {
        fits = false;
    }
    int64_t result = fits && !negative ? -sum : sum;
    if (!fits || result < low || result > high) {
        error_set(error, "expected a whole number from %" PRId64 " to %" PRId64 ", found \"%s\"",
                  low, high, text);
        return false;
    }
    *value = result;
    return true;
}

struct units__scale {
    const char *name;
    double factor;
};

/* Three significant digits in the largest unit in which the rounded number is at least 1. */
static void units__format(double value, const struct units__scale *scales, int count,
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
    if (place == 0) {
        decimals = 0;
    }
    snprintf(text, UNITS_TEXT_BYTES_MAX, "%.*f %s", decimals, scaled, scales[place].name);
}

const char *units_format_duration(int64_t duration_ns, char text[UNITS_TEXT_BYTES_MAX])
{
    static const struct units__scale scales[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    if (duration_ns >= 0) {
        units__format((double)duration_ns, scales, 4, text);
        return text;
    }
    char positive[UNITS_TEXT_BYTES_MAX];
    units__format(-(double)duration_ns, scales, 4, positive);
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
    units__format((double)bytes, scales, 5, text);
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

const char *units_format_counted(uint64_t count, const char *noun,
                                 char text[UNITS_COUNTED_BYTES_MAX])
{
    snprintf(text, UNITS_COUNTED_BYTES_MAX, "%" PRIu64 " %.40s%s", count, noun,
             count == 1 ? "" : "s");
    return text;
}

/* Digits all the way, never an exponent, without zeros at the end. */
static void units__format_plain(double value, int digits, char text[UNITS_TEXT_BYTES_MAX])
{
    int before = value > 0 ? (int)floor(log10(value)) + 1 : 1;
    int decimals = digits - before;
    decimals = decimals < 0                          ? 0
               : decimals > UNITS_TEXT_BYTES_MAX - 4 ? UNITS_TEXT_BYTES_MAX - 4
                                                     : decimals;
    snprintf(text, UNITS_TEXT_BYTES_MAX, "%.*f", decimals, value);
    size_t bytes = strlen(text);
    while (decimals > 0 && text[bytes - 1] == '0') {
        text[--bytes] = '\0';
    }
    if (decimals > 0 && text[bytes - 1] == '.') {
        text[bytes - 1] = '\0';
    }
}

const char *units_format_exact_rate(double rate_per_s, char text[UNITS_TEXT_BYTES_MAX])
{
    units__format_plain(rate_per_s, 6, text);
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
    if (lost > rate_per_s / 1000) {
        units__format_plain(rate_per_s, 3, text);
    } else {
        snprintf(text, UNITS_TEXT_BYTES_MAX, "%.1f", rate_per_s);
    }
    return text;
}
