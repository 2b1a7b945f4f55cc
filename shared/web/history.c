#include "web/history.h"

#include "core/clock.h"

#include <stdlib.h>

/* Reached only by records of many targets and behaviors: then the oldest are left out earlier. */
enum { WEB_TIER_BYTES_MAX = 16 << 20 };

static const struct {
    uint32_t period_s;
    uint32_t records_max;
} WEB_TIER_SHAPES[WEB_TIERS] = {{1, 3600}, {10, 6 * 360}, {60, 24 * 60}, {600, 10 * 24 * 6}};

uint32_t web_tier_period_s(uint32_t tier)
{
    return WEB_TIER_SHAPES[tier].period_s;
}

uint32_t web_tier_records_max(uint32_t tier)
{
    return WEB_TIER_SHAPES[tier].records_max;
}

bool web_record_is_due(int64_t origin_ns, int64_t made_ns, int64_t now_ns)
{
    return now_ns - made_ns >= NS_PER_S / 2 &&
           (now_ns - origin_ns) / NS_PER_S > (made_ns - origin_ns) / NS_PER_S;
}

bool web_history_open(struct web_history *history, struct error *error)
{
    *history = (struct web_history){0};
    for (uint32_t i = 0; i < WEB_TIERS; i++) {
        struct web_tier *tier = &history->tiers[i];
        tier->ring = calloc(WEB_TIER_SHAPES[i].records_max, sizeof *tier->ring);
        if (tier->ring == NULL) {
            web_history_close(history);
            error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the live page's history");
            return false;
        }
    }
    return true;
}

void web_history_close(struct web_history *history)
{
    for (uint32_t i = 0; i < WEB_TIERS; i++) {
        struct web_tier *tier = &history->tiers[i];
        for (uint32_t k = 0; tier->ring != NULL && k < WEB_TIER_SHAPES[i].records_max; k++) {
            free(tier->ring[k].text);
        }
        free(tier->ring);
    }
    *history = (struct web_history){0};
}

static struct web_text *history__at(const struct web_history *history, uint32_t tier, uint64_t k)
{
    return &history->tiers[tier].ring[k % WEB_TIER_SHAPES[tier].records_max];
}

static void history__drop_first(struct web_history *history, uint32_t i)
{
    struct web_tier *tier = &history->tiers[i];
    struct web_text *text = history__at(history, i, tier->first);
    tier->bytes -= text->bytes;
    free(text->text);
    *text = (struct web_text){0};
    tier->first++;
}

void web_history_add(struct web_history *history, uint32_t tier, char *text, size_t bytes)
{
    struct web_tier *to = &history->tiers[tier];
    if (text != NULL && bytes > WEB_RECORD_BYTES_MAX) {
        free(text);
        text = NULL;
    }
    bytes = text == NULL ? 0 : bytes;
    while (to->count - to->first >= WEB_TIER_SHAPES[tier].records_max ||
           (to->bytes + bytes > WEB_TIER_BYTES_MAX && to->first < to->count)) {
        history__drop_first(history, tier);
    }
    *history__at(history, tier, to->count++) = (struct web_text){text, bytes};
    to->bytes += bytes;
}

uint64_t web_history_next(const struct web_history *history, uint64_t after, struct web_text *text)
{
    for (uint32_t i = 0; i < WEB_TIERS; i++) {
        const struct web_tier *tier = &history->tiers[i];
        uint64_t k = after / WEB_TIER_SHAPES[i].period_s;
        if (k >= tier->first && k < tier->count) {
            *text = *history__at(history, i, k);
            return (k + 1) * WEB_TIER_SHAPES[i].period_s;
        }
    }
    /* Older than all: the oldest that is kept. */
    for (uint32_t i = WEB_TIERS; i-- > 0;) {
        const struct web_tier *tier = &history->tiers[i];
        if (tier->count > tier->first && after / WEB_TIER_SHAPES[i].period_s < tier->first) {
            *text = *history__at(history, i, tier->first);
            return (tier->first + 1) * WEB_TIER_SHAPES[i].period_s;
        }
    }
    return 0;
}
