/* The fake's virtual time and chance: a heap of events, and numbers from the seed. */
#include "fake_port/network.h"

#include "core/must.h"
#include "core/prng.h"

#include <stdlib.h>

uint64_t fake_draw(struct fake_port *fake, uint64_t low, uint64_t high)
{
    return prng_range(fake->options.seed, 0, fake->draws++, low, high);
}

bool fake_chance(struct fake_port *fake, uint32_t per_mille)
{
    return per_mille != 0 && fake_draw(fake, 1, 1000) <= per_mille;
}

int64_t fake_latency_ns(struct fake_port *fake)
{
    const struct cport_fake_options *options = &fake->options;
    return (int64_t)fake_draw(fake, (uint64_t)options->latency_min_ns,
                              (uint64_t)options->latency_max_ns);
}

static bool fake__event_before(const struct fake_event *a, const struct fake_event *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

void fake_event_push(struct fake_port *fake, const struct fake_event *event)
{
    if (fake->events_count == fake->events_max) {
        uint32_t count_max = fake->events_max == 0 ? 256 : 2 * fake->events_max;
        struct fake_event *events = realloc(fake->events, count_max * sizeof *events);
        must(events != NULL); /* in a test, no memory is the end */
        fake->events = events;
        fake->events_max = count_max;
    }
    struct fake_event added = *event;
    added.sequence = fake->events_made++;
    added.generation = added.endpoint != NULL ? added.endpoint->generation : 0;
    uint32_t at = fake->events_count++;
    while (at > 0 && fake__event_before(&added, &fake->events[(at - 1) / 2])) {
        fake->events[at] = fake->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    fake->events[at] = added;
}

bool fake_event_pop(struct fake_port *fake, int64_t until_ns, struct fake_event *event)
{
    if (fake->events_count == 0 || fake->events[0].due_ns > until_ns) {
        return false;
    }
    *event = fake->events[0];
    struct fake_event moved = fake->events[--fake->events_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= fake->events_count) {
            break;
        }
        if (child + 1 < fake->events_count &&
            fake__event_before(&fake->events[child + 1], &fake->events[child])) {
            child++;
        }
        if (!fake__event_before(&fake->events[child], &moved)) {
            break;
        }
        fake->events[at] = fake->events[child];
        at = child;
    }
    if (fake->events_count > 0) {
        fake->events[at] = moved;
    }
    return true;
}
