/* The records of a run that a page can still ask for: every second of the last hour, then one
 * record for 10 seconds, for a minute, for 10 minutes. So 24 hours, or ten days, are a few thousand
 * records, and memory is bounded.
 *
 * A record of tier t is about the seconds (k-1)*p+1 to k*p, p being the tier's period; its number
 * is that of its last second. Nothing is computed here: who publishes makes a record for each tier
 * when its period is over. No lock: one thread at a time. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEB_TIERS = 4 };
/* Longer records are left out: a reader's buffer holds any one of them. */
enum { WEB_RECORD_BYTES_MAX = 60 << 10 };

struct web_text {
    char *text; /* NULL: left out */
    size_t bytes;
};

struct web_tier {
    struct web_text *ring;
    uint64_t count; /* records that were added */
    uint64_t first; /* the oldest that is kept, from 0 */
    size_t bytes;   /* of those that are kept */
};

struct web_history {
    struct web_tier tiers[WEB_TIERS];
};

/* Seconds that a record of the tier is about, and how many records of it are kept at most. */
uint32_t web_tier_period_s(uint32_t tier);
uint32_t web_tier_records_max(uint32_t tier);

/* Is the next record due, the last one being made then (the origin: none yet)? At whole seconds
 * from the origin; not twice at once behind a turn that came late. */
bool web_record_is_due(int64_t origin_ns, int64_t made_ns, int64_t now_ns);

bool web_history_open(struct web_history *history, struct error *error);
void web_history_close(struct web_history *history);
/* The tier's next record; text is the history's from here on, NULL for one that is left out. */
void web_history_add(struct web_history *history, uint32_t tier, char *text, size_t bytes);
/* The record that comes after second `after` (0: the first one that is kept), as fine as there is;
 * it may begin before that second. Returns its number, 0 when there is none yet. */
uint64_t web_history_next(const struct web_history *history, uint64_t after, struct web_text *text);
