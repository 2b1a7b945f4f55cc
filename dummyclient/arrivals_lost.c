/* Arrivals that never began, many at a time. */
#include "arrivals.h"

#include "core/clock.h"

/* The next moment since t0 at which the figures divide: a stage, a second of the series, the
 * window. Between two of them arrivals are about even. */
static int64_t arrivals__next_edge_ns(const struct arrivals *arrivals, int64_t time_ns)
{
    const struct pacing *pacing = &arrivals->plan->pacing;
    const struct recorder *recorder = arrivals->recorder;
    int64_t since_origin_ns = arrivals->t0_ns + time_ns - recorder->origin_ns;
    int64_t next_ns = time_ns + NS_PER_S - since_origin_ns % NS_PER_S;
    const int64_t window[] = {recorder->window_start_ns, recorder->window_end_ns};
    for (uint32_t i = 0; i < pacing->stages_count; i++) {
        int64_t end_ns = pacing->stages[i].end_ns;
        next_ns = end_ns > time_ns && end_ns < next_ns ? end_ns : next_ns;
    }
    for (int i = 0; i < 2; i++) {
        if (window[i] != TIME_NEVER_NS && window[i] - arrivals->t0_ns > time_ns &&
            window[i] - arrivals->t0_ns < next_ns) {
            next_ns = window[i] - arrivals->t0_ns;
        }
    }
    return next_ns;
}

void arrivals_lose(struct arrivals *arrivals, uint32_t behavior, int64_t from_ns, int64_t until_ns,
                   uint64_t (*count_before)(const void *context, int64_t time_ns),
                   const void *context, int64_t now_ns)
{
    uint64_t told = count_before(context, from_ns);
    while (from_ns < until_ns) {
        int64_t to_ns = arrivals__next_edge_ns(arrivals, from_ns);
        to_ns = to_ns < until_ns ? to_ns : until_ns;
        uint64_t count = count_before(context, to_ns);
        if (count > told) {
            recorder_never_started(arrivals->recorder, behavior, arrivals->t0_ns + from_ns,
                                   arrivals->t0_ns + to_ns - 1, count - told, now_ns);
        }
        told = count;
        from_ns = to_ns;
    }
}
