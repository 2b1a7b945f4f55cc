/* What is the same on every system: printing a time. */
#include "core/clock.h"

#include <stdio.h>

/* The Gregorian date of a day number, by counting in eras of 400 years that begin on the first of
 * March, so that the leap day is the last of its year. Free of gmtime(), which is not thread-safe
 * everywhere and has another name on each system. */
static void clock__date_of_day(int64_t day, int64_t *year, int *month, int *day_of_month)
{
    enum { DAYS_PER_ERA = 146097, DAYS_FROM_MARCH_0000_TO_1970 = 719468 };
    int64_t shifted = day + DAYS_FROM_MARCH_0000_TO_1970;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t in_era = shifted - era * DAYS_PER_ERA;
    int64_t year_in_era =
        (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_PER_ERA - 1)) / 365;
    int64_t in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    int64_t month_from_march = (5 * in_year + 2) / 153;
    *day_of_month = (int)(in_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = year_in_era + era * 400 + (*month <= 2 ? 1 : 0);
}

void clock_format_utc(int64_t wall_ns, char text[CLOCK_TEXT_BYTES_MAX])
{
    int64_t ms = wall_ns / NS_PER_MS - (wall_ns % NS_PER_MS < 0 ? 1 : 0);
    int64_t day = ms / 86400000 - (ms % 86400000 < 0 ? 1 : 0);
    unsigned in_day_ms = (unsigned)(ms - day * 86400000);
    int64_t year;
    int month;
    int day_of_month;
    clock__date_of_day(day, &year, &month, &day_of_month);
    /* The remainders bound each number for the compiler, which checks the buffer's size. */
    snprintf(text, CLOCK_TEXT_BYTES_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)year % 10000u, (unsigned)month % 100u, (unsigned)day_of_month % 100u,
             in_day_ms / 3600000u % 24u, in_day_ms / 60000u % 60u, in_day_ms / 1000u % 60u,
             in_day_ms % 1000u);
}

void clock_measure(int64_t *cost_ns, int64_t *tick_ns)
{
    enum { ROUNDS = 20, READS = 1000 };
    *cost_ns = INT64_MAX;
    *tick_ns = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start_ns = clock_now_ns();
        int64_t last_ns = start_ns;
        for (int i = 0; i < READS; i++) {
            int64_t now_ns = clock_now_ns();
            if (now_ns > last_ns && now_ns - last_ns < *tick_ns) {
                *tick_ns = now_ns - last_ns;
            }
            last_ns = now_ns;
        }
        /* The best round: in the others another program had the CPU. */
        int64_t cost_of_round_ns = (last_ns - start_ns + READS / 2) / READS;
        if (cost_of_round_ns < *cost_ns) {
            *cost_ns = cost_of_round_ns;
        }
    }
    if (*tick_ns == INT64_MAX) {
        *tick_ns = 0; /* it never moved: too coarse to measure */
    }
}

int64_t clock_wall_offset_ns(void)
{
    enum { ATTEMPTS_MAX = 8 };
    static const int64_t CLOSE_NS = 20 * NS_PER_US;
    int64_t offset_ns = 0;
    int64_t least_ns = TIME_NEVER_NS;
    for (int i = 0; i < ATTEMPTS_MAX && least_ns > CLOSE_NS; i++) {
        int64_t before_ns = clock_now_ns();
        int64_t wall_ns = clock_wall_ns();
        int64_t apart_ns = clock_now_ns() - before_ns;
        if (apart_ns < least_ns) {
            least_ns = apart_ns;
            offset_ns = wall_ns - before_ns - apart_ns / 2;
        }
    }
    return offset_ns;
}
