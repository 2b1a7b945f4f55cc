#include "scenario/back_off.h"

const struct back_off BACK_OFF_DEFAULT = {
    .first_ns = BACK_OFF_FIRST_NS, .most_ns = BACK_OFF_MOST_NS, .factor = BACK_OFF_FACTOR};

int64_t back_off_pause_ns(const struct back_off *back_off, uint32_t failed_count, double drawn)
{
    double most_ns = (double)back_off->most_ns;
    double pause_ns = (double)back_off->first_ns;
    for (uint32_t i = 0; i < failed_count && pause_ns < most_ns && back_off->factor > 1; i++) {
        pause_ns *= back_off->factor;
    }
    pause_ns = pause_ns < most_ns ? pause_ns : most_ns;
    return (int64_t)(pause_ns / 2 + drawn * pause_ns / 2);
}
