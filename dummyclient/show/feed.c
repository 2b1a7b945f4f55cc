#include "show/feed.h"

#include "core/clock.h"
#include "show/metrics.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

void feed_put_scenario(struct feed *feed, const struct course *course)
{
    struct cJSON *json = feed->web != NULL ? plan_replay(feed->records[0].plan, course) : NULL;
    char *text = json != NULL ? cJSON_Print(json) : NULL;
    if (text != NULL) {
        web_put(feed->web, WEB_SCENARIO, text, strlen(text));
    }
    cJSON_free(text);
    cJSON_Delete(json);
}

void feed_begin(struct feed *feed, const struct plan *plan, int64_t origin_ns)
{
    for (uint32_t i = 0; feed != NULL && i < WEB_TIERS; i++) {
        record_begin(&feed->records[i], plan, origin_ns);
    }
    if (feed != NULL) {
        feed_put_scenario(feed, &plan->course);
    }
}

static void feed__put(struct feed *feed, const struct record_moment *moment)
{
    feed->seconds++;
    for (uint32_t i = 0; i < WEB_TIERS; i++) {
        bool due = feed->seconds % web_tier_period_s(i) == 0;
        if (!due || (i > 0 && feed->web == NULL)) {
            continue;
        }
        struct json_text line = {0};
        record_make(&feed->records[i], moment, &line);
        if (i == 0 && feed->ndjson != NULL) {
            ndjson_put(feed->ndjson, &line);
        }
        if (feed->web != NULL) {
            web_publish(feed->web, i, line.failed ? NULL : line.text, line.bytes);
        }
        free(line.text);
    }
    if (feed->web != NULL) {
        const struct record *record = &feed->records[0];
        struct json_text text = {0};
        metrics_make(record->plan, record->origin_ns, moment, &text);
        if (!text.failed) {
            web_put(feed->web, WEB_METRICS, text.text, text.bytes);
        }
        free(text.text);
    }
}

void feed_tick(struct feed *feed, const struct record_moment *moment)
{
    const struct record *record = &feed->records[0];
    int64_t since_ns = moment->now_ns - record->made_ns;
    int64_t seconds = (moment->now_ns - record->origin_ns) / NS_PER_S;
    /* At whole seconds; not twice at once behind a turn that came late. */
    if (since_ns >= NS_PER_S / 2 && seconds > (record->made_ns - record->origin_ns) / NS_PER_S) {
        feed__put(feed, moment);
    } else if (feed->web != NULL) {
        web_flush(feed->web);
    }
}

void feed_finish(struct feed *feed, const struct record_moment *moment)
{
    feed__put(feed, moment);
}
