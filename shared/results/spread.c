#include "results/spread.h"

uint64_t spread_count_before(const struct spread *spread, int64_t time_ns)
{
    if (time_ns <= spread->first_ns || spread->count == 0) {
        return 0;
    }
    if (time_ns > spread->last_ns || spread->count == 1) {
        return spread->count;
    }
    /* Rounded, but never falling as time_ns rises: that is what makes the parts add up. */
    double share = (double)(time_ns - 1 - spread->first_ns) /
                   (double)(spread->last_ns - spread->first_ns) * (double)(spread->count - 1);
    uint64_t before = (uint64_t)share + 1;
    return before < spread->count ? before : spread->count - 1;
}

uint64_t spread_count_in(const struct spread *spread, int64_t from_ns, int64_t until_ns)
{
    return until_ns <= from_ns
               ? 0
               : spread_count_before(spread, until_ns) - spread_count_before(spread, from_ns);
}
