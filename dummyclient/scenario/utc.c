#include "scenario/utc.h"

#include "core/clock.h"

#include <string.h>

/* What follows a %, and how long it is. */
static const struct {
    const char *code;
    uint32_t bytes;
} UTC_CODES[] = {{"Y", 4}, {"m", 2}, {"d", 2}, {"H", 2},  {"M", 2},  {"S", 2},
                 {"a", 3}, {"b", 3}, {"%", 1}, {"3f", 3}, {"6f", 6}, {"9f", 9}};
enum { UTC_CODES_COUNT = sizeof UTC_CODES / sizeof UTC_CODES[0] };

/* The code behind a %, at `at` or further on: UTC_CODES_COUNT: none. */
static uint32_t utc__code(const uint8_t *picture, uint32_t bytes, uint32_t at)
{
    uint32_t i = 0;
    for (; i < UTC_CODES_COUNT; i++) {
        size_t code_bytes = strlen(UTC_CODES[i].code);
        if (bytes - at >= code_bytes && memcmp(picture + at, UTC_CODES[i].code, code_bytes) == 0) {
            break;
        }
    }
    return i;
}

uint32_t utc_bytes(const uint8_t *picture, uint32_t bytes)
{
    uint32_t length = 0;
    for (uint32_t at = 0; at < bytes;) {
        if (picture[at++] != '%') {
            length++;
            continue;
        }
        uint32_t code = utc__code(picture, bytes, at);
        if (code == UTC_CODES_COUNT) {
            return 0;
        }
        length += UTC_CODES[code].bytes;
        at += (uint32_t)strlen(UTC_CODES[code].code);
    }
    return length <= VALUE_DIGITS_MAX ? length : 0;
}

struct utc__time {
    int64_t year;
    uint32_t month; /* from 0 */
    uint32_t day;
    uint32_t second;  /* of the day */
    uint32_t weekday; /* from Sunday */
    uint32_t ns;
};

/* The civil calendar: days since 1970 in eras of 400 years that begin with March (after Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static struct utc__time utc__of(int64_t unix_ns)
{
    const int64_t day_ns = 86400 * NS_PER_S;
    int64_t days = unix_ns / day_ns - (unix_ns % day_ns < 0);
    int64_t rest_ns = unix_ns - days * day_ns;
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    uint32_t day_of_era = (uint32_t)(shifted - era * 146097);
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    return (struct utc__time){.year = era * 400 + year_of_era + (month >= 10),
                              .month = (month + 2) % 12,
                              .day = day_of_year - (153 * month + 2) / 5 + 1,
                              .second = (uint32_t)(rest_ns / NS_PER_S),
                              .weekday = (uint32_t)(((days + 4) % 7 + 7) % 7),
                              .ns = (uint32_t)(rest_ns % NS_PER_S)};
}

static void utc__digits(uint64_t number, uint32_t digits, uint8_t *out)
{
    for (uint32_t i = digits; i-- > 0; number /= 10) {
        out[i] = (uint8_t)('0' + number % 10);
    }
}

static void utc__write_code(const struct utc__time *time, uint32_t code, uint8_t *out)
{
    static const char DAYS[] = "SunMonTueWedThuFriSat";
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t number = 0;
    switch (UTC_CODES[code].code[0]) {
    case 'Y':
        number = (uint64_t)time->year;
        break;
    case 'm':
        number = time->month + 1;
        break;
    case 'd':
        number = time->day;
        break;
    case 'H':
        number = time->second / 3600;
        break;
    case 'M':
        number = time->second / 60 % 60;
        break;
    case 'S':
        number = time->second % 60;
        break;
    case '3':
        number = time->ns / 1000000;
        break;
    case '6':
        number = time->ns / 1000;
        break;
    case '9':
        number = time->ns;
        break;
    case 'a':
        memcpy(out, DAYS + (size_t)3 * time->weekday, 3);
        return;
    case 'b':
        memcpy(out, MONTHS + (size_t)3 * time->month, 3);
        return;
    default:
        *out = '%';
        return;
    }
    utc__digits(number, UTC_CODES[code].bytes, out);
}

uint32_t utc_write(const uint8_t *picture, uint32_t bytes, int64_t unix_ns,
                   uint8_t out[VALUE_DIGITS_MAX])
{
    const struct utc__time time = utc__of(unix_ns);
    uint32_t length = 0;
    for (uint32_t at = 0; at < bytes;) {
        if (picture[at] != '%') {
            out[length++] = picture[at++];
            continue;
        }
        uint32_t code = utc__code(picture, bytes, ++at);
        utc__write_code(&time, code, out + length);
        length += UTC_CODES[code].bytes;
        at += (uint32_t)strlen(UTC_CODES[code].code);
    }
    return length;
}
